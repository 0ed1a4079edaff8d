//! The play: the documents' own configuration files run real machines, and things go wrong on purpose.
//!
//! Three acts, each a network of its own in the same kernel:
//!
//! 1. [`first`]: `002-first.conf` on three machines. VRRP version 3 with `nopreempt`, NAT with persistence onto HAProxy on
//!    the same machines. A server dies and returns, HAProxy dies on the master, the master's director dies.
//! 2. [`second`]: `002-second.conf` on three machines. VRRP version 2 alone; HAProxy's death moves the address.
//! 3. [`third`]: `004-master.conf` and its backup on two machines, direct routing. A server dies and returns, a machine dies.
//!
//! [`stage`] prints and keeps the score. Times are measured by looking at the kernel ([`table`], addresses of interfaces) and
//! by clients that ask all the time ([`stream`]), not by what the program under show says of itself. [`director`] is the
//! seam behind which keepalived can stand in for comparison.

pub mod director;
pub mod first;
pub mod kube;
pub mod second;
pub mod stage;
pub mod stream;
pub mod table;
pub mod third;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::node::Node;
use crate::programs;

pub use director::Director;
pub use stage::Stage;

/// Generous: what takes this long on the slowest machine does not happen.
pub const LONG: Duration = Duration::from_secs(30);
/// Between an answer and the same client's next request: a lab guest has one processor, and others need it too.
pub const PAUSE: Duration = Duration::from_millis(100);
/// Lines of each log that are shown when an act went wrong.
const LAST_LINES: usize = 40;

/// A configuration of the repository, as it stands.
///
/// # Panics
///
/// When it cannot be read.
#[must_use]
pub fn seed(name: &str) -> String {
    let path = programs::repository().join("examples/seeds").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Plays the acts that are asked for (all of them, when none is named); true when every expectation was met.
#[must_use]
pub fn play(director: Director, acts: &[usize], colour: bool) -> bool {
    let mut stage = Stage::new(colour);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let guest = match std::env::var("IPVSD_LAB").as_deref() {
        Ok("uml") => ", in User Mode Linux (one processor; absolute times are those of a slow machine)",
        Ok("qemu") => ", in QEMU",
        _ => "",
    };
    let mut about = vec![
        format!("Kernel {}{guest}.", kernel.trim()),
        "Times are measured from outside: by looking at the kernel, and by clients that ask all the time.".to_owned(),
    ];
    about.extend(director.caveats());
    stage.opening(&format!("{} runs keepalived.conf as it stands in documents on the net", director.name()), &about);
    type Act = fn(&mut Stage, Director);
    let all: [Act; 3] = [first::play, second::play, third::play];
    for (number, act) in (1..).zip(all) {
        if !acts.is_empty() && !acts.contains(&number) {
            continue;
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| act(&mut stage, director))) {
            let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            stage.check(false, &format!("the act could not go on: {}", said.unwrap_or("no reason given")), None);
        }
    }
    stage.summary()
}

/// Shows the ends of the logs of a machine's directors.
pub(crate) fn show_logs(stage: &Stage, director: Director, node: &Node) {
    for daemon in node.daemons().iter().filter(|daemon| daemon.name() == director.name()) {
        let log = daemon.log();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
        let state = daemon.ended().map_or_else(|| "running".to_owned(), |status| status.to_string());
        stage.show(&format!("tail -n {LAST_LINES} {}.log     (on {}, {state})", daemon.name(), node.name()), &last);
    }
}

/// Shows the lines of `text` that contain `word`, to quote a long output again later.
#[must_use]
pub(crate) fn lines_with(text: &str, word: &str) -> String {
    text.lines().filter(|line| line.contains(word)).collect::<Vec<_>>().join("\n")
}
