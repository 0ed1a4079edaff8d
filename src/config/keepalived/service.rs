//! `virtual_server` and `real_server`.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::str::FromStr;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::{Field, Listen, ServerDraft, ServiceDraft, Timing};
use super::super::source::Spanned;
use super::super::suggest;
use super::checks;
use super::keywords::{self, Place};
use super::tree::{Statement, Value};
use super::unheeded::Fate;
use super::values::{IGNORED, Instead};
use super::walk::Walk;
use crate::model::{Command, Family, Floor, Forwarding, Protocol, Scheduler, Suspend, Tunnel, TunnelChecksum};

/// What `persistence_timeout` without a number means.
const BARE_PERSISTENCE: u32 = 360;
const NO_SERVICE: Instead = Instead("without it the service is left out, as in keepalived");
const CRASH: &str = "keepalived ends with a fault of its own when it meets this, at start and at reload";
const PROTOCOLS: [(&str, Protocol); 3] = [("TCP", Protocol::Tcp), ("UDP", Protocol::Udp), ("SCTP", Protocol::Sctp)];

/// What stands after `virtual_server`, with the name of its group if it is one.
pub(super) fn header(walk: &mut Walk<'_>, statement: Statement<'_>) -> Option<(ServiceDraft, Option<Spanned<String>>)> {
    let mut draft = ServiceDraft::new(statement.line()?);
    let first = statement.word(1)?;
    match (first.text, statement.word(2)) {
        ("group", Some(name)) => return Some((draft, Some(name.to_owned()))),
        ("group", None) => {
            walk.say(Diagnostic::error(Code::MissingValue, first.span, "`group` lacks its name").help(CRASH));
            draft.listen = Field::Bad;
        }
        ("fwmark", Some(value)) => {
            let mark = walk
                .fits::<u32>(value, 1..=i64::from(u32::MAX), "a firewall mark", NO_SERVICE)
                .and_then(NonZeroU32::new);
            draft.listen = Field::from(mark.map(|mark| Listen::Mark(mark, None)), value.span);
        }
        ("fwmark", None) => {
            walk.say(Diagnostic::error(Code::MissingValue, first.span, "`fwmark` lacks its number").help(CRASH));
            draft.listen = Field::Bad;
        }
        _ => {
            let listen = endpoint(walk, statement, 1, "an IP address", NO_SERVICE)
                .map(|(address, port)| Listen::Address(address, port.unwrap_or(0)));
            draft.listen = Field::from(listen, draft.header);
        }
    }
    Some((draft, None))
}

/// `ADDRESS [PORT]` from a word on, with the slips that people make: `ADDRESS:PORT` and ports by name.
pub(super) fn endpoint(
    walk: &mut Walk<'_>,
    statement: Statement<'_>,
    from: usize,
    what: &str,
    instead: Instead,
) -> Option<(IpAddr, Option<u16>)> {
    let value = statement.word(from)?;
    if let (Ok(both), None) = (std::net::SocketAddr::from_str(value.text), statement.word(from + 1)) {
        walk.say(
            Diagnostic::warning(Code::BadValue, value.span, "address and port are parted by a blank here").help(
                format!("taken as `{} {}`, as it was surely meant; keepalived refuses it", both.ip(), both.port()),
            ),
        );
        return Some((both.ip(), Some(both.port())));
    }
    let address = walk.address(value, what, instead)?;
    match statement.word(from + 1) {
        None => Some((address, None)),
        Some(port) if port.text == "0" => Some((address, Some(0))),
        Some(port) => Some((address, Some(walk.port(port, instead)?))),
    }
}

