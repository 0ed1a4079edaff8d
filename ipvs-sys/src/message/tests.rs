//! Golden bytes of every request, checked by hand against `ip_vs.h`, and read back by neli, which shares no code with us.

use super::*;
use crate::fake::{FAMILY, requests};
use crate::name::{InterfaceName, PeName, SchedulerName};
use crate::service::Protocol;
use neli::genl::{Genlmsghdr, Nlattr};
use neli::types::{Buffer, GenlBuffer};
use neli::{FromBytes, FromBytesWithInput};
use proptest::prelude::*;
use std::io::Cursor;
use std::num::NonZeroU32;

fn datagram(command: &Command) -> Vec<u8> {
    let mut out = Vec::new();
    append_ipvs(&mut out, FAMILY, &payload(command), 7, Asking::Nothing);
    out
}

/// Bytes written as hexadecimal digits, with spaces and `# remarks` in between.
#[cfg(target_endian = "little")]
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: String = text
        .lines()
        .flat_map(|line| line.split('#').next())
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[cfg(target_endian = "little")]
#[track_caller]
fn golden(bytes: &[u8], text: &str) {
    let wanted = hex(text);
    assert_eq!(bytes, wanted, "\n got {}\nwant {}", show(bytes), show(&wanted));
}

#[cfg(target_endian = "little")]
fn show(bytes: &[u8]) -> String {
    bytes.chunks(4).map(|w| w.iter().map(|b| format!("{b:02x}")).collect::<String>()).collect::<Vec<_>>().join(" ")
}

fn tcp4() -> ServiceId {
    ServiceId::tcp("192.0.2.1:80".parse().unwrap())
}

fn udp6() -> ServiceId {
    ServiceId::udp("[2001:db8::1]:53".parse().unwrap())
}

fn mark(family: Family, mark: u32) -> ServiceId {
    ServiceId::Fwmark { family, mark: NonZeroU32::new(mark).unwrap() }
}

fn settings(family: Family, scheduler: &str) -> ServiceSettings {
    ServiceSettings::new(family, SchedulerName::new(scheduler).unwrap())
}

#[cfg(target_endian = "little")]
mod goldens {
    use super::*;

    #[test]
    fn new_service_tcp_ipv4() {
        let mut settings = settings(Family::V4, "wlc");
        settings.flags = ServiceFlags::PERSISTENT;
        settings.timeout_secs = 300;
        golden(
            &datagram(&Command::NewService { service: tcp4(), settings }),
            "68000000 1c00 0100 07000000 00000000 # length 104, family, REQUEST, sequence 7, port 0
             01 01 0000                           # NEW_SERVICE, version 1
             5400 0180                            # SERVICE, nested
             0600 0100 0200 0000                  # AF 2
             0600 0200 0600 0000                  # PROTOCOL 6
             1400 0300 c0000201 00000000 00000000 00000000 # ADDR
             0600 0400 0050 0000                  # PORT 80, be
             0800 0600 776c6300                   # SCHED_NAME wlc
             0c00 0700 01000000 ffffffff          # FLAGS persistent, mask ~0
             0800 0800 2c010000                   # TIMEOUT 300
             0800 0900 ffffffff                   # NETMASK",
        );
    }

    #[test]
    fn set_service_udp_ipv6_with_engine_and_mask() {
        let mut settings = settings(Family::V6, "sh");
        settings.flags = ServiceFlags::PERSISTENT | ServiceFlags::SH_PORT;
        settings.timeout_secs = 10;
        settings.netmask = Netmask::V6(64);
        settings.persistence_engine = Some(PeName::new("sip").unwrap());
        let mask = ServiceFlags::SH_PORT | ServiceFlags::SH_FALLBACK;
        golden(
            &datagram(&Command::SetService { service: udp6(), settings, mask }),
            "70000000 1c00 0100 07000000 00000000
             02 01 0000                           # SET_SERVICE
             5c00 0180
             0600 0100 0a00 0000                  # AF 10
             0600 0200 1100 0000                  # PROTOCOL 17
             1400 0300 20010db8 00000000 00000000 00000001
             0600 0400 0035 0000                  # PORT 53
             0700 0600 736800 00                  # SCHED_NAME sh, padded
             0c00 0700 11000000 18000000          # FLAGS, and only two of them meant
             0800 0800 0a000000
             0800 0900 40000000                   # NETMASK: prefix length 64, native
             0800 0b00 73697000                   # PE_NAME sip",
        );
    }

