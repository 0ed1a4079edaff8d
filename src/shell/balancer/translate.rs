//! The model's nouns in the kernel's terms and back. What the kernel holds and the model has no name for becomes `None`.

use std::net::Ipv4Addr;
use std::num::NonZeroU32;

use nix::net::if_::if_nametoindex;

use crate::balance::{Step, SyncDaemons, SyncRole, SyncSettings, TimeoutSeconds};
use crate::model;

pub(super) fn command(step: &Step) -> Option<ipvs_sys::Command> {
    use ipvs_sys::Command as C;
    Some(match step {
        Step::AddService { service, settings } => {
            C::NewService { service: service_id(*service), settings: service_settings(service.family(), settings)? }
        }
        Step::EditService { service, to, from: _ } => {
            C::set_service(service_id(*service), service_settings(service.family(), to)?)
        }
        Step::AddServer { service, server, settings } => C::NewDestination {
            service: service_id(*service),
            destination: destination_id(*server),
            settings: destination_settings(settings),
        },
        Step::EditServer { service, server, to, from: _ } => C::SetDestination {
            service: service_id(*service),
            destination: destination_id(*server),
            settings: destination_settings(to),
        },
        Step::DeleteServer { service, server } => {
            C::DelDestination { service: service_id(*service), destination: destination_id(*server) }
        }
        Step::DeleteService { service } => C::DelService { service: service_id(*service) },
        Step::SetTimeouts(set) => {
            let secs = |secs: Option<NonZeroU32>| secs.map_or(0, NonZeroU32::get);
            C::SetTimeouts(ipvs_sys::Timeouts {
                tcp_secs: secs(set.tcp_secs),
                tcp_fin_secs: secs(set.tcp_fin_secs),
                udp_secs: secs(set.udp_secs),
            })
        }
        Step::StartDaemon { role, settings } => C::NewDaemon(sync_daemon(*role, settings)?),
        Step::StopDaemon { role } => C::DelDaemon(sync_role(*role)),
    })
}

fn sync_role(role: SyncRole) -> ipvs_sys::SyncRole {
    match role {
        SyncRole::Master => ipvs_sys::SyncRole::Master,
        SyncRole::Backup => ipvs_sys::SyncRole::Backup,
    }
}

/// `None` where the interface's name is longer than the kernel takes.
fn sync_daemon(role: SyncRole, settings: &SyncSettings) -> Option<ipvs_sys::SyncDaemon> {
    let SyncSettings { interface, id, max_len, port, ttl, group } = settings;
    let interface = ipvs_sys::InterfaceName::new(interface).ok()?;
    let (max_length, port, ttl, group) = (*max_len, *port, *ttl, *group);
    Some(ipvs_sys::SyncDaemon { role: sync_role(role), interface, sync_id: *id, max_length, group, port, ttl })
}

/// The daemons that a dump shows, and the interfaces that they name.
pub(super) fn found_daemons<'a>(rows: impl IntoIterator<Item = &'a ipvs_sys::SyncDaemon>) -> SyncDaemons {
    let mut daemons = SyncDaemons::default();
    for row in rows {
        let ipvs_sys::SyncDaemon { role, interface, sync_id, max_length, group, port, ttl } = row;
        let name = interface.as_str().to_owned();
        let found =
            SyncSettings { interface: name, id: *sync_id, max_len: *max_length, port: *port, ttl: *ttl, group: *group };
        let link = if_nametoindex(interface.as_str()).ok();
        daemons.put(found_role(*role), Some(found));
        daemons.links.extend(link.map(|link| (found_role(*role), link)));
    }
    daemons
}

pub(super) fn found_role(role: ipvs_sys::SyncRole) -> SyncRole {
    match role {
        ipvs_sys::SyncRole::Master => SyncRole::Master,
        ipvs_sys::SyncRole::Backup => SyncRole::Backup,
    }
}