/// One word of a `virtual_server`.
pub(super) fn word(walk: &mut Walk<'_>, service: &mut ServiceDraft, statement: Statement<'_>) -> bool {
    if timing(walk, &mut service.timing, statement) {
        return true;
    }
    match statement.name() {
        "ops" => service.flags.one_packet = true,
        "flag-1" => service.flags.flag_1 = true,
        "flag-2" => service.flags.flag_2 = true,
        "sh-fallback" | "mh-fallback" => service.flags.flag_1 |= hashes(walk, service, statement),
        "sh-port" | "mh-port" => service.flags.flag_2 |= hashes(walk, service, statement),
        "flag-3" => service.flags.flag_3 = true,
        "inhibit_on_failure" => service.inhibit_on_failure = walk.flag(statement).unwrap_or(false),
        "persistence_timeout" => persistence(walk, service, statement),
        "ha_suspend" => {
            service.rules.suspend = statement.line().map(|span| Spanned::new(Suspend::WithoutOwn, span));
        }
        "omega" => service.rules.omega = walk.flag(statement).unwrap_or(service.rules.omega),
        "quorum_up" => notify(walk, &mut service.rules.notify.up, statement),
        "quorum_down" => notify(walk, &mut service.rules.notify.down, statement),
        "sorry_server" => sorry(walk, service, statement),
        "sorry_server_inhibit" => {
            if let Some(sorry) = with_sorry(walk, service, statement) {
                sorry.inhibit_on_failure = Some(true);
            }
        }
        "real_server" => server(walk, service, statement),
        _ => return value(walk, service, statement),
    }
    true
}

fn value(walk: &mut Walk<'_>, service: &mut ServiceDraft, statement: Statement<'_>) -> bool {
    let Some(value) = statement.word(1) else { return true };
    match statement.name() {
        "lvs_sched" | "lb_algo" => service.scheduler = Field::from(scheduler(walk, value), value.span),
        "lvs_method" | "lb_kind" => service.forwarding = Field::from(forwarding(walk, statement), value.span),
        "protocol" => {
            let upper = value.text.to_ascii_uppercase();
            let found = PROTOCOLS.iter().find(|(name, _)| *name == upper).map(|(_, protocol)| *protocol);
            if found.is_none() {
                walk.choice(value, &PROTOCOLS, Instead("taken as UDP, as in keepalived"));
            }
            service.protocol = Field::from(found, value.span);
        }
        "persistence_granularity" => {
            service.persistence.prefix_len = prefix(walk, value).map(|length| Spanned::new(length, value.span));
        }
        "virtualhost" => service.virtual_host = Some(value.text.to_owned()),
        "persistence_engine" => {
            if value.text != "sip" {
                let shown: String = value.text.chars().take(60).collect();
                walk.say(
                    Diagnostic::note(Code::BadValue, value.span, format!("Linux has no persistence engine `{shown}`"))
                        .mark("expected `sip`")
                        .help("taken as it is written: with a kernel that has no module of this name the service is refused"),
                );
            }
            service.persistence.engine = Some(value.to_owned());
        }
        "ip_family" => {
            service.family = walk.choice(value, &[("inet", Family::V4), ("inet6", Family::V6)], IGNORED);
        }
        "quorum" => {
            service.quorum = walk.whole(value, IGNORED).map(|quorum| Spanned::new(quorum, value.span));
        }
        "floor" => match Floor::from_str(value.text) {
            Ok(floor) => service.floor = Some(Spanned::new(floor, value.span)),
            Err(_) => walk.bad(value, "a count of servers, or a percentage such as `30%`", IGNORED),
        },
        "drain" => service.drain = walk.time(value, IGNORED).or(service.drain),
        "slow_start" => {
            let takes = walk.time(value, IGNORED).map(|takes| Spanned::new(takes, value.span));
            service.slow_start = takes.or(service.slow_start);
        }
        "hysteresis" => {
            service.rules.hysteresis = walk.whole(value, IGNORED).map(|sum| Spanned::new(sum, value.span));
        }
        "sorry_server_lvs_method" => {
            let method = Field::from(forwarding(walk, statement), value.span);
            if let Some(sorry) = with_sorry(walk, service, statement) {
                sorry.forwarding = method;
            }
        }
        "weight" => {
            let weight = walk.whole(value, IGNORED);
            service.default_weight = weight.or(service.default_weight);
        }
        _ => return false,
    }
    true
}

