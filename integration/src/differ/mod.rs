//! keepalived and ipvsd with the same file on the same kernel: what each makes of it, line by line.
//!
//! Each program gets a machine of its own (a [`Node`](crate::Node)) with the interfaces that the file names, and is started
//! with the file untouched. Both are watched until they have settled on the same state, or until neither has changed
//! anything for a while; then the changes that they made to the kernel are compared, both programs are stopped, and
//! what they leave behind is compared as well. All of that in two [`World`]s, for the checks decide what is in the table:
//! in one no real server exists, in the other each listens on every TCP port that the file names and answers HTTP.
//!
//! [`scene`] guesses the machine from the text, [`run`] is one program, [`dump`] the kernel's state as lines, [`expected`]
//! has the differences that are meant. A file is a row of no list: whatever lies in the folder is compared.

pub mod dump;
pub mod expected;
pub mod run;
pub mod scene;

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::contender::Program;
use crate::topology::Topology;
use crate::web::WebServer;
use dump::Dump;
use expected::{Expected, Moment};
use run::{Run, Verdict};
use scene::Scene;

/// Two looks at the kernels are this far apart.
const PAUSE: Duration = Duration::from_secs(1);
/// So many looks in a row must find the same.
const LOOKS: u32 = 3;

/// Whether the real servers of a file exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// No server answers.
    Absent,
    /// All servers listen.
    Present,
}

impl World {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            World::Absent => "no servers",
            World::Present => "servers",
        }
    }
}

/// How patient a comparison is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Neither program has changed anything for so long: that is what they will stay with.
    pub quiet: Duration,
    /// The states are compared then in any case.
    pub limit: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { quiet: Duration::from_secs(25), limit: Duration::from_secs(90) }
    }
}

/// A line that one program has and the other has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// When.
    pub moment: Moment,
    /// Who has it.
    pub program: Program,
    /// The line.
    pub line: String,
    /// Why that is meant, if it is.
    pub reason: Option<&'static str>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, only {}: {}", self.moment.name(), self.program.name(), self.line)?;
        match self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// What came of a file in a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Both made the same changes, so many lines of them.
    Equal(usize),
    /// They differ.
    Different(Vec<Difference>),
    /// One program or both did not go on with the file.
    Refused(Vec<String>),
}

/// What came of a file.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The file's name without its folder.
    pub name: String,
    /// What `keepalived -t` said.
    pub theirs: Verdict,
    /// What `ipvsctl check --strict` said.
    pub ours: Verdict,
    /// What came of it in each world.
    pub outcomes: Vec<(World, Outcome)>,
}

impl Comparison {
    fn failed(file: &Path, panic: &(dyn Any + Send)) -> Self {
        let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        let unknown = Verdict { status: -1, said: String::new() };
        let why = format!("could not be compared: {}", message.replace('\n', " "));
        let outcomes = vec![(World::Absent, Outcome::Refused(vec![why]))];
        let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Self { name, theirs: unknown.clone(), ours: unknown, outcomes }
    }

    /// The differences that no reason explains.
    pub fn unexplained(&self) -> impl Iterator<Item = (World, &Difference)> {
        self.outcomes.iter().flat_map(|(world, outcome)| {
            let differences = match outcome {
                Outcome::Different(differences) => differences.as_slice(),
                Outcome::Equal(_) | Outcome::Refused(_) => &[],
            };
            differences.iter().filter(|difference| difference.reason.is_none()).map(|found| (*world, found))
        })
    }

