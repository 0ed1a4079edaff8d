//! The ledger's file.

use std::path::PathBuf;

use super::written_file::WrittenFile;
use crate::balance::{Ledger, Stamp};
use crate::shell::{self, state_file::StateFile};

const NAME: &str = "ledger";

#[derive(Debug)]
pub(super) struct LedgerFile {
    file: WrittenFile,
    stamp: Stamp,
}

impl LedgerFile {
    /// `namespace`: whose table it tells of, if it is not that of our own network namespace.
    pub(super) fn new(folder: PathBuf, namespace: Option<&str>) -> Self {
        Self { file: WrittenFile::new(StateFile::new(folder, NAME)), stamp: stamp(namespace) }
    }

    /// Reads it. A file that is damaged is set aside; nothing is fatal: the worst is that our own entries look like
    /// somebody else's until the configuration names them. The text says what was amiss.
    pub(super) fn read(&self) -> (Ledger, Option<String>) {
        let effect = "entries that an earlier configuration put into the kernel's table and this one does not name stay there; \
                      remove them with ipvsadm if they are not wanted";
        let (found, problem) = self.file.file().read(Ledger::from_text, effect);
        // Another boot's, or another namespace's: the table it tells of is not this one.
        let ours = found.filter(|(stamp, _)| *stamp == self.stamp);
        (ours.map(|(_, ledger)| ledger).unwrap_or_default(), problem)
    }

    pub(super) fn write(&mut self, ledger: &Ledger) -> Result<(), String> {
        self.file.write(ledger.to_text(&self.stamp)).map_err(|error| {
            format!(
                "the ledger {} cannot be written: {error}; the table is kept up all the same, and the ledger is tried again; \
                 until then, entries made now will look foreign after a restart if the configuration no longer names them",
                self.file.file().path().display()
            )
        })
    }

    /// Tries again what could not be written; true if it can be by now.
    pub(super) fn catch_up(&mut self, ledger: &Ledger) -> bool {
        self.file.is_behind() && self.write(ledger).is_ok()
    }
}

/// Of which boot and namespace a file tells that is written now.
pub(super) fn stamp(namespace: Option<&str>) -> Stamp {
    Stamp(namespace.map_or_else(shell::here, |name| shell::stamp(&shell::namespace::path(name))))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::{Config, ServiceConfig, ServiceKey, ServiceSettings};

    fn ledger() -> Ledger {
        let key = ServiceKey::Fwmark { family: crate::model::Family::V4, mark: std::num::NonZeroU32::MIN };
        let service = ServiceConfig {
            key,
            group: None,
            settings: ServiceSettings::default(),
            quorum: 1,
            floor: None,
            handover: crate::model::Handover::default(),
            rules: Box::default(),
            servers: Vec::new(),
        };
        Ledger::of(&Config { services: vec![service], ..Config::default() })
    }

    #[test]
    fn written_and_read_by_the_next_process_of_this_boot_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = LedgerFile::new(folder.path().join("a/b"), None);
        assert_eq!(file.read(), (Ledger::default(), None));
        file.write(&ledger()).unwrap();
        assert_eq!(LedgerFile::new(folder.path().join("a/b"), None).read(), (ledger(), None));
        let later = LedgerFile {
            file: WrittenFile::new(StateFile::new(folder.path().join("a/b"), NAME)),
            stamp: Stamp("boot later netns 1".to_owned()),
        };
        assert_eq!(later.read(), (Ledger::default(), None));
    }

    #[test]
    fn a_damaged_one_is_set_aside_and_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = LedgerFile::new(folder.path().to_owned(), None);
        for damage in [&b"\xff\xfe\0\0"[..], b"", b"ipvsd ledger 1\nboot x netns 1\nservice tcp 192.0.2.1:80\n"] {
            fs::write(folder.path().join("ledger"), damage).unwrap();
            let (ledger, problem) = file.read();
            assert!(ledger.is_empty());
            assert!(problem.is_some_and(|problem| problem.contains("is damaged")));
            assert_eq!(fs::read(folder.path().join("ledger.damaged")).unwrap(), damage);
            assert!(!folder.path().join("ledger").exists());
        }
    }

    #[test]
    fn what_could_not_be_written_is_written_when_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::write(&state, "in the way").unwrap();
        let mut file = LedgerFile::new(state.clone(), None);
        assert!(!file.catch_up(&ledger()), "nothing is owed");
        file.write(&ledger()).unwrap_err();
        assert!(!file.catch_up(&ledger()));
        fs::remove_file(&state).unwrap();
        assert!(file.catch_up(&ledger()));
        assert_eq!(file.read(), (ledger(), None));
        assert!(!file.catch_up(&ledger()), "once is enough");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let mut file = LedgerFile::new("/proc/no/such".into(), None);
        assert!(file.write(&ledger()).unwrap_err().contains("/proc/no/such/ledger"));
    }

    #[test]
    fn a_disk_that_does_not_answer_is_waited_for_once_and_not_long() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("ledger.new");
        // Whoever opens a named pipe to write waits for a reader.
        nix::unistd::mkfifo(&new, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut file = LedgerFile::new(folder.path().to_owned(), None);
        assert!(file.write(&ledger()).unwrap_err().contains("does not answer"));
        for _ in 0..1000 {
            file.write(&ledger()).unwrap_err();
            assert!(!file.catch_up(&ledger()));
        }
        fs::read(&new).unwrap();
        while !file.catch_up(&ledger()) {
            // The pipe was renamed, or is in the way again.
            let _ = fs::remove_file(&new);
            std::thread::yield_now();
        }
        assert_eq!(LedgerFile::new(folder.path().to_owned(), None).read(), (ledger(), None));
    }
}
