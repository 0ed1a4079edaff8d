use super::*;
use crate::model::{Command, ScriptFault};
use nix::unistd::getuid;
use std::fs;
use std::path::Path;

const LONG: Duration = Duration::from_secs(60);

fn words(command: &str) -> Vec<String> {
    command.split(' ').map(str::to_owned).collect()
}

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

fn runner() -> (Runner, Receiver<(u64, ScriptOutcome)>) {
    let (tell, told) = mpsc::channel();
    let runner = spawn(move |told| match told {
        Told::Done(run, outcome) => drop(tell.send((run, outcome))),
        Told::Seen(_) => {}
    })
    .unwrap();
    (runner, told)
}

fn run(number: u64, command: Vec<String>, timeout: Duration) -> ScriptRun {
    ScriptRun { run: number, name: format!("script {number}"), command, user: None, timeout }
}

/// A script that hangs for as long as the test's folder is there, and so leaves nothing behind it.
fn hanging(folder: &Path) -> String {
    format!("for _ in $(seq 1000); do test -e {} || exit 0; sleep 0.1; done", folder.display())
}

fn outcome_of(command: Vec<String>) -> ScriptOutcome {
    let (runner, told) = runner();
    runner.run(run(1, command, LONG));
    told.recv_timeout(LONG).unwrap().1
}

#[test]
fn outcomes() {
    assert_eq!(outcome_of(words("true")), ScriptOutcome::Exited(0));
    assert_eq!(outcome_of(words("/bin/false")), ScriptOutcome::Exited(1));
    assert_eq!(outcome_of(shell("kill -KILL $$")), ScriptOutcome::Killed(9));
    let missing = outcome_of(words("no-such-program-at-all x"));
    assert!(missing.to_string().starts_with("it cannot be run: no-such-program-at-all is not in PATH"), "{missing}");
    assert!(matches!(outcome_of(words("/no/such/file")), ScriptOutcome::NotRunnable(ScriptFault::NoFile, _)));
    assert!(matches!(outcome_of(Vec::new()), ScriptOutcome::NotRunnable(ScriptFault::NoCommand, _)));
}

#[test]
fn no_shell_reads_the_words_and_nothing_comes_in() {
    assert_eq!(outcome_of(vec!["test".into(), "$HOME".into(), "=".into(), "$HOME".into()]), ScriptOutcome::Exited(0));
    // `cat` ends at once: there is no input. A flood goes nowhere and ends with its pipe.
    assert_eq!(outcome_of(words("cat")), ScriptOutcome::Exited(0));
    assert_eq!(
        outcome_of(shell("head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2")),
        ScriptOutcome::Exited(0)
    );
}

#[test]
fn a_group_counts_though_the_user_is_the_one_that_we_are() {
    if !getuid().is_root() {
        return crate::shell::skip("who is not root cannot give a script a group");
    }
    let (runner, told) = runner();
    let user = Some(RunAs { user: "root".to_owned(), group: Some("12345".to_owned()) });
    runner.run(ScriptRun { user, ..run(1, shell("test $(id -g) = 12345"), LONG) });
    assert_eq!(told.recv_timeout(LONG).unwrap(), (1, ScriptOutcome::Exited(0)));
}

#[test]
fn an_unknown_user_is_named() {
    let (runner, told) = runner();
    let user = Some(RunAs { user: "nobody-of-this-name".to_owned(), group: None });
    runner.run(ScriptRun { user, ..run(1, words("true"), LONG) });
    let (_, outcome) = told.recv_timeout(LONG).unwrap();
    assert_eq!(outcome.to_string(), "it cannot be run: there is no user nobody-of-this-name");
}

#[test]
fn one_that_hangs_is_told_at_its_timeout_and_then_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let script = format!("trap '' TERM; sleep 100 & echo $$ $! > {0}.new; mv {0}.new {0}; wait; wait", pids.display());
    let (runner, told) = runner();
    let hanging = || ScriptRun { name: "same".to_owned(), ..run(1, shell(&script), Duration::from_millis(300)) };
    runner.run(hanging());
    assert_eq!(told.recv_timeout(LONG).unwrap(), (1, ScriptOutcome::TimedOut));
    // While it dies, its next run is left out.
    runner.run(ScriptRun { run: 2, ..hanging() });
    let (number, outcome) = told.recv_timeout(LONG).unwrap();
    assert!(matches!(outcome, ScriptOutcome::NotTried(_)) && number == 2, "{outcome}");
    wait_until_dead(&pids);
}

