//! All virtual routers of a host, and what they stand on: links, addresses, all that is watched, and sync groups.
//!
//! Facts come in ([`Input`]): a configuration, links and addresses as the kernel tells them, packets, outcomes of scripts,
//! reports of trackers, time. Work comes out ([`Output`]), in the order in which it is to be done: an advert leaves before
//! an address is put on, and the address is on before it is announced.
//!
//! Some things are *levels* here, worked out anew from the facts instead of being counted up and down:
//!
//! - a router's health: every fault is looked for each time a fact changes, so none is forgotten
//!   while another heals;
//! - the virtual addresses: what an active router wishes and the kernel lacks is added, what a router that is not active
//!   names and the kernel has is removed. This covers promotion, reload, and an address that somebody took off by hand;
//! - the links that routers make for themselves (`virtual_links`), the kernel settings that those need (`sysctls`), and what
//!   the packet filter drops (`accept`).
//!
//! Who must be told of an address is told in bursts that the machines time, in frames that keep the distances which were asked
//! for ([`announce`](self)). Somebody else who claims an address of an active router is answered (`rivals`).
//!
//! One thing is left as it is found: addresses that a predecessor left behind when it was killed. Traffic flows through
//! them, and if nobody else has taken over, it should go on. They stay until another master is heard, which happens
//! within one interval if there is one, or until we are the master ourselves; and go with a fault or a stop.

mod accept;
mod addresses;
mod announce;
mod configure;
mod event;
mod facts;
mod faults;
mod groups;
mod health;
mod instance;
mod left_links;
mod links;
mod listeners;
mod masters;
mod notify;
mod output;
mod packets;
mod readiness;
mod rivals;
mod room;
mod routes;
mod rules;
mod scripts;
mod statics;
mod status;
mod steering;
mod sysctls;
mod tracking;
mod unread;
mod virtual_links;
mod waiting;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::machine;
use super::reason::Reason;
use super::receive::Received;
use super::track::{Lasting, Pace};
use crate::model::{Config, Family, ScriptLook, ScriptOutcome, Watched};
use crate::wire::claim::Claim;

pub use accept::Firewall;
pub use event::Event;
pub use facts::{Fact, ServiceHealth};
pub use groups::GroupSplit;
pub use instance::Serial;
pub use masters::KnownMaster;
pub use output::{Listener, Output};
pub use rivals::{RivalStatus, Watch};
pub use status::{AddressStatus, DeadlineKind, GroupStatus, InstanceStatus, TrackStatus, TransitionStatus};
pub use steering::{Kept, OWN_PROTOCOL, Steered, Steering, SteeringNews, SteeringStatus, SteeringWatch};
pub use unread::Unread;
pub use virtual_links::{LinkKind, Loss, NewLink, Upon};
pub use waiting::Waiting;

use announce::Lanes;
use facts::Reports;
use groups::Group;
use instance::Entry;
use scripts::Script;
use sysctls::Settings;
use virtual_links::VirtualLinks;

/// After a failed or contested addition of an address, the time until it is tried again.
const ADDRESS_RETRY: Duration = Duration::from_secs(1);

/// A network interface, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number for it. An interface that is deleted and made anew has another.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// It is switched on and has a carrier.
    pub up: bool,
    /// Ethernet address, where it has one and speaks ARP.
    pub mac: Option<[u8; 6]>,
    /// It is switched on, with a carrier or without.
    pub enabled: bool,
    /// What it lies on, if it is of a kind that routers make for themselves.
    pub upon: Option<Upon>,
    /// It carries the mark of those that we made, in this run or an earlier one.
    pub marked: bool,
    /// Bytes that a packet on it may have, IP header included; `None` where the kernel did not say.
    pub mtu: Option<u32>,
    /// It is a VRF: its table.
    pub table: Option<u32>,
}

/// An address on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostAddress {
    /// Interface.
    pub index: u32,
    /// Address.
    pub address: IpAddr,
    /// Prefix length: the same address with another length is another address to the kernel.
    pub prefix_len: u8,
}

