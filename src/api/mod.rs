//! What crosses the control socket: requests, replies, and the one [`Snapshot`] that tables, JSON and logs are views of.
//!
//! The socket speaks HTTP/1.1 with JSON bodies, so that `curl --unix-socket` is enough to try it:
//!
//! | request | reply |
//! |---|---|
//! | `GET /v1/snapshot` | [`Snapshot`] |
//! | `POST /v1/plan` with [`PlanRequest`] | [`PlanReply`] |
//! | `POST /v1/reload` | [`ReloadReply`] |
//!
//! Anything that goes wrong is an [`ErrorReply`] with a 4xx or 5xx status.

mod reply;
mod snapshot;

pub use reply::{ErrorReply, PlanReply, PlanRequest, PlannedStep, ReloadReply};
pub use snapshot::{
    AddressView, BalancerView, CheckView, ConfigView, CountersView, DaemonView, DeadlineView, GroupView, InstanceView,
    KernelView, LatenessView, LoopView, PeerView, ReloadCause, ReloadView, RivalView, ServerHealth, ServerView,
    ServiceView, Snapshot, SteeringView, SyncDaemonView, SysctlState, SysctlView, TrackView, TransitionView,
    UnreadView, WatchState,
};
