//! Where a word may stand.

use super::{Keyword, Status, check, foreign, global, instance, line, root, server, service, sync_group, tracker};

macro_rules! places {
    ($($(#[$doc:meta])* $place:ident, $name:literal, $chapters:expr;)*) => {
        /// Where a word may stand: in a block, or in a line of its own language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(in crate::config) enum Place { $($(#[$doc])* $place,)* }

        impl Place {
            /// Every place, in the order of the documentation.
            pub(in crate::config) const ALL: &[Self] = &[$(Self::$place,)*];

            /// As one says it: "in ...", "after ...".
                    pub(in crate::config) const fn name(self) -> &'static str {
                match self { $(Self::$place => $name,)* }
            }

            /// The rows of the words that may stand there, in chapters.
            const fn chapters(self) -> &'static [&'static [Keyword]] {
                match self { $(Self::$place => $chapters,)* }
            }
        }
    };
}

places! {
    /// Outside all blocks.
    Root, "outside all blocks", &[root::ROOT];
    /// `global_defs`.
    Global, "in `global_defs`", global::GLOBAL;
    /// Words after `lvs_sync_daemon`.
    SyncDaemon, "after `lvs_sync_daemon`", &[line::SYNC_DAEMON];
    /// Words after `lvs_timeouts`.
    Timeouts, "after `lvs_timeouts`", &[line::TIMEOUTS];
    /// A line of `linkbeat_interfaces`.
    Linkbeat, "after an interface of `linkbeat_interfaces`", &[line::LINKBEAT];
    /// A line with an address.
    Address, "after an address", &[line::ADDRESS];
    /// A line with a route.
    Route, "in a route", &[line::ROUTE];
    /// A line with a rule.
    Rule, "in a rule", &[line::RULE];
    /// `vrrp_script`.
    Script, "in `vrrp_script`", &[tracker::SCRIPT];
    /// `track_file`.
    TrackFile, "in `track_file`", &[tracker::TRACK_FILE];
    /// `vrrp_track_process`.
    TrackProcess, "in `vrrp_track_process`", &[tracker::TRACK_PROCESS];
    /// `vrrp_track_service`, our own.
    TrackService, "in `vrrp_track_service`", &[tracker::TRACK_SERVICE];
    /// `vrrp_track_check`, our own.
    TrackCheck, "in `vrrp_track_check`", &[tracker::TRACK_CHECK];
    /// `vrrp_sync_group`.
    SyncGroup, "in `vrrp_sync_group`", &[sync_group::SYNC_GROUP];
    /// `garp_group`.
    GarpGroup, "in `garp_group`", &[root::GARP_GROUP];
    /// `track_group`.
    TrackGroup, "in `track_group`", &[root::TRACK_GROUP];
    /// `bfd_instance`.
    Bfd, "in `bfd_instance`", &[root::BFD];
    /// `SSL`.
    Ssl, "in `SSL`", &[root::SSL];
    /// `vrrp_instance`.
    Instance, "in `vrrp_instance`", instance::INSTANCE;
    /// `authentication`.
    Authentication, "in `authentication`", &[instance::AUTHENTICATION];
    /// `auth_hmac`.
    AuthHmac, "in `auth_hmac`", &[instance::AUTH_HMAC];
    /// A line of `unicast_peer`.
    Peer, "after an address of `unicast_peer`", &[line::PEER];
    /// A line of `track_interface` and its like.
    Track, "after a name in a `track_` block", &[line::TRACK];
    /// Words after `use_vmac`.
    Vmac, "after `use_vmac`", &[line::VMAC];
    /// Words after `use_ipvlan`.
    Ipvlan, "after `use_ipvlan`", &[line::IPVLAN];
    /// A line of `virtual_server_group`.
    ServiceGroup, "in `virtual_server_group`", &[line::SERVICE_GROUP];
    /// `virtual_server`.
    Service, "in `virtual_server`", service::SERVICE;
    /// Words after `lb_kind TUN`.
    Tunnel, "after `TUN`", &[line::TUNNEL];
    /// `real_server`.
    Server, "in `real_server`", server::SERVER;
    /// `TCP_CHECK`.
    TcpCheck, "in `TCP_CHECK`", &[check::CONNECTION, check::TIMING];
    /// `HTTP_GET` and `SSL_GET`.
    HttpCheck, "in `HTTP_GET` and `SSL_GET`", &[check::HTTP, check::CONNECTION, check::TIMING];
    /// `url`.
    Url, "in `url`", &[check::URL];
    /// `SMTP_CHECK`.
    SmtpCheck, "in `SMTP_CHECK`", &[check::SMTP, check::CONNECTION, check::TIMING];
    /// `host`, in `SMTP_CHECK`.
    SmtpHost, "in `host`", &[check::CONNECTION];
    /// `DNS_CHECK`.
    DnsCheck, "in `DNS_CHECK`", &[check::DNS, check::CONNECTION, check::TIMING];
    /// `MISC_CHECK`.
    MiscCheck, "in `MISC_CHECK`", &[check::MISC, check::TIMING];
    /// `PING_CHECK`.
    PingCheck, "in `PING_CHECK`", &[check::PING, check::TIMING];
    /// `UDP_CHECK`.
    UdpCheck, "in `UDP_CHECK`", &[check::UDP, check::CONNECTION, check::TIMING];
    /// `FILE_CHECK`.
    FileCheck, "in `FILE_CHECK`", &[check::FILE_CHECK];
    /// `BFD_CHECK`.
    BfdCheck, "in `BFD_CHECK`", &[check::BFD_CHECK];
    /// Words of versions that are gone, and of forks.
    Foreign, "in other versions", &[foreign::OLD, foreign::DPVS];
}

