//! TOML.

use super::draft::Draft;
use super::report::Report;
use super::source::FileId;

pub(super) fn draft(_: FileId, _: &mut Report) -> Draft {
    Draft::default()
}
