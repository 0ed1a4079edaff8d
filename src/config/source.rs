//! Where text comes from, and how a place in it is named.
//!
//! The configuration is pure: files, globs and environment variables are asked of a [`Sources`], which the shell implements
//! and tests replace. Every text that was read is kept in [`Files`] until the report has been rendered, so that a [`Span`]
//! (twelve bytes) is all that a value needs to carry to be traced back to its line and column.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::origin::Origin;

/// What the outside world provides.
pub trait Sources {
    /// The bytes of a file.
    ///
    /// # Errors
    /// [`SourceError`], with its cause as a sentence and what to do about it.
    fn read(&self, path: &Path) -> Result<Vec<u8>, SourceError>;

    /// The paths that a glob pattern matches, of folders too, sorted; empty if none.
    fn glob(&self, pattern: &str) -> Vec<PathBuf>;

    /// Whether somebody may execute a file: keepalived reads no such file. `false` of what is not there, and of folders, which
    /// are entered and not executed.
    fn is_executable(&self, _path: &Path) -> bool {
        false
    }

    /// An environment variable (`${_ENV NAME}`).
    fn variable(&self, name: &str) -> Option<String>;

    /// What `${_RANDOM}` begins with, unless the file says `random_seed`. The same as long as the process lives, so that
    /// reading an unchanged file again changes nothing.
    fn seed(&self) -> u64 {
        0
    }
}

/// An outside world with nothing in it: for a text that is read by itself.
pub(super) struct Nowhere;

impl Sources for Nowhere {
    fn read(&self, _: &Path) -> Result<Vec<u8>, SourceError> {
        Err(SourceError::Missing)
    }

    fn glob(&self, _: &str) -> Vec<PathBuf> {
        Vec::new()
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceError {
    /// No such file.
    Missing,
    /// The user may not read it.
    Forbidden,
    /// It is a folder.
    Folder,
    /// It is neither a file nor a folder: a socket, a device, a pipe.
    Special,
    /// It is larger than is read.
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The most that is read.
        limit: u64,
    },
    /// Anything else, in the words of the operating system.
    Other(String),
}

impl SourceError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Missing => "check the path; it is taken relative to the folder that the program was started in",
            Self::Forbidden => "let the user that runs this read it, and enter every folder above it",
            Self::Folder => "name a file in it",
            Self::Special => "name a regular file",
            Self::TooLarge { .. } => "split it with `include`, or check that it is a configuration at all",
            Self::Other(_) => "see whether the file system it lies on is well",
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such file"),
            Self::Forbidden => f.write_str("permission denied"),
            Self::Folder => f.write_str("it is a folder, not a file"),
            Self::Special => f.write_str("it is a socket, device or pipe, not a regular file"),
            Self::TooLarge { size, limit } => {
                write!(f, "it has {size} bytes, and no more than {limit} are read")
            }
            Self::Other(cause) => f.write_str(cause),
        }
    }
}

impl std::error::Error for SourceError {}

/// Which of the files that were read, and through which variable the text came, if through any.
///
/// The lower [`FILE_BITS`] are the file's number, the others the origin's, counted from 1: so a [`Span`] stays small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileId(u32);

/// Bits of a [`FileId`] that number the file.
const FILE_BITS: u32 = 12;

/// A stretch of a file: byte offsets into its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl FileId {
    /// Its place among [`Files`].
    #[must_use]
    pub const fn index(self) -> usize {
        (self.0 & ((1 << FILE_BITS) - 1)) as usize
    }

    /// The number of the origin, from 1; 0: the text was read where it stands.
    pub(super) const fn origin(self) -> u32 {
        self.0 >> FILE_BITS
    }

    /// The same file, with an origin; as it is if there is no number so high.
    pub(super) const fn with_origin(self, origin: usize) -> Option<Self> {
        if origin >= 1 << (u32::BITS - FILE_BITS) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "it was looked at")]
        Some(Self((self.0 & ((1 << FILE_BITS) - 1)) | (origin as u32) << FILE_BITS))
    }
}

impl Span {
    /// A stretch; offsets past 4 GiB cannot occur, since no such file is read.
    #[must_use]
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        let cut = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { file, start: cut(range.start), end: cut(range.end) }
    }

    /// From the start of this to the end of the other, if both are in one file; else this.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.file == other.file && other.end >= self.start { Self { end: other.end, ..self } } else { self }
    }

    /// As a range of bytes.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value with its place.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// Columns past this many bytes are counted in bytes.
const FARTHEST_COLUMN: usize = 10_000;

/// A line and a column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One text that was read.
#[derive(Debug, Clone)]
struct File {
    path: PathBuf,
    text: Arc<String>,
    /// Byte offset of the start of each line.
    lines: Vec<u32>,
    /// Stretches that no report may show.
    secrets: Vec<Range<usize>>,
    /// The `include` that it came by.
    included: Option<Span>,
}