    #[test]
    fn del_service_by_mark() {
        golden(
            &datagram(&Command::DelService { service: mark(Family::V6, 7) }),
            "28000000 1c00 0100 07000000 00000000
             03 01 0000                           # DEL_SERVICE
             1400 0180
             0600 0100 0a00 0000                  # AF 10
             0800 0500 07000000                   # FWMARK 7",
        );
    }

    #[test]
    fn new_destination_by_nat() {
        let destination = DestinationId::new([10, 0, 0, 7].into(), 8080);
        let mut settings = DestinationSettings::new(Forwarding::Masquerade, 3);
        (settings.upper_threshold, settings.lower_threshold) = (100, 50);
        golden(
            &datagram(&Command::NewDestination { service: tcp4(), destination, settings }),
            "8c000000 1c00 0100 07000000 00000000
             05 01 0000                           # NEW_DEST
             3000 0180                            # SERVICE: the key alone
             0600 0100 0200 0000
             0600 0200 0600 0000
             1400 0300 c0000201 00000000 00000000 00000000
             0600 0400 0050 0000
             4800 0280                            # DEST, nested
             1400 0100 0a000007 00000000 00000000 00000000 # ADDR
             0600 0200 1f90 0000                  # PORT 8080, be
             0600 0b00 0200 0000                  # ADDR_FAMILY 2
             0800 0300 00000000                   # FWD_METHOD masquerade
             0800 0400 03000000                   # WEIGHT
             0800 0500 64000000                   # U_THRESH
             0800 0600 32000000                   # L_THRESH",
        );
    }

    #[test]
    fn set_destination_through_gue_to_the_other_family() {
        let destination = DestinationId::new("2001:db8::7".parse().unwrap(), 80);
        let tunnel = Tunnel::Gue { port: 6080, flags: TunnelFlags::CHECKSUM };
        let settings = DestinationSettings::new(Forwarding::Tunnel(tunnel), 1);
        golden(
            &datagram(&Command::SetDestination { service: mark(Family::V4, 1), destination, settings }),
            "88000000 1c00 0100 07000000 00000000
             06 01 0000                           # SET_DEST
             1400 0180
             0600 0100 0200 0000
             0800 0500 01000000                   # FWMARK 1
             6000 0280
             1400 0100 20010db8 00000000 00000000 00000007
             0600 0200 0050 0000
             0600 0b00 0a00 0000                  # ADDR_FAMILY 10
             0800 0300 02000000                   # FWD_METHOD tunnel
             0800 0400 01000000
             0800 0500 00000000
             0800 0600 00000000
             0500 0d00 01 000000                  # TUN_TYPE gue
             0600 0e00 17c0 0000                  # TUN_PORT 6080, be
             0600 0f00 0100 0000                  # TUN_FLAGS csum",
        );
    }

    #[test]
    fn del_destination() {
        let destination = DestinationId::new([10, 0, 0, 7].into(), 80);
        golden(
            &datagram(&Command::DelDestination { service: mark(Family::V4, 1), destination }),
            "50000000 1c00 0100 07000000 00000000
             07 01 0000                           # DEL_DEST
             1400 0180
             0600 0100 0200 0000
             0800 0500 01000000
             2800 0280
             1400 0100 0a000007 00000000 00000000 00000000
             0600 0200 0050 0000
             0600 0b00 0200 0000",
        );
    }

