//! A virtual router (RFC 9568; a `vrrp_instance` in keepalived's words) and what it watches.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::time::Duration;

use super::RunAs;

/// Virtual router identifier, 1 to 255 (RFC 9568 section 5.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vrid(NonZeroU8);

/// Not a number from 1 to 255.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidVrid;

impl fmt::Display for InvalidVrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a virtual router id is a number from 1 to 255")
    }
}

impl std::error::Error for InvalidVrid {}

impl Vrid {
    /// A virtual router id.
    ///
    /// # Errors
    /// [`InvalidVrid`] for 0.
    pub fn new(vrid: u8) -> Result<Self, InvalidVrid> {
        NonZeroU8::new(vrid).map(Self).ok_or(InvalidVrid)
    }

    /// As a number.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Priority of a configured router, 1 to 255 (RFC 9568 section 5.2.4). 0 exists on the wire only: "I am leaving".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(NonZeroU8);

/// Not a number from 1 to 255.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPriority;

impl fmt::Display for InvalidPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a priority is a number from 1 to 255")
    }
}

impl std::error::Error for InvalidPriority {}

impl Priority {
    /// The default, 100.
    pub const DEFAULT: Self = Self(NonZeroU8::MIN.saturating_add(99));
    /// The owner of the addresses, 255.
    pub const OWNER: Self = Self(NonZeroU8::MAX);

    /// A priority.
    ///
    /// # Errors
    /// [`InvalidPriority`] for 0.
    pub fn new(priority: u8) -> Result<Self, InvalidPriority> {
        NonZeroU8::new(priority).map(Self).ok_or(InvalidPriority)
    }

    /// As a number.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0.get()
    }

    /// This priority with tracked weights added: clamped to 1..=254, and an owner's stays as it is, since an owner
    /// ignores weights.
    #[must_use]
    pub fn weighted(self, sum: i32) -> Self {
        if self == Self::OWNER {
            return self;
        }
        let clamped = i32::from(self.value()).saturating_add(sum).clamp(1, 254);
        u8::try_from(clamped).ok().and_then(NonZeroU8::new).map_or(self, Self)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum VrrpVersion {
    /// RFC 3768: whole seconds, password possible; keepalived's default for IPv4.
    #[default]
    V2,
    /// RFC 5798 and 9568: centiseconds.
    V3,
}

/// Time between adverts: 10 ms to 40.95 s in version 3, 1 s to 255 s in whole seconds in version 2. Which of the two
/// holds is checked with [`AdvertInterval::suits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdvertInterval(u16);

/// Not a time between adverts that a protocol version can carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAdvertInterval;

impl fmt::Display for InvalidAdvertInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an advert interval is 0.01 to 40.95 seconds in VRRP version 3, and 1 to 255 whole seconds in version 2",
        )
    }
}

impl std::error::Error for InvalidAdvertInterval {}

impl AdvertInterval {
    /// One second, the default.
    pub const DEFAULT: Self = Self(100);

    /// From centiseconds.
    ///
    /// # Errors
    /// [`InvalidAdvertInterval`] for 0 and above 255 s.
    pub fn from_centiseconds(centiseconds: u16) -> Result<Self, InvalidAdvertInterval> {
        if (1..=25_500).contains(&centiseconds) { Ok(Self(centiseconds)) } else { Err(InvalidAdvertInterval) }
    }

    /// In centiseconds, as version 3 carries it.
    #[must_use]
    pub const fn centiseconds(self) -> u16 {
        self.0
    }

    /// In whole seconds, as version 2 carries it; never 0.
    #[must_use]
    pub fn seconds(self) -> u8 {
        u8::try_from((self.0 / 100).max(1)).unwrap_or(u8::MAX)
    }

    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }

    /// Whether the version can carry it exactly.
    #[must_use]
    pub const fn suits(self, version: VrrpVersion) -> bool {
        match version {
            VrrpVersion::V2 => self.0.is_multiple_of(100),
            VrrpVersion::V3 => self.0 <= 4095,
        }
    }
}

/// What tells one virtual router from another on this host: a reload keeps the state of routers whose identity stays,
/// whatever their names do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualRouterId {
    /// Interface that it speaks on.
    pub interface: String,
    /// Its number.
    pub vrid: Vrid,
}

/// The state that the file asks for at start. Everybody starts by listening; see [`Instance::start_as`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartAs {
    /// `state MASTER`: go active at once when also the owner (255); cancels `nopreempt`.
    Master,
    /// `state BACKUP`.
    #[default]
    Backup,
}

