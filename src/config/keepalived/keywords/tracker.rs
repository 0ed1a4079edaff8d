//! Words of what routers can watch.

use super::Takes::{Any, Nothing, One, Optional, Several};
use super::kind::{COMMAND, FILE, I32, IP, U32, USER, WEIGHT, WIDER_WEIGHT, seconds, text, whole};
use super::{Keyword, Kind, Takes, ours, yes};

/// Timers may run a millisecond to eleven days.
const INTERVAL: Takes = One(seconds("an interval", 0.001, 1_000_000.0));
const TIMEOUT: Takes = One(seconds("a timeout", 0.001, 1_000_000.0));
const COUNT: Takes = One(whole("a count", 1, I32));
const DELAY: Takes = One(seconds("a delay", 0.0, 3_600.0));
const EFFECT: &str =
    "0: a failure is a fault; above: added to the priority while all is well; below: taken off while not.";

/// A script whose file cannot be run at start or reload is disabled, as in keepalived ([`OnMissing`](crate::model::OnMissing)).
pub(super) const SCRIPT: &[Keyword] = &[
    yes("script", Several(COMMAND))
        .last_counts()
        .means("The command, with its arguments; required.")
        .toml("script.command"),
    yes("interval", INTERVAL)
        .default("1")
        .means("From the start of one run to the start of the next.")
        .toml("script.interval"),
    yes("timeout", TIMEOUT)
        .otherwise("as `interval`")
        .means("A run that takes longer has failed, and is ended.")
        .toml("script.timeout"),
    yes("weight", Several(WEIGHT)).form("NUMBER [reverse]").default("0").means(EFFECT).toml("script.weight"),
    yes("rise", COUNT).default("1").means("So many successes in a row end a failure.").toml("script.rise"),
    yes("fall", COUNT).default("1").means("So many failures in a row make one.").toml("script.fall"),
    yes("user", Several(USER)).otherwise("`script_user`").means("Who runs it.").toml("script.user"),
    yes("init_fail", Nothing)
        .otherwise("it counts as well at first")
        .means("It counts as failed until it has succeeded.")
        .toml("script.init-fail"),
];

pub(super) const TRACK_FILE: &[Keyword] = &[
    yes("file", Several(FILE)).form("PATH").means("The file, by its whole path; required.").toml("track-file.path"),
    yes("weight", Several(WIDER_WEIGHT))
        .form("NUMBER [reverse]")
        .default("1")
        .means("The number in the file times this is added to the priority; 0: a number other than 0 is a fault.")
        .toml("track-file.weight"),
    yes("init_file", Any(text("[NUMBER] [overwrite]", "a whole number, or `overwrite`")))
        .form("[NUMBER] [overwrite]")
        .otherwise("no file is made")
        .means("Make the file with this number at start if there is none, or with `overwrite` in any case.")
        .toml("track-file.initial"),
];

pub(super) const TRACK_PROCESS: &[Keyword] = &[
    yes("process", Several(COMMAND))
        .means("The program's name, and maybe its arguments; required.")
        .toml("track-process.process"),
    yes("param_match", Optional(Kind::Choice(&["initial", "partial"])))
        .otherwise("the command alone counts, unless it has arguments")
        .means("How arguments are compared: all, the first ones, or the last one in part.")
        .toml("track-process.arguments"),
    yes("weight", Several(WIDER_WEIGHT))
        .form("NUMBER [reverse]")
        .default("0")
        .means(EFFECT)
        .toml("track-process.weight"),
    yes("quorum", One(whole("a number of processes", 1, 65_535)))
        .default("1")
        .means("The least number of them.")
        .toml("track-process.quorum"),
    yes("quorum_max", One(whole("a number of processes", 0, 65_535)))
        .otherwise("any number")
        .means("The greatest number of them; 0: none may run.")
        .toml("track-process.quorum-max"),
    yes("fork_delay", DELAY)
        .default("0")
        .means("Enough of them count only after this long.")
        .toml("track-process.fork-delay"),
    yes("terminate_delay", DELAY)
        .default("0")
        .means("Too few count only after this long.")
        .toml("track-process.terminate-delay"),
    yes("delay", DELAY).default("0").means("Both delays at once.").toml("track-process.fork-delay"),
    yes("full_command", Nothing)
        .otherwise("off; on where there are arguments")
        .means("Compare the whole command line, not the kernel's name of 15 bytes.")
        .toml("track-process.full-command"),
];

pub(super) const TRACK_SERVICE: &[Keyword] = &[
    ours("service", Several(text("IP PORT [TCP|UDP|SCTP]", "an address, a port and maybe a protocol")))
        .form("IP PORT [TCP|UDP|SCTP]")
        .means("The service, of this host's; required, or `fwmark`.")
        .toml("track-service.service"),
    ours("fwmark", Several(whole("a firewall mark", 1, U32)))
        .form("NUMBER [inet|inet6]")
        .means("The service by its mark.")
        .toml("track-service.fwmark"),
    ours("condition", Several(text("any|quorum|share PERCENT", "`any`, `quorum`, or `share` and a number")))
        .form("any|quorum|share PERCENT")
        .default("any")
        .means("Well while one server is up, or the service's quorum, or that share of its servers.")
        .toml("track-service.condition"),
    ours("weight", Several(WEIGHT)).form("NUMBER [reverse]").default("0").means(EFFECT).toml("track-service.weight"),
];

pub(super) const TRACK_CHECK: &[Keyword] = &[
    ours("tcp", Several(text("IP PORT", "an address and a port")))
        .form("IP PORT")
        .means("Well while a connection there is accepted.")
        .toml("track-check.tcp"),
    ours("http_get", Several(text("URL", "a URL")))
        .form("URL")
        .means("Well while it answers with a status from 200 to 299.")
        .toml("track-check.http"),
    ours("https_get", Several(text("URL", "a URL, and maybe `verify` with a file of authorities")))
        .form("URL [verify [FILE]]")
        .means("The same over TLS; any certificate will do unless `verify` is written.")
        .toml("track-check.https"),
    ours("smtp", Several(text("IP PORT", "an address and a port, and maybe how we call ourselves")))
        .form("IP PORT [NAME]")
        .means("Well while a mail server greets there.")
        .toml("track-check.smtp"),
    ours("dns", Several(text("IP PORT", "an address and a port, and maybe a name and a type of record")))
        .form("IP PORT [NAME [TYPE]]")
        .means("Well while a name server answers there over UDP without an error; unless written, `.` and SOA.")
        .toml("track-check.dns"),
    ours("udp", Several(text("IP PORT", "an address and a port, and maybe what is sent and what is to come back")))
        .form("IP PORT [HEX [HEX]]")
        .means("Well while datagrams there are not refused or, where a second HEX says how, are answered.")
        .toml("track-check.udp"),
    ours("ping", One(IP)).form("IP").means("Well while it answers pings.").toml("track-check.ping"),
    ours("interval", INTERVAL)
        .default("1")
        .means("From the start of one check to the start of the next.")
        .toml("track-check.interval"),
    ours("timeout", TIMEOUT)
        .otherwise("as `interval`")
        .means("A check that takes longer has failed.")
        .toml("track-check.timeout"),
    ours("rise", COUNT).default("1").means("So many successes in a row end a failure.").toml("track-check.rise"),
    ours("fall", COUNT).default("1").means("So many failures in a row make one.").toml("track-check.fall"),
    ours("weight", Several(WEIGHT)).form("NUMBER [reverse]").default("0").means(EFFECT).toml("track-check.weight"),
];
