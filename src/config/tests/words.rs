//! The table of words against what the parser does, and against the language as it is.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Texts, keepalived, load};
use crate::config::explain::{self, Word};
use crate::config::keepalived::keywords::{Absent, Keyword, Kind, Place, Status, Takes, find};
use crate::config::{Code, Context, Diagnostic, Example, Severity, convert_haproxy};

/// The words of keepalived 2.4.3 by place: a row that is lost is missed here.
const LANGUAGE: &[(Place, &str)] = &[
    (
        Place::Root,
        "net_namespace net_namespace_ipvs namespace_with_ipsets instance use_pid_dir linkbeat_use_polling \
         linkbeat_interfaces child_wait_time interface_up_down_delays track_group global_defs static_ipaddress \
         static_routes static_rules vrrp_sync_group garp_group vrrp_instance vrrp_script vrrp_track_process track_file \
         vrrp_track_file bfd_instance SSL virtual_server_group virtual_server include includer includem includew includeb \
         includea",
    ),
    (
        Place::Global,
        "router_id notification_email notification_email_from smtp_server smtp_helo_name smtp_connect_timeout smtp_alert \
         smtp_alert_vrrp smtp_alert_checker no_email_faults no_checker_emails process_names process_name \
         vrrp_process_name checker_process_name lvs_process_name bfd_process_name script_user enable_script_security \
         use_symlink_paths set_supplementary_groups startup_script startup_script_timeout shutdown_script \
         shutdown_script_timeout umask random_seed vrrp_priority checker_priority bfd_priority vrrp_no_swap \
         checker_no_swap bfd_no_swap vrrp_rt_priority checker_rt_priority bfd_rt_priority vrrp_cpu_affinity \
         checker_cpu_affinity bfd_cpu_affinity vrrp_rlimit_rttime checker_rlimit_rttime bfd_rlimit_rttime \
         vrrp_rlimit_rtime checker_rlimit_rtime bfd_rlimit_rtime max_auto_priority min_auto_priority_delay \
         tmp_config_directory config_save_dir reload_check_config reload_time_file reload_repeat reload_file include_check \
         data_use_instance json_version state_dump_file stats_dump_file json_dump_file iproute_usr_dir iproute_etc_dir \
         default_interface dynamic_interfaces vrrp_version vrrp_mcast_group4 vrrp_mcast_group6 vrrp_garp_master_delay \
         vrrp_garp_master_repeat vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat vrrp_garp_lower_prio_delay \
         vrrp_garp_lower_prio_repeat vrrp_garp_interval vrrp_gna_interval vrrp_min_garp vrrp_garp_extra_if \
         vrrp_vmac_garp_intvl vrrp_down_timer_adverts vrrp_lower_prio_no_advert vrrp_higher_prio_send_advert \
         vrrp_check_unicast_src vrrp_skip_check_adv_addr vrrp_strict v3_checksum_as_v2 vrrp_owner_ignore_adverts \
         disable_local_igmp vrrp_iptables vrrp_ipsets nftables nftables_priority nftables_ifindex nftables_counters \
         vrrp_startup_delay vrrp_delay_after_boot log_unknown_vrids vmac_prefix vmac_addr_prefix vrrp_rx_bufs_policy \
         vrrp_rx_bufs_multiplier vrrp_notify_priority_changes fifo_write_vrrp_states_on_reload notify_fifo \
         notify_fifo_script vrrp_notify_fifo vrrp_notify_fifo_script lvs_notify_fifo lvs_notify_fifo_script \
         lvs_sync_daemon lvs_timeouts lvs_flush lvs_flush_on_stop lvs_flush_onstop nftables_ipvs nftables_ipvs_priority \
         nftables_ipvs_start_fwmark checker_log_all_failures rs_init_notifies vrrp_netlink_cmd_rcv_bufs \
         vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force \
         lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs \
         lvs_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs process_monitor_rcv_bufs_force snmp_socket \
         enable_traps enable_snmp_vrrp enable_snmp_keepalived enable_snmp_checker enable_snmp_rfc enable_snmp_rfcv2 \
         enable_snmp_rfcv3 snmp_vs_stats_update_interval snmp_rs_stats_update_interval enable_dbus dbus_service_name \
         dbus_no_interface_name",
    ),
    (Place::SyncDaemon, "inst id maxlen port ttl group"),
    (Place::Timeouts, "tcp tcpfin udp"),
    (Place::Linkbeat, "MII ETHTOOL IOCTL"),
    (
        Place::Address,
        "brd broadcast dev scope label peer home -nodad mngtmpaddr noprefixroute autojoin preferred_lft no_track \
         track_group use_vmac",
    ),
    (
        Place::Route,
        "src to via gw or nexthop dev weight onlink table tos protocol scope metric priority preference expires mtu \
         hoplimit advmss rtt rttvar reordering window cwnd ssthresh realms rto_min initcwnd initrwnd features quickack \
         congctl pref as encap ttl-propagate fastopen_no_cookie vrf add prepend append blackhole unreachable prohibit \
         throw inet6 no_track track_group",
    ),
    (
        Place::Rule,
        "from to table lookup tos dsfield fwmark realms preference order priority iif dev oif goto nop type \
         suppress_prefixlength suppress_ifgroup tunnel-id uidrange l3mdev protocol ipproto sport dport not inet6 no_track \
         track_group",
    ),
    (Place::Script, "script interval timeout weight rise fall user init_fail"),
    (Place::TrackFile, "file weight init_file"),
    (Place::TrackProcess, "process param_match weight quorum quorum_max fork_delay terminate_delay delay full_command"),
    (
        Place::SyncGroup,
        "group track_interface track_script track_file track_process track_bfd notify_master notify_backup notify_fault \
         notify_stop notify notify_priority_changes smtp_alert global_tracking sync_group_tracking_weight",
    ),
    (Place::GarpGroup, "garp_interval gna_interval interface interfaces"),
    (Place::TrackGroup, "group"),
    (
        Place::Bfd,
        "neighbor_ip neighbour_ip source_ip min_rx min_tx idle_tx multiplier passive ttl hoplimit max_hops multihop \
         weight vrrp checker",
    ),
    (Place::Ssl, "password ca certificate key"),
    (
        Place::Instance,
        "state interface virtual_router_id priority advert_int version vrf unicast_src_ip unicast_peer unicast_ttl \
         unicast_fault_no_peer check_unicast_src old_unicast_checksum mcast_src_ip mcast_dst_ip track_src_ip \
         v3_checksum_as_v2 kernel_rx_buf_size authentication auth_hmac virtual_ipaddress virtual_ipaddress_excluded \
         no_virtual_ipaddress virtual_routes virtual_rules promote_secondaries accept no_accept use_vmac use_vmac_addr \
         vmac_xmit_base use_ipvlan nopreempt preempt preempt_delay strict_mode skip_check_adv_addr down_timer_adverts \
         lower_prio_no_advert higher_prio_send_advert owner_ignore_adverts timer_expired_backup thread_timer_expired \
         track_interface track_script track_file track_process track_bfd dont_track_primary garp_master_delay \
         garp_master_repeat garp_master_refresh garp_master_refresh_repeat garp_lower_prio_delay garp_lower_prio_repeat \
         garp_extra_if vmac_garp_intvl notify_master notify_backup notify_fault notify_stop notify_deleted notify \
         notify_master_rx_lower_pri notify_priority_changes smtp_alert native_ipv6 linkbeat_use_polling \
         lvs_sync_daemon_interface debug",
    ),
    (Place::Authentication, "auth_type auth_pass"),
    (Place::AuthHmac, "key active_key anti_replay time_window mode"),
    (Place::Peer, "min_ttl max_ttl"),
    (Place::Track, "weight reverse noreverse"),
    (Place::Vmac, "name netlink_notify_msg group"),
    (Place::Ipvlan, "name bridge private vepa group"),
    (Place::ServiceGroup, "fwmark inet inet6"),
    (
        Place::Service,
        "delay_loop lvs_sched lb_algo flag-1 flag-2 flag-3 sh-port sh-fallback mh-port mh-fallback ops hashed lvs_method \
         lb_kind protocol persistence_timeout persistence_granularity persistence_engine nat_mask virtualhost snmp_name \
         smtp_alert ha_suspend alpha omega ip_family weight quorum hysteresis quorum_up quorum_down sorry_server \
         sorry_server_inhibit sorry_server_lvs_method connect_timeout retry delay_before_retry warmup inhibit_on_failure \
         real_server",
    ),
    (Place::Tunnel, "type port nocsum csum remcsum"),
    (
        Place::Server,
        "weight lvs_method uthreshold lthreshold inhibit_on_failure notify_up notify_down alpha retry delay_before_retry \
         warmup connect_timeout delay_loop smtp_alert virtualhost snmp_name TCP_CHECK HTTP_GET SSL_GET SMTP_CHECK \
         DNS_CHECK MISC_CHECK PING_CHECK UDP_CHECK FILE_CHECK BFD_CHECK",
    ),
    (Place::TcpCheck, CONNECTION),
    (Place::TcpCheck, TIMING),
    (Place::HttpCheck, CONNECTION),
    (Place::HttpCheck, TIMING),
    (Place::HttpCheck, "http_protocol virtualhost fast_recovery nb_get_retry enable_sni sni_name tls_compliant url"),
    (
        Place::Url,
        "path digest status_code virtualhost regex regex_no_match regex_options regex_stack regex_min_offset \
         regex_max_offset tls_compliant",
    ),
    (Place::SmtpCheck, CONNECTION),
    (Place::SmtpCheck, TIMING),
    (Place::SmtpCheck, "helo_name host"),
    (Place::SmtpHost, "connect_ip connect_port bindto bind_port"),
    (Place::DnsCheck, CONNECTION),
    (Place::DnsCheck, TIMING),
    (Place::DnsCheck, "type name"),
    (Place::MiscCheck, TIMING),
    (Place::MiscCheck, "misc_path misc_timeout misc_dynamic user"),
    (Place::PingCheck, CONNECTION),
    (Place::PingCheck, TIMING),
    (Place::UdpCheck, CONNECTION),
    (Place::UdpCheck, TIMING),
    (Place::UdpCheck, "payload require_reply min_reply_length max_reply_length"),
    (Place::FileCheck, "track_file weight"),
    (Place::BfdCheck, "name alpha"),
    (
        Place::Foreign,
        "lvs_id lvs_sync_daemon_inteface state_file_location stats_file_location json_file_location dynamic genhash \
         local_address_group laddr_group_name daddr_group_name syn_proxy establish_timeout est_timeout bps cps limit \
         limit_proportion blklst whtlst vip_bind_dev FNAT SNAT conhash proxy_protocol",
    ),
];

