//! Frames that no decent host sends: a sender of raw Ethernet, and a flood of it.
//!
//! [`Forged`] is an advert of which every field can be a lie; its checksums are right unless asked otherwise. An
//! [`Injector`] puts frames on a node's wire, one by one or as many a second as are asked for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, bind};
use nix::time::{ClockId, clock_gettime};
use socket2::{Domain, Socket, Type};

use crate::node::Node;

/// Frames sent between two looks at the clock.
const BURST: u64 = 100;
/// 224.0.0.18 and its Ethernet address.
const GROUP_V4: (Ipv4Addr, [u8; 6]) = (Ipv4Addr::new(224, 0, 0, 18), [0x01, 0x00, 0x5e, 0x00, 0x00, 0x12]);
/// ff02::12 and its Ethernet address.
const GROUP_V6: (Ipv6Addr, [u8; 6]) =
    (Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12), [0x33, 0x33, 0x00, 0x00, 0x00, 0x12]);

/// An advert to the group of its source's family, made up field by field.
#[derive(Debug, Clone)]
pub struct Forged {
    /// Sender's Ethernet address.
    pub mac: [u8; 6],
    /// Sender.
    pub source: IpAddr,
    /// TTL or hop limit; the protocol asks for 255.
    pub ttl: u8,
    /// Version, in the upper half of the first byte.
    pub version: u8,
    /// Type, in the lower half of the first byte; the protocol knows 1 only.
    pub kind: u8,
    /// Virtual router.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// Number of addresses that it says to have.
    pub count: u8,
    /// Centiseconds between adverts in version 3; type of authentication and seconds in version 2.
    pub interval: u16,
    /// The addresses that it has.
    pub addresses: Vec<IpAddr>,
    /// What is added to the checksum to make it wrong.
    pub checksum_error: u16,
    /// The packet ends after so many bytes, and its IP header says so.
    pub cut: Option<usize>,
}

impl Forged {
    /// An advert of version 3 with nothing wrong in it.
    #[must_use]
    pub fn v3(source: IpAddr, vrid: u8, priority: u8, centiseconds: u16, addresses: &[IpAddr]) -> Self {
        Self {
            mac: [2, 0, 0, 0, 0xff, 1],
            source,
            ttl: 255,
            version: 3,
            kind: 1,
            vrid,
            priority,
            count: u8::try_from(addresses.len()).expect("few addresses"),
            interval: centiseconds,
            addresses: addresses.to_vec(),
            checksum_error: 0,
            cut: None,
        }
    }

    /// The frame.
    #[must_use]
    pub fn frame(&self) -> Vec<u8> {
        let mut packet = vec![self.version << 4 | self.kind, self.vrid, self.priority, self.count];
        packet.extend(self.interval.to_be_bytes());
        packet.extend([0, 0]);
        for address in &self.addresses {
            packet.extend(octets(*address));
        }
        let mut summed = packet.clone();
        if self.version == 3 {
            // The pseudo header of RFC 5798 section 5.2.8. Where the two families have their fields makes no difference to a sum.
            summed.extend(octets(self.source));
            summed.extend(octets(group(self.source).0));
            summed.extend([0, 112]);
            summed.extend(u16::try_from(packet.len()).expect("a short packet").to_be_bytes());
        } else {
            packet.extend([0; 8]);
        }
        let sum = checksum(&summed).wrapping_add(self.checksum_error);
        packet[6..8].copy_from_slice(&sum.to_be_bytes());
        packet.truncate(self.cut.unwrap_or(usize::MAX));
        ethernet(self.mac, self.source, self.ttl, &packet)
    }
}

