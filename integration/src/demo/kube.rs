//! The network of the first two acts: three machines that each run HAProxy in front of an API server, as the document has
//! them, and clients in another subnet on the same wire.
//!
//! The way back. The configuration balances with NAT onto servers that are the directors themselves. The director that
//! holds the address rewrites a request's destination, so its reply has to come back to be rewritten too. A client would
//! otherwise get an answer from an address that it never called, and drop it. So each machine answers what came to its
//! own port 8443 by way of the virtual address: one rule, and two routes in a table of its own. The first of them leaves
//! out the machines' own subnet, from which health checks come: they are not rewritten, and their answers go straight back.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use crate::daemon::Daemon;
use crate::node::Node;
use crate::peers;
use crate::topology::Topology;
use crate::web::WebServer;

/// The virtual address of the configuration.
pub const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 99);
/// Where HAProxy listens.
pub const PORT: u16 = 8443;
/// The interface of the configuration.
pub const DEVICE: &str = "em1";
/// Addresses that the client asks from.
const CLIENTS: u8 = 24;
/// HAProxy's configuration as the document has it, but for one thing: all three servers are called `kube-master-1` there,
/// which HAProxy 2.6 refuses, so that here they are `kube-master-1` to `-3`.
const HAPROXY: &str = include_str!("haproxy.cfg");

/// One of the three machines.
#[derive(Debug)]
pub struct Machine {
    /// The machine.
    pub node: Node,
    /// Its own address.
    pub address: Ipv4Addr,
    /// HAProxy on it.
    pub haproxy: Daemon,
    /// What runs the configuration on it.
    pub director: Option<Daemon>,
}

impl Machine {
    /// Starts HAProxy (again).
    pub fn start_haproxy(&mut self) {
        self.haproxy = peers::haproxy(&self.node, HAPROXY);
    }

    /// Whether it has the virtual address.
    #[must_use]
    pub fn holds_vip(&self) -> bool {
        self.node.has_address(DEVICE, IpAddr::V4(VIP))
    }

    /// Whether its director runs.
    #[must_use]
    pub fn directs(&self) -> bool {
        self.director.as_ref().is_some_and(Daemon::is_running)
    }
}

/// The whole network.
#[derive(Debug)]
pub struct Kube {
    /// The three machines.
    pub machines: Vec<Machine>,
    /// The machine that clients are on.
    pub client: Node,
    /// The addresses that they ask from.
    pub clients: Vec<IpAddr>,
    _api_servers: Vec<WebServer>,
    _lab: Topology,
}

impl Kube {
    /// Builds the network, starts API servers and HAProxy, and waits until each HAProxy answers.
    ///
    /// # Panics
    ///
    /// When something of it cannot be had.
    #[must_use]
    pub fn build(name: &str) -> Self {
        let mut lab = Topology::new(name);
        let lan = lab.segment("lan");
        let mut machines = Vec::new();
        let mut api_servers = Vec::new();
        for number in 0..3 {
            let node = lab.node(&format!("kube-{}", number + 1));
            let address = Ipv4Addr::new(192, 168, 10, 80 + number);
            lan.attach(&node, DEVICE, &[&format!("{address}/24")]);
            for scope in ["all", DEVICE] {
                // A director sends packets back out of the interface that they came in by, and that is no mistake of
                // the sender's that it should be told about.
                node.set_sysctl(&format!("net.ipv4.conf.{scope}.send_redirects"), "0");
            }
            node.sh(&format!(
                "ip route add 198.51.100.0/24 dev {DEVICE}\n\
                 ip route add 192.168.10.0/24 dev {DEVICE} table 100\n\
                 ip route add default via {VIP} dev {DEVICE} onlink table 100\n\
                 ip rule add from {address} ipproto tcp sport {PORT} lookup 100"
            ));
            api_servers.push(WebServer::start(&node, format!("{address}:6443")));
            let haproxy = peers::haproxy(&node, HAPROXY);
            machines.push(Machine { node, address, haproxy, director: None });
        }
        let client = lab.node("client");
        let clients: Vec<_> = (0..CLIENTS).map(|number| Ipv4Addr::new(198, 51, 100, 10 + number)).collect();
        let written: Vec<_> = clients.iter().map(|address| format!("{address}/24")).collect();
        lan.attach(&client, "eth0", &written.iter().map(String::as_str).collect::<Vec<_>>());
        client.add_route("192.168.10.0/24 dev eth0");
        for machine in &machines {
            crate::wait_until(super::LONG, &format!("HAProxy on {}", machine.node.name()), || {
                let at = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, PORT));
                crate::web::WebClient::new(&machine.node).ask(at).is_ok()
            });
        }
        Kube {
            machines,
            client,
            clients: clients.into_iter().map(IpAddr::V4).collect(),
            _api_servers: api_servers,
            _lab: lab,
        }
    }

    /// Where clients ask.
    #[must_use]
    pub fn service() -> SocketAddrV4 {
        SocketAddrV4::new(VIP, PORT)
    }

    /// The machine whose running director holds the virtual address, by its index; `Err` says how things are.
    ///
    /// # Errors
    ///
    /// When nobody holds it, or several do.
    pub fn holder(&self) -> Result<usize, String> {
        let holders: Vec<_> =
            (0..3).filter(|&at| self.machines[at].directs() && self.machines[at].holds_vip()).collect();
        match holders.as_slice() {
            [] => Err(format!("nobody has {VIP}")),
            [holder] => Ok(*holder),
            several => {
                let names: Vec<_> = several.iter().map(|&at| self.machines[at].node.name()).collect();
                Err(format!("{} have {VIP}", names.join(" and ")))
            }
        }
    }

    /// The name of the machine that has an address.
    #[must_use]
    pub fn name_of(&self, address: Ipv4Addr) -> String {
        let found = self.machines.iter().find(|machine| machine.address == address);
        found.map_or_else(|| address.to_string(), |machine| machine.node.name().to_owned())
    }
}
