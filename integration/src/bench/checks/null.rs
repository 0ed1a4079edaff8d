//! A table that takes every change and moves no packet: the daemon's netlink messages are answered in its own process.
//!
//! Everything up to the send is as with the kernel: the plan, the messages, their bytes. What the kernel would do with them is
//! left out, and so is the kernel. It reads bytes by the header's numbers and shares no code with `ipvs-sys`.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use ipvs_sys::{Ipvs, Limits, OpenError, ReceiveError, Transport};

const PORT: u32 = 1;
const FAMILY: u16 = 0x20;
const NLM_F_ACK: u16 = 4;
const NLM_F_MULTI: u16 = 2;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const GENL_ID_CTRL: u16 = 0x10;
const SERVICE: u16 = 1;
const DEST: u16 = 2;
const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const EEXIST: i32 = 17;
const EOPNOTSUPP: i32 = 95;
/// Bytes of one answer.
const PIECE: usize = 16 * 1024;

/// Protocol, family, address and port or mark, as they come.
type ServiceKey = Vec<u8>;
/// Address and port.
type ServerKey = [u8; 18];

/// The table. Clones are the same table.
#[derive(Debug, Clone, Default)]
pub struct NullTable(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    services: BTreeMap<ServiceKey, Service>,
    counts: Counts,
}

/// What a table has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    /// Servers that are in it.
    pub servers: usize,
    /// Servers that were deleted.
    pub deleted: usize,
    /// Sends that deleted any.
    pub deleting_sends: usize,
    /// When the last server was deleted, by [`super::puppet::monotonic`].
    pub deleted_at: f64,
}

#[derive(Debug, Default)]
struct Service {
    /// What the nest held.
    attributes: Vec<u8>,
    /// Method, weight and thresholds.
    servers: BTreeMap<ServerKey, [u32; 4]>,
}

impl NullTable {
    /// Opens it as the kernel's is opened.
    ///
    /// # Errors
    /// None, unless an answer is not understood.
    pub fn open(&self) -> Result<Ipvs, OpenError> {
        let end = || Box::new(End { table: self.clone(), answers: VecDeque::new(), dump: None });
        Ipvs::over(end(), end())
    }

    /// What it has seen until now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.lock().unwrap().counts
    }
}

/// One socket.
struct End {
    table: NullTable,
    answers: VecDeque<Vec<u8>>,
    dump: Option<Dump>,
}

/// A dump that goes on at each receive.
struct Dump {
    sequence: u32,
    of: Of,
}

enum Of {
    Services { last: Option<ServiceKey> },
    Servers { service: ServiceKey, last: Option<ServerKey> },
    Nothing,
}

impl Transport for End {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let before = self.table.0.lock().unwrap().counts.deleted;
        let mut rest = datagram;
        while rest.len() >= 16 {
            let length = (u32_at(rest, 0) as usize).clamp(16, rest.len());
            self.message(&rest[..length]);
            rest = &rest[length.next_multiple_of(4).min(rest.len())..];
        }
        let counts = &mut self.table.0.lock().unwrap().counts;
        if counts.deleted > before {
            counts.deleting_sends += 1;
            counts.deleted_at = super::puppet::monotonic();
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _until: Option<Instant>) -> Result<usize, ReceiveError> {
        let datagram = match self.answers.pop_front() {
            Some(answer) => answer,
            None => self.go_on().ok_or(ReceiveError::Nothing)?,
        };
        let place = buffer.get_mut(..datagram.len()).ok_or(ReceiveError::Truncated)?;
        place.copy_from_slice(&datagram);
        Ok(datagram.len())
    }

    fn port(&self) -> u32 {
        PORT
    }

    fn limits(&self) -> Limits {
        Limits::default()
    }
}

impl End {
    fn message(&mut self, message: &[u8]) {
        let (kind, flags, sequence) = (u16_at(message, 4), u16_at(message, 6), u32_at(message, 8));
        let errno = match (kind, message.get(16)) {
            (NLMSG_NOOP, _) => 0,
            (GENL_ID_CTRL, _) => return self.answer(GENL_ID_CTRL, sequence, 1, &attribute(1, &FAMILY.to_ne_bytes())),
            (FAMILY, Some(15)) => {
                let info = [attribute(1, &0x0001_0201_u32.to_ne_bytes()), attribute(2, &4096_u32.to_ne_bytes())];
                return self.answer(FAMILY, sequence, 14, &info.concat());
            }
            (FAMILY, Some(13)) => {
                let timeouts = [4, 5, 6].map(|kind| attribute(kind, &300_u32.to_ne_bytes()));
                return self.answer(FAMILY, sequence, 12, &timeouts.concat());
            }
            (FAMILY, Some(command @ (4 | 8 | 11))) => {
                let of = match command {
                    4 => Of::Services { last: None },
                    8 => Of::Servers { service: service_key(nest(&message[20..], SERVICE)), last: None },
                    _ => Of::Nothing,
                };
                self.dump = Some(Dump { sequence, of });
                return;
            }
            (FAMILY, Some(command)) => self.table.0.lock().unwrap().change(*command, &message[20..]),
            _ => EOPNOTSUPP,
        };
        if errno != 0 || flags & NLM_F_ACK != 0 {
            let mut payload = (-errno).to_ne_bytes().to_vec();
            payload.extend_from_slice(&message[..16]);
            // NLM_F_CAPPED: the request's header alone comes back.
            self.answers.push_back(framed(NLMSG_ERROR, 0x100, sequence, &payload));
        }
    }