/// Whether a flag of the schedulers that hash is heard: keepalived asks for the scheduler when it meets the flag, so it must
/// stand above. Either's flags are heard with the other too, since their bits are the same.
fn hashes(walk: &mut Walk<'_>, service: &ServiceDraft, statement: Statement<'_>) -> bool {
    let scheduler = service.scheduler.get();
    if scheduler.is_some_and(|scheduler| matches!(scheduler.value, Scheduler::SourceHash | Scheduler::MaglevHash)) {
        return true;
    }
    let Some(span) = statement.span() else { return false };
    let name = statement.name();
    let own = name.get(..2).unwrap_or(name);
    let (message, remedy) = match scheduler {
        Some(other) => (
            format!("`{name}` does nothing with the scheduler `{}`", other.value),
            format!("remove it, or write `lb_algo {own}` above it"),
        ),
        None => (
            format!("`{name}` stands above the scheduler that it is for"),
            format!("it is heard only below `lb_algo {own}`; move it there, or remove it"),
        ),
    };
    walk.say(Diagnostic::warning(Code::Idle, span, message).mark("ignored, as in keepalived").help(remedy));
    false
}

fn scheduler(walk: &mut Walk<'_>, value: Value<'_>) -> Option<Scheduler> {
    if let Ok(scheduler) = Scheduler::from_str(value.text) {
        return Some(scheduler);
    }
    let names = Scheduler::ALL.map(Scheduler::name);
    if super::values::placeholder(value.text).is_some() {
        walk.bad(value, "a scheduler", Instead("taken as `wlc`"));
        return None;
    }
    let known = match value.text {
        "loadbalance" | "load_balance" | "leastconn" => Some("wlc"),
        "roundrobin" | "round_robin" => Some("rr"),
        "source" => Some("sh"),
        // One in other letters is nearer than any that only looks like it.
        other => names
            .into_iter()
            .find(|name| name.eq_ignore_ascii_case(other))
            .or_else(|| suggest::nearest(&other.to_ascii_lowercase(), names)),
    };
    let shown: String = value.text.chars().take(60).collect();
    walk.say(
        Diagnostic::warning(Code::BadValue, value.span, format!("`{shown}` is no scheduler of the kernel"))
            .mark(format!("schedulers are {}", names.join(", ")))
            .help_if(
                keywords::foreign_value(value.text)
                    .or_else(|| known.filter(|name| *name != "wlc").map(|name| format!("did you mean `{name}`?"))),
            )
            .help("taken as `wlc` (weighted least connections), as in keepalived"),
    );
    None
}

/// `NAT`, `DR` or `TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]`.
fn forwarding(walk: &mut Walk<'_>, statement: Statement<'_>) -> Option<Forwarding> {
    #[derive(Clone, Copy)]
    enum Method {
        Nat,
        Direct,
        Tunnel,
    }
    const METHODS: [(&str, Method); 3] = [("NAT", Method::Nat), ("DR", Method::Direct), ("TUN", Method::Tunnel)];
    const NAT: Instead = Instead("taken as NAT, as in keepalived");
    let value = statement.word(1)?;
    let options = &mut statement.arguments().skip(1);
    let forwarding = match walk.choice(value, &METHODS, NAT)? {
        Method::Nat => Forwarding::Masquerade,
        Method::Direct => Forwarding::Direct,
        Method::Tunnel => Forwarding::Tunnel(tunnel(walk, value, options)),
    };
    if let Some(extra) = options.next() {
        walk.bad(extra, "anything that may stand here", Instead("ignored"));
    }
    Some(forwarding)
}

