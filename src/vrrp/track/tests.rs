use super::*;

fn runs(verdict: &mut Verdict, results: &str, rise: u32, fall: u32) -> String {
    results
        .chars()
        .map(|result| {
            verdict.run(result == '+', rise, fall);
            if verdict.ok() == Some(true) { 'U' } else { 'D' }
        })
        .collect()
}

#[test]
fn verdicts_rise_and_fall() {
    assert_eq!(runs(&mut Verdict::new(false), "+--+--", 1, 2), "UUDUUD");
    assert_eq!(runs(&mut Verdict::new(false), "-+++--+-", 3, 1), "DDDUDDDD");
    // A success in between starts the count anew.
    assert_eq!(runs(&mut Verdict::new(false), "+--+---", 2, 3), "UUUUUUD");
}

#[test]
fn the_first_run_decides_at_once_unless_it_starts_failed() {
    let mut verdict = Verdict::new(false);
    assert_eq!(verdict.ok(), None);
    assert!(verdict.run(false, 1, 5));
    assert_eq!(verdict.ok(), Some(false));
    let mut verdict = Verdict::new(true);
    assert_eq!(runs(&mut verdict, "++", 2, 1), "DU");
}

#[test]
fn what_must_last_is_counted_from_its_first_sight() {
    let start = Instant::now();
    let at = |tenths: u64| start + Duration::from_millis(tenths * 100);
    let delay = Duration::from_secs(1);
    let mut lasting = Lasting::default();
    assert!(lasting.see(true, delay, at(0)));
    assert!(!lasting.see(false, delay, at(1)));
    assert!(!lasting.see(false, delay, at(10)));
    assert_eq!(lasting.change_at(), Some(at(11)));
    assert!(lasting.see(false, delay, at(11)));
    // A relapse starts the wait anew.
    assert!(!lasting.see(true, delay, at(12)));
    assert!(!lasting.see(false, delay, at(20)));
    assert!(!lasting.see(true, delay, at(21)));
    assert!(!lasting.see(true, delay, at(30)));
    assert!(lasting.see(true, delay, at(31)));
    assert!(lasting.see(false, Duration::ZERO, at(31)));
}

fn tracked(what: Watched, weight: i16, reverse: bool) -> Tracked {
    Tracked { what, weight, reverse }
}

#[test]
fn one_arithmetic_for_every_verdict() {
    use Effect::{Adds, Fault, Unknown};
    let name = || "x".to_owned();
    let kinds = [
        Watched::Interface(name()),
        Watched::Script(name()),
        Watched::Process(name()),
        Watched::Service(name()),
        Watched::Check(name()),
        Watched::Bfd(name()),
    ];
    // weight, reverse; while well, while not, while not known.
    let table = [
        (10, false, Adds(10), Adds(0)),
        (-5, false, Adds(0), Adds(-5)),
        (10, true, Adds(-10), Adds(0)),
        (-5, true, Adds(0), Adds(5)),
        (0, false, Adds(0), Fault),
        (0, true, Fault, Adds(0)),
        (253, false, Adds(253), Adds(0)),
        (-254, false, Adds(0), Adds(-254)),
    ];
    for what in kinds {
        for (weight, reverse, well, failed) in table {
            let tracked = tracked(what.clone(), weight, reverse);
            for (ok, expected) in [(Some(true), well), (Some(false), failed), (None, Unknown)] {
                let standing = Standing { ok, value: None, detail: String::new() };
                assert_eq!(effect(&tracked, &standing), expected, "{tracked:?} {ok:?}");
            }
        }
    }
}

#[test]
fn a_files_number_is_multiplied() {
    use Effect::{Adds, Fault, Unknown};
    for (weight, reverse, value, expected) in [
        (1, false, Some(10), Adds(10)),
        (1, false, Some(-10), Adds(-10)),
        (-2, false, Some(10), Adds(-20)),
        (2, true, Some(10), Adds(-20)),
        (-2, true, Some(10), Adds(20)),
        (1, false, Some(-253), Adds(-253)),
        (1, false, Some(-254), Fault),
        (127, false, Some(-2), Fault),
        (1, true, Some(254), Fault),
        (1, false, Some(1000), Adds(253)),
        (253, false, Some(i64::MAX), Adds(253)),
        (253, false, Some(i64::MIN), Fault),
        (-253, false, Some(i64::MIN), Adds(253)),
        (1, false, Some(0), Adds(0)),
        (0, false, Some(0), Adds(0)),
        (0, false, Some(7), Fault),
        (0, true, Some(0), Fault),
        (0, true, Some(7), Adds(0)),
        (1, false, None, Unknown),
        (0, false, None, Unknown),
    ] {
        let tracked = tracked(Watched::File("x".to_owned()), weight, reverse);
        let standing = Standing { ok: value.map(|_| true), value, detail: String::new() };
        assert_eq!(effect(&tracked, &standing), expected, "{tracked:?} {value:?}");
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

#[test]
fn what_flaps_is_told_ten_times_a_minute() {
    let start = Instant::now();
    let mut pace = Pace::default();
    let told = (0..600).filter(|n| pace.tell((), start + Duration::from_millis(n * 100)).is_some()).count();
    assert_eq!(told, 10);
    assert_eq!(pace.tell((), start + Duration::from_secs(61)), Some(590));
    assert_eq!(pace.tell((), start + Duration::from_secs(61)), Some(0));
}

#[test]
fn the_last_word_on_what_flapped_is_the_true_one() {
    let start = Instant::now();
    let flapped = |changes: u64| {
        let mut pace = Pace::default();
        for n in 0..changes {
            pace.tell(n % 2 == 0, start + Duration::from_millis(n * 100));
        }
        pace
    };
    let room = start + Duration::from_secs(60);
    // Ten were told, the last of them `false`, and one was not: `true`.
    let mut pace = flapped(11);
    assert_eq!(pace.held_until(), Some(room));
    assert_eq!(pace.release(room - Duration::from_millis(1)), None);
    assert_eq!(pace.release(room), Some(Released { what: true, before: Some(false), untold: 0 }));
    assert_eq!((pace.held_until(), pace.release(room)), (None, None));
    assert_eq!(flapped(31).release(room), Some(Released { what: true, before: Some(false), untold: 20 }));
    // It ended as it was told to be.
    assert_eq!((flapped(10).held_until(), flapped(30).held_until()), (None, None));
    assert_eq!(flapped(30).release(room), None);
}
