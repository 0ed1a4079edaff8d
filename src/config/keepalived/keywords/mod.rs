//! The language, as a table: which words there are, where they stand, what they take, and what becomes of them here.
//!
//! The walk through a file is driven by it, and so are all remarks about words: unknown, misplaced, not yet done, without
//! effect, dropped by keepalived. A word is added to the language by adding its row.

mod global;
mod root;
mod service;
mod vrrp;

use super::super::suggest;

/// Where a word may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::config) enum Place {
    Root,
    Global,
    Script,
    TrackFile,
    TrackProcess,
    TrackService,
    TrackCheck,
    SyncGroup,
    GarpGroup,
    TrackGroup,
    Bfd,
    Ssl,
    Instance,
    Authentication,
    AuthHmac,
    Service,
    Server,
    TcpCheck,
    HttpCheck,
    Url,
    SmtpCheck,
    DnsCheck,
    MiscCheck,
    PingCheck,
    UdpCheck,
    FileCheck,
    BfdCheck,
}

impl Place {
    /// Every place.
    pub(in crate::config) const ALL: [Self; 27] = [
        Self::Root,
        Self::Global,
        Self::Script,
        Self::TrackFile,
        Self::TrackProcess,
        Self::TrackService,
        Self::TrackCheck,
        Self::SyncGroup,
        Self::GarpGroup,
        Self::TrackGroup,
        Self::Bfd,
        Self::Ssl,
        Self::Instance,
        Self::Authentication,
        Self::AuthHmac,
        Self::Service,
        Self::Server,
        Self::TcpCheck,
        Self::HttpCheck,
        Self::Url,
        Self::SmtpCheck,
        Self::DnsCheck,
        Self::MiscCheck,
        Self::PingCheck,
        Self::UdpCheck,
        Self::FileCheck,
        Self::BfdCheck,
    ];

    /// As one says it: "in ...".
    pub(in crate::config) const fn name(self) -> &'static str {
        match self {
            Self::Root => "outside all blocks",
            Self::Global => "in `global_defs`",
            Self::Script => "in `vrrp_script`",
            Self::TrackFile => "in `track_file`",
            Self::TrackProcess => "in `vrrp_track_process`",
            Self::TrackService => "in `vrrp_track_service`",
            Self::TrackCheck => "in `vrrp_track_check`",
            Self::SyncGroup => "in `vrrp_sync_group`",
            Self::GarpGroup => "in `garp_group`",
            Self::TrackGroup => "in `track_group`",
            Self::Bfd => "in `bfd_instance`",
            Self::Ssl => "in `SSL`",
            Self::Instance => "in `vrrp_instance`",
            Self::Authentication => "in `authentication`",
            Self::AuthHmac => "in `auth_hmac`",
            Self::Service => "in `virtual_server`",
            Self::Server => "in `real_server`",
            Self::TcpCheck => "in `TCP_CHECK`",
            Self::HttpCheck => "in `HTTP_GET` and `SSL_GET`",
            Self::Url => "in `url`",
            Self::SmtpCheck => "in `SMTP_CHECK`",
            Self::DnsCheck => "in `DNS_CHECK`",
            Self::MiscCheck => "in `MISC_CHECK`",
            Self::PingCheck => "in `PING_CHECK`",
            Self::UdpCheck => "in `UDP_CHECK`",
            Self::FileCheck => "in `FILE_CHECK`",
            Self::BfdCheck => "in `BFD_CHECK`",
        }
    }

    /// The words that may stand there.
    pub(in crate::config) const fn words(self) -> &'static [Keyword] {
        match self {
            Self::Root => root::ROOT,
            Self::Global => global::GLOBAL,
            Self::Script => vrrp::SCRIPT,
            Self::TrackFile => vrrp::TRACK_FILE,
            Self::TrackProcess => vrrp::TRACK_PROCESS,
            Self::TrackService => vrrp::TRACK_SERVICE,
            Self::TrackCheck => vrrp::TRACK_CHECK,
            Self::SyncGroup => vrrp::SYNC_GROUP,
            Self::GarpGroup => root::GARP_GROUP,
            Self::TrackGroup => root::TRACK_GROUP,
            Self::Bfd => root::BFD,
            Self::Ssl => root::SSL,
            Self::Instance => vrrp::INSTANCE,
            Self::Authentication => vrrp::AUTHENTICATION,
            Self::AuthHmac => vrrp::AUTH_HMAC,
            Self::Service => service::SERVICE,
            Self::Server => service::SERVER,
            Self::TcpCheck => service::TCP_CHECK,
            Self::HttpCheck => service::HTTP_CHECK,
            Self::Url => service::URL,
            Self::SmtpCheck => service::SMTP_CHECK,
            Self::DnsCheck => service::DNS_CHECK,
            Self::MiscCheck => service::MISC_CHECK,
            Self::PingCheck => service::PING_CHECK,
            Self::UdpCheck => service::UDP_CHECK,
            Self::FileCheck => service::FILE_CHECK,
            Self::BfdCheck => service::BFD_CHECK,
        }
    }
}

