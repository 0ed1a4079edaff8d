//! A thread that works by the latest word it was sent, and meanwhile waits for something of its own.
//!
//! Who sends hands over and goes on: nothing here can hold a loop up. The thread reads its [`Mail`] when it gets to it, and
//! older words that it never read are no loss, since each word is the whole wish. A thread that panics says so and starts
//! again with the same word.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// After a panic of a thread, the time until it starts again.
const PAUSE: Duration = Duration::from_secs(1);
/// Room for TLS; the rest needs less.
const STACK: usize = 1 << 20;

/// The way into a thread. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Entrance<T> {
    words: Option<Sender<Arc<T>>>,
    knock: Arc<EventFd>,
}

impl<T> Entrance<T> {
    /// What the thread is to work by from now on.
    pub(super) fn send(&self, word: &Arc<T>) {
        if let Some(words) = &self.words
            && words.send(Arc::clone(word)).is_ok()
        {
            let _ = self.knock.write(1);
        }
    }
}

impl<T> Drop for Entrance<T> {
    fn drop(&mut self) {
        // Closed first: the knock that follows finds it so.
        self.words = None;
        let _ = self.knock.write(1);
    }
}

/// A thread's own end.
#[derive(Debug)]
pub(super) struct Mail<T> {
    words: Receiver<Arc<T>>,
    /// Readable when something has come.
    pub(super) knock: Arc<EventFd>,
    /// The word in force.
    word: Arc<T>,
    /// It is new to the thread.
    is_new: bool,
    /// Nobody sends any more: the thread is to end.
    pub(super) ended: bool,
}

impl<T> Mail<T> {
    /// Reads what has come. Returns a word that is new.
    pub(super) fn read(&mut self) -> Option<Arc<T>> {
        let _ = self.knock.read();
        loop {
            match self.words.try_recv() {
                Ok(word) => {
                    self.word = word;
                    self.is_new = true;
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    break;
                }
            }
        }
        std::mem::take(&mut self.is_new).then(|| Arc::clone(&self.word))
    }

    /// Waits for mail, for something to read from `other`, or until then. Rounded up, so that the moment has come.
    pub(super) fn wait(&self, other: Option<BorrowedFd<'_>>, until: Option<Instant>) {
        let timeout = until.map_or(PollTimeout::NONE, |until| {
            let wait = until.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
            PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)
        });
        let mut ready = vec![PollFd::new(self.knock.as_fd(), PollFlags::POLLIN)];
        ready.extend(other.map(|other| PollFd::new(other, PollFlags::POLLIN)));
        // Interrupted, or out of memory: the caller looks at everything anyway.
        let _ = poll(&mut ready, timeout);
    }
}

/// Starts a thread that runs `body` until its mail has ended.
///
/// # Errors
/// Where a thread or an eventfd cannot be had.
pub(super) fn keep_running<T: Default + Send + Sync + 'static>(
    name: &'static str,
    mut body: impl FnMut(&mut Mail<T>) + Send + 'static,
) -> io::Result<Entrance<T>> {
    let knock = Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
    let (words, inbox) = mpsc::channel();
    let mut mail = Mail { words: inbox, knock: Arc::clone(&knock), word: Arc::default(), is_new: false, ended: false };
    thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(move || {
        super::scheduling::ordinary();
        while catch_unwind(AssertUnwindSafe(|| body(&mut mail))).is_err() && !mail.ended {
            tracing::error!("{name} failed; it starts again in {} s", PAUSE.as_secs());
            mail.is_new = true;
            thread::sleep(PAUSE);
        }
    })?;
    Ok(Entrance { words: Some(words), knock })
}
