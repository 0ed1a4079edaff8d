//! How threads of ours are scheduled: real-time priority, nice level, processors, memory that is never swapped out.
//!
//! All of it is optional, and the kernel may refuse each part; what it refuses is told and gone without. Threads inherit what
//! the thread has that starts them, so one that works for the router loop begins with [`ordinary`].

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall, munlockall};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::Pid;
use rustix::process::setpriority_process;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

use crate::model::Scheduling;

/// `vrrp_rlimit_rttime` unless written, as in keepalived: a real-time loop that spins does not take the host along.
const REALTIME_LIMIT_MICROS: u64 = 10_000;
/// The calling thread, for system calls that take a process.
const MYSELF: Pid = Pid::from_raw(0);

/// Makes the calling thread be scheduled as wanted, and gives what was refused, a sentence each.
pub fn apply(wanted: &Scheduling, before: &Scheduling) -> Vec<String> {
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
                let limit = wanted.realtime_limit_micros.unwrap_or(REALTIME_LIMIT_MICROS);
                let limited = setrlimit(Resource::RLIMIT_RTTIME, limit, limit).map_err(described);
                attempt(
                    "the limit of real-time computing (`realtime-limit`, in keepalived's words `vrrp_rlimit_rttime`)",
                    limited,
                );
                attempt(
                    "real-time priority (`realtime`, in keepalived's words `vrrp_rt_priority`)",
                    realtime(priority),
                );
            }
            None => {
                if before.realtime.is_some() {
                    attempt("the ordinary scheduler", unhurried());
                }
                let nice = setpriority_process(None, i32::from(wanted.nice.unwrap_or(0)));
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

/// Gives the calling thread back what an ordinary thread has, whatever it inherited.
pub fn ordinary() {
    // A thread that may not go back was never anything else.
    let _ = unhurried();
    let _ = setpriority_process(None, 0);
    let _ = bind(&[]);
}

fn realtime(priority: u8) -> Result<(), String> {
    let value = ThreadPriorityValue::try_from(priority).map_err(|error| error.to_string())?;
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(value), policy)
        .map_err(|error| format!("{error:?}"))
}

fn unhurried() -> Result<(), String> {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    let middle = ThreadPriorityValue::try_from(0).map_err(|error| error.to_string())?;
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(middle), policy)
        .map_err(|error| format!("{error:?}"))
}

/// The processors given; none: all that there are.
fn bind(processors: &[u16]) -> Result<(), String> {
    let mut set = CpuSet::new();
    if processors.is_empty() {
        for processor in 0..CpuSet::count() {
            set.set(processor).map_err(described)?;
        }
    }
    for processor in processors {
        set.set(usize::from(*processor)).map_err(described)?;
    }
    sched_setaffinity(MYSELF, &set).map_err(described)
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
    use nix::sched::sched_getaffinity;

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
            let wanted = Scheduling { nice: Some(5), ..Scheduling::default() };
            assert_eq!(apply(&wanted, &Scheduling::default()), Vec::<String>::new());
            assert_eq!(rustix::process::getpriority_process(None), Ok(5));
            assert_eq!(apply(&wanted, &wanted), Vec::<String>::new());
            std::thread::spawn(|| {
                assert_eq!(rustix::process::getpriority_process(None), Ok(5), "it is inherited");
                ordinary();
                // Lowering it again takes a privilege.
                if nix::unistd::geteuid().is_root() {
                    assert_eq!(rustix::process::getpriority_process(None), Ok(0));
                }
            })
            .join()
            .unwrap();
            assert_eq!(rustix::process::getpriority_process(None), Ok(5));
        });
    }

    #[test]
    fn real_time_is_had_or_its_lack_is_told() {
        aside(|| {
            // A limit of its own, so that the other tests of this process keep theirs.
            let wanted =
                Scheduling { realtime: Some(3), realtime_limit_micros: Some(u64::MAX), ..Scheduling::default() };
            let problems = apply(&wanted, &Scheduling::default());
            let policy = thread_priority::unix::thread_schedule_policy().unwrap();
            match problems.as_slice() {
                [] => assert_eq!(policy, ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin)),
                [problem] => {
                    assert!(problem.starts_with("real-time priority (`realtime`, "), "{problem}")
                }
                more => panic!("{more:?}"),
            }
            assert_eq!(apply(&Scheduling::default(), &wanted), Vec::<String>::new());
            let policy = thread_priority::unix::thread_schedule_policy().unwrap();
            assert_eq!(policy, ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other));
        });
    }
}
