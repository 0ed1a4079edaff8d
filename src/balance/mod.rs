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
//! Between a check's verdict and the wished table stand two that doubt it: `hold`, when nearly all servers fall silent at once,
//! and `floor`, when a service would be left with too few. A third, `suspicion`, reads the kernel's counters and has mute servers
//! checked sooner.

mod daemons;
mod desired;
mod engine;
mod event;
mod floor;
mod hold;
mod ledger;
mod plan;
mod roster;
mod suspicion;
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
pub use suspicion::Traffic;
pub use table::{Service, Table, TimeoutSeconds};
pub use trouble::Subject;
