//! The least of a service: where checks leave fewer servers than its floor asks for, some that failed stay all the same.
//!
//! A check that is wrong about one server costs little; one that is wrong about all of them (a path that was renamed, a
//! database behind them all, a firewall between us and them) empties the service, and then every client is refused, also those
//! that would have been served. With a floor the service fails open instead: clients are sent to servers that may not answer,
//! rather than to none.
//!
//! Those that failed last stay: they were well the longest, and are in the kernel's table with their connections. When one
//! comes back, the one that failed first among those that stayed goes. A server of weight 0, be it the file's, the operator's or
//! what its checks make of it, carries nothing and counts on neither side.
//!
//! A server about which nothing is known yet is hoped for. As long as there are such, no failed server is put in that is not in the
//! table: a start asks all of them first. But one that is there goes only when as many as the floor asks for get connections:
//! neither a server that a reload brings nor a new process takes the last one away, with its connections, for a hope. And while
//! servers that a reload removed serve on (`engine/succession.rs`), nobody needs one that failed and is not there.
//!
//! As long as servers that failed stay, nobody starts slowly: a server that works is worth more than one that does not, and
//! with the tenth part of its weight it would get the tenth part of the clients.

use std::cmp::Reverse;
use std::time::Instant;

use super::desired::Health;
use crate::model::Floor;

/// A server as far as a floor is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Footing {
    /// What checks say.
    pub(super) health: Health,
    /// It gets connections, or will in a moment, unless it failed.
    pub(super) serves: bool,
    /// Clients are sent to it by the kernel's table as it is.
    pub(super) there: bool,
    /// Since when.
    pub(super) since: Instant,
    /// It may carry traffic at all: its weight is not 0.
    pub(super) carries: bool,
}

/// Which servers stay although they failed, by their places. `others` serve on meanwhile, whom the file does not name.
pub(super) fn kept(floor: Floor, others: bool, servers: impl IntoIterator<Item = Footing>) -> Vec<usize> {
    let (mut all, mut serving, mut hoped_for, mut failed) = (0_usize, 0_usize, 0_usize, Vec::new());
    for (place, server) in servers.into_iter().enumerate().filter(|(_, server)| server.carries) {
        all += 1;
        match server.health {
            Health::Up | Health::Unchecked => serving += 1,
            Health::Unknown if server.serves || server.there => serving += 1,
            Health::Unknown => hoped_for += 1,
            Health::Down => failed.push((Reverse(server.there), Reverse(server.since), place)),
        }
    }
    let wanting = floor.of(all).saturating_sub(serving);
    failed.sort_unstable();
    let there = failed.iter().filter(|(there, ..)| there.0).count();
    // Of those that are there as many as are wanting, and others only for what no hope is left for.
    let hopeless = if others { 0 } else { wanting.saturating_sub(hoped_for) };
    let stays = wanting.min(there.max(hopeless));
    failed.into_iter().take(stays).map(|(.., place)| place).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// One letter for each server: `u`p, `n`ot known, not known but in the table `t`, or trusted `p`, without checks `c`, without
    /// weight `w`; a digit: in the table and down since that second; a letter from `A` on: not in the table, and down since then.
    fn stay(floor: &str, others: bool, servers: &str) -> Vec<usize> {
        let start = Instant::now();
        let footing = |server: char| {
            let out_at = server.is_ascii_uppercase().then(|| u32::from(server) - u32::from('A'));
            let failed_at = server.to_digit(10).or(out_at);
            let health = match server {
                'u' => Health::Up,
                'n' | 't' | 'p' => Health::Unknown,
                'c' => Health::Unchecked,
                _ => Health::Down,
            };
            let since = start + Duration::from_secs(failed_at.unwrap_or(0).into());
            let there = !matches!(server, 'n' | 'p') && out_at.is_none();
            Footing { health, since, serves: server == 'p', there, carries: server != 'w' }
        };
        kept(floor.parse().unwrap(), others, servers.chars().map(footing))
    }

    #[test]
    fn as_many_stay_as_are_wanting_and_those_that_failed_last() {
        for (floor, servers, stays) in [
            ("1", "uuu", &[][..]),
            ("1", "12u", &[]),
            ("1", "123", &[2]),
            ("2", "132", &[1, 2]),
            ("2", "u31", &[1]),
            ("9", "123", &[2, 1, 0]),
            // Of those that failed at once the first in the file.
            ("1", "222", &[0]),
            ("50%", "1234", &[3, 2]),
            ("50%", "12345", &[4, 3, 2]),
            ("1%", "123", &[2]),
            ("100%", "u1", &[1]),
            ("50%", "u123", &[3]),
            // Nobody is put in while some may yet turn out well.
            ("1", "An", &[]),
            ("2", "ABn", &[1]),
            ("2", "ABt", &[1]),
            ("1", "AB", &[1]),
            // ... and nobody who is there goes for that.
            ("1", "1n", &[0]),
            ("1", "1nn", &[0]),
            ("1", "1t", &[]),
            ("1", "1p", &[]),
            ("2", "12n", &[1, 0]),
            ("2", "12nt", &[1]),
            ("2", "1An", &[0]),
            // Those that are there come first, whenever they failed.
            ("1", "1C", &[0]),
            ("2", "1BC", &[0, 2]),
            ("2", "1BCn", &[0]),
            ("1", "1c", &[]),
            ("1", "1ww", &[0]),
            ("50%", "w1", &[1]),
            ("3", "", &[]),
        ] {
            assert_eq!(stay(floor, false, servers), stays, "floor {floor} of {servers}");
            let there: Vec<_> =
                stays.iter().copied().filter(|place| !servers.as_bytes()[*place].is_ascii_uppercase()).collect();
            assert_eq!(stay(floor, true, servers), there, "floor {floor} of {servers}, while others serve on");
        }
    }
}
