//! What a front end understood, before defaults, cross-references and the rules that hold between values.
//!
//! A [`Field`] tells "nobody wrote it" from "somebody did, and it made no sense": the second was reported already, and the
//! resolver must not say "missing" on top.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use crate::model::{
    Family, Forwarding, Global, Notify, Priority, Protocol, RunAs, Scheduler, SchedulerFlags, ServiceConfig,
    ServiceKey, StartAs, Sysctl, VirtualAddress, Vrid, VrrpVersion,
};

use super::source::{Span, Spanned};

/// A value that may have been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Field<T> {
    /// Nobody wrote it.
    #[default]
    Absent,
    /// Written, unusable, and reported.
    Bad,
    /// Written.
    Set(Spanned<T>),
}

impl<T> Field<T> {
    /// The value of a parser that has reported its failure.
    pub(super) fn from(value: Option<T>, span: Span) -> Self {
        value.map_or(Self::Bad, |value| Self::Set(Spanned::new(value, span)))
    }

    /// The value, if it is usable.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Set(spanned) => Some(spanned.value),
            Self::Absent | Self::Bad => None,
        }
    }

    /// The usable value in place.
    pub(super) fn get(&self) -> Option<&Spanned<T>> {
        match self {
            Self::Set(spanned) => Some(spanned),
            Self::Absent | Self::Bad => None,
        }
    }
}

/// What concerns all virtual routers unless they say otherwise.
#[derive(Debug, Default)]
pub(super) struct RouterDefaults {
    pub(super) version: VrrpVersion,
    pub(super) group: Option<Ipv4Addr>,
    pub(super) announcements: AnnouncementsDraft,
}

/// See [`crate::model::Announcements`].
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct AnnouncementsDraft {
    pub(super) repeat: Option<u32>,
    /// Zero: never.
    pub(super) delay: Option<Duration>,
    /// Zero: never.
    pub(super) refresh: Option<Duration>,
    pub(super) refresh_repeat: Option<u32>,
}

/// See [`crate::model::TrackScript`].
#[derive(Debug)]
pub(super) struct ScriptDraft {
    pub(super) name: Spanned<String>,
    pub(super) command: Field<Vec<String>>,
    pub(super) interval: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) weight: i16,
    pub(super) rise: u32,
    pub(super) fall: u32,
    pub(super) user: Option<RunAs>,
    pub(super) init_fail: bool,
    pub(super) weight_span: Option<Span>,
}

impl ScriptDraft {
    pub(super) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            command: Field::Absent,
            interval: None,
            timeout: None,
            weight: 0,
            rise: 1,
            fall: 1,
            user: None,
            init_fail: false,
            weight_span: None,
        }
    }
}

/// Something watched: its name, and the weight if the router gives one.
#[derive(Debug)]
pub(super) struct TrackDraft {
    pub(super) name: Spanned<String>,
    pub(super) weight: Option<Spanned<i16>>,
}

/// `auth_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authentication {
    /// A password in clear.
    Password,
    /// An IPsec authentication header (RFC 2338 section 5.3.6).
    Header,
}

/// See [`crate::model::Instance`].
#[derive(Debug)]
pub(super) struct InstanceDraft {
    pub(super) name: Spanned<String>,
    pub(super) start_as: Field<StartAs>,
    pub(super) interface: Field<String>,
    pub(super) vrid: Field<Vrid>,
    pub(super) priority: Field<Priority>,
    pub(super) advert_interval: Field<Duration>,
    pub(super) version: Field<VrrpVersion>,
    pub(super) no_preempt: Option<Span>,
    pub(super) multicast_source: Field<Ipv4Addr>,
    pub(super) unicast_source: Field<Ipv4Addr>,
    /// Where unicast was asked for, if it was.
    pub(super) unicast: Option<Span>,
    pub(super) peers: Vec<Spanned<Ipv4Addr>>,
    pub(super) group: Field<Ipv4Addr>,
    pub(super) password: Field<String>,
    /// How adverts prove who they are from.
    pub(super) authentication: Field<Authentication>,
    /// Where addresses were asked for, if they were.
    pub(super) addresses_at: Option<Span>,
    pub(super) addresses: Vec<Spanned<VirtualAddress>>,
    pub(super) excluded: Vec<Spanned<VirtualAddress>>,
    pub(super) track_interfaces: Vec<TrackDraft>,
    pub(super) track_scripts: Vec<TrackDraft>,
    pub(super) announcements: AnnouncementsDraft,
    pub(super) notify: Notify,
}

impl InstanceDraft {
    pub(super) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            start_as: Field::Absent,
            interface: Field::Absent,
            vrid: Field::Absent,
            priority: Field::Absent,
            advert_interval: Field::Absent,
            version: Field::Absent,
            no_preempt: None,
            multicast_source: Field::Absent,
            unicast_source: Field::Absent,
            unicast: None,
            peers: Vec::new(),
            group: Field::Absent,
            password: Field::Absent,
            authentication: Field::Absent,
            addresses_at: None,
            addresses: Vec::new(),
            excluded: Vec::new(),
            track_interfaces: Vec::new(),
            track_scripts: Vec::new(),
            announcements: AnnouncementsDraft::default(),
            notify: Notify::default(),
        }
    }
}

