//! `scripts/lab` itself: what goes in comes out, nothing else does, nothing stays.
//!
//! These run on the host, whatever kernel the lab chooses, but for the crash of one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use integration::programs::repository;
use integration::wait_until;

const LONG: Duration = Duration::from_secs(60);

fn lab(words: &[&str]) -> Command {
    let mut command = Command::new(repository().join("scripts/lab"));
    command.args(words).env_remove("LAB_OUT").env("LAB_TIMEOUT", "120").stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn assert_status(output: &Output, status: i32) {
    assert_eq!(output.status.code(), Some(status), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn streams_arguments_folder_and_status_pass_through() {
    let script = r#"cat; printf '[%s]' "$@"; echo; pwd; id -u; echo trouble >&2; echo "$IPVSD_GREETING"; exit 7"#;
    let mut child = lab(&["bash", "-c", script, "bash", "a b", "it's", "", "$HOME *"])
        .env("IPVSD_GREETING", "hello \"you\"")
        .current_dir(repository().join("integration"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"from outside\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_status(&output, 7);
    let folder = repository().join("integration");
    let expected = format!("from outside\n[a b][it's][][$HOME *]\n{}\n0\nhello \"you\"\n", folder.display());
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(text(&output.stderr), "trouble\n");
}

#[test]
fn ipvs_is_there_and_its_modules_load_by_name() {
    let script = "modprobe ip_vs_wlc && ipvsadm -A -t 192.0.2.1:80 -s mh && cat /proc/net/ip_vs";
    let output = lab(&["bash", "-e", "-c", script]).output().unwrap();
    assert_status(&output, 0);
    assert!(text(&output.stdout).contains("C0000201:0050 mh"), "{}", text(&output.stdout));
}

#[test]
fn only_the_output_folder_outlives_a_guest() {
    let (out, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (kept, other) = (other.path().join("kept"), other.path());
    fs::write(&kept, "x").unwrap();
    let marker = format!("lab-marker-{}", std::process::id());
    let script = format!(
        "for d in /etc /usr /var/lib /tmp /run /dev/shm . \"$LAB_OUT\"; do echo x >$d/{marker}; done; rm -r {}",
        other.display()
    );
    let output =
        lab(&["bash", "-e", "-c", &script]).env("LAB_OUT", out.path()).current_dir(repository()).output().unwrap();
    assert_status(&output, 0);
    assert!(kept.exists(), "a guest removed a file of the host");
    for folder in ["/etc", "/usr", "/var/lib", "/tmp", "/run", "/dev/shm"] {
        assert!(!Path::new(folder).join(&marker).exists(), "{folder} was written to");
    }
    assert!(!repository().join(&marker).exists());
    assert_eq!(fs::read_to_string(out.path().join(&marker)).unwrap(), "x\n");
}

#[test]
fn statuses_tell_the_truth() {
    assert_status(&lab(&["no-such-command"]).output().unwrap(), 127);
    assert_status(&lab(&["bash", "-c", "kill -KILL $$"]).output().unwrap(), 128 + 9);
    let late = lab(&["sleep", "1000"]).env("LAB_TIMEOUT", "5").output().unwrap();
    assert_status(&late, 124);
    assert!(text(&late.stderr).contains("time is up after 5 s"), "{}", text(&late.stderr));
}

#[test]
fn a_crash_of_the_guests_kernel_is_reported() {
    let crash = lab(&["bash", "-c", "echo c >/proc/sysrq-trigger"]).env("LAB", "uml").output().unwrap();
    assert_status(&crash, 125);
    assert!(text(&crash.stderr).contains("Kernel panic"), "{}", text(&crash.stderr));
}

#[test]
fn nothing_is_left_of_a_lab_that_was_killed() {
    // Everything that belongs to this guest has this folder on its command line.
    let folder = tempfile::tempdir().unwrap();
    let mut child = lab(&["bash", "-c", "echo up; sleep 1000"])
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    assert!(processes_about(folder.path()) > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until(LONG, "the guest gone", || processes_about(folder.path()) == 0);
    wait_until(LONG, "its folder gone", || fs::read_dir(folder.path()).unwrap().count() == 0);
}

/// Any short buffer of the extended processor state is refused by the kernel, with AMX
/// or without, so that the wrapper can be tried on every machine.
#[test]
fn the_ptrace_wrapper_lengthens_a_short_processor_state() {
    let folder = tempfile::tempdir().unwrap();
    let wrapper = folder.path().join("wrapper.so");
    let tracer = folder.path().join("tracer");
    let source = repository().join("scripts/lab.d/xstate-ptrace.c");
    let compile = |words: &[&std::ffi::OsStr]| {
        assert!(Command::new("cc").args(words).status().unwrap().success());
    };
    compile(&["-shared".as_ref(), "-fPIC".as_ref(), "-o".as_ref(), wrapper.as_ref(), source.as_ref()]);
    let program = folder.path().join("tracer.c");
    fs::write(&program, TRACER).unwrap();
    compile(&["-o".as_ref(), tracer.as_ref(), program.as_ref()]);

    let bare = Command::new(&tracer).output().unwrap();
    assert_eq!(text(&bare.stdout), "set: Bad address\n");
    let wrapped = Command::new(&tracer).env("LD_PRELOAD", &wrapper).output().unwrap();
    assert_eq!(text(&wrapped.stdout), "set: Success\nxmm0: kept\npeek: kept\n");
}

/// Sets a register of a child with a state as short as the oldest processors' (512 bytes
/// and the header), and reads it back; then pokes and peeks at a word.
const TRACER: &str = r#"
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
static unsigned char state[65536] __attribute__((aligned(64)));
static long word;
int main(void)
{
	pid_t child = fork();
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(child, 0, 0);
	struct iovec all = { state, sizeof state };
	ptrace(PTRACE_GETREGSET, child, (void *)NT_X86_XSTATE, &all);
	memset(state + 160, 0x5a, 16); /* xmm0 */
	state[512] |= 2;               /* the SSE part of the state is not initial */
	struct iovec head = { state, 512 + 64 };
	errno = 0;
	ptrace(PTRACE_SETREGSET, child, (void *)NT_X86_XSTATE, &head);
	printf("set: %s\n", strerror(errno));
	if (!errno) {
		memset(state, 0, sizeof state);
		all.iov_len = sizeof state;
		ptrace(PTRACE_GETREGSET, child, (void *)NT_X86_XSTATE, &all);
		printf("xmm0: %s\n", state[160] == 0x5a && state[175] == 0x5a ? "kept" : "lost");
		ptrace(PTRACE_POKEDATA, child, &word, 42L);
		printf("peek: %s\n", ptrace(PTRACE_PEEKDATA, child, &word, 0) == 42 ? "kept" : "lost");
	}
	kill(child, SIGKILL);
	return 0;
}
"#;

/// Processes whose command line mentions a path.
fn processes_about(path: &Path) -> usize {
    let needle = path.to_str().unwrap();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|words| text(words).contains(needle))
        .count()
}
