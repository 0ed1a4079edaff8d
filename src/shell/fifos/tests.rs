use std::io::{BufRead, BufReader};

use super::*;

const LONG: Duration = Duration::from_secs(30);

fn settings(path: &std::path::Path, script: Option<&str>) -> Fifo {
    let script = script.map(|script| Command {
        words: vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned(), "reader".to_owned()],
        user: None,
    });
    Fifo { path: path.display().to_string(), owner: None, script }
}

fn wait(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < LONG, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn lines_wait_for_their_reader_and_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let mut fifos = Fifos::default();
    fifos.configure(&[(&settings(&path, None), Share::Owner)], None, false);
    // More than a pipe holds, fewer than are held back.
    let told: Vec<String> =
        (0..3000).map(|number| format!("INSTANCE \"a\" MASTER {number} {}\n", "x".repeat(40))).collect();
    for line in &told {
        fifos.tell(line);
    }
    // Its thread makes it.
    wait("the pipe", || path.exists());
    let mut reader = BufReader::new(File::open(&path).unwrap());
    for line in &told {
        let mut read = String::new();
        reader.read_line(&mut read).unwrap();
        assert_eq!(read, *line);
    }
    // The same configuration does not touch it.
    fifos.configure(&[(&settings(&path, None), Share::Owner)], None, false);
    fifos.tell("again\n");
    let mut read = String::new();
    reader.read_line(&mut read).unwrap();
    assert_eq!(read, "again\n");
    fifos.stop();
    assert!(!path.exists(), "what we made we remove");
}

#[test]
fn a_pipe_that_nobody_reads_delays_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut fifos = Fifos::default();
    fifos.configure(&[(&settings(&folder.path().join("pipe"), None), Share::Owner)], None, false);
    for _ in 0..20_000 {
        fifos.tell(&"x".repeat(100));
    }
    fifos.stop();
}

#[test]
fn a_script_reads_what_it_is_told_and_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("pipe"), folder.path().join("log"));
    let script =
        format!("while read line; do echo \"$line\" >> {}; test \"$line\" = end && exit 3; done < $1", log.display());
    let mut fifos = Fifos::default();
    fifos.configure(&[(&settings(&path, Some(&script)), Share::Owner)], None, false);
    let read = || fs::read_to_string(&log).unwrap_or_default();
    fifos.tell("one\n");
    fifos.tell("end\n");
    wait("the first lines", || read() == "one\nend\n");
    fifos.tell("two\n");
    wait("a second life", || read() == "one\nend\ntwo\n");
    fifos.stop();
}

#[test]
fn a_file_of_that_name_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "precious").unwrap();
    let mut fifos = Fifos::default();
    fifos.configure(&[(&settings(&path, None), Share::Owner)], None, false);
    fifos.tell("line\n");
    fifos.stop();
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_script_that_ends_again_and_again_is_given_time_and_told_once_for_each() {
    let mut restarts = Restarts::default();
    let mut ended = |ran| {
        let (pause, new) = restarts.ended(Duration::from_secs(ran));
        (pause.as_secs(), new)
    };
    let first = [1, 2, 4, 8, 16, 32, 60].map(|pause| (pause, true));
    assert_eq!(first.map(|_| ended(0)), first);
    assert_eq!([ended(0), ended(59)], [(60, false); 2]);
    // One that ran on was well.
    assert_eq!([ended(60), ended(0)], [(1, true), (2, true)]);
}

#[test]
fn a_guest_waits_for_the_pipe_and_leaves_it_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let fifo = settings(&path, None);
    let (mut owner, mut guest) = (Fifos::default(), Fifos::default());
    guest.configure(&[(&fifo, Share::Guest)], None, false);
    guest.tell("VS [192.0.2.1]:tcp:80 DOWN\n");
    assert!(!path.exists(), "it is not the guest's to make");
    owner.configure(&[(&fifo, Share::Owner)], None, false);
    wait("the pipe", || path.exists());
    let mut line = String::new();
    BufReader::new(File::open(&path).unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "VS [192.0.2.1]:tcp:80 DOWN\n");
    guest.stop();
    assert!(path.exists());
    owner.stop();
    assert!(!path.exists());
}

/// A script that writes what it reads to a file, each line after this word.
fn copying(word: &str, log: &std::path::Path) -> String {
    format!("while read line; do echo {word} \"$line\" >> {}; done < $1", log.display())
}

#[test]
fn a_pipe_with_another_script_is_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("pipe"), folder.path().join("log"));
    let settings = |word: &str| settings(&path, Some(&copying(word, &log)));
    let read = || fs::read_to_string(&log).unwrap_or_default();
    let mut fifos = Fifos::default();
    fifos.configure(&[(&settings("first"), Share::Owner)], None, false);
    fifos.tell("a\n");
    wait("the first script", || read() == "first a\n");
    fifos.configure(&[(&settings("second"), Share::Owner)], None, false);
    fifos.tell("b\n");
    wait("the second script", || read() == "first a\nsecond b\n");
    assert!(path.exists(), "the one before has left it to the next");
    // A loop that panicked has no time to say who comes next.
    drop(fifos);
    let mut fifos = Fifos::default();
    fifos.configure(&[(&settings("third"), Share::Owner)], None, false);
    fifos.tell("c\n");
    wait("the third script", || read() == "first a\nsecond b\nthird c\n");
    assert!(path.exists());
    fifos.stop();
    assert!(!path.exists(), "the last one removes it");
}

#[test]
fn a_pipe_that_was_there_is_left_there_by_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("pipe"), folder.path().join("log"));
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    let mut fifos = Fifos::default();
    for word in ["first", "second"] {
        fifos.configure(&[(&settings(&path, Some(&copying(word, &log))), Share::Owner)], None, false);
        fifos.tell("line\n");
    }
    wait("the second script", || fs::read_to_string(&log).unwrap_or_default().contains("second line\n"));
    fifos.stop();
    assert!(path.exists());
}

#[test]
fn a_guest_goes_to_the_pipe_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let fifo = settings(&path, None);
    let mut guest = Fifos::default();
    guest.configure(&[(&fifo, Share::Guest)], None, false);
    for told in ["one\n", "two\n"] {
        let mut owner = Fifos::default();
        owner.configure(&[(&fifo, Share::Owner)], None, false);
        wait("the pipe", || path.exists());
        guest.tell(told);
        let mut line = String::new();
        BufReader::new(File::open(&path).unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, told);
        owner.stop();
        assert!(!path.exists());
    }
    guest.stop();
}

#[test]
fn a_guest_that_waits_for_long_drops_the_oldest_and_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let mut writer = Writer::new(path.display().to_string(), Share::Guest, None, false);
    for number in 0..MOST_LINES + 5 {
        writer.hold(format!("{number}\n"));
        writer.write();
    }
    assert_eq!((writer.waiting.len(), writer.dropped), (MOST_LINES, 5));
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    writer.write();
    assert_eq!((writer.waiting.len(), writer.dropped), (0, 0));
    let mut line = String::new();
    BufReader::new(File::open(&path).unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "5\n");
}
