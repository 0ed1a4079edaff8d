//! What can go wrong, in words that say what to do.
//!
//! IPVS itself never explains: every refusal is a bare number, even where extended acknowledgements are switched on, and
//! the same number means different things to different commands (ENOENT is an unknown scheduler for one, a missing
//! destination for another). So the meaning is worked out here, from the command and the number together: a [`Cause`], with
//! a sentence for what happened and one for the remedy.

use crate::command::CommandKind;
use nix::errno::Errno;
use nix::libc;
use std::fmt;
use std::io;
use std::time::Duration;

/// Why the kernel refused a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The service, destination or daemon to be made is there already.
    AlreadyExists,
    /// The service is not there.
    NoSuchService,
    /// The destination is not there.
    NoSuchDestination,
    /// The kernel has no scheduler, or no persistence engine, of that name.
    NoSuchScheduler,
    /// No sync daemon of that role runs.
    NoSuchDaemon,
    /// The interface for the sync daemon is not there.
    NoSuchInterface,
    /// The interface for the sync daemon has no usable address.
    NoAddressOnInterface,
    /// CAP_NET_ADMIN is missing.
    NotPermitted,
    /// A weight or threshold is out of range.
    OutOfRange,
    /// Something in the request is not allowed.
    Invalid,
    /// The kernel cannot do this address family.
    FamilyUnsupported,
    /// The kernel does not know the command.
    Unsupported,
    /// The kernel has no memory for it.
    NoMemory,
    /// Something else is going on at the same time.
    Busy,
    /// The kernel has no IPVS at all.
    NoIpvs,
    /// The `ip_vs` module was unloaded (and perhaps loaded again) since the socket was opened.
    FamilyGone,
    /// None of the above.
    Other,
}

impl Cause {
    /// What this number means as the answer to this command.
    #[must_use]
    pub fn of(command: CommandKind, errno: i32) -> Self {
        use CommandKind as C;
        match (command, errno) {
            (C::GetFamily, libc::ENOENT) => Self::NoIpvs,
            (_, libc::EEXIST) => Self::AlreadyExists,
            (C::DelDaemon, libc::ESRCH) => Self::NoSuchDaemon,
            (_, libc::ESRCH) => Self::NoSuchService,
            (C::SetDest | C::DelDest, libc::ENOENT) => Self::NoSuchDestination,
            (C::NewService | C::SetService, libc::ENOENT) => Self::NoSuchScheduler,
            (_, libc::ENOENT) => Self::FamilyGone,
            (C::NewDaemon, libc::ENODEV) => Self::NoSuchInterface,
            (C::NewDaemon, libc::EADDRNOTAVAIL) => Self::NoAddressOnInterface,
            (_, libc::EPERM | libc::EACCES) => Self::NotPermitted,
            (_, libc::ERANGE) => Self::OutOfRange,
            (_, libc::EINVAL) => Self::Invalid,
            (_, libc::EAFNOSUPPORT) => Self::FamilyUnsupported,
            (_, libc::EOPNOTSUPP) => Self::Unsupported,
            (_, libc::ENOMEM | libc::ENOBUFS) => Self::NoMemory,
            (_, libc::EBUSY | libc::EAGAIN | libc::EINTR) => Self::Busy,
            (_, _) => Self::Other,
        }
    }

