//! Words that stand alone where a value is needed, and what keepalived does then.
//!
//! It exits at most of them, while it reads, with a message about a missing parameter. Others look for their value themselves:
//! they complain or keep silent, and the file goes on without them. Nothing about a word tells which it is, so this was found by
//! giving each word of the table to `keepalived -t` without its value, one at a time. Words that only newer versions know, and
//! that no version was seen to step over, count as the many do.

use super::{Keyword, Place, Status};

/// Words that are stepped over, by their main names.
const STEPPED_OVER: &[(Place, &[&str])] = &[
    (Place::Root, &["vrrp_sync_group", "track_group", "net_namespace", "instance"]),
    (
        Place::Global,
        &[
            "router_id",
            "notification_email_from",
            "smtp_helo_name",
            "script_user",
            "startup_script",
            "startup_script_timeout",
            "shutdown_script",
            "shutdown_script_timeout",
            "vrrp_priority",
            "checker_priority",
            "bfd_priority",
            "vrrp_rt_priority",
            "checker_rt_priority",
            "bfd_rt_priority",
            "vrrp_cpu_affinity",
            "checker_cpu_affinity",
            "bfd_cpu_affinity",
            "min_auto_priority_delay",
            "tmp_config_directory",
            "reload_time_file",
            "default_interface",
            "vrrp_netlink_cmd_rcv_bufs",
            "vrrp_netlink_monitor_rcv_bufs",
            "lvs_netlink_cmd_rcv_bufs",
            "lvs_netlink_monitor_rcv_bufs",
            "process_monitor_rcv_bufs",
            "vrrp_rx_bufs_policy",
            "vrrp_rx_bufs_multiplier",
            "notify_fifo",
            "notify_fifo_script",
            "vrrp_notify_fifo",
            "vrrp_notify_fifo_script",
            "vrrp_garp_extra_if",
            "snmp_socket",
            "dbus_service_name",
            "lvs_sync_daemon",
            "lvs_timeouts",
            "lvs_notify_fifo",
            "lvs_notify_fifo_script",
        ],
    ),
    (Place::Script, &["script"]),
    (Place::TrackFile, &["file", "weight"]),
    (Place::TrackProcess, &["weight"]),
    (Place::Instance, &["kernel_rx_buf_size", "garp_extra_if"]),
    (Place::Service, &["virtualhost", "snmp_name", "sorry_server_lvs_method"]),
    (Place::Server, &["virtualhost", "snmp_name"]),
    (Place::HttpCheck, &["http_protocol", "virtualhost"]),
    (
        Place::Url,
        &[
            "status_code",
            "virtualhost",
            "regex",
            "regex_options",
            "regex_stack",
            "regex_min_offset",
            "regex_max_offset",
        ],
    ),
    (Place::SmtpCheck, &["helo_name"]),
    (Place::MiscCheck, &["misc_path", "user"]),
    (Place::UdpCheck, &["payload"]),
    (Place::FileCheck, &["weight"]),
    (Place::BfdCheck, &["name"]),
];

/// Words without effect that end keepalived all the same.
const IDLE_AND_DEADLY: &[(Place, &[&str])] = &[
    (Place::Root, &["child_wait_time"]),
    (
        Place::Global,
        &[
            "process_name",
            "vrrp_process_name",
            "checker_process_name",
            "bfd_process_name",
            "checker_rlimit_rttime",
            "bfd_rlimit_rttime",
        ],
    ),
    (Place::Instance, &["debug"]),
    (Place::PingCheck, &["connect_port", "bind_port"]),
];

fn lists(table: &[(Place, &[&str])], place: Place, keyword: &Keyword) -> bool {
    table.iter().any(|(at, words)| *at == place && words.contains(&keyword.name))
}

/// Whether keepalived exits at the word where it needs a value and has none.
pub(in crate::config::keepalived) fn ends_keepalived(place: Place, keyword: &Keyword) -> bool {
    match keyword.status {
        Status::WithoutEffect(_) => lists(IDLE_AND_DEADLY, place, keyword),
        Status::Honoured | Status::NotYet(_) | Status::Refused(_) | Status::Removed(_) => {
            !lists(STEPPED_OVER, place, keyword)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Takes, find};
    use super::*;

    /// A word that the table has lost, or calls by another name, would silently count as one that ends keepalived.
    #[test]
    fn each_is_a_word_that_takes_a_value() {
        for (place, words) in STEPPED_OVER.iter().chain(IDLE_AND_DEADLY) {
            for word in *words {
                let keyword = find(*place, word).unwrap_or_else(|| panic!("{word} {}", place.name()));
                assert_eq!(keyword.name, *word);
                assert!(matches!(keyword.takes, Takes::One(_) | Takes::Several(_) | Takes::Named(_)), "{word}");
            }
        }
        for (place, words) in IDLE_AND_DEADLY {
            for word in *words {
                assert!(matches!(find(*place, word).unwrap().status, Status::WithoutEffect(_)), "{word}");
            }
        }
    }
}
