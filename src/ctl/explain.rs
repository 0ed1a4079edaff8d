//! `ipvsctl explain`: what a word, a key or a code means. The daemon is not asked.

use std::io;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::render::{Page, Side, Tone, cell, plain};
use super::{Failure, Status, colours, complain, print, show};
use crate::config::explain::{self, CodeText, Construct, Explanation, Key, Treatment, Word};

/// Columns of a line of text; longer ones are broken.
const WIDTH: usize = 80;
/// Columns before a value of a word.
const INDENT: usize = 13;

/// Explain a word of keepalived.conf, a key of the TOML, or the code of a remark such as C301
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The word, key or code
    #[arg(value_name = "NAME", required_unless_present_any = ["list", "markdown"])]
    name: Option<String>,

    /// List all words, keys and codes, each with its place and its meaning
    #[arg(long, conflicts_with_all = ["name", "markdown"])]
    list: bool,

    /// Print the page of all words of keepalived.conf, in Markdown
    #[arg(long, conflicts_with = "name")]
    markdown: bool,

    /// How to show it
    #[arg(short, long, value_name = "FORMAT", default_value = "text", conflicts_with = "markdown")]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Sentences and tables
    Text,
    /// Everything, for programs
    Json,
}

/// What `--list -o json` prints.
#[derive(Debug, Serialize)]
struct Everything {
    words: Vec<Word>,
    constructs: Vec<Construct>,
    keys: Vec<Key>,
    codes: Vec<CodeText>,
}

impl Explain {
    pub(super) fn run(self) -> Result<Status, Failure> {
        if self.markdown {
            print(&explain::page())?;
            return Ok(Status::Ok);
        }
        let Some(name) = self.name else {
            print(&list(self.output)?)?;
            return Ok(Status::Ok);
        };
        let Some(found) = explain::explain(&name) else {
            let hint = hint(&name);
            complain(&format!(
                "ipvsctl: no word, key or code goes by the name {}; {hint}",
                super::render::clean(&name)
            ));
            return Ok(Status::BadNews);
        };
        print(&match self.output {
            Format::Json => show::json(&found)?,
            Format::Text => text(&found),
        })?;
        Ok(Status::Ok)
    }
}

/// What to do about a name that nothing goes by.
fn hint(name: &str) -> String {
    let takers: Vec<_> = explain::words_with_value(name).into_iter().collect();
    let meant = explain::meant(name);
    match (takers.as_slice(), meant.as_slice()) {
        ([], []) => "`ipvsctl explain --list` shows all".to_owned(),
        ([], _) => format!("did you mean {}?", meant.join(", ")),
        _ => format!("it is a value of {}: ask for the word", takers.join(", ")),
    }
}

fn list(output: Format) -> Result<String, Failure> {
    let all = Everything {
        words: Word::all().collect(),
        constructs: Construct::all().collect(),
        keys: Key::all().collect(),
        codes: explain::codes(),
    };
    if output == Format::Json {
        return show::json(&all);
    }
    let mut page = Page::default();
    page.columns(&[("NAME", Side::Left), ("WHERE", Side::Left), ("MEANING", Side::Left)]);
    for word in &all.words {
        for name in word.names() {
            page.row(vec![cell(name, tone(word.status)), plain(word.place), plain(word.meaning)]);
        }
    }
    for construct in &all.constructs {
        page.row(vec![cell(construct.name, Tone::Plain), plain("anywhere"), plain(construct.meaning)]);
    }
    for key in &all.keys {
        page.row(vec![cell(&key.name, Tone::Plain), plain(format!("TOML {}", key.table)), plain(&key.remark)]);
    }
    for code in &all.codes {
        page.row(vec![cell(code.code, Tone::Plain), plain("a remark"), plain(code.meaning)]);
    }
    Ok(page.render(colours(&io::stdout())))
}

const fn tone(status: Treatment) -> Tone {
    match status {
        Treatment::Honoured => Tone::Plain,
        Treatment::WithoutEffect => Tone::Dim,
        Treatment::Refused | Treatment::NotYet | Treatment::Unknown => Tone::Warn,
    }
}

