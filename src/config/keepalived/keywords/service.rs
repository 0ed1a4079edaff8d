//! Words of `virtual_server`.

use super::Kind::Flag;
use super::Takes::{Any, Named, Nothing, One, Optional, Several};
use super::kind::{COMMAND, ENDPOINT, HOST, I32, MASK, NAME, measured, seconds, text, whole};
use super::{Keyword, Kind, Place, Takes, check, gone, idle, ours, soon, yes};

const NO_MAIL: &str = "no mail is sent";
const NO_NAME: &str = "there is no SNMP agent to show it";
/// The longest that a server is waited for, in seconds.
pub(super) const DAYS: f64 = 31.0 * 86_400.0;
pub(super) const METHOD: Takes = Several(Kind::Choice(&["NAT", "DR", "TUN"]));
pub(super) const METHOD_FORM: &str = "NAT|DR|TUN [type ipip|gue|gre] [port NUMBER] [nocsum|csum|remcsum]";

pub(super) const SERVICE: &[&[Keyword]] = &[SETTINGS, QUORUM, check::INHERITED];

const SETTINGS: &[Keyword] = &[
    yes("lvs_sched", One(SCHEDULER))
        .also(&["lb_algo"])
        .default("wlc")
        .means("How the kernel chooses a server for a new connection.")
        .toml("service.scheduler"),
    yes("lvs_method", METHOD)
        .also(&["lb_kind"])
        .form(METHOD_FORM)
        .otherwise("NAT, and a remark")
        .means("How packets reach the servers: with changed addresses, with their MAC address, or in a tunnel.")
        .opens(Place::Tunnel)
        .toml("service.forward"),
    yes("protocol", One(Kind::Choice(&["TCP", "UDP", "SCTP"])))
        .otherwise("UDP, and a remark")
        .means("The protocol of the service, in either case of letters.")
        .toml("service.protocol"),
    yes("persistence_timeout", Optional(measured("a time in seconds", 1, 31 * 86_400, "seconds")))
        .otherwise("no persistence; without a number 360, and so without a port")
        .means("For this long a client comes back to the same server.")
        .toml("service.persistence.timeout"),
    yes("persistence_granularity", One(MASK))
        .otherwise("each client for itself")
        .means("Clients of one network of this mask (IPv6: prefix length) count as one.")
        .toml("service.persistence.prefix"),
    yes("persistence_engine", One(NAME))
        .otherwise("by the client's address")
        .means("What clients are told apart by: `sip` takes the call's number.")
        .toml("service.persistence.engine"),
    yes("flag-1", Nothing).means("The first flag of the scheduler.").toml("service.flags"),
    yes("flag-2", Nothing).means("The second flag of the scheduler.").toml("service.flags"),
    yes("flag-3", Nothing).means("The third flag of the scheduler.").toml("service.flags"),
    yes("sh-port", Nothing).means("`sh` counts the client's port too.").toml("service.flags"),
    yes("sh-fallback", Nothing).means("`sh` chooses another server if the one is unavailable.").toml("service.flags"),
    yes("mh-port", Nothing).means("`mh` counts the client's port too.").toml("service.flags"),
    yes("mh-fallback", Nothing).means("`mh` chooses another server if the one is unavailable.").toml("service.flags"),
    yes("ops", Nothing).means("Each UDP packet is a connection of its own.").toml("service.flags"),
    idle("hashed", Nothing, "the kernel sets it by itself").means("The service stands in the kernel's hash table."),
    yes("ip_family", One(Kind::Choice(&["inet", "inet6"])))
        .otherwise("that of the first server")
        .means("The family of a firewall mark's packets.")
        .toml("service.family"),
    yes("weight", One(whole("a weight", 0, I32)))
        .default("1")
        .means("The weight of servers that have none of their own."),
    yes("inhibit_on_failure", Optional(Flag))
        .default("off")
        .means("A failed server stays in the table with weight 0, and keeps its connections.")
        .toml("service.inhibit-on-failure"),
    yes("virtualhost", One(HOST)).means("The host that HTTP checks ask for.").toml("service.check.http.host"),
    soon("snmp_name", Several(NAME), NO_NAME).means("The service's name for SNMP."),
    soon("smtp_alert", Optional(Flag), NO_MAIL).default("off").means("Send mail when the quorum is won or lost."),
    yes("ha_suspend", Nothing)
        .otherwise("off")
        .means("Check the servers only while this host has the service's address, or one of its group's.")
        .toml("service.rest-while-away"),
    yes("real_server", Named(ENDPOINT))
        .means("A server behind the service; without a port it has the service's.")
        .opens(Place::Server)
        .toml("service.server"),
    gone(
        "nat_mask",
        Any(MASK),
        "keepalived has dropped it, since no kernel after 2.2 has such a mask; remove the line, nothing else changes",
    )
    .means("The mask of NAT, with kernels 2.2."),
];

const SCHEDULER: Kind =
    Kind::Choice(&["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf", "twos"]);

const QUORUM: &[Keyword] = &[
    yes("quorum", One(whole("a sum of weights", 1, I32)))
        .default("1")
        .means("What the weights of the servers that are up must add up to for the service to be up.")
        .toml("service.quorum"),
    ours("floor", One(text("NUMBER[%]", "a count or a percentage")))
        .otherwise("no server")
        .means("So many servers stay in the table whatever their checks say: those that failed last. Of both families so many of each.")
        .toml("service.floor"),
    ours("drain", One(seconds("a time", 0.0, DAYS)))
        .otherwise("as `lvs_drain`")
        .means("So long a server that is removed from the file goes on with the connections that it has; 0: they are cut off.")
        .toml("service.drain"),
    ours("slow_start", One(seconds("a time", 0.0, DAYS)))
        .default("0")
        .means("Over this time the weight of a server that returns goes up.")
        .toml("service.slow-start"),
    yes("hysteresis", One(whole("a sum of weights", 0, I32)))
        .default("0")
        .means("The quorum is lost only this much below it, and won only this much above.")
        .toml("service.hysteresis"),
    yes("quorum_up", Several(COMMAND)).means("Run when the quorum is won.").toml("service.notify.up"),
    yes("quorum_down", Several(COMMAND)).means("Run when the quorum is lost.").toml("service.notify.down"),
    yes("sorry_server", Several(ENDPOINT))
        .means("Takes all new connections while the quorum is lost.")
        .toml("service.sorry-server"),
    yes("sorry_server_inhibit", Nothing)
        .otherwise("it leaves the table")
        .means("With the quorum won, the sorry server stays in the table with weight 0.")
        .toml("service.sorry-server.inhibit"),
    yes("sorry_server_lvs_method", METHOD)
        .form(METHOD_FORM)
        .otherwise("as `lvs_method`")
        .means("How packets reach the sorry server.")
        .opens(Place::Tunnel)
        .toml("service.sorry-server.forward"),
    yes("alpha", Optional(Flag))
        .default("off")
        .means("At start servers count as down until a check succeeds.")
        .toml("service.start-down"),
    yes("omega", Optional(Flag))
        .default("off")
        .means("At a stop the scripts for lost servers and quorums are run.")
        .toml("service.notify.at-stop"),
];
