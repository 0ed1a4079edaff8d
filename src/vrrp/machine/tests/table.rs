//! The whole state machine as a table: every state with every input.

use super::*;

/// An enum with the list of all its values, so that none can be left out of the list.
macro_rules! closed {
    ($(#[$doc:meta])* $name:ident { $($(#[$word:meta])* $value:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum $name { $($(#[$word])* $value),+ }

        impl $name {
            const ALL: &[Self] = &[$(Self::$value),+];
        }
    };
}

closed! {
    /// The states, with those parts of them that decide.
    From {
        /// Waiting for news.
        Init,
        /// Waiting for the startup delay, which ends after two seconds.
        Delayed,
        /// Listening since the start.
        Backup,
        /// A group's member, listening since the start.
        Member,
        /// Owner of the addresses by election.
        Active,
        /// Owner of the addresses by right (priority 255).
        Owner,
        /// Cannot run.
        Fault,
    }
}

closed! {
    /// Inputs. Priorities are told against ours.
    Told { Ready, Wait, Fail, Leaving, Lower, EqualFromLow, EqualFromHigh, EqualFromUs, Higher, Early, Due, Promote, Demote, Configure, Shutdown }
}

/// The table's names for a state. A new state does not compile until it has one, and with it its rows.
const fn names_of_state(state: &State) -> &'static [From] {
    match state {
        State::Initialize { .. } => &[From::Init, From::Delayed],
        State::Backup(_) => &[From::Backup, From::Member],
        State::Active(_) => &[From::Active, From::Owner],
        State::Fault => &[From::Fault],
    }
}

/// The same for inputs.
const fn names_of_input(input: &Input) -> &'static [Told] {
    match input {
        Input::Ready => &[Told::Ready],
        Input::Wait => &[Told::Wait],
        Input::Fail(_) => &[Told::Fail],
        Input::Advert(_) => {
            &[Told::Leaving, Told::Lower, Told::EqualFromLow, Told::EqualFromHigh, Told::EqualFromUs, Told::Higher]
        }
        Input::Deadline => &[Told::Early, Told::Due],
        Input::Promote(_) => &[Told::Promote],
        Input::Demote(_) => &[Told::Demote],
        Input::Configure(_) => &[Told::Configure],
        Input::Shutdown(_) => &[Told::Shutdown],
    }
}

