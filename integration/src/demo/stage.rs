//! What the audience sees: acts, steps, what was done and seen and how long it took, and the summary.
//!
//! Every line is printed when it happens. Every expectation, met or not, is also a row of the summary, and one that was not
//! met makes the exit status 1; nothing is printed as seen that was not looked at.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

/// Columns of a line with a time at its end.
const WIDTH: usize = 108;
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// One expectation and what became of it.
#[derive(Debug)]
struct Row {
    act: usize,
    step: usize,
    text: String,
    time: Option<Duration>,
    met: bool,
}

/// The stage. One play, one stage.
#[derive(Debug)]
pub struct Stage {
    colour: bool,
    began: Instant,
    act: usize,
    step: usize,
    acts: BTreeMap<usize, String>,
    rows: Vec<Row>,
}

impl Stage {
    /// An empty stage; with colours where the audience sits at a terminal.
    #[must_use]
    pub fn new(colour: bool) -> Self {
        Stage { colour, began: Instant::now(), act: 0, step: 0, acts: BTreeMap::new(), rows: Vec::new() }
    }

    /// Opens the play.
    pub fn opening(&self, title: &str, about: &[String]) {
        println!("{}", self.paint("1", title));
        for line in about {
            println!("{}", self.paint("2", line));
        }
    }

    /// Opens an act.
    pub fn act(&mut self, number: usize, title: &str, about: &[&str]) {
        self.act = number;
        self.step = 0;
        let title = format!("ACT {}  {title}", self.act);
        println!("\n{}\n{}", self.paint("1;36", &title), self.paint("36", &"=".repeat(title.chars().count())));
        for line in about {
            println!("{}", self.paint("2", line));
        }
        self.acts.insert(number, title);
    }

    /// Opens a step.
    pub fn step(&mut self, title: &str) {
        self.step += 1;
        println!("\n{}", self.paint("1", &format!("{}.{}  {title}", self.act, self.step)));
    }

    /// Something that we do.
    pub fn did(&self, text: &str) {
        println!("     {} {text}", self.paint("36", ">"));
    }

    /// Something worth knowing that is not an expectation.
    pub fn note(&self, text: &str) {
        println!("     {} {text}", self.paint("2", "-"));
    }

    /// An expectation: whether it was met, in words that tell what was seen, and how long it took.
    pub fn check(&mut self, met: bool, text: &str, time: Option<Duration>) {
        let mark = if met { self.paint("32", "ok  ") } else { self.paint("1;31", "FAIL") };
        let time_shown = time.map(|time| self.paint("1", &at_the_right(10, text, time))).unwrap_or_default();
        println!("     {mark} {text}{time_shown}");
        self.rows.push(Row { act: self.act, step: self.step, text: text.to_owned(), time, met });
    }

    /// Waits until an attempt succeeds; time counts from `since`. `Err` is what was seen instead, in words. `words` puts
    /// the success into words.
    pub fn wait<T>(
        &mut self,
        what: &str,
        since: Instant,
        limit: Duration,
        mut attempt: impl FnMut() -> Result<T, String>,
        words: impl FnOnce(&T) -> String,
    ) -> Option<(T, Duration)> {
        loop {
            let outcome = attempt();
            let time = since.elapsed();
            match outcome {
                Ok(value) => {
                    self.check(true, &words(&value), Some(time));
                    return Some((value, time));
                }
                Err(seen) if time >= limit => {
                    self.check(false, &format!("{what}: not within {}; last seen: {seen}", seconds(limit)), Some(time));
                    return None;
                }
                Err(_) => thread::sleep(LOOK),
            }
        }
    }

    /// Watches that something holds until `period` after `since`; `Err` says what happened instead.
    pub fn holds(
        &mut self,
        what: &str,
        since: Instant,
        period: Duration,
        mut look: impl FnMut() -> Result<(), String>,
    ) {
        loop {
            let outcome = look();
            let time = since.elapsed();
            match outcome {
                Ok(()) if time < period => thread::sleep(LOOK),
                Ok(()) => return self.check(true, what, Some(time)),
                Err(seen) => return self.check(false, &format!("{what}: {seen}"), Some(time)),
            }
        }
    }

    /// What a command printed.
    pub fn show(&self, command: &str, output: &str) {
        println!("     {} {}", self.paint("36", "$"), self.paint("1", command));
        for line in output.trim_end().lines() {
            println!("     {} {line}", self.paint("2", "|"));
        }
    }

    /// Expectations that were not met so far.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.rows.iter().filter(|row| !row.met).count()
    }

    /// The summary; true when every expectation was met.
    #[must_use]
    pub fn summary(&self) -> bool {
        println!("\n{}", self.paint("1;36", "SUMMARY"));
        let mut act = 0;
        for row in &self.rows {
            if row.act != act {
                act = row.act;
                println!("\n  {}", self.paint("1", self.acts.get(&act).map_or("", String::as_str)));
            }
            let mark = if row.met { self.paint("32", "ok  ") } else { self.paint("1;31", "FAIL") };
            let number = format!("{}.{}", row.act, row.step);
            let time = row.time.map(|time| at_the_right(12, &row.text, time)).unwrap_or_default();
            println!("  {number:<4} {mark} {}{time}", row.text);
        }
        let (all, failed) = (self.rows.len(), self.failures());
        let mut line = format!("\n{} of {all} expectations met", all - failed);
        if failed > 0 {
            let _ = write!(line, ", {failed} NOT");
        }
        let _ = write!(line, ", in {}.", seconds(self.began.elapsed()));
        println!("{}", self.paint(if failed == 0 { "1;32" } else { "1;31" }, &line));
        failed == 0 && all > 0
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A time with blanks before it, for the end of a line that has `taken` columns and a text.
fn at_the_right(taken: usize, text: &str, time: Duration) -> String {
    let room = WIDTH.saturating_sub(taken + text.chars().count()).max(8);
    format!("{:>room$}", seconds(time))
}

/// A time for people: milliseconds below one tenth of a second, seconds with two decimals above.
#[must_use]
pub fn seconds(time: Duration) -> String {
    if time < Duration::from_millis(100) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_expectation_that_is_not_met_spoils_the_play() {
        let mut stage = Stage::new(false);
        assert!(!stage.summary(), "a play without expectations shows nothing");
        stage.act(1, "one", &[]);
        stage.check(true, "this", None);
        assert!(stage.summary());
        let never =
            stage.wait("that", Instant::now(), Duration::ZERO, || Err::<(), _>("no".to_owned()), |()| String::new());
        assert!(never.is_none());
        assert_eq!(stage.failures(), 1);
        assert!(!stage.summary());
    }

    #[test]
    fn times_are_for_people() {
        assert_eq!(seconds(Duration::from_millis(42)), "42 ms");
        assert_eq!(seconds(Duration::from_millis(3614)), "3.61 s");
    }
}
