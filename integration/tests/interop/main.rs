//! Every mode of the protocol against Debian's keepalived: two nodes, the same file on both but for addresses and priority.
//!
//! A *mode* is a version, a family, multicast or unicast, and authentication; a *cell* is a mode, who has the higher
//! priority, and who is started first. A test runs the eight cells of a mode to the group and of the same one to the peer at
//! the same time, each in a network of its own, on a thread that has the cell's name. In each cell the
//! address must be on exactly one host and adverts come from exactly one router at rest; then whoever is master is killed
//! and comes back, is stopped cleanly and comes back, and the backup is killed and comes back, unnoticed. At the end ours
//! must not have dropped one advert, and keepalived must not have complained of one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bytes;
mod cell;
mod mode;

use cell::{Cell, First};
use integration::{Program, native_test};
use mode::{Auth, Family, Mode, Transport, Version};

/// Runs the eight cells of two modes: to the group, and to the peer.
fn matrix(version: Version, family: Family, auth: Auth) {
    std::thread::scope(|scope| {
        for transport in [Transport::Multicast, Transport::Unicast] {
            let mode = Mode { version, family, transport, auth };
            for higher in [Program::Ipvsd, Program::Keepalived] {
                for first in [First::Higher, First::Lower] {
                    let cell = Cell { mode, higher, first };
                    std::thread::Builder::new().name(cell.to_string()).spawn_scoped(scope, move || cell.run()).unwrap();
                }
            }
        }
    });
}

native_test! {
    fn version_2() {
        matrix(Version::V2, Family::V4, Auth::None);
    }

    fn version_2_with_a_password() {
        matrix(Version::V2, Family::V4, Auth::Pass);
    }

    fn version_2_with_an_authentication_header() {
        matrix(Version::V2, Family::V4, Auth::Ah);
    }

    fn version_3() {
        matrix(Version::V3, Family::V4, Auth::None);
    }

    fn version_3_ipv6() {
        matrix(Version::V3, Family::V6, Auth::None);
    }
}
