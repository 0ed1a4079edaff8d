//! Real time for the loop where nobody has written how it is to be scheduled, as long as it makes little use of it.
//!
//! The ordinary scheduler shares out processors in slices of milliseconds. A thread that sleeps all the time and wakes at a
//! deadline may still have to wait for the end of somebody's slice, or of two: on a host with other work that is most of what
//! a backup is late. A thread with real-time priority, even the lowest, is put on a processor as soon as it wakes.
//!
//! That is fair as long as the loop sleeps. One that has a flood of packets to read would take a processor from everybody else,
//! and on a host with one processor that is all there is. So a loop that has computed for more than half of a tenth of a second
//! goes back among the others, and has real time again once it has had a calm second. One that computes for two seconds and does
//! not even look whether it should (it is stuck) is ended by the kernel, and started again by whoever started us.
//!
//! Where the kernel refuses real time (a container, a service without `CAP_SYS_NICE`), the loop is as all others. So it is where
//! there is one processor only: who is about to hand the loop something must get to run while it waits for that.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use tracing::{debug, info};

use crate::model::Config;
use crate::shell::scheduling;

/// Over which use is measured.
const WINDOW: Duration = Duration::from_millis(100);
/// How long the loop is an ordinary one after it used too much.
const REST: Duration = Duration::from_secs(1);

/// What the loop may have.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// It is scheduled as written, or the kernel refuses.
    #[default]
    Off,
    /// It has real time.
    RealTime(Window),
    /// It used too much.
    Ordinary(Window),
}

/// A time over which use is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    began_at: Instant,
    /// Processor time that the thread had used by then.
    used: Duration,
}

impl Allowance {
    /// Whether a configuration leaves it to us: there are deadlines to keep, and it does not say how.
    pub(super) fn is_for(config: &Config) -> bool {
        let scheduling = &config.router.scheduling;
        !config.instances.is_empty() && scheduling.realtime.is_none() && scheduling.nice.is_none()
    }

    /// Lets the calling thread have real time from now on, if the kernel permits.
    pub(super) fn begin(&mut self) {
        if self.state != State::Off {
            return;
        }
        if available_parallelism().map_or(1, NonZero::get) < 2 {
            debug!("the router loop is scheduled as all other threads are: there is one processor only");
            return;
        }
        match scheduling::hurry() {
            Ok(()) => self.state = State::RealTime(Window { began_at: Instant::now(), used: used() }),
            Err(error) => debug!("the router loop is scheduled as all other threads are: {error}"),
        }
    }

    /// Gives it back: something else is written.
    pub(super) fn end(&mut self) {
        if let State::RealTime(_) = std::mem::take(&mut self.state) {
            // Who may go up may go down.
            let _ = scheduling::unhurried();
        }
    }

    /// Sees how much the loop has used. Called in each of its turns.
    pub(super) fn look(&mut self, now: Instant) {
        let next = self.state.next(now, used);
        match (self.state, next) {
            (State::RealTime(_), State::Ordinary(_)) => {
                let _ = scheduling::unhurried();
                info!("the router loop has much to do, and goes on without real-time priority until it has less");
            }
            (State::Ordinary(_), State::RealTime(_)) => {
                if let Err(error) = scheduling::hurry() {
                    debug!("the router loop stays without real-time priority: {error}");
                }
            }
            (State::Off | State::RealTime(_) | State::Ordinary(_), _) => {}
        }
        self.state = next;
    }
}

impl State {
    /// What follows. The thread's processor time is asked for at the end of a window only: it costs a system call.
    fn next(self, now: Instant, used: impl FnOnce() -> Duration) -> Self {
        let (window, length) = match self {
            Self::Off => return self,
            Self::RealTime(window) => (window, WINDOW),
            Self::Ordinary(window) => (window, REST),
        };
        let elapsed = now.saturating_duration_since(window.began_at);
        if elapsed < length {
            return self;
        }
        let used = used();
        let next = Window { began_at: now, used };
        if used.saturating_sub(window.used) > elapsed / 2 { Self::Ordinary(next) } else { Self::RealTime(next) }
    }
}

/// Processor time of the calling thread so far. Where it cannot be read, the loop counts as one that sleeps.
fn used() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use thread_priority::unix::{
        NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, thread_schedule_policy,
    };

    use super::*;
    use crate::model::{Family, Instance, Vrid};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_loop_that_computes_goes_back_among_the_others_until_it_is_calm() {
        let start = Instant::now();
        let window = |at, used| Window { began_at: start + at, used };
        let never = || panic!("the window is not over");
        let sparing = State::RealTime(window(ms(0), ms(7)));
        assert_eq!(sparing.next(start + ms(99), never), sparing);
        assert_eq!(sparing.next(start + ms(100), || ms(57)), State::RealTime(window(ms(100), ms(57))));
        let busy = sparing.next(start + ms(100), || ms(58));
        assert_eq!(busy, State::Ordinary(window(ms(100), ms(58))));
        assert_eq!(busy.next(start + ms(1099), never), busy);
        assert_eq!(busy.next(start + ms(1100), || ms(559)), State::Ordinary(window(ms(1100), ms(559))));
        assert_eq!(busy.next(start + ms(1100), || ms(558)), State::RealTime(window(ms(1100), ms(558))));
        assert_eq!(State::Off.next(start + ms(9999), never), State::Off);
        // A second of sleep, and then much in a short time: that is what it is there for.
        assert_eq!(sparing.next(start + ms(1000), || ms(107)), State::RealTime(window(ms(1000), ms(107))));
    }

    #[test]
    fn it_is_for_routers_of_which_nothing_is_written() {
        let router = Instance::new("a", "eth0", Vrid::new(1).unwrap(), Family::V4);
        let mut config = Config::default();
        assert!(!Allowance::is_for(&config));
        config.instances.push(router);
        assert!(Allowance::is_for(&config));
        config.router.scheduling.nice = Some(0);
        assert!(!Allowance::is_for(&config));
        config.router.scheduling.nice = None;
        config.router.scheduling.realtime = Some(1);
        assert!(!Allowance::is_for(&config));
    }

    #[test]
    fn a_thread_has_it_while_it_may() {
        std::thread::spawn(|| {
            let mut allowance = Allowance::default();
            allowance.begin();
            // Without the privilege there is nothing to see.
            if allowance.state == State::Off {
                return;
            }
            let realtime = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
            let ordinary = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
            assert_eq!(thread_schedule_policy().unwrap(), realtime);
            let since = Instant::now();
            while used() < ms(80) {}
            // As if all of that had been in one window.
            let State::RealTime(window) = &mut allowance.state else { panic!("{allowance:?}") };
            *window = Window { began_at: since, used: Duration::ZERO };
            allowance.look(since + WINDOW);
            assert_eq!(thread_schedule_policy().unwrap(), ordinary);
            allowance.look(since + WINDOW + REST);
            assert_eq!(thread_schedule_policy().unwrap(), realtime);
            allowance.end();
            assert_eq!(thread_schedule_policy().unwrap(), ordinary);
        })
        .join()
        .unwrap();
    }
}
