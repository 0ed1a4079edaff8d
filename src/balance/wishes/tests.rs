use super::*;
use crate::balance::ledger::{Stamp, service_key};
use crate::model::Protocol;

const T0: u64 = 1_763_760_000;

fn place(service: u16, server: u8) -> Place {
    let service = ServiceKey::Address { protocol: Protocol::Tcp, address: [192, 0, 2, 1].into(), port: service };
    (service, ServerKey { address: [10, 0, 0, server].into(), port: 80 })
}

fn clock(now: Instant, secs: u64) -> Clock {
    Clock { now, unix_secs: T0 + secs }
}

fn here() -> Stamp {
    Stamp("boot 1 netns 2".to_owned())
}

fn weight(value: u32) -> Weight {
    Weight::new(value).unwrap()
}

/// Every wish with every state.
#[test]
fn what_is_asked_of_a_server() {
    let now = Instant::now();
    let within = Duration::from_secs(30);
    let draining = Hold::Draining(Drain::new(Some(within), now));
    let old = Hold::Draining(Drain { until: None, left: Some(Load { established: 3, ..Load::default() }) });
    let hold = |hold| Wish { hold, ..Wish::default() };
    for (before, verb, effect, after) in [
        (None, Verb::Drain(Some(within)), Effect::Done, Some(draining)),
        (Some(old), Verb::Drain(Some(within)), Effect::Done, Some(draining)),
        (Some(Hold::Drained), Verb::Drain(None), Effect::OutAlready, Some(Hold::Drained)),
        (Some(Hold::Disabled), Verb::Drain(None), Effect::OutAlready, Some(Hold::Disabled)),
        (None, Verb::Undrain, Effect::Nothing, None),
        (Some(old), Verb::Undrain, Effect::Done, None),
        (Some(Hold::Drained), Verb::Undrain, Effect::Done, None),
        (Some(Hold::Disabled), Verb::Undrain, Effect::Disabled, Some(Hold::Disabled)),
        (None, Verb::Disable, Effect::Done, Some(Hold::Disabled)),
        (Some(old), Verb::Disable, Effect::Done, Some(Hold::Disabled)),
        (Some(Hold::Drained), Verb::Disable, Effect::Done, Some(Hold::Disabled)),
        (Some(Hold::Disabled), Verb::Disable, Effect::Already, Some(Hold::Disabled)),
        (None, Verb::Enable, Effect::Nothing, None),
        (Some(old), Verb::Enable, Effect::Done, None),
        (Some(Hold::Drained), Verb::Enable, Effect::Done, None),
        (Some(Hold::Disabled), Verb::Enable, Effect::Done, None),
    ] {
        let mut wishes = Wishes::default();
        wishes.put(place(80, 1), hold(before));
        assert_eq!(wishes.ask(place(80, 1), verb, now), effect, "{before:?} {verb:?}");
        assert_eq!(wishes.get(place(80, 1)).and_then(|wish| wish.hold), after, "{before:?} {verb:?}");
    }
    let mut wishes = Wishes::default();
    for (asked, effect) in [
        (None, Effect::Nothing),
        (Some(weight(5)), Effect::Done),
        (Some(weight(5)), Effect::Already),
        (Some(Weight::ZERO), Effect::Done),
        (None, Effect::Done),
        (None, Effect::Nothing),
    ] {
        assert_eq!(wishes.ask(place(80, 1), Verb::Weight(asked), now), effect, "{asked:?}");
    }
    assert_eq!(wishes, Wishes::default(), "nothing is left of what was taken back");
}

#[test]
fn a_drain_is_over_when_it_is_empty_or_late() {
    let now = Instant::now();
    let at = |secs| now + Duration::from_secs(secs);
    let three = Load { established: 3, ..Load::default() };
    let mut wishes = Wishes::default();
    for (server, within) in [(1, Some(Duration::from_secs(10))), (2, None), (3, Some(Duration::from_secs(5)))] {
        wishes.ask(place(80, server), Verb::Drain(within), now);
        assert!(!wishes.seen(place(80, server), three, true));
    }
    assert_eq!(wishes.next(), Some(at(5)));
    assert_eq!(wishes.expire(at(4)), []);
    assert_eq!(wishes.expire(at(5)), [(place(80, 3), three)]);
    assert_eq!(wishes.get(place(80, 3)).unwrap().hold, Some(Hold::Drained));
    assert!(!wishes.seen(place(80, 1), Load::default(), false), "it may have got one since");
    assert!(wishes.seen(place(80, 1), Load::default(), true));
    assert_eq!(wishes.next(), None, "the one that is left has all the time of the world");
    assert_eq!(wishes.draining().map(|(place, _)| place).collect::<Vec<_>>(), [place(80, 2)]);
}

