//! What a virtual router is told of its configuration, and the times that follow from it (RFC 3768 section 6.1, RFC 9568
//! section 6.1).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Backup;
use crate::model::{AdvertInterval, Announcements, Election, Instance, Priority, VrrpVersion};
use crate::vrrp::reason::Reason;

/// What the machine needs to know of its configuration and surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Protocol version.
    pub version: VrrpVersion,
    /// Priority with weights added.
    pub priority: Priority,
    /// Time between our own adverts.
    pub interval: AdvertInterval,
    /// When to give way, and when to take over; what cancels what is settled already: `state MASTER` and priority 255
    /// preempt, whatever the file says, and a delay of preemption is there only where it counts.
    pub election: Election,
    /// Address that adverts leave from; decides between equal priorities.
    pub source: IpAddr,
    /// When to announce.
    pub announcements: Announcements,
    /// Member of a sync group: asks before it becomes active.
    pub grouped: bool,
    /// `state MASTER` in a sync group: the first wait is one interval and the shortest skew, as keepalived has it.
    pub eager: bool,
    /// Every check of its own has succeeded once, or is not waited for. Until then a master that is heard is left in
    /// place whatever its priority; where none is heard, it takes over all the same.
    pub ready_to_lead: bool,
    /// It does not start before (`vrrp_startup_delay`, `vrrp_delay_after_boot`).
    pub not_before: Option<Instant>,
}

/// `Skew_Time`: the higher the priority, the shorter, so that the best backup moves first. (256 - priority) / 256 of a
/// second in version 2, of the master's interval in version 3.
#[must_use]
pub(super) fn skew(version: VrrpVersion, priority: u8, master_interval: Duration) -> Duration {
    let unit = match version {
        VrrpVersion::V2 => Duration::from_secs(1),
        VrrpVersion::V3 => master_interval,
    };
    unit * (256 - u32::from(priority)) / 256
}

/// How long a router that starts listens before it takes its addresses, where nobody else has them and nothing else holds it
/// back (`Active_Down_Interval`).
#[must_use]
pub fn first_silence(config: &Instance) -> Duration {
    let interval = config.advert_interval.duration();
    let skew = skew(config.version, config.priority.value(), interval);
    interval * u32::from(config.election.down_timer_adverts.max(1)) + skew
}

impl Settings {
    /// `Skew_Time` at a priority of ours.
    #[must_use]
    pub fn skew(&self, priority: Priority, master_interval: Duration) -> Duration {
        skew(self.version, priority.value(), master_interval)
    }

    /// `Active_Down_Interval`: three intervals of the master (or what `down_timer_adverts` says) and the skew.
    #[must_use]
    pub fn down_interval(&self, priority: Priority, master_interval: Duration) -> Duration {
        master_interval * u32::from(self.election.down_timer_adverts.max(1)) + self.skew(priority, master_interval)
    }

    /// The first wait of a router that was told to be the master, in a sync group.
    #[must_use]
    pub fn eager_wait(&self) -> Duration {
        let interval = self.interval.duration();
        interval + skew(self.version, u8::MAX, interval)
    }

    /// The master's interval in version 3; in version 2 all have the same, or adverts are dropped.
    #[must_use]
    pub const fn adopted_interval(&self, heard: Duration) -> Duration {
        match self.version {
            VrrpVersion::V2 => self.interval.duration(),
            VrrpVersion::V3 => heard,
        }
    }

    /// Time between refreshing announcements; none where it is 0, which means "never" in keepalived's language.
    #[must_use]
    pub fn refresh(&self) -> Option<Duration> {
        self.announcements.refresh.filter(|refresh| !refresh.is_zero())
    }

    /// Time between announcements on other interfaces; none where it is 0.
    #[must_use]
    pub fn extra(&self) -> Option<Duration> {
        self.announcements.extra.filter(|extra| !extra.is_zero())
    }

    /// Takes over from a master of lower priority.
    #[must_use]
    pub const fn may_preempt(&self) -> bool {
        self.election.preempt && self.ready_to_lead
    }

    /// Adverts of others mean nothing (`owner_ignore_adverts`).
    #[must_use]
    pub fn is_deaf(&self) -> bool {
        self.election.owner_ignores_adverts && self.priority == Priority::OWNER
    }

    /// Why the silence ended in our taking over.
    #[must_use]
    pub fn silence(&self, priority: Priority, backup: &Backup) -> Reason {
        match backup.master {
            Some(heard) if heard.priority == 0 => Reason::MasterLeft(heard.source),
            Some(heard) if heard.priority < priority.value() && !backup.follows => {
                Reason::Outranks { master: heard.source, theirs: heard.priority, ours: priority.value() }
            }
            heard => Reason::Silence {
                master: heard.map(|heard| heard.source),
                waited: self.down_interval(priority, backup.master_interval),
            },
        }
    }
}
