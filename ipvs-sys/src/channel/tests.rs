use super::*;
use crate::abi::cmd;
use crate::destination::{DestinationId, DestinationSettings, Forwarding};
use crate::fake::{
    Event, FAMILY, FakeKernel, PORT, Request, Sent, answer, destination_row, done, message, service_row, verdict,
};
use crate::name::SchedulerName;
use crate::row;
use crate::service::{Family, ServiceEntry, ServiceId, ServiceSettings};
use crate::statistics::Statistics;
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP_INTR, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer};

const EEXIST: i32 = libc::EEXIST;
const PATIENCE: Duration = Duration::from_secs(60);

fn service_id() -> ServiceId {
    ServiceId::tcp("192.0.2.1:80".parse().unwrap())
}

fn adds(count: usize) -> Vec<Command> {
    (0..count)
        .map(|n| {
            let [_, _, a, b] = u32::try_from(n).unwrap().to_be_bytes();
            Command::NewDestination {
                service: service_id(),
                destination: DestinationId::new([10, 0, a, b].into(), 80),
                settings: DestinationSettings::new(Forwarding::Masquerade, 1),
            }
        })
        .collect()
}

fn channel(script: impl FnMut(&[Request]) -> Result<Vec<Event>, i32> + Send + 'static) -> (Channel, Sent) {
    let (kernel, sent) = FakeKernel::new(script);
    let mut channel = Channel::new(kernel, PATIENCE);
    channel.set_family(FAMILY);
    (channel, sent)
}

/// As the real kernel does it: every error, and the acknowledgements that were asked for, in order.
fn honest(requests: &[Request], errno_of: impl Fn(&Request) -> i32) -> Vec<Event> {
    requests
        .iter()
        .filter_map(|request| match if request.kind == NLMSG_NOOP { 0 } else { errno_of(request) } {
            0 if request.flags & NLM_F_ACK == 0 => None,
            errno => Some(Event::Data(verdict(request.sequence, errno))),
        })
        .collect()
}

fn failed_with(outcome: &Outcome) -> Option<i32> {
    match outcome {
        Outcome::Failed(error) => Some(error.errno()),
        Outcome::Done | Outcome::Unknown(_) | Outcome::NotSent(_) => None,
    }
}

// ---- batches

