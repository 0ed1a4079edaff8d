//! When and how often neighbours are told.

use std::time::Duration;

use super::Resolver;
use crate::config::Language;
use crate::config::draft::AnnouncementsDraft;
use crate::config::source::Spanned;
use crate::model::{Announcements, Burst};

/// Time between refreshing announcements in a new file that does not say.
const CALM_REFRESH: Duration = Duration::from_secs(60);

impl Resolver<'_> {
    /// The announcements of a router: its own words, those of all, and what is usual.
    pub(super) fn announcements(
        &mut self,
        own: AnnouncementsDraft,
        all: &AnnouncementsDraft,
        strict: bool,
    ) -> Announcements {
        let mut base = Announcements::default();
        // A file of keepalived's means what it means there; a new one refreshes: a master that has won without ever hearing its
        // rival, as after a partition of which only one side was heard, has nothing else to tell its neighbours by.
        if self.language == Language::Toml {
            base.refresh = Some(CALM_REFRESH);
        }
        if own.least || all.least {
            base.master = Burst { repeat: 1, delay: None };
        }
        let timer = |duration: Duration| (!duration.is_zero()).then_some(duration);
        let usual = Burst {
            repeat: all.repeat.unwrap_or(base.master.repeat),
            delay: all.delay.map_or(base.master.delay, timer),
        };
        // What all routers do at promotion is what they do after a lower advert, unless that is said apart.
        let lower = Burst {
            repeat: self
                .strictly(own.lower_repeat, 0, strict, "garp_lower_prio_repeat")
                .or(all.lower_repeat.map(value))
                .unwrap_or(usual.repeat),
            delay: self
                .strictly(own.lower_delay, Duration::ZERO, strict, "garp_lower_prio_delay")
                .or(all.lower_delay.map(value))
                .map_or(usual.delay, timer),
        };
        let extra = own.extra.or(all.extra).filter(|(time, _)| !time.is_zero());
        Announcements {
            master: Burst { repeat: own.repeat.unwrap_or(usual.repeat), delay: own.delay.map_or(usual.delay, timer) },
            lower_priority: lower,
            refresh: own.refresh.or(all.refresh).map_or(base.refresh, timer),
            refresh_repeat: own.refresh_repeat.or(all.refresh_repeat).unwrap_or(base.refresh_repeat),
            arp_interval: own.arp_interval.or(all.arp_interval).unwrap_or_default(),
            na_interval: own.na_interval.or(all.na_interval).unwrap_or_default(),
            extra: extra.map(|(time, _)| time),
            extra_all: extra.is_some_and(|(_, all)| all),
            watch_rivals: own.watch_rivals.or(all.watch_rivals).unwrap_or(base.watch_rivals),
        }
    }
}

fn value<T>(spanned: Spanned<T>) -> T {
    spanned.value
}
