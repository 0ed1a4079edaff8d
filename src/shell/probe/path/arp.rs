//! Who answers ARP for a virtual address on the link that leads to a server.
//!
//! With direct routing and tunnels each server has the virtual address, and only this host may answer for it. A server that
//! does, too (`arp_ignore` is 0 unless somebody sets it), gets whatever clients and routers on that link send to the address, past
//! this host, from the moment when its answer is the one that they keep. It serves them, and so nothing else shows it.
//!
//! It is asked as by somebody who wants to take the address for himself (RFC 5227, an ARP probe): the question comes from 0.0.0.0 and
//! changes nobody's neighbours, and a host with several addresses decides by `arp_ignore` alone whether it answers. The answers come to
//! a packet socket on that link; those to other questions are sifted out by the kernel. Nobody waits for them: they are read when the
//! call itself is answered, and the server is whoever sent that answer's frame. What came too late for one call counts
//! at the next, so each question's answers are kept until the question after next, and an answer that is lost once changes nothing.
//!
//! An address is asked for once a second at most on each link, however many servers are called through it, and only where it
//! matters: this host has the address (else whoever has it answers, and may be a server beside that), the server and the address that
//! it is called from are in one network of the link (else the frame is a router's), and the virtual address is in a network of that
//! link, or on that link's interface. An address that is routed to this host is nobody's to answer for. Other hosts that answer are
//! none of our business here.
//!
//! What this host has is read now and then, and an address may go to another director any time, one that is a server, too. So before
//! a server is said to answer, it is read once more where that was before the question. Who answered for what is another's is
//! forgotten.
//!
//! Over IPv6 nothing is asked: Linux answers solicitations for the addresses of the interface that they come in by alone, so that
//! what is on the loopback stays unheard.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{LinkAddr, bind, recvfrom};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::{Call, within};
use crate::check::Outcome;
use crate::model::{PathProbe, Way};
use crate::shell::router::program::{Instruction, LOAD_HALF, LOAD_WORD, RETURN, WHOLE, equal, plain};
use crate::wire::arp::{Probe, claim};
use crate::wire::claim::Mac;

/// `ETH_P_ARP` of include/uapi/linux/if_ether.h, in network order.
const ETH_P_ARP: u16 = 0x0806_u16.to_be();
/// `ARPHRD_ETHER` of include/uapi/linux/if_arp.h.
const ETHERNET: u16 = 1;
/// An address is asked for this often at most.
const PACE: Duration = Duration::from_secs(1);
/// What this host's interfaces are is read this often at most.
const FRESH: Duration = Duration::from_secs(10);
/// ... but where somebody answers, who may have the address himself by now.
const VERY_FRESH: Duration = Duration::from_millis(100);
/// An address that nobody has asked for so long is forgotten.
const KEPT: Duration = Duration::from_secs(3600);
/// Hosts that are remembered as having answered one question.
const MOST_ANSWERS: usize = 256;
/// Frames that are read at one time.
const FRAMES: usize = 256;
/// Bytes of frames that may wait, the kernel's own costs included.
const BUFFER: usize = 256 * 1024;

/// What was asked, and who answered.
#[derive(Debug, Default)]
pub(super) struct Arp {
    /// What this host's interfaces are, and when that was read.
    host: Option<(Instant, Host)>,
    /// By the links' numbers.
    links: HashMap<u32, Link>,
}

