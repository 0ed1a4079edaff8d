//! One virtual router in the engine: its machine, and what is counted and remembered beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use super::health::Health;
use super::{Event, HostAddress, Notice, Output, Router};
use crate::model::{
    Authentication, Command, Instance, Notify, Password, Priority, RunAs, StartAs, Transport, VirtualAddress, Watched,
};
use crate::vrrp::machine::{Heard, Machine, Role, Settings};
use crate::vrrp::reason::Reason;
use crate::vrrp::receive::Drop;

/// Kinds of what is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Interface,
    Script,
}

/// One virtual router.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    pub(super) config: Instance,
    pub(super) machine: Machine,
    /// Another router of this host that has the same identity and came first.
    pub(super) duplicate_of: Option<String>,
    /// The group that it is in, by its place in the list.
    pub(super) group: Option<usize>,
    /// What the machine was told last.
    pub(super) health: Option<Health>,
    /// IPv4 addresses that adverts carry.
    pub(super) advertised: Vec<Ipv4Addr>,
    /// Nothing is known yet of who is master: addresses that are on the host may be a killed predecessor's, and stay.
    pub(super) inherits: bool,
    /// Addresses that are ours to take off: those that we put on, and for all but an owner those that were there.
    pub(super) added: BTreeSet<HostAddress>,
    /// When what could not be added is tried again, and which addresses wait for that.
    pub(super) retry_at: Option<Instant>,
    pub(super) waiting: BTreeSet<HostAddress>,
    /// When each address was last put back after somebody removed it.
    pub(super) put_back: BTreeMap<HostAddress, Instant>,
    pub(super) address_problem: Option<String>,
    /// Problems with addresses that were told since the last time that one came on.
    pub(super) told: BTreeSet<String>,
    pub(super) send_problem: Option<String>,
    /// Identification of the last packet: keepalived counts up from 1, and so do we.
    pub(super) packet_id: u16,
    pub(super) last_heard: Option<(Heard, Instant)>,
    pub(super) differs: Option<IpAddr>,
    /// Adverts of lower priority since we became active.
    pub(super) lower: u64,
    pub(super) became_master: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) dropped: BTreeMap<Drop, u64>,
}

impl Entry {
    pub(super) fn new(config: &Instance, now: Instant) -> Self {
        let mut entry = Self {
            name: Arc::from(config.name.as_str()),
            machine: Machine::new(settings(config, config.priority, IpAddr::V4(Ipv4Addr::UNSPECIFIED), false), now),
            config: config.clone(),
            duplicate_of: None,
            group: None,
            health: None,
            advertised: Vec::new(),
            inherits: false,
            added: BTreeSet::new(),
            retry_at: None,
            waiting: BTreeSet::new(),
            put_back: BTreeMap::new(),
            address_problem: None,
            told: BTreeSet::new(),
            send_problem: None,
            packet_id: 0,
            last_heard: None,
            differs: None,
            lower: 0,
            became_master: 0,
            sent: 0,
            received: 0,
            dropped: BTreeMap::new(),
        };
        entry.reconfigure(config);
        entry
    }