/// From, input, section of RFC 9568 (with the number of its step where it has one; `-` where the RFC knows no such thing,
/// and keepalived does), where it ends, what comes out.
#[rustfmt::skip]
const TABLE: &[(From, Told, &str, Role, &str)] = &[
    (From::Init, Told::Ready, "6.4.1 (140)", Role::Backup, "INIT>BACKUP"),
    (From::Init, Told::Wait, "-", Role::Initialize, ""),
    (From::Init, Told::Fail, "-", Role::Fault, "INIT>FAULT"),
    (From::Init, Told::Leaving, "6.4.1", Role::Initialize, ""),
    (From::Init, Told::Lower, "6.4.1", Role::Initialize, ""),
    (From::Init, Told::EqualFromLow, "6.4.1", Role::Initialize, ""),
    (From::Init, Told::EqualFromHigh, "6.4.1", Role::Initialize, ""),
    (From::Init, Told::EqualFromUs, "6.4.1", Role::Initialize, ""),
    (From::Init, Told::Higher, "6.4.1", Role::Initialize, ""),
    (From::Init, Told::Early, "6.4.1", Role::Initialize, ""),
    (From::Init, Told::Due, "6.4.1", Role::Initialize, ""),
    (From::Init, Told::Promote, "-", Role::Initialize, ""),
    (From::Init, Told::Demote, "-", Role::Initialize, ""),
    (From::Init, Told::Configure, "-", Role::Initialize, ""),
    (From::Init, Told::Shutdown, "6.4.1", Role::Initialize, ""),

    (From::Delayed, Told::Ready, "-", Role::Initialize, ""),
    (From::Delayed, Told::Wait, "-", Role::Initialize, ""),
    (From::Delayed, Told::Fail, "-", Role::Fault, "INIT>FAULT"),
    (From::Delayed, Told::Leaving, "6.4.1", Role::Initialize, ""),
    (From::Delayed, Told::Lower, "6.4.1", Role::Initialize, ""),
    (From::Delayed, Told::EqualFromLow, "6.4.1", Role::Initialize, ""),
    (From::Delayed, Told::EqualFromHigh, "6.4.1", Role::Initialize, ""),
    (From::Delayed, Told::EqualFromUs, "6.4.1", Role::Initialize, ""),
    (From::Delayed, Told::Higher, "6.4.1", Role::Initialize, ""),
    (From::Delayed, Told::Early, "-", Role::Initialize, ""),
    (From::Delayed, Told::Due, "6.4.1 (140)", Role::Backup, "INIT>BACKUP"),
    (From::Delayed, Told::Promote, "-", Role::Initialize, ""),
    (From::Delayed, Told::Demote, "-", Role::Initialize, ""),
    (From::Delayed, Told::Configure, "-", Role::Initialize, ""),
    (From::Delayed, Told::Shutdown, "6.4.1", Role::Initialize, ""),

    (From::Backup, Told::Ready, "-", Role::Backup, ""),
    (From::Backup, Told::Wait, "-", Role::Backup, ""),
    (From::Backup, Told::Fail, "-", Role::Fault, "BACKUP>FAULT"),
    (From::Backup, Told::Leaving, "6.4.2 (420)", Role::Backup, ""),
    (From::Backup, Told::Lower, "6.4.2 (490)", Role::Backup, ""),
    (From::Backup, Told::EqualFromLow, "6.4.2 (450)", Role::Backup, ""),
    (From::Backup, Told::EqualFromHigh, "6.4.2 (450)", Role::Backup, ""),
    (From::Backup, Told::EqualFromUs, "6.4.2 (450)", Role::Backup, ""),
    (From::Backup, Told::Higher, "6.4.2 (450)", Role::Backup, ""),
    (From::Backup, Told::Early, "6.4.2", Role::Backup, ""),
    (From::Backup, Told::Due, "6.4.2 (390)", Role::Active, "send 100, add, announce 5, BACKUP>MASTER"),
    (From::Backup, Told::Promote, "-", Role::Active, "send 100, add, announce 5, BACKUP>MASTER"),
    (From::Backup, Told::Demote, "-", Role::Backup, ""),
    (From::Backup, Told::Configure, "-", Role::Backup, ""),
    (From::Backup, Told::Shutdown, "6.4.2 (350)", Role::Initialize, "BACKUP>INIT"),

    (From::Member, Told::Ready, "-", Role::Backup, ""),
    (From::Member, Told::Wait, "-", Role::Backup, ""),
    (From::Member, Told::Fail, "-", Role::Fault, "BACKUP>FAULT"),
    (From::Member, Told::Leaving, "6.4.2 (420)", Role::Backup, ""),
    (From::Member, Told::Lower, "6.4.2 (490)", Role::Backup, ""),
    (From::Member, Told::EqualFromLow, "6.4.2 (450)", Role::Backup, ""),
    (From::Member, Told::EqualFromHigh, "6.4.2 (450)", Role::Backup, ""),
    (From::Member, Told::EqualFromUs, "6.4.2 (450)", Role::Backup, ""),
    (From::Member, Told::Higher, "6.4.2 (450)", Role::Backup, ""),
    (From::Member, Told::Early, "6.4.2", Role::Backup, ""),
    (From::Member, Told::Due, "-", Role::Backup, "expired"),
    (From::Member, Told::Promote, "6.4.2 (390)", Role::Active, "send 100, add, announce 5, BACKUP>MASTER"),
    (From::Member, Told::Demote, "-", Role::Backup, ""),
    (From::Member, Told::Configure, "-", Role::Backup, ""),
    (From::Member, Told::Shutdown, "6.4.2 (350)", Role::Initialize, "BACKUP>INIT"),

    (From::Active, Told::Ready, "-", Role::Active, ""),
    (From::Active, Told::Wait, "-", Role::Active, ""),
    (From::Active, Told::Fail, "-", Role::Fault, "send 0, remove, MASTER>FAULT"),
    (From::Active, Told::Leaving, "6.4.3 (705)", Role::Active, "send 100"),
    (From::Active, Told::Lower, "6.4.3 (760)", Role::Active, "lower, send 100, announce 5"),
    (From::Active, Told::EqualFromLow, "6.4.3 (760)", Role::Active, "lower, send 100, announce 5"),
    (From::Active, Told::EqualFromHigh, "6.4.3 (725)", Role::Backup, "send 100, remove, MASTER>BACKUP"),
    (From::Active, Told::EqualFromUs, "-", Role::Active, ""),
    (From::Active, Told::Higher, "6.4.3 (725)", Role::Backup, "send 100, remove, MASTER>BACKUP"),
    (From::Active, Told::Early, "6.4.3", Role::Active, ""),
    (From::Active, Told::Due, "6.4.3 (665)", Role::Active, "send 100"),
    (From::Active, Told::Promote, "-", Role::Active, ""),
    (From::Active, Told::Demote, "-", Role::Backup, "send 0, remove, MASTER>BACKUP"),
    (From::Active, Told::Configure, "-", Role::Active, ""),
    (From::Active, Told::Shutdown, "6.4.3 (655)", Role::Initialize, "send 0, remove, MASTER>INIT"),

    (From::Owner, Told::Ready, "-", Role::Active, ""),
    (From::Owner, Told::Wait, "-", Role::Active, ""),
    (From::Owner, Told::Fail, "-", Role::Fault, "send 0, remove, MASTER>FAULT"),
    (From::Owner, Told::Leaving, "6.4.3 (705)", Role::Active, "send 255"),
    (From::Owner, Told::Lower, "6.4.3 (760)", Role::Active, "lower, send 255, announce 5"),
    (From::Owner, Told::EqualFromLow, "-", Role::Active, "two owners, send 255, announce 5"),
    (From::Owner, Told::EqualFromHigh, "6.4.3 (725)", Role::Backup, "remove, MASTER>BACKUP"),
    (From::Owner, Told::EqualFromUs, "-", Role::Active, ""),
    // There is no higher priority than 255: this is the same as the row before the last.
    (From::Owner, Told::Higher, "-", Role::Active, "two owners, send 255, announce 5"),
    (From::Owner, Told::Early, "6.4.3", Role::Active, ""),
    (From::Owner, Told::Due, "6.4.3 (665)", Role::Active, "send 255"),
    (From::Owner, Told::Promote, "-", Role::Active, ""),
    (From::Owner, Told::Demote, "-", Role::Backup, "send 0, remove, MASTER>BACKUP"),
    (From::Owner, Told::Configure, "-", Role::Active, ""),
    (From::Owner, Told::Shutdown, "6.4.3 (655)", Role::Initialize, "send 0, remove, MASTER>INIT"),

    (From::Fault, Told::Ready, "6.4.1 (140)", Role::Backup, "FAULT>BACKUP"),
    (From::Fault, Told::Wait, "-", Role::Initialize, "FAULT>INIT"),
    (From::Fault, Told::Fail, "-", Role::Fault, ""),
    (From::Fault, Told::Leaving, "-", Role::Fault, ""),
    (From::Fault, Told::Lower, "-", Role::Fault, ""),
    (From::Fault, Told::EqualFromLow, "-", Role::Fault, ""),
    (From::Fault, Told::EqualFromHigh, "-", Role::Fault, ""),
    (From::Fault, Told::EqualFromUs, "-", Role::Fault, ""),
    (From::Fault, Told::Higher, "-", Role::Fault, ""),
    (From::Fault, Told::Early, "-", Role::Fault, ""),
    (From::Fault, Told::Due, "-", Role::Fault, ""),
    (From::Fault, Told::Promote, "-", Role::Fault, ""),
    (From::Fault, Told::Demote, "-", Role::Fault, ""),
    (From::Fault, Told::Configure, "-", Role::Fault, ""),
    (From::Fault, Told::Shutdown, "-", Role::Initialize, "FAULT>INIT"),
];

