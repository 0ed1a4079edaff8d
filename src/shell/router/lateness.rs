//! How late the loop is: from the moment that a deadline names to the moment that it is looked at.
//!
//! A loop that is late sends its adverts late, and another router takes over from one that works. So it is measured at every
//! deadline, shown, and past a bound told, once a minute at most.
//!
//! The gauge is read by the supervisor without asking the loop, which may be the very thing that does not answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::debug;

use crate::api::LatenessView;
use crate::model::{AdvertInterval, Config};

/// The bound unless one is written: half of the shortest advert interval, but not more than this.
const LONGEST_BOUND: Duration = Duration::from_millis(100);
/// From one warning to the next.
const QUIET: Duration = Duration::from_secs(60);
/// Buckets: the first holds what is under 2 µs, each one twice as much as the one before.
const BUCKETS: usize = 32;

/// What is measured, for whoever reads it.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    bound_micros: AtomicU64,
    worst_micros: AtomicU64,
    late: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

impl Gauge {
    /// The figures since the start.
    pub(super) fn view(&self) -> LatenessView {
        let buckets: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let deadlines: u64 = buckets.iter().sum();
        let mut seen = 0;
        let p99 = buckets.iter().position(|count| {
            seen += count;
            seen * 100 >= deadlines * 99
        });
        let worst = self.worst_micros.load(Ordering::Relaxed);
        LatenessView {
            deadlines,
            // The upper end of the bucket, which the worst of all bounds.
            p99_secs: seconds(p99.map_or(0, |at| 2_u64 << at).min(worst)),
            worst_secs: seconds(worst),
            late: self.late.load(Ordering::Relaxed),
            bound_secs: seconds(self.bound_micros.load(Ordering::Relaxed)),
        }
    }

    fn note(&self, micros: u64, late: bool) {
        let bucket = usize::try_from(micros.max(1).ilog2()).unwrap_or(BUCKETS).min(BUCKETS - 1);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.worst_micros.fetch_max(micros, Ordering::Relaxed);
        self.late.fetch_add(u64::from(late), Ordering::Relaxed);
    }
}

#[allow(clippy::cast_precision_loss, reason = "microseconds of a day fit")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// When to warn.
#[derive(Debug)]
pub(super) struct Watch {
    bound: Duration,
    told_at: Option<Instant>,
    /// Times that it was late since the last warning.
    untold: u64,
    worst_untold: Duration,
    /// When the limit of real-time computing was last told of, and turns past it since.
    overrun_told_at: Option<Instant>,
    untold_overruns: u64,
}

impl Watch {
    /// A watch that has seen nothing.
    pub(super) const fn new() -> Self {
        Self {
            bound: LONGEST_BOUND,
            told_at: None,
            untold: 0,
            worst_untold: Duration::ZERO,
            overrun_told_at: None,
            untold_overruns: 0,
        }
    }

    /// Takes the bound that a configuration asks for.
    pub(super) fn configure(&mut self, config: &Config, gauge: &Gauge) {
        let shortest = config.instances.iter().map(|instance| instance.advert_interval).min();
        let own = shortest.map(AdvertInterval::duration).map_or(LONGEST_BOUND, |shortest| shortest / 2);
        self.bound = config.router.scheduling.lateness_warning.unwrap_or(own.min(LONGEST_BOUND));
        gauge.bound_micros.store(micros(self.bound), Ordering::Relaxed);
    }

    /// A deadline is looked at this late. Gives a warning if it is time for one.
    pub(super) fn see(&mut self, lateness: Duration, gauge: &Gauge, now: Instant) -> Option<String> {
        let late = lateness > self.bound;
        gauge.note(micros(lateness), late);
        if !late {
            return None;
        }
        self.untold += 1;
        self.worst_untold = self.worst_untold.max(lateness);
        if self.told_at.is_some_and(|at| now < at + QUIET) {
            return None;
        }
        self.told_at = Some(now);
        let times = match std::mem::take(&mut self.untold) {
            1 => String::new(),
            times => format!(", and over the bound {times} times since the last such line"),
        };
        let worst = std::mem::take(&mut self.worst_untold);
        Some(format!(
            "the router loop was {:.1} ms late{times} (bound: {:.1} ms). This host is overloaded, or it was stopped for a \
             moment; real-time priority (`scheduling.realtime` in TOML, `vrrp_rt_priority` in keepalived.conf) helps against the first, longer advert intervals against both",
            worst.as_secs_f64() * 1000.0,
            self.bound.as_secs_f64() * 1000.0,
        ))
    }
}

