//! The marks that packets to groups get: dealt, written down, and given by the kernel, in this order.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Registry;

use super::deal_file::DealFile;
use crate::balance::{Deal, Ledger, Marking, with_marks, with_marks_in_force};
use crate::model::Config;
use crate::shell::nftables::{Marker, Touched};
use crate::shell::tokens::Source;

/// What becomes of groups where the kernel marks no packets.
const UNMARKED: &str = "packets to groups cannot be marked, so that each address is a service of its own, but for groups that were \
                        marked before: those stay as they were, without addresses that are new (`nftables_ipvs`)";

/// ... where nobody would notice that they are not marked any more.
const UNWATCHED: &str = "whether others change the table of nf_tables that marks packets to groups will not be noticed";
/// What others change.
const TABLE: &str = "the table of nf_tables that marks packets to groups (`nftables_ipvs`)";
/// How long others have before their next change is taken back, ...
const LEAST_REST: Duration = Duration::from_secs(1);
/// ... and how long in the end.
const MOST_REST: Duration = Duration::from_secs(60);

pub(super) struct Marks {
    marker: Marker,
    file: DealFile,
    /// The kernel marks none, though it should.
    unmarked: bool,
    /// Who has changed the table, and it was not put back yet.
    touched: Option<Touched>,
    /// It is not put back before this time, and then not for so long.
    rests: (Option<Instant>, Duration),
}

impl Marks {
    /// `namespace`: where packets are to be marked, if that is not our own. The text says what is amiss with what an earlier process
    /// has written.
    pub(super) fn open(state_dir: PathBuf, namespace: Option<String>) -> (Self, Option<String>) {
        let (file, problem) = DealFile::open(state_dir, namespace.as_deref());
        let rests = (None, Duration::ZERO);
        (Self { marker: Marker::of(namespace), file, unmarked: false, touched: None, rests }, problem)
    }

    /// A configuration whose groups have marks, with the kernel ready to give them; where it cannot, only those have one that had it
    /// before. What services in `ledger` go by is not dealt to others. The texts say what went wrong. What was marked before still is: its services go last, and after them [`Marks::settle`].
    pub(super) fn configure(
        &mut self,
        config: Arc<Config>,
        ledger: &Ledger,
        registry: &Registry,
    ) -> (Arc<Config>, Vec<String>) {
        // Where nobody knows who has which mark, those in use are most likely theirs who come first in the file.
        let nothing = Ledger::default();
        let in_use = if self.file.is_lost() { &nothing } else { ledger };
        let marked = with_marks(Arc::clone(&config), self.file.deal(), in_use);
        let mut problems: Vec<_> = self.file.keep(Deal::of(&marked)).err().into_iter().collect();
        self.unmarked = false;
        let wanted = Marking::of(&marked);
        if wanted.marks.is_empty() {
            return (marked, problems);
        }
        // Before there is anything to lose.
        let watched = self.marker.watch(registry, Source::Rules.token());
        match self.marker.apply(&self.marker.done().map_or_else(|| wanted.clone(), |done| wanted.with(done))) {
            Ok(()) => {
                problems.extend(watched.err().map(|problem| format!("{UNWATCHED}: {problem}")));
                (marked, problems)
            }
            Err(problem) => {
                problems.push(format!("{UNMARKED}: {problem}"));
                self.unmarked = true;
                (self.preview(&config, ledger), problems)
            }
        }
    }

    /// What [`Marks::configure`] would make of a configuration.
    pub(super) fn preview(&self, config: &Arc<Config>, ledger: &Ledger) -> Arc<Config> {
        let (config, deal, nothing) = (Arc::clone(config), self.file.deal(), Marking::default());
        match self.unmarked {
            false => with_marks(config, deal, ledger),
            true => with_marks_in_force(config, deal, ledger, self.marker.done().unwrap_or(&nothing)),
        }
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

    /// When there is something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.touched.as_ref().and(self.rests.0)
    }

    /// Puts back what others have changed: at once, but who changes it again and again is not fought as often. Gives what is to be
    /// told.
    pub(super) fn look(&mut self, now: Instant) -> Option<String> {
        match self.marker.touched() {
            Ok(touched) => self.touched = touched.or(self.touched.take()),
            Err(problem) => {
                self.marker.rest();
                return Some(format!("{UNWATCHED}: {problem}"));
            }
        }
        let touched = self.touched.take()?;
        let (until, pause) = self.rests;
        if until.is_some_and(|until| now < until) {
            self.touched = Some(touched);
            return None;
        }
        let calm = until.is_none_or(|until| now >= until + MOST_REST);
        let pause = if calm { LEAST_REST } else { (pause * 2).min(MOST_REST) };
        self.rests = (Some(now + pause), pause);
        Some(match self.marker.restore() {
            Ok(()) => format!("{TABLE}: {touched}; it is as it was"),
            Err(problem) => {
                let told =
                    format!("{TABLE}: {touched}; it cannot be put back, which is tried again in {pause:?}: {problem}");
                self.touched = Some(touched);
                told
            }
        })
    }

    /// Tries again what could not be written; true if it can be by now.
    pub(super) fn catch_up(&mut self) -> bool {
        self.file.catch_up()
    }

    fn mark_exactly(&mut self, marking: &Marking) -> Result<(), String> {
        let apply = self.marker.apply(marking);
        if marking.marks.is_empty() && apply.is_ok() {
            self.marker.rest();
            self.touched = None;
        }
        apply.map_err(|problem| format!("packets that no group has any more are still marked: {problem}"))
    }
}
