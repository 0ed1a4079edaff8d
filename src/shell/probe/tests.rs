//! Probes of sockets on the loopback interface.

use std::net::{IpAddr, TcpListener};
use std::time::Instant;

use super::*;

fn connect(target: SocketAddr) -> Connect {
    Connect { target, source_address: None, source_port: None, interface: None, mark: None }
}

struct Bench {
    poll: mio::Poll,
    prober: Prober<u64>,
}

impl Bench {
    fn new() -> Self {
        let poll = mio::Poll::new().unwrap();
        let prober = Prober::new(poll.registry().try_clone().unwrap());
        Self { poll, prober }
    }

    /// Runs one probe to its end; the engine's deadline is a generous one.
    fn run(&mut self, connect: &Connect) -> Outcome {
        self.prober.start(1, &CheckKind::Tcp(connect.clone())).unwrap_or_else(|| self.wait().1)
    }

    fn wait(&mut self) -> (u64, Outcome) {
        let end = Instant::now() + Duration::from_secs(30);
        let mut events = mio::Events::with_capacity(8);
        loop {
            self.poll.poll(&mut events, Some(Duration::from_secs(1))).unwrap();
            for event in &events {
                if let Some((id, Progress::Done(outcome))) = self.prober.ready(event.token()) {
                    return (id, outcome);
                }
            }
            assert!(Instant::now() < end, "no outcome");
        }
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A port on which nobody listens: it was ours until now.
fn nobody() -> SocketAddr {
    listener().1
}

#[test]
fn who_listens_accepts_and_who_does_not_refuses() {
    let mut bench = Bench::new();
    let (_listener, address) = listener();
    for _ in 0..100 {
        assert_eq!(bench.run(&connect(address)), Outcome::Ok);
    }
    assert_eq!(bench.run(&connect(nobody())), Outcome::Refused);
    assert!(bench.prober.by_id.is_empty() && bench.prober.places.iter().all(Option::is_none));
    assert!(bench.prober.places.len() <= 1, "places are used again");
}

#[test]
fn a_probe_that_meets_itself_has_found_nobody() {
    let address = nobody();
    let own_port =
        Connect { source_address: Some(address.ip()), source_port: Some(address.port()), ..connect(address) };
    assert_eq!(Bench::new().run(&own_port), Outcome::Refused);
}

#[test]
fn an_accepted_connection_ends_with_a_reset_that_leaves_no_time_wait() {
    let mut bench = Bench::new();
    let (listener, address) = listener();
    assert_eq!(bench.run(&connect(address)), Outcome::Ok);
    let (mut served, _) = listener.accept().unwrap();
    let error = io::Read::read(&mut served, &mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn sources_are_as_asked_for() {
    let mut bench = Bench::new();
    let (listener, address) = listener();
    let source: IpAddr = "127.0.0.77".parse().unwrap();
    assert_eq!(bench.run(&Connect { source_address: Some(source), ..connect(address) }), Outcome::Ok);
    assert_eq!(listener.accept().unwrap().1.ip(), source);
    let source_port = Some(nobody().port());
    // The same port again and again: no old connection of ours stands in the way.
    for _ in 0..3 {
        assert_eq!(bench.run(&Connect { source_port, ..connect(address) }), Outcome::Ok);
        assert_eq!(Some(listener.accept().unwrap().1.port()), source_port);
    }
}

#[test]
fn what_this_host_cannot_do_is_no_news_about_the_server() {
    let mut bench = Bench::new();
    let (_listener, address) = listener();
    let run = |bench: &mut Bench, connect: Connect| bench.run(&connect);
    // TEST-NET-1 is on no host.
    let source_address = Some("192.0.2.123".parse().unwrap());
    let elsewhere = run(&mut bench, Connect { source_address, ..connect(address) });
    assert_eq!(elsewhere, Outcome::NotTried(Obstacle::SourceAddress));
    let (taken, taken_address) = listener();
    let source_port = Some(taken_address.port());
    let source_address = Some(taken_address.ip());
    let taken_port = run(&mut bench, Connect { source_port, source_address, ..connect(address) });
    assert_eq!(taken_port, Outcome::NotTried(Obstacle::SourcePort));
    drop(taken);
    let interface = Some("no-such-if".to_owned());
    let gone = run(&mut bench, Connect { interface, ..connect(address) });
    assert!(
        matches!(gone, Outcome::NotTried(Obstacle::Interface | Obstacle::Permission)),
        "{gone}, depending on whether we may ask"
    );
}

#[test]
fn a_cancelled_probe_says_nothing_and_frees_its_place() {
    let mut bench = Bench::new();
    // A full backlog makes the loopback interface as silent as a host that is gone.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut silent = None;
    for id in 0..64 {
        if bench.prober.start(id, &CheckKind::Tcp(connect(address))).is_none() && bench.poll_once().is_none() {
            silent = Some(id);
            break;
        }
    }
    let silent = silent.expect("a backlog of none is full at some time");
    bench.prober.cancel(silent);
    bench.prober.cancel(silent);
    assert!(bench.prober.by_id.is_empty());
    assert!(bench.poll_once().is_none());
}

impl Bench {
    /// What is there after a moment, if anything.
    fn poll_once(&mut self) -> Option<(u64, Progress)> {
        let mut events = mio::Events::with_capacity(8);
        self.poll.poll(&mut events, Some(Duration::from_millis(50))).unwrap();
        events.iter().find_map(|event| self.prober.ready(event.token()))
    }
}

#[test]
fn every_error_of_this_host_is_told_from_those_of_the_server() {
    let error = io::Error::from_raw_os_error;
    let ours = [
        (libc::EMFILE, Obstacle::ProcessFiles),
        (libc::ENFILE, Obstacle::SystemFiles),
        (libc::ENOBUFS, Obstacle::Buffers),
        (libc::ENOMEM, Obstacle::Memory),
        (libc::EADDRNOTAVAIL, Obstacle::Ports),
        (libc::EADDRINUSE, Obstacle::SourcePort),
        (libc::ENODEV, Obstacle::Interface),
        (libc::EAFNOSUPPORT, Obstacle::Family),
    ];
    for (errno, expected) in ours {
        assert_eq!(connect_error(&error(errno)), Outcome::NotTried(expected));
        assert_eq!(obstacle(&error(errno), Obstacle::Ports), expected);
    }
    assert_eq!(obstacle(&error(libc::EADDRNOTAVAIL), Obstacle::SourceAddress), Obstacle::SourceAddress);
    assert_eq!(obstacle(&error(libc::EPERM), Obstacle::Ports), Obstacle::Permission);
    assert_eq!(connect_error(&error(libc::EPERM)), Outcome::NotTried(Obstacle::Firewall));
    let theirs = [
        (libc::ECONNREFUSED, Outcome::Refused),
        (libc::ETIMEDOUT, Outcome::Timeout),
        (libc::ECONNRESET, Outcome::Reset),
        (libc::EHOSTUNREACH, Outcome::HostUnreachable),
        (libc::ENETUNREACH, Outcome::NetworkUnreachable),
        (libc::EPROTO, Outcome::ProtocolUnreachable),
        (libc::EIO, Outcome::Other(libc::EIO)),
    ];
    for (errno, expected) in theirs {
        assert_eq!(connect_error(&error(errno)), expected);
        assert!(expected.was_tried());
    }
}
