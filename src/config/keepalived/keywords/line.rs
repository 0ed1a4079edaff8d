//! Words that follow others on a line: after an address, in a route, in a rule, and so on.

use super::Takes::{Nothing, One, Several};
use super::kind::{INTERFACE, IP, NAME, PORT, U32, WEIGHT, measured, text, whole};
use super::{Keyword, Kind, Takes, idle, yes};

const LIMIT: Takes = One(text("[lock] NUMBER", "a number"));

pub(super) const ADDRESS: &[Keyword] = &[
    yes("dev", One(INTERFACE))
        .otherwise("the router's interface; for static ones that of `default_interface`")
        .means("The interface that the address is put on.")
        .toml("instance.addresses.interface"),
    yes("brd", One(text("IP|+|-", "a broadcast address, `+` or `-`")))
        .also(&["broadcast"])
        .otherwise("none")
        .means("The broadcast address; `+` and `-` have all host bits set or cleared.")
        .toml("instance.addresses.broadcast"),
    yes("scope", One(text("SCOPE", "a scope's name or number")))
        .default("global")
        .means("Where the address is valid: global, site, link or host.")
        .toml("instance.addresses.scope"),
    yes("label", One(text("LABEL", "a label of 1 to 15 bytes")))
        .means("A name beside the interface's, as `ip address` shows it; for IPv4.")
        .toml("instance.addresses.label"),
    yes("peer", One(text("IP[/LENGTH]", "an IP address")))
        .means("The other end of a point-to-point link.")
        .toml("instance.addresses.peer"),
    yes("home", Nothing).means("The home address of mobile IPv6."),
    yes("-nodad", Nothing)
        .also(&["nodad"])
        .means("No duplicate address detection, with IPv6; virtual addresses are added so in any case."),
    yes("mngtmpaddr", Nothing).means("The kernel makes temporary IPv6 addresses of this one's prefix."),
    yes("noprefixroute", Nothing)
        .means("The kernel makes no route to the address's prefix.")
        .toml("instance.addresses.no-prefix-route"),
    yes("autojoin", Nothing)
        .means("The kernel joins the multicast group of the address.")
        .toml("instance.addresses.auto-join"),
    yes("preferred_lft", One(text("SECONDS|forever", "a time in seconds, or `forever`")))
        .otherwise("0 for an IPv6 address of 128 bits, else for ever")
        .means("How long the IPv6 address is preferred as a source; 0: never."),
    yes("no_track", Nothing)
        .means("The loss of the address is no fault of the router.")
        .toml("instance.addresses.track"),
    yes("track_group", One(NAME))
        .means("The `track_group` that fails when this static address is lost.")
        .toml("static.addresses.track-group"),
    yes("use_vmac", Nothing)
        .means("The address goes onto a VMAC of its interface.")
        .toml("instance.addresses.use-vmac"),
];

