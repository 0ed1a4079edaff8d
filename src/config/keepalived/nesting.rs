//! The pairing of braces, and what to say where they do not pair.
//!
//! A missing `{` changes nothing: after a word that begins a block keepalived takes what follows for the block, brace or not.
//! That it is missing is told by the words, where what follows can stand nowhere but in the block; else by the indentation,
//! where the braces do not add up without it.
//!
//! A missing `}` is a guess. keepalived mis-nests from there on; here what follows is read as it was most likely meant, and the
//! daemon does not start on it. A block may begin in one file and end in another, as in keepalived. One that is still open when
//! its file has ended is the culprit of whatever does not add up after it.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Span;
use super::keywords::{self, Keyword, Place};
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
        // Columns of different files tell nothing of each other.
        let too_deep = |outermost: &Open| !self.has_ended(outermost) && indent > outermost.indent;
        let Some(outermost) = self.open.first().copied().filter(|outermost| !too_deep(outermost)) else { return };
        let unknown = self.open.iter().any(|open| {
            self.tree.statement(open.statement).is_none_or(|statement| !keywords::is_known(statement.name()))
        });
        // Within blocks that keepalived steps over it is where it belongs.
        if unknown || self.place() == Some(Place::Root) {
            return;
        }
        let innermost = self.open.last().copied().unwrap_or(outermost);
        let inside = || {
            let message = format!("`{text}` begins inside another block: a `}}` is missing above");
            Diagnostic::error(Code::Unclosed, span, message).mark("belongs outside all blocks")
        };
        let diagnostic = match self.suspect.take() {
            Some((open, close)) if self.has_ended(&open) => self.left_open(open, close, "this `}` closes it"),
            Some((open, close)) => self.blame(inside(), open, close),
            None if self.has_ended(&innermost) => self.left_open(innermost, span, "belongs outside all blocks"),
            None => inside().and(self.opener(innermost), "this block is still open"),
        };
        self.report.add(diagnostic.help(format!("read as if all blocks ended before `{text}`")));
        self.close_all();
    }

    /// Whether the file that a block begins in has been read to its end. A brace out of a variable stands where that is used.
    fn has_ended(&self, open: &Open) -> bool {
        let at = open.brace.file;
        at.origin() == 0 && self.reading.iter().all(|file| file.index() != at.index())
    }

    /// A block that its file leaves open, and what shows that it should not.
    fn left_open(&self, open: Open, at: Span, shows: &str) -> Diagnostic {
        let name = self.tree.statement(open.statement).map_or("", Statement::name);
        Diagnostic::error(Code::Unclosed, self.opener(open), format!("the block `{name}` is not closed in its file"))
            .mark("this block lacks its `}`")
            .and(at, shows)
    }

    /// A word at the start of a line that its block does not take and an outer one does, indented as it would be there: the
    /// blocks in between lack their `}`. Only where the braces up to the next block do not add up either.
    pub(super) fn missing_inner_brace(&mut self, span: Span, text: &str, indent: usize) {
        let Some(innermost) = self.open.last().copied() else { return };
        let ended = self.has_ended(&innermost);
        let too_deep = !ended && indent > innermost.indent;
        if too_deep || innermost.keyword.is_none() || innermost.takes(text) || !self.leads(span) {
            return;
        }
        if ended {
            return self.left_open_in_include(span, text);
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
        self.close_down_to(outer + 1);
    }

    /// The same where an included file has left blocks open, and the file that goes on has as many braces as it needs.
    fn left_open_in_include(&mut self, span: Span, text: &str) {
        let Some(outer) = self.open.iter().rposition(|open| !self.has_ended(open)) else { return };
        let takes = self.open.get(outer).is_some_and(|open| open.takes(text));
        if !takes || self.rest(span, self.open.len()) != Rest::Closed {
            return;
        }
        let Some(lacking) = self.open.get(outer + 1).copied() else { return };
        let diagnostic = self.left_open(lacking, span, "belongs to the block around it");
        self.report
            .add(diagnostic.help(format!("read as if it ended before `{text}`; the daemon does not start on a guess")));
        self.close_down_to(outer + 1);
    }

    fn close_down_to(&mut self, depth: usize) {
        for open in self.open.split_off(depth).into_iter().rev() {
            self.tree.close(open.statement, None);
        }
        self.pending = None;
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
    pub(super) fn unbraced_block(&mut self, span: Span, text: &str, indent: usize) {
        let Some((pending, outer)) = self.pending else { return };
        let Some(head) = self.tree.statement(pending) else { return };
        let Some(keyword) = self.lacks_block(head).filter(|_| !keywords::is_only_at_root(text)) else { return };
        let (name, Some(line)) = (head.name().to_owned(), head.line()) else { return };
        let by_indentation = indent > outer && line.file == span.file && self.leads(span);
        let lacking =
            self.only_in_block(keyword, text) || (by_indentation && self.rest(span, self.open.len()) == Rest::Overshot);
        if !lacking {
            return;
        }
        self.report.add(
            Diagnostic::warning(Code::Block, line, format!("`{name}` has no `{{`"))
                .mark("expected `{` after this")
                .help("what follows is read as its block, as in keepalived"),
        );
        self.tree.open(pending, span);
        self.pending = None;
        self.push(Open { statement: pending, indent: outer, brace: span, unbraced: true, keyword: Some(keyword) });
    }

    /// The row of a statement that should have a block.
    fn lacks_block(&self, head: Statement<'_>) -> Option<&'static Keyword> {
        keywords::find(self.place()?, head.name()).filter(|keyword| keyword.takes.wants_block(head.arity()))
    }

    /// Whether a word that stands here can only be of the block of the one before it.
    fn only_in_block(&self, before: &Keyword, text: &str) -> bool {
        if before.opens.is_some_and(|inner| inner.is_block() && keywords::find(inner, text).is_some()) {
            return true;
        }
        let Some(place) = self.place() else { return false };
        let is_address = text.starts_with(|first: char| first.is_ascii_digit()) || text.contains(':');
        // Outside all blocks stands prose as well.
        keywords::find(place, text).is_none() && (place != Place::Root || is_address || keywords::is_known(text))
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
        if self.suspect.is_none() && (self.has_ended(&open) || (indent < open.indent && self.leads(span))) {
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
            let message = format!("the block `{name}` is never closed");
            const GUESS: &str = "what stands where is a guess, and the daemon does not start on a guess";
            self.report.add(match self.suspect.take() {
                // Only the first file has not ended.
                Some((open, close)) if self.has_ended(&open) => {
                    self.left_open(open, close, "this `}` closes it").help(GUESS)
                }
                Some((open, close)) => {
                    let diagnostic =
                        Diagnostic::error(Code::Unclosed, span, message).mark("still open at the end of the file");
                    self.blame(diagnostic, open, close).help(GUESS)
                }
                None => Diagnostic::warning(Code::Unclosed, span, message)
                    .mark("still open at the end of the file")
                    .help("read as if all blocks ended there; put a `}` at the end"),
            });
        }
        self.close_all();
        self.more_odd_blanks();
    }
}
