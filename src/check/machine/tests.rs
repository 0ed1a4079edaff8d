use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::*;
use crate::check::Obstacle;
use crate::model::{CheckKind, Connect, OnMissing, Pace, ScriptFault, ScriptProbe};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn check(retry: u32) -> Check {
    Check {
        kind: CheckKind::Tcp(Connect {
            target: "10.0.0.1:80".parse().unwrap(),
            source_address: None,
            source_port: None,
            interface: None,
            mark: None,
        }),
        interval: 6 * S,
        timeout: 3 * S,
        retry,
        retry_interval: 2 * S,
        warmup: None,
        tells_failures: None,
        pace: None,
    }
}

fn handle(machine: &mut Machine, check: &Check, input: Input, now: Instant) -> Turn {
    machine.handle(check, input, &mut Random::new(1), now)
}

/// Wakes a waiting machine at its own time, then lets the probe come to `outcome` after 10 ms.
fn probe(machine: &mut Machine, check: &Check, outcome: Outcome) -> (Option<Verdict>, Instant) {
    let due = machine.poll_timeout().unwrap();
    assert_eq!(handle(machine, check, Input::Wake, due), Turn { order: Some(Order::Start), verdict: None });
    let end = due + 10 * MS;
    let turn = handle(machine, check, Input::Probed(outcome), end);
    assert_eq!(turn.order, None);
    (turn.verdict, end)
}

#[test]
fn the_first_success_brings_it_up_and_the_interval_runs_from_its_end() {
    let (start, check) = (Instant::now(), check(1));
    let mut machine = Machine::new(300 * MS, start);
    assert_eq!(machine.poll_timeout().unwrap(), start + 300 * MS);
    assert_eq!(handle(&mut machine, &check, Input::Wake, start + 299 * MS), Turn::default());
    let (verdict, end) = probe(&mut machine, &check, Outcome::Ok);
    assert_eq!(verdict, Some(Verdict::Up));
    assert_eq!(machine.poll_timeout().unwrap(), end + 6 * S);
    assert_eq!(machine.last_took(), Some(10 * MS));
    assert_eq!(probe(&mut machine, &check, Outcome::Ok).0, None, "no change, no verdict");
    assert_eq!(machine.counts(), (2, 0, 0));
}

#[test]
fn a_probe_that_began_late_does_not_delay_those_after_it() {
    let (start, check) = (Instant::now(), check(1));
    let mut machine = Machine::new(Duration::ZERO, start);
    // How late it begins, and how much sooner than an interval after its end the next one is due.
    for (late, sooner) in [
        (400 * MS, Duration::ZERO), // the first has no place yet
        (Duration::ZERO, Duration::ZERO),
        (400 * MS, 400 * MS),
        (MS, MS),
        (60 * S, 3 * S), // half the interval at most
    ] {
        let due = machine.poll_timeout().unwrap();
        handle(&mut machine, &check, Input::Wake, due + late);
        handle(&mut machine, &check, Input::Reached(Stage::Answering), due + late + 5 * MS);
        handle(&mut machine, &check, Input::Probed(Outcome::Ok), due + late + 10 * MS);
        assert_eq!(machine.poll_timeout().unwrap(), due + late + 10 * MS + 6 * S - sooner, "{late:?} late");
    }
    // Who waits for a descriptor is not hurried by having waited.
    let due = machine.poll_timeout().unwrap();
    handle(&mut machine, &check, Input::Wake, due + S);
    handle(&mut machine, &check, Input::Probed(Outcome::NotTried(Obstacle::ProcessFiles)), due + S);
    assert_eq!(machine.poll_timeout().unwrap(), due + 2 * S);
}

