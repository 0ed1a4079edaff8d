//! What crosses the control socket: requests, replies, and the one [`Snapshot`] that tables, JSON and logs are views of.
//!
//! The socket speaks HTTP/1.1 with JSON bodies, so that `curl --unix-socket` is enough to try it:
//!
//! | request | reply |
//! |---|---|
//! | `GET /v1/snapshot` | [`Snapshot`] |
//! | `GET /v1/brief` | [`Snapshot`] without services and servers, which costs nothing however many there are |
//! | `POST /v1/plan` with [`PlanRequest`] | [`PlanReply`] |
//! | `POST /v1/reload` | [`ReloadReply`] |
//! | `POST /v1/server` with [`ServerRequest`] | [`ServerReply`] |
//!
//! Anything that goes wrong is an [`ErrorReply`] with a 4xx or 5xx status.

mod balancer;
mod reply;
mod snapshot;
mod timings;

pub use balancer::{
    BalancerView, CheckView, CountersView, HoldState, HoldView, KernelView, QuorumView, ServerHealth, ServerView,
    ServiceView, SyncDaemonView,
};
pub use reply::{
    Awaits, ErrorReply, Pending, PlanReply, PlanRequest, PlannedStep, ReloadReply, ServerChange, ServerReply,
    ServerRequest, ServerVerb,
};
pub use snapshot::{
    AddressView, ConfigView, DaemonView, DeadlineView, GroupView, InstanceView, LatenessView, LoopView, PeerView,
    ReloadCause, ReloadView, RivalView, Snapshot, SteeringView, SysctlState, SysctlView, TrackView, TransitionView,
    UnreadView, WatchState,
};
pub use timings::TimingsView;
