//! How threads of ours are scheduled: real-time priority, nice level, processors, memory that is never swapped out.
//!
//! All of it is optional, and the kernel may refuse each part; what it refuses is told and gone without. It is for one thread
//! alone, and nobody else is to have it: threads inherit what the thread has that starts them, so one that works for the
//! router loop begins with [`ordinary`], which gives it what the daemon was started with (`Nice=`, `CPUAffinity=` and the like
//! of a service). Scripts are started by such threads. Locked memory is inherited by nobody (mlockall(2)).
//!
//! The limit of real-time computing (`RLIMIT_RTTIME`) is the whole process's, and children inherit it, which it would hit
//! where they are real-time programs of their own. So it is taken back for the moment in which a child is [started](starting).
//! Only the soft limit is set. Past a hard one the kernel kills, and a router that dies with its addresses on is worse than one
//! that was late for once: what the kernel sends instead is a signal, of which [`overran`] tells.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall, munlockall};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use rustix::process::{getpriority_process, setpriority_process};
use signal_hook::consts::SIGXCPU;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id, thread_schedule_policy_param,
};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

use crate::model::Scheduling;

/// `vrrp_rlimit_rttime` unless written, as in keepalived: a real-time loop that computes for so long is told of.
const REALTIME_LIMIT_MICROS: u64 = 10_000;
/// The calling thread, for system calls that take a process.
const MYSELF: Pid = Pid::from_raw(0);
const NORMAL: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);

/// What the daemon was started with.
#[derive(Debug)]
struct Origin {
    policy: ThreadSchedulePolicy,
    /// Real-time priority, where the policy is of that kind.
    realtime: i32,
    nice: i32,
    /// `None`: it cannot be told, and all that there are will do.
    processors: Option<CpuSet>,
    /// `RLIMIT_RTTIME`, soft and hard.
    limit: Option<(u64, u64)>,
}

/// As whoever asks first finds it, which is before anybody has changed anything.
fn origin() -> &'static Origin {
    static ORIGIN: OnceLock<Origin> = OnceLock::new();
    ORIGIN.get_or_init(|| {
        let (policy, realtime) = policy().unwrap_or((NORMAL, 0));
        Origin {
            policy,
            realtime,
            nice: getpriority_process(None).unwrap_or(0),
            processors: sched_getaffinity(MYSELF).ok(),
            limit: getrlimit(Resource::RLIMIT_RTTIME).ok(),
        }
    })
}

/// Makes the calling thread be scheduled as wanted, and gives what was refused, a sentence each.
pub fn apply(wanted: &Scheduling, before: &Scheduling) -> Vec<String> {
    let origin = origin();
    let mut problems = Vec::new();
    let mut attempt = |what: &str, outcome: Result<(), String>| {
        if let Err(error) = outcome {
            problems.push(format!("{what} cannot be had: {error}; going on without"));
        }
    };
    if wanted.processors != before.processors {
        attempt("the processors (`processors`, in keepalived's words `vrrp_cpu_affinity`)", bind(&wanted.processors));
    }
    if (wanted.realtime, wanted.nice, wanted.realtime_limit_micros)
        != (before.realtime, before.nice, before.realtime_limit_micros)
    {
        match wanted.realtime {
            Some(priority) => {
                attempt(
                    "the limit of real-time computing (`realtime-limit`, in keepalived's words `vrrp_rlimit_rttime`)",
                    limit(wanted.realtime_limit_micros.unwrap_or(REALTIME_LIMIT_MICROS)),
                );
                attempt(
                    "real-time priority (`realtime`, in keepalived's words `vrrp_rt_priority`)",
                    realtime(RealtimeThreadSchedulePolicy::RoundRobin, i32::from(priority)),
                );
            }
            None => {
                let nice = wanted.nice.map_or(origin.nice, i32::from);
                if before.realtime.is_some() {
                    attempt("the ordinary scheduler", unhurried(nice));
                    attempt("the limit of real-time computing as it was", leash(|leash| leash.wanted = None));
                }
                let nice = setpriority_process(None, nice);
                attempt(
                    "the nice level (`nice`, in keepalived's words `vrrp_priority`)",
                    nice.map_err(|errno| errno.to_string()),
                );
            }
        }
    }
    if wanted.lock_memory != before.lock_memory {
        let outcome = if wanted.lock_memory {
            mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)
        } else {
            munlockall()
        };
        attempt(
            "memory that is never swapped out (`lock-memory`, in keepalived's words `vrrp_no_swap`)",
            outcome.map_err(described),
        );
    }
    problems
}

/// Gives the calling thread back what the daemon was started with, whatever it inherited.
pub fn ordinary() {
    let origin = origin();
    // A thread that may not go back was never anything else.
    if policy() != Some((origin.policy, origin.realtime)) {
        let _ = unhurried(origin.nice);
    }
    if getpriority_process(None) != Ok(origin.nice) {
        let _ = setpriority_process(None, origin.nice);
    }
    let _ = bind(&[]);
}

