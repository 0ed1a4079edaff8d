//! What `/proc` says of processes (proc(5)).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;

/// Bytes of a command line that are looked at.
const LONGEST_COMMAND_LINE: u64 = 64 * 1024;

/// A process that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    /// The kernel's name for it, of 15 bytes at most.
    pub(super) name: Vec<u8>,
    /// Its arguments, of which the first is the program as it was called. None for a thread of the kernel.
    pub(super) arguments: Vec<Vec<u8>>,
}

/// Numbers of all processes.
pub(super) fn all() -> Vec<i32> {
    numbers("/proc").collect()
}

/// The threads of a process but its first.
pub(super) fn other_threads(pid: i32) -> BTreeSet<i32> {
    numbers(&format!("/proc/{pid}/task")).filter(|thread| *thread != pid).collect()
}

fn numbers(folder: &str) -> impl Iterator<Item = i32> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// A process. `None` if it does not run, or has ended and waits to be reaped.
pub(super) fn read(pid: i32) -> Option<Process> {
    let stat = bytes(&format!("/proc/{pid}/stat"), 4096)?;
    let (name, state) = name_and_state(&stat)?;
    if matches!(state, b'Z' | b'X' | b'x') {
        return None;
    }
    let line = bytes(&format!("/proc/{pid}/cmdline"), LONGEST_COMMAND_LINE)?;
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let arguments =
        if line.is_empty() { Vec::new() } else { line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect() };
    Some(Process { name: name.to_vec(), arguments })
}

/// `1234 (name) S ...`: a name may have parentheses and spaces of its own.
fn name_and_state(stat: &[u8]) -> Option<(&[u8], u8)> {
    let begin = stat.iter().position(|byte| *byte == b'(')?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let name = stat.get(begin + 1..end)?;
    // Who writes to /proc/PID/comm with `echo` names itself so.
    Some((name.strip_suffix(b"\n").unwrap_or(name), *stat.get(end + 2)?))
}

fn bytes(path: &str, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        assert_eq!(name_and_state(b"12 (a) b) (c) S 1 2"), Some((&b"a) b) (c"[..], b'S')));
        assert_eq!(name_and_state(b"12 (a\n) S"), Some((&b"a"[..], b'S')));
        assert_eq!(name_and_state(b"12 () Z"), Some((&b""[..], b'Z')));
        for bad in [&b""[..], b"12", b"12 (a", b"12 (a)", b") ("] {
            assert_eq!(name_and_state(bad), None);
        }
    }

    #[test]
    fn we_run() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(all().contains(&own));
        let arguments: Vec<_> = std::env::args().map(String::into_bytes).collect();
        assert_eq!(read(own).unwrap().arguments, arguments);
        assert!(!other_threads(own).is_empty(), "tests run on threads of their own");
        assert_eq!(read(-1), None);
    }
}
