//! A virtual router as configured.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::super::Family;
use super::{
    AdvertInterval, Announcements, Authentication, Checksum, Notify, Priority, Route, Rule, Tracked, Transport,
    VirtualAddress, VirtualLink, VirtualRouterId, Vrid, VrrpVersion,
};

/// The state that the file asks for at start. Everybody starts by listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartAs {
    /// `state MASTER`: go active at once when also the owner (255); cancels `nopreempt`.
    Master,
    /// `state BACKUP`.
    #[default]
    Backup,
}

/// `vrrp_instance`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "independent words of the language")]
pub struct Instance {
    /// Its name in the file, in logs and in `show`.
    pub name: String,
    /// Interface, number and family.
    pub id: VirtualRouterId,
    /// Protocol version; IPv6 is always 3.
    pub version: VrrpVersion,
    /// What the file asks for at start.
    pub start_as: StartAs,
    /// Configured priority, before weights.
    pub priority: Priority,
    /// Time between adverts.
    pub advert_interval: AdvertInterval,
    /// When it gives way, and when it takes over.
    pub election: Election,
    /// How adverts travel.
    pub transport: Transport,
    /// How adverts prove whom they are from (version 2 only).
    pub authentication: Authentication,
    /// Conventions of version 3's checksum.
    pub checksum: Checksum,
    /// `skip_check_adv_addr`: do not compare the addresses of the master's adverts one by one if it is the same master.
    pub skip_address_check: bool,
    /// `strict_mode`: keep to the RFC, and refuse what is not in it.
    pub strict: bool,
    /// `no_accept` is not written: the host takes packets for the addresses. An owner always does.
    pub accept: bool,
    /// Addresses that adverts carry.
    pub addresses: Vec<VirtualAddress>,
    /// Addresses that move too, but that adverts do not carry.
    pub excluded_addresses: Vec<VirtualAddress>,
    /// `virtual_routes`.
    pub routes: Vec<Route>,
    /// `virtual_rules`.
    pub rules: Vec<Rule>,
    /// `promote_secondaries`: removing the first address of a subnet leaves the others.
    pub promote_secondaries: bool,
    /// `use_vmac`, `use_ipvlan`.
    pub virtual_link: Option<VirtualLink>,
    /// `vrf` of a unicast router that names no interface.
    pub vrf: Option<String>,
    /// `dont_track_primary` is not written: its own interface's failure is a fault.
    pub track_primary: bool,
    /// `track_src_ip`: the loss of a configured source address is a fault.
    pub track_source: bool,
    /// What else it watches.
    pub tracks: Vec<Tracked>,
    /// Announcements.
    pub announcements: Announcements,
    /// `kernel_rx_buf_size`, bytes; `None`: ours.
    pub receive_buffer: Option<u32>,
    /// Scripts called at a change of state.
    pub notify: Notify,
}

/// When a router gives way, and when it takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "independent words of the language")]
pub struct Election {
    /// Take over from a router of lower priority (`nopreempt`: false).
    pub preempt: bool,
    /// `preempt_delay`: counted from the first advert of lower priority; zero: at once.
    pub preempt_delay: Duration,
    /// `down_timer_adverts`: intervals without an advert before the master counts as gone; never 0.
    pub down_timer_adverts: u8,
    /// `lower_prio_no_advert`: do not answer an advert of lower priority at once.
    pub lower_priority_no_advert: bool,
    /// `higher_prio_send_advert`: one more advert when giving way to a higher priority, so that the winner hears that there were
    /// two masters, and announces again. Unless written: yes, other than in keepalived; never in strict mode.
    pub higher_priority_send_advert: bool,
    /// `owner_ignore_adverts`: priority 255 drops adverts of others.
    pub owner_ignores_adverts: bool,
    /// `timer_expired_backup`: a master whose advert is so late that a router of this priority has taken over meanwhile
    /// goes to backup instead of contending with it (254 where the file names none). `None`: not written.
    pub timer_expired_backup: Option<u8>,
    /// Take over only after every check of its own has succeeded once.
    pub wait_for_checks: bool,
}

impl Default for Election {
    fn default() -> Self {
        Self {
            preempt: true,
            preempt_delay: Duration::ZERO,
            down_timer_adverts: 3,
            lower_priority_no_advert: false,
            higher_priority_send_advert: true,
            owner_ignores_adverts: false,
            timer_expired_backup: None,
            wait_for_checks: false,
        }
    }
}

impl Instance {
    /// A router of priority 100 that multicasts version 2 (IPv6: 3) every second, with nothing to move yet.
    #[must_use]
    pub fn new(name: &str, interface: &str, vrid: Vrid, family: Family) -> Self {
        let (version, group) = match family {
            Family::V4 => (VrrpVersion::V2, IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18))),
            Family::V6 => (VrrpVersion::V3, IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12))),
        };
        Self {
            name: name.to_owned(),
            id: VirtualRouterId { interface: Some(interface.to_owned()), vrid, family },
            version,
            start_as: StartAs::Backup,
            priority: Priority::DEFAULT,
            advert_interval: AdvertInterval::DEFAULT,
            election: Election::default(),
            transport: Transport::Multicast { source: None, group },
            authentication: Authentication::None,
            checksum: Checksum::default(),
            skip_address_check: false,
            strict: false,
            accept: true,
            addresses: Vec::new(),
            excluded_addresses: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            promote_secondaries: false,
            virtual_link: None,
            vrf: None,
            track_primary: true,
            track_source: false,
            tracks: Vec::new(),
            announcements: Announcements::default(),
            receive_buffer: None,
            notify: Notify::default(),
        }
    }
}

/// `vrrp_sync_group`: routers that are active together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroup {
    /// Its name.
    pub name: String,
    /// Names of its [`Instance`]s; at least one.
    pub members: Vec<String>,
    /// What the group watches: each counts for every member.
    pub tracks: Vec<Tracked>,
    /// `sync_group_tracking_weight`: weights change the members' priorities, each by what it watches itself and
    /// what the group watches.
    pub weighted: bool,
    /// Scripts called at a change of the group's state.
    pub notify: Notify,
}
