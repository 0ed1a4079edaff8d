use std::os::unix::fs::{PermissionsExt, chown, symlink};

use super::*;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Who refuses, and what: `None` if nobody does.
fn refused(program: &Path) -> Option<String> {
    match check_security(program) {
        Ok(()) => None,
        Err(outcome) => Some(outcome.to_string()),
    }
}

#[test]
fn root_runs_only_what_root_alone_can_write() {
    if !getuid().is_root() {
        return crate::shell::skip("who is not root cannot make files that are root's");
    }
    // Below a folder with the sticky bit, as a rule, which is fine.
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    let (safe, shared) = (root.join("safe"), root.join("shared"));
    fs::create_dir(&safe).unwrap();
    fs::create_dir(&shared).unwrap();
    mode(&safe, 0o755);
    let program = safe.join("program");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    mode(&program, 0o755);
    assert_eq!(refused(&program), None);
    assert_eq!(refused(&safe.join("../safe/./program")), None);

    let names = |why: Option<String>, path: &Path| {
        let why = why.unwrap_or_default();
        assert!(why.contains(&format!("can write {};", path.display())), "{why}");
    };
    mode(&program, 0o757);
    names(refused(&program), &program);
    // The sticky bit of a file means nothing.
    mode(&program, 0o1757);
    names(refused(&program), &program);
    mode(&program, 0o775);
    assert_eq!(refused(&program), None, "the group is root's");
    chown(&program, None, Some(12345)).unwrap();
    names(refused(&program), &program);
    mode(&program, 0o755);
    assert_eq!(refused(&program), None);
    chown(&program, Some(12345), None).unwrap();
    names(refused(&program), &program);
    chown(&program, Some(0), Some(0)).unwrap();

    // A link that others can turn round, to a file that they cannot write.
    mode(&shared, 0o777);
    symlink(&program, shared.join("link")).unwrap();
    names(refused(&shared.join("link")), &shared);
    // ... reached through one that they cannot.
    symlink(shared.join("link"), safe.join("link")).unwrap();
    names(refused(&safe.join("link")), &shared);
    symlink("program", safe.join("near")).unwrap();
    assert_eq!(refused(&safe.join("near")), None);
    symlink("loop", safe.join("loop")).unwrap();
    assert!(refused(&safe.join("loop")).unwrap().contains("too many symbolic links"));
    assert!(refused(&safe.join("missing")).is_some());
}

#[test]
fn a_path_that_does_not_say_where_begins_at_the_root() {
    assert_eq!(find("bin/true").unwrap(), Path::new("/bin/true"));
    assert_eq!(find("/bin/true").unwrap(), Path::new("/bin/true"));
    assert!(find("true").unwrap().is_absolute());
}