#[test]
fn what_this_host_never_lets_be_tried_is_known_as_such_until_anything_is_found_out() {
    use Obstacle::{Late, NoRoute, SourceAddress};
    let not = Outcome::NotTried;
    let elsewhere = || [not(SourceAddress); 5];
    for (outcomes, prevented) in [
        (vec![], false),
        (elsewhere()[1..].to_vec(), false),
        (elsewhere().to_vec(), true),
        // Both come to an end by themselves, and say nothing of what was before.
        (vec![not(NoRoute); 5], false),
        (vec![not(Late), not(Late)], false),
        (vec![not(Obstacle::Room); 9], false),
        ([&elsewhere()[..], &[not(NoRoute)]].concat(), true),
        ([&elsewhere()[..], &[Outcome::Ok]].concat(), false),
        ([&elsewhere()[..], &[Outcome::Refused]].concat(), false),
        // What was found out before holds.
        ([&[Outcome::Ok], &elsewhere()[..]].concat(), false),
        ([&[Outcome::Refused], &elsewhere()[..]].concat(), false),
    ] {
        let mut machine = Machine::new(Duration::ZERO, Instant::now());
        for outcome in &outcomes {
            probe(&mut machine, &check(1), *outcome);
        }
        assert_eq!(machine.is_prevented(), prevented, "{outcomes:?}");
    }
}

#[test]
fn the_first_failure_of_all_is_decisive_whatever_retry_says() {
    let check = check(5);
    let mut machine = Machine::new(Duration::ZERO, Instant::now());
    let (verdict, end) = probe(&mut machine, &check, Outcome::Refused);
    assert_eq!(verdict, Some(Verdict::Down));
    assert_eq!(machine.poll_timeout().unwrap(), end + 6 * S, "a server that is down is tried at the usual pace");
}

#[test]
fn while_up_retry_failures_are_forgiven_and_one_more_is_not() {
    let check = check(2);
    let mut machine = Machine::new(Duration::ZERO, Instant::now());
    probe(&mut machine, &check, Outcome::Ok);
    for _ in 0..2 {
        let (verdict, end) = probe(&mut machine, &check, Outcome::Refused);
        assert_eq!(verdict, None);
        assert_eq!(machine.poll_timeout().unwrap(), end + 2 * S, "a forgiven failure is looked into soon");
    }
    let (verdict, end) = probe(&mut machine, &check, Outcome::HostUnreachable);
    assert_eq!(verdict, Some(Verdict::Down));
    assert_eq!(machine.poll_timeout().unwrap(), end + 6 * S);
    assert_eq!(probe(&mut machine, &check, Outcome::Refused).0, None, "down already");
    assert_eq!(probe(&mut machine, &check, Outcome::Ok).0, Some(Verdict::Up), "one success is enough");
    assert_eq!(probe(&mut machine, &check, Outcome::Reset).0, None, "and patience is whole again");
}

#[test]
fn a_success_in_between_restores_the_patience() {
    let check = check(1);
    let mut machine = Machine::new(Duration::ZERO, Instant::now());
    probe(&mut machine, &check, Outcome::Ok);
    for _ in 0..10 {
        assert_eq!(probe(&mut machine, &check, Outcome::Timeout).0, None);
        assert_eq!(probe(&mut machine, &check, Outcome::Ok).0, None);
    }
}

#[test]
fn silence_ends_at_the_timeout_and_a_late_outcome_is_not_heard() {
    let check = check(0);
    let mut machine = Machine::new(Duration::ZERO, Instant::now());
    probe(&mut machine, &check, Outcome::Ok);
    let due = machine.poll_timeout().unwrap();
    handle(&mut machine, &check, Input::Wake, due);
    assert_eq!(machine.poll_timeout().unwrap(), due + 3 * S);
    assert_eq!(handle(&mut machine, &check, Input::Wake, due + 2999 * MS), Turn::default());
    let turn = handle(&mut machine, &check, Input::Wake, due + 3 * S);
    assert_eq!(turn, Turn { order: Some(Order::Cancel), verdict: Some(Verdict::Down) });
    assert_eq!(machine.last(), Some(Outcome::Timeout));
    assert_eq!(handle(&mut machine, &check, Input::Probed(Outcome::Ok), due + 3001 * MS), Turn::default());
    assert_eq!(machine.verdict(), Some(Verdict::Down));
}