/// What the router can be told.
#[derive(Debug)]
pub enum Input<'a> {
    /// A configuration: the first one, or a new one. Links and addresses should be told before the first.
    Configure(Arc<Config>),
    /// All links there are.
    Links(Vec<Link>),
    /// A link is there, or has changed.
    Link(Link),
    /// A link is gone.
    LinkGone {
        /// Its number.
        index: u32,
    },
    /// All addresses there are, in the kernel's order.
    Addresses(Vec<HostAddress>),
    /// An address is there.
    Address(HostAddress),
    /// An address is gone.
    AddressGone(HostAddress),
    /// A packet that may be an advert.
    Packet {
        /// Interface of the [`Listener`] that heard it.
        index: u32,
        /// The packet.
        received: Received<'a>,
    },
    /// So many more packets were lost for want of room in a socket.
    Unread {
        /// Interface of the [`Listener`].
        index: u32,
        /// Family of the [`Listener`].
        family: Family,
        /// How many.
        unread: Unread,
    },
    /// A run that [`Output::RunScript`] asked for is over.
    ScriptDone {
        /// Number of the run.
        run: u64,
        /// What came of it.
        outcome: ScriptOutcome,
    },
    /// An advert has been sent.
    Sent {
        /// The virtual router.
        router: Serial,
    },
    /// An advert could not be sent.
    SendFailed {
        /// The virtual router.
        router: Serial,
        /// Why.
        error: String,
    },
    /// The kernel refused to add an address.
    AddFailed {
        /// Name of the virtual router.
        instance: Arc<str>,
        /// The address.
        address: HostAddress,
        /// Why.
        error: String,
    },
    /// The kernel refused to remove an address.
    RemoveFailed {
        /// The address.
        address: HostAddress,
        /// Why.
        error: String,
    },
    /// Time has passed.
    Deadline,
    /// The end: leave every virtual router.
    Stop,
    /// A tracker reports.
    Fact(Fact),
    /// How long the host has been running; told before the first configuration.
    Uptime(Duration),
    /// Whether an interface forwards IPv6 packets.
    Forwarding {
        /// Interface.
        index: u32,
        /// It does.
        on: bool,
    },
    /// A link that [`Output::AddLink`] or [`Output::RaiseLink`] asked for cannot be had.
    LinkFailed {
        /// Its name.
        name: String,
        /// Number of the link that it was to lie on, or its own if it was to be raised: which attempt this is about.
        at: u32,
        /// Why.
        error: String,
    },
    /// What came of [`Output::Firewall`].
    Firewall(Result<(), String>),
    /// What came of [`Output::AddSteering`].
    Steered {
        /// The number that it was asked with.
        id: u64,
        /// What came of it.
        outcome: Steered,
    },
    /// The kernel tells of a route or a rule that may have been ours.
    SteeringNews(SteeringNews),
    /// Such news were lost.
    SteeringNewsLost,
    /// Addresses on the host that a predecessor of ours put on; told before the first configuration, after
    /// [`Input::Addresses`].
    Left(Vec<HostAddress>),
    /// Routes and rules that a predecessor of ours put on; told before the first configuration.
    SteeringLeft(Vec<Kept>),
    /// What [`Output::RecordSteering`] asked for is written, or cannot be.
    SteeringRecorded {
        /// The number that it was asked with.
        number: u64,
    },
    /// Somebody says that it has an address of a [`Watch`].
    Claim {
        /// Interface that it was said on.
        index: u32,
        /// What was said.
        claim: Claim,
    },
    /// What [`Output::LookAtScripts`] found: each script, and why it could not be run, as part of a sentence.
    ScriptsSeen(Vec<(ScriptLook, Result<(), String>)>),
}

