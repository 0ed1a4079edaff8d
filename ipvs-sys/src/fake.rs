//! A kernel for tests: it answers as a script tells it to, and can lose, cut, repeat, reorder and invent answers.

use crate::abi::{GENL_VERSION, attr, daemon, dest, info, stats, svc};
use crate::attribute::{Attribute, write};
use crate::destination::DestinationEntry;
use crate::general::{Info, SyncDaemon, Timeouts};
use crate::message::{daemon_full, destination_full, service_full, service_key, timeout_attributes};
use crate::service::{ServiceEntry, ServiceFlags};
use crate::statistics::{CounterWidth, Statistics};
use crate::transport::{Limits, ReceiveError, Transport};
use netlink_packet_core::{NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The port number of the fake socket.
pub(crate) const PORT: u32 = 4242;
/// The number under which the fake kernel has IPVS.
pub(crate) const FAMILY: u16 = 0x1c;

/// One message that was sent to the fake kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    pub(crate) command: u8,
    pub(crate) attributes: Vec<u8>,
}

/// What a receive finds.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Data(Vec<u8>),
    Overrun,
    Truncated,
    Failed(i32),
}

type Script = dyn FnMut(&[Request]) -> Result<Vec<Event>, i32> + Send;

/// What was sent, one entry for each send.
pub(crate) type Sent = Arc<Mutex<Vec<Vec<Request>>>>;

pub(crate) struct FakeKernel {
    script: Box<Script>,
    queue: VecDeque<Event>,
    limits: Limits,
    sent: Sent,
}

impl FakeKernel {
    /// `script` sees the requests of each send and gives what can be received afterwards, or the errno of the send.
    pub(crate) fn new(script: impl FnMut(&[Request]) -> Result<Vec<Event>, i32> + Send + 'static) -> (Box<Self>, Sent) {
        Self::with_limits(Limits::default(), script)
    }

    pub(crate) fn with_limits(
        limits: Limits,
        script: impl FnMut(&[Request]) -> Result<Vec<Event>, i32> + Send + 'static,
    ) -> (Box<Self>, Sent) {
        let sent = Sent::default();
        let kernel = Self { script: Box::new(script), queue: VecDeque::new(), limits, sent: Arc::clone(&sent) };
        (Box::new(kernel), sent)
    }
}