/// As in a system call that no signal ends, on a disk that is dead.
#[test]
fn one_that_cannot_die_has_overrun_each_time_that_it_is_due() {
    let (jobs, _inbox) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let mut scripts = Scripts::new(jobs, Box::new(move |told| drop(tell.send(told))), Limits::USUAL);
    let folder = tempfile::tempdir().unwrap();
    scripts.track(ScriptRun { name: "same".to_owned(), ..run(1, shell(&hanging(folder.path())), LONG) });
    let again = |scripts: &mut Scripts, term_at, kill_at, killed_at| {
        let running = scripts.children.values_mut().next().unwrap();
        (running.term_at, running.kill_at, running.killed_at) = (term_at, kill_at, killed_at);
        scripts.track(ScriptRun { name: "same".to_owned(), ..run(2, words("true"), LONG) });
        let Told::Done(2, outcome) = told.try_recv().unwrap() else { panic!("another run") };
        outcome
    };
    let later = Some(Instant::now() + LONG);
    let now = Some(Instant::now());
    let long_ago = Instant::now().checked_sub(DEATH);
    assert!(matches!(again(&mut scripts, later, None, None), ScriptOutcome::NotTried(_)), "it runs");
    assert!(matches!(again(&mut scripts, None, later, None), ScriptOutcome::NotTried(_)), "it may yet end by itself");
    assert!(matches!(again(&mut scripts, None, None, now), ScriptOutcome::NotTried(_)), "it is dying");
    assert_eq!(again(&mut scripts, None, None, long_ago), ScriptOutcome::TimedOut, "it was killed, and lives");
}

/// As of a thread: what it does for the jobs that come and when their time has come is done here by hand.
struct ByHand {
    scripts: Scripts,
    inbox: Receiver<Job>,
    /// Children that have ended and are not reaped.
    ended: VecDeque<u64>,
    told: Receiver<Told>,
}

impl ByHand {
    /// Two tracked scripts at one time.
    fn new() -> Self {
        let (jobs, inbox) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let limits = Limits { tracked: 2, ..Limits::USUAL };
        let scripts = Scripts::new(jobs, Box::new(move |told| drop(tell.send(told))), limits);
        Self { scripts, inbox, ended: VecDeque::new(), told }
    }

    fn track(&mut self, number: u64, command: Vec<String>) {
        self.scripts.track(run(number, command, LONG));
        self.scripts.keep_deadlines(Instant::now());
        self.start();
    }

    /// Waits until all are started.
    fn start(&mut self) {
        while self.scripts.children.values().any(|running| running.child.is_none()) {
            self.take();
        }
    }

    fn take(&mut self) {
        let job = self.inbox.recv_timeout(LONG).unwrap();
        self.take_job(job);
    }

    fn take_job(&mut self, job: Job) {
        if let Job::Started(ticket, child) = job {
            return self.scripts.started(ticket, child);
        }
        let Job::Ended(ticket) = job else { panic!("another job") };
        self.ended.push_back(ticket);
    }

    /// The numbers of the runs that are alive.
    fn alive(&self) -> Vec<u64> {
        let number = |running: &Running| match running.purpose {
            Purpose::Track { run, .. } => run,
            Purpose::Notice { .. } | Purpose::Overtaken => panic!("a notice"),
        };
        self.scripts.children.values().map(number).collect()
    }

    /// What was told since.
    fn told(&self) -> Vec<(u64, ScriptOutcome)> {
        let done = |told| match told {
            Told::Done(run, outcome) => (run, outcome),
            Told::Seen(_) => panic!("nobody asked for a look"),
        };
        self.told.try_iter().map(done).collect()
    }

