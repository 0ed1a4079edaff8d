//! Words of checks, and those about checks that services and servers hand down to them.

use super::Kind::Flag;
use super::Takes::{Any, Block, Nothing, One, Optional, Several};
use super::kind::{COMMAND, COUNT, HOST, I32, INTERFACE, IP, NAME, PORT, U32, USER, measured, seconds, text, whole};
use super::service::ALPHA;
use super::{Keyword, Kind, Place, Takes, idle, ours, soon, yes};

/// The longest that a connection may take, in seconds.
const LONGEST: f64 = 4_294.0;
/// The longest from one check to another, in seconds: for good, to people.
const LONGEST_WAIT: f64 = 1_000_000_000.0;
const PART: &str = "the check is not made";
const DELAY: Takes = One(seconds("a delay", 0.0, LONGEST_WAIT));
const HEX: Kind = text("HEX", "hexadecimal digits");

/// In services and servers: the default of all their checks.
pub(super) const INHERITED: &[Keyword] =
    &[DELAY_LOOP, CONNECT_TIMEOUT, RETRY, RETRY_DELAY, WARMUP, RISE, FALL, DOWN_INTERVAL, JITTER];

const DELAY_LOOP: Keyword = yes("delay_loop", One(seconds("an interval", 0.001, LONGEST_WAIT)))
    .default("60")
    .means("From one check of a server to the next.")
    .toml("service.check.interval");
const CONNECT_TIMEOUT: Keyword = yes("connect_timeout", One(seconds("a timeout", 0.001, LONGEST)))
    .default("5")
    .means("How long a connection may take.")
    .toml("service.check.tcp.timeout");
const RETRY: Keyword = yes("retry", One(COUNT))
    .otherwise("1; DNS_CHECK 3, MISC_CHECK 0")
    .means("So many failures in a row, after the first, are forgiven.")
    .toml("service.check.retry");
const RETRY_DELAY: Keyword = yes("delay_before_retry", DELAY)
    .otherwise("1; DNS_CHECK as `delay_loop`")
    .means("From a failure that is forgiven to the next try.")
    .toml("service.check.retry-interval");
const WARMUP: Keyword = yes("warmup", DELAY)
    .otherwise("1 at most; in keepalived `delay_loop`")
    .means("The first check comes within this time, at a moment of its own.")
    .toml("service.check.warmup");

const RISE: Keyword = ours("rise", One(whole("a count", 1, U32)))
    .default("1")
    .means("So many successes in a row bring back a server that was down; between them passes `delay_before_retry`.")
    .toml("service.check.rise");
const FALL: Keyword = ours("fall", One(whole("a count", 1, U32)))
    .otherwise("`retry` and one more")
    .means("So many failures in a row take a server out, the first one counted too.")
    .toml("service.check.fall");
const DOWN_INTERVAL: Keyword = ours("interval_down", One(seconds("an interval", 0.001, LONGEST_WAIT)))
    .otherwise("as `delay_loop`")
    .means("From one check to the next of a server that is down.")
    .toml("service.check.interval-down");
const JITTER: Keyword = ours("jitter", One(whole("parts in a hundred", 0, 50)))
    .default("0")
    .means("Scatter each wait by up to so many parts in a hundred of it.")
    .toml("service.check.jitter");

/// What all checks have but those of files and of BFD.
pub(super) const TIMING: &[Keyword] = &[
    RETRY,
    RETRY_DELAY,
    WARMUP,
    DELAY_LOOP,
    RISE,
    FALL,
    DOWN_INTERVAL,
    JITTER,
    idle("alpha", Optional(Flag), ALPHA)
        .otherwise("that of the server")
        .means("At start the check counts as failed until it succeeds."),
    soon("log_all_failures", Optional(Flag), "every change of a check's outcome is logged with its reason")
        .otherwise("`checker_log_all_failures`")
        .means("Log each failure, also those that `retry` forgives."),
];

/// What all checks have that connect.
pub(super) const CONNECTION: &[Keyword] = &[
    yes("connect_ip", One(IP))
        .otherwise("the server's")
        .means("The address that is checked.")
        .toml("service.check.tcp.address"),
    yes("connect_port", One(PORT))
        .otherwise("the server's")
        .means("The port that is checked.")
        .toml("service.check.tcp.port"),
    yes("bindto", One(IP))
        .otherwise("the kernel chooses")
        .means("The address that the check comes from.")
        .toml("service.check.tcp.source"),
    yes("bind_port", One(PORT)).otherwise("the kernel chooses").means("The port that the check comes from."),
    yes("bind_if", One(INTERFACE))
        .otherwise("the kernel chooses")
        .means("The interface that the check leaves by.")
        .toml("service.check.tcp.interface"),
    CONNECT_TIMEOUT,
    yes("fwmark", One(whole("a mark", 0, U32)))
        .default("0")
        .means("The mark of the check's packets, for routing rules and the firewall.")
        .toml("service.check.tcp.mark"),
];

