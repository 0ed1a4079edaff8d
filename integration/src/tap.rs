//! What really was on the wire, and when: a tap on a node's interface.
//!
//! A tap sees every advert, ARP and neighbour discovery frame that the interface sends or receives, with the time at which
//! the kernel had it in hand: neither the speed of this process nor that of a program like tcpdump blurs the figures. The
//! kernel stamps with the wall clock; the stamps are moved to the monotonic clock, on which everything else here is timed,
//! by the distance of the two at the moment of reading.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimestampns};
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::node::Node;
use crate::sight::{Advert, Announcement, Sight};
use crate::waiting::wait_for;

/// Bytes of frames that may wait to be read: seconds of any traffic that a tap lets through.
const BUFFER: usize = 64 * 1024 * 1024;
/// How often the reader looks whether it is to end.
const LOOK: Duration = Duration::from_millis(20);
/// `PACKET_OUTGOING` of linux/if_packet.h.
const OUTGOING: u8 = 4;
/// `ETH_P_ALL` of linux/if_ether.h in network order.
const ETH_P_ALL: u16 = 0x0003_u16.to_be();

/// A frame, from its Ethernet header on.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When the kernel had it.
    pub at: Instant,
    /// It was sent by the node that is tapped.
    pub outgoing: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// What it is.
    #[must_use]
    pub fn sight(&self) -> Sight {
        Sight::of(&self.bytes)
    }

    /// As an advert, if it is one.
    #[must_use]
    pub fn advert(&self) -> Option<Advert> {
        match self.sight() {
            Sight::Advert(advert) => Some(advert),
            Sight::Announcement(_) | Sight::Other => None,
        }
    }

    /// As a gratuitous ARP or unsolicited neighbour advertisement, if it is one.
    #[must_use]
    pub fn announcement(&self) -> Option<Announcement> {
        match self.sight() {
            Sight::Announcement(announcement) => Some(announcement),
            Sight::Advert(_) | Sight::Other => None,
        }
    }
}

/// An interface that is listened to, until this is dropped.
#[derive(Debug)]
pub struct Tap {
    frames: Arc<Mutex<Vec<Frame>>>,
    over: Arc<AtomicBool>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Tap {
    /// Listens to an interface of a node from now on.
    ///
    /// # Panics
    /// When there is no such interface.
    #[track_caller]
    #[must_use]
    pub fn start(node: &Node, device: &str) -> Self {
        Self::start_filtered(node, device, None)
    }

    /// Listens to those frames only that this Ethernet address sends, which the kernel sorts out: a flood from others costs
    /// nothing.
    ///
    /// # Panics
    /// When there is no such interface.
    #[track_caller]
    #[must_use]
    pub fn start_from(node: &Node, device: &str, sender: [u8; 6]) -> Self {
        Self::start_filtered(node, device, Some(sender))
    }

    #[track_caller]
    fn start_filtered(node: &Node, device: &str, sender: Option<[u8; 6]>) -> Self {
        let (socket, index) = node
            .enter(|| {
                let index = nix::net::if_::if_nametoindex(device)?;
                open(sender).map(|socket| (socket, index))
            })
            .unwrap_or_else(|error| panic!("{}: {device} cannot be tapped: {error}", node.name()));
        let (frames, over) = (Arc::<Mutex<Vec<Frame>>>::default(), Arc::<AtomicBool>::default());
        let reader = thread::spawn({
            let (frames, over) = (Arc::clone(&frames), Arc::clone(&over));
            move || {
                let mut buffer = vec![0; 64 * 1024];
                while !over.load(Ordering::Relaxed) {
                    if let Some(frame) = receive(&socket, index, &mut buffer) {
                        frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
                    }
                }
            }
        });
        Self { frames, over, reader: Some(reader) }
    }

    /// All frames so far.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        self.frames_from(0)
    }