#[test]
fn what_could_not_be_tried_changes_nothing_and_is_tried_again_soon() {
    let check = check(0);
    for obstacle in [
        Obstacle::ProcessFiles,
        Obstacle::SystemFiles,
        Obstacle::Buffers,
        Obstacle::Memory,
        Obstacle::Ports,
        Obstacle::SourceAddress,
        Obstacle::Interface,
        Obstacle::Permission,
        Obstacle::Other(5),
    ] {
        let mut machine = Machine::new(Duration::ZERO, Instant::now());
        for verdict in [None, Some(Outcome::Ok), Some(Outcome::Refused)] {
            if let Some(outcome) = verdict {
                probe(&mut machine, &check, outcome);
            }
            let before = machine.verdict();
            for _ in 0..20 {
                let (verdict, end) = probe(&mut machine, &check, Outcome::NotTried(obstacle));
                assert_eq!(verdict, None);
                assert_eq!(machine.poll_timeout().unwrap(), end + S);
            }
            assert_eq!(machine.verdict(), before);
        }
        assert_eq!(machine.counts(), (2, 1, 60));
    }
}

#[test]
fn a_new_schedule_keeps_the_verdict_and_brings_the_next_probe_forward() {
    let slow = Check { interval: 600 * S, ..check(0) };
    let mut machine = Machine::new(Duration::ZERO, Instant::now());
    let (_, end) = probe(&mut machine, &slow, Outcome::Ok);
    assert_eq!(machine.poll_timeout().unwrap(), end + 600 * S);
    assert!(same_probe(&slow, &check(0)));
    machine.reconfigure(&check(0), end + S);
    assert_eq!(machine.poll_timeout().unwrap(), end + 7 * S);
    assert_eq!(machine.verdict(), Some(Verdict::Up));
}

#[test]
fn a_machine_is_small() {
    assert!(size_of::<Machine>() <= 96, "{}", size_of::<Machine>());
}

#[test]
fn when_its_time_ends_the_reason_says_how_far_it_came() {
    for (stages, outcome) in [
        (&[][..], Outcome::Timeout),
        (&[Stage::Handshake], Outcome::Tls(crate::check::TlsProblem::Silent)),
        (&[Stage::Handshake, Stage::Waiting], Outcome::Silent),
        (&[Stage::Waiting, Stage::Answering], Outcome::Slow),
    ] {
        let check = check(1);
        let mut machine = Machine::new(Duration::ZERO, Instant::now());
        let due = machine.poll_timeout().unwrap();
        assert_eq!(
            handle(&mut machine, &check, Input::Reached(Stage::Answering), due),
            Turn::default(),
            "nothing runs yet"
        );
        handle(&mut machine, &check, Input::Wake, due);
        for stage in stages {
            assert_eq!(handle(&mut machine, &check, Input::Reached(*stage), due + S), Turn::default());
        }
        assert_eq!(machine.poll_timeout().unwrap(), due + 3 * S, "progress buys no time");
        let turn = handle(&mut machine, &check, Input::Wake, due + 3 * S);
        assert_eq!((turn.order, turn.verdict), (Some(Order::Cancel), Some(Verdict::Down)));
        assert_eq!(machine.last(), Some(outcome));
    }
}

/// What a row of outcomes makes of a check, and when the next probe comes, in seconds after the end of the last.
fn row(check: &Check, outcomes: &str) -> String {
    let mut machine = Machine::new(Duration::ZERO, Instant::now());
    let mut said = Vec::new();
    for outcome in outcomes.chars() {
        let outcome = match outcome {
            'o' => Outcome::Ok,
            'x' => Outcome::Refused,
            'a' => Outcome::AnswersArp([192, 0, 2, 1].into()),
            _ => Outcome::NotTried(Obstacle::Memory),
        };
        let (_, end) = probe(&mut machine, check, outcome);
        let verdict = match machine.verdict() {
            Some(Verdict::Up) => "up",
            Some(Verdict::Down) => "down",
            None => "?",
        };
        said.push(format!("{verdict} {}", (machine.poll_timeout().unwrap() - end).as_secs()));
    }
    said.join(", ")
}

