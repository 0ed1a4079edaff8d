//! How the program runs, and where it keeps things.

use super::super::Kind::Flag;
use super::super::Takes::{Any, Nothing, One, Optional, Several};
use super::super::kind::{BYTES, COMMAND, FILE, FOLDER, INTERFACE, NAME, U32, USER, measured, text, whole};
use super::super::{Kind, Takes};
use super::{Keyword, idle, soon, yes};

const ONE_PROCESS: &str = "one process with two threads does the work of keepalived's processes";
const ONE_LOCK: &str = "`vrrp_no_swap` locks all of the process in memory";
const CHECKS: &str = "only the thread of the virtual routers has real-time priority, with `vrrp_rt_priority`; checks have threads of their own";
const NO_BFD: &str = "there are no BFD sessions yet";
const AS_WRITTEN: &str =
    "priorities are as written: `vrrp_rt_priority` gives the virtual routers' thread one, and it warns when it is late";
const NETLINK: &str = "buffers are sized as needed, and lost messages are found and repaired";
const NO_DUMP: &str = "`ipvsctl show -o json` tells the state";
const NAMES: &str = "names are looked up in /etc/iproute2, /usr/share/iproute2 and /usr/lib/iproute2";
const ON_ASKING: &str = "reloads happen when asked for";

const NICE: Takes = One(whole("a priority", -20, 19));
const REALTIME: Takes = One(whole("a real-time priority", 1, 99));
const LIMIT: Takes = One(measured("a time in microseconds", 2, i64::MAX, "microseconds"));
const PROCESSORS: Takes = Several(whole("a processor's number", 0, 65_535));
const SCRIPT_TIME: Takes = One(measured("a timeout", 1, 1_000, "seconds"));