/// How adverts travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// To the group on the interface (224.0.0.18 unless said otherwise).
    Multicast {
        /// `mcast_src_ip`: source address; the interface's first if none.
        source: Option<Ipv4Addr>,
        /// `vrrp_mcast_group4`.
        group: Ipv4Addr,
    },
    /// To each peer.
    Unicast {
        /// `unicast_src_ip`: source address; the interface's first if none.
        source: Option<Ipv4Addr>,
        /// `unicast_peer`: never empty.
        peers: Vec<Ipv4Addr>,
    },
}

/// The eight bytes of `auth_type PASS` (RFC 2338 section 5.3.6): zero padded, longer passwords cut off.
///
/// `Debug` does not show it, so that no log does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password([u8; 8]);

impl Password {
    /// From text; bytes past the eighth are not used, as in keepalived.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut bytes = [0; 8];
        for (slot, byte) in bytes.iter_mut().zip(text.bytes()) {
            *slot = byte;
        }
        Self(bytes)
    }

    /// As on the wire.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// An address that moves with the router.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// Prefix length; 32 or 128 unless written.
    pub prefix_len: u8,
    /// `dev`: interface it is put on; the router's own if none.
    pub interface: Option<String>,
    /// `label` (IPv4), at most 15 bytes.
    pub label: Option<String>,
    /// `brd`: broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// `scope` as the kernel numbers it (0 global, 253 link, 254 host).
    pub scope: u8,
}

/// When and how often gratuitous ARP is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcements {
    /// `garp_master_repeat`: announcements per address in a burst.
    pub repeat: u32,
    /// `garp_master_delay`: from becoming active to the second burst; `None`: no second burst.
    pub delay: Option<Duration>,
    /// `garp_master_refresh`: from burst to burst afterwards; `None`: never.
    pub refresh: Option<Duration>,
    /// `garp_master_refresh_repeat`: announcements per address in a refresh.
    pub refresh_repeat: u32,
}

impl Default for Announcements {
    fn default() -> Self {
        Self { repeat: 5, delay: Some(Duration::from_secs(5)), refresh: None, refresh_repeat: 1 }
    }
}

/// A watched interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedInterface {
    /// Its name.
    pub name: String,
    /// 0: a failure is a fault. Above: added while up. Below: subtracted while down.
    pub weight: i16,
}

/// A watched script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedScript {
    /// Name of a [`TrackScript`].
    pub name: String,
    /// As with [`TrackedInterface::weight`]; the script's own unless the router says otherwise.
    pub weight: i16,
}

/// `vrrp_script`: a command whose exit status says whether all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackScript {
    /// Its name.
    pub name: String,
    /// The command's words, quotes already taken off; never empty.
    pub command: Vec<String>,
    /// From the start of one run to the start of the next.
    pub interval: Duration,
    /// How long a run may take; then it counts as failed and is ended.
    pub timeout: Duration,
    /// Successes in a row that end a failure.
    pub rise: u32,
    /// Failures in a row that make one.
    pub fall: u32,
    /// Who runs it; the daemon-wide user if none.
    pub user: Option<RunAs>,
    /// Counts as failed until it has succeeded.
    pub init_fail: bool,
}

/// Scripts called at a change of state, as command words; empty: none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notify {
    /// `notify_master`.
    pub master: Vec<String>,
    /// `notify_backup`.
    pub backup: Vec<String>,
    /// `notify_fault`.
    pub fault: Vec<String>,
    /// `notify_stop`.
    pub stop: Vec<String>,
    /// `notify`: called for every change with `INSTANCE|GROUP`, name, state, priority.
    pub any: Vec<String>,
}

/// `vrrp_instance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its name in the file, in logs and in `show`.
    pub name: String,
    /// Interface and number.
    pub id: VirtualRouterId,
    /// Protocol version.
    pub version: VrrpVersion,
    /// What the file asks for at start.
    pub start_as: StartAs,
    /// Configured priority, before weights.
    pub priority: Priority,
    /// Time between adverts.
    pub advert_interval: AdvertInterval,
    /// Take over from a router of lower priority (`nopreempt`: false).
    pub preempt: bool,
    /// How adverts travel.
    pub transport: Transport,
    /// `auth_type PASS` (version 2 only).
    pub password: Option<Password>,
    /// Addresses that adverts carry.
    pub addresses: Vec<VirtualAddress>,
    /// Addresses that move too, but that adverts do not carry.
    pub excluded_addresses: Vec<VirtualAddress>,
    /// Watched interfaces beside its own.
    pub track_interfaces: Vec<TrackedInterface>,
    /// Watched scripts.
    pub track_scripts: Vec<TrackedScript>,
    /// Announcements.
    pub announcements: Announcements,
    /// Scripts called at a change of state.
    pub notify: Notify,
}

/// `vrrp_sync_group`: routers that are active together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroup {
    /// Its name.
    pub name: String,
    /// Names of its [`Instance`]s; at least one.
    pub members: Vec<String>,
    /// Scripts called at a change of the group's state.
    pub notify: Notify,
}
