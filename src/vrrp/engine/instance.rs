//! One virtual router in the engine: its machine, and what is counted and remembered beside it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::health::{FaultNews, Health};
use super::packets::Lower;
use super::rivals::Defence;
use super::room::Room;
use super::waiting::WaitNews;
use super::{Event, HostAddress, Output, Router};
use crate::model::{Config, Instance, Priority, StartAs, Tracked, Transport, VirtualAddress};
use crate::vrrp::machine::{Heard, Machine, Role, Settings};
use crate::vrrp::reason::{Fault, Reason};
use crate::vrrp::receive::Drop;
use crate::vrrp::track::{Effect, Pace};

/// Changes of state that a router remembers.
const HISTORY: usize = 16;

/// A change of state.
#[derive(Debug)]
pub(super) struct Transition {
    pub(super) from: Role,
    pub(super) to: Role,
    pub(super) reason: Reason,
    pub(super) at: Instant,
}

/// Which of all routers that were ever configured in this run. It stays with a router over reloads, where names and places
/// in lists may change, and no two have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Serial(pub(super) u64);

/// A virtual router's part of a configuration, which it shares with everybody else who has it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    all: Arc<Config>,
    /// Less than the number of instances.
    at: usize,
}

impl Wanted {
    /// Those of all virtual routers, in order.
    pub(super) fn each(config: &Arc<Config>) -> impl Iterator<Item = Self> {
        (0..config.instances.len()).map(|at| Self { all: Arc::clone(config), at })
    }
}

impl Deref for Wanted {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.all.instances[self.at]
    }
}

/// One virtual router.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) serial: Serial,
    pub(super) name: Arc<str>,
    pub(super) config: Wanted,
    pub(super) machine: Machine,
    /// Another router of this host that has the same identity and came first.
    pub(super) duplicate_of: Option<String>,
    /// The group that it is in, by its place in the list.
    pub(super) group: Option<usize>,
    /// What the machine was told last.
    pub(super) health: Option<Health>,
    /// What all that it watches did when health was worked out last.
    pub(super) effects: Vec<(Tracked, Effect)>,
    pub(super) priority_pace: Pace<u8>,
    /// Of changes of state that begin and end without the addresses.
    pub(super) state_pace: Pace<Role>,
    pub(super) fault_news: FaultNews,
    pub(super) wait_news: WaitNews,
    /// The last changes of state, the oldest first.
    pub(super) history: VecDeque<Transition>,
    /// Addresses that adverts carry: those of its family, as many as fit.
    pub(super) advertised: Vec<IpAddr>,
    /// How many that is, and the MTU for which it was told that they are not all.
    pub(super) room: Room,
    pub(super) told_room: Option<u32>,
    /// Nothing is known yet of who is master: addresses that are on the host may be a killed predecessor's, and stay.
    pub(super) inherits: bool,
    /// Addresses that are ours to take off: those that we put on, and for all but an owner those that were there.
    pub(super) added: BTreeSet<HostAddress>,
    /// When what could not be added is tried again, and which addresses wait for that.
    pub(super) retry_at: Option<Instant>,
    pub(super) waiting: BTreeSet<HostAddress>,
    /// When each address was last put back after somebody removed it.
    pub(super) put_back: BTreeMap<HostAddress, Instant>,
    /// Addresses that are being put back; it is told when the kernel has told them back.
    pub(super) coming_back: BTreeSet<HostAddress>,
    pub(super) address_problem: Option<String>,
    /// Problems with addresses that were told since the last time that one came on.
    pub(super) told: BTreeSet<String>,
    pub(super) send_problem: Option<String>,
    /// Identification of the last packet: keepalived counts up from 1, and so do we.
    pub(super) packet_id: u16,
    /// The highest sequence number of an authentication header, whether sent or received.
    pub(super) sequence: u32,
    /// Peers that sum the multicast address into a unicast advert's checksum, and want the same of us.
    pub(super) old_checksums: BTreeSet<IpAddr>,
    pub(super) last_heard: Option<(Heard, Instant)>,
    /// The last master whose adverts kept us from taking over.
    pub(super) follows: Option<IpAddr>,
    /// Senders of whom it was told that their addresses differ from ours.
    pub(super) differs: BTreeSet<IpAddr>,
    /// Adverts that carried other addresses than ours.
    pub(super) differing: u64,
    /// Adverts of lower priority while we are active.
    pub(super) lower: Lower,
    /// Its addresses that somebody else claims while we are active.
    pub(super) rivals: BTreeMap<HostAddress, Defence>,
    pub(super) rival_pace: Pace,
    /// Claims by others while we were active.
    pub(super) rival_claims: u64,
    pub(super) became_master: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) dropped: BTreeMap<Drop, u64>,
}

impl Entry {
    pub(super) fn new(serial: Serial, config: &Wanted, now: Instant) -> Self {
        let mut entry = Self {
            serial,
            name: Arc::from(config.name.as_str()),
            machine: Machine::new(settings(config, config.priority, IpAddr::V4(Ipv4Addr::UNSPECIFIED), false), now),
            config: config.clone(),
            duplicate_of: None,
            group: None,
            health: None,
            effects: Vec::new(),
            priority_pace: Pace::default(),
            state_pace: Pace::default(),
            fault_news: FaultNews::default(),
            wait_news: WaitNews::default(),
            history: VecDeque::new(),
            advertised: Vec::new(),
            room: Room::UNKNOWN,
            told_room: None,
            inherits: false,
            added: BTreeSet::new(),
            retry_at: None,
            waiting: BTreeSet::new(),
            put_back: BTreeMap::new(),
            coming_back: BTreeSet::new(),
            address_problem: None,
            told: BTreeSet::new(),
            send_problem: None,
            packet_id: 0,
            sequence: 0,
            old_checksums: BTreeSet::new(),
            last_heard: None,
            follows: None,
            differs: BTreeSet::new(),
            differing: 0,
            lower: Lower::default(),
            rivals: BTreeMap::new(),
            rival_pace: Pace::default(),
            rival_claims: 0,
            became_master: 0,
            sent: 0,
            received: 0,
            dropped: BTreeMap::new(),
        };
        entry.reconfigure(config);
        entry
    }

