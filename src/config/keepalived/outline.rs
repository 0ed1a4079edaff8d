//! The blocks of a file, and the places that each of them covers: so that a remark finds the block that it is about.

use std::path::Path;

use super::read;
use super::tree::Statement;
use crate::config::Context;
use crate::config::report::Report;
use crate::config::source::{FileId, Sources, Span};

/// A statement outside all others, with what its block holds.
#[derive(Debug)]
pub(in crate::config) struct Block {
    /// Its first word.
    pub(in crate::config) keyword: String,
    /// Its second, if it has one.
    pub(in crate::config) name: Option<String>,
    /// Its words.
    pub(in crate::config) header: Span,
    /// What it covers: a stretch of each file that it lies in.
    places: Vec<Span>,
}

impl Block {
    /// Whether a place lies in it.
    pub(in crate::config) fn holds(&self, place: Span) -> bool {
        self.places.iter().any(|own| own.file == place.file && own.start <= place.start && place.start < own.end)
    }

    fn cover(&mut self, span: Span) {
        match self.places.iter_mut().find(|own| own.file == span.file) {
            Some(own) => {
                own.start = own.start.min(span.start);
                own.end = own.end.max(span.end);
            }
            None => self.places.push(span),
        }
    }
}

/// The blocks of a file that was read before and its includes. Its text is taken from `report`, which is told everything a
/// second time: hand in a copy.
pub(in crate::config) fn outline(
    path: &Path,
    id: FileId,
    sources: &dyn Sources,
    context: &Context,
    report: &mut Report,
) -> Vec<Block> {
    let tree = read::read(path, id, sources, context, report);
    let mut blocks = Vec::new();
    for statement in tree.root() {
        let Some(header) = statement.line() else { continue };
        let name = statement.word(1).map(|word| word.text.to_owned());
        let mut block = Block { keyword: statement.name().to_owned(), name, header, places: Vec::new() };
        let mut open: Vec<Statement<'_>> = vec![statement];
        while let Some(statement) = open.pop() {
            for span in statement.line().into_iter().chain(statement.block()) {
                block.cover(span);
            }
            open.extend(statement.children());
        }
        blocks.push(block);
    }
    blocks
}
