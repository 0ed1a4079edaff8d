//! Requests as bytes.
//!
//! Every message is `nlmsghdr` + `genlmsghdr` (netlink-packet-core's and -generic's) + attributes. Two traps of the kernel
//! are dealt with here and nowhere else: `HASHED` is never sent (the type cannot hold it), and the tunnel attributes go out only
//! with the tunnel method, since their absence is what resets them.

use crate::abi::{GENL_NAME, GENL_VERSION, attr, daemon, dest, fwd, state, svc, tun};
use crate::attribute::{Attribute, family_number, length, write};
use crate::command::{Command, CommandKind};
use crate::destination::{DestinationId, DestinationSettings, Forwarding, Tunnel, TunnelFlags};
use crate::general::{SyncDaemon, SyncRole, Timeouts};
use crate::service::{Family, Netmask, ServiceFlags, ServiceId, ServiceSettings};
use netlink_packet_core::{Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_NOOP, NetlinkHeader, NetlinkMessage};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlHeader, GenlMessage};
use std::net::IpAddr;

/// A command of the IPVS family with its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) command: u8,
    pub(crate) attributes: Vec<Attribute>,
}

impl Payload {
    fn new(kind: CommandKind, attributes: Vec<Attribute>) -> Self {
        Self { command: kind.number(), attributes }
    }

    /// A request that carries nothing.
    pub(crate) fn bare(kind: CommandKind) -> Self {
        Self::new(kind, Vec::new())
    }

    /// A request about one service.
    pub(crate) fn about(kind: CommandKind, service: &ServiceId) -> Self {
        Self::new(kind, vec![Attribute::nest(attr::SERVICE, service_key(service))])
    }
}

/// Writes the end of a batch: a message that does nothing but be acknowledged.
///
/// The kernel handles a send in order, so its acknowledgement says that everything before it was handled. It is a message of its own
/// because the last command cannot be relied on for it: one that ends in EINTR gets no answer at all, not even when it
/// asks (`netlink_rcv_skb`). Stopping a sync daemon that has not got round to running yet does that.
pub(crate) fn append_barrier(out: &mut Vec<u8>, sequence: u32) {
    let mut header = NetlinkHeader::default();
    header.length = 16;
    header.message_type = NLMSG_NOOP;
    header.flags = NLM_F_REQUEST | NLM_F_ACK;
    header.sequence_number = sequence;
    append_header(out, &header);
}

/// What a message asks for beside being a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    /// Errors only; they always come.
    Nothing,
    /// Every row.
    Dump,
}

/// Writes a message of the IPVS family behind what is in `out`.
pub(crate) fn append_ipvs(out: &mut Vec<u8>, family: u16, payload: &Payload, sequence: u32, asking: Asking) {
    let generic = GenlHeader { cmd: payload.command, version: GENL_VERSION };
    let length = HEADER + generic.buffer_len() + length(&payload.attributes);
    let mut header = NetlinkHeader::default();
    // The longest request has less than half a kilobyte.
    header.length = u32::try_from(length).unwrap_or(u32::MAX);
    header.message_type = family;
    header.sequence_number = sequence;
    header.flags = match asking {
        Asking::Nothing => NLM_F_REQUEST,
        Asking::Dump => NLM_F_REQUEST | NLM_F_DUMP,
    };
    append_header(out, &header);
    append_header(out, &generic);
    write(&payload.attributes, out);
}

const HEADER: usize = 16;

fn append_header(out: &mut Vec<u8>, header: &impl Emitable) {
    let mut bytes = [0; HEADER];
    let length = header.buffer_len();
    if let Some(place) = bytes.get_mut(..length) {
        header.emit(place);
        out.extend_from_slice(place);
    }
}

/// Writes the question for the number of the IPVS family. Asking it makes the kernel load `ip_vs`.
pub(crate) fn append_family_lookup(out: &mut Vec<u8>, sequence: u32) {
    let payload = GenlCtrl { cmd: GenlCtrlCmd::GetFamily, nlas: vec![GenlCtrlAttrs::FamilyName(GENL_NAME.to_owned())] };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, GenlMessage::from_payload(payload).into());
    message.finalize();
    let start = out.len();
    out.resize(start + message.buffer_len(), 0);
    if let Some(place) = out.get_mut(start..) {
        message.serialize(place);
    }
}

/// The message of a command.
pub(crate) fn payload(command: &Command) -> Payload {
    let kind = command.kind();
    let attributes = match command {
        Command::NewService { service, settings } => {
            vec![Attribute::nest(attr::SERVICE, service_full(service, settings, ServiceFlags::ALL))]
        }
        Command::SetService { service, settings, mask } => {
            vec![Attribute::nest(attr::SERVICE, service_full(service, settings, *mask))]
        }
        Command::DelService { service } | Command::ZeroService(service) => {
            vec![Attribute::nest(attr::SERVICE, service_key(service))]
        }
        Command::NewDestination { service, destination, settings }
        | Command::SetDestination { service, destination, settings } => vec![
            Attribute::nest(attr::SERVICE, service_key(service)),
            Attribute::nest(attr::DEST, destination_full(destination, settings)),
        ],
        Command::DelDestination { service, destination } => vec![
            Attribute::nest(attr::SERVICE, service_key(service)),
            Attribute::nest(attr::DEST, destination_key(destination)),
        ],
        Command::NewDaemon(new) => vec![Attribute::nest(attr::DAEMON, daemon_full(new))],
        Command::DelDaemon(role) => vec![Attribute::nest(attr::DAEMON, vec![daemon_role(*role)])],
        Command::SetTimeouts(timeouts) => timeout_attributes(timeouts),
        Command::ZeroAll | Command::Flush => Vec::new(),
    };
    Payload::new(kind, attributes)
}

