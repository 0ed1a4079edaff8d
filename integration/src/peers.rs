//! Other people's daemons, as Debian ships them: what we are compared with, and what
//! we balance.

use crate::daemon::Daemon;
use crate::node::Node;

/// Where keepalived looks for its configuration.
pub const KEEPALIVED_CONF: &str = "/etc/keepalived/keepalived.conf";
/// Where Debian's haproxy looks for its configuration.
pub const HAPROXY_CFG: &str = "/etc/haproxy/haproxy.cfg";

/// Starts keepalived in the foreground with this configuration, which lands at
/// [`KEEPALIVED_CONF`] of the node; process-id files are in the node's own `/run`.
///
/// # Panics
///
/// When it is not installed.
#[track_caller]
#[must_use]
pub fn keepalived(node: &Node, configuration: &str) -> Daemon {
    keepalived_with(node, configuration, &[])
}

/// The same with more options: `--vrrp` leaves its checkers out, which end all of it where there is no IPVS.
///
/// # Panics
///
/// When it is not installed.
#[track_caller]
#[must_use]
pub fn keepalived_with(node: &Node, configuration: &str, options: &[&str]) -> Daemon {
    node.write(KEEPALIVED_CONF, configuration);
    node.command("keepalived")
        .args(["--dont-fork", "--log-console", "--log-detail", "--use-file", KEEPALIVED_CONF])
        .args(options)
        .spawn("keepalived")
}

/// Starts haproxy in the foreground with this configuration, which lands at
/// [`HAPROXY_CFG`] of the node.
///
/// # Panics
///
/// When it is not installed.
#[track_caller]
#[must_use]
pub fn haproxy(node: &Node, configuration: &str) -> Daemon {
    node.write(HAPROXY_CFG, configuration);
    node.command("haproxy").args(["-db", "-f", HAPROXY_CFG]).spawn("haproxy")
}

/// Starts tcpdump with a filter in the words of pcap-filter(7), and waits until it
/// listens; its log has a line for each packet.
///
/// # Panics
///
/// When it is not installed, or the filter is wrong.
#[track_caller]
#[must_use]
pub fn tcpdump(node: &Node, device: &str, filter: &str) -> Daemon {
    let daemon = node.command("tcpdump").args(["-l", "-n", "-e", "-tt", "-i", device, filter]).spawn("tcpdump");
    daemon.wait_log(std::time::Duration::from_secs(20), "listening on");
    daemon
}
