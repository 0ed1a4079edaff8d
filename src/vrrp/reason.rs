//! Why a virtual router is in the state that it is in. Logs, `show` and notifications all read it from here.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// Why a virtual router came into its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It has not been started yet.
    NotStarted,
    /// Scripts that decide whether it may run have not answered yet.
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
}

/// What a virtual router cannot run without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// There is no interface of this name.
    InterfaceMissing(String),
    /// The interface is down or has no carrier.
    InterfaceDown(String),
    /// The interface has no IPv4 address to send from.
    NoSourceAddress(String),
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
    /// It advertises IPv6 addresses, which this version does not.
    Ipv6,
    /// A member of its sync group has a fault.
    Group {
        /// The group.
        group: String,
        /// The member.
        member: String,
    },
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
            Self::AwaitingScripts => f.write_str("waiting for its scripts to answer for the first time"),
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
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InterfaceMissing(name) => write!(f, "interface {name} does not exist; waiting for it to appear"),
            Self::InterfaceDown(name) => write!(f, "interface {name} is down or has no carrier"),
            Self::NoSourceAddress(name) => {
                write!(f, "interface {name} has no IPv4 address of its own to send adverts from")
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
            Self::Ipv6 => f.write_str("its addresses are IPv6, which is not supported yet"),
            Self::Group { group, member } => write!(f, "{member} of sync group {group} has a fault"),
            Self::VirtualLink { name, why } => write!(f, "its interface {name} cannot be made: {why}"),
            Self::VirtualLinkMissing(base) => write!(f, "its own interface on {base} is not up yet"),
        }
    }
}
