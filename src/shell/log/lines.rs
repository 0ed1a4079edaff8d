//! Lines that are written by a thread of their own, so that a terminal that is stopped or a full pipe never holds up a loop
//! with deadlines.
//!
//! The queue is bounded. What does not fit is dropped, counted, and told of when there is room again: a log that is read too
//! slowly must not cost an advert, nor memory without end.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait. At 200 bytes each that is less than a megabyte.
const WAITING: usize = 4096;
/// Bytes that may wait: a snapshot of a large table is one line of many megabytes. One line may always.
const WAITING_BYTES: usize = 16 << 20;
/// How long the end of the process waits for the last lines.
const PATIENCE: Duration = Duration::from_secs(1);

/// The writer of this process, for [`flush`].
static CURRENT: OnceLock<Lines> = OnceLock::new();

enum Message {
    Line(Vec<u8>),
    /// Answered when everything before it is written.
    Flush(Sender<()>),
}

/// Where lines go in.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    /// Without a bound of its own: one that has keeps the room for all that may ever wait. [`Counts`] are the bound.
    queue: Sender<Message>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Lines that were lost and are not told of yet.
    dropped: AtomicU64,
    /// Lines in the queue.
    waiting: AtomicUsize,
    /// Bytes in the queue.
    waiting_bytes: AtomicUsize,
}

impl Counts {
    /// Counts a line in, and says whether there is room for it; counted out it must be either way.
    fn enter(&self, size: usize) -> bool {
        let lines = self.waiting.fetch_add(1, Ordering::Relaxed);
        let bytes = self.waiting_bytes.fetch_add(size, Ordering::Relaxed);
        lines < WAITING && (bytes == 0 || bytes.saturating_add(size) <= WAITING_BYTES)
    }

    fn leave(&self, size: usize) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.waiting_bytes.fetch_sub(size, Ordering::Relaxed);
    }
}

/// Where lines come out.
pub(super) trait Sink: Send + 'static {
    /// Writes one line, or one record.
    ///
    /// # Errors
    /// It is lost.
    fn line(&mut self, line: &[u8]) -> io::Result<()>;
    /// Says that lines were lost here.
    fn lost(&mut self, lines: u64) -> io::Result<()>;
    /// Whatever is left to do before the process ends.
    fn flush(&mut self) {}
}

/// Text.
pub(super) struct Text<W>(pub(super) W);

impl<W: Write + Send + 'static> Sink for Text<W> {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.write_all(line)
    }

    fn lost(&mut self, lines: u64) -> io::Result<()> {
        writeln!(self.0, "({lines} lines were lost here: the log was read too slowly)")
    }

    fn flush(&mut self) {
        let _ = self.0.flush();
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Line(_) => "Line",
            Self::Flush(_) => "Flush",
        })
    }
}

impl Lines {
    /// A thread that writes to `out`.
    pub(super) fn to(out: impl Sink) -> io::Result<Self> {
        let (queue, lines) = channel();
        let counts = Arc::new(Counts::default());
        let count = Arc::clone(&counts);
        thread::Builder::new()
            .name("log".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || write(out, &lines, &count))?;
        Ok(Self { queue, counts })
    }

    /// Makes this the writer that [`flush`] waits for.
    pub(super) fn keep(&self) {
        // A second one in this process is a test's; the first one holds.
        let _ = CURRENT.set(self.clone());
    }

    /// Queues a line, or counts it as lost where there is no room. Never waits.
    pub(super) fn push(&self, line: Vec<u8>) {
        let size = line.len();
        if !(self.counts.enter(size) && self.queue.send(Message::Line(line)).is_ok()) {
            self.counts.leave(size);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {
        let (done, answer) = channel();
        if self.queue.send(Message::Flush(done)).is_ok() {
            // Nobody reads: then the last lines are lost, and the process ends all the same.
            let _ = answer.recv_timeout(PATIENCE);
        }
    }
}

/// Waits, for a second at most, until all lines so far are written.
pub(super) fn flush() {
    if let Some(lines) = CURRENT.get() {
        lines.flush();
    }
}

fn write(mut out: impl Sink, lines: &Receiver<Message>, counts: &Counts) {
    for message in lines {
        match message {
            Message::Line(line) => {
                let lost = counts.dropped.swap(0, Ordering::Relaxed);
                if lost > 0 && out.lost(lost).is_err() {
                    counts.dropped.fetch_add(lost, Ordering::Relaxed);
                }
                // A log that cannot be written has no place to say so, until it can be again.
                if out.line(&line).is_err() {
                    counts.dropped.fetch_add(1, Ordering::Relaxed);
                }
                counts.leave(line.len());
            }
            Message::Flush(done) => {
                out.flush();
                let _ = done.send(());
            }
        }
    }
}

/// One event's line on its way.
pub(super) struct Line<'a> {
    lines: &'a Lines,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.lines.push(std::mem::take(&mut self.text));
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, text: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// Holds every write until the gate opens.
    #[derive(Clone, Default)]
    struct Gate(Arc<(Mutex<bool>, Condvar)>);

    impl Gate {
        fn open(&self) {
            *self.0.0.lock().unwrap() = true;
            self.0.1.notify_all();
        }
    }

    struct Gated(Gate, Sender<Vec<u8>>);

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            drop(self.0.0.1.wait_while(self.0.0.0.lock().unwrap(), |open| !*open).unwrap());
            self.1.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stands_still_costs_lines_and_no_time() {
        let gate = Gate::default();
        let (written, read) = channel();
        let lines = Lines::to(Text(Gated(gate.clone(), written))).unwrap();
        // None of these waits: the test would hang if one did.
        for number in 0..WAITING + 100 {
            writeln!(lines.make_writer(), "line {number}").unwrap();
        }
        gate.open();
        // The queue may be full still, and then this is lost as well: it is said until it comes through.
        let mut text = Vec::new();
        while !text.ends_with(b"the last\n") {
            writeln!(lines.make_writer(), "the last").unwrap();
            while let Ok(written) = read.recv_timeout(Duration::from_millis(10)) {
                text.extend(written);
            }
        }
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("line 0\n") && text.contains("line 1\n"), "{text}");
        assert!(text.contains("lines were lost here"), "{text}");
    }

    #[test]
    fn long_lines_are_bounded_by_their_bytes() {
        let gate = Gate::default();
        let (written, read) = channel();
        let lines = Lines::to(Text(Gated(gate.clone(), written))).unwrap();
        for _ in 0..100 {
            lines.push(vec![b'x'; WAITING_BYTES / 4]);
        }
        assert!(lines.counts.waiting_bytes.load(Ordering::Relaxed) <= WAITING_BYTES);
        gate.open();
        while lines.counts.waiting.load(Ordering::Relaxed) > 0 {
            lines.flush();
        }
        // One that is being written takes room until it is.
        assert_eq!(read.try_iter().filter(|chunk| chunk.starts_with(b"xx")).count(), 4);
    }

    #[test]
    fn a_flush_waits_for_what_was_said_before() {
        let gate = Gate::default();
        gate.open();
        let (written, read) = channel();
        let lines = Lines::to(Text(Gated(gate, written))).unwrap();
        writeln!(lines.make_writer(), "said").unwrap();
        lines.flush();
        assert_eq!(read.try_recv().unwrap(), b"said\n");
    }
}
