//! One child process: found, checked, started, waited for.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Gid, Group, Pid, Uid, User, getgid, getuid};

use crate::model::{RunAs, ScriptFault, ScriptOutcome};
use crate::shell::scheduling;

/// Where programs are looked for if our environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What the service manager tells us and nobody else: a child must not answer in our name.
const OWN_VARIABLES: [&str; 6] =
    ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];
/// Who runs scripts where nobody is named, if there is such a user: as with keepalived.
const USUAL_USER: &str = "keepalived_script";
/// Symbolic links that are followed, as in the kernel (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;
/// The kernel reads so much of a program to see what it is (`BINPRM_BUF_SIZE`).
const FIRST_LINE: u64 = 256;
/// Enough to look at a path, start a program and wait in.
const STARTER_STACK: usize = 128 * 1024;

/// Who users are, looked up once for each configuration: where a directory in the network is asked, that may take seconds, and
/// all scripts wait for it.
#[derive(Debug, Default)]
pub(in crate::shell) struct Users {
    known: HashMap<Option<RunAs>, Identity>,
    /// What was known before: it counts where nobody answers any more.
    before: HashMap<Option<RunAs>, Identity>,
}

impl Users {
    /// A configuration has been read: they may be others now.
    pub(in crate::shell) fn look_again(&mut self) {
        let known = std::mem::take(&mut self.known);
        self.before.extend(known);
    }

    /// Who runs what this user is to run, or nobody in particular, if not the daemon itself.
    ///
    /// # Errors
    /// There is nobody: `enable_script_security` means that root runs only what it was told to run, as with keepalived.
    pub(in crate::shell) fn who(
        &mut self,
        user: Option<&RunAs>,
        secure: bool,
        daemon: (Uid, Gid),
    ) -> Result<Identity, ScriptOutcome> {
        let identity = self.get(user, || match user {
            Some(user) => identify(user).map(Some),
            None => usual_user(daemon.0),
        })?;
        if secure && user.is_none() && identity.is_none() && daemon.0.is_root() {
            let why = format!(
                "nobody is named to run it, there is no user {USUAL_USER}, and with enable_script_security root does not run it in \
                 their place; set script_user, to root if that is meant"
            );
            return Err(ScriptOutcome::NotRunnable(ScriptFault::NoUser, why));
        }
        Ok(identity)
    }

    /// Who runs what this user is to run. Who is unknown is looked up again each time.
    fn get(
        &mut self,
        user: Option<&RunAs>,
        look_up: impl FnOnce() -> Result<Identity, ScriptOutcome>,
    ) -> Result<Identity, ScriptOutcome> {
        let user = user.cloned();
        if let Some(known) = self.known.get(&user) {
            return Ok(*known);
        }
        let found = match (look_up(), self.before.get(&user)) {
            (Err(ScriptOutcome::NotTried(_)), Some(before)) => *before,
            (found, _) => found?,
        };
        self.known.insert(user, found);
        Ok(found)
    }
}

/// Whom a command runs as, if not as this process.
pub(in crate::shell) type Identity = Option<(Uid, Gid)>;

/// What whoever wants a child and the thread that starts it tell each other meanwhile.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// It is not to be started any more.
    unwanted: AtomicBool,
    /// It was started or was not, and that is on its way.
    over: AtomicBool,
}

