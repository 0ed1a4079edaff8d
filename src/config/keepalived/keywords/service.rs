//! Words of virtual services, their servers and the servers' checks.

use super::Takes::{Any, Block, Named, Nothing, One, Optional, Some};
use super::{Keyword, gone, idle, soon, yes};

const NO_MAIL: &str = "no mail is sent";
const NO_NAME: &str = "there is no SNMP agent to show it";
const ALPHA: &str =
    "it is so with every check: a server enters the table after its first success, or stays if it is in it already";
const NO_HOOK: &str = "it is not called; `ipvsctl show` and the log tell of every change";
const NO_SORRY: &str = "with all servers down, connections are refused";
const NO_QUORUM: &str = "a service counts as up while one server is";
const UNCHECKED: &str = "it is not made: a server without another check counts as always up";
const HOSTLESS: &str = "the checks that use it are not done yet";
const PART: &str = "the check is not made";
const LOGGED: &str = "every change of a check's outcome is logged with its reason";

pub(super) const SERVICE: &[Keyword] = &[
    yes("delay_loop", One("seconds")),
    yes("lvs_sched", One("a scheduler")),
    yes("lb_algo", One("a scheduler")),
    yes("lvs_method", Some("NAT, DR or TUN")),
    yes("lb_kind", Some("NAT, DR or TUN")),
    yes("protocol", One("TCP, UDP or SCTP")),
    yes("persistence_timeout", Optional),
    yes("persistence_granularity", One("a netmask")),
    yes("persistence_engine", One("a name")),
    yes("flag-1", Nothing),
    yes("flag-2", Nothing),
    yes("flag-3", Nothing),
    yes("sh-port", Nothing),
    yes("sh-fallback", Nothing),
    yes("mh-port", Nothing),
    yes("mh-fallback", Nothing),
    yes("ops", Nothing),
    soon("hashed", Nothing, "the kernel sets it by itself"),
    gone(
        "nat_mask",
        Any,
        "keepalived has dropped it, since no kernel after 2.2 has such a mask; remove the line, nothing else changes",
    ),
    soon("virtualhost", Some("a name"), HOSTLESS),
    soon("snmp_name", Some("a name"), NO_NAME),
    soon("smtp_alert", Optional, NO_MAIL),
    soon("ha_suspend", Nothing, "checks go on while the virtual address is elsewhere"),
    idle("alpha", Optional, ALPHA),
    soon("omega", Optional, "no notification is sent at a stop"),
    yes("ip_family", One("inet or inet6")),
    yes("weight", One("a number")),
    yes("quorum", One("a number")),
    soon("hysteresis", One("a number"), NO_QUORUM),
    soon("quorum_up", Some("a command"), NO_HOOK),
    soon("quorum_down", Some("a command"), NO_HOOK),
    soon("sorry_server", Some("an address and port"), NO_SORRY),
    soon("sorry_server_inhibit", Nothing, NO_SORRY),
    soon("sorry_server_lvs_method", Some("a method"), NO_SORRY),
    yes("connect_timeout", One("seconds")),
    yes("retry", One("a number")),
    yes("delay_before_retry", One("seconds")),
    yes("warmup", One("seconds")),
    yes("inhibit_on_failure", Optional),
    yes("real_server", Named("an address and port")),
];

pub(super) const SERVER: &[Keyword] = &[
    yes("weight", One("a number")),
    yes("lvs_method", Some("NAT, DR or TUN")),
    yes("uthreshold", One("a number")),
    yes("lthreshold", One("a number")),
    yes("inhibit_on_failure", Optional),
    soon("notify_up", Some("a command"), NO_HOOK),
    soon("notify_down", Some("a command"), NO_HOOK),
    idle("alpha", Optional, ALPHA),
    yes("retry", One("a number")),
    yes("delay_before_retry", One("seconds")),
    yes("warmup", One("seconds")),
    yes("connect_timeout", One("seconds")),
    yes("delay_loop", One("seconds")),
    soon("smtp_alert", Optional, NO_MAIL),
    soon("virtualhost", Some("a name"), HOSTLESS),
    soon("snmp_name", Some("a name"), NO_NAME),
    yes("TCP_CHECK", Block),
    soon("HTTP_GET", Block, UNCHECKED),
    soon("SSL_GET", Block, UNCHECKED),
    soon("SMTP_CHECK", Block, UNCHECKED),
    soon("DNS_CHECK", Block, UNCHECKED),
    soon("MISC_CHECK", Block, UNCHECKED),
    soon("PING_CHECK", Block, UNCHECKED),
    soon("UDP_CHECK", Block, UNCHECKED),
    soon("FILE_CHECK", Block, UNCHECKED),
    soon("BFD_CHECK", Block, UNCHECKED),
];

