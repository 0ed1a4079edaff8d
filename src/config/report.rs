//! All that is to be said about a configuration, and how it looks.

use std::collections::HashMap;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::diagnostic::{Code, Diagnostic, Label, Severity};
use super::reach::FarServers;
use super::source::{FileId, Files, Span};
use crate::model::RunAs;

/// No more than this many are kept of one run, and as many errors beside them; the rest is counted.
const MOST_KEPT: usize = 1_000;
/// A text with more remarks than this is not read to its end, and so not run: two for each of fifty thousand servers.
const MOST_COUNTED: usize = 100_000;
/// A longer message is cut: somebody's text is in it.
const LONGEST_MESSAGE: usize = 600;
/// With more bytes than this between them, the places of a remark are shown apart: to go through ten megabytes between the
/// first and the last of a thousand servers, for each of a thousand remarks, takes minutes.
const MOST_BETWEEN: usize = 16 << 10;
/// So many places are shown of one interface.
const MOST_PLACES: usize = 3;
/// A longer line is not shown whole.
const LONGEST_LINE: usize = 400;

/// All that is to be said about a configuration.
#[derive(Debug, Clone, Default)]
pub struct Report {
    files: Files,
    diagnostics: Vec<Diagnostic>,
    dropped: usize,
    /// The worst of what is only counted.
    worst_dropped: Option<Severity>,
    /// Nothing more is read.
    full: bool,
    /// Programs that the text has called, for whom, and where it names them.
    programs: Vec<(String, Option<RunAs>, Span)>,
    /// Interfaces that the text names, and the first places where it does.
    interfaces: HashMap<String, Vec<Span>>,
    interfaces_come_later: bool,
    /// Files and names that TLS needs, and where the text first names them.
    tls: HashMap<String, Span>,
    /// Servers under direct routing that no network of the text holds.
    far_servers: Vec<FarServers>,
    /// Variables that the text defines, and where it first does.
    definitions: HashMap<String, Span>,
}

