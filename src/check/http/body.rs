//! Where a body ends, and which of its bytes are content (RFC 9112, sections 6 and 7).

/// A body as its head frames it, as far as it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes are to come; at none it is over.
    Length(u64),
    /// It ends with the connection.
    UntilClose,
    /// In chunks, each with its size.
    Chunked(Chunk),
}

/// Where in a chunk the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// In the size, of which so much is read.
    Size { size: u64, digits: u8 },
    /// After the size: what extends it counts for nothing, up to the end of the line.
    Extension { size: u64 },
    /// After the CR of that line.
    SizeEnds { size: u64 },
    /// In the content, of which so much is to come.
    Content(u64),
    /// After the content.
    ContentEnded,
    /// After the CR behind the content.
    ContentEnds,
    /// After the last chunk: at the beginning of a line.
    Line,
    /// In a trailer field.
    Trailer,
    /// After the CR of an empty line.
    LastLineEnds,
    /// All has come.
    Over,
}

/// Hexadecimal digits of a size, at most; more than these no connection carries.
const MOST_DIGITS: u8 = 15;

/// Bytes that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// How many.
    pub(super) length: usize,
    /// They are content, and no framing.
    pub(super) content: bool,
}

impl Body {
    /// The next byte would not belong to it.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Over))
    }

    /// It is whole should the connection end here.
    pub(super) fn may_end(&self) -> bool {
        self.is_over() || *self == Self::UntilClose
    }

    pub(super) fn is_chunked(&self) -> bool {
        matches!(self, Self::Chunked(_))
    }

    /// Takes what comes first in these bytes, at least one of them; none: it breaks the rules.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<Piece> {
        let most = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        match self {
            Self::Length(left) => {
                let length = most(*left);
                *left -= length as u64;
                Some(Piece { length, content: true })
            }
            Self::UntilClose => Some(Piece { length: bytes.len(), content: true }),
            Self::Chunked(Chunk::Content(left)) => {
                let length = most(*left);
                *left -= length as u64;
                if *left == 0 {
                    *self = Self::Chunked(Chunk::ContentEnded);
                }
                Some(Piece { length, content: true })
            }
            Self::Chunked(chunk) => {
                *chunk = chunk.byte(*bytes.first()?)?;
                Some(Piece { length: 1, content: false })
            }
        }
    }
}

impl Chunk {
    /// Before the first.
    pub(super) const FIRST: Self = Self::Size { size: 0, digits: 0 };

    /// Takes a byte of the framing.
    fn byte(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Size { size, digits }, _) if byte.is_ascii_hexdigit() && digits < MOST_DIGITS => {
                let digit = char::from(byte).to_digit(16)?;
                Self::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (Self::Size { digits: 0, .. }, _) => return None,
            (Self::Size { size, .. } | Self::Extension { size }, b'\r') => Self::SizeEnds { size },
            (Self::Size { size, .. } | Self::Extension { size } | Self::SizeEnds { size }, b'\n') => match size {
                0 => Self::Line,
                size => Self::Content(size),
            },
            (Self::Size { size, .. }, b' ' | b'\t' | b';') => Self::Extension { size },
            (Self::Extension { size }, _) => Self::Extension { size },
            (Self::ContentEnded, b'\r') => Self::ContentEnds,
            (Self::ContentEnded | Self::ContentEnds, b'\n') => Self::FIRST,
            (Self::Line, b'\r') => Self::LastLineEnds,
            (Self::Line | Self::LastLineEnds, b'\n') => Self::Over,
            (Self::Trailer, b'\n') => Self::Line,
            (Self::Line | Self::Trailer, _) => Self::Trailer,
            (
                Self::Size { .. }
                | Self::SizeEnds { .. }
                | Self::Content(_)
                | Self::ContentEnded
                | Self::ContentEnds
                | Self::LastLineEnds
                | Self::Over,
                _,
            ) => return None,
        })
    }
}
