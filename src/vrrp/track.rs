//! What a virtual router watches: scripts that rise and fall, and what weights do to a priority.

use crate::model::Priority;

/// A script's verdict, out of its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptVerdict {
    /// `None`: has not run yet.
    ok: Option<bool>,
    /// Runs in a row that contradict the verdict.
    against: u32,
}

impl ScriptVerdict {
    /// A script that has not run. With `init_fail` it counts as failing until it has succeeded `rise` times.
    #[must_use]
    pub const fn new(init_fail: bool) -> Self {
        Self { ok: if init_fail { Some(false) } else { None }, against: 0 }
    }

    /// The verdict.
    #[must_use]
    pub const fn ok(&self) -> Option<bool> {
        self.ok
    }

    /// Counts a run; `true` if the verdict changed. The first run decides at once.
    pub const fn run(&mut self, success: bool, rise: u32, fall: u32) -> bool {
        let Some(ok) = self.ok else {
            *self = Self { ok: Some(success), against: 0 };
            return true;
        };
        if ok == success {
            self.against = 0;
            return false;
        }
        self.against = self.against.saturating_add(1);
        let needed = if success { rise } else { fall };
        if self.against < needed {
            return false;
        }
        *self = Self { ok: Some(success), against: 0 };
        true
    }
}

/// What a watched thing adds to the priority: a positive weight while it is well, a negative one while it is not, and
/// nothing while it is not known.
#[must_use]
pub const fn contribution(weight: i16, ok: Option<bool>) -> i32 {
    match ok {
        Some(true) if weight > 0 => weight as i32,
        Some(false) if weight < 0 => weight as i32,
        Some(_) | None => 0,
    }
}

/// A priority with all that is watched, added up first and clamped once.
#[must_use]
pub fn effective(base: Priority, contributions: impl IntoIterator<Item = i32>) -> Priority {
    base.weighted(contributions.into_iter().fold(0, i32::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(verdict: &mut ScriptVerdict, results: &str, rise: u32, fall: u32) -> String {
        results
            .chars()
            .map(|result| {
                verdict.run(result == '+', rise, fall);
                if verdict.ok() == Some(true) { 'U' } else { 'D' }
            })
            .collect()
    }

    #[test]
    fn scripts_rise_and_fall() {
        assert_eq!(runs(&mut ScriptVerdict::new(false), "+--+--", 1, 2), "UUDUUD");
        assert_eq!(runs(&mut ScriptVerdict::new(false), "-+++--+-", 3, 1), "DDDUDDDD");
        // A success in between starts the count anew.
        assert_eq!(runs(&mut ScriptVerdict::new(false), "+--+---", 2, 3), "UUUUUUD");
    }

    #[test]
    fn the_first_run_decides_at_once_unless_it_starts_failed() {
        let mut verdict = ScriptVerdict::new(false);
        assert_eq!(verdict.ok(), None);
        assert!(verdict.run(false, 1, 5));
        assert_eq!(verdict.ok(), Some(false));
        let mut verdict = ScriptVerdict::new(true);
        assert_eq!(runs(&mut verdict, "++", 2, 1), "DU");
    }

    #[test]
    fn weights() {
        for (weight, ok, adds) in [
            (10, Some(true), 10),
            (10, Some(false), 0),
            (10, None, 0),
            (-5, Some(true), 0),
            (-5, Some(false), -5),
            (-5, None, 0),
            (0, Some(true), 0),
            (0, Some(false), 0),
        ] {
            assert_eq!(contribution(weight, ok), adds, "{weight} {ok:?}");
        }
    }

    #[test]
    fn sums_are_clamped_once_and_owners_ignore_them() {
        let priority = |n| Priority::new(n).unwrap();
        assert_eq!(effective(priority(100), [-5]), priority(95));
        assert_eq!(effective(priority(100), [-253, 250]), priority(97));
        assert_eq!(effective(priority(100), [-253]), priority(1));
        assert_eq!(effective(priority(100), [253]), priority(254));
        assert_eq!(effective(Priority::OWNER, [-100]), Priority::OWNER);
    }
}