#[test]
fn a_script_is_looked_at_without_running_it() {
    if !getuid().is_root() {
        return crate::shell::skip("who is not root cannot make files that are root's");
    }
    let folder = tempfile::tempdir().unwrap();
    mode(folder.path(), 0o755);
    let root = fs::canonicalize(folder.path()).unwrap();
    let (program, ran) = (root.join("program"), root.join("ran"));
    fs::write(&program, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
    let daemon = (Uid::from_raw(0), Gid::from_raw(0));
    let look_at = |command: &str, user: Option<&str>, secure| {
        let user = user.map(|user| RunAs { user: user.to_owned(), group: None });
        look(&[command.to_owned(), "an argument".to_owned()], user.as_ref(), secure, daemon, &mut Users::default())
            .err()
            .unwrap_or_default()
    };
    let at = program.to_str().unwrap();
    for (bits, user, secure, expected) in [
        (0o644, Some("0"), false, format!("{at} is not executable for the user that runs it (0); chmod +x")),
        (0o100, Some("0"), true, String::new()),
        (0o700, Some("12345"), false, format!("{at} is not executable for the user that runs it (12345); chmod +x")),
        (0o001, Some("12345"), true, String::new()),
        (0o757, Some("12345"), true, String::new()),
        (0o757, Some("0"), false, String::new()),
        (0o755, Some("no-such-user-at-all"), false, "there is no user no-such-user-at-all".to_owned()),
    ] {
        mode(&program, bits);
        assert_eq!(look_at(at, user, secure), expected, "{bits:o} {user:?} {secure}");
    }
    mode(&program, 0o757);
    assert!(
        look_at(at, Some("0"), true).starts_with(&format!("root would run it, and others than root can write {at};"))
    );
    let missing = root.join("none");
    assert_eq!(look_at(missing.to_str().unwrap(), Some("0"), true), format!("there is no file {}", missing.display()));
    assert_eq!(look_at(root.to_str().unwrap(), None, false), format!("{} is not a file", root.display()));
    assert!(look_at("no-such-program-at-all", None, false).starts_with("no-such-program-at-all is not in PATH"));
    assert_eq!(look_at("true", Some("0"), true), "");
    assert_eq!(look(&[], None, false, daemon, &mut Users::default()), Err("it has no command".to_owned()));
    assert!(!ran.exists(), "nothing was run");

    // Where nobody is named, root runs it, unless scripts are to be secure: keepalived drops it then.
    if User::from_name(USUAL_USER).is_ok_and(|user| user.is_none()) {
        assert_eq!(look_at("true", None, false), "");
        let why = look_at("true", None, true);
        assert!(why.contains("there is no user keepalived_script") && why.contains("set script_user"), "{why}");
    }

    // What a run says of an interpreter that is not there.
    fs::write(&program, "#!/no/such/interpreter\n").unwrap();
    mode(&program, 0o755);
    assert_eq!(look_at(at, Some("0"), false), "");
    let outcome = start(&[at.to_owned()], None, false, &mut Users::default()).err().map(|outcome| outcome.to_string());
    assert_eq!(
        outcome.as_deref(),
        Some(format!("it cannot be run: {at}: the interpreter that its first line names does not exist").as_str())
    );
}

#[test]
fn users_are_looked_up_once_for_each_configuration() {
    let named = |name: &str| RunAs { user: name.to_owned(), group: None };
    let (one, other) = (named("one"), named("other"));
    let ids = |id: u32| Some((Uid::from_raw(id), Gid::from_raw(id)));
    let mut users = Users::default();
    let unknown = || Err(ScriptOutcome::NotRunnable(ScriptFault::NoUser, String::new()));
    let away = || Err(ScriptOutcome::NotTried(String::new()));
    let never = || -> Result<Option<(Uid, Gid)>, ScriptOutcome> { panic!("looked up again") };
    assert_eq!(users.get(Some(&one), || Ok(ids(1))), Ok(ids(1)));
    assert_eq!(users.get(Some(&one), never), Ok(ids(1)));
    assert_eq!(users.get(None, || Ok(None)), Ok(None));
    assert_eq!(users.get(None, never), Ok(None), "that there is no usual one is known as well");
    // Whoever is not known now may be so in a moment.
    assert_eq!(users.get(Some(&other), unknown), unknown());
    assert_eq!(users.get(Some(&other), away), away());
    assert_eq!(users.get(Some(&other), || Ok(ids(2))), Ok(ids(2)));
    users.look_again();
    assert_eq!(users.get(Some(&one), away), Ok(ids(1)), "nobody answers: as it was");
    assert_eq!(users.get(Some(&other), || Ok(ids(3))), Ok(ids(3)));
    users.look_again();
    assert_eq!(users.get(Some(&other), away), Ok(ids(3)));
    assert_eq!(users.get(Some(&one), unknown), unknown(), "gone");
}

#[test]
fn what_is_wanted_no_more_once_its_file_is_there_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    for wanted in [false, true] {
        let (told, outcome) = std::sync::mpsc::channel();
        let words = ["/bin/touch".to_owned(), mark.to_str().unwrap().to_owned()].to_vec();
        let ended = told.clone();
        let started = move |child: Result<Child, ScriptOutcome>| told.send(child.map(Some)).unwrap();
        let ended = move || ended.send(Ok(None)).unwrap();
        let start = Arc::new(Start::default());
        if !wanted {
            start.forgo();
        }
        start_aside(words, None, false, Arc::clone(&start), started, ended).unwrap();
        let first = outcome.recv().unwrap();
        assert_eq!((first.is_ok(), start.is_over()), (wanted, true));
        if let Ok(Some(mut child)) = first {
            assert!(matches!(outcome.recv(), Ok(Ok(None))), "its end is told");
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(mark.exists(), wanted);
    }
}

/// Whoever puts it there is not done yet: that says nothing of what the script looks at.
#[test]
fn a_script_that_is_being_written_is_not_tried() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    let mut writer = fs::File::create(&program).unwrap();
    io::Write::write_all(&mut writer, b"#!/bin/sh\nexit 0\n").unwrap();
    mode(&program, 0o755);
    if Command::new(&program).status().is_ok() {
        return crate::shell::skip("this kernel (6.11 or 6.12) runs programs that are open for writing");
    }
    let words = [program.to_str().unwrap().to_owned()];
    let run = || start(&words, None, false, &mut Users::default());
    let outcome = run().unwrap_err();
    assert!(matches!(outcome, ScriptOutcome::NotTried(_)), "{outcome}");
    drop(writer);
    // A child that another test was starting meanwhile may hold it open for a moment longer.
    let started = std::time::Instant::now();
    let mut child = loop {
        match run() {
            Ok(child) => break child,
            Err(outcome) => assert!(started.elapsed().as_secs() < 60, "{outcome}"),
        }
        thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(child.wait().unwrap().success());
}
