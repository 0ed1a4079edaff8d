//! Whether enough of a service's servers are up: a machine of two states, and what it is moved by.
//!
//! The quorum is won once the servers that carry traffic weigh as much as quorum and hysteresis together, and lost once they
//! weigh less than the quorum without the hysteresis, or nothing at all. Between the two it stays as it is, so that a server
//! that comes and goes does not take the service along.
//!
//! ```text
//!             sum >= quorum + hysteresis
//!          .------------------------------.
//!        Lost                             Up
//!          '------------------------------'
//!        sum < quorum - hysteresis, or sum = 0
//! ```

use std::fmt;

/// Whether enough servers are up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quorum {
    /// They are.
    Up,
    /// They are not: the sorry server takes new connections, if there is one.
    Lost,
}

/// How a server counts that is not in the table, and about which nothing is known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// As up, unless it has `alpha`.
    UntilChecked,
    /// As down: the quorum is lost, and it takes proof to win it.
    OnProof,
}

/// What the quorum is measured by: sums of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// `quorum`.
    pub quorum: u32,
    /// `hysteresis`.
    pub hysteresis: u32,
}

impl Thresholds {
    /// What it takes to win it.
    #[must_use]
    pub fn to_win(self) -> u64 {
        u64::from(self.quorum) + u64::from(self.hysteresis)
    }

    /// What it takes to keep it.
    #[must_use]
    pub fn to_keep(self) -> u64 {
        u64::from(self.quorum.saturating_sub(self.hysteresis)).max(1)
    }
}

impl Quorum {
    /// What becomes of it when those that carry traffic weigh this much together.
    #[must_use]
    pub fn next(self, sum: u64, thresholds: Thresholds) -> Self {
        match (self, sum) {
            (Self::Lost, sum) if sum >= thresholds.to_win() => Self::Up,
            (Self::Lost, _) => Self::Lost,
            (Self::Up, sum) if sum < thresholds.to_keep() => Self::Lost,
            (Self::Up, _) => Self::Up,
        }
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Lost => "lost",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_with_every_sum() {
        use Quorum::{Lost, Up};
        // quorum, hysteresis, then for the sums 0 to 6 what becomes of Up and of Lost.
        let table: [(u32, u32, [Quorum; 7], [Quorum; 7]); 6] = [
            (1, 0, [Lost, Up, Up, Up, Up, Up, Up], [Lost, Up, Up, Up, Up, Up, Up]),
            (3, 0, [Lost, Lost, Lost, Up, Up, Up, Up], [Lost, Lost, Lost, Up, Up, Up, Up]),
            (3, 1, [Lost, Lost, Up, Up, Up, Up, Up], [Lost, Lost, Lost, Lost, Up, Up, Up]),
            (3, 2, [Lost, Up, Up, Up, Up, Up, Up], [Lost, Lost, Lost, Lost, Lost, Up, Up]),
            // Nothing at all is never enough, whatever the margin.
            (2, 2, [Lost, Up, Up, Up, Up, Up, Up], [Lost, Lost, Lost, Lost, Up, Up, Up]),
            (1, 5, [Lost, Up, Up, Up, Up, Up, Up], [Lost, Lost, Lost, Lost, Lost, Lost, Up]),
        ];
        for (quorum, hysteresis, of_up, of_lost) in table {
            let thresholds = Thresholds { quorum, hysteresis };
            for (sum, (up, lost)) in (0..).zip(of_up.into_iter().zip(of_lost)) {
                assert_eq!(Up.next(sum, thresholds), up, "{thresholds:?}, up, {sum}");
                assert_eq!(Lost.next(sum, thresholds), lost, "{thresholds:?}, lost, {sum}");
            }
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let thresholds = Thresholds { quorum: u32::MAX, hysteresis: u32::MAX };
        assert_eq!(Quorum::Lost.next(u64::from(u32::MAX), thresholds), Quorum::Lost);
        assert_eq!(Quorum::Lost.next(u64::MAX, thresholds), Quorum::Up);
        assert_eq!(Quorum::Up.next(1, thresholds), Quorum::Up);
    }
}
