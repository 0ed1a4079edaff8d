//! Services, servers and checks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::{CheckDraft, Field, GroupTable, Listen, ListenerGroup};
use crate::config::source::{Span, Spanned};
use crate::model::{
    Family, Floor, Forwarding, Protocol, Scheduler, SchedulerFlags, ServiceConfig, ServiceKey, Suspend, UpDown,
};

/// What a service, a server and a check each may say of a check's timing; the innermost counts.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::config) struct Timing {
    pub(in crate::config) interval: Option<Spanned<Duration>>,
    pub(in crate::config) timeout: Option<Spanned<Duration>>,
    pub(in crate::config) retry: Option<u32>,
    pub(in crate::config) retry_interval: Option<Duration>,
    pub(in crate::config) warmup: Option<Duration>,
    pub(in crate::config) rise: Option<NonZeroU32>,
    pub(in crate::config) down_interval: Option<Duration>,
    pub(in crate::config) jitter_percent: Option<u8>,
    pub(in crate::config) tells_failures: Option<bool>,
    /// `alpha`: down until it succeeds.
    pub(in crate::config) alpha: Option<bool>,
}

impl Timing {
    /// These, and where they say nothing, the others.
    pub(in crate::config) fn or(self, outer: Self) -> Self {
        Self {
            interval: self.interval.or(outer.interval),
            timeout: self.timeout.or(outer.timeout),
            retry: self.retry.or(outer.retry),
            retry_interval: self.retry_interval.or(outer.retry_interval),
            warmup: self.warmup.or(outer.warmup),
            rise: self.rise.or(outer.rise),
            down_interval: self.down_interval.or(outer.down_interval),
            jitter_percent: self.jitter_percent.or(outer.jitter_percent),
            tells_failures: self.tells_failures.or(outer.tells_failures),
            alpha: self.alpha.or(outer.alpha),
        }
    }
}

/// Persistence as written.
#[derive(Debug, Default)]
pub(in crate::config) struct PersistenceDraft {
    pub(in crate::config) timeout_secs: Option<Spanned<NonZeroU32>>,
    /// Leading bits of the client's address; whether they suit the family shows later.
    pub(in crate::config) prefix_len: Option<Spanned<u8>>,
    pub(in crate::config) engine: Option<Spanned<String>>,
}

/// See [`crate::model::Rules`].
#[derive(Debug, Default)]
pub(in crate::config) struct RulesDraft {
    pub(in crate::config) hysteresis: Option<Spanned<u32>>,
    /// A server that is never checked; its `inhibit_on_failure` is that it stays.
    pub(in crate::config) sorry: Option<Box<ServerDraft>>,
    pub(in crate::config) suspend: Option<Spanned<Suspend>>,
    pub(in crate::config) omega: bool,
    pub(in crate::config) notify: UpDown,
}

/// See [`crate::model::ServiceConfig`].
#[derive(Debug)]
pub(in crate::config) struct ServiceDraft {
    /// Where it begins.
    pub(in crate::config) header: Span,
    pub(in crate::config) listen: Field<Listen>,
    /// In place of `listen`.
    pub(in crate::config) group: Option<Arc<ListenerGroup>>,
    pub(in crate::config) family: Option<Family>,
    pub(in crate::config) protocol: Field<Protocol>,
    pub(in crate::config) scheduler: Field<Scheduler>,
    pub(in crate::config) flags: SchedulerFlags,
    pub(in crate::config) persistence: PersistenceDraft,
    pub(in crate::config) forwarding: Field<Forwarding>,
    pub(in crate::config) timing: Timing,
    pub(in crate::config) inhibit_on_failure: bool,
    pub(in crate::config) default_weight: Option<u32>,
    pub(in crate::config) quorum: Option<Spanned<u32>>,
    pub(in crate::config) floor: Option<Spanned<Floor>>,
    pub(in crate::config) drain: Option<Duration>,
    pub(in crate::config) slow_start: Option<Spanned<Duration>>,
    pub(in crate::config) rules: RulesDraft,
    pub(in crate::config) servers: Vec<ServerDraft>,
    /// The host that checks over HTTP ask for, unless they say otherwise.
    pub(in crate::config) virtual_host: Option<String>,
}

impl ServiceDraft {
    pub(in crate::config) fn new(header: Span) -> Self {
        Self {
            header,
            listen: Field::Absent,
            group: None,
            family: None,
            protocol: Field::Absent,
            scheduler: Field::Absent,
            flags: SchedulerFlags::default(),
            persistence: PersistenceDraft::default(),
            forwarding: Field::Absent,
            timing: Timing::default(),
            inhibit_on_failure: false,
            default_weight: None,
            quorum: None,
            floor: None,
            drain: None,
            slow_start: None,
            rules: RulesDraft::default(),
            servers: Vec::new(),
            virtual_host: None,
        }
    }
}

/// See [`crate::model::ServerConfig`].
#[derive(Debug)]
pub(in crate::config) struct ServerDraft {
    /// Where its address stands.
    pub(in crate::config) span: Span,
    pub(in crate::config) address: IpAddr,
    /// The service's if none.
    pub(in crate::config) port: Option<u16>,
    /// The service's default, else 1, if none.
    pub(in crate::config) weight: Option<u32>,
    pub(in crate::config) forwarding: Field<Forwarding>,
    pub(in crate::config) inhibit_on_failure: Option<bool>,
    pub(in crate::config) upper_threshold: u32,
    pub(in crate::config) lower_threshold: u32,
    pub(in crate::config) notify: UpDown,
    pub(in crate::config) timing: Timing,
    pub(in crate::config) checks: Vec<CheckDraft>,
    /// As that of the service.
    pub(in crate::config) virtual_host: Option<String>,
}

impl ServerDraft {
    pub(in crate::config) fn new(span: Span, address: IpAddr, port: Option<u16>) -> Self {
        Self {
            span,
            address,
            port,
            weight: None,
            forwarding: Field::Absent,
            inhibit_on_failure: None,
            upper_threshold: 0,
            lower_threshold: 0,
            notify: UpDown::default(),
            timing: Timing::default(),
            checks: Vec::new(),
            virtual_host: None,
        }
    }
}

/// A check that waits for its answer longer than from one check to the next, both as written.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct SlowCheck {
    pub(in crate::config) timeout: Spanned<Duration>,
    pub(in crate::config) interval: Spanned<Duration>,
    /// From a server's silence to the end of its last try, at most.
    pub(in crate::config) noticed: Duration,
    /// How many checks are so.
    pub(in crate::config) checks: usize,
}

/// The services so far.
#[derive(Debug, Default)]
pub(in crate::config) struct ServiceTable {
    pub(in crate::config) services: Vec<ServiceConfig>,
    /// Where each was written.
    pub(in crate::config) places: HashMap<ServiceKey, Span>,
    /// Addresses that services share.
    pub(in crate::config) groups: GroupTable,
    /// Services of groups that were not defined yet when they were read, with the groups' names.
    pub(in crate::config) waiting: Vec<(Spanned<String>, ServiceDraft)>,
    /// The first check that waits too long, which stands for all: most files say so in one place, or everywhere.
    pub(in crate::config) slow_check: Option<SlowCheck>,
    pub(in crate::config) file_uses: super::FileUses,
}
