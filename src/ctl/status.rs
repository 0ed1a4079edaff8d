//! Exit statuses of `ipvsctl`.

use std::process::ExitCode;

/// How a run of `ipvsctl` ended. Scripts may rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The answer was given.
    Ok,
    /// The answer was given, and it is bad news: `check` found errors, the configuration was refused by us or in part by the kernel.
    BadNews,
    /// The command line is wrong.
    Usage,
    /// No daemon answers on the socket.
    NoDaemon,
    /// This user may not.
    Permission,
    /// A daemon is there and the answer is not: an error, too late, cut off, or of another version.
    Daemon,
    /// This host refused: the kernel's table cannot be read, the answer cannot be written.
    System,
}

impl Status {
    const ALL: [Self; 7] =
        [Self::Ok, Self::BadNews, Self::Usage, Self::NoDaemon, Self::Permission, Self::Daemon, Self::System];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::BadNews => 1,
            Self::Usage => 2,
            Self::NoDaemon => 3,
            Self::Permission => 4,
            Self::Daemon => 5,
            Self::System => 6,
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "fine",
            Self::BadNews => {
                "the answer is bad news: check found errors, explain knows no such name, digest gets no page, or the configuration was refused in whole or part"
            }
            Self::Usage => "the command line is wrong",
            Self::NoDaemon => "no daemon answers on the socket",
            Self::Permission => "this user may not use the socket, or read the kernel's table",
            Self::Daemon => "the daemon could not answer, took too long, or is of another version",
            Self::System => "this host refused: no IPVS in the kernel, output that cannot be written",
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        status.code().into()
    }
}

/// The foot of `--help`.
pub(super) fn help() -> String {
    let mut text = String::from("Exit status:\n");
    for status in Status::ALL {
        text.push_str(&format!("  {}  {}\n", status.code(), status.meaning()));
    }
    text
}