    /// Why the two tests of the file differ, where that is known; `None` where they do not.
    #[must_use]
    pub fn disagreement(&self) -> Option<&'static str> {
        (self.theirs.accepts() != self.ours.accepts())
            .then(|| expected::verdict(self.stem(), self.theirs.accepts()).unwrap_or("UNEXPLAINED"))
    }

    /// Why it was refused, in whichever world.
    #[must_use]
    pub fn refusals(&self) -> BTreeSet<&str> {
        let refusals = self.outcomes.iter().flat_map(|(_, outcome)| match outcome {
            Outcome::Refused(reasons) => reasons.as_slice(),
            Outcome::Equal(_) | Outcome::Different(_) => &[],
        });
        refusals.map(String::as_str).collect()
    }

    /// Why one program alone went on with it, if that is meant.
    #[must_use]
    pub fn refusal_reason(&self) -> Option<&'static str> {
        if self.refusals().is_empty() {
            return None;
        }
        let agree = |outcome: &Outcome| matches!(outcome, Outcome::Refused(reasons) if reasons.len() == 2);
        if self.outcomes.iter().all(|(_, outcome)| agree(outcome)) {
            return Some("both refuse it");
        }
        expected::refusal(self.stem())
    }

    /// Whether each difference between the programs has its reason, and each refusal.
    #[must_use]
    pub fn is_as_meant(&self) -> bool {
        self.unexplained().next().is_none() && (self.refusals().is_empty() || self.refusal_reason().is_some())
    }

    /// The rows of this file that explain no difference: what they speak of is mended.
    pub fn idle_rows(&self) -> impl Iterator<Item = &'static Expected> {
        let explains = |row: &Expected, found: &Difference| {
            row.moment == found.moment && row.program == found.program && found.line.contains(row.part)
        };
        expected::rows(self.stem()).filter(move |row| {
            !self.outcomes.iter().any(|(_, outcome)| match outcome {
                Outcome::Different(all) => all.iter().any(|found| explains(row, found)),
                Outcome::Equal(_) | Outcome::Refused(_) => false,
            })
        })
    }

    fn stem(&self) -> &str {
        self.name.strip_suffix(".conf").unwrap_or(&self.name)
    }

    /// Everything about it, for the file of details.
    #[must_use]
    pub fn details(&self) -> String {
        let mut text = format!("== {self}\n");
        for (program, verdict) in [("keepalived -t", &self.theirs), ("ipvsctl check --strict", &self.ours)] {
            let _ = writeln!(text, "-- {program}: exit status {}\n{}", verdict.status, verdict.said.trim_end());
        }
        for (world, outcome) in &self.outcomes {
            let _ = writeln!(text, "-- {}", world.name());
            match outcome {
                Outcome::Equal(lines) => text += &format!("equal, {lines} lines\n"),
                Outcome::Different(found) => text.extend(found.iter().map(|difference| format!("{difference}\n"))),
                Outcome::Refused(reasons) => text.extend(reasons.iter().map(|reason| format!("{reason}\n"))),
            }
        }
        text
    }
}

/// One line.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refusals = self.refusals();
        let unexplained: Vec<_> = self.unexplained().collect();
        let explained: BTreeSet<_> = self
            .outcomes
            .iter()
            .filter_map(|(_, outcome)| match outcome {
                Outcome::Different(found) => Some(found.iter().filter_map(|difference| difference.reason)),
                Outcome::Equal(_) | Outcome::Refused(_) => None,
            })
            .flatten()
            .collect();
        let verdict = if !refusals.is_empty() {
            "refused"
        } else if !unexplained.is_empty() {
            "different"
        } else if !explained.is_empty() {
            "expected"
        } else {
            "equal"
        };
        write!(f, "{verdict:<9} {} [-t {}, --strict {}", self.name, self.theirs.status, self.ours.status)?;
        if let Some(reason) = self.disagreement() {
            write!(f, ": {reason}")?;
        }
        f.write_str("]")?;
        for (world, outcome) in &self.outcomes {
            if let Outcome::Equal(lines) = outcome {
                write!(f, " {}: {lines} lines;", world.name())?;
            }
        }
        for reason in refusals {
            write!(f, " {reason};")?;
        }
        if let Some((world, first)) = unexplained.first() {
            write!(f, " {}: {first}", world.name())?;
            if unexplained.len() > 1 {
                write!(f, "; and {} more", unexplained.len() - 1)?;
            }
        }
        for reason in explained.into_iter().chain(self.refusal_reason()) {
            write!(f, " ({reason})")?;
        }
        Ok(())
    }
}

/// Compares the programs on each of these files, several at a time; `done` is told of each when it is.
///
/// # Panics
/// Never for a file: one that cannot be compared is told so in its line.
pub fn compare_all(files: &[PathBuf], at_a_time: usize, patience: Patience, done: impl Fn(&Comparison) + Sync) {
    let rest = Mutex::new(files.iter());
    thread::scope(|scope| {
        for _ in 0..at_a_time.min(files.len()) {
            scope.spawn(|| {
                while let Some(file) = { rest.lock().expect("no thread panics with the list in hand").next() } {
                    // One file that cannot be compared is no reason to leave out the others.
                    let comparison = thread::scope(|scope| scope.spawn(|| compare(file, patience)).join());
                    done(&comparison.unwrap_or_else(|panic| Comparison::failed(file, panic.as_ref())));
                }
            });
        }
    });
}

/// Compares the programs on one file.
///
/// # Panics
/// When the file cannot be read or the lab cannot be made.
#[must_use]
pub fn compare(file: &Path, patience: Patience) -> Comparison {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{} cannot be read: {error}", file.display()));
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let stem = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let scene = Scene::read(&String::from_utf8_lossy(&bytes));
    let mut worlds = vec![World::Absent];
    if !scene.servers.is_empty() {
        worlds.push(World::Present);
    }
    // Both programs wait most of the time, in one world as in the other.
    let tried: Vec<_> = thread::scope(|scope| {
        let (stem, bytes, scene) = (&stem, &bytes, &scene);
        let start = |world| (world, scope.spawn(move || compare_in(world, stem, bytes, scene, patience)));
        let running: Vec<_> = worlds.into_iter().map(start).collect();
        let ended = running.into_iter().map(|(world, running)| match running.join() {
            Ok(tried) => (world, tried),
            Err(panic) => resume_unwind(panic),
        });
        ended.collect()
    });
    let mut verdicts = None;
    let outcomes = tried.into_iter().map(|(world, (outcome, said))| {
        verdicts = verdicts.take().or(Some(said));
        (world, outcome)
    });
    let outcomes = outcomes.collect();
    let (theirs, ours) = verdicts.expect("there is a world");
    Comparison { name, theirs, ours, outcomes }
}