    /// What happened, as half a sentence.
    #[must_use]
    pub fn meaning(self, command: CommandKind) -> &'static str {
        use CommandKind as C;
        match (self, command) {
            (Self::AlreadyExists, C::NewService) => "a service with this key is in the table already",
            (Self::AlreadyExists, C::NewDest) => "the service has this destination already",
            (Self::AlreadyExists, C::NewDaemon) => "a sync daemon of this role runs already",
            (Self::AlreadyExists, _) => "it exists already",
            (Self::NoSuchService, _) => "the table has no such service",
            (Self::NoSuchDestination, _) => "the service has no such destination",
            (Self::NoSuchScheduler, _) => {
                "the kernel has no scheduler, or no persistence engine, of this name (misspelt, or its module was not built)"
            }
            (Self::NoSuchDaemon, _) => "no sync daemon of this role runs",
            (Self::NoSuchInterface, _) => "there is no such network interface in this namespace",
            (Self::NoAddressOnInterface, _) => "the interface has no address that the sync daemon could send from",
            (Self::NotPermitted, _) => "the kernel allows this only with CAP_NET_ADMIN in the initial user namespace",
            (Self::OutOfRange, _) => "the weight is above 2147483647, or the lower threshold is above the upper one",
            (Self::Invalid, C::NewService | C::SetService) => {
                "the kernel refuses the settings (an IPv6 prefix length outside 1..=128, a netmask of the other family, or a name that is too long)"
            }
            (Self::Invalid, C::NewDest | C::SetDest) => {
                "the kernel refuses the destination (a multicast, broadcast or foreign link-local address, GUE without a port, \
                 a family other than the service's without a tunnel or while a sync daemon runs, \
                 or any IPv4 address where the network namespace has none of its own yet, lo being down)"
            }
            (Self::Invalid, C::NewDaemon) => {
                "the kernel refuses the sync daemon (a group that is not multicast, an identity above 255, \
                 or a table with destinations of the other family)"
            }
            (Self::Invalid, C::SetConfig) => "a timeout is too large",
            (Self::Invalid, _) => "the kernel refuses the request as malformed",
            (Self::FamilyUnsupported, _) => "the kernel cannot do this address family (IPv6 may be switched off)",
            (Self::Unsupported, _) => "the kernel does not know this command",
            (Self::NoMemory, _) => "the kernel has no memory for it",
            (Self::Busy, _) => "the kernel is busy with another request of the same kind",
            (Self::NoIpvs, _) => "the kernel has no IPVS, and could not load the module ip_vs",
            (Self::FamilyGone, _) => "the ip_vs module was unloaded since the socket was opened",
            (Self::Other, _) => "the kernel refuses it",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::AlreadyExists => "read the table again and edit what is there instead of adding it",
            Self::NoSuchService => "read the table again; somebody removed the service, or it was never added",
            Self::NoSuchDestination => "read the table again; somebody removed the destination, or it was never added",
            Self::NoSuchScheduler => {
                "check the spelling, and that `modprobe ip_vs_NAME` (engine: `modprobe ip_vs_pe_NAME`) works; the kernel log names it"
            }
            Self::NoSuchDaemon => "nothing; it is stopped",
            Self::NoSuchInterface => "name an interface that exists (`ip link`), or make it first",
            Self::NoAddressOnInterface => "give the interface an address of the multicast group's family first",
            Self::NotPermitted => {
                "run as root or with CAP_NET_ADMIN; a container needs the host's user namespace, for root in its own does not count"
            }
            Self::OutOfRange => "lower the weight, or the lower threshold",
            Self::Invalid => "correct the request; sending it again will fail again",
            Self::FamilyUnsupported => "use the other family, or enable IPv6 in the kernel",
            Self::Unsupported => "use a newer kernel",
            Self::NoMemory => "free memory, then read the table and try again",
            Self::Busy => "try again",
            Self::NoIpvs => {
                "install the kernel's modules and `modprobe ip_vs`, or boot a kernel built with CONFIG_IP_VS"
            }
            Self::FamilyGone => "open IPVS again, and read the table: it is empty now",
            Self::Other => "see the kernel log",
        }
    }
}

/// A command that the kernel has refused. Nothing of it was done.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandError {
    command: CommandKind,
    errno: i32,
    /// Apart, so that an outcome stays small: a batch has thousands, and most of them are no errors.
    details: Box<Details>,
}

#[derive(Clone, PartialEq, Eq, Default)]
struct Details {
    subject: Option<Box<str>>,
    kernel_message: Option<Box<str>>,
    bad_offset: Option<u32>,
}

impl CommandError {
    /// A refusal of `command` with this number (positive, as in `errno.h`).
    #[must_use]
    pub fn new(command: CommandKind, errno: i32) -> Self {
        Self { command, errno, details: Box::default() }
    }

    /// The same, saying in words what was to be done.
    #[must_use]
    pub fn about(mut self, subject: impl fmt::Display) -> Self {
        self.details.subject = Some(subject.to_string().into());
        self
    }

    pub(crate) fn with_kernel(mut self, message: Option<Box<str>>, bad_offset: Option<u32>) -> Self {
        self.details.kernel_message = message;
        self.details.bad_offset = bad_offset;
        self
    }

    /// Which command.
    #[must_use]
    pub fn command(&self) -> CommandKind {
        self.command
    }

    /// The number, positive, as in `errno.h`.
    #[must_use]
    pub fn errno(&self) -> i32 {
        self.errno
    }

    /// Its name, such as `ENOENT`; `UnknownErrno` for one that has none.
    #[must_use]
    pub fn errno_name(&self) -> String {
        format!("{:?}", Errno::from_raw(self.errno))
    }

    /// What was to be done, in words, where it is known.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.details.subject.as_deref()
    }

    /// What the number means for this command.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause::of(self.command, self.errno)
    }

    /// The kernel's own explanation (NLMSGERR_ATTR_MSG), where it gave one. IPVS itself never does so far.
    #[must_use]
    pub fn kernel_message(&self) -> Option<&str> {
        self.details.kernel_message.as_deref()
    }

    /// Offset of the attribute at fault in the request (NLMSGERR_ATTR_OFFS), where the kernel gave one.
    #[must_use]
    pub fn bad_offset(&self) -> Option<u32> {
        self.details.bad_offset
    }
}

