//! Replies of the IPVS family as nouns: one function for each kind of row.
//!
//! An attribute that is not known is skipped, since every kernel may have more than the last. One that is needed and is not
//! there makes the row [`Malformed`]: half a row must not look like a whole one.

use crate::abi::{CTRL_ATTR_FAMILY_ID, attr, daemon, dest, fwd, info, state, stats, svc, tun};
use crate::attribute::{address, attributes, family_of_number};
use crate::destination::{DestinationEntry, DestinationId, DestinationSettings, Forwarding, Tunnel, TunnelFlags};
use crate::error::Malformed;
use crate::general::{Info, SyncDaemon, SyncRole, Timeouts, Version};
use crate::name::{InterfaceName, NameError, PeName, SchedulerName};
use crate::service::{Family, Netmask, Protocol, ServiceEntry, ServiceFlags, ServiceId, ServiceSettings};
use crate::statistics::{CounterWidth, Statistics};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;

fn needed<T>(value: Option<T>, what: &str) -> Result<T, Malformed> {
    value.ok_or_else(|| Malformed::new(format!("{what} is missing")))
}

fn named<T>(result: Result<T, NameError>) -> Result<T, Malformed> {
    result.map_err(|error| Malformed::new(error.to_string()))
}

/// The contents of the one nest that a row consists of.
fn nest<'a>(body: &'a [u8], kind: u16, what: &str) -> Result<&'a [u8], Malformed> {
    for item in attributes(body) {
        let item = item?;
        if item.kind() == kind {
            return Ok(item.bytes());
        }
    }
    Err(Malformed::new(format!("{what} is missing")))
}

/// Reads a `SERVICE` row.
pub(crate) fn service(body: &[u8]) -> Result<ServiceEntry, Malformed> {
    let (mut af, mut protocol, mut addr, mut port, mut fwmark) = (None, None, None, None, None);
    let (mut scheduler, mut flags, mut timeout, mut netmask, mut engine) = (None, None, None, None, None);
    let (mut narrow, mut wide) = (None, None);
    for item in attributes(nest(body, attr::SERVICE, "SERVICE")?) {
        let item = item?;
        match item.kind() {
            svc::AF => af = Some(family_of_number(item.u16()?)?),
            svc::PROTOCOL => protocol = Some(item.u16()?),
            svc::ADDR => addr = Some(item.address_bytes()?),
            svc::PORT => port = Some(item.be16()?),
            svc::FWMARK => fwmark = NonZeroU32::new(item.u32()?),
            svc::SCHED_NAME => scheduler = Some(named(SchedulerName::new(item.text()?))?),
            svc::FLAGS => flags = Some(ServiceFlags::from_bits(item.flags()?)),
            svc::TIMEOUT => timeout = Some(item.u32()?),
            // Its meaning depends on the family, which may come later.
            svc::NETMASK => netmask = Some(item.u32()?),
            svc::PE_NAME => engine = Some(named(PeName::new(item.text()?))?),
            svc::STATS => narrow = Some(statistics(item.bytes(), CounterWidth::Bits32)?),
            svc::STATS64 => wide = Some(statistics(item.bytes(), CounterWidth::Bits64)?),
            _ => {}
        }
    }
    let family = needed(af, "AF")?;
    let id = match fwmark {
        Some(mark) => ServiceId::Fwmark { family, mark },
        None => ServiceId::Address {
            protocol: Protocol::from_number(needed(protocol, "PROTOCOL")?),
            address: address(family, needed(addr, "ADDR")?),
            port: needed(port, "PORT")?,
        },
    };
    Ok(ServiceEntry {
        id,
        settings: ServiceSettings {
            scheduler: needed(scheduler, "SCHED_NAME")?,
            flags: needed(flags, "FLAGS")?,
            timeout_secs: needed(timeout, "TIMEOUT")?,
            netmask: read_netmask(family, needed(netmask, "NETMASK")?)?,
            persistence_engine: engine,
        },
        statistics: wide.or(narrow).unwrap_or_default(),
    })
}

