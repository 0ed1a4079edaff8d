//! Rows as kernels write them, read back; and whatever else bytes can be.

use super::*;
use crate::fake::{daemon_row, destination_row, info_answer, service_row, timeouts_answer, unknown_attribute};
use crate::message::tests::{any_daemon, any_destination, any_service_and_settings};
use crate::statistics::{Counters, Rates};
use proptest::prelude::*;

#[cfg(target_endian = "little")]
mod goldens {
    //! What a real kernel wrote, byte by byte; each file says after which command.

    use super::*;
    use crate::message::tests::hex;

    const SERVICE: &str = include_str!("golden/service.hex");
    const SERVICE_MARK: &str = include_str!("golden/service_mark.hex");
    const SERVICE_ENGINE: &str = include_str!("golden/service_engine.hex");
    const DESTINATION: &str = include_str!("golden/destination.hex");
    const DESTINATION_GUE: &str = include_str!("golden/destination_gue.hex");
    const DAEMON_MASTER: &str = include_str!("golden/daemon_master.hex");
    const DAEMON_BACKUP: &str = include_str!("golden/daemon_backup.hex");

    /// The row without these attributes, as an older kernel writes it.
    fn without(row: &[u8], missing: &[u16]) -> Vec<u8> {
        let mut nest = attributes(row).next().unwrap().unwrap().bytes();
        let mut kept = row[..4].to_vec();
        while !nest.is_empty() {
            let length = usize::from(u16::from_le_bytes([nest[0], nest[1]])).next_multiple_of(4);
            if !missing.contains(&u16::from_le_bytes([nest[2], nest[3]])) {
                kept.extend_from_slice(&nest[..length]);
            }
            nest = &nest[length..];
        }
        let length = u16::try_from(kept.len()).unwrap().to_le_bytes();
        kept[..2].copy_from_slice(&length);
        kept
    }

    fn three_connections(width: CounterWidth) -> Statistics {
        Statistics {
            counters: Counters {
                connections: 3,
                incoming_packets: 18,
                outgoing_packets: 12,
                incoming_bytes: 975,
                outgoing_bytes: 3648,
            },
            rates: Rates {
                connections: 0,
                incoming_packets: 1,
                outgoing_packets: 1,
                incoming_bytes: 69,
                outgoing_bytes: 256,
            },
            width,
        }
    }

    #[test]
    fn a_service() {
        let entry = service(&hex(SERVICE)).unwrap();
        assert_eq!(entry.id.to_string(), "tcp 127.0.0.1:80");
        assert_eq!(entry.settings.scheduler.as_str(), "wlc");
        assert_eq!(entry.settings.flags, ServiceFlags::PERSISTENT);
        assert_eq!(entry.settings.timeout_secs, 300);
        assert_eq!(entry.settings.netmask, Netmask::V4(Ipv4Addr::BROADCAST));
        assert_eq!(entry.settings.persistence_engine, None);
        assert_eq!(entry.statistics, three_connections(CounterWidth::Bits64));
    }

    #[test]
    fn a_service_of_a_kernel_without_wide_statistics() {
        let entry = service(&without(&hex(SERVICE), &[svc::STATS64])).unwrap();
        assert_eq!(entry.statistics, three_connections(CounterWidth::Bits32));
    }

    #[test]
    fn a_service_by_mark() {
        let entry = service(&hex(SERVICE_MARK)).unwrap();
        let mark = NonZeroU32::new(7).unwrap();
        assert_eq!(entry.id, ServiceId::Fwmark { family: Family::V6, mark });
        assert_eq!(entry.settings.flags, ServiceFlags::PERSISTENT | ServiceFlags::SH_PORT);
        assert_eq!(entry.settings.netmask, Netmask::V6(64));
    }

    #[test]
    fn a_service_with_an_engine() {
        let entry = service(&hex(SERVICE_ENGINE)).unwrap();
        assert_eq!(entry.settings.persistence_engine.unwrap().as_str(), "sip");
    }

