//! The one timer of the loop, and how late what it rang for is looked at.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{Expiration, TimerSetTimeFlags};
use tracing::error;

use super::Loop;

impl Loop {
    /// By how much the next deadline has been missed.
    pub(super) fn overdue(&self, now: Instant) -> Option<Duration> {
        self.router.poll_timeout().and_then(|at| now.checked_duration_since(at))
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.overdue(now).is_some()
    }

    /// Reads the timer, so that it is not ready any more. It may not be: a new setting clears it.
    pub(super) fn drain_timer(&self) {
        let mut expirations = [0; 8];
        let _ = nix::unistd::read(self.timer.as_fd(), &mut expirations);
    }

    pub(super) fn set_timer(&mut self) {
        let own = [self.listen_again_at, self.resync_at, self.posts.wakes_at(), self.sockets.wakes_at()];
        let wanted = self.router.poll_timeout().into_iter().chain(own.into_iter().flatten()).min();
        if wanted == self.timer_at {
            return;
        }
        let set = match wanted {
            Some(at) => {
                // Zero would switch it off.
                let wait = at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
                let expiration = Expiration::OneShot(TimeSpec::from_duration(wait));
                self.timer.set(expiration, TimerSetTimeFlags::empty())
            }
            None => self.timer.unset(),
        };
        match set {
            Ok(()) => self.timer_at = wanted,
            Err(errno) => error!("cannot set the router's timer: {errno}"),
        }
    }
}