pub(super) const TCP_CHECK: &[Keyword] = &[
    yes("connect_ip", One("an address")),
    yes("connect_port", One("a port")),
    yes("bindto", One("an address")),
    yes("bind_port", One("a port")),
    yes("bind_if", One("an interface")),
    yes("connect_timeout", One("seconds")),
    yes("fwmark", One("a number")),
    yes("retry", One("a number")),
    yes("delay_before_retry", One("seconds")),
    yes("warmup", One("seconds")),
    yes("delay_loop", One("seconds")),
    idle("alpha", Optional, ALPHA),
    soon("log_all_failures", Optional, LOGGED),
];

macro_rules! connection_check {
    ($($own:expr),* $(,)?) => {
        &[
            soon("connect_ip", One("an address"), PART),
            soon("connect_port", One("a port"), PART),
            soon("bindto", One("an address"), PART),
            soon("bind_port", One("a port"), PART),
            soon("bind_if", One("an interface"), PART),
            soon("connect_timeout", One("seconds"), PART),
            soon("fwmark", One("a number"), PART),
            soon("alpha", Optional, PART),
            soon("retry", One("a number"), PART),
            soon("delay_before_retry", One("seconds"), PART),
            soon("warmup", One("seconds"), PART),
            soon("delay_loop", One("seconds"), PART),
            soon("log_all_failures", Optional, PART),
            $($own,)*
        ]
    };
}

pub(super) const HTTP_CHECK: &[Keyword] = connection_check![
    soon("http_protocol", One("a version"), PART),
    soon("virtualhost", Some("a name"), PART),
    soon("fast_recovery", Optional, PART),
    soon("nb_get_retry", One("a number"), PART),
    soon("enable_sni", Nothing, PART),
    soon("sni_name", One("a name"), PART),
    soon("tls_compliant", Optional, PART),
    soon("url", Block, PART),
];

pub(super) const URL: &[Keyword] = &[
    soon("path", Some("a path"), PART),
    soon("digest", One("an MD5 sum"), PART),
    soon("status_code", Some("numbers"), PART),
    soon("virtualhost", Some("a name"), PART),
    soon("regex", Some("an expression"), PART),
    soon("regex_no_match", Nothing, PART),
    soon("regex_options", Some("words"), PART),
    soon("regex_stack", Some("numbers"), PART),
    soon("regex_min_offset", One("a number"), PART),
    soon("regex_max_offset", One("a number"), PART),
    soon("tls_compliant", Optional, PART),
];

pub(super) const SMTP_CHECK: &[Keyword] =
    connection_check![soon("helo_name", Some("a name"), PART), soon("host", Block, PART)];

pub(super) const DNS_CHECK: &[Keyword] = connection_check![
    soon("type", One("a record type"), PART),
    soon("name", One("a name"), PART),
    soon("UDP", Nothing, PART)
];

pub(super) const PING_CHECK: &[Keyword] = connection_check![];

pub(super) const UDP_CHECK: &[Keyword] = connection_check![
    soon("payload", Some("hexadecimal digits"), PART),
    soon("require_reply", Any, PART),
    soon("min_reply_length", One("a number"), PART),
    soon("max_reply_length", One("a number"), PART),
];

pub(super) const MISC_CHECK: &[Keyword] = &[
    soon("misc_path", Some("a command"), PART),
    soon("misc_timeout", One("seconds"), PART),
    soon("misc_dynamic", Nothing, PART),
    soon("user", Some("a user"), PART),
    soon("alpha", Optional, PART),
    soon("retry", One("a number"), PART),
    soon("delay_before_retry", One("seconds"), PART),
    soon("warmup", One("seconds"), PART),
    soon("delay_loop", One("seconds"), PART),
    soon("log_all_failures", Optional, PART),
];

pub(super) const FILE_CHECK: &[Keyword] =
    &[soon("track_file", One("a name"), PART), soon("weight", Some("a number"), PART), soon("alpha", Optional, PART)];

pub(super) const BFD_CHECK: &[Keyword] = &[soon("name", One("a name"), PART), soon("alpha", Optional, PART)];
