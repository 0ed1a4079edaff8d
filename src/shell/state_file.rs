//! A text file of the state directory that tells a successor which of the kernel's state is ours: written beside and renamed,
//! so that a reader sees the old one or the new one.
//!
//! It is not flushed to the disk. What it tells of does not outlive a crash of the host, and a stamp in it says to which boot
//! and network namespace it belongs; what has to survive is a SIGKILL of this process, and what was handed to the kernel
//! does. A flush would only keep a busy disk between a reload and its effect.

use std::fmt::Display;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

#[derive(Debug, Clone)]
pub(super) struct StateFile {
    folder: PathBuf,
    name: &'static str,
}

impl StateFile {
    pub(super) const fn new(folder: PathBuf, name: &'static str) -> Self {
        Self { folder, name }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(self.name)
    }

    /// Writes all of it anew, or nothing.
    pub(super) fn replace(&self, text: &str) -> io::Result<()> {
        let fresh = self.folder.join(format!("{}.new", self.name));
        fs::create_dir_all(&self.folder)?;
        fs::write(&fresh, text)?;
        fs::rename(&fresh, self.path())
    }

    /// There is none afterwards.
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// What `parse` makes of it; `None` where there is no such file, or none that is whole. One that is damaged is set aside.
    /// The text says what was amiss, and `effect`, what comes of that.
    pub(super) fn read<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
        effect: &str,
    ) -> (Option<T>, Option<String>) {
        let path = self.path();
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return (None, None),
            Err(error) => return (None, Some(format!("{} cannot be read: {error}; {effect}", path.display()))),
        };
        match parse(&text) {
            Ok(found) => (Some(found), None),
            Err(error) => {
                let aside = self.folder.join(format!("{}.damaged", self.name));
                let fate = match fs::rename(&path, &aside) {
                    Ok(()) => format!("it was set aside as {}", aside.display()),
                    Err(error) => format!("it could not be set aside: {error}"),
                };
                (None, Some(format!("{} is damaged ({error}); {fate}; {effect}", path.display())))
            }
        }
    }
}
