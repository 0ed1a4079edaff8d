//! What the engine wants done.

use std::sync::Arc;
use std::time::Instant;

use super::{ProbeId, ServiceHealth};
use crate::balance::event::Event;
use crate::balance::plan::Plan;
use crate::model::{Notice, ServiceKey};

/// What the engine wants done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Begin a probe, of [`super::Balancer::probe`]. These come last: what verdicts change goes to the kernel before new probes begin.
    StartProbe {
        /// Which.
        probe: ProbeId,
        /// When it should have begun.
        due_at: Instant,
    },
    /// Drop a probe, without a word.
    CancelProbe(ProbeId),
    /// Read the kernel's table; [`super::Input::Read`] or [`super::Input::Unread`] is the answer.
    Read,
    /// Read some of the kernel's table, as much as takes no longer than anything else may wait, and one service at least:
    /// the next services after the last piece. [`super::Input::Piece`] or [`super::Input::Unread`] is the answer.
    ReadPiece {
        /// From the first service on.
        begins: bool,
    },
    /// Give these steps to the kernel; [`super::Input::Applied`] is the answer.
    Apply(Arc<Plan>),
    /// Write [`super::Balancer::ledger`] to its file, before anything that comes after this.
    WriteLedger,
    /// Write [`super::Balancer::kept`] to its file.
    WriteWishes,
    /// Tell people.
    Event(Event),
    /// The last [`super::Input::Configure`] has come to what could be done: its steps are applied, or the kernel is away.
    Settled,
    /// The table was programmed for the first time, or needs none.
    Ready,
    /// The end.
    Stopped,
    /// How a service stands that [`crate::model::Config::watched_services`] names: at first, and whenever that changes. `None`: there is
    /// no such service.
    ServiceHealth(ServiceKey, Option<ServiceHealth>),
    /// Run a script.
    Notify(Notice),
    /// Tell the pipes of services (`lvs_notify_fifo`, `notify_fifo`) this line.
    Fifo(String),
}

impl Output {
    /// To do it takes next to no time.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        match self {
            Self::StartProbe { .. }
            | Self::CancelProbe(_)
            | Self::Event(_)
            | Self::ServiceHealth(..)
            | Self::Notify(_)
            | Self::Fifo(_) => true,
            Self::Read
            | Self::ReadPiece { .. }
            | Self::Apply(_)
            | Self::WriteLedger
            | Self::WriteWishes
            | Self::Settled
            | Self::Ready
            | Self::Stopped => false,
        }
    }
}
