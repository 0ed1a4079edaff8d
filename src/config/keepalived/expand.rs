//! `$NAME` and `${NAME}`: what the file has defined, and what keepalived predefines.
//!
//! A definition is kept as it was written and understood where it is used: late, and again and again. Where a value has
//! several lines, each is a line of the configuration like any other, with conditions, definitions and repetitions of its
//! own, and what follows the use stands after the last of them.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use super::super::source::{Files, Sources, Span};
use super::traced::Traced;

/// Definitions may use each other this deep.
pub(super) const DEEPEST: usize = 32;
/// A line may grow to this many bytes.
const LONGEST: usize = 1 << 14;
/// All files together may use variables this often.
const MOST_USES: usize = 4_000_000;
/// ... and one line this often: `$A=$B$B`, `$B=$C$C` and so on doubles the work without growing the text.
const MOST_USES_OF_A_LINE: usize = 10_000;
/// So many names may be defined.
const MOST_DEFINED: usize = 100_000;
/// `${` is closed within this many bytes or not at all.
const LONGEST_NAME: usize = 256;
/// `${_RANDOM}` goes from 0 to this.
const RANDOM_MOST: u64 = 32_767;

/// What is known by name.
#[derive(Debug, Default)]
pub(super) struct Variables {
    defined: HashMap<String, Rc<Traced>>,
    /// `${_PWD}`: the folder of the file at hand.
    pub(super) folder: String,
    /// `${_INSTANCE}`: what `@id` lines are compared with.
    instance: String,
    random: Option<u64>,
    uses: usize,
}

/// The expansion has no end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endless {
    /// The use that it was noticed at.
    pub(super) at: Span,
}

/// A line with its variables filled in, as far as it goes: what is left must wait until it has been read.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    pub(super) line: Traced,
    /// The lines after it, not yet expanded.
    pub(super) rest: Vec<Traced>,
    /// Begins with what came out of a variable, so that it may be a condition, a definition or a repetition.
    pub(super) begins_anew: bool,
}

/// If a line defines a variable: its name, and where the value begins.
pub(super) fn definition(line: &str) -> Option<(&str, usize)> {
    let rest = line.strip_prefix('$')?;
    let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let name = rest.get(..length)?;
    (rest.get(length..)?.starts_with('=') && is_name(name)).then_some((name, length + 2))
}

/// Whether a variable may be called so.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A text that is being gone through.
struct Frame {
    text: Rc<Traced>,
    at: usize,
    end: usize,
    /// The use that it stands for, and its name.
    used: Option<(Span, Box<str>, bool)>,
    depth: usize,
}

impl Variables {
    /// None defined yet.
    pub(super) fn new(instance: &str) -> Self {
        Self { instance: instance.to_owned(), ..Self::default() }
    }

    /// From now on a name stands for a text.
    pub(super) fn define(&mut self, name: &str, value: Traced) {
        self.defined.insert(name.to_owned(), Rc::new(value));
    }

    /// `random_seed`.
    pub(super) fn seed(&mut self, seed: u64) {
        self.random = Some(seed);
    }

    /// Whether the bound on names or on uses of all files is reached.
    pub(super) fn is_exhausted(&self) -> bool {
        self.uses > MOST_USES || self.defined.len() > MOST_DEFINED
    }

    /// Whether a line may hold something to fill in. A line longer than any real one is left as it is.
    pub(super) fn concern(&self, line: &str) -> bool {
        line.len() <= LONGEST && line.contains('$') && (!self.defined.is_empty() || line.contains("${_"))
    }