fn read_netmask(family: Family, number: u32) -> Result<Netmask, Malformed> {
    match family {
        Family::V4 => Ok(Netmask::V4(Ipv4Addr::from(number.to_ne_bytes()))),
        Family::V6 => u8::try_from(number)
            .map(Netmask::V6)
            .map_err(|_| Malformed::new(format!("NETMASK {number} is no IPv6 prefix length"))),
    }
}

/// Reads a `DEST` row of a service of this family.
pub(crate) fn destination(body: &[u8], service_family: Family) -> Result<DestinationEntry, Malformed> {
    let (mut addr, mut port, mut family, mut method, mut weight) = (None, None, service_family, None, None);
    let (mut upper, mut lower, mut active, mut inactive, mut persistent) = (None, None, None, None, None);
    let (mut tunnel_kind, mut tunnel_port, mut tunnel_flags) = (tun::IPIP, 0, TunnelFlags::NONE);
    let (mut narrow, mut wide) = (None, None);
    for item in attributes(nest(body, attr::DEST, "DEST")?) {
        let item = item?;
        match item.kind() {
            dest::ADDR => addr = Some(item.address_bytes()?),
            dest::PORT => port = Some(item.be16()?),
            dest::FWD_METHOD => method = Some(item.u32()? & fwd::MASK),
            dest::WEIGHT => weight = Some(item.u32()?),
            dest::U_THRESH => upper = Some(item.u32()?),
            dest::L_THRESH => lower = Some(item.u32()?),
            dest::ACTIVE_CONNS => active = Some(item.u32()?),
            dest::INACT_CONNS => inactive = Some(item.u32()?),
            dest::PERSIST_CONNS => persistent = Some(item.u32()?),
            dest::STATS => narrow = Some(statistics(item.bytes(), CounterWidth::Bits32)?),
            dest::ADDR_FAMILY => family = family_of_number(item.u16()?)?,
            dest::STATS64 => wide = Some(statistics(item.bytes(), CounterWidth::Bits64)?),
            dest::TUN_TYPE => tunnel_kind = item.u8()?,
            dest::TUN_PORT => tunnel_port = item.be16()?,
            dest::TUN_FLAGS => tunnel_flags = TunnelFlags::from_bits(item.u16()?),
            _ => {}
        }
    }
    let forwarding = match needed(method, "FWD_METHOD")? {
        fwd::MASQ => Forwarding::Masquerade,
        fwd::LOCALNODE => Forwarding::Local,
        fwd::TUNNEL => Forwarding::Tunnel(match tunnel_kind {
            tun::IPIP => Tunnel::Ipip,
            tun::GUE => Tunnel::Gue { port: tunnel_port, flags: tunnel_flags },
            tun::GRE => Tunnel::Gre { flags: tunnel_flags },
            kind => Tunnel::Other { kind, port: tunnel_port, flags: tunnel_flags },
        }),
        fwd::DROUTE => Forwarding::DirectRoute,
        fwd::BYPASS => Forwarding::Bypass,
        other => Forwarding::Other(other.to_le_bytes()[0]),
    };
    Ok(DestinationEntry {
        id: DestinationId { address: address(family, needed(addr, "ADDR")?), port: needed(port, "PORT")? },
        settings: DestinationSettings {
            forwarding,
            weight: needed(weight, "WEIGHT")?,
            upper_threshold: needed(upper, "U_THRESH")?,
            lower_threshold: needed(lower, "L_THRESH")?,
        },
        active_connections: needed(active, "ACTIVE_CONNS")?,
        inactive_connections: needed(inactive, "INACT_CONNS")?,
        persistent_connections: needed(persistent, "PERSIST_CONNS")?,
        statistics: wide.or(narrow).unwrap_or_default(),
    })
}

