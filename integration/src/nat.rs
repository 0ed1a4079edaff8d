//! The smallest network that balances: a client, a director between two segments, and servers whose way back to the client
//! leads through the director, as NAT wants it.
//!
//! ```text
//! client 198.51.100.10 -- front -- 198.51.100.1 director 10.0.0.1 -- back -- 10.0.0.11, .12, ... servers
//! ```

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::node::Node;
use crate::segment::Segment;
use crate::topology::Topology;
use crate::web::{WebClient, WebServer};

/// The virtual service of the network: on the director's own front address, so that no VRRP is needed.
pub const SERVICE: &str = "198.51.100.1:80";

/// The network.
#[derive(Debug)]
pub struct NatLab {
    /// Owns it all.
    pub lab: Topology,
    /// Client's side.
    pub front: Segment,
    /// Servers' side.
    pub back: Segment,
    /// Where ipvsd runs.
    pub director: Node,
    /// Who asks.
    pub client: Node,
    /// Who answers, on port 80 of 10.0.0.11 and on.
    pub servers: Vec<WebServer>,
    /// The servers' nodes.
    pub nodes: Vec<Node>,
}

impl NatLab {
    /// Builds it with so many servers, all listening.
    ///
    /// # Panics
    /// When the kernel refuses anything.
    #[track_caller]
    #[must_use]
    pub fn new(name: &str, servers: u8) -> Self {
        let mut lab = Topology::new(name);
        let (front, back) = (lab.segment("front"), lab.segment("back"));
        let (director, client) = (lab.node("director"), lab.node("client"));
        front.attach(&director, "eth0", &["198.51.100.1/24"]);
        front.attach(&client, "eth0", &["198.51.100.10/24", "198.51.100.11/24", "198.51.100.12/24"]);
        back.attach(&director, "eth1", &["10.0.0.1/24"]);
        let nodes: Vec<_> = (1..=servers)
            .map(|number| {
                let node = lab.node(&format!("s{number}"));
                back.attach(&node, "eth0", &[&format!("10.0.0.{}/24", 10 + number)]);
                node.add_route("default via 10.0.0.1");
                node
            })
            .collect();
        let servers = (1..)
            .zip(&nodes)
            .map(|(number, node)| WebServer::start(node, format!("10.0.0.{}:80", 10 + number)))
            .collect();
        Self { lab, front, back, director, client, servers, nodes }
    }

    /// The service's address.
    ///
    /// # Panics
    /// Never: the address is a constant.
    #[must_use]
    pub fn service(&self) -> SocketAddr {
        SERVICE.parse().expect("an address")
    }

    /// Somebody who asks from the client's first address.
    #[must_use]
    pub fn asker(&self) -> WebClient {
        WebClient::new(&self.client)
    }

    /// A keepalived.conf for the service with all servers; `service` and `server` are lines for each block.
    #[must_use]
    pub fn conf(&self, scheduler: &str, service: &str, server: &str) -> String {
        self.conf_with(scheduler, service, |_| server.to_owned())
    }

    /// The same with lines of its own for each server, by its number from 1.
    ///
    /// # Panics
    /// Never: writing to a string succeeds.
    #[must_use]
    pub fn conf_with(&self, scheduler: &str, service: &str, server: impl Fn(usize) -> String) -> String {
        let mut text = format!(
            "virtual_server 198.51.100.1 80 {{\n  lb_algo {scheduler}\n  lb_kind NAT\n  protocol TCP\n  {service}\n"
        );
        for number in 1..=self.nodes.len() {
            writeln!(text, "  real_server 10.0.0.{} 80 {{\n    {}\n  }}", 10 + number, server(number))
                .expect("a string");
        }
        text.push_str("}\n");
        text
    }
}