/// It serves its clients: what is to be mended of it is another matter.
#[test]
fn a_success_with_a_flaw_is_a_success() {
    let check = Check {
        pace: Pace { rise: NonZeroU32::new(2).unwrap(), down_interval: 9 * S, jitter_percent: 0 }.beside(6 * S),
        ..check(1)
    };
    for (flawed, plain) in [("a", "o"), ("xaa", "xoo"), ("oxaxxaxaa", "oxoxxoxoo")] {
        assert_eq!(row(&check, flawed), row(&check, plain), "{flawed}");
    }
    let outcome = Outcome::AnswersArp([192, 0, 2, 1].into());
    assert!(outcome.is_ok() && outcome.is_flawed() && outcome.was_tried() && !outcome.is_silence());
    assert!(!Outcome::Ok.is_flawed() && !Outcome::Weighs(3).is_flawed());
}

#[test]
fn rise_fall_and_the_three_intervals() {
    // Up: every 6 s. In between: every 2 s. Down: every 9 s.
    let paced = |rise, fall| Check {
        pace: Pace { rise: NonZeroU32::new(rise).unwrap(), down_interval: 9 * S, jitter_percent: 0 }.beside(6 * S),
        ..check(fall - 1_u32)
    };
    for (rise, fall, outcomes, said) in [
        (1, 1, "oxo", "up 6, down 9, up 6"),
        (1, 2, "oxxo", "up 6, up 2, down 9, up 6"),
        (1, 3, "oxoxxx", "up 6, up 2, up 6, up 2, up 2, down 9"),
        (2, 1, "oxoo", "up 6, down 9, down 2, up 6"),
        (3, 2, "xoooxx", "down 9, down 2, down 2, up 6, up 2, down 9"),
        // A failure on the way up begins the count anew, and so it is with a success on the way down.
        (3, 3, "xooxooo", "down 9, down 2, down 2, down 9, down 2, down 2, up 6"),
        (2, 3, "oxxoxxx", "up 6, up 2, up 2, up 6, up 2, up 2, down 9"),
        // The first outcome decides alone, either way.
        (3, 3, "o", "up 6"),
        (3, 3, "x", "down 9"),
        // What could not be tried counts neither way and breaks no row.
        (2, 2, "?o?x?x", "? 1, up 6, up 1, up 2, up 1, down 9"),
        (2, 2, "xo?o", "down 9, down 2, down 1, up 6"),
    ] {
        assert_eq!(row(&paced(rise, fall), outcomes), said, "rise {rise}, fall {fall}, {outcomes}");
    }
    assert_eq!(row(&check(1), "oxxxoo"), "up 6, up 2, down 6, down 6, up 6, up 6", "without these words: keepalived");
}

#[test]
fn jitter_scatters_each_wait_and_no_farther_than_asked() {
    let pace = Pace { rise: NonZeroU32::MIN, down_interval: 6 * S, jitter_percent: 25 };
    let check = Check { pace: pace.beside(6 * S), ..check(1) };
    let mut random = Random::new(3);
    let mut machine = Machine::new(Duration::ZERO, Instant::now());
    let mut waits = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let due = machine.poll_timeout().unwrap();
        machine.handle(&check, Input::Wake, &mut random, due);
        machine.handle(&check, Input::Probed(Outcome::Ok), &mut random, due);
        waits.insert(machine.poll_timeout().unwrap() - due);
    }
    assert!(waits.len() > 90, "{}", waits.len());
    assert!(waits.first() >= Some(&(4500 * MS)) && waits.last() < Some(&(7500 * MS)), "{waits:?}");
}

