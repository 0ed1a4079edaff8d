//! `TCP_CHECK` and the other checks of a `real_server`.

use super::super::draft::{CallDraft, CheckDraft, KindDraft, ServerDraft};
use super::keywords::Place;
use super::service::timing;
use super::tree::Statement;
use super::values::{IGNORED, Instead};
use super::walk::{Handler, Walk};

/// A check of a server; false: the word begins none.
pub(super) fn check(walk: &mut Walk<'_>, server: &mut ServerDraft, statement: Statement<'_>) -> bool {
    let (place, kind, handle): (_, _, Handler<CheckDraft>) = match statement.name() {
        "TCP_CHECK" => (Place::TcpCheck, KindDraft::Tcp, common),
        _ => return false,
    };
    let mut check = CheckDraft::new(kind);
    walk.block(statement.children(), place, &mut check, handle);
    server.checks.push(check);
    true
}

/// The words that all checks share which call somebody.
fn common(walk: &mut Walk<'_>, check: &mut CheckDraft, statement: Statement<'_>) -> bool {
    timing(walk, &mut check.timing, statement) || call(walk, &mut check.call, statement)
}

/// Whom a check calls, and how.
fn call(walk: &mut Walk<'_>, call: &mut CallDraft, statement: Statement<'_>) -> bool {
    let Some(value) = statement.word(1) else { return true };
    match statement.name() {
        "connect_ip" => call.address = walk.address(value, "an IP address", Instead("the server's address is used")),
        "connect_port" => call.port = walk.whole(value, Instead("the server's port is used")),
        "bindto" => call.source_address = walk.address(value, "an IP address", IGNORED),
        "bind_port" => call.source_port = walk.whole(value, IGNORED),
        "bind_if" => call.interface = walk.interface(value, IGNORED),
        "fwmark" => call.mark = walk.whole(value, IGNORED),
        _ => return false,
    }
    true
}
