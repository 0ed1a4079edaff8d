//! How much is done in one turn.

use std::time::{Duration, Instant};

use crate::vrrp::Router;
use crate::vrrp::engine::Output;

/// How long a turn puts routes and rules on and takes them off: the kernel needs some ten microseconds for each.
const A_TURN: Duration = Duration::from_millis(2);

/// The outputs of one turn: all that is urgent, and of the rest as much as there is time for.
pub(super) struct Slice {
    end: Instant,
    cut_short: bool,
}

impl Slice {
    pub(super) fn begin() -> Self {
        Self { end: Instant::now() + A_TURN, cut_short: false }
    }

    /// The next output of this turn.
    pub(super) fn next(&mut self, router: &mut Router) -> Option<Output> {
        self.cut_short = self.cut_short || Instant::now() >= self.end;
        if self.cut_short { router.poll_urgent() } else { router.poll_output() }
    }

    /// There may be more: in the next turn.
    pub(super) const fn is_cut_short(&self) -> bool {
        self.cut_short
    }
}
