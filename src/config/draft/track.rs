//! What is watched.

use std::net::SocketAddr;
use std::time::Duration;

use super::{CallKind, Field};
use crate::config::source::Spanned;
use crate::model::{FileStart, OnMissing, RunAs, ServiceCondition, ServiceKey, Watched};

/// What kind of thing is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::config) enum TrackKind {
    /// A network interface.
    Interface,
    /// A script.
    Script,
    /// Processes.
    Process,
    /// A file.
    File,
    /// A service.
    Service,
    /// A check.
    Check,
}

impl TrackKind {
    /// Something of this kind.
    pub(in crate::config) const fn named(self, name: String) -> Watched {
        match self {
            Self::Interface => Watched::Interface(name),
            Self::Script => Watched::Script(name),
            Self::Process => Watched::Process(name),
            Self::File => Watched::File(name),
            Self::Service => Watched::Service(name),
            Self::Check => Watched::Check(name),
        }
    }

    /// The farthest weight from 0: what keepalived takes.
    pub(in crate::config) const fn heaviest(self) -> i64 {
        match self {
            Self::Interface | Self::Script | Self::Service | Self::Check => 253,
            Self::Process | Self::File => 254,
        }
    }
}

/// A thing that can be watched, with the weight that it has unless a router gives it another.
#[derive(Debug)]
pub(in crate::config) struct Definition<T> {
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) weight: WeightDraft,
    /// It stands in the router that watches it, so two of one name may be the same.
    pub(in crate::config) inline: bool,
    pub(in crate::config) what: T,
}

impl<T: Default> Definition<T> {
    /// One of which nothing but its name is known.
    pub(in crate::config) fn new(name: Spanned<String>) -> Self {
        Self { name, weight: WeightDraft::default(), inline: false, what: T::default() }
    }
}

/// A weight, and which way round it works.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::config) struct WeightDraft {
    pub(in crate::config) weight: Option<Spanned<i16>>,
    pub(in crate::config) reverse: Option<bool>,
}

/// The drafts of everything that can be watched.
#[derive(Debug, Default)]
pub(in crate::config) struct TrackerDrafts {
    pub(in crate::config) scripts: Vec<Definition<ScriptDraft>>,
    pub(in crate::config) processes: Vec<Definition<ProcessDraft>>,
    pub(in crate::config) files: Vec<Definition<FileDraft>>,
    pub(in crate::config) services: Vec<Definition<WatchDraft>>,
    pub(in crate::config) checks: Vec<Definition<ProbeDraft>>,
}

/// Something watched by a router or a group.
#[derive(Debug)]
pub(in crate::config) struct TrackDraft {
    pub(in crate::config) kind: TrackKind,
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) weight: WeightDraft,
}

/// See [`crate::model::TrackScript`].
#[derive(Debug, Default)]
pub(in crate::config) struct ScriptDraft {
    pub(in crate::config) command: Field<Vec<String>>,
    pub(in crate::config) interval: Option<Duration>,
    pub(in crate::config) timeout: Option<Duration>,
    pub(in crate::config) rise: Option<u32>,
    pub(in crate::config) fall: Option<u32>,
    pub(in crate::config) user: Option<RunAs>,
    pub(in crate::config) init_fail: bool,
    pub(in crate::config) on_missing: Option<OnMissing>,
}

/// How a process's further arguments are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Matching {
    /// All of them, and no others.
    Exact,
    /// They begin with those written.
    Initial,
    /// ... of which the last may be the beginning of one.
    Partial,
}

/// See [`crate::model::TrackProcess`].
#[derive(Debug, Default)]
pub(in crate::config) struct ProcessDraft {
    pub(in crate::config) command: Field<Vec<String>>,
    pub(in crate::config) matching: Option<Matching>,
    pub(in crate::config) full_command: bool,
    pub(in crate::config) quorum: Option<u32>,
    pub(in crate::config) quorum_max: Option<Spanned<u32>>,
    pub(in crate::config) fork_delay: Option<Duration>,
    pub(in crate::config) terminate_delay: Option<Duration>,
}

/// See [`crate::model::TrackFile`].
#[derive(Debug, Default)]
pub(in crate::config) struct FileDraft {
    pub(in crate::config) path: Field<String>,
    pub(in crate::config) start: Option<FileStart>,
}

/// See [`crate::model::TrackService`].
#[derive(Debug, Default)]
pub(in crate::config) struct WatchDraft {
    pub(in crate::config) service: Field<ServiceKey>,
    pub(in crate::config) condition: Option<ServiceCondition>,
}

/// See [`crate::model::TrackCheck`].
#[derive(Debug, Default)]
pub(in crate::config) struct ProbeDraft {
    pub(in crate::config) target: Field<ProbeTarget>,
    pub(in crate::config) interval: Option<Duration>,
    pub(in crate::config) timeout: Option<Duration>,
    pub(in crate::config) rise: Option<u32>,
    pub(in crate::config) fall: Option<u32>,
}

/// What a check tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum ProbeTarget {
    /// A connection is accepted.
    Tcp(SocketAddr),
    /// A web server answers well.
    Http(Url),
    /// Anything else.
    Other(SocketAddr, CallKind),
}

/// `http://HOST[:PORT]/PATH`, the host an address or `localhost`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Url {
    /// Whom to call.
    pub(in crate::config) address: SocketAddr,
    /// The host as written, with its port if one was: what the request names.
    pub(in crate::config) host: String,
    /// The host, where it is a name.
    pub(in crate::config) name: Option<String>,
    /// With what a `/` begins.
    pub(in crate::config) path: String,
    /// `https`.
    pub(in crate::config) tls: Option<TlsDraft>,
}

/// How a check with `https` looks at the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct TlsDraft {
    /// It must be valid.
    pub(in crate::config) verify: bool,
    /// A PEM file with those who may have signed it; the host's own if none.
    pub(in crate::config) authorities: Option<String>,
}
