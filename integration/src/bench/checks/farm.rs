//! The servers that are checked: every address of 127.0.0.0/8 on a few ports, all in one process.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::puppet::{Puppet, answer, monotonic};

/// Servers on it accept and close.
pub const WELL: u16 = 8080;
/// Servers on it answer over HTTP, until they hold their peace and die.
pub const WEB: u16 = 8081;
/// Servers on it accept and close, until they die.
pub const DYING: u16 = 8082;
/// Nobody listens there.
pub const DEAD: u16 = 8083;

/// How long an idle listener sleeps. Connections wait for it in the backlog, where they are established already.
const NAP: Duration = Duration::from_millis(1);
const BACKLOG: i32 = 65_535;

/// All servers.
#[derive(Debug)]
pub struct Farm(Puppet);

impl Farm {
    /// Starts them in the calling thread's network namespace.
    ///
    /// # Panics
    /// When that is not its own.
    #[must_use]
    pub fn start() -> Self {
        // Of this network namespace, and the backlog is cut to it.
        std::fs::write("/proc/sys/net/core/somaxconn", BACKLOG.to_string()).expect("a namespace of our own");
        let mut farm = Self(Puppet::start(&["checks-farm"], None));
        farm.0.ask("count");
        farm
    }

    /// Connections that were accepted until now.
    pub fn accepted(&mut self) -> f64 {
        let [count] = self.0.ask_numbers("count");
        count
    }

    /// The servers of [`DYING`] die; when.
    pub fn close(&mut self) -> f64 {
        let [at] = self.0.ask_numbers("close");
        at
    }

    /// Those of [`WEB`] accept from now on and say nothing.
    pub fn hold(&mut self) {
        self.0.ask("hold");
    }

    /// How many connections of those wait for an answer.
    pub fn held(&mut self) -> f64 {
        let [count] = self.0.ask_numbers("held");
        count
    }

    /// Those of [`WEB`] die, with a reset for each connection: when the first was sent, and the last.
    pub fn reset(&mut self) -> [f64; 2] {
        self.0.ask_numbers("reset")
    }

    /// Those of [`WEB`] are there again.
    pub fn serve(&mut self) {
        self.0.ask("serve");
    }
}

/// The process.
pub fn run() {
    let accepted = Arc::<AtomicU64>::default();
    let (closed, web) = (Arc::<AtomicBool>::default(), Arc::<Web>::default());
    let count = |port, over: &Arc<AtomicBool>| {
        let (accepted, over) = (Arc::clone(&accepted), Arc::clone(over));
        let listener = listen(port);
        thread::spawn(move || {
            take(&listener, &accepted, &over, drop);
        })
    };
    count(WELL, &Arc::default());
    let mut dying = Some(count(DYING, &closed));
    web.serve(&accepted);
    answer(|question| match question {
        "count" => accepted.load(Ordering::Relaxed).to_string(),
        "close" => {
            closed.store(true, Ordering::Relaxed);
            dying.take().map(thread::JoinHandle::join);
            monotonic().to_string()
        }
        "hold" => {
            web.holds.store(true, Ordering::Relaxed);
            String::new()
        }
        "held" => web.held.lock().unwrap().len().to_string(),
        "reset" => {
            web.over.store(true, Ordering::Relaxed);
            web.thread.lock().unwrap().take().map(thread::JoinHandle::join);
            let held = std::mem::take(&mut *web.held.lock().unwrap());
            for connection in &held {
                // A reset in place of a farewell. One that the other side has left is none of ours.
                let _ = SockRef::from(connection).set_linger(Some(Duration::ZERO));
            }
            let first = monotonic();
            drop(held);
            format!("{first} {}", monotonic())
        }
        "serve" => {
            web.over.store(false, Ordering::Relaxed);
            web.holds.store(false, Ordering::Relaxed);
            web.serve(&accepted);
            String::new()
        }
        _ => panic!("`{question}`?"),
    });
}

/// The servers of [`WEB`].
#[derive(Debug, Default)]
struct Web {
    over: Arc<AtomicBool>,
    holds: AtomicBool,
    held: Mutex<Vec<TcpStream>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Web {
    fn serve(self: &Arc<Self>, accepted: &Arc<AtomicU64>) {
        let (web, accepted, listener) = (Arc::clone(self), Arc::clone(accepted), listen(WEB));
        let thread = thread::spawn(move || {
            take(&listener, &accepted, &web.over, |connection| {
                if web.holds.load(Ordering::Relaxed) {
                    web.held.lock().unwrap().push(connection);
                } else {
                    // Whoever does not want the answer has gone.
                    let _ = reply(connection);
                }
            });
        });
        *self.thread.lock().unwrap() = Some(thread);
    }
}

fn reply(mut connection: TcpStream) -> std::io::Result<()> {
    connection.set_nonblocking(false)?;
    connection.set_read_timeout(Some(Duration::from_millis(100)))?;
    let _ = connection.read(&mut [0; 1024])?;
    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn listen(port: u16) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), Some(Protocol::TCP)).expect("a socket");
    socket.set_reuse_address(true).expect("a socket");
    socket.bind(&std::net::SocketAddr::from(([0, 0, 0, 0], port)).into()).expect("a port of our own namespace");
    socket.listen(BACKLOG).expect("a port of our own namespace");
    socket.into()
}

fn take(listener: &TcpListener, accepted: &AtomicU64, over: &AtomicBool, mut serve: impl FnMut(TcpStream)) {
    while !over.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((connection, _)) => {
                accepted.fetch_add(1, Ordering::Relaxed);
                serve(connection);
            }
            Err(_) => thread::sleep(NAP),
        }
    }
}
