use std::cell::RefCell;
use std::fs;
use std::net::IpAddr;

use super::*;
use crate::model::{Family, NextHop, Route, Rule, RuleAction};

fn entries() -> Vec<Kept> {
    let to = (IpAddr::from([198, 51, 100, 0]), 24);
    let hop = NextHop { interface: Some("eth1".to_owned()), ..NextHop::default() };
    let route = Route { hops: vec![hop.clone()], ..Route::new(to) };
    let two = Route { hops: vec![hop.clone(), hop], ..Route::new(to) };
    let hole = Route { kind: crate::model::RouteKind::Blackhole, ..Route::new(to) };
    let rule = Rule { from: Some(to), ..Rule::new(Family::V4, 7, RuleAction::Lookup(100)) };
    [
        (Steering::Route(route), vec![3]),
        (Steering::Route(two), vec![3, 0]),
        (Steering::Route(hole), vec![]),
        (Steering::Rule(rule), vec![]),
    ]
    .map(|(what, links)| Kept { what: Arc::new(what), links })
    .into()
}

#[test]
fn what_is_written_is_read_in_this_boot_and_namespace_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = StateFile::new(folder.path().to_owned(), NAME);
    assert_eq!(read(&file, "here"), (Vec::new(), None));
    write(&file, "here", &entries()).unwrap();
    assert_eq!(read(&file, "here"), (entries(), None));
    assert_eq!(read(&file, "boot later"), (Vec::new(), None));
    write(&file, "here", &[]).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing to tell, and no file");
}

#[test]
fn a_damaged_file_is_set_aside_and_claims_nothing() {
    let whole = to_text("here", &entries());
    for cut in 0..whole.len() - 1 {
        assert!(from_text(&whole[..cut]).is_err(), "{}", &whole[..cut]);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = StateFile::new(folder.path().to_owned(), NAME);
    for damage in [
        &b"\xff\xfe"[..],
        b"",
        b"ipvsd steering 1\nhere\nroute 3 nonsense\nend 1\n",
        b"ipvsd steering 1\nhere\nend 1\n",
    ] {
        fs::write(folder.path().join(NAME), damage).unwrap();
        let (entries, problem) = read(&file, "here");
        assert!(entries.is_empty());
        assert!(problem.unwrap().contains("is damaged (line "));
        assert_eq!(fs::read(folder.path().join("steering.damaged")).unwrap(), damage);
        assert!(!folder.path().join(NAME).exists());
    }
}

#[test]
fn the_thread_answers_whether_the_disk_takes_it_or_not_and_tries_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::write(&state, "in the way").unwrap();
    let (tell, told) = mpsc::channel();
    let recorder = Recorder::spawn(&state, move |number| tell.send(number).unwrap_or_default()).unwrap();
    assert!(recorder.left().is_empty());
    recorder.write(1, entries());
    assert_eq!(told.recv().unwrap(), 1);
    fs::remove_file(&state).unwrap();
    while !state.join(NAME).exists() {
        thread::yield_now();
    }
    assert_eq!(read(&StateFile::new(state.clone(), NAME), &crate::shell::here()), (entries(), None));
    recorder.write(2, Vec::new());
    assert_eq!(told.recv().unwrap(), 2);
    recorder.write(3, entries());
    recorder.finish();
    assert_eq!(Recorder::spawn(&state, |_| {}).unwrap().left(), entries());
}

#[test]
fn a_disk_that_takes_nothing_is_told_once_and_once_when_it_does_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::write(&state, "in the way").unwrap();
    let last = Slot::new();
    last.put((1, entries()));
    // Each answer has the next one written; the disk takes what comes from the fourth on.
    let answered = RefCell::new(Vec::new());
    let next = |number: u64| {
        answered.borrow_mut().push(number);
        match number {
            3 => fs::remove_file(&state).unwrap(),
            6 => return last.close(),
            _ => {}
        }
        last.put((number + 1, entries()));
    };
    let file = StateFile::new(state.clone(), NAME);
    let said = RefCell::new(Vec::new());
    work(&file, "here", &last, next, |change| said.borrow_mut().push(change.is_ok()));
    assert_eq!(*said.borrow(), [false, true]);
    assert_eq!(*answered.borrow(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(read(&file, "here"), (entries(), None));
}

#[test]
fn a_disk_that_hangs_gets_the_last_record_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (tell, told) = mpsc::channel();
    let (hang, hangs) = mpsc::channel::<()>();
    let answer = move |number| {
        tell.send(number).unwrap_or_default();
        let _ = hangs.recv();
    };
    let recorder = Recorder::spawn(folder.path(), answer).unwrap();
    recorder.write(1, entries());
    assert_eq!(told.recv().unwrap(), 1);
    for number in 2..=1000 {
        recorder.write(number, entries());
    }
    drop(hang);
    recorder.finish();
    assert_eq!(told.iter().collect::<Vec<_>>(), [1000]);
}