/// Starts a child process: it inherits the limits that the daemon was started with.
pub fn starting<T>(start: impl FnOnce() -> T) -> T {
    struct Started;
    impl Drop for Started {
        fn drop(&mut self) {
            let _ = leash(|leash| leash.starting = leash.starting.saturating_sub(1));
        }
    }
    // What could be set can be taken back: the hard limit is as it was.
    let _ = leash(|leash| leash.starting = leash.starting.saturating_add(1));
    let _started = Started;
    start()
}

/// The kernel has told, since it was last asked for, that a real-time thread of ours computed for longer than this without a
/// pause.
#[must_use]
pub fn overran() -> Option<Duration> {
    let overran = OVERRAN.get()?;
    if !overran.swap(false, Ordering::AcqRel) {
        return None;
    }
    let mut wanted = None;
    // It has raised the limit by a second with that (`check_thread_timers` of kernel/time/posix-cpu-timers.c).
    let _ = leash(|leash| wanted = leash.wanted);
    wanted.map(Duration::from_micros)
}

/// The limit of real-time computing.
#[derive(Debug)]
struct Leash {
    /// Microseconds; `None`: as the daemon was started.
    wanted: Option<u64>,
    /// So many children are being started.
    starting: u32,
}

static LEASH: Mutex<Leash> = Mutex::new(Leash { wanted: None, starting: 0 });
/// Set by the signal's handler, once there is one.
static OVERRAN: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Sets it anew after a change. Held for this only: whoever starts a child may wait for a disk meanwhile.
fn leash(change: impl FnOnce(&mut Leash)) -> Result<(), String> {
    let mut leash = LEASH.lock().unwrap_or_else(PoisonError::into_inner);
    let before = leash.wanted;
    change(&mut leash);
    let Some((soft, hard)) = origin().limit.filter(|_| before.or(leash.wanted).is_some()) else { return Ok(()) };
    let soft = leash.wanted.filter(|_| leash.starting == 0).map_or(soft, |wanted| wanted.min(hard));
    setrlimit(Resource::RLIMIT_RTTIME, soft, hard).map_err(described)
}

fn limit(micros: u64) -> Result<(), String> {
    // Without a handler the signal would be the end.
    if OVERRAN.get().is_none() {
        let flag = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGXCPU, Arc::clone(&flag)).map_err(|error| error.to_string())?;
        let _ = OVERRAN.set(flag);
    }
    leash(|leash| leash.wanted = Some(micros))
}

/// The calling thread's, with its real-time priority.
fn policy() -> Option<(ThreadSchedulePolicy, i32)> {
    thread_schedule_policy_param(thread_native_id())
        .ok()
        .map(|(policy, parameters)| (policy, parameters.sched_priority))
}

fn realtime(policy: RealtimeThreadSchedulePolicy, priority: i32) -> Result<(), String> {
    let value = u8::try_from(priority).map_err(|error| error.to_string())?;
    let value = ThreadPriorityValue::try_from(value).map_err(|error| error.to_string())?;
    let policy = ThreadSchedulePolicy::Realtime(policy);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(value), policy).map_err(refused)
}

/// The scheduler that the daemon was started with, at this nice level if that is one that has them.
fn unhurried(nice: i32) -> Result<(), String> {
    let origin = origin();
    let policy = match origin.policy {
        ThreadSchedulePolicy::Realtime(policy) => return realtime(policy, origin.realtime),
        ThreadSchedulePolicy::Normal(policy) => ThreadSchedulePolicy::Normal(policy),
    };
    // The crate sets a nice level too, and has a scale of its own for it, 0 to 99 for 20 to -20. Whoever may not lower its
    // level again must not be sent to another one on the way.
    let value = u8::try_from((20 - nice.clamp(-20, 19)) * 99 / 40).map_err(|error| error.to_string())?;
    let value = ThreadPriorityValue::try_from(value).map_err(|error| error.to_string())?;
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(value), policy).map_err(refused)
}

/// The processors given; none: those that the daemon was started on.
fn bind(processors: &[u16]) -> Result<(), String> {
    let mut set = CpuSet::new();
    if processors.is_empty() {
        match origin().processors {
            Some(own) => set = own,
            None => (0..CpuSet::count()).try_for_each(|processor| set.set(processor)).map_err(described)?,
        }
    }
    for processor in processors {
        set.set(usize::from(*processor)).map_err(described)?;
    }
    sched_setaffinity(MYSELF, &set).map_err(described)
}

fn refused(error: thread_priority::Error) -> String {
    match error {
        thread_priority::Error::OS(errno) => described(Errno::from_raw(errno)),
        other @ (thread_priority::Error::Priority(_)
        | thread_priority::Error::PriorityNotInRange(_)
        | thread_priority::Error::Ffi(_)) => format!("{other:?}"),
    }
}

