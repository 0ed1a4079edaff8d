//! The one renderer: lines of text and columns that line up, with colours where they are wanted.
//!
//! Text that comes from elsewhere (names, reasons, panics) goes through [`clean`], so that no control character of it
//! reaches a terminal.

/// What a piece of text means, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it is.
    Plain,
    /// All is well.
    Good,
    /// Look here.
    Warn,
    /// Something is broken.
    Bad,
    /// Of minor interest.
    Dim,
    /// A heading.
    Strong,
}

impl Tone {
    /// SGR parameters (ECMA-48).
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("32"),
            Self::Warn => Some("33"),
            Self::Bad => Some("1;31"),
            Self::Dim => Some("2"),
            Self::Strong => Some("1"),
        }
    }
}

/// One cell of a row.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

/// A cell with a tone.
pub(super) fn cell(text: impl AsRef<str>, tone: Tone) -> Cell {
    Cell { text: clean(text.as_ref()), tone }
}

/// A plain cell.
pub(super) fn plain(text: impl AsRef<str>) -> Cell {
    cell(text, Tone::Plain)
}

/// On which side a column is flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

#[derive(Debug)]
enum Line {
    /// Text in one tone, indented.
    Text(usize, String, Tone),
    /// Cells under the columns of the group.
    Row(Vec<Cell>),
    /// Begins a group of rows that share their columns.
    Columns(Vec<Side>),
}

/// A page under construction.
#[derive(Debug, Default)]
pub(super) struct Page {
    lines: Vec<Line>,
}

impl Page {
    /// A line of text; a text of several lines keeps its indent.
    pub(super) fn text(&mut self, indent: usize, text: impl AsRef<str>, tone: Tone) {
        for line in text.as_ref().lines() {
            self.lines.push(Line::Text(indent, clean(line), tone));
        }
    }

    /// Something to act on: marked, so that it stands out without colours too.
    pub(super) fn problem(&mut self, indent: usize, text: impl AsRef<str>, tone: Tone) {
        let mut mark = "! ";
        for line in text.as_ref().lines() {
            self.lines.push(Line::Text(indent, format!("{mark}{}", clean(line)), tone));
            mark = "  ";
        }
    }

    /// An empty line between parts; none at the top, and never two.
    pub(super) fn gap(&mut self) {
        let is_gap = |line: &Line| matches!(line, Line::Text(_, text, _) if text.is_empty());
        if self.lines.last().is_some_and(|line| !is_gap(line)) {
            self.lines.push(Line::Text(0, String::new(), Tone::Plain));
        }
    }

    /// Begins a group of rows, with a heading.
    pub(super) fn columns(&mut self, columns: &[(&str, Side)]) {
        self.lines.push(Line::Columns(columns.iter().map(|(_, side)| *side).collect()));
        self.row(columns.iter().map(|(name, _)| cell(name, Tone::Dim)).collect());
    }

    /// A row of the group. It may have fewer cells than there are columns.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.lines.push(Line::Row(cells));
    }

    /// The page as text; each line ends with a newline and has no trailing blanks.
    pub(super) fn render(&self, colours: bool) -> String {
        let mut out = String::new();
        let mut layout = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            match line {
                Line::Text(indent, text, tone) => {
                    if !text.is_empty() {
                        out.extend(std::iter::repeat_n(' ', *indent));
                    }
                    paint(&mut out, text, *tone, colours);
                }
                Line::Columns(sides) => {
                    layout = self.layout(number, sides);
                    continue;
                }
                Line::Row(cells) => row(&mut out, cells, &layout, colours),
            }
            out.push('\n');
        }
        out
    }

    /// Width and side of each column of the group that begins at `number`. The last column needs no width.
    fn layout(&self, number: usize, sides: &[Side]) -> Vec<(usize, Side)> {
        let mut widths = vec![0; sides.len()];
        for line in self.lines.iter().skip(number + 1) {
            match line {
                Line::Columns(_) => break,
                Line::Text(..) => {}
                Line::Row(cells) => {
                    for (width, cell) in widths.iter_mut().zip(cells) {
                        *width = cell.text.chars().count().max(*width);
                    }
                }
            }
        }
        widths.into_iter().zip(sides.iter().copied()).collect()
    }
}

fn row(out: &mut String, cells: &[Cell], layout: &[(usize, Side)], colours: bool) {
    // Blanks wait until there is something to their right.
    let mut blanks = 0;
    for (cell, (width, side)) in cells.iter().zip(layout) {
        let padding = width.saturating_sub(cell.text.chars().count());
        if *side == Side::Right {
            blanks += padding;
        }
        if !cell.text.is_empty() {
            out.extend(std::iter::repeat_n(' ', blanks));
            blanks = 0;
            paint(out, &cell.text, cell.tone, colours);
        }
        if *side == Side::Left {
            blanks += padding;
        }
        blanks += 2;
    }
}

