//! Timer arithmetic (RFC 3768 section 6.1, RFC 9568 section 6.1).

use std::time::Duration;

use super::{Backup, Settings};
use crate::model::VrrpVersion;
use crate::vrrp::reason::Reason;

/// Intervals without an advert before the master counts as gone (keepalived's `down_timer_adverts`).
const DOWN_TIMER_ADVERTS: u32 = 3;

impl Settings {
    /// `Skew_Time`: the higher the priority, the shorter, so that the best backup moves first. (256 - priority) / 256 of
    /// a second in version 2, of the master's interval in version 3.
    #[must_use]
    pub fn skew(&self, master_interval: Duration) -> Duration {
        let unit = match self.version {
            VrrpVersion::V2 => Duration::from_secs(1),
            VrrpVersion::V3 => master_interval,
        };
        unit * (256 - u32::from(self.priority.value())) / 256
    }

    /// `Active_Down_Interval`: three intervals of the master and the skew.
    #[must_use]
    pub fn down_interval(&self, master_interval: Duration) -> Duration {
        master_interval * DOWN_TIMER_ADVERTS + self.skew(master_interval)
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

    /// Why the silence ended in our taking over.
    #[must_use]
    pub fn silence(&self, backup: &Backup) -> Reason {
        match backup.master {
            Some(heard) if heard.priority == 0 => Reason::MasterLeft(heard.source),
            Some(heard) if heard.priority < self.priority.value() && self.preempt => {
                Reason::Outranks { master: heard.source, theirs: heard.priority, ours: self.priority.value() }
            }
            heard => Reason::Silence {
                master: heard.map(|heard| heard.source),
                waited: self.down_interval(backup.master_interval),
            },
        }
    }
}
