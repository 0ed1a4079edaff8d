//! Words of virtual routers, their groups and what they watch.

use super::Takes::{Any, Block, Either, Nothing, One, Optional, Some};
use super::{Keyword, idle, soon, yes};

const NO_MAIL: &str = "no mail is sent; `notify` scripts can";
const NO_HMAC: &str = "adverts are neither signed nor checked";
const TRACK: &str = "nobody watches it";

/// A script whose file cannot be run at start or reload is disabled, as in keepalived ([`OnMissing`](crate::model::OnMissing)).
pub(super) const SCRIPT: &[Keyword] = &[
    yes("script", Some("a command")),
    yes("interval", One("seconds")),
    yes("timeout", One("seconds")),
    yes("weight", Some("-253 to 253")),
    yes("rise", One("a number")),
    yes("fall", One("a number")),
    yes("user", Some("a user, and maybe a group")),
    yes("init_fail", Nothing),
];

pub(super) const TRACK_FILE: &[Keyword] =
    &[yes("file", Some("a path")), yes("weight", Some("-254 to 254")), yes("init_file", Any)];

pub(super) const TRACK_PROCESS: &[Keyword] = &[
    yes("process", Some("a command")),
    yes("param_match", Optional),
    yes("weight", Some("-254 to 254")),
    yes("quorum", One("a number")),
    yes("quorum_max", One("a number")),
    yes("fork_delay", One("seconds")),
    yes("terminate_delay", One("seconds")),
    yes("delay", One("seconds")),
    yes("full_command", Nothing),
];

/// Our own: keepalived says that it does not know the block.
pub(super) const TRACK_SERVICE: &[Keyword] = &[
    yes("service", Some("an address, a port and maybe a protocol")),
    yes("fwmark", Some("a number")),
    yes("condition", Some("`any`, `quorum`, or `share` and a number")),
    yes("weight", Some("-253 to 253")),
];

/// Our own: keepalived says that it does not know the block.
pub(super) const TRACK_CHECK: &[Keyword] = &[
    yes("tcp", Some("an address and a port")),
    yes("http_get", Some("a URL")),
    yes("https_get", Some("a URL, and maybe `verify` with a file of authorities")),
    yes("interval", One("seconds")),
    yes("timeout", One("seconds")),
    yes("rise", One("a number")),
    yes("fall", One("a number")),
    yes("weight", Some("-253 to 253")),
];

pub(super) const SYNC_GROUP: &[Keyword] = &[
    yes("group", Block),
    yes("track_interface", Block),
    yes("track_script", Block),
    yes("track_file", Block),
    yes("track_process", Block),
    yes("track_service", Either("a name")),
    yes("track_check", Either("a name")),
    soon("track_bfd", Block, TRACK),
    yes("notify_master", Some("a command")),
    yes("notify_backup", Some("a command")),
    yes("notify_fault", Some("a command")),
    yes("notify_stop", Some("a command")),
    yes("notify", Some("a command")),
    yes("notify_priority_changes", Optional),
    soon("smtp_alert", Optional, NO_MAIL),
    idle(
        "global_tracking",
        Nothing,
        "a member's fault is the group's fault anyway; weights for all belong into the group",
    ),
    yes("sync_group_tracking_weight", Nothing),
];

