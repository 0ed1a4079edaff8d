//! Any configuration that the resolver could have made: its document means the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;

use super::toml;
use crate::config::Language;
use crate::config::toml::write::{Comments, write};
use crate::model::{
    AddressOptions, AdvertInterval, Announcements, Authentication, Burst, BytePattern, Check, CheckKind, Checksum,
    Command, Config, Connect, DnsProbe, DnsType, Election, Expression, ExpressionOptions, Family, Floor, Forwarding,
    Handover, HttpProbe, HttpVersion, Identity, Instance, NextHop, Notify, OnMissing, Pace, Page, Password, Peer,
    Persistence, Placing, Preferred, Priority, ProcessArguments, Protocol, Route, RouteKind, RouteMetric, Rule,
    RuleAction, Rules, RunAs, Scheduler, SchedulerFlags, ScriptProbe, ServerConfig, ServerKey, ServerSettings,
    ServiceConfig, ServiceKey, ServiceSettings, SmtpProbe, StartAs, Suspend, Tls, TrackProcess, TrackScript, Tracked,
    Transport, Tunnel, TunnelChecksum, UdpProbe, UdpReply, UpDown, VirtualAddress, VirtualLink, VirtualRouterId, Vmac,
    Vrid, VrrpVersion, Watched, Weight,
};

fn ip(family: Family) -> impl Strategy<Value = IpAddr> + Clone {
    any::<u16>().prop_map(move |low| match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | u32::from(low))),
        Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8_u128 << 96 | u128::from(low))),
    })
}

fn prefix(family: Family) -> impl Strategy<Value = (IpAddr, u8)> {
    let longest: u8 = if family == Family::V4 { 32 } else { 128 };
    (ip(family), 1..=longest)
}

fn interface() -> impl Strategy<Value = String> {
    select(&["eth0", "eth1", "bond0.7", "é", "a\"b\\c", "x#y"][..]).prop_map(str::to_owned)
}

fn time(most_millis: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0..=most_millis).prop_map(Duration::from_millis),
        (0..=most_millis / 1_000).prop_map(Duration::from_secs)
    ]
}

fn run_as() -> impl Strategy<Value = RunAs> {
    (select(&["root", "nobody"][..]), option::of(Just("nogroup".to_owned())))
        .prop_map(|(user, group)| RunAs { user: user.to_owned(), group })
}

fn words() -> impl Strategy<Value = Vec<String>> {
    let word = "[a-z/ '\"\\\\$#%\\n\u{7}é]{0,6}";
    ("[a-z/][a-z/ '\"\\\\]{0,6}", vec(word, 0..4))
        .prop_map(|(first, more)| std::iter::once(first).chain(more).collect())
}

fn command() -> impl Strategy<Value = Command> {
    (words(), option::of(run_as())).prop_map(|(words, user)| Command { words, user })
}

fn address(family: Family) -> impl Strategy<Value = VirtualAddress> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let four = (option::of("[a-z:]{1,15}"), option::of(any::<u32>().prop_map(Ipv4Addr::from_bits)));
    let six = (
        option::of(prop_oneof![Just(Preferred::Forever), (0..u32::MAX).prop_map(Preferred::Secs)]),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let rest = (option::of(interface()), option::of(ip(family)), any::<u8>());
    (prefix(family), flags, four, six, rest).prop_map(move |((ip, length), flags, four, six, rest)| {
        // Neither the number of its network nor its broadcast address, for networks of four addresses and more.
        let ip = match ip {
            IpAddr::V4(ip) if length < 31 => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & !3 | 1)),
            IpAddr::V4(_) | IpAddr::V6(_) => ip,
        };
        let (no_prefix_route, auto_join, on_virtual_link, track, plain) = flags;
        let base = VirtualAddress::new(ip, length);
        if plain {
            return base;
        }
        let (interface, peer, scope) = rest;
        let v6 = family == Family::V6;
        let (label, broadcast) = if v6 { (None, None) } else { four };
        let (preferred, home, no_dad, manage_temporary) = six;
        VirtualAddress {
            interface,
            label,
            broadcast,
            // That of an IPv6 address is in it.
            scope: if v6 { 0 } else { scope },
            peer,
            preferred: preferred.filter(|_| v6),
            options: AddressOptions {
                home: home && v6,
                no_dad: no_dad && v6,
                manage_temporary: manage_temporary && v6,
                no_prefix_route,
                auto_join,
            },
            on_virtual_link,
            track,
            ..base
        }
    })
}