fn ours(from: From) -> u8 {
    if from == From::Owner { 255 } else { 100 }
}

fn machine(from: From, start: Instant) -> Machine {
    let settings = settings(VrrpVersion::V2, ours(from));
    match from {
        From::Init => in_role(Role::Initialize, settings, start),
        From::Delayed => {
            let not_before = Some(start + Duration::from_secs(2));
            let mut machine = Machine::new(Settings { not_before, ..settings }, start);
            machine.handle(Input::Ready, start);
            machine
        }
        From::Backup => in_role(Role::Backup, settings, start),
        From::Member => in_role(Role::Backup, Settings { grouped: true, ..settings }, start),
        From::Active | From::Owner => in_role(Role::Active, settings, start),
        From::Fault => in_role(Role::Fault, settings, start),
    }
}

fn input(told: Told, machine: &Machine) -> Input {
    let ours = machine.settings().priority.value();
    let higher = ours.saturating_add(1);
    match told {
        Told::Ready => Input::Ready,
        Told::Wait => Input::Wait,
        Told::Fail => Input::Fail(Fault::InterfaceDown("eth0".into())),
        Told::Leaving => Input::Advert(heard(LOW, 0)),
        Told::Lower => Input::Advert(heard(HIGH, ours - 1)),
        Told::EqualFromLow => Input::Advert(heard(LOW, ours)),
        Told::EqualFromHigh => Input::Advert(heard(HIGH, ours)),
        Told::EqualFromUs => Input::Advert(heard(OURS, ours)),
        Told::Higher => Input::Advert(heard(LOW, higher)),
        Told::Early | Told::Due => Input::Deadline,
        Told::Promote => Input::Promote(Reason::GroupActive("g".into())),
        Told::Demote => Input::Demote(Reason::GroupActive("g".into())),
        Told::Configure => {
            let priority = if ours == 255 { 255 } else { 120 };
            Input::Configure(Settings { priority: Priority::new(priority).unwrap(), ..machine.settings().clone() })
        }
        Told::Shutdown => Input::Shutdown(Reason::Stopped),
    }
}