    #[test]
    fn a_destination() {
        let entry = destination(&hex(DESTINATION), Family::V4).unwrap();
        let wanted = DestinationEntry {
            id: "127.0.0.1:8080".parse::<std::net::SocketAddr>().unwrap().into(),
            settings: DestinationSettings {
                forwarding: Forwarding::Masquerade,
                weight: 3,
                upper_threshold: 100,
                lower_threshold: 50,
            },
            active_connections: 0,
            inactive_connections: 3,
            persistent_connections: 1,
            statistics: three_connections(CounterWidth::Bits64),
        };
        assert_eq!(entry, wanted);
    }

    #[test]
    fn a_destination_of_another_family() {
        let entry = destination(&hex(DESTINATION_GUE), Family::V4).unwrap();
        assert_eq!(entry.id.to_string(), "[2001:db8::7]:80");
        let tunnel = Tunnel::Gue { port: 6080, flags: TunnelFlags::REMOTE_CHECKSUM };
        assert_eq!(entry.settings, DestinationSettings::new(Forwarding::Tunnel(tunnel), 2));
    }

    #[test]
    fn a_destination_of_a_kernel_that_knows_neither_families_nor_tunnel_types() {
        let row = hex(DESTINATION_GUE);
        let old = without(&row, &[dest::ADDR_FAMILY, dest::TUN_TYPE, dest::TUN_PORT, dest::TUN_FLAGS, dest::STATS64]);
        let entry = destination(&old, Family::V6).unwrap();
        assert_eq!(entry.id.to_string(), "[2001:db8::7]:80");
        assert_eq!(entry.settings.forwarding, Forwarding::Tunnel(Tunnel::Ipip));
        let entry = destination(&old, Family::V4).unwrap();
        assert_eq!(entry.id.to_string(), "32.1.13.184:80", "the family of the service decides");
    }

    #[test]
    fn every_attribute_that_is_needed_is_missed() {
        for kind in
            [svc::AF, svc::PROTOCOL, svc::ADDR, svc::PORT, svc::SCHED_NAME, svc::FLAGS, svc::TIMEOUT, svc::NETMASK]
        {
            assert!(service(&without(&hex(SERVICE), &[kind])).is_err(), "{kind}");
        }
        for kind in (dest::ADDR..=dest::PERSIST_CONNS).filter(|kind| *kind != dest::ADDR_FAMILY) {
            assert!(destination(&without(&hex(DESTINATION), &[kind]), Family::V4).is_err(), "{kind}");
        }
        for kind in [daemon::STATE, daemon::MCAST_IFN, daemon::SYNC_ID] {
            assert!(sync_daemon(&without(&hex(DAEMON_MASTER), &[kind])).is_err(), "{kind}");
        }
    }

    #[test]
    fn sync_daemons() {
        let master = sync_daemon(&hex(DAEMON_MASTER)).unwrap();
        let mut wanted = SyncDaemon::new(SyncRole::Master, InterfaceName::new("d0").unwrap(), 9);
        wanted.max_length = Some(1472);
        wanted.group = Some([224, 0, 0, 81].into());
        wanted.port = Some(8848);
        wanted.ttl = Some(1);
        assert_eq!(master, wanted);
        let backup = sync_daemon(&hex(DAEMON_BACKUP)).unwrap();
        wanted.role = SyncRole::Backup;
        wanted.sync_id = 8;
        wanted.max_length = Some(1452);
        wanted.group = Some("ff02::51".parse().unwrap());
        wanted.port = Some(8850);
        wanted.ttl = Some(3);
        assert_eq!(backup, wanted);
    }

    /// From the same Linux 6.1.
    #[test]
    fn the_single_answers() {
        let read = timeouts(&hex("0800 0400 84030000 0800 0500 78000000 0800 0600 2c010000")).unwrap();
        assert_eq!(read, Timeouts { tcp_secs: 900, tcp_fin_secs: 120, udp_secs: 300 });
        let read = information(&hex("0800 0100 01020100 0800 0200 00100000")).unwrap();
        assert_eq!((read.version.to_string().as_str(), read.connection_table_size), ("1.2.1", 4096));
        let family = "0900 0200 49505653 00000000 # FAMILY_NAME
                      0600 0100 1c000000          # FAMILY_ID
                      0800 0300 01000000          # VERSION
                      0800 0400 00000000          # HDRSIZE
                      0800 0500 06000000          # MAXATTR";
        assert_eq!(family_id(&hex(family)).unwrap(), 0x1c);
    }
}