#[test]
fn a_server_that_is_down_follows_its_own_interval_when_the_schedule_is_new() {
    let pace = |down_interval| Pace { rise: NonZeroU32::MIN, down_interval, jitter_percent: 0 }.beside(6 * S);
    let slow = Check { pace: pace(600 * S), ..check(0) };
    let mut machine = Machine::new(Duration::ZERO, Instant::now());
    let (_, end) = probe(&mut machine, &slow, Outcome::Refused);
    assert_eq!(machine.poll_timeout().unwrap(), end + 600 * S);
    machine.reconfigure(&Check { pace: pace(60 * S), ..check(0) }, end);
    assert_eq!(machine.poll_timeout().unwrap(), end + 60 * S);
}

#[test]
fn each_connection_of_a_probe_has_its_time() {
    let (start, check, mut random) = (Instant::now(), check(0), Random::new(1));
    let mut machine = Machine::new(Duration::ZERO, start);
    machine.handle(&check, Input::Wake, &mut random, start);
    assert_eq!(machine.poll_timeout(), Some(start + 3 * S));
    machine.handle(&check, Input::Reached(Stage::Answering), &mut random, start + S);
    assert_eq!(machine.poll_timeout(), Some(start + 3 * S));
    machine.handle(&check, Input::Reached(Stage::Connecting), &mut random, start + 2 * S);
    assert_eq!(machine.poll_timeout(), Some(start + 5 * S));
    let turn = machine.handle(&check, Input::Wake, &mut random, start + 5 * S);
    assert_eq!((turn.order, machine.last()), (Some(Order::Cancel), Some(Outcome::Timeout)));
}

/// This host stood still for longer than the timeout: what came meanwhile is taken first, and only now does the request leave.
#[test]
fn a_stage_that_is_reached_after_its_time_says_that_nobody_looked() {
    let (start, check) = (Instant::now(), check(0));
    for stage in [Stage::Handshake, Stage::Waiting, Stage::Answering] {
        let mut machine = Machine::new(Duration::ZERO, start);
        probe(&mut machine, &check, Outcome::Ok);
        let late = |machine: &mut Machine| {
            let due = machine.poll_timeout().unwrap();
            handle(machine, &check, Input::Wake, due);
            let now = due + 3 * S + 100 * MS;
            let reached = handle(machine, &check, Input::Reached(stage), now);
            let woken = handle(machine, &check, Input::Wake, now);
            assert_eq!(reached.order.into_iter().chain(woken.order).collect::<Vec<_>>(), [Order::Cancel]);
            reached.verdict.or(woken.verdict)
        };
        for _ in 0..2 {
            assert_eq!(late(&mut machine), None, "{stage:?}");
            assert_eq!(machine.last(), Some(Outcome::NotTried(Obstacle::Late)));
        }
        // A host that is late all the time must not keep dead servers for ever.
        assert_eq!(late(&mut machine), Some(Verdict::Down));
        assert_eq!(machine.last(), Some(stage.timeout()));
    }
    // Another page has its own time.
    let mut machine = Machine::new(Duration::ZERO, start);
    handle(&mut machine, &check, Input::Wake, start);
    assert_eq!(handle(&mut machine, &check, Input::Reached(Stage::Connecting), start + 4 * S), Turn::default());
    assert_eq!(machine.poll_timeout(), Some(start + 7 * S));
}

