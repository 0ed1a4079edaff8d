//! Servers under direct routing that are on no link of the host.
//!
//! Direct routing sends the packet on with the service's address in it, by a frame to the server itself, so the server has to be in
//! a network that the host is connected to. Which these are, the text tells in part: the networks of its addresses, and routes
//! without a gateway. The rest is the host's, and whoever looks at the file on the host that it is for hands it in. NAT and
//! tunnels go through gateways, and nothing is said of them.
//!
//! This is a note and no more: a route without a gateway that something else sets is known to neither.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Loaded;
use super::diagnostic::{Code, Diagnostic};
use super::source::Span;
use crate::model::Family;

/// Servers of one service that no network of the text holds.
#[derive(Debug, Clone)]
pub(super) struct FarServers {
    /// Where the service is written.
    pub(super) at: Span,
    pub(super) servers: Vec<IpAddr>,
    /// The text has networks of their family.
    pub(super) networks_written: bool,
}

/// Whether an address lies in the network of another.
pub(super) fn holds(network: IpAddr, length: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => same_v6(network, address, length),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

fn same_v6(one: Ipv6Addr, two: Ipv6Addr, length: u8) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
    one.to_bits() & mask == two.to_bits() & mask
}

/// Whether a network is one of a link to others: neither this host alone, nor every link's own.
fn joins(address: IpAddr, length: u8) -> bool {
    let own = match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4 == Ipv4Addr::UNSPECIFIED,
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    };
    !own && length < Family::of(address).bits()
}

/// Notes servers under direct routing that are in none of the text's networks, nor in any of the host's: the addresses of its
/// interfaces with their prefix lengths; none if the text is for another host.
pub fn note_far_servers(loaded: &mut Loaded, host: &[(IpAddr, u8)]) {
    // With `dynamic_interfaces` the host's links are not what they will be.
    let come_later = loaded.report.interfaces_come_later();
    let host: Vec<_> =
        host.iter().copied().filter(|(address, length)| !come_later && joins(*address, *length)).collect();
    for FarServers { at, servers, networks_written } in loaded.report.take_far_servers() {
        let Some(family) = servers.first().copied().map(Family::of) else { continue };
        let host_known = host.iter().any(|(address, _)| Family::of(*address) == family);
        if !host_known && !networks_written {
            continue;
        }
        let near = |server: &IpAddr| host.iter().any(|(address, length)| holds(*address, *length, *server));
        let mut far = servers.into_iter().filter(|server| !near(server));
        let Some(first) = far.next() else { continue };
        let more = match far.count() {
            0 => String::new(),
            1 => "; one more of its servers is not either".to_owned(),
            more => format!("; {more} more of its servers are not either"),
        };
        let (whose, otherwise) = match host_known {
            true => ("of this host or this file", "if the file is for another host, check it with `--other-host`; "),
            false => ("that this file names", "if the host is connected to its network by itself, all is well; "),
        };
        loaded.report.add(
            Diagnostic::note(
                Code::OutOfReach,
                at,
                format!("the server {first} is in no network {whose}, and direct routing reaches no others{more}"),
            )
            .mark("a server of this service")
            .help(format!(
                "direct routing sends frames to the server itself and does not go through gateways: {otherwise}else use a tunnel \
                 (`TUN`), or NAT, or mend the address"
            )),
        );
    }
    loaded.report.sort();
}
