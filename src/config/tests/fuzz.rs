//! Any bytes at all: no panic, and every place that is named lies in its text.

use std::path::Path;

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::{collection, sample};

use super::{Loaded, bytes};

/// What files are made of, and what they should not be made of.
const PIECES: [&str; 78] = [
    "{",
    "}",
    "{ ",
    " }\n",
    "\n",
    "\n\n",
    " ",
    "\t",
    "\"",
    "'",
    "#",
    "!",
    "\\",
    "\\#",
    "$",
    "${",
    "$A=",
    "${A}",
    "$A ",
    "${_ENV VIP}",
    "@lb1 ",
    "@^lb1 ",
    "@",
    "~SEQ(a,1,2) x",
    "~SEQ(A,1,2)",
    "~SEQ(A,9,-3,1)",
    "~SEQx(a,1,1000) ",
    "~LST({A,a},{1,2},{3}) ",
    "~LST(A,x,y)",
    "~",
    "$A= \\\n",
    "$a=${A} \\\n",
    " \\\n",
    "$A\n",
    "${a}",
    "${A${a}}",
    "${_RANDOM 1 5}",
    "${_INSTANCE}",
    "include_check +match\n",
    "include a.conf\n",
    "include x\n",
    "\u{a0}",
    "\u{feff}",
    "ü漂",
    "\r\n",
    "global_defs",
    "vrrp_instance A",
    "vrrp_instance B {\n",
    "virtual_router_id 7\n",
    "interface eth0\n",
    "virtual_ipaddress {\n",
    "192.0.2.1/24 dev eth0 label x brd +\n",
    "priority 255\n",
    "state MASTER\n",
    "nopreempt\n",
    "track_script {\n",
    "check weight -5 reverse\n",
    "vrrp_script check {\n",
    "script \"a 'b c' \\x41\"\n",
    "weight -5\n",
    "auth_pass ",
    "authentication {\n",
    "vrrp_sync_group G {\n",
    "group {\n",
    "virtual_server 192.0.2.1 80 {\n",
    "virtual_server fwmark 7 {\n",
    "real_server 192.0.2.2 80 {\n",
    "TCP_CHECK {\n",
    "HTTP_GET {\n",
    "connect_timeout 3\n",
    "delay_loop 1.0000000001\n",
    "lb_kind TUN type gue port 1 csum\n",
    "persistence_timeout\n",
    "retry 99999999999999999999\n",
    "unicast_peer {\n",
    "advert_int 0.00001\n",
    "0",
    "x.x.x.x",
];

const TOML: [&str; 34] = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    "\n",
    "\"",
    "'",
    "\"\"\"",
    ".",
    ",",
    "#",
    " ",
    "1",
    "-5",
    "1.5",
    "true",
    "1979-05-27",
    "[global]\n",
    "[[instance]]\n",
    "name = \"a\"\n",
    "interface = \"eth0\"\n",
    "vrid = 5\n",
    "addresses = [\"192.0.2.1/24\"]\n",
    "[[service]]\n",
    "address = \"192.0.2.1:80\"\n",
    "[[service.server]]\n",
    "check = { tcp = {} }\n",
    "weight = 5\n",
    "interval = \"5s\"\n",
    "ü漂",
    "\r",
];

fn sound(loaded: &Loaded) {
    let report = &loaded.report;
    for diagnostic in report.diagnostics() {
        for label in diagnostic.primary.iter().chain(&diagnostic.secondary) {
            let text = report.files().text(label.span.file);
            assert!(text.get(label.span.range()).is_some(), "{diagnostic:?} lies outside its text");
        }
        assert!(!report.line(diagnostic).is_empty());
    }
    assert!(report.render(true).len() >= report.diagnostics().len());
    if loaded.config.is_none() {
        assert!(!loaded.is_runnable());
        assert_ne!(report.diagnostics(), []);
    }
}

fn soup(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        20 => sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => Just(b"\n".to_vec()),
    ];
    collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A text of words of keepalived's; its longest repetition has so many turns. Several of them on one line multiply, and each
/// line that they make may be worth a remark.
pub(super) fn keepalived_soup(turns: u32) -> impl Strategy<Value = Vec<u8>> {
    soup(&PIECES).prop_map(move |text| {
        let long = b"~SEQx(a,1,1000)".as_slice();
        let (mut rest, mut shortened) = (text.as_slice(), Vec::new());
        while let Some(at) = rest.windows(long.len()).position(|part| part == long) {
            shortened.extend_from_slice(&rest[..at]);
            shortened.extend_from_slice(format!("~SEQx(a,1,{turns})").as_bytes());
            rest = &rest[at + long.len()..];
        }
        shortened.extend_from_slice(rest);
        shortened
    })
}

/// A text of words of our own language.
pub(super) fn toml_soup() -> impl Strategy<Value = Vec<u8>> {
    soup(&TOML)
}

/// A file that means something, with a few things done to it.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let files = ["kubernetes.conf"];
    let read = |name: &str| std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)).unwrap();
    let texts: Vec<Vec<u8>> = files.into_iter().map(read).collect();
    let change = (any::<sample::Index>(), any::<sample::Index>(), 0..5_u8, sample::select(&PIECES[..]));
    (sample::select(texts), collection::vec(change, 1..9)).prop_map(|(mut text, changes)| {
        for (from, length, what, piece) in changes {
            let at = from.index(text.len() + 1);
            let end = (at + length.index(200)).min(text.len());
            match what {
                0 => drop(text.drain(at..end)),
                1 => drop(text.splice(at..end, piece.bytes())),
                2 => drop(text.splice(at..at, piece.bytes())),
                3 => {
                    let twice = text[at..end].to_vec();
                    drop(text.splice(at..at, twice));
                }
                _ => text.truncate(at),
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(text in collection::vec(any::<u8>(), 0..400)) {
        sound(&bytes("a.conf", &text));
        sound(&bytes("a.toml", &text));
    }

    #[test]
    fn any_text(text in ".{0,200}") {
        sound(&bytes("a.conf", text.as_bytes()));
        sound(&bytes("a.toml", text.as_bytes()));
    }

    #[test]
    fn any_pieces_of_keepalived(text in keepalived_soup(1000)) {
        sound(&bytes("a.conf", &text));
    }

    #[test]
    fn any_mutation_of_a_file(text in mutated()) {
        sound(&bytes("a.conf", &text));
    }

    #[test]
    fn any_pieces_of_toml(text in toml_soup()) {
        sound(&bytes("a.toml", &text));
    }
}
