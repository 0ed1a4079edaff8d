//! The configuration in force with what is known about each of its servers: flat arrays, so that a server with one check
//! costs little more than its check's machine.
//!
//! Services that name the same server share its checks: checks that are equal in every word are made once, and the verdict
//! goes to all. Checks that ask the same at another pace, or with other patience, are made apart: each was promised to its
//! service as it is written, and a verdict after one failure is no answer to who forgives three.

mod changes;
mod floors;
mod handover;
mod standing;
mod status;
mod verdicts;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::desired::{Health, Held};
use super::paths::{self, Paths};
use super::quorum::{Quorum, Trust};
use super::slow_start::Ramps;
use crate::check::{self, Machine, Outcome, Random, Verdict, same_probe};
use crate::model::{
    Check, Config, FileContent, FileProbe, ServerConfig, ServerKey, ServiceConfig, ServiceKey, Suspend, Weight,
};

pub(super) use changes::Extent;
use changes::{Change, Changes, is_plain};
use floors::Families;
pub use standing::ServiceStatus;
pub(super) use standing::thresholds;
pub use status::{CheckStatus, ServerStatus};
pub(super) use verdicts::News;

/// Without `warmup`, and where somebody waits for them, first checks start at this pace, and all of them within [`FIRST_CHECKS`].
const FIRST_CHECK_SPACING: Duration = Duration::from_micros(100);
const FIRST_CHECKS: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
struct ServiceState {
    first_server: u32,
    /// What of it is to be compared with the kernel's.
    dirty: Change,
    /// What of it waits to be weighed.
    stirred: Change,
    /// Each of its servers is an entry of its own, and how it is to be hangs on no other.
    plain: bool,
    /// For packets of these families servers that failed stay, as its floor asks.
    keeps: Families,
    /// What its servers weigh together, and what was presumed of those that nothing is known about.
    sum: Option<(Trust, u64)>,
    /// `None`: never weighed yet.
    quorum: Option<Quorum>,
    /// Since when it is so.
    quorum_since: Instant,
    /// Its checks rest.
    resting: bool,
}

#[derive(Debug, Clone)]
struct ServerState {
    service: u32,
    /// Where its checks begin in [`Roster::made_by`].
    first_check: u32,
    health: Health,
    /// It failed, and stays for packets of these families as its service's floor asks.
    kept: Families,
    /// The operator keeps new connections from it.
    held: Option<Held>,
    /// The operator's weight for it.
    asked: Option<Weight>,
    /// What people take it for: as they were told last, or as was to be expected and needed no word. `None`: nothing yet.
    told: Option<Verdict>,
    /// Its part of [`ServiceState::sum`].
    counts: u32,
    since: Instant,
}

#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) machine: Machine,
    /// Number of the probe that runs; 0: none.
    pub(super) probe: u64,
    /// A server that has this check, and the check's place among that server's.
    server: u32,
    place: u32,
    /// Where the servers that have it begin in [`Roster::users`].
    first_user: u32,
    /// It is a script.
    pub(super) is_script: bool,
    /// The last success, where that may say more than that the server works.
    success: Option<Outcome>,
}

/// What files hold, by the names of their definitions.
pub(super) type Files = BTreeMap<String, FileContent>;

/// What is known of a check: its machine, the number of the probe that runs, and the last success.
type Known = (Machine, u64, Option<Outcome>);

impl Slot {
    /// Notes what was concluded. Returns the success before, where this is another: what the check adds to the weight may have
    /// changed, or what is to be mended of the server.
    pub(super) fn succeeded(&mut self, check: &Check, outcome: Outcome) -> Option<Option<Outcome>> {
        let success = Some(outcome).filter(|outcome| outcome.is_ok())?;
        let is_new = check.kind.says_more() && self.success != Some(success);
        is_new.then(|| self.success.replace(success))
    }

