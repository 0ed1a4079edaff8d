//! What names a virtual router, and the numbers that its adverts carry.

use std::fmt;
use std::num::NonZeroU8;
use std::time::Duration;

use crate::model::Family;

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
    /// The highest that is not the owner's, 254.
    pub const HIGHEST_BUT_OWNER: Self = Self(NonZeroU8::MIN.saturating_add(253));
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

/// Which virtual router it is, as its adverts and its hardware address say. A reload keeps the state of routers whose
/// identity stays, whatever their names do.
///
/// Most often it is enough to tell the routers of a host apart. Some can share it, where the way of their adverts tells whom
/// each is for ([`Transport::is_told_from`](super::Transport::is_told_from)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualRouterId {
    /// Interface that it speaks on. `None` (unicast only): the one that holds its source address.
    pub interface: Option<String>,
    /// Its number.
    pub vrid: Vrid,
    /// Family of its adverts: the same number may be used once in each (RFC 9568 section 5.2.3).
    pub family: Family,
}

impl VirtualRouterId {
    /// The virtual router's hardware address (RFC 9568 section 7.3).
    #[must_use]
    pub const fn mac(&self) -> [u8; 6] {
        let family = match self.family {
            Family::V4 => 1,
            Family::V6 => 2,
        };
        [0, 0, 0x5e, 0, family, self.vrid.value()]
    }
}

impl fmt::Display for VirtualRouterId {
    /// `eth0, VRID 51`; the family is told where it is not the usual one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(interface) = &self.interface {
            write!(f, "{interface}, ")?;
        }
        write!(f, "VRID {}", self.vrid)?;
        match self.family {
            Family::V4 => Ok(()),
            Family::V6 => f.write_str(", IPv6"),
        }
    }
}
