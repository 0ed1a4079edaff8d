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
mod handover;
mod http;
mod local_check;
mod path;
mod probe;
mod router;
mod rules;
mod script;
mod server;
mod service;

pub use check::{Check, CheckKind, Connect, Pace};
pub use config::{
    Config, Global, GroupMarks, IpvsMissing, OnStop, RunAs, ServerConfig, ServiceConfig, Sysctl, Timeouts,
};
pub use floor::{Floor, NoFloor};
pub use group::Group;
pub use handover::Handover;
pub use http::{Expression, ExpressionOptions, HttpProbe, HttpVersion, Identity, Page, Tls};
pub use local_check::{FileProbe, ScriptProbe};
pub use path::{PathProbe, Way};
pub use probe::{BytePattern, DnsName, DnsProbe, DnsType, NotADnsName, SmtpProbe, UdpProbe, UdpReply};
pub use router::{
    AddressOptions, AdvertInterval, Announcements, Authentication, Burst, Checksum, Command, Election, Encapsulation,
    Fifo, FileContent, FileStart, GarpGroup, Instance, InterfaceDelay, InvalidAdvertInterval, InvalidPriority,
    InvalidVrid, Ipvlan, IpvlanFlag, NextHop, Notify, OnMissing, Password, Peer, Placing, Preferred, Priority,
    ProcessArguments, Route, RouteKind, RouteMetric, RouterPreference, RouterSettings, Rule, RuleAction, Scheduling,
    Secret, ServiceCondition, StartAs, StaticState, SyncDaemon, SyncGroup, TrackCheck, TrackFile, TrackGroup,
    TrackProcess, TrackScript, TrackService, Tracked, Transport, TunnelEnds, VirtualAddress, VirtualLink,
    VirtualRouterId, Vmac, Vrid, VrrpVersion, Watched,
};
pub use rules::{Rules, Suspend, UpDown};
pub use script::{Notice, ScriptFault, ScriptLook, ScriptOutcome, ScriptRun};
pub use server::{Forwarding, InvalidWeight, ServerKey, ServerSettings, Tunnel, TunnelChecksum, Weight};
pub use service::{
    Family, InvalidScheduler, Persistence, Protocol, Scheduler, SchedulerFlags, ServiceKey, ServiceSettings,
};
