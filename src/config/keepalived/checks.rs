//! `TCP_CHECK` and the other checks of a `real_server`.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::{
    CallDraft, CallKind, CheckDraft, DnsDraft, Field, FileCheckDraft, KindDraft, ScriptCheckDraft, ServerDraft,
    UdpDraft,
};
use super::super::hex;
use super::super::source::Spanned;
use super::http;
use super::keywords::Place;
use super::service::timing;
use super::tree::Statement;
use super::values::{IGNORED, Instead};
use super::walk::{Handler, Walk};
use crate::model::{DnsType, NotADnsName};

/// What keepalived's checks of mail servers call themselves.
const HELO: &str = "smtpchecker.keepalived.org";
/// `max_reply_length`.
const LONGEST_REPLY: u16 = 255;

/// A check of a server; false: the word begins none.
pub(super) fn check(walk: &mut Walk<'_>, server: &mut ServerDraft, statement: Statement<'_>) -> bool {
    let (place, kind, handle): (_, _, Handler<CheckDraft>) = match statement.name() {
        "TCP_CHECK" => (Place::TcpCheck, KindDraft::Call(CallKind::Tcp), common),
        "HTTP_GET" | "SSL_GET" => (Place::HttpCheck, http::kind(statement), http::word),
        "MISC_CHECK" => (Place::MiscCheck, KindDraft::Script(ScriptCheckDraft::default()), script),
        "FILE_CHECK" => (Place::FileCheck, KindDraft::File(FileCheckDraft::default()), file),
        "PING_CHECK" => (Place::PingCheck, KindDraft::Call(CallKind::Ping), common),
        "DNS_CHECK" => (Place::DnsCheck, KindDraft::Call(CallKind::Dns(DnsDraft::default())), dns),
        "UDP_CHECK" => {
            let any = UdpDraft { shortest: Some(0), ..UdpDraft::default() };
            (Place::UdpCheck, KindDraft::Call(CallKind::Udp(any)), udp)
        }
        "path_check" => {
            let check = path(walk, statement);
            server.checks.push(check);
            return true;
        }
        "SMTP_CHECK" => {
            mail(walk, server, statement);
            return true;
        }
        _ => return false,
    };
    let mut check = CheckDraft::new(kind);
    walk.block(statement.children(), place, &mut check, handle);
    if let KindDraft::Call(CallKind::Udp(draft)) = &mut check.kind
        && draft.reply.as_ref().is_some_and(|pattern| !pattern.is_empty())
    {
        // keepalived looks at lengths only where it is told bytes.
        draft.longest.get_or_insert(LONGEST_REPLY);
    }
    if !http::asks_for_nothing(walk, &check, statement) {
        server.checks.push(check);
    }
    true
}

