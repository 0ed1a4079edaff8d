//! The kernel's table: read whole, changed in batches.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use ipvs_sys::{
    Cause, Command, DestinationEntry, DumpError, Ipvs, OpenError, Outcome, RequestError, ServiceEntry, SyncDaemon,
};

use super::{Door, translate};
use crate::balance::{Load, Loads, Piece, Plan, Service, Step, StepOutcome, Table, Traffic, Unreadable, WalkEnd};
use crate::model::{ServerKey, ServiceKey};
use crate::shell::namespace;

/// Dumps that did not end cleanly are begun again so many times.
const TRIES: usize = 3;
/// Steps that are translated at a time, which bounds the memory that a huge plan takes.
const CHUNK: usize = 1024;

/// Whether the kernel lets go of clients that are bound to a server at weight 0.
const EXPIRE_QUIESCENT: &str = "/proc/sys/net/ipv4/vs/expire_quiescent_template";

/// No piece of a table takes longer, but for a single service.
const PIECE: Duration = Duration::from_millis(1);

/// The kernel could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unread {
    /// What keeps us from it.
    pub(super) why: Unreadable,
    /// A sentence: why, and what to do.
    pub(super) reason: String,
}

/// Every row of the kernel's table with its counters.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) services: Vec<(ServiceEntry, Vec<DestinationEntry>)>,
    pub(super) timeouts: ipvs_sys::Timeouts,
    pub(super) daemons: Vec<SyncDaemon>,
    /// Clients that persistence binds to a server come back to it though its weight is 0.
    pub(super) clients_return: bool,
}

/// What there is to show of the kernel's table, but for the servers of its services.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) services: Vec<ServiceEntry>,
    pub(super) daemons: Vec<SyncDaemon>,
    /// As in [`Rows`].
    pub(super) clients_return: bool,
}

/// Live connections of each service (`None`) and server.
pub(super) type Connections = BTreeMap<(ServiceKey, Option<ServerKey>), u64>;

/// Our end of the kernel's IPVS, opened when it is first needed and again when it was lost.
#[derive(Debug)]
pub(super) struct Kernel {
    door: Door,
    ipvs: Option<Ipvs>,
    /// The namespace whose table it is, if it is not our own.
    namespace: Option<String>,
    /// What that has in [`EXPIRE_QUIESCENT`]: opened there, it is read there.
    expires: Option<File>,
    /// Version and size of the connection table.
    pub(super) info: Option<ipvs_sys::Info>,
    /// What the last [`Kernel::table`] showed of servers that are reached by NAT, for whoever takes it.
    pub(super) traffic: Vec<Traffic>,
    /// Services that are not read yet, of those that are read piece by piece.
    unread: VecDeque<ServiceEntry>,
}

impl Kernel {
    /// The table behind this door, of a namespace; `None`: our own.
    pub(super) fn behind(door: Door, namespace: Option<String>) -> Self {
        Self { door, ipvs: None, namespace, expires: None, info: None, traffic: Vec::new(), unread: VecDeque::new() }
    }

    fn ipvs(&mut self) -> Result<&mut Ipvs, Unread> {
        if self.ipvs.is_none() {
            let opened = match &self.namespace {
                None => self.door.open(),
                Some(name) => namespace::open_in(name, || self.door.open())
                    .map_err(|reason| Unread { why: Unreadable::Barred, reason })?,
            };
            let mut ipvs = opened.map_err(|error| Unread {
                why: match error {
                    OpenError::NoIpvs => Unreadable::NoIpvs,
                    OpenError::NotPermitted => Unreadable::Barred,
                    OpenError::Socket(_) | OpenError::Request(_) => Unreadable::Failed,
                },
                reason: error.to_string(),
            })?;
            self.info = ipvs.info().ok();
            self.ipvs = Some(ipvs);
            self.expires = None;
        }
        self.ipvs.as_mut().ok_or_else(|| Unread { why: Unreadable::Failed, reason: "IPVS is not open".to_owned() })
    }

