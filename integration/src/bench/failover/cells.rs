//! Which parts of the table of duels are measured.

use std::time::Duration;

use serde::Serialize;

use crate::Program;

/// How a master goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Stop,
}

impl Ending {
    const fn name(self) -> &'static str {
        match self {
            Ending::Kill => "kill",
            Ending::Stop => "stop",
        }
    }
}

/// The cells that are wanted; all of them if nothing is said.
#[derive(Debug, Clone, Default)]
pub struct Cells(Vec<Vec<String>>);

impl Cells {
    /// Adds cells: words with commas between them, each of which narrows (`stop,100,ipvsd-ipvsd`). A word is an ending (`kill`,
    /// `stop`), an interval in milliseconds, or master and backup.
    ///
    /// # Errors
    /// A word is none of these.
    pub fn add(&mut self, words: &str) -> Result<(), String> {
        let words: Vec<String> = words.split(',').map(str::to_owned).collect();
        let programs = [Program::Ipvsd.name(), Program::Keepalived.name()];
        let known = |word: &str| {
            ["kill", "stop", "1000", "100", "10"].contains(&word)
                || word.split_once('-').is_some_and(|(one, two)| programs.contains(&one) && programs.contains(&two))
        };
        match words.iter().find(|word| !known(word)) {
            Some(word) => {
                Err(format!("`{word}` is none of kill, stop, 1000, 100, 10, ipvsd-ipvsd, ipvsd-keepalived, ..."))
            }
            None => {
                self.0.push(words);
                Ok(())
            }
        }
    }

    /// Whether this one is.
    #[must_use]
    pub fn wants(&self, ending: Ending, interval: Duration, programs: (Program, Program)) -> bool {
        let pair = format!("{}-{}", programs.0.name(), programs.1.name());
        let interval = interval.as_millis().to_string();
        self.0.is_empty()
            || self.0.iter().any(|words| {
                words.iter().all(|word| match word.as_str() {
                    "kill" | "stop" => word == ending.name(),
                    word => word == interval || word == pair,
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: (Program, Program) = (Program::Ipvsd, Program::Ipvsd);
    const MIXED: (Program, Program) = (Program::Keepalived, Program::Ipvsd);

    #[test]
    fn every_word_narrows_and_every_line_adds() {
        let (slow, quick) = (Duration::from_secs(1), Duration::from_millis(100));
        let mut cells = Cells::default();
        assert!(cells.wants(Ending::Kill, slow, MIXED));
        cells.add("stop,100,ipvsd-ipvsd").unwrap();
        assert!(cells.wants(Ending::Stop, quick, OURS));
        assert!(!cells.wants(Ending::Stop, quick, MIXED));
        assert!(!cells.wants(Ending::Stop, slow, OURS));
        assert!(!cells.wants(Ending::Kill, quick, OURS));
        cells.add("keepalived-ipvsd,1000").unwrap();
        assert!(cells.wants(Ending::Kill, slow, MIXED) && cells.wants(Ending::Stop, slow, MIXED));
        assert!(!cells.wants(Ending::Kill, quick, MIXED));
    }

    #[test]
    fn a_word_that_means_nothing_is_told() {
        let error = Cells::default().add("stop,7").unwrap_err();
        assert!(error.starts_with("`7` is none of kill, stop"), "{error}");
    }
}