const CONNECTION: &str = "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark";
const TIMING: &str = "alpha retry delay_before_retry warmup delay_loop log_all_failures";

#[test]
fn the_table_has_every_word_of_the_language() {
    let mut missing = Vec::new();
    let mut listed = BTreeSet::new();
    for (place, words) in LANGUAGE {
        for word in words.split_whitespace() {
            listed.insert((place.name(), word));
            if find(*place, word).is_none() {
                missing.push(format!("{word} {}", place.name()));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    assert!(listed.len() > 480, "{}", listed.len());
}

/// Each place is led to by some word, or is the outermost.
#[test]
fn every_place_has_its_way_in() {
    for place in Place::ALL.iter().filter(|place| !matches!(place, Place::Root | Place::Foreign)) {
        let openers = Place::ALL.iter().flat_map(|outer| outer.words()).filter(|row| row.opens == Some(*place));
        assert!(openers.count() > 0, "nothing opens {place:?}");
    }
}

/// A name is in one row of its place; each row has its sentence, and each reason reads as the end of one.
#[test]
fn the_table_is_in_order() {
    let mut wrong = Vec::new();
    for place in Place::ALL {
        let mut names = BTreeSet::new();
        for keyword in place.words() {
            let at = format!("{place:?} {}", keyword.name);
            for name in keyword.names() {
                assert!(names.insert(name), "{at}: {name} is there twice");
            }
            assert!(keyword.meaning.ends_with('.') && keyword.meaning.len() > 8, "{at}: {}", keyword.meaning);
            assert!(!keyword.meaning[..keyword.meaning.len() - 1].ends_with('.'), "{at}: {}", keyword.meaning);
            match keyword.status {
                Status::Honoured => {}
                Status::WithoutEffect(text) | Status::Refused(text) | Status::NotYet(text) | Status::Removed(text) => {
                    assert!(text.len() > 8 && !text.ends_with('.'), "{at}: {text}");
                }
            }
            // What a group has of a router's is told there.
            let told = |key: &str| {
                explain::is_in_reference(key) || explain::is_in_reference(&key.replace("sync-group.", "instance."))
            };
            if let Some(key) = keyword.toml.filter(|key| !told(key)) {
                wrong.push(format!("{at}: the reference has no {key}"));
            }
            if let (Absent::Written(value), Some(kind)) = (keyword.absent, keyword.takes.kind())
                && !fits(kind, value)
            {
                wrong.push(format!("{at}: {value} is not {}", kind.expected()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(!explain::is_in_reference("service.no-such-key") && !explain::is_in_reference("nonsense.key"));
}

fn fits(kind: Kind, value: &str) -> bool {
    match kind {
        Kind::Text { .. } => !value.is_empty(),
        Kind::Whole { least, most, .. } => value.parse().is_ok_and(|number: i64| (least..=most).contains(&number)),
        Kind::Seconds { least, most, .. } => value.parse().is_ok_and(|number: f64| (least..=most).contains(&number)),
        Kind::Flag => matches!(value, "on" | "off"),
        Kind::Choice(words) => words.contains(&value),
    }
}

/// The blocks that hold honoured words, each with what opens and closes it.
const OPEN: &[(Place, &str, &str)] = &[
    (Place::Root, "", ""),
    (Place::Global, "global_defs {\n", "}\n"),
    (Place::Script, "vrrp_script x {\n", "}\n"),
    (Place::TrackProcess, "vrrp_track_process x {\n", "}\n"),
    (Place::TrackFile, "track_file x {\n", "}\n"),
    (Place::TrackService, "vrrp_track_service x {\n", "}\n"),
    (Place::TrackCheck, "vrrp_track_check x {\n", "}\n"),
    (Place::SyncGroup, "vrrp_sync_group x {\n", "}\n"),
    (Place::Instance, "vrrp_instance x {\n", "}\n"),
    (Place::GarpGroup, "garp_group {\n", "}\n"),
    (Place::TrackGroup, "track_group x {\n", "}\n"),
    (Place::Authentication, "vrrp_instance x {\nauthentication {\n", "}\n}\n"),
    (Place::Service, "virtual_server 192.0.2.1 80 {\n", "}\n"),
    (Place::Server, "virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\n", "}\n}\n"),
    (Place::TcpCheck, "virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\nTCP_CHECK {\n", "}\n}\n}\n"),
    (Place::HttpCheck, "virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\nHTTP_GET {\n", "}\n}\n}\n"),
    (Place::Url, "virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\nSSL_GET {\nurl {\n", "}\n}\n}\n}\n"),
    (Place::Ssl, "SSL {\n", "}\n"),
    (Place::MiscCheck, "virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\nMISC_CHECK {\n", "}\n}\n}\n"),
    (Place::FileCheck, "virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\nFILE_CHECK {\n", "}\n}\n}\n"),
    (Place::SmtpCheck, "virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\nSMTP_CHECK {\n", "}\n}\n}\n"),
    (
        Place::SmtpHost,
        "virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\nSMTP_CHECK {\nhost {\n",
        "}\n}\n}\n}\n",
    ),
    (Place::DnsCheck, "virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\nDNS_CHECK {\n", "}\n}\n}\n"),
    (Place::PingCheck, "virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\nPING_CHECK {\n", "}\n}\n}\n"),
    (Place::UdpCheck, "virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\nUDP_CHECK {\n", "}\n}\n}\n"),
];

/// What the table calls honoured is handled; a debug assertion in the walk speaks up where it is not.
#[test]
fn every_honoured_word_does_something() {
    let mut words = 0;
    for (place, open, close) in OPEN.iter().copied() {
        for keyword in place.words().filter(|keyword| place.status(keyword) == Status::Honoured) {
            let rest = match keyword.takes {
                Takes::Either(_) => " x",
                Takes::Nothing | Takes::Optional(_) | Takes::Any(_) => "",
                Takes::Several(_) if keyword.name == "lvs_timeouts" => "tcp 1",
                Takes::One(_) | Takes::Several(_) => "1",
                Takes::Block => "{\n}",
                Takes::Named(_) => "1 {\n}",
            };
            let loaded = keepalived(&format!("{open}{} {rest}\n{close}", keyword.name));
            let odd =
                [Code::UnknownWord, Code::Misplaced, Code::NotYet, Code::Block, Code::MissingValue, Code::ExtraValue];
            let found = loaded.report.diagnostics().iter().find(|diagnostic| odd.contains(&diagnostic.code));
            assert_eq!(found, None, "{place:?} {}", keyword.name);
            words += 1;
        }
    }
    let table: usize = Place::ALL
        .iter()
        .filter(|place| place.is_block())
        .map(|place| place.words().filter(|keyword| place.status(keyword) == Status::Honoured).count())
        .sum();
    assert_eq!(words, table, "a place with honoured words is not in this list");
}

const ROUTER: &str = "vrrp_instance A {\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {\n192.0.2.1/24\n}\n";
const SERVICE: &str = "virtual_server 192.0.2.1 80 {\nlvs_method NAT\nprotocol TCP\n";
const SERVER: &str = "real_server 192.0.2.2 80 {\n";

/// A whole file with a place in it: what stands before the word, and what after its line.
fn around(place: Place) -> Option<(String, String)> {
    let watched = |kind: &str, open: &str| Some((format!("{open}\n"), format!("}}\n{ROUTER}{kind} {{\nx\n}}\n}}\n")));
    let router = |open: &str, close: &str| Some((format!("{ROUTER}{open}"), format!("{close}}}\n")));
    let service = |open: &str, close: &str| Some((format!("{SERVICE}{open}"), format!("{close}}}\n")));
    match place {
        Place::Global => Some((
            "static_ipaddress {\n192.0.2.7\n}\nglobal_defs {\n".to_owned(),
            format!("}}\n{ROUTER}}}\n{SERVICE}{SERVER}TCP_CHECK {{\n}}\n}}\n}}\n"),
        )),
        Place::SyncDaemon => {
            Some(("global_defs {\nlvs_sync_daemon eth0 id 1 ".to_owned(), format!("}}\n{ROUTER}}}\n")))
        }
        Place::Timeouts => Some(("global_defs {\nlvs_timeouts ".to_owned(), format!("}}\n{ROUTER}}}\n"))),
        Place::GarpGroup => Some(("garp_group {\ninterface eth9\n".to_owned(), format!("}}\n{ROUTER}}}\n"))),
        Place::Script => watched("track_script", "vrrp_script x {\nscript /bin/true"),
        Place::TrackFile => watched("track_file", "track_file x {\nfile /tmp/x"),
        Place::TrackProcess => watched("track_process", "vrrp_track_process x {\nprocess sshd"),
        Place::TrackService => watched("track_service", "vrrp_track_service x {\nservice 192.0.2.1 80"),
        Place::TrackCheck => watched("track_check", "vrrp_track_check x {\ntcp 127.0.0.1 80"),
        Place::SyncGroup => Some(("vrrp_sync_group G {\ngroup {\nA\n}\n".to_owned(), format!("}}\n{ROUTER}}}\n"))),
        Place::Instance => router("", ""),
        Place::Authentication => router("authentication {\n", "}\n"),
        Place::Peer => router("unicast_peer {\n192.0.2.9 ", "}\n"),
        Place::Track => router("track_interface {\neth1 ", "}\n"),
        Place::Vmac => router("use_vmac ", ""),
        Place::Ipvlan => router("use_ipvlan ", ""),
        Place::Address => router("virtual_ipaddress_excluded {\n192.0.2.3/24 ", "}\n"),
        Place::Route => router("virtual_routes {\n198.51.100.0/24 dev eth0 ", "}\n"),
        Place::Rule => router("virtual_rules {\nfrom 192.0.2.1 ", "}\n"),
        Place::Service => service("", &format!("{SERVER}TCP_CHECK {{\n}}\n}}\n")),
        Place::Tunnel => service("lvs_method TUN type gue ", &format!("{SERVER}}}\n")),
        Place::Server => service(SERVER, "TCP_CHECK {\n}\n}\n"),
        Place::TcpCheck => service(&format!("{SERVER}TCP_CHECK {{\n"), "}\n}\n"),
        Place::HttpCheck => service(&format!("{SERVER}SSL_GET {{\nurl {{\npath /\n}}\n"), "}\n}\n"),
        Place::Url => service(&format!("{SERVER}SSL_GET {{\nurl {{\npath /\nregex a\n"), "}\n}\n}\n"),
        Place::MiscCheck => service(&format!("{SERVER}MISC_CHECK {{\nmisc_path /bin/true\n"), "}\n}\n"),
        Place::FileCheck => Some((
            format!("track_file x {{\nfile /tmp/x\n}}\n{SERVICE}{SERVER}FILE_CHECK {{\ntrack_file x\n"),
            "}\n}\n}\n".to_owned(),
        )),
        Place::SmtpCheck => service(&format!("{SERVER}SMTP_CHECK {{\n"), "}\n}\n"),
        Place::SmtpHost => service(&format!("{SERVER}SMTP_CHECK {{\nhost {{\n"), "}\n}\n}\n"),
        Place::DnsCheck => service(&format!("{SERVER}DNS_CHECK {{\n"), "}\n}\n"),
        Place::PingCheck => service(&format!("{SERVER}PING_CHECK {{\n"), "}\n}\n"),
        Place::UdpCheck => service(&format!("{SERVER}UDP_CHECK {{\n"), "}\n}\n"),
        Place::Root
        | Place::Linkbeat
        | Place::TrackGroup
        | Place::Bfd
        | Place::Ssl
        | Place::AuthHmac
        | Place::ServiceGroup
        | Place::BfdCheck
        | Place::Foreign => None,
    }
}

/// The words that take effect, each with its place and a file around it.
fn honoured() -> impl Iterator<Item = (Place, &'static Keyword, (String, String))> {
    Place::ALL.iter().flat_map(|place| {
        let words = place.words().filter(|keyword| place.status(keyword) == Status::Honoured);
        words.filter_map(|keyword| Some((*place, keyword, around(*place)?)))
    })
}

/// Whatever stands after a word, the word is read: with nothing, with one value, with two. Values beyond those that the table
/// grants are said to be ignored, and the word counts as it does without them.
#[test]
fn no_value_too_many_costs_the_word() {
    let mut compared = 0;
    for (place, open, close) in OPEN.iter().copied() {
        for keyword in place.words().filter(|keyword| place.status(keyword) == Status::Honoured) {
            for (name, value) in keyword.names().flat_map(|name| ["1", "true", "x", "1.5"].map(|value| (name, value))) {
                for rest in ["", " {\n}"] {
                    for values in [String::new(), format!(" {value}"), format!(" {value} {value}")] {
                        // A debug assertion in the walk speaks up where the word is lost.
                        keepalived(&format!("{open}{name}{values}{rest}\n{close}"));
                    }
                }
            }
        }
    }
    for (place, keyword, (before, after)) in honoured().filter(|(place, ..)| place.is_block()) {
        let value = match keyword.takes {
            Takes::Nothing => String::new(),
            Takes::One(kind) | Takes::Optional(kind) => match kind {
                Kind::Whole { most, .. } => format!(" {most}"),
                Kind::Seconds { most, .. } => format!(" {most}"),
                Kind::Flag => " on".to_owned(),
                Kind::Choice(words) => format!(" {}", words.last().unwrap()),
                Kind::Text { form: "IP", .. } => " 224.0.0.7".to_owned(),
                Kind::Text { .. } => " eth7".to_owned(),
            },
            Takes::Several(_) | Takes::Any(_) | Takes::Block | Takes::Either(_) | Takes::Named(_) => continue,
        };
        for name in keyword.names() {
            let plain = keepalived(&format!("{before}{name}{value}\n{after}"));
            let extra = keepalived(&format!("{before}{name}{value} true\n{after}"));
            assert_eq!(extra.config, plain.config, "{place:?} {name}{value}");
            let said = extra.report.diagnostics().iter().any(|said| said.code == Code::ExtraValue);
            assert!(said, "{place:?} {name}{value}: {}", extra.report.render(false));
            compared += 1;
        }
    }
    assert!(compared > 120, "{compared}");
}

/// What is said of a value that the word cannot take.
fn refusal(kind: Kind, text: &str, value: &str) -> Option<Diagnostic> {
    let expected = kind.expected();
    let range = expected.split(": ").last().unwrap().to_owned();
    let loaded = keepalived(text);
    let found = loaded.report.diagnostics().iter().find(|diagnostic| {
        diagnostic.code == Code::BadValue
            && (diagnostic.message == format!("`{value}` is not {expected}")
                || diagnostic.message == format!("`{value}` is not {range}")
                || diagnostic.primary.as_ref().is_some_and(|label| kind.range().as_ref() == Some(&label.text)))
    });
    found.cloned()
}

/// The parser takes what the table says, to the last number, and refuses the next one with the table's own words.
#[test]
fn ranges_are_those_of_the_table() {
    let mut tried = 0;
    let mut wrong = Vec::new();
    for (place, keyword, (before, after)) in honoured() {
        // Numbers are one of several things that it takes.
        if keyword.name == "vrrp_rx_bufs_policy" {
            continue;
        }
        let Some(kind) = keyword.takes.kind() else { continue };
        let (good, bad) = match kind {
            Kind::Whole { least, most, .. } => {
                let beyond = [i128::from(least) - 1, i128::from(most) + 1];
                (vec![least.to_string(), most.to_string()], beyond.map(|number| number.to_string()).to_vec())
            }
            Kind::Seconds { least, most, .. } => {
                let below = if least > 0.0 { (least / 10.0).to_string() } else { "-1".to_owned() };
                (vec![least.to_string(), most.to_string()], vec![below, (most + 1.0).to_string()])
            }
            Kind::Flag => (vec!["on".to_owned(), "no".to_owned()], Vec::new()),
            Kind::Choice(words) => (words.iter().map(|word| (*word).to_owned()).collect(), Vec::new()),
            Kind::Text { .. } => continue,
        };
        let hop = if (place, keyword.name) == (Place::Route, "weight") { "nexthop via 192.0.2.9 " } else { "" };
        for name in keyword.names() {
            let text = |value: &str| format!("{before}{hop}{name} {value}\n{after}");
            for value in &good {
                if refusal(kind, &text(value), value).is_some() {
                    wrong.push(format!("{place:?} {name} {value} is refused"));
                }
            }
            for value in &bad {
                if refusal(kind, &text(value), value).is_none() {
                    wrong.push(format!("{place:?} {name} {value} is not refused"));
                }
            }
            if bad.is_empty() {
                let loaded = keepalived(&text("nonsense"));
                let said = loaded.report.diagnostics().iter().any(|said| said.message.contains("`nonsense` is no"));
                let mistaken =
                    place == Place::Route && loaded.report.diagnostics().iter().any(|d| d.code == Code::BadValue);
                assert!(said || mistaken, "{place:?} {name} nonsense: {}", loaded.report.render(false));
            }
            tried += 1;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(tried > 120, "{tried}");
}

/// To write a default is as good as to write nothing.
#[test]
fn defaults_are_those_of_the_table() {
    let mut tried = 0;
    let mut wrong = Vec::new();
    for (place, keyword, (before, after)) in honoured() {
        let Absent::Written(value) = keyword.absent else { continue };
        if !place.is_block() {
            continue;
        }
        let without = keepalived(&format!("{before}{after}")).config;
        assert!(without.is_some(), "{place:?}");
        let text = format!("{before}{} {value}\n{after}", keyword.name);
        let loaded = keepalived(&text);
        if loaded.config != without {
            wrong.push(format!("{place:?} {} {value}", keyword.name));
        }
        tried += 1;
    }
    // These are filled in by whoever uses them.
    let later = [
        "Global vmac_prefix vrrp",
        "Global nftables keepalived",
        "Global nftables_priority -1",
        "Global lvs_drain 30",
        "TcpCheck fwmark 0",
        "HttpCheck fwmark 0",
        "SmtpCheck fwmark 0",
        "SmtpHost fwmark 0",
        "DnsCheck fwmark 0",
        "PingCheck fwmark 0",
        "UdpCheck fwmark 0",
    ];
    assert_eq!(wrong, later);
    assert!(tried > 50, "{tried}");
}

/// Lines have parsers of their own, and those know the words of the table.
#[test]
fn words_within_lines_are_known_to_their_parsers() {
    let mut tried = 0;
    let mut wrong = Vec::new();
    for (place, keyword, (before, after)) in honoured().filter(|(place, ..)| !place.is_block()) {
        // Whatever is unknown is a name there.
        if matches!(place, Place::Vmac | Place::Ipvlan) {
            continue;
        }
        let rest = if place == Place::Timeouts { " 1" } else { "" };
        let unknown = |word: &str| {
            let loaded = keepalived(&format!("{before}{word}{rest}\n{after}"));
            let mut said = loaded.report.diagnostics().iter();
            said.any(|said| {
                said.message.contains(&format!("`{word}`")) && said.message.contains("is not ")
                    || said.code == Code::UnknownWord
            })
        };
        assert!(unknown("nonsense"), "{place:?}");
        // One that stands after another.
        if matches!((place, keyword.name), (Place::Track, "reverse" | "noreverse") | (Place::Route, "weight")) {
            continue;
        }
        for name in keyword.names() {
            if unknown(name) {
                wrong.push(format!("{place:?} {name}"));
            }
            tried += 1;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(tried > 100, "{tried}");
}

/// What is refused is an error, whoever finds it.
#[test]
fn refused_words_stop_a_start() {
    let mut tried = 0;
    for place in Place::ALL {
        for keyword in place.words().filter(|keyword| matches!(keyword.status, Status::Refused(_))) {
            let (before, after) = around(*place).unwrap();
            let rest = match keyword.takes {
                Takes::Block => "{\n}",
                Takes::Nothing
                | Takes::One(_)
                | Takes::Optional(_)
                | Takes::Several(_)
                | Takes::Any(_)
                | Takes::Either(_)
                | Takes::Named(_) => "1",
            };
            let loaded = keepalived(&format!("{before}{} {rest}\n{after}", keyword.name));
            assert_eq!(loaded.report.worst(), Some(Severity::Error), "{place:?} {}", keyword.name);
            tried += 1;
        }
    }
    assert!(tried > 0);
}

/// A word of another program is told from a slip of the pen, wherever it stands, and swallows nothing.
#[test]
fn words_of_others_are_explained() {
    for keyword in Place::Foreign.words() {
        for name in keyword.names() {
            assert!(keyword.stranger.is_some(), "{name}");
            let known = Place::ALL.iter().any(|place| place.is_block() && find(*place, name).is_some());
            assert!(!known, "{name} is a word of the language");
            let loaded = keepalived(&format!("{SERVICE}{name} x {{\ny\n}}\nlb_algo rr\n{SERVER}}}\n}}\n"));
            let found = super::only(&loaded, Code::Foreign);
            assert_eq!(found.severity, Severity::Warning);
            assert_eq!(loaded.config.unwrap().services[0].settings.scheduler.name(), "rr", "{name}");
        }
    }
}

/// What a code is explained with does bring it about.
#[test]
fn examples_of_codes_have_those_codes() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let article = code.article();
        for text in [article.meaning, article.matters, article.remedy] {
            assert!(text.ends_with('.'), "{code}: {text}");
        }
        let (name, text) = match article.example {
            Example::Keepalived(text) => ("test.conf", text),
            Example::Toml(text) => ("test.toml", text),
            Example::Haproxy(text) => ("haproxy.cfg", text),
            Example::Described(_) => continue,
        };
        let (path, texts) = (Path::new(name), Texts::new([(name, text.as_bytes())]));
        let loaded = match article.example {
            Example::Haproxy(_) => convert_haproxy(path, &[], &texts).loaded,
            Example::Keepalived(_) | Example::Toml(_) | Example::Described(_) => {
                load(path, None, &texts, &Context { config_id: "a".to_owned() })
            }
        };
        if !loaded.report.diagnostics().iter().any(|said| said.code == *code) {
            wrong.push(format!("{code}: {}", loaded.report.render(false)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Everything that is listed can be explained, and slips lead to it.
#[test]
fn every_name_is_explained() {
    for name in explain::names() {
        assert!(explain::explain(&name).is_some(), "{name}");
    }
    assert_eq!(explain::explain("priorty"), None);
    assert_eq!(explain::meant("priorty").first().map(String::as_str), Some("priority"));
    assert!(explain::explain("lb_algo").unwrap().words.iter().any(|word| word.word == "lvs_sched"));
    assert!(explain::explain("c301").unwrap().code.is_some());
    assert_eq!(explain::explain("instance.advert-interval").unwrap().keys[0].line, "advert-interval = \"1s\"");
}

/// What has no row in the table, in all the ways that it is written.
#[test]
fn what_is_no_word_is_explained_too() {
    for (written, name) in [
        ("~SEQ", "~SEQ"),
        ("~SEQx(N,1,9)", "~SEQx"),
        ("~LST", "~LST"),
        ("@", "@id"),
        ("@^lb1", "@id"),
        ("$VAR", "$NAME"),
        ("${VIP}", "$NAME"),
        ("_PWD", "_PWD"),
        ("$_PWD", "_PWD"),
        ("${_RANDOM 1 5}", "_RANDOM"),
        ("${_ENV HOME}", "_ENV"),
    ] {
        let found = explain::explain(written).unwrap_or_else(|| panic!("{written}"));
        let construct = found.construct.unwrap_or_else(|| panic!("{written}"));
        assert_eq!(construct.name, name, "{written}");
    }
    assert_eq!(explain::explain("~SEK"), None);
    assert_eq!(explain::meant("~SEK").first().map(String::as_str), Some("~SEQ"));
}

/// The examples are read without a remark on what they show.
#[test]
fn what_is_no_word_is_read_as_it_is_explained() {
    let shown = |name: &str| explain::explain(name).unwrap().construct.unwrap().example;
    for (name, addresses) in [("~SEQ", &["192.0.2.11", "192.0.2.12", "192.0.2.13"][..]), ("$NAME", &["192.0.2.1"])] {
        let lines = format!("{}\n{}", shown("@id"), shown(name));
        let text = format!("vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\n{lines}\n}}\n");
        let router = keepalived(&text).config.unwrap().instances.remove(0);
        let found: Vec<_> = router.addresses.iter().map(|virtual_one| virtual_one.address.to_string()).collect();
        assert_eq!(found, addresses, "{name}");
    }
}

/// What a block that is not done holds is not done either.
#[test]
fn words_share_the_fate_of_their_block() {
    let told = |place: Place, word: &str| place.status(find(place, word).unwrap());
    assert_eq!(told(Place::TcpCheck, "connect_port"), Status::Honoured);
    assert!(matches!(told(Place::BfdCheck, "name"), Status::NotYet(_)));
    assert_eq!(Word::named("TCP_CHECK").map(|word| word.place).collect::<Vec<_>>(), ["in `real_server`"]);
}

/// The page beside the examples is the one that the table makes: `BLESS=1` writes it anew.
#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/keepalived-words.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, explain::page()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == explain::page(), "{} is not what the table says: run this test with BLESS=1", path.display());
}
