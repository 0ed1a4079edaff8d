//! What is worth a line in the log.

use std::fmt;
use std::time::Duration;

use super::daemons::{SyncRole, SyncSettings};
use crate::check::{Obstacle, Outcome};
use crate::model::{Floor, ServerKey, ServiceKey};

/// What is worth a line in the log; `Display` is that line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A server works, as far as its checks say.
    ServerUp {
        /// Its service, as people call it.
        service: String,
        /// Which.
        server: ServerKey,
    },
    /// A server does not work.
    ServerDown {
        /// Its service, as people call it.
        service: String,
        /// Which.
        server: ServerKey,
        /// Of whom the outcome speaks.
        subject: String,
        /// What it said.
        outcome: Outcome,
    },
    /// A check cannot be tried, for reasons of this host. Told once until it can.
    NotTried {
        /// Its service, as people call it.
        service: String,
        /// Its server.
        server: ServerKey,
        /// Why.
        obstacle: Obstacle,
    },
    /// The kernel refused a step.
    Refused {
        /// The step in words.
        step: String,
        /// Why.
        problem: String,
        /// When it will be tried again.
        retry_in: Duration,
    },
    /// Somebody has changed entries of ours: they are put right.
    Drift {
        /// What is done, in short.
        summary: String,
    },
    /// Entries were put right several times, and are wrong again.
    Fight {
        /// The last step in words.
        step: String,
        /// When it will be tried again.
        retry_in: Duration,
    },
    /// The kernel has no IPVS, or does not let us use it.
    KernelMissing(String),
    /// It has it now.
    KernelBack,
    /// The table could not be read this time.
    Unread(String),
    /// Services of ours stay in the table, since others have servers there.
    Shared {
        /// Which.
        service: ServiceKey,
    },
    /// A sync daemon runs that is not ours. Told once.
    ForeignDaemon {
        /// Which half.
        role: SyncRole,
        /// How it runs.
        found: SyncSettings,
        /// Ours of that role cannot run because of it.
        in_the_way: bool,
    },
    /// This process stood still, or this host did: probes whose time passed meanwhile are made again.
    Stalled {
        /// How long.
        late: Duration,
        /// How many.
        checks: u32,
    },
    /// Nearly all servers fell silent at once: verdicts wait for a second look.
    Held,
    /// ... and that was had.
    HoldOver {
        /// They are silent indeed.
        believed: bool,
        /// Checks whose verdicts count now.
        checks: usize,
    },
    /// Fewer servers are up than the service's floor asks for: some that failed stay.
    FloorReached {
        /// The service, as people call it.
        service: String,
        /// Its floor.
        floor: Floor,
        /// How many stay.
        kept: usize,
    },
    /// ... and none has to any more.
    FloorLeft {
        /// The service, as people call it.
        service: String,
    },
    /// A server takes connections and answers none: it is checked at once. Told once until it answers.
    Mute {
        /// Its service, as people call it.
        service: String,
        /// Which.
        server: ServerKey,
        /// Connections that it was given since the last look.
        connections: u64,
    },
    /// The interface of a sync daemon was deleted and made again: it has to be started again.
    DaemonLost {
        /// Which half.
        role: SyncRole,
        /// Its interface.
        interface: String,
    },
}

/// How much a person should care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// The work goes on.
    Info,
    /// Somebody should look at it.
    Warning,
    /// Traffic suffers.
    Error,
}

impl Event {
    /// How much a person should care.
    #[must_use]
    pub fn gravity(&self) -> Gravity {
        match self {
            Self::ServerUp { .. } | Self::KernelBack | Self::Shared { .. } | Self::FloorLeft { .. } => Gravity::Info,
            Self::ServerDown { .. }
            | Self::NotTried { .. }
            | Self::Drift { .. }
            | Self::Fight { .. }
            | Self::ForeignDaemon { .. }
            | Self::DaemonLost { .. }
            | Self::Stalled { .. }
            | Self::Mute { .. }
            | Self::Held
            | Self::HoldOver { .. }
            | Self::Unread(_) => Gravity::Warning,
            Self::Refused { .. } | Self::KernelMissing(_) | Self::FloorReached { .. } => Gravity::Error,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServerUp { service, server } => write!(f, "server {server} of {service} is up"),
            Self::ServerDown { service, server, subject, outcome } => {
                write!(f, "server {server} of {service} is down: {subject} {outcome}")
            }
            Self::NotTried { service, server, obstacle } => {
                write!(f, "server {server} of {service} cannot be checked and stays as it is: {obstacle}")
            }
            Self::Refused { step, problem, retry_in } => {
                write!(f, "the kernel refused to {step}: {problem}; next try in {} s", retry_in.as_secs())
            }
            Self::Drift { summary } => {
                write!(f, "the kernel's table was changed by somebody else; putting it right: {summary}")
            }
            Self::Fight { step, retry_in } => write!(
                f,
                "this does not last: {step}; another program undoes it, or this kernel does not know the setting; next \
                 try in {} s",
                retry_in.as_secs()
            ),
            Self::KernelMissing(reason) => write!(f, "IPVS is not available, and services wait for it: {reason}"),
            Self::KernelBack => f.write_str("IPVS is available"),
            Self::Unread(reason) => write!(f, "the kernel's table could not be read: {reason}"),
            Self::Shared { service } => {
                write!(f, "service {service} stays in the kernel: other programs have servers there")
            }
            Self::Stalled { late, checks } => write!(
                f,
                "nothing was done for {:.1} s, as if this process or this host had been stopped: {checks} checks whose time \
                 passed meanwhile count as nothing and are made again",
                late.as_secs_f64()
            ),
            Self::FloorReached { service, floor, kept } => write!(
                f,
                "{service} has fewer servers than its floor of {floor} asks for: {kept} of those that failed stay, and clients \
                 are sent to them"
            ),
            Self::FloorLeft { service } => write!(f, "{service} has enough servers again: none that failed stays"),
            Self::Mute { service, server, connections } => write!(
                f,
                "server {server} of {service} was given {connections} connections in the last seconds, and not a packet came \
                 back through this host: it is checked at once"
            ),
            Self::Held => f.write_str(
                "servers fall silent and none answers, as if this host had no network: none is taken out before a second \
                 look",
            ),
            Self::HoldOver { believed: true, checks } => {
                write!(f, "silent at the second look too: what {checks} checks say counts now")
            }
            Self::HoldOver { believed: false, checks } => {
                write!(f, "servers answer at the second look: {checks} checks that still get no answer count")
            }
            Self::DaemonLost { role, interface } => {
                write!(
                    f,
                    "{interface} is another interface than the one that sync daemon {role} began on: it is started again"
                )
            }
            Self::ForeignDaemon { role, found, in_the_way } => {
                write!(f, "another program runs a sync daemon {role} ({found}): it is left alone")?;
                if *in_the_way {
                    write!(f, ", and ours waits; `ipvsadm --stop-daemon {role}` ends it")?;
                }
                Ok(())
            }
        }
    }
}
