//! Any bytes as a web server's answer to a check, however they are cut.
//!
//! What it means may not depend on where the network cut it.
#![no_main]

use std::net::SocketAddr;

use ipvsd::check::http::Head;
use ipvsd::model::{Connect, HttpProbe};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((cut, answer)) = bytes.split_first() else { return };
    let connect = Connect {
        target: SocketAddr::from(([127, 0, 0, 1], 80)),
        source_address: None,
        source_port: None,
        interface: None,
        mark: None,
    };
    let probe = HttpProbe::new(connect);
    let whole = Head::new().read(&probe, answer);
    let mut head = Head::new();
    let piece = usize::from(*cut).max(1);
    let pieces = answer.chunks(piece).find_map(|piece| head.read(&probe, piece));
    assert_eq!(whole, pieces, "cut into pieces of {piece}");
});