fn described(errno: Errno) -> String {
    if errno == Errno::EPERM {
        "the kernel forbids it; CAP_SYS_NICE or CAP_IPC_LOCK is missing, or a limit of the service (LimitRTPRIO=, \
         LimitMEMLOCK=) is too low"
            .to_owned()
    } else {
        errno.desc().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a thread of its own: what it does to itself ends with it.
    fn aside(test: impl FnOnce() + Send + 'static) {
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn processors_come_and_go() {
        aside(|| {
            let own = || {
                let set = sched_getaffinity(MYSELF).unwrap();
                (0..64).filter(|at| set.is_set(*at).unwrap_or(false)).count()
            };
            let all = own();
            let one = Scheduling { processors: vec![0], ..Scheduling::default() };
            assert_eq!(apply(&one, &Scheduling::default()), Vec::<String>::new());
            assert_eq!(own(), 1);
            assert_eq!(apply(&Scheduling::default(), &one), Vec::<String>::new());
            assert_eq!(own(), all);
            let none = Scheduling { processors: vec![1000], ..Scheduling::default() };
            let problems = apply(&none, &Scheduling::default());
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(
                problems[0].starts_with(
                    "the processors (`processors`, in keepalived's words `vrrp_cpu_affinity`) cannot be had: "
                ),
                "{problems:?}"
            );
        });
    }

    #[test]
    fn a_nice_level_is_this_threads_alone_and_nothing_is_done_twice() {
        aside(|| {
            let origin = getpriority_process(None).unwrap();
            let level = i8::try_from(origin + 5).unwrap().min(19);
            let wanted = Scheduling { nice: Some(level), ..Scheduling::default() };
            assert_eq!(apply(&wanted, &Scheduling::default()), Vec::<String>::new());
            assert_eq!(getpriority_process(None), Ok(i32::from(level)));
            assert_eq!(apply(&wanted, &wanted), Vec::<String>::new());
            std::thread::spawn(move || {
                assert_eq!(getpriority_process(None), Ok(i32::from(level)), "it is inherited");
                ordinary();
                if may_hurry() {
                    assert_eq!(getpriority_process(None), Ok(origin));
                } else {
                    crate::shell::skip("a nice level cannot be lowered again: CAP_SYS_NICE is missing");
                }
            })
            .join()
            .unwrap();
            assert_eq!(getpriority_process(None), Ok(i32::from(level)));
        });
    }

    /// Whether this process may have real-time priority and a better nice level: tried, as `CAP_SYS_NICE` would have it.
    fn may_hurry() -> bool {
        let attempt = || {
            let own = getpriority_process(None).unwrap();
            setpriority_process(None, own - 1).is_ok() && realtime(RealtimeThreadSchedulePolicy::RoundRobin, 1).is_ok()
        };
        std::thread::spawn(attempt).join().unwrap()
    }

    #[test]
    fn real_time_comes_and_goes() {
        aside(|| {
            // A limit of its own, so that the other tests of this process keep theirs.
            let wanted =
                Scheduling { realtime: Some(3), realtime_limit_micros: Some(u64::MAX), ..Scheduling::default() };
            let (hurries, nice) = (may_hurry(), getpriority_process(None));
            let problems = apply(&wanted, &Scheduling::default());
            if hurries {
                assert_eq!(problems, Vec::<String>::new());
                let round_robin = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
                assert_eq!(policy(), Some((round_robin, 3)));
            } else {
                assert!(problems[0].starts_with("real-time priority (`realtime`, "), "{problems:?}");
                assert_eq!(problems.len(), 1, "{problems:?}");
            }
            assert_eq!(apply(&Scheduling::default(), &wanted), Vec::<String>::new());
            assert_eq!(policy(), Some((NORMAL, 0)));
            assert_eq!(getpriority_process(None), nice);
            if !hurries {
                crate::shell::skip("real-time priority cannot be had: CAP_SYS_NICE is missing");
            }
        });
    }

    /// A thread that spins at real-time priority is told of, as often as it does so, and nobody dies of it.
    #[test]
    fn who_computes_for_too_long_is_told_of_and_lives() {
        if !may_hurry() {
            return crate::shell::skip("real-time priority cannot be had: CAP_SYS_NICE is missing");
        }
        aside(|| {
            let wanted = Scheduling { realtime: Some(1), ..Scheduling::default() };
            let limits = || getrlimit(Resource::RLIMIT_RTTIME).unwrap();
            let before = limits();
            assert_eq!(apply(&wanted, &Scheduling::default()), Vec::<String>::new());
            assert_eq!(limits(), (10_000, before.1), "the kernel kills past a hard limit");
            assert_eq!(starting(limits), before, "as a child inherits it");
            assert_eq!(starting(|| starting(limits)), before);
            assert_eq!(limits(), (10_000, before.1));
            for _ in 0..3 {
                let started = std::time::Instant::now();
                let limit = loop {
                    if let Some(limit) = overran() {
                        break limit;
                    }
                    assert!(started.elapsed() < Duration::from_secs(20), "nobody is told");
                };
                assert_eq!(limit, Duration::from_millis(10));
                assert_eq!(limits(), (10_000, before.1), "the next time counts from the same limit");
                // A pause, from which the kernel counts anew.
                std::thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(apply(&Scheduling::default(), &wanted), Vec::<String>::new());
            assert_eq!(limits(), before);
        });
    }
}
