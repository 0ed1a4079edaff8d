//! Checks that run by themselves, without a balancer, and servers on the loopback interface that treat them as a test likes.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use ipvsd::model::{Check, CheckKind, TrackCheck};

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