fn text(found: &Explanation) -> String {
    let mut page = Page::default();
    for word in &found.words {
        page.gap();
        explain_word(&mut page, word);
    }
    if let Some(construct) = found.construct {
        page.gap();
        page.text(0, format!("{} (anywhere in keepalived.conf)", construct.name), Tone::Strong);
        page.text(2, construct.form, Tone::Plain);
        wrap(&mut page, 2, construct.meaning);
        page.gap();
        example(&mut page, construct.example);
    }
    for key in &found.keys {
        page.gap();
        page.text(0, format!("{}, a key of {}", key.name, key.table), Tone::Strong);
        page.text(2, &key.line, Tone::Plain);
        wrap(&mut page, 2, &key.remark);
    }
    if let Some(code) = &found.code {
        page.gap();
        page.text(0, format!("{}, a remark", code.code), Tone::Strong);
        wrap(&mut page, 2, code.meaning);
        page.gap();
        wrap(&mut page, 2, code.matters);
        page.gap();
        example(&mut page, code.example);
        page.gap();
        wrap(&mut page, 2, &format!("What to do: {}", code.remedy));
    }
    page.render(colours(&io::stdout()))
}

fn example(page: &mut Page, lines: &str) {
    page.text(2, "For example:", Tone::Plain);
    let mut depth = 0_usize;
    for line in lines.lines() {
        depth = depth.saturating_sub(usize::from(line.starts_with('}')));
        page.text(4 + 4 * depth, line, Tone::Dim);
        depth += usize::from(line.ends_with('{'));
    }
}

fn explain_word(page: &mut Page, word: &Word) {
    page.text(0, format!("{} ({})", word.word, word.place), Tone::Strong);
    page.text(2, &word.form, Tone::Plain);
    wrap(page, 2, word.meaning);
    let unit = word.unit.filter(|_| word.expects.as_ref().is_some_and(|text| !text.contains("seconds")));
    let expects = word.expects.as_ref().map(|text| match unit {
        Some(unit) => format!("{text}, in {unit}"),
        None => text.clone(),
    });
    entry(page, "value", expects.as_deref());
    entry(page, "default", word.default.or(word.without_it));
    entry(page, "ipvsd", Some(&word.treatment()));
    entry(page, "TOML", word.toml);
    entry(page, "also", (!word.aliases.is_empty()).then(|| word.aliases.join(", ")).as_deref());
    let old = (!word.deprecated_aliases.is_empty()).then(|| word.deprecated_aliases.join(", "));
    entry(page, "formerly", old.as_deref());
    entry(page, "deprecated", word.deprecated);
    entry(page, "word of", word.of);
    entry(page, "holds", (!word.holds.is_empty()).then(|| word.holds.join(", ")).as_deref());
}

/// What is to be said under one heading, if there is something.
fn entry(page: &mut Page, name: &str, value: Option<&str>) {
    let mut head = format!("{name:<width$}", width = INDENT - 2);
    for line in broken(value.unwrap_or_default(), WIDTH - INDENT) {
        page.text(2, format!("{head}{line}"), Tone::Plain);
        head = " ".repeat(INDENT - 2);
    }
}

fn wrap(page: &mut Page, indent: usize, text: &str) {
    for line in broken(text, WIDTH - indent) {
        page.text(indent, line, Tone::Plain);
    }
}

/// A text in lines that are no longer than this, unless a word is.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_blanks() {
        assert_eq!(broken("one two  three", 7), ["one two", "three"]);
        assert_eq!(broken("overlong x", 4), ["overlong", "x"]);
        assert_eq!(broken("", 4), Vec::<String>::new());
    }

    /// Nothing is so long that it would have to be read sideways.
    #[test]
    fn a_page_fits_a_terminal() {
        for name in explain::names() {
            let found = explain::explain(&name).unwrap_or_else(|| panic!("{name} is listed and not explained"));
            for line in text(&found).lines() {
                // Forms and examples are shown as they are written.
                let long = line.chars().count() > WIDTH + 2;
                let whole = line.contains(['=', '|', '[', '{', '/']);
                assert!(!long || whole, "{name}: {line}");
            }
        }
    }
}
