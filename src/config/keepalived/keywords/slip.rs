//! Words that people write for others which look quite different.
//!
//! How near two words are in letters tells nothing of these: they come from other programs, from the names of the protocol,
//! or from what one would have called the thing.

/// What is written, and what is meant; with several rows, the one that stands where the word was written.
const SLIPS: &[(&str, &str)] = &[
    ("advert_interval", "advert_int"),
    ("advertisement_interval", "advert_int"),
    ("advertise_interval", "advert_int"),
    ("prio", "priority"),
    ("vrid", "virtual_router_id"),
    ("router_id", "virtual_router_id"),
    ("iface", "interface"),
    ("nic", "interface"),
    ("dev", "interface"),
    ("vip", "virtual_ipaddress"),
    ("vips", "virtual_ipaddress"),
    ("virtual_ip", "virtual_ipaddress"),
    ("virtual_ips", "virtual_ipaddress"),
    ("virtual_address", "virtual_ipaddress"),
    ("virtual_addresses", "virtual_ipaddress"),
    ("auth", "authentication"),
    ("password", "auth_pass"),
    ("unicast_ip", "unicast_src_ip"),
    ("unicast_source_ip", "unicast_src_ip"),
    ("peer", "unicast_peer"),
    ("peers", "unicast_peer"),
    ("notify_fail", "notify_fault"),
    ("notify_down", "notify_fault"),
    ("command", "script"),
    ("check_interval", "interval"),
    ("check_interval", "delay_loop"),
    ("interval", "delay_loop"),
    ("members", "group"),
    ("scheduler", "lb_algo"),
    ("sched", "lb_algo"),
    ("algorithm", "lb_algo"),
    ("balance", "lb_algo"),
    ("method", "lb_kind"),
    ("lb_method", "lb_kind"),
    ("forward", "lb_kind"),
    ("persistence", "persistence_timeout"),
    ("timeout", "connect_timeout"),
    ("port", "connect_port"),
    ("retries", "retry"),
    ("HTTPS_GET", "SSL_GET"),
    ("HTTP_CHECK", "HTTP_GET"),
    ("HTTPS_CHECK", "SSL_GET"),
    ("SSL_CHECK", "SSL_GET"),
    ("SCRIPT_CHECK", "MISC_CHECK"),
    ("server", "real_server"),
    ("backend", "real_server"),
    ("uri", "path"),
    ("status", "status_code"),
    ("virtual_host", "virtualhost"),
];

/// What the word is written for: several, if that hangs on where it stands.
pub(super) fn usual(word: &str) -> impl Iterator<Item = &'static str> {
    SLIPS.iter().filter(move |(slip, _)| *slip == word).map(|(_, usual)| *usual)
}
