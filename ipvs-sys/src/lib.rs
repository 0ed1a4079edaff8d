//! The kernel's IPVS over generic netlink.
#![forbid(unsafe_code)]

mod abi;
mod attribute;
mod batch;
mod channel;
mod command;
mod destination;
mod dump;
mod error;
mod general;
mod ipvs;
mod message;
mod name;
mod reply;
mod row;
mod service;
mod socket;
mod statistics;
mod transport;

pub use batch::{BatchOutcome, NotSent, Outcome};
pub use command::{Command, CommandKind};
pub use destination::{
    DestinationEntry, DestinationId, DestinationSettings, Forwarding, Tunnel, TunnelFlags,
};
pub use dump::Dump;
pub use error::{Cause, CommandError, DumpError, Loss, Malformed, OpenError, RequestError};
pub use general::{Info, SyncDaemon, SyncRole, Timeouts, Version};
pub use ipvs::Ipvs;
pub use name::{InterfaceName, NAME_MAX, NameError, PeName, SchedulerName};
pub use service::{
    Family, Netmask, Protocol, ServiceEntry, ServiceFlags, ServiceId, ServiceSettings,
};
pub use statistics::{CounterWidth, Counters, Rates, Statistics};
pub use transport::{Limits, ReceiveError, Transport};
