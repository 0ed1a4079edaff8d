//! Where a test runs: on this machine's kernel, or in a guest of `scripts/lab`.
//!
//! Two needs are common. *Namespaces* need root and any kernel; *IPVS* needs a kernel that
//! has it, in namespaces too. A test that finds its need unmet runs its own test binary
//! again, for exactly this one test, through `scripts/lab`, and passes on what it said
//! and how it ended. Both kinds are ordinary tests:
//!
//! ```ignore
//! integration::native_test! {
//!     /// Needs only namespaces.
//!     fn nodes_reach_each_other() { ... }
//! }
//! integration::lab_test! {
//!     /// Needs IPVS.
//!     fn the_vip_answers() { ... }
//! }
//! ```
//!
//! A third kind, `guest_test!`, does to its kernel what nobody may do to this machine's, such as setting its clock: it
//! always runs in a guest.
//!
//! Inside a guest `IPVSD_LAB` is set (`uml`, `qemu` or `host`) and both run in place.
//! So a whole test binary can also be run in one guest, which saves starting one for
//! each test: `scripts/lab target/debug/deps/failover-...`.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use nix::sched::{CloneFlags, unshare};

use crate::programs;

/// Seconds that a guest may take for one test, unless `LAB_TIMEOUT` says otherwise.
const GUEST_SECONDS: &str = "300";

/// What a test asks of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Network, mount, process-id and host-name namespaces.
    Namespaces,
    /// Namespaces, and IPVS in them.
    Ipvs,
    /// A kernel of the test's own, with IPVS.
    Guest,
}

/// Declares tests that need namespaces; they run natively under root, else in a guest.
#[macro_export]
macro_rules! native_test {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)+) => {
        $($(#[$attribute])* #[test] fn $name() {
            $crate::kernel::run(
                $crate::kernel::Need::Namespaces,
                concat!(module_path!(), "::", stringify!($name)),
                || $body,
            );
        })+
    };
}

/// Declares tests that need a kernel with IPVS.
#[macro_export]
macro_rules! lab_test {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)+) => {
        $($(#[$attribute])* #[test] fn $name() {
            $crate::kernel::run(
                $crate::kernel::Need::Ipvs,
                concat!(module_path!(), "::", stringify!($name)),
                || $body,
            );
        })+
    };
}

/// Declares tests that need a kernel of their own.
#[macro_export]
macro_rules! guest_test {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)+) => {
        $($(#[$attribute])* #[test] fn $name() {
            $crate::kernel::run(
                $crate::kernel::Need::Guest,
                concat!(module_path!(), "::", stringify!($name)),
                || $body,
            );
        })+
    };
}

/// Runs a test's body where its need is met. `path` is the test's full path, the name
/// of the crate included. The macros call this.
///
/// # Panics
///
/// When the body does, here or in the guest.
pub fn run(need: Need, path: &str, body: impl FnOnce()) {
    if is_met(need) {
        body();
    } else {
        run_in_guest(path, need);
    }
}

/// Whether the kernel that this process runs on has what is needed, as far as we may
/// use it.
#[must_use]
pub fn is_met(need: Need) -> bool {
    match need {
        Need::Namespaces => may_unshare(),
        Need::Ipvs => may_unshare() && has_ipvs(),
        Need::Guest => std::env::var("IPVSD_LAB").is_ok_and(|kind| kind == "uml" || kind == "qemu"),
    }
}

/// Tells that something cannot be tested here, and fails the test unless
/// `IPVSD_ALLOW_SKIP=1`: a test that did not run must not look like one that passed.
///
/// # Panics
///
/// Unless skipping is allowed.
pub fn skip(reason: &str) {
    println!("SKIP: {reason}");
    assert!(
        std::env::var("IPVSD_ALLOW_SKIP").is_ok_and(|allowed| allowed == "1"),
        "SKIP: {reason} (IPVSD_ALLOW_SKIP=1 lets such tests pass)"
    );
}

/// Whether threads of ours may make namespaces; found out once, by a thread that does.
fn may_unshare() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        nix::unistd::geteuid().is_root()
            && std::thread::spawn(|| {
                unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS).is_ok()
            })
            .join()
            .unwrap_or(false)
    })
}

/// In a guest, IPVS is there because `scripts/lab` saw to it. On a machine's own kernel
/// the file is there once the module is loaded, which is for the administrator (or
/// `scripts/lab`, as host) to do.
fn has_ipvs() -> bool {
    std::env::var_os("IPVSD_LAB").is_some_and(|kind| kind != "native")
        || std::path::Path::new("/proc/net/ip_vs").exists()
}

/// Runs one test of the current binary through `scripts/lab`.
fn run_in_guest(path: &str, need: Need) {
    assert!(
        std::env::var_os("IPVSD_LAB").is_none(),
        "{path}: this is a guest of scripts/lab already, and it lacks what the test needs"
    );
    programs::build();
    let (_, name) = path.split_once("::").expect("a test path begins with its crate's name");
    let mut command = Command::new(programs::repository().join("scripts/lab"));
    command
        .arg(std::env::current_exe().expect("the test knows its own file"))
        .args(["--exact", name, "--nocapture", "--include-ignored", "--test-threads=1"])
        .stdin(Stdio::null());
    if need == Need::Guest && std::env::var_os("LAB").is_none_or(|kind| kind != "qemu") {
        // Left to choose, it might choose this machine's own kernel.
        command.env("LAB", "uml");
    }
    if std::env::var_os("LAB_TIMEOUT").is_none() {
        command.env("LAB_TIMEOUT", GUEST_SECONDS);
    }
    let output = command.output().expect("scripts/lab can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    // println! is captured by the test runner and shown if the test fails.
    print!("{said}");
    eprint!("{complained}");
    match output.status.code() {
        // Zero tests run would also be a success to the runner.
        Some(0) => assert!(said.contains("1 passed"), "{name}: the guest did not run the test"),
        Some(125) => skip(&format!("no guest for {name}: {}", complained.trim())),
        Some(124) => panic!("{name}: time was up in the guest"),
        other => panic!("{name}: failed in the guest (exit status {other:?})"),
    }
}
