//! What became of a batch, message by message.

use crate::error::{CommandError, Loss};
use nix::errno::Errno;

/// What became of one command of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The kernel has done it.
    Done,
    /// The kernel has refused it, and did nothing.
    Failed(CommandError),
    /// The kernel was asked and its answer was lost: it may have been done or not. Read the table again.
    Unknown(Loss),
    /// The kernel was never asked, so it was certainly not done.
    NotSent(NotSent),
}

impl Outcome {
    /// Whether the kernel has done it.
    #[must_use]
    pub fn is_done(&self) -> bool {
        *self == Self::Done
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Failed(error) => write!(f, "{error}"),
            Self::Unknown(loss) => write!(f, "outcome unknown: {loss}; read the table again"),
            Self::NotSent(reason) => write!(f, "not sent: {reason}"),
        }
    }
}

/// Why a command was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The socket would not take it.
    #[error("the netlink socket did not take it: {}", Errno::from_raw(*errno).desc())]
    Refused {
        /// The number, as in `errno.h`.
        errno: i32,
    },
    /// What became of a command before it is unknown, or that one could not be sent. A batch relies on its order, so it stops there.
    #[error("the batch was stopped before it")]
    Stopped,
}

/// What became of a batch: one [`Outcome`] for each command, in the order of the commands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchOutcome {
    /// By the command's index in the batch.
    pub outcomes: Vec<Outcome>,
    /// In how many sends the batch went out.
    pub sends: usize,
}

impl BatchOutcome {
    /// Whether the kernel has done every command.
    #[must_use]
    pub fn all_done(&self) -> bool {
        self.outcomes.iter().all(Outcome::is_done)
    }

    /// Every command that was not done, with its index.
    pub fn not_done(&self) -> impl Iterator<Item = (usize, &Outcome)> {
        self.outcomes.iter().enumerate().filter(|(_, outcome)| !outcome.is_done())
    }

    /// Whether the state of the table is not known now, and has to be read before the next change.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        self.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unknown(_)))
    }
}
