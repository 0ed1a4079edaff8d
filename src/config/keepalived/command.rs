//! Commands and who runs them: `"command arguments" [user [group]]`.
//!
//! keepalived cuts the command out of its line, and what it cut once more into words; so a command with arguments must be
//! quoted as a whole. The words after it are a user and a group, and no others are heard. People who leave the quotes out mean
//! arguments mostly. What cannot be a user by its form is taken as such; what can be one is never run with more rights than
//! the file may have meant, and where keepalived runs nothing, nothing is run.

use super::super::diagnostic::{Code, Diagnostic};
use super::lexer;
use super::tree::{Statement, Value};
use super::values::{IGNORED, Instead, placeholder};
use super::walk::Walk;
use crate::config::source::Span;
use crate::model::RunAs;

/// Nothing is run where keepalived runs nothing.
const NOT_RUN: &str = "the script is not run, as in keepalived";

impl Walk<'_> {
    /// A command line, and maybe who runs it; no words: nothing is to be run, and that is said.
    pub(super) fn command(&mut self, statement: Statement<'_>) -> (Vec<String>, Option<RunAs>) {
        let Some(first) = statement.word(1) else { return (Vec::new(), None) };
        if first.text.starts_with(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
            // They hold nothing together, so that what is in them cannot be told from what follows.
            if statement.name() != "script" {
                self.bad(first, "a command", Instead(NOT_RUN));
            }
            return (Vec::new(), None);
        }
        let words = lexer::command_again(first.text);
        let (words, user) = match statement.word(2) {
            None => (words, None),
            Some(second) => self.after_command(statement, words, first, second),
        };
        let words = if statement.name() == "script" { self.redirection(words, first.span) } else { words };
        if let Some(program) = words.first() {
            self.report.note_program(program, user.as_ref(), first.span);
        }
        (words, user)
    }

    /// What stands after a command, from the second word on.
    fn after_command(
        &mut self,
        statement: Statement<'_>,
        mut words: Vec<String>,
        first: Value<'_>,
        second: Value<'_>,
    ) -> (Vec<String>, Option<RunAs>) {
        // A `vrrp_script` has a word of its own for the user, and keepalived hears none here.
        let of_script = matches!(statement.name(), "script" | "misc_path");
        let block = if statement.name() == "script" { "`vrrp_script`" } else { "`MISC_CHECK`" };
        let program: String = first.text.chars().take(60).collect();
        let rest = statement.words().last().map_or(second.span, |last| second.span.to(last.span));
        let shown: String = second.text.chars().take(60).collect();
        let quote = format!("put the command with its arguments in quotes: `\"{program} ...\"`");
        if placeholder(second.text).is_some() {
            self.bad(second, "a user", if of_script { IGNORED } else { Instead(NOT_RUN) });
            return (if of_script { words } else { Vec::new() }, None);
        }
        if !may_be_name(second.text) {
            words.extend(statement.arguments().skip(1).map(|word| word.text.to_owned()));
            let elsewhere = match of_script {
                true => "keepalived runs the command without it",
                false => "keepalived takes it for a user that does not exist, and does not run the command",
            };
            self.say(
                Diagnostic::warning(Code::Quote, rest, format!("`{shown}` stands outside the command\'s quotes"))
                    .mark("taken as an argument, as it was surely meant")
                    .help(elsewhere)
                    .help(quote),
            );
            return (words, None);
        }
        if of_script && !first.quoted {
            self.say(
                Diagnostic::warning(Code::Quote, rest, format!("`{program}` is run without `{shown}`"))
                    .mark("ignored, as in keepalived")
                    .help(quote)
                    .help(format!("if a user was meant: `user` says who runs a {block}")),
            );
            return (words, None);
        }
        let group = statement.word(3);
        if let Some(group) = group.filter(|group| !may_be_name(group.text.trim_start_matches(':'))) {
            self.bad(group, "a group", Instead(NOT_RUN));
            return (Vec::new(), None);
        }
        if of_script {
            self.say(
                Diagnostic::note(Code::Quote, rest, format!("`{program}` is run by `{shown}`"))
                    .help(format!("keepalived 2.2.7 hears no user here: `user` says who runs a {block}")),
            );
        } else if !first.quoted {
            self.say(
                Diagnostic::note(Code::Quote, rest, format!("`{program}` is run by `{shown}`, without arguments"))
                    .mark("a user and a group, as in keepalived")
                    .help(quote),
            );
        }
        if let Some(extra) = statement.word(4) {
            self.say(
                Diagnostic::warning(Code::ExtraValue, extra.span, "after a command stand a user and a group, no more")
                    .mark("ignored, as in keepalived"),
            );
        }
        let user = self.who(second, group);
        (words, Some(user))
    }

    /// `user [[:]group]`.
    pub(super) fn run_as(&mut self, statement: Statement<'_>) -> Option<RunAs> {
        let user = statement.word(1)?;
        if let Some(extra) = statement.word(3) {
            let last = statement.words().last().map_or(extra.span, |last| extra.span.to(last.span));
            self.say(
                Diagnostic::warning(Code::ExtraValue, last, "after a user stands a group, no more").mark("ignored"),
            );
        }
        // Nobody's name is kept as it is: with somebody else's rights nothing is run for it.
        if placeholder(user.text).is_some() || user.text.starts_with(':') {
            self.bad(
                user,
                "a user",
                Instead("there is no such user: scripts that it is for are not run, as in keepalived"),
            );
            return Some(RunAs { user: user.text.to_owned(), group: None });
        }
        Some(self.who(user, statement.word(2)))
    }

    /// A user and a group as they are written, maybe with a colon between them.
    pub(super) fn who(&mut self, user: Value<'_>, group: Option<Value<'_>>) -> RunAs {
        let bare = group.map(|group| group.text.trim_start_matches(':'));
        let apart = bare.filter(|group| !group.is_empty()).map(str::to_owned);
        let Some((name, with)) = user.text.split_once(':') else {
            self.colon(group, apart.is_some());
            return RunAs { user: user.text.to_owned(), group: apart };
        };
        let group = Some(with).filter(|with| !with.is_empty()).map(str::to_owned).or(apart);
        let shown = format!("{name} {}", group.as_deref().unwrap_or_default());
        self.say(
            Diagnostic::warning(Code::BadValue, user.span, "user and group are parted by a blank here")
                .mark(format!("taken as `{}`, as it was surely meant", shown.trim_end()))
                .help("keepalived finds no user of this name, and runs no script that it is for"),
        );
        RunAs { user: name.to_owned(), group }
    }
}

