//! Everything with a side effect: the clock, netlink, raw sockets, probes' sockets, child processes, sysctls, signals, the
//! control socket, the ledger, and the supervisor that holds them together. What to do is decided in the pure rooms;
//! here it is done, and what came of it is told to them.

pub mod balancer;
mod config_watch;
pub mod control;
mod fifos;
pub mod files;
pub mod interfaces;
pub mod kernel_view;
pub mod log;
mod mailbox;
mod namespace;
mod nftables;
pub mod outbox;
pub(crate) mod probe;
pub mod role_board;
mod rounds;
pub mod router;
pub mod scheduling;
mod scripts;
pub mod service_board;
mod slot;
mod state_file;
pub mod supervisor;
pub mod sysctl;
mod tokens;
pub mod trackers;
mod watched_folders;

/// This boot and the network namespace of this thread, as one line of text: what is written down about the kernel's state holds
/// there and nowhere else.
fn here() -> String {
    stamp(std::path::Path::new("/proc/thread-self/ns/net"))
}

/// This boot and the network namespace that this file stands for, as [`here`].
fn stamp(namespace: &std::path::Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let netns = std::fs::metadata(namespace).map_or(0, |file| file.ino());
    format!("boot {} netns {netns}", boot.trim())
}

/// Tells that something cannot be tested here, and fails the test unless `IPVSD_ALLOW_SKIP=1`: a test that did not run must
/// not look like one that passed.
#[cfg(test)]
#[track_caller]
fn skip(reason: &str) {
    println!("SKIP: {reason}");
    assert!(
        std::env::var("IPVSD_ALLOW_SKIP").is_ok_and(|allowed| allowed == "1"),
        "SKIP: {reason} (IPVSD_ALLOW_SKIP=1 lets such tests pass)"
    );
}
