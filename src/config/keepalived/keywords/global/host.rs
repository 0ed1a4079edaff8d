//! Firewall, SNMP and D-Bus.

use super::super::Takes::{Any, Nothing, One, Optional, Several};
use super::super::kind::{NAME, seconds, text, whole};
use super::{Keyword, idle, soon, yes};

const NO_SNMP: &str = "there is no SNMP agent";
const NO_DBUS: &str = "there is no D-Bus service; `ipvsctl` and the control socket tell and do the same";
const IPTABLES: &str =
    "the rules that `no_accept` needs are made with nftables, in a table of their own; no chain of yours is touched";
const NFTABLES: &str = "the rules are as few and plain as can be; `nft list ruleset` shows them";

pub(in crate::config::keepalived::keywords) const HOST: &[Keyword] = &[
    idle("vrrp_iptables", Any(text("CHAIN", "a chain's name")), IPTABLES)
        .form("[IN_CHAIN [OUT_CHAIN]]")
        .otherwise("INPUT and OUTPUT")
        .means("Chains of iptables for what `no_accept` and VMACs need."),
    idle("vrrp_ipsets", Any(NAME), IPTABLES).means("Names of the sets that those chains use."),
    yes("nftables", Optional(NAME))
        .default("keepalived")
        .means("The table of nftables for what `no_accept` and VMACs need.")
        .toml("router.firewall-table"),
    yes("nftables_priority", One(whole("a priority", -2_147_483_648, 2_147_483_647)))
        .default("-1")
        .means("Priority of its chains.")
        .toml("router.firewall-priority"),
    idle("nftables_ifindex", Nothing, NFTABLES).means("Its rules name interfaces by number."),
    idle("nftables_counters", Nothing, NFTABLES).means("Its rules count packets."),
    soon("snmp_socket", Several(text("ADDRESS", "an address")), NO_SNMP)
        .default("unix:/var/agentx/master")
        .means("Where the SNMP master agent listens."),
    soon("enable_traps", Nothing, "no SNMP trap is sent, since there is no SNMP agent").means("Send SNMP traps."),
    soon("enable_snmp_vrrp", Nothing, NO_SNMP)
        .formerly(&["enable_snmp_keepalived"])
        .means("Tell SNMP of routers in keepalived's own MIB."),
    soon("enable_snmp_checker", Nothing, NO_SNMP).means("Tell SNMP of services and servers."),
    soon("enable_snmp_rfc", Nothing, NO_SNMP).means("Tell SNMP of routers in both MIBs of the RFCs."),
    soon("enable_snmp_rfcv2", Nothing, NO_SNMP).means("Tell SNMP of routers in the MIB of VRRP version 2."),
    soon("enable_snmp_rfcv3", Nothing, NO_SNMP).means("Tell SNMP of routers in the MIB of VRRP version 3."),
    soon("snmp_vs_stats_update_interval", One(seconds("an interval", 0.001, 30.0)), NO_SNMP)
        .default("5")
        .means("How old the counters of services may be that SNMP is told."),
    soon("snmp_rs_stats_update_interval", One(seconds("an interval", 0.001, 30.0)), NO_SNMP)
        .default("5")
        .means("How old the counters of servers may be that SNMP is told."),
    soon("enable_dbus", Nothing, NO_DBUS).means("Offer a D-Bus service with the state of the routers."),
    soon("dbus_service_name", One(NAME), NO_DBUS).default("org.keepalived.Vrrp1").means("The name of that service."),
    soon("dbus_no_interface_name", One(NAME), NO_DBUS)
        .default("none")
        .means("What stands for the interface of a router that has none."),
];
