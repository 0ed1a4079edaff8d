//! Words of checks, and those about checks that services and servers hand down to them.

use super::Kind::Flag;
use super::Takes::{Any, Block, Nothing, One, Optional, Several};
use super::kind::{
    COMMAND, COUNT, FILE, HOST, I32, INTERFACE, IP, NAME, PORT, U32, USER, measured, seconds, text, whole,
};
use super::{Keyword, Kind, Place, Takes, idle, ours, soon, yes};

const READ_FIRST: &str = "files are read before anything is made of them";
/// The longest that a connection may take, in seconds.
const LONGEST: f64 = 4_294.0;
/// The longest from one check to another, in seconds: for good, to people.
const LONGEST_WAIT: f64 = 1_000_000_000.0;
const PART: &str = "the check is not made";
const NO_PORT: &str = "a ping has no ports";
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
    .means("How long a try may take, from the call to the end of the answer; of several pages each.")
    .toml("service.check.tcp.timeout");
const RETRY: Keyword = yes("retry", One(COUNT))
    .otherwise("1; DNS_CHECK 3, MISC_CHECK 0")
    .means("So many failures in a row, after the first, are forgiven.")
    .toml("service.check.retry");
const RETRY_DELAY: Keyword = yes("delay_before_retry", DELAY)
    .otherwise("1; HTTP_GET and SSL_GET 3, DNS_CHECK as `delay_loop`")
    .means("From a failure that is forgiven to the next try.")
    .toml("service.check.retry-interval");
const WARMUP: Keyword = yes("warmup", DELAY)
    .otherwise("1 at most; in keepalived `delay_loop`")
    .means("The first check comes within this time, at a moment of its own; within a second where clients may wait for it: the server is not in the table, and has no `alpha`.")
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
    yes("alpha", Optional(Flag))
        .otherwise("that of the server")
        .means("At start the check counts as failed until it succeeds."),
    yes("log_all_failures", Optional(Flag))
        .otherwise("`checker_log_all_failures`")
        .means("Log each failure while the server is up, also those that `retry` forgives.")
        .toml("service.check.log-failures"),
];

/// What all checks have that connect.
pub(super) const CONNECTION: &[Keyword] = &[
    CONNECT_IP,
    yes("connect_port", One(PORT))
        .otherwise("the server's")
        .means("The port that is checked.")
        .toml("service.check.tcp.port"),
    BIND_TO,
    yes("bind_port", One(PORT)).otherwise("the kernel chooses").means("The port that the check comes from."),
    BIND_IF,
    CONNECT_TIMEOUT,
    MARK,
];

/// The same of one that calls a host, and no port.
pub(super) const PING: &[Keyword] = &[
    CONNECT_IP,
    idle("connect_port", One(PORT), NO_PORT).means("The port that is checked; a ping goes to none."),
    BIND_TO,
    idle("bind_port", One(PORT), NO_PORT).means("The port that the check comes from; a ping comes from none."),
    BIND_IF,
    CONNECT_TIMEOUT,
    MARK,
];

const CONNECT_IP: Keyword = yes("connect_ip", One(IP))
    .otherwise("the server's")
    .means("The address that is checked.")
    .toml("service.check.tcp.address");
const BIND_TO: Keyword = yes("bindto", One(IP))
    .otherwise("the kernel chooses")
    .means("The address that the check comes from.")
    .toml("service.check.tcp.source");
const BIND_IF: Keyword = yes("bind_if", One(INTERFACE))
    .otherwise("the kernel chooses")
    .means("The interface that the check leaves by.")
    .toml("service.check.tcp.interface");
const MARK: Keyword = yes("fwmark", One(whole("a mark", 0, U32)))
    .default("0")
    .means("The mark of the check's packets, for routing rules and the firewall.")
    .toml("service.check.tcp.mark");

pub(super) const HTTP: &[Keyword] = &[
    yes("http_protocol", One(Kind::Choice(&["1.0", "1.0C", "1.1"])))
        .default("1.0")
        .means("The version of HTTP. All three ask to close the connection, as `1.0C` does in keepalived.")
        .toml("service.check.http.version"),
    yes("virtualhost", One(HOST))
        .otherwise("that of the server")
        .means("The host that is asked for.")
        .toml("service.check.http.host"),
    idle("fast_recovery", Optional(Flag), "all pages are asked for one right after another, each time")
        .means("At start and after a failure the pages are asked for without a `delay_loop` between them."),
    yes("nb_get_retry", One(COUNT)).deprecated("`retry`").means("The same as `retry`.").toml("service.check.retry"),
    yes("enable_sni", Optional(Flag))
        .default("off")
        .means("Name the host when TLS begins; with SSL_GET.")
        .toml("service.check.http.tls.server-name"),
    yes("sni_name", One(HOST))
        .otherwise("with `enable_sni` the host that is asked for")
        .means("The host that is named when TLS begins.")
        .toml("service.check.http.tls.server-name"),
    yes("tls_compliant", Optional(Flag))
        .default("off")
        .means("A page that TLS does not end in order (`close_notify`) fails.")
        .toml("service.check.http.orderly-close"),
    ours("verify", Optional(FILE))
        .otherwise("any certificate will do, as in keepalived")
        .means(
            "The certificate must be valid, for the name that is told or else the address, and from an authority in this \
             file, in that of `SSL`, or else of the host's own.",
        )
        .toml("service.check.http.tls.verify"),
    yes("url", Block).means("A page, and what is expected of it; several are all asked for.").opens(Place::Url),
];

