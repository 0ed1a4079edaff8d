//! Everything with a side effect: the clock, netlink, raw sockets, probes' sockets, child processes, sysctls, signals, the
//! control socket, the ledger, and the supervisor that holds them together. What to do is decided in the pure rooms;
//! here it is done, and what came of it is told to them.

pub mod balancer;
pub mod control;
pub mod files;
pub mod kernel_view;
pub mod log;
pub mod router;
pub mod supervisor;
pub mod sysctl;
