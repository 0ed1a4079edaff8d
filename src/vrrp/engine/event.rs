//! What people are told. Each is one line in the log; none carries a password.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{GroupSplit, HostAddress, Loss, Waiting};
use crate::model::{ScriptOutcome, Watched};
use crate::vrrp::machine::{Heard, Role};
use crate::vrrp::reason::{Fault, Reason};
use crate::vrrp::receive::Drop;
use crate::wire::claim::Mac;

/// Something to tell people.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A virtual router changed its state.
    StateChanged {
        /// Its name.
        instance: Arc<str>,
        /// From.
        from: Role,
        /// To.
        to: Role,
        /// Why.
        reason: Reason,
        /// Faults that there are beside the one that is the reason.
        more: Vec<Fault>,
        /// Changes before this one that were not told, because there were so many; `None`: nor is this one. Changes to and
        /// from the addresses always are.
        told: Option<u64>,
    },
    /// The state that a virtual router has by now, which was not told because there were so many changes.
    StateSettled {
        /// Its name.
        instance: Arc<str>,
        /// The state.
        role: Role,
        /// Why.
        reason: Reason,
        /// Changes before the one to this state that were not told.
        untold: u64,
    },
    /// A sync group changed its state.
    GroupChanged {
        /// Its name.
        group: String,
        /// To.
        to: Role,
        /// Changes before this one that were not told, because there were so many.
        untold: u64,
    },
    /// A reload takes a sync group apart for a while.
    GroupSplit(GroupSplit),
    /// Weights changed a priority.
    PriorityChanged {
        /// Virtual router.
        instance: Arc<str>,
        /// From.
        from: u8,
        /// To.
        to: u8,
        /// What changed: `script check fails (-5)`. Empty where the configuration did.
        because: String,
        /// Changes before this one that were not told, because there were so many.
        untold: u64,
    },
    /// A script's verdict changed.
    ScriptChanged {
        /// Its name.
        script: String,
        /// The verdict.
        ok: bool,
        /// The run that decided.
        outcome: ScriptOutcome,
        /// Changes before this one that were not told, because there were so many.
        untold: u64,
    },
    /// While we are active, another router of lower priority advertises: there are two masters. Told at the 1st, 10th,
    /// 100th, ... advert of each time that there are.
    LowerPriority {
        /// Virtual router.
        instance: Arc<str>,
        /// The other's advert.
        heard: Heard,
        /// How many there were this time.
        count: u64,
        /// Lines like this one before it that were left out, because there were so many.
        untold: u64,
    },
    /// Somebody took an address off that an active router owns; it is put back.
    AddressPutBack {
        /// Virtual router.
        instance: Arc<str>,
        /// The address.
        address: HostAddress,
    },
    /// At the start an address was on the host already.
    AddressInherited {
        /// Virtual router.
        instance: Arc<str>,
        /// The address.
        address: HostAddress,
    },
    /// An address could not be added; it is tried again.
    AddFailed {
        /// Virtual router.
        instance: Arc<str>,
        /// What happened.
        error: String,
    },
    /// An address could not be removed.
    RemoveFailed {
        /// The address.
        address: HostAddress,
        /// Why.
        error: String,
    },
    /// Adverts cannot be sent. Told once, until one can be sent again.
    SendFailed {
        /// Virtual router.
        instance: Arc<str>,
        /// Why.
        error: String,
    },
    /// An advert was dropped. Told at the 1st, 10th, 100th, ... of a kind.
    Dropped {
        /// Virtual router.
        instance: Arc<str>,
        /// What is wrong with it.
        drop: Drop,
        /// The packet in one line.
        packet: String,
        /// How many there were.
        count: u64,
    },
    /// Adverts of another router carry other addresses than ours. Told once for each sender.
    AddressesDiffer {
        /// Virtual router.
        instance: Arc<str>,
        /// The other's advert.
        heard: Heard,
    },
    /// An advert has no room for all addresses.
    AddressesCut {
        /// Virtual router.
        instance: Arc<str>,
        /// The link that adverts leave through.
        interface: String,
        /// Its MTU.
        mtu: u32,
        /// Addresses that adverts name.
        most: usize,
        /// Addresses there are.
        all: usize,
    },
    /// A route, a rule or a static address could not be added. Told once; it is tried again.
    SteeringFailed {
        /// Virtual router, or the static block.
        owner: Arc<str>,
        /// What.
        what: String,
        /// Why.
        error: String,
    },
    /// Somebody took off a route, a rule or a static address that is wished; it was put back.
    SteeringPutBack {
        /// Virtual router, or the static block.
        owner: Arc<str>,
        /// What.
        what: String,
    },
    /// A route or a rule that could not be added is on now.
    SteeringOn {
        /// Virtual router, or the static block.
        owner: Arc<str>,
        /// What.
        what: String,
    },
    /// Something that is watched changed.
    TrackerChanged {
        /// What.
        what: Watched,
        /// It is well. `None`: not known.
        ok: Option<bool>,
        /// What was seen.
        detail: String,
        /// Changes before this one that were not told, because there were so many.
        untold: u64,
    },
    /// A router that cannot run has other faults by now than those that were told, and keeps them.
    Faults {
        /// Virtual router.
        instance: Arc<str>,
        /// All there are now.
        faults: Vec<Fault>,
        /// Changes before this one that were not told, because there were so many.
        untold: u64,
    },
    /// We own the addresses, and another router says that it does.
    OwnerConflict {
        /// Virtual router.
        instance: Arc<str>,
        /// The other's advert.
        heard: Heard,
    },
    /// The process was held up for so long that it cannot know whether a master was silent.
    Overslept {
        /// Virtual router.
        instance: Arc<str>,
        /// How late it looked.
        late: Duration,
    },
    /// An advert of a virtual router that is not configured here (`log_unknown_vrids`). Told at the 1st, 10th, 100th, ... of
    /// an interface and a number.
    UnknownVrid {
        /// Interface that it came in on.
        interface: String,
        /// The number.
        vrid: u8,
        /// The packet in one line.
        packet: String,
        /// How many there were.
        count: u64,
    },
    /// More adverts came in than were read. Told each time that there are ten times as many.
    AdvertsUnread {
        /// Interface; empty for sockets that are bound to none.
        interface: String,
        /// How many were lost.
        count: u64,
    },
    /// More packets came in that nobody here can believe than were looked at. Told each time that there are ten times as many.
    RestUnread {
        /// Interface; empty for sockets that are bound to none.
        interface: String,
        /// How many were lost.
        count: u64,
    },
    /// A link of a router's own was made.
    LinkMade {
        /// Virtual router.
        instance: Arc<str>,
        /// Its name.
        link: String,
        /// What it lies on.
        base: String,
    },
    /// A link of a router's own was there already.
    LinkFound {
        /// Virtual router.
        instance: Arc<str>,
        /// Its name.
        link: String,
        /// What it lies on.
        base: String,
    },
    /// Somebody took away a link of a router's own; it was put back.
    LinkPutBack {
        /// Virtual router.
        instance: Arc<str>,
        /// Its name.
        link: String,
        /// How it was taken away.
        loss: Loss,
    },
    /// A link of a router's own could not be made or switched on; it is tried again.
    LinkFailed {
        /// Virtual router.
        instance: Arc<str>,
        /// Its name.
        link: String,
        /// Why.
        error: String,
    },
    /// Packets for addresses that must not be accepted cannot be dropped.
    FirewallFailed {
        /// Why.
        error: String,
    },
    /// At the start an address of a predecessor's was on the host that the configuration does not name.
    LeftRemoved {
        /// The address.
        address: HostAddress,
    },
    /// At the start a link was on the host that a predecessor made and the configuration does not name.
    LeftLinkRemoved {
        /// Its name.
        link: String,
    },
    /// Somebody else tells the neighbours that it has an address of an active router. Told once, until it is silent.
    RivalClaims {
        /// Virtual router.
        instance: Arc<str>,
        /// The address.
        address: IpAddr,
        /// The hardware address that it is said to be at.
        mac: Mac,
        /// Where it was said.
        interface: String,
        /// Others before this one that were not told, because there were so many.
        untold: u64,
    },
    /// Nobody else claims the address any more.
    RivalSilent {
        /// Virtual router.
        instance: Arc<str>,
        /// The address.
        address: IpAddr,
        /// Who claimed it last.
        mac: Mac,
        /// Claims that were seen.
        claims: u64,
        /// From the first to the last.
        lasted: Duration,
        /// Since the last.
        silent: Duration,
    },
    /// A script cannot be run, and counts for nothing until a configuration comes into force that finds it. Told at each.
    ScriptDisabled {
        /// Its name.
        script: String,
        /// Why, as part of a sentence.
        why: String,
    },
    /// Something is waited for that takes its time. Told once.
    Waiting(Waiting),
    /// The only address of a link is a virtual one of a router that is not master there.
    OnlyAddress {
        /// Virtual router.
        instance: Arc<str>,
        /// The link.
        interface: String,
        /// The address.
        address: HostAddress,
    },
    /// A script that was disabled can be run.
    ScriptEnabled {
        /// Its name.
        script: String,
    },
}

