//! What concerns the kernel's table and the checks of servers.

use super::super::Kind::Flag;
use super::super::Takes::{Nothing, One, Optional, Several};
use super::super::kind::{COMMAND, I32, INTERFACE, NAME, U32, seconds, text, whole};
use super::super::service::DAYS;
use super::{Keyword, Place, ours, yes};
use crate::model::PathProbe;

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
    ours("lvs_drain", One(seconds("a time", 0.0, DAYS)))
        .default("30")
        .means("`drain` of services that have none of their own.")
        .toml("global.drain"),
    yes("lvs_flush", Nothing)
        .otherwise("entries of others stay")
        .means("The whole table is ours: entries that the file does not name are removed.")
        .toml("global.exclusive"),
    yes("lvs_flush_on_stop", Optional(super::super::Kind::Choice(&["VS"])))
        .formerly(&["lvs_flush_onstop"])
        .otherwise("a stop removes the entries that were made here")
        .means("A stop empties the whole table, entries of others too; with `VS` it removes the services that were made here, as it does anyway.")
        .toml("global.on-stop"),
    yes("nftables_ipvs", Optional(NAME))
        .otherwise("one service for each address")
        .means("Make one service of each group, by marking its packets with nftables; the table is named `keepalived_ipvs`.")
        .toml("global.group-marks"),
    yes("nftables_ipvs_priority", One(whole("a priority", -I32, I32)))
        .default("-1")
        .means("Priority of the chains that mark them. It stands after `nftables_ipvs`.")
        .toml("global.group-marks.priority"),
    yes("nftables_ipvs_start_fwmark", One(whole("a firewall mark", 1, U32)))
        .default("1000")
        .means("The first of the marks. It stands after `nftables_ipvs`.")
        .toml("global.group-marks.first"),
    ours("path_marks", One(whole("a firewall mark", 1, PathProbe::LAST_FIRST_MARK)))
        .default("1447624704")
        .means("The first of the 65,536 marks that `path_check` may use; nothing else may set one of them.")
        .toml("global.path-marks"),
    yes("checker_log_all_failures", Optional(Flag))
        .default("off")
        .means("Log each failed check of a server that is up, also those that `retry` forgives.")
        .toml("global.log-check-failures"),
    yes("rs_init_notifies", Nothing)
        .otherwise("off")
        .means("Tell at start which servers are up or down.")
        .toml("global.notify-at-start"),
    yes("lvs_notify_fifo", Several(text("PATH [USER [GROUP]]", "a FIFO's path")))
        .form("PATH [USER [GROUP]]")
        .means("A FIFO that is told of services and servers that come and go.")
        .toml("global.service-fifo"),
    yes("lvs_notify_fifo_script", Several(COMMAND))
        .means("Started to read that FIFO, whose path is its last argument.")
        .toml("global.service-fifo.script"),
];