impl Transport for FakeKernel {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let requests = requests(datagram);
        self.sent.lock().unwrap().push(requests.clone());
        match (self.script)(&requests) {
            Ok(events) => {
                self.queue.extend(events);
                Ok(())
            }
            Err(errno) => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    fn receive(&mut self, buffer: &mut [u8], _until: Option<Instant>) -> Result<usize, ReceiveError> {
        match self.queue.pop_front() {
            // Nothing will ever come: the deadline is over at once.
            None => Err(ReceiveError::Nothing),
            Some(Event::Data(bytes)) if bytes.len() > buffer.len() => Err(ReceiveError::Truncated),
            Some(Event::Data(bytes)) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Some(Event::Overrun) => Err(ReceiveError::Overrun),
            Some(Event::Truncated) => Err(ReceiveError::Truncated),
            Some(Event::Failed(errno)) => Err(ReceiveError::Failed(io::Error::from_raw_os_error(errno))),
        }
    }

    fn port(&self) -> u32 {
        PORT
    }

    fn limits(&self) -> Limits {
        self.limits
    }
}

/// Takes a datagram apart that this crate has made.
pub(crate) fn requests(mut datagram: &[u8]) -> Vec<Request> {
    let mut all = Vec::new();
    while !datagram.is_empty() {
        let message = NetlinkBuffer::new_checked(datagram).unwrap();
        assert_eq!(message.length() % 4, 0, "messages are aligned");
        let payload = message.payload();
        all.push(Request {
            kind: message.message_type(),
            flags: message.flags(),
            sequence: message.sequence_number(),
            command: payload.first().copied().unwrap_or_default(),
            attributes: payload.get(4..).unwrap_or_default().to_vec(),
        });
        datagram = &datagram[message.length() as usize..];
    }
    all
}

/// A message with its header.
pub(crate) fn message(kind: u16, flags: u16, sequence: u32, port: u32, payload: &[u8]) -> Vec<u8> {
    let length = 16 + payload.len();
    let mut bytes = vec![0; length.next_multiple_of(4)];
    bytes[16..length].copy_from_slice(payload);
    let mut header = NetlinkBuffer::new(&mut bytes);
    header.set_length(u32::try_from(length).unwrap());
    header.set_message_type(kind);
    header.set_flags(flags);
    header.set_sequence_number(sequence);
    header.set_port_number(port);
    bytes
}

/// NLMSG_ERROR with this errno (0: an acknowledgement), capped to the request's header.
pub(crate) fn verdict(sequence: u32, errno: i32) -> Vec<u8> {
    let mut payload = (-errno).to_ne_bytes().to_vec();
    payload.extend(message(FAMILY, 1, sequence, 0, &[]));
    message(NLMSG_ERROR, 0x100, sequence, PORT, &payload)
}

/// NLMSG_DONE with this errno.
pub(crate) fn done(sequence: u32, errno: i32) -> Vec<u8> {
    message(NLMSG_DONE, 2, sequence, PORT, &(-errno).to_ne_bytes())
}

/// A message of the IPVS family.
pub(crate) fn answer(sequence: u32, flags: u16, command: u8, attributes: &[u8]) -> Vec<u8> {
    let mut payload = vec![command, GENL_VERSION, 0, 0];
    payload.extend_from_slice(attributes);
    message(FAMILY, flags, sequence, PORT, &payload)
}

pub(crate) fn bytes(attributes: &[Attribute]) -> Vec<u8> {
    let mut out = Vec::new();
    write(attributes, &mut out);
    out
}

fn statistics_nest(kind: u16, s: &Statistics, width: CounterWidth) -> Attribute {
    let number = |kind, value: u64| match width {
        CounterWidth::Bits32 => Attribute::u32(kind, u32::try_from(value & 0xffff_ffff).unwrap()),
        CounterWidth::Bits64 => Attribute::u64(kind, value),
    };
    let (c, r) = (&s.counters, &s.rates);
    Attribute::nest(
        kind,
        vec![
            number(stats::CONNS, c.connections),
            number(stats::INPKTS, c.incoming_packets),
            number(stats::OUTPKTS, c.outgoing_packets),
            // Bytes are wide in both.
            Attribute::u64(stats::INBYTES, c.incoming_bytes),
            Attribute::u64(stats::OUTBYTES, c.outgoing_bytes),
            number(stats::CPS, r.connections),
            number(stats::INPPS, r.incoming_packets),
            number(stats::OUTPPS, r.outgoing_packets),
            number(stats::INBPS, r.incoming_bytes),
            number(stats::OUTBPS, r.outgoing_bytes),
        ],
    )
}

fn both_statistics(s: &Statistics, narrow: u16, wide: u16) -> Vec<Attribute> {
    let mut all = vec![statistics_nest(narrow, s, CounterWidth::Bits32)];
    if s.width == CounterWidth::Bits64 {
        all.push(statistics_nest(wide, s, CounterWidth::Bits64));
    }
    all
}

/// The attributes of a service row as the kernel writes them: its own flag set, and both widths of statistics.
pub(crate) fn service_row(entry: &ServiceEntry) -> Vec<u8> {
    let mut inner = service_full(&entry.id, &entry.settings, ServiceFlags::ALL);
    let flags = Attribute::flags(svc::FLAGS, entry.settings.flags.bits() | 0x2, u32::MAX);
    let at = service_key(&entry.id).len() + 1;
    inner[at] = flags;
    inner.extend(both_statistics(&entry.statistics, svc::STATS, svc::STATS64));
    bytes(&[Attribute::nest(attr::SERVICE, inner)])
}

/// The attributes of a destination row as the kernel writes them.
pub(crate) fn destination_row(entry: &DestinationEntry) -> Vec<u8> {
    let mut inner = destination_full(&entry.id, &entry.settings);
    inner.extend([
        Attribute::u32(dest::ACTIVE_CONNS, entry.active_connections),
        Attribute::u32(dest::INACT_CONNS, entry.inactive_connections),
        Attribute::u32(dest::PERSIST_CONNS, entry.persistent_connections),
    ]);
    inner.extend(both_statistics(&entry.statistics, dest::STATS, dest::STATS64));
    bytes(&[Attribute::nest(attr::DEST, inner)])
}

pub(crate) fn daemon_row(entry: &SyncDaemon) -> Vec<u8> {
    bytes(&[Attribute::nest(attr::DAEMON, daemon_full(entry))])
}

pub(crate) fn timeouts_answer(timeouts: &Timeouts) -> Vec<u8> {
    bytes(&timeout_attributes(timeouts))
}

pub(crate) fn info_answer(what: &Info) -> Vec<u8> {
    let v = what.version;
    let number = u32::from_be_bytes([0, v.major, v.minor, v.patch]);
    bytes(&[Attribute::u32(info::VERSION, number), Attribute::u32(info::CONN_TAB_SIZE, what.connection_table_size)])
}

/// An attribute that no kernel has yet.
pub(crate) fn unknown_attribute() -> Vec<u8> {
    bytes(&[Attribute::text(daemon::MCAST_TTL + 90, "new in a later kernel")])
}