#[test]
fn every_pair() {
    let start = Instant::now();
    for from in From::ALL {
        for told in Told::ALL {
            let rows = TABLE.iter().filter(|row| (row.0, row.1) == (*from, *told)).count();
            assert_eq!(rows, 1, "{from:?} with {told:?}");
        }
    }
    for (from, told, section, ends, words) in TABLE {
        let mut machine = machine(*from, start);
        assert!(names_of_state(machine.state()).contains(from), "{from:?} is {:?}", machine.state());
        let due = machine.poll_timeout().unwrap_or(start + Duration::from_secs(6));
        let at = if *told == Told::Due { due } else { start + millis(500) };
        let input = input(*told, &machine);
        assert!(names_of_input(&input).contains(told), "{told:?} is {input:?}");
        machine.handle(input, at);
        assert_eq!((outputs(&mut machine).as_str(), machine.role()), (*words, *ends), "{from:?}, {told:?}, {section}");
    }
}

/// Each row says where it stands in the RFC, in the section of its state; or that the RFC does not know it.
#[test]
fn every_row_has_its_section() {
    for (from, told, section, ..) in TABLE {
        let own = match from {
            From::Init | From::Delayed => "6.4.1",
            From::Backup | From::Member => "6.4.2",
            From::Active | From::Owner => "6.4.3",
            // The RFC has no such state; what ends it is its startup event.
            From::Fault => "6.4.1",
        };
        let step = section.strip_prefix(own).map(|step| step.trim_start_matches(" (").trim_end_matches(')'));
        let known = step.is_some_and(|step| step.is_empty() || step.parse::<u16>().is_ok());
        assert!(known || *section == "-", "{from:?}, {told:?}: {section}");
    }
}