    /// Waits until so many have ended, and reaps them one by one.
    fn reap(&mut self, count: usize) {
        for _ in 0..count {
            while self.ended.is_empty() {
                self.take();
            }
            self.scripts.ended(self.ended.pop_front().unwrap());
        }
        self.start();
    }
}

#[test]
fn scripts_that_are_being_ended_take_their_room_until_they_are_dead() {
    let folder = tempfile::tempdir().unwrap();
    let deaf = || shell(&format!("trap '' TERM; {}", hanging(folder.path())));
    let mut hand = ByHand::new();
    (1..=5).for_each(|number| hand.track(number, deaf()));
    assert_eq!((hand.alive(), hand.told()), (vec![1, 2], vec![]));
    // Their time is up, which is told, and they live on.
    let later = Instant::now() + LONG;
    hand.scripts.keep_deadlines(later);
    assert_eq!(hand.told(), [(1, ScriptOutcome::TimedOut), (2, ScriptOutcome::TimedOut)]);
    hand.track(6, words("true"));
    assert_eq!((hand.alive(), hand.told()), (vec![1, 2], vec![]));
    // One that nobody wants any more waits no longer.
    hand.scripts.cancel(4);
    hand.scripts.keep_deadlines(later + GRACE);
    assert_eq!(hand.alive(), [1, 2], "it is not yet known that they are dead");
    hand.reap(1);
    assert_eq!(hand.alive().len(), 2);
    hand.reap(1);
    assert_eq!((hand.alive(), hand.told()), (vec![3, 5], vec![]), "in their order");
    for running in hand.scripts.children.values() {
        running.signal(Signal::SIGKILL);
    }
    hand.reap(3);
    let mut told = hand.told();
    told.sort_by_key(|(number, _)| *number);
    let killed = ScriptOutcome::Killed(9);
    assert_eq!(told, [(3, killed.clone()), (5, killed), (6, ScriptOutcome::Exited(0))]);
    assert!(hand.alive().is_empty() && hand.scripts.queue.is_empty());
}

/// As on a disk that is dead, with more checks than may run.
#[test]
fn who_waits_for_what_cannot_be_ended_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut hand = ByHand::new();
    let hangs = shell(&hanging(folder.path()));
    (1..=3).for_each(|number| hand.track(number, hangs.clone()));
    hand.track(4, shell("true"));
    let killed = |hand: &mut ByHand, which: usize, at: Instant| {
        let running = hand.scripts.children.values_mut().nth(which).unwrap();
        (running.term_at, running.kill_at, running.killed_at) = (None, None, Some(at));
    };
    let (now, long_ago) = (Instant::now(), Instant::now().checked_sub(DEATH).unwrap());
    killed(&mut hand, 0, long_ago);
    hand.scripts.keep_deadlines(now);
    assert_eq!(hand.told(), [], "the other one may yet end");
    killed(&mut hand, 1, now);
    assert_eq!(hand.scripts.next_deadline(), Some(now + DEATH));
    hand.scripts.keep_deadlines(now);
    assert_eq!(hand.told(), [], "it is dying");
    hand.scripts.keep_deadlines(now + DEATH);
    let told = hand.told();
    assert_eq!((told.len(), &told[0]), (2, &(3, ScriptOutcome::TimedOut)), "the same");
    assert!(matches!(told[1], (4, ScriptOutcome::NotTried(_))), "another may work: {:?}", told[1]);
    assert_eq!(hand.scripts.next_deadline(), None, "nobody waits");
    // Who comes later is told at once, and nobody more is started.
    killed(&mut hand, 1, long_ago);
    hand.track(5, hangs);
    assert_eq!((hand.told(), hand.alive()), (vec![(5, ScriptOutcome::TimedOut)], vec![1, 2]));
    // The disk is back.
    let first = hand.scripts.children.values().next().unwrap();
    first.signal(Signal::SIGKILL);
    hand.reap(1);
    hand.track(6, words("true"));
    hand.reap(1);
    assert_eq!(hand.told(), [(6, ScriptOutcome::Exited(0))]);
}

