//! Virtual routers and their groups.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{Field, TrackDraft};
use crate::config::source::{Span, Spanned};
use crate::model::{
    Command, IpvlanFlag, Notify, Peer, Priority, Route, RouterSettings, Rule, RunAs, StartAs, SyncDaemon,
    VirtualAddress, Vrid, VrrpVersion,
};

/// What concerns all virtual routers unless they say otherwise.
#[derive(Debug, Default)]
pub(in crate::config) struct RouterDefaults {
    pub(in crate::config) version: VrrpVersion,
    pub(in crate::config) group_v4: Option<Ipv4Addr>,
    pub(in crate::config) group_v6: Option<Ipv6Addr>,
    pub(in crate::config) strict: bool,
    pub(in crate::config) skip_address_check: bool,
    pub(in crate::config) check_source: bool,
    pub(in crate::config) without_pseudo_header: bool,
    pub(in crate::config) election: ElectionDraft,
    pub(in crate::config) announcements: AnnouncementsDraft,
    pub(in crate::config) receive_buffer: Option<u32>,
    pub(in crate::config) priority_changes: bool,
    pub(in crate::config) vmac_prefix: Option<String>,
    pub(in crate::config) vmac_address_prefix: Option<String>,
}

/// See [`crate::model::Announcements`].
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::config) struct AnnouncementsDraft {
    pub(in crate::config) repeat: Option<u32>,
    /// Zero: never.
    pub(in crate::config) delay: Option<Duration>,
    pub(in crate::config) lower_repeat: Option<Spanned<u32>>,
    /// Zero: never.
    pub(in crate::config) lower_delay: Option<Spanned<Duration>>,
    /// Zero: never.
    pub(in crate::config) refresh: Option<Duration>,
    pub(in crate::config) refresh_repeat: Option<u32>,
    pub(in crate::config) arp_interval: Option<Duration>,
    pub(in crate::config) na_interval: Option<Duration>,
    /// Time, and whether on all interfaces; zero: never.
    pub(in crate::config) extra: Option<(Duration, bool)>,
    /// One announcement is enough where nothing else is said.
    pub(in crate::config) least: bool,
    pub(in crate::config) watch_rivals: Option<bool>,
}

/// See [`crate::model::Rule`]: one whose priority may not be written.
#[derive(Debug, Clone)]
pub(in crate::config) struct RuleDraft {
    pub(in crate::config) rule: Rule,
    /// Its priority is written.
    pub(in crate::config) placed: bool,
    pub(in crate::config) span: Span,
}

/// See [`crate::model::VirtualLink`].
#[derive(Debug, Clone)]
pub(in crate::config) struct LinkDraft {
    pub(in crate::config) span: Span,
    pub(in crate::config) name: Option<String>,
    pub(in crate::config) group: Option<u32>,
    pub(in crate::config) kind: LinkKind,
}

/// Which kind of link.
#[derive(Debug, Clone)]
pub(in crate::config) enum LinkKind {
    /// A macvlan; its address as written: five bytes, to which the VRID is the sixth, or six.
    Vmac(Option<Vec<u8>>),
    /// An ipvlan.
    Ipvlan(Option<(IpAddr, u8)>, IpvlanFlag),
}

/// See [`crate::model::Fifo`].
#[derive(Debug, Default)]
pub(in crate::config) struct FifoDraft {
    pub(in crate::config) path: Option<Spanned<String>>,
    pub(in crate::config) owner: Option<RunAs>,
    pub(in crate::config) script: Option<Spanned<Command>>,
}

/// `lvs_sync_daemon_interface` of a router: connections are copied as it is master or backup.
#[derive(Debug)]
pub(in crate::config) struct SyncOfRouter {
    pub(in crate::config) router: Spanned<String>,
    pub(in crate::config) interface: Spanned<String>,
}

/// What concerns all virtual routers, as far as it needs looking at as a whole; the rest is in its `settings`.
#[derive(Debug, Default)]
pub(in crate::config) struct SurroundingsDraft {
    pub(in crate::config) settings: RouterSettings,
    pub(in crate::config) default_interface: Option<String>,
    pub(in crate::config) addresses: Vec<Spanned<VirtualAddress>>,
    pub(in crate::config) routes: Vec<Spanned<Route>>,
    pub(in crate::config) rules: Vec<RuleDraft>,
    pub(in crate::config) track_groups: Vec<GroupDraft>,
    pub(in crate::config) fifo: FifoDraft,
    pub(in crate::config) router_fifo: FifoDraft,
    pub(in crate::config) service_fifo: FifoDraft,
    pub(in crate::config) sync_daemon: Option<Spanned<SyncDaemon>>,
    /// Where its router is named.
    pub(in crate::config) sync_instance: Option<Span>,
    /// What routers say of it themselves, as in old files, in their order.
    pub(in crate::config) sync_of_routers: Vec<SyncOfRouter>,
}

/// How adverts prove whom they are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Authentication {
    /// A password in clear.
    Password,
    /// An IPsec authentication header (RFC 2338 section 5.3.6).
    Header,
}