    /// Takes a new configuration; the machine is told when health is worked out.
    pub(super) fn reconfigure(&mut self, config: &Instance) {
        self.name = Arc::from(config.name.as_str());
        self.config = config.clone();
        self.duplicate_of = None;
        self.group = None;
        self.differs = None;
        self.put_back.clear();
        self.advertised = config
            .addresses
            .iter()
            .filter_map(|address| match address.address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            })
            .collect();
    }

    /// Every address that moves with it.
    pub(super) fn virtual_addresses(&self) -> impl Iterator<Item = &VirtualAddress> {
        self.config.addresses.iter().chain(&self.config.excluded_addresses)
    }

    /// The interface that it is configured with; empty where it names none.
    pub(super) fn interface(&self) -> &str {
        self.config.id.interface.as_deref().unwrap_or_default()
    }

    /// Names and weights of what it watches of one kind.
    pub(super) fn tracks(&self, kind: Kind) -> impl Iterator<Item = (&str, i16)> {
        self.config.tracks.iter().filter_map(move |tracked| match (&tracked.what, kind) {
            (Watched::Interface(name), Kind::Interface) | (Watched::Script(name), Kind::Script) => {
                Some((name.as_str(), tracked.weight))
            }
            (
                Watched::Interface(_)
                | Watched::Script(_)
                | Watched::Process(_)
                | Watched::File(_)
                | Watched::Service(_)
                | Watched::Check(_)
                | Watched::Bfd(_),
                Kind::Interface | Kind::Script,
            ) => None,
        })
    }

    /// `auth_type PASS`.
    pub(super) const fn password(&self) -> Option<&Password> {
        match &self.config.authentication {
            Authentication::Password(password) => Some(password),
            Authentication::None | Authentication::Header(_) => None,
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.machine.role() == Role::Active
    }

    pub(super) fn is_owner(&self) -> bool {
        self.config.priority == Priority::OWNER
    }

    /// `mcast_src_ip` or `unicast_src_ip`.
    pub(super) const fn configured_source(&self) -> Option<IpAddr> {
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

/// The machine's settings.
pub(super) fn settings(config: &Instance, priority: Priority, source: IpAddr, grouped: bool) -> Settings {
    Settings {
        version: config.version,
        priority,
        interval: config.advert_interval,
        preempt: config.election.preempt || config.start_as == StartAs::Master || config.priority == Priority::OWNER,
        source,
        announcements: config.announcements.clone(),
        grouped,
    }
}

impl Router {
    pub(super) fn state_changed(&mut self, at: usize, from: Role, to: Role, reason: Reason) {
        let Some(entry) = self.instances.get_mut(at) else { return };
        if to == Role::Active {
            entry.became_master += 1;
            entry.lower = 0;
        } else {
            entry.address_problem = None;
            entry.retry_at = None;
            entry.told.clear();
        }
        if matches!(to, Role::Active | Role::Fault) {
            entry.inherits = false;
        }
        let instance = Arc::clone(&entry.name);
        let group = entry.group;
        if from == Role::Active
            && to == Role::Backup
            && let Some(group) = group.and_then(|group| self.groups.get_mut(group))
        {
            group.left = Some(instance.to_string());
        }
        self.outputs.push_back(Output::Event(Event::StateChanged { instance, from, to, reason }));
        self.notify_instance(at, to);
    }

    fn notify_instance(&mut self, at: usize, role: Role) {
        let Some(entry) = self.instances.get(at) else { return };
        let priority = entry.machine.settings().priority.value();
        let commands = commands(&entry.config.notify, role, "INSTANCE", &entry.name, priority);
        let subject = format!("INSTANCE {}", entry.name);
        self.notify(subject, commands);
    }

    pub(super) fn notify_stopped(&mut self, at: usize) {
        let Some(entry) = self.instances.get(at) else { return };
        let priority = entry.machine.settings().priority.value();
        let commands = stop_commands(&entry.config.notify, "INSTANCE", &entry.name, priority);
        let subject = format!("INSTANCE {}", entry.name);
        self.notify(subject, commands);
    }

    pub(super) fn notify(&mut self, subject: String, commands: Vec<Command>) {
        if !commands.is_empty() {
            let user: Option<RunAs> = self.config.global.script_user.clone();
            self.outputs.push_back(Output::Notify(Notice { subject, commands, user }));
        }
    }
}

/// The scripts for a state: its own, then the general one with four words more.
pub(super) fn commands(notify: &Notify, role: Role, kind: &str, name: &str, priority: u8) -> Vec<Command> {
    let own = match role {
        Role::Initialize => return Vec::new(),
        Role::Backup => notify.backup.as_ref(),
        Role::Active => notify.master.as_ref(),
        Role::Fault => notify.fault.as_ref(),
    };
    with_general(own, notify, kind, name, &role.to_string(), priority)
}

/// The scripts for the end.
pub(super) fn stop_commands(notify: &Notify, kind: &str, name: &str, priority: u8) -> Vec<Command> {
    with_general(notify.stop.as_ref(), notify, kind, name, "STOP", priority)
}

fn with_general(
    own: Option<&Command>,
    notify: &Notify,
    kind: &str,
    name: &str,
    state: &str,
    priority: u8,
) -> Vec<Command> {
    let mut commands = Vec::new();
    commands.extend(own.cloned());
    if let Some(any) = &notify.any {
        let mut command = any.clone();
        command.words.extend([kind.to_owned(), name.to_owned(), state.to_owned(), priority.to_string()]);
        commands.push(command);
    }
    commands
}
