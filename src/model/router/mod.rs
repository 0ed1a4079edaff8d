//! Virtual routers (RFC 9568; a `vrrp_instance` in keepalived's words), what moves with them, and what they watch.

mod address;
mod announce;
mod encapsulation;
mod identity;
mod instance;
mod link;
mod notify;
mod route;
mod rule;
mod surroundings;
mod track;
mod transport;

pub use address::{AddressOptions, Preferred, VirtualAddress};
pub use announce::{Announcements, Burst};
pub use encapsulation::{Encapsulation, TunnelEnds};
pub use identity::{
    AdvertInterval, InvalidAdvertInterval, InvalidPriority, InvalidVrid, Priority, VirtualRouterId, Vrid, VrrpVersion,
};
pub use instance::{Election, Instance, StartAs, SyncGroup};
pub use link::{Ipvlan, IpvlanFlag, VirtualLink, Vmac};
pub use notify::{Command, Fifo, Notify};
pub use route::{NextHop, Placing, Route, RouteKind, RouteMetric, RouterPreference};
pub use rule::{Rule, RuleAction};
pub use surroundings::{GarpGroup, InterfaceDelay, RouterSettings, Scheduling, StaticState, SyncDaemon, TrackGroup};
pub use track::{
    FileContent, FileStart, OnMissing, ProcessArguments, ServiceCondition, TrackCheck, TrackFile, TrackProcess,
    TrackScript, TrackService, Tracked, Watched,
};
pub use transport::{Authentication, Checksum, Password, Peer, Secret, Transport};
