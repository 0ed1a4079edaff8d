//! `ipvsd` turns a load-balancer configuration into the state of one Linux host, and keeps it there: the kernel's IPVS
//! tables, the virtual addresses that VRRP owns, and the sysctls that both need, with real servers swapped in and out by
//! health checks.
//!
//! ```text
//!             config file        VRRP roles       health verdicts      operator's wishes
//!                  \                 |                  |                   /
//!                   `------------------ facts -----------------------------'
//!                                        |
//!                                     desired           one pure function: facts -> the whole wished state
//!                                        |
//!    observed state  ------------->   plan::diff         pure: (observed, desired) -> ordered steps; empty when equal
//!    (kernel dumps, acks)                |
//!         ^                              v
//!         `----------------------  shell applies         the only place where anything happens
//! ```
//!
//! Kernel state is a *level*, not a stream of edges. Start, reload, check failure, drift and shutdown all take this one
//! road; health never writes the kernel by itself, and neither does reload.
//!
//! # Rooms
//!
//! | room | what is in it | may use |
//! |---|---|---|
//! | [`model`] | nouns: service, server, virtual router, ... | `std` |
//! | [`wire`] | packets: VRRP, ARP, IPv4, ICMP | `model` |
//! | [`pattern`] | regular expressions as PCRE2 writes them | `model` |
//! | [`config`] | text -> [`model::Config`] or diagnostics; TOML and keepalived.conf are two front ends; a configuration back to TOML | `model`, `pattern` |
//! | [`vrrp`] | one virtual router's machine, and the engine of all of them | `model`, `wire` |
//! | [`check`] | schedule -> probe -> verdict, one machine per check | `model`, `wire`, `pattern` |
//! | [`balance`] | verdicts -> desired table; the plan; the balancer's engine | `model`, `check` |
//! | [`api`] | what crosses the control socket | `std`, serde |
//! | [`shell`] | everything with a side effect | all of the above, `ipvs-sys` |
//! | [`ctl`] | the verbs of `ipvsctl` | `api`, `config`, `shell`'s client half |
//!
//! Everything but `shell` and `ctl` is pure: no socket, file, process, environment, randomness or clock. `now` is an
//! argument. A test at the foot of this file keeps the table true.
//!
//! # One contract for every machine
//!
//! `handle(input, now)`, then drain `poll_output()`, then sleep until `poll_timeout()`. A deadline lives inside the state
//! that it belongs to, so it cannot outlive it. Transitions are one exhaustive `match`. One input has an answer of its own and goes by
//! a method: what the operator asks of a server (`Balancer::ask_for`). It takes `now` and leaves its work to the outputs as any other.
//!
//! # Two loops that never wait for each other
//!
//! The *router* loop (VRRP, addresses, links, trackers) and the *balancer* loop (checks, IPVS) run on threads of their
//! own; ten thousand checks or a slow disk do not delay an advert. The supervisor on the main thread starts them, restarts
//! one that panicked, hands them configurations, and answers signals and the control socket.

#![forbid(unsafe_code)]

pub mod api;
pub mod balance;
pub mod check;
pub mod config;
pub mod ctl;
pub mod model;
pub mod pattern;
pub mod shell;
pub mod vrrp;
pub mod wire;

#[cfg(test)]
mod layering;