pub(super) const URL: &[Keyword] = &[
    yes("path", One(text("PATH", "a path"))).means("The page; required.").toml("service.check.http.path"),
    yes("digest", One(text("MD5", "an MD5 sum")))
        .otherwise("any")
        .means("The MD5 sum of the page, as `genhash` and `ipvsctl digest` tell it.")
        .toml("service.check.http.digest"),
    yes("status_code", Several(text("NUMBER[-NUMBER]", "numbers")))
        .default("200-299")
        .means("The status that is expected: numbers and ranges.")
        .toml("service.check.http.status"),
    yes("virtualhost", One(HOST))
        .otherwise("that of the check")
        .means("The host that is asked for.")
        .toml("service.check.http.host"),
    yes("regex", Several(text("EXPRESSION", "an expression")))
        .form("EXPRESSION")
        .last_counts()
        .means("What the page must match, in its first 256 KiB; `ipvsctl explain C405` tells what it may have.")
        .toml("service.check.http.regex"),
    yes("regex_no_match", Nothing).means("The page must not match.").toml("service.check.http.no-match"),
    yes("regex_options", Several(text("WORD", "words")))
        .means("Options of the expression, as PCRE2 names them.")
        .toml("service.check.http.regex-options"),
    idle("regex_stack", Several(measured("a size", 1, I32, "bytes")), "matching takes no stack")
        .form("START MOST")
        .means("Memory for matching, at first and at most."),
    yes("regex_min_offset", One(COUNT))
        .default("0")
        .means("A match counts only from this byte of the page on.")
        .toml("service.check.http.min-offset"),
    yes("regex_max_offset", One(COUNT))
        .otherwise("any")
        .means("A match counts only up to this byte of the page.")
        .toml("service.check.http.max-offset"),
    yes("tls_compliant", Optional(Flag))
        .otherwise("that of the check")
        .means("A page that TLS does not end in order (`close_notify`) fails.")
        .toml("service.check.http.orderly-close"),
];

pub(super) const SMTP: &[Keyword] = &[
    yes("helo_name", Several(NAME))
        .otherwise("`smtpchecker.keepalived.org`")
        .means("How the check calls itself.")
        .toml("service.check.smtp.helo"),
    yes("host", Block)
        .deprecated("the words that it holds stand in the check itself")
        .means("Another address to check; several are all checked.")
        .opens(Place::SmtpHost),
];

pub(super) const DNS: &[Keyword] = &[
    yes("type", One(Kind::Choice(&["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA"])))
        .default("SOA")
        .means("The type of record that is asked for.")
        .toml("service.check.dns.type"),
    yes("name", One(NAME)).default(".").means("The name that is asked for.").toml("service.check.dns.name"),
];

pub(super) const UDP: &[Keyword] = &[
    yes("payload", Several(HEX)).otherwise("random bytes").means("What is sent.").toml("service.check.udp.payload"),
    yes("require_reply", Any(HEX))
        .form("[HEX, with X for any digit]")
        .otherwise("no refusal is enough")
        .means("An answer must come, and must begin so.")
        .toml("service.check.udp.reply"),
    yes("min_reply_length", One(whole("a length", 0, 65_535)))
        .default("0")
        .means("The least length of the answer.")
        .toml("service.check.udp.min-length"),
    yes("max_reply_length", One(whole("a length", 0, 65_535)))
        .default("255")
        .means("The greatest length of the answer.")
        .toml("service.check.udp.max-length"),
];

pub(super) const MISC: &[Keyword] = &[
    yes("misc_path", Several(COMMAND))
        .means("The command, with its arguments; required.")
        .toml("service.check.script.command"),
    yes("misc_timeout", One(seconds("a timeout", 0.001, LONGEST)))
        .otherwise("as `delay_loop`")
        .means("A run that takes longer has failed, and is ended.")
        .toml("service.check.script.timeout"),
    yes("misc_dynamic", Nothing)
        .means("The exit status sets the weight: 0 gives the configured one back, 1 is a failure, 2 to 255 are the weight and 2.")
        .toml("service.check.script.dynamic"),
    yes("user", Several(USER)).otherwise("`script_user`").means("Who runs it.").toml("service.check.script.user"),
];

pub(super) const FILE_CHECK: &[Keyword] = &[
    yes("track_file", One(NAME))
        .means("The `track_file` whose number counts; required.")
        .toml("service.check.file.name"),
    yes("weight", Several(whole("a weight", -I32, I32)))
        .form("NUMBER [reverse]")
        .otherwise("that of the `track_file`, else 1")
        .means("The number in the file times this is added to the server's weight; with 0 a number other than 0 takes it out.")
        .toml("service.check.file.weight"),
    idle("alpha", Optional(Flag), READ_FIRST).means("At start the check counts as failed until the file was read."),
];

pub(super) const BFD_CHECK: &[Keyword] = &[
    soon("name", One(NAME), PART).means("The `bfd_instance` that counts; required."),
    soon("alpha", Optional(Flag), PART).means("At start the check counts as failed until the session is up."),
];
