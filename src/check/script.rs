//! `MISC_CHECK`: what the end of a script's run says of a server, and of its weight.
//!
//! 0 is a success and everything else a failure. With `misc_dynamic` 2 and above are successes too, and say what the server's
//! weight is: two less than the status. 0 gives it its configured weight back, 1 is the only failure.

use super::{Obstacle, Outcome};
use crate::model::{ScriptOutcome, ScriptProbe};

/// From this status on it is a weight and this.
const LEAST_WEIGHT: u8 = 2;

/// What the end of a run says.
#[must_use]
pub fn outcome(probe: &ScriptProbe, ended: &ScriptOutcome) -> Outcome {
    match ended {
        // A status has eight bits (wait(2)).
        ScriptOutcome::Exited(status) => match u8::try_from(*status).unwrap_or(u8::MAX) {
            status @ LEAST_WEIGHT.. if probe.dynamic => Outcome::Weighs(status - LEAST_WEIGHT),
            status => Outcome::Exited(status),
        },
        ScriptOutcome::Killed(signal) => Outcome::Killed(u8::try_from(*signal).unwrap_or(0)),
        ScriptOutcome::TimedOut => Outcome::Overran,
        ScriptOutcome::NotRunnable(fault, _) => Outcome::Unusable(*fault),
        ScriptOutcome::NotTried(_) => Outcome::NotTried(Obstacle::Script),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OnMissing, ScriptFault};

    #[test]
    fn a_status_is_a_verdict_and_with_a_dynamic_script_a_weight() {
        let probe =
            |dynamic| ScriptProbe { command: vec!["/x".to_owned()], user: None, dynamic, on_missing: OnMissing::Fail };
        for (ended, plain, dynamic) in [
            (ScriptOutcome::Exited(0), Outcome::Exited(0), Outcome::Exited(0)),
            (ScriptOutcome::Exited(1), Outcome::Exited(1), Outcome::Exited(1)),
            (ScriptOutcome::Exited(2), Outcome::Exited(2), Outcome::Weighs(0)),
            (ScriptOutcome::Exited(12), Outcome::Exited(12), Outcome::Weighs(10)),
            (ScriptOutcome::Exited(255), Outcome::Exited(255), Outcome::Weighs(253)),
            (ScriptOutcome::Killed(9), Outcome::Killed(9), Outcome::Killed(9)),
            (ScriptOutcome::TimedOut, Outcome::Overran, Outcome::Overran),
            (
                ScriptOutcome::NotRunnable(ScriptFault::NoFile, "there is no file /x".to_owned()),
                Outcome::Unusable(ScriptFault::NoFile),
                Outcome::Unusable(ScriptFault::NoFile),
            ),
            (
                ScriptOutcome::NotTried("no process".to_owned()),
                Outcome::NotTried(Obstacle::Script),
                Outcome::NotTried(Obstacle::Script),
            ),
        ] {
            assert_eq!(outcome(&probe(false), &ended), plain, "{ended:?}");
            assert_eq!(outcome(&probe(true), &ended), dynamic, "{ended:?}");
        }
        let ok = |outcome: Outcome| outcome.is_ok();
        assert!(ok(Outcome::Exited(0)) && ok(Outcome::Weighs(0)) && !ok(Outcome::Exited(1)) && !ok(Outcome::Overran));
    }
}