/// The thread stood still for so long that a death is heard of late.
#[test]
fn who_has_died_already_is_in_nobody_s_way() {
    let mut hand = ByHand::new();
    (1..=2).for_each(|number| hand.track(number, words("sleep 0")));
    hand.track(3, words("true"));
    let started = Instant::now();
    while !hand.scripts.children.values().all(Running::has_ended) {
        assert!(started.elapsed() < LONG, "they do not end");
        thread::sleep(Duration::from_millis(20));
    }
    for running in hand.scripts.children.values_mut() {
        (running.term_at, running.killed_at) = (None, Instant::now().checked_sub(DEATH));
    }
    hand.scripts.keep_deadlines(Instant::now());
    assert_eq!(hand.told(), []);
    hand.reap(3);
    assert_eq!(hand.told(), [(3, ScriptOutcome::Exited(0))]);
}

/// As where the file lies on a disk that is dead.
#[test]
fn one_that_is_not_started_in_time_has_overrun_and_is_ended_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let deaf = shell(&format!("trap '' TERM; echo $$ > {}; {}", pid.display(), hanging(folder.path())));
    let mut hand = ByHand::new();
    let track = |hand: &mut ByHand, number, command: &[String]| {
        let run = run(number, command.to_vec(), LONG);
        hand.scripts.track(ScriptRun { name: "the same".to_owned(), ..run });
    };
    track(&mut hand, 1, &deaf);
    // It is there, and this is heard of late.
    wait_for_lines(&pid, 1);
    let running = hand.scripts.children.values_mut().next().unwrap();
    let start = std::mem::take(&mut running.start);
    let later = Instant::now() + LONG;
    hand.scripts.keep_deadlines(later);
    assert_eq!(hand.told(), [], "its start may be on its way");
    let later = hand.scripts.next_deadline().unwrap();
    let started_at = Instant::now();
    while !start.is_over() {
        assert!(started_at.elapsed() < LONG, "it does not start");
        thread::sleep(Duration::from_millis(20));
    }
    let running = hand.scripts.children.values_mut().next().unwrap();
    let unheard = std::mem::replace(&mut running.start, start);
    hand.scripts.keep_deadlines(later);
    assert_eq!(hand.told(), [], "it is on its way, and its end with it perhaps");
    let later = hand.scripts.next_deadline().unwrap();
    hand.scripts.children.values_mut().next().unwrap().start = unheard;
    hand.scripts.keep_deadlines(later);
    assert_eq!(hand.told(), [(1, ScriptOutcome::TimedOut)]);
    track(&mut hand, 2, &deaf);
    assert!(matches!(hand.told()[..], [(2, ScriptOutcome::NotTried(_))]));
    hand.scripts.keep_deadlines(later + GRACE);
    for running in hand.scripts.children.values_mut() {
        assert!(running.killed_at.is_some(), "as far as that goes");
        running.killed_at = Instant::now().checked_sub(DEATH);
    }
    track(&mut hand, 3, &deaf);
    assert_eq!(hand.told(), [(3, ScriptOutcome::TimedOut)], "it is where the first one is");
    // Others are not held up.
    hand.scripts.track(run(4, words("true"), LONG));
    let mut held = None;
    while hand.scripts.children.values().all(|running| running.child.is_none()) {
        let job = hand.inbox.recv_timeout(LONG).unwrap();
        if let Job::Started(1, _) = job { held = Some(job) } else { hand.take_job(job) }
    }
    // The disk is back.
    held.into_iter().for_each(|job| hand.take_job(job));
    hand.reap(2);
    assert_eq!(hand.told(), [(4, ScriptOutcome::Exited(0))], "of the first nothing more is told");
    assert!(hand.alive().is_empty());
}

