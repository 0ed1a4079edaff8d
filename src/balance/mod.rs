//! From verdicts to the kernel's table: what is wished, what differs, in which order it is put right.
//!
//! ```text
//!   Config + verdicts ---> desired ---.
//!                                      +--> plan::diff ---> Plan ---> (shell) ---> outcomes ---> observed
//!   dumps, outcomes  ---> observed ---'       ^
//!                                          ledger: which entries are ours
//! ```
//!
//! [`Balancer`] is the engine that turns the wheel: it is told configurations, dumps, probe outcomes, routers' roles
//! and what became of its steps, and says what to do next. It knows no socket and no clock. A verdict, a reload, drift, start and stop all end in the same
//! place, `Balancer::settle`, which compares and orders at most one batch at a time.
//!
//! Beside the configuration stands what the operator wishes (`wishes`): to drain a server, to disable it, to give it another
//! weight. Whoever goes is emptied first (`drain`), also where a reload removes it (`leaving`), and not before others can take its
//! place (`engine/succession.rs`); who returns may take its time (`slow_start`).
//!
//! Between a check's verdict and the wished table stand two that doubt it: `hold`, when nearly all servers fall silent at once,
//! and `floor`, when a service would be left with too few. A third, `suspicion`, reads the kernel's counters and has mute servers
//! checked sooner. Checks of paths have services of their own in the table (`paths`).

mod daemons;
mod deal;
mod desired;
mod drain;
mod engine;
mod event;
mod floor;
mod hold;
mod leaving;
mod ledger;
mod marks;
mod naming;
mod notice;
mod paths;
mod plan;
mod quorum;
mod roster;
mod slow_start;
mod suspicion;
mod table;
mod timeouts;
mod timers;
mod trouble;
mod wishes;

pub use daemons::{SyncDaemons, SyncRole, SyncSettings};
pub use deal::{Deal, InvalidDeal};
pub use desired::{Health, Held, ServiceStanding, Standing};
pub use drain::{Drain, End, Load, Loads};
pub use engine::{
    Asked, Awaits, Balancer, Counts, Foresight, Input, KernelState, Options, Outlook, Output, Pending, Piece, ProbeId,
    ServiceHealth, Unreadable, WalkEnd,
};
pub use event::{Event, Gravity};
pub use hold::Finding;
pub use leaving::{Departure, Leaver};
pub use ledger::{InvalidLedger, Ledger, Stamp};
pub use marks::{Marking, with_marks, with_marks_in_force};
pub use plan::{Plan, Planner, Step, StepOutcome, diff};
pub use quorum::{Quorum, Thresholds};
pub use roster::{CheckStatus, ServerStatus, ServiceStatus};
pub use suspicion::Traffic;
pub use table::{Service, Table, TimeoutSeconds};
pub use trouble::Subject;
pub use wishes::{Clock, Effect, Hold, InvalidWishes, Kept, Place, Verb, Wish, Wishes};