pub(super) const ROUTE: &[Keyword] = &[
    yes("to", One(text("PREFIX", "an address with a prefix"))).means("The destination, if it does not stand first."),
    yes("src", One(IP)).means("The source address that packets on this route prefer."),
    yes("from", One(text("PREFIX", "an address with a prefix"))).means("For packets from there only; with IPv6."),
    yes("via", One(text("[inet|inet6] IP", "an IP address"))).formerly(&["gw"]).means("The next router on the way."),
    yes("or", One(IP)).deprecated("write a `nexthop` for each gateway").means("A second next router."),
    yes("nexthop", Several(text("via IP [dev INTERFACE] [weight NUMBER] [onlink]", "one of several ways")))
        .form("via IP [dev INTERFACE] [weight NUMBER] [onlink]")
        .means("One of several ways over which traffic is spread."),
    yes("weight", One(whole("a share", 1, 256))).means("The share of a `nexthop` among its like."),
    yes("dev", One(INTERFACE)).also(&["oif"]).means("The interface that the route leads out of."),
    yes("onlink", Nothing).means("The next router is on the wire, though no route says so."),
    yes("table", One(text("TABLE", "a table's number or name")))
        .also(&["lookup"])
        .default("main")
        .means("The routing table that it stands in."),
    yes("tos", One(text("TOS", "a type of service"))).also(&["dsfield"]).means("For packets of this type of service."),
    yes("protocol", One(text("PROTOCOL", "a protocol's number or name")))
        .also(&["proto"])
        .default("keepalived")
        .means("Who made the route, as `ip route` shows it."),
    yes("scope", One(text("SCOPE", "a scope's number or name"))).means("How far away the destination is."),
    yes("metric", One(whole("a metric", 0, U32)))
        .also(&["priority", "preference"])
        .means("Among routes to one destination the least wins."),
    yes("expires", One(measured("a time", 0, U32, "seconds")))
        .means("The kernel drops the IPv6 route after this time."),
    yes("mtu", LIMIT).means("The largest packet on this route; with `lock` no path MTU discovery."),
    yes("hoplimit", LIMIT).means("Hop limit of packets on this route."),
    yes("advmss", LIMIT).means("The TCP segment size that is offered to others."),
    yes("rtt", LIMIT).means("First guess of the round trip time."),
    yes("rttvar", LIMIT).means("First guess of the round trip time's variance."),
    yes("reordering", LIMIT).means("How much reordering TCP expects."),
    yes("window", LIMIT).means("The largest window that TCP offers."),
    yes("cwnd", LIMIT).means("The largest congestion window; works with `lock`."),
    yes("ssthresh", LIMIT).means("First guess of the slow start threshold."),
    yes("realms", One(text("[FROM/]TO", "realms"))).means("Realms that packets are counted and classified by."),
    yes("rto_min", LIMIT).means("The least retransmission timeout."),
    yes("initcwnd", LIMIT).means("The first congestion window."),
    yes("initrwnd", LIMIT).means("The first window that is offered."),
    yes("features", One(Kind::Choice(&["ecn"]))).means("Features that connections on this route may use."),
    yes("quickack", LIMIT).means("1: TCP acknowledges at once."),
    yes("congctl", One(text("[lock] NAME", "a congestion control algorithm")))
        .means("The congestion control of connections on this route."),
    yes("pref", One(Kind::Choice(&["low", "medium", "high"]))).means("The router preference of an IPv6 route."),
    yes("fastopen_no_cookie", LIMIT).means("1: TCP fast open needs no cookie."),
    yes("ttl-propagate", One(Kind::Choice(&["enabled", "disabled"]))).means("Whether MPLS hands on the time to live."),
    idle("as", Several(text("[to] PREFIX", "an MPLS label")), "keepalived ignores it, and so does the kernel")
        .means("The label that replaces another."),
    yes("encap", Several(text("TYPE ...", "`ip`, `ip6`, `mpls` or `ila`, with its words")))
        .means("What packets on this route are wrapped in."),
    yes("vrf", One(INTERFACE)).means("The VRF whose table the route stands in."),
    yes("add", Nothing).means("Make a route beside others, and fail if there is the same."),
    yes("prepend", Nothing).means("Make it before others of the same metric; so by default."),
    yes("append", Nothing).means("Make it after others of the same metric."),
    yes("unicast", Nothing).means("An ordinary route; so by default."),
    yes("local", Nothing).means("Packets there are for this host."),
    yes("broadcast", Nothing).means("Packets there are broadcast."),
    yes("multicast", Nothing).means("A multicast route."),
    yes("anycast", Nothing).means("The address is one of several hosts'."),
    yes("blackhole", Nothing).means("Packets there are dropped in silence."),
    yes("unreachable", Nothing).means("Packets there are answered with \"host unreachable\"."),
    yes("prohibit", Nothing).means("Packets there are answered with \"prohibited\"."),
    yes("throw", Nothing).means("This table ends here; the next rule decides."),
    yes("inet6", Nothing).also(&["inet"]).means("The family of `default`, where no address shows it."),
    yes("no_track", Nothing).means("The loss of the route is no fault of the router."),
    yes("track_group", One(NAME)).means("The `track_group` that fails when this static route is lost."),
];

