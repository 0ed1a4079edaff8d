//! Another network namespace than the daemon's own, by its name (`ip netns add NAME`).
//!
//! A socket belongs to the namespace of the thread that opens it, and stays there whoever uses it. So nobody has to move: a thread
//! that lives for a moment goes there, opens the socket, and hands it over.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};

/// Where iproute2 keeps them.
const FOLDER: &str = "/run/netns";

/// The file that stands for a namespace.
pub(super) fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// Opens something in a namespace.
///
/// # Errors
/// Why one cannot get there, and what to do.
pub(super) fn open_in<T: Send>(name: &str, open: impl FnOnce() -> T + Send) -> Result<T, String> {
    let path = path(name);
    let file = File::open(&path).map_err(|error| {
        format!(
            "the network namespace {name} cannot be entered: {}: {error}; make it with `ip netns add {name}`",
            path.display()
        )
    })?;
    let enter = || setns(&file, CloneFlags::CLONE_NEWNET).map(|()| open());
    let entered = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("namespace".to_owned());
        thread.spawn_scoped(scope, enter).map(std::thread::ScopedJoinHandle::join)
    });
    match entered {
        Ok(Ok(Ok(opened))) => Ok(opened),
        Ok(Ok(Err(Errno::EPERM))) => Err(format!(
            "the network namespace {name} cannot be entered: CAP_SYS_ADMIN is needed; run as root, or give the service \
             AmbientCapabilities=CAP_SYS_ADMIN"
        )),
        Ok(Ok(Err(Errno::EINVAL))) => Err(format!(
            "the network namespace {name} cannot be entered: {} is none, but a file; make it with `ip netns add {name}`",
            path.display()
        )),
        Ok(Ok(Err(errno))) => Err(format!("the network namespace {name} cannot be entered: {}", errno.desc())),
        Ok(Err(_)) => Err(format!("the thread that entered the network namespace {name} panicked")),
        Err(error) => Err(format!("no thread could be had to enter the network namespace {name}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_is_not_there_is_named_with_what_to_do() {
        let problem = open_in("ipvsd-no-such-namespace", || ()).unwrap_err();
        assert!(problem.contains("/run/netns/ipvsd-no-such-namespace"), "{problem}");
        assert!(problem.contains("ip netns add ipvsd-no-such-namespace"), "{problem}");
    }
}