pub(crate) fn service_key(service: &ServiceId) -> Vec<Attribute> {
    // Room for all of a service, so that the rest is added without moving it.
    let mut key = Vec::with_capacity(9);
    key.push(Attribute::u16(svc::AF, family_number(service.family())));
    match service {
        ServiceId::Address { protocol, address, port } => key.extend([
            Attribute::u16(svc::PROTOCOL, protocol.number()),
            Attribute::address(svc::ADDR, *address),
            Attribute::be16(svc::PORT, *port),
        ]),
        ServiceId::Fwmark { mark, family: _ } => key.push(Attribute::u32(svc::FWMARK, mark.get())),
    }
    key
}

pub(crate) fn service_full(service: &ServiceId, settings: &ServiceSettings, mask: ServiceFlags) -> Vec<Attribute> {
    let mut all = service_key(service);
    all.extend([
        Attribute::text(svc::SCHED_NAME, settings.scheduler.as_str()),
        Attribute::flags(svc::FLAGS, settings.flags.bits(), mask_bits(mask)),
        Attribute::u32(svc::TIMEOUT, settings.timeout_secs),
        match settings.netmask {
            Netmask::V4(mask) => Attribute::ipv4(svc::NETMASK, mask),
            Netmask::V6(length) => Attribute::u32(svc::NETMASK, u32::from(length)),
        },
    ]);
    if let Some(engine) = &settings.persistence_engine {
        all.push(Attribute::text(svc::PE_NAME, engine.as_str()));
    }
    all
}

/// "All of them" is ~0 on the wire, as every other program sends it; the kernel puts its own bit back by itself.
fn mask_bits(mask: ServiceFlags) -> u32 {
    if mask == ServiceFlags::ALL { u32::MAX } else { mask.bits() }
}

pub(crate) fn destination_key(destination: &DestinationId) -> Vec<Attribute> {
    // Room for all of a destination, likewise.
    let mut key = Vec::with_capacity(10);
    key.extend([
        Attribute::address(dest::ADDR, destination.address),
        Attribute::be16(dest::PORT, destination.port),
        Attribute::u16(dest::ADDR_FAMILY, family_number(Family::of(destination.address))),
    ]);
    key
}

pub(crate) fn destination_full(destination: &DestinationId, settings: &DestinationSettings) -> Vec<Attribute> {
    let mut all = destination_key(destination);
    let (method, tunnel) = match settings.forwarding {
        Forwarding::Masquerade => (fwd::MASQ, None),
        Forwarding::Local => (fwd::LOCALNODE, None),
        Forwarding::Tunnel(tunnel) => (fwd::TUNNEL, Some(tunnel)),
        Forwarding::DirectRoute => (fwd::DROUTE, None),
        Forwarding::Bypass => (fwd::BYPASS, None),
        Forwarding::Other(number) => (u32::from(number) & fwd::MASK, None),
    };
    all.extend([
        Attribute::u32(dest::FWD_METHOD, method),
        Attribute::u32(dest::WEIGHT, settings.weight),
        Attribute::u32(dest::U_THRESH, settings.upper_threshold),
        Attribute::u32(dest::L_THRESH, settings.lower_threshold),
    ]);
    if let Some(tunnel) = tunnel {
        let (kind, port, flags) = match tunnel {
            Tunnel::Ipip => (tun::IPIP, 0, TunnelFlags::NONE),
            Tunnel::Gue { port, flags } => (tun::GUE, port, flags),
            Tunnel::Gre { flags } => (tun::GRE, 0, flags),
            Tunnel::Other { kind, port, flags } => (kind, port, flags),
        };
        all.extend([
            Attribute::u8(dest::TUN_TYPE, kind),
            Attribute::be16(dest::TUN_PORT, port),
            Attribute::u16(dest::TUN_FLAGS, flags.bits()),
        ]);
    }
    all
}

fn daemon_role(role: SyncRole) -> Attribute {
    Attribute::u32(
        daemon::STATE,
        match role {
            SyncRole::Master => state::MASTER,
            SyncRole::Backup => state::BACKUP,
        },
    )
}

pub(crate) fn daemon_full(new: &SyncDaemon) -> Vec<Attribute> {
    let mut all = vec![
        daemon_role(new.role),
        Attribute::text(daemon::MCAST_IFN, new.interface.as_str()),
        Attribute::u32(daemon::SYNC_ID, new.sync_id),
    ];
    if let Some(length) = new.max_length {
        all.push(Attribute::u16(daemon::SYNC_MAXLEN, length));
    }
    match new.group {
        Some(IpAddr::V4(group)) => all.push(Attribute::ipv4(daemon::MCAST_GROUP, group)),
        Some(group @ IpAddr::V6(_)) => all.push(Attribute::address(daemon::MCAST_GROUP6, group)),
        None => {}
    }
    if let Some(port) = new.port {
        all.push(Attribute::u16(daemon::MCAST_PORT, port));
    }
    if let Some(ttl) = new.ttl {
        all.push(Attribute::u8(daemon::MCAST_TTL, ttl));
    }
    all
}

pub(crate) fn timeout_attributes(timeouts: &Timeouts) -> Vec<Attribute> {
    vec![
        Attribute::u32(attr::TIMEOUT_TCP, timeouts.tcp_secs),
        Attribute::u32(attr::TIMEOUT_TCP_FIN, timeouts.tcp_fin_secs),
        Attribute::u32(attr::TIMEOUT_UDP, timeouts.udp_secs),
    ]
}

#[cfg(test)]
pub(crate) mod tests;
