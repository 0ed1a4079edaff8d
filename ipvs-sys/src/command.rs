//! What the kernel can be asked to change, and the names of everything it can be asked.

use crate::abi::cmd;
use crate::destination::{DestinationId, DestinationSettings};
use crate::general::{SyncDaemon, SyncRole, Timeouts};
use crate::service::{ServiceFlags, ServiceId, ServiceSettings};
use std::fmt;

/// One change to the kernel's table. A slice of them is a batch: [`crate::Ipvs::apply`].
///
/// The kernel handles a batch in order; one that fails does not stop those behind it, and nothing is rolled back. So
/// order them such that every prefix is a table that one can live with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Adds a service. EEXIST if it is there.
    NewService {
        /// Which one.
        service: ServiceId,
        /// How it is to be.
        settings: ServiceSettings,
    },
    /// Edits a service in place; its connections and destinations stay. ESRCH if it is not there.
    SetService {
        /// Which one.
        service: ServiceId,
        /// How it is to be; all of it, the persistence engine too.
        settings: ServiceSettings,
        /// Which of the flags are meant; the others keep their present value. [`ServiceFlags::ALL`] makes them exactly those given.
        mask: ServiceFlags,
    },
    /// Removes a service with all its destinations. ESRCH if it is not there.
    DelService {
        /// Which one.
        service: ServiceId,
    },
    /// Adds a destination. EEXIST if it is there, ESRCH if the service is not.
    NewDestination {
        /// Of which service.
        service: ServiceId,
        /// Which one.
        destination: DestinationId,
        /// How it is to be.
        settings: DestinationSettings,
    },
    /// Edits a destination in place; its connections stay. ENOENT if it is not there, ESRCH if the service is not.
    SetDestination {
        /// Of which service.
        service: ServiceId,
        /// Which one.
        destination: DestinationId,
        /// How it is to be.
        settings: DestinationSettings,
    },
    /// Removes a destination. ENOENT if it is not there, ESRCH if the service is not.
    DelDestination {
        /// Of which service.
        service: ServiceId,
        /// Which one.
        destination: DestinationId,
    },
    /// Starts a sync daemon. EEXIST if one of that role runs.
    NewDaemon(SyncDaemon),
    /// Stops a sync daemon. ESRCH if none of that role runs. It takes up to a second, in which the kernel does nothing else of IPVS.
    DelDaemon(SyncRole),
    /// Sets the connection timeouts; 0 leaves one as it is.
    SetTimeouts(Timeouts),
    /// Zeroes the counters of one service and its destinations, for every reader of the table.
    ZeroService(ServiceId),
    /// Zeroes every counter of the namespace, for every reader of the table.
    ZeroAll,
    /// Removes every service of the namespace, whoever made it.
    Flush,
}

impl Command {
    /// Edits a service so that its flags are exactly those of `settings`.
    #[must_use]
    pub fn set_service(service: ServiceId, settings: ServiceSettings) -> Self {
        Self::SetService { service, settings, mask: ServiceFlags::ALL }
    }

    /// Which kernel command carries it.
    #[must_use]
    pub fn kind(&self) -> CommandKind {
        match self {
            Self::NewService { .. } => CommandKind::NewService,
            Self::SetService { .. } => CommandKind::SetService,
            Self::DelService { .. } => CommandKind::DelService,
            Self::NewDestination { .. } => CommandKind::NewDest,
            Self::SetDestination { .. } => CommandKind::SetDest,
            Self::DelDestination { .. } => CommandKind::DelDest,
            Self::NewDaemon(_) => CommandKind::NewDaemon,
            Self::DelDaemon(_) => CommandKind::DelDaemon,
            Self::SetTimeouts(_) => CommandKind::SetConfig,
            Self::ZeroService(_) | Self::ZeroAll => CommandKind::Zero,
            Self::Flush => CommandKind::Flush,
        }
    }
}

/// One line for people: `new destination 10.0.0.7:80 of tcp 192.0.2.1:80: nat weight 1`.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewService { service, settings } => {
                write!(f, "new service {service}: scheduler {}, flags {}", settings.scheduler, settings.flags)
            }
            Self::SetService { service, settings, mask: _ } => {
                write!(f, "set service {service}: scheduler {}, flags {}", settings.scheduler, settings.flags)
            }
            Self::DelService { service } => write!(f, "delete service {service}"),
            Self::NewDestination { service, destination, settings } => write!(
                f,
                "new destination {destination} of {service}: {} weight {}",
                settings.forwarding, settings.weight
            ),
            Self::SetDestination { service, destination, settings } => write!(
                f,
                "set destination {destination} of {service}: {} weight {}",
                settings.forwarding, settings.weight
            ),
            Self::DelDestination { service, destination } => {
                write!(f, "delete destination {destination} of {service}")
            }
            Self::NewDaemon(daemon) => {
                write!(f, "start sync daemon ({}) on {} with id {}", daemon.role, daemon.interface, daemon.sync_id)
            }
            Self::DelDaemon(role) => write!(f, "stop sync daemon ({role})"),
            Self::SetTimeouts(t) => {
                write!(f, "set timeouts tcp {} s, tcpfin {} s, udp {} s", t.tcp_secs, t.tcp_fin_secs, t.udp_secs)
            }
            Self::ZeroService(service) => write!(f, "zero counters of {service}"),
            Self::ZeroAll => f.write_str("zero all counters"),
            Self::Flush => f.write_str("flush the table"),
        }
    }
}