/// `delete service tcp 192.0.2.1:80 failed: the table has no such service (DEL_SERVICE: ESRCH); read the table again; ...`
impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.cause();
        match &self.details.subject {
            Some(subject) => write!(f, "{subject} failed: ")?,
            None => write!(f, "{} failed: ", self.command)?,
        }
        f.write_str(cause.meaning(self.command))?;
        if let Some(message) = &self.details.kernel_message {
            write!(f, ": \"{message}\"")?;
        }
        write!(f, " ({}: {}", self.command, self.errno_name())?;
        if cause == Cause::Other {
            write!(f, " {}, {}", self.errno, Errno::from_raw(self.errno).desc())?;
        }
        if let Some(offset) = self.details.bad_offset {
            write!(f, ", at byte {offset}")?;
        }
        write!(f, "); {}", cause.remedy())
    }
}

impl fmt::Debug for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandError({self})")
    }
}

impl std::error::Error for CommandError {}

/// How the answers of the kernel were lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// ENOBUFS or NLMSG_OVERRUN: the socket's receive buffer was full and the kernel threw answers away.
    #[error("the kernel dropped answers because the socket's receive buffer was full (ENOBUFS)")]
    Overrun,
    /// Nothing came within the time allowed for one wait.
    #[error("no answer came within {0:?}")]
    TimedOut(Duration),
    /// An answer was longer than the receive buffer.
    #[error("an answer was cut off: it did not fit the receive buffer")]
    Truncated,
    /// An answer could not be read as netlink.
    #[error("an answer could not be read: {0}")]
    Malformed(Malformed),
    /// Reading from the socket failed.
    #[error("reading from the netlink socket failed: {}", Errno::from_raw(*errno).desc())]
    Receive {
        /// The number, as in `errno.h`.
        errno: i32,
    },
}

/// What is wrong with an answer's bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Malformed {
    what: Box<str>,
}

impl Malformed {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into().into() }
    }
}

/// A single request (not a dump, not a change) that has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The kernel refused it.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// It could not be sent.
    #[error("{command} could not be sent to the kernel: {}", Errno::from_raw(*errno).desc())]
    NotSent {
        /// Which command.
        command: CommandKind,
        /// The number, as in `errno.h`.
        errno: i32,
    },
    /// Its answer was lost.
    #[error("the answer to {command} was lost: {loss}; try again")]
    Lost {
        /// Which command.
        command: CommandKind,
        /// How.
        loss: Loss,
    },
}

/// A dump that did not end cleanly. What came of it is thrown away: a part of a table looks like a smaller table, and whoever
/// acted on that would add what is there or delete what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// The kernel refused it, at the start or in the middle (DONE with a negative code).
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// The kernel says that the table changed under the dump (NLM_F_DUMP_INTR).
    #[error("the table changed while {command} was dumping it (NLM_F_DUMP_INTR); dump again")]
    Interrupted {
        /// Which dump.
        command: CommandKind,
    },
    /// The request could not be sent.
    #[error("{command} could not be sent to the kernel: {}", Errno::from_raw(*errno).desc())]
    NotSent {
        /// Which dump.
        command: CommandKind,
        /// The number, as in `errno.h`.
        errno: i32,
    },
    /// Rows were lost, or the end did not come.
    #[error("a part of the {command} dump was lost: {loss}; dump again")]
    Lost {
        /// Which dump.
        command: CommandKind,
        /// How.
        loss: Loss,
    },
    /// It went on for longer than a whole dump may.
    #[error("the {command} dump did not end within {limit:?}; dump again when the table is quieter")]
    Endless {
        /// Which dump.
        command: CommandKind,
        /// The time that was allowed.
        limit: Duration,
    },
}

impl DumpError {
    /// Whether the same dump may well succeed when it is tried again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(error) => error.cause() == Cause::Busy || error.cause() == Cause::NoMemory,
            Self::Interrupted { .. } | Self::Lost { .. } | Self::Endless { .. } => true,
            Self::NotSent { .. } => false,
        }
    }
}

/// Why IPVS could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No netlink socket could be made.
    #[error(
        "no generic netlink socket: {0}; the kernel may be built without it, or the process may be out of file descriptors"
    )]
    Socket(#[source] io::Error),
    /// The kernel has no IPVS and could not load it.
    #[error(
        "this kernel has no IPVS, and the module ip_vs could not be loaded; install the kernel's modules and `modprobe ip_vs`, \
         or boot a kernel built with CONFIG_IP_VS"
    )]
    NoIpvs,
    /// The kernel has IPVS, and does not let us use it.
    #[error(
        "the kernel has IPVS but does not let this process use it: CAP_NET_ADMIN in the initial user namespace is needed; \
         run as root, or give the service AmbientCapabilities=CAP_NET_ADMIN (root inside a user namespace of its own does not count)"
    )]
    NotPermitted,
    /// A question to the kernel failed in another way.
    #[error("IPVS could not be opened: {0}")]
    Request(#[source] RequestError),
}

#[cfg(test)]
mod tests;