    /// How many frames there are so far: a mark for [`Tap::frames_from`].
    #[must_use]
    pub fn mark(&self) -> usize {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The frames since a mark.
    #[must_use]
    pub fn frames_from(&self, mark: usize) -> Vec<Frame> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).get(mark..).unwrap_or_default().to_vec()
    }

    /// The adverts since a mark, with their times.
    #[must_use]
    pub fn adverts_from(&self, mark: usize) -> Vec<(Instant, Advert)> {
        self.frames_from(mark).iter().filter_map(|frame| Some((frame.at, frame.advert()?))).collect()
    }

    /// The announcements of an address since a mark, with their times.
    #[must_use]
    pub fn announcements_from(&self, mark: usize, address: IpAddr) -> Vec<(Instant, Announcement)> {
        self.frames_from(mark)
            .iter()
            .filter_map(|frame| Some((frame.at, frame.announcement()?)))
            .filter(|(_, announcement)| announcement.address == address)
            .collect()
    }

    /// Waits for the first frame after a mark that is as wished.
    ///
    /// # Panics
    /// When none comes in time.
    #[track_caller]
    pub fn wait<T>(&self, limit: Duration, what: &str, mark: usize, wished: impl Fn(&Frame) -> Option<T>) -> T {
        let mut seen = mark;
        wait_for(limit, what, || {
            let fresh = self.frames_from(seen);
            seen += fresh.len();
            fresh.iter().find_map(&wished).ok_or_else(|| format!("{} frames, none of which is it", seen - mark))
        })
    }

    /// Waits for an advert after a mark that is as wished.
    ///
    /// # Panics
    /// When none comes in time.
    #[track_caller]
    pub fn wait_advert(
        &self,
        limit: Duration,
        what: &str,
        mark: usize,
        wished: impl Fn(&Advert) -> bool,
    ) -> (Instant, Advert) {
        self.wait(limit, what, mark, |frame| frame.advert().filter(&wished).map(|advert| (frame.at, advert)))
    }

    /// The frames in the format of pcap(5) with nanoseconds, for tcpdump and tshark; the times count from the first frame.
    #[must_use]
    pub fn pcap(frames: &[Frame]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [0xa1b2_3c4d, 0x0004_0002, 0, 0, 0x4_0000, 1_u32] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for frame in frames {
            let since = frame.at.saturating_duration_since(frames[0].at);
            let length = u32::try_from(frame.bytes.len()).expect("frames are short");
            let seconds = u32::try_from(since.as_secs()).expect("a capture is short");
            for word in [seconds, since.subsec_nanos(), length, length] {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
            bytes.extend_from_slice(&frame.bytes);
        }
        bytes
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// A packet socket for all interfaces of the calling thread's network: what comes is sorted by interface when it is read.
fn open(sender: Option<[u8; 6]>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(ETH_P_ALL))))?;
    socket.attach_filter(&filter(sender))?;
    setsockopt(&socket, RcvBufForce, &BUFFER)?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    socket.set_read_timeout(Some(LOOK))?;
    Ok(socket)
}

/// ARP, VRRP (112), AH (51) and ICMPv6 (58), in the classic filter language: offsets are from the Ethernet header on.
fn filter(sender: Option<[u8; 6]>) -> Vec<SockFilter> {
    const LOAD_WORD: u16 = 0x20;
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let mut program = Vec::new();
    if let Some([a, b, c, d, e, f]) = sender {
        program.extend([
            SockFilter::new(LOAD_HALF, 0, 0, 6),
            SockFilter::new(EQUAL, 1, 0, u32::from(u16::from_be_bytes([a, b]))),
            SockFilter::new(RETURN, 0, 0, 0),
            SockFilter::new(LOAD_WORD, 0, 0, 8),
            SockFilter::new(EQUAL, 1, 0, u32::from_be_bytes([c, d, e, f])),
            SockFilter::new(RETURN, 0, 0, 0),
        ]);
    }
    program.extend([
        SockFilter::new(LOAD_HALF, 0, 0, 12),
        SockFilter::new(EQUAL, 10, 0, 0x0806),
        SockFilter::new(EQUAL, 2, 0, 0x0800),
        SockFilter::new(EQUAL, 4, 0, 0x86dd),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(LOAD_BYTE, 0, 0, 23),
        SockFilter::new(EQUAL, 5, 0, 112),
        SockFilter::new(EQUAL, 4, 5, 51),
        SockFilter::new(LOAD_BYTE, 0, 0, 20),
        SockFilter::new(EQUAL, 2, 0, 112),
        SockFilter::new(EQUAL, 1, 0, 58),
        SockFilter::new(EQUAL, 0, 1, 51),
        SockFilter::new(RETURN, 0, 0, 0x4_0000),
        SockFilter::new(RETURN, 0, 0, 0),
    ]);
    program
}

fn receive(socket: &Socket, index: u32, buffer: &mut [u8]) -> Option<Frame> {
    let mut control = nix::cmsg_space!(TimeSpec);
    let mut parts = [io::IoSliceMut::new(buffer)];
    let message =
        recvmsg::<LinkAddr>(socket.as_fd().as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty()).ok()?;
    let (length, sender) = (message.bytes, message.address?);
    let stamp = message.cmsgs().ok()?.find_map(|control| {
        let ControlMessageOwned::ScmTimestampns(stamp) = control else { return None };
        Some(Duration::from(stamp))
    })?;
    if u32::try_from(sender.ifindex()) != Ok(index) {
        return None;
    }
    let (wall, now) = (Duration::from(clock_gettime(ClockId::CLOCK_REALTIME).ok()?), Instant::now());
    let at = now.checked_sub(wall.saturating_sub(stamp))?;
    Some(Frame { at, outgoing: sender.pkttype() == OUTGOING, bytes: buffer.get(..length)?.to_vec() })
}