pub(super) fn service_id(key: model::ServiceKey) -> ipvs_sys::ServiceId {
    match key {
        model::ServiceKey::Address { protocol, address, port } => {
            let protocol = match protocol {
                model::Protocol::Tcp => ipvs_sys::Protocol::Tcp,
                model::Protocol::Udp => ipvs_sys::Protocol::Udp,
                model::Protocol::Sctp => ipvs_sys::Protocol::Sctp,
            };
            ipvs_sys::ServiceId::Address { protocol, address, port }
        }
        model::ServiceKey::Fwmark { family, mark } => ipvs_sys::ServiceId::Fwmark { family: sys_family(family), mark },
    }
}

pub(super) fn service_key(id: &ipvs_sys::ServiceId) -> Option<model::ServiceKey> {
    Some(match id {
        ipvs_sys::ServiceId::Address { protocol, address, port } => {
            let protocol = match protocol {
                ipvs_sys::Protocol::Tcp => model::Protocol::Tcp,
                ipvs_sys::Protocol::Udp => model::Protocol::Udp,
                ipvs_sys::Protocol::Sctp => model::Protocol::Sctp,
                ipvs_sys::Protocol::Other(_) => return None,
            };
            model::ServiceKey::Address { protocol, address: *address, port: *port }
        }
        ipvs_sys::ServiceId::Fwmark { family, mark } => {
            let family = match family {
                ipvs_sys::Family::V4 => model::Family::V4,
                ipvs_sys::Family::V6 => model::Family::V6,
            };
            model::ServiceKey::Fwmark { family, mark: *mark }
        }
    })
}

fn sys_family(family: model::Family) -> ipvs_sys::Family {
    match family {
        model::Family::V4 => ipvs_sys::Family::V4,
        model::Family::V6 => ipvs_sys::Family::V6,
    }
}

/// `None` where a name is longer than the kernel takes.
fn service_settings(family: model::Family, settings: &model::ServiceSettings) -> Option<ipvs_sys::ServiceSettings> {
    use ipvs_sys::ServiceFlags as F;
    let model::SchedulerFlags { one_packet, flag_1, flag_2, flag_3 } = settings.flags;
    let mut flags = F::NONE;
    for (set, flag) in [(one_packet, F::ONE_PACKET), (flag_1, F::SCHED1), (flag_2, F::SCHED2), (flag_3, F::SCHED3)] {
        if set {
            flags = flags | flag;
        }
    }
    let name = ipvs_sys::SchedulerName::new(settings.scheduler.name()).ok()?;
    let mut new = ipvs_sys::ServiceSettings::new(sys_family(family), name);
    if let Some(persistence) = &settings.persistence {
        flags = flags | F::PERSISTENT;
        new.timeout_secs = persistence.timeout_secs.get();
        new.netmask = match family {
            model::Family::V4 => ipvs_sys::Netmask::V4(mask(persistence.prefix_len)),
            model::Family::V6 => ipvs_sys::Netmask::V6(persistence.prefix_len),
        };
        if let Some(engine) = &persistence.engine {
            new.persistence_engine = Some(ipvs_sys::PeName::new(engine).ok()?);
        }
    }
    new.flags = flags;
    Some(new)
}

fn mask(prefix_len: u8) -> Ipv4Addr {
    let bits = u32::MAX.checked_shl(32 - u32::from(prefix_len.min(32))).unwrap_or(0);
    Ipv4Addr::from_bits(bits)
}

pub(super) fn found_service(settings: &ipvs_sys::ServiceSettings) -> Option<model::ServiceSettings> {
    use ipvs_sys::ServiceFlags as F;
    let has = |flag| settings.flags.contains(flag);
    let known = F::PERSISTENT | F::ONE_PACKET | F::SCHED1 | F::SCHED2 | F::SCHED3;
    if settings.flags.bits() & !known.bits() != 0 {
        return None;
    }
    let engine = settings.persistence_engine.as_ref().map(|engine| engine.as_str().to_owned());
    let persistence = if has(F::PERSISTENT) {
        let prefix_len = prefix_len(settings.netmask)?;
        Some(model::Persistence { timeout_secs: NonZeroU32::new(settings.timeout_secs)?, prefix_len, engine })
    } else if engine.is_some() {
        return None;
    } else {
        None
    };
    Some(model::ServiceSettings {
        scheduler: settings.scheduler.as_str().parse().ok()?,
        flags: model::SchedulerFlags {
            one_packet: has(F::ONE_PACKET),
            flag_1: has(F::SCHED1),
            flag_2: has(F::SCHED2),
            flag_3: has(F::SCHED3),
        },
        persistence,
    })
}