/// Any bytes as a packet of protocol 112 to the group.
#[must_use]
pub fn ethernet(mac: [u8; 6], source: IpAddr, ttl: u8, packet: &[u8]) -> Vec<u8> {
    let (destination, group_mac) = group(source);
    let length = |more: usize| u16::try_from(packet.len() + more).expect("a short packet").to_be_bytes();
    let mut frame = group_mac.to_vec();
    frame.extend(mac);
    let mut header = Vec::new();
    match source {
        IpAddr::V4(_) => {
            frame.extend([0x08, 0x00]);
            header.extend([0x45, 0xc0]);
            header.extend(length(20));
            header.extend([0, 0, 0, 0, ttl, 112, 0, 0]);
        }
        IpAddr::V6(_) => {
            frame.extend([0x86, 0xdd]);
            header.extend([0x60, 0, 0, 0]);
            header.extend(length(0));
            header.extend([112, ttl]);
        }
    }
    header.extend(octets(source));
    header.extend(octets(destination));
    if source.is_ipv4() {
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    frame.extend(header);
    frame.extend(packet);
    frame
}

fn group(source: IpAddr) -> (IpAddr, [u8; 6]) {
    match source {
        IpAddr::V4(_) => (GROUP_V4.0.into(), GROUP_V4.1),
        IpAddr::V6(_) => (GROUP_V6.0.into(), GROUP_V6.1),
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("the sum was folded")
}

/// Sends frames on an interface of a node.
#[derive(Debug)]
pub struct Injector(Socket);

impl Injector {
    /// Opens a socket on the interface.
    ///
    /// # Panics
    /// When there is no such interface.
    #[track_caller]
    #[must_use]
    pub fn open(node: &Node, device: &str) -> Self {
        let socket = node
            .enter(|| {
                // Only getifaddrs hands out a link-level address without unsafe code.
                let address: LinkAddr = getifaddrs()?
                    .filter(|interface| interface.interface_name == device)
                    .find_map(|interface| interface.address?.as_link_addr().copied())
                    .ok_or(io::ErrorKind::NotFound)?;
                let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
                bind(socket.as_raw_fd(), &address)?;
                Ok::<_, io::Error>(socket)
            })
            .unwrap_or_else(|error| panic!("{}: cannot send frames on {device}: {error}", node.name()));
        Self(socket)
    }

    /// Sends a frame; one that the kernel has no room for is lost, as on a busy wire.
    pub fn send(&self, frame: &[u8]) {
        let _ = self.0.send(frame);
    }

    /// Sends these frames in turn, so many a second, until the flood is ended.
    #[must_use]
    pub fn flood(self, frames: Vec<Vec<u8>>, a_second: u32) -> Flood {
        let (sent, worked) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let over = Arc::<AtomicBool>::default();
        let sender = thread::spawn({
            let (sent, worked, over) = (Arc::clone(&sent), Arc::clone(&worked), Arc::clone(&over));
            move || {
                let started = Instant::now();
                let mut frames = frames.iter().cycle();
                let mut count = 0;
                let working = ThreadTime::now();
                while !over.load(Ordering::Relaxed) {
                    for frame in frames.by_ref().take(usize::try_from(BURST).expect("a small number")) {
                        self.send(frame);
                    }
                    count += BURST;
                    sent.store(count, Ordering::Relaxed);
                    worked.store(working.nanos(), Ordering::Relaxed);
                    let due = started + Duration::from_secs(1) * u32::try_from(count).unwrap_or(u32::MAX) / a_second;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
            }
        });
        Flood { sent, worked, over, sender: Some(sender) }
    }
}

/// Processor time of the thread that asks.
struct ThreadTime(Duration);

impl ThreadTime {
    fn now() -> Self {
        Self(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from))
    }

    fn nanos(&self) -> u64 {
        u64::try_from(Self::now().0.saturating_sub(self.0).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A flood that goes on until this is dropped.
#[derive(Debug)]
pub struct Flood {
    sent: Arc<AtomicU64>,
    worked: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    sender: Option<thread::JoinHandle<()>>,
}

impl Flood {
    /// Frames sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Processor time of the sender so far, with what the kernel does in its name: on a virtual wire that is the way of each
    /// frame into the receivers' sockets.
    #[must_use]
    pub fn worked(&self) -> Duration {
        Duration::from_nanos(self.worked.load(Ordering::Relaxed))
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            let _ = sender.join();
        }
    }
}
