//! Words of `vrrp_sync_group`.

use super::Kind::Flag;
use super::Takes::{Block, Either, Nothing, Optional, Several};
use super::kind::{COMMAND, NAME};
use super::{Keyword, Place, idle, ours, soon, yes};

pub(super) const SYNC_GROUP: &[Keyword] = &[
    yes("group", Block)
        .form("{ ROUTER ... }")
        .means("Names of the routers that move together; required.")
        .toml("sync-group.members"),
    yes("track_interface", Block)
        .means("Interfaces whose failure all members feel, one on each line.")
        .opens(Place::Track)
        .toml("sync-group.track-interfaces"),
    yes("track_script", Block)
        .means("Scripts whose failure all members feel, one on each line.")
        .opens(Place::Track)
        .toml("sync-group.track-scripts"),
    yes("track_file", Block)
        .means("Files whose numbers all members feel, one on each line.")
        .opens(Place::Track)
        .toml("sync-group.track-files"),
    yes("track_process", Block)
        .means("Processes whose absence all members feel, one on each line.")
        .opens(Place::Track)
        .toml("sync-group.track-processes"),
    ours("track_service", Either(NAME))
        .means("Services whose state all members feel.")
        .opens(Place::Track)
        .toml("sync-group.track-services"),
    ours("track_check", Either(NAME))
        .means("Checks whose failure all members feel.")
        .opens(Place::Track)
        .toml("sync-group.track-checks"),
    soon("track_bfd", Block, "nobody watches it")
        .means("BFD sessions whose failure all members feel, one on each line."),
    yes("notify_master", Several(COMMAND))
        .first_counts()
        .means("Run when the group becomes master.")
        .toml("sync-group.notify.master"),
    yes("notify_backup", Several(COMMAND))
        .first_counts()
        .means("Run when the group becomes backup.")
        .toml("sync-group.notify.backup"),
    yes("notify_fault", Several(COMMAND))
        .first_counts()
        .means("Run when the group is in fault.")
        .toml("sync-group.notify.fault"),
    yes("notify_stop", Several(COMMAND)).first_counts().means("Run at a stop.").toml("sync-group.notify.stop"),
    yes("notify", Several(COMMAND))
        .first_counts()
        .means("Run at every change, with GROUP, the name, the state and the priority as arguments.")
        .toml("sync-group.notify.any"),
    yes("notify_priority_changes", Optional(Flag))
        .otherwise("as `vrrp_notify_priority_changes`")
        .means("The FIFOs are told of changed priorities too.")
        .toml("sync-group.notify.priority-changes"),
    soon("smtp_alert", Optional(Flag), "no mail is sent; `notify` scripts can")
        .default("off")
        .means("Send mail at every change."),
    idle(
        "global_tracking",
        Nothing,
        "a member's fault is the group's fault anyway; weights for all belong into the group",
    )
    .deprecated("what the group itself tracks works for all members")
    .means("What one member tracks counts for all."),
    yes("sync_group_tracking_weight", Nothing)
        .otherwise("members have no weights")
        .means("Weights of members count, and are to be the same for all.")
        .toml("sync-group.weighted"),
];