impl Report {
    /// The texts that it speaks of.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Everything, in the order of the text.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The worst of it; `None`: nothing to say.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.diagnostics.iter().map(|diagnostic| diagnostic.severity).max().max(self.worst_dropped)
    }

    /// How many of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// How many there were beside those that are kept.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// One line: `2 errors, 1 warning`, or `no remarks`.
    #[must_use]
    pub fn summary(&self) -> String {
        let parts: Vec<_> = [Severity::Error, Severity::Warning, Severity::Note]
            .into_iter()
            .map(|severity| (self.count(severity), severity))
            .filter(|(count, _)| *count > 0)
            .map(|(count, severity)| format!("{count} {severity}{}", if count == 1 { "" } else { "s" }))
            .collect();
        match (parts.is_empty(), self.dropped) {
            (true, _) => "no remarks".to_owned(),
            (false, 0) => parts.join(", "),
            (false, dropped) => format!("{}, and {dropped} more of the same that are not shown", parts.join(", ")),
        }
    }

    /// One line for a log: `file:line:column: severity[code]: message; help`.
    #[must_use]
    pub fn line(&self, diagnostic: &Diagnostic) -> String {
        let place = diagnostic.primary.as_ref().map_or_else(String::new, |label| {
            let position = self.files.position(label.span);
            format!("{}:{}:{}: ", self.files.path(label.span.file).display(), position.line, position.column)
        });
        let help: String = diagnostic.help.iter().map(|text| format!("; {text}")).collect();
        format!("{place}{}[{}]: {}{help}", diagnostic.severity, diagnostic.code, diagnostic.message)
    }

    /// For people: each with its lines of text, marked.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for diagnostic in &self.diagnostics {
            out.push_str(&renderer.render(&[self.group(diagnostic)]));
            out.push_str("\n\n");
        }
        if self.dropped > 0 {
            out.push_str(&format!("and {} more that are not shown\n\n", self.dropped));
        }
        out
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let mut group = Group::with_title(level.primary_title(plain(&diagnostic.message)).id(diagnostic.code.as_str()));
        if let Some(primary) = &diagnostic.primary {
            let mut files: Vec<FileId> = vec![primary.span.file];
            for label in &diagnostic.secondary {
                if !files.contains(&label.span.file) {
                    files.push(label.span.file);
                }
            }
            for file in files {
                for labels in self.stretches(file, primary, &diagnostic.secondary) {
                    group = group.element(self.snippet(file, &labels));
                }
            }
        }
        for help in &diagnostic.help {
            group = group.element(Level::HELP.message(plain(help)));
        }
        group
    }

    /// The labels in one file, those with few lines between them together, the primary's first.
    fn stretches<'a>(
        &self,
        file: FileId,
        primary: &'a Label,
        others: &'a [Label],
    ) -> Vec<Vec<(&'a Label, AnnotationKind)>> {
        let mut labels: Vec<_> = std::iter::once((primary, AnnotationKind::Primary))
            .chain(others.iter().map(|label| (label, AnnotationKind::Context)))
            .filter(|(label, _)| label.span.file == file)
            .enumerate()
            .collect();
        labels.sort_by_key(|(_, (label, _))| label.span);
        let mut stretches: Vec<Vec<_>> = Vec::new();
        let mut reached = 0;
        for label in labels {
            let lines = self.files.lines_of(label.1.0.span);
            match stretches.last_mut() {
                Some(stretch) if lines.start.saturating_sub(reached) <= MOST_BETWEEN => stretch.push(label),
                Some(_) | None => stretches.push(vec![label]),
            }
            reached = reached.max(lines.end);
        }
        for stretch in &mut stretches {
            stretch.sort_by_key(|(order, _)| *order);
        }
        stretches.sort_by_key(|stretch| stretch.first().map(|(order, _)| *order));
        stretches.into_iter().map(|stretch| stretch.into_iter().map(|(_, label)| label).collect()).collect()
    }

    /// The lines of one file that labels touch, and everything between them (which the renderer folds).
    fn snippet<'a>(&self, file: FileId, labels: &[(&'a Label, AnnotationKind)]) -> Snippet<'a, Annotation<'a>> {
        let touched: Vec<_> = labels.iter().map(|(label, _)| (self.files.lines_of(label.span), label.span)).collect();
        let shown = touched
            .iter()
            .map(|(lines, _)| lines.clone())
            .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
            .unwrap_or(0..0);
        let first = Span::new(file, shown.start..shown.start);
        let single = touched.iter().all(|(lines, span)| *lines == shown && self.files.is_one_line(*span));
        let place = labels.first().map_or(0..0, |(label, _)| label.span.range());
        let window = if single { self.window(file, &shown, place) } else { shown };
        let mut snippet = Snippet::source(self.files.shown(file, window.clone()))
            .line_start(self.files.position(first).line)
            .path(plain(&self.files.path(file).display().to_string()));
        for (label, kind) in labels {
            let end = window.len();
            let start = label.span.range().start.saturating_sub(window.start).min(end);
            let stop = label.span.range().end.saturating_sub(window.start).clamp(start, end);
            let annotation = kind.span(start..stop);
            snippet = snippet.annotation(match label.text.is_empty() {
                true => annotation,
                false => annotation.label(plain(&label.text)),
            });
        }
        snippet
    }

    /// Of an overlong line, the part around the place that is spoken of.
    fn window(&self, file: FileId, line: &Range<usize>, place: Range<usize>) -> Range<usize> {
        if line.len() <= LONGEST_LINE {
            return line.clone();
        }
        let text = self.files.text(file);
        let start = text.floor_char_boundary(place.start.saturating_sub(LONGEST_LINE / 4).max(line.start));
        let end = text.floor_char_boundary((start + LONGEST_LINE).min(line.end));
        start..end
    }

    /// Adds a warning of a script that this host cannot run. The configuration knows nothing of hosts: whoever looks at one
    /// says so here. `program` is its file as the text names it, `user` who is to run it if that is said of it alone; `help` is
    /// what will come of it.
    pub fn warn_of_script(&mut self, program: &str, user: Option<&RunAs>, message: String, help: String) {
        // Of several places each is shown once. A user may be said apart from the program, or for all of them.
        let known = |exactly: bool| {
            let fits = |who: &Option<RunAs>| if exactly { who.as_ref() == user } else { who.is_none() };
            self.programs.iter().position(|(known, who, _)| known == program && fits(who))
        };
        let found = known(true).or_else(|| known(false));
        let diagnostic = match found.map(|at| self.programs.remove(at)) {
            Some((_, _, span)) => Diagnostic::warning(Code::UnusableScript, span, message),
            None => Diagnostic::placeless(Severity::Warning, Code::UnusableScript, message),
        };
        self.add(diagnostic.help(help));
        self.sort();
    }

    /// Takes note of where the text names a program to be run, and of who runs it; of the last one once more if that is only
    /// known later.
    pub(super) fn note_program(&mut self, program: &str, user: Option<&RunAs>, span: Span) {
        // Who runs it may be said below it.
        if let Some((_, who, _)) = self.programs.last_mut().filter(|(_, _, last)| *last == span) {
            *who = user.cloned();
        } else if self.programs.len() < MOST_KEPT {
            self.programs.push((program.to_owned(), user.cloned(), span));
        }
    }

    /// Adds a warning of what a check over TLS needs and this host has not: `names` are files or names as the text has them, the
    /// one at fault first.
    pub fn warn_of_tls(&mut self, names: &[String], message: String, help: &str) {
        let diagnostic = match names.iter().find_map(|name| self.tls.get(name)) {
            Some(span) => Diagnostic::warning(Code::UnusableTls, *span, message),
            None => Diagnostic::placeless(Severity::Warning, Code::UnusableTls, message),
        };
        self.add(diagnostic.help(help));
        self.sort();
    }

    /// Takes note of where the text names a file or a name that TLS needs.
    pub(super) fn note_tls(&mut self, name: &str, span: Span) {
        if self.tls.len() < MOST_KEPT && !self.tls.contains_key(name) {
            self.tls.insert(name.to_owned(), span);
        }
    }

    /// Interfaces may be absent, the text says: that one is, is no more than a note then.
    pub(super) fn expect_interfaces_later(&mut self) {
        self.interfaces_come_later = true;
    }

    /// Says that a host does not have an interface, at the places that name it.
    pub(super) fn tell_of_interface(&mut self, name: &str, meant: Vec<String>, consequences: &[String]) {
        let shown: String = name.chars().take(60).collect();
        let message = format!("this host has no interface `{shown}`");
        let mut places = self.interfaces.get(name).into_iter().flatten().copied();
        let severity = if self.interfaces_come_later { Severity::Note } else { Severity::Warning };
        let mut diagnostic = match places.next() {
            Some(first) => Diagnostic::new(severity, Code::NoInterface, first, message),
            None => Diagnostic::placeless(severity, Code::NoInterface, message),
        };
        for place in places {
            diagnostic = diagnostic.and(place, "here too");
        }
        diagnostic.help.extend(meant);
        self.add(diagnostic.help(consequences.join("; ")));
    }

    /// Takes note of where the text defines a variable.
    pub(super) fn note_definition(&mut self, name: &str, span: Span) {
        if self.definitions.len() < MOST_KEPT && !self.definitions.contains_key(name) {
            self.definitions.insert(name.to_owned(), span);
        }
    }

    /// Where the text defines a variable.
    pub(super) fn definition(&self, name: &str) -> Option<Span> {
        self.definitions.get(name).copied()
    }

    pub(super) const fn interfaces_come_later(&self) -> bool {
        self.interfaces_come_later
    }

    /// Takes note of servers that the text does not show a link to.
    pub(super) fn note_far_servers(&mut self, servers: FarServers) {
        if self.far_servers.len() < MOST_KEPT {
            self.far_servers.push(servers);
        }
    }

    pub(super) fn take_far_servers(&mut self) -> Vec<FarServers> {
        std::mem::take(&mut self.far_servers)
    }

    /// Takes note of where the text names an interface.
    pub(super) fn note_interface(&mut self, name: &str, span: Span) {
        if let Some(places) = self.interfaces.get_mut(name) {
            if places.len() < MOST_PLACES && !places.contains(&span) {
                places.push(span);
            }
        } else if self.interfaces.len() < MOST_KEPT {
            self.interfaces.insert(name.to_owned(), vec![span]);
        }
    }

    /// An empty report about one of the texts, as this one was when it had been read.
    pub(super) fn first_text(&self, id: FileId) -> Self {
        let mut again = Self::default();
        again.files.add(self.files.path(id), self.files.shared(id));
        again
    }

    pub(super) fn files_mut(&mut self) -> &mut Files {
        &mut self.files
    }

    /// Whether more would only be counted: nobody reads it, so it need not be put well.
    pub(super) fn is_crowded(&self) -> bool {
        self.diagnostics.len() >= MOST_KEPT
    }

    /// Whether there is so much that nothing more is read. Then an error has said so.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Says why nothing more is read. Only the first reason counts.
    pub(super) fn stop(&mut self, why: Diagnostic) {
        if !std::mem::replace(&mut self.full, true) {
            self.diagnostics.push(self.files.shown_at(why.help("a file that was not read to its end is not run")));
        }
    }

    pub(super) fn add(&mut self, mut diagnostic: Diagnostic) {
        let error = diagnostic.severity == Severity::Error;
        let room = if error { MOST_KEPT * 2 } else { MOST_KEPT };
        if self.diagnostics.len() < room {
            cut(&mut diagnostic.message);
            self.diagnostics.push(self.files.shown_at(diagnostic));
            return;
        }
        self.count_only(diagnostic.severity);
    }

    /// Says it if there is something to say.
    pub(super) fn add_if(&mut self, diagnostic: Option<Diagnostic>) {
        if let Some(diagnostic) = diagnostic {
            self.add(diagnostic);
        }
    }

    /// Counts a remark that nobody will read.
    pub(super) fn count_only(&mut self, severity: Severity) {
        self.dropped += 1;
        self.worst_dropped = self.worst_dropped.max(Some(severity));
        if self.dropped == MOST_COUNTED + 1 {
            let message = format!("there are more than {MOST_COUNTED} remarks: reading stops");
            self.stop(Diagnostic::placeless(Severity::Error, Code::Hopeless, message));
        }
    }

    /// Puts everything in the order of the text.
    pub(super) fn sort(&mut self) {
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.primary.as_ref().map(|label| label.span));
    }
}

/// Shortens a text that is out of all proportion.
fn cut(text: &mut String) {
    if text.len() > LONGEST_MESSAGE {
        text.truncate(text.floor_char_boundary(LONGEST_MESSAGE));
        text.push('…');
    }
}

/// Terminal escapes and other control characters of a hostile text never reach the terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