/// The words that all checks share which call somebody.
pub(super) fn common(walk: &mut Walk<'_>, check: &mut CheckDraft, statement: Statement<'_>) -> bool {
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

/// `path_check`: all that it says stands on its line.
fn path(walk: &mut Walk<'_>, statement: Statement<'_>) -> CheckDraft {
    let mut check = CheckDraft::new(KindDraft::Call(CallKind::Path));
    check.call.source_address = statement.word(1).and_then(|value| walk.address(value, "an IP address", IGNORED));
    check
}

/// A word of `MISC_CHECK`.
fn script(walk: &mut Walk<'_>, check: &mut CheckDraft, statement: Statement<'_>) -> bool {
    if timing(walk, &mut check.timing, statement) {
        return true;
    }
    let KindDraft::Script(script) = &mut check.kind else { return false };
    match (statement.name(), statement.word(1)) {
        ("misc_dynamic", _) => script.dynamic = true,
        (_, None) => return false,
        ("misc_path", Some(value)) => {
            let (command, user) = walk.command(statement);
            script.command = if command.first().is_none_or(String::is_empty) {
                walk.bad(value, "a command", Instead("the check is left out"));
                Field::Bad
            } else {
                Field::Set(Spanned::new(command, value.span))
            };
            script.user = user.or(script.user.take());
        }
        ("misc_timeout", Some(value)) => script.timeout = walk.time(value, IGNORED),
        ("user", Some(_)) => script.user = walk.run_as(statement),
        _ => return false,
    }
    if let (Field::Set(command), "misc_path" | "user") = (&script.command, statement.name())
        && let Some(program) = command.value.first()
    {
        walk.report.note_program(program, script.user.as_ref(), command.span);
    }
    true
}

/// A word of `FILE_CHECK`.
fn file(walk: &mut Walk<'_>, check: &mut CheckDraft, statement: Statement<'_>) -> bool {
    let KindDraft::File(file) = &mut check.kind else { return false };
    let Some(value) = statement.word(1) else { return false };
    match statement.name() {
        "track_file" => file.name = Field::Set(value.to_owned()),
        "weight" => {
            let most = i64::from(i32::MAX);
            file.weight = walk.fits(value, -most..=most, "a weight", Instead("that of the file is taken"));
            file.reverse = statement.word(2).is_some_and(|word| {
                let choices = [("reverse", true), ("noreverse", false), ("no_reverse", false)];
                walk.choice(word, &choices, Instead("ignored: the weight works the usual way round")).unwrap_or(false)
            });
        }
        _ => return false,
    }
    true
}

/// `SMTP_CHECK`: each `host` in it is one more check, of old; without one it is the server.
fn mail(walk: &mut Walk<'_>, server: &mut ServerDraft, statement: Statement<'_>) {
    let mut block =
        Mail { check: CheckDraft::new(KindDraft::Call(CallKind::Smtp(Some(HELO.to_owned())))), hosts: Vec::new() };
    walk.block(statement.children(), Place::SmtpCheck, &mut block, mail_word);
    let Mail { check, hosts } = block;
    if hosts.is_empty() {
        server.checks.push(check);
        return;
    }
    for host in hosts {
        let timing = host.timing.or(check.timing);
        server.checks.push(CheckDraft { timing, call: host.call, kind: check.kind.clone() });
    }
}

struct Mail {
    check: CheckDraft,
    hosts: Vec<CheckDraft>,
}

fn mail_word(walk: &mut Walk<'_>, block: &mut Mail, statement: Statement<'_>) -> bool {
    match (statement.name(), statement.word(1)) {
        ("host", _) => {
            let mut host = CheckDraft::new(KindDraft::Call(CallKind::Tcp));
            walk.block(statement.children(), Place::SmtpHost, &mut host, common);
            block.hosts.push(host);
            true
        }
        ("helo_name", Some(name)) => {
            block.check.kind = KindDraft::Call(CallKind::Smtp(Some(name.text.to_owned())));
            true
        }
        ("helo_name", None) => true,
        _ => common(walk, &mut block.check, statement),
    }
}

fn dns(walk: &mut Walk<'_>, check: &mut CheckDraft, statement: Statement<'_>) -> bool {
    let KindDraft::Call(CallKind::Dns(draft)) = &mut check.kind else { return false };
    match (statement.name(), statement.word(1)) {
        ("type" | "name", None) => {}
        ("type", Some(value)) => {
            // In letters of either size.
            let known = DnsType::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(value.text));
            draft.kind = match known {
                Some((_, kind)) => Some(kind),
                None => walk.choice(value, &DnsType::ALL, Instead("taken as SOA, as in keepalived")),
            };
        }
        ("name", Some(value)) => match value.text.parse() {
            Ok(name) => draft.name = Some(name),
            Err(problem) => {
                let problem: NotADnsName = problem;
                walk.say(
                    Diagnostic::warning(Code::BadValue, value.span, "this is no domain name")
                        .mark(problem.to_string())
                        .help("ignored: the question is about the root, `.`"),
                );
            }
        },
        _ => return common(walk, check, statement),
    }
    true
}

fn udp(walk: &mut Walk<'_>, check: &mut CheckDraft, statement: Statement<'_>) -> bool {
    let KindDraft::Call(CallKind::Udp(draft)) = &mut check.kind else { return false };
    let first = statement.word(1);
    let words = || statement.arguments().map(|value| value.text);
    match (statement.name(), first) {
        ("require_reply", None) => draft.reply = Some(Vec::new()),
        ("payload", Some(value)) => {
            draft.payload = hex::bytes(words());
            if draft.payload.is_none() {
                walk.bad(value, hex::BYTES, Instead("random bytes are sent"));
            }
        }
        ("require_reply", Some(value)) => {
            let pattern = hex::pattern(words());
            if pattern.is_none() {
                walk.bad(value, hex::PATTERN, Instead("an answer must come, whatever it says"));
            }
            draft.reply = Some(pattern.unwrap_or_default());
        }
        ("min_reply_length", Some(value)) => draft.shortest = walk.whole(value, IGNORED).or(draft.shortest),
        ("max_reply_length", Some(value)) => draft.longest = walk.whole(value, IGNORED).or(draft.longest),
        ("payload" | "min_reply_length" | "max_reply_length", None) => {}
        _ => return common(walk, check, statement),
    }
    true
}
