//! What the configuration's words cancel of each other, before the machine sees them.

use super::super::instance::settings;
use super::*;
use crate::model::StartAs;

#[test]
fn words_that_cancel_each_other() {
    let told = |change: &dyn Fn(&mut Instance)| {
        let mut told = instance("a", 51);
        told.election.preempt = false;
        told.election.preempt_delay = Duration::from_secs(7);
        change(&mut told);
        settings(&told, told.priority, OWN.into(), true)
    };
    // `nopreempt` has no delay.
    let plain = told(&|_| ());
    assert_eq!((plain.election.preempt, plain.election.preempt_delay, plain.eager), (false, Duration::ZERO, false));
    let preempts = told(&|told| told.election.preempt = true);
    assert_eq!(preempts.election.preempt_delay, Duration::from_secs(7));
    // `state MASTER` cancels both, and is eager in a group.
    let master = told(&|told| told.start_as = StartAs::Master);
    assert_eq!((master.election.preempt, master.election.preempt_delay, master.eager), (true, Duration::ZERO, true));
    let owner = told(&|told| told.priority = Priority::OWNER);
    assert!(owner.election.preempt);
    let strict = told(&|told| {
        told.strict = true;
        told.election.preempt = true;
    });
    assert_eq!(strict.election.preempt_delay, Duration::ZERO);
    assert!(strict.election.lower_priority_no_advert && strict.election.owner_ignores_adverts);
    assert_eq!(strict.announcements.lower_priority.repeat, 0);
    assert_eq!(strict.announcements.master.repeat, 2);
}