pub(super) const INSTANCE: &[Keyword] = &[
    // Identity and transport
    yes("state", One("MASTER or BACKUP")),
    yes("interface", One("an interface")),
    yes("virtual_router_id", One("1 to 255")),
    yes("priority", One("1 to 255")),
    yes("advert_int", One("seconds")),
    yes("version", One("2 or 3")),
    yes("vrf", One("an interface")),
    yes("unicast_src_ip", One("an IP address")),
    yes("unicast_peer", Block),
    yes("unicast_ttl", One("0 to 255")),
    yes("unicast_fault_no_peer", Nothing),
    yes("check_unicast_src", Nothing),
    yes("old_unicast_checksum", Optional),
    yes("mcast_src_ip", One("an IP address")),
    yes("mcast_dst_ip", One("an IP address")),
    yes("track_src_ip", Nothing),
    yes("v3_checksum_as_v2", Optional),
    yes("kernel_rx_buf_size", One("bytes")),
    yes("authentication", Block),
    // Refused, with the router, by whoever puts it together.
    yes("auth_hmac", Block),
    // Addresses
    yes("virtual_ipaddress", Block),
    yes("virtual_ipaddress_excluded", Block),
    idle("no_virtual_ipaddress", Nothing, "a router without addresses is remarked on all the same"),
    yes("virtual_routes", Block),
    yes("virtual_rules", Block),
    yes("promote_secondaries", Nothing),
    yes("accept", Nothing),
    yes("no_accept", Nothing),
    yes("use_vmac", Any),
    yes("use_vmac_addr", Nothing),
    yes("vmac_xmit_base", Nothing),
    yes("use_ipvlan", Any),
    // Election
    yes("nopreempt", Nothing),
    yes("preempt", Nothing),
    yes("preempt_delay", One("seconds")),
    yes("strict_mode", Optional),
    yes("skip_check_adv_addr", Optional),
    yes("down_timer_adverts", One("a number")),
    yes("lower_prio_no_advert", Optional),
    yes("higher_prio_send_advert", Optional),
    yes("owner_ignore_adverts", Nothing),
    yes("timer_expired_backup", Optional),
    yes("thread_timer_expired", Optional),
    // Our own: keepalived says that it does not know the word, and goes on.
    yes("wait_for_checks", Optional),
    // Tracking
    yes("track_interface", Block),
    yes("track_script", Block),
    yes("track_file", Block),
    yes("track_process", Block),
    yes("track_service", Either("a name")),
    yes("track_check", Either("a name")),
    soon("track_bfd", Block, TRACK),
    yes("dont_track_primary", Nothing),
    // Announcements
    yes("garp_master_delay", One("seconds")),
    yes("garp_master_repeat", One("a number")),
    yes("garp_master_refresh", One("seconds")),
    yes("garp_master_refresh_repeat", One("a number")),
    yes("garp_lower_prio_delay", One("seconds")),
    yes("garp_lower_prio_repeat", One("a number")),
    yes("garp_extra_if", Some("seconds")),
    yes("vmac_garp_intvl", Some("seconds")),
    // Our own: keepalived says that it does not know the word, and goes on.
    yes("watch_rivals", Optional),
    // Notification
    yes("notify_master", Some("a command")),
    yes("notify_backup", Some("a command")),
    yes("notify_fault", Some("a command")),
    yes("notify_stop", Some("a command")),
    yes("notify_deleted", Any),
    yes("notify", Some("a command")),
    yes("notify_master_rx_lower_pri", Some("a command")),
    yes("notify_priority_changes", Optional),
    soon("smtp_alert", Optional, NO_MAIL),
    // Words that keepalived still takes and does nothing with
    idle("native_ipv6", Nothing, "the addresses tell the family"),
    idle("linkbeat_use_polling", Nothing, "link states come from netlink at once"),
    idle("lvs_sync_daemon_interface", One("an interface"), "keepalived does nothing with it either"),
    idle("debug", One("a number"), "keepalived does nothing with it either"),
];

pub(super) const AUTHENTICATION: &[Keyword] =
    &[yes("auth_type", One("PASS or AH")), yes("auth_pass", Some("a password"))];

pub(super) const AUTH_HMAC: &[Keyword] = &[
    soon("key", Some("a number and a key"), NO_HMAC),
    soon("active_key", One("a number"), NO_HMAC),
    soon("anti_replay", One("`time` or `monotonic`"), NO_HMAC),
    soon("time_window", One("seconds"), NO_HMAC),
    soon("mode", One("a mode"), NO_HMAC),
];