/// What keepalived sees when it reads its file is forgiven where its files are read; what shows when a script is started is not, or
/// its server would be up for good.
#[test]
fn a_script_is_forgiven_that_it_is_not_there_and_not_that_it_does_not_start() {
    let faults = [
        (ScriptFault::NoCommand, true),
        (ScriptFault::NoFile, true),
        (ScriptFault::NotInPath, true),
        (ScriptFault::NotAFile, true),
        (ScriptFault::NotExecutable, true),
        (ScriptFault::Insecure, true),
        (ScriptFault::NoUser, true),
        (ScriptFault::NoInterpreter, false),
        (ScriptFault::NotAProgram, false),
        (ScriptFault::Refused, false),
    ];
    for (fault, on_missing) in
        faults.iter().flat_map(|fault| [OnMissing::Disable, OnMissing::Fail].map(|on| (fault, on)))
    {
        let (fault, absent) = (Outcome::Unusable(fault.0), fault.1);
        let script = ScriptProbe { command: vec!["/s".to_owned()], user: None, dynamic: false, on_missing };
        let check = Check { kind: CheckKind::Script(Box::new(script)), ..check(0) };
        let forgiven = absent && on_missing == OnMissing::Disable;
        let says = if forgiven { Verdict::Up } else { Verdict::Down };
        let what = format!("{fault:?}, {on_missing:?}");

        let mut machine = Machine::new(Duration::ZERO, Instant::now());
        for _ in 0..3 {
            probe(&mut machine, &check, fault);
            assert_eq!(machine.verdict(), Some(says), "{what}");
        }
        assert_eq!(machine.counts(), if forgiven { (0, 0, 3) } else { (3, 3, 0) }, "{what}");
        // It goes while the daemon runs, and a file is read again.
        probe(&mut machine, &check, Outcome::Exited(0));
        let (_, end) = probe(&mut machine, &check, fault);
        assert_eq!(machine.verdict(), Some(Verdict::Down), "{what}");
        for _ in 0..3 {
            machine.configured(&check, end);
            assert_eq!(
                machine.poll_timeout() == Some(end),
                forgiven,
                "{what}: it is looked for at once, or when it is due"
            );
            probe(&mut machine, &check, fault);
            assert_eq!(machine.verdict(), Some(says), "{what}: after a reload");
            probe(&mut machine, &check, fault);
            assert_eq!(machine.verdict(), Some(says), "{what}: and from then on");
        }
        // Once it has been there, it counts until the next file is read.
        probe(&mut machine, &check, Outcome::Exited(1));
        probe(&mut machine, &check, fault);
        assert_eq!(machine.verdict(), Some(Verdict::Down), "{what}");
    }
}

/// The very first probe was under way when the rest began, and found silence.
#[test]
fn who_was_asked_for_the_first_time_as_the_rest_began_was_not_asked() {
    let check = check(2);
    let mut machine = Machine::new(Duration::ZERO, Instant::now());
    assert_eq!(probe(&mut machine, &check, Outcome::Timeout).0, Some(Verdict::Down));
    machine.reprieve(&check, None);
    machine.awake();
    assert_eq!((machine.verdict(), machine.last()), (None, None));
    assert_eq!(probe(&mut machine, &check, Outcome::Timeout).0, Some(Verdict::Down));
    machine.awake();
    assert_eq!(machine.last(), Some(Outcome::Timeout), "who was found down is down");
}

/// What it met before it was left alone says nothing of afterwards: neither silence nor a way that was missing.
#[test]
fn who_is_asked_again_after_a_rest_has_all_of_its_patience() {
    let check = check(2);
    let no_route = Outcome::NotTried(Obstacle::NoRoute);
    for before in [&[Outcome::Timeout; 2][..], &[Outcome::Timeout, Outcome::Timeout, no_route], &[no_route; 5]] {
        let mut machine = Machine::new(Duration::ZERO, Instant::now());
        assert_eq!(probe(&mut machine, &check, Outcome::Ok).0, Some(Verdict::Up));
        for outcome in before {
            assert_eq!(probe(&mut machine, &check, *outcome).0, None);
        }
        let (mut rested, mut routeless) = (machine.clone(), machine);
        rested.awake();
        routeless.awake();
        let silent: Vec<_> = (0..3).map(|_| probe(&mut rested, &check, Outcome::Timeout).0).collect();
        assert_eq!(silent, [None, None, Some(Verdict::Down)], "after {before:?}");
        for _ in 0..5 {
            assert_eq!(probe(&mut routeless, &check, no_route).0, None);
            assert_eq!(routeless.last(), Some(no_route), "after {before:?}");
        }
    }
}
