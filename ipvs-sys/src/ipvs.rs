//! The way in: everything that the kernel's IPVS can be asked.

use crate::batch::{BatchOutcome, Outcome};
use crate::channel::Channel;
use crate::command::{Command, CommandKind};
use crate::destination::DestinationEntry;
use crate::dump::Dump;
use crate::error::{Cause, DumpError, OpenError, RequestError};
use crate::general::{Info, SyncDaemon, Timeouts};
use crate::message::Payload;
use crate::row;
use crate::service::{ServiceEntry, ServiceId};
use crate::socket::NetlinkSocket;
use crate::transport::Transport;
use std::time::Duration;

/// The kernel's IPVS in one network namespace.
///
/// Two sockets: one for changes and single questions, one for dumps, so that a dump that went wrong never stands in the way of a change.
/// They belong to the network namespace in which the opening thread was, and keep it wherever the value is moved.
pub struct Ipvs {
    writer: Channel,
    dumper: Channel,
}

impl Ipvs {
    /// How long one wait for the kernel may take unless [`Ipvs::set_patience`] says otherwise. The kernel answers within the system
    /// call that asks, so this matters only when something is badly wrong.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// Opens IPVS in the calling thread's network namespace. The kernel loads the module `ip_vs` if it has one.
    ///
    /// Fails with [`OpenError::NoIpvs`] where the kernel has none, and with [`OpenError::NotPermitted`] where it may not be used.
    pub fn open() -> Result<Self, OpenError> {
        let socket = || NetlinkSocket::open().map_err(OpenError::Socket);
        Self::over(Box::new(socket()?), Box::new(socket()?))
    }

    /// The same over two transports of the caller's, such as a kernel made for tests.
    pub fn over(writer: Box<dyn Transport>, dumper: Box<dyn Transport>) -> Result<Self, OpenError> {
        let mut ipvs =
            Self { writer: Channel::new(writer, Self::PATIENCE), dumper: Channel::new(dumper, Self::PATIENCE) };
        let family = ipvs.writer.family_lookup(row::family_id).map_err(open_error)?;
        ipvs.writer.set_family(family);
        ipvs.dumper.set_family(family);
        // Anybody may look the family up; only the first question shows whether it may be used.
        ipvs.info().map_err(open_error)?;
        Ok(ipvs)
    }

    /// Sets how long one wait for the kernel may take. A whole dump may take twelve times that.
    pub fn set_patience(&mut self, patience: Duration) {
        self.writer.set_patience(patience);
        self.dumper.set_patience(patience);
    }

    /// Version, and size of the connection table.
    pub fn info(&mut self) -> Result<Info, RequestError> {
        self.writer.request(CommandKind::GetInfo, Payload::bare(CommandKind::GetInfo), row::information)
    }

    /// The connection timeouts.
    pub fn timeouts(&mut self) -> Result<Timeouts, RequestError> {
        self.writer.request(CommandKind::GetConfig, Payload::bare(CommandKind::GetConfig), row::timeouts)
    }

    /// One service, or `None` if it is not there.
    pub fn service(&mut self, service: &ServiceId) -> Result<Option<ServiceEntry>, RequestError> {
        let payload = Payload::about(CommandKind::GetService, service);
        match self.writer.request(CommandKind::GetService, payload, row::service) {
            Ok(entry) => Ok(Some(entry)),
            Err(RequestError::Refused(error)) if error.cause() == Cause::NoSuchService => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every service of the namespace.
    pub fn services(&mut self) -> Result<Dump<ServiceEntry>, DumpError> {
        self.dumper.dump(CommandKind::GetService, Payload::bare(CommandKind::GetService), row::service)
    }

    /// Every destination of a service. A service that is not there has none, says the kernel: no error.
    pub fn destinations(&mut self, service: &ServiceId) -> Result<Dump<DestinationEntry>, DumpError> {
        let family = service.family();
        self.dumper.dump(CommandKind::GetDest, Payload::about(CommandKind::GetDest, service), |body| {
            row::destination(body, family)
        })
    }

    /// Every destination of each of these services, in the order of the services. The first dump that fails ends it.
    ///
    /// The kernel has no other way than one dump for each service, and allows one at a time on a socket.
    pub fn destinations_of(&mut self, services: &[ServiceId]) -> Result<Vec<Dump<DestinationEntry>>, DumpError> {
        services.iter().map(|service| self.destinations(service)).collect()
    }

    /// The sync daemons that run: none, one, or one of each role.
    pub fn daemons(&mut self) -> Result<Dump<SyncDaemon>, DumpError> {
        self.dumper.dump(CommandKind::GetDaemon, Payload::bare(CommandKind::GetDaemon), row::sync_daemon)
    }

    /// Makes every change of a batch, in order, in as few sends as the buffers allow, and says what became of each.
    ///
    /// A change that fails does not stop those behind it, as in the kernel. Lost answers do: what was already sent in the same
    /// send is [`Outcome::Unknown`] unless it was answered, and the rest is [`Outcome::NotSent`].
    pub fn apply(&mut self, commands: &[Command]) -> BatchOutcome {
        self.writer.apply(commands)
    }

    /// Makes one change.
    pub fn run(&mut self, command: &Command) -> Outcome {
        let mut outcomes = self.apply(std::slice::from_ref(command)).outcomes;
        outcomes.pop().unwrap_or(Outcome::NotSent(crate::batch::NotSent::Stopped))
    }
}

impl std::fmt::Debug for Ipvs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ipvs")
    }
}

fn open_error(error: RequestError) -> OpenError {
    if let RequestError::Refused(refusal) = &error {
        match refusal.cause() {
            // Between the look-up and the first question the module can go.
            Cause::NoIpvs | Cause::FamilyGone => return OpenError::NoIpvs,
            Cause::NotPermitted => return OpenError::NotPermitted,
            Cause::AlreadyExists
            | Cause::NoSuchService
            | Cause::NoSuchDestination
            | Cause::NoSuchScheduler
            | Cause::NoSuchDaemon
            | Cause::NoSuchInterface
            | Cause::NoAddressOnInterface
            | Cause::OutOfRange
            | Cause::Invalid
            | Cause::FamilyUnsupported
            | Cause::Unsupported
            | Cause::NoMemory
            | Cause::Busy
            | Cause::Other => {}
        }
    }
    OpenError::Request(error)
}

#[cfg(test)]
mod tests;