fn tunnel<'t>(walk: &mut Walk<'_>, method: Value<'t>, options: &mut impl Iterator<Item = Value<'t>>) -> Tunnel {
    #[derive(Clone, Copy, PartialEq)]
    enum Type {
        Ipip,
        Gue,
        Gre,
    }
    const IPIP: Instead = Instead("the tunnel is a plain one, IP in IP");
    const PLAIN: Instead = Instead("ignored");
    let mut kind = Type::Ipip;
    let mut kind_at = method.span;
    let (mut port, mut port_at) = (None, None);
    let mut checksum = TunnelChecksum::None;
    while let Some(option) = options.next() {
        match option.text {
            "type" => {
                if let Some(value) = options.next() {
                    const TYPES: [(&str, Type); 3] = [("ipip", Type::Ipip), ("gue", Type::Gue), ("gre", Type::Gre)];
                    kind = walk.choice(value, &TYPES, IPIP).unwrap_or(Type::Ipip);
                    kind_at = value.span;
                }
            }
            "port" => {
                if let Some(value) = options.next() {
                    port = walk.port(value, IPIP);
                    port_at = Some(value.span);
                }
            }
            "nocsum" => checksum = TunnelChecksum::None,
            "csum" => checksum = TunnelChecksum::Checksum,
            "remcsum" => checksum = TunnelChecksum::Remote,
            _ => walk.bad(option, "`type`, `port`, `nocsum`, `csum` or `remcsum`", PLAIN),
        }
    }
    match (kind, port_at) {
        (Type::Ipip | Type::Gre, Some(at)) => walk.say(
            Diagnostic::warning(Code::Combination, at, "only a `gue` tunnel has a port")
                .mark("ignored")
                .and(kind_at, "the tunnel is another")
                .help("keepalived complains of it too"),
        ),
        (Type::Gue, None) => walk.say(
            Diagnostic::warning(Code::Combination, kind_at, "a `gue` tunnel has a port, and this one names none")
                .mark("taken as 6080, the port that IANA has given to GUE")
                .help("keepalived insists on it: write `port 6080`"),
        ),
        (Type::Ipip | Type::Gre, None) | (Type::Gue, Some(_)) => {}
    }
    match (kind, port) {
        (Type::Ipip, _) => Tunnel::Ipip,
        (Type::Gue, Some(port)) => Tunnel::Gue { port, checksum },
        // The port that IANA has given to GUE.
        (Type::Gue, None) => Tunnel::Gue { port: 6080, checksum },
        (Type::Gre, _) => Tunnel::Gre { checksum },
    }
}

fn persistence(walk: &mut Walk<'_>, service: &mut ServiceDraft, statement: Statement<'_>) {
    let seconds = match statement.word(1) {
        None => NonZeroU32::new(BARE_PERSISTENCE),
        Some(value) if value.text == "0" => {
            walk.say(
                Diagnostic::warning(Code::BadValue, value.span, "a persistence of 0 seconds cannot be")
                    .mark(walk.range())
                    .help("ignored, as in keepalived: the service is as if the line were not there. Remove it to say just that"),
            );
            None
        }
        Some(value) => walk
            .whole::<u32>(value, Instead("ignored, as in keepalived: the service is as if the line were not there"))
            .and_then(NonZeroU32::new),
    };
    let span = statement.line().unwrap_or(service.header);
    service.persistence.timeout_secs = seconds.map(|seconds| Spanned::new(seconds, span));
}

/// A netmask (`255.255.255.0`) or a prefix length.
fn prefix(walk: &mut Walk<'_>, value: Value<'_>) -> Option<u8> {
    if let Ok(mask) = Ipv4Addr::from_str(value.text) {
        let ones = mask.to_bits().leading_ones();
        if mask.to_bits().count_ones() == ones && ones > 0 {
            return u8::try_from(ones).ok();
        }
    } else if let Some(length) = u8::from_str(value.text).ok().filter(|length| (1..=128).contains(length)) {
        return Some(length);
    }
    walk.bad(value, "a netmask without gaps, or a prefix length", Instead("each client counts by itself"));
    None
}

/// `sorry_server ADDRESS [PORT]`.
fn sorry(walk: &mut Walk<'_>, service: &mut ServiceDraft, statement: Statement<'_>) {
    let Some(span) = statement.line() else { return };
    let none = Instead("there is no sorry server");
    service.rules.sorry = endpoint(walk, statement, 1, "the sorry server's IP address", none).map(|(address, port)| {
        // Without a port it has that of the packet.
        let sorry = ServerDraft::new(span, address, port.or(Some(0)));
        Box::new(ServerDraft { weight: Some(1), inhibit_on_failure: Some(false), ..sorry })
    });
}

/// The sorry server, for a word about it.
fn with_sorry<'s>(
    walk: &mut Walk<'_>,
    service: &'s mut ServiceDraft,
    statement: Statement<'_>,
) -> Option<&'s mut ServerDraft> {
    if let (None, Some(span)) = (&service.rules.sorry, statement.line()) {
        walk.say(
            Diagnostic::warning(Code::Idle, span, format!("no `sorry_server` stands before `{}`", statement.name()))
                .help("ignored, as in keepalived; write `sorry_server` first"),
        );
    }
    service.rules.sorry.as_deref_mut()
}

