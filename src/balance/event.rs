//! What is worth a line in the log.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::daemons::{SyncRole, SyncSettings};
use super::drain::{End, Load};
use super::hold::Finding;
use super::wishes::Verb;
use crate::check::{Obstacle, Outcome};
use crate::model::{Floor, ServerKey, ServiceKey, Weight};

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
    /// Enough of a service's servers are up again.
    QuorumWon {
        /// The service, as people call it.
        service: String,
        /// What its servers that are up weigh together.
        sum: u64,
        /// The sorry server, which takes new connections no more.
        sorry: Option<ServerKey>,
    },
    /// Too few of a service's servers are up.
    QuorumLost {
        /// The service, as people call it.
        service: String,
        /// What its servers that are up weigh together.
        sum: u64,
        /// What they would have to weigh.
        needed: u64,
        /// The sorry server, which takes new connections from now on.
        sorry: Option<ServerKey>,
    },
    /// The checks of a service rest: its address is elsewhere.
    Resting {
        /// The service, as people call it.
        service: String,
    },
    /// Its address is here: they go on.
    Resumed {
        /// The service, as people call it.
        service: String,
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
    /// ... and will not be, as far as can be told, and nothing was found out about the server before.
    Prevented {
        /// Its service, as people call it.
        service: String,
        /// Its server.
        server: ServerKey,
        /// Why.
        obstacle: Obstacle,
        /// It gets connections all the same: it need not prove itself.
        trusted: bool,
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
        /// What it showed.
        finding: Finding,
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
    /// A server that works answers ARP for a virtual address. Told once until it does not.
    AnswersArp {
        /// Its service, as people call it.
        service: String,
        /// Which.
        server: ServerKey,
        /// The virtual address.
        address: Ipv4Addr,
    },
    /// ... and does not any more.
    ArpMended {
        /// Its service, as people call it.
        service: String,
        /// Which.
        server: ServerKey,
        /// The virtual address.
        address: Ipv4Addr,
    },
    /// The interface of a sync daemon was deleted and made again: it has to be started again.
    DaemonLost {
        /// Which half.
        role: SyncRole,
        /// Its interface.
        interface: String,
    },
    /// A check gives its server another weight.
    Weight {
        /// Its service, as people call it.
        service: String,
        /// Which.
        server: ServerKey,
        /// The check: `script /x`.
        subject: String,
        /// What it said.
        outcome: Outcome,
        /// The server's weight now, with what all its checks add.
        weight: Weight,
    },
    /// The operator wishes something of a server.
    Asked {
        /// Its service, as people call it.
        service: String,
        /// Which.
        server: ServerKey,
        /// What.
        verb: Verb,
    },
    /// A server is configured no more, and nobody can take its place yet.
    ServesOn {
        /// Its service.
        service: String,
        /// Which.
        server: ServerKey,
    },
    /// ... and now it need not serve any more.
    Relieved {
        /// Its service.
        service: String,
        /// Which.
        server: ServerKey,
        /// How long it may take to finish.
        within: Duration,
    },
    /// A server is configured no more, and goes once its connections have ended.
    Leaves {
        /// Its service, as people call it.
        service: String,
        /// Which.
        server: ServerKey,
        /// What it has to do yet.
        left: Load,
        /// How long it may take; `None`: as long as it takes.
        within: Option<Duration>,
    },
    /// A server was emptied, or has no time any more, and goes.
    Drained {
        /// Its service, as people call it.
        service: String,
        /// Which.
        server: ServerKey,
        /// Why it goes.
        end: End,
    },
    /// A check has failed, of a server that it took to be up; who asks for it is told each time.
    CheckFailed {
        /// Its service, as people call it.
        service: String,
        /// Its server.
        server: ServerKey,
        /// The check: `TCP 10.0.0.1:80`.
        subject: String,
        /// How.
        outcome: Outcome,
        /// Failures that are forgiven before the check says "down"; this one is not among them.
        forgiven: u32,
    },
    /// The script of a check cannot be run, and the check counts for nothing.
    Unusable {
        /// Its service, as people call it.
        service: String,
        /// Its server.
        server: ServerKey,
        /// The check: `script /x`.
        subject: String,
        /// Why.
        outcome: Outcome,
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
            Self::ServerUp { .. }
            | Self::QuorumWon { .. }
            | Self::Resting { .. }
            | Self::Resumed { .. }
            | Self::KernelBack
            | Self::Shared { .. }
            | Self::FloorLeft { .. }
            | Self::ArpMended { .. }
            | Self::Asked { .. }
            | Self::ServesOn { .. }
            | Self::Relieved { .. }
            | Self::Leaves { .. }
            | Self::CheckFailed { .. }
            | Self::Weight { .. } => Gravity::Info,
            Self::Drained { end, .. } => match end {
                End::Late(Load { established: 1.., .. }) => Gravity::Warning,
                End::Late(_) | End::Empty => Gravity::Info,
            },
            Self::ServerDown { .. }
            | Self::NotTried { .. }
            | Self::Prevented { .. }
            | Self::Drift { .. }
            | Self::Fight { .. }
            | Self::ForeignDaemon { .. }
            | Self::DaemonLost { .. }
            | Self::Stalled { .. }
            | Self::Mute { .. }
            | Self::AnswersArp { .. }
            | Self::Held
            | Self::HoldOver { .. }
            | Self::QuorumLost { sorry: Some(_), .. }
            | Self::Unusable { .. }
            | Self::Unread(_) => Gravity::Warning,
            Self::Refused { .. }
            | Self::KernelMissing(_)
            | Self::FloorReached { .. }
            | Self::QuorumLost { sorry: None, .. } => Gravity::Error,
        }
    }
}

