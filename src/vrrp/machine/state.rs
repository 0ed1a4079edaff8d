//! The states of a virtual router, each with the deadlines that exist only in it.

use std::fmt;
use std::time::{Duration, Instant};

use super::Heard;

/// The state of a virtual router, with the deadlines that exist only in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not started, or waiting for scripts, or for the time to start.
    Initialize {
        /// All that it needs is there, and it starts at this time (`vrrp_startup_delay`).
        starts_at: Option<Instant>,
    },
    /// Listening.
    Backup(Backup),
    /// Owner of the addresses.
    Active(Active),
    /// Cannot run.
    Fault,
}

/// Listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// When the silence has lasted long enough.
    pub down_at: Instant,
    /// `Active_Adver_Interval` of the RFC: the master's interval, our own until one is heard.
    pub master_interval: Duration,
    /// The last master heard.
    pub master: Option<Heard>,
    /// When it was heard.
    pub heard_at: Option<Instant>,
    /// It was accepted: the down timer counts from its advert. False for one that we are about to take over from, and
    /// for one that leaves.
    pub follows: bool,
    /// `preempt_delay`: until then a master of lower priority is accepted. Set by its first advert.
    pub preempt_at: Option<Instant>,
    /// In a sync group: the silence lasted long enough, and the other members are waited for.
    pub expired: bool,
}

/// Owner of the addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Active {
    /// Next advert.
    pub advert_at: Instant,
    /// The last one.
    pub sent_at: Instant,
    /// Second burst of announcements.
    pub second_burst: Option<SecondBurst>,
    /// Next refreshing announcement.
    pub refresh_at: Option<Instant>,
    /// Next announcement on other interfaces.
    pub extra_at: Option<Instant>,
    /// When we last announced because somebody of lower priority advertised.
    pub asserted_at: Option<Instant>,
    /// We are the owner, and another router says that it is.
    pub contest: Option<Contest>,
}

/// The second burst of announcements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondBurst {
    /// When.
    pub at: Instant,
    /// Announcements per address.
    pub repeat: u32,
}

/// Two owners of the same addresses, and ours is the higher address: the other is given time to hear us, and to yield.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contest {
    /// Adverts that we have yet to send before time is counted.
    pub adverts_left: u8,
    /// Time that the other has after the last of them.
    pub patience: Duration,
    /// From then on the other is known not to yield, if it is heard.
    pub judged_at: Option<Instant>,
    /// If it is not heard until then, it has yielded, and what it says later is another matter.
    pub over_at: Instant,
}

/// A state without its deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// `INIT`.
    Initialize,
    /// `BACKUP`.
    Backup,
    /// `MASTER`.
    Active,
    /// `FAULT`.
    Fault,
}

impl fmt::Display for Role {
    /// In the words that keepalived's users and their scripts know.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initialize => "INIT",
            Self::Backup => "BACKUP",
            Self::Active => "MASTER",
            Self::Fault => "FAULT",
        })
    }
}

impl State {
    /// Without the deadlines.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self {
            Self::Initialize { .. } => Role::Initialize,
            Self::Backup(_) => Role::Backup,
            Self::Active(_) => Role::Active,
            Self::Fault => Role::Fault,
        }
    }

    /// When something is due in it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Initialize { starts_at } => *starts_at,
            Self::Backup(backup) => Some(backup.down_at),
            Self::Active(active) => {
                let second = active.second_burst.map(|burst| burst.at);
                [Some(active.advert_at), second, active.refresh_at, active.extra_at].into_iter().flatten().min()
            }
            Self::Fault => None,
        }
    }
}
