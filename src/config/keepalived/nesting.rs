//! The pairing of braces, and what to say where they do not pair.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Span;
use super::keywords::{self, Keyword, Place, Takes};
use super::lexer::{Kind, Lexer};
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
    /// Its word, where the language has it there.
    keyword: Option<&'static Keyword>,
}

impl Open {
    /// Whether a word begins statements of this block.
    fn takes(self, text: &str) -> bool {
        let place = self.keyword.and_then(|keyword| keyword.opens).filter(|place| place.is_block());
        place.is_some_and(|place| keywords::find(place, text).is_some())
    }
}

/// A guess at a brace looks through the rest of its file. More than this many in one run are no slip of the pen.
const MOST_GUESSES: u8 = 16;

/// What the braces of a stretch come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// All blocks are closed.
    Closed,
    /// Some are still open.
    Open,
    /// More are closed than were open.
    Overshot,
    /// Nobody looked.
    Unknown,
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

    /// A word at the start of a line that its block does not take and an outer one does, indented as it would be there: the
    /// blocks in between lack their `}`. Only where the braces up to the next block do not add up either.
    pub(super) fn missing_inner_brace(&mut self, span: Span, text: &str, indent: usize) {
        let Some(innermost) = self.open.last().copied() else { return };
        if indent > innermost.indent || innermost.keyword.is_none() || innermost.takes(text) || !self.leads(span) {
            return;
        }
        // Columns of different files tell nothing of each other.
        let here = |open: &Open| open.brace.file.index() == span.file.index();
        let Some(outer) = self.open.iter().rposition(|open| here(open) && open.indent < indent) else { return };
        if !here(&innermost)
            || !self.open.get(outer).is_some_and(|open| open.takes(text))
            || self.rest(span, self.open.len()) != Rest::Open
        {
            return;
        }
        let Some(lacking) = self.open.get(outer + 1).copied() else { return };
        let name = self.tree.statement(lacking.statement).map_or("", Statement::name);
        self.report.add(
            Diagnostic::error(Code::Unclosed, span, format!("the block `{name}` is not closed before `{text}`"))
                .mark("belongs to the block around it")
                .and(self.opener(lacking), "this block lacks its `}`, as the indentation tells")
                .help("read as if it ended before this line; the daemon does not start on a guess"),
        );
        for open in self.open.split_off(outer + 1).into_iter().rev() {
            self.tree.close(open.statement, None);
        }
        self.pending = None;
    }

    /// A word under one that needs a block, indented further, and no `{` between them.
    pub(super) fn missing_opening_brace(&mut self, span: Span, indent: usize) {
        let Some((statement, outer)) = self.pending.filter(|(_, outer)| indent > *outer) else { return };
        let Some(opener) = self.tree.statement(statement) else { return };
        let (name, line) = (opener.name().to_owned(), opener.line());
        let here = line.is_some_and(|line| line.file == span.file);
        let needs = |keyword: &Keyword| matches!(keyword.takes, Takes::Block | Takes::Named(_));
        let Some(keyword) = self.keyword(&name).filter(|keyword| needs(keyword)) else { return };
        if !here || !self.leads(span) || self.rest(span, self.open.len()) != Rest::Overshot {
            return;
        }
        let at = line.unwrap_or(span);
        self.report.add(
            Diagnostic::error(Code::Block, at, format!("the block `{name}` has no `{{`"))
                .mark("expected `{` after this")
                .and(span, "this belongs to it, as the indentation tells")
                .help("read as if it were there; the daemon does not start on a guess"),
        );
        self.pending = None;
        let brace = Span::new(at.file, at.range().end..at.range().end);
        self.tree.open(statement, brace);
        self.open.push(Open { statement, indent: outer, brace, unbraced: false, keyword: Some(keyword) });
    }

    /// Whether a `}` is one too many: it stands further in than the block that it would close, and without it the braces up to
    /// the next block add up.
    fn one_too_many(&mut self, span: Span, indent: usize) -> bool {
        let Some(innermost) = self.open.last().copied() else { return false };
        if indent <= innermost.indent || innermost.brace.file.index() != span.file.index() || !self.leads(span) {
            return false;
        }
        let after = Span { start: span.end, ..span };
        if self.rest(after, self.open.len() - 1) != Rest::Overshot || self.rest(after, self.open.len()) != Rest::Closed
        {
            return false;
        }
        self.report.add(
            Diagnostic::error(Code::Unopened, span, "this `}` is one too many, as the indentation tells")
                .and(self.opener(innermost), "it would close this block")
                .help("read as if it were not there; the daemon does not start on a guess")
                .help("keepalived ends the block here, and takes what follows for words of the block around it"),
        );
        true
    }

    /// The row of a word in the innermost open block.
    fn keyword(&self, name: &str) -> Option<&'static Keyword> {
        let place = match self.open.last() {
            None => Place::Root,
            Some(open) => open.keyword?.opens.filter(|place| place.is_block())?,
        };
        keywords::find(place, name)
    }

    /// Whether a stretch stands at the start of its line, as it is written.
    fn leads(&self, span: Span) -> bool {
        let files = self.report.files();
        let start = files.lines_of(span).start;
        let before = files.text(span.file).get(start..span.range().start);
        span.file.origin() == 0 && before.is_some_and(|before| before.chars().all(char::is_whitespace))
    }

    /// What the braces from here on come to, up to the next block that stands outside all others, or the end of the file.
    fn rest(&mut self, from: Span, mut depth: usize) -> Rest {
        if self.guesses >= MOST_GUESSES {
            return Rest::Unknown;
        }
        self.guesses += 1;
        let text = self.report.files().shared(from.file);
        let outermost = self.open.first().map_or(0, |open| open.indent);
        // What an including file has open stays open.
        let least = self.open.iter().filter(|open| open.brace.file.index() != from.file.index()).count();
        let come_to = |depth: usize| if depth == least { Rest::Closed } else { Rest::Open };
        for (number, line) in text.get(from.range().start..).unwrap_or("").lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let mut first = number > 0;
            for token in Lexer::new(line) {
                match token.kind {
                    Kind::Open => depth += 1,
                    Kind::Close if depth <= least => return Rest::Overshot,
                    Kind::Close => depth -= 1,
                    Kind::Word { .. } | Kind::Unquoted => {
                        let word = line.get(token.range).unwrap_or("");
                        if first && indent <= outermost && keywords::is_only_at_root(word) {
                            return come_to(depth);
                        }
                    }
                }
                first = false;
            }
        }
        come_to(depth)
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
        if self.pending.is_none() && self.open.is_empty() && self.is_one_too_strange(span) {
            return;
        }
        let statement = self.pending.take().map_or_else(|| self.tree.begin(), |(statement, _)| statement);
        let keyword = self.tree.statement(statement).and_then(|statement| self.keyword(statement.name()));
        self.tree.open(statement, span);
        self.statement = None;
        let indent = match self.tree.statement(statement).and_then(Statement::span) {
            // A brace on a line of its own: the column of the line that its word stands on.
            Some(word) if !self.same_line(word, span) => self.report.files().position(word).column - 1,
            Some(_) | None => indent,
        };
        self.push(Open { statement, indent, brace: span, unbraced: false, keyword });
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
    pub(super) fn unbraced_block(&mut self, span: Span, text: &str) {
        let Some((pending, indent)) = self.pending else { return };
        let Some(head) = self.tree.statement(pending).filter(|head| self.lacks_its_block(*head, text)) else { return };
        let Some(line) = head.line() else { return };
        let keyword = self.keyword(head.name());
        self.report.add(
            Diagnostic::warning(Code::Block, line, format!("`{}` has no `{{`", head.name()))
                .mark("expected `{` after this")
                .help("what follows is read as its block, as in keepalived"),
        );
        self.tree.open(pending, span);
        self.pending = None;
        self.push(Open { statement: pending, indent, brace: span, unbraced: true, keyword });
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
        if self.one_too_many(span, indent) {
            return;
        }
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
        if indent < open.indent && self.suspect.is_none() && self.leads(span) {
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
        self.more_odd_blanks();
    }
}
