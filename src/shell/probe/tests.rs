//! Probes of sockets on the loopback interface.

use std::net::{IpAddr, TcpListener};
use std::time::{Duration, Instant};

use socket2::{Domain, Type};

use super::*;
use crate::model::{DnsProbe, Expression, HttpProbe, Page, SmtpProbe, UdpProbe, UdpReply};

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
        let prober = Prober::new(poll.registry().try_clone().unwrap(), 7);
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

impl Bench {
    /// So many outcomes, of which several may come at once.
    fn wait_all(&mut self, count: usize) -> Vec<(u64, Outcome)> {
        let end = Instant::now() + Duration::from_secs(30);
        let mut events = mio::Events::with_capacity(8);
        let mut done = Vec::new();
        while done.len() < count {
            self.poll.poll(&mut events, Some(Duration::from_secs(1))).unwrap();
            for event in &events {
                if let Some((id, Progress::Done(outcome))) = self.prober.ready(event.token()) {
                    done.push((id, outcome));
                }
            }
            assert!(Instant::now() < end, "{done:?}");
        }
        done
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

// ---- mail servers, name servers, datagrams, pings ----

/// A server on the loopback interface that treats one connection after another like this.
fn serving(serve: impl Fn(std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let (listener, address) = listener();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

fn smtp(target: SocketAddr) -> CheckKind {
    CheckKind::Smtp(Box::new(SmtpProbe { connect: connect(target), helo: None }))
}

/// Says these lines, each after a line of the client's but the first, and then hangs up.
fn mail_server(lines: &'static [&'static str]) -> SocketAddr {
    serving(move |stream| {
        let mut heard = io::BufReader::new(stream.try_clone().unwrap());
        for (number, line) in lines.iter().enumerate() {
            if number > 0 && io::BufRead::read_line(&mut heard, &mut String::new()).unwrap_or(0) == 0 {
                return;
            }
            // One byte at a time: it may be cut anywhere.
            for byte in line.bytes() {
                if io::Write::write_all(&mut &stream, &[byte]).is_err() {
                    return;
                }
            }
        }
    })
}

#[test]
fn mail_servers() {
    let mut bench = Bench::new();
    for (lines, expected) in [
        (&["220-a\r\n220 b\r\n", "250 hello\r\n", "221 bye\r\n"][..], Outcome::Ok),
        (&["554 go away\r\n"], Outcome::SmtpGreeting(554)),
        (&["220 a\r\n", "502 what\r\n"], Outcome::SmtpHello(502)),
        (&["220 a\r\n", "250 a\r\n"], Outcome::ClosedEarly),
        (&["SSH-2.0-x\r\n"], Outcome::NotSmtp),
    ] {
        assert_eq!(bench.run_kind(&smtp(mail_server(lines))), expected, "{lines:?}");
    }
    assert_eq!(bench.run_kind(&smtp(serving(drop))), Outcome::ClosedEarly);
    assert_eq!(bench.run_kind(&smtp(nobody())), Outcome::Refused);
    let reset = serving(|stream| drop(socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))));
    let outcome = bench.run_kind(&smtp(reset));
    assert!(matches!(outcome, Outcome::Reset | Outcome::ClosedEarly), "{outcome}");
    let endless = serving(|mut stream| while io::Write::write_all(&mut stream, b"220-and\r\n").is_ok() {});
    assert_eq!(bench.run_kind(&smtp(endless)), Outcome::EndlessReply);
    assert!(bench.prober.by_id.is_empty() && bench.prober.places.iter().all(Option::is_none));
}

#[test]
fn a_mail_server_is_told_where_we_call_from() {
    let (tell, told) = std::sync::mpsc::channel();
    let address = serving(move |stream| {
        io::Write::write_all(&mut &stream, b"220 x\r\n").unwrap();
        let mut line = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(&stream), &mut line).unwrap();
        tell.send(line).unwrap();
    });
    assert_eq!(Bench::new().run_kind(&smtp(address)), Outcome::ClosedEarly);
    assert_eq!(told.recv().unwrap(), "HELO [127.0.0.1]\r\n");
}