impl Watch {
    /// The kernel says that the loop computed for longer than this without a pause. Gives a warning if it is time for one.
    pub(super) fn see_overrun(&mut self, limit: Duration, now: Instant) -> Option<String> {
        self.untold_overruns += 1;
        if self.overrun_told_at.is_some_and(|at| now < at + QUIET) {
            return None;
        }
        self.overrun_told_at = Some(now);
        let times = match std::mem::take(&mut self.untold_overruns) {
            1 => String::new(),
            times => format!(" {times} times since the last such line"),
        };
        Some(format!(
            "the router loop computed at real-time priority for more than {:.1} ms without a pause{times}; it goes on, but \
             nothing else of that processor ran meanwhile. Where that is so after a large change or reload, raise the limit \
             (`scheduling.realtime-limit` in TOML, `vrrp_rlimit_rttime` in keepalived.conf); where it is so all the time, the \
             processor is too slow for this many virtual routers or packets",
            limit.as_secs_f64() * 1000.0
        ))
    }
}

/// What one turn of the loop did about a deadline: for who wants to know where the time of a takeover went.
#[derive(Debug)]
pub(super) struct Additions {
    looked_at: Instant,
    lateness: Duration,
    count: usize,
    done_at: Instant,
}

impl Additions {
    /// A deadline is looked at, this late.
    pub(super) const fn after(lateness: Duration, now: Instant) -> Self {
        Self { looked_at: now, lateness, count: 0, done_at: now }
    }

    /// The kernel has acknowledged an address.
    pub(super) fn done(&mut self) {
        self.count += 1;
        self.done_at = Instant::now();
    }

    /// Tells it, where addresses were added.
    pub(super) fn tell(&self) {
        if self.count > 0 {
            let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
            debug!(
                "{} addresses were added after a deadline: looked at {:.3} ms late, acknowledged {:.3} ms later",
                self.count,
                millis(self.lateness),
                millis(self.done_at.saturating_duration_since(self.looked_at)),
            );
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, Instance, Vrid};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_warns_once_a_minute_and_counts_the_rest() {
        let (gauge, mut watch, start) = (Gauge::default(), Watch::new(), Instant::now());
        watch.configure(&Config::default(), &gauge);
        assert_eq!(watch.see(ms(100), &gauge, start), None, "the bound itself is not late");
        let first = watch.see(ms(101), &gauge, start).unwrap();
        assert!(first.starts_with("the router loop was 101.0 ms late (bound: 100.0 ms)"), "{first}");
        for second in 1..60 {
            assert_eq!(watch.see(ms(150 + second), &gauge, start + Duration::from_secs(second)), None);
        }
        let again = watch.see(ms(120), &gauge, start + QUIET).unwrap();
        assert!(again.starts_with("the router loop was 209.0 ms late, and over the bound 60 times"), "{again}");
        let view = gauge.view();
        assert_eq!((view.deadlines, view.late), (62, 61));
        assert!((view.worst_secs - 0.209).abs() < 1e-9, "{view:?}");
    }

    #[test]
    fn turns_past_the_limit_are_told_once_a_minute() {
        let (mut watch, start) = (Watch::new(), Instant::now());
        let first = watch.see_overrun(ms(10), start).unwrap();
        assert!(first.contains("for more than 10.0 ms without a pause; it goes on"), "{first}");
        for second in 1..60 {
            assert_eq!(watch.see_overrun(ms(10), start + Duration::from_secs(second)), None);
        }
        let again = watch.see_overrun(ms(10), start + QUIET).unwrap();
        assert!(again.contains("without a pause 60 times since the last such line"), "{again}");
    }

    #[test]
    fn the_bound_follows_the_shortest_interval_unless_it_is_written() {
        let (gauge, mut watch) = (Gauge::default(), Watch::new());
        let quick = Instance {
            advert_interval: AdvertInterval::from_centiseconds(1).unwrap(),
            ..Instance::new("a", "eth0", Vrid::new(1).unwrap(), Family::V4)
        };
        let slow = Instance::new("b", "eth0", Vrid::new(2).unwrap(), Family::V4);
        let mut config = Config { instances: vec![slow, quick], ..Config::default() };
        watch.configure(&config, &gauge);
        assert_eq!(watch.bound, ms(5));
        config.instances.pop();
        watch.configure(&config, &gauge);
        assert_eq!(watch.bound, LONGEST_BOUND);
        config.router.scheduling.lateness_warning = Some(ms(250));
        watch.configure(&config, &gauge);
        assert_eq!(watch.bound, ms(250));
    }

    #[test]
    fn the_share_of_a_hundredth_is_an_upper_end() {
        let (gauge, mut watch, start) = (Gauge::default(), Watch::new(), Instant::now());
        assert_eq!(gauge.view(), LatenessView::default());
        for _ in 0..99 {
            watch.see(Duration::from_micros(100), &gauge, start);
        }
        watch.see(ms(50), &gauge, start);
        let view = gauge.view();
        assert!((view.p99_secs - 0.000_128).abs() < 1e-9, "{view:?}");
        watch.see(ms(50), &gauge, start);
        assert!((gauge.view().p99_secs - 0.05).abs() < 1e-9);
    }
}
