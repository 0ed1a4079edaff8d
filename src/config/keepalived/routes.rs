//! `virtual_routes`, `virtual_rules`, `static_routes` and `static_rules`: one on each line.

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
