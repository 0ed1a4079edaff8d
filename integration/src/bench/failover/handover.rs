//! The address changes hands while both nodes live and answer: what a client in a closed loop loses.
//!
//! A thousand times a second the client sends a datagram to the virtual address and waits for its echo. Both nodes have an
//! echo on that address at all times, so that what is lost is lost on the way: to a node that has given the address up, or
//! while nobody has it. The master's priority is changed by its file; the backup then preempts, and back.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::{PATIENCE, Pair, VIP, conf, millis};
use crate::bench::Report;
use crate::{AddressWatch, Contender, Node, Program, Topology};

const PORT: u16 = 7007;
/// Pause between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(1);
/// After this time a datagram counts as lost. On a machine at rest an echo takes well under a millisecond.
const TIMEOUT: Duration = Duration::from_millis(20);

/// Both programs in turn, at an advert interval of a second and of a tenth of one.
#[must_use]
pub fn run(handovers: usize) -> Report {
    let mut report = Report::new("failover: handover with both nodes alive");
    for words in ["1", "0.1"] {
        for program in [Program::Ipvsd, Program::Keepalived] {
            eprintln!("failover: {handovers} handovers of {} at advert {words} s", program.name());
            let (lost, gaps, asked) = measure(program, words, handovers);
            report.add(program.name(), &format!("advert {words} s: datagrams lost at a handover"), "", lost);
            report.add(program.name(), &format!("advert {words} s: longest time without an answer"), "ms", gaps);
            report.add(program.name(), &format!("advert {words} s: datagrams sent in all"), "", vec![asked]);
        }
    }
    report
}

fn measure(program: Program, words: &str, handovers: usize) -> (Vec<f64>, Vec<f64>, f64) {
    let pair = Pair::new(&format!("handover-{}-{words}", program.name()));
    let mut outside = Topology::new(&format!("handover-client-{}-{words}", program.name()));
    let client = outside.node("client");
    pair.segment.attach(&client, "eth0", &["192.0.2.9/24"]);
    let over = Arc::<AtomicBool>::default();
    echo(&pair.one, &over);
    echo(&pair.two, &over);
    let watches = [AddressWatch::start(&pair.one), AddressWatch::start(&pair.two)];
    let one = Contender::start(program, &pair.one, &conf(150, words));
    watches[0].wait_came(PATIENCE, 0, VIP);
    let two = Contender::start(program, &pair.two, &conf(100, words));
    let socket = client.enter(|| UdpSocket::bind("0.0.0.0:0")).expect("a socket");
    socket.connect(SocketAddr::new(VIP, PORT)).expect("a route");
    socket.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    // Both have come to rest, and the second announcements are over.
    thread::sleep(Duration::from_secs(7));
    let mut question = 0;
    let (mut lost, mut gaps) = (Vec::new(), Vec::new());
    for handover in 0..handovers {
        let there = handover % 2 == 0;
        let marks = [watches[0].mark(), watches[1].mark()];
        one.reload(&conf(if there { 50 } else { 150 }, words));
        let (from, to) = if there { (0, 1) } else { (1, 0) };
        // Until it has changed hands and a second more.
        let moved = || {
            let had = |which: usize, came| {
                watches[which]
                    .changes()
                    .iter()
                    .skip(marks[which])
                    .any(|change| change.came == came && change.address == VIP)
            };
            had(to, true) && had(from, false)
        };
        let (missing, gap) = ask(&socket, &mut question, moved);
        lost.push(missing);
        gaps.push(millis(gap));
    }
    over.store(true, Ordering::Relaxed);
    assert!(one.daemon().is_running() && two.daemon().is_running(), "a daemon ended");
    (lost, gaps, f64::from(question))
}

/// Asks until a second after the address has moved; how many answers were missing, and the longest time without one.
fn ask(socket: &UdpSocket, question: &mut u32, moved: impl Fn() -> bool) -> (f64, Duration) {
    let (started, mut moved_at) = (Instant::now(), None);
    let (mut lost, mut longest, mut last) = (0.0, Duration::ZERO, Instant::now());
    loop {
        if moved_at.is_none() && question.is_multiple_of(16) && moved() {
            moved_at = Some(Instant::now());
        }
        match moved_at {
            Some(at) if at.elapsed() > Duration::from_secs(1) => return (lost, longest),
            Some(_) => {}
            None => assert!(started.elapsed() < PATIENCE, "the address did not change hands"),
        }
        *question += 1;
        if answered(socket, *question).is_ok() {
            longest = longest.max(last.elapsed());
            last = Instant::now();
        } else {
            lost += 1.0;
        }
        thread::sleep(PAUSE);
    }
}

fn answered(socket: &UdpSocket, question: u32) -> io::Result<()> {
    socket.send(&question.to_be_bytes())?;
    let due = Instant::now() + TIMEOUT;
    let mut answer = [0; 8];
    loop {
        let length = socket.recv(&mut answer)?;
        if answer[..length] == question.to_be_bytes() {
            return Ok(());
        }
        if Instant::now() >= due {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// Answers datagrams on the virtual address in a node, whether it has the address or not.
fn echo(node: &Node, over: &Arc<AtomicBool>) {
    let socket = node
        .enter(|| {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
            socket.set_freebind_v4(true)?;
            socket.bind(&SocketAddr::new(VIP, PORT).into())?;
            socket.set_read_timeout(Some(Duration::from_millis(50)))?;
            Ok::<UdpSocket, io::Error>(socket.into())
        })
        .expect("a socket on an address that may come");
    let over = Arc::clone(over);
    thread::spawn(move || {
        let mut question = [0; 8];
        while !over.load(Ordering::Relaxed) {
            if let Ok((length, asker)) = socket.recv_from(&mut question) {
                let _ = socket.send_to(&question[..length], asker);
            }
        }
    });
}
