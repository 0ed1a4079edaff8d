//! `vrrp_instance` and `vrrp_sync_group`.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::{Authentication, Field, GroupDraft, InstanceDraft, TrackDraft};
use super::super::source::{Span, Spanned};
use super::tree::Statement;
use super::values::{IGNORED, Instead};
use super::walk::Walk;
use super::{addresses, global, keywords, script};
use crate::model::{Command, Notify, Priority, StartAs, Vrid};

/// One word of a `vrrp_instance`.
pub(super) fn word(walk: &mut Walk<'_>, instance: &mut InstanceDraft, statement: Statement<'_>) -> bool {
    let name = statement.name();
    let Some(span) = statement.span() else { return true };
    if name.starts_with("garp_master_") {
        return global::announcements(walk, &mut instance.announcements, name, statement);
    }
    if name.starts_with("notify") {
        return notify(walk, &mut instance.notify, statement);
    }
    match name {
        "nopreempt" => instance.no_preempt = Some(span),
        "preempt" => instance.no_preempt = None,
        "authentication" => {
            walk.block(statement.children(), keywords::Place::Authentication, instance, authentication);
        }
        "virtual_ipaddress" => {
            if statement.children().next().is_some() {
                instance.addresses_at = Some(span);
            }
            instance.addresses.extend(addresses::list(walk, statement.children()));
        }
        "virtual_ipaddress_excluded" => instance.excluded.extend(addresses::list(walk, statement.children())),
        "unicast_peer" => {
            instance.unicast = Some(span);
            peers(walk, instance, statement);
        }
        "track_interface" => {
            let tracks = tracks(walk, statement, "an interface");
            instance.track_interfaces.extend(tracks);
        }
        "track_script" => {
            let tracks = tracks(walk, statement, "a script");
            instance.track_scripts.extend(tracks);
        }
        _ => return value(walk, instance, statement),
    }
    true
}

/// The words with one value.
fn value(walk: &mut Walk<'_>, instance: &mut InstanceDraft, statement: Statement<'_>) -> bool {
    const STATES: [(&str, StartAs); 2] = [("MASTER", StartAs::Master), ("BACKUP", StartAs::Backup)];
    const FIRST_ADDRESS: Instead = Instead("the interface's first address is used");
    let Some(value) = statement.word(1) else { return true };
    let span = value.span;
    match statement.name() {
        "state" => {
            instance.start_as =
                Field::from(walk.choice(value, &STATES, Instead("taken as BACKUP, as in keepalived")), span);
        }
        "interface" => {
            instance.interface =
                Field::from(walk.interface(value, Instead("without an interface the router cannot run")), span);
        }
        "virtual_router_id" => {
            let number: Option<u8> =
                walk.fits(value, 1..=255, "a virtual router id", Instead("without one the router cannot run"));
            instance.vrid = Field::from(number.and_then(|number| Vrid::new(number).ok()), span);
        }
        "priority" => {
            let number: Option<u8> = walk.fits(value, 1..=255, "a priority", Instead("taken as 100, as in keepalived"));
            instance.priority = Field::from(number.and_then(|number| Priority::new(number).ok()), span);
        }
        "advert_int" => {
            let instead = Instead("taken as 1 second, as in keepalived");
            instance.advert_interval =
                Field::from(walk.seconds(value, 0.01..=255.0, "the time between adverts", instead), span);
        }
        "version" => instance.version = Field::from(global::version(walk, statement), span),
        "unicast_src_ip" => {
            instance.unicast_source = Field::from(walk.address_v4(value, "an IPv4 address", FIRST_ADDRESS), span);
        }
        "mcast_src_ip" => {
            instance.multicast_source = Field::from(walk.address_v4(value, "an IPv4 address", FIRST_ADDRESS), span);
        }
        "mcast_dst_ip" => {
            instance.group = Field::from(walk.address_v4(value, "an IPv4 multicast address", IGNORED), span);
        }
        _ => return false,
    }
    true
}

