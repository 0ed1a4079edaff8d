//! Words that keepalived 2.4.3 does not know, and files do: of old versions, of mistaken documents, and of forks.
//!
//! Each is told apart from a slip of the pen, with what to do about it. Where it stands does not matter.

use super::{Keyword, Status, Takes, row};

const REMOVE: &str = "remove the line, nothing else changes";
const NOT_IPVS: &str =
    "the kernel's IPVS has nothing like it, so it has no effect here or in keepalived; the rest of the file holds";
const FULL_NAT: &str = "full NAT exists in DPVS alone: with the kernel's IPVS use NAT with the director as the servers' way back, or TUN or DR";
const FIREWALL: &str =
    "limits and lists of addresses are the firewall's here: an nftables rule before the service does it";

const fn of(from: &'static str, name: &'static str, instead: &'static str) -> Keyword {
    let mut keyword = row(name, Takes::Nothing, Status::Removed(instead));
    keyword.stranger = Some(from);
    keyword
}

const fn old(name: &'static str, instead: &'static str) -> Keyword {
    of("an older keepalived", name, instead)
}

const fn manual(name: &'static str, instead: &'static str) -> Keyword {
    of("keepalived's manual, and unknown to its parser", name, instead)
}

const fn dpvs(name: &'static str, instead: &'static str) -> Keyword {
    of("DPVS and forks like it", name, instead)
}

pub(super) const OLD: &[Keyword] = &[
    old("lvs_id", "write `router_id`").means("The name of this host."),
    old("lvs_sync_daemon_inteface", "write `lvs_sync_daemon INTERFACE ROUTER` in `global_defs`")
        .means("The interface that connections were copied over, as old versions spelt it."),
    old("genhash", "keepalived does it with `keepalived --genhash`")
        .means("A program that gave the sum that `digest` takes; not a word of the file."),
    manual("vrrp_nftables", "write `nftables`").means("The table of nftables for what `no_accept` and VMACs need."),
    manual("state_file_location", "write `state_dump_file`").means("Where the state is written to on a signal."),
    manual("stats_file_location", "write `stats_dump_file`").means("Where the counters are written to on a signal."),
    manual("json_file_location", "write `json_dump_file`").means("Where state and counters are written to as JSON."),
    manual("dynamic", "the number in the file always counts; write `weight` to scale it")
        .means("In `FILE_CHECK`: the number in the file changes the server's weight."),
];

pub(super) const DPVS: &[Keyword] = &[
    dpvs("local_address_group", FULL_NAT).means("Addresses that servers see instead of the clients'."),
    dpvs("laddr_group_name", FULL_NAT).means("The `local_address_group` of a service."),
    dpvs("FNAT", FULL_NAT).also(&["FULLNAT"]).means("After `lb_kind`: source and destination are both changed."),
    dpvs("SNAT", "write a rule of nftables with `masquerade`; IPVS changes no source addresses")
        .means("After `lb_kind`: a service for what clients inside send out."),
    dpvs("snat_rule", "write a rule of nftables with `snat`; IPVS changes no source addresses")
        .also(&["snat_ip", "new_gw"])
        .means("A rule for what clients inside send out."),
    dpvs(
        "match",
        "services are told by address or firewall mark: mark packets with nftables, and write `virtual_server fwmark`",
    )
    .also(&["src-range", "dst-range"])
    .means("A service for packets of certain ranges."),
    dpvs("deny_address_group", FIREWALL)
        .also(&[
            "allow_address_group",
            "daddr_group_name",
            "blklst",
            "whtlst",
            "blklst_addr_gname",
            "whtlst_addr_gname",
        ])
        .means("Addresses of clients that are turned away, or alone let in."),
    dpvs("acl_entry", FIREWALL)
        .also(&["rule_all", "max_conn", "srange", "drange"])
        .means("Who may use a service, and how much."),
    dpvs("bps", FIREWALL)
        .also(&["cps", "limit", "limit_proportion", "bps_limit", "cps_limit"])
        .means("The most bits or connections a second of a service."),
    dpvs(
        "syn_proxy",
        "the kernel's own `net.ipv4.tcp_syncookies` guards sockets; for forwarded traffic see `synproxy` of nftables",
    )
    .also(&["synproxy"])
    .means("The director answers the TCP handshake before a server is asked."),
    dpvs("establish_timeout", "IPVS has one timeout for all services: `lvs_timeouts` in `global_defs`")
        .also(&["established_timeout", "est_timeout", "conn_timeout"])
        .means("How long an idle connection of the service is remembered."),
    dpvs("vip_bind_dev", "write `dev INTERFACE` after the address in `virtual_ipaddress`")
        .means("The interface that the service's address is put on."),
    dpvs("dpdk_interface", REMOVE).means("The DPDK port beside the kernel's interface."),
    dpvs("hash_target", "write `lb_algo mh` or `sh`, which go by the client's address")
        .means("What the `conhash` scheduler goes by."),
    dpvs("conhash", "write `lb_algo mh`, the kernel's consistent hashing")
        .means("After `lb_algo`: consistent hashing."),
    dpvs("quic", NOT_IPVS).means("QUIC connections are told by their number."),
    dpvs("proxy_protocol", NOT_IPVS).means("Servers are told of the client's address in front of the data."),
    dpvs("expire_quiescent_conn", "set `net.ipv4.vs.expire_quiescent_template`, or remove the line")
        .means("Connections of a server with weight 0 are ended."),
    dpvs("abs_priority", NOT_IPVS).means("A fork's own way to compare weights."),
];
