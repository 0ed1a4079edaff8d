//! What the daemon asks of the host before it starts: a state directory of its own, the privileges that it needs.

use std::fmt;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::exit::Exit;

/// `CAP_NET_ADMIN` (`linux/capability.h`): addresses, IPVS tables, sysctls.
const CAP_NET_ADMIN: u32 = 12;
/// `CAP_NET_RAW`: VRRP and ARP packets.
const CAP_NET_RAW: u32 = 13;

/// Why the daemon cannot start on this host.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) exit: Exit,
    pub(super) sentence: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// The state directory, locked for as long as this lives, so that two daemons never write the same ledger.
#[derive(Debug)]
pub(super) struct StateDir {
    _lock: Flock<File>,
}

impl StateDir {
    /// Makes the directory where it is missing, and locks it.
    pub(super) fn claim(path: &Path) -> Result<Self, Refusal> {
        let cannot = |what: &str, error: &dyn fmt::Display| Refusal {
            exit: Exit::Failed,
            sentence: format!(
                "cannot {what} the state directory {} ({error}); choose another with --state-dir",
                path.display()
            ),
        };
        fs::create_dir_all(path).map_err(|error| cannot("make", &error))?;
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(|error| cannot("write to", &error))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                // For the eyes of whoever meets the lock; the lock itself is what counts. A full disk is no reason not to balance:
                // who writes something that matters says so when it cannot.
                let note = format!("{}\n", std::process::id());
                let _ = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| lock.write_all(note.as_bytes()));
                Ok(Self { _lock: lock })
            }
            Err((mut held, Errno::EWOULDBLOCK)) => {
                let mut pid = String::new();
                let pid = match held.read_to_string(&mut pid) {
                    Ok(_) if !pid.trim().is_empty() => format!("process {}", pid.trim()),
                    Ok(_) | Err(_) => "another process".to_owned(),
                };
                Err(Refusal {
                    exit: Exit::AlreadyRunning,
                    sentence: format!(
                        "another ipvsd ({pid}) uses the state directory {}; stop it first, or give this one its own \
                         --state-dir and --socket",
                        path.display()
                    ),
                })
            }
            Err((_, error)) => Err(cannot("lock", &error)),
        }
    }
}

/// Refuses to start without the privileges that everything here needs.
pub(super) fn require_privileges() -> Result<(), Refusal> {
    let Some(effective) = effective_capabilities() else { return Ok(()) };
    let missing: Vec<_> = [(CAP_NET_ADMIN, "CAP_NET_ADMIN"), (CAP_NET_RAW, "CAP_NET_RAW")]
        .into_iter()
        .filter(|(bit, _)| effective & (1 << bit) == 0)
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(" and ");
    Err(Refusal {
        exit: Exit::Privilege,
        sentence: format!(
            "{missing} missing: ipvsd programs IPVS, addresses and raw packets; run it as root, as the systemd unit does \
             (AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW), or in a container with `--cap-add NET_ADMIN --cap-add NET_RAW`"
        ),
    })
}

/// The `CapEff` line of `/proc/self/status` (proc(5)).
fn effective_capabilities() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// This process, for the snapshot.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) started_at: Instant,
}

impl Process {
    pub(super) fn uptime_secs(&self) -> f64 {
        self.started_at.elapsed().as_secs_f64()
    }

    /// Resident memory in bytes, from `/proc/self/statm` (proc(5), second field, in pages of 4 KiB on all that we run on
    /// but what `sysconf` says otherwise).
    pub(super) fn resident_bytes() -> u64 {
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
            .ok()
            .flatten()
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or(4096);
        fs::read_to_string("/proc/self/statm")
            .ok()
            .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok())
            .map_or(0, |pages| pages.saturating_mul(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_daemon_on_the_same_state_directory_is_told_who_has_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let first = StateDir::claim(folder.path()).unwrap();
        let refusal = StateDir::claim(folder.path()).unwrap_err();
        assert_eq!(refusal.exit, Exit::AlreadyRunning);
        assert!(refusal.sentence.contains(&std::process::id().to_string()), "{refusal}");
        drop(first);
        StateDir::claim(folder.path()).unwrap();
    }

    #[test]
    fn a_full_disk_is_no_reason_not_to_start() {
        let folder = tempfile::TempDir::new().unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("lock")).unwrap();
        StateDir::claim(folder.path()).unwrap();
    }

    #[test]
    fn a_state_directory_that_cannot_be_made_names_the_option() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let refusal = StateDir::claim(&file.join("state")).unwrap_err();
        assert_eq!(refusal.exit, Exit::Failed);
        assert!(refusal.sentence.contains("--state-dir"), "{refusal}");
    }
}