    #[test]
    fn new_and_del_daemon() {
        let mut daemon = SyncDaemon::new(SyncRole::Master, InterfaceName::new("eth0").unwrap(), 9);
        golden(
            &datagram(&Command::NewDaemon(daemon.clone())),
            "34000000 1c00 0100 07000000 00000000
             09 01 0000                           # NEW_DAEMON
             2000 0380                            # DAEMON, nested
             0800 0100 01000000                   # STATE master
             0900 0200 65746830 00 000000         # MCAST_IFN eth0
             0800 0300 09000000                   # SYNC_ID",
        );
        daemon.role = SyncRole::Backup;
        daemon.max_length = Some(1400);
        daemon.group = Some([224, 0, 0, 81].into());
        daemon.port = Some(8848);
        daemon.ttl = Some(2);
        golden(
            &datagram(&Command::NewDaemon(daemon.clone())),
            "54000000 1c00 0100 07000000 00000000
             09 01 0000
             4000 0380
             0800 0100 02000000                   # STATE backup
             0900 0200 65746830 00 000000
             0800 0300 09000000
             0600 0400 7805 0000                  # SYNC_MAXLEN 1400
             0800 0500 e0000051                   # MCAST_GROUP
             0600 0700 9022 0000                  # MCAST_PORT 8848, native
             0500 0800 02 000000                  # MCAST_TTL",
        );
        daemon.group = Some("ff02::51".parse().unwrap());
        let bytes = datagram(&Command::NewDaemon(daemon));
        assert!(bytes.windows(20).any(|w| *w == hex("1400 0600 ff020000 00000000 00000000 00000051")[..]));
        golden(
            &datagram(&Command::DelDaemon(SyncRole::Backup)),
            "20000000 1c00 0100 07000000 00000000
             0a 01 0000                           # DEL_DAEMON
             0c00 0380
             0800 0100 02000000",
        );
    }

    #[test]
    fn set_config() {
        let timeouts = Timeouts { tcp_secs: 900, tcp_fin_secs: 0, udp_secs: 300 };
        golden(
            &datagram(&Command::SetTimeouts(timeouts)),
            "2c000000 1c00 0100 07000000 00000000
             0c 01 0000                           # SET_CONFIG
             0800 0400 84030000
             0800 0500 00000000                   # 0: leave it
             0800 0600 2c010000",
        );
    }

    #[test]
    fn zero_and_flush() {
        golden(&datagram(&Command::ZeroAll), "14000000 1c00 0100 07000000 00000000 10 01 0000");
        golden(&datagram(&Command::Flush), "14000000 1c00 0100 07000000 00000000 11 01 0000");
        golden(
            &datagram(&Command::ZeroService(mark(Family::V4, 1))),
            "28000000 1c00 0100 07000000 00000000 10 01 0000
             1400 0180 0600 0100 0200 0000 0800 0500 01000000",
        );
    }

    #[test]
    fn questions() {
        let ask = |payload, asking| {
            let mut out = Vec::new();
            append_ipvs(&mut out, FAMILY, &payload, 7, asking);
            out
        };
        let bare = |kind, asking| ask(Payload::bare(kind), asking);
        golden(&bare(CommandKind::GetInfo, Asking::Nothing), "14000000 1c00 0100 07000000 00000000 0f 01 0000");
        golden(&bare(CommandKind::GetConfig, Asking::Nothing), "14000000 1c00 0100 07000000 00000000 0d 01 0000");
        golden(
            &bare(CommandKind::GetService, Asking::Dump),
            "14000000 1c00 0103 07000000 00000000 04 01 0000 # REQUEST, DUMP",
        );
        golden(&bare(CommandKind::GetDaemon, Asking::Dump), "14000000 1c00 0103 07000000 00000000 0b 01 0000");
        let about = |kind, asking| ask(Payload::about(kind, &mark(Family::V4, 1)), asking);
        golden(
            &about(CommandKind::GetService, Asking::Nothing),
            "28000000 1c00 0100 07000000 00000000 04 01 0000
             1400 0180 0600 0100 0200 0000 0800 0500 01000000",
        );
        golden(
            &about(CommandKind::GetDest, Asking::Dump),
            "28000000 1c00 0103 07000000 00000000 08 01 0000
             1400 0180 0600 0100 0200 0000 0800 0500 01000000",
        );
        let mut barrier = Vec::new();
        append_barrier(&mut barrier, 7);
        golden(&barrier, "10000000 0100 0500 07000000 00000000 # NLMSG_NOOP, REQUEST, ACK");
        let mut lookup = Vec::new();
        append_family_lookup(&mut lookup, 7);
        golden(
            &lookup,
            "20000000 1000 0100 07000000 00000000 # the controller's fixed number, 0x10
             03 02 0000                           # CTRL_CMD_GETFAMILY, version 2
             0900 0200 49505653 00 000000         # FAMILY_NAME IPVS",
        );
    }
}

