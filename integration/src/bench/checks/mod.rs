//! Many servers, checked often: what it costs, how punctual it is, and how fast a verdict gets to the kernel.
//!
//! - [`native`]: on this machine's own kernel, with a table that takes every change and moves no packet ([`null`]); beside a
//!   bare loop that does the same connects ([`bare`]).
//! - [`lab`]: on a kernel with IPVS, beside keepalived with the same file.
//!
//! The servers are addresses of 127.0.0.0/8 in a network namespace of the run, all of them one process ([`farm`]), which also
//! counts the checks that arrive.

pub mod bare;
pub mod farm;
pub mod lab;
pub mod native;
pub mod null;
pub mod puppet;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipvsd::api::{Snapshot, TimingsView};
use ipvsd::shell::balancer::Door;
use ipvsd::shell::control::client::Client;
use ipvsd::shell::log::LogFormat;
use ipvsd::shell::supervisor::{Arguments, run_behind};

use bare::target;
use null::NullTable;

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the servers of a file are.
#[derive(Debug, Clone, Copy)]
pub struct Servers {
    /// Services.
    pub services: u32,
    /// Servers of each.
    pub each: u32,
    /// The last so many of each service have another port than [`farm::WELL`].
    pub others: &'static [(u16, u32)],
}

impl Servers {
    fn count(self) -> u32 {
        self.services * self.each
    }

    /// Those with this port.
    fn on(self, port: u16) -> u32 {
        self.others.iter().filter(|(other, _)| *other == port).map(|(_, count)| count * self.services).sum()
    }

    /// As keepalived.conf: each checked every five seconds, and believed at once.
    fn conf(self) -> String {
        let mut text = String::new();
        for service in 0..self.services {
            let [.., high, low] = service.to_be_bytes();
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "virtual_server 10.0.{high}.{low} 80 {{\n  delay_loop 5\n  lb_algo wlc\n  lb_kind NAT\n  protocol TCP"
            );
            let others = || self.others.iter().flat_map(|(port, count)| (0..*count).map(move |_| *port));
            let rest = self.each - self.others.iter().map(|(_, count)| count).sum::<u32>();
            let ports = (0..rest).map(|_| farm::WELL).chain(others());
            for (server, port) in (0..).zip(ports) {
                let check = if port == farm::WEB {
                    "HTTP_GET {\n url {\n path /\n status_code 200\n }\n connect_timeout 60\n retry 0\n }"
                } else {
                    "TCP_CHECK {\n connect_timeout 4\n retry 0\n }"
                };
                let address = target(service * self.each + server);
                let _ = writeln!(text, "  real_server {address} {port} {{\n    weight 1\n    {check}\n  }}");
            }
            text.push_str("}\n");
        }
        text
    }
}

/// The whole daemon, with a table that moves no packet: `bench checks-daemon FOLDER`. Asked on standard input, it tells the
/// table's counts.
#[must_use]
pub fn daemon(words: &[String]) -> std::process::ExitCode {
    let folder = PathBuf::from(&words[0]);
    let table = NullTable::default();
    let seen = table.clone();
    // It ends with the process.
    std::thread::spawn(move || {
        puppet::answer(|_| {
            let null::Counts { servers, deleted, deleting_sends, deleted_at } = seen.counts();
            format!("{servers} {deleted} {deleting_sends} {deleted_at}")
        });
        // Whoever has started this is gone.
        std::process::exit(1);
    });
    let arguments = Arguments {
        config: folder.join("checks.conf"),
        language: None,
        watch: false,
        socket: socket(&folder),
        socket_group: None,
        state_dir: folder.join("state"),
        log: LogFormat::Plain,
    };
    run_behind(Door::new(move || table.open()), arguments).into()
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("ipvsd.sock")
}

/// What the daemon in this folder says, services and servers left out.
fn show(folder: &Path) -> Snapshot {
    Client::new(socket(folder)).patience(PATIENCE).brief().expect("the daemon answers")
}

/// Milliseconds that so many of a thousand did not exceed.
#[expect(clippy::cast_precision_loss, reason = "microseconds are far below 2^52")]
fn millis(timings: &TimingsView, part: u64) -> f64 {
    timings.per_mille(part).unwrap_or(0) as f64 / 1000.0
}
