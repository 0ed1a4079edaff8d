//! Files that whoever opens waits for, as on a file server that does not answer.

use std::fmt;
use std::path::PathBuf;

use nix::fcntl::AT_FDCWD;
use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};

use crate::Node;

/// A file that whoever opens or runs it waits for, until this is dropped.
pub struct Hanging(Fanotify);

impl Hanging {
    /// From now on, as a node sees it. The file must be there.
    ///
    /// # Panics
    /// The kernel does not ask anybody who opens files (`CONFIG_FANOTIFY_ACCESS_PERMISSIONS`).
    #[must_use]
    pub fn new(node: &Node, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let marked = node.inside(move || {
            let watch = Fanotify::init(InitFlags::FAN_CLASS_CONTENT | InitFlags::FAN_CLOEXEC, EventFFlags::O_RDONLY)?;
            watch.mark(MarkFlags::FAN_MARK_ADD, MaskFlags::FAN_OPEN_PERM, AT_FDCWD, Some(&path))?;
            Ok::<_, nix::Error>(watch)
        });
        Self(marked.expect("a file that can be watched"))
    }

    /// Everybody may open it again.
    pub fn answers(self) {
        drop(self.0);
    }
}

impl fmt::Debug for Hanging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hanging")
    }
}
