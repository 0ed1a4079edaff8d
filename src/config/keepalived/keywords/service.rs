//! Words of `virtual_server`.

use super::Kind::Flag;
use super::Takes::{Any, Named, Nothing, One, Optional, Several};
use super::kind::{COMMAND, ENDPOINT, HOST, I32, MASK, NAME, measured, text, whole};
use super::{Keyword, Kind, Place, Takes, check, gone, idle, ours, soon, yes};

const NO_MAIL: &str = "no mail is sent";
const NO_NAME: &str = "there is no SNMP agent to show it";
pub(super) const ALPHA: &str =
    "it is so with every check: a server enters the table after its first success, or stays if it is in it already";
pub(super) const NO_HOOK: &str = "it is not called; `ipvsctl show` and the log tell of every change";
const NO_SORRY: &str = "with all servers down, connections are refused";
const NO_QUORUM: &str = "a service counts as up while one server is";
const HOSTLESS: &str = "the checks that use it are not done yet";
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
    soon("virtualhost", Several(HOST), HOSTLESS).means("The host that HTTP checks ask for."),
    soon("snmp_name", Several(NAME), NO_NAME).means("The service's name for SNMP."),
    soon("smtp_alert", Optional(Flag), NO_MAIL).default("off").means("Send mail when the quorum is won or lost."),
    soon("ha_suspend", Nothing, "checks go on while the virtual address is elsewhere")
        .means("Check the servers only while this host has the service's address."),
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
        .means("So many servers stay in the table whatever their checks say: those that failed last.")
        .toml("service.floor"),
    soon("hysteresis", One(whole("a sum of weights", 0, I32)), NO_QUORUM)
        .default("0")
        .means("The quorum is lost only this much below it, and won only this much above."),
    soon("quorum_up", Several(COMMAND), NO_HOOK).means("Run when the quorum is won."),
    soon("quorum_down", Several(COMMAND), NO_HOOK).means("Run when the quorum is lost."),
    soon("sorry_server", Several(ENDPOINT), NO_SORRY).means("Takes all connections while the quorum is lost."),
    soon("sorry_server_inhibit", Nothing, NO_SORRY)
        .means("With the quorum won, the sorry server stays in the table with weight 0."),
    soon("sorry_server_lvs_method", METHOD, NO_SORRY)
        .form(METHOD_FORM)
        .otherwise("as `lvs_method`")
        .means("How packets reach the sorry server."),
    idle("alpha", Optional(Flag), ALPHA).default("off").means("At start servers count as down until a check succeeds."),
    soon("omega", Optional(Flag), "no notification is sent at a stop")
        .default("off")
        .means("At a stop the scripts for lost servers and quorums are run."),
];
