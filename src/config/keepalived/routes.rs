//! `virtual_routes`, `virtual_rules`, `static_routes` and `static_rules`: one on each line.

use std::net::IpAddr;

use super::tree::{Children, Statement};
use super::values::Instead;
use super::walk::Walk;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::RuleDraft;
use crate::config::ip::{self, Line, Mistake, Word};
use crate::config::source::Spanned;
use crate::model::Route;

/// The routes of a block.
pub(super) fn routes(walk: &mut Walk<'_>, children: Children<'_>) -> Vec<Spanned<Route>> {
    let mut routes = Vec::new();
    for statement in children {
        let Some(span) = statement.line() else { continue };
        match line(walk, statement).map(ip::route) {
            Some(Ok((route, idle))) => {
                routes.push(Spanned::new(route, span));
                old_words(walk, statement);
                for word in idle {
                    say(
                        walk,
                        statement,
                        &word,
                        Instead("the word is ignored, as in keepalived; the route is set without it"),
                    );
                }
            }
            Some(Err(mistake)) => {
                say(walk, statement, &mistake, Instead("this route is left out, as in keepalived; the others are set"));
            }
            None => {}
        }
    }
    routes
}

/// Words that keepalived advises against.
fn old_words(walk: &mut Walk<'_>, statement: Statement<'_>) {
    let words: Vec<_> = statement.words().collect();
    for (word, after) in words.iter().zip(words.iter().skip(1)) {
        // Either may be an interface's name too, or a table's.
        let leads = matches!(after.text, "inet" | "inet6") || after.text.parse::<IpAddr>().is_ok();
        let instead = match word.text {
            "gw" if leads => "write `via`",
            "or" if leads => "write a `nexthop` for each gateway",
            _ => continue,
        };
        let old = Diagnostic::note(Code::Deprecated, word.span, format!("`{}` is an old word of routes", word.text));
        walk.say(old.help(format!("{instead}: it works, and keepalived says that it will go")));
    }
}

/// The rules of a block.
pub(super) fn rules(walk: &mut Walk<'_>, children: Children<'_>) -> Vec<RuleDraft> {
    let mut rules = Vec::new();
    for statement in children {
        let Some(span) = statement.line() else { continue };
        match line(walk, statement).map(ip::rule) {
            Some(Ok((rule, placed))) => rules.push(RuleDraft { rule, placed, span }),
            Some(Err(mistake)) => {
                say(walk, statement, &mistake, Instead("this rule is left out, as in keepalived; the others are set"));
            }
            None => {}
        }
    }
    rules
}

fn line<'t, 'o>(walk: &Walk<'o>, statement: Statement<'t>) -> Option<Line<'t, 'o>> {
    Line::new(statement.words().map(|word| Word { text: word.text, span: word.span }).collect(), walk.sources)
}

fn say(walk: &mut Walk<'_>, statement: Statement<'_>, mistake: &Mistake, instead: Instead) {
    match statement.words().find(|word| mistake.text.is_some() && word.span == mistake.at) {
        Some(word) => walk.bad(word, &mistake.what, instead),
        None => walk.say(Diagnostic::warning(Code::Combination, mistake.at, mistake.what.clone()).help(instead.0)),
    }
}
