//! Words of virtual routers, their groups and what they watch.

use super::Takes::{Any, Block, Nothing, One, Optional, Some};
use super::{Keyword, idle, soon, yes};

const NO_MAIL: &str = "no mail is sent; `notify` scripts can";
const LEFT_OUT: &str = "the block is left out";
const NO_VMAC: &str = "the interface's own MAC address is used; neighbours learn of a move by gratuitous ARP";
const PRIORITY_CHANGES: &str = "scripts are not called when only a priority changes";
const NO_HMAC: &str = "adverts are neither signed nor checked";
const GROUP_TRACKING: &str = "the group watches nothing by itself; put it into its members";
const TRACK: &str = "nobody watches it";

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

pub(super) const TRACK_FILE: &[Keyword] = &[
    soon("file", Some("a path"), LEFT_OUT),
    soon("weight", Some("a number"), LEFT_OUT),
    soon("init_file", Any, LEFT_OUT),
];

pub(super) const TRACK_PROCESS: &[Keyword] = &[
    soon("process", Some("a command"), LEFT_OUT),
    soon("param_match", One("`initial` or `partial`"), LEFT_OUT),
    soon("weight", Some("a number"), LEFT_OUT),
    soon("quorum", One("a number"), LEFT_OUT),
    soon("quorum_max", One("a number"), LEFT_OUT),
    soon("fork_delay", One("seconds"), LEFT_OUT),
    soon("terminate_delay", One("seconds"), LEFT_OUT),
    soon("delay", One("seconds"), LEFT_OUT),
    soon("full_command", Nothing, LEFT_OUT),
];

pub(super) const SYNC_GROUP: &[Keyword] = &[
    yes("group", Block),
    soon("track_interface", Block, GROUP_TRACKING),
    soon("track_script", Block, GROUP_TRACKING),
    soon("track_file", Block, GROUP_TRACKING),
    soon("track_process", Block, GROUP_TRACKING),
    soon("track_bfd", Block, GROUP_TRACKING),
    yes("notify_master", Some("a command")),
    yes("notify_backup", Some("a command")),
    yes("notify_fault", Some("a command")),
    yes("notify_stop", Some("a command")),
    yes("notify", Some("a command")),
    soon("notify_priority_changes", Optional, PRIORITY_CHANGES),
    soon("smtp_alert", Optional, NO_MAIL),
    soon("global_tracking", Nothing, "members watch what they name themselves"),
    soon("sync_group_tracking_weight", Nothing, "members of a group have no weights"),
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
    soon("track_src_ip", Nothing, "the source address may come and go"),
    yes("v3_checksum_as_v2", Optional),
    idle("kernel_rx_buf_size", One("bytes"), "buffers are sized as needed"),
    yes("authentication", Block),
    soon("auth_hmac", Block, NO_HMAC),
    // Addresses
    yes("virtual_ipaddress", Block),
    yes("virtual_ipaddress_excluded", Block),
    soon("no_virtual_ipaddress", Nothing, "a router without addresses is remarked on"),
    soon("virtual_routes", Block, "its routes do not move with the router"),
    soon("virtual_rules", Block, "its rules do not move with the router"),
    soon("promote_secondaries", Nothing, "the interface's own setting holds"),
    yes("accept", Nothing),
    yes("no_accept", Nothing),
    soon("use_vmac", Any, NO_VMAC),
    soon("use_vmac_addr", Nothing, NO_VMAC),
    soon("vmac_xmit_base", Nothing, NO_VMAC),
    soon("use_ipvlan", Any, "the interface itself is used"),
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
    soon("track_file", Block, TRACK),
    soon("track_process", Block, TRACK),
    soon("track_bfd", Block, TRACK),
    soon("dont_track_primary", Nothing, "a router whose interface is down is in FAULT"),
    // Announcements
    yes("garp_master_delay", One("seconds")),
    yes("garp_master_repeat", One("a number")),
    yes("garp_master_refresh", One("seconds")),
    yes("garp_master_refresh_repeat", One("a number")),
    soon("garp_lower_prio_delay", One("seconds"), "announcements after a lower advert are as after becoming master"),
    soon("garp_lower_prio_repeat", One("a number"), "announcements after a lower advert are as after becoming master"),
    soon("garp_extra_if", Some("seconds"), "announcements go out on the address's own interface alone"),
    soon("vmac_garp_intvl", Some("seconds"), "announcements go out on the address's own interface alone"),
    // Notification
    yes("notify_master", Some("a command")),
    yes("notify_backup", Some("a command")),
    yes("notify_fault", Some("a command")),
    yes("notify_stop", Some("a command")),
    soon("notify_deleted", Some("a command"), "it is not called; `notify_stop` is"),
    yes("notify", Some("a command")),
    soon("notify_master_rx_lower_pri", Some("a command"), "it is not called"),
    soon("notify_priority_changes", Optional, PRIORITY_CHANGES),
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