/// Every text that was read, in order.
#[derive(Debug, Clone, Default)]
pub struct Files {
    files: Vec<File>,
    pub(super) origins: Vec<Origin>,
}

impl Files {
    /// Keeps a text.
    pub(super) fn add(&mut self, path: &Path, text: Arc<String>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX) & ((1 << FILE_BITS) - 1));
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset + 1);
        let lines = std::iter::once(0).chain(starts).filter_map(|offset| u32::try_from(offset).ok()).collect();
        self.files.push(File { path: path.to_owned(), text, lines, secrets: Vec::new(), included: None });
        id
    }

    /// A file was read because of an `include`.
    pub(super) fn set_included(&mut self, id: FileId, by: Span) {
        if let Some(file) = self.files.get_mut(id.index()) {
            file.included = Some(by);
        }
    }

    /// The `include` that a file was read because of.
    pub(super) fn included(&self, id: FileId) -> Option<Span> {
        self.file(id)?.included
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether nothing could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The path of a file, as it was asked for.
    #[must_use]
    pub fn path(&self, id: FileId) -> &Path {
        self.file(id).map_or(Path::new(""), |file| &file.path)
    }

    /// The text of a file.
    #[must_use]
    pub fn text(&self, id: FileId) -> &str {
        self.file(id).map_or("", |file| &file.text)
    }

    /// The text of a file, shared.
    pub(super) fn shared(&self, id: FileId) -> Arc<String> {
        self.file(id).map_or_else(Arc::default, |file| Arc::clone(&file.text))
    }

    /// The text of a stretch.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.range()).unwrap_or("")
    }

    /// Line and column of a stretch's start.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        let Some(file) = self.file(span.file) else { return Position { line: 1, column: 1 } };
        let line = file.lines.partition_point(|start| *start <= span.start).max(1);
        let start = file.lines.get(line - 1).copied().unwrap_or(0) as usize;
        let column = match file.text.get(start..span.start as usize) {
            // Nobody counts that far, and to count for every remark on one endless line takes for ever.
            Some(before) if before.len() > FARTHEST_COLUMN => before.len(),
            Some(before) => before.chars().count(),
            None => 0,
        };
        Position { line, column: column + 1 }
    }

    /// Line and column one past a stretch's last character.
    #[must_use]
    pub fn end_position(&self, span: Span) -> Position {
        self.position(Span { start: span.end.max(span.start), ..span })
    }

    /// Whether a stretch lies within one line.
    pub(super) fn is_one_line(&self, span: Span) -> bool {
        self.file(span.file).is_some_and(|file| {
            let line = |offset: u32| file.lines.partition_point(|start| *start <= offset);
            line(span.start) == line(span.end.saturating_sub(1).max(span.start))
        })
    }

    /// The bytes of the lines that a stretch touches, without the last line's end.
    pub(super) fn lines_of(&self, span: Span) -> Range<usize> {
        let Some(file) = self.file(span.file) else { return 0..0 };
        let first = file.lines.partition_point(|start| *start <= span.start).max(1);
        let last = file.lines.partition_point(|start| *start < span.end.max(span.start + 1)).max(first);
        let start = file.lines.get(first - 1).copied().unwrap_or(0) as usize;
        let end = file.lines.get(last).map_or(file.text.len(), |next| (*next as usize).saturating_sub(1));
        start..end.max(start)
    }

    /// From now on no report shows this stretch.
    pub(super) fn hide(&mut self, span: Span) {
        if let Some(file) = self.files.get_mut(span.file.index()) {
            file.secrets.push(span.range());
        }
        // What stands around the variable's use may be part of it.
        if let Some(used) = self.used(span) {
            let text = self.text(used.file);
            let blank = |c: char| c.is_whitespace();
            let start = text.get(..used.range().start).and_then(|t| t.rfind(blank)).map_or(0, |at| at + 1);
            let rest = text.get(used.range().end..).unwrap_or("");
            let end = used.range().end + rest.find(blank).unwrap_or(rest.len());
            // A blank of several bytes would be cut in two.
            let start = text.ceil_char_boundary(start);
            self.hide(Span::new(used.file, start..end));
        }
    }

    /// A stretch of text with its secrets starred out, byte for byte.
    pub(super) fn shown(&self, id: FileId, range: Range<usize>) -> String {
        let Some(file) = self.file(id) else { return String::new() };
        let Some(text) = file.text.get(range.clone()) else { return String::new() };
        if !file.secrets.iter().any(|secret| secret.start < range.end && range.start < secret.end) {
            return text.to_owned();
        }
        let mut bytes = text.as_bytes().to_vec();
        for secret in &file.secrets {
            for offset in secret.start.max(range.start)..secret.end.min(range.end) {
                if let Some(byte) = bytes.get_mut(offset - range.start) {
                    *byte = b'*';
                }
            }
        }
        String::from_utf8(bytes).unwrap_or_default()
    }

    fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(id.index())
    }
}
