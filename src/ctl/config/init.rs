//! `ipvsctl config init`.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::super::{Failure, Status};
use crate::config::{self, Context, Language, Severity, SourceError, Sources};

/// Print a first file: one address, one service, its servers, each line explained
///
/// What is not told stands there as an example: nothing is asked, and nothing of this host is looked at.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Address that clients reach
    #[arg(long, value_name = "ADDRESS[/LENGTH]", default_value = "192.0.2.10/24")]
    vip: String,

    /// Interface that the address is put on
    #[arg(long, value_name = "NAME", default_value = "eth0")]
    interface: String,

    /// Number of the virtual router
    #[arg(long, value_name = "NUMBER", default_value = "51", value_parser = clap::value_parser!(u8).range(1..))]
    vrid: u8,

    /// A server behind it; once for each [default: two examples]
    #[arg(long, value_name = "ADDRESS:PORT")]
    server: Vec<SocketAddr>,

    /// Port that clients reach [default: that of the first server]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

impl Init {
    pub(super) fn text(&self) -> Result<String, Failure> {
        let usage = |message: String| Failure { status: Status::Usage, message };
        let bare = self.vip.split('/').next().unwrap_or(&self.vip);
        let vip: IpAddr = bare.parse().map_err(|_| {
            usage(format!("--vip: `{}` is not an address such as 192.0.2.10 or 192.0.2.10/24", self.vip.escape_debug()))
        })?;
        let servers = match (self.server.as_slice(), vip) {
            ([], IpAddr::V4(_)) => [[10, 0, 0, 11], [10, 0, 0, 12]].map(|ip| SocketAddr::new(ip.into(), 80)).to_vec(),
            ([], IpAddr::V6(_)) => [[0xfd00, 0, 0, 0, 0, 0, 0, 0x11], [0xfd00, 0, 0, 0, 0, 0, 0, 0x12]]
                .map(|ip: [u16; 8]| SocketAddr::new(ip.into(), 80))
                .to_vec(),
            (servers, _) => servers.to_vec(),
        };
        let port = self.port.or(servers.first().map(SocketAddr::port)).unwrap_or(80);
        let text = document(&self.vip, &self.interface, self.vrid, SocketAddr::new(vip, port), &servers);
        let loaded = config::load(Path::new("ipvsd.toml"), Some(Language::Toml), &Text(&text), &Context::default());
        match loaded.report.worst() {
            Some(Severity::Error | Severity::Warning) => {
                Err(usage(format!("these make no configuration:\n\n{}", loaded.report.render(false).trim_end())))
            }
            Some(Severity::Note) | None => Ok(text),
        }
    }
}

/// A name may hold a quote, and then it is said to be no name, at its place.
fn document(vip: &str, interface: &str, vrid: u8, service: SocketAddr, servers: &[SocketAddr]) -> String {
    // Strings of JSON are strings of TOML.
    let (interface, vip) = (Value::from(interface), Value::from(vip));
    let mut text = format!(
        r#"# A configuration of ipvsd.
#
#   ipvsctl check FILE              what is wrong with it
#   ipvsctl config reference        every key there is
#   ipvsd --config FILE             run it

# The address that clients reach. The same file goes to every host that may hold it, but for the priority.
[[instance]]
name = "main"
interface = {interface}
vrid = {vrid}                       # the same on all its hosts; no other router of this network may have it
priority = 100                  # 1 to 254: the highest holds the address, so give each host its own
addresses = [{vip}]
# peers = ["192.0.2.2"]         # the other hosts, where multicast does not travel between them
# preempt = false               # let the address stay where it is when a host of higher priority comes back

# The service, and the servers behind it.
[[service]]
address = "{service}"
scheduler = "wlc"               # fewest connections by weight; "rr" takes turns, "mh" and "sh" go by the client
forward = "nat"                 # the servers' way back must lead through this host; "direct" and "tunnel" need no such way
# persistence = "5m"            # a client comes back to its server for as long
check = {{ tcp = {{ timeout = "3s" }}, interval = "5s" }}   # a server that accepts no connections gets none
server = [
"#
    );
    for server in servers {
        let _ = writeln!(text, "    {{ address = \"{server}\", weight = 1 }},");
    }
    text.push_str("]\n");
    text
}

/// A document in memory.
struct Text<'t>(&'t str);

impl Sources for Text<'_> {
    fn read(&self, _: &Path) -> Result<Vec<u8>, SourceError> {
        Ok(self.0.as_bytes().to_vec())
    }

    fn glob(&self, _: &str) -> Vec<PathBuf> {
        Vec::new()
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}
