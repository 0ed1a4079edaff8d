//! Why a virtual router is in the state that it is in. Logs, `show` and notifications all read it from here.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::model::{Family, VirtualRouterId, Watched};

/// Why a virtual router came into its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It has not been started yet.
    NotStarted,
    /// Scripts and other checks that decide whether it may run have not answered yet.
    AwaitingScripts,
    /// It has just started, and listens.
    Started,
    /// What had failed is well again.
    Recovered,
    /// Priority 255: the addresses are its own (RFC 9568 section 6.4.1).
    Owner,
    /// No advert came for the whole down interval.
    Silence {
        /// Who was active before, if anybody was heard.
        master: Option<IpAddr>,
        /// The down interval.
        waited: Duration,
    },
    /// The active router said that it leaves (priority 0).
    MasterLeft(IpAddr),
    /// Another router advertises a higher priority, or the same one with a higher address.
    Outbid {
        /// Who.
        by: IpAddr,
        /// Its priority.
        theirs: u8,
        /// Ours.
        ours: u8,
    },
    /// The master that was heard has a lower priority, and we may take over from it.
    Outranks {
        /// Who was active.
        master: IpAddr,
        /// Its priority.
        theirs: u8,
        /// Ours.
        ours: u8,
    },
    /// Every member of its sync group may be active.
    GroupActive(String),
    /// A member of its sync group is no longer active.
    GroupLeft {
        /// The group.
        group: String,
        /// The member.
        member: String,
    },
    /// Something that it cannot run without is missing.
    Fault(Fault),
    /// It was told to stop.
    Stopped,
    /// The configuration has it no longer.
    Removed,
    /// Its configuration made another virtual router of it, by number, interface or family of the adverts.
    Renumbered {
        /// What it was.
        from: VirtualRouterId,
        /// What it is from now on.
        to: VirtualRouterId,
    },
    /// All that it needs is there; it was told to start later.
    StartupDelay,
    /// Its advert was so late that another router has taken over meanwhile.
    Overslept {
        /// How late.
        late: Duration,
    },
    /// A member of its sync group listens to another master.
    GroupFollows {
        /// The group.
        group: String,
        /// The member.
        member: String,
    },
    /// Another router owns the addresses too, and does not yield.
    OwnerConflict {
        /// Who.
        by: IpAddr,
    },
}

/// What a virtual router cannot run without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// There is no interface of this name.
    InterfaceMissing(String),
    /// The interface is down or has no carrier.
    InterfaceDown(String),
    /// The interface has no address to send from.
    NoSourceAddress {
        /// Interface.
        interface: String,
        /// Family of the adverts.
        family: Family,
    },
    /// A tracked interface without weight is missing.
    TrackedInterfaceMissing(String),
    /// A tracked interface without weight is down.
    TrackedInterfaceDown(String),
    /// A tracked script without weight fails.
    Script(String),
    /// The configuration names a script that it does not define.
    ScriptUnknown(String),
    /// Another router of this host has the same number on the same interface.
    Duplicate {
        /// That router's name.
        other: String,
    },
    /// A member of its sync group has a fault.
    Group {
        /// The group.
        group: String,
        /// The member.
        member: String,
    },
    /// Something else that it watches without weight fails.
    Watched(Watched),
    /// Something that it watches with its sense reversed is well.
    Reversed(Watched),
    /// The configuration names something that it does not define.
    Undefined(Watched),
    /// A link that something of the router's stands on is down.
    FootingDown {
        /// The link.
        interface: String,
        /// What stands on it: `virtual address 10.0.0.1/24`.
        what: String,
    },
    /// A link that something of the router's stands on is missing.
    FootingMissing {
        /// The link.
        interface: String,
        /// What stands on it.
        what: String,
    },
    /// The source address that it is configured with is not on its interface any more (`track_src_ip`).
    SourceLost {
        /// The address.
        source: IpAddr,
        /// The interface.
        interface: String,
    },
    /// It names no interface, and no interface has its source address; `None`: it names that neither.
    SourceMissing(Option<IpAddr>),
    /// A source address that IPv6 adverts must not be multicast from.
    SourceNotLinkLocal(Ipv6Addr),
    /// It speaks to peers, and has none (`unicast_fault_no_peer`).
    NoPeers,
    /// Its own link cannot be made.
    VirtualLink {
        /// The link.
        name: String,
        /// Why.
        why: String,
    },
    /// Its own link on this interface is not there yet.
    VirtualLinkMissing(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("not started yet"),
            Self::AwaitingScripts => f.write_str("waiting for what it watches to answer for the first time"),
            Self::Started => f.write_str("just started, listening for a master"),
            Self::Recovered => f.write_str("what had failed is well again, listening for a master"),
            Self::Owner => f.write_str("priority 255: it owns the addresses"),
            Self::Silence { master: Some(master), waited } => {
                write!(f, "master {master} has been silent for {:.2} s", waited.as_secs_f64())
            }
            Self::Silence { master: None, waited } => {
                write!(f, "no master was heard for {:.2} s", waited.as_secs_f64())
            }
            Self::MasterLeft(master) => write!(f, "master {master} said that it leaves"),
            Self::Outbid { by, theirs, ours } if theirs > ours => {
                write!(f, "{by} advertises priority {theirs}, ours is {ours}")
            }
            Self::Outbid { by, theirs, .. } => {
                write!(f, "{by} advertises priority {theirs} too, and its address is the higher one")
            }
            Self::Outranks { master, theirs, ours } => {
                write!(f, "our priority is {ours}, that of {master} is {theirs}")
            }
            Self::GroupActive(group) => write!(f, "every member of sync group {group} may be master"),
            Self::GroupLeft { group, member } => write!(f, "{member} of sync group {group} is no longer master"),
            Self::Fault(fault) => fault.fmt(f),
            Self::Stopped => f.write_str("stopped"),
            Self::Removed => f.write_str("the configuration has it no longer"),
            Self::Renumbered { from, to } => renumbered(f, from, to),
            Self::GroupFollows { group, member } => {
                write!(f, "{member} of sync group {group} listens to another master")
            }
            Self::StartupDelay => f.write_str("waiting for the startup delay to pass"),
            Self::Overslept { late } => write!(
                f,
                "this process was held up, and its advert {:.2} s late: another router may be master by now",
                late.as_secs_f64()
            ),
            Self::OwnerConflict { by } => write!(
                f,
                "{by} advertises priority 255 as we do, and goes on although it should yield; there can be one owner \
                 of the addresses only, lower the priority of one of them"
            ),
        }
    }
}

