//! Words outside all blocks, and those of the small blocks that stand there.

use super::Takes::{Any, Block, Named, Nothing, One, Optional, Several};
use super::kind::{FILE, INTERFACE, IP, LONGEST_SPACING, NAME, WEIGHT, measured, seconds, text, whole};
use super::{Keyword, Place, idle, ours, soon, yes};

const UNHEARD: &str = "no BFD session is kept";
const LINKS: &str = "link states come from netlink at once";

pub(super) const ROOT: &[Keyword] = &[
    yes("global_defs", Block)
        .means("What concerns the whole daemon, and defaults for all routers.")
        .opens(Place::Global),
    yes("vrrp_script", Named(NAME))
        .means("A command that routers can watch: well while it exits with 0.")
        .opens(Place::Script)
        .toml("script"),
    yes("vrrp_sync_group", Named(NAME))
        .nameless_skipped()
        .means("Routers that are master or backup together, and fail together.")
        .opens(Place::SyncGroup)
        .toml("sync-group"),
    yes("vrrp_instance", Named(NAME))
        .means("A virtual router: addresses that one of several hosts holds.")
        .opens(Place::Instance)
        .toml("instance"),
    yes("virtual_server", Named(text("IP [PORT]", "an address and port, or `fwmark` and a number")))
        .form("IP [PORT] | fwmark NUMBER | group NAME { ... }")
        .means("A service of IPVS: what clients reach, with the servers behind it.")
        .opens(Place::Service)
        .toml("service"),
    yes("virtual_server_group", Named(NAME))
        .means("Addresses and marks that one `virtual_server group` makes services of, all alike.")
        .opens(Place::ServiceGroup),
    yes("static_ipaddress", Block)
        .means("Addresses that this host has whatever its routers do, one on each line.")
        .opens(Place::Address)
        .toml("static.addresses"),
    yes("static_routes", Block)
        .means("Routes that this host has whatever its routers do, one on each line.")
        .opens(Place::Route)
        .toml("static.routes"),
    yes("static_rules", Block)
        .means("Routing rules that this host has whatever its routers do, one on each line.")
        .opens(Place::Rule)
        .toml("static.rules"),
    yes("garp_group", Block)
        .means("Interfaces on which announcements are spaced out together.")
        .opens(Place::GarpGroup)
        .toml("router.announce-groups"),
    yes("vrrp_track_process", Named(NAME))
        .means("Processes that routers can watch: well while enough of them run.")
        .opens(Place::TrackProcess)
        .toml("track-process"),
    yes("track_file", Named(NAME))
        .formerly(&["vrrp_track_file"])
        .means("A file with a number that changes the priority of routers.")
        .opens(Place::TrackFile)
        .toml("track-file"),
    ours("vrrp_track_service", Named(NAME))
        .means("A service of this host's that routers can watch: well while enough of its servers are up.")
        .opens(Place::TrackService)
        .toml("track-service"),
    ours("vrrp_track_check", Named(NAME))
        .means("A TCP, HTTP or HTTPS check that routers can watch, without a script.")
        .opens(Place::TrackCheck)
        .toml("track-check"),
    yes("track_group", Named(NAME))
        .means("Routers that fail when a static address, route or rule that names the group is lost.")
        .opens(Place::TrackGroup)
        .toml("track-group"),
    soon("bfd_instance", Named(NAME), UNHEARD)
        .means("A BFD session with a neighbour that routers and checks can watch; its name has 31 bytes at most.")
        .opens(Place::Bfd),
    yes("SSL", Block).means("The certificate that `SSL_GET` checks show, should they be asked.").opens(Place::Ssl),
    soon(
        "net_namespace",
        One(NAME),
        "the daemon runs in the namespace that it is started in (`ip netns exec NAME ipvsd ...`)",
    )
    .otherwise("the namespace that the daemon is started in")
    .means("The network namespace that all of the daemon runs in."),
    yes("net_namespace_ipvs", Optional(NAME))
        .otherwise("that of `net_namespace`; without a name the one that the daemon is started in")
        .means("Another network namespace whose IPVS table is programmed; checks and routers stay where they are.")
        .toml("global.ipvs-namespace"),
    idle("namespace_with_ipsets", Nothing, "no ipsets are used")
        .means("Use ipsets in a namespace even with kernels before 3.13."),
    idle("instance", One(NAME), "there are no pid and data files to name")
        .means("A name that becomes part of the names of pid and data files."),
    idle("use_pid_dir", Nothing, "there are no pid files").means("Keep pid files in a folder of their own."),
    idle("linkbeat_use_polling", Nothing, LINKS).means("Ask drivers for link states again and again."),
    idle("linkbeat_interfaces", Block, LINKS)
        .means("Interfaces whose link state is asked for again and again, one on each line.")
        .opens(Place::Linkbeat),
    idle("child_wait_time", One(seconds("a time", 0.0, 86_400.0)), "there are no child daemons to wait for")
        .default("5")
        .means("How long a stop waits for keepalived's child processes before it kills them."),
    yes("interface_up_down_delays", Block)
        .form("{ INTERFACE DOWN_SECONDS [UP_SECONDS] }")
        .otherwise("changes count at once")
        .means("Changes of a link count only after they have lasted this long: up to 255 seconds.")
        .toml("router.interface-delays"),
    yes("include", Several(FILE)).means("Reads other files here; a pattern that matches none is no mistake."),
    yes("includer", Several(FILE))
        .means("As `include`, and whatever is found must be a file that can be read and not executed."),
    yes("includem", Several(FILE)).means("As `includer`, and a name without wildcards must exist."),
    yes("includew", Several(FILE)).means("As `includem`, and a pattern must match something."),
    yes("includeb", Several(FILE)).means("As `includer`, and each part of a `{a,b}` without wildcards must exist."),
    yes("includea", Several(FILE)).means("As `include`, with all of the stricter demands."),
];

