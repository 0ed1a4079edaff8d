//! The file that keeps what the operator wishes, and the time of servers that leave, for the next process.

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::written_file::WrittenFile;
use crate::balance::{Clock, Kept, Stamp};
use crate::shell::state_file::StateFile;

const NAME: &str = "wishes";

#[derive(Debug)]
pub(super) struct WishesFile {
    file: WrittenFile,
    stamp: Stamp,
}

impl WishesFile {
    /// `stamp`: whose table it tells of.
    pub(super) fn new(folder: PathBuf, stamp: Stamp) -> Self {
        Self { file: WrittenFile::new(StateFile::new(folder, NAME)), stamp }
    }

    /// Reads it. One that is damaged is set aside; the text says what was amiss.
    pub(super) fn read(&self) -> (Kept, Option<String>) {
        let effect = "servers that were drained or disabled, and weights that were given, are as the configuration has them: \
                      ask for them again with ipvsctl";
        let (found, problem) = self.file.file().read(|text| Kept::from_text(text, clock(), &self.stamp), effect);
        (found.unwrap_or_default(), problem)
    }

    pub(super) fn write(&mut self, kept: &Kept) -> Result<(), String> {
        self.file.write(kept.to_text(clock(), &self.stamp)).map_err(|error| {
            format!(
                "{} cannot be written: {error}; what was asked for holds all the same, and the file is tried again; until then, \
                 a restart forgets it",
                self.file.file().path().display()
            )
        })
    }

    /// Tries again what could not be written; true if it can be by now.
    pub(super) fn catch_up(&mut self, kept: &Kept) -> bool {
        self.file.is_behind() && self.write(kept).is_ok()
    }
}

fn clock() -> Clock {
    // A clock before 1970 counts as 1970: drains end at once then, or as long after as they were given.
    let unix_secs = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Clock { now: Instant::now(), unix_secs }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::balance::Drain;
    use crate::model::{Family, ServerKey, ServiceKey};

    fn file(folder: &std::path::Path, boot: u8) -> WishesFile {
        WishesFile::new(folder.join("state"), Stamp(format!("boot {boot} netns 1")))
    }

    #[test]
    fn written_read_and_set_aside_when_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = file(folder.path(), 1);
        assert_eq!(file.read(), (Kept::default(), None));
        let service = ServiceKey::Fwmark { family: Family::V4, mark: std::num::NonZeroU32::MIN };
        let server = ServerKey { address: [10, 0, 0, 1].into(), port: 80 };
        let drain = Drain::new(Some(Duration::from_secs(1000)), Instant::now());
        file.write(&Kept { leaving: vec![((service, server), drain)], ..Kept::default() }).unwrap();
        let (kept, problem) = self::file(folder.path(), 1).read();
        let left = kept.leaving[0].1.until.unwrap().saturating_duration_since(Instant::now());
        assert!(problem.is_none() && left > Duration::from_secs(900) && left <= Duration::from_secs(1000), "{left:?}");
        assert_eq!(
            self::file(folder.path(), 2).read(),
            (Kept::default(), None),
            "another boot's table is not this one's"
        );

        fs::write(folder.path().join("state/wishes"), "ipvsd wishes 1\nserver").unwrap();
        let (kept, problem) = file.read();
        assert_eq!(kept, Kept::default());
        let problem = problem.unwrap();
        assert!(problem.contains("is damaged (line 2") && problem.contains("ask for them again"), "{problem}");
        assert!(folder.path().join("state/wishes.damaged").exists());
    }

    #[test]
    fn what_could_not_be_written_is_written_when_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("state"), "in the way").unwrap();
        let mut file = file(folder.path(), 1);
        assert!(!file.catch_up(&Kept::default()), "nothing is owed");
        assert!(file.write(&Kept::default()).unwrap_err().contains("/state/wishes cannot be written"));
        assert!(!file.catch_up(&Kept::default()));
        fs::remove_file(folder.path().join("state")).unwrap();
        assert!(file.catch_up(&Kept::default()));
    }
}