impl Walk<'_> {
    /// A colon before a group, which versions of keepalived read in two ways.
    fn colon(&mut self, group: Option<Value<'_>>, named: bool) {
        let Some(group) = group.filter(|group| group.text.starts_with(':')) else { return };
        self.say(if named {
            Diagnostic::note(Code::BadValue, group.span, "keepalived 2.2.7 finds no group whose name begins with `:`")
                .help(
                    "it runs no script that this is for; 2.4 takes the colon off, and so do we. Leave it out for both",
                )
        } else {
            Diagnostic::warning(Code::MissingValue, group.span, "`:` lacks its group")
                .mark("taken as the user\'s own group")
                .help("keepalived 2.2.7 finds no group of this name, and runs no script that this is for")
        });
    }

    /// `</dev/tcp/...` of a `vrrp_script`: a redirection of the shell's, and no file to run. keepalived hands it to `sh`.
    pub(super) fn redirection(&mut self, words: Vec<String>, at: Span) -> Vec<String> {
        let Some(first) = words.first().filter(|first| first.starts_with("</")) else { return words };
        let shown: String = first.chars().take(60).collect();
        let socket = ["</dev/tcp/", "</dev/udp/"].iter().any(|start| first.starts_with(start));
        let shell = Diagnostic::note(Code::Quote, at, format!("`{shown}` is run by `/bin/sh -c`, as in keepalived"));
        self.say(if socket {
            shell
                .help("only bash opens `/dev/tcp`: where `/bin/sh` is another shell, as in Debian, it always fails")
                .help("`vrrp_track_check NAME { tcp ADDRESS PORT }` asks the same without a shell")
        } else {
            shell
        });
        if words.len() > 1 {
            self.say(
                Diagnostic::warning(Code::ExtraValue, at, format!("only `{shown}` of it is run"))
                    .help("what stands behind it is not run, as in keepalived"),
            );
        }
        vec!["/bin/sh".to_owned(), "-c".to_owned(), first.clone()]
    }
}

/// Whether a word can be the name of a user or a group by its form, a user's with a group's behind a colon among them. Whoever
/// might be one is one: to run something with too few rights does less harm than with too many.
fn may_be_name(text: &str) -> bool {
    let begins = |c: char| c.is_alphanumeric() || c == '_';
    text.starts_with(begins) && !text.contains(|c: char| c.is_whitespace() || "/'\"|&;<>()=*?`,".contains(c))
}
