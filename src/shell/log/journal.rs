//! The systemd journal, in its own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram a record.
//!
//! A socket of datagrams makes its sender wait when the reader is behind, and the journal is behind whenever its disk is slow.
//! So records go through the queue of [`lines`](super::lines) like all others.

use std::fmt::{Debug, Write as _};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::lines::{Lines, Sink};

/// Where the journal listens.
pub(super) const PATH: &str = "/run/systemd/journal/socket";

/// Makes records of events.
pub(super) struct Journal {
    lines: Lines,
}

impl Journal {
    pub(super) const fn to(lines: Lines) -> Self {
        Self { lines }
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut record = Record::new(priority(*metadata.level()));
        record.field("TARGET", metadata.target());
        if let Some(file) = metadata.file() {
            record.field("CODE_FILE", file);
        }
        if let Some(line) = metadata.line() {
            record.field("CODE_LINE", &line.to_string());
        }
        event.record(&mut record);
        self.lines.push(record.bytes);
    }
}

/// As syslog(3) counts.
const fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

/// A record while it is put together.
struct Record {
    bytes: Vec<u8>,
}

impl Record {
    fn new(priority: &str) -> Self {
        let mut record = Self { bytes: Vec::new() };
        record.field("PRIORITY", priority);
        record.field("SYSLOG_IDENTIFIER", "ipvsd");
        record
    }

    /// A value with a line break carries its length instead of being ended by one.
    fn field(&mut self, name: &str, value: &str) {
        self.bytes.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            self.bytes.push(b'\n');
            self.bytes.extend_from_slice(&u64::try_from(value.len()).unwrap_or(u64::MAX).to_le_bytes());
        } else {
            self.bytes.push(b'=');
        }
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(b'\n');
    }
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.field("MESSAGE", value);
        } else {
            // The journal takes letters, digits and the underscore.
            let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
            let name: String = "IPVSD_".chars().chain(field.name().chars().map(letter)).take(64).collect();
            self.field(&name, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }
}

/// The journal's socket.
pub(super) struct Datagrams {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Datagrams {
    /// Finds out whether somebody listens there.
    pub(super) fn to(path: &Path) -> io::Result<Self> {
        UnixDatagram::unbound()?.connect(path)?;
        // Not connected: the journal may be restarted.
        Ok(Self { socket: UnixDatagram::unbound()?, path: path.to_owned() })
    }

    /// What is too long for a datagram travels as a sealed file in memory.
    fn send_file(&self, record: &[u8]) -> io::Result<()> {
        let mut file = File::from(memfd_create(c"ipvsd-log", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
        file.write_all(record)?;
        fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::all()))?;
        let address = UnixAddr::new(&self.path)?;
        let files = [file.as_raw_fd()];
        sendmsg(self.socket.as_raw_fd(), &[], &[ControlMessage::ScmRights(&files)], MsgFlags::empty(), Some(&address))?;
        Ok(())
    }
}

impl Sink for Datagrams {
    fn line(&mut self, record: &[u8]) -> io::Result<()> {
        match self.socket.send_to(record, &self.path) {
            Err(error) if error.raw_os_error() == Some(Errno::EMSGSIZE as i32) => self.send_file(record),
            outcome => outcome.map(drop),
        }
    }

    fn lost(&mut self, lines: u64) -> io::Result<()> {
        let mut record = Record::new(priority(Level::WARN));
        record.field("MESSAGE", &format!("{lines} lines were lost here: the journal took them too slowly"));
        self.line(&record.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::Duration;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn journal() -> (tempfile::TempDir, UnixDatagram, Lines) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let reader = UnixDatagram::bind(&path).unwrap();
        reader.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let lines = Lines::to(Datagrams::to(&path).unwrap()).unwrap();
        (folder, reader, lines)
    }

    fn read(reader: &UnixDatagram) -> String {
        let mut buffer = vec![0; 1 << 20];
        let len = reader.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    }

    #[test]
    fn a_record_has_fields() {
        let (_folder, reader, lines) = journal();
        let subscriber = tracing_subscriber::registry().with(Journal::to(lines));
        tracing::subscriber::with_default(subscriber, || tracing::warn!(index = 7, "two\nlines"));
        let record = read(&reader);
        assert!(record.starts_with("PRIORITY=4\nSYSLOG_IDENTIFIER=ipvsd\n"), "{record}");
        assert!(record.contains("\nMESSAGE\n\u{9}\0\0\0\0\0\0\0two\nlines\n"), "{record:?}");
        assert!(record.contains("\nIPVSD_INDEX=7\n"), "{record}");
    }

    #[test]
    fn a_journal_that_reads_nothing_holds_nobody_up() {
        let (_folder, reader, lines) = journal();
        let subscriber = tracing_subscriber::registry().with(Journal::to(lines));
        // The socket takes a few hundred at most; this would hang if anybody waited for the rest.
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..10_000 {
                tracing::info!("line {number}");
            }
            assert!(read(&reader).contains("MESSAGE=line 0\n"));
            // Room comes about, and the next line tells of those that had none.
            while !read(&reader).contains("lines were lost here") {
                tracing::info!("more");
            }
        });
    }

    #[test]
    fn a_record_too_long_for_a_datagram_arrives_as_a_file() {
        let (_folder, reader, lines) = journal();
        let subscriber = tracing_subscriber::registry().with(Journal::to(lines));
        let long = "x".repeat(4 << 20);
        tracing::subscriber::with_default(subscriber, || tracing::info!("{long}"));
        let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
        let message = nix::sys::socket::recvmsg::<()>(reader.as_raw_fd(), &mut [], Some(&mut space), MsgFlags::empty());
        let message = message.unwrap();
        let Some(nix::sys::socket::ControlMessageOwned::ScmRights(files)) = message.cmsgs().unwrap().next() else {
            panic!("no file came");
        };
        let mut text = String::new();
        let path = format!("/proc/self/fd/{}", files[0]);
        File::open(path).unwrap().read_to_string(&mut text).unwrap();
        assert!(text.contains(&long));
    }

    #[test]
    fn where_there_is_no_journal_it_is_said() {
        assert!(Datagrams::to(Path::new("/nonexistent/socket")).is_err());
    }
}