// ---- the second decoder

type Attributes = GenlBuffer<u16, Buffer>;

fn neli_reads(command: &Command) -> Genlmsghdr<u8, u16> {
    let bytes = datagram(command);
    let header = neli::nl::Nlmsghdr::<u16, Genlmsghdr<u8, u16>>::from_bytes(&mut Cursor::new(&bytes[..])).unwrap();
    assert_eq!(*header.nl_type(), FAMILY);
    assert_eq!(*header.nl_seq(), 7);
    header.get_payload().unwrap().clone()
}

fn nested(message: &Genlmsghdr<u8, u16>, kind: u16) -> Attributes {
    let outer: &Nlattr<u16, Buffer> = message.attrs().iter().find(|a| *a.nla_type().nla_type() == kind).unwrap();
    assert!(outer.nla_type().nla_nested());
    let bytes = outer.nla_payload().as_ref();
    Attributes::from_bytes_with_input(&mut Cursor::new(bytes), bytes.len()).unwrap()
}

fn value(attributes: &Attributes, kind: u16) -> Option<Vec<u8>> {
    attributes.iter().find(|a| *a.nla_type().nla_type() == kind).map(|a| a.nla_payload().as_ref().to_vec())
}

fn value32(attributes: &Attributes, kind: u16) -> u32 {
    attributes.get_attr_handle().get_attr_payload_as::<u32>(kind).unwrap()
}

fn value16(attributes: &Attributes, kind: u16) -> u16 {
    attributes.get_attr_handle().get_attr_payload_as::<u16>(kind).unwrap()
}