/// See [`crate::model::Election`].
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::config) struct ElectionDraft {
    pub(in crate::config) no_preempt: Option<Span>,
    pub(in crate::config) preempt_delay: Option<Spanned<Duration>>,
    pub(in crate::config) down_timer_adverts: Option<Spanned<u8>>,
    pub(in crate::config) lower_priority_no_advert: Option<Spanned<bool>>,
    pub(in crate::config) higher_priority_send_advert: Option<Spanned<bool>>,
    pub(in crate::config) owner_ignores_adverts: Option<bool>,
    pub(in crate::config) timer_expired_backup: Option<u8>,
    pub(in crate::config) wait_for_checks: Option<bool>,
}

/// See [`crate::model::Transport`] and [`crate::model::Checksum`].
#[derive(Debug, Default)]
pub(in crate::config) struct TransportDraft {
    pub(in crate::config) multicast_source: Field<IpAddr>,
    pub(in crate::config) unicast_source: Field<IpAddr>,
    pub(in crate::config) group: Field<IpAddr>,
    /// Where unicast was asked for, if it was.
    pub(in crate::config) unicast: Option<Span>,
    pub(in crate::config) peers: Vec<Spanned<Peer>>,
    pub(in crate::config) ttl: Option<u8>,
    pub(in crate::config) check_source: Option<bool>,
    pub(in crate::config) fault_without_peers: bool,
    pub(in crate::config) never_old_unicast: bool,
    pub(in crate::config) without_pseudo_header: Option<bool>,
    pub(in crate::config) vrf: Field<String>,
}

/// See [`crate::model::Instance`].
#[derive(Debug)]
pub(in crate::config) struct InstanceDraft {
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) start_as: Field<StartAs>,
    pub(in crate::config) interface: Field<String>,
    pub(in crate::config) vrid: Field<Vrid>,
    pub(in crate::config) priority: Field<Priority>,
    pub(in crate::config) advert_interval: Field<Duration>,
    pub(in crate::config) version: Field<VrrpVersion>,
    pub(in crate::config) election: ElectionDraft,
    pub(in crate::config) transport: TransportDraft,
    pub(in crate::config) password: Field<String>,
    pub(in crate::config) authentication: Field<Authentication>,
    /// Where adverts are to be signed with `auth_hmac`, if they are.
    pub(in crate::config) signed: Option<Span>,
    pub(in crate::config) strict: Option<Spanned<bool>>,
    pub(in crate::config) skip_address_check: Option<bool>,
    pub(in crate::config) accept: Option<Spanned<bool>>,
    /// Where addresses were asked for, if they were.
    pub(in crate::config) addresses_at: Option<Span>,
    pub(in crate::config) addresses: Vec<Spanned<VirtualAddress>>,
    pub(in crate::config) excluded: Vec<Spanned<VirtualAddress>>,
    pub(in crate::config) routes: Vec<Spanned<Route>>,
    pub(in crate::config) rules: Vec<RuleDraft>,
    pub(in crate::config) promote_secondaries: bool,
    pub(in crate::config) link: Option<LinkDraft>,
    /// Adverts leave through the base interface.
    pub(in crate::config) send_from_base: Option<Span>,
    /// Addresses on other interfaces get links of their own.
    pub(in crate::config) link_for_addresses: Option<Span>,
    pub(in crate::config) receive_buffer: Option<u32>,
    pub(in crate::config) dont_track_primary: bool,
    pub(in crate::config) track_source: Option<Span>,
    pub(in crate::config) tracks: Vec<TrackDraft>,
    pub(in crate::config) announcements: AnnouncementsDraft,
    pub(in crate::config) notify: Notify,
    pub(in crate::config) priority_changes: Option<bool>,
}

impl InstanceDraft {
    pub(in crate::config) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            start_as: Field::Absent,
            interface: Field::Absent,
            vrid: Field::Absent,
            priority: Field::Absent,
            advert_interval: Field::Absent,
            version: Field::Absent,
            election: ElectionDraft::default(),
            transport: TransportDraft::default(),
            password: Field::Absent,
            authentication: Field::Absent,
            signed: None,
            strict: None,
            skip_address_check: None,
            accept: None,
            addresses_at: None,
            addresses: Vec::new(),
            excluded: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            promote_secondaries: false,
            link: None,
            send_from_base: None,
            link_for_addresses: None,
            receive_buffer: None,
            dont_track_primary: false,
            track_source: None,
            tracks: Vec::new(),
            announcements: AnnouncementsDraft::default(),
            notify: Notify::default(),
            priority_changes: None,
        }
    }
}

/// See [`crate::model::SyncGroup`].
#[derive(Debug)]
pub(in crate::config) struct GroupDraft {
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) members: Vec<Spanned<String>>,
    pub(in crate::config) tracks: Vec<TrackDraft>,
    /// Weights count in the group and in its members.
    pub(in crate::config) weighted: bool,
    pub(in crate::config) notify: Notify,
    pub(in crate::config) priority_changes: Option<bool>,
}

impl GroupDraft {
    pub(in crate::config) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            members: Vec::new(),
            tracks: Vec::new(),
            weighted: false,
            notify: Notify::default(),
            priority_changes: None,
        }
    }
}