impl Arp {
    /// Asks for the virtual address of a call from this source, if it matters who has it. Returns the link's number.
    pub(super) fn ask(
        &mut self,
        probe: &PathProbe,
        source: IpAddr,
        namespace: Option<&str>,
        now: Instant,
    ) -> Option<u32> {
        match probe.way() {
            Way::Nat => return None,
            Way::Direct | Way::Tunnel => {}
        }
        let (IpAddr::V4(address), IpAddr::V4(server), IpAddr::V4(source)) =
            (probe.through.ip(), probe.server.address, source)
        else {
            return None;
        };
        if self.host.as_ref().is_none_or(|(read_at, _)| now.saturating_duration_since(*read_at) >= FRESH) {
            self.look(now, || Host::within(namespace));
        }
        let (_, host) = self.host.as_ref()?;
        let index = link(&host.networks, server, source, address)?;
        let link = match self.links.entry(index) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(free) => {
                let at = *host.links.get(&index)?;
                free.insert(Link::open(at, within(namespace, || open(&at)).ok()?.ok()?)?)
            }
        };
        if link.ask(address, now).is_err() {
            // It went away, or is another by now.
            self.links.remove(&index);
            return None;
        }
        Some(index)
    }

    /// A call was answered by a frame from this hardware address: what is wrong with that server, if something is.
    pub(super) fn answers(&mut self, call: &Call, mac: Mac, namespace: Option<&str>, now: Instant) -> Option<Outcome> {
        let IpAddr::V4(address) = call.probe.through.ip() else { return None };
        let index = call.asked_on?;
        self.links.get_mut(&index)?.read();
        self.is_answered_by(index, address, mac, now, || Host::within(namespace))
            .then_some(Outcome::AnswersArp(address))
    }

    /// Who has this hardware address has answered on a link for an address that is this host's still.
    fn is_answered_by(
        &mut self,
        index: u32,
        address: Ipv4Addr,
        mac: Mac,
        now: Instant,
        read: impl FnOnce() -> Option<Host>,
    ) -> bool {
        let question = self.links.get(&index).and_then(|link| link.questions.get(&address));
        let Some(question) = question.filter(|question| question.was_answered_by(mac)) else { return false };
        let asked_at = question.asked_at;
        let knows = |read_at: Instant| {
            asked_at.is_some_and(|asked_at| read_at > asked_at) || now.saturating_duration_since(read_at) < VERY_FRESH
        };
        if !self.host.as_ref().is_some_and(|(read_at, _)| knows(*read_at)) {
            self.look(now, read);
        }
        // Where this host cannot be read, what it was before the question says nothing.
        self.host.as_ref().is_some_and(|(read_at, host)| {
            knows(*read_at) && host.networks.iter().any(|network| network.address == address)
        })
    }

    /// What this host is now; as it was before, if that cannot be read.
    fn look(&mut self, now: Instant, read: impl FnOnce() -> Option<Host>) {
        let Some(host) = read() else { return };
        self.links.retain(|index, link| host.links.get(index) == Some(&link.at));
        let ours: HashSet<_> = host.networks.iter().map(|network| network.address).collect();
        for link in self.links.values_mut() {
            link.questions.retain(|address, _| ours.contains(address));
        }
        self.host = Some((now, host));
    }
}

/// The hardware address of who sent a frame, if it came over Ethernet.
pub(super) fn mac(sender: LinkAddr) -> Option<Mac> {
    (sender.hatype() == ETHERNET && sender.halen() == 6).then(|| sender.addr().map(Mac)).flatten()
}

/// An IPv4 address of this host, with its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    /// The number of the link that it is on.
    link: u32,
    address: Ipv4Addr,
    mask: u32,
}

impl Network {
    fn contains(&self, address: Ipv4Addr) -> bool {
        (self.address.to_bits() ^ address.to_bits()) & self.mask == 0
    }
}

/// The link on which a server is that is called from this source, if it matters there who has the virtual address.
fn link(networks: &[Network], server: Ipv4Addr, source: Ipv4Addr, address: Ipv4Addr) -> Option<u32> {
    let around = networks.iter().filter(|network| network.contains(server) && network.contains(source));
    let link = around.max_by_key(|network| network.mask).map(|network| network.link)?;
    // Its own interface is in the network of its own address at least.
    let matters = networks.iter().any(|network| network.link == link && network.contains(address));
    let is_here = networks.iter().any(|network| network.address == server);
    let is_ours = networks.iter().any(|network| network.address == address);
    (matters && is_ours && !is_here).then_some(link)
}

