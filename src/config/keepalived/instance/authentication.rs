//! `authentication`.

use super::super::tree::Statement;
use super::super::values::{Instead, placeholder};
use super::super::walk::Walk;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{Authentication, Field, InstanceDraft};
use crate::config::source::Span;

/// One word of `authentication`.
pub(super) fn word(walk: &mut Walk<'_>, instance: &mut InstanceDraft, statement: Statement<'_>) -> bool {
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
            if placeholder(value.text).is_some_and(|_| value.text.contains('$')) {
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