fn compare_in(
    world: World,
    stem: &str,
    file: &[u8],
    scene: &Scene,
    patience: Patience,
) -> (Outcome, (Verdict, Verdict)) {
    let mut lab = Topology::new(&format!("{stem}-{}", world.name().replace(' ', "-")));
    let (theirs, ours) = (lab.node("keepalived"), lab.node("ipvsd"));
    let lan = lab.segment("servers");
    let mut servers = Vec::new();
    scene.prepare(&theirs);
    scene.prepare(&ours);
    match world {
        World::Absent => {}
        World::Present => {
            let farm = lab.node("farm");
            lan.attach(&farm, "lan", &["198.19.0.3/24", "fd00:198:19::3/64"]);
            let ways: String = scene.servers.iter().fold(String::new(), |ways, server| {
                farm.add_address("lo", &server.to_string());
                let gateway = if server.is_ipv4() { "198.19.0.3" } else { "fd00:198:19::3" };
                ways + &format!("route replace {server} via {gateway} dev lan\n")
            });
            for (node, address) in [(&theirs, 1), (&ours, 2)] {
                lan.attach(node, "lan", &[&format!("198.19.0.{address}/24"), &format!("fd00:198:19::{address}/64")]);
                node.command("ip").args(["-batch", "-"]).input(ways.clone()).ok();
            }
            servers.extend(scene.ports.iter().map(|port| WebServer::start(&farm, format!("[::]:{port}"))));
        }
    }
    let said = (Run::verdict(Program::Keepalived, &theirs, file), Run::verdict(Program::Ipvsd, &ours, file));
    let runs = (Run::start(Program::Keepalived, &theirs, file), Run::start(Program::Ipvsd, &ours, file));
    let (left, right) = settle(&runs.0, &runs.1, stem, patience);
    let refusals: Vec<_> = [runs.0.refusal(), runs.1.refusal()].into_iter().flatten().collect();
    if !refusals.is_empty() {
        return (Outcome::Refused(refusals), said);
    }
    let mut differences = differences(Moment::Running, stem, &left, &right);
    differences.extend(self::differences(Moment::Stopped, stem, &runs.0.stop(), &runs.1.stop()));
    drop(servers);
    let outcome = if differences.is_empty() { Outcome::Equal(left.len()) } else { Outcome::Different(differences) };
    (outcome, said)
}

/// Waits until both have arrived and agree, or have arrived and stay as they are, or time is up, or one has ended. Where they
/// differ as is meant, half the patience does.
fn settle(theirs: &Run, ours: &Run, stem: &str, patience: Patience) -> (Dump, Dump) {
    let started = Instant::now();
    let mut last = (theirs.changes(), ours.changes());
    let mut changed = Instant::now();
    let mut same = 0;
    loop {
        thread::sleep(PAUSE);
        let now = (theirs.changes(), ours.changes());
        if now == last {
            same += 1;
        } else {
            (same, changed) = (0, Instant::now());
        }
        last = now;
        let ended = theirs.refusal().is_some() || ours.refusal().is_some();
        let arrived = same >= LOOKS && theirs.has_arrived() && ours.has_arrived();
        let meant = || differences(Moment::Running, stem, &last.0, &last.1).iter().all(|found| found.reason.is_some());
        let quiet = changed.elapsed() >= patience.quiet || changed.elapsed() >= patience.quiet / 2 && meant();
        if ended || arrived && (last.0 == last.1 || quiet) || started.elapsed() >= patience.limit {
            return last;
        }
    }
}

fn differences(moment: Moment, stem: &str, theirs: &Dump, ours: &Dump) -> Vec<Difference> {
    let (left, right) = (theirs.without(ours), ours.without(theirs));
    let only = |dump: &Dump, program| {
        let told = |line: &str| Difference {
            moment,
            program,
            line: line.to_owned(),
            reason: expected::reason(stem, moment, program, line),
        };
        dump.lines().map(told).collect::<Vec<_>>()
    };
    let mut all = only(&left, Program::Keepalived);
    all.extend(only(&right, Program::Ipvsd));
    all
}

/// The configurations in a folder (`*.conf`), in the order of their names, or the file itself.
///
/// # Errors
/// When the folder cannot be read.
pub fn configurations(place: &Path) -> std::io::Result<Vec<PathBuf>> {
    if place.is_file() {
        return Ok(vec![place.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(place)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "conf") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