/// The links of this host over which ARP is spoken, and its networks there.
#[derive(Debug, Default)]
struct Host {
    networks: Vec<Network>,
    /// By their numbers.
    links: HashMap<u32, LinkAddr>,
}

impl Host {
    /// That of a network namespace, if it can be read.
    fn within(namespace: Option<&str>) -> Option<Self> {
        within(namespace, Self::read).ok().and_then(Result::ok)
    }

    fn read() -> io::Result<Self> {
        let silent = InterfaceFlags::IFF_LOOPBACK | InterfaceFlags::IFF_NOARP | InterfaceFlags::IFF_POINTOPOINT;
        let all: Vec<_> = getifaddrs()?
            .filter(|entry| entry.flags.contains(InterfaceFlags::IFF_UP) && !entry.flags.intersects(silent))
            .collect();
        let by_name: HashMap<_, _> = all
            .iter()
            .filter_map(|entry| {
                let at = *entry.address.as_ref()?.as_link_addr()?;
                let index = u32::try_from(at.ifindex()).ok()?;
                mac(at).map(|_| (entry.interface_name.as_str(), (index, at)))
            })
            .collect();
        let network = |entry: &nix::ifaddrs::InterfaceAddress| {
            let address = entry.address.as_ref()?.as_sockaddr_in()?.ip();
            let mask = entry.netmask.as_ref()?.as_sockaddr_in()?.ip().to_bits();
            // An address may have a label, the interface's name with something behind a colon.
            let name = entry.interface_name.split(':').next()?;
            by_name.get(name).map(|(link, _)| Network { link: *link, address, mask })
        };
        let networks = all.iter().filter_map(network).collect();
        Ok(Self { networks, links: by_name.into_values().collect() })
    }
}

/// A link on which is asked.
#[derive(Debug)]
struct Link {
    at: LinkAddr,
    mac: Mac,
    socket: Socket,
    questions: HashMap<Ipv4Addr, Question>,
}

impl Link {
    fn open(at: LinkAddr, socket: Socket) -> Option<Self> {
        Some(Self { at, mac: mac(at)?, socket, questions: HashMap::new() })
    }

    /// Asks who has the address, unless that was done a moment ago.
    fn ask(&mut self, address: Ipv4Addr, now: Instant) -> io::Result<()> {
        // What has come since belongs to the question before.
        self.read();
        if !self.questions.contains_key(&address) {
            self.questions.retain(|_, question| !question.is_older(now, KEPT));
        }
        let question = self.questions.entry(address).or_default();
        if question.is_older(now, PACE) {
            question.begin(now);
            let Mac(mac) = self.mac;
            match self.socket.send(&Probe { mac, address }.emit()) {
                // No room for it now: it is asked with the next call.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes in what has come.
    fn read(&mut self) {
        let mut bytes = [0; 64];
        for _ in 0..FRAMES {
            let Ok((length, sender)) = recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut bytes) else { break };
            // Before it was bound it heard all links.
            let here = sender.is_some_and(|sender| sender.ifindex() == self.at.ifindex());
            let claimed = bytes.get(..length).and_then(|frame| claim(frame).ok()).filter(|_| here);
            if let Some(claimed) = claimed
                && let IpAddr::V4(address) = claimed.address
                && let Some(question) = self.questions.get_mut(&address)
            {
                question.answered_by(claimed.by);
            }
        }
    }
}

/// A question for one address, and the one before.
#[derive(Debug, Default)]
struct Question {
    asked_at: Option<Instant>,
    /// Who has answered since.
    answers: Vec<Mac>,
    /// Who had answered the one before.
    before: Vec<Mac>,
}

impl Question {
    /// It was not asked within so much time.
    fn is_older(&self, now: Instant, than: Duration) -> bool {
        self.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= than)
    }

    /// It is asked anew.
    fn begin(&mut self, now: Instant) {
        self.asked_at = Some(now);
        self.before = std::mem::take(&mut self.answers);
    }

    fn answered_by(&mut self, mac: Mac) {
        if self.answers.len() < MOST_ANSWERS && !self.answers.contains(&mac) {
            self.answers.push(mac);
        }
    }

    fn was_answered_by(&self, mac: Mac) -> bool {
        self.answers.contains(&mac) || self.before.contains(&mac)
    }
}

/// A packet socket that hears answers to probes. Until it is bound it hears all interfaces.
fn open(at: &LinkAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), Some(Protocol::from(i32::from(ETH_P_ARP))))?;
    let program: Vec<SockFilter> = program().into_iter().map(SockFilter::from).collect();
    socket.attach_filter(&program)?;
    socket.set_recv_buffer_size(BUFFER)?;
    bind(socket.as_raw_fd(), at)?;
    Ok(socket)
}