/// `None` for a mask with holes.
pub(super) fn prefix_len(netmask: ipvs_sys::Netmask) -> Option<u8> {
    match netmask {
        ipvs_sys::Netmask::V4(found) => {
            let length = u8::try_from(found.to_bits().leading_ones()).ok()?;
            (mask(length) == found).then_some(length)
        }
        ipvs_sys::Netmask::V6(length) => Some(length),
    }
}

fn destination_id(key: model::ServerKey) -> ipvs_sys::DestinationId {
    ipvs_sys::DestinationId::new(key.address, key.port)
}

pub(super) fn server_key(id: ipvs_sys::DestinationId) -> model::ServerKey {
    model::ServerKey { address: id.address, port: id.port }
}

fn destination_settings(settings: &model::ServerSettings) -> ipvs_sys::DestinationSettings {
    use ipvs_sys::{Forwarding as F, Tunnel as T, TunnelFlags};
    let flags = |checksum| match checksum {
        model::TunnelChecksum::None => TunnelFlags::NONE,
        model::TunnelChecksum::Checksum => TunnelFlags::CHECKSUM,
        model::TunnelChecksum::Remote => TunnelFlags::REMOTE_CHECKSUM,
    };
    let forwarding = match settings.forwarding {
        model::Forwarding::Masquerade => F::Masquerade,
        model::Forwarding::Direct => F::DirectRoute,
        model::Forwarding::Tunnel(model::Tunnel::Ipip) => F::Tunnel(T::Ipip),
        model::Forwarding::Tunnel(model::Tunnel::Gue { port, checksum }) => {
            F::Tunnel(T::Gue { port, flags: flags(checksum) })
        }
        model::Forwarding::Tunnel(model::Tunnel::Gre { checksum }) => F::Tunnel(T::Gre { flags: flags(checksum) }),
        model::Forwarding::Local => F::Local,
        model::Forwarding::Bypass => F::Bypass,
    };
    ipvs_sys::DestinationSettings {
        forwarding,
        weight: settings.weight.value(),
        upper_threshold: settings.upper_threshold,
        lower_threshold: settings.lower_threshold,
    }
}

pub(super) fn found_server(settings: &ipvs_sys::DestinationSettings) -> Option<model::ServerSettings> {
    use ipvs_sys::{Forwarding as F, Tunnel as T, TunnelFlags};
    let checksum = |flags| match flags {
        TunnelFlags::NONE => Some(model::TunnelChecksum::None),
        TunnelFlags::CHECKSUM => Some(model::TunnelChecksum::Checksum),
        TunnelFlags::REMOTE_CHECKSUM => Some(model::TunnelChecksum::Remote),
        _ => None,
    };
    let forwarding = match settings.forwarding {
        F::Masquerade => model::Forwarding::Masquerade,
        F::DirectRoute => model::Forwarding::Direct,
        F::Tunnel(T::Ipip) => model::Forwarding::Tunnel(model::Tunnel::Ipip),
        F::Tunnel(T::Gue { port, flags }) => {
            model::Forwarding::Tunnel(model::Tunnel::Gue { port, checksum: checksum(flags)? })
        }
        F::Tunnel(T::Gre { flags }) => model::Forwarding::Tunnel(model::Tunnel::Gre { checksum: checksum(flags)? }),
        F::Local => model::Forwarding::Local,
        F::Bypass => model::Forwarding::Bypass,
        F::Tunnel(T::Other { .. }) | F::Other(_) => return None,
    };
    Some(model::ServerSettings {
        forwarding,
        weight: model::Weight::new(settings.weight).ok()?,
        upper_threshold: settings.upper_threshold,
        lower_threshold: settings.lower_threshold,
    })
}

