//! Options of the election, as timelines.

use super::*;

fn elect(version: VrrpVersion, priority: u8, change: impl FnOnce(&mut Election)) -> Settings {
    let mut settings = settings(version, priority);
    change(&mut settings.election);
    settings
}

fn v2(priority: u8, change: impl FnOnce(&mut Election)) -> Settings {
    elect(VrrpVersion::V2, priority, change)
}

fn advert(source: IpAddr, priority: u8) -> Option<Input> {
    Some(Input::Advert(heard(source, priority)))
}

fn ready() -> Option<Input> {
    Some(Input::Ready)
}

const TAKES_OVER_150: &str = "send 150, add, announce 5, BACKUP>MASTER";

#[test]
fn a_delay_of_preemption_counts_from_the_first_advert_of_lower_priority() {
    let start = Instant::now();
    let delayed = v2(150, |election| election.preempt_delay = millis(2000));
    timeline(
        Machine::new(delayed.clone(), start),
        start,
        &[
            (0, ready(), "INIT>BACKUP"),
            (500, advert(LOW, 100), ""),
            (1500, advert(LOW, 100), ""),
            // From here on it is ignored.
            (2500, advert(LOW, 100), ""),
            (3500, advert(LOW, 100), ""),
            (4500, advert(LOW, 100), ""),
            // 1.5 s, 3 s, 106/256 s.
            (4914, None, TAKES_OVER_150),
        ],
    );
    // A better master in between ends it; and silence is silence, delay or not.
    timeline(
        Machine::new(delayed, start),
        start,
        &[
            (0, ready(), "INIT>BACKUP"),
            (500, advert(LOW, 100), ""),
            (1000, advert(HIGH, 200), ""),
            (3000, advert(LOW, 100), ""),
            (6414, None, TAKES_OVER_150),
        ],
    );
}

#[test]
fn down_timer_adverts_is_counted_in_intervals() {
    let start = Instant::now();
    timeline(
        Machine::new(v2(100, |election| election.down_timer_adverts = 5), start),
        start,
        &[(0, ready(), "INIT>BACKUP"), (5609, None, "send 100, add, announce 5, BACKUP>MASTER")],
    );
}

#[test]
fn the_down_interval_is_exact_to_the_microsecond() {
    let start = Instant::now();
    let settings =
        Settings { interval: AdvertInterval::from_centiseconds(1).unwrap(), ..elect(VrrpVersion::V3, 100, |_| ()) };
    let mut machine = Machine::new(settings, start);
    machine.handle(Input::Ready, start);
    // 30 ms, and 156/256 of 10 ms: 6.09375 ms.
    assert_eq!(machine.poll_timeout(), Some(start + Duration::from_nanos(36_093_750)));
}

#[test]
fn adverts_of_lower_and_higher_priority_are_answered_as_told() {
    let start = Instant::now();
    let settings = v2(100, |election| election.lower_priority_no_advert = true);
    timeline(
        in_role(Role::Active, settings, start),
        start,
        &[
            (500, advert(LOW, 50), "lower, announce 5"),
            (1000, None, "send 100"),
            (1500, advert(LOW, 200), "send 100, remove, MASTER>BACKUP"),
        ],
    );
    let silent = v2(100, |election| election.higher_priority_send_advert = false);
    timeline(in_role(Role::Active, silent, start), start, &[(500, advert(LOW, 200), "remove, MASTER>BACKUP")]);
    let mut quiet = v2(100, |_| ());
    quiet.announcements.lower_priority = Burst { repeat: 0, delay: None };
    timeline(in_role(Role::Active, quiet, start), start, &[(500, advert(LOW, 50), "lower, send 100")]);
    // Its own number of announcements, and its own second burst.
    let mut other = v2(100, |_| ());
    other.announcements.lower_priority = Burst { repeat: 2, delay: Some(millis(300)) };
    timeline(
        in_role(Role::Active, other, start),
        start,
        &[(500, advert(LOW, 50), "lower, send 100, announce 2"), (800, None, "announce 2"), (1500, None, "send 100")],
    );
}