impl Start {
    /// It is not to be started any more.
    pub(super) fn forgo(&self) {
        self.unwanted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_forgone(&self) -> bool {
        self.unwanted.load(Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Starts a command by its words, without a shell.
pub(in crate::shell) fn start(
    words: &[String],
    user: Option<&RunAs>,
    secure: bool,
    users: &mut Users,
) -> Result<Child, ScriptOutcome> {
    let daemon = (getuid(), getgid());
    spawn(prepare(words, users.who(user, secure, daemon)?, secure, daemon)?)
}

/// The same on a thread of its own, which then waits until it has ended, without reaping it. A file that lies on a dead disk holds up
/// whoever looks at it or starts it, and no signal ends that.
///
/// # Errors
/// There is no thread to be had. Nothing has begun.
pub(super) fn start_aside(
    words: Vec<String>,
    identity: Identity,
    secure: bool,
    start: Arc<Start>,
    started: impl FnOnce(Result<Child, ScriptOutcome>) + Send + 'static,
    ended: impl FnOnce() + Send + 'static,
) -> Result<(), ScriptOutcome> {
    let run = move || {
        let child = prepare(&words, identity, secure, (getuid(), getgid())).and_then(|command| {
            fetch(Path::new(command.get_program()));
            if start.is_forgone() {
                return Err(ScriptOutcome::NotTried("its time was up before it could be started".to_owned()));
            }
            spawn(command)
        });
        start.over.store(true, Ordering::Relaxed);
        let pid = child.as_ref().ok().and_then(|child| i32::try_from(child.id()).ok());
        started(child);
        let Some(pid) = pid else { return };
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(Pid::from_raw(pid)), flags) == Err(Errno::EINTR) {}
        ended();
    };
    let thread = thread::Builder::new().name("script".to_owned()).stack_size(STARTER_STACK).spawn(run);
    thread.map(drop).map_err(|error| ScriptOutcome::NotTried(error.to_string()))
}

/// Reads the beginning of a program, and of the interpreter that it names, so that whoever is held up by their disk is held up here,
/// and not as a half-made process: that would hold open what other threads have open for the processes that they make just now.
/// Who may not read it finds out nothing, and loses nothing.
fn fetch(program: &Path) {
    let begin = |path: &Path| {
        // To open a device may do something to it. What has become a pipe meanwhile is not waited for.
        fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).ok()?;
        let mut line = Vec::new();
        file.take(FIRST_LINE).read_to_end(&mut line).ok()?;
        Some(line)
    };
    let Some(line) = begin(program) else { return };
    let Some(interpreter) = line.strip_prefix(b"#!") else { return };
    let interpreter = interpreter.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let interpreter = interpreter.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    begin(Path::new(OsStr::from_bytes(interpreter)));
}

/// What is to be started, once it was looked at.
fn prepare(words: &[String], identity: Identity, secure: bool, daemon: (Uid, Gid)) -> Result<Command, ScriptOutcome> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(ScriptOutcome::NotRunnable(ScriptFault::NoCommand, "it has no command".to_owned()));
    };
    let program = inspect(program, identity, secure, daemon)?;
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    for own in OWN_VARIABLES {
        command.env_remove(own);
    }
    if std::env::var_os("PATH").is_none() {
        command.env("PATH", DEFAULT_PATH);
    }
    // Who we are already needs no privilege to become.
    if let Some((uid, gid)) = identity.filter(|(uid, gid)| *uid != getuid() || *gid != getgid()) {
        command.uid(uid.as_raw()).gid(gid.as_raw());
    }
    Ok(command)
}

fn spawn(mut command: Command) -> Result<Child, ScriptOutcome> {
    scheduling::starting(|| command.spawn()).map_err(|error| {
        let program = Path::new(command.get_program()).display();
        let text = format!("{program}: {error}");
        match error.raw_os_error() {
            // It was there a moment ago.
            Some(libc::ENOENT) => ScriptOutcome::NotRunnable(
                ScriptFault::NoInterpreter,
                format!("{program}: the interpreter that its first line names does not exist"),
            ),
            Some(libc::ENOEXEC) => {
                let text = format!("{text}; its first line should name an interpreter");
                ScriptOutcome::NotRunnable(ScriptFault::NotAProgram, text)
            }
            Some(errno) if says_nothing(errno) => ScriptOutcome::NotTried(text),
            Some(_) | None => ScriptOutcome::NotRunnable(ScriptFault::Refused, text),
        }
    })
}

/// Too many processes or files, no memory; a file that somebody is just writing, or whose disk or server does not give it: that says
/// nothing about what the script looks at.
fn says_nothing(errno: i32) -> bool {
    matches!(
        errno,
        libc::EAGAIN
            | libc::ENOMEM
            | libc::EMFILE
            | libc::ENFILE
            | libc::ETXTBSY
            | libc::EIO
            | libc::ESTALE
            | libc::ETIMEDOUT
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
    )
}

