//! The control socket: how `ipvsctl` and the daemon talk.
//!
//! HTTP/1.1 with JSON bodies over a unix socket; the routes and the types are those of [`crate::api`]. Both halves live
//! here so that one can be read beside the other:
//!
//! - [`server`] is the daemon's half. It has a thread of its own named `control`, owns nothing but the socket, and passes
//!   each question on as a [`server::ControlRequest`]; whoever answers never waits for a client.
//! - [`client`] is `ipvsctl`'s half: one question, one answer, and errors that say what to do next.
//!
//! Access is what the file system says: the socket's owner, group and mode. There is no other authority on it.

pub mod client;
pub mod server;

mod claim;

/// Where the daemon listens and `ipvsctl` calls, unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/ipvsd/ipvsd.sock";

/// The `server` header of each reply, so that a client can tell a daemon of another version from a stranger.
const SERVER: &str = concat!("ipvsd/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests;
