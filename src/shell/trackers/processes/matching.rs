//! Which processes a [`TrackProcess`] means.

use super::proc::Process;
use crate::model::{ProcessArguments, TrackProcess};

/// `TASK_COMM_LEN` without its end: the kernel cuts names off here.
const LONGEST_NAME: usize = 15;

/// This process is meant.
pub(super) fn matches(wanted: &TrackProcess, process: &Process) -> bool {
    let program = wanted.program.as_bytes();
    let called = process.arguments.first().map(Vec::as_slice);
    let last_part = called.and_then(|called| called.rsplit(|byte| *byte == b'/').next());
    let is_program = if program.contains(&b'/') {
        called == Some(program)
    } else if wanted.full_command {
        last_part == Some(program)
    } else {
        program.get(..LONGEST_NAME).unwrap_or(program) == process.name || last_part == Some(program)
    };
    is_program
        && wanted.arguments.as_ref().is_none_or(|wanted| {
            let further = process.arguments.get(1..).unwrap_or_default();
            arguments(wanted, further)
        })
}

fn arguments(wanted: &ProcessArguments, found: &[Vec<u8>]) -> bool {
    let equal = |(wanted, found): (&String, &Vec<u8>)| wanted.as_bytes() == found;
    match wanted {
        ProcessArguments::Exact(words) => words.len() == found.len() && words.iter().zip(found).all(equal),
        ProcessArguments::Initial(words) => words.len() <= found.len() && words.iter().zip(found).all(equal),
        ProcessArguments::Partial(words) => {
            let Some((last, before)) = words.split_last() else { return true };
            before.iter().zip(found).all(equal)
                && found.get(before.len()).is_some_and(|found| found.starts_with(last.as_bytes()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn process(name: &str, line: &str) -> Process {
        let arguments = line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect();
        Process { name: name.as_bytes().to_vec(), arguments }
    }

    fn wanted(program: &str, full_command: bool, arguments: Option<ProcessArguments>) -> TrackProcess {
        TrackProcess {
            name: "x".to_owned(),
            program: program.to_owned(),
            arguments,
            full_command,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        }
    }

    #[test]
    fn programs() {
        let haproxy = process("haproxy", "/usr/sbin/haproxy -Ws -f /etc/haproxy/haproxy.cfg");
        let script = process("check.sh", "/bin/sh /usr/local/bin/check.sh now");
        let long = process("kube-controller", "kube-controller-manager --leader-elect=true");
        let thread = process("kworker/0:1", "");
        let renamed = process("worker", "nginx: worker process");
        for (program, full, process, expected) in [
            ("haproxy", false, &haproxy, true),
            ("haproxy", true, &haproxy, true),
            ("hapr", false, &haproxy, false),
            ("/usr/sbin/haproxy", false, &haproxy, true),
            ("/usr/sbin/haproxy", true, &haproxy, true),
            ("/sbin/haproxy", true, &haproxy, false),
            ("check.sh", false, &script, true),
            ("check.sh", true, &script, false),
            ("sh", false, &script, true),
            ("kube-controller-manager", false, &long, true),
            ("kube-controller-manager", true, &long, true),
            // The kernel's name alone cannot tell these two.
            ("kube-controller-other", false, &long, true),
            ("kube-controller-other", true, &long, false),
            ("kworker/0:1", false, &thread, false),
            ("kworker", true, &thread, false),
            ("worker", false, &renamed, true),
            ("nginx:", true, &renamed, true),
            ("", false, &thread, false),
        ] {
            assert_eq!(matches(&wanted(program, full, None), process), expected, "{program} {full} {process:?}");
        }
    }

    #[test]
    fn further_arguments() {
        use ProcessArguments::{Exact, Initial, Partial};
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (arguments, line, expected) in [
            (Exact(words("")), "p", true),
            (Exact(words("")), "p a", false),
            (Exact(words("a b")), "p a b", true),
            (Exact(words("a b")), "p a b c", false),
            (Exact(words("a b")), "p a", false),
            (Initial(words("a b")), "p a b c", true),
            (Initial(words("a b")), "p a bc", false),
            (Initial(words("a b")), "p a", false),
            (Initial(words("")), "p x", true),
            (Partial(words("a b")), "p a bc d", true),
            (Partial(words("a b")), "p ax b", false),
            (Partial(words("a b")), "p a", false),
            (Partial(words("a b")), "p a c", false),
            (Partial(words("")), "p", true),
        ] {
            let process = process("p", line);
            assert_eq!(
                matches(&wanted("p", false, Some(arguments.clone())), &process),
                expected,
                "{arguments:?} {line}"
            );
        }
    }
}
