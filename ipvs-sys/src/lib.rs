//! The Linux kernel's IPVS over generic netlink: the whole ABI of `include/uapi/linux/ip_vs.h`, and nothing else.
//!
//! IPVS is the kernel's layer 4 load balancer. A *service* (an address, protocol and port, or a firewall mark) has a
//! *scheduler* and *destinations* (real servers), each with a way of forwarding and a weight. This crate makes, edits, removes
//! and reads all of that, the connection timeouts and the sync daemons. It knows no configuration and no health checks.
//!
//! ```no_run
//! use ipvs_sys::{Command, DestinationSettings, Forwarding, Ipvs, SchedulerName, ServiceId, ServiceSettings};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut ipvs = Ipvs::open()?;
//! let service = ServiceId::tcp("192.0.2.1:80".parse()?);
//! let settings = ServiceSettings::new(service.family(), SchedulerName::new("wlc")?);
//! let server: std::net::SocketAddr = "10.0.0.7:8080".parse()?;
//! let outcome = ipvs.apply(&[
//!     Command::NewService { service, settings },
//!     Command::NewDestination {
//!         service,
//!         destination: server.into(),
//!         settings: DestinationSettings::new(Forwarding::Masquerade, 1),
//!     },
//! ]);
//! for (index, what) in outcome.not_done() {
//!     eprintln!("command {index}: {what}");
//! }
//! for entry in ipvs.services()? {
//!     println!("{} {}", entry.id, entry.settings.scheduler);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Changes go in batches
//!
//! [`Ipvs::apply`] takes any number of [`Command`]s and packs them into as few sends as the socket's buffers allow. That is the whole
//! secret of speed: eleven thousand entries take hundredths of a second so, and half a second one by one. The kernel handles
//! them in order, one that fails does not stop those behind it, and nothing is rolled back. So order a batch such that one can
//! live with every prefix of it.
//!
//! Each command has an [`Outcome`], by its index. There are four, because a director must never take a guess for knowledge:
//! [`Done`](Outcome::Done); [`Failed`](Outcome::Failed), with a reason in words; [`NotSent`](Outcome::NotSent), certainly not done; and
//! [`Unknown`](Outcome::Unknown): the answer was lost, read the table. Silence is success only when the kernel has confirmed that it
//! got to the end of the send and nothing was dropped on the way back.
//!
//! # Dumps are whole or not there
//!
//! A [`Dump`] can only be had from a dump that the kernel ended cleanly. A refused, interrupted, cut or overrun one is a [`DumpError`]:
//! part of a table looks exactly like a smaller table, and whoever reconciles against that takes a service down. What no type can
//! promise is told in the documentation of [`Dump`]: two that agree are worth more than one.
//!
//! # Errors are for people
//!
//! The kernel answers with bare numbers that mean different things to different commands. A [`CommandError`] has the number, the
//! [`Cause`] that it stands for, and a sentence each for what happened and what to do. [`OpenError`] tells a kernel without IPVS
//! from a process without CAP_NET_ADMIN.
//!
//! # What the kernel does not tell
//!
//! * There are no notifications: changes by others are found by reading the table.
//! * Kernels take attributes that they do not know in silence. A tunnel type (Linux 5.2, 5.3) on an older one makes plain IP in IP. Read
//!   back what matters: what was not understood comes back different.
//! * The destinations of a service that is not there dump as none, without an error.
//! * Editing a service without naming its persistence engine removes it.
//! * A deleted destination is kept for some two minutes, and every new one is searched for among them: deleting and adding ten thousand
//!   again takes seconds where the first time took hundredths. Edit in place.
//! * In a network namespace without any IPv4 address (lo still down) every IPv4 destination is refused with EINVAL.
//! * Counters follow the traffic with up to two seconds' delay, and the outgoing half stays zero with direct routing and tunnels.
//! * [`Command::Flush`] and [`Command::ZeroAll`] reach everything in the namespace, whoever made it.
//! * When the module `ip_vs` is unloaded and loaded again, an open [`Ipvs`] is void ([`Cause::FamilyGone`]): open it anew.
//!
//! # Inside
//!
//! From the outside in: [`Ipvs`] is the list of what can be asked. `channel` is the engine: sequence numbers, chunks, deadlines, the
//! bookkeeping of answers. `message` writes requests and `row` reads replies, both on `attribute`; `reply` takes a datagram
//! apart; `abi` has the kernel's numbers. [`Transport`] is the seam below the engine: a netlink socket in earnest, and in tests a kernel
//! that loses, cuts and reorders. The netlink crates beneath (netlink-sys, netlink-packet-core, netlink-packet-generic) do not
//! show in the API.
//!
//! `examples/dump.rs` prints the table. `tests/kernel.rs` runs everything against a real kernel and compares with `ipvsadm` and
//! `/proc/net/ip_vs`; it skips, and says so, where there is no IPVS.
#![forbid(unsafe_code)]

mod abi;
mod attribute;
mod batch;
mod channel;
mod command;
mod destination;
mod dump;
mod error;
#[cfg(test)]
mod fake;
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
pub use destination::{DestinationEntry, DestinationId, DestinationSettings, Forwarding, Tunnel, TunnelFlags};
pub use dump::Dump;
pub use error::{Cause, CommandError, DumpError, Loss, Malformed, OpenError, RequestError};
pub use general::{Info, SyncDaemon, SyncRole, Timeouts, Version};
pub use ipvs::Ipvs;
pub use name::{InterfaceName, NAME_MAX, NameError, PeName, SchedulerName};
pub use service::{Family, Netmask, Protocol, ServiceEntry, ServiceFlags, ServiceId, ServiceSettings};
pub use statistics::{CounterWidth, Counters, Rates, Statistics};
pub use transport::{Limits, ReceiveError, Transport};
