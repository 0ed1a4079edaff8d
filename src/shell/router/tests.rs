use super::*;
use crate::model::{Command, Family, Fifo, Instance, Notify, RouterSettings, Scheduling, Vrid, VrrpVersion};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

/// A router on an interface that no host has: it opens no socket and touches no network.
fn nowhere() -> Arc<Config> {
    let instance = Instance {
        version: VrrpVersion::V3,
        ..Instance::new("VI_1", "no-such-link", Vrid::new(51).unwrap(), Family::V4)
    };
    Arc::new(Config { instances: vec![instance], ..Config::default() })
}

#[test]
fn it_starts_answers_and_stops() {
    let (events, told) = mpsc::channel();
    let handle =
        spawn(Options { config: Arc::default(), events: events.into(), services: Arc::default(), fresh: true })
            .unwrap();
    assert_eq!(told.recv_timeout(LONG), Ok(RouterEvent::Ready));
    assert_eq!(handle.snapshot().recv_timeout(LONG), Ok(Vec::new()));
    assert_eq!(handle.configure(nowhere()).recv_timeout(LONG), Ok(Ok(())));
    let view = handle.snapshot().recv_timeout(LONG).unwrap().remove(0);
    assert_eq!((view.state.as_str(), view.version), ("FAULT", 3));
    assert_eq!(view.reason, "interface no-such-link does not exist; waiting for it to appear");
    assert!(matches!(told.recv_timeout(LONG), Ok(RouterEvent::StateChanged { to: Role::Fault, .. })));
    assert_eq!(handle.stop().recv_timeout(LONG), Ok(()));
    handle.join();
    assert_eq!(told.iter().last(), Some(RouterEvent::Stopped));
}

#[test]
fn a_question_to_a_loop_that_has_ended_is_not_answered() {
    let (events, told) = mpsc::channel();
    let handle =
        spawn(Options { config: Arc::default(), events: events.into(), services: Arc::default(), fresh: true })
            .unwrap();
    assert_eq!(handle.stop().recv_timeout(LONG), Ok(()));
    assert_eq!(told.iter().last(), Some(RouterEvent::Stopped));
    assert!(handle.snapshot().recv_timeout(LONG).is_err());
    assert!(handle.configure(nowhere()).recv_timeout(LONG).is_err());
    assert!(handle.stop().recv_timeout(LONG).is_err());
}

#[test]
fn without_the_capability_it_says_what_is_missing() {
    let (events, _told) = mpsc::channel();
    match spawn(Options { config: nowhere(), events: events.into(), services: Arc::default(), fresh: true }) {
        Ok(handle) => {
            assert_eq!(handle.stop().recv_timeout(LONG), Ok(()));
        }
        Err(error) => assert!(error.to_string().contains("CAP_NET_RAW"), "{error}"),
    }
}

/// How a process is scheduled, from what `stat`, `status` and `limits` of /proc say of it.
fn scheduled(text: &str) -> Vec<String> {
    let after_name = text.lines().next().and_then(|stat| stat.rsplit_once(") ")).map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split(' ').collect();
    // Of proc(5): nice is the 19th field of all, the priority and the policy of real time are the 40th and 41st.
    let mut found: Vec<String> =
        [("nice", 16), ("rt_priority", 37), ("policy", 38)].map(|(name, at)| format!("{name} {}", fields[at])).into();
    let told = ["Cpus_allowed_list:", "VmLck:", "Max realtime timeout", "Max realtime priority", "Max locked memory"];
    found.extend(text.lines().filter(|line| told.iter().any(|word| line.starts_with(word))).map(str::to_owned));
    assert_eq!(found.len(), 8, "{text}");
    found
}

/// A loop at real-time priority, on one processor, locked in memory; scripts that it has started before and after. They are
/// as this thread is, which starts the daemon here.
#[test]
fn scripts_are_scheduled_as_the_daemon_was_and_not_as_its_loop_is() {
    let mine = ["stat", "status", "limits"].map(|file| {
        std::fs::read_to_string(format!("/proc/thread-self/{file}"))
            .or_else(|_| std::fs::read_to_string(format!("/proc/self/{file}")))
            .unwrap()
    });
    let mine = scheduled(&mine.concat());
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str| {
        let path = folder.path().join(name).display().to_string();
        let text =
            format!("cat /proc/self/stat /proc/self/status /proc/self/limits > {path}.part && mv {path}.part {path}");
        Some(Command { words: ["/bin/sh", "-c", &text].map(str::to_owned).to_vec(), user: None })
    };
    let written = |name: &str| {
        let (path, started) = (folder.path().join(name), Instant::now());
        while !path.exists() {
            assert!(started.elapsed() < LONG, "{name} did not run");
            thread::sleep(Duration::from_millis(5));
        }
        scheduled(&std::fs::read_to_string(path).unwrap())
    };
    let config = |fifo: bool, deleted: bool| {
        let scheduling =
            Scheduling { realtime: Some(3), processors: vec![0], lock_memory: true, ..Scheduling::default() };
        let path = folder.path().join("pipe").display().to_string();
        let fifo = fifo.then(|| Fifo { path, owner: None, script: script("fifo") });
        let router = RouterSettings { scheduling, notify_fifo: fifo, ..RouterSettings::default() };
        let notify =
            Notify { fault: script("fault"), deleted: script("deleted"), tell_deleted: true, ..Notify::default() };
        let instances =
            nowhere().instances.iter().cloned().map(|of| Instance { notify: notify.clone(), ..of }).collect();
        Arc::new(Config { instances: if deleted { Vec::new() } else { instances }, router, ..Config::default() })
    };
    let (events, told) = mpsc::channel();
    let options =
        Options { config: config(false, false), events: events.into(), services: Arc::default(), fresh: true };
    let handle = match spawn(options) {
        Ok(handle) => handle,
        Err(error) => return crate::shell::skip(&format!("no virtual router can run here: {error}")),
    };
    while told.recv_timeout(LONG).unwrap() != RouterEvent::Ready {}
    let loops = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| task.unwrap().path())
        .find(|task| std::fs::read_to_string(task.join("comm")).unwrap_or_default() == "router\n");
    let stat = std::fs::read_to_string(loops.unwrap().join("stat")).unwrap();
    let realtime = stat.rsplit_once(") ").unwrap().1.split(' ').nth(37) == Some("3");
    if !realtime {
        crate::shell::skip("real-time priority cannot be had: CAP_SYS_NICE is missing");
    }
    assert_eq!(written("fault"), mine, "a script that tells of a state");
    assert_eq!(handle.configure(config(true, false)).recv_timeout(LONG), Ok(Ok(())));
    assert_eq!(written("fifo"), mine, "one whose thread a loop of that kind has started");
    assert_eq!(handle.configure(config(true, true)).recv_timeout(LONG), Ok(Ok(())));
    assert_eq!(written("deleted"), mine);
    assert_eq!(handle.stop().recv_timeout(LONG), Ok(()));
    handle.join();
}
