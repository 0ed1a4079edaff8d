//! Checks that call nobody over the network: a script says how a server is, or the number in a file.

use super::{OnMissing, RunAs};

/// `MISC_CHECK`: a command whose exit status says whether a server is well, and perhaps what its weight is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScriptProbe {
    /// The command's words, quotes already taken off; never empty.
    pub command: Vec<String>,
    /// Who runs it; the daemon-wide user if none.
    pub user: Option<RunAs>,
    /// `misc_dynamic`: 2 to 255 are successes too, and say the weight: two less.
    pub dynamic: bool,
    /// What becomes of the check where its script cannot be run from the beginning.
    pub on_missing: OnMissing,
}

/// `FILE_CHECK`: a file whose number is added to a server's weight, or takes the server out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileProbe {
    /// Name of the [`TrackFile`](super::TrackFile).
    pub file: String,
    /// The number times this is added to the server's weight. 0: a number other than 0 takes the server out. Never
    /// [`i32::MIN`].
    pub weight: i32,
    /// `reverse`: it is subtracted; with weight 0, the number 0 takes the server out.
    pub reverse: bool,
}