/// The only heir, which was no other service.
fn alone(key: ServiceKey) -> Vec<Heir> {
    vec![Heir { key, names: Arc::default(), own: BTreeSet::new() }]
}

#[test]
fn wishes_follow_their_server_and_wait_an_hour_for_one_that_is_gone() {
    let now = Instant::now();
    let mut wishes = Wishes::default();
    wishes.ask(place(80, 1), Verb::Disable, now);
    wishes.ask(place(80, 2), Verb::Disable, now);
    // The group's first address is another now; the second server is not in the file.
    let moved = |_: &[ServiceKey]| alone(place(81, 1).0);
    let first = |at: Place| at.1 == place(80, 1).1;
    assert!(wishes.configure(now, moved, first));
    assert!(wishes.get(place(81, 1)).is_some() && wishes.get(place(80, 1)).is_none());
    assert_eq!(wishes.next(), Some(now + KEPT), "and a timer says when it is over");
    assert!(!wishes.configure(now + KEPT - Duration::from_secs(1), moved, first), "nothing new");
    let mut back = wishes.clone();
    assert!(back.configure(now + KEPT - Duration::from_secs(1), moved, |_| true));
    assert!(!back.configure(now + KEPT * 2, moved, |_| true));
    assert!(back.get(place(81, 2)).is_some_and(|wish| wish.forget_at.is_none()), "it was back in time");
    // Whatever comes first, the next configuration or the timer.
    let mut reloaded = wishes.clone();
    assert!(reloaded.configure(now + KEPT, moved, first) && wishes.forget(now + KEPT));
    assert_eq!(wishes, reloaded);
    assert!(wishes.get(place(81, 2)).is_none() && wishes.next().is_none());
}