    /// The table. Servers are read only of services that are `wanted`: each takes a dump of its own. So do sync daemons. What
    /// servers have to do is told of those that are `counted`.
    pub(super) fn table(
        &mut self,
        wanted: impl Fn(ServiceKey) -> bool,
        counted: impl Fn(ServiceKey, ServerKey) -> bool,
        daemons: bool,
    ) -> Result<Table, Unread> {
        let clients_return = self.clients_return();
        let (table, traffic) = self.again(|ipvs| {
            let services = ipvs.services()?;
            let (mut table, mut traffic) = (Table::default(), Vec::new());
            for entry in services {
                let Some(key) = translate::service_key(&entry.id) else { continue };
                let rows = if wanted(key) { ipvs.destinations(&entry.id)?.into_rows() } else { Vec::new() };
                traffic.extend(rows.iter().filter_map(|row| used(key, row)));
                table.loads.extend(loads(key, &rows, &counted, clients_return));
                table.services.insert(key, found(&entry, &rows));
            }
            table.timeouts = Some(translate::found_timeouts(ipvs.timeouts()?));
            if daemons {
                table.daemons = Some(translate::found_daemons(&ipvs.daemons()?));
            }
            table.expires_quiescent = !clients_return;
            Ok((table, traffic))
        })?;
        self.traffic = traffic;
        Ok(table)
    }

    /// The services after those of the last piece, or the first ones, as many as can be read in a moment; at the end, what else
    /// there is. The table's arguments are those of [`Self::table`]. Traffic gathers up to the end.
    pub(super) fn piece(
        &mut self,
        begins: bool,
        wanted: impl Fn(ServiceKey) -> bool,
        counted: impl Fn(ServiceKey, ServerKey) -> bool,
        daemons: bool,
    ) -> Result<Piece, Unread> {
        let clients_return = self.clients_return();
        if begins {
            self.unread = self.again(|ipvs| Ok(ipvs.services()?.into_rows()))?.into();
            self.traffic.clear();
        }
        let (started, mut piece) = (Instant::now(), Piece::default());
        while let Some(entry) = self.unread.pop_front() {
            let Some(key) = translate::service_key(&entry.id) else { continue };
            let read =
                |ipvs: &mut Ipvs| Ok(if wanted(key) { ipvs.destinations(&entry.id)?.into_rows() } else { Vec::new() });
            let rows = self.again(read)?;
            self.traffic.extend(rows.iter().filter_map(|row| used(key, row)));
            piece.loads.extend(loads(key, &rows, &counted, clients_return));
            piece.services.push((key, found(&entry, &rows)));
            if started.elapsed() >= PIECE {
                break;
            }
        }
        if self.unread.is_empty() {
            piece.end = Some(self.again(|ipvs| {
                let timeouts = Some(translate::found_timeouts(ipvs.timeouts()?));
                let daemons = daemons.then(|| ipvs.daemons()).transpose()?;
                let daemons = daemons.map(|daemons| translate::found_daemons(&daemons));
                Ok(WalkEnd { timeouts, daemons, expires_quiescent: !clients_return })
            })?);
        }
        Ok(piece)
    }

    /// The table with all its counters.
    pub(super) fn rows(&mut self) -> Result<Rows, Unread> {
        let clients_return = self.clients_return();
        self.again(|ipvs| {
            let mut services = Vec::new();
            for entry in ipvs.services()? {
                let servers = ipvs.destinations(&entry.id)?.into_rows();
                services.push((entry, servers));
            }
            let daemons = ipvs.daemons()?.into_rows();
            Ok(Rows { services, timeouts: ipvs.timeouts()?, daemons, clients_return })
        })
    }

    /// The table's services.
    pub(super) fn listing(&mut self) -> Result<Listing, Unread> {
        let clients_return = self.clients_return();
        self.again(|ipvs| {
            let (services, daemons) = (ipvs.services()?.into_rows(), ipvs.daemons()?.into_rows());
            Ok(Listing { services, daemons, clients_return })
        })
    }

    /// The servers of one of them with their counters; none if it is gone.
    pub(super) fn servers(&mut self, service: &ServiceEntry) -> Result<Vec<DestinationEntry>, Unread> {
        self.again(|ipvs| Ok(ipvs.destinations(&service.id)?.into_rows()))
    }