fn authentication(walk: &mut Walk<'_>, instance: &mut InstanceDraft, statement: Statement<'_>) -> bool {
    let Some(value) = statement.word(1) else { return true };
    match statement.name() {
        "auth_type" => {
            const TYPES: [(&str, Authentication); 2] =
                [("PASS", Authentication::Password), ("AH", Authentication::Header)];
            let kind = walk.choice(value, &TYPES, Instead("adverts carry no password, as in keepalived"));
            instance.authentication = Field::from(kind, value.span);
        }
        "auth_pass" => {
            let whole = statement.arguments().last().map_or(value.span, |last| value.span.to(last.span));
            let line = walk.report.files().lines_of(whole);
            let rest = Span::new(whole.file, whole.range().start..line.end.max(whole.range().end));
            let after = Span::new(whole.file, whole.range().end..whole.range().end + 1);
            if !value.quoted && matches!(walk.report.files().slice(after), "!" | "#") {
                walk.report.files_mut().hide(rest);
                walk.say(
                    Diagnostic::warning(Code::ExtraValue, after, "the password ends here, for this begins a comment")
                        .help("as in keepalived; to have the character in the password, write a backslash before it"),
                );
            }
            walk.report.files_mut().hide(whole);
            if super::values::placeholder(value.text).is_some_and(|_| value.text.contains('$')) {
                walk.say(
                    Diagnostic::error(Code::Placeholder, value.span, "the password was never filled in")
                        .mark("a variable that nobody defined")
                        .help("fill in the template that this file comes from, or define it above: `$NAME=value`"),
                );
                instance.password = Field::Bad;
                return true;
            }
            if statement.arity() > 1 {
                walk.say(
                    Diagnostic::warning(Code::ExtraValue, whole, "`auth_pass` takes one value")
                        .mark("only the first word counts")
                        .help("put a password with blanks in it into double quotes"),
                );
            }
            instance.password = Field::Set(value.to_owned());
        }
        _ => return false,
    }
    true
}

fn peers(walk: &mut Walk<'_>, instance: &mut InstanceDraft, statement: Statement<'_>) {
    for peer in statement.children() {
        let Some(value) = peer.word(0) else { continue };
        let address = walk.address_v4(value, "a peer's IPv4 address", Instead("this peer is left out"));
        instance.peers.extend(address.map(|address| Spanned::new(address, value.span)));
        if let Some(extra) = peer.word(1) {
            let known = matches!(extra.text, "min_ttl" | "max_ttl");
            let code = if known { Code::NotYet } else { Code::UnknownWord };
            let what = if known { "is not done yet" } else { "is unknown after a peer" };
            let shown: String = extra.text.chars().take(60).collect();
            walk.say(
                Diagnostic::warning(code, extra.span, format!("`{shown}` {what}"))
                    .help("the peer is used without it; put one peer on each line"),
            );
        }
    }
}

/// `NAME [weight N [reverse]]`, one a line.
fn tracks(walk: &mut Walk<'_>, statement: Statement<'_>, what: &str) -> Vec<TrackDraft> {
    let mut found = Vec::new();
    for track in statement.children() {
        let Some(name) = track.word(0) else { continue };
        if super::values::placeholder(name.text).is_some() {
            walk.bad(name, what, Instead("not watched"));
            continue;
        }
        let weight = match track.word(1) {
            Some(word) if word.text == "weight" => match script::weight(walk, track, 2) {
                Some((weight, span)) => Some(Spanned::new(weight, span)),
                None => {
                    if track.word(2).is_none() {
                        walk.say(
                            Diagnostic::warning(Code::MissingValue, word.span, "`weight` lacks its number")
                                .help("taken as if it were not there"),
                        );
                    }
                    None
                }
            },
            Some(other) => {
                walk.bad(other, "`weight`", Instead("ignored; put one name on each line"));
                None
            }
            None => None,
        };
        found.push(TrackDraft { name: name.to_owned(), weight });
    }
    found
}

/// One word of a `vrrp_sync_group`.
pub(super) fn group_word(walk: &mut Walk<'_>, group: &mut GroupDraft, statement: Statement<'_>) -> bool {
    if statement.name() == "group" {
        // One name a line is the rule; several on a line are common and meant the same.
        group.members.extend(statement.children().flat_map(Statement::words).map(super::tree::Value::to_owned));
        return true;
    }
    notify(walk, &mut group.notify, statement)
}

fn notify(walk: &mut Walk<'_>, notify: &mut Notify, statement: Statement<'_>) -> bool {
    let slot = match statement.name() {
        "notify_master" => &mut notify.master,
        "notify_backup" => &mut notify.backup,
        "notify_fault" => &mut notify.fault,
        "notify_stop" => &mut notify.stop,
        "notify" => &mut notify.any,
        _ => return false,
    };
    let (words, user) = walk.command(statement);
    *slot = (!words.is_empty()).then_some(Command { words, user });
    true
}
