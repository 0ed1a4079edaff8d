//! The pairing of braces, and what to say where they do not pair.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Span;
use super::keywords::{self, Place};
use super::read::Reading;
use super::tree::Statement;

/// Blocks of the language are never deeper than five; this is generous.
const DEEPEST_BLOCK: usize = 64;

/// A block that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    statement: usize,
    /// Column of the first word of its line.
    indent: usize,
    brace: Span,
    /// Its `{` is missing.
    unbraced: bool,
}

impl Reading<'_> {
    /// A word that belongs outside all blocks, at the depth of the outermost open one: a `}` is missing above.
    pub(super) fn missing_brace(&mut self, span: Span, text: &str, indent: usize) {
        let Some(outermost) = self.open.first().copied().filter(|outermost| indent <= outermost.indent) else { return };
        let unknown = self.open.iter().any(|open| {
            self.tree.statement(open.statement).is_none_or(|statement| !keywords::is_known(statement.name()))
        });
        if unknown {
            return;
        }
        let innermost = self.open.last().copied().unwrap_or(outermost);
        let mut diagnostic = Diagnostic::error(
            Code::Unclosed,
            span,
            format!("`{text}` begins inside another block: a `}}` is missing above"),
        )
        .mark("belongs outside all blocks");
        diagnostic = match self.suspect.take() {
            Some((open, close)) => self.blame(diagnostic, open, close),
            None => diagnostic.and(self.opener(innermost), "this block is still open"),
        };
        self.report.add(diagnostic.help("read as if all blocks ended before it"));
        self.close_all();
    }

    fn blame(&self, diagnostic: Diagnostic, open: Open, close: Span) -> Diagnostic {
        diagnostic
            .and(self.opener(open), "this block lacks its `}`, as the indentation tells")
            .and(close, "this `}` closes it, though it is indented otherwise")
    }

    fn opener(&self, open: Open) -> Span {
        self.tree.statement(open.statement).and_then(Statement::line).unwrap_or(open.brace)
    }

    pub(super) fn open(&mut self, span: Span, indent: usize) {
        let statement = self.pending.take().unwrap_or_else(|| self.tree.begin());
        self.tree.open(statement, span);
        self.statement = None;
        let indent = match self.tree.statement(statement).and_then(Statement::span) {
            // A brace on a line of its own: the column of the line that its word stands on.
            Some(word) if !self.same_line(word, span) => self.report.files().position(word).column - 1,
            Some(_) | None => indent,
        };
        self.push(Open { statement, indent, brace: span, unbraced: false });
    }

    fn push(&mut self, open: Open) {
        self.open.push(open);
        if self.open.len() > DEEPEST_BLOCK {
            self.stopped = true;
            self.report.add(
                Diagnostic::error(
                    Code::Nesting,
                    open.brace,
                    format!("blocks lie {DEEPEST_BLOCK} deep inside each other"),
                )
                .help("no block of the language is deeper than five; nothing after this is read"),
            );
        }
    }

    /// A line begins with `text`, and the one before it has said nothing but the head of a block.
    pub(super) fn missing_opener(&mut self, span: Span, text: &str) {
        let Some(pending) = self.pending else { return };
        let Some(head) = self.tree.statement(pending).filter(|head| self.lacks_its_block(*head, text)) else { return };
        let Some(line) = head.line() else { return };
        self.report.add(
            Diagnostic::warning(Code::Block, line, format!("`{}` has no `{{`", head.name()))
                .mark("expected `{` after this")
                .help("what follows is read as its block, as in keepalived"),
        );
        let indent = self.report.files().position(line).column - 1;
        self.tree.open(pending, span);
        self.pending = None;
        self.push(Open { statement: pending, indent, brace: span, unbraced: true });
    }

    /// Whether what follows a statement without a block can only be what its block should hold.
    fn lacks_its_block(&self, head: Statement<'_>, next: &str) -> bool {
        let Some(place) = self.place() else { return false };
        let Some(keyword) = keywords::find(place, head.name()) else { return false };
        if !keyword.takes.wants_block(head.arity()) || keywords::is_only_at_root(next) {
            return false;
        }
        if keyword.opens.is_some_and(|inner| inner.is_block() && keywords::find(inner, next).is_some()) {
            return true;
        }
        let is_address = next.starts_with(|first: char| first.is_ascii_digit()) || next.contains(':');
        // Outside all blocks stands prose as well.
        keywords::find(place, next).is_none() && (place != Place::Root || is_address || keywords::is_known(next))
    }

    /// Where a statement stands that begins now; `None` within blocks of free lines.
    fn place(&self) -> Option<Place> {
        self.open.iter().try_fold(Place::Root, |place, open| {
            let head = self.tree.statement(open.statement)?;
            match (keywords::find(place, head.name()), place) {
                (Some(keyword), _) => keyword.opens.filter(|place| place.is_block()),
                // keepalived takes no notice of a block that it does not know.
                (None, Place::Root) => Some(Place::Root),
                (None, _) => None,
            }
        })
    }

    fn same_line(&self, a: Span, b: Span) -> bool {
        a.file == b.file
            && self
                .report
                .files()
                .text(a.file)
                .get(a.range().end..b.range().start)
                .is_some_and(|between| !between.contains('\n'))
    }

    pub(super) fn close(&mut self, span: Span, indent: usize) {
        self.pending = None;
        self.statement = None;
        let Some(open) = self.open.pop() else {
            self.report.add(
                Diagnostic::warning(Code::Unopened, span, "this `}` closes nothing")
                    .help("ignored; remove it, or see whether a `{` is missing above"),
            );
            self.stopped |= self.report.is_full();
            return;
        };
        self.tree.close(open.statement, Some(span));
        // The `}` belongs to the block around the one without `{`, where keepalived sees none: both end here.
        if open.unbraced
            && self.place() == Some(Place::Root)
            && let Some(outer) = self.open.pop()
        {
            self.tree.close(outer.statement, Some(span));
        }
        let column = self.report.files().lines_of(span).start;
        let leads = self
            .report
            .files()
            .text(span.file)
            .get(column..span.range().start)
            .is_some_and(|before| before.chars().all(char::is_whitespace));
        if leads && indent < open.indent && self.suspect.is_none() {
            self.suspect = Some((open, span));
        }
        if self.open.is_empty() {
            self.suspect = None;
        }
    }

    fn close_all(&mut self) {
        while let Some(open) = self.open.pop() {
            self.tree.close(open.statement, None);
        }
        self.suspect = None;
        self.pending = None;
    }

    /// The end of the last file.
    pub(super) fn finish(&mut self) {
        if let (Some(outermost), false) = (self.open.first().copied(), self.stopped) {
            let name = self.tree.statement(outermost.statement).map_or("", Statement::name);
            let span = self.opener(outermost);
            self.report.add(match self.suspect.take() {
                Some((open, close)) => {
                    let diagnostic =
                        Diagnostic::error(Code::Unclosed, span, format!("the block `{name}` is never closed"))
                            .mark("still open at the end of the file");
                    self.blame(diagnostic, open, close)
                        .help("what stands where is a guess, and the daemon does not start on a guess")
                }
                None => Diagnostic::warning(Code::Unclosed, span, format!("the block `{name}` is never closed"))
                    .mark("still open at the end of the file")
                    .help("read as if all blocks ended there; put a `}` at the end"),
            });
        }
        self.close_all();
    }
}
