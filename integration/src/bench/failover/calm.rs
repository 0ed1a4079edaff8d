//! Adverts every 10 ms from a daemon that has much else to do.
//!
//! The balancer has 10,000 servers to check every second over real connections, and is given a file of as many, changed,
//! once a second. A kernel without IPVS does not take its tables, but checks and files cost what they cost. What counts is
//! the wire: the time between adverts, and whether the backup ever thought that the master was gone.
//!
//! Beside it, in the same run: the same without load, keepalived's VRRP alone with the same file read once a second (its
//! checkers do not run on a kernel without IPVS), and a bare thread that sleeps to deadlines 10 ms apart during the load of
//! ours, which shows what the machine itself adds.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENCE, Pair, VIP, conf, millis};
use crate::bench::Report;
use crate::{AddressWatch, Contender, Program, Tap};

const INTERVAL: Duration = Duration::from_millis(10);
const SERVICES: usize = 100;
const SERVERS: usize = 100;

/// What else the master has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    Nothing,
    ChecksAndFiles,
    Files,
}

/// Runs all of it: `loaded` for ours under load, `idle` for each of the others.
#[must_use]
pub fn run(loaded: Duration, idle: Duration) -> Report {
    let mut report = Report::new("failover: calm under load (advert 10 ms)");
    measure(&mut report, "ipvsd, nothing else to do", Program::Ipvsd, Load::Nothing, idle);
    measure(&mut report, "keepalived, nothing else to do", Program::Keepalived, Load::Nothing, idle);
    measure(&mut report, "ipvsd, 10,000 checks and a file a second", Program::Ipvsd, Load::ChecksAndFiles, loaded);
    measure(&mut report, "keepalived, a file a second", Program::Keepalived, Load::Files, idle);
    report
}

fn measure(report: &mut Report, who: &str, program: Program, load: Load, time: Duration) {
    eprintln!("failover: {who}, for {} s", time.as_secs());
    let pair = Pair::new("calm");
    let tap = Tap::start(&pair.two, "eth0");
    let watch = AddressWatch::start(&pair.two);
    let accepted = Arc::<AtomicU64>::default();
    let over = Arc::<AtomicBool>::default();
    let files: [String; 2] = match load {
        Load::Nothing => [conf(150, "0.01"), conf(150, "0.01")],
        Load::ChecksAndFiles | Load::Files => [1, 2].map(|weight| format!("{}{}", conf(150, "0.01"), services(weight))),
    };
    if load == Load::ChecksAndFiles {
        serve(&pair, &accepted, &over);
    }
    let backup = Contender::start(Program::Ipvsd, &pair.two, &conf(100, "0.01"));
    let master = Contender::start(program, &pair.one, &files[0]);
    tap.wait_advert(PATIENCE, "an advert of the master", 0, |advert| advert.priority == 150);
    // The first checks are spread over the first interval; then all are at work.
    thread::sleep(Duration::from_secs(3));
    let before = (tap.mark(), watch.mark(), accepted.load(Ordering::Relaxed), master.processor_time());
    let started = Instant::now();
    let floor = thread::spawn(move || bare_timer(time));
    let mut reloads = 0;
    while started.elapsed() < time {
        thread::sleep(Duration::from_secs(1));
        if load != Load::Nothing {
            reloads += 1;
            master.reload(&files[reloads % 2]);
        }
    }
    let elapsed = started.elapsed();
    let adverts = tap.adverts_from(before.0);
    let times: Vec<Instant> = adverts.iter().filter(|(_, advert)| advert.priority == 150).map(|(at, _)| *at).collect();
    let takeovers = watch.came_from(before.1, VIP);
    assert!(master.daemon().is_running() && backup.daemon().is_running(), "{who}: a daemon ended");
    let checks = accepted.load(Ordering::Relaxed) - before.2;
    let processor = master.processor_time() - before.3;
    over.store(true, Ordering::Relaxed);

    let late = times.windows(2).map(|pair| millis((pair[1] - pair[0]).saturating_sub(INTERVAL))).collect();
    report.add(who, "lateness of an advert, beyond 10 ms after the last", "ms", late);
    if load != Load::Nothing {
        let floor = floor.join().expect("the bare timer").into_iter().map(millis).collect();
        let name = format!("  a bare timer beside `{who}`");
        report.add(&name, "lateness of an advert, beyond 10 ms after the last", "ms", floor);
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    for (metric, unit, value) in [
        ("false failovers", "", takeovers as f64),
        ("adverts on the wire", "/s", times.len() as f64 / elapsed.as_secs_f64()),
        ("checks", "/s", checks as f64 / elapsed.as_secs_f64()),
        ("files of 10,000 servers given", "", reloads as f64),
        ("processor time of the master", "s/s", processor.as_secs_f64() / elapsed.as_secs_f64()),
    ] {
        report.add(who, metric, unit, vec![value]);
    }
}

/// Sleeps to deadlines 10 ms apart; how late it woke.
fn bare_timer(time: Duration) -> Vec<Duration> {
    let started = Instant::now();
    let mut late = Vec::new();
    let mut due = started + INTERVAL;
    while due < started + time {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        late.push(Instant::now().saturating_duration_since(due));
        due += INTERVAL;
    }
    late
}

/// Takes connections in the master's node and closes them, until told that it is over.
fn serve(pair: &Pair, accepted: &Arc<AtomicU64>, over: &Arc<AtomicBool>) {
    let listener = pair.one.enter(|| TcpListener::bind("0.0.0.0:8080")).expect("a port of a fresh node");
    listener.set_nonblocking(true).expect("a socket");
    let (accepted, over) = (Arc::clone(accepted), Arc::clone(over));
    thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok(_) => {
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    });
}

/// 100 services of 100 servers in 127.0.0.0/8, checked every second.
fn services(weight: usize) -> String {
    let mut text = String::new();
    for service in 0..SERVICES {
        let _ = writeln!(
            text,
            "virtual_server 10.0.0.{service} 80 {{\n  delay_loop 1\n  lb_algo wlc\n  lb_kind NAT\n  protocol TCP"
        );
        for server in 0..SERVERS {
            let _ = writeln!(
                text,
                "  real_server 127.1.{service}.{} 8080 {{\n    weight {weight}\n    TCP_CHECK {{\n      \
                 connect_timeout 1\n    }}\n  }}",
                server + 1
            );
        }
        text.push_str("}\n");
    }
    text
}