/// A script; as in keepalived the first counts.
fn notify(walk: &mut Walk<'_>, slot: &mut Option<Command>, statement: Statement<'_>) {
    let (words, user) = walk.command(statement);
    if slot.is_none() && !words.is_empty() {
        *slot = Some(Command { words, user });
    }
}

fn server(walk: &mut Walk<'_>, service: &mut ServiceDraft, statement: Statement<'_>) {
    let Some(span) = statement.line() else { return };
    const LEFT_OUT: Instead = Instead("this server is left out");
    let Some((address, port)) = endpoint(walk, statement, 1, "an IP address", LEFT_OUT) else {
        // What is wrong within it is said at once, and not only when its address has been mended.
        walk.unheeded(statement, Place::Server, Fate::LeftOut);
        return;
    };
    let mut server = ServerDraft::new(span, address, port);
    walk.block(statement.children(), Place::Server, &mut server, server_word);
    service.servers.push(server);
}

fn server_word(walk: &mut Walk<'_>, server: &mut ServerDraft, statement: Statement<'_>) -> bool {
    if timing(walk, &mut server.timing, statement) || checks::check(walk, server, statement) {
        return true;
    }
    match (statement.name(), statement.word(1)) {
        ("inhibit_on_failure", _) => server.inhibit_on_failure = walk.flag(statement),
        ("notify_up", _) => notify(walk, &mut server.notify.up, statement),
        ("notify_down", _) => notify(walk, &mut server.notify.down, statement),
        (_, None) => {}
        ("weight", Some(value)) => {
            server.weight = walk.whole(value, Instead("taken as 1"));
        }
        ("uthreshold", Some(value)) => {
            server.upper_threshold = walk.whole(value, IGNORED).unwrap_or(0);
        }
        ("lthreshold", Some(value)) => {
            server.lower_threshold = walk.whole(value, IGNORED).unwrap_or(0);
        }
        ("virtualhost", Some(value)) => server.virtual_host = Some(value.text.to_owned()),
        ("lvs_method", Some(value)) => server.forwarding = Field::from(forwarding(walk, statement), value.span),
        _ => return false,
    }
    true
}

/// The words that services, servers and checks share; false: it is none of them.
pub(super) fn timing(walk: &mut Walk<'_>, timing: &mut Timing, statement: Statement<'_>) -> bool {
    if statement.name() == "alpha" {
        timing.alpha = walk.flag(statement).or(timing.alpha);
        return true;
    }
    if statement.name() == "log_all_failures" {
        timing.tells_failures = walk.flag(statement).or(timing.tells_failures);
        return true;
    }
    let Some(value) = statement.word(1) else { return false };
    match statement.name() {
        "delay_loop" => {
            timing.interval = walk.time(value, IGNORED).map(|time| Spanned::new(time, value.span)).or(timing.interval);
        }
        "connect_timeout" => {
            timing.timeout = walk.time(value, IGNORED).map(|time| Spanned::new(time, value.span)).or(timing.timeout);
        }
        "retry" => timing.retry = walk.whole(value, IGNORED).or(timing.retry),
        "delay_before_retry" => {
            timing.retry_interval = walk.time(value, IGNORED).or(timing.retry_interval);
        }
        "warmup" => timing.warmup = walk.time(value, IGNORED).or(timing.warmup),
        "rise" => timing.rise = walk.whole(value, IGNORED).and_then(NonZeroU32::new).or(timing.rise),
        "fall" => {
            let fall: Option<u32> = walk.whole(value, IGNORED);
            timing.retry = fall.map(|fall| fall.saturating_sub(1)).or(timing.retry);
        }
        "interval_down" => timing.down_interval = walk.time(value, IGNORED).or(timing.down_interval),
        "jitter" => timing.jitter_percent = walk.whole(value, IGNORED).or(timing.jitter_percent),
        _ => return false,
    }
    true
}