/// All that differs: `VRID 51 -> 52, interface eth0 -> eth1`.
fn renumbered(f: &mut fmt::Formatter<'_>, from: &VirtualRouterId, to: &VirtualRouterId) -> fmt::Result {
    let mut changes = Vec::new();
    if from.vrid != to.vrid {
        changes.push(format!("VRID {} -> {}", from.vrid, to.vrid));
    }
    if from.interface != to.interface {
        let name = |id: &VirtualRouterId| id.interface.clone().unwrap_or_else(|| "that of its source".to_owned());
        changes.push(format!("interface {} -> {}", name(from), name(to)));
    }
    if from.family != to.family {
        changes.push(format!("adverts over {} -> {}", from.family, to.family));
    }
    write!(
        f,
        "the configuration changed {}: leaving the old virtual router and joining the new one",
        changes.join(", ")
    )
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InterfaceMissing(name) => write!(f, "interface {name} does not exist; waiting for it to appear"),
            Self::InterfaceDown(name) => write!(f, "interface {name} is down or has no carrier"),
            Self::NoSourceAddress { interface, family: Family::V4 } => {
                write!(
                    f,
                    "interface {interface} has no IPv4 address of its own to send adverts from (virtual addresses do not count)"
                )
            }
            Self::NoSourceAddress { interface, family: Family::V6 } => {
                write!(f, "interface {interface} has no link-local IPv6 address of its own to send adverts from")
            }
            Self::TrackedInterfaceMissing(name) => write!(f, "tracked interface {name} does not exist"),
            Self::TrackedInterfaceDown(name) => write!(f, "tracked interface {name} is down or has no carrier"),
            Self::Script(name) => write!(f, "script {name} fails"),
            Self::ScriptUnknown(name) => write!(f, "the configuration defines no script {name}"),
            Self::Duplicate { other } => {
                write!(
                    f,
                    "{other} has the same virtual_router_id on the same interface; give one of them another number"
                )
            }
            Self::Group { group, member } => write!(f, "{member} of sync group {group} has a fault"),
            Self::Watched(what) => match what {
                Watched::Process(name) => write!(f, "process {name} does not run as it should"),
                Watched::File(name) => write!(f, "the number in file {name} says that the router must not run"),
                Watched::Service(name) => write!(f, "service {name} has too few servers"),
                Watched::Check(name) => write!(f, "check {name} fails"),
                Watched::Interface(_) | Watched::Script(_) | Watched::Bfd(_) => write!(f, "{what} fails"),
            },
            Self::Reversed(what) => write!(f, "{what} is well, and is not to be (reverse)"),
            Self::Undefined(what) => write!(f, "the configuration defines no {what}"),
            Self::FootingDown { interface, what } => {
                write!(f, "interface {interface} is down or has no carrier; {what} needs it")
            }
            Self::FootingMissing { interface, what } => {
                write!(f, "interface {interface} does not exist; {what} needs it")
            }
            Self::SourceLost { source, interface } => {
                write!(f, "source address {source} is not on interface {interface}")
            }
            Self::SourceMissing(Some(source)) => {
                write!(f, "no interface has its source address {source}; waiting for it to appear")
            }
            Self::SourceMissing(None) => f.write_str("it names neither an interface nor a source address"),
            Self::SourceNotLinkLocal(source) => {
                write!(f, "IPv6 adverts are multicast from a link-local address, which {source} is not")
            }
            Self::NoPeers => f.write_str("it speaks to unicast peers, and has none"),
            Self::VirtualLink { name, why } => write!(f, "its interface {name} cannot be made: {why}"),
            Self::VirtualLinkMissing(base) => write!(f, "its own interface on {base} is not up yet"),
        }
    }
}