/// `IPVS_CMD_*`, and the look-up of the family itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommandKind {
    /// `IPVS_CMD_NEW_SERVICE`
    NewService,
    /// `IPVS_CMD_SET_SERVICE`
    SetService,
    /// `IPVS_CMD_DEL_SERVICE`
    DelService,
    /// `IPVS_CMD_GET_SERVICE`
    GetService,
    /// `IPVS_CMD_NEW_DEST`
    NewDest,
    /// `IPVS_CMD_SET_DEST`
    SetDest,
    /// `IPVS_CMD_DEL_DEST`
    DelDest,
    /// `IPVS_CMD_GET_DEST`
    GetDest,
    /// `IPVS_CMD_NEW_DAEMON`
    NewDaemon,
    /// `IPVS_CMD_DEL_DAEMON`
    DelDaemon,
    /// `IPVS_CMD_GET_DAEMON`
    GetDaemon,
    /// `IPVS_CMD_SET_CONFIG`
    SetConfig,
    /// `IPVS_CMD_GET_CONFIG`
    GetConfig,
    /// `IPVS_CMD_GET_INFO`
    GetInfo,
    /// `IPVS_CMD_ZERO`
    Zero,
    /// `IPVS_CMD_FLUSH`
    Flush,
    /// `CTRL_CMD_GETFAMILY` of generic netlink's controller: under which number the kernel has IPVS.
    GetFamily,
}

impl CommandKind {
    /// The number in the generic netlink header.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::NewService => cmd::NEW_SERVICE,
            Self::SetService => cmd::SET_SERVICE,
            Self::DelService => cmd::DEL_SERVICE,
            Self::GetService => cmd::GET_SERVICE,
            Self::NewDest => cmd::NEW_DEST,
            Self::SetDest => cmd::SET_DEST,
            Self::DelDest => cmd::DEL_DEST,
            Self::GetDest => cmd::GET_DEST,
            Self::NewDaemon => cmd::NEW_DAEMON,
            Self::DelDaemon => cmd::DEL_DAEMON,
            Self::GetDaemon => cmd::GET_DAEMON,
            Self::SetConfig => cmd::SET_CONFIG,
            Self::GetConfig => cmd::GET_CONFIG,
            Self::GetInfo => cmd::GET_INFO,
            Self::Zero => cmd::ZERO,
            Self::Flush => cmd::FLUSH,
            // CTRL_CMD_GETFAMILY
            Self::GetFamily => 3,
        }
    }

    /// The number that its answer carries, for a command that has an answer beside a verdict.
    pub(crate) fn answer(self) -> Option<u8> {
        match self {
            Self::GetService => Some(cmd::NEW_SERVICE),
            Self::GetDest => Some(cmd::NEW_DEST),
            Self::GetDaemon => Some(cmd::NEW_DAEMON),
            Self::GetConfig => Some(cmd::SET_CONFIG),
            Self::GetInfo => Some(cmd::SET_INFO),
            // CTRL_CMD_NEWFAMILY
            Self::GetFamily => Some(1),
            Self::NewService
            | Self::SetService
            | Self::DelService
            | Self::NewDest
            | Self::SetDest
            | Self::DelDest
            | Self::NewDaemon
            | Self::DelDaemon
            | Self::SetConfig
            | Self::Zero
            | Self::Flush => None,
        }
    }
}

/// The header's name without `IPVS_CMD_`: `NEW_SERVICE`.
impl fmt::Display for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NewService => "NEW_SERVICE",
            Self::SetService => "SET_SERVICE",
            Self::DelService => "DEL_SERVICE",
            Self::GetService => "GET_SERVICE",
            Self::NewDest => "NEW_DEST",
            Self::SetDest => "SET_DEST",
            Self::DelDest => "DEL_DEST",
            Self::GetDest => "GET_DEST",
            Self::NewDaemon => "NEW_DAEMON",
            Self::DelDaemon => "DEL_DAEMON",
            Self::GetDaemon => "GET_DAEMON",
            Self::SetConfig => "SET_CONFIG",
            Self::GetConfig => "GET_CONFIG",
            Self::GetInfo => "GET_INFO",
            Self::Zero => "ZERO",
            Self::Flush => "FLUSH",
            Self::GetFamily => "GETFAMILY",
        })
    }
}