pub(super) const RULE: &[Keyword] = &[
    yes("not", Nothing).means("All packets but those that the rest speaks of."),
    yes("from", One(text("PREFIX", "an address with a prefix"))).means("Packets from there."),
    yes("to", One(text("PREFIX", "an address with a prefix"))).means("Packets to there."),
    yes("table", One(text("TABLE", "a table's number or name")))
        .also(&["lookup"])
        .default("main")
        .means("The table that says where they go."),
    yes("tos", One(text("TOS", "a type of service"))).also(&["dsfield"]).means("Packets of this type of service."),
    yes("fwmark", One(text("MARK[/MASK]", "a firewall mark"))).means("Packets that the firewall has marked so."),
    yes("realms", One(text("[FROM/]TO", "realms"))).means("Realms that the packets get."),
    yes("priority", One(whole("a priority", 0, U32)))
        .also(&["preference", "order", "pref"])
        .otherwise("one is chosen, from 16384 downwards, and a remark says so")
        .means("Rules are asked in this order, the least first."),
    yes("iif", One(INTERFACE)).also(&["dev"]).means("Packets that came in there."),
    yes("oif", One(INTERFACE)).means("Packets of sockets that are bound there."),
    yes("goto", One(whole("a priority", 0, U32))).means("Go on with the rule of that priority."),
    yes("nop", Nothing).means("Do nothing, and go on."),
    yes("type", One(Kind::Choice(&["blackhole", "unreachable", "prohibit"])))
        .means("Drop, or refuse, instead of a table."),
    yes("blackhole", Nothing).means("Drop the packets in silence."),
    yes("unreachable", Nothing).means("Answer them with \"network unreachable\"."),
    yes("prohibit", Nothing).means("Answer them with \"prohibited\"."),
    yes("suppress_prefixlength", One(whole("a prefix length", 0, 128)))
        .means("Routes of this prefix length or a shorter one do not count."),
    yes("suppress_ifgroup", One(text("GROUP", "a group of interfaces")))
        .means("Routes out of interfaces of this group do not count."),
    yes("tunnel-id", One(whole("a tunnel's number", 0, i64::MAX))).means("Packets of this tunnel."),
    yes("uidrange", One(text("FIRST-LAST", "two numbers of users"))).means("Packets of these users."),
    yes("l3mdev", Nothing).means("The table is that of the packet's VRF."),
    yes("protocol", One(text("PROTOCOL", "a protocol's number or name")))
        .means("Who made the rule, as `ip rule` shows it."),
    yes("ipproto", One(text("PROTOCOL", "a protocol over IP"))).also(&["ip_proto"]).means("Packets of this protocol."),
    yes("sport", One(text("PORT[-PORT]", "a port, or two"))).means("Packets from these ports."),
    yes("dport", One(text("PORT[-PORT]", "a port, or two"))).means("Packets to these ports."),
    yes("inet6", Nothing).also(&["inet"]).means("The family, where no address shows it."),
    yes("no_track", Nothing).means("The loss of the rule is no fault of the router."),
    yes("track_group", One(NAME)).means("The `track_group` that fails when this static rule is lost."),
];

pub(super) const PEER: &[Keyword] = &[
    yes("min_ttl", One(whole("a time to live", 0, 255)))
        .otherwise("any")
        .means("Adverts of this peer's with a lesser time to live are dropped.")
        .toml("instance.peers.min-ttl"),
    yes("max_ttl", One(whole("a time to live", 0, 255)))
        .otherwise("any")
        .means("Adverts of this peer's with a greater time to live are dropped.")
        .toml("instance.peers.max-ttl"),
];

pub(super) const TRACK: &[Keyword] = &[
    yes("weight", Several(WEIGHT))
        .form("NUMBER [reverse|noreverse]")
        .otherwise("that of the thing's own block; 0 for interfaces: a failure is a fault")
        .means("Above 0: added to the priority while all is well; below: subtracted while it is not.")
        .toml("instance.track-interfaces.weight"),
    yes("reverse", Nothing).means("Well counts as failed, and failed as well.").toml("instance.track-scripts.reverse"),
    yes("noreverse", Nothing).also(&["no_reverse"]).means("The thing's own `reverse` does not count here."),
];

pub(super) const VMAC: &[Keyword] = &[
    yes("name", One(INTERFACE))
        .otherwise("`vrrp.` and the router's number")
        .means("The name of the interface, if it looks like another word.")
        .toml("instance.vmac.name"),
    yes("group", One(whole("a group of interfaces", 0, U32)))
        .means("The group of interfaces that it joins.")
        .toml("instance.vmac.group"),
    yes("netlink_notify_msg", Nothing).means("Have the kernel tell others of the new interface; it always does here."),
];

