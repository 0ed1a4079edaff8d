//! Web servers and clients in nodes, on threads of the test.
//!
//! A server answers with its own name, so that a client can tell who did; it can be
//! told to misbehave. A client says where a request comes from and how long it waits.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::node::Node;

/// The longest request head that a server reads.
const LONGEST_HEAD: usize = 16 * 1024;
/// How long a server waits for a client that says nothing.
const SERVER_PATIENCE: Duration = Duration::from_secs(60);

/// What a web server does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers 200 with its name.
    Answer,
    /// Answers with this status, and its name.
    Status(u16),
    /// Answers 200 after a while.
    Delay(Duration),
    /// Accepts, reads, and never answers.
    Hang,
    /// Accepts, and resets at once.
    Reset,
}

/// A listener on a thread in a node, with a thread for each of its connections.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

impl Service {
    /// Listens on an address of the node, and hands each connection to `serve`.
    pub(crate) fn start(
        node: &Node,
        address: SocketAddr,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = node.enter(|| TcpListener::bind(address))?;
        let accepting = listener.try_clone()?;
        let serve = Arc::new(serve);
        thread::Builder::new().name(format!("{} {address}", node.name())).spawn(move || {
            // Shutting the listener down ends this loop.
            while let Ok((stream, _)) = accepting.accept() {
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream));
            }
        })?;
        Ok(Service { address: listener.local_addr()?, listener })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Wakes the accepting thread, which holds the other descriptor and closes it.
        let _ = SockRef::from(&self.listener).shutdown(std::net::Shutdown::Both);
    }
}

/// A web server in a node. Dropping it closes the port: connections are refused then.
#[derive(Debug)]
pub struct WebServer {
    node: Node,
    name: String,
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
    connections: Arc<AtomicU64>,
    service: Option<Service>,
}

impl WebServer {
    /// Starts a server that answers with the node's name.
    ///
    /// # Panics
    ///
    /// When the address is not the node's, or the port is taken.
    #[track_caller]
    #[must_use]
    pub fn start(node: &Node, address: impl AsRef<str>) -> Self {
        let address = address.as_ref();
        let mut server = WebServer {
            node: node.clone(),
            name: node.name().to_owned(),
            address: address.parse().unwrap_or_else(|_| panic!("{address} is not an address with a port")),
            behaviour: Arc::new(Mutex::new(Behaviour::Answer)),
            connections: Arc::default(),
            service: None,
        };
        server.open();
        server
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far, those of health checks included.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// From now on, connections are treated like this.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().expect("no thread panics with a behaviour in hand") = behaviour;
    }

    /// Stops listening: new connections are refused, open ones go on.
    pub fn close(&mut self) {
        self.service = None;
    }

    /// Listens again after [`WebServer::close`].
    ///
    /// # Panics
    ///
    /// When the port is taken.
    #[track_caller]
    pub fn open(&mut self) {
        if self.service.is_some() {
            return;
        }
        let (name, behaviour) = (self.name.clone(), Arc::clone(&self.behaviour));
        let connections = Arc::clone(&self.connections);
        let serve = move |stream: TcpStream| {
            connections.fetch_add(1, Ordering::Relaxed);
            let behaviour = *behaviour.lock().expect("no thread panics with a behaviour in hand");
            // A client that goes away is its own affair.
            let _ = answer(stream, &name, behaviour);
        };
        // The thread of the listener before may take a moment to let go of the port.
        let service = crate::waiting::wait_for(
            Duration::from_secs(5),
            &format!("{} to listen on {}", self.node.name(), self.address),
            || Service::start(&self.node, self.address, serve.clone()),
        );
        self.address = service.address;
        self.service = Some(service);
    }
}