fn hop(via: Family) -> impl Strategy<Value = NextHop> {
    (
        option::of(ip(via)),
        option::of(select(&["eth0", "eth1"][..])),
        0..=256_u16,
        any::<bool>(),
        option::of(any::<u32>()),
    )
        .prop_map(|(via, interface, weight, on_link, realms)| NextHop {
            via,
            interface: interface.map(str::to_owned),
            weight,
            on_link,
            realms,
            encapsulation: None,
        })
}

fn route() -> impl Strategy<Value = Route> {
    const METRICS: [RouteMetric; 5] =
        [RouteMetric::Mtu, RouteMetric::Rtt, RouteMetric::RttVar, RouteMetric::RtoMin, RouteMetric::QuickAck];
    let family = prop_oneof![Just(Family::V4), Just(Family::V6)];
    (family.clone(), family).prop_flat_map(|(family, via)| {
        let to = prop_oneof![
            prefix(family),
            Just(match family {
                Family::V4 => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
                Family::V6 => (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
            }),
        ];
        let kind = select(&[RouteKind::Unicast, RouteKind::Local, RouteKind::Blackhole, RouteKind::Throw][..]);
        let placing = select(&[Placing::Add, Placing::Prepend, Placing::Append][..]);
        let numbers = (any::<u32>(), any::<u8>(), any::<u8>(), option::of(any::<u8>()), option::of(any::<u32>()));
        let metrics = vec((select(&METRICS[..]), 0..1_000_000_u32, any::<bool>()), 0..3);
        let rest = (option::of(ip(family)), option::of(prefix(family)), any::<bool>(), option::of(any::<bool>()));
        (to, kind, placing, numbers, metrics, rest, vec(hop(via), 1..4)).prop_map(
            |(to, kind, placing, numbers, metrics, rest, mut hops)| {
                let (table, tos, protocol, scope, metric) = numbers;
                let (source, from, track, ttl_propagate) = rest;
                let leads = matches!(kind, RouteKind::Unicast | RouteKind::Local);
                if hops.len() > 1 || hops[0].weight > 0 {
                    for (index, hop) in hops.iter_mut().enumerate() {
                        hop.interface.get_or_insert(format!("eth{index}"));
                    }
                }
                // What lies behind a gateway is not on the link.
                let far = leads && hops.iter().any(|hop| hop.via.is_some());
                Route {
                    kind,
                    from,
                    source,
                    hops: if leads { hops } else { Vec::new() },
                    table,
                    tos,
                    protocol,
                    scope: scope.filter(|scope| !far || *scope < 253),
                    metric,
                    metrics,
                    ttl_propagate,
                    placing,
                    track,
                    ..Route::new(to)
                }
            },
        )
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![Just(Family::V4), Just(Family::V6)].prop_flat_map(|family| {
        let action = prop_oneof![
            (1..=u32::MAX).prop_map(RuleAction::Lookup),
            Just(RuleAction::Nop),
            Just(RuleAction::Blackhole),
            Just(RuleAction::Prohibit),
        ];
        let ends = (option::of(prefix(family)), option::of(prefix(family)));
        let mark = option::of((any::<u32>(), option::of(any::<u32>())));
        let numbers = (any::<u8>(), option::of(any::<u32>()), option::of(0..=128_u32), option::of(any::<u8>()));
        let ports = option::of((1..1_000_u16, 1_000..=u16::MAX));
        let flags = (any::<bool>(), any::<bool>(), any::<bool>());
        (any::<u32>(), action, ends, mark, numbers, ports, flags).prop_map(
            move |(priority, action, (from, to), mark, numbers, ports, (invert, l3mdev, track))| {
                let (tos, realms, suppress_prefix_len, protocol) = numbers;
                let action = if l3mdev { RuleAction::Lookup(0) } else { action };
                Rule {
                    invert,
                    from,
                    to,
                    tos,
                    mark,
                    input: Some("eth0".to_owned()).filter(|_| invert),
                    realms,
                    suppress_prefix_len,
                    tunnel: realms.map(|realms| u64::from(realms) << 20),
                    users: ports.map(|(first, last)| (first.into(), last.into())),
                    l3mdev,
                    protocol,
                    ip_protocol: protocol,
                    source_ports: ports,
                    destination_ports: ports.map(|(first, _)| (first, first)),
                    track,
                    ..Rule::new(family, priority, action)
                }
            },
        )
    })
}

fn tracks() -> impl Strategy<Value = Vec<Tracked>> {
    let one = (0..4_usize, 0..3_usize, -20..20_i16, any::<bool>());
    vec(one, 0..6).prop_map(|tracks| {
        let mut found: Vec<Tracked> = Vec::new();
        for (kind, index, weight, reverse) in tracks {
            let what = match kind {
                0 => Watched::Interface(format!("lan{index}")),
                1 => Watched::Script(format!("s{index}")),
                _ => Watched::Process(format!("p{index}")),
            };
            if !found.iter().any(|other| other.what == what) {
                found.push(Tracked { what, weight, reverse });
            }
        }
        // As the resolver has them.
        found.sort_by_key(|track| match track.what {
            Watched::Interface(_) => 0,
            Watched::Script(_) => 1,
            Watched::Process(_) | Watched::File(_) | Watched::Service(_) | Watched::Check(_) | Watched::Bfd(_) => 2,
        });
        found
    })
}

fn transport(family: Family) -> impl Strategy<Value = Transport> {
    let group = match family {
        Family::V4 => {
            select(vec![Ipv4Addr::new(224, 0, 0, 18), Ipv4Addr::new(239, 1, 2, 3)]).prop_map(IpAddr::V4).boxed()
        }
        Family::V6 => Just(IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12))).boxed(),
    };
    let multicast = (option::of(ip(family)), group).prop_map(|(source, group)| Transport::Multicast { source, group });
    let peers = vec((ip(family), option::of(0..100_u8), option::of(100..=255_u8)), 0..4);
    let unicast =
        (option::of(ip(family)), peers, any::<u8>(), any::<bool>()).prop_map(|(source, found, ttl, check)| {
            let mut peers: Vec<Peer> = Vec::new();
            for (address, min_ttl, max_ttl) in found {
                if !peers.iter().any(|peer| peer.address == address) {
                    peers.push(Peer { address, min_ttl, max_ttl });
                }
            }
            let limited = peers.iter().any(|peer| peer.min_ttl.is_some() || peer.max_ttl.is_some());
            Transport::Unicast { source, peers, ttl, check_source: check || limited }
        });
    prop_oneof![multicast, unicast]
}

fn announcements() -> impl Strategy<Value = Announcements> {
    let burst = || (1..=1_000_u32, option::of(time(86_400_000)));
    let timer = || option::of(time(86_400_000));
    (burst(), burst(), timer(), 1..=1_000_u32, time(1_000), timer(), any::<bool>()).prop_map(
        |(master, lower, refresh, refresh_repeat, interval, extra, flag)| {
            let some = |time: Option<Duration>| time.filter(|time| !time.is_zero());
            let burst = |(repeat, delay)| Burst { repeat, delay: some(delay) };
            Announcements {
                master: burst(master),
                lower_priority: burst(lower),
                refresh: some(refresh),
                refresh_repeat,
                arp_interval: interval,
                na_interval: interval / 2,
                extra: some(extra),
                extra_all: flag && some(extra).is_some(),
                watch_rivals: flag,
            }
        },
    )
}

fn notify() -> impl Strategy<Value = Notify> {
    (option::of(command()), option::of(command()), option::of(command()), any::<bool>(), any::<bool>()).prop_map(
        |(master, deleted, any, tell, priority_changes)| Notify {
            master,
            tell_deleted: tell || deleted.is_some(),
            deleted,
            any,
            priority_changes,
            ..Notify::default()
        },
    )
}

fn instance(index: u8, family: Family) -> impl Strategy<Value = Instance> {
    let numbers = (1..=255_u8, 1..=40_u16, any::<bool>(), any::<bool>(), 1..=100_u8, option::of(1..=254_u8));
    let flags = vec(any::<bool>(), 12);
    let moves = (vec(address(family), 1..4), vec(address(family), 0..3), vec(route(), 0..3), vec(rule(), 0..3));
    let rest = (time(1_000_000), "[ -~é漂]{1,12}", any::<[u8; 6]>(), option::of(1..=i32::MAX as u32));
    (numbers, flags, moves, transport(family), tracks(), announcements(), notify(), rest).prop_map(
        move |(numbers, flags, moves, transport, tracks, announcements, notify, rest)| {
            let (priority, seconds, master, old, down_timer_adverts, timer_expired_backup) = numbers;
            let priority = Priority::new(priority).unwrap();
            let version = if old && family == Family::V4 { VrrpVersion::V2 } else { VrrpVersion::V3 };
            let start_as = if master { StartAs::Master } else { StartAs::Backup };
            let owner = priority == Priority::OWNER;
            let preempt = flags[0] || master || owner;
            let (delay, password, mut mac, receive_buffer) = rest;
            mac[0] &= 0xfe;
            let unicast = matches!(transport, Transport::Unicast { .. });
            let (found, excluded_addresses, routes, rules) = moves;
            let mut addresses: Vec<VirtualAddress> = Vec::new();
            for one in found {
                if !addresses.iter().any(|other| other.address == one.address && other.interface == one.interface) {
                    addresses.push(one);
                }
            }
            let source = match &transport {
                Transport::Multicast { source, .. } | Transport::Unicast { source, .. } => *source,
            };
            Instance {
                id: VirtualRouterId {
                    interface: Some(format!("eth{index}")),
                    vrid: Vrid::new(index + 1).unwrap(),
                    family,
                },
                version,
                start_as,
                priority,
                advert_interval: AdvertInterval::from_centiseconds(seconds * 100).unwrap(),
                election: Election {
                    preempt,
                    preempt_delay: if preempt && !master { delay } else { Duration::ZERO },
                    down_timer_adverts,
                    lower_priority_no_advert: flags[1],
                    higher_priority_send_advert: flags[2],
                    owner_ignores_adverts: flags[3],
                    timer_expired_backup,
                    wait_for_checks: flags[4],
                },
                transport,
                authentication: match version {
                    VrrpVersion::V2 if flags[5] => Authentication::Password(Password::new(&password)),
                    VrrpVersion::V2 | VrrpVersion::V3 => Authentication::None,
                },
                checksum: Checksum { without_pseudo_header: flags[6], never_old_unicast: flags[7] },
                skip_address_check: flags[8],
                accept: flags[9] || owner,
                addresses,
                excluded_addresses,
                routes,
                rules,
                promote_secondaries: flags[10],
                virtual_link: flags[11].then_some(VirtualLink::Vmac(Vmac {
                    name: flags[0].then(|| format!("v{index}")),
                    mac: flags[1].then_some(mac),
                    send_from_base: unicast || flags[2],
                    for_addresses: flags[3],
                    group: timer_expired_backup.map(u32::from),
                })),
                track_primary: flags[5],
                track_source: flags[6] && source.is_some(),
                tracks,
                announcements,
                receive_buffer,
                notify,
                ..Instance::new(&format!("router \"{index}\""), "", Vrid::new(1).unwrap(), family)
            }
        },
    )
}

/// Checks that call somebody, and scripts.
fn check(server: ServerKey) -> impl Strategy<Value = Check> {
    prop_oneof![calling_check(server), script_check()].boxed()
}

fn script_check() -> impl Strategy<Value = Check> {
    let long = 1_000_000_000_000_u64;
    let said = option::of(any::<bool>());
    let timing = (1..=long, 1..=4_294_000_u64, any::<u32>(), time(long), option::of(time(long)), said);
    let on_missing = prop_oneof![Just(OnMissing::Fail), Just(OnMissing::Disable)];
    (words(), option::of(run_as()), any::<bool>(), on_missing, timing).prop_map(
        |(command, user, dynamic, on_missing, (interval, timeout, retry, retry_interval, warmup, tells_failures))| {
            Check {
                kind: CheckKind::Script(Box::new(ScriptProbe { command, user, dynamic, on_missing })),
                interval: Duration::from_millis(interval),
                timeout: Duration::from_millis(timeout),
                retry,
                retry_interval,
                warmup,
                tells_failures,
                pace: None,
            }
        },
    )
}

fn calling_check(server: ServerKey) -> impl Strategy<Value = Check> {
    let family = Family::of(server.address);
    let target = (option::of(ip(family)), option::of(1..=u16::MAX));
    let from = (option::of(ip(family)), option::of(1..=u16::MAX), option::of(interface()), option::of(any::<u32>()));
    let long = 1_000_000_000_000_u64;
    let pace = option::of((1..=u32::MAX, 1..=long, 0..=Pace::MOST_JITTER));
    let said = option::of(any::<bool>());
    let timing = (1..=long, 1..=4_294_000_u64, any::<u32>(), time(long), option::of(time(long)), said, pace);
    let connect =
        (target, from).prop_map(move |((address, port), (source_address, source_port, interface, mark))| Connect {
            target: SocketAddr::new(address.unwrap_or(server.address), port.unwrap_or(server.port)),
            source_address,
            source_port,
            interface,
            mark,
        });
    (connect.prop_flat_map(kind), timing).prop_map(move |(kind, timing)| {
        let (interval, timeout, retry, retry_interval, warmup, tells_failures, timing_pace) = timing;
        let interval = Duration::from_millis(interval);
        let pace = |(rise, down, jitter_percent)| {
            let down_interval = Duration::from_millis(down);
            Pace { rise: NonZeroU32::new(rise).unwrap(), down_interval, jitter_percent }.beside(interval)
        };
        Check {
            kind,
            interval,
            timeout: Duration::from_millis(timeout),
            retry,
            retry_interval,
            warmup,
            tells_failures,
            pace: timing_pace.and_then(pace),
        }
    })
}

fn some_text() -> impl Strategy<Value = String> {
    "[ -~\u{e9}]{1,12}"
}

/// Where it connects is left open.
fn http() -> BoxedStrategy<HttpProbe> {
    let tls = (option::of(some_text()), any::<bool>(), any::<bool>(), option::of(file()), option::of(identity()));
    let tls = option::of(tls.prop_map(|(server_name, named_by_host, verify, authorities, identity)| Tls {
        // A name that is written is the one that is told.
        named_by_host: named_by_host || server_name.is_some(),
        server_name,
        verify,
        authorities,
        identity: identity.map(Box::new),
    }));
    let version = prop_oneof![Just(HttpVersion::V1_0), Just(HttpVersion::V1_1)];
    (tls, option::of(some_text()), version, vec(page(), 1..4))
        .prop_map(|(tls, host, version, mut pages)| {
            if tls.is_none() {
                pages.iter_mut().for_each(|page| page.orderly_close = false);
            }
            let connect = Connect::to(SocketAddr::from(([0, 0, 0, 0], 0)));
            HttpProbe { connect, tls, host, version, pages }
        })
        .boxed()
}

fn file() -> impl Strategy<Value = String> {
    some_text().prop_map(|name| format!("/{name}"))
}

fn identity() -> impl Strategy<Value = Identity> {
    (file(), option::of(file()), option::of(some_text())).prop_map(|(certificate, key, password)| Identity {
        certificate,
        key,
        password,
    })
}

fn page() -> impl Strategy<Value = Page> {
    let statuses = vec((100_u16..=599, 0_u16..300).prop_map(|(least, more)| (least, (least + more).min(599))), 1..4);
    let statuses = prop_oneof![Just(vec![(200, 299)]), statuses];
    (file(), option::of(some_text()), statuses, any::<Option<[u8; 16]>>(), option::of(expression()), any::<bool>())
        .prop_map(|(path, host, statuses, digest, expression, orderly_close)| Page {
            path,
            host,
            statuses,
            digest,
            expression: expression.map(Box::new),
            orderly_close,
        })
}

fn expression() -> impl Strategy<Value = Expression> {
    let options = vec(select(ExpressionOptions::all_names().collect::<Vec<_>>()), 0..3);
    ("[a-z\"' .*+]{0,3}[a-z\"']", options, any::<bool>(), any::<u32>(), any::<Option<u32>>()).prop_map(
        |(rest, names, unwanted, least_offset, most_offset)| {
            let mut options = ExpressionOptions::default();
            for name in names {
                *options.by_name(name).unwrap() = true;
            }
            let pattern = format!("x{}", rest.replace(['*', '+'], ".*?").replace("?.*?", "?"));
            Expression { pattern, options, unwanted, least_offset, most_offset }
        },
    )
}

/// Any kind of check that calls somebody.
fn kind(connect: Connect) -> BoxedStrategy<CheckKind> {
    let name = prop_oneof![Just(".".to_owned()), "[a-z]{1,5}(\\.[a-z]{1,5}){0,2}"];
    let byte = select(vec![0xff, 0xf0, 0x0f, 0])
        .prop_flat_map(|mask: u8| any::<u8>().prop_map(move |value| BytePattern { value: value & mask, mask }));
    let reply = (vec(byte, 0..5), any::<u16>(), any::<u16>());
    let reply =
        reply.prop_map(|(pattern, one, other)| UdpReply { pattern, shortest: one.min(other), longest: one.max(other) });
    let (to_mail, to_dns, to_udp, to_ping) = (connect.clone(), connect.clone(), connect.clone(), connect.clone());
    let to_web = connect.clone();
    prop_oneof![
        4 => Just(CheckKind::Tcp(connect)),
        4 => http().prop_map(move |http| CheckKind::Http(Arc::new(HttpProbe { connect: to_web.clone(), ..http }))),
        1 => option::of("[a-z.-]{1,12}").prop_map(move |helo| {
            CheckKind::Smtp(Box::new(SmtpProbe { connect: to_mail.clone(), helo }))
        }),
        1 => (name, select(DnsType::ALL.to_vec())).prop_map(move |(name, (_, kind))| {
            let name = name.parse().unwrap();
            CheckKind::Dns(Box::new(DnsProbe { connect: to_dns.clone(), name, kind }))
        }),
        1 => (option::of(vec(any::<u8>(), 0..9)), option::of(reply)).prop_map(move |(payload, reply)| {
            CheckKind::Udp(Box::new(UdpProbe { connect: to_udp.clone(), payload, reply }))
        }),
        1 => Just(CheckKind::Ping(Connect {
            target: SocketAddr::new(to_ping.target.ip(), 0),
            source_port: None,
            ..to_ping
        })),
    ]
    .boxed()
}

/// Checks as the servers of a service mostly have them: few kinds of them.
fn usual(server: ServerKey) -> Vec<Vec<Check>> {
    let plain = |seconds: u64, warmup: Option<u64>| Check {
        kind: CheckKind::Tcp(Connect {
            target: SocketAddr::new(server.address, server.port),
            source_address: None,
            source_port: None,
            interface: None,
            mark: None,
        }),
        interval: Duration::from_secs(seconds),
        timeout: Duration::from_secs(5),
        retry: 1,
        retry_interval: Duration::from_secs(1),
        warmup: warmup.map(Duration::from_secs),
        tells_failures: None,
        pace: None,
    };
    let told = |tells_failures| vec![Check { tells_failures, ..plain(5, None) }];
    vec![
        Vec::new(),
        vec![plain(60, None)],
        vec![plain(5, None)],
        vec![plain(5, Some(9))],
        vec![plain(5, None), plain(60, Some(9))],
        told(Some(true)),
        told(Some(false)),
    ]
}

fn up_down() -> impl Strategy<Value = UpDown> {
    (option::weighted(0.2, command()), option::weighted(0.2, command())).prop_map(|(up, down)| UpDown { up, down })
}

/// For a service of these servers; a sorry server is as one of them would be.
fn rules(family: Family, port: u16, keeps_port: bool) -> impl Strategy<Value = Rules> {
    let suspend = prop_oneof![
        2 => Just(Suspend::Never),
        1 => Just(Suspend::WithoutOwn),
        1 => vec(ip(family), 1..3).prop_map(Suspend::Without),
    ];
    let sorry = option::of(server(family, port, keeps_port).boxed());
    (any::<u32>(), sorry, suspend, any::<bool>(), up_down()).prop_map(|(hysteresis, sorry, suspend, omega, notify)| {
        let plain = |sorry: ServerConfig| ServerConfig {
            settings: ServerSettings { weight: Weight::ONE, upper_threshold: 0, lower_threshold: 0, ..sorry.settings },
            alpha: false,
            notify: None,
            checks: Vec::new(),
            ..sorry
        };
        Rules { hysteresis, sorry: sorry.map(plain).map(Box::new), suspend, omega, notify }
    })
}

fn server(family: Family, service: u16, keeps_port: bool) -> impl Strategy<Value = ServerConfig> {
    (ip(family), any::<u16>()).prop_flat_map(move |(address, port)| {
        let key = ServerKey { address, port: if keeps_port { service } else { port } };
        let checks = prop_oneof![3 => select(usual(key)), 1 => vec(check(key), 0..3)];
        (checks, 0..=i32::MAX as u32, 0..9_u32, any::<bool>(), any::<bool>(), up_down()).prop_map(
            move |(checks, weight, threshold, inhibit_on_failure, alpha, notify)| ServerConfig {
                key,
                settings: ServerSettings {
                    forwarding: if keeps_port { Forwarding::Direct } else { Forwarding::Masquerade },
                    weight: Weight::new(weight).unwrap(),
                    upper_threshold: threshold,
                    lower_threshold: threshold / 2,
                },
                inhibit_on_failure,
                alpha: alpha && !checks.is_empty(),
                notify: Some(Box::new(notify)).filter(|notify| !notify.is_empty()),
                checks,
            },
        )
    })
}

fn handover() -> impl Strategy<Value = Handover> {
    (option::of(0..=2_678_400_000_000_u64), 0..=2_678_400_000_000_u64).prop_map(|(drain, slow_start)| Handover {
        drain: drain.map(Duration::from_micros),
        slow_start: Duration::from_micros(slow_start),
    })
}

fn floor() -> impl Strategy<Value = Option<Floor>> {
    let count = (1..=u32::MAX).prop_map(|count| Floor::Servers(NonZeroU32::new(count).unwrap()));
    option::of(prop_oneof![count, (1..=100_u8).prop_map(Floor::Percent)])
}

fn service() -> impl Strategy<Value = ServiceConfig> {
    let family = prop_oneof![Just(Family::V4), Just(Family::V6)];
    (family, any::<u16>(), any::<bool>(), option::of(1..=u32::MAX)).prop_flat_map(|(family, port, keeps_port, mark)| {
        let port = if mark.is_some() { 0 } else { port };
        let key = (ip(family), select(&[Protocol::Tcp, Protocol::Udp, Protocol::Sctp][..])).prop_map(
            move |(address, protocol)| match mark.and_then(NonZeroU32::new) {
                Some(mark) => ServiceKey::Fwmark { family, mark },
                None => ServiceKey::Address { protocol, address, port },
            },
        );
        let longest: u8 = if family == Family::V4 { 32 } else { 128 };
        let persistence = (1..=2_678_400_u32, 1..=longest, option::of(Just("sip".to_owned())), any::<bool>());
        let tunnel = option::of(prop_oneof![
            Just(Tunnel::Ipip),
            (1..=u16::MAX).prop_map(|port| Tunnel::Gue { port, checksum: TunnelChecksum::Remote }),
            Just(Tunnel::Gre { checksum: TunnelChecksum::Checksum }),
        ]);
        let settings =
            (select(&Scheduler::ALL[..]), vec(any::<bool>(), 4), persistence, 1..=i32::MAX as u32, floor(), handover());
        let rules = rules(family, port, keeps_port).boxed();
        (key, settings, tunnel, vec(server(family, port, keeps_port).boxed(), 1..5), rules).prop_map(
            move |(key, (scheduler, flags, persistence, quorum, floor, handover), tunnel, found, mut rules)| {
                let (secs, prefix_len, engine, wanted) = persistence;
                let wanted = wanted || matches!(key, ServiceKey::Address { port: 0, .. });
                let mut servers: Vec<ServerConfig> = Vec::new();
                for mut server in found {
                    if let (Some(tunnel), true) = (tunnel, keeps_port && servers.len() % 2 == 1) {
                        server.settings.forwarding = Forwarding::Tunnel(tunnel);
                    }
                    if !servers.iter().any(|other| other.key == server.key) {
                        servers.push(server);
                    }
                }
                let weights = servers.iter().map(|server| u64::from(server.settings.weight.value()));
                let most = u32::try_from(weights.sum::<u64>()).unwrap_or(u32::MAX).max(1);
                let quorum = quorum.min(most);
                rules.hysteresis = rules.hysteresis.min(quorum - 1).min(most - quorum);
                if let (Suspend::WithoutOwn, ServiceKey::Fwmark { .. }) = (&rules.suspend, key) {
                    rules.suspend = Suspend::Never;
                }
                let datagrams = !matches!(key, ServiceKey::Address { protocol: Protocol::Tcp | Protocol::Sctp, .. });
                ServiceConfig {
                    key,
                    settings: ServiceSettings {
                        scheduler,
                        flags: SchedulerFlags {
                            one_packet: flags[0] && datagrams,
                            flag_1: flags[1],
                            flag_2: flags[2],
                            flag_3: flags[3],
                        },
                        persistence: wanted.then(|| Persistence {
                            timeout_secs: NonZeroU32::new(secs).unwrap(),
                            prefix_len,
                            engine,
                        }),
                    },
                    quorum,
                    floor,
                    handover: Handover {
                        slow_start: if scheduler.shares_by_weight() { handover.slow_start } else { Duration::ZERO },
                        ..handover
                    },
                    rules: Box::new(rules),
                    servers,
                    group: None,
                }
            },
        )
    })
}

fn script(name: String) -> impl Strategy<Value = TrackScript> {
    (words(), 1..=9_000_000_u64, 1..=9_000_000_u64, 1..=i32::MAX as u32, option::of(run_as()), any::<bool>()).prop_map(
        move |(command, interval, timeout, rise, user, flag)| TrackScript {
            name: name.clone(),
            command,
            interval: Duration::from_micros(interval + 1_000),
            timeout: Duration::from_micros(timeout + 1_000),
            rise,
            fall: rise / 2 + 1,
            user,
            init_fail: flag,
            on_missing: if flag { OnMissing::Disable } else { OnMissing::Fail },
        },
    )
}

fn process(name: String) -> impl Strategy<Value = TrackProcess> {
    let arguments = option::of((0..3_u8, vec("[a-z -]{0,5}", 0..3)));
    ("[a-z ]{0,5}[a-z]", arguments, any::<bool>(), 1..=65_535_u32, option::of(0..=65_535_u32), time(86_400_000))
        .prop_map(move |(program, arguments, full, quorum, quorum_max, delay)| TrackProcess {
            name: name.clone(),
            program,
            full_command: full || arguments.is_some(),
            arguments: arguments.map(|(kind, words)| match kind {
                0 => ProcessArguments::Exact(words),
                1 => ProcessArguments::Initial(words),
                _ => ProcessArguments::Partial(words),
            }),
            quorum: if quorum_max == Some(0) { 0 } else { quorum },
            quorum_max,
            fork_delay: delay,
            terminate_delay: delay / 2,
        })
}

fn config() -> impl Strategy<Value = Config> {
    let scripts = (script("s0".to_owned()), script("s1".to_owned()), script("s2".to_owned()));
    let processes = (process("p0".to_owned()), process("p1".to_owned()), process("p2".to_owned()));
    // On the heap: what holds all strategies in one value does not fit on the stack.
    let routers = (instance(0, Family::V4).boxed(), instance(1, Family::V6).boxed(), instance(2, Family::V4).boxed());
    (scripts, processes, routers, vec(service().boxed(), 0..4)).prop_map(|(scripts, processes, routers, found)| {
        let mut services: Vec<ServiceConfig> = Vec::new();
        for service in found {
            if !services.iter().any(|other| other.key == service.key) {
                services.push(service);
            }
        }
        Config {
            scripts: vec![scripts.0, scripts.1, scripts.2],
            processes: vec![processes.0, processes.1, processes.2],
            instances: vec![routers.0, routers.1, routers.2],
            services,
            ..Config::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn its_document_means_the_same(config in config()) {
        let written = write(&config, Language::Keepalived, &Comments::default());
        assert_eq!(written.unsaid, Vec::<String>::new());
        let loaded = toml(&written.text);
        let again = loaded.config.unwrap_or_default();
        for (one, other) in config.instances.iter().zip(&again.instances) {
            assert_eq!(one, other, "{}\n{}", written.text, loaded.report.render(false));
        }
        for (one, other) in config.services.iter().zip(&again.services) {
            assert_eq!(one, other, "{}\n{}", written.text, loaded.report.render(false));
        }
        assert_eq!(again, config, "{}\n{}", written.text, loaded.report.render(false));
        assert_eq!(super::schema::unsuitable(&written.text), Vec::<String>::new(), "{}", written.text);
    }
}