/// What a notice would tell of is no longer so.
#[test]
fn a_notice_that_is_not_started_in_time_is_given_up_and_takes_nobody_s_room() {
    let mut hand = ByHand::new();
    hand.scripts.limits.notices = 1;
    hand.scripts.enqueue(says("a", "true"));
    hand.scripts.enqueue(says("b", "false"));
    assert_eq!(hand.scripts.children.len(), 1, "there is room for one");
    // Its thread says nothing of how far it is.
    hand.scripts.children.values_mut().for_each(|running| running.start = Arc::default());
    for _ in 0..2 {
        let at = hand.scripts.next_deadline().unwrap();
        hand.scripts.keep_deadlines(at);
    }
    let first = hand.scripts.children.values().next().unwrap();
    assert!(first.is_given_up() && first.killed_at.is_some());
    assert_eq!(hand.scripts.children.len(), 2, "the other one has its turn");
    hand.take();
    hand.take();
    let waits = hand.scripts.waiting.values().any(|waiting| !waiting.is_empty());
    assert!(!waits && hand.scripts.retry_at.is_none(), "nothing is tried again");
}

#[test]
fn a_stop_starts_what_waits_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut hand = ByHand::new();
    for script in [hanging(folder.path()), hanging(folder.path()), "true".to_owned()] {
        hand.scripts.enqueue(says("a", &script));
    }
    hand.start();
    let (reply, answer) = mpsc::channel();
    hand.scripts.stop(vec![reply]);
    hand.scripts.stop_at = Some(Instant::now());
    for alive in 2..=3 {
        // However slow this machine is.
        hand.scripts.start_by = hand.scripts.start_by.map(|_| Instant::now() + LONG);
        assert!(!hand.scripts.finished() && answer.try_recv().is_err(), "not all of them are started");
        assert_eq!(hand.scripts.children.len(), alive, "the next is started once the one before was");
        while hand.scripts.children.len() == alive && hand.scripts.children.values().any(|one| one.child.is_none()) {
            hand.take();
        }
    }
    let _ = hand.scripts.finished();
    assert_eq!(answer.try_recv(), Ok(()));
}

#[test]
fn a_second_stop_leaves_those_who_are_ending_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut hand = ByHand::new();
    hand.track(1, shell(&hanging(folder.path())));
    hand.scripts.stop(Vec::new());
    let kill_at = |hand: &ByHand| hand.scripts.children.values().next().unwrap().kill_at.unwrap();
    let first = kill_at(&hand);
    hand.scripts.stop(Vec::new());
    assert_eq!(kill_at(&hand), first);
    hand.reap(1);
}

#[test]
fn what_an_older_look_has_seen_is_not_told() {
    let mut hand = ByHand::new();
    let look = |name: &str| vec![ScriptLook { name: name.to_owned(), command: words("true"), user: None }];
    hand.scripts.look(look("one"));
    hand.scripts.look(look("two"));
    // Of a look that takes long nothing is seen at first.
    let mut whole = 0;
    while whole < 2 {
        let Job::Seen(number, seen) = hand.inbox.recv_timeout(LONG).unwrap() else { panic!("another job") };
        whole += seen.len();
        hand.scripts.seen(number, seen);
    }
    let told = hand.told.try_iter().flat_map(|told| match told {
        Told::Seen(seen) => seen,
        Told::Done(..) => panic!("nothing runs"),
    });
    assert_eq!(told.collect::<Vec<_>>(), [(look("two").remove(0), Ok(()))]);
}

#[test]
fn a_notice_that_cannot_be_started_makes_way_for_the_next_or_is_tried_again() {
    let mut hand = ByHand::new();
    let notice = |words: &[&str]| {
        let commands = words.iter().map(|word| Command { words: vec![(*word).to_owned()], user: None }).collect();
        Notice { subject: "a".to_owned(), commands, user: None }
    };
    hand.scripts.enqueue(notice(&["/no/such/file", "true", "false"]));
    assert_eq!(hand.scripts.children.len(), 1, "one after the other");
    hand.start();
    let running = |hand: &ByHand| hand.scripts.children.values().next().map(|running| running.command.join(" "));
    assert_eq!(running(&hand).as_deref(), Some("true"), "the first is told of and left");
    // The host has no process for it.
    hand.reap(1);
    let (ticket, mut third) = hand.scripts.children.pop_first().unwrap();
    let mut child = third.child.take().unwrap();
    child.wait().unwrap();
    hand.scripts.children.insert(ticket, third);
    hand.scripts.started(ticket, Err(ScriptOutcome::NotTried("no process".to_owned())));
    assert!(running(&hand).is_none() && hand.scripts.retry_at.is_some(), "not at once");
    let at = hand.scripts.next_deadline().unwrap();
    hand.scripts.keep_deadlines(at);
    hand.start();
    assert_eq!(running(&hand).as_deref(), Some("false"));
}