/// Whether a command could be started by a daemon of such a user, without starting it.
///
/// # Errors
/// Why not, as part of a sentence. That a user cannot be looked up at the moment is no reason.
pub(in crate::shell) fn look(
    words: &[String],
    user: Option<&RunAs>,
    secure: bool,
    daemon: (Uid, Gid),
    users: &mut Users,
) -> Result<(), String> {
    look_as(words, users.who(user, secure, daemon), secure, daemon)
}

/// The same where it is known who runs it, or why nobody does.
pub(super) fn look_as(
    words: &[String],
    identity: Result<Identity, ScriptOutcome>,
    secure: bool,
    daemon: (Uid, Gid),
) -> Result<(), String> {
    let Some(program) = words.first() else { return Err("it has no command".to_owned()) };
    match identity.and_then(|identity| inspect(program, identity, secure, daemon)) {
        Err(ScriptOutcome::NotRunnable(_, why)) => Err(why),
        Ok(_)
        | Err(
            ScriptOutcome::Exited(_) | ScriptOutcome::Killed(_) | ScriptOutcome::TimedOut | ScriptOutcome::NotTried(_),
        ) => Ok(()),
    }
}

/// A program's path, if it may be run.
fn inspect(program: &str, identity: Identity, secure: bool, daemon: (Uid, Gid)) -> Result<PathBuf, ScriptOutcome> {
    let program = find(program)?;
    let (uid, gid) = identity.unwrap_or(daemon);
    check_file(&program, uid, gid)?;
    if secure && uid.is_root() {
        check_security(&program)?;
    }
    Ok(program)
}

/// It is a file, and a user may execute it. Children have no groups beside their first.
fn check_file(program: &Path, uid: Uid, gid: Gid) -> Result<(), ScriptOutcome> {
    let refuse = |fault, why: String| Err(ScriptOutcome::NotRunnable(fault, why));
    let path = program.display();
    let found = match fs::metadata(program) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return refuse(ScriptFault::NoFile, format!("there is no file {path}"));
        }
        // Who is not root may see less than whoever runs it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !getuid().is_root() => return Ok(()),
        Err(error) if error.raw_os_error().is_some_and(says_nothing) => {
            return Err(ScriptOutcome::NotTried(format!("{path}: {error}")));
        }
        Err(error) => return refuse(ScriptFault::NoFile, format!("{path}: {error}")),
    };
    if !found.is_file() {
        return refuse(ScriptFault::NotAFile, format!("{path} is not a file"));
    }
    let bits = match (uid.is_root(), found.uid() == uid.as_raw(), found.gid() == gid.as_raw()) {
        (true, _, _) => 0o111,
        (false, true, _) => 0o100,
        (false, false, true) => 0o010,
        (false, false, false) => 0o001,
    };
    if found.mode() & bits == 0 {
        let why = format!("{path} is not executable for the user that runs it ({uid}); chmod +x");
        return refuse(ScriptFault::NotExecutable, why);
    }
    Ok(())
}

/// Whether a child has ended, without reaping it.
pub(in crate::shell) fn has_ended(child: &Child) -> bool {
    let Ok(pid) = i32::try_from(child.id()) else { return false };
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    waitid(Id::Pid(Pid::from_raw(pid)), flags).is_ok_and(|status| status != WaitStatus::StillAlive)
}

/// What a child's status says.
pub(in crate::shell) fn outcome(status: io::Result<ExitStatus>) -> ScriptOutcome {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => ScriptOutcome::Exited(code),
            (None, Some(signal)) => ScriptOutcome::Killed(signal),
            (None, None) => ScriptOutcome::NotTried(format!("its status is {status}")),
        },
        Err(error) => ScriptOutcome::NotTried(error.to_string()),
    }
}