fn sixteen(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => [&v4.octets()[..], &[0; 12]].concat(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn agree_on_key(key: &Attributes, service: &ServiceId) {
    assert_eq!(
        value16(key, 1),
        match service.family() {
            Family::V4 => 2,
            Family::V6 => 10,
        }
    );
    match service {
        ServiceId::Address { protocol, address, port } => {
            assert_eq!(value16(key, 2), protocol.number());
            assert_eq!(value(key, 3).unwrap(), sixteen(*address));
            assert_eq!(value16(key, 4).to_ne_bytes(), port.to_be_bytes());
            assert_eq!(value(key, 5), None);
        }
        ServiceId::Fwmark { mark, family: _ } => {
            assert_eq!(value32(key, 5), mark.get());
            assert_eq!((value(key, 2), value(key, 3), value(key, 4)), (None, None, None));
        }
    }
}

fn with_nul(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

pub(crate) fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

pub(crate) fn any_service() -> impl Strategy<Value = ServiceId> {
    prop_oneof![
        (any::<u16>(), any_address(), any::<u16>()).prop_map(|(protocol, address, port)| {
            ServiceId::Address { protocol: Protocol::from_number(protocol), address, port }
        }),
        (any::<bool>(), 1..=u32::MAX).prop_map(|(v6, m)| mark(if v6 { Family::V6 } else { Family::V4 }, m)),
    ]
}

prop_compose! {
    pub(crate) fn any_service_settings(family: Family)(
        scheduler in "[!-~]{1,15}", engine in proptest::option::of("[!-~]{1,15}"),
        flags in any::<u32>(), timeout_secs in any::<u32>(), mask in any::<[u8; 4]>(), length in any::<u8>(),
    ) -> ServiceSettings {
        ServiceSettings {
            scheduler: SchedulerName::new(&scheduler).unwrap(),
            flags: ServiceFlags::from_bits(flags),
            timeout_secs,
            netmask: match family { Family::V4 => Netmask::V4(mask.into()), Family::V6 => Netmask::V6(length) },
            persistence_engine: engine.map(|name| PeName::new(&name).unwrap()),
        }
    }
}

pub(crate) fn any_forwarding() -> impl Strategy<Value = Forwarding> {
    let flags = any::<u16>().prop_map(TunnelFlags::from_bits);
    prop_oneof![
        Just(Forwarding::Masquerade),
        Just(Forwarding::Local),
        Just(Forwarding::DirectRoute),
        Just(Forwarding::Bypass),
        Just(Forwarding::Tunnel(Tunnel::Ipip)),
        (5_u8..=7).prop_map(Forwarding::Other),
        (any::<u16>(), flags.clone()).prop_map(|(port, flags)| Forwarding::Tunnel(Tunnel::Gue { port, flags })),
        flags.clone().prop_map(|flags| Forwarding::Tunnel(Tunnel::Gre { flags })),
        (3_u8.., any::<u16>(), flags).prop_map(|(kind, port, flags)| Forwarding::Tunnel(Tunnel::Other {
            kind,
            port,
            flags
        })),
    ]
}

prop_compose! {
    pub(crate) fn any_destination()(
        address in any_address(), port in any::<u16>(), forwarding in any_forwarding(),
        weight in any::<u32>(), upper_threshold in any::<u32>(), lower_threshold in any::<u32>(),
    ) -> (DestinationId, DestinationSettings) {
        (DestinationId { address, port }, DestinationSettings { forwarding, weight, upper_threshold, lower_threshold })
    }
}

prop_compose! {
    pub(crate) fn any_daemon()(
        master in any::<bool>(), interface in "[!-~]{1,15}", sync_id in any::<u32>(),
        max_length in any::<Option<u16>>(), group in proptest::option::of(any_address()),
        port in any::<Option<u16>>(), ttl in any::<Option<u8>>(),
    ) -> SyncDaemon {
        SyncDaemon {
            role: if master { SyncRole::Master } else { SyncRole::Backup },
            interface: InterfaceName::new(&interface).unwrap(),
            sync_id, max_length, group, port, ttl,
        }
    }
}

pub(crate) fn any_service_and_settings() -> impl Strategy<Value = (ServiceId, ServiceSettings)> {
    any_service().prop_flat_map(|service| (Just(service), any_service_settings(service.family())))
}

proptest! {
    #[test]
    fn neli_reads_services((service, settings) in any_service_and_settings(), mask in any::<u32>()) {
        let mask = ServiceFlags::from_bits(mask);
        let message = neli_reads(&Command::SetService { service, settings: settings.clone(), mask });
        prop_assert_eq!((*message.cmd(), *message.version()), (2, 1));
        let all = nested(&message, 1);
        agree_on_key(&all, &service);
        prop_assert_eq!(value(&all, 6).unwrap(), with_nul(settings.scheduler.as_str()));
        let sent_mask = if mask == ServiceFlags::ALL { u32::MAX } else { mask.bits() };
        prop_assert_eq!(
            value(&all, 7).unwrap(),
            [settings.flags.bits().to_ne_bytes(), sent_mask.to_ne_bytes()].concat()
        );
        prop_assert_eq!(value32(&all, 8), settings.timeout_secs);
        match settings.netmask {
            Netmask::V4(mask) => prop_assert_eq!(value(&all, 9).unwrap(), mask.octets()),
            Netmask::V6(length) => prop_assert_eq!(value32(&all, 9), u32::from(length)),
        }
        prop_assert_eq!(value(&all, 11), settings.persistence_engine.map(|name| with_nul(name.as_str())));
    }

    #[test]
    fn neli_reads_destinations(service in any_service(), (destination, settings) in any_destination()) {
        let message = neli_reads(&Command::NewDestination { service, destination, settings });
        prop_assert_eq!(*message.cmd(), 5);
        agree_on_key(&nested(&message, 1), &service);
        let all = nested(&message, 2);
        prop_assert_eq!(value(&all, 1).unwrap(), sixteen(destination.address));
        prop_assert_eq!(value16(&all, 2).to_ne_bytes(), destination.port.to_be_bytes());
        prop_assert_eq!(value16(&all, 11), if destination.address.is_ipv4() { 2 } else { 10 });
        let (method, tunnel) = match settings.forwarding {
            Forwarding::Masquerade => (0, None),
            Forwarding::Local => (1, None),
            Forwarding::Tunnel(Tunnel::Ipip) => (2, Some((0, 0, 0))),
            Forwarding::Tunnel(Tunnel::Gue { port, flags }) => (2, Some((1, port, flags.bits()))),
            Forwarding::Tunnel(Tunnel::Gre { flags }) => (2, Some((2, 0, flags.bits()))),
            Forwarding::Tunnel(Tunnel::Other { kind, port, flags }) => (2, Some((kind, port, flags.bits()))),
            Forwarding::DirectRoute => (3, None),
            Forwarding::Bypass => (4, None),
            Forwarding::Other(number) => (u32::from(number), None),
        };
        prop_assert_eq!(value32(&all, 3), method);
        prop_assert_eq!(
            [value32(&all, 4), value32(&all, 5), value32(&all, 6)],
            [settings.weight, settings.upper_threshold, settings.lower_threshold]
        );
        match tunnel {
            None => prop_assert_eq!((value(&all, 13), value(&all, 14), value(&all, 15)), (None, None, None)),
            Some((kind, port, flags)) => {
                prop_assert_eq!(value(&all, 13).unwrap(), vec![kind]);
                prop_assert_eq!(value16(&all, 14).to_ne_bytes(), port.to_be_bytes());
                prop_assert_eq!(value16(&all, 15), flags);
            }
        }
    }

    #[test]
    fn neli_reads_daemons_and_timeouts(daemon in any_daemon(), t in any::<[u32; 3]>()) {
        let message = neli_reads(&Command::NewDaemon(daemon.clone()));
        prop_assert_eq!(*message.cmd(), 9);
        let all = nested(&message, 3);
        prop_assert_eq!(value32(&all, 1), if daemon.role == SyncRole::Master { 1 } else { 2 });
        prop_assert_eq!(value(&all, 2).unwrap(), with_nul(daemon.interface.as_str()));
        prop_assert_eq!(value32(&all, 3), daemon.sync_id);
        prop_assert_eq!(value(&all, 4).map(|_| value16(&all, 4)), daemon.max_length);
        let group = match daemon.group {
            Some(IpAddr::V4(v4)) => (Some(v4.octets().to_vec()), None),
            Some(IpAddr::V6(v6)) => (None, Some(v6.octets().to_vec())),
            None => (None, None),
        };
        prop_assert_eq!((value(&all, 5), value(&all, 6)), group);
        prop_assert_eq!(value(&all, 7).map(|_| value16(&all, 7)), daemon.port);
        prop_assert_eq!(value(&all, 8), daemon.ttl.map(|ttl| vec![ttl]));

        let [tcp_secs, tcp_fin_secs, udp_secs] = t;
        let message = neli_reads(&Command::SetTimeouts(Timeouts { tcp_secs, tcp_fin_secs, udp_secs }));
        prop_assert_eq!(*message.cmd(), 12);
        let handle = message.attrs().get_attr_handle();
        let read = [4, 5, 6].map(|kind: u16| handle.get_attr_payload_as::<u32>(kind).unwrap());
        prop_assert_eq!(read, t);
    }

    #[test]
    fn every_message_is_whole_and_aligned((service, settings) in any_service_and_settings()) {
        let mut out = datagram(&Command::NewService { service, settings: settings.clone() });
        append_ipvs(&mut out, FAMILY, &payload(&Command::set_service(service, settings)), 8, Asking::Nothing);
        let sequences: Vec<u32> = requests(&out).iter().map(|r| r.sequence).collect();
        prop_assert_eq!(sequences, vec![7, 8]);
    }
}