#[test]
fn a_stop_starts_nobody_who_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut hand = ByHand::new();
    (1..=3).for_each(|number| hand.track(number, shell(&hanging(folder.path()))));
    hand.scripts.stop(Vec::new());
    hand.reap(2);
    assert!(hand.alive().is_empty() && hand.scripts.finished());
}

/// Waits until processes whose numbers stand in a file, or will, are dead.
fn wait_until_dead(pids: &Path) {
    let started = Instant::now();
    let alive = || {
        let Ok(text) = fs::read_to_string(pids) else { return true };
        text.split_whitespace().any(is_alive)
    };
    while alive() {
        assert!(started.elapsed() < LONG, "it is still alive");
        thread::sleep(Duration::from_millis(20));
    }
}

fn is_alive(pid: &str) -> bool {
    // A zombie that nobody but process 1 can reap is dead enough.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// A process that does not heed SIGTERM is started in the background; its number is in the file before `after` runs.
fn with_stubborn_child(folder: &Path, after: &str) -> Vec<String> {
    let pids = folder.join("pids");
    shell(&format!("(trap '' TERM; {}) & echo $! > {1}.new; mv {1}.new {1}; {after}", hanging(folder), pids.display()))
}

#[test]
fn a_child_that_does_not_heed_the_end_of_its_script_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (runner, told) = runner();
    // The script itself dies of SIGTERM.
    runner.run(run(1, with_stubborn_child(folder.path(), "wait"), Duration::from_secs(3)));
    assert_eq!(told.recv_timeout(LONG).unwrap(), (1, ScriptOutcome::TimedOut));
    wait_until_dead(&folder.path().join("pids"));
    // And so where nobody wants to know any more.
    let folder = tempfile::tempdir().unwrap();
    runner.run(run(2, with_stubborn_child(folder.path(), "wait"), LONG));
    let started = Instant::now();
    while !folder.path().join("pids").exists() {
        assert!(started.elapsed() < LONG, "it did not start");
        thread::sleep(Duration::from_millis(20));
    }
    runner.cancel(2);
    wait_until_dead(&folder.path().join("pids"));
}

#[test]
fn what_a_script_leaves_behind_ends_with_it_and_what_a_notice_starts_stays() {
    for code in [0, 3] {
        let folder = tempfile::tempdir().unwrap();
        let outcome = outcome_of(with_stubborn_child(folder.path(), &format!("exit {code}")));
        assert_eq!(outcome, ScriptOutcome::Exited(code), "it is the script that counts");
        wait_until_dead(&folder.path().join("pids"));
    }
    let folder = tempfile::tempdir().unwrap();
    let (runner, _told) = runner();
    let notice = |words| Notice { subject: "a".to_owned(), commands: vec![Command { words, user: None }], user: None };
    runner.notify(notice(with_stubborn_child(folder.path(), "exit 0")));
    // The next one runs after the first was reaped.
    let ended = folder.path().join("ended");
    runner.notify(notice(shell(&format!("echo > {}", ended.display()))));
    wait_for_lines(&ended, 1);
    let pid = fs::read_to_string(folder.path().join("pids")).unwrap();
    assert!(is_alive(pid.trim()));
}

