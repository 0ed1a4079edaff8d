//! Differences that are meant, each with its reason.
//!
//! A row names the file (all, if empty), a part of the line that differs, and whose line it is. What no row explains
//! is a defect, of one program or the other, and fails the test.

use crate::contender::Program;

/// A difference that is meant.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The file's name without its ending; empty for all files.
    pub file: &'static str,
    /// Who has the line that the other lacks.
    pub program: Program,
    /// A part of the line.
    pub part: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// All of them.
pub const EXPECTED: &[Expected] = &[];

/// Why a file's line is there with one program alone, if that is meant.
#[must_use]
pub fn reason(file: &str, program: Program, line: &str) -> Option<&'static str> {
    let rows = EXPECTED.iter().filter(|row| row.file.is_empty() || row.file == file);
    rows.filter(|row| row.program == program).find(|row| line.contains(row.part)).map(|row| row.reason)
}