/// `30 s`, `0.5 s`.
fn seconds(span: Duration) -> String {
    format!("{} s", span.as_secs_f64())
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServerUp { service, server } => write!(f, "server {server} of {service} is up"),
            Self::ServerDown { service, server, subject, outcome } => {
                write!(f, "server {server} of {service} is down: {subject} {outcome}")
            }
            Self::CheckFailed { service, server, subject, outcome, forgiven } => {
                write!(f, "a check of server {server} of {service} has failed: {subject} {outcome}; ")?;
                match forgiven {
                    0 => f.write_str("nothing more is forgiven"),
                    1 => f.write_str("one more failure is forgiven"),
                    more => write!(f, "{more} more failures are forgiven"),
                }
            }
            Self::QuorumWon { service, sum, sorry: None } => {
                write!(f, "{service} has its quorum: servers in service weigh {sum}")
            }
            Self::QuorumWon { service, sum, sorry: Some(sorry) } => write!(
                f,
                "{service} has its quorum: servers in service weigh {sum} and take new connections in place of sorry \
                 server {sorry}"
            ),
            Self::QuorumLost { service, sum, needed, sorry } => {
                write!(f, "{service} has lost its quorum: servers in service weigh {sum}, and {needed} is needed; ")?;
                match (sorry, sum) {
                    (Some(sorry), _) => write!(f, "sorry server {sorry} takes new connections"),
                    (None, 0) => f.write_str("new connections find no server"),
                    (None, _) => f.write_str("new connections go on to those that are left"),
                }
            }
            Self::Resting { service } => {
                write!(f, "checks of {service} rest: its address is not on this host")
            }
            Self::Resumed { service } => write!(f, "checks of {service} go on: its address is on this host"),
            Self::NotTried { service, server, obstacle } => {
                write!(f, "server {server} of {service} cannot be checked and stays as it is: {obstacle}")
            }
            Self::Prevented { service, server, obstacle, trusted: true } => write!(
                f,
                "nothing can be found out about server {server} of {service}, and so it is trusted and gets connections, as \
                 with keepalived: {obstacle}"
            ),
            Self::Prevented { service, server, obstacle, trusted: false } if obstacle.is_mistake() => write!(
                f,
                "nothing can be found out about server {server} of {service}, and so it stays out until that is mended: {obstacle}"
            ),
            Self::Prevented { service, server, obstacle, trusted: false } => write!(
                f,
                "nothing can be found out about server {server} of {service}, and so it stays out, for it has to prove \
                 itself (alpha): {obstacle}"
            ),
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
            Self::AnswersArp { service, server, address } => {
                write!(f, "server {server} of {service} works, but {}", Outcome::AnswersArp(*address))
            }
            Self::ArpMended { service, server, address } => {
                write!(f, "server {server} of {service} does not answer ARP for {address} any more")
            }
            Self::Held => f.write_str(
                "servers fall silent and none answers, as if this host had no network: none is taken out before a second \
                 look",
            ),
            Self::HoldOver { finding: Finding::Silent, checks } => {
                write!(f, "silent at the second look too: what {checks} checks say counts now")
            }
            Self::HoldOver { finding: Finding::Answered, checks: 0 } => {
                f.write_str("servers answer at the second look: none is taken out")
            }
            Self::HoldOver { finding: Finding::Answered, checks } => {
                write!(f, "servers answer at the second look: {checks} checks that still get no answer count")
            }
            Self::HoldOver { finding: Finding::None, checks } => {
                write!(
                    f,
                    "no second look has come to its end within 10 s, as checks wait for longer than that: what {checks} of \
                     them say counts now"
                )
            }
            Self::HoldOver { finding: Finding::Moot, .. } => {
                f.write_str("no check is left in doubt: none is taken out for its silence")
            }
            Self::DaemonLost { role, interface } => {
                write!(
                    f,
                    "{interface} is another interface than the one that sync daemon {role} began on: it is started again"
                )
            }
            Self::Weight { service, server, subject, outcome, weight } => {
                write!(f, "server {server} of {service} has the weight {weight} now: {subject} {outcome}")
            }
            Self::Asked { service, server, verb } => {
                write!(f, "server {server} of {service} is ")?;
                match verb {
                    Verb::Drain(None) => f.write_str("drained, for as long as it takes"),
                    Verb::Drain(Some(within)) => write!(f, "drained, for {} at most", seconds(*within)),
                    Verb::Undrain | Verb::Enable => f.write_str("in use again"),
                    Verb::Disable => f.write_str("disabled"),
                    Verb::Weight(Some(weight)) => write!(f, "given the weight {weight}"),
                    Verb::Weight(None) => f.write_str("given the weight of the file again"),
                }?;
                f.write_str(": the operator wishes it")
            }
            Self::ServesOn { service, server } => write!(
                f,
                "server {server} of {service} is configured no more, and serves on until those that are new have been checked: \
                 nobody else could take connections"
            ),
            Self::Relieved { service, server, within } => write!(
                f,
                "server {server} of {service} is relieved: it gets nothing new, and goes once its connections have ended, after \
                 {} at the latest",
                seconds(*within)
            ),
            Self::Leaves { service, server, left, within } => {
                let end = match within {
                    // Not more exact than anybody cares for: of a deadline some part has passed.
                    Some(within) => format!("after {} s at the latest", (within.as_secs_f64() * 10.0).round() / 10.0),
                    None => "however long that takes, as the operator wished when it was drained".to_owned(),
                };
                write!(
                    f,
                    "server {server} of {service} is configured no more: it gets nothing new, and goes once its connections \
                     have ended, {end}; it has {left}"
                )
            }
            Self::Drained { service, server, end: End::Empty } => {
                write!(f, "server {server} of {service} has nothing left to do, and goes")
            }
            Self::Drained { service, server, end: End::Late(left) } => {
                write!(f, "server {server} of {service} has no more time, and goes: cut off are {left}")
            }
            Self::Unusable { service, server, subject, outcome } => write!(
                f,
                "{subject} {outcome}: this check of server {server} of {service} counts for nothing until it can be run, as \
                 with keepalived"
            ),
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