#[test]
fn as_long_as_a_rival_is_heard_the_addresses_are_announced_once_an_interval() {
    let start = Instant::now();
    let mut machine = in_role(Role::Active, v2(100, |_| ()), start);
    let mut bursts = Vec::new();
    for at in (100..5000).step_by(100) {
        machine.handle(Input::Advert(heard(LOW, 50)), start + millis(at));
        if outputs(&mut machine).contains("announce") {
            bursts.push(at);
        }
    }
    assert_eq!(bursts, [100, 600, 1100, 1600, 2100, 2600, 3100, 3600, 4100, 4600]);
    // Silent since: one more, and none after.
    let mut after = 0;
    while let Some(at) = machine.poll_timeout().filter(|at| *at < start + Duration::from_secs(60)) {
        machine.handle(Input::Deadline, at);
        after += outputs(&mut machine).matches("announce").count();
    }
    assert_eq!(after, 1);
}

#[test]
fn an_owner_that_ignores_adverts_stays() {
    let start = Instant::now();
    let mut machine = in_role(Role::Active, v2(255, |election| election.owner_ignores_adverts = true), start);
    for priority in [0, 100, 255] {
        machine.handle(Input::Advert(heard(HIGH, priority)), start);
    }
    assert_eq!(outputs(&mut machine), "");
    // It is for owners only.
    let mut machine = in_role(Role::Active, v2(100, |election| election.owner_ignores_adverts = true), start);
    machine.handle(Input::Advert(heard(HIGH, 101)), start);
    assert_eq!(outputs(&mut machine), "send 100, remove, MASTER>BACKUP");
}

#[test]
fn of_two_owners_the_higher_address_stays_unless_the_other_does_not_yield() {
    let start = Instant::now();
    let rival = || advert(LOW, 255);
    // The other yields after our first advert.
    let heard_once = in_role(Role::Active, v2(255, |_| ()), start);
    timeline(
        heard_once,
        start,
        &[
            (500, rival(), "two owners, send 255, announce 5"),
            (1500, None, "send 255"),
            (2500, None, "send 255"),
            (3500, None, "send 255"),
        ],
    );
    // The other is deaf. Two adverts, 1.2 s, and the next of its adverts ends it.
    let deaf = in_role(Role::Active, v2(255, |_| ()), start);
    timeline(
        deaf,
        start,
        &[
            (500, rival(), "two owners, send 255, announce 5"),
            (1500, None, "send 255"),
            (1501, rival(), "announce 5"),
            (2500, None, "send 255"),
            (2501, rival(), "announce 5"),
            (2701, rival(), "remove, MASTER>BACKUP"),
            // It is gone: what we gave up is ours again. 3 s and 2/256 s.
            (5708, None, "send 255, add, announce 5, BACKUP>MASTER"),
            // A new one is given its time.
            (5800, rival(), "two owners, send 255, announce 5"),
        ],
    );
    // A rival that was silent for long enough had yielded, though it comes again before our patience with it is long over.
    let mut again = in_role(Role::Active, v2(255, |_| ()), start);
    again.handle(Input::Advert(heard(LOW, 255)), start + millis(500));
    again.handle(Input::Deadline, start + millis(1500));
    outputs(&mut again);
    again.handle(Input::Advert(heard(LOW, 255)), start + millis(2901));
    assert_eq!((outputs(&mut again).as_str(), again.role()), ("two owners, send 255, announce 5", Role::Active));
    // A rival that comes again after it was gone for long is given its time too.
    let mut back = in_role(Role::Active, v2(255, |_| ()), start);
    back.handle(Input::Advert(heard(LOW, 255)), start + millis(500));
    for at in 1..20 {
        back.handle(Input::Deadline, start + millis(500 + at * 1000));
    }
    outputs(&mut back);
    back.handle(Input::Advert(heard(LOW, 255)), start + millis(20_000));
    assert_eq!((outputs(&mut back).as_str(), back.role()), ("two owners, send 255, announce 5", Role::Active));
}

#[test]
fn addresses_decide_in_both_families() {
    let start = Instant::now();
    let address = |last| IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last));
    for (theirs, ends) in [(0x10, Role::Active), (0x30, Role::Backup)] {
        let ours = Settings { source: address(0x20), ..settings(VrrpVersion::V3, 100) };
        let mut machine = in_role(Role::Active, ours, start);
        machine.handle(Input::Advert(heard(address(theirs), 100)), start);
        assert_eq!(machine.role(), ends);
    }
}

