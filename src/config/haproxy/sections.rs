//! A file cut into its sections, each with its settings and with what is said of it.

use super::lexer::{self, Environment, Word};
use super::proxy::Settings;
use super::remarks::{Remarks, shown};
use super::words::{Fate, Idle, Words};
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::report::Report;
use crate::config::source::{FileId, Sources, Span};

/// No file has more sections.
const MOST_SECTIONS: usize = 50_000;

/// Which side of the proxy a section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Frontend,
    Backend,
    Listen,
}

impl Kind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Listen => "listen",
        }
    }
}

/// A section that takes or serves connections.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) header: Span,
    /// Everything from its header to its last line.
    pub(super) place: Span,
    pub(super) settings: Settings,
    pub(super) remarks: Remarks,
    /// Its `defaults` among those of the file.
    pub(super) defaults: Option<usize>,
}

/// A `defaults` section.
#[derive(Debug)]
pub(super) struct Defaults {
    pub(super) name: Option<String>,
    pub(super) settings: Settings,
    pub(super) remarks: Remarks,
    /// Those that it begins with.
    pub(super) from: Option<usize>,
}

/// A whole file.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) proxies: Vec<Proxy>,
    pub(super) defaults: Vec<Defaults>,
}

/// Where a line belongs.
enum Current {
    /// Above the first section.
    Nowhere,
    Global,
    Defaults,
    Proxy,
    /// In one that is left to haproxy, or that is unknown.
    Left,
}

struct Reading<'r> {
    document: Document,
    current: Current,
    /// Of `global`, and of what is no section.
    remarks: Remarks,
    report: &'r mut Report,
    /// Lines above the first section.
    stray: usize,
    sections: usize,
    /// `.if` blocks that are open.
    depth: usize,
}

/// Reads a text.
pub(super) fn read(file: FileId, sources: &dyn Sources, report: &mut Report) -> Document {
    let text = report.files().shared(file);
    let mut environment = Environment::new(sources);
    let mut reading = Reading {
        document: Document::default(),
        current: Current::Nowhere,
        remarks: Remarks::default(),
        report,
        stray: 0,
        sections: 0,
        depth: 0,
    };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.strip_suffix('\n').unwrap_or(line);
        let words = lexer::words(file, bare, start, &environment, reading.report);
        start += line.len();
        if let Some(words) = words.filter(|words| !words.is_empty()) {
            if matches!(reading.current, Current::Global) {
                environment.line(&words);
            }
            reading.line(&words);
        }
        if reading.report.is_full() || reading.stray > 100 || reading.sections > MOST_SECTIONS {
            let message = "so much of this is unknown that it is no haproxy.cfg";
            let hopeless = Diagnostic::error(Code::Hopeless, Span::new(file, 0..0), message);
            reading.report.add(hopeless.help("check that the right file was named; the rest is not read"));
            return Document::default();
        }
    }
    let Reading { document, remarks, report, .. } = reading;
    remarks.tell(report);
    document
}

