//! Virtual routers and their groups.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{Field, TrackDraft};
use crate::config::source::{Span, Spanned};
use crate::model::{Notify, Peer, Priority, StartAs, VirtualAddress, Vrid, VrrpVersion};

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
}

/// See [`crate::model::Announcements`].
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::config) struct AnnouncementsDraft {
    pub(in crate::config) repeat: Option<u32>,
    /// Zero: never.
    pub(in crate::config) delay: Option<Duration>,
    /// Zero: never.
    pub(in crate::config) refresh: Option<Duration>,
    pub(in crate::config) refresh_repeat: Option<u32>,
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
    pub(in crate::config) strict: Option<Spanned<bool>>,
    pub(in crate::config) skip_address_check: Option<bool>,
    pub(in crate::config) accept: Option<Spanned<bool>>,
    /// Where addresses were asked for, if they were.
    pub(in crate::config) addresses_at: Option<Span>,
    pub(in crate::config) addresses: Vec<Spanned<VirtualAddress>>,
    pub(in crate::config) excluded: Vec<Spanned<VirtualAddress>>,
    pub(in crate::config) dont_track_primary: bool,
    pub(in crate::config) track_source: Option<Span>,
    pub(in crate::config) tracks: Vec<TrackDraft>,
    pub(in crate::config) announcements: AnnouncementsDraft,
    pub(in crate::config) notify: Notify,
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
            strict: None,
            skip_address_check: None,
            accept: None,
            addresses_at: None,
            addresses: Vec::new(),
            excluded: Vec::new(),
            dont_track_primary: false,
            track_source: None,
            tracks: Vec::new(),
            announcements: AnnouncementsDraft::default(),
            notify: Notify::default(),
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
}

impl GroupDraft {
    pub(in crate::config) fn new(name: Spanned<String>) -> Self {
        Self { name, members: Vec::new(), tracks: Vec::new(), weighted: false, notify: Notify::default() }
    }
}