    /// A line with its variables filled in; `None`: it has none that are known.
    pub(super) fn expand(
        &mut self,
        line: &Traced,
        files: &mut Files,
        sources: &dyn Sources,
    ) -> Result<Option<Expanded>, Endless> {
        if !self.concern(line.text()) {
            return Ok(None);
        }
        let mut out = Expanded::default();
        let mut found = false;
        let mut uses = 0;
        let mut stack =
            vec![Frame { at: 0, end: line.text().len(), text: Rc::new(line.clone()), used: None, depth: 0 }];
        while let Some(frame) = stack.last_mut() {
            let text = Rc::clone(&frame.text);
            let rest = text.text().get(frame.at..frame.end).unwrap_or("");
            let Some(dollar) = rest.find('$').map(|n| frame.at + n) else {
                let range = frame.at..frame.end;
                copy(&mut out.line, frame, range, files);
                stack.pop();
                continue;
            };
            let range = frame.at..dollar;
            copy(&mut out.line, frame, range, files);
            let Some((name, length)) = self.usage(text.text().get(dollar..frame.end).unwrap_or("")) else {
                copy(&mut out.line, frame, dollar..dollar + 1, files);
                frame.at = dollar + 1;
                continue;
            };
            let use_range = dollar..dollar + length;
            frame.at = use_range.end;
            let written = text.place(&use_range).or_else(|| line.place(&(0..1)));
            let used = match (written, &frame.used) {
                (Some(span), Some((outer, outer_name, template))) => files.through(span, *outer, outer_name, *template),
                (Some(span), None) => span,
                (None, _) => {
                    copy(&mut out.line, frame, use_range, files);
                    continue;
                }
            };
            uses += 1;
            self.uses += 1;
            let depth = frame.depth + 1;
            if depth > DEEPEST || uses > MOST_USES_OF_A_LINE || out.line.text().len() > LONGEST {
                return Err(Endless { at: used });
            }
            let value = match self.defined.get(name.as_str()) {
                Some(value) => Rc::clone(value),
                None => match self.predefined(&name, sources) {
                    Some(text) => {
                        out.line.push(&Traced::made(&text, used), 0..text.len(), |span| span);
                        found = true;
                        continue;
                    }
                    None => {
                        copy(&mut out.line, frame, use_range, files);
                        continue;
                    }
                },
            };
            out.begins_anew |=
                out.line.text().trim_start().is_empty() && value.text().trim_start().starts_with(['@', '$', '~', 'i']);
            found = true;
            let template = value.text().contains('\n');
            let end = value.text().find('\n').unwrap_or(value.text().len());
            if template {
                // What is left of this line comes after the last line of the value.
                let mut lines: Vec<Traced> = Vec::new();
                let mut at = end + 1;
                for part in value.text().get(at..).unwrap_or("").split('\n') {
                    let mut line = Traced::default();
                    line.push(&value, at..at + part.len(), |span| files.through(span, used, &name, true));
                    lines.push(line);
                    at += part.len() + 1;
                }
                let mut last = lines.pop().unwrap_or_default();
                while let Some(mut frame) = stack.pop() {
                    let range = frame.at..frame.end;
                    copy(&mut last, &mut frame, range, files);
                }
                lines.push(last);
                lines.append(&mut out.rest);
                out.rest = lines;
                out.begins_anew |= out.line.text().trim_start().is_empty();
                if out.rest.len() > LONGEST {
                    return Err(Endless { at: used });
                }
            }
            stack.push(Frame { text: value, at: 0, end, used: Some((used, name.into(), template)), depth });
            if out.begins_anew {
                // It is looked at as a line of its own before anything in it is filled in.
                while let Some(mut frame) = stack.pop() {
                    let range = frame.at..frame.end;
                    copy(&mut out.line, &mut frame, range, files);
                }
            }
        }
        if out.line.text().len() > LONGEST {
            let at = line.place(&(0..1));
            return at.map_or(Ok(None), |at| Err(Endless { at }));
        }
        Ok(found.then_some(out))
    }

    fn predefined(&mut self, name: &str, sources: &dyn Sources) -> Option<String> {
        let (word, rest) = name.split_once(' ').unwrap_or((name, ""));
        match word {
            "_PWD" => Some(self.folder.clone()),
            "_INSTANCE" => Some(self.instance.clone()),
            // Escaped, so that the lexer does not take them for comments.
            "_HASH" => Some("\\#".to_owned()),
            "_BANG" => Some("\\!".to_owned()),
            "_ENV" => sources.variable(rest.trim()),
            "_RANDOM" => {
                let mut bounds = rest.split_whitespace().map(str::parse::<u64>);
                let least = bounds.next().unwrap_or(Ok(0)).ok()?;
                let most = bounds.next().unwrap_or(Ok(RANDOM_MOST.max(least))).ok()?;
                let (least, most) = (least.min(most), least.max(most));
                let span = most.checked_sub(least)?.checked_add(1)?;
                Some((least + self.random(sources) % span).to_string())
            }
            _ => None,
        }
    }

    /// One step of splitmix64.
    fn random(&mut self, sources: &dyn Sources) -> u64 {
        let state = self.random.unwrap_or_else(|| sources.seed()).wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random = Some(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The name that a text beginning with `$` uses, and how many bytes the use takes. `${A${B}}` uses what `${B}` makes of
    /// it.
    fn usage(&self, text: &str) -> Option<(String, usize)> {
        let rest = text.strip_prefix('$')?;
        if let Some(inside) = rest.strip_prefix('{') {
            let bytes = inside.as_bytes();
            let end = bytes.iter().take(LONGEST_NAME).position(|b| *b == b'}')?;
            let name = inside.get(..end)?;
            let Some(inner) = name.find("${") else { return Some((name.to_owned(), end + 3)) };
            let value = self.defined.get(name.get(inner + 2..)?)?.text();
            let close = bytes.iter().take(LONGEST_NAME).skip(end + 1).position(|b| *b == b'}')? + end + 1;
            let built = format!("{}{value}{}", inside.get(..inner)?, inside.get(end + 1..close)?);
            return is_name(&built).then_some((built, close + 3));
        }
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let name = rest.get(..length)?;
        let follows = rest.get(length..)?.chars().next();
        let ends = follows.is_none_or(|c| c.is_whitespace() || c == ',' || c == ')');
        (ends && is_name(name)).then(|| (name.to_owned(), length + 1))
    }
}

/// Copies a stretch of what is being gone through, telling the way that it came.
fn copy(out: &mut Traced, frame: &mut Frame, range: Range<usize>, files: &mut Files) {
    match &frame.used {
        Some((used, name, template)) => {
            out.push(&frame.text, range, |span| files.through(span, *used, name, *template));
        }
        None => out.push(&frame.text, range, |span| span),
    }
}