impl Event {
    /// It belongs into the log: not one change of many that something that flaps makes.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        !matches!(self, Self::StateChanged { told: None, .. })
    }

    /// Somebody should look at it, sooner or later.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        match self {
            Self::StateChanged { to: role, .. }
            | Self::GroupChanged { to: role, .. }
            | Self::StateSettled { role, .. } => matches!(role, Role::Fault),
            Self::ScriptChanged { ok, .. } => !*ok,
            Self::PriorityChanged { .. }
            | Self::AddressInherited { .. }
            | Self::LeftRemoved { .. }
            | Self::LeftLinkRemoved { .. }
            | Self::SteeringOn { .. }
            | Self::UnknownVrid { .. }
            | Self::LinkMade { .. }
            | Self::LinkFound { .. }
            | Self::RivalSilent { .. }
            | Self::Waiting(_)
            | Self::ScriptEnabled { .. } => false,
            Self::TrackerChanged { ok, .. } => matches!(ok, Some(false)),
            Self::GroupSplit(_)
            | Self::LowerPriority { .. }
            | Self::AddressPutBack { .. }
            | Self::AddFailed { .. }
            | Self::SteeringFailed { .. }
            | Self::SteeringPutBack { .. }
            | Self::RemoveFailed { .. }
            | Self::SendFailed { .. }
            | Self::Dropped { .. }
            | Self::AdvertsUnread { .. }
            | Self::RestUnread { .. }
            | Self::AddressesDiffer { .. }
            | Self::AddressesCut { .. }
            | Self::Faults { .. }
            | Self::OwnerConflict { .. }
            | Self::Overslept { .. }
            | Self::LinkPutBack { .. }
            | Self::LinkFailed { .. }
            | Self::OnlyAddress { .. }
            | Self::FirewallFailed { .. }
            | Self::RivalClaims { .. }
            | Self::ScriptDisabled { .. } => true,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateChanged { instance, from, to, reason, more, told } => {
                write!(f, "{instance}: {from} -> {to}: {reason}")?;
                more.iter().try_for_each(|fault| write!(f, "; {fault}"))?;
                left_out(f, told.unwrap_or_default())
            }
            Self::StateSettled { instance, role, reason, untold } => {
                write!(f, "{instance}: {role}: {reason}")?;
                left_out(f, *untold)
            }
            Self::GroupChanged { group, to, untold } => {
                write!(f, "sync group {group} is {to}")?;
                left_out(f, *untold)
            }
            Self::PriorityChanged { instance, from, to, because, untold } => {
                write!(f, "{instance}: effective priority {from} -> {to}")?;
                if !because.is_empty() {
                    write!(f, ": {because}")?;
                }
                left_out(f, *untold)
            }
            Self::ScriptChanged { script, ok, outcome, untold } => {
                write!(f, "script {script} {}: {outcome}", if *ok { "is well" } else { "fails" })?;
                left_out(f, *untold)
            }
            Self::LowerPriority { instance, heard, count, untold } => {
                write!(f, "{instance}: {} advertises priority {} while we are master: ", heard.source, heard.priority)?;
                match count {
                    1 => f.write_str("two masters at once; asserting ourselves and announcing again")?,
                    _ => write!(f, "{count} such adverts so far; does it receive ours, and accept them?")?,
                }
                left_out(f, *untold)
            }
            Self::AddressPutBack { instance, address } => write!(
                f,
                "{instance}: somebody removed {}/{} while we are master; it was put back",
                address.address, address.prefix_len
            ),
            Self::AddressInherited { instance, address } => write!(
                f,
                "{instance}: {}/{} is on this host already; it stays until another master is heard",
                address.address, address.prefix_len
            ),
            Self::LeftRemoved { address } => write!(
                f,
                "{}/{} was left by an earlier run, and the configuration does not name it: it is removed",
                address.address, address.prefix_len
            ),
            Self::LeftLinkRemoved { link } => write!(
                f,
                "interface {link} was left by an earlier run, and the configuration does not name it: it is removed"
            ),
            Self::AddFailed { instance, error } => write!(f, "{instance}: {error}; trying again every second"),
            Self::SteeringFailed { owner, what, error } => {
                write!(f, "{owner}: cannot add {what}: {error}; trying again until it works")
            }
            Self::SteeringPutBack { owner, what } => write!(f, "{owner}: somebody removed {what}; it was put back"),
            Self::SteeringOn { owner, what } => write!(f, "{owner}: {what} is on now"),
            Self::RemoveFailed { address, error } => {
                write!(f, "cannot remove {}/{}: {error}", address.address, address.prefix_len)
            }
            Self::SendFailed { instance, error } => write!(f, "{instance}: cannot send adverts: {error}"),
            Self::Dropped { instance, drop, packet, count } => {
                write!(f, "{instance}: dropped an advert: {drop} ({packet}); {count} of this kind so far")
            }
            Self::AddressesDiffer { instance, heard } => write!(
                f,
                "{instance}: adverts of {} carry other addresses than ours; compare virtual_ipaddress on both",
                heard.source
            ),
            Self::AddressesCut { instance, interface, mtu, most, all } => write!(
                f,
                "{instance}: with the MTU of {mtu} that {interface} has, adverts name {most} of {all} addresses; the others \
                 move too, but have the same MTU on all routers, or move them to virtual_ipaddress_excluded"
            ),
            Self::TrackerChanged { what, ok, detail, untold } => {
                match (what, ok) {
                    (Watched::File(_), _) => write!(f, "{what} {detail}")?,
                    (_, Some(true)) => write!(f, "{what} is well: {detail}")?,
                    (_, Some(false)) => write!(f, "{what} fails: {detail}")?,
                    (_, None) => write!(f, "{what} is not known: {detail}")?,
                }
                left_out(f, *untold)
            }
            Self::Faults { instance, faults, untold } => {
                write!(f, "{instance}: still cannot run: ")?;
                for (number, fault) in faults.iter().enumerate() {
                    if number > 0 {
                        f.write_str("; ")?;
                    }
                    write!(f, "{fault}")?;
                }
                left_out(f, *untold)
            }
            Self::OwnerConflict { instance, heard } => write!(
                f,
                "{instance}: {} advertises priority 255 as we do: one router only can own the addresses; lower the \
                 priority of one of them",
                heard.source
            ),
            Self::Overslept { instance, late } => write!(
                f,
                "{instance}: this process was held up for {:.2} s; listening for a master anew before taking over",
                late.as_secs_f64()
            ),
            Self::AdvertsUnread { interface, count } => write!(
                f,
                "more adverts come in on {} than can be read: {count} are lost so far; find out who sends them, or give \
                 more room (`receive-buffer` in TOML, `kernel_rx_buf_size` in keepalived.conf)",
                place(interface)
            ),
            Self::RestUnread { interface, count } => write!(
                f,
                "more packets that no virtual router here can believe come in on {} than are looked at: {count} were not \
                 read so far; find out who sends them",
                place(interface)
            ),
            Self::UnknownVrid { interface, vrid, packet, count } => write!(
                f,
                "{interface}: an advert of virtual router {vrid}, which is not configured here ({packet}); {count} so far"
            ),
            Self::LinkMade { instance, link, base } => write!(f, "{instance}: made interface {link} on {base}"),
            Self::LinkFound { instance, link, base } => {
                write!(f, "{instance}: interface {link} is on {base} already; using it")
            }
            Self::LinkPutBack { instance, link, loss: Loss::Deleted } => {
                write!(f, "{instance}: somebody deleted interface {link}; it was made again")
            }
            Self::LinkPutBack { instance, link, loss: Loss::Down } => {
                write!(f, "{instance}: somebody switched interface {link} off; it was switched on again")
            }
            Self::LinkFailed { instance, link, error } => {
                write!(f, "{instance}: cannot make interface {link}: {error}; trying again every second")
            }
            Self::FirewallFailed { error } => write!(
                f,
                "packets for virtual addresses that this host should not accept (no_accept), or reports of group \
                 membership that should not carry a virtual MAC address, cannot be dropped: {error}; routers run on \
                 without"
            ),
            Self::RivalClaims { instance, address, mac, interface, untold } => {
                write!(
                    f,
                    "{instance}: {mac} on {interface} says that it has {address}, which is ours as master; announcing it \
                     again until that host is silent; find it: has it a copy of the address, is it a master that does not \
                     hear us, or a real server without arp_ignore and arp_announce?"
                )?;
                left_out(f, *untold)
            }
            Self::ScriptDisabled { script, why } => write!(
                f,
                "script {script} is disabled: {why}. Routers that track it run on as if it were not there, as with \
                 keepalived; put that right and reload, or take the script out of the configuration"
            ),
            Self::OnlyAddress { instance, interface, address: HostAddress { address, prefix_len, .. } } => write!(
                f,
                "{instance}: {address}/{prefix_len}, the only address that {interface} has to send adverts from, is a \
                 virtual address, which a master alone has: it is taken off; give {interface} an address of its own, or, \
                 if {address} is this host's own, the virtual router priority 255"
            ),
            Self::Waiting(waiting) => waiting.fmt(f),
            Self::GroupSplit(split) => split.fmt(f),
            Self::ScriptEnabled { script } => {
                write!(f, "script {script} can be run now: it counts from its first run on")
            }
            Self::RivalSilent { instance, address, mac, claims, lasted, silent } => {
                let (lasted, silent) = (lasted.as_secs(), silent.as_secs());
                write!(f, "{instance}: nobody else has claimed {address} for {silent} s; {mac} had done so ")?;
                match claims {
                    1 => f.write_str("once"),
                    _ => write!(f, "{claims} times in {lasted} s"),
                }
            }
        }
    }
}

fn place(interface: &str) -> &str {
    if interface.is_empty() { "any interface" } else { interface }
}

/// That lines like this one were left out, if any were.
fn left_out(f: &mut fmt::Formatter<'_>, untold: u64) -> fmt::Result {
    if untold > 0 { write!(f, " (and {untold} changes before that were not logged)") } else { Ok(()) }
}