/// Reads a nest of statistics, of either width.
fn statistics(body: &[u8], width: CounterWidth) -> Result<Statistics, Malformed> {
    let mut all = Statistics { width, ..Statistics::default() };
    for item in attributes(body) {
        let item = item?;
        let place = match item.kind() {
            stats::CONNS => &mut all.counters.connections,
            stats::INPKTS => &mut all.counters.incoming_packets,
            stats::OUTPKTS => &mut all.counters.outgoing_packets,
            stats::INBYTES => &mut all.counters.incoming_bytes,
            stats::OUTBYTES => &mut all.counters.outgoing_bytes,
            stats::CPS => &mut all.rates.connections,
            stats::INPPS => &mut all.rates.incoming_packets,
            stats::OUTPPS => &mut all.rates.outgoing_packets,
            stats::INBPS => &mut all.rates.incoming_bytes,
            stats::OUTBPS => &mut all.rates.outgoing_bytes,
            _ => continue,
        };
        *place = item.counter()?;
    }
    Ok(all)
}

/// Reads a `DAEMON` row.
pub(crate) fn sync_daemon(body: &[u8]) -> Result<SyncDaemon, Malformed> {
    let (mut role, mut interface, mut sync_id) = (None, None, None);
    let (mut max_length, mut group, mut port, mut ttl) = (None, None, None, None);
    for item in attributes(nest(body, attr::DAEMON, "DAEMON")?) {
        let item = item?;
        match item.kind() {
            daemon::STATE => {
                role = Some(match item.u32()? {
                    state::MASTER => SyncRole::Master,
                    state::BACKUP => SyncRole::Backup,
                    other => {
                        return Err(Malformed::new(format!("STATE {other} is neither master nor backup")));
                    }
                });
            }
            daemon::MCAST_IFN => interface = Some(named(InterfaceName::new(item.text()?))?),
            daemon::SYNC_ID => sync_id = Some(item.u32()?),
            daemon::SYNC_MAXLEN => max_length = Some(item.u16()?),
            daemon::MCAST_GROUP => group = Some(IpAddr::V4(item.ipv4()?)),
            daemon::MCAST_GROUP6 => group = Some(IpAddr::V6(item.ipv6()?)),
            daemon::MCAST_PORT => port = Some(item.u16()?),
            daemon::MCAST_TTL => ttl = Some(item.u8()?),
            _ => {}
        }
    }
    Ok(SyncDaemon {
        role: needed(role, "STATE")?,
        interface: needed(interface, "MCAST_IFN")?,
        sync_id: needed(sync_id, "SYNC_ID")?,
        max_length,
        group,
        port,
        ttl,
    })
}

/// Reads the reply to `GET_CONFIG`. The kernel leaves out the timeouts of protocols that it was built without; they read as 0.
pub(crate) fn timeouts(body: &[u8]) -> Result<Timeouts, Malformed> {
    let mut all = Timeouts::default();
    for item in attributes(body) {
        let item = item?;
        match item.kind() {
            attr::TIMEOUT_TCP => all.tcp_secs = item.u32()?,
            attr::TIMEOUT_TCP_FIN => all.tcp_fin_secs = item.u32()?,
            attr::TIMEOUT_UDP => all.udp_secs = item.u32()?,
            _ => {}
        }
    }
    Ok(all)
}

/// Reads the reply to `GET_INFO`.
pub(crate) fn information(body: &[u8]) -> Result<Info, Malformed> {
    let (mut version, mut size) = (None, None);
    for item in attributes(body) {
        let item = item?;
        match item.kind() {
            info::VERSION => version = Some(Version::from_number(item.u32()?)),
            info::CONN_TAB_SIZE => size = Some(item.u32()?),
            _ => {}
        }
    }
    Ok(Info { version: needed(version, "VERSION")?, connection_table_size: needed(size, "CONN_TAB_SIZE")? })
}

/// Reads the controller's answer: the number of the family.
pub(crate) fn family_id(body: &[u8]) -> Result<u16, Malformed> {
    for item in attributes(body) {
        let item = item?;
        if item.kind() == CTRL_ATTR_FAMILY_ID {
            return item.u16();
        }
    }
    Err(Malformed::new("FAMILY_ID is missing"))
}

#[cfg(test)]
mod tests;
