//! `$NAME` and `${NAME}`: what the file has defined, and what keepalived predefines.
//!
//! A line with variables becomes another line, together with the pieces that it was made of, so that every word of the new
//! line can be traced to where it was written: a word that came out of a variable points at the variable's use.

use std::collections::HashMap;
use std::ops::Range;

/// Definitions may use each other this deep.
const DEEPEST: usize = 32;
/// A line may grow to this many bytes.
const LONGEST: usize = 1 << 14;
/// ... and take this many look-ups: `$A=$B$B`, `$B=$C$C` and so on doubles the work without growing the text.
const MOST_LOOKUPS: u32 = 10_000;
/// `${` is closed within this many bytes or not at all.
const LONGEST_NAME: usize = 256;

/// What is known by name.
#[derive(Debug, Default)]
pub(super) struct Variables {
    defined: HashMap<String, String>,
    /// `${_PWD}`: the folder of the file at hand.
    pub(super) folder: String,
}

/// An expanded line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, PartialEq, Eq)]
struct Piece {
    /// Where it lies in the new text.
    to: Range<usize>,
    /// Where it lay in the line.
    from: Range<usize>,
    /// The same bytes in both.
    verbatim: bool,
}

impl Expanded {
    /// Where a stretch of the new text was written in the line.
    pub(super) fn origin(&self, range: &Range<usize>) -> Range<usize> {
        let touches = |piece: &&Piece| piece.to.start < range.end.max(range.start + 1) && range.start < piece.to.end;
        let mut found: Option<Range<usize>> = None;
        for piece in self.pieces.iter().filter(touches) {
            let part = if piece.verbatim {
                let shift =
                    |offset: usize| piece.from.start + offset.clamp(piece.to.start, piece.to.end) - piece.to.start;
                shift(range.start)..shift(range.end)
            } else {
                piece.from.clone()
            };
            found = Some(found.map_or(part.clone(), |all| all.start.min(part.start)..all.end.max(part.end)));
        }
        found.unwrap_or(0..0)
    }
}

/// The expansion has no end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endless {
    /// The use that began it.
    pub(super) at: Range<usize>,
}

/// If a line defines a variable: its name, and where the value begins.
pub(super) fn definition(line: &str) -> Option<(&str, usize)> {
    let rest = line.strip_prefix('$')?;
    let equals = rest.find('=')?;
    let name = rest.get(..equals)?;
    is_name(name).then_some((name, equals + 2))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl Variables {
    /// From now on a name stands for a text.
    pub(super) fn define(&mut self, name: &str, value: String) {
        self.defined.insert(name.to_owned(), value);
    }

    /// A line with its variables filled in; `None`: it has none that are known.
    pub(super) fn expand(
        &self,
        line: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Expanded>, Endless> {
        // A line longer than any real one is left as it is, as is one that can hold nothing known.
        if line.len() > LONGEST || !line.contains('$') || (self.defined.is_empty() && !line.contains("${_")) {
            return Ok(None);
        }
        let mut out = Expanded::default();
        let mut found = false;
        let mut at = 0;
        let mut budget = MOST_LOOKUPS;
        while let Some(dollar) = line.get(at..).and_then(|rest| rest.find('$')).map(|n| at + n) {
            let Some((name, length)) = usage(line.get(dollar..).unwrap_or("")) else {
                push(&mut out, line, at..dollar + 1);
                at = dollar + 1;
                continue;
            };
            let from = dollar..dollar + length;
            push(&mut out, line, at..dollar);
            at = from.end;
            match self.value(name, environment, 0, &mut budget) {
                Ok(Some(value)) => {
                    let to = out.text.len()..out.text.len() + value.len();
                    out.text.push_str(&value);
                    out.pieces.push(Piece { to, from: from.clone(), verbatim: false });
                    found = true;
                }
                Ok(None) => push(&mut out, line, from.clone()),
                Err(()) => return Err(Endless { at: from }),
            }
            if out.text.len() > LONGEST {
                return Err(Endless { at: from });
            }
        }
        push(&mut out, line, at..line.len());
        Ok(found.then_some(out))
    }

    fn value(
        &self,
        name: &str,
        environment: &dyn Fn(&str) -> Option<String>,
        depth: usize,
        budget: &mut u32,
    ) -> Result<Option<String>, ()> {
        *budget = budget.saturating_sub(1);
        if depth > DEEPEST || *budget == 0 {
            return Err(());
        }
        let text = match name {
            "_PWD" => self.folder.clone(),
            // Escaped, so that the lexer does not take them for comments.
            "_HASH" => "\\#".to_owned(),
            "_BANG" => "\\!".to_owned(),
            _ => match name.strip_prefix("_ENV ") {
                Some(variable) => match environment(variable.trim()) {
                    Some(value) => value,
                    None => return Ok(None),
                },
                None => match self.defined.get(name) {
                    Some(value) => value.clone(),
                    None => return Ok(None),
                },
            },
        };
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(dollar) = rest.find('$') {
            let (before, after) = rest.split_at(dollar);
            out.push_str(before);
            let (name, length) = usage(after).unwrap_or(("", 1));
            let (written, remaining) = after.split_at(length);
            match self.value(name, environment, depth + 1, budget)? {
                Some(value) => out.push_str(&value),
                None => out.push_str(written),
            }
            rest = remaining;
            if out.len() > LONGEST {
                return Err(());
            }
        }
        out.push_str(rest);
        Ok(Some(out))
    }
}

/// The name that a text beginning with `$` uses, and how many bytes the use takes.
fn usage(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix('$')?;
    if let Some(inside) = rest.strip_prefix('{') {
        let end = inside.bytes().take(LONGEST_NAME).position(|b| b == b'}')?;
        return Some((inside.get(..end)?, end + 3));
    }
    let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let name = rest.get(..length)?;
    let follows = rest.get(length..)?.chars().next();
    let ends = follows.is_none_or(|c| c.is_whitespace() || c == ',' || c == ')');
    (ends && is_name(name)).then_some((name, length + 1))
}

fn push(out: &mut Expanded, line: &str, from: Range<usize>) {
    if let Some(text) = line.get(from.clone()).filter(|text| !text.is_empty()) {
        let to = out.text.len()..out.text.len() + text.len();
        out.text.push_str(text);
        out.pieces.push(Piece { to, from, verbatim: true });
    }
}
