//! When and how often neighbours are told where an address is.

use std::time::Duration;

/// When and how often gratuitous ARP and unsolicited neighbour advertisements are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcements {
    /// At promotion: `garp_master_repeat`, and `garp_master_delay` to the second burst.
    pub master: Burst,
    /// After an advert of lower priority: `garp_lower_prio_repeat` and `garp_lower_prio_delay`. A repeat of 0: none.
    pub lower_priority: Burst,
    /// `garp_master_refresh`: from burst to burst afterwards; `None`: never.
    pub refresh: Option<Duration>,
    /// `garp_master_refresh_repeat`: announcements per address in a refresh.
    pub refresh_repeat: u32,
    /// `garp_interval`: least time between two gratuitous ARPs on one interface.
    pub arp_interval: Duration,
    /// `gna_interval`: least time between two neighbour advertisements on one interface.
    pub na_interval: Duration,
    /// `garp_extra_if`: time between announcements on other interfaces that hold addresses of the router (with `all`)
    /// or on its VMAC alone; `None`: never.
    pub extra: Option<Duration>,
    /// `garp_extra_if all`.
    pub extra_all: bool,
    /// `watch_rivals`: while master, answer others who claim an address of ours by announcing it again.
    pub watch_rivals: bool,
}

/// A burst of announcements, and a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// Announcements per address.
    pub repeat: u32,
    /// To the second burst; `None`: no second burst.
    pub delay: Option<Duration>,
}

impl Default for Burst {
    fn default() -> Self {
        Self { repeat: 5, delay: Some(Duration::from_secs(5)) }
    }
}

impl Default for Announcements {
    fn default() -> Self {
        Self {
            master: Burst::default(),
            lower_priority: Burst::default(),
            refresh: None,
            refresh_repeat: 1,
            arp_interval: Duration::ZERO,
            na_interval: Duration::ZERO,
            extra: None,
            extra_all: false,
            watch_rivals: true,
        }
    }
}