#[test]
fn what_is_written_is_read_by_the_next_process() {
    let now = Instant::now();
    let mut kept = Kept::default();
    for (server, verb) in [
        (1, Verb::Disable),
        (2, Verb::Weight(Some(weight(5)))),
        (2, Verb::Drain(None)),
        (3, Verb::Drain(Some(Duration::from_millis(299_500)))),
    ] {
        kept.wishes.ask(place(80, server), verb, now);
    }
    kept.wishes.put(place(443, 4), Wish { hold: Some(Hold::Drained), forget_at: Some(now + KEPT), ..Wish::default() });
    let names = Names { others: vec![place(82, 1).0], dealt: vec![service_key("fwmark 1000").unwrap()] };
    kept.wishes.names.insert(place(443, 4).0, Arc::new(names));
    kept.leaving.push((place(81, 5), Drain::new(Some(Duration::from_secs(30)), now)));
    let text = kept.to_text(clock(now, 0), &here());
    insta::assert_snapshot!(text, @r"
    ipvsd wishes 1
    here boot 1 netns 2
    service tcp 192.0.2.1:80
    server 10.0.0.1:80 disabled
    server 10.0.0.2:80 weight 5
    server 10.0.0.2:80 draining
    server 10.0.0.3:80 draining until 1763760300 within 300
    service tcp 192.0.2.1:81
    server 10.0.0.5:80 leaving until 1763760030 within 30
    service tcp 192.0.2.1:443
    also tcp 192.0.2.1:82
    dealt fwmark 1000
    server 10.0.0.4:80 drained
    server 10.0.0.4:80 gone until 1763763600 within 3600
    end 12
    ");
    // Ten seconds later; and on a host whose clock was set back by an hour.
    for (secs, left) in [(10, (290, 20)), (31, (269, 0))] {
        let read = Kept::from_text(&text, clock(now, secs), &here()).unwrap();
        assert_eq!(read.wishes.next(), Some(now + Duration::from_secs(left.0)));
        assert_eq!(read.leaving[0].1.until, Some(now + Duration::from_secs(left.1)));
        assert_eq!(read.wishes.get(place(80, 2)).unwrap().weight, Some(weight(5)));
        let gone = read.wishes.get(place(443, 4)).unwrap();
        assert_eq!(gone.forget_at, Some(now + KEPT - Duration::from_secs(secs)), "its hour goes on");
    }
    let known = |text: &str, here: &Stamp| {
        let read = Kept::from_text(text, clock(now, 0), here).unwrap();
        read.wishes.names(place(443, 4).0).iter().skip(1).map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(known(&text, &here()), ["tcp 192.0.2.1:82", "fwmark 1000"]);
    assert_eq!(known(&text, &Stamp("boot 2 netns 2".to_owned())), ["tcp 192.0.2.1:82"], "the mark may be anybody's");
    // The file of a version that wrote no names.
    let nameless = text.replace("also tcp 192.0.2.1:82\ndealt fwmark 1000\n", "").replace("end 12", "end 10");
    assert_eq!(known(&nameless, &here()), Vec::<String>::new());
    // Two hours later, in another boot: what was wished is, and nobody leaves.
    let mut read = Kept::from_text(&text, clock(now, 7200), &Stamp("boot 2 netns 2".to_owned())).unwrap();
    assert!(read.leaving.is_empty());
    let same = |names: &[ServiceKey]| alone(names[0]);
    assert!(read.wishes.configure(now, same, |place| place.0 != self::place(443, 4).0));
    assert!(read.wishes.get(place(443, 4)).is_none(), "a start forgets what is over");
    assert!(read.wishes.get(place(80, 1)).is_some());
    // The file of a version that did not say where it is from.
    let old = text.replace("here boot 1 netns 2\n", "");
    assert_eq!(Kept::from_text(&old, clock(now, 0), &here()).unwrap().leaving.len(), 1, "nothing speaks against it");

    let earlier = Clock { now, unix_secs: T0 - 3600 };
    assert_eq!(Kept::from_text(&text, earlier, &here()).unwrap().wishes.next(), Some(now + Duration::from_secs(300)));
}

#[test]
fn what_is_damaged_is_not_taken_for_wishes() {
    let now = clock(Instant::now(), 0);
    for (text, line, problem) in [
        ("", 1, "empty"),
        ("ipvsd wishes 2\nend 0\n", 1, "version"),
        ("ipvsd wishes 1\n", 1, "cut short"),
        ("ipvsd wishes 1\nservice tcp 192.0.2.1:80\n", 2, "cut short"),
        ("ipvsd wishes 1\nservice tcp 192.0.2.1:80\nend 2\n", 3, "number"),
        ("ipvsd wishes 1\nserver 10.0.0.1:80 disabled\nend 1\n", 2, "before any service"),
        ("ipvsd wishes 1\nservice tcp 192.0.2.1:80\nserver 10.0.0.1:80 weight 4294967295\nend 2\n", 3, "not a wish"),
        ("ipvsd wishes 1\nservice tcp 192.0.2.1:80\nserver 10.0.0.1:80 draining until soon\nend 2\n", 3, "not a wish"),
        ("ipvsd wishes 1\nservice tcp 192.0.2.1:80\nserver 10.0.0.1:80 gone\nend 2\n", 3, "not a wish"),
        ("ipvsd wishes 1\nservice tcp 192.0.2.1:80\nserver ten disabled\nend 2\n", 3, "not a server"),
        ("ipvsd wishes 1\nservice web\nend 1\n", 2, "not a service"),
        ("ipvsd wishes 1\nalso tcp 192.0.2.1:80\nend 1\n", 2, "before any service"),
        ("ipvsd wishes 1\nservice tcp 192.0.2.1:80\nalso web\nend 2\n", 3, "not a service"),
        ("ipvsd wishes 1\nfloor\n", 2, "one word"),
        ("ipvsd wishes 1\nfloor 5\n", 2, "unknown"),
    ] {
        let error = Kept::from_text(text, now, &here()).unwrap_err();
        assert!(error.line == line && error.problem.contains(problem), "{text:?}: {error}");
    }
    assert_eq!(Kept::from_text("ipvsd wishes 1\nend 0\n", now, &here()), Ok(Kept::default()));
}