#[test]
fn only_a_barrier_asks_and_its_acknowledgement_answers_for_all() {
    let (mut channel, sent) = channel(|requests| Ok(honest(requests, |_| 0)));
    let outcome = channel.apply(&adds(5));
    assert!(outcome.all_done());
    assert_eq!(outcome.sends, 1);
    let sent = sent.lock().unwrap();
    let flags: Vec<u16> = sent[0].iter().map(|request| request.flags).collect();
    assert_eq!(flags, [1, 1, 1, 1, 1, 1 | NLM_F_ACK]);
    let sequences: Vec<u32> = sent[0].iter().map(|request| request.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
    let (commands, barrier) = sent[0].split_at(5);
    assert!(commands.iter().all(|one| one.kind == FAMILY && one.command == cmd::NEW_DEST));
    assert_eq!((barrier[0].kind, barrier[0].attributes.len()), (NLMSG_NOOP, 0));
}

#[test]
fn a_command_that_the_kernel_never_answers_is_done_when_the_barrier_is_passed() {
    // EINTR: see the barrier.
    let (mut channel, _) = channel(|requests| Ok(honest(requests, |_| 0)));
    let stop = Command::DelDaemon(crate::general::SyncRole::Backup);
    assert_eq!(channel.apply(&[stop]).outcomes, [Outcome::Done]);
}

#[test]
fn an_empty_batch_sends_nothing() {
    let (mut channel, sent) = channel(|_| Ok(vec![]));
    assert_eq!(channel.apply(&[]), BatchOutcome::default());
    assert!(sent.lock().unwrap().is_empty());
}

#[test]
fn errors_are_told_by_index_and_stop_nothing() {
    let (mut channel, _) =
        channel(|requests| Ok(honest(requests, |request| if request.sequence == 3 { EEXIST } else { 0 })));
    let outcome = channel.apply(&adds(4));
    let errors: Vec<Option<i32>> = outcome.outcomes.iter().map(failed_with).collect();
    assert_eq!(errors, [None, None, Some(EEXIST), None]);
    assert_eq!(outcome.outcomes.iter().filter(|o| o.is_done()).count(), 3);
    assert_eq!(
        outcome.outcomes[2].to_string(),
        "new destination 10.0.0.2:80 of tcp 192.0.2.1:80: nat weight 1 failed: the service has this destination already \
         (NEW_DEST: EEXIST); read the table again and edit what is there instead of adding it"
    );
}

#[test]
fn a_thousand_requests_go_in_chunks_and_a_thousand_errors_come_back_in_place() {
    let (mut channel, sent) = channel(|requests| {
        let first = requests[0].sequence;
        Ok(honest(requests, |request| if (request.sequence - first) % 3 == 0 { libc::ESRCH } else { EEXIST }))
    });
    let outcome = channel.apply(&adds(1000));
    assert_eq!(outcome.outcomes.len(), 1000);
    for (index, outcome) in outcome.outcomes.iter().enumerate() {
        let wanted = if (index % 128) % 3 == 0 { libc::ESRCH } else { EEXIST };
        assert_eq!(failed_with(outcome), Some(wanted), "at {index}");
    }
    assert_eq!(outcome.sends, 8);
    let sent = sent.lock().unwrap();
    assert!(sent.iter().all(|send| send.len() <= 129 && send.last().unwrap().kind == NLMSG_NOOP));
}

#[test]
fn a_send_keeps_within_its_bytes_too() {
    let limits = Limits { bytes: 1000, requests: 1000 };
    let (kernel, sent) = FakeKernel::with_limits(limits, |requests| Ok(honest(requests, |_| 0)));
    let mut channel = Channel::new(kernel, PATIENCE);
    assert!(channel.apply(&adds(100)).all_done());
    // 140 bytes each: seven of them fit.
    assert!(sent.lock().unwrap().iter().take(14).all(|send| send.len() == 7 + 1));
}

#[test]
fn a_request_larger_than_the_limit_goes_alone() {
    let limits = Limits { bytes: 1, requests: 1000 };
    let (kernel, sent) = FakeKernel::with_limits(limits, |requests| Ok(honest(requests, |_| 0)));
    assert!(Channel::new(kernel, PATIENCE).apply(&adds(3)).all_done());
    assert_eq!(sent.lock().unwrap().len(), 3);
}

#[test]
fn without_the_barriers_answer_silence_is_not_success() {
    let (mut channel, sent) = channel(|requests| {
        let mut events = honest(requests, |request| if request.sequence == 2 { EEXIST } else { 0 });
        events.pop();
        Ok(events)
    });
    let outcome = channel.apply(&adds(200));
    let lost = Outcome::Unknown(Loss::TimedOut(PATIENCE));
    assert_eq!(outcome.outcomes[0], lost);
    assert_eq!(failed_with(&outcome.outcomes[1]), Some(EEXIST));
    assert_eq!(outcome.outcomes[127], lost);
    assert!(outcome.outcomes[128..].iter().all(|o| *o == Outcome::NotSent(NotSent::Stopped)));
    assert!(outcome.is_uncertain());
    assert_eq!(sent.lock().unwrap().len(), 1, "what is behind it is not sent");
}

#[test]
fn after_an_overrun_only_what_was_answered_is_known() {
    let (mut channel, _) = channel(|requests| {
        let mut events = honest(requests, |request| if request.sequence == 2 { EEXIST } else { 0 });
        events.insert(0, Event::Overrun);
        Ok(events)
    });
    let outcome = channel.apply(&adds(4)).outcomes;
    assert_eq!(outcome[0], Outcome::Unknown(Loss::Overrun));
    assert_eq!(failed_with(&outcome[1]), Some(EEXIST));
    assert_eq!(outcome[2], Outcome::Unknown(Loss::Overrun));
    assert_eq!(outcome[3], Outcome::Unknown(Loss::Overrun));
}

#[test]
fn an_overrun_told_by_message_counts_as_one() {
    let (mut channel, _) = channel(|requests| {
        let mut events = vec![Event::Data(message(NLMSG_OVERRUN, 0, 0, 0, &[]))];
        events.extend(honest(requests, |_| 0));
        Ok(events)
    });
    let lost = Outcome::Unknown(Loss::Overrun);
    assert_eq!(channel.apply(&adds(2)).outcomes, [lost.clone(), lost]);
}

#[test]
fn an_overrun_halves_what_is_sent_next() {
    let mut first = true;
    let (mut channel, sent) = channel(move |requests| {
        let mut events = honest(requests, |_| 0);
        if std::mem::take(&mut first) {
            events.insert(0, Event::Overrun);
        }
        Ok(events)
    });
    assert!(channel.apply(&adds(128)).is_uncertain());
    assert!(channel.apply(&adds(128)).all_done());
    let sizes: Vec<usize> = sent.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(sizes, [129, 65, 65]);
}

#[test]
fn an_error_of_the_last_is_its_own() {
    let (mut channel, _) =
        channel(|requests| Ok(honest(requests, |request| if request.sequence == 3 { EEXIST } else { 0 })));
    let outcome = channel.apply(&adds(3)).outcomes;
    assert_eq!((&outcome[0], &outcome[1]), (&Outcome::Done, &Outcome::Done));
    assert_eq!(failed_with(&outcome[2]), Some(EEXIST));
}

#[test]
fn answers_out_of_order_find_their_command() {
    let (mut channel, _) = channel(|requests| {
        let mut events = honest(requests, |request| match request.sequence {
            1 => EEXIST,
            4 => libc::ESRCH,
            _ => 0,
        });
        events.reverse();
        Ok(events)
    });
    let outcome = channel.apply(&adds(6)).outcomes;
    let errors: Vec<Option<i32>> = outcome.iter().map(failed_with).collect();
    assert_eq!(errors, [Some(EEXIST), None, None, Some(libc::ESRCH), None, None]);
    assert!(outcome[5].is_done());
}

#[test]
fn many_answers_in_one_datagram_are_all_read() {
    let (mut channel, _) =
        channel(|requests| Ok(vec![Event::Data(requests.iter().flat_map(|r| verdict(r.sequence, EEXIST)).collect())]));
    assert!(channel.apply(&adds(100)).outcomes.iter().all(|o| failed_with(o) == Some(EEXIST)));
}

#[test]
fn answers_for_others_are_ignored() {
    let (mut channel, _) = channel(|requests| {
        let mut foreign = verdict(1, EEXIST);
        NetlinkBuffer::new(&mut foreign).set_port_number(PORT + 1);
        let mut events = vec![
            Event::Data(foreign),
            Event::Data(verdict(0, EEXIST)),
            Event::Data(verdict(u32::MAX, EEXIST)),
            Event::Data(verdict(99, EEXIST)),
        ];
        events.extend(honest(requests, |_| 0));
        Ok(events)
    });
    assert!(channel.apply(&adds(3)).all_done());
}

#[test]
fn an_acknowledgement_with_a_foreign_port_confirms_nothing() {
    let (mut channel, _) = channel(|requests| {
        let mut foreign = verdict(requests.last().unwrap().sequence, 0);
        NetlinkBuffer::new(&mut foreign).set_port_number(PORT + 1);
        Ok(vec![Event::Data(foreign)])
    });
    let lost = Outcome::Unknown(Loss::TimedOut(PATIENCE));
    assert_eq!(channel.apply(&adds(2)).outcomes, [lost.clone(), lost]);
}

#[test]
fn late_answers_of_a_batch_given_up_are_not_taken_for_the_next() {
    let mut held = Vec::new();
    let (mut channel, _) = channel(move |requests| {
        let now = std::mem::replace(&mut held, honest(requests, |_| EEXIST));
        let mut events = now;
        if requests[0].sequence > 2 {
            events.extend(honest(requests, |_| 0));
        }
        Ok(events)
    });
    assert!(channel.apply(&adds(2)).is_uncertain());
    // The first batch's EEXIST come now, and belong to numbers that are gone.
    assert!(channel.apply(&adds(2)).all_done());
}

#[test]
fn a_cut_or_unreadable_answer_leaves_the_silent_ones_unknown() {
    let cut = |event: Event| {
        let (mut channel, _) = channel(move |requests| {
            let mut events = vec![event.clone()];
            events.extend(honest(requests, |_| 0));
            Ok(events)
        });
        channel.apply(&adds(2)).outcomes
    };
    let lost = Outcome::Unknown(Loss::Truncated);
    assert_eq!(cut(Event::Truncated), [lost.clone(), lost]);
    let half = verdict(1, EEXIST)[..20].to_vec();
    let garbage = [half, vec![0xff; 7], vec![0; 64], vec![4, 0, 0, 0, 9]];
    for bytes in garbage {
        let outcome = cut(Event::Data(bytes));
        assert!(matches!(outcome[0], Outcome::Unknown(Loss::Malformed(_))), "{outcome:?}");
        assert_eq!(outcome[1], outcome[0]);
    }
}

#[test]
fn a_verdict_without_a_code_or_with_an_impossible_one_is_no_verdict() {
    for payload in [vec![], vec![0, 0], 5_i32.to_ne_bytes().to_vec(), i32::MIN.to_ne_bytes().to_vec()] {
        let (mut channel, _) = channel(move |requests| {
            let mut events = vec![Event::Data(message(NLMSG_ERROR, 0, 1, PORT, &payload))];
            events.extend(honest(requests, |_| 0));
            Ok(events)
        });
        let outcome = channel.apply(&adds(2)).outcomes;
        assert!(matches!(outcome[0], Outcome::Unknown(Loss::Malformed(_))), "{outcome:?}");
    }
}

#[test]
fn a_failing_socket_leaves_them_unknown() {
    let (mut channel, _) = channel(|_| Ok(vec![Event::Failed(libc::EBADF)]));
    let lost = Outcome::Unknown(Loss::Receive { errno: libc::EBADF });
    assert_eq!(channel.apply(&adds(2)).outcomes, [lost.clone(), lost]);
}

#[test]
fn emsgsize_is_nothing_sent_and_smaller_sends_follow() {
    let (mut channel, sent) =
        channel(|requests| if requests.len() > 21 { Err(libc::EMSGSIZE) } else { Ok(honest(requests, |_| 0)) });
    let outcome = channel.apply(&adds(64));
    assert!(outcome.all_done());
    assert_eq!(outcome.sends, 4);
    let sizes: Vec<usize> = sent.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(sizes, [65, 33, 17, 17, 17, 17]);
}

#[test]
fn what_the_socket_will_not_take_at_all_is_not_sent() {
    for errno in [libc::EMSGSIZE, libc::EPERM] {
        let (mut channel, _) = channel(move |_| Err(errno));
        let outcome = channel.apply(&adds(3));
        assert_eq!(outcome.sends, 0);
        assert_eq!(outcome.outcomes[0], Outcome::NotSent(NotSent::Refused { errno }));
        assert_eq!(outcome.outcomes[2], Outcome::NotSent(NotSent::Stopped));
        assert!(!outcome.is_uncertain());
    }
}

#[test]
fn an_error_beats_an_acknowledgement_of_the_same_command() {
    let (mut channel, _) = channel(|requests| {
        let s = requests[0].sequence;
        Ok([0, EEXIST, 0].map(|errno| Event::Data(verdict(s, errno))).to_vec())
    });
    assert_eq!(failed_with(&channel.apply(&adds(1)).outcomes[0]), Some(EEXIST));
}

#[test]
fn sequence_numbers_may_wrap_within_a_batch() {
    let (mut channel, sent) =
        channel(|requests| Ok(honest(requests, |request| if request.sequence == 0 { EEXIST } else { 0 })));
    channel.next_sequence = u32::MAX - 1;
    let outcome = channel.apply(&adds(4)).outcomes;
    let errors: Vec<Option<i32>> = outcome.iter().map(failed_with).collect();
    assert_eq!(errors, [None, None, Some(EEXIST), None]);
    let sequences: Vec<u32> = sent.lock().unwrap()[0].iter().map(|r| r.sequence).collect();
    assert_eq!(sequences, [u32::MAX - 1, u32::MAX, 0, 1, 2]);
}

#[test]
fn endless_chatter_ends_at_the_deadline() {
    let (kernel, _) = FakeKernel::new(|_| Ok(vec![Event::Data(verdict(77_777, 0)); 3]));
    let mut channel = Channel::new(kernel, Duration::ZERO);
    let outcome = channel.apply(&adds(1)).outcomes;
    assert_eq!(outcome, [Outcome::Unknown(Loss::TimedOut(Duration::ZERO))]);
}

// ---- requests

fn info(channel: &mut Channel) -> Result<crate::general::Info, RequestError> {
    channel.request(CommandKind::GetInfo, Payload::bare(CommandKind::GetInfo), row::information)
}

#[test]
fn a_request_takes_its_own_answer_only() {
    let (mut channel, _) = channel(|requests| {
        let s = requests[0].sequence;
        let body = crate::fake::info_answer(&crate::general::Info {
            version: crate::general::Version { major: 1, minor: 2, patch: 1 },
            connection_table_size: 4096,
        });
        Ok(vec![
            Event::Data(verdict(s.wrapping_sub(1), EEXIST)),
            Event::Data(answer(s, 0, cmd::NEW_SERVICE, &[])),
            Event::Data(answer(s, 0, cmd::SET_INFO, &body)),
        ])
    });
    let info = info(&mut channel).unwrap();
    assert_eq!((info.version.to_string().as_str(), info.connection_table_size), ("1.2.1", 4096));
}

#[test]
fn a_request_without_an_answer_says_why() {
    let ask = |events: Result<Vec<Event>, i32>| {
        let (mut channel, _) = channel(move |_| events.clone());
        info(&mut channel).unwrap_err()
    };
    let lost = |loss| RequestError::Lost { command: CommandKind::GetInfo, loss };
    assert_eq!(ask(Ok(vec![])), lost(Loss::TimedOut(PATIENCE)));
    assert_eq!(ask(Ok(vec![Event::Overrun])), lost(Loss::Overrun));
    assert_eq!(ask(Ok(vec![Event::Truncated])), lost(Loss::Truncated));
    assert!(matches!(ask(Ok(vec![Event::Data(verdict(1, 0))])), RequestError::Lost { .. }));
    assert!(matches!(ask(Ok(vec![Event::Data(vec![1])])), RequestError::Lost { .. }));
    assert!(matches!(
        ask(Ok(vec![Event::Data(answer(1, 0, cmd::SET_INFO, &[]))])),
        RequestError::Lost { loss: Loss::Malformed(_), .. }
    ));
    assert_eq!(
        ask(Ok(vec![Event::Data(verdict(1, libc::EPERM))])),
        RequestError::Refused(CommandError::new(CommandKind::GetInfo, libc::EPERM))
    );
    assert_eq!(ask(Err(libc::ENOBUFS)), RequestError::NotSent { command: CommandKind::GetInfo, errno: libc::ENOBUFS });
}

// ---- dumps

fn entry(n: u8) -> ServiceEntry {
    ServiceEntry {
        id: ServiceId::tcp(format!("192.0.2.{n}:80").parse().unwrap()),
        settings: ServiceSettings::new(Family::V4, SchedulerName::new("rr").unwrap()),
        statistics: Statistics::default(),
    }
}

fn a_row(sequence: u32, n: u8) -> Vec<u8> {
    answer(sequence, 2, cmd::NEW_SERVICE, &service_row(&entry(n)))
}

fn dump_services(channel: &mut Channel) -> Result<Dump<ServiceEntry>, DumpError> {
    channel.dump(CommandKind::GetService, Payload::bare(CommandKind::GetService), row::service)
}

/// Dumps once from a kernel that answers with these datagrams, made for the sequence number of the request.
fn dump_of(script: impl Fn(u32) -> Vec<Event> + Send + 'static) -> Result<Vec<ServiceEntry>, DumpError> {
    let (mut channel, _) = channel(move |requests| Ok(script(requests[0].sequence)));
    dump_services(&mut channel).map(Dump::into_rows)
}

#[test]
fn a_clean_dump_has_every_row() {
    let rows = dump_of(|s| {
        let mut two = a_row(s, 1);
        two.extend(a_row(s, 2));
        let mut last = a_row(s, 3);
        last.extend(done(s, 0));
        vec![Event::Data(two), Event::Data(last)]
    });
    assert_eq!(rows.unwrap(), [entry(1), entry(2), entry(3)]);
}

#[test]
fn a_done_without_a_code_is_clean() {
    let rows = dump_of(|s| vec![Event::Data(message(3, 2, s, PORT, &[]))]);
    assert_eq!(rows.unwrap(), []);
}

#[test]
fn an_interrupted_dump_is_none_wherever_the_flag_stands() {
    let interrupted = DumpError::Interrupted { command: CommandKind::GetService };
    let in_a_row = dump_of(|s| {
        let row = answer(s, 2 | NLM_F_DUMP_INTR, cmd::NEW_SERVICE, &service_row(&entry(1)));
        vec![Event::Data(row), Event::Data(done(s, 0))]
    });
    assert_eq!(in_a_row.unwrap_err(), interrupted);
    let in_the_end = dump_of(|s| {
        let end = message(3, 2 | NLM_F_DUMP_INTR, s, PORT, &[0; 4]);
        vec![Event::Data(a_row(s, 1)), Event::Data(end)]
    });
    assert_eq!(in_the_end.unwrap_err(), interrupted);
    assert!(interrupted.is_transient());
}

#[test]
fn a_done_with_a_negative_code_is_a_refusal_and_not_an_empty_table() {
    let refused = DumpError::Refused(CommandError::new(CommandKind::GetService, libc::EPERM));
    assert_eq!(dump_of(|s| vec![Event::Data(done(s, libc::EPERM))]).unwrap_err(), refused);
    assert_eq!(dump_of(|s| vec![Event::Data(a_row(s, 1)), Event::Data(done(s, libc::EPERM))]).unwrap_err(), refused);
    assert_eq!(dump_of(|s| vec![Event::Data(verdict(s, libc::EPERM))]).unwrap_err(), refused);
    assert!(!refused.is_transient());
}

#[test]
fn a_dump_that_lost_something_is_none() {
    let lost = |loss| DumpError::Lost { command: CommandKind::GetService, loss };
    let with = |event: Event| {
        dump_of(move |s| vec![Event::Data(a_row(s, 1)), event.clone(), Event::Data(done(s, 0))]).unwrap_err()
    };
    assert_eq!(with(Event::Overrun), lost(Loss::Overrun));
    assert_eq!(with(Event::Truncated), lost(Loss::Truncated));
    assert_eq!(with(Event::Data(message(NLMSG_OVERRUN, 0, 0, 0, &[]))), lost(Loss::Overrun));
    assert_eq!(with(Event::Failed(libc::EBADF)), lost(Loss::Receive { errno: libc::EBADF }));
    let garbled = with(Event::Data(a_row(1, 2)[..40].to_vec()));
    assert!(matches!(garbled, DumpError::Lost { loss: Loss::Malformed(_), .. }), "{garbled}");
    let no_end = dump_of(|s| vec![Event::Data(a_row(s, 1))]).unwrap_err();
    assert_eq!(no_end, lost(Loss::TimedOut(PATIENCE)));
}

#[test]
fn a_row_that_misses_something_spoils_the_dump() {
    let error = dump_of(|s| {
        let half = answer(s, 2, cmd::NEW_SERVICE, &crate::fake::bytes(&[]));
        vec![Event::Data(half), Event::Data(a_row(s, 1)), Event::Data(done(s, 0))]
    });
    assert_eq!(
        error.unwrap_err().to_string(),
        "a part of the GET_SERVICE dump was lost: an answer could not be read: SERVICE is missing; dump again"
    );
}

#[test]
fn rows_and_ends_of_other_requests_are_ignored() {
    let rows = dump_of(|s| {
        let mut foreign = done(s, 0);
        NetlinkBuffer::new(&mut foreign).set_port_number(1);
        let destination = crate::destination::DestinationEntry {
            id: DestinationId::new([10, 0, 0, 1].into(), 80),
            settings: DestinationSettings::new(Forwarding::Local, 1),
            active_connections: 0,
            inactive_connections: 0,
            persistent_connections: 0,
            statistics: Statistics::default(),
        };
        vec![
            Event::Data(a_row(s.wrapping_sub(1), 9)),
            Event::Data(done(s.wrapping_sub(1), 0)),
            Event::Data(foreign),
            Event::Data(answer(s, 2, cmd::NEW_DEST, &destination_row(&destination))),
            Event::Data(a_row(s, 1)),
            Event::Data(done(s, 0)),
        ]
    });
    assert_eq!(rows.unwrap(), [entry(1)]);
}

#[test]
fn what_a_failed_dump_left_behind_does_not_reach_the_next() {
    let mut first = true;
    let (mut channel, _) = channel(move |requests| {
        let s = requests[0].sequence;
        Ok(if std::mem::take(&mut first) {
            // A failing socket ends the first dump with half of it unread.
            vec![Event::Failed(libc::EIO), Event::Overrun, Event::Data(a_row(s, 1)), Event::Truncated]
        } else {
            vec![Event::Data(a_row(s, 2)), Event::Data(done(s, 0))]
        })
    });
    assert!(dump_services(&mut channel).is_err());
    assert_eq!(dump_services(&mut channel).unwrap().into_rows(), [entry(2)]);
}

#[test]
fn an_overrun_behind_another_fault_still_ends_the_wait() {
    let error = dump_of(|s| vec![Event::Data(answer(s, 2, cmd::NEW_SERVICE, &[])), Event::Overrun]);
    assert_eq!(error.unwrap_err(), DumpError::Lost { command: CommandKind::GetService, loss: Loss::Overrun });
}

#[test]
fn a_dump_that_cannot_be_sent_says_so() {
    let (mut channel, _) = channel(|_| Err(libc::ENOMEM));
    assert_eq!(
        dump_services(&mut channel).unwrap_err(),
        DumpError::NotSent { command: CommandKind::GetService, errno: libc::ENOMEM }
    );
}

#[test]
fn a_dump_without_end_is_given_up() {
    let (kernel, _) = FakeKernel::new(|requests| Ok(vec![Event::Data(a_row(requests[0].sequence, 1)); 4]));
    let mut channel = Channel::new(kernel, Duration::ZERO);
    channel.set_family(FAMILY);
    assert_eq!(
        dump_services(&mut channel).unwrap_err(),
        DumpError::Endless { command: CommandKind::GetService, limit: Duration::ZERO }
    );
}
