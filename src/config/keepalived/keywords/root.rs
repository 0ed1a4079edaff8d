//! Words outside all blocks, and those of the small blocks that stand there.

use super::Takes::{Any, Block, Named, Nothing, One, Optional, Some};
use super::{Keyword, idle, soon, yes};

const UNHEARD: &str = "the block is left out";

pub(super) const ROOT: &[Keyword] = &[
    yes("global_defs", Block),
    yes("vrrp_script", Named("a name")),
    yes("vrrp_sync_group", Named("a name")),
    yes("vrrp_instance", Named("a name")),
    yes("virtual_server", Named("an address and port, or `fwmark` and a number")),
    yes("virtual_server_group", Named("a name")),
    yes("static_ipaddress", Block),
    yes("static_routes", Block),
    yes("static_rules", Block),
    yes("garp_group", Block),
    yes("vrrp_track_process", Named("a name")),
    yes("track_file", Named("a name")),
    yes("vrrp_track_file", Named("a name")),
    // Our own, in the manner of the others.
    yes("vrrp_track_service", Named("a name")),
    yes("vrrp_track_check", Named("a name")),
    yes("track_group", Named("a name")),
    soon("bfd_instance", Named("a name"), "no BFD session is kept"),
    soon("SSL", Block, "checks offer no client certificate"),
    soon(
        "net_namespace",
        One("a name"),
        "the daemon runs in the namespace that it is started in (`ip netns exec NAME ipvsd ...`)",
    ),
    soon("net_namespace_ipvs", Optional, "IPVS is programmed in the namespace that the daemon is started in"),
    idle("namespace_with_ipsets", Nothing, "no ipsets are used"),
    idle("instance", One("a name"), "there are no pid and data files to name"),
    idle("use_pid_dir", Nothing, "there are no pid files"),
    idle("linkbeat_use_polling", Nothing, "link states come from netlink at once"),
    idle("linkbeat_interfaces", Block, "link states come from netlink at once"),
    idle("child_wait_time", One("seconds"), "there are no child daemons to wait for"),
    yes("interface_up_down_delays", Block),
    yes("include", Some("a file")),
    yes("includer", Some("a file")),
    yes("includem", Some("a file")),
    yes("includew", Some("a file")),
    yes("includeb", Some("a file")),
    yes("includea", Some("a file")),
];

pub(super) const GARP_GROUP: &[Keyword] = &[
    yes("garp_interval", One("seconds")),
    yes("gna_interval", One("seconds")),
    yes("interface", One("an interface")),
    yes("interfaces", Block),
];

pub(super) const TRACK_GROUP: &[Keyword] = &[yes("group", Block)];

pub(super) const BFD: &[Keyword] = &[
    soon("neighbor_ip", One("an address"), UNHEARD),
    soon("neighbour_ip", One("an address"), UNHEARD),
    soon("source_ip", One("an address"), UNHEARD),
    soon("min_rx", One("milliseconds"), UNHEARD),
    soon("min_tx", One("milliseconds"), UNHEARD),
    soon("idle_tx", One("milliseconds"), UNHEARD),
    soon("multiplier", One("a number"), UNHEARD),
    soon("passive", Nothing, UNHEARD),
    soon("ttl", One("a number"), UNHEARD),
    soon("hoplimit", One("a number"), UNHEARD),
    soon("max_hops", One("a number"), UNHEARD),
    soon("multihop", Optional, UNHEARD),
    soon("weight", Some("a number"), UNHEARD),
    soon("vrrp", Nothing, UNHEARD),
    soon("checker", Nothing, UNHEARD),
];

pub(super) const SSL: &[Keyword] = &[
    soon("password", Any, UNHEARD),
    soon("ca", Any, UNHEARD),
    soon("certificate", Any, UNHEARD),
    soon("key", Any, UNHEARD),
];