impl Place {
    /// The words that may stand there.
    pub(in crate::config) fn words(self) -> impl Iterator<Item = &'static Keyword> {
        self.chapters().iter().copied().flatten()
    }

    /// Whether its words begin statements of a block; else they follow others on a line.
    pub(in crate::config) const fn is_block(self) -> bool {
        match self {
            Self::Address
            | Self::Foreign
            | Self::Ipvlan
            | Self::Linkbeat
            | Self::Peer
            | Self::Route
            | Self::Rule
            | Self::ServiceGroup
            | Self::SyncDaemon
            | Self::Timeouts
            | Self::Track
            | Self::Tunnel
            | Self::Vmac => false,
            Self::Authentication
            | Self::AuthHmac
            | Self::Bfd
            | Self::BfdCheck
            | Self::DnsCheck
            | Self::FileCheck
            | Self::GarpGroup
            | Self::Global
            | Self::HttpCheck
            | Self::Instance
            | Self::MiscCheck
            | Self::PingCheck
            | Self::Root
            | Self::Script
            | Self::Server
            | Self::Service
            | Self::SmtpCheck
            | Self::SmtpHost
            | Self::Ssl
            | Self::SyncGroup
            | Self::TcpCheck
            | Self::TrackCheck
            | Self::TrackFile
            | Self::TrackGroup
            | Self::TrackProcess
            | Self::TrackService
            | Self::UdpCheck
            | Self::Url => true,
        }
    }

    /// What becomes of a word there: what its row says, unless nothing that leads there is done.
    pub(in crate::config) fn status(self, keyword: &Keyword) -> Status {
        let mut outer = None;
        for place in Self::ALL {
            for opener in place.words().filter(|opener| opener.opens == Some(self)) {
                match place.status(opener) {
                    Status::Honoured | Status::Refused(_) => return keyword.status,
                    status @ (Status::WithoutEffect(_) | Status::NotYet(_) | Status::Removed(_)) => {
                        outer = Some(status)
                    }
                }
            }
        }
        outer.unwrap_or(keyword.status)
    }
}