#[test]
fn a_leaving_master_that_repeats_itself_does_not_hold_us_off() {
    let start = Instant::now();
    timeline(
        Machine::new(settings(VrrpVersion::V2, 100), start),
        start,
        &[
            (0, ready(), "INIT>BACKUP"),
            (1000, advert(HIGH, 0), ""),
            (1300, advert(HIGH, 0), ""),
            (1600, advert(HIGH, 0), ""),
            (1609, None, "send 100, add, announce 5, BACKUP>MASTER"),
        ],
    );
}

#[test]
fn a_flood_is_answered_no_more_often_than_it_must() {
    let start = Instant::now();
    for priority in [0, 99] {
        let mut machine = in_role(Role::Active, settings(VrrpVersion::V2, 100), start);
        let mut sent = 0;
        // 100,000 in a second.
        for at in 0..100_000 {
            let now = start + Duration::from_micros(10 * at);
            if machine.poll_timeout().is_some_and(|due| due <= now) {
                machine.handle(Input::Deadline, now);
            }
            machine.handle(Input::Advert(heard(LOW, priority)), now);
            sent += outputs(&mut machine).matches("send").count();
        }
        assert!((200..=260).contains(&sent), "{sent}");
    }
    // One that comes right after an answer is answered all the same, a little later.
    timeline(
        in_role(Role::Active, settings(VrrpVersion::V2, 100), start),
        start,
        &[(500, advert(LOW, 0), "send 100"), (501, advert(LOW, 0), ""), (503, None, "send 100")],
    );
}

#[test]
fn what_a_socket_kept_while_we_were_held_up_is_answered_once() {
    let start = Instant::now();
    let mut machine = in_role(Role::Active, settings(VrrpVersion::V2, 100), start);
    let woken = start + millis(10_000);
    for _ in 0..10 {
        machine.handle(Input::Advert(heard(LOW, 50)), woken);
    }
    assert_eq!(outputs(&mut machine), format!("lower, send 100, announce 5{}", ", lower, crossed".repeat(9)));
    // The other still speaks: it is told.
    machine.handle(Input::Advert(heard(LOW, 50)), woken + millis(500));
    assert_eq!(outputs(&mut machine), "lower, send 100, announce 5");
}

#[test]
fn a_master_in_a_group_waits_less_the_first_time() {
    let start = Instant::now();
    let eager = Settings { eager: true, grouped: true, ..settings(VrrpVersion::V2, 100) };
    timeline(
        Machine::new(eager.clone(), start),
        start,
        // One interval and 1/256 s.
        &[(0, ready(), "INIT>BACKUP"), (1003, None, "expired")],
    );
    let faulty = in_role(Role::Fault, eager, start);
    timeline(faulty, start, &[(0, ready(), "FAULT>BACKUP"), (3609, None, "expired")]);
    // An owner only waits for the others.
    let owner = Settings { grouped: true, ..settings(VrrpVersion::V2, 255) };
    timeline(Machine::new(owner, start), start, &[(0, ready(), "INIT>BACKUP"), (0, None, "expired")]);
}

#[test]
fn who_slept_through_a_down_interval_listens_before_it_takes_over() {
    let start = Instant::now();
    let mut machine = in_role(Role::Backup, settings(VrrpVersion::V2, 100), start);
    let woken = start + millis(10_000);
    machine.handle(Input::Deadline, woken);
    assert_eq!(outputs(&mut machine), "overslept 6390");
    machine.handle(Input::Deadline, woken + millis(3610));
    assert_eq!(machine.role(), Role::Active);
    // A little late is not asleep.
    let mut machine = in_role(Role::Backup, settings(VrrpVersion::V2, 100), start);
    machine.handle(Input::Deadline, start + millis(7000));
    assert_eq!(machine.role(), Role::Active);
}

