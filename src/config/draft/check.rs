//! A check of a server.

use std::net::IpAddr;
use std::time::Duration;

use super::{Field, HttpDraft, Timing};
use crate::config::source::Spanned;
use crate::model::{BytePattern, DnsName, DnsType, OnMissing, RunAs};

/// A check of a server as written.
#[derive(Debug, Clone)]
pub(in crate::config) struct CheckDraft {
    pub(in crate::config) timing: Timing,
    pub(in crate::config) call: CallDraft,
    pub(in crate::config) kind: KindDraft,
}

impl CheckDraft {
    /// A check of which nothing is said but its kind.
    pub(in crate::config) fn new(kind: KindDraft) -> Self {
        Self { timing: Timing::default(), call: CallDraft::default(), kind }
    }
}

/// Whom a check calls over the network, and how, as written. Where nothing is said it is the server, in the usual way.
#[derive(Debug, Default, Clone)]
pub(in crate::config) struct CallDraft {
    pub(in crate::config) address: Option<IpAddr>,
    pub(in crate::config) port: Option<u16>,
    pub(in crate::config) source_address: Option<IpAddr>,
    pub(in crate::config) source_port: Option<u16>,
    pub(in crate::config) interface: Option<String>,
    pub(in crate::config) mark: Option<u32>,
}

/// What a check tries, as written.
#[derive(Debug, Clone)]
pub(in crate::config) enum KindDraft {
    /// Somebody is called: [`CheckDraft::call`] says whom.
    Call(CallKind),
    /// `HTTP_GET` and `SSL_GET`; somebody is called too.
    Http(Box<HttpDraft>),
    /// `MISC_CHECK`.
    Script(ScriptCheckDraft),
    /// `FILE_CHECK`.
    File(FileCheckDraft),
}

/// What whoever is called has to do, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum CallKind {
    /// `TCP_CHECK`.
    Tcp,
    /// `SMTP_CHECK`, with what we call ourselves.
    Smtp(Option<String>),
    /// `DNS_CHECK`.
    Dns(DnsDraft),
    /// `UDP_CHECK`.
    Udp(UdpDraft),
    /// `PING_CHECK`.
    Ping,
    /// `path_check`; of whom to call and how, only the source address says something.
    Path,
}

/// A question to a name server, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::config) struct DnsDraft {
    pub(in crate::config) name: Option<DnsName>,
    pub(in crate::config) kind: Option<DnsType>,
}

/// A datagram, and what is to come back, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::config) struct UdpDraft {
    pub(in crate::config) payload: Option<Vec<u8>>,
    /// An answer must come, and begin so.
    pub(in crate::config) reply: Option<Vec<BytePattern>>,
    pub(in crate::config) shortest: Option<u16>,
    pub(in crate::config) longest: Option<u16>,
}

/// See [`crate::model::ScriptProbe`].
#[derive(Debug, Default, Clone)]
pub(in crate::config) struct ScriptCheckDraft {
    pub(in crate::config) command: Field<Vec<String>>,
    pub(in crate::config) user: Option<RunAs>,
    /// From one run to the next if none.
    pub(in crate::config) timeout: Option<Duration>,
    pub(in crate::config) dynamic: bool,
    pub(in crate::config) on_missing: Option<OnMissing>,
}

/// See [`crate::model::FileProbe`].
#[derive(Debug, Default, Clone)]
pub(in crate::config) struct FileCheckDraft {
    pub(in crate::config) name: Field<String>,
    /// The definition's if none, with its `reverse`.
    pub(in crate::config) weight: Option<i32>,
    pub(in crate::config) reverse: bool,
}

/// The weight of a check by a file that is to be taken from the file's definition, which may stand further down: no check has
/// this one.
pub(in crate::config) const WEIGHT_OF_DEFINITION: i32 = i32::MIN;

/// The files that checks of servers name, in the order in which they were read.
pub(in crate::config) type FileUses = Vec<Spanned<String>>;
