//! Statements and the blocks that they open, flat in memory.
//!
//! A statement is a run of words on one line, maybe with a block. All of them lie in one vector in the order of the text,
//! each knowing where its last descendant ends: a block is skipped in one step, nothing recurses, and a hundred thousand
//! braces cost a hundred thousand entries and no stack.

use std::sync::Arc;

use super::super::source::{Span, Spanned};

/// One word of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) span: Span,
    /// One more than its index among the texts that are not in the file as they are; 0: it is.
    owned: u32,
    quoted: bool,
}

/// A statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    first_word: u32,
    words: u32,
    /// One past its last descendant.
    end: u32,
    /// From `{` to `}`.
    block: Option<Span>,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Tree {
    texts: Vec<Arc<String>>,
    words: Vec<Word>,
    nodes: Vec<Node>,
    owned: Vec<String>,
}

/// Fewer bytes than a word of a generated file takes on the average, its blanks included.
const BYTES_PER_WORD: usize = 8;
/// The same for a statement.
const BYTES_PER_STATEMENT: usize = 16;

impl Tree {
    /// A text that spans may speak of from now on; in the order of their file ids.
    pub(super) fn add_text(&mut self, text: Arc<String>) {
        // Room for what a dense file has, at once: to grow step by step would copy it over and over, and room that is not
        // used costs nothing.
        self.words.reserve(text.len() / BYTES_PER_WORD);
        self.nodes.reserve(text.len() / BYTES_PER_STATEMENT);
        self.texts.push(text);
    }

    /// How many statements.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Begins a statement without words.
    pub(super) fn begin(&mut self) -> usize {
        let index = self.nodes.len();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.nodes.push(Node { first_word: number(self.words.len()), words: 0, end: number(index + 1), block: None });
        index
    }

    /// Adds a word to the last statement.
    pub(super) fn word(&mut self, span: Span, owned: Option<String>, quoted: bool) {
        let owned = owned.map_or(0, |text| {
            self.owned.push(text);
            u32::try_from(self.owned.len()).unwrap_or(0)
        });
        self.words.push(Word { span, owned, quoted });
        if let Some(node) = self.nodes.last_mut() {
            node.words += 1;
        }
    }

    /// A statement's block begins.
    pub(super) fn open(&mut self, index: usize, span: Span) {
        if let Some(node) = self.nodes.get_mut(index) {
            node.block = Some(span);
        }
    }

    /// A statement's block ends here.
    pub(super) fn close(&mut self, index: usize, span: Option<Span>) {
        let end = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        if let Some(node) = self.nodes.get_mut(index) {
            node.end = end;
            node.block = node.block.map(|open| span.map_or(open, |close| open.to(close)));
        }
    }

    /// A statement by its index.
    pub(super) fn statement(&self, index: usize) -> Option<Statement<'_>> {
        self.nodes.get(index).map(|node| Statement { tree: self, node, index, words: node.words as usize })
    }

    /// The statements outside all blocks.
    pub(super) fn root(&self) -> Children<'_> {
        Children { tree: self, next: 0, end: self.nodes.len() }
    }
}

/// A word with its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'t> {
    /// What it says, quotes taken off and variables filled in.
    pub(super) text: &'t str,
    pub(super) span: Span,
    pub(super) quoted: bool,
}

impl Value<'_> {
    /// Its text, owned, with its place.
    pub(super) fn to_owned(self) -> Spanned<String> {
        Spanned::new(self.text.to_owned(), self.span)
    }
}

/// A statement in its tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement<'t> {
    tree: &'t Tree,
    node: &'t Node,
    index: usize,
    /// So many of its words are to be seen.
    words: usize,
}

impl<'t> Statement<'t> {
    /// The same without the words after so many arguments.
    pub(super) fn cut(self, arguments: usize) -> Self {
        Self { words: self.words.min(arguments.saturating_add(1)), ..self }
    }