fn paint(out: &mut String, text: &str, tone: Tone, colours: bool) {
    match tone.code().filter(|_| colours && !text.is_empty()) {
        Some(code) => {
            out.push_str("\x1b[");
            out.push_str(code);
            out.push('m');
            out.push_str(text);
            out.push_str("\x1b[0m");
        }
        None => out.push_str(text),
    }
}

/// Text without control characters: a newline becomes a blank, others their escapes.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => out.push(' '),
            // Beside the control characters, those that turn the direction of what follows.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.extend(character.escape_unicode()),
            _ if character.is_control() => out.extend(character.escape_unicode()),
            _ => out.push(character),
        }
    }
    out
}

/// An age as people say it: `3s`, `2m14s`, `5h`, `3d`. Two digits are enough from an hour on.
pub(super) fn age(secs: f64) -> String {
    let Ok(span) = std::time::Duration::try_from_secs_f64(secs.max(0.0)) else {
        return "?".to_owned();
    };
    match span.as_secs() {
        secs @ 0..60 => format!("{secs}s"),
        secs @ 60..3600 => match secs % 60 {
            0 => format!("{}m", secs / 60),
            rest => format!("{}m{rest:02}s", secs / 60),
        },
        secs @ 3600..36_000 => match secs % 3600 / 60 {
            0 => format!("{}h", secs / 3600),
            rest => format!("{}h{rest:02}m", secs / 3600),
        },
        secs @ 36_000..86_400 => format!("{}h", secs / 3600),
        secs @ 86_400..864_000 => match secs % 86_400 / 3600 {
            0 => format!("{}d", secs / 86_400),
            rest => format!("{}d{rest}h", secs / 86_400),
        },
        secs => format!("{}d", secs / 86_400),
    }
}

/// `1 server`, `3 servers`.
pub(super) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Bytes as people say them: `512 B`, `1.5 KiB`, `12 MiB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    // Tenths of the unit, rounded to the nearest.
    let mut divisor = 1024;
    for unit in UNITS {
        let tenths = (u128::from(count) * 10 + divisor / 2) / divisor;
        if tenths < 100 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        let whole = (u128::from(count) + divisor / 2) / divisor;
        if whole < 1024 {
            return format!("{whole} {unit}");
        }
        divisor *= 1024;
    }
    format!("{count} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let cases = [
            (0.0, "0s"),
            (3.9, "3s"),
            (60.0, "1m"),
            (134.0, "2m14s"),
            (3599.9, "59m59s"),
            (3600.0, "1h"),
            (18_000.0, "5h"),
            (19_980.0, "5h33m"),
            (86_399.0, "23h"),
            (259_200.0, "3d"),
            (270_000.0, "3d3h"),
            (8_640_000.0, "100d"),
            (-1.0, "0s"),
            (f64::NAN, "0s"),
            (f64::INFINITY, "?"),
        ];
        for (secs, text) in cases {
            assert_eq!(age(secs), text, "{secs}");
        }
    }

    #[test]
    fn bytes_are_rounded() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10_239, "10 KiB"),
            (1_048_575, "1.0 MiB"),
            (11_744_051, "11 MiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text, "{count}");
        }
    }

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let mut page = Page::default();
        page.columns(&[("NAME", Side::Left), ("COUNT", Side::Right), ("WHY", Side::Left)]);
        page.row(vec![plain("a"), plain("12345678"), plain("")]);
        page.text(0, "between", Tone::Plain);
        page.row(vec![plain("longer"), plain("1"), cell("so", Tone::Bad)]);
        page.gap();
        page.gap();
        page.columns(&[("X", Side::Left)]);
        assert_eq!(page.render(false), "NAME       COUNT  WHY\na       12345678\nbetween\nlonger         1  so\n\nX\n");
        assert!(page.render(true).contains("longer         1  \x1b[1;31mso\x1b[0m\n"));
    }

    #[test]
    fn nothing_reaches_the_terminal_that_is_not_text() {
        assert_eq!(clean("a\x1b[2Jb\nc\u{202e}d\u{9b}"), "a\\u{1b}[2Jb c\\u{202e}d\\u{9b}");
        let mut page = Page::default();
        page.problem(2, "one\ntwo\x07", Tone::Bad);
        assert_eq!(page.render(false), "  ! one\n    two\\u{7}\n");
    }
}
