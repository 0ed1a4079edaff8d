//! Differences that are meant, each with its reason.
//!
//! A row names the file (all, if empty), a part of the line that differs, and whose line it is. What no row explains
//! is a defect, of one program or the other, and fails the test. So does a row of ours that explains nothing any more.

use crate::contender::Program;

/// When the kernel was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Both run, and have settled.
    Running,
    /// Both have been stopped.
    Stopped,
}

impl Moment {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Moment::Running => "running",
            Moment::Stopped => "stopped",
        }
    }
}

/// A difference that is meant.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The file's name without its ending; empty for all files.
    pub file: &'static str,
    /// While they run, or once they have been stopped.
    pub moment: Moment,
    /// Who has the line that the other lacks.
    pub program: Program,
    /// A part of the line.
    pub part: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// All of them.
pub const EXPECTED: &[Expected] = &[
    row("static", Moment::Running, Program::Keepalived, "route -4 dev eth1 dst 198.51.100.0/24", SCOPE),
    row("static", Moment::Running, Program::Ipvsd, "route -4 dev eth1 dst 198.51.100.0/24", SCOPE),
    row("links", Moment::Running, Program::Ipvsd, "address vip6 fe80::", BASE),
    row("addresses", Moment::Stopped, Program::Keepalived, "address eth0 192.0.2.8/32 address 192.0.2.9", PEER),
    row("masks", Moment::Running, Program::Keepalived, "-M 255.255.0.255", MASK),
    row("masks", Moment::Running, Program::Ipvsd, "ipvs -A -t 192.0.2.1:80", MASK),
    // Files from outside, by the names that they have there.
    row("001-shidg__note", Moment::Running, Program::Keepalived, "-r 10.203.43.231:0", UNKNOWN),
    row("019-Luolired__Supervisor-Keepalived", Moment::Running, Program::Keepalived, "dst 10.22.10.0/24", SCOPE),
    row("019-Luolired__Supervisor-Keepalived", Moment::Running, Program::Ipvsd, "dst 10.22.10.0/24", SCOPE),
    row("029-pqarmitage__keepalived-devel-tools", Moment::Running, Program::Keepalived, "ipvs -A -f 38 -6", MARK6),
    row("029-pqarmitage__keepalived-devel-tools", Moment::Running, Program::Ipvsd, "ipvs -A -f 38 -6", MARK6),
];

const fn row(
    file: &'static str,
    moment: Moment,
    program: Program,
    part: &'static str,
    reason: &'static str,
) -> Expected {
    Expected { file, moment, program, part, reason }
}

const SCOPE: &str = "a route to a link without a gateway has the scope `link`, as `ip route` gives it: keepalived leaves \
    it at `global`, so that no gateway can be reached through it";
const BASE: &str = "a macvlan of IPv6 has its base's link-local address, deprecated, so that adverts may leave from it";
const PEER: &str = "keepalived 2.2.7 leaves an address that has a peer behind when it is stopped";
const MARK6: &str =
    "keepalived 2.2.7 forgets the granularity of a group's mark of IPv6, and counts each client by itself";
const MASK: &str = "a mask with gaps would bind together clients that have nothing to do with each other, which nobody means: \
    it is told, and each client counts by itself";

/// Files that `keepalived -t` and `ipvsctl check --strict` judge differently: the file, whether keepalived accepts it, why.
const VERDICTS: &[(&str, bool, &str)] = &[
    (
        "routes",
        false,
        "keepalived remarks that it does not track routes that name no interface; nothing is wrong with them",
    ),
    (
        "flags",
        false,
        "keepalived remarks that `hashed`, which the kernel sets by itself, goes with `sh` only; a note for us",
    ),
    ("marks", false, PORTS),
    ("methods", false, PORTS),
    ("schedulers", false, "keepalived remarks on its own default, wlc; nothing is wrong with it"),
    ("masks", true, MASK),
    (
        "002-first",
        false,
        "keepalived remarks that its script security is off (exit status 6); scripts run as their user with us",
    ),
    ("004-hanxueluo__gittrace", false, "keepalived remarks on words that do nothing where they stand; a note for us"),
];

const UNKNOWN: &str = "its check calls from another machine's address and comes to no result: keepalived puts a server in \
    before its first check, we after the first success";
const PORTS: &str = "a port that the method cannot change is taken as the service's: a note for us";

/// Files that one program alone goes on with, and why.
const REFUSALS: &[(&str, &str)] = &[
    ("003", TEMPLATE),
    ("004-master", "two virtual routers of one number on one interface: keepalived exits, we run the first of them"),
    ("017-thanks173__system-admin-notes", TEMPLATE),
    ("020-chenerqi__rgw", TEMPLATE),
];

const TEMPLATE: &str =
    "a template that was not filled in: keepalived goes on with what it understands of it, we do not start";

/// Why one program alone goes on with a file, if that is meant.
#[must_use]
pub fn refusal(file: &str) -> Option<&'static str> {
    REFUSALS.iter().find(|(name, _)| *name == file).map(|(_, reason)| *reason)
}

/// Why the two tests of a file differ, if that is meant.
#[must_use]
pub fn verdict(file: &str, keepalived_accepts: bool) -> Option<&'static str> {
    let row = VERDICTS.iter().find(|(name, accepts, _)| *name == file && *accepts == keepalived_accepts);
    row.map(|(_, _, reason)| *reason)
}

/// The files whose two tests differ as is meant, and whether keepalived accepts each.
pub fn verdicts() -> impl Iterator<Item = (&'static str, bool)> {
    VERDICTS.iter().map(|(file, accepts, _)| (*file, *accepts))
}

/// The parts of lines that the rows of a file speak of.
pub fn rows(file: &str) -> impl Iterator<Item = &'static Expected> {
    EXPECTED.iter().filter(move |row| row.file == file)
}

/// Why a file's line is there with one program alone, if that is meant.
#[must_use]
pub fn reason(file: &str, moment: Moment, program: Program, line: &str) -> Option<&'static str> {
    let rows = EXPECTED.iter().filter(|row| row.file.is_empty() || row.file == file);
    rows.filter(|row| row.program == program && row.moment == moment)
        .find(|row| line.contains(row.part))
        .map(|row| row.reason)
}