    /// Clients that persistence binds to a server come back to it though its weight is 0, unless the kernel was told otherwise
    /// (`net.ipv4.vs.expire_quiescent_template`, of the table's network namespace).
    pub(super) fn clients_return(&mut self) -> bool {
        self.expires().is_none_or(|value| value.trim() == "0")
    }

    fn expires(&mut self) -> Option<String> {
        let mut value = [0; 16];
        if let Some(length) = self.expires.as_ref().and_then(|file| file.read_at(&mut value, 0).ok()) {
            return Some(String::from_utf8_lossy(value.get(..length)?).into_owned());
        }
        // Not there yet, or with a module that was taken out since.
        let open = || File::open(EXPIRE_QUIESCENT);
        let opened = match &self.namespace {
            None => open(),
            Some(name) => namespace::open_in(name, open).ok()?,
        };
        let length = self.expires.insert(opened.ok()?).read_at(&mut value, 0).ok()?;
        Some(String::from_utf8_lossy(value.get(..length)?).into_owned())
    }

    /// Reads until it ends cleanly, a few times, and opens again what was lost.
    fn again<T>(&mut self, read: impl Fn(&mut Ipvs) -> Result<T, ReadError>) -> Result<T, Unread> {
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match read(self.ipvs()?) {
                Ok(whole) => return Ok(whole),
                Err(error) => error,
            };
            match error.cause() {
                Some(Cause::FamilyGone | Cause::NoIpvs) => self.ipvs = None,
                Some(Cause::NotPermitted) => {
                    self.ipvs = None;
                    return Err(Unread { why: Unreadable::Barred, reason: error.to_string() });
                }
                Some(_) => {}
                // The socket itself may be at fault.
                None => self.ipvs = None,
            }
            if tries >= TRIES {
                return Err(Unread { why: Unreadable::Failed, reason: error.to_string() });
            }
        }
    }

    /// Gives the steps to the kernel, in order, and says what became of each.
    pub(super) fn apply(&mut self, plan: &Plan) -> Vec<StepOutcome> {
        let mut outcomes = Vec::with_capacity(plan.steps.len());
        let mut commands = Vec::with_capacity(plan.steps.len().min(CHUNK));
        for steps in plan.steps.chunks(CHUNK) {
            self.apply_chunk(steps, &mut commands, &mut outcomes);
        }
        outcomes
    }

    fn apply_chunk(&mut self, steps: &[Step], commands: &mut Vec<Command>, outcomes: &mut Vec<StepOutcome>) {
        let Ok(ipvs) = self.ipvs() else {
            outcomes.extend(steps.iter().map(|_| StepOutcome::Unknown));
            return;
        };
        commands.clear();
        let begin = outcomes.len();
        for step in steps {
            match translate::command(step) {
                Some(command) => {
                    commands.push(command);
                    // Until the kernel has said what became of it.
                    outcomes.push(StepOutcome::Unknown);
                }
                None => outcomes.push(StepOutcome::Refused("a name in it is longer than the kernel takes".to_owned())),
            }
        }
        let mut gone = false;
        let places = outcomes.iter_mut().skip(begin).filter(|outcome| matches!(outcome, StepOutcome::Unknown));
        for (place, result) in places.zip(ipvs.apply(commands).outcomes) {
            *place = outcome(result, &mut gone);
        }
        if gone {
            self.ipvs = None;
        }
    }
}

/// A service as it was found.
fn found(entry: &ServiceEntry, rows: &[DestinationEntry]) -> Service {
    let row = |row: &DestinationEntry| (translate::server_key(row.id), translate::found_server(&row.settings));
    Service::new(translate::found_service(&entry.settings), rows.iter().map(row).collect())
}

/// What the servers of a service have to do that are `counted`, and have anything.
fn loads(
    key: ServiceKey,
    rows: &[DestinationEntry],
    counted: impl Fn(ServiceKey, ServerKey) -> bool,
    clients_return: bool,
) -> Loads {
    let asked = rows.iter().filter(|row| counted(key, translate::server_key(row.id)));
    asked.filter_map(|row| load(key, row, clients_return)).collect()
}

