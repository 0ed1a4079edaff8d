//! Who owns the addresses.
//!
//! - [`machine`]: one virtual router as RFC 9568 section 6 draws it, with keepalived's FAULT as a fourth state;
//! - [`receive`]: whether a packet is an advert for it, in keepalived's order of checks, and if not, why not;
//! - [`track`]: verdicts that rise, fall and must last, and what weights make of all that is watched;
//! - [`reason`]: why a router is in the state that it is in, as a closed list with a sentence for each;
//! - [`engine`]: all virtual routers of a host, with their links, addresses, scripts, groups and announcements.
//!
//! `simulation`, which only tests are built with, has random histories of some hosts on a bad network, and the laws that
//! must hold in all of them.
//!
//! All of it is pure: packets, links and time come in, and what is to be done comes out, in order.
//!
//! ```text
//!          link, address, script, fact               advert            deadline
//!                     |                                 |                  |
//!               engine: health  ----Ready/Wait/Fail---> machine <----------'
//!                     ^                                 |
//!                     |  group: Promote/Demote          v
//!                     `-------- engine <--- Send, AddAddresses, Announce, RemoveAddresses, StateChanged
//! ```

pub mod engine;
pub mod machine;
pub mod reason;
pub mod receive;
pub mod track;

#[cfg(test)]
mod simulation;

pub use engine::Router;