/// Treats one connection of a web server.
fn answer(mut stream: TcpStream, name: &str, behaviour: Behaviour) -> io::Result<()> {
    stream.set_read_timeout(Some(SERVER_PATIENCE))?;
    let status = match behaviour {
        Behaviour::Reset => return SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
        Behaviour::Answer | Behaviour::Delay(_) | Behaviour::Hang => 200,
        Behaviour::Status(status) => status,
    };
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let length = stream.read(&mut buffer)?;
        if length == 0 || head.len() > LONGEST_HEAD {
            return Ok(());
        }
        head.extend_from_slice(&buffer[..length]);
    }
    match behaviour {
        Behaviour::Delay(delay) => thread::sleep(delay),
        Behaviour::Hang => {
            // Until the client has had enough.
            while stream.read(&mut buffer)? > 0 {}
            return Ok(());
        }
        Behaviour::Answer | Behaviour::Status(_) | Behaviour::Reset => {}
    }
    let body = format!("{name}\n");
    write!(
        stream,
        "HTTP/1.1 {status} lab\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A web server's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body; of a [`WebServer`], the name of its node (without the newline).
    pub body: String,
}

/// A web client in a node.
#[derive(Debug, Clone)]
pub struct WebClient {
    node: Node,
    from: Option<IpAddr>,
    mark: Option<u32>,
    connect_timeout: Duration,
    read_timeout: Duration,
}

impl WebClient {
    /// A client that waits 5 seconds for a connection, and 5 for an answer.
    #[must_use]
    pub fn new(node: &Node) -> Self {
        WebClient {
            node: node.clone(),
            from: None,
            mark: None,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(5),
        }
    }

    /// Requests come from this address of the node.
    #[must_use]
    pub fn from(mut self, address: IpAddr) -> Self {
        self.from = Some(address);
        self
    }

    /// Packets of requests have this firewall mark when they leave the node.
    #[must_use]
    pub fn marked(mut self, mark: u32) -> Self {
        self.mark = Some(mark);
        self
    }

    /// How long to wait for the connection, and then for each part of the answer.
    #[must_use]
    pub fn timeouts(mut self, connect: Duration, read: Duration) -> Self {
        self.connect_timeout = connect;
        self.read_timeout = read;
        self
    }

    /// Asks for `/`.
    ///
    /// # Errors
    ///
    /// Those of the sockets, timeouts as [`io::ErrorKind::TimedOut`] or `WouldBlock`, and
    /// `InvalidData` for what is no HTTP.
    pub fn ask(&self, to: SocketAddr) -> io::Result<Answer> {
        self.ask_for(to, "/")
    }

    /// Asks for a path.
    ///
    /// # Errors
    ///
    /// As [`WebClient::ask`].
    pub fn ask_for(&self, to: SocketAddr, path: &str) -> io::Result<Answer> {
        let mut stream = self.node.enter(|| connect_marked(self.from, self.mark, to, self.connect_timeout))?;
        stream.set_read_timeout(Some(self.read_timeout))?;
        stream.set_write_timeout(Some(self.read_timeout))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n")?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        parse(&String::from_utf8_lossy(&bytes))
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is no HTTP"))
    }

    /// Asks `count` times, and counts who answered; errors are counted under their kind.
    #[must_use]
    pub fn tally(&self, to: SocketAddr, count: usize) -> BTreeMap<String, usize> {
        let mut tally = BTreeMap::new();
        for _ in 0..count {
            let who = match self.ask(to) {
                Ok(answer) => answer.body,
                Err(error) => format!("error: {}", error.kind()),
            };
            *tally.entry(who).or_default() += 1;
        }
        tally
    }
}

/// Connects from the calling thread's network.
pub(crate) fn connect(from: Option<IpAddr>, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    connect_marked(from, None, to, timeout)
}

fn connect_marked(from: Option<IpAddr>, mark: Option<u32>, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(mark) = mark {
        socket.set_mark(mark)?;
    }
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.connect_timeout(&to.into(), timeout)?;
    Ok(socket.into())
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.trim_end().to_owned() })
}
