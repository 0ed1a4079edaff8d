//! Connections that stay open and talk all the time: the witnesses of what a restart,
//! a reload or a failover does to those who are connected.
//!
//! The client sends a numbered line, the server sends it back with its name in front,
//! and again. A connection that is reset, closed, answered wrongly or not answered in
//! time is *broken*, and stays so: there are no retries that would hide it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::node::Node;
use crate::waiting::wait_for;
use crate::web::{Service, connect};

/// How long a client waits for an answer before it calls its connection broken.
const PATIENCE: Duration = Duration::from_secs(10);
/// ... and for that to a datagram before it sends it again.
const RESEND: Duration = Duration::from_secs(1);

/// A server that repeats lines, with its node's name in front.
#[derive(Debug)]
pub struct EchoServer {
    service: Service,
    open: Arc<AtomicUsize>,
}

impl EchoServer {
    /// Starts a server on an address (`10.0.0.1:7`) of the node.
    ///
    /// # Panics
    ///
    /// When the address is not the node's, or the port is taken.
    #[track_caller]
    #[must_use]
    pub fn start(node: &Node, address: impl AsRef<str>) -> Self {
        let address = address.as_ref();
        let parsed = address.parse().unwrap_or_else(|_| panic!("{address} is not an address with a port"));
        let (name, open) = (node.name().to_owned(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&open);
        let service = Service::start(node, parsed, move |stream| {
            count.fetch_add(1, Ordering::Relaxed);
            // A client that goes away is its own affair.
            let _ = repeat(&stream, &name);
            count.fetch_sub(1, Ordering::Relaxed);
        })
        .unwrap_or_else(|error| panic!("{}: {address}: {error}", node.name()));
        EchoServer { service, open }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.service.address
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

fn repeat(stream: &TcpStream, name: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    for line in BufReader::new(stream).lines() {
        let reply = format!("{name} {}\n", line?);
        (&*stream).write_all(reply.as_bytes())?;
    }
    Ok(())
}

/// The same for datagrams: each is answered with the node's name in front.
#[derive(Debug)]
pub struct DatagramEcho {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DatagramEcho {
    /// Starts one on an address (`10.0.0.1:7`) of the node.
    ///
    /// # Panics
    /// When the address is not the node's, or the port is taken.
    #[track_caller]
    #[must_use]
    pub fn start(node: &Node, address: impl AsRef<str>) -> Self {
        let address = address.as_ref();
        let socket = node.enter(|| UdpSocket::bind(address)).expect("an address of the node");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time that is not 0");
        let (name, over) = (node.name().to_owned(), Arc::<AtomicBool>::default());
        let is_over = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 64];
            while !is_over.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    let answer = [name.as_bytes(), b" ", &buffer[..length]].concat();
                    // A client that goes away is its own affair.
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for DatagramEcho {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// How a set of conversations went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Connections that were opened.
    pub connections: usize,
    /// Lines sent and answered, over all connections.
    pub exchanges: u64,
    /// For each broken connection, a sentence.
    pub broken: Vec<String>,
}

/// A set of open connections, each talking at an interval on a thread of its own.
#[derive(Debug)]
pub struct Conversations {
    counts: Vec<Arc<AtomicU64>>,
    servers: Vec<Arc<Mutex<String>>>,
    broken: Arc<Mutex<Vec<String>>>,
    talkers: Vec<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Conversations {
    /// Opens `count` connections from a node (from one of its addresses, if given),
    /// each of which exchanges one line at once and then one every `interval`.
    ///
    /// # Panics
    ///
    /// When one cannot be opened within ten seconds.
    #[track_caller]
    #[must_use]
    pub fn open(node: &Node, from: Option<IpAddr>, to: SocketAddr, count: usize, interval: Duration) -> Self {
        Self::by(count, |number| {
            let stream = node
                .enter(|| connect(from, to, PATIENCE))
                .unwrap_or_else(|error| panic!("{}: connection {number} to {to}: {error}", node.name()));
            move |talk: &Talk| talk.over_stream(&stream, interval)
        })
    }

    /// The same by datagrams, from a port each. One is broken when another server answers than the first time: the way that it
    /// had is lost.
    ///
    /// # Panics
    /// When there is no port.
    #[track_caller]
    #[must_use]
    pub fn by_datagrams(node: &Node, to: SocketAddr, count: usize, interval: Duration) -> Self {
        Self::by(count, |_| {
            let any: SocketAddr = if to.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
            let socket = node.enter(|| UdpSocket::bind(any).and_then(|socket| socket.connect(to).map(|()| socket)));
            let socket = socket.unwrap_or_else(|error| panic!("{}: {to}: {error}", node.name()));
            move |talk: &Talk| talk.by_datagrams(&socket, interval)
        })
    }

    fn by<T: FnOnce(&Talk) -> io::Result<()> + Send + 'static>(
        count: usize,
        mut begin: impl FnMut(usize) -> T,
    ) -> Self {
        let broken = Arc::new(Mutex::new(Vec::new()));
        let mut counts = Vec::with_capacity(count);
        let mut talkers = Vec::with_capacity(count);
        let mut servers = Vec::with_capacity(count);
        for number in 0..count {
            let begun = begin(number);
            let exchanges = Arc::new(AtomicU64::new(0));
            let (stop, stopped) = mpsc::channel();
            let (seen, noted) = (Arc::clone(&exchanges), Arc::clone(&broken));
            let server = Arc::default();
            servers.push(Arc::clone(&server));
            let talk = Talk { exchanges: seen, server, stopped };
            let talker = thread::spawn(move || {
                if let Err(error) = begun(&talk) {
                    let after = talk.exchanges.load(Ordering::Relaxed);
                    noted
                        .lock()
                        .expect("no thread panics with the list in hand")
                        .push(format!("connection {number}, after {after} exchanges: {error}"));
                }
            });
            counts.push(exchanges);
            talkers.push((stop, talker));
        }
        Conversations { counts, servers, broken, talkers }
    }

    /// Lines sent and answered so far, over all connections.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// A sentence for each connection that is broken by now.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        self.broken.lock().expect("no thread panics with the list in hand").clone()
    }

    /// Waits until every connection has exchanged `more` lines from now on: the proof
    /// that all of them are alive.
    ///
    /// # Panics
    ///
    /// When one is broken, or `limit` passes.
    #[track_caller]
    pub fn wait_all_alive(&self, limit: Duration, more: u64) {
        let goals: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed) + more).collect();
        wait_for(limit, "all connections to go on", || {
            let broken = self.broken();
            assert!(broken.is_empty(), "broken: {broken:#?}");
            let behind =
                goals.iter().zip(&self.counts).filter(|(goal, count)| count.load(Ordering::Relaxed) < **goal).count();
            if behind == 0 { Ok(()) } else { Err(format!("{behind} silent")) }
        });
    }

    /// For each connection the name of the node that serves it; empty before its first answer.
    ///
    /// # Panics
    /// Never: no thread panics with a name in hand.
    #[must_use]
    pub fn servers(&self) -> Vec<String> {
        self.servers.iter().map(|name| name.lock().expect("no thread panics with the name in hand").clone()).collect()
    }

    /// Waits until as many connections are broken as are served by whom `lost` names, and all others have exchanged `more` lines.
    ///
    /// # Panics
    /// When that is not so in time, or others are broken.
    #[track_caller]
    pub fn wait_lost(&self, patience: Duration, more: u64, lost: impl Fn(&str) -> bool) {
        let goals: Vec<_> = self.counts.iter().map(|count| count.load(Ordering::Relaxed) + more).collect();
        let (doomed, living): (Vec<_>, Vec<_>) =
            self.servers().into_iter().enumerate().partition(|(_, server)| lost(server));
        wait_for(patience, &format!("{} connections to be lost and {} to live", doomed.len(), living.len()), || {
            let broken = self.broken();
            let silent = living.iter().filter(|(n, _)| self.counts[*n].load(Ordering::Relaxed) < goals[*n]).count();
            let ok = broken.len() == doomed.len() && silent == 0;
            if ok { Ok(()) } else { Err(format!("{silent} silent; broken: {broken:#?}")) }
        });
    }

    /// Closes all connections in good order and tells how they went.
    #[must_use]
    pub fn finish(self) -> Report {
        let connections = self.talkers.len();
        for (stop, _) in &self.talkers {
            let _ = stop.send(());
        }
        for (_, talker) in self.talkers {
            talker.join().expect("a talker reports its trouble, it does not panic");
        }
        let broken = self.broken.lock().expect("no thread panics with the list in hand").clone();
        Report { connections, exchanges: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum(), broken }
    }
}

/// One of them.
#[derive(Debug)]
struct Talk {
    exchanges: Arc<AtomicU64>,
    server: Arc<Mutex<String>>,
    stopped: mpsc::Receiver<()>,
}

impl Talk {
    /// Talks until told to stop, or until something goes wrong.
    fn over_stream(&self, stream: &TcpStream, interval: Duration) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut answers = BufReader::new(stream);
        let mut answer = String::new();
        loop {
            let number = self.exchanges.load(Ordering::Relaxed);
            (&*stream).write_all(format!("{number}\n").as_bytes())?;
            answer.clear();
            if answers.read_line(&mut answer)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the server"));
            }
            if answer.split_whitespace().nth(1) != Some(number.to_string().as_str()) {
                let text = format!("a wrong answer to {number}: {answer:?}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            if self.answered(&answer, number, interval)? {
                return Ok(());
            }
        }
    }

    /// The same. A datagram that is lost is sent again: what is looked for is another server's answer.
    fn by_datagrams(&self, socket: &UdpSocket, interval: Duration) -> io::Result<()> {
        socket.set_read_timeout(Some(RESEND))?;
        let mut buffer = [0; 64];
        loop {
            let number = self.exchanges.load(Ordering::Relaxed);
            let started = Instant::now();
            let answer = loop {
                socket.send(number.to_string().as_bytes())?;
                match socket.recv(&mut buffer) {
                    Ok(length) => {
                        let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
                        // One that was sent twice is answered twice.
                        if answer.split_whitespace().nth(1) == Some(number.to_string().as_str()) {
                            break answer;
                        }
                    }
                    Err(error) if started.elapsed() >= PATIENCE => return Err(error),
                    Err(_) => {}
                }
            };
            if self.answered(&answer, number, interval)? {
                return Ok(());
            }
        }
    }

    /// Takes note of an answer; true: it was the last.
    fn answered(&self, answer: &str, number: u64, interval: Duration) -> io::Result<bool> {
        let name = answer.split_whitespace().next().unwrap_or_default();
        let mut server = self.server.lock().expect("no thread panics with the name in hand");
        if number == 0 {
            name.clone_into(&mut server);
        } else if *server != name {
            let text = format!("answered by {name} in place of {server}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        drop(server);
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        match self.stopped.recv_timeout(interval) {
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(false),
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => Ok(true),
        }
    }
}
