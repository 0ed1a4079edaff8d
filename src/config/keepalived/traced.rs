//! Text that is put together from pieces, each of which knows where it was written.

use std::ops::Range;

use super::super::source::Span;

/// A stretch of the text and where it comes from.
#[derive(Debug, Clone)]
struct Piece {
    to: Range<usize>,
    from: Span,
    /// The same bytes in both.
    verbatim: bool,
}

impl Piece {
    /// Where a part of it comes from.
    fn part(&self, range: &Range<usize>) -> Span {
        if !self.verbatim {
            return self.from;
        }
        let start = self.from.range().start;
        let shift = |offset: usize| start + offset.clamp(self.to.start, self.to.end) - self.to.start;
        Span::new(self.from.file, shift(range.start)..shift(range.end))
    }
}

/// A line or several, put together.
#[derive(Debug, Clone, Default)]
pub(super) struct Traced {
    text: String,
    pieces: Vec<Piece>,
}

impl Traced {
    /// A text that stands in a file.
    pub(super) fn written(text: &str, span: Span) -> Self {
        let mut out = Self::default();
        out.add(text, span, true);
        out
    }

    /// A text that was made.
    pub(super) fn made(text: &str, from: Span) -> Self {
        let mut out = Self::default();
        out.add(text, from, false);
        out
    }

    /// What it says.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn add(&mut self, text: &str, from: Span, verbatim: bool) {
        if !text.is_empty() {
            let to = self.text.len()..self.text.len() + text.len();
            self.text.push_str(text);
            self.pieces.push(Piece { to, from, verbatim });
        }
    }

    fn touched(&self, range: &Range<usize>) -> impl Iterator<Item = &Piece> {
        let first = self.pieces.partition_point(|piece| piece.to.end <= range.start);
        let end = range.end.max(range.start + 1);
        self.pieces.get(first..).unwrap_or(&[]).iter().take_while(move |piece| piece.to.start < end)
    }

    /// Adds a stretch of another, every place changed by a function.
    pub(super) fn push(&mut self, other: &Self, range: Range<usize>, mut place: impl FnMut(Span) -> Span) {
        for piece in other.touched(&range) {
            let part = piece.to.start.max(range.start)..piece.to.end.min(range.end);
            if let Some(text) = other.text.get(part.clone()) {
                self.add(text, place(piece.part(&part)), piece.verbatim);
            }
        }
    }

    /// A stretch of it.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        let mut out = Self::default();
        out.push(self, range, |span| span);
        out
    }

    /// Where a stretch comes from. If its parts came by different ways, the first that came
    /// out of a variable tells.
    pub(super) fn place(&self, range: &Range<usize>) -> Option<Span> {
        let mut found: Option<Span> = None;
        for piece in self.touched(range) {
            let part = piece.part(range);
            found = Some(match found {
                Some(before) if before.file == part.file => before.to(part),
                Some(before) if before.file.origin() > 0 => before,
                Some(_) | None => part,
            });
        }
        found
    }

    /// Whether a stretch can be read at its [`place`](Self::place).
    pub(super) fn is_verbatim(&self, range: &Range<usize>) -> bool {
        let mut touched = self.touched(range);
        matches!((touched.next(), touched.next()), (Some(piece), None) if piece.verbatim)
    }
}
