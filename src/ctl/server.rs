//! `ipvsctl drain`, `undrain`, `disable`, `enable` and `weight`: what the operator wishes of one server.

use std::time::Duration;

use clap::Args;

use super::render::clean;
use super::{Failure, Status, complain, print};
use crate::api::{ServerRequest, ServerVerb};
use crate::shell::control::client::Client;

/// Which server.
#[derive(Debug, Args)]
struct Which {
    /// Its address and port as `ipvsctl show` has them: 10.0.0.7:80; the port may be left out where that is clear; a sorry server cannot be named
    server: String,

    /// Only in this service: its address (192.0.2.1:80, `tcp 192.0.2.1:80`), `fwmark 5`, or the name of its group [default: every
    /// service that has the server]
    #[arg(short, long)]
    service: Option<String>,
}

/// Empty a server: no new connections, and out of the table once those that it has have ended
///
/// Its weight becomes 0, and its connections go on. Health checks go on too, and a server that fails goes at once, unless its service
/// keeps those at weight 0 (`inhibit_on_failure`). It stays out until `undrain` or `enable`, over reloads and restarts. Clients that persistence binds to it keep coming until they have
/// stayed away for as long as that lasts, or net.ipv4.vs.expire_quiescent_template is 1. The schedulers `dh`, `sh`
/// (without sh-fallback) and `mh` (without mh-fallback) refuse the clients of a server at weight 0: with them it goes at once, and its
/// connections are cut off. A server that leaves, since the configuration does not name it any more, is given this time in place of
/// the one that it has.
#[derive(Debug, Args)]
pub(super) struct Drain {
    #[command(flatten)]
    which: Which,

    /// Take it out after this time whatever is left, which is cut off then: 90, 90s, 5m, 1h30m [default: it may take for ever]
    #[arg(short, long, value_name = "TIME", value_parser = time)]
    deadline: Option<Duration>,
}

/// Bring a server back that was drained, or is being drained
#[derive(Debug, Args)]
pub(super) struct Undrain {
    #[command(flatten)]
    which: Which,
}

/// Take a server out at once: its connections are cut off (`drain` waits for them)
///
/// It stays out until `enable`, over reloads and restarts; what a file does not name for an hour is forgotten. A server that leaves,
/// since the configuration does not name it any more, is gone at once, and only the configuration brings it back.
#[derive(Debug, Args)]
pub(super) struct Disable {
    #[command(flatten)]
    which: Which,
}

/// Bring a server back, whether it was disabled or drained
#[derive(Debug, Args)]
pub(super) struct Enable {
    #[command(flatten)]
    which: Which,
}

/// Give a server another weight than the file does, over reloads and restarts
#[derive(Debug, Args)]
pub(super) struct Weight {
    #[command(flatten)]
    which: Which,

    /// The weight, whatever its checks would make of the file's; 0: no new connections; `file`: the file's again
    #[arg(value_name = "WEIGHT|file", value_parser = weight)]
    weight: Wanted,
}

#[derive(Debug, Clone, Copy)]
enum Wanted {
    File,
    Weight(u32),
}

impl Drain {
    pub(super) fn run(self, client: &Client) -> Result<Status, Failure> {
        self.which.ask(client, ServerVerb::Drain { deadline_secs: self.deadline.map(|span| span.as_secs_f64()) })
    }
}

impl Undrain {
    pub(super) fn run(self, client: &Client) -> Result<Status, Failure> {
        self.which.ask(client, ServerVerb::Undrain)
    }
}

impl Disable {
    pub(super) fn run(self, client: &Client) -> Result<Status, Failure> {
        self.which.ask(client, ServerVerb::Disable)
    }
}

impl Enable {
    pub(super) fn run(self, client: &Client) -> Result<Status, Failure> {
        self.which.ask(client, ServerVerb::Enable)
    }
}

impl Weight {
    pub(super) fn run(self, client: &Client) -> Result<Status, Failure> {
        let weight = match self.weight {
            Wanted::File => None,
            Wanted::Weight(weight) => Some(weight),
        };
        self.which.ask(client, ServerVerb::Weight { weight })
    }
}

impl Which {
    fn ask(self, client: &Client, verb: ServerVerb) -> Result<Status, Failure> {
        let reply = client.server(&ServerRequest { server: self.server, service: self.service, verb })?;
        let line = |change: &crate::api::ServerChange| {
            format!("{} of {}: {}\n", clean(&change.server), clean(&change.service), clean(&change.text))
        };
        print(&reply.changes.iter().map(line).collect::<String>())?;
        for remark in &reply.remarks {
            complain(&format!("note: {}", clean(remark)));
        }
        Ok(Status::Ok)
    }
}

fn weight(text: &str) -> Result<Wanted, String> {
    if text == "file" {
        return Ok(Wanted::File);
    }
    let most = i32::MAX.unsigned_abs();
    let weight = text.parse().ok().filter(|weight| *weight <= most);
    weight.map(Wanted::Weight).ok_or_else(|| format!("a weight from 0 to {most}, or `file`"))
}

/// `90`, `90s`, `1500ms`, `5m`, `1h30m`, `2d`.
fn time(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let wrong = || "a time such as 90, 90s, 5m or 1h30m".to_owned();
    let (mut rest, mut millis) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, after) = after.split_at(letters);
        let unit = if unit.is_empty() && digits == text.len() { "s" } else { unit };
        let (_, each) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        millis = number.checked_mul(each).and_then(|more| millis.checked_add(more)).ok_or_else(wrong)?;
        rest = after;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_millis(millis)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, millis) in [
            ("0", 0),
            ("90", 90_000),
            ("90s", 90_000),
            ("1500ms", 1_500),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1", "1.5", "1h30", "5x", "5 m", "99999999999999999999", "18446744073709551615d"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_weight_or_the_files() {
        assert!(matches!(weight("file"), Ok(Wanted::File)));
        assert!(matches!(weight("0"), Ok(Wanted::Weight(0))));
        assert!(matches!(weight("2147483647"), Ok(Wanted::Weight(2_147_483_647))));
        for text in ["", "-1", "2147483648", "auto"] {
            assert!(weight(text).is_err(), "{text}");
        }
    }
}
