//! The numbers of `include/uapi/linux/ip_vs.h`, and nothing else.
//!
//! Each block carries the name that it has in the header, so that one can be laid beside the other.
//! Types on the wire stand in the comment of each attribute: all integers are in the machine's own
//! byte order unless `be` says otherwise.

/// `IPVS_GENL_NAME`: the name by which the family is looked up.
pub(crate) const GENL_NAME: &str = "IPVS";
/// `IPVS_GENL_VERSION`.
pub(crate) const GENL_VERSION: u8 = 1;

/// `IPVS_CMD_*`.
pub(crate) mod cmd {
    pub(crate) const NEW_SERVICE: u8 = 1;
    pub(crate) const SET_SERVICE: u8 = 2;
    pub(crate) const DEL_SERVICE: u8 = 3;
    pub(crate) const GET_SERVICE: u8 = 4;
    pub(crate) const NEW_DEST: u8 = 5;
    pub(crate) const SET_DEST: u8 = 6;
    pub(crate) const DEL_DEST: u8 = 7;
    pub(crate) const GET_DEST: u8 = 8;
    pub(crate) const NEW_DAEMON: u8 = 9;
    pub(crate) const DEL_DAEMON: u8 = 10;
    pub(crate) const GET_DAEMON: u8 = 11;
    pub(crate) const SET_CONFIG: u8 = 12;
    pub(crate) const GET_CONFIG: u8 = 13;
    /// Only ever seen as the reply to `GET_INFO`.
    pub(crate) const SET_INFO: u8 = 14;
    pub(crate) const GET_INFO: u8 = 15;
    pub(crate) const ZERO: u8 = 16;
    pub(crate) const FLUSH: u8 = 17;
}

/// `IPVS_CMD_ATTR_*`: the first level of every message but the reply to `GET_INFO`.
pub(crate) mod attr {
    /// Nest of [`super::svc`].
    pub(crate) const SERVICE: u16 = 1;
    /// Nest of [`super::dest`].
    pub(crate) const DEST: u16 = 2;
    /// Nest of [`super::daemon`].
    pub(crate) const DAEMON: u16 = 3;
    /// u32, seconds.
    pub(crate) const TIMEOUT_TCP: u16 = 4;
    /// u32, seconds.
    pub(crate) const TIMEOUT_TCP_FIN: u16 = 5;
    /// u32, seconds.
    pub(crate) const TIMEOUT_UDP: u16 = 6;
}

/// `IPVS_SVC_ATTR_*`.
pub(crate) mod svc {
    /// u16: AF_INET or AF_INET6.
    pub(crate) const AF: u16 = 1;
    /// u16: IP protocol number.
    pub(crate) const PROTOCOL: u16 = 2;
    /// 16 bytes; IPv4 lies in the first four.
    pub(crate) const ADDR: u16 = 3;
    /// be16.
    pub(crate) const PORT: u16 = 4;
    /// u32.
    pub(crate) const FWMARK: u16 = 5;
    /// At most 15 characters and a NUL.
    pub(crate) const SCHED_NAME: u16 = 6;
    /// `struct ip_vs_flags`: u32 flags, u32 mask.
    pub(crate) const FLAGS: u16 = 7;
    /// u32, seconds of persistence.
    pub(crate) const TIMEOUT: u16 = 8;
    /// IPv4: be32 mask. IPv6: the prefix length as u32.
    pub(crate) const NETMASK: u16 = 9;
    /// Nest of [`super::stats`], counters of 32 bits.
    pub(crate) const STATS: u16 = 10;
    /// At most 15 characters and a NUL.
    pub(crate) const PE_NAME: u16 = 11;
    /// Nest of [`super::stats`], all of 64 bits.
    pub(crate) const STATS64: u16 = 12;
}

