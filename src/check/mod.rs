//! Schedule, probe, verdict: one small machine for each check of each server.
//!
//! ```text
//!              due_at                       outcome, or give_up_at
//!   Waiting ------------->  Probing  -------------------------------->  Waiting
//!            Order::Start            Verdict::Up | Verdict::Down | none
//! ```
//!
//! A [`Machine`] holds what must be remembered between two probes and nothing else: the [`crate::model::Check`] itself
//! stays in the configuration and is lent for each turn, so a hundred thousand machines cost a few megabytes. For the same reason a turn
//! gives its results back ([`Turn`]) in place of queueing them: there is at most one order and one verdict.
//!
//! An [`Outcome`] is what a probe came to, told apart finely enough to be of use to a person who reads the log at night.
//! One distinction decides more than the others: [`Outcome::NotTried`] says that *this host* could not even try, which is
//! no news about the server and never takes it out. Of two obstacles that cannot be told for certain, a missing route and a time
//! that passed while nobody looked, the same holds for a few tries in a row.
//!
//! What a probe says and hears is a file per protocol ([`http`], [`smtp`], [`dns`], [`udp`], [`ping`]), which knows bytes and
//! no socket. Two kinds call nobody: a [`script`] is run by somebody else, and a [`file`](mod@file) asks nothing at all; its
//! machine is told what there is to know. Both may say what their server's weight is besides whether it works.

pub mod dns;
pub mod file;
pub mod http;
mod machine;
mod outcome;
pub mod ping;
mod random;
pub mod script;
pub mod smtp;
pub mod udp;

pub use machine::{Input, Machine, Order, Turn, Verdict, same_probe};
pub use outcome::{Directly, Obstacle, Outcome, Stage, TlsProblem};
pub use random::Random;