/// All virtual routers of a host.
#[derive(Debug, Default)]
pub struct Router {
    config: Arc<Config>,
    links: BTreeMap<u32, Link>,
    names: BTreeMap<String, u32>,
    addresses: BTreeMap<u32, Vec<(IpAddr, u8)>>,
    /// Removals that the kernel has not told back yet: their echo is not somebody else's doing.
    removing: BTreeMap<HostAddress, u32>,
    instances: Vec<Entry>,
    groups: Vec<Group>,
    scripts: Vec<Script>,
    /// What trackers outside report.
    reports: Reports,
    /// Links whose changes count only if they last, by name.
    believed: BTreeMap<String, Lasting>,
    /// Checks that were seen well (`true`), failed (`false`), or both, one time or other.
    seen: BTreeSet<(Watched, bool)>,
    paces: BTreeMap<Watched, Pace<words::Word>>,
    runs: u64,
    /// A configuration has been in force: what is found from now on, we know of.
    configured: bool,
    listeners: Vec<Listener>,
    /// Other adverts may matter than those that were last told.
    masters_changed: bool,
    watches: Vec<Watch>,
    /// Interfaces that forward IPv6 packets.
    forwarding: BTreeSet<u32>,
    lanes: Lanes,
    /// Announcements that have left since the last deadline.
    frames_this_turn: usize,
    /// How long the host had been running when we started.
    uptime: Duration,
    /// No virtual router starts before.
    not_before: Option<Instant>,
    /// Whom an advert may concern: places in the list of instances, by the socket's interface, family and number.
    ears: BTreeMap<(u32, Family, u8), Vec<usize>>,
    /// Places in the list of instances of those that share an identity with others.
    sharers: Vec<Vec<usize>>,
    /// How many routers there have been.
    serials: u64,
    /// Places in the list of instances by name.
    by_name: BTreeMap<Arc<str>, usize>,
    /// Every virtual address of the configuration.
    virtual_ones: BTreeSet<IpAddr>,
    /// Adverts that were nobody's.
    unknown_vrids: BTreeMap<(u32, Family, u8), u64>,
    /// Packets that were never read, by interface.
    unread: BTreeMap<(u32, Family), Unread>,
    virtual_links: VirtualLinks,
    settings: Settings,
    firewall: Firewall,
    firewall_problem: Option<String>,
    statics: Vec<statics::Static>,
    /// What a predecessor put on.
    left: BTreeSet<HostAddress>,
    /// Routes and rules of the configuration, in its order.
    steering: Vec<steering::Held>,
    /// Those that the configuration no longer has, until what it has is on.
    steering_gone: Vec<steering::Held>,
    steering_ids: u64,
    steering_index: steering::Index,
    /// No route or rule is to be tried again before.
    steering_retry: Option<Instant>,
    queue: steering::Queue,
    steering_watch: SteeringWatch,
    record: steering::Record,
    /// The end has come: what stays on the host otherwise goes too.
    leaving: bool,
    outputs: VecDeque<Output>,
    stopped: bool,
}

