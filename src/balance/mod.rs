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

mod daemons;
mod desired;
mod engine;
mod event;
mod ledger;
mod plan;
mod roster;
mod table;
mod timeouts;
mod timers;
mod trouble;

pub use daemons::{SyncDaemons, SyncRole, SyncSettings};
pub use desired::{Health, wish};
pub use engine::{Balancer, Counts, Input, KernelState, Options, Output, ProbeId, ServiceHealth};
pub use event::{Event, Gravity};
pub use ledger::{InvalidLedger, Ledger, Stamp};
pub use plan::{Plan, Planner, Step, StepOutcome, diff};
pub use roster::{CheckStatus, ServerStatus};
pub use table::{Service, Table, TimeoutSeconds};
pub use trouble::Subject;