#[test]
fn a_master_that_slept_goes_to_backup_if_told_so() {
    let start = Instant::now();
    let careful = |other| v2(200, |election| election.timer_expired_backup = Some(other));
    // Priority 254 has taken over after 3 s and 2/256 s, priority 100 after 3.609 s.
    for (other, at, ends) in
        [(254, 3000, Role::Active), (254, 3010, Role::Backup), (100, 3600, Role::Active), (100, 3610, Role::Backup)]
    {
        let mut machine = in_role(Role::Active, careful(other), start);
        machine.handle(Input::Deadline, start + millis(at));
        assert_eq!(machine.role(), ends, "{other} {at}");
    }
    // What came in meanwhile is read first; with `nopreempt` the one who took over stays.
    let mut machine = in_role(Role::Active, nopreempt(careful(254)), start);
    machine.handle(Input::Advert(heard(LOW, 100)), start + millis(10_000));
    assert_eq!(outputs(&mut machine), "remove, MASTER>BACKUP");
    assert!(matches!(machine.reason(), Reason::Overslept { late } if *late == millis(9000)));
    assert!(matches!(machine.state(), State::Backup(backup) if backup.follows));
    // Not told so, it contends.
    let mut machine = in_role(Role::Active, v2(200, |_| ()), start);
    machine.handle(Input::Advert(heard(LOW, 100)), start + millis(10_000));
    assert_eq!(outputs(&mut machine), "lower, send 200, announce 5");
}

#[test]
fn who_waits_for_its_checks_leaves_a_master_in_place_but_fills_a_gap() {
    let start = Instant::now();
    let waits = || Settings { ready_to_lead: false, ..settings(VrrpVersion::V2, 150) };
    timeline(
        Machine::new(waits(), start),
        start,
        &[
            (0, ready(), "INIT>BACKUP"),
            (3000, advert(LOW, 50), ""),
            (6000, advert(LOW, 50), ""),
            (6500, Some(Input::Configure(settings(VrrpVersion::V2, 150))), ""),
            (7000, advert(LOW, 50), ""),
            (9414, None, TAKES_OVER_150),
        ],
    );
    timeline(Machine::new(waits(), start), start, &[(0, ready(), "INIT>BACKUP"), (3414, None, TAKES_OVER_150)]);
    let owner = Settings { ready_to_lead: false, ..settings(VrrpVersion::V2, 255) };
    timeline(Machine::new(owner, start), start, &[(0, ready(), "INIT>BACKUP")]);
}

#[test]
fn a_start_is_put_off() {
    let start = Instant::now();
    let delayed = || Settings { not_before: Some(start + millis(2000)), ..settings(VrrpVersion::V2, 100) };
    let machine = Machine::new(delayed(), start);
    timeline(
        machine,
        start,
        &[
            (0, ready(), ""),
            (500, advert(HIGH, 200), ""),
            (700, Some(Input::Wait), ""),
            (900, ready(), ""),
            (2000, None, "INIT>BACKUP"),
            (5609, None, "send 100, add, announce 5, BACKUP>MASTER"),
        ],
    );
    // What recovers in that time waits for the rest of it; what recovers later does not.
    let mut machine = Machine::new(delayed(), start);
    machine.handle(Input::Fail(Fault::InterfaceDown("e".into())), start);
    machine.handle(Input::Ready, start + millis(100));
    assert_eq!((machine.role(), machine.reason()), (Role::Initialize, &Reason::StartupDelay));
    machine.handle(Input::Fail(Fault::InterfaceDown("e".into())), start + millis(200));
    machine.handle(Input::Ready, start + millis(3000));
    assert_eq!(machine.role(), Role::Backup);
}

#[test]
fn refreshes_here_and_elsewhere_keep_their_own_time() {
    let start = Instant::now();
    let mut told = settings(VrrpVersion::V2, 100);
    told.announcements.master.delay = None;
    told.announcements.refresh = Some(millis(1500));
    told.announcements.refresh_repeat = 3;
    told.announcements.extra = Some(millis(2500));
    timeline(
        in_role(Role::Active, told, start),
        start,
        &[
            (1000, None, "send 100"),
            (1500, None, "announce 3"),
            (2000, None, "send 100"),
            (2500, None, "announce elsewhere"),
            (3000, None, "send 100, announce 3"),
        ],
    );
}
