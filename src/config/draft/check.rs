//! A check of a server.

use std::net::IpAddr;

use super::Timing;

/// A check of a server as written.
#[derive(Debug, Clone)]
pub(in crate::config) struct CheckDraft {
    pub(in crate::config) timing: Timing,
    pub(in crate::config) call: CallDraft,
    pub(in crate::config) kind: KindDraft,
}

impl CheckDraft {
    /// A check of which nothing is said but its kind.
    pub(in crate::config) fn new(kind: KindDraft) -> Self {
        Self { timing: Timing::default(), call: CallDraft::default(), kind }
    }
}

/// Whom a check calls over the network, and how, as written. Where nothing is said it is the server, in the usual way.
#[derive(Debug, Default, Clone)]
pub(in crate::config) struct CallDraft {
    pub(in crate::config) address: Option<IpAddr>,
    pub(in crate::config) port: Option<u16>,
    pub(in crate::config) source_address: Option<IpAddr>,
    pub(in crate::config) source_port: Option<u16>,
    pub(in crate::config) interface: Option<String>,
    pub(in crate::config) mark: Option<u32>,
}

/// What a check tries, as written.
#[derive(Debug, Clone)]
pub(in crate::config) enum KindDraft {
    /// `TCP_CHECK`.
    Tcp,
}
