//! A host: a kernel with a link and addresses, and a process that may be running.

use crate::model::Family;
use crate::vrrp::receive::Received;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::history::own_address;
use super::law;
use crate::model::{Config, Priority, ScriptOutcome};
use crate::vrrp::Router;
use crate::vrrp::engine::{Event, HostAddress, Input, Link, Output};
use crate::vrrp::machine::Role;
use crate::wire::{Malformed, arp, ipv4, ipv6, ndp, vrrp};

/// Its one link.
const ETH0: u32 = 2;
/// What a socket holds while the process is held up.
const SOCKET_ROOM: usize = 512;

/// Something that left a host.
pub(super) enum Left {
    /// A packet, and whom it is for.
    Packet(IpAddr, Vec<u8>),
    /// "This address is here".
    Announcement(IpAddr),
    /// A script was started.
    Script(u64),
}

/// A host.
pub(super) struct Host {
    pub(super) number: usize,
    pub(super) router: Option<Router>,
    pub(super) config: Arc<Config>,
    pub(super) link_up: bool,
    pub(super) script_ok: bool,
    pub(super) refuses: bool,
    /// The switch that it is connected to.
    pub(super) side: u8,
    /// What the kernel has, beside the host's own address.
    pub(super) addresses: BTreeSet<HostAddress>,
    /// Addresses that an owner found when it started: they are the host's, and it never takes them off.
    pub(super) permanent: BTreeSet<IpAddr>,
    /// States as they were told.
    pub(super) roles: BTreeMap<String, Role>,
    /// Routers that may keep what a killed process left.
    pub(super) inherits: BTreeSet<String>,
    /// Held up until then.
    pub(super) paused_until: Option<Instant>,
    waiting: VecDeque<Waiting>,
    pub(super) changes: u64,
    /// The same in words, for the log.
    pub(super) news: Vec<String>,
}

/// What came in while the process was held up.
enum Waiting {
    Link,
    Address(HostAddress),
    Packet(Vec<u8>),
    Script(u64, bool),
}

impl Host {
    pub(super) fn new(number: usize, config: Config) -> Self {
        Self {
            number,
            router: None,
            config: Arc::new(config),
            link_up: true,
            script_ok: true,
            refuses: false,
            side: 0,
            addresses: BTreeSet::new(),
            permanent: BTreeSet::new(),
            roles: BTreeMap::new(),
            inherits: BTreeSet::new(),
            paused_until: None,
            waiting: VecDeque::new(),
            changes: 0,
            news: Vec::new(),
        }
    }

    /// It takes packets for this destination.
    pub(super) fn takes(&self, destination: IpAddr) -> bool {
        destination.is_multicast() || destination == own_address(Family::of(destination), self.number)
    }