pub(super) const HTTP: &[Keyword] = &[
    soon("http_protocol", One(Kind::Choice(&["1.0", "1.0C", "1.1"])), PART)
        .default("1.0")
        .means("The version of HTTP; `1.0C` asks to close the connection."),
    soon("virtualhost", Several(HOST), PART).otherwise("that of the server").means("The host that is asked for."),
    soon("fast_recovery", Optional(Flag), PART)
        .default("off")
        .means("One success brings the server back, without the other URLs."),
    soon("nb_get_retry", One(COUNT), PART).deprecated("`retry`").means("The same as `retry`."),
    soon("enable_sni", Nothing, PART).means("Name the host when TLS begins; with SSL_GET."),
    soon("sni_name", One(HOST), PART).otherwise("`virtualhost`").means("The host that is named when TLS begins."),
    soon("tls_compliant", Optional(Flag), PART)
        .default("off")
        .means("A connection that TLS does not close in order fails."),
    soon("url", Block, PART).means("A page, and what is expected of it; several are all asked for.").opens(Place::Url),
];

pub(super) const URL: &[Keyword] = &[
    soon("path", Several(text("PATH", "a path")), PART).means("The page; required."),
    soon("digest", One(text("MD5", "an MD5 sum")), PART).otherwise("any").means("The MD5 sum of the page."),
    soon("status_code", Several(text("NUMBER[-NUMBER]", "numbers")), PART)
        .default("200-299")
        .means("The status that is expected: numbers and ranges."),
    soon("virtualhost", Several(HOST), PART).otherwise("that of the check").means("The host that is asked for."),
    soon("regex", Several(text("EXPRESSION", "an expression")), PART).means("What the page must match."),
    soon("regex_no_match", Nothing, PART).means("The page must not match."),
    soon("regex_options", Several(text("WORD", "words")), PART)
        .means("Options of the expression, as PCRE2 names them."),
    soon("regex_stack", Several(measured("a size", 1, I32, "bytes")), PART)
        .form("START MOST")
        .means("Memory for matching, at first and at most."),
    soon("regex_min_offset", One(COUNT), PART).default("0").means("A match counts only from this byte of the page on."),
    soon("regex_max_offset", One(COUNT), PART)
        .otherwise("any")
        .means("A match counts only up to this byte of the page."),
    soon("tls_compliant", Optional(Flag), PART)
        .otherwise("that of the check")
        .means("A connection that TLS does not close in order fails."),
];

pub(super) const SMTP: &[Keyword] = &[
    soon("helo_name", Several(NAME), PART).otherwise("`smtp_helo_name`").means("How the check greets."),
    soon("host", Block, PART)
        .deprecated("the words that it holds stand in the check itself")
        .means("Another address to check; of old, several could be there.")
        .opens(Place::SmtpHost),
];

pub(super) const DNS: &[Keyword] = &[
    soon("type", One(Kind::Choice(&["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA"])), PART)
        .default("SOA")
        .means("The type of record that is asked for."),
    soon("name", One(NAME), PART).default(".").means("The name that is asked for."),
];

pub(super) const UDP: &[Keyword] = &[
    soon("payload", Several(HEX), PART).otherwise("random bytes").means("What is sent."),
    soon("require_reply", Any(HEX), PART)
        .form("[HEX, with X for any digit]")
        .otherwise("no refusal is enough")
        .means("An answer must come, and must begin so."),
    soon("min_reply_length", One(whole("a length", 0, 65_535)), PART)
        .default("0")
        .means("The least length of the answer."),
    soon("max_reply_length", One(whole("a length", 0, 65_535)), PART)
        .default("255")
        .means("The greatest length of the answer."),
];

pub(super) const MISC: &[Keyword] = &[
    soon("misc_path", Several(COMMAND), PART).means("The command, with its arguments; required."),
    soon("misc_timeout", One(seconds("a timeout", 1.0, LONGEST)), PART)
        .otherwise("as `delay_loop`")
        .means("A run that takes longer has failed, and is ended."),
    soon("misc_dynamic", Nothing, PART)
        .means("The exit status sets the weight: 0 leaves it, 1 is a failure, 2 to 255 are the weight and 2."),
    soon("user", Several(USER), PART).otherwise("`script_user`").means("Who runs it."),
];

pub(super) const FILE_CHECK: &[Keyword] = &[
    soon("track_file", One(NAME), PART).means("The `track_file` whose number counts; required."),
    soon("weight", Several(whole("a weight", -I32, I32)), PART)
        .form("NUMBER [reverse]")
        .default("1")
        .means("The number in the file times this is added to the server's weight."),
    soon("alpha", Optional(Flag), PART).means("At start the check counts as failed until the file was read."),
];

pub(super) const BFD_CHECK: &[Keyword] = &[
    soon("name", One(NAME), PART).means("The `bfd_instance` that counts; required."),
    soon("alpha", Optional(Flag), PART).means("At start the check counts as failed until the session is up."),
];