    /// One of its words.
    pub(super) fn word(self, index: usize) -> Option<Value<'t>> {
        if index >= self.words {
            return None;
        }
        let word = self.tree.words.get(self.node.first_word as usize + index)?;
        let text = match word.owned.checked_sub(1) {
            Some(owned) => self.tree.owned.get(owned as usize).map_or("", String::as_str),
            None => {
                self.tree.texts.get(word.span.file.index()).and_then(|text| text.get(word.span.range())).unwrap_or("")
            }
        };
        Some(Value { text, span: word.span, quoted: word.quoted })
    }

    /// Its words.
    pub(super) fn words(self) -> impl Iterator<Item = Value<'t>> {
        (0..).map_while(move |index| self.word(index))
    }

    /// Its words but the first.
    pub(super) fn arguments(self) -> impl Iterator<Item = Value<'t>> {
        self.words().skip(1)
    }

    /// Its first word; empty for a block that belongs to nothing.
    pub(super) fn name(self) -> &'t str {
        self.word(0).map_or("", |word| word.text)
    }

    /// How many words follow the first.
    pub(super) fn arity(self) -> usize {
        self.words.saturating_sub(1)
    }

    /// Where its first word stands, or its block if it has none.
    pub(super) fn span(self) -> Option<Span> {
        self.word(0).map(|word| word.span).or(self.node.block)
    }

    /// From its first word to its last.
    pub(super) fn line(self) -> Option<Span> {
        let first = self.span()?;
        Some(self.words().last().map_or(first, |last| first.to(last.span)))
    }

    /// Whether a block belongs to it.
    pub(super) fn block(self) -> Option<Span> {
        self.node.block
    }

    /// What its block holds.
    pub(super) fn children(self) -> Children<'t> {
        Children { tree: self.tree, next: self.index + 1, end: self.node.end as usize }
    }
}

/// The statements of one block.
#[derive(Debug, Clone)]
pub(super) struct Children<'t> {
    tree: &'t Tree,
    next: usize,
    end: usize,
}

impl<'t> Iterator for Children<'t> {
    type Item = Statement<'t>;

    fn next(&mut self) -> Option<Statement<'t>> {
        if self.next >= self.end {
            return None;
        }
        let statement = self.tree.statement(self.next)?;
        self.next = (statement.node.end as usize).max(self.next + 1);
        Some(statement)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest};
    use proptest::{collection, option};

    use super::{Children, Tree};
    use crate::config::keepalived::read;
    use crate::config::source::Nowhere;
    use crate::config::{Context, Report};

    /// A statement without its place.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Said {
        words: Vec<String>,
        block: Option<Vec<Said>>,
    }

    fn said(children: Children<'_>) -> Vec<Said> {
        let one = |statement: super::Statement<'_>| Said {
            words: statement.words().map(|word| word.text.to_owned()).collect(),
            block: statement.block().map(|_| said(statement.children())),
        };
        children.map(one).collect()
    }

    /// As text: quoted where a word would be taken for something else.
    fn print(statements: &[Said], indent: usize, out: &mut String) {
        for Said { words, block } in statements {
            out.push_str(&" ".repeat(indent));
            let plain = |word: &str| {
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/-".contains(&b))
            };
            let words = words.iter().map(|word| match plain(word) && !word.starts_with("include") {
                true => word.clone(),
                false => format!("\"{word}\""),
            });
            out.push_str(&words.collect::<Vec<_>>().join(" "));
            if let Some(block) = block {
                out.push_str(" {\n");
                print(block, indent + 4, out);
                out.push_str(&" ".repeat(indent));
                out.push('}');
            }
            out.push('\n');
        }
    }

    fn parsed(text: &str) -> (Tree, Report) {
        let mut report = Report::default();
        let id = report.files_mut().add(Path::new("a.conf"), Arc::new(text.to_owned()));
        let tree = read::read(Path::new("a.conf"), id, &Nowhere, &Context::default(), &mut report);
        (tree, report)
    }

    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[a-z0-9._:/-]{1,8}",
            2 => "[^\"\n$\u{0}]{0,12}",
            1 => Just("vrrp_instance".to_owned()),
            1 => Just("include".to_owned()),
            1 => Just("@lb1".to_owned()),
            1 => Just("~SEQ(a,1,3)".to_owned()),
        ]
    }

    fn statements() -> impl Strategy<Value = Vec<Said>> {
        let words = || collection::vec(word(), 1..5);
        // Where a word that begins a block has none, what follows is taken for it.
        let said = |words: Vec<String>, block: Option<Vec<Said>>| {
            let begins = words.first().is_some_and(|word| word == "vrrp_instance");
            Said { words, block: block.or_else(|| begins.then(Vec::new)) }
        };
        let leaf = collection::vec(words().prop_map(move |words| said(words, None)), 0..5);
        leaf.prop_recursive(4, 60, 5, move |inner| {
            let one = (words(), option::of(inner)).prop_map(move |(words, block)| said(words, block));
            collection::vec(one, 0..5)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_printed_is_read_again(wanted in statements()) {
            let mut text = String::new();
            print(&wanted, 0, &mut text);
            let (tree, report) = parsed(&text);
            prop_assert_eq!(said(tree.root()), wanted, "{}\n{}", text, report.render(false));
        }
    }
}
