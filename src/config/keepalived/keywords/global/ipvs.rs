//! What concerns the kernel's table and the checks of servers.

use super::super::Kind::Flag;
use super::super::Takes::{Nothing, One, Optional, Several};
use super::super::kind::{COMMAND, I32, INTERFACE, NAME, U32, text, whole};
use super::{Keyword, Place, idle, soon, yes};

const NO_FIFO: &str = "nothing is written to it; the control socket tells the same";
const NO_MARKS: &str = "packets are not marked: a group becomes a service for each of its addresses";
const OWN: &str = "a stop removes the entries that were made here, and no others";

pub(in crate::config::keepalived::keywords) const IPVS: &[Keyword] = &[
    yes("lvs_sync_daemon", Several(INTERFACE))
        .form("INTERFACE [[inst] ROUTER] [id NUMBER] [maxlen BYTES] [port NUMBER] [ttl NUMBER] [group IP]")
        .otherwise("connections are not copied")
        .means("Copies connections to the other directors, so that they outlive a failover.")
        .opens(Place::SyncDaemon)
        .toml("global.sync-daemon"),
    yes("lvs_timeouts", Several(text("tcp|tcpfin|udp SECONDS", "`tcp`, `tcpfin` or `udp`, each with seconds")))
        .form("[tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]")
        .otherwise("the kernel's stay")
        .means("How long the kernel remembers idle connections.")
        .opens(Place::Timeouts)
        .toml("global.timeouts"),
    yes("lvs_flush", Nothing)
        .otherwise("entries of others stay")
        .means("The whole table is ours: entries that the file does not name are removed.")
        .toml("global.exclusive"),
    idle("lvs_flush_on_stop", Optional(super::super::Kind::Choice(&["VS"])), OWN)
        .formerly(&["lvs_flush_onstop"])
        .means("Empty the table at a stop, or remove its services one by one."),
    soon("nftables_ipvs", Optional(NAME), NO_MARKS)
        .otherwise("one service for each address")
        .means("Make one service of each group, by marking its packets with nftables."),
    soon("nftables_ipvs_priority", One(whole("a priority", -I32, I32)), NO_MARKS)
        .means("Priority of the chains that mark them."),
    soon("nftables_ipvs_start_fwmark", One(whole("a firewall mark", 1, U32)), NO_MARKS)
        .default("1000")
        .means("The first of the marks."),
    idle("checker_log_all_failures", Optional(Flag), "every change of a check's outcome is logged with its reason")
        .default("off")
        .means("Log each failed check, also those that `retry` forgives."),
    soon("rs_init_notifies", Nothing, "no notification is sent at start")
        .means("Tell at start which servers are up or down."),
    soon("lvs_notify_fifo", Several(text("PATH [USER [GROUP]]", "a FIFO's path")), NO_FIFO)
        .form("PATH [USER [GROUP]]")
        .means("A FIFO that is told of services and servers that come and go."),
    soon("lvs_notify_fifo_script", Several(COMMAND), NO_FIFO)
        .means("Started to read that FIFO, whose path is its last argument."),
];