/// What a server has to do, if anything.
fn load(service: ServiceKey, row: &DestinationEntry, clients_return: bool) -> Option<((ServiceKey, ServerKey), Load)> {
    let load = Load {
        established: row.active_connections.into(),
        others: row.inactive_connections.into(),
        clients: if clients_return { u64::from(row.persistent_connections) } else { 0 },
    };
    (!load.is_empty()).then(|| ((service, translate::server_key(row.id)), load))
}

/// What was counted of a server whose answers pass this host, if it was used at all.
fn used(service: ServiceKey, row: &DestinationEntry) -> Option<Traffic> {
    let used = row.statistics.counters.connections > 0 && row.settings.forwarding == ipvs_sys::Forwarding::Masquerade;
    used.then(|| Traffic {
        service,
        server: translate::server_key(row.id),
        connections: row.statistics.counters.connections,
        incoming_packets: row.statistics.counters.incoming_packets,
        outgoing_packets: row.statistics.counters.outgoing_packets,
    })
}

fn outcome(result: Outcome, gone: &mut bool) -> StepOutcome {
    let error = match result {
        Outcome::Done => return StepOutcome::Done,
        Outcome::Unknown(_) | Outcome::NotSent(_) => return StepOutcome::Unknown,
        Outcome::Failed(error) => error,
    };
    match error.cause() {
        Cause::AlreadyExists | Cause::NoSuchService | Cause::NoSuchDestination | Cause::NoSuchDaemon => {
            StepOutcome::Stale(error.to_string())
        }
        Cause::NoIpvs | Cause::FamilyGone => {
            *gone = true;
            StepOutcome::Unknown
        }
        Cause::NoSuchScheduler
        | Cause::NoSuchInterface
        | Cause::NoAddressOnInterface
        | Cause::NotPermitted
        | Cause::OutOfRange
        | Cause::Invalid
        | Cause::FamilyUnsupported
        | Cause::Unsupported
        | Cause::NoMemory
        | Cause::Busy
        | Cause::Other => StepOutcome::Refused(error.to_string()),
    }
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Dump(#[from] DumpError),
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl ReadError {
    fn cause(&self) -> Option<Cause> {
        match self {
            Self::Dump(DumpError::Refused(error)) | Self::Request(RequestError::Refused(error)) => Some(error.cause()),
            Self::Dump(_) | Self::Request(_) => None,
        }
    }
}

impl Rows {
    /// The same without its counters.
    pub(super) fn table(&self) -> Table {
        let service = |(entry, servers): &(ServiceEntry, Vec<DestinationEntry>)| {
            let key = translate::service_key(&entry.id)?;
            let server =
                |row: &DestinationEntry| (translate::server_key(row.id), translate::found_server(&row.settings));
            let servers = servers.iter().map(server).collect();
            Some((key, Service::new(translate::found_service(&entry.settings), servers)))
        };
        let loads =
            self.services.iter().filter_map(|(entry, servers)| Some((translate::service_key(&entry.id)?, servers)));
        let loads = loads.flat_map(|(key, servers)| servers.iter().map(move |row| (key, row)));
        Table {
            loads: loads.filter_map(|(key, row)| load(key, row, self.clients_return)).collect(),
            services: self.services.iter().filter_map(service).collect(),
            timeouts: Some(translate::found_timeouts(self.timeouts)),
            daemons: Some(translate::found_daemons(&self.daemons)),
            expires_quiescent: !self.clients_return,
        }
    }

    pub(super) fn connections(&self) -> Connections {
        let mut live = Connections::new();
        for (entry, servers) in &self.services {
            let Some(key) = translate::service_key(&entry.id) else { continue };
            let mut all = 0;
            for row in servers {
                let here = u64::from(row.active_connections) + u64::from(row.inactive_connections);
                all += here;
                live.insert((key, Some(translate::server_key(row.id))), here);
            }
            live.insert((key, None), all);
        }
        live
    }
}