    fn link(&self) -> Link {
        let last = u8::try_from(self.number).unwrap_or(u8::MAX);
        Link {
            index: ETH0,
            name: "eth0".to_owned(),
            up: self.link_up,
            mac: Some([2, 0, 0, 0, 0, last]),
            enabled: self.link_up,
            upon: None,
            marked: false,
            mtu: None,
            table: None,
        }
    }

    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|place| place.address == address)
    }

    pub(super) fn runs(&self) -> bool {
        self.router.is_some()
    }

    /// When its process has something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.paused_until {
            Some(until) => Some(until),
            None => self.router.as_ref()?.poll_timeout(),
        }
    }

    pub(super) fn start(&mut self, now: Instant) -> Result<Vec<Left>, String> {
        if self.runs() {
            return Ok(Vec::new());
        }
        self.router = Some(Router::new());
        self.roles = self.config.instances.iter().map(|it| (it.name.clone(), Role::Initialize)).collect();
        self.inherits = self.roles.keys().cloned().collect();
        let owners = self.config.instances.iter().filter(|instance| instance.priority == Priority::OWNER);
        let owned = owners.flat_map(|instance| &instance.addresses).map(|address| address.address);
        self.permanent = owned.filter(|address| self.has(*address)).collect();
        let own = [(Family::V4, 8), (Family::V6, 64)].map(|(family, prefix_len)| {
            let address = own_address(family, self.number);
            HostAddress { index: ETH0, address, prefix_len }
        });
        let addresses = own.into_iter().chain(self.addresses.iter().copied()).collect();
        let mut left = self.input(Input::Links(vec![self.link()]), now)?;
        left.extend(self.input(Input::Addresses(addresses), now)?);
        let config = Arc::clone(&self.config);
        left.extend(self.input(Input::Configure(config), now)?);
        Ok(left)
    }

    pub(super) fn kill(&mut self) {
        self.router = None;
        self.paused_until = None;
        self.waiting.clear();
        self.roles.clear();
    }

    pub(super) fn stop(&mut self, now: Instant) -> Result<Vec<Left>, String> {
        let left = self.input(Input::Stop, now)?;
        if self.runs() && self.addresses.iter().any(|place| !self.permanent.contains(&place.address)) {
            return Err(format!("host {} has stopped and left addresses behind", self.number));
        }
        self.kill();
        Ok(left)
    }

    pub(super) fn set_link(&mut self, up: bool, now: Instant) -> Result<Vec<Left>, String> {
        self.link_up = up;
        self.tell(Waiting::Link, now)
    }

    /// Somebody takes a virtual address off.
    pub(super) fn lose_address(&mut self, now: Instant) -> Result<Vec<Left>, String> {
        match self.addresses.pop_first() {
            Some(address) => self.tell(Waiting::Address(address), now),
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn reload(&mut self, config: Config, now: Instant) -> Result<Vec<Left>, String> {
        self.config = Arc::new(config);
        if self.paused_until.is_some() {
            return Ok(Vec::new());
        }
        let config = Arc::clone(&self.config);
        self.input(Input::Configure(config), now)
    }

    pub(super) fn hear(&mut self, packet: Vec<u8>, now: Instant) -> Result<Vec<Left>, String> {
        if self.link_up { self.tell(Waiting::Packet(packet), now) } else { Ok(Vec::new()) }
    }

    pub(super) fn script_done(&mut self, run: u64, now: Instant) -> Result<Vec<Left>, String> {
        self.tell(Waiting::Script(run, self.script_ok), now)
    }

    /// The deadline, or the end of a time in which it was held up: what came in meanwhile is read before any deadline is
    /// believed, as the loop does.
    pub(super) fn turn(&mut self, now: Instant) -> Result<Vec<Left>, String> {
        let mut left = Vec::new();
        if self.paused_until.is_some_and(|until| until > now) {
            return Ok(left);
        }
        if self.paused_until.take().is_some() {
            let (packets, news): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
                .into_iter()
                .partition(|waiting| matches!(waiting, Waiting::Packet(_)));
            for waiting in news.into_iter().chain(packets) {
                left.extend(self.tell(waiting, now)?);
            }
            let config = Arc::clone(&self.config);
            left.extend(self.input(Input::Configure(config), now)?);
        }
        for _ in 0..10 {
            if self.due().is_none_or(|at| at > now) {
                return Ok(left);
            }
            left.extend(self.input(Input::Deadline, now)?);
        }
        Err(format!("host {} never sleeps", self.number))
    }

    fn tell(&mut self, waiting: Waiting, now: Instant) -> Result<Vec<Left>, String> {
        if self.paused_until.is_some() {
            let packets = self.waiting.iter().filter(|waiting| matches!(waiting, Waiting::Packet(_))).count();
            if !matches!(waiting, Waiting::Packet(_)) || packets < SOCKET_ROOM {
                self.waiting.push_back(waiting);
            }
            return Ok(Vec::new());
        }
        match waiting {
            Waiting::Link => self.input(Input::Link(self.link()), now),
            Waiting::Address(address) => self.input(Input::AddressGone(address), now),
            Waiting::Packet(bytes) => {
                self.note_master(&bytes);
                let received = receive(&bytes).map_err(|error| error.to_string())?;
                self.input(Input::Packet { index: ETH0, received }, now)
            }
            Waiting::Script(run, ok) => {
                let outcome = ScriptOutcome::Exited(i32::from(!ok));
                self.input(Input::ScriptDone { run, outcome }, now)
            }
        }
    }

    /// Once another master was heard, nothing is inherited any more. One of another version is not heard.
    fn note_master(&mut self, bytes: &[u8]) {
        if let Some((version, vrid, priority)) = read(bytes)
            && priority != 0
        {
            let name = format!("v{vrid}");
            let instances = &self.config.instances;
            if instances.iter().any(|instance| instance.name == name && vrrp::number(instance.version) == version) {
                self.inherits.remove(&name);
            }
        }
    }

    /// Tells the process something, and does what it wants done.
    fn input(&mut self, input: Input<'_>, now: Instant) -> Result<Vec<Left>, String> {
        let mut left = Vec::new();
        let Some(mut router) = self.router.take() else { return Ok(left) };
        router.handle(input, now);
        let outcome = self.apply(&mut router, &mut left, now);
        self.router = Some(router);
        outcome.map(|()| left)
    }

    fn apply(&mut self, router: &mut Router, left: &mut Vec<Left>, now: Instant) -> Result<(), String> {
        // Adverts whose right to be sent is in a change of state that is told after them.
        let mut unproven: Vec<String> = Vec::new();
        while let Some(output) = router.poll_output() {
            match output {
                Output::Send { instance, router: from, packet, destination, .. } => {
                    let role = self.roles.get(&*instance).copied();
                    if role != Some(Role::Active) {
                        let (_, _, priority) = read(&packet).ok_or("an advert that cannot be read")?;
                        if priority == 0 {
                            return Err(format!("{instance} on host {} leaves and is {role:?}", self.number));
                        }
                        unproven.push(instance.to_string());
                    }
                    if self.link_up {
                        left.push(Left::Packet(destination, packet));
                    }
                    router.handle(Input::Sent { router: from }, now);
                }
                Output::AddAddress { instance, index, address } => {
                    let place = HostAddress { index, address: address.address, prefix_len: address.prefix_len };
                    let answer = if self.refuses {
                        Input::AddFailed { instance, address: place, error: "refused".to_owned() }
                    } else {
                        self.addresses.insert(place);
                        Input::Address(place)
                    };
                    router.handle(answer, now);
                }
                Output::RemoveAddress(place) => {
                    self.addresses.remove(&place);
                    router.handle(Input::AddressGone(place), now);
                }
                Output::Frame { address, frame, .. } => {
                    let read = announced(address, &frame).map_err(|error| error.to_string())?;
                    // With unicast the address that adverts leave from is announced too.
                    let own = address == own_address(Family::of(address), self.number);
                    if read != address || !(own || self.has(address)) {
                        return Err(format!("host {} announces {address}, which it has not", self.number));
                    }
                    left.push(Left::Announcement(address));
                }
                Output::RunScript(run) => left.push(Left::Script(run.run)),
                Output::Event(Event::StateChanged { instance, from, to, reason, more: _, told: _ }) => {
                    self.news.push(format!("  host {}: {instance} is {to}: {reason}", self.number));
                    law::yielding(self.number, &reason)?;
                    let before = self.roles.insert(instance.to_string(), to);
                    if before != Some(from) {
                        return Err(format!("{instance} on host {} was {before:?} and leaves {from}", self.number));
                    }
                    self.changes += 1;
                    if to == Role::Active {
                        unproven.retain(|other| **other != *instance);
                    }
                    if matches!(to, Role::Active | Role::Fault) {
                        self.inherits.remove(&*instance);
                    }
                }
                Output::Firewall(_) => router.handle(Input::Firewall(Ok(())), now),
                Output::WatchClaims(_) => {}
                Output::LookAtScripts(looks) => {
                    let seen = looks.into_iter().map(|look| (look, Ok(()))).collect();
                    router.handle(Input::ScriptsSeen(seen), now);
                }
                Output::Listen(_)
                | Output::Notify(_)
                | Output::Fifo(_)
                | Output::Event(_)
                | Output::Stopped
                | Output::AddLink(_)
                | Output::RaiseLink { .. }
                | Output::RemoveLink { .. }
                | Output::Sysctl { .. }
                | Output::RestoreSysctl { .. }
                | Output::ReversePathByLink(_)
                | Output::WatchSteering(_)
                | Output::AddSteering { .. }
                | Output::RemoveSteering { .. }
                | Output::RecordSteering { .. }
                | Output::UpdateAddress { .. } => {}
            }
        }
        match unproven.first() {
            Some(instance) => Err(format!("{instance} on host {} advertises and is not master", self.number)),
            None => Ok(()),
        }
    }
}

/// The address that a frame announces.
fn announced(address: IpAddr, frame: &[u8]) -> Result<IpAddr, Malformed> {
    match address {
        IpAddr::V4(_) => arp::Gratuitous::parse(frame).map(|read| read.address.into()),
        IpAddr::V6(_) => ndp::Unsolicited::parse(frame).map(|read| read.address.into()),
    }
}

fn family(packet: &[u8]) -> Family {
    if packet.first().is_some_and(|first| first >> 4 == 6) { Family::V6 } else { Family::V4 }
}

/// A packet as the shell tells it: IPv6 sockets give what is behind the header.
fn receive(packet: &[u8]) -> Result<Received<'_>, Malformed> {
    match family(packet) {
        Family::V4 => Received::ipv4(packet),
        Family::V6 => {
            let packet = ipv6::Packet::new_checked(packet)?;
            Ok(Received::ipv6(packet.source(), packet.destination(), packet.hop_limit(), packet.payload()))
        }
    }
}

/// Version, VRID and priority of an advert.
fn read(packet: &[u8]) -> Option<(u8, u8, u8)> {
    let family = family(packet);
    let payload = match family {
        Family::V4 => ipv4::Packet::new_checked(packet).ok()?.payload(),
        Family::V6 => ipv6::Packet::new_checked(packet).ok()?.payload(),
    };
    let advert = vrrp::Packet::new_checked(payload, family).ok()?;
    Some((advert.version(), advert.vrid(), advert.priority()))
}
