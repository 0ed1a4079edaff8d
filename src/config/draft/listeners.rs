//! Where services listen: an address, a mark, or a group of them.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::config::source::{Span, Spanned};
use crate::model::Family;

/// Which packets a service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::config) enum Listen {
    /// Those to an address and port.
    Address(IpAddr, u16),
    /// Those with a firewall mark; of which family, if that is said beside it.
    Mark(NonZeroU32, Option<Family>),
}

/// Addresses and marks that share a service's settings and servers.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct ListenerGroup {
    pub(in crate::config) name: Option<String>,
    /// Each once.
    pub(in crate::config) listens: Vec<Spanned<Listen>>,
    /// A line of it was unusable, and reported.
    pub(in crate::config) broken: bool,
}

/// The groups that the file defines by name, and how much of what may be is used up.
#[derive(Debug, Default)]
pub(in crate::config) struct GroupTable {
    /// Where each stands, and what it is.
    pub(in crate::config) groups: HashMap<String, (Span, Arc<ListenerGroup>)>,
    /// Those that services are for.
    pub(in crate::config) named: HashSet<String>,
    /// Addresses and marks of all groups, as they are defined.
    pub(in crate::config) defined: usize,
    /// ... and as services use them.
    pub(in crate::config) used: usize,
}