/// Lets through answers to somebody without an address, from the Ethernet header on.
fn program() -> Vec<Instruction> {
    vec![
        plain(LOAD_HALF, 20),
        equal(2, 0, 3),
        plain(LOAD_WORD, 38),
        equal(0, 0, 1),
        plain(RETURN, WHOLE),
        plain(RETURN, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::router::program::passes;

    const OURS: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const THEIRS: Mac = Mac([2, 0, 0, 0, 0, 2]);

    fn network(link: u32, text: &str) -> Network {
        let (address, bits) = text.split_once('/').unwrap();
        let mask = u32::MAX.checked_shl(32 - bits.parse::<u32>().unwrap()).unwrap_or(0);
        Network { link, address: address.parse().unwrap(), mask }
    }

    #[test]
    fn it_is_asked_where_clients_or_routers_would_ask() {
        let networks = [
            network(2, "10.0.0.1/24"),
            network(2, "10.9.9.1/32"),
            network(3, "10.1.0.1/16"),
            network(4, "10.1.7.1/24"),
            network(4, "192.0.2.7/32"),
            network(2, "10.0.0.100/24"),
            network(3, "10.1.0.100/16"),
            network(4, "10.1.7.100/24"),
        ];
        for (server, source, address, expected, why) in [
            ("10.0.0.11", "10.0.0.1", "10.0.0.100", Some(2), "in the network of the link"),
            ("10.0.0.11", "10.0.0.1", "10.0.0.101", None, "not this host's: another router has it now"),
            ("10.0.0.11", "10.0.0.1", "10.9.9.1", Some(2), "on the link's interface"),
            ("10.0.0.11", "10.0.0.1", "10.1.0.100", None, "on another link"),
            ("10.0.0.11", "10.0.0.1", "192.0.2.7", None, "on another link's interface"),
            ("10.0.0.11", "10.0.0.1", "192.0.2.8", None, "routed"),
            ("10.1.7.11", "10.1.7.1", "10.1.7.100", Some(4), "the narrower network has the server"),
            ("10.0.0.11", "10.1.0.1", "10.0.0.100", None, "its answer comes from a router"),
            ("172.16.0.1", "10.0.0.1", "10.0.0.100", None, "behind a router"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.100", None, "this host"),
        ] {
            let found = link(&networks, server.parse().unwrap(), source.parse().unwrap(), address.parse().unwrap());
            assert_eq!(found, expected, "{server} from {source} for {address}: {why}");
        }
    }

    #[test]
    fn an_answer_counts_until_the_question_after_next() {
        let now = Instant::now();
        let mut question = Question::default();
        assert!(question.is_older(now, PACE), "never asked");
        question.begin(now);
        assert!(!question.is_older(now, PACE) && !question.was_answered_by(THEIRS));
        question.answered_by(THEIRS);
        question.answered_by(THEIRS);
        assert!(question.was_answered_by(THEIRS) && !question.was_answered_by(OURS));
        assert_eq!(question.answers, [THEIRS]);
        question.begin(now + PACE);
        assert!(question.was_answered_by(THEIRS), "one answer may be late, or be lost");
        question.begin(now + 2 * PACE);
        assert!(!question.was_answered_by(THEIRS));
        assert!(question.is_older(now + 3 * PACE, PACE));
    }

    /// It goes to another director, who is a server as well, and comes back.
    #[test]
    fn nobody_is_said_to_answer_for_an_address_that_is_not_here_any_more() {
        let address = Ipv4Addr::new(10, 0, 0, 100);
        let at = getifaddrs().unwrap().find_map(|entry| entry.address?.as_link_addr().copied()).unwrap();
        let host = |has: bool| {
            let own = ["10.0.0.1/24", "10.0.0.100/32"].into_iter().take(1 + usize::from(has));
            Host { networks: own.map(|text| network(2, text)).collect(), links: HashMap::from([(2, at)]) }
        };
        // What was read, and whether the address was there; how long after that it was asked; whether it is there now.
        for (had, asked_after, has, expected, why) in [
            (true, 5 * PACE, false, false, "it went away before the question"),
            (true, 5 * PACE, true, true, "it is here still"),
            (true, PACE / 20, false, true, "that is known from a moment before"),
        ] {
            let read_at = Instant::now();
            let asked_at = read_at + asked_after;
            let now = asked_at + PACE / 100;
            let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking(), None).unwrap();
            let mut link = Link { at, mac: OURS, socket, questions: HashMap::new() };
            let question = link.questions.entry(address).or_default();
            question.begin(asked_at);
            question.answered_by(THEIRS);
            let mut arp = Arp { host: Some((read_at, host(had))), links: HashMap::from([(2, link)]) };
            let mut reads = 0;
            let mut answers = |mac, now| {
                arp.is_answered_by(2, address, mac, now, || {
                    reads += 1;
                    Some(host(has))
                })
            };
            assert!(!answers(OURS, now), "{why}: somebody else");
            assert_eq!(answers(THEIRS, now), expected, "{why}");
            assert_eq!(answers(THEIRS, now + PACE / 2), expected && has, "{why}: later");
            assert_eq!(answers(THEIRS, now + PACE), expected && has, "{why}: and on");
            assert_eq!(reads, 1, "{why}: once for each question");
            let remembers = arp.links[&2].questions.contains_key(&address);
            assert_eq!(remembers, has, "{why}: nothing is left of what another has answered rightly");
        }
    }

    #[test]
    fn as_many_hosts_are_remembered_as_there_is_room_for() {
        let mut question = Question::default();
        for number in 0..=u16::MAX {
            let [high, low] = number.to_be_bytes();
            question.answered_by(Mac([2, 0, 0, 0, high, low]));
        }
        assert_eq!(question.answers.len(), MOST_ANSWERS);
    }

    /// `operation` of ARP for 10.0.0.100, told to whoever has this address.
    fn frame(operation: u8, to: Ipv4Addr) -> Vec<u8> {
        let mut frame = Probe { mac: THEIRS.0, address: to }.emit();
        frame[21] = operation;
        frame[28..32].copy_from_slice(&[10, 0, 0, 100]);
        frame
    }

    #[test]
    fn the_filter_lets_answers_to_probes_through() {
        let lets = |frame: &[u8]| passes(&program(), frame, &[]);
        let right = frame(2, Ipv4Addr::UNSPECIFIED);
        assert!(lets(&right));
        assert_eq!(claim(&right).unwrap().to_string(), "10.0.0.100 is at 02:00:00:00:00:02");
        assert!(!lets(&frame(1, Ipv4Addr::UNSPECIFIED)), "a question");
        assert!(!lets(&frame(2, Ipv4Addr::new(10, 0, 0, 1))), "an answer to this host's own questions");
        for length in 0..right.len() {
            assert!(!lets(&right[..length]), "cut off at {length}");
        }
    }

    /// Every host has a loopback interface, and nobody asks there.
    #[test]
    fn the_links_of_this_host_speak_arp() {
        let host = Host::read().unwrap();
        assert!(host.networks.iter().all(|network| !network.address.is_loopback()), "{host:?}");
        assert!(host.networks.iter().all(|network| host.links.contains_key(&network.link)), "{host:?}");
    }
}
