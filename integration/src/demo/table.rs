//! The kernel's own word on IPVS: `/proc/net/ip_vs` and `/proc/net/ip_vs_conn` of a node.
//!
//! The play measures by these rather than by what the daemon under show says of itself. Reading them starts no process,
//! so that a look costs next to nothing in a lab guest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::node::Node;

/// A service of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Virtual address and port.
    pub address: SocketAddrV4,
    /// Scheduler.
    pub scheduler: String,
    /// Its servers.
    pub servers: Vec<Server>,
}

/// A server of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Address and port.
    pub address: SocketAddrV4,
    /// `Masq`, `Route`, ...
    pub forwarding: String,
    /// Weight.
    pub weight: u32,
    /// Established connections.
    pub active: u32,
    /// Other connections.
    pub inactive: u32,
}

/// The IPv4 services of a node's table.
#[must_use]
pub fn services(node: &Node) -> Vec<Service> {
    parse(&file(node, "ip_vs"))
}

/// Entries of a node's table, services and servers together.
#[must_use]
pub fn entries(node: &Node) -> usize {
    services(node).iter().map(|service| 1 + service.servers.len()).sum()
}

/// The servers of a node's (only) service that may get connections.
#[must_use]
pub fn servers(node: &Node) -> Vec<Ipv4Addr> {
    let mut servers: Vec<_> = services(node)
        .iter()
        .flat_map(|service| &service.servers)
        .filter(|server| server.weight > 0)
        .map(|server| *server.address.ip())
        .collect();
    servers.sort_unstable();
    servers
}

/// By client address: the servers that its connections to a service went to.
#[must_use]
pub fn choices(node: &Node, service: SocketAddrV4) -> BTreeMap<Ipv4Addr, BTreeSet<Ipv4Addr>> {
    let mut choices: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for line in file(node, "ip_vs_conn").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, client, client_port, address, port, server, ..] = words.as_slice() else { continue };
        let (Some(client), Some(at), Some(server)) = (ip(client), endpoint(address, port), ip(server)) else {
            continue;
        };
        // A client port of 0 is the template of a persistent client: no connection.
        if at == service && *client_port != "0000" {
            choices.entry(client).or_default().insert(server);
        }
    }
    choices
}

fn file(node: &Node, name: &str) -> String {
    // The process's own /proc/net shows the network of its first thread: not where this one is.
    // Room at once for large reads: where a read goes on, the kernel finds its place by counting this namespace's services
    // only, after it had counted everybody's, so that a table read in bits lacks entries while other nodes have theirs.
    let mut text = String::with_capacity(64 * 1024);
    match node.enter(|| File::open(format!("/proc/thread-self/net/{name}"))?.read_to_string(&mut text)) {
        Ok(_) => text,
        Err(_) => String::new(),
    }
}

fn parse(text: &str) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["TCP" | "UDP", at, scheduler, ..] => {
                if let Some(address) = at.split_once(':').and_then(|(ip, port)| endpoint(ip, port)) {
                    services.push(Service { address, scheduler: (*scheduler).to_owned(), servers: Vec::new() });
                }
            }
            ["->", at, forwarding, weight, active, inactive] => {
                let address = at.split_once(':').and_then(|(ip, port)| endpoint(ip, port));
                let numbers = (weight.parse(), active.parse(), inactive.parse());
                if let (Some(address), Some(service), (Ok(weight), Ok(active), Ok(inactive))) =
                    (address, services.last_mut(), numbers)
                {
                    let forwarding = (*forwarding).to_owned();
                    service.servers.push(Server { address, forwarding, weight, active, inactive });
                }
            }
            _ => {}
        }
    }
    services
}

fn ip(hex: &str) -> Option<Ipv4Addr> {
    (hex.len() == 8).then_some(())?;
    u32::from_str_radix(hex, 16).ok().map(Ipv4Addr::from)
}

fn endpoint(address: &str, port: &str) -> Option<SocketAddrV4> {
    Some(SocketAddrV4::new(ip(address)?, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let text = "IP Virtual Server version 1.2.1 (size=4096)\n\
                    Prot LocalAddress:Port Scheduler Flags\n  \
                    -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n\
                    TCP  C0A80A63:20FB wlc persistent 1800 FFFFFFFF \n  \
                    -> C0A80A52:20FB      Masq    1      2          3         \n";
        let services = parse(text);
        assert_eq!(services.len(), 1);
        assert_eq!(services[0].address, "192.168.10.99:8443".parse().unwrap());
        assert_eq!(services[0].scheduler, "wlc");
        let server = &services[0].servers[0];
        assert_eq!(server.address, "192.168.10.82:8443".parse().unwrap());
        assert_eq!((server.forwarding.as_str(), server.weight, server.active, server.inactive), ("Masq", 1, 2, 3));
    }
}
