//! The nouns that everything else speaks of.
//!
//! Identity stands apart from settings: [`ServiceKey`] and [`ServerKey`] say *which* service or server,
//! [`ServiceSettings`] and [`ServerSettings`] say *how* it is to be. Two tables are compared by key, and what differs in
//! the settings becomes an edit in place. Limits of the kernel and of the protocols are types ([`Weight`], [`Vrid`],
//! [`Priority`], ...), so that they are checked once, where text becomes a value, and nowhere after.
//!
//! This module uses `std` alone and does nothing: no I/O, no clock.

mod check;
mod config;
mod floor;
mod group;
mod router;
mod script;
mod server;
mod service;

pub use check::{Check, CheckKind, Connect, HttpProbe, HttpVersion, Pace, Tls};
pub use config::{Config, Global, IpvsMissing, OnStop, RunAs, ServerConfig, ServiceConfig, Sysctl, Timeouts};
pub use floor::{Floor, NoFloor};
pub use group::Group;
pub use router::{
    AddressOptions, AdvertInterval, Announcements, Authentication, Burst, Checksum, Command, Election, Encapsulation,
    Fifo, FileStart, GarpGroup, Instance, InterfaceDelay, InvalidAdvertInterval, InvalidPriority, InvalidVrid, Ipvlan,
    IpvlanFlag, NextHop, Notify, OnMissing, Password, Peer, Placing, Preferred, Priority, ProcessArguments, Route,
    RouteKind, RouteMetric, RouterPreference, RouterSettings, Rule, RuleAction, Scheduling, Secret, ServiceCondition,
    StartAs, StaticState, SyncDaemon, SyncGroup, TrackCheck, TrackFile, TrackGroup, TrackProcess, TrackScript,
    TrackService, Tracked, Transport, TunnelEnds, VirtualAddress, VirtualLink, VirtualRouterId, Vmac, Vrid,
    VrrpVersion, Watched,
};
pub use script::{Notice, ScriptLook, ScriptOutcome, ScriptRun};
pub use server::{Forwarding, InvalidWeight, ServerKey, ServerSettings, Tunnel, TunnelChecksum, Weight};
pub use service::{
    Family, InvalidScheduler, Persistence, Protocol, Scheduler, SchedulerFlags, ServiceKey, ServiceSettings,
};