pub(super) const IPVLAN: &[Keyword] = &[
    yes("name", One(INTERFACE))
        .otherwise("`vrrp.` and the router's number")
        .means("The name of the interface, if it looks like another word.")
        .toml("instance.ipvlan.name"),
    yes("group", One(whole("a group of interfaces", 0, U32)))
        .means("The group of interfaces that it joins.")
        .toml("instance.ipvlan.group"),
    yes("bridge", Nothing)
        .means("Ipvlans of one interface reach each other; so by default.")
        .toml("instance.ipvlan.mode"),
    yes("private", Nothing).means("Ipvlans of one interface do not reach each other.").toml("instance.ipvlan.mode"),
    yes("vepa", Nothing)
        .means("Ipvlans of one interface reach each other by way of the switch.")
        .toml("instance.ipvlan.mode"),
];

pub(super) const SYNC_DAEMON: &[Keyword] = &[
    yes("inst", One(NAME))
        .otherwise("master and backup, all the time")
        .means("The router whose state decides whether connections are sent or received; `inst` may be left out.")
        .toml("global.sync-daemon.instance"),
    yes("id", One(whole("a number", 0, 255)))
        .otherwise("the router's number, else 0")
        .means("The number that tells one pair of directors from another.")
        .toml("global.sync-daemon.id"),
    yes("maxlen", One(measured("a length", 1, 65_507, "bytes")))
        .otherwise("the kernel's own")
        .means("The longest message.")
        .toml("global.sync-daemon.max-length"),
    yes("port", One(PORT)).default("8848").means("The UDP port of the messages.").toml("global.sync-daemon.port"),
    yes("ttl", One(whole("a time to live", 1, 255)))
        .default("1")
        .means("Time to live of the messages.")
        .toml("global.sync-daemon.ttl"),
    yes("group", One(text("IP", "a multicast address")))
        .default("224.0.0.81")
        .means("Where the messages go to.")
        .toml("global.sync-daemon.group"),
];

/// The kernel keeps timeouts up to 31 days.
const TIMEOUT: Kind = measured("a timeout", 1, 31 * 86_400, "seconds");

pub(super) const TIMEOUTS: &[Keyword] = &[
    yes("tcp", One(TIMEOUT))
        .otherwise("the kernel's stays")
        .means("Idle TCP connections are forgotten after this.")
        .toml("global.timeouts.tcp"),
    yes("tcpfin", One(TIMEOUT))
        .otherwise("the kernel's stays")
        .means("TCP connections are forgotten this long after a FIN.")
        .toml("global.timeouts.tcp-fin"),
    yes("udp", One(TIMEOUT))
        .otherwise("the kernel's stays")
        .means("Idle UDP exchanges are forgotten after this.")
        .toml("global.timeouts.udp"),
];

const NETLINK: &str = "link states come from netlink at once";

pub(super) const LINKBEAT: &[Keyword] = &[
    idle("MII", Nothing, NETLINK).means("Ask by the registers of the transceiver."),
    idle("ETHTOOL", Nothing, NETLINK).means("Ask as ethtool does."),
    idle("IOCTL", Nothing, NETLINK).means("Ask for the flags of the interface."),
];

pub(super) const SERVICE_GROUP: &[Keyword] = &[
    yes("fwmark", Several(whole("a firewall mark", 1, U32)))
        .form("NUMBER [inet|inet6]")
        .means("A firewall mark of the group; other lines are addresses, ranges or networks, and maybe a port."),
    yes("inet", Nothing).means("The mark is of IPv4."),
    yes("inet6", Nothing).means("The mark is of IPv6."),
];

pub(super) const TUNNEL: &[Keyword] = &[
    yes("type", One(Kind::Choice(&["ipip", "gue", "gre"])))
        .default("ipip")
        .means("What packets to the server are wrapped in.")
        .toml("service.forward.tunnel"),
    yes("port", One(PORT)).otherwise("6080").means("The port of a `gue` tunnel.").toml("service.forward.port"),
    yes("nocsum", Nothing).means("No checksum in the tunnel's header; so by default.").toml("service.forward.checksum"),
    yes("csum", Nothing).means("A checksum in the tunnel's header.").toml("service.forward.checksum"),
    yes("remcsum", Nothing).means("A checksum that the other end completes.").toml("service.forward.checksum"),
];