/// `IPVS_DEST_ATTR_*`.
pub(crate) mod dest {
    /// 16 bytes; IPv4 lies in the first four.
    pub(crate) const ADDR: u16 = 1;
    /// be16.
    pub(crate) const PORT: u16 = 2;
    /// u32; the low three bits are the method.
    pub(crate) const FWD_METHOD: u16 = 3;
    /// u32, at most `i32::MAX`.
    pub(crate) const WEIGHT: u16 = 4;
    /// u32.
    pub(crate) const U_THRESH: u16 = 5;
    /// u32.
    pub(crate) const L_THRESH: u16 = 6;
    /// u32.
    pub(crate) const ACTIVE_CONNS: u16 = 7;
    /// u32.
    pub(crate) const INACT_CONNS: u16 = 8;
    /// u32.
    pub(crate) const PERSIST_CONNS: u16 = 9;
    /// Nest of [`super::stats`], counters of 32 bits.
    pub(crate) const STATS: u16 = 10;
    /// u16; absent means the family of the service.
    pub(crate) const ADDR_FAMILY: u16 = 11;
    /// Nest of [`super::stats`], all of 64 bits.
    pub(crate) const STATS64: u16 = 12;
    /// u8.
    pub(crate) const TUN_TYPE: u16 = 13;
    /// be16.
    pub(crate) const TUN_PORT: u16 = 14;
    /// u16.
    pub(crate) const TUN_FLAGS: u16 = 15;
}

/// `IP_VS_CONN_F_*`: the forwarding methods, and the mask that cuts them out.
pub(crate) mod fwd {
    pub(crate) const MASK: u32 = 0x7;
    pub(crate) const MASQ: u32 = 0;
    pub(crate) const LOCALNODE: u32 = 1;
    pub(crate) const TUNNEL: u32 = 2;
    pub(crate) const DROUTE: u32 = 3;
    pub(crate) const BYPASS: u32 = 4;
}

/// `IP_VS_CONN_F_TUNNEL_TYPE_*`.
pub(crate) mod tun {
    pub(crate) const IPIP: u8 = 0;
    pub(crate) const GUE: u8 = 1;
    pub(crate) const GRE: u8 = 2;
}

/// `IPVS_DAEMON_ATTR_*`.
pub(crate) mod daemon {
    /// u32: 1 master, 2 backup.
    pub(crate) const STATE: u16 = 1;
    /// At most 15 characters and a NUL.
    pub(crate) const MCAST_IFN: u16 = 2;
    /// u32.
    pub(crate) const SYNC_ID: u16 = 3;
    /// u16.
    pub(crate) const SYNC_MAXLEN: u16 = 4;
    /// be32.
    pub(crate) const MCAST_GROUP: u16 = 5;
    /// 16 bytes.
    pub(crate) const MCAST_GROUP6: u16 = 6;
    /// u16, the machine's own order (unlike every other port here).
    pub(crate) const MCAST_PORT: u16 = 7;
    /// u8.
    pub(crate) const MCAST_TTL: u16 = 8;
}

/// `IP_VS_STATE_*`.
pub(crate) mod state {
    pub(crate) const MASTER: u32 = 1;
    pub(crate) const BACKUP: u32 = 2;
}

/// `IPVS_STATS_ATTR_*`.
pub(crate) mod stats {
    pub(crate) const CONNS: u16 = 1;
    pub(crate) const INPKTS: u16 = 2;
    pub(crate) const OUTPKTS: u16 = 3;
    pub(crate) const INBYTES: u16 = 4;
    pub(crate) const OUTBYTES: u16 = 5;
    pub(crate) const CPS: u16 = 6;
    pub(crate) const INPPS: u16 = 7;
    pub(crate) const OUTPPS: u16 = 8;
    pub(crate) const INBPS: u16 = 9;
    pub(crate) const OUTBPS: u16 = 10;
}

/// `IPVS_INFO_ATTR_*`: the first level of the reply to `GET_INFO`.
pub(crate) mod info {
    /// u32: 0x00MMmmpp.
    pub(crate) const VERSION: u16 = 1;
    /// u32: buckets.
    pub(crate) const CONN_TAB_SIZE: u16 = 2;
}

/// `NLMSGERR_ATTR_*`: the extended acknowledgement of `include/uapi/linux/netlink.h`.
pub(crate) mod ext_ack {
    pub(crate) const MSG: u16 = 1;
    pub(crate) const OFFS: u16 = 2;
}

/// `CTRL_ATTR_FAMILY_ID` of `include/uapi/linux/genetlink.h`.
pub(crate) const CTRL_ATTR_FAMILY_ID: u16 = 1;

/// `AF_INET`.
pub(crate) const AF_INET: u16 = 2;
/// `AF_INET6`.
pub(crate) const AF_INET6: u16 = 10;
