//! The marks that packets to groups get: dealt, written down, and given by the kernel, in this order.

use std::path::PathBuf;
use std::sync::Arc;

use super::deal_file::DealFile;
use crate::balance::{Deal, Marking, with_marks};
use crate::model::Config;
use crate::shell::nftables::Marker;

/// What becomes of groups where the kernel marks no packets.
const UNMARKED: &str =
    "packets to groups cannot be marked, so that each address is a service of its own (`nftables_ipvs`)";

pub(super) struct Marks {
    marker: Marker,
    file: DealFile,
    /// The kernel marks none, though it should.
    unmarked: bool,
}

impl Marks {
    /// `namespace`: where packets are to be marked, if that is not our own. The text says what is amiss with what an earlier process
    /// has written.
    pub(super) fn open(state_dir: PathBuf, namespace: Option<String>) -> (Self, Option<String>) {
        let (file, problem) = DealFile::open(state_dir, namespace.as_deref());
        (Self { marker: Marker::of(namespace), file, unmarked: false }, problem)
    }

    /// A configuration whose groups have marks, with the kernel ready to give them; as it was, where the kernel cannot. The texts
    /// say what went wrong. What was marked before still is: its services go last, and after them [`Marks::settle`].
    pub(super) fn configure(&mut self, config: Arc<Config>) -> (Arc<Config>, Vec<String>) {
        let marked = with_marks(Arc::clone(&config), self.file.deal());
        let mut problems: Vec<_> = self.file.keep(Deal::of(&marked)).err().into_iter().collect();
        self.unmarked = false;
        let wanted = Marking::of(&marked);
        if wanted.marks.is_empty() {
            return (marked, problems);
        }
        match self.marker.apply(&self.marker.done().map_or_else(|| wanted.clone(), |done| wanted.with(done))) {
            Ok(()) => (marked, problems),
            Err(problem) => {
                problems.push(format!("{UNMARKED}: {problem}"));
                self.unmarked = true;
                (config, problems)
            }
        }
    }

    /// What [`Marks::configure`] would make of a configuration.
    pub(super) fn preview(&self, config: &Arc<Config>) -> Arc<Config> {
        if self.unmarked { Arc::clone(config) } else { with_marks(Arc::clone(config), self.file.deal()) }
    }

    /// This configuration is in force: what no group has any more is not marked any more.
    ///
    /// # Errors
    /// It still is.
    pub(super) fn settle(&mut self, config: &Config) -> Result<(), String> {
        self.mark_exactly(&Marking::of(config))
    }

    /// The kernel's table is left without services of ours: marks lead nowhere, and may be dealt anew.
    ///
    /// # Errors
    /// Packets still get them, or the file says so.
    pub(super) fn clear(&mut self) -> Result<(), String> {
        self.mark_exactly(&Marking::default())?;
        self.file.keep(Deal::default())
    }

    /// Tries again what could not be written; true if it can be by now.
    pub(super) fn catch_up(&mut self) -> bool {
        self.file.catch_up()
    }

    fn mark_exactly(&mut self, marking: &Marking) -> Result<(), String> {
        let apply = self.marker.apply(marking);
        apply.map_err(|problem| format!("packets that no group has any more are still marked: {problem}"))
    }
}