/// A program's path: a word with a slash is one, any other is looked for in `PATH`.
fn find(program: &str) -> Result<PathBuf, ScriptOutcome> {
    if program.contains('/') {
        // Children begin in the root folder, and so does a path that does not say where.
        return Ok(Path::new("/").join(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| fs::metadata(file).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0))
        .ok_or_else(|| {
            let why = format!("{program} is not in PATH ({})", path.to_string_lossy());
            ScriptOutcome::NotRunnable(ScriptFault::NotInPath, why)
        })
}

/// Who runs what names no user: only root can become somebody else.
///
/// # Errors
/// Nobody could be asked whether there is such a user: then root runs nothing in its place.
fn usual_user(daemon: Uid) -> Result<Identity, ScriptOutcome> {
    if !daemon.is_root() {
        return Ok(None);
    }
    match User::from_name(USUAL_USER) {
        Ok(user) => Ok(user.map(|user| (user.uid, user.gid))),
        // Some directories say in these ways that there is none (getpwnam(3)).
        Err(Errno::ENOENT | Errno::ESRCH | Errno::EBADF | Errno::EPERM) => Ok(None),
        Err(errno) => Err(ScriptOutcome::NotTried(format!("cannot look {USUAL_USER} up: {errno}"))),
    }
}

/// Numbers of a user and a group, given as names or as numbers.
pub(in crate::shell) fn identify(run_as: &RunAs) -> Result<(Uid, Gid), ScriptOutcome> {
    let unknown =
        |what: &str, name: &str| ScriptOutcome::NotRunnable(ScriptFault::NoUser, format!("there is no {what} {name}"));
    let failed = |errno: Errno| ScriptOutcome::NotTried(format!("cannot look its user up: {errno}"));
    let user = match run_as.user.parse().map(Uid::from_raw) {
        Ok(uid) => {
            User::from_uid(uid).map_err(failed)?.map_or((uid, Gid::from_raw(uid.as_raw())), |user| (uid, user.gid))
        }
        Err(_) => {
            let user = User::from_name(&run_as.user).map_err(failed)?;
            user.map(|user| (user.uid, user.gid)).ok_or_else(|| unknown("user", &run_as.user))?
        }
    };
    let Some(group) = &run_as.group else { return Ok(user) };
    let gid = match group.parse() {
        Ok(gid) => Gid::from_raw(gid),
        Err(_) => Group::from_name(group).map_err(failed)?.ok_or_else(|| unknown("group", group))?.gid,
    };
    Ok((user.0, gid))
}

/// `enable_script_security`: what root runs must be writable by root alone, and so must every folder on the way to it, those
/// that symbolic links on the way stand in and lead through included: who can turn a link round chooses what is run.
fn check_security(program: &Path) -> Result<(), ScriptOutcome> {
    let refuse = |path: &Path, why: &dyn std::fmt::Display| {
        Err(ScriptOutcome::NotRunnable(ScriptFault::Insecure, format!("{}: {why}", path.display())))
    };
    let mut here = PathBuf::from("/");
    check_part(&here)?;
    let mut links = 0;
    // What is still to be walked, the next part last.
    let mut rest = parts(program);
    while let Some(part) = rest.pop() {
        if part == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&part);
        match fs::symlink_metadata(&next) {
            Ok(found) if found.is_symlink() => {
                links += 1;
                let target = match fs::read_link(&next) {
                    Ok(target) if links <= MOST_LINKS => target,
                    Ok(_) => return refuse(program, &"too many symbolic links"),
                    Err(error) => return refuse(&next, &error),
                };
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                rest.extend(parts(&target));
            }
            Ok(_) => {
                check_part(&next)?;
                here = next;
            }
            Err(error) => return refuse(&next, &error),
        }
    }
    Ok(())
}

/// The parts of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    let part = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(part).rev().collect()
}

/// A file or folder that root alone can write, its group included where that is root's. In a folder with the sticky bit
/// others cannot touch what is not theirs.
fn check_part(part: &Path) -> Result<(), ScriptOutcome> {
    let found = match fs::metadata(part) {
        Ok(found) => found,
        Err(error) => {
            let why = format!("{}: {error}", part.display());
            return Err(ScriptOutcome::NotRunnable(ScriptFault::Insecure, why));
        }
    };
    let mode = found.mode();
    let sticky = found.is_dir() && mode & 0o1000 != 0;
    let others_write = mode & 0o002 != 0 || mode & 0o020 != 0 && found.gid() != 0;
    if found.uid() == 0 && (!others_write || sticky) {
        return Ok(());
    }
    let why = format!(
        "root would run it, and others than root can write {}; change its owner and mode, or set script_user",
        part.display()
    );
    Err(ScriptOutcome::NotRunnable(ScriptFault::Insecure, why))
}

#[cfg(test)]
mod tests;