prop_compose! {
    fn any_statistics()(
        a in any::<[u64; 5]>(), b in any::<[u64; 5]>(), wide in any::<bool>()
    ) -> Statistics {
        let width = if wide { CounterWidth::Bits64 } else { CounterWidth::Bits32 };
        // The narrow form has 64 bits for bytes alone.
        let n = |v: u64| if wide { v } else { v & 0xffff_ffff };
        Statistics {
            counters: Counters {
                connections: n(a[0]), incoming_packets: n(a[1]), outgoing_packets: n(a[2]),
                incoming_bytes: a[3], outgoing_bytes: a[4],
            },
            rates: Rates {
                connections: n(b[0]), incoming_packets: n(b[1]), outgoing_packets: n(b[2]),
                incoming_bytes: n(b[3]), outgoing_bytes: n(b[4]),
            },
            width,
        }
    }
}

proptest! {
    #[test]
    fn services_come_back((id, settings) in any_service_and_settings(), statistics in any_statistics()) {
        let entry = ServiceEntry { id, settings, statistics };
        let mut row = service_row(&entry);
        row.extend(unknown_attribute());
        prop_assert_eq!(service(&row).unwrap(), entry);
    }

    #[test]
    fn destinations_come_back(
        (id, settings) in any_destination(), connections in any::<[u32; 3]>(), statistics in any_statistics(),
        v6 in any::<bool>(),
    ) {
        let [active_connections, inactive_connections, persistent_connections] = connections;
        let entry = DestinationEntry {
            id, settings, active_connections, inactive_connections, persistent_connections, statistics,
        };
        let family = if v6 { Family::V6 } else { Family::V4 };
        prop_assert_eq!(destination(&destination_row(&entry), family).unwrap(), entry);
    }

    #[test]
    fn daemons_come_back(entry in any_daemon()) {
        prop_assert_eq!(sync_daemon(&daemon_row(&entry)).unwrap(), entry);
    }

    #[test]
    fn the_single_answers_come_back(n in any::<[u32; 4]>(), v in any::<[u8; 3]>()) {
        let t = Timeouts { tcp_secs: n[0], tcp_fin_secs: n[1], udp_secs: n[2] };
        prop_assert_eq!(timeouts(&timeouts_answer(&t)).unwrap(), t);
        let version = Version { major: v[0], minor: v[1], patch: v[2] };
        let i = Info { version, connection_table_size: n[3] };
        prop_assert_eq!(information(&info_answer(&i)).unwrap(), i);
    }

    /// Cut anywhere, a row is an error or (cut behind all that is needed) the same row; never a panic.
    #[test]
    fn a_cut_row_is_never_another_row((id, settings) in any_service_and_settings(), cut in any::<proptest::sample::Index>()) {
        let entry = ServiceEntry { id, settings, statistics: Statistics::default() };
        let row = service_row(&entry);
        let cut = cut.index(row.len());
        prop_assert!(service(&row[..cut]).is_err());
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = service(&bytes);
        let _ = destination(&bytes, Family::V6);
        let _ = sync_daemon(&bytes);
        let _ = timeouts(&bytes);
        let _ = information(&bytes);
        let _ = family_id(&bytes);
    }

    /// Random bytes seldom get past the first length; damaged rows get everywhere.
    #[test]
    fn damaged_rows_do_not_panic(
        (id, settings) in any_service_and_settings(), (dest_id, dest) in any_destination(), daemon in any_daemon(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let damaged = |mut row: Vec<u8>| {
            for (at, byte) in &damage {
                let at = at.index(row.len());
                row[at] = *byte;
            }
            row
        };
        let statistics = Statistics { width: CounterWidth::Bits64, ..Statistics::default() };
        let _ = service(&damaged(service_row(&ServiceEntry { id, settings, statistics })));
        let entry = DestinationEntry {
            id: dest_id, settings: dest, active_connections: 0, inactive_connections: 0, persistent_connections: 0, statistics,
        };
        let _ = destination(&damaged(destination_row(&entry)), Family::V4);
        let _ = sync_daemon(&damaged(daemon_row(&daemon)));
    }
}
