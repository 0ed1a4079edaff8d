//! A file of the state directory that is written while the loop runs.
//!
//! A thread of its own writes it, which is waited for, but not long: a disk that does not answer is one that cannot be
//! written to. Checks go on, and the loop answers its supervisor.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use crate::shell::state_file::StateFile;

/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct WrittenFile {
    file: StateFile,
    /// The last write failed: the file knows less than we do.
    behind: bool,
    writer: Option<Writer>,
}

/// The thread that writes.
#[derive(Debug)]
struct Writer {
    texts: Sender<String>,
    outcomes: Receiver<io::Result<()>>,
    /// It was given a text and has not answered.
    busy: bool,
}

impl Writer {
    fn spawn(file: StateFile) -> io::Result<Self> {
        let (texts, inbox) = mpsc::channel::<String>();
        let (tell, outcomes) = mpsc::channel();
        thread::Builder::new().name("ledger".to_owned()).spawn(move || {
            for text in inbox {
                if tell.send(file.replace(&text)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { texts, outcomes, busy: false })
    }

    /// Still waits for the disk, with a text from before.
    fn is_busy(&mut self) -> bool {
        self.busy = self.busy && self.outcomes.try_recv().is_err();
        self.busy
    }

    fn write(&mut self, text: String) -> io::Result<()> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the disk does not answer");
        if self.is_busy() {
            return Err(late());
        }
        self.busy = self.texts.send(text).is_ok();
        let outcome = self.outcomes.recv_timeout(PATIENCE).map_err(|_| late())?;
        self.busy = false;
        outcome
    }
}

impl WrittenFile {
    pub(super) const fn new(file: StateFile) -> Self {
        Self { file, behind: false, writer: None }
    }

    pub(super) const fn file(&self) -> &StateFile {
        &self.file
    }

    /// Writes all of it anew.
    pub(super) fn write(&mut self, text: String) -> io::Result<()> {
        let written = self.writer().and_then(|writer| writer.write(text));
        self.behind = written.is_err();
        written
    }

    fn writer(&mut self) -> io::Result<&mut Writer> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => Writer::spawn(self.file.clone())?,
        };
        Ok(self.writer.insert(writer))
    }

    /// What was written last is not in it.
    pub(super) const fn is_behind(&self) -> bool {
        self.behind
    }
}