pub(super) const GARP_GROUP: &[Keyword] = &[
    yes("garp_interval", One(seconds("a time between announcements", 0.0, LONGEST_SPACING)))
        .default("0")
        .means("Least time between two gratuitous ARPs on the group's interfaces.")
        .toml("router.announce-groups.arp-interval"),
    yes("gna_interval", One(seconds("a time between announcements", 0.0, LONGEST_SPACING)))
        .default("0")
        .means("Least time between two unsolicited neighbour advertisements on the group's interfaces.")
        .toml("router.announce-groups.na-interval"),
    yes("interface", One(INTERFACE)).means("An interface of the group.").toml("router.announce-groups.interfaces"),
    yes("interfaces", Block)
        .form("{ INTERFACE ... }")
        .means("Interfaces of the group, which share its pace.")
        .toml("router.announce-groups.interfaces"),
];

pub(super) const TRACK_GROUP: &[Keyword] = &[yes("group", Block)
    .form("{ ROUTER ... }")
    .means("Names of the routers that fail together with static things.")
    .toml("track-group.members")];

pub(super) const BFD: &[Keyword] = &[
    soon("neighbor_ip", One(IP), UNHEARD).also(&["neighbour_ip"]).means("The address of the neighbour; required."),
    soon("source_ip", One(IP), UNHEARD)
        .otherwise("the kernel chooses")
        .means("The address that the session is sent from."),
    soon("min_rx", One(measured("a time", 1, 1_000, "milliseconds")), UNHEARD)
        .default("10")
        .means("Least time between packets that this side is ready to receive."),
    soon("min_tx", One(measured("a time", 1, 1_000, "milliseconds")), UNHEARD)
        .default("10")
        .means("Least time between packets that this side would send."),
    soon("idle_tx", One(measured("a time", 1_000, 10_000, "milliseconds")), UNHEARD)
        .default("1000")
        .means("Time between packets while the session is down."),
    soon("multiplier", One(whole("a number of packets", 1, 255)), UNHEARD)
        .default("5")
        .means("So many packets in a row must be missed before the session is down."),
    soon("passive", Nothing, UNHEARD).means("Wait for the neighbour to begin."),
    soon("ttl", One(whole("a time to live", 1, 255)), UNHEARD)
        .default("255")
        .means("Time to live of packets over IPv4."),
    soon("hoplimit", One(whole("a number of hops", 1, 255)), UNHEARD)
        .default("64")
        .means("Hop limit of packets over IPv6."),
    soon("max_hops", One(whole("a number of hops", -1, 255)), UNHEARD)
        .default("0")
        .means("Packets that took more hops than this are dropped; -1 takes all."),
    soon("multihop", Optional(super::Kind::Flag), UNHEARD)
        .default("off")
        .means("The neighbour is not on the same wire."),
    soon("weight", Several(WEIGHT), UNHEARD)
        .form("NUMBER [reverse]")
        .default("0")
        .means("What the session's state does to the priority of routers that watch it."),
    soon("vrrp", Nothing, UNHEARD).means("Tell routers of this session, and checks only if `checker` says so."),
    soon("checker", Nothing, UNHEARD).means("Tell checks of this session, and routers only if `vrrp` says so."),
];

pub(super) const SSL: &[Keyword] = &[
    yes("password", Any(text("PASSWORD", "a password")))
        .means("Password of the key.")
        .toml("service.check.http.tls.password"),
    yes("ca", Any(FILE))
        .means("Who may have signed the servers' certificates, where `verify` asks.")
        .toml("service.check.http.tls.authorities"),
    yes("certificate", Any(FILE))
        .means("The certificate that checks show, in PEM.")
        .toml("service.check.http.tls.certificate"),
    yes("key", Any(FILE))
        .otherwise("in the file of the certificate")
        .means("The key of that certificate, in PEM.")
        .toml("service.check.http.tls.key"),
];