pub(super) fn found_timeouts(timeouts: ipvs_sys::Timeouts) -> TimeoutSeconds {
    TimeoutSeconds { tcp: timeouts.tcp_secs, tcp_fin: timeouts.tcp_fin_secs, udp: timeouts.udp_secs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Forwarding, Persistence, SchedulerFlags, Tunnel, TunnelChecksum, Weight};

    #[test]
    fn every_wish_comes_back_as_it_was_sent() {
        let forwardings = [
            Forwarding::Masquerade,
            Forwarding::Direct,
            Forwarding::Local,
            Forwarding::Tunnel(Tunnel::Ipip),
            Forwarding::Tunnel(Tunnel::Gue { port: 6080, checksum: TunnelChecksum::Remote }),
            Forwarding::Tunnel(Tunnel::Gre { checksum: TunnelChecksum::Checksum }),
        ];
        for forwarding in forwardings {
            let wish =
                model::ServerSettings { forwarding, weight: Weight::MAX, upper_threshold: 9, lower_threshold: 8 };
            assert_eq!(found_server(&destination_settings(&wish)), Some(wish));
        }
        for family in [model::Family::V4, model::Family::V6] {
            for bits in 0..16_u8 {
                let bit = |n: u8| bits & (1 << n) != 0;
                for prefix_len in [None, Some(1), Some(24), Some(32)] {
                    let wish = model::ServiceSettings {
                        scheduler: model::Scheduler::MaglevHash,
                        flags: SchedulerFlags { one_packet: bit(0), flag_1: bit(1), flag_2: bit(2), flag_3: bit(3) },
                        persistence: prefix_len.map(|prefix_len| Persistence {
                            timeout_secs: NonZeroU32::MIN,
                            prefix_len,
                            engine: bit(0).then(|| "sip".to_owned()),
                        }),
                    };
                    assert_eq!(found_service(&service_settings(family, &wish).unwrap()), Some(wish));
                }
            }
        }
    }

    #[test]
    fn what_has_no_name_here_is_not_mistaken_for_something_else() {
        let plain = || ipvs_sys::ServiceSettings::new(ipvs_sys::Family::V4, "rr".parse().unwrap());
        assert!(found_service(&plain()).is_some());
        let odd = [
            ipvs_sys::ServiceSettings { scheduler: "mine".parse().unwrap(), ..plain() },
            ipvs_sys::ServiceSettings { flags: ipvs_sys::ServiceFlags::from_bits(0x40), ..plain() },
            ipvs_sys::ServiceSettings {
                flags: ipvs_sys::ServiceFlags::PERSISTENT,
                timeout_secs: 5,
                netmask: ipvs_sys::Netmask::V4(Ipv4Addr::new(255, 0, 255, 0)),
                ..plain()
            },
        ];
        for settings in odd {
            assert_eq!(found_service(&settings), None, "{settings:?}");
        }
        let odd = ipvs_sys::DestinationSettings::new(ipvs_sys::Forwarding::Other(6), 1);
        assert_eq!(found_server(&odd), None);
    }

    #[test]
    fn daemons_come_back_as_they_were_sent() {
        let full = SyncSettings {
            interface: "no-such-link".to_owned(),
            id: 51,
            max_len: Some(1400),
            port: Some(8849),
            ttl: Some(2),
            group: Some([224, 0, 0, 82].into()),
        };
        let bare = SyncSettings { max_len: None, port: None, ttl: None, group: None, ..full.clone() };
        let rows = [sync_daemon(SyncRole::Backup, &bare).unwrap(), sync_daemon(SyncRole::Master, &full).unwrap()];
        assert_eq!(
            found_daemons(&rows),
            SyncDaemons { master: Some(full.clone()), backup: Some(bare), ..SyncDaemons::default() }
        );
        let long = SyncSettings { interface: "an-interface-name-too-long".to_owned(), ..full };
        assert_eq!(sync_daemon(SyncRole::Master, &long), None);
    }

    #[test]
    fn masks_and_lengths() {
        for length in 0..=32 {
            assert_eq!(prefix_len(ipvs_sys::Netmask::V4(mask(length))), Some(length));
        }
    }
}