pub(in crate::config::keepalived::keywords) const PROCESS: &[Keyword] = &[
    idle("process_names", Nothing, ONE_PROCESS).means("Name the processes in lists of processes by what they do."),
    idle("process_name", One(NAME), ONE_PROCESS).means("Name of the first process in lists of processes."),
    idle("vrrp_process_name", One(NAME), ONE_PROCESS).means("Name of the process of the virtual routers."),
    idle("checker_process_name", One(NAME), ONE_PROCESS)
        .also(&["lvs_process_name"])
        .means("Name of the process of the checks."),
    idle("bfd_process_name", One(NAME), ONE_PROCESS).means("Name of the process of the BFD sessions."),
    yes("script_user", Several(USER))
        .otherwise("`keepalived_script` if there is one, else root")
        .means("Who runs the scripts that name nobody.")
        .toml("global.script-user"),
    yes("enable_script_security", Nothing)
        .otherwise("off")
        .means(
            "Scripts that root runs and others could have written are not run; nor does root stand in for a `keepalived_script` that \
             there is not.",
        )
        .toml("global.script-security"),
    soon("use_symlink_paths", Optional(Flag), "paths of scripts are used as written")
        .default("off")
        .means("Symbolic links in the paths of scripts are kept as they are."),
    soon("set_supplementary_groups", Nothing, "scripts run with their user's group alone")
        .means("Scripts run with all groups of their user."),
    soon("startup_script", Several(COMMAND), "it is not run; a systemd unit's ExecStartPre can")
        .means("Run once before all else; a failure ends the daemon."),
    soon("startup_script_timeout", SCRIPT_TIME, "the script is not run")
        .default("10")
        .means("How long `startup_script` may take."),
    soon("shutdown_script", Several(COMMAND), "it is not run; a systemd unit's ExecStopPost can")
        .means("Run once after all else has ended."),
    soon("shutdown_script_timeout", SCRIPT_TIME, "the script is not run")
        .default("10")
        .means("How long `shutdown_script` may take."),
    soon("umask", Several(text("NUMBER|BITS", "a mask")), "the umask is the one that the daemon was started with")
        .otherwise("files are for their owner alone")
        .means("Which permissions new files do not get."),
    yes("random_seed", One(whole("a number", 0, U32)))
        .otherwise("the time")
        .means("Makes `${_RANDOM}` give the same numbers each time."),
    yes("vrrp_priority", NICE)
        .otherwise("as the daemon was started")
        .means("Nice level of the thread of the virtual routers; the least is served first.")
        .toml("router.scheduling.nice"),
    soon("checker_priority", NICE, "checks run with the nice level that the daemon was started with")
        .means("Nice level of the checks."),
    idle("bfd_priority", NICE, NO_BFD).means("Nice level of the BFD sessions."),
    yes("vrrp_no_swap", Nothing)
        .otherwise("off")
        .means("The program stays in memory whole.")
        .toml("router.scheduling.lock-memory"),
    idle("checker_no_swap", Nothing, ONE_LOCK).means("The process of the checks stays in memory whole."),
    idle("bfd_no_swap", Nothing, ONE_LOCK).means("The process of the BFD sessions stays in memory whole."),
    yes("vrrp_rt_priority", REALTIME)
        .otherwise("none")
        .means("Real-time priority of the thread of the virtual routers.")
        .toml("router.scheduling.realtime"),
    idle("checker_rt_priority", REALTIME, CHECKS).means("Real-time priority of the checks."),
    idle("bfd_rt_priority", REALTIME, NO_BFD).means("Real-time priority of the BFD sessions."),
    yes("vrrp_cpu_affinity", PROCESSORS)
        .otherwise("all")
        .means("Processors that the thread of the virtual routers may run on.")
        .toml("router.scheduling.processors"),
    soon("checker_cpu_affinity", PROCESSORS, "threads of checks run where the kernel puts them")
        .means("Processors that checks may run on."),
    idle("bfd_cpu_affinity", PROCESSORS, NO_BFD).means("Processors that BFD sessions may run on."),
    yes("vrrp_rlimit_rttime", LIMIT)
        .formerly(&["vrrp_rlimit_rtime"])
        .otherwise("10000 with a real-time priority")
        .means("Where the real-time thread computes longer than this without a pause, the log says so; it is not killed for that.")
        .toml("router.scheduling.realtime-limit"),
    idle("checker_rlimit_rttime", LIMIT, CHECKS).formerly(&["checker_rlimit_rtime"]).means("The same for checks."),
    idle("bfd_rlimit_rttime", LIMIT, NO_BFD).formerly(&["bfd_rlimit_rtime"]).means("The same for BFD sessions."),
    idle("max_auto_priority", Optional(whole("a priority", -1, 99)), AS_WRITTEN)
        .default("0")
        .means("Where keepalived finds itself late it raises its real-time priority, up to this."),
    idle("min_auto_priority_delay", One(measured("a time", 1, 10_000_000, "microseconds")), AS_WRITTEN)
        .default("1000000")
        .means("How late it must be for that."),
    idle("tmp_config_directory", One(FOLDER), "no copy of the configuration is kept")
        .otherwise("memory")
        .means("Where keepalived keeps the copy of the configuration that its processes read."),
    soon("config_save_dir", One(FOLDER), "nothing is saved there")
        .means("Where each configuration is saved at a reload."),
    idle("reload_check_config", Optional(FILE), "a reload always checks first, and a bad file changes nothing")
        .means("Check a configuration before a reload takes it."),
    soon("reload_time_file", One(FILE), ON_ASKING).means("A file with the time of the next reload."),
    soon("reload_repeat", Nothing, ON_ASKING).means("Reload at that time on every day."),
    soon("reload_file", Optional(FILE), "no marker file is made")
        .means("A file that is there while the configuration is being read."),
    yes("include_check", Any(text("[+|-]DEMAND", "`readable`, `match`, `wildcard_match` or `brace_match`")))
        .means("How strict each plain `include` is from here on."),
    idle("data_use_instance", Optional(Flag), NO_DUMP)
        .default("off")
        .means("Names of instance and namespace become part of the names of dump files."),
    idle("json_version", One(Kind::Choice(&["1", "2"])), NO_DUMP).default("1").means("The form of the JSON dump."),
    idle("state_dump_file", One(FILE), NO_DUMP).means("Where the state is written to on a signal."),
    idle("stats_dump_file", One(FILE), NO_DUMP).means("Where the counters are written to on a signal."),
    idle("json_dump_file", One(FILE), NO_DUMP).means("Where state and counters are written to as JSON on a signal."),
    idle("iproute_usr_dir", One(FOLDER), NAMES).means("Where the names of tables and protocols stand."),
    idle("iproute_etc_dir", One(FOLDER), NAMES).means("Where the names of tables and protocols of this host stand."),
    yes("default_interface", One(INTERFACE))
        .default("eth0")
        .means("Where static addresses go that name no interface.")
        .toml("static.interface"),
    idle(
        "dynamic_interfaces",
        Optional(Kind::Choice(&["allow_if_changes"])),
        "an interface may always be absent: its routers are in FAULT until it comes",
    )
    .means("Interfaces may be absent at start, come and go."),
    idle("vrrp_netlink_cmd_rcv_bufs", One(BYTES), NETLINK).means("Buffer for the kernel's answers to the routers."),
    idle("vrrp_netlink_cmd_rcv_bufs_force", Optional(Flag), NETLINK).means("Pass the kernel's limit on that buffer."),
    idle("vrrp_netlink_monitor_rcv_bufs", One(BYTES), NETLINK).means("Buffer for the kernel's news for the routers."),
    idle("vrrp_netlink_monitor_rcv_bufs_force", Optional(Flag), NETLINK)
        .means("Pass the kernel's limit on that buffer."),
    idle("lvs_netlink_cmd_rcv_bufs", One(BYTES), NETLINK)
        .means("Buffer for the kernel's answers to the checks' process."),
    idle("lvs_netlink_cmd_rcv_bufs_force", Optional(Flag), NETLINK).means("Pass the kernel's limit on that buffer."),
    idle("lvs_netlink_monitor_rcv_bufs", One(BYTES), NETLINK).means("Buffer for the kernel's news for the checks."),
    idle("lvs_netlink_monitor_rcv_bufs_force", Optional(Flag), NETLINK)
        .means("Pass the kernel's limit on that buffer."),
    idle("process_monitor_rcv_bufs", One(BYTES), NETLINK).means("Buffer for the kernel's news of processes."),
    idle("process_monitor_rcv_bufs_force", Optional(Flag), NETLINK).means("Pass the kernel's limit on that buffer."),
];
