//! Taking a socket's path: what is there already is asked, replaced or respected, and nobody gets in before the mode is right.
//!
//! A lock file beside the socket (`PATH.lock`) settles who may look and bind, so that two daemons started in the same
//! moment cannot both find a stale socket and remove each other's. It is never removed: a lock file that comes and goes
//! locks nothing.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Group, chown};
use socket2::{Domain, SockAddr, Socket, Type};

use super::server::ControlError;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 64;

/// A listening socket that is ours; the file goes away with it.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    /// Device and inode of the socket's file, to remove no other.
    file: (u64, u64),
    _lock: Flock<File>,
}

impl Claim {
    /// Takes `path`, with the group and mode wanted.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub(super) fn take(path: &Path, mode: u32, group: Option<&str>) -> Result<(Self, UnixListener), ControlError> {
        let at = |doing: &'static str| {
            let path = path.to_path_buf();
            move |source: io::Error| ControlError::Io { path, doing, source }
        };
        let group = group.map(group_id).transpose()?;
        let address = SockAddr::unix(path).map_err(at("use the path"))?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(at("create the folder of"))?;
        }
        let lock = lock(path)?;
        clear(path)?;

        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(at("create"))?;
        // Linux makes the file with the mode of the open socket: between bind and the mode wanted, nobody gets in.
        fchmod(&socket, Mode::from_bits_truncate(0o600)).map_err(|e| at("set the mode of")(e.into()))?;
        socket.bind(&address).map_err(at("bind"))?;
        let metadata = fs::symlink_metadata(path).map_err(at("look at"))?;
        let claim = Self { path: path.to_path_buf(), file: (metadata.dev(), metadata.ino()), _lock: lock };
        if group.is_some() {
            chown(path, None, group).map_err(|e| at("set the group of")(e.into()))?;
        }
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(at("set the mode of"))?;
        socket.listen(BACKLOG).map_err(at("listen on"))?;
        socket.set_nonblocking(true).map_err(at("listen on"))?;
        Ok((claim, UnixListener::from(socket)))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.file);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("cannot remove the control socket {}: {error}", self.path.display());
        }
    }
}

fn group_id(name: &str) -> Result<Gid, ControlError> {
    let unknown = || ControlError::UnknownGroup(name.to_owned());
    if let Ok(number) = name.parse() {
        return Ok(Gid::from_raw(number));
    }
    Group::from_name(name).map_err(|_| unknown())?.map(|group| group.gid).ok_or_else(unknown)
}

/// Holds `PATH.lock`, or says who does.
fn lock(path: &Path) -> Result<Flock<File>, ControlError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let failed = |source: io::Error| ControlError::Io { path: name.clone(), doing: "lock", source };
    let mut options = OpenOptions::new();
    // No link is followed: the folder may be one in which others can write.
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    let file = options.open(&name).map_err(failed)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        if errno == Errno::EWOULDBLOCK {
            let pid = UnixStream::connect(path).ok().and_then(|stream| peer(&stream));
            ControlError::InUse { path: path.to_path_buf(), pid }
        } else {
            failed(errno.into())
        }
    })
}

/// Makes room: removes a socket that nobody answers on, and nothing else.
fn clear(path: &Path) -> Result<(), ControlError> {
    let failed = |doing| move |source| ControlError::Io { path: path.to_path_buf(), doing, source };
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at")(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(ControlError::NotASocket(path.to_path_buf()));
    }
    match UnixStream::connect(path) {
        Ok(stream) => Err(ControlError::InUse { path: path.to_path_buf(), pid: peer(&stream) }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!("replacing {}, a control socket that nobody answers on", path.display());
            fs::remove_file(path).map_err(failed("remove the stale socket"))
        }
        Err(error) => Err(failed("ask who answers on")(error)),
    }
}

/// Process id of whoever listens at the other end.
fn peer(stream: &UnixStream) -> Option<i32> {
    getsockopt(stream, PeerCredentials).ok().map(|credentials| credentials.pid()).filter(|pid| *pid > 0)
}
