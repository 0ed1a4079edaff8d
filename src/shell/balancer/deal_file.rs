//! The file that tells which group of addresses has which mark, for the next process.

use std::path::PathBuf;

use super::ledger_file::stamp;
use super::written_file::WrittenFile;
use crate::balance::{Deal, Stamp};
use crate::shell::state_file::StateFile;

const NAME: &str = "marks";

#[derive(Debug)]
pub(super) struct DealFile {
    file: WrittenFile,
    stamp: Stamp,
    /// What it was given last, or has from before.
    deal: Deal,
    /// There was a deal, and nobody knows which.
    lost: bool,
}

impl DealFile {
    /// `namespace`: where the packets are marked, if that is not our own network namespace. A file that is damaged is set aside;
    /// the text says what was amiss.
    pub(super) fn open(folder: PathBuf, namespace: Option<&str>) -> (Self, Option<String>) {
        let file = WrittenFile::new(StateFile::new(folder, NAME));
        let effect = "groups of addresses get their marks in the order of the file: where that has changed since they were \
                      dealt, connections through them are cut off";
        let (found, problem) = file.file().read(Deal::from_text, effect);
        let stamp = stamp(namespace);
        let ours = found.filter(|(theirs, _)| *theirs == stamp);
        let deal = ours.map(|(_, deal)| deal).unwrap_or_default();
        (Self { file, stamp, deal, lost: problem.is_some() }, problem)
    }

    /// There was a deal, and nobody knows which: marks that are in use may be anybody's.
    pub(super) const fn is_lost(&self) -> bool {
        self.lost
    }

    /// What is dealt.
    pub(super) const fn deal(&self) -> &Deal {
        &self.deal
    }

    /// From now on this is dealt.
    ///
    /// # Errors
    /// It is, but the file does not say so.
    pub(super) fn keep(&mut self, deal: Deal) -> Result<(), String> {
        self.lost = false;
        if deal == self.deal && !self.file.is_behind() {
            return Ok(());
        }
        self.deal = deal;
        self.file.write(self.deal.to_text(&self.stamp)).map_err(|error| {
            format!(
                "{} cannot be written: {error}; packets are marked all the same, and the file is tried again; until then, a restart \
                 with another order of groups in the configuration cuts off connections through them",
                self.file.file().path().display()
            )
        })
    }

    /// Tries again what could not be written; true if it can be by now.
    pub(super) fn catch_up(&mut self) -> bool {
        self.file.is_behind() && self.keep(self.deal.clone()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::num::NonZeroU32;
    use std::path::Path;

    use super::*;
    use crate::model::{Config, Group, Handover, Protocol, ServiceConfig, ServiceKey, ServiceSettings};

    fn deal(mark: u32) -> Deal {
        let key = ServiceKey::Address { protocol: Protocol::Tcp, address: [192, 0, 2, 1].into(), port: 80 };
        let group = Group { name: Some("web".to_owned()), others: Vec::new(), mark: NonZeroU32::new(mark) };
        let service = ServiceConfig {
            key,
            group: Some(Box::new(group)),
            settings: ServiceSettings::default(),
            quorum: 1,
            floor: None,
            handover: Handover::default(),
            rules: Box::default(),
            servers: Vec::new(),
        };
        Deal::of(&Config { services: vec![service], ..Config::default() })
    }

    fn open(folder: &Path) -> DealFile {
        let (file, problem) = DealFile::open(folder.join("state"), None);
        assert_eq!(problem, None);
        file
    }

    #[test]
    fn a_deal_is_for_the_next_process_of_this_boot_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = open(folder.path());
        assert_eq!(*file.deal(), Deal::default());
        file.keep(deal(1000)).unwrap();
        assert_eq!(*open(folder.path()).deal(), deal(1000));
        let path = folder.path().join("state/marks");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("boot ", "boot before ", 1)).unwrap();
        assert_eq!(*open(folder.path()).deal(), Deal::default());
    }

    #[test]
    fn a_damaged_one_is_set_aside_and_said_so() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).keep(deal(1000)).unwrap();
        let path = folder.path().join("state/marks");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
        let (mut file, problem) = DealFile::open(folder.path().join("state"), None);
        assert_eq!((file.deal(), file.is_lost()), (&Deal::default(), true));
        file.keep(deal(1001)).unwrap();
        assert!(!file.is_lost() && !open(folder.path()).is_lost());
        let problem = problem.unwrap();
        assert!(problem.contains("is damaged (line ") && problem.contains("connections"), "{problem}");
        assert!(folder.path().join("state/marks.damaged").exists());
    }

    #[test]
    fn what_could_not_be_written_is_written_when_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::write(&state, "in the way").unwrap();
        let (mut file, _) = DealFile::open(state.clone(), None);
        assert!(!file.catch_up(), "nothing is owed");
        assert!(file.keep(deal(1000)).unwrap_err().contains("/state/marks cannot be written"));
        assert_eq!(*file.deal(), deal(1000), "it holds all the same");
        assert!(!file.catch_up());
        fs::remove_file(&state).unwrap();
        assert!(file.catch_up());
        assert!(!file.catch_up(), "once is enough");
        assert_eq!(*open(folder.path()).deal(), deal(1000));
    }
}
