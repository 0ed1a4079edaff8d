//! When and how often neighbours are told.

use std::time::Duration;

use crate::config::draft::AnnouncementsDraft;
use crate::model::{Announcements, Burst};

/// The announcements of a router: its own words, those of all, and what is usual.
pub(super) fn announcements(own: AnnouncementsDraft, defaults: AnnouncementsDraft, strict: bool) -> Announcements {
    let base = Announcements::default();
    let timer = |own: Option<Duration>, default: Option<Duration>, base: Option<Duration>| {
        own.or(default).map_or(base, |duration| (!duration.is_zero()).then_some(duration))
    };
    let burst = Burst {
        repeat: own.repeat.or(defaults.repeat).unwrap_or(base.master.repeat),
        delay: timer(own.delay, defaults.delay, base.master.delay),
    };
    Announcements {
        master: burst,
        // RFC 9568 section 6.4.3 answers a lower advert with nothing but an advert.
        lower_priority: if strict { Burst { repeat: 0, delay: None } } else { burst },
        refresh: timer(own.refresh, defaults.refresh, base.refresh),
        refresh_repeat: own.refresh_repeat.or(defaults.refresh_repeat).unwrap_or(base.refresh_repeat),
        ..base
    }
}
