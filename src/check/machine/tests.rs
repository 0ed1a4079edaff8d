use std::time::{Duration, Instant};

use super::*;
use crate::check::Obstacle;
use crate::model::{CheckKind, Connect};

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
    }
}

/// Wakes a waiting machine at its own time, then lets the probe come to `outcome` after 10 ms.
fn probe(machine: &mut Machine, check: &Check, outcome: Outcome) -> (Option<Verdict>, Instant) {
    let due = machine.poll_timeout();
    assert_eq!(machine.handle(check, Input::Wake, due), Turn { order: Some(Order::Start), verdict: None });
    let end = due + 10 * MS;
    let turn = machine.handle(check, Input::Probed(outcome), end);
    assert_eq!(turn.order, None);
    (turn.verdict, end)
}

#[test]
fn the_first_success_brings_it_up_and_the_interval_runs_from_its_end() {
    let (start, check) = (Instant::now(), check(1));
    let mut machine = Machine::new(300 * MS, start);
    assert_eq!(machine.poll_timeout(), start + 300 * MS);
    assert_eq!(machine.handle(&check, Input::Wake, start + 299 * MS), Turn::default());
    let (verdict, end) = probe(&mut machine, &check, Outcome::Ok);
    assert_eq!(verdict, Some(Verdict::Up));
    assert_eq!(machine.poll_timeout(), end + 6 * S);
    assert_eq!(machine.last_took(), Some(10 * MS));
    assert_eq!(probe(&mut machine, &check, Outcome::Ok).0, None, "no change, no verdict");
    assert_eq!(machine.counts(), (2, 0, 0));
}

#[test]
fn the_first_failure_of_all_is_decisive_whatever_retry_says() {
    let check = check(5);
    let mut machine = Machine::new(Duration::ZERO, Instant::now());
    let (verdict, end) = probe(&mut machine, &check, Outcome::Refused);
    assert_eq!(verdict, Some(Verdict::Down));
    assert_eq!(machine.poll_timeout(), end + 6 * S, "a server that is down is tried at the usual pace");
}

#[test]
fn while_up_retry_failures_are_forgiven_and_one_more_is_not() {
    let check = check(2);
    let mut machine = Machine::new(Duration::ZERO, Instant::now());
    probe(&mut machine, &check, Outcome::Ok);
    for _ in 0..2 {
        let (verdict, end) = probe(&mut machine, &check, Outcome::Refused);
        assert_eq!(verdict, None);
        assert_eq!(machine.poll_timeout(), end + 2 * S, "a forgiven failure is looked into soon");
    }
    let (verdict, end) = probe(&mut machine, &check, Outcome::HostUnreachable);
    assert_eq!(verdict, Some(Verdict::Down));
    assert_eq!(machine.poll_timeout(), end + 6 * S);
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
    let due = machine.poll_timeout();
    machine.handle(&check, Input::Wake, due);
    assert_eq!(machine.poll_timeout(), due + 3 * S);
    assert_eq!(machine.handle(&check, Input::Wake, due + 2999 * MS), Turn::default());
    let turn = machine.handle(&check, Input::Wake, due + 3 * S);
    assert_eq!(turn, Turn { order: Some(Order::Cancel), verdict: Some(Verdict::Down) });
    assert_eq!(machine.last(), Some(Outcome::Timeout));
    assert_eq!(machine.handle(&check, Input::Probed(Outcome::Ok), due + 3001 * MS), Turn::default());
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
                assert_eq!(machine.poll_timeout(), end + S);
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
    assert_eq!(machine.poll_timeout(), end + 600 * S);
    assert!(same_probe(&slow, &check(0)));
    machine.reconfigure(&check(0), end + S);
    assert_eq!(machine.poll_timeout(), end + 7 * S);
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
        let due = machine.poll_timeout();
        assert_eq!(machine.handle(&check, Input::Reached(Stage::Answering), due), Turn::default(), "nothing runs yet");
        machine.handle(&check, Input::Wake, due);
        for stage in stages {
            assert_eq!(machine.handle(&check, Input::Reached(*stage), due + S), Turn::default());
        }
        assert_eq!(machine.poll_timeout(), due + 3 * S, "progress buys no time");
        let turn = machine.handle(&check, Input::Wake, due + 3 * S);
        assert_eq!((turn.order, turn.verdict), (Some(Order::Cancel), Some(Verdict::Down)));
        assert_eq!(machine.last(), Some(outcome));
    }
}
