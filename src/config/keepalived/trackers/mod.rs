//! What can be watched: `vrrp_script`, `vrrp_track_process`, `track_file`, and our own `vrrp_track_service` and
//! `vrrp_track_check`.

mod check;
mod file;
mod process;
mod script;
mod service;

use super::super::draft::{TrackKind, WeightDraft};
use super::super::source::Spanned;
use super::tree::Statement;
use super::values::Instead;
use super::walk::Walk;

pub(super) use check::word as check;
pub(super) use file::word as file;
pub(super) use process::word as process;
pub(super) use script::word as script;
pub(super) use service::word as service;

/// `N [reverse|noreverse]`, the number at an index among the words.
pub(super) fn weight(walk: &mut Walk<'_>, statement: Statement<'_>, at: usize, kind: TrackKind) -> Option<WeightDraft> {
    let value = statement.word(at)?;
    let most = kind.heaviest();
    let weight: i16 = walk.fits(value, -most..=most, "a weight", Instead("taken as 0: a failure is a fault"))?;
    let reverse = match statement.word(at + 1) {
        Some(word) => walk.choice(
            word,
            &[("reverse", true), ("noreverse", false), ("no_reverse", false)],
            Instead("ignored: the weight works the usual way round"),
        ),
        None => None,
    };
    Some(WeightDraft { weight: Some(Spanned::new(weight, value.span)), reverse })
}
