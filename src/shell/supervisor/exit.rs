//! How the daemon ends, as an exit status that scripts and service managers may rely on.

use std::process::ExitCode;

/// How the daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: stopped as asked.
    Stopped,
    /// 1: something failed that no other status names; the log's last line says what.
    Failed,
    /// 3: the configuration cannot be run. (2 is a mistake in the command line.)
    Configuration,
    /// 4: another daemon runs with this state directory or socket.
    AlreadyRunning,
    /// 5: a privilege is missing, most often `CAP_NET_ADMIN`.
    Privilege,
    /// 6: the kernel has no IPVS, and the configuration says that this is fatal.
    NoIpvs,
}

impl Exit {
    /// As the process's exit status.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Stopped => 0,
            Self::Failed => 1,
            Self::Configuration => 3,
            Self::AlreadyRunning => 4,
            Self::Privilege => 5,
            Self::NoIpvs => 6,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