/// See [`crate::model::SyncGroup`].
#[derive(Debug)]
pub(super) struct GroupDraft {
    pub(super) name: Spanned<String>,
    pub(super) members: Vec<Spanned<String>>,
    pub(super) notify: Notify,
}

/// What a service, a server and a check each may say of a check's timing; the innermost counts.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Timing {
    pub(super) interval: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) retry: Option<u32>,
    pub(super) retry_interval: Option<Duration>,
    pub(super) warmup: Option<Duration>,
}

impl Timing {
    /// These, and where they say nothing, the others.
    pub(super) fn or(self, outer: Self) -> Self {
        Self {
            interval: self.interval.or(outer.interval),
            timeout: self.timeout.or(outer.timeout),
            retry: self.retry.or(outer.retry),
            retry_interval: self.retry_interval.or(outer.retry_interval),
            warmup: self.warmup.or(outer.warmup),
        }
    }
}

/// Which packets a service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listen {
    /// Those to an address and port.
    Address(IpAddr, u16),
    /// Those with a firewall mark.
    Mark(NonZeroU32),
}

/// Persistence as written.
#[derive(Debug, Default)]
pub(super) struct PersistenceDraft {
    pub(super) timeout_secs: Option<Spanned<NonZeroU32>>,
    /// Leading bits of the client's address; whether they suit the family shows later.
    pub(super) prefix_len: Option<Spanned<u8>>,
    pub(super) engine: Option<Spanned<String>>,
}

/// See [`crate::model::ServiceConfig`].
#[derive(Debug)]
pub(super) struct ServiceDraft {
    /// Where it begins.
    pub(super) header: Span,
    pub(super) listen: Field<Listen>,
    pub(super) family: Option<Family>,
    pub(super) protocol: Field<Protocol>,
    pub(super) scheduler: Field<Scheduler>,
    pub(super) flags: SchedulerFlags,
    pub(super) persistence: PersistenceDraft,
    pub(super) forwarding: Field<Forwarding>,
    pub(super) timing: Timing,
    pub(super) inhibit_on_failure: bool,
    pub(super) default_weight: Option<u32>,
    pub(super) servers: Vec<ServerDraft>,
}

impl ServiceDraft {
    pub(super) fn new(header: Span) -> Self {
        Self {
            header,
            listen: Field::Absent,
            family: None,
            protocol: Field::Absent,
            scheduler: Field::Absent,
            flags: SchedulerFlags::default(),
            persistence: PersistenceDraft::default(),
            forwarding: Field::Absent,
            timing: Timing::default(),
            inhibit_on_failure: false,
            default_weight: None,
            servers: Vec::new(),
        }
    }
}

/// See [`crate::model::ServerConfig`].
#[derive(Debug)]
pub(super) struct ServerDraft {
    /// Where its address stands.
    pub(super) span: Span,
    pub(super) address: IpAddr,
    /// The service's if none.
    pub(super) port: Option<u16>,
    /// The service's default, else 1, if none.
    pub(super) weight: Option<u32>,
    pub(super) forwarding: Field<Forwarding>,
    pub(super) inhibit_on_failure: Option<bool>,
    pub(super) upper_threshold: u32,
    pub(super) lower_threshold: u32,
    pub(super) timing: Timing,
    pub(super) checks: Vec<CheckDraft>,
}

impl ServerDraft {
    pub(super) fn new(span: Span, address: IpAddr, port: Option<u16>) -> Self {
        Self {
            span,
            address,
            port,
            weight: None,
            forwarding: Field::Absent,
            inhibit_on_failure: None,
            upper_threshold: 0,
            lower_threshold: 0,
            timing: Timing::default(),
            checks: Vec::new(),
        }
    }
}

/// A `TCP_CHECK` as written.
#[derive(Debug, Default, Clone)]
pub(super) struct CheckDraft {
    pub(super) timing: Timing,
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) source_address: Option<IpAddr>,
    pub(super) source_port: Option<u16>,
    pub(super) interface: Option<String>,
    pub(super) mark: Option<u32>,
}

/// All that a front end understood. Services are resolved one by one as they are read, so that a large table never lies in
/// memory twice.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) global: Global,
    pub(super) defaults: RouterDefaults,
    pub(super) scripts: Vec<ScriptDraft>,
    pub(super) instances: Vec<InstanceDraft>,
    pub(super) groups: Vec<GroupDraft>,
    pub(super) services: ServiceTable,
    pub(super) sysctls: Vec<Sysctl>,
}

/// The services so far.
#[derive(Debug, Default)]
pub(super) struct ServiceTable {
    pub(super) services: Vec<ServiceConfig>,
    /// Where each was written.
    pub(super) places: HashMap<ServiceKey, Span>,
}