#[test]
fn notices_of_one_subject_run_in_order_and_a_stop_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (runner, _told) = runner();
    let say = |text: &str, wait: &str| Command {
        words: shell(&format!("sleep {wait}; echo {text} >> {}", log.display())),
        user: None,
    };
    let notice = |subject: &str, commands| Notice { subject: subject.to_owned(), commands, user: None };
    runner.notify(notice(
        "a",
        vec![say("one", "0.3"), Command { words: words("no-such-program-at-all"), user: None }, say("two", "0.1")],
    ));
    runner.notify(notice("a", vec![say("three", "0")]));
    let (reply, answer) = mpsc::channel();
    runner.stop(vec![reply]);
    answer.recv_timeout(LONG).unwrap();
    // The machine may be so slow that the stop's patience ended first.
    let started = Instant::now();
    loop {
        let text = fs::read_to_string(&log).unwrap_or_default();
        if text.lines().count() == 3 {
            if started.elapsed() < STOP_PATIENCE {
                assert_eq!(text, "one\ntwo\nthree\n");
            }
            break;
        }
        assert!(started.elapsed() < LONG, "{text}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let (runner, _told) = runner();
    runner.notify(says("a", &hanging(folder.path())));
    runner.run(run(1, shell(&hanging(folder.path())), LONG));
    let (reply, answer) = mpsc::channel();
    runner.stop(vec![reply]);
    answer.recv_timeout(LONG).unwrap();
}

/// A thread that lets few notice scripts run at one time, and none for long before the next of its subject starts.
fn narrow(notices: usize, patience: Duration) -> Runner {
    spawn_with(|_| {}, Limits { notices, patience, ..Limits::USUAL }).unwrap()
}

fn says(subject: &str, script: &str) -> Notice {
    let command = Command { words: shell(script), user: None };
    Notice { subject: subject.to_owned(), commands: vec![command], user: None }
}

fn wait_for_lines(file: &Path, count: usize) {
    let started = Instant::now();
    while fs::read_to_string(file).unwrap_or_default().lines().count() < count {
        assert!(started.elapsed() < LONG, "{:?}", fs::read_to_string(file));
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn more_notices_than_may_run_at_one_time_wait_and_none_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let runner = narrow(3, LONG);
    for n in 0..20 {
        runner.notify(says(&format!("router {n}"), &format!("sleep 0.1; echo {n} >> {}", log.display())));
    }
    wait_for_lines(&log, 20);
}

#[test]
fn as_many_notices_wait_as_the_configuration_has_to_tell() {
    const WAITING: usize = 20;
    const TOLD: usize = 30;
    for (room, first) in [(0, TOLD - WAITING + 1), (TOLD, 1)] {
        let folder = tempfile::tempdir().unwrap();
        let (gate, log) = (folder.path().join("gate"), folder.path().join("log"));
        let runner = spawn_with(|_| {}, Limits { waiting: WAITING, patience: LONG, ..Limits::USUAL }).unwrap();
        runner.room(room);
        // The others wait until it has ended.
        let first_one = format!(
            "until test -e {}; do test -e {} || exit; sleep 0.05; done",
            gate.display(),
            folder.path().display()
        );
        runner.notify(says("a", &first_one));
        let command = |n: usize| Command { words: shell(&format!("echo {n} >> {}", log.display())), user: None };
        runner.notify(Notice { subject: "a".to_owned(), commands: (1..=TOLD).map(command).collect(), user: None });
        fs::write(&gate, "").unwrap();
        wait_for_lines(&log, TOLD + 1 - first);
        let expected: Vec<_> = (first..=TOLD).map(|n| n.to_string()).collect();
        let text = fs::read_to_string(&log).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected, "of too many the oldest are dropped");
    }
}

#[test]
fn notices_that_hang_for_ever_do_not_keep_others_from_running() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let runner = narrow(2, Duration::from_millis(100));
    for n in 0..5 {
        runner.notify(says(
            &format!("router {n}"),
            &format!("echo {n} >> {}; {}", log.display(), hanging(folder.path())),
        ));
    }
    wait_for_lines(&log, 5);
}

#[test]
fn tracked_scripts_run_whatever_notices_do() {
    let folder = tempfile::tempdir().unwrap();
    let (tell, told) = mpsc::channel();
    let done = move |about| match about {
        Told::Done(run, outcome) => drop(tell.send((run, outcome))),
        Told::Seen(_) => {}
    };
    let runner = spawn_with(done, Limits { notices: 1, patience: LONG, ..Limits::USUAL }).unwrap();
    runner.notify(says("a", &hanging(folder.path())));
    runner.run(run(1, words("true"), LONG));
    assert_eq!(told.recv_timeout(LONG).unwrap(), (1, ScriptOutcome::Exited(0)));
}
