//! Routes and rules: each the words of `ip route` or `ip rule`, in quotes.

use super::read::{Entry, Reader};
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::RuleDraft;
use crate::config::ip::{self, Line, Mistake, Word};
use crate::config::source::{Span, Spanned};
use crate::model::Route;

/// `["192.0.2.0/24 via 10.0.0.1", ...]`.
pub(super) fn routes(reader: &mut Reader<'_>, entry: Entry<'_>) -> Vec<Spanned<Route>> {
    let mut routes = Vec::new();
    for element in reader.elements(entry) {
        match line(reader, element).map(ip::route) {
            Some(Ok((route, idle))) => {
                routes.push(Spanned::new(route, element.span));
                idle.iter().for_each(|word| say(reader, word));
            }
            Some(Err(mistake)) => say(reader, &mistake),
            None => reader.bad(element, "a route as `ip route` takes it, in quotes"),
        }
    }
    routes
}

/// `["from 192.0.2.0/24 table 7 priority 100", ...]`.
pub(super) fn rules(reader: &mut Reader<'_>, entry: Entry<'_>) -> Vec<RuleDraft> {
    let mut rules = Vec::new();
    for element in reader.elements(entry) {
        match line(reader, element).map(ip::rule) {
            Some(Ok((rule, placed))) => rules.push(RuleDraft { rule, placed, span: element.span }),
            Some(Err(mistake)) => say(reader, &mistake),
            None => reader.bad(element, "a rule as `ip rule` takes it, in quotes"),
        }
    }
    rules
}

fn line<'t, 'o>(reader: &Reader<'o>, element: Entry<'t>) -> Option<Line<'t, 'o>> {
    let text = element.value.as_str()?;
    // Where the text stands in the file as it is, so that a word of it can be shown; else the whole of it is.
    let written = reader.report.files().slice(element.span);
    let inside = written.find(text).map(|start| element.span.range().start + start);
    let place = |word: &str| {
        let offset = word.as_ptr().addr() - text.as_ptr().addr();
        inside.map_or(element.span, |start| Span::new(element.span.file, start + offset..start + offset + word.len()))
    };
    let words = text.split_whitespace().map(|word| Word { text: word, span: place(word) }).collect();
    Line::new(words, reader.sources)
}

fn say(reader: &mut Reader<'_>, mistake: &Mistake) {
    reader.say(match &mistake.text {
        Some(text) => {
            let shown: String = text.chars().take(60).collect();
            Diagnostic::error(Code::BadValue, mistake.at, format!("`{shown}` is not {}", mistake.what))
        }
        None => Diagnostic::error(Code::Combination, mistake.at, mistake.what.clone()),
    });
}
