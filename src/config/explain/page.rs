//! The page of all words, in Markdown.

use super::word::{Treatment, Word};
use crate::config::keepalived::keywords::Place;

/// The page. It is made of the table alone, so that a test can compare it with what is kept beside the examples.
#[must_use]
pub fn page() -> String {
    let mut out = String::from(
        "# Words of keepalived.conf\n\n\
         Every word of keepalived 2.4.3, where it stands, what it takes, what it means, and what ipvsd does with it; our own \
         words and those of old versions and of forks, too. The page is made by `ipvsctl explain --markdown`;\n\
         `ipvsctl explain WORD` tells the same of one word.\n\n\
         | what ipvsd does | words |\n|---|---|\n",
    );
    for status in Treatment::ALL {
        let count = Word::all().filter(|word| word.status == status).count();
        let means = status.meaning();
        out.push_str(&format!("| {}: {means} | {count} |\n", status.name()));
    }
    for place in Place::ALL {
        let words: Vec<_> = place.words().map(|keyword| Word::of(*place, keyword)).collect();
        out.push_str(&format!("\n## {}\n\n", title(place.name())));
        out.push_str("| word | default | meaning | ipvsd | TOML |\n|---|---|---|---|---|\n");
        for word in words {
            row(&mut out, &word);
        }
    }
    out
}

fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn row(out: &mut String, word: &Word) {
    let mut first = format!("`{}`", word.form);
    let others = word.aliases.iter().map(|name| format!("`{name}`"));
    let old = word.deprecated_aliases.iter().map(|name| format!("`{name}` (deprecated)"));
    let others: Vec<_> = others.chain(old).collect();
    if !others.is_empty() {
        first.push_str(&format!(", also {}", others.join(", ")));
    }
    let default = word.default.map(|value| format!("`{value}`")).or(word.without_it.map(str::to_owned));
    let mut meaning = word.meaning.to_owned();
    if let Some(range) = &word.range {
        meaning.push_str(&format!(" {range}{}.", word.unit.map(|unit| format!(" {unit}")).unwrap_or_default()));
    }
    if let Some(instead) = word.deprecated {
        meaning.push_str(&format!(" Deprecated: {instead}."));
    }
    if let Some(of) = word.of {
        meaning.push_str(&format!(" A word of {of}."));
    }
    let treatment = match word.because {
        Some(because) => format!("{}: {because}", word.status.name()),
        None => word.status.name().to_owned(),
    };
    let toml = word.toml.map(|key| format!("`{key}`")).unwrap_or_default();
    let cells = [first, default.unwrap_or_default(), meaning, treatment, toml];
    let cells: Vec<_> = cells.into_iter().map(|cell| cell.replace('|', "\\|")).collect();
    out.push_str(&format!("| {} |\n", cells.join(" | ")));
}