    fn answer(&mut self, kind: u16, sequence: u32, command: u8, attributes: &[u8]) {
        self.answers.push_back(framed(kind, 0, sequence, &[&[command, 1, 0, 0], attributes].concat()));
    }

    /// The next piece of a dump.
    fn go_on(&mut self) -> Option<Vec<u8>> {
        let Dump { sequence, of } = self.dump.as_mut()?;
        let table = self.table.0.lock().unwrap();
        let mut piece = Vec::with_capacity(PIECE);
        let mut row = |command: u8, nest: u16, write: &dyn Fn(&mut Vec<u8>)| {
            // Lengths are put in when they are known: a dump of many rows is the loop's time, and not what is measured.
            let begin = piece.len();
            piece.extend([0; 4]);
            piece.extend(FAMILY.to_ne_bytes());
            piece.extend(NLM_F_MULTI.to_ne_bytes());
            piece.extend(sequence.to_ne_bytes());
            piece.extend(PORT.to_ne_bytes());
            piece.extend([command, 1, 0, 0, 0, 0]);
            piece.extend(nest.to_ne_bytes());
            write(&mut piece);
            let length = piece.len() - begin;
            piece[begin..begin + 4].copy_from_slice(&u32::try_from(length).unwrap().to_ne_bytes());
            piece[begin + 20..begin + 22].copy_from_slice(&u16::try_from(length - 20).unwrap().to_ne_bytes());
            piece.resize(piece.len().next_multiple_of(4), 0);
            piece.len() < PIECE - 512
        };
        let mut is_more = false;
        match of {
            Of::Services { last } => {
                let from = last.take().map_or(Bound::Unbounded, Bound::Excluded);
                for (key, service) in table.services.range((from, Bound::Unbounded)) {
                    if !row(1, SERVICE, &|piece| piece.extend_from_slice(&service.attributes)) {
                        *last = Some(key.clone());
                        is_more = true;
                        break;
                    }
                }
            }
            Of::Servers { service, last } => {
                let from = last.take().map_or(Bound::Unbounded, Bound::Excluded);
                let servers =
                    table.services.get(service).map(|service| service.servers.range((from, Bound::Unbounded)));
                for (key, settings) in servers.into_iter().flatten() {
                    if !row(5, DEST, &|piece| write_server(piece, key, *settings)) {
                        *last = Some(*key);
                        is_more = true;
                        break;
                    }
                }
            }
            Of::Nothing => {}
        }
        if !is_more {
            piece.extend(framed(NLMSG_DONE, NLM_F_MULTI, *sequence, &0_u32.to_ne_bytes()));
            self.dump = None;
        }
        Some(piece)
    }
}

impl Table {
    /// Makes a change; gives the errno.
    fn change(&mut self, command: u8, attributes: &[u8]) -> i32 {
        let given = nest(attributes, SERVICE);
        let key = service_key(given);
        match command {
            1 if self.services.contains_key(&key) => EEXIST,
            1 => {
                self.services.insert(key, Service { attributes: given.to_vec(), servers: BTreeMap::new() });
                0
            }
            2 | 3 | 5 | 6 | 7 => {
                let Some(service) = self.services.get_mut(&key) else { return ESRCH };
                let given_server = nest(attributes, DEST);
                let server = server_key(given_server);
                match command {
                    2 => service.attributes = given.to_vec(),
                    3 => {
                        self.counts.servers -= service.servers.len();
                        self.services.remove(&key);
                    }
                    5 if service.servers.contains_key(&server) => return EEXIST,
                    6 if !service.servers.contains_key(&server) => return ENOENT,
                    5 | 6 => {
                        let settings = [3, 4, 5, 6].map(|kind| u32_at(nest(given_server, kind), 0));
                        self.counts.servers += usize::from(service.servers.insert(server, settings).is_none());
                    }
                    _ if service.servers.remove(&server).is_none() => return ENOENT,
                    _ => {
                        self.counts.servers -= 1;
                        self.counts.deleted += 1;
                    }
                }
                0
            }
            // Timeouts are taken and forgotten; there are no sync daemons here.
            12 => 0,
            _ => EOPNOTSUPP,
        }
    }
}