/// Answers each datagram with these.
fn answering(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            for answer in answers(&buffer[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

fn dns(target: SocketAddr) -> CheckKind {
    CheckKind::Dns(Box::new(DnsProbe {
        connect: connect(target),
        name: "example.org".parse().unwrap(),
        kind: crate::model::DnsType::A,
    }))
}

/// The question as an answer with this error code and nothing in it.
fn echo(question: &[u8], code: u8) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[3] = code;
    answer
}

#[test]
fn name_servers() {
    let mut bench = Bench::new();
    assert_eq!(bench.run_kind(&dns(answering(|question| vec![echo(question, 0)]))), Outcome::Ok);
    assert_eq!(bench.run_kind(&dns(answering(|question| vec![echo(question, 2)]))), Outcome::DnsError(2));
    let noisy = answering(|question| {
        let mut other = echo(question, 0);
        other[0] ^= 0xff;
        vec![b"garbage".to_vec(), Vec::new(), question.to_vec(), other, echo(question, 5)]
    });
    assert_eq!(bench.run_kind(&dns(noisy)), Outcome::DnsError(5), "what is no answer is passed over");
    let closed = closed_port();
    assert_eq!(bench.run_kind(&dns(closed)), Outcome::PortUnreachable);
}

/// A UDP port that nobody has: it was ours until now.
fn closed_port() -> SocketAddr {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn what_answers_something_else_has_come_so_far_and_no_further() {
    let mut bench = Bench::new();
    let strange = dns(answering(|question| vec![question.to_vec()]));
    assert_eq!(bench.prober.start(7, &strange), None);
    assert_eq!(
        bench.wait_for(|progress| matches!(progress, Progress::Reached(_))),
        (7, Progress::Reached(Stage::Strange))
    );
    bench.prober.cancel(7);
    assert!(bench.prober.by_id.is_empty());
}

#[test]
fn an_answer_behind_more_than_is_read_at_once_is_found() {
    let mut bench = Bench::new();
    let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(bench.prober.start(7, &dns(server.local_addr().unwrap())), None);
    // Asks. What is sent from now on lies there as a whole before anybody looks.
    while bench.poll_once().is_some() {}
    let mut question = [0; 512];
    let (length, from) = server.recv_from(&mut question).unwrap();
    for code in std::iter::repeat_n(None, 100).chain([Some(0)]) {
        let answer = code.map_or_else(|| b"garbage".to_vec(), |code| echo(&question[..length], code));
        server.send_to(&answer, from).unwrap();
    }
    assert_eq!(bench.wait(), (7, Outcome::Ok));
}

fn udp(target: SocketAddr, reply: Option<UdpReply>) -> CheckKind {
    CheckKind::Udp(Box::new(UdpProbe { connect: connect(target), payload: Some(b"hello".to_vec()), reply }))
}

#[test]
fn datagrams() {
    let mut bench = Bench::new();
    let reply = |shortest, longest| Some(UdpReply { pattern: Vec::new(), shortest, longest });
    let repeats = answering(|question| vec![question.to_vec()]);
    assert_eq!(bench.run_kind(&udp(repeats, None)), Outcome::Ok);
    assert_eq!(bench.run_kind(&udp(repeats, reply(5, 5))), Outcome::Ok);
    assert_eq!(bench.run_kind(&udp(repeats, reply(6, 9))), Outcome::ReplyLength(5));
    let huge = answering(|_| vec![vec![0; 40_000]]);
    assert_eq!(bench.run_kind(&udp(huge, reply(0, 255))), Outcome::ReplyLength(40_000));
    let closed = closed_port();
    assert_eq!(bench.run_kind(&udp(closed, None)), Outcome::PortUnreachable);
    assert_eq!(bench.run_kind(&udp(closed, reply(0, 9))), Outcome::PortUnreachable);
    // Who takes it and says nothing: all that there is to say is that nobody has refused.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(bench.prober.start(8, &udp(silent.local_addr().unwrap(), None)), None);
    assert_eq!(bench.wait_for(|_| true), (8, Progress::Reached(Stage::Unopposed)));
    bench.prober.cancel(8);
}

#[test]
fn pings() {
    let mut bench = Bench::new();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let outcome = bench.run_kind(&CheckKind::Ping(connect(address.parse().unwrap())));
        // Without privilege, where the group may not ping, and where there is no IPv6.
        let ours = matches!(outcome, Outcome::NotTried(Obstacle::Ping | Obstacle::Family | Obstacle::Ports));
        assert!(outcome == Outcome::Ok || ours && !nix::unistd::geteuid().is_root(), "{address}: {outcome}");
    }
}

impl Bench {
    fn run_kind(&mut self, kind: &CheckKind) -> Outcome {
        self.prober.start(1, kind).unwrap_or_else(|| self.wait().1)
    }

    /// The first news that is meant.
    fn wait_for(&mut self, meant: impl Fn(Progress) -> bool) -> (u64, Progress) {
        let end = Instant::now() + Duration::from_secs(30);
        let mut events = mio::Events::with_capacity(8);
        loop {
            self.poll.poll(&mut events, Some(Duration::from_secs(1))).unwrap();
            let news =
                events.iter().find_map(|event| self.prober.ready(event.token()).filter(|(_, news)| meant(*news)));
            if let Some(news) = news {
                return news;
            }
            assert!(Instant::now() < end, "no news");
        }
    }
}

/// Servers that stall behind large pages all at once take no more room than there is, and who is given up is not at fault.
#[test]
fn pages_of_all_probes_together_have_their_room() {
    let mut bench = Bench::new();
    bench.prober.most_kept = 500_000;
    let page = Page {
        expression: Some(Box::new(Expression { pattern: "end".to_owned(), ..Expression::default() })),
        ..Page::default()
    };
    let probe =
        |target| CheckKind::Http(Arc::new(HttpProbe { pages: vec![page.clone()], ..HttpProbe::new(connect(target)) }));
    let stalling = serving(|mut stream| {
        use std::io::{Read as _, Write as _};
        std::thread::spawn(move || {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(&[b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 200_000]].concat());
            let _ = stream.read(&mut [0; 1024]);
        });
    });
    for id in 0..5 {
        assert_eq!(bench.prober.start(id, &probe(stalling)), None);
    }
    let given_up = bench.wait_all(3);
    assert!(given_up.iter().all(|(_, outcome)| *outcome == Outcome::NotTried(Obstacle::Room)), "{given_up:?}");
    assert!(bench.prober.kept <= 500_000 && bench.prober.by_id.len() == 2, "{}", bench.prober.kept);
    for id in 0..5 {
        bench.prober.cancel(id);
    }
    assert_eq!(bench.prober.kept, 0);
    // There is room again.
    let well = serving(|mut stream| {
        use std::io::{Read as _, Write as _};
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(&[b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 200_000], b"end"].concat());
    });
    assert_eq!(bench.prober.start(9, &probe(well)), None);
    assert_eq!(bench.wait(), (9, Outcome::Ok));
    assert_eq!(bench.prober.kept, 0);
}