    fn is_fresh(&self) -> bool {
        self.machine.last().is_none() && !self.machine.is_probing()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Roster {
    pub(super) config: Arc<Config>,
    services: Vec<ServiceState>,
    servers: Vec<ServerState>,
    /// Each check once.
    pub(super) checks: Vec<Slot>,
    /// For each check of each server, as the file has them, which of `checks` it is.
    made_by: Vec<u32>,
    /// For each of `checks` the servers that have it.
    users: Vec<u32>,
    index: HashMap<ServiceKey, u32>,
    /// Addresses that are no services in the kernel, since their packets are marked.
    marked: HashMap<ServiceKey, u32>,
    /// What checks of paths need of the kernel.
    pub(super) paths: Paths,
    /// Checks that go by a file, by its name.
    by_file: HashMap<String, Vec<u32>>,
    /// Those that are to be compared with the kernel's table.
    dirty: Changes,
    /// Services with a floor among whose servers something changed.
    unsettled: BTreeSet<u32>,
    /// Servers that return slowly.
    ramps: Ramps,
    /// Those that wait to be weighed.
    stirred: Changes,
    /// Those whose checks may rest.
    suspended: Vec<u32>,
}

impl Roster {
    pub(super) fn empty(now: Instant) -> Self {
        Self::new(Arc::default(), None, &Files::new(), &mut Random::new(0), now)
    }

    /// A roster for this configuration. Servers and checks that were there `before` keep what is known about them; checks by
    /// files begin with what those are known to hold.
    pub(super) fn new(
        config: Arc<Config>,
        before: Option<&Self>,
        files: &Files,
        random: &mut Random,
        now: Instant,
    ) -> Self {
        let all_servers = || config.services.iter().flat_map(|service| &service.servers);
        let all_checks = all_servers().map(|server| server.checks.len()).sum();
        let (mut index, mut marked) = (HashMap::with_capacity(config.services.len()), HashMap::new());
        for (place, service) in (0..).zip(&config.services) {
            index.extend(service.keys().map(|key| (key, place)));
            if service.group.as_ref().is_some_and(|group| group.mark.is_some()) {
                marked.extend(service.listeners().filter(|key| key.mark().is_none()).map(|key| (key, place)));
            }
        }
        let mut new = Self {
            services: Vec::with_capacity(config.services.len()),
            servers: Vec::with_capacity(all_servers().count()),
            checks: Vec::new(),
            made_by: Vec::with_capacity(all_checks),
            users: Vec::new(),
            index,
            marked,
            paths: paths::of(&config),
            by_file: HashMap::new(),
            config: Arc::clone(&config),
            dirty: Changes::default(),
            unsettled: BTreeSet::new(),
            ramps: Ramps::default(),
            stirred: Changes::default(),
            suspended: Vec::new(),
        };
        let spread = Self::spread(all_checks);
        let mut shared: HashMap<&Check, u32> = HashMap::with_capacity(all_checks);
        let mut from: Vec<Option<u32>> = Vec::with_capacity(all_servers().count());
        for service in &config.services {
            let old = before.map(|before| before.servers_of(service)).unwrap_or_default();
            let was = before.and_then(|before| before.services.get(before.place_of(service)? as usize));
            let (index, first_server) = (number(new.services.len()), number(new.servers.len()));
            // One that rested, and is to rest no more, has to be woken.
            let resting = was.is_some_and(|was| was.resting);
            if resting || service.rules.suspend != Suspend::Never {
                new.suspended.push(index);
            }
            let mut stirred = Change::None;
            new.stirred.whole(index, &mut stirred);
            new.services.push(ServiceState {
                first_server,
                dirty: Change::None,
                stirred,
                plain: is_plain(service),
                keeps: Families::default(),
                sum: None,
                quorum: was.and_then(|was| was.quorum),
                quorum_since: was.map_or(now, |was| was.quorum_since),
                resting,
            });
            for server in &service.servers {
                let old = before.zip(old.get(&server.key).copied());
                let this = number(new.servers.len());
                let first_check = number(new.made_by.len());
                for (place, check) in server.checks.iter().enumerate() {
                    let known = || old.and_then(|(before, old)| before.carry(old, check, place, now));
                    let at = match shared.entry(check) {
                        Entry::Occupied(there) => *there.get(),
                        Entry::Vacant(free) => {
                            let (machine, probe, success) = known().unwrap_or_else(|| match check.kind.file() {
                                Some(probe) => by_file(check, files.get(&probe.file), probe, random, now),
                                None => (Machine::new(random.within(check.warmup.unwrap_or(spread)), now), 0, None),
                            });
                            if let Some(probe) = check.kind.file() {
                                let list = new.by_file.entry(probe.file.clone()).or_default();
                                list.push(number(new.checks.len()));
                            }
                            new.checks.push(Slot {
                                machine,
                                probe,
                                server: this,
                                place: number(place),
                                first_user: 0,
                                is_script: check.kind.script().is_some(),
                                success,
                            });
                            *free.insert(number(new.checks.len() - 1))
                        }
                    };
                    // The one who named it first may be new, and another not.
                    if let Some(slot) = new.checks.get_mut(at as usize)
                        && slot.is_fresh()
                        && let Some((machine, probe, success)) = known()
                    {
                        slot.machine = machine;
                        slot.probe = probe;
                        slot.success = success;
                    }
                    new.made_by.push(at);
                }
                new.servers.push(ServerState {
                    service: index,
                    first_check,
                    health: Health::Unknown,
                    kept: Families::default(),
                    held: None,
                    asked: None,
                    told: None,
                    counts: 0,
                    since: now,
                });
                from.push(old.map(|(_, old)| old));
            }
        }
        new.checks.shrink_to_fit();
        new.list_users();
        for (this, old) in (0..).zip(from) {
            let health = new.judge(this);
            if let Some(ramp) = before.zip(old).and_then(|(before, old)| before.ramps.of(old)) {
                let takes = new.server(this).map_or(Duration::ZERO, |(service, _)| service.handover.slow_start);
                new.ramps.carry(this, ramp, takes);
            }
            let old = before.zip(old).and_then(|(before, old)| before.servers.get(old as usize));
            if let Some(state) = new.servers.get_mut(this as usize) {
                state.health = health;
                state.since = old.filter(|old| old.health == health).map_or(now, |old| old.since);
                state.told = old.and_then(|old| old.told);
                // Told of before, and not again, if it is still so; decided anew below.
                state.kept = old.map(|old| old.kept).unwrap_or_default();
                if let Some(service) = new.services.get_mut(state.service as usize) {
                    service.keeps = service.keeps.and(state.kept);
                }
            }
        }
        new.unsettled = (0..number(new.services.len())).filter(|place| new.minds_floor(*place)).collect();
        new
    }

    /// Who has which check: counted, then laid out one after the other.
    fn list_users(&mut self) {
        let mut next = vec![0_u32; self.checks.len() + 1];
        for at in &self.made_by {
            if let Some(count) = next.get_mut(*at as usize + 1) {
                *count += 1;
            }
        }
        let mut begin = 0;
        for (count, slot) in next.iter_mut().zip(self.checks.iter_mut().map(Some).chain([None])) {
            begin += *count;
            *count = begin;
            if let Some(slot) = slot {
                slot.first_user = begin;
            }
        }
        self.users = vec![0; self.made_by.len()];
        for (this, state) in (0..).zip(&self.servers) {
            let end = self.servers.get(this as usize + 1).map_or(self.made_by.len(), |next| next.first_check as usize);
            for at in self.made_by.get(state.first_check as usize..end).unwrap_or_default() {
                let Some(place) = next.get_mut(*at as usize) else { continue };
                if let Some(user) = self.users.get_mut(*place as usize) {
                    *user = this;
                }
                *place += 1;
            }
        }
    }

    /// The servers that have a check.
    fn users_of(&self, check: u32) -> &[u32] {
        let first = |slot: &Slot| slot.first_user as usize;
        let Some(begin) = self.checks.get(check as usize).map(first) else { return &[] };
        let end = self.checks.get(check as usize + 1).map_or(self.users.len(), first);
        self.users.get(begin..end).unwrap_or_default()
    }

    /// Over how long the first tries of so many checks are spread.
    pub(super) fn spread(checks: usize) -> Duration {
        FIRST_CHECKS.min(FIRST_CHECK_SPACING * number(checks))
    }

    /// The same service, as it is configured here.
    pub(super) fn same_service(&self, service: &ServiceConfig) -> Option<&ServiceConfig> {
        self.config.services.get(self.place_of(service)? as usize)
    }

    /// Where the same service stands here: one that has one of its keys.
    pub(super) fn place_of(&self, service: &ServiceConfig) -> Option<u32> {
        let known = |key| self.index.get(&key).or_else(|| self.marked.get(&key)).copied();
        service.keys().chain(service.listeners()).find_map(known)
    }

    /// The servers of what was the same service before: one that had one of its keys.
    fn servers_of(&self, service: &ServiceConfig) -> HashMap<ServerKey, u32> {
        let Some(place) = self.place_of(service) else { return HashMap::new() };
        let first = self.services.get(place as usize).map_or(0, |service| service.first_server);
        let servers = self.config.services.get(place as usize).map(|service| service.servers.as_slice());
        (first..).zip(servers.unwrap_or_default()).map(|(index, server)| (server.key, index)).collect()
    }

    /// What is known about a check of an old server: that in the same place if it asks the same, else any that does.
    fn carry(&self, server: u32, check: &Check, place: usize, now: Instant) -> Option<Known> {
        let first = self.servers.get(server as usize)?.first_check as usize;
        let old = &self.server_config(server)?.checks;
        let here = old.get(place).filter(|old| same_probe(old, check)).map(|_| place);
        let place = here.or_else(|| old.iter().position(|old| same_probe(old, check)))?;
        let (at, old) = (*self.made_by.get(first + place)?, old.get(place)?);
        let slot = self.checks.get(at as usize)?;
        let mut machine = slot.machine.clone();
        if old != check {
            machine.reconfigure(check, now);
        }
        machine.configured(check, now);
        Some((machine, slot.probe, slot.success))
    }

    fn server_config(&self, server: u32) -> Option<&ServerConfig> {
        let state = self.servers.get(server as usize)?;
        let first = self.services.get(state.service as usize)?.first_server;
        self.config.services.get(state.service as usize)?.servers.get((server - first) as usize)
    }

    /// A check as configured, with a service and server that have it.
    pub(super) fn check(&self, check: u32) -> Option<(&ServiceConfig, &ServerConfig, &Check)> {
        let slot = self.checks.get(check as usize)?;
        let (service, config) = self.server(slot.server)?;
        Some((service, config, config.checks.get(slot.place as usize)?))
    }

    /// A server with its service.
    pub(super) fn server(&self, server: u32) -> Option<(&ServiceConfig, &ServerConfig)> {
        let state = self.servers.get(server as usize)?;
        let config = self.server_config(server)?;
        Some((self.config.services.get(state.service as usize)?, config))
    }

    /// Lends a machine together with its check.
    pub(super) fn slot(&mut self, check: u32) -> Option<(&mut Slot, &Check)> {
        let slot = self.checks.get_mut(check as usize)?;
        let state = self.servers.get(slot.server as usize)?;
        let first = self.services.get(state.service as usize)?.first_server;
        let config = self.config.services.get(state.service as usize)?.servers.get((slot.server - first) as usize)?;
        let check_config = config.checks.get(slot.place as usize)?;
        Some((slot, check_config))
    }

    /// Checks that go by a file.
    pub(super) fn checks_by_file(&self, name: &str) -> Vec<u32> {
        self.by_file.get(name).cloned().unwrap_or_default()
    }

    fn checks_of(&self, server: u32) -> impl Iterator<Item = &Slot> {
        let first = self.servers.get(server as usize).map_or(0, |state| state.first_check as usize);
        let end = self.servers.get(server as usize + 1).map_or(self.made_by.len(), |next| next.first_check as usize);
        let made_by = self.made_by.get(first..end).unwrap_or_default();
        made_by.iter().filter_map(|at| self.checks.get(*at as usize))
    }

    /// The checks of the server that a service of the kernel's table has so, and what people call the service. `None`: it is
    /// not configured, or not checked.
    pub(super) fn checks_at(&self, key: ServiceKey, entry: ServerKey) -> Option<(String, Vec<u32>)> {
        let place = self.place(key)? as usize;
        let config = self.config.services.get(place)?;
        let at = config.servers.iter().position(|server| config.entry(key, server) == Some(entry))?;
        let server = self.services.get(place)?.first_server as usize + at;
        let first = self.servers.get(server)?.first_check as usize;
        let checks = self.made_by.get(first..first + config.servers.get(at)?.checks.len())?;
        (!checks.is_empty()).then(|| (config.title(), checks.to_vec()))
    }

    /// Where a service stands in the file.
    pub(super) fn place(&self, service: ServiceKey) -> Option<u32> {
        self.index.get(&service).or_else(|| self.marked.get(&service)).copied()
    }

    pub(super) fn is_configured(&self, service: ServiceKey) -> bool {
        self.index.contains_key(&service) || self.paths.contains_key(&service)
    }

    /// The last outcome of the check that speaks against a server, with whom it called.
    pub(super) fn last(&self, check: u32) -> Option<Outcome> {
        self.checks.get(check as usize)?.machine.last()
    }
}

/// A check by a file, as far as it is known what that holds.
fn by_file(
    check: &Check,
    content: Option<&FileContent>,
    probe: &FileProbe,
    random: &mut Random,
    now: Instant,
) -> Known {
    let mut machine = Machine::told(now);
    let Some(content) = content else { return (machine, 0, None) };
    let outcome = check::file::outcome(probe, content);
    machine.handle(check, check::Input::Probed(outcome), random, now);
    (machine, 0, Some(outcome).filter(|outcome| outcome.is_ok()))
}

fn number(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
