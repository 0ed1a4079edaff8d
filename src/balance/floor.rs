//! The least of a service: where checks leave fewer servers than its floor asks for, some that failed stay all the same.
//!
//! A check that is wrong about one server costs little; one that is wrong about all of them (a path that was renamed, a
//! database behind them all, a firewall between us and them) empties the service, and then every client is refused, also those
//! that would have been served. With a floor the service fails open instead: clients are sent to servers that may not answer,
//! rather than to none.
//!
//! Those that failed last stay: they were well the longest, and are in the kernel's table with their connections. When one
//! comes back, the one that failed first among those that stayed goes. A server about which nothing is known yet counts as
//! standing, so that a start puts no failed server in before all were asked; a server of weight 0, be it the file's, the
//! operator's or what its checks make of it, carries nothing and counts on neither side.
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
    /// Since when.
    pub(super) since: Instant,
    /// It may carry traffic at all: its weight is not 0.
    pub(super) carries: bool,
}

/// Which servers stay although they failed, by their places.
pub(super) fn kept(floor: Floor, servers: impl IntoIterator<Item = Footing>) -> Vec<usize> {
    let (mut all, mut standing, mut failed) = (0_usize, 0_usize, Vec::new());
    for (place, server) in servers.into_iter().enumerate().filter(|(_, server)| server.carries) {
        all += 1;
        match server.health {
            Health::Up | Health::Unchecked | Health::Unknown => standing += 1,
            Health::Down => failed.push((Reverse(server.since), place)),
        }
    }
    let wanting = floor.of(all).saturating_sub(standing);
    failed.sort_unstable();
    failed.into_iter().take(wanting).map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// One letter for each server: `u`p, `n`ot known, without checks `c`, without weight `w`; a digit: down since that second.
    fn stay(floor: &str, servers: &str) -> Vec<usize> {
        let start = Instant::now();
        let footing = |server: char| {
            let failed_at = server.to_digit(10);
            let health = match server {
                'u' => Health::Up,
                'n' => Health::Unknown,
                'c' => Health::Unchecked,
                _ => Health::Down,
            };
            let since = start + Duration::from_secs(failed_at.unwrap_or(0).into());
            Footing { health, since, carries: server != 'w' }
        };
        kept(floor.parse().unwrap(), servers.chars().map(footing))
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
            ("1", "1n", &[]),
            ("1", "1c", &[]),
            ("1", "1ww", &[0]),
            ("50%", "w1", &[1]),
            ("3", "", &[]),
        ] {
            assert_eq!(stay(floor, servers), stays, "floor {floor} of {servers}");
        }
    }
}