/// What a word takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Takes {
    /// Nothing.
    Nothing,
    /// One value: what it is.
    One(&'static str),
    /// One value, or none.
    Optional,
    /// Any number of values, at least one: what they are.
    Some(&'static str),
    /// Any number of values.
    Any,
    /// A block.
    Block,
    /// A block, or values: what they are.
    Either(&'static str),
    /// Values and a block: what the values are.
    Named(&'static str),
}

/// What becomes of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Status {
    /// It does what it does in keepalived.
    Honoured,
    /// It is accepted and needs nothing done: why.
    WithoutEffect(&'static str),
    /// It is not done yet: what that means.
    NotYet(&'static str),
    /// keepalived has dropped it: what to do.
    Removed(&'static str),
}

/// One word of the language at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Keyword {
    /// The word.
    pub(in crate::config) name: &'static str,
    /// What it takes.
    pub(in crate::config) takes: Takes,
    /// What becomes of it.
    pub(in crate::config) status: Status,
}

const fn yes(name: &'static str, takes: Takes) -> Keyword {
    Keyword { name, takes, status: Status::Honoured }
}

const fn idle(name: &'static str, takes: Takes, why: &'static str) -> Keyword {
    Keyword { name, takes, status: Status::WithoutEffect(why) }
}

const fn soon(name: &'static str, takes: Takes, means: &'static str) -> Keyword {
    Keyword { name, takes, status: Status::NotYet(means) }
}

const fn gone(name: &'static str, takes: Takes, instead: &'static str) -> Keyword {
    Keyword { name, takes, status: Status::Removed(instead) }
}

/// The row of a word at a place.
pub(in crate::config) fn find(place: Place, word: &str) -> Option<&'static Keyword> {
    place.words().iter().find(|keyword| keyword.name == word)
}

/// Whether the word exists anywhere.
pub(in crate::config) fn is_known(word: &str) -> bool {
    Place::ALL.into_iter().any(|place| find(place, word).is_some())
}

/// Whether the word begins a block that can only stand outside all others.
pub(in crate::config) fn is_only_at_root(word: &str) -> bool {
    matches!(
        word,
        "global_defs"
            | "vrrp_sync_group"
            | "vrrp_instance"
            | "vrrp_script"
            | "virtual_server"
            | "virtual_server_group"
            | "bfd_instance"
            | "static_ipaddress"
            | "static_routes"
    )
}

/// The places where a word may stand.
pub(in crate::config) fn places(word: &str) -> impl Iterator<Item = Place> {
    Place::ALL.into_iter().filter(move |place| find(*place, word).is_some())
}

/// What may have been meant by an unknown word at a place.
pub(in crate::config) fn meant(place: Place, word: &str) -> Option<String> {
    let here = || place.words().iter().map(|keyword| keyword.name);
    // Words of global_defs stand in blocks with the same name less `vrrp_`, and people mix them up.
    if let Some(short) = word.strip_prefix("vrrp_").and_then(|short| here().find(|name| *name == short)) {
        return Some(short.to_owned());
    }
    suggest::nearest(word, here()).map(str::to_owned)
}
