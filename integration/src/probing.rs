//! Checks that run by themselves, without a balancer, and servers on the loopback interface that treat them as a test likes.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use ipvsd::model::{Check, CheckKind, TrackCheck};
use serde_json::Value;

use crate::subject::Ipvsd;

/// From one try to the next.
const INTERVAL: Duration = Duration::from_millis(100);

/// A check of this kind that forgives nothing, again and again.
#[must_use]
pub fn track_check(name: &str, kind: CheckKind, timeout: Duration) -> TrackCheck {
    let check = Check {
        kind,
        interval: INTERVAL,
        timeout,
        retry: 0,
        retry_interval: INTERVAL,
        warmup: None,
        tells_failures: None,
        pace: None,
    };
    TrackCheck { name: name.to_owned(), check, rise: 1, fall: 1 }
}

/// Waits until each check of each server has run twice: who comes into the table wrongly, and late, has come by then.
///
/// # Panics
///
/// When they do not run in time.
#[track_caller]
pub fn wait_judged(ipvsd: &Ipvsd) {
    let list = |of: &Value, name: &str| of[name].as_array().cloned().unwrap_or_default();
    ipvsd.wait_show("two runs of each check", |snapshot| {
        let services = list(&snapshot["balancer"], "services");
        let servers: Vec<_> = services.iter().flat_map(|service| list(service, "servers")).collect();
        let mut checks = servers.iter().map(|server| list(server, "checks"));
        !servers.is_empty()
            && checks.all(|checks| {
                !checks.is_empty() && checks.iter().all(|check| check["runs"].as_u64().is_some_and(|runs| runs >= 2))
            })
    });
}

/// A server on the loopback interface that treats each connection like this, for as long as the process lives.
#[must_use]
pub fn serve(each: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface");
    let address = listener.local_addr().expect("the port that it was given");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || each(stream));
        }
    });
    address
}