    /// Takes a new configuration; the machine is told when health is worked out.
    pub(super) fn reconfigure(&mut self, config: &Wanted) {
        self.name = Arc::from(config.name.as_str());
        self.config = config.clone();
        self.duplicate_of = None;
        self.group = None;
        self.differs.clear();
        self.put_back.clear();
        self.old_checksums.clear();
        let own: BTreeSet<IpAddr> = self.virtual_addresses().map(|address| address.address).collect();
        self.rivals.retain(|place, _| config.announcements.watch_rivals && own.contains(&place.address));
        self.measure_anew();
    }

    /// Why it cannot run, if it cannot.
    pub(super) fn faults(&self) -> &[Fault] {
        self.health.as_ref().map_or(&[], Health::faults)
    }

    /// Every address that moves with it.
    pub(super) fn virtual_addresses(&self) -> impl Iterator<Item = &VirtualAddress> {
        self.config.addresses.iter().chain(&self.config.excluded_addresses)
    }

    /// The interface that it is configured with; empty where it names none.
    pub(super) fn interface(&self) -> &str {
        self.config.id.interface.as_deref().unwrap_or_default()
    }

    pub(super) fn is_active(&self) -> bool {
        self.machine.role() == Role::Active
    }

    pub(super) fn is_owner(&self) -> bool {
        self.config.priority == Priority::OWNER
    }

    /// `mcast_src_ip` or `unicast_src_ip`.
    pub(super) fn configured_source(&self) -> Option<IpAddr> {
        match &self.config.transport {
            Transport::Multicast { source, .. } | Transport::Unicast { source, .. } => *source,
        }
    }

    /// The next packet's identification; never 0, which the kernel would replace.
    pub(super) const fn next_packet_id(&mut self) -> u16 {
        self.packet_id = match self.packet_id.checked_add(1) {
            Some(next) => next,
            None => 1,
        };
        self.packet_id
    }
}

/// The machine's settings. What cancels what is settled here: `state MASTER` and priority 255 cancel `nopreempt`;
/// `state MASTER`, `nopreempt` and `strict_mode` cancel `preempt_delay`; and `strict_mode` has the RFC's behaviour where
/// keepalived's differs.
pub(super) fn settings(config: &Instance, priority: Priority, source: IpAddr, grouped: bool) -> Settings {
    let mut election = config.election;
    let mut announcements = config.announcements.clone();
    let told_master = config.start_as == StartAs::Master;
    election.preempt |= told_master || config.priority == Priority::OWNER;
    if told_master || !election.preempt || config.strict {
        election.preempt_delay = Duration::ZERO;
    }
    if config.strict {
        election.lower_priority_no_advert = true;
        election.owner_ignores_adverts = true;
        announcements.lower_priority.repeat = 0;
    }
    Settings {
        version: config.version,
        priority,
        interval: config.advert_interval,
        election,
        source,
        announcements,
        grouped,
        eager: told_master && grouped,
        ready_to_lead: true,
        not_before: None,
    }
}

impl Router {
    pub(super) fn state_changed(&mut self, at: usize, from: Role, to: Role, reason: Reason, now: Instant) {
        let Some(entry) = self.instances.get_mut(at) else { return };
        while entry.history.len() >= HISTORY {
            entry.history.pop_front();
        }
        entry.history.push_back(Transition { from, to, reason: reason.clone(), at: now });
        if to == Role::Active {
            entry.became_master += 1;
            entry.lower.forget();
        } else {
            entry.address_problem = None;
            entry.retry_at = None;
            entry.told.clear();
            entry.coming_back.clear();
            // Whoever has the addresses now has them by right.
            entry.rivals.clear();
        }
        if matches!(to, Role::Active | Role::Fault) {
            entry.inherits = false;
        }
        let faults = if to == Role::Fault { entry.faults().to_vec() } else { Vec::new() };
        let instance = Arc::clone(&entry.name);
        let group = entry.group;
        if from == Role::Fault {
            self.announce_source(at);
        }
        if from == Role::Active
            && to == Role::Backup
            && let Some(group) = group.and_then(|group| self.groups.get_mut(group))
        {
            group.left = Some(instance.to_string());
        }
        let Some(entry) = self.instances.get_mut(at) else { return };
        // To get or to lose the addresses is always told. A tracker that flaps moves a router between fault and backup as
        // often as it likes.
        let told = match (from, to) {
            (Role::Active, _) | (_, Role::Active) => Some(entry.state_pace.insist(to)),
            (Role::Initialize | Role::Backup | Role::Fault, Role::Initialize | Role::Backup | Role::Fault) => {
                entry.state_pace.tell(to, now)
            }
        };
        if told.is_some() {
            entry.fault_news.tell(&faults);
        } else {
            entry.fault_news.withhold(&faults, now);
        }
        let more = faults.into_iter().skip(1).collect();
        self.outputs.push_back(Output::Event(Event::StateChanged { instance, from, to, reason, more, told }));
        self.notify_state(at, to);
    }
}
