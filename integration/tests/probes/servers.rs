//! Servers on the loopback interface that do what a test wants, and above all what no server should.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use ipvsd::check::ping::behind_ip;
use ipvsd::model::Family;
use ipvsd::wire::icmp::{Direction, Echo};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// What a server that speaks in lines says, or does in place of saying anything.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    Say(&'static str),
    /// This, a byte now and then, and the last one without end.
    Drip(&'static str),
    /// The first, and then the second as fast as it goes, without end.
    Flood(&'static str, &'static str),
    Stay,
    Close,
    /// The connection, when this is said.
    Reset(&'static str),
}
pub(crate) use Act::{Close, Drip, Flood, Reset, Say, Stay};

/// Does one thing on being called, and one more for each line that it hears.
pub(crate) fn play(stream: TcpStream, acts: &[Act]) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut out = &stream;
    for (number, act) in acts.iter().enumerate() {
        if number > 0 && lines.read_line(&mut String::new()).unwrap_or(0) == 0 {
            return;
        }
        match act {
            Say(text) => drop(out.write_all(text.as_bytes())),
            Drip(text) => {
                let last = text.as_bytes().last();
                for byte in text.bytes().chain(last.into_iter().copied().cycle()) {
                    if out.write_all(&[byte]).is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(50));
                }
            }
            Flood(first, piece) => {
                let much = piece.repeat(1 << 16).into_bytes();
                let _ = out.write_all(first.as_bytes());
                while out.write_all(&much).is_ok() {}
            }
            Stay => drop(lines.read_to_end(&mut Vec::new())),
            Close => return,
            Reset(text) => {
                let _ = out.write_all(text.as_bytes());
                SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                return;
            }
        }
    }
    // Whoever has said all waits for the other to go.
    let _ = lines.read_to_end(&mut Vec::new());
}

/// A server on the loopback interface that plays this to everybody. One act is to be heard by whoever speaks in lines, such
/// as mail servers' clients; who sends a whole request has sent its first line.
pub(crate) fn mail(acts: &'static [Act]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || play(stream, acts));
        }
    });
    address
}

/// A UDP server on the loopback interface that answers each datagram with these.
pub(crate) fn datagrams(answers: fn(&[u8]) -> Vec<Vec<u8>>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            for answer in answers(&buffer[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

/// The same of one that answers rightly, and too late for anybody who waits less than this.
pub(crate) fn late(delay: Duration, answers: fn(&[u8]) -> Vec<u8>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            thread::sleep(delay);
            let _ = socket.send_to(&answers(&buffer[..length]), from);
        }
    });
    address
}

/// The same, but the answer comes from another port than the one that was asked.
pub(crate) fn elsewhere(answers: fn(&[u8]) -> Vec<u8>) -> SocketAddr {
    let (socket, other) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let _ = other.send_to(&answers(&buffer[..length]), from);
        }
    });
    address
}

/// A host's answer to pings of this address of its, where its kernel gives none: so much later, and changed. To be called in
/// its network.
pub(crate) fn pings(address: Ipv4Addr, delay: Duration, change: fn(&mut Echo)) {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    thread::spawn(move || {
        let mut packet = [0; 2048];
        while let Ok(length) = (&socket).read(&mut packet) {
            let source = Ipv4Addr::new(packet[12], packet[13], packet[14], packet[15]);
            let asked = Echo::parse(Family::V4, Direction::Request, behind_ip(&packet[..length]));
            if let Some(mut echo) = asked {
                change(&mut echo);
                thread::sleep(delay);
                let answer = echo.bytes(Family::V4, Direction::Reply);
                let _ = socket.send_to(&answer, &SocketAddr::from((source, 0)).into());
            }
        }
    });
}

/// A question as its own answer, with this error code.
pub(crate) fn answer(question: &[u8], code: u8) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[3] = code;
    answer
}

/// An answer to another question: its number is not ours.
pub(crate) fn stray(question: &[u8]) -> Vec<u8> {
    let mut answer = answer(question, 0);
    answer[0] ^= 0xff;
    answer
}

/// An answer without an error of which one byte is another.
pub(crate) fn changed(question: &[u8], at: usize) -> Vec<u8> {
    let mut answer = answer(question, 0);
    answer[at] ^= 1;
    answer
}

pub(crate) fn silent(_: &[u8]) -> Vec<Vec<u8>> {
    Vec::new()
}

/// Ports on which nobody listens: they were ours until now.
pub(crate) fn closed_udp() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

pub(crate) fn closed_tcp() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// One that listens and takes nobody more: its queue is full. It stays so while the first two are kept.
pub(crate) fn full() -> (Socket, TcpStream, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let first = TcpStream::connect(address).unwrap();
    (socket, first, address)
}