impl Reading<'_> {
    fn line(&mut self, words: &[Word]) {
        let Some((keyword, rest)) = words.split_first() else { return };
        if keyword.text.starts_with('.') || self.depth > 0 {
            return self.directive(keyword);
        }
        match Words::Section.fate(&keyword.text) {
            Some(fate) => self.section(fate, keyword, rest),
            None => self.statement(keyword, rest),
        }
    }

    /// `.if` and its like: what holds depends on the process that reads the file.
    fn directive(&mut self, keyword: &Word) {
        match keyword.text.as_str() {
            ".if" => {
                if self.depth == 0 {
                    self.remarks.decide(
                        keyword.span,
                        "whether these lines hold is known to haproxy alone".to_owned(),
                        "everything up to `.endif` is left out: write what holds without `.if`",
                    );
                }
                self.depth += 1;
            }
            ".endif" => self.depth = self.depth.saturating_sub(1),
            _ if self.depth > 0 => {}
            ".notice" | ".warning" | ".alert" | ".diag" => {
                self.remarks.fate(Fate::Idle(Idle::Log), &keyword.text, keyword.span);
            }
            _ => self.remarks.unknown(keyword, "for a directive", [".if", ".endif", ".notice"].into_iter()),
        }
    }

    fn section(&mut self, fate: Fate, keyword: &Word, rest: &[Word]) {
        self.sections += 1;
        let header = rest.first().map_or(keyword.span, |name| keyword.span.to(name.span));
        let from = rest.iter().position(|word| word.text == "from");
        let parent = from.and_then(|at| rest.get(at + 1));
        let name = rest.first().filter(|_| from != Some(0));
        let kind = match keyword.text.as_str() {
            "global" => return self.current = Current::Global,
            "defaults" => {
                let from = parent.and_then(|parent| self.defaults(parent));
                let settings = self.inherited(from);
                let name = name.map(|name| name.text.clone());
                self.document.defaults.push(Defaults { name, settings, remarks: Remarks::default(), from });
                return self.current = Current::Defaults;
            }
            "frontend" => Kind::Frontend,
            "backend" => Kind::Backend,
            "listen" => Kind::Listen,
            other => {
                self.current = Current::Left;
                return match fate {
                    Fate::Cannot(instead) => self.remarks.say(
                        Diagnostic::warning(Code::BeyondIpvs, header, format!("a `{other}` section is not converted"))
                            .help(instead),
                    ),
                    fate @ (Fate::Read | Fate::Idle(_) | Fate::Decide(_) | Fate::NotYet(_)) => {
                        self.remarks.fate(fate, &format!("section {other}"), header);
                    }
                };
            }
        };
        let mut remarks = Remarks::default();
        if name.is_none() {
            remarks.missing(keyword, "its name");
        }
        let from = match parent {
            Some(parent) => self.defaults(parent),
            None => self.document.defaults.len().checked_sub(1),
        };
        let settings = self.inherited(from);
        let name = name.map_or_else(String::new, |name| name.text.clone());
        self.document.proxies.push(Proxy { kind, name, header, place: header, settings, remarks, defaults: from });
        self.current = Current::Proxy;
    }

    fn inherited(&self, from: Option<usize>) -> Settings {
        from.and_then(|from| self.document.defaults.get(from))
            .map(|defaults| defaults.settings.inherited())
            .unwrap_or_default()
    }

    /// The `defaults` of a name.
    fn defaults(&mut self, name: &Word) -> Option<usize> {
        let found = self.document.defaults.iter().rposition(|one| one.name.as_deref() == Some(name.text.as_str()));
        if found.is_none() {
            let message = format!("there is no `defaults {}` above", shown(&name.text));
            self.remarks.say(Diagnostic::error(Code::UnknownName, name.span, message).help("nothing is taken from it"));
        }
        found
    }

    fn statement(&mut self, keyword: &Word, rest: &[Word]) {
        let (no, words): (bool, Vec<Word>) = match (keyword.text.as_str(), rest) {
            ("no", [_, ..]) => (true, rest.to_vec()),
            ("default", [_, ..]) => (true, rest.to_vec()),
            _ => (false, std::iter::once(keyword).chain(rest).cloned().collect()),
        };
        let Some(first) = words.first() else { return };
        match self.current {
            Current::Left => {}
            Current::Nowhere => {
                self.stray += 1;
                let near = ["global", "defaults", "listen", "frontend", "backend"].into_iter();
                self.remarks.unknown(first, "above the first section", near);
            }
            Current::Global => match Words::Global.fate(&first.text) {
                None => self.remarks.unknown(first, "in `global`", Words::Global.all()),
                Some(Fate::Read) => self.remarks.fate(Fate::Idle(Idle::Done), &first.text, first.span),
                Some(fate) => self.remarks.fate(fate, &first.text, first.span),
            },
            Current::Defaults => {
                if let Some(defaults) = self.document.defaults.last_mut() {
                    defaults.settings.line(&words, no, true, &mut defaults.remarks);
                }
            }
            Current::Proxy => {
                if let Some(proxy) = self.document.proxies.last_mut() {
                    proxy.place = words.iter().fold(proxy.place, |place, word| place.to(word.span));
                    proxy.settings.line(&words, no, false, &mut proxy.remarks);
                }
            }
        }
    }
}
