//! Who runs a configuration: ipvsd, or keepalived for comparison.

use crate::command::Output;
use crate::daemon::Daemon;
use crate::node::Node;
use crate::{peers, programs};

const SOCKET: &str = "/run/ipvsd/ipvsd.sock";
const STATE: &str = "/var/lib/ipvsd";
/// What is changed in the files for keepalived, and why.
const MENDED: [&str; 2] = [
    "Changed for keepalived 2.2.7: `pidof` is started through a shell, because it is a link, which keepalived follows to",
    "killall5, which knows no `haproxy`; of two instances with virtual_router_id 51 one has 52, because they end keepalived.",
];

/// A program that directs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Director {
    /// The program that this project is about.
    Ipvsd,
    /// Debian's keepalived. What only ipvsd does (setting sysctls, `ipvsctl`) is done by hand, or not shown.
    Keepalived,
}

impl Director {
    /// The program's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Director::Ipvsd => "ipvsd",
            Director::Keepalived => "keepalived",
        }
    }

    /// What the audience should know about it beforehand.
    #[must_use]
    pub fn caveats(self) -> Vec<String> {
        match self {
            Director::Ipvsd => Vec::new(),
            Director::Keepalived => MENDED.map(str::to_owned).into(),
        }
    }

    /// Starts it on a node with a configuration, which lands where keepalived has it.
    #[must_use]
    pub fn start(self, node: &Node, configuration: &str) -> Daemon {
        match self {
            Director::Ipvsd => {
                node.write(peers::KEEPALIVED_CONF, configuration);
                node.command(programs::bin("ipvsd"))
                    .args([
                        "--config",
                        peers::KEEPALIVED_CONF,
                        "--socket",
                        SOCKET,
                        "--state-dir",
                        STATE,
                        "--log",
                        "plain",
                    ])
                    .spawn("ipvsd")
            }
            Director::Keepalived => {
                node.set_sysctl("net.ipv4.ip_forward", "1");
                peers::keepalived(node, &mended(configuration))
            }
        }
    }

    /// Kills it as a crash would, all its processes.
    pub fn kill(self, node: &Node, daemon: &Daemon) {
        match self {
            Director::Ipvsd => {}
            // Of its processes the first one's death alone would let the others tidy up. The node has its own process ids.
            Director::Keepalived => {
                node.sh("kill -KILL $(pidof keepalived)");
            }
        }
        daemon.kill();
    }

    /// Everything at a glance: the command, and what it prints.
    #[must_use]
    pub fn show(self, node: &Node) -> (String, String) {
        match self {
            Director::Ipvsd => {
                let output = node.command(programs::bin("ipvsctl")).args(["--socket", SOCKET, "show"]).output();
                (format!("ipvsctl show          (on {})", node.name()), everything(&output))
            }
            Director::Keepalived => (
                format!("ip -br -4 address; ipvsadm -Ln     (on {})", node.name()),
                node.sh("ip -br -4 address; ipvsadm -Ln"),
            ),
        }
    }

    /// What it says of a configuration file (a path in the repository): the command, and what it prints.
    #[must_use]
    pub fn check(self, node: &Node, file: &str) -> (String, String) {
        let path = programs::repository().join(file);
        match self {
            Director::Ipvsd => {
                let output = node.command(programs::bin("ipvsctl")).arg("check").arg(path).output();
                (format!("ipvsctl check {file}"), everything(&output))
            }
            Director::Keepalived => {
                let output = node
                    .command("keepalived")
                    .args(["--log-console", "--config-test", "--use-file"])
                    .arg(path)
                    .output();
                (format!("keepalived --config-test --use-file {file}"), everything(&output))
            }
        }
    }

    /// The daemon's own word on everything, where it has one.
    #[must_use]
    pub fn snapshot(self, node: &Node) -> Option<ipvsd::api::Snapshot> {
        match self {
            Director::Ipvsd => {
                let command = node.command(programs::bin("ipvsctl")).args(["--socket", SOCKET, "show", "-o", "json"]);
                serde_json::from_str(&command.output().stdout).ok()
            }
            Director::Keepalived => None,
        }
    }
}

/// What Debian's keepalived cannot run as it stands, changed for it; see [`MENDED`].
fn mended(configuration: &str) -> String {
    let text = configuration.replace("\"pidof haproxy\"", "\"/bin/sh -c 'pidof haproxy'\"");
    match text.rsplit_once("virtual_router_id 51") {
        Some((before, after)) if before.contains("virtual_router_id 51") => {
            format!("{before}virtual_router_id 52{after}")
        }
        _ => text,
    }
}

fn everything(output: &Output) -> String {
    let repository = format!("{}/", programs::repository().display());
    let mut text = format!("{}{}", output.stdout, output.stderr);
    if !output.success() {
        text += &format!("({})\n", output.status);
    }
    text.replace(&repository, "")
}