impl Router {
    /// A router that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// When [`Input::Deadline`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        let machines = self.instances.iter().filter_map(|entry| entry.machine.poll_timeout());
        let retries = self.instances.iter().filter_map(|entry| entry.retry_at);
        let scripts = self.scripts.iter().filter(|script| script.runs()).map(|script| script.next_at);
        let reports = self.reports.poll_timeout();
        let links = self.believed.values().filter_map(Lasting::change_at).chain(self.words_timeout());
        let announcement = self.next_announcement().into_iter().chain(self.next_defence());
        let links = links.chain(self.link_retries()).chain(self.steering_timeout()).chain(self.statics_timeout());
        let news = |entry: &Entry| entry.fault_news.due().into_iter().chain(entry.wait_news.due());
        let faults = self.instances.iter().flat_map(news);
        machines.chain(retries).chain(faults).chain(scripts).chain(reports).chain(links).chain(announcement).min()
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        if self.stopped {
            return;
        }
        match input {
            Input::Configure(config) => self.configure(config, now),
            Input::Links(links) => {
                let risen: Vec<_> = links.iter().filter(|link| self.rises(link)).map(|link| link.index).collect();
                let risen: Vec<_> = risen.into_iter().map(|index| self.before_it_came_up(index)).collect();
                self.links.clear();
                self.names.clear();
                for link in links {
                    self.insert_link(link);
                }
                self.forget_asked_links();
                self.settle(now);
                self.announce_on(&risen, now);
            }
            Input::Link(link) => {
                if self.links.get(&link.index) != Some(&link) {
                    let index = link.index;
                    let risen = self.rises(&link).then(|| self.before_it_came_up(link.index));
                    self.insert_link(link);
                    self.steering_link(index, now);
                    self.settle(now);
                    self.announce_on(risen.as_slice(), now);
                }
            }
            Input::LinkGone { index } => {
                if let Some(link) = self.links.remove(&index) {
                    if self.names.get(&link.name) == Some(&index) {
                        // News from before everything was read may speak of a link of the same name that is there no more.
                        let other = self.links.values().find(|other| other.name == link.name).map(|other| other.index);
                        match other {
                            Some(other) => drop(self.names.insert(link.name, other)),
                            None => drop(self.names.remove(&link.name)),
                        }
                    }
                    self.addresses.remove(&index);
                    self.steering_link_gone(index);
                    self.statics_link_gone(index);
                    self.forwarding.remove(&index);
                    self.unknown_vrids.retain(|(at, _, _), _| *at != index);
                    self.unread.retain(|(at, _), _| *at != index);
                    self.settle(now);
                }
            }
            Input::Addresses(addresses) => {
                self.addresses.clear();
                self.removing.clear();
                for address in addresses {
                    self.insert_address(address);
                }
                self.settle(now);
            }
            Input::Address(address) => {
                if self.is_present(&address) {
                    self.confirmed(&address);
                } else {
                    self.insert_address(address);
                    self.steering_address(now);
                    self.settle(now);
                }
            }
            Input::AddressGone(address) => self.address_gone(address, now),
            Input::Packet { index, received } => self.packet(index, &received, now),
            Input::Unread { index, family, unread } => self.unread(index, family, unread),
            Input::ScriptDone { run, outcome } => self.script_done(run, &outcome, now),
            Input::Sent { router } => self.sent(router),
            Input::SendFailed { router, error } => self.send_failed(router, error),
            Input::AddFailed { instance, address, error } => self.add_failed(&instance, &address, error, now),
            Input::RemoveFailed { address, error } => {
                self.removal_echoed(&address);
                self.outputs.push_back(Output::Event(Event::RemoveFailed { address, error }));
            }
            Input::Deadline => self.deadline(now),
            Input::Stop => self.stop(now),
            Input::Fact(fact) => self.fact(fact, now),
            Input::Uptime(uptime) => self.uptime = uptime,
            Input::Forwarding { index, on: true } => drop(self.forwarding.insert(index)),
            Input::Forwarding { index, on: false } => drop(self.forwarding.remove(&index)),
            Input::LinkFailed { name, at, error } => self.link_failed(&name, at, error, now),
            Input::Firewall(outcome) => self.firewall_done(outcome),
            Input::Steered { id, outcome } => self.steered(id, outcome, now),
            Input::SteeringNews(news) => self.steering_news(&news, now),
            Input::SteeringNewsLost => self.steering_unknown(now),
            Input::SteeringLeft(left) => self.steering_left(left),
            Input::SteeringRecorded { number } => self.steering_recorded(number, now),
            Input::Left(left) => self.left.extend(left),
            Input::Claim { index, claim } => self.claimed(index, claim, now),
            Input::ScriptsSeen(seen) => self.scripts_seen(seen, now),
        }
    }

    fn insert_link(&mut self, link: Link) {
        if let Some(old) = self.links.get(&link.index)
            && old.name != link.name
            && self.names.get(&old.name) == Some(&link.index)
        {
            let old = old.name.clone();
            self.names.remove(&old);
        }
        self.names.insert(link.name.clone(), link.index);
        self.links.insert(link.index, link);
    }

    /// Brings everything that follows from facts up to date: sockets, health, groups, addresses.
    fn settle(&mut self, now: Instant) {
        self.look_at_links(now);
        self.find_duplicates();
        self.measure_adverts();
        let wishes = self.wishes();
        self.update_sysctls(&wishes);
        self.update_virtual_links(&wishes, now);
        self.update_listeners();
        self.update_watches();
        self.update_health(now);
        self.drain(now);
        self.coordinate(now);
        self.reconcile(now);
        self.steer(None, now);
    }

    /// Gives each machine whose deadline has passed its turn.
    fn deadline(&mut self, now: Instant) {
        // What is found to have lasted may change what the machines make of the time.
        self.look_again(now);
        if self.believed.values().any(|believed| believed.change_at().is_some_and(|at| at <= now)) {
            self.settle(now);
        }
        let mut retry = false;
        for entry in &mut self.instances {
            if entry.machine.poll_timeout().is_some_and(|at| at <= now) {
                entry.machine.handle(machine::Input::Deadline, now);
            }
            if entry.retry_at.is_some_and(|at| at <= now) {
                entry.retry_at = None;
                retry = true;
            }
        }
        self.drain(now);
        self.coordinate(now);
        self.start_scripts(now);
        if self.retry_links(now) {
            self.settle(now);
        }
        if retry {
            self.reconcile(now);
        }
        self.tell_last_words(now);
        self.statics_deadline(now);
        self.steering_deadline(now);
        self.tell_faults(now);
        self.tell_waits(now);
        self.defend(now);
        self.send_announcements(now);
    }

    /// Turns what the machines want into outputs.
    fn drain(&mut self, now: Instant) {
        for at in 0..self.instances.len() {
            self.drain_one(at, now);
        }
    }

    fn drain_one(&mut self, at: usize, now: Instant) {
        // Routes come on when all that must learn of the addresses has been told.
        let mut promoted = false;
        while let Some(output) = self.instances.get_mut(at).and_then(|entry| entry.machine.poll_output()) {
            match output {
                machine::Output::Send { priority } => self.advertise(at, priority),
                machine::Output::AddAddresses => {
                    self.add_missing(at, now);
                    promoted = true;
                }
                machine::Output::RemoveAddresses => {
                    self.steer(Some(at), now);
                    self.remove_present(at);
                }
                machine::Output::Announce { repeat } => self.announce(at, repeat, None, now),
                // The flag is in the machine's state; groups are looked at after every drain.
                machine::Output::Expired => {}
                machine::Output::LowerPriority { heard, crossed } => self.lower_priority(at, heard, crossed, now),
                machine::Output::AnnounceExtra => self.announce_extra(at, now),
                machine::Output::OwnerConflict(heard) => {
                    self.tell(at, |instance| Event::OwnerConflict { instance, heard })
                }
                machine::Output::Overslept { late } => self.tell(at, |instance| Event::Overslept { instance, late }),
                machine::Output::StateChanged { from, to, reason } => self.state_changed(at, from, to, reason, now),
            }
        }
        if promoted {
            self.steer(Some(at), now);
        }
    }

    /// Tells people something about a virtual router.
    fn tell(&mut self, at: usize, event: impl FnOnce(Arc<str>) -> Event) {
        if let Some(entry) = self.instances.get(at) {
            let instance = Arc::clone(&entry.name);
            self.outputs.push_back(Output::Event(event(instance)));
        }
    }

    fn stop(&mut self, now: Instant) {
        for entry in &mut self.instances {
            entry.machine.handle(machine::Input::Shutdown(Reason::Stopped), now);
        }
        self.drain(now);
        for at in 0..self.instances.len() {
            self.disinherit(at, now);
            self.notify_stopped(at);
        }
        self.notify_groups_stopped();
        self.leaving = true;
        self.steer(None, now);
        self.discard_steering();
        self.empty_queue();
        self.leave_statics();
        self.drop_firewall();
        self.remove_virtual_links();
        self.restore_sysctls();
        let record = self.due_record();
        self.outputs.extend(record);
        self.outputs.push_back(Output::Stopped);
        self.stopped = true;
    }
}

#[cfg(test)]
mod tests;