fn service_key(given: &[u8]) -> ServiceKey {
    [1, 2, 3, 4, 5].map(|kind| nest(given, kind)).concat()
}

fn server_key(given: &[u8]) -> ServerKey {
    let mut key = [0; 18];
    for (place, byte) in key.iter_mut().zip(nest(given, 1).iter().chain(nest(given, 2))) {
        *place = *byte;
    }
    key
}

fn write_server(piece: &mut Vec<u8>, key: &ServerKey, settings: [u32; 4]) {
    let mut put = |kind: u16, value: &[u8]| {
        piece.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
        piece.extend(kind.to_ne_bytes());
        piece.extend_from_slice(value);
        piece.resize(piece.len().next_multiple_of(4), 0);
    };
    put(1, &key[..16]);
    put(2, &key[16..]);
    for (kind, value) in (3..).zip(settings.into_iter().chain([0, 0, 0])) {
        put(kind, &value.to_ne_bytes());
    }
    // The family: that of all servers of this benchmark.
    put(11, &2_u16.to_ne_bytes());
}

/// The contents of the first attribute of a kind; nothing if there is none.
fn nest(mut attributes: &[u8], kind: u16) -> &[u8] {
    while attributes.len() >= 4 {
        let length = usize::from(u16_at(attributes, 0)).clamp(4, attributes.len());
        if u16_at(attributes, 2) & 0x3fff == kind {
            return &attributes[4..length];
        }
        attributes = &attributes[length.next_multiple_of(4).min(attributes.len())..];
    }
    &[]
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn framed(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(16 + payload.len()).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(PORT.to_ne_bytes());
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_ne_bytes([two[0], two[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |four| u32::from_ne_bytes([four[0], four[1], four[2], four[3]]))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use ipvs_sys::{
        Cause, Command, DestinationId, DestinationSettings, Forwarding, Netmask, Outcome, SchedulerName, ServiceFlags,
        ServiceId, ServiceSettings,
    };

    use super::*;

    #[test]
    fn what_was_given_is_read_back() {
        let table = NullTable::default();
        let mut ipvs = table.open().unwrap();
        let service = ServiceId::tcp("192.0.2.1:80".parse::<SocketAddr>().unwrap());
        let server = |n: u16| {
            let [high, low] = n.to_be_bytes();
            DestinationId { address: [10, 0, high, low].into(), port: 80 }
        };
        let settings = DestinationSettings {
            forwarding: Forwarding::Masquerade,
            weight: 3,
            upper_threshold: 2,
            lower_threshold: 1,
        };
        let new = |n| Command::NewDestination { service, destination: server(n), settings };
        let of_service = ServiceSettings {
            scheduler: SchedulerName::new("wlc").unwrap(),
            flags: ServiceFlags::default(),
            timeout_secs: 0,
            netmask: Netmask::V4([255; 4].into()),
            persistence_engine: None,
        };
        let mut commands = vec![Command::NewService { service, settings: of_service }];
        commands.extend((0..1000).map(new));
        assert!(ipvs.apply(&commands).all_done());
        let services = ipvs.services().unwrap();
        assert_eq!(services.rows().iter().map(|row| row.id).collect::<Vec<_>>(), [service]);
        let servers = ipvs.destinations(&service).unwrap();
        assert_eq!(
            servers.rows().iter().map(|row| row.id).collect::<Vec<_>>(),
            (0..1000).map(server).collect::<Vec<_>>()
        );
        assert!(servers.rows().iter().all(|row| row.settings == settings));
        let delete = |n| Command::DelDestination { service, destination: server(n) };
        let cause = |outcome| match outcome {
            Outcome::Failed(error) => Some(error.cause()),
            Outcome::Done | Outcome::Unknown(_) | Outcome::NotSent(_) => None,
        };
        assert_eq!(cause(ipvs.run(&new(7))), Some(Cause::AlreadyExists));
        assert!(ipvs.run(&delete(7)).is_done());
        assert_eq!(cause(ipvs.run(&delete(7))), Some(Cause::NoSuchDestination));
        let Counts { servers, deleted, deleting_sends, deleted_at } = table.counts();
        assert_eq!((servers, deleted, deleting_sends, deleted_at > 0.0), (999, 1, 1, true));
        assert!(ipvs.run(&Command::DelService { service }).is_done());
        assert_eq!((table.counts().servers, ipvs.destinations(&service).unwrap().len()), (0, 0));
    }
}
