//! Differences that are meant, each with its reason.
//!
//! A row names the file (all, if empty), a part of the line that differs, and whose line it is. What no row explains
//! is a defect, of one program or the other, and fails the test.

use crate::contender::Program;

/// A difference that is meant.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The file's name without its ending; empty for all files.
    pub file: &'static str,
    /// Who has the line that the other lacks.
    pub program: Program,
    /// A part of the line.
    pub part: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// All of them.
pub const EXPECTED: &[Expected] = &[
    Expected {
        file: "static",
        program: Program::Keepalived,
        part: "route -4 dev eth1 dst 198.51.100.0/24",
        reason: SCOPE,
    },
    Expected { file: "static", program: Program::Ipvsd, part: "route -4 dev eth1 dst 198.51.100.0/24", reason: SCOPE },
    Expected { file: "links", program: Program::Ipvsd, part: "address vip6 fe80::", reason: BASE },
    Expected { file: "sorry", program: Program::Keepalived, part: "-r 10.0.0.9:", reason: SORRY },
    Expected { file: "suspend", program: Program::Ipvsd, part: "-r 10.0.0.", reason: SUSPEND },
    Expected { file: "groups", program: Program::Keepalived, part: "ipvs", reason: GROUPS },
];

const SCOPE: &str = "a route to a link without a gateway has the scope `link`, as `ip route` gives it: keepalived leaves \
    it at `global`, so that no gateway can be reached through it";
const BASE: &str = "a macvlan of IPv6 has its base's link-local address, deprecated, so that adverts may leave from it";
const SORRY: &str = "`sorry_server` is not done yet";
const SUSPEND: &str = "`ha_suspend` is not done yet: servers are checked though the address is elsewhere";
const GROUPS: &str = "`virtual_server_group` is not done yet";

/// Files that `keepalived -t` and `ipvsctl check --strict` judge differently: the file, whether keepalived accepts it, why.
const VERDICTS: &[(&str, bool, &str)] = &[];

/// Why the two tests of a file differ, if that is meant.
#[must_use]
pub fn verdict(file: &str, keepalived_accepts: bool) -> Option<&'static str> {
    let row = VERDICTS.iter().find(|(name, accepts, _)| *name == file && *accepts == keepalived_accepts);
    row.map(|(_, _, reason)| *reason)
}

/// Why a file's line is there with one program alone, if that is meant.
#[must_use]
pub fn reason(file: &str, program: Program, line: &str) -> Option<&'static str> {
    let rows = EXPECTED.iter().filter(|row| row.file.is_empty() || row.file == file);
    rows.filter(|row| row.program == program).find(|row| line.contains(row.part)).map(|row| row.reason)
}
