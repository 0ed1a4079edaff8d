//! Every key of the language, and what it takes.

use super::Keys;
use super::Kind::{self, Any, Choice, Flag, List, Number, Only, Settings, Table, Text, Time, Word};
use crate::model::PathProbe;

const BYTE: Kind = Number(0, 255);
const POSITIVE: Kind = Number(1, i32::MAX as i64);
const COUNT: Kind = Number(0, u32::MAX as i64);
const PORT: Kind = Number(1, 65_535);
const REPEAT: Kind = Number(1, 1_000);
const NAMES: Kind = List(&Text);
const PROTOCOL: Kind = Choice(&["tcp", "udp", "sctp"]);
const FAMILY: Kind = Choice(&["ipv4", "ipv6"]);
/// A line of words, or the words.
const COMMAND: Kind = Any(&[Text, List(&Word)]);

/// A table without a header of its own in the reference.
const fn inline(keys: &'static [(&'static str, Kind)], required: &'static [&'static str]) -> Keys {
    Keys { place: "", keys, shared: &[], required, either: &[] }
}

/// A table with a header.
const fn section(
    place: &'static str,
    keys: &'static [(&'static str, Kind)],
    required: &'static [&'static str],
) -> Keys {
    Keys { place, keys, shared: &[], required, either: &[] }
}

/// The document itself.
pub(in crate::config) const DOCUMENT: Keys = section(
    "",
    &[
        ("global", Table(&GLOBAL)),
        ("router", Table(&ROUTER)),
        ("static", Table(&STATIC)),
        ("track-group", List(&Table(&TRACK_GROUP))),
        ("sysctl", Settings),
        ("script", List(&Table(&SCRIPT))),
        ("track-process", List(&Table(&PROCESS))),
        ("track-file", List(&Table(&FILE))),
        ("track-service", List(&Table(&WATCHED))),
        ("track-check", List(&Table(&CHECKED))),
        ("instance", List(&Table(&INSTANCE))),
        ("sync-group", List(&Table(&SYNC_GROUP))),
        ("service", List(&Table(&SERVICE))),
    ],
    &[],
);

const GLOBAL: Keys = section(
    "global",
    &[
        ("router-id", Text),
        ("exclusive", Flag),
        ("on-stop", Choice(&["remove", "keep", "flush"])),
        ("group-marks", Table(&GROUP_MARKS)),
        ("ipvs-namespace", Text),
        ("ipvs-missing", Choice(&["keep-routing", "fail"])),
        ("timeouts", Table(&TIMEOUTS)),
        ("drain", Time),
        ("script-user", Text),
        ("script-security", Flag),
        ("keep-sysctls", Flag),
        ("sync-daemon", Table(&SYNC_DAEMON)),
        ("watch", Flag),
        ("service-fifo", Table(&FIFO)),
        ("notify-at-start", Flag),
        ("log-check-failures", Flag),
        ("path-marks", Number(1, PathProbe::LAST_FIRST_MARK)),
    ],
    &[],
);
const GROUP_MARKS: Keys = section(
    "global.group-marks",
    &[("table", Text), ("priority", Number(i32::MIN as i64, i32::MAX as i64)), ("first", Number(1, u32::MAX as i64))],
    &[],
);
const TIMEOUTS: Keys = section("global.timeouts", &[("tcp", Time), ("tcp-fin", Time), ("udp", Time)], &[]);
const SYNC_DAEMON: Keys = section(
    "global.sync-daemon",
    &[
        ("interface", Text),
        ("instance", Text),
        ("id", BYTE),
        ("max-length", Number(1, 65_507)),
        ("port", PORT),
        ("ttl", Number(1, 255)),
        ("group", Text),
    ],
    &["interface"],
);

const ROUTER: Keys = section(
    "router",
    &[
        ("startup-delay", Time),
        ("delay-after-boot", Time),
        ("log-unknown-vrids", Flag),
        ("igmp", Flag),
        ("interface-delays", List(&Table(&DELAY))),
        ("announce-groups", List(&Table(&ANNOUNCE_GROUP))),
        ("notify-fifo", Table(&FIFO)),
        ("router-fifo", Table(&FIFO)),
        ("fifo-states-on-reload", Flag),
        ("firewall-table", Text),
        ("firewall-priority", Number(i32::MIN as i64, i32::MAX as i64)),
        ("vmac-prefix", Text),
        ("vmac-address-prefix", Text),
        ("scheduling", Table(&SCHEDULING)),
    ],
    &[],
);
const DELAY: Keys = inline(&[("interface", Text), ("down", Time), ("up", Time)], &["interface"]);
const ANNOUNCE_GROUP: Keys =
    inline(&[("interfaces", NAMES), ("arp-interval", Time), ("na-interval", Time)], &["interfaces"]);
const FIFO: Keys = inline(&[("path", Text), ("owner", Text), ("script", CALL)], &["path"]);
const SCHEDULING: Keys = inline(
    &[
        ("nice", Number(-20, 19)),
        ("realtime", Number(1, 99)),
        ("realtime-limit", Time),
        ("processors", List(&Number(0, 65_535))),
        ("lock-memory", Flag),
        ("lateness-warning", Time),
    ],
    &[],
);
/// A command, and maybe who runs it.
const CALL: Kind = Any(&[Text, List(&Word), Table(&CALLED)]);
const CALLED: Keys = inline(&[("command", COMMAND), ("user", Text)], &["command"]);

const STATIC: Keys =
    section("static", &[("interface", Text), ("addresses", ADDRESSES), ("routes", NAMES), ("rules", NAMES)], &[]);
const TRACK_GROUP: Keys = section("track-group", &[("name", Text), ("members", NAMES)], &["name"]);

/// What all that can be watched has.
const WEIGHT: &[(&str, Kind)] = &[("name", Text), ("weight", Number(-254, 254)), ("reverse", Flag)];
const NAMED: &[&str] = &["name"];

/// A thing that is defined under a name, and the same described where it is watched.
const fn defined(place: &'static str, keys: &'static [(&'static str, Kind)], either: &'static [&'static str]) -> Keys {
    Keys { place, keys, shared: &[WEIGHT], required: NAMED, either }
}

const fn described(keys: &'static [(&'static str, Kind)]) -> Keys {
    Keys { place: "", keys, shared: &[WEIGHT], required: &[], either: &[] }
}

const SCRIPT_KEYS: &[(&str, Kind)] = &[
    ("command", COMMAND),
    ("interval", Time),
    ("timeout", Time),
    ("rise", POSITIVE),
    ("fall", POSITIVE),
    ("user", Text),
    ("init-fail", Flag),
    ("on-missing", Choice(&["fail", "disable"])),
];
const PROCESS_KEYS: &[(&str, Kind)] = &[
    ("process", COMMAND),
    ("arguments", Choice(&["exact", "initial", "partial"])),
    ("full-command", Flag),
    ("quorum", Number(1, 65_535)),
    ("quorum-max", Number(0, 65_535)),
    ("fork-delay", Time),
    ("terminate-delay", Time),
];
const FILE_KEYS: &[(&str, Kind)] =
    &[("path", Text), ("initial", Number(i32::MIN as i64, i32::MAX as i64)), ("overwrite", Flag)];
const WATCHED_KEYS: &[(&str, Kind)] = &[
    ("service", Text),
    ("protocol", PROTOCOL),
    ("fwmark", Number(1, u32::MAX as i64)),
    ("family", FAMILY),
    ("condition", Text),
];
const CHECKED_KEYS: &[(&str, Kind)] = &[
    ("tcp", Text),
    ("http", Text),
    ("https", Text),
    ("smtp", Any(&[Text, Table(&alone(SMTP_KEYS))])),
    ("dns", Any(&[Text, Table(&alone(DNS_KEYS))])),
    ("udp", Any(&[Text, Table(&alone(UDP_KEYS))])),
    ("ping", Text),
    ("verify", Flag),
    ("authorities", Text),
    ("interval", Time),
    ("timeout", Time),
    ("rise", POSITIVE),
    ("fall", POSITIVE),
];
const SCRIPT: Keys = defined("script", SCRIPT_KEYS, &["command"]);
const PROCESS: Keys = defined("track-process", PROCESS_KEYS, &["process"]);
const FILE: Keys = defined("track-file", FILE_KEYS, &["path"]);
const WATCHED: Keys = defined("track-service", WATCHED_KEYS, &["service", "fwmark"]);
const CHECKED: Keys = defined("track-check", CHECKED_KEYS, &["tcp", "http", "https", "smtp", "dns", "udp", "ping"]);

/// What a router or a group watches: names, or tables.
const TRACKS: &[(&str, Kind)] = &[
    ("track-interfaces", List(&Any(&[Text, Table(&described(&[]))]))),
    ("track-scripts", List(&Any(&[Text, Table(&described(SCRIPT_KEYS))]))),
    ("track-processes", List(&Any(&[Text, Table(&described(PROCESS_KEYS))]))),
    ("track-files", List(&Any(&[Text, Table(&described(FILE_KEYS))]))),
    ("track-services", List(&Any(&[Text, Table(&described(WATCHED_KEYS))]))),
    ("track-checks", List(&Any(&[Text, Table(&described(CHECKED_KEYS))]))),
];

const ADDRESSES: Kind = List(&Any(&[Text, Table(&ADDRESS)]));
const ADDRESS: Keys = inline(
    &[
        ("address", Text),
        ("interface", Text),
        ("label", Text),
        ("broadcast", Text),
        ("scope", Any(&[Choice(&["global", "nowhere", "host", "link", "site"]), BYTE])),
        ("peer", Text),
        ("preferred", Any(&[Choice(&["forever"]), Time])),
        ("home", Flag),
        ("no-dad", Flag),
        ("manage-temporary", Flag),
        ("no-prefix-route", Flag),
        ("auto-join", Flag),
        ("use-vmac", Flag),
        ("track", Flag),
        ("track-group", Text),
    ],
    &["address"],
);

const INSTANCE: Keys = Keys {
    place: "instance",
    keys: &[
        ("name", Text),
        ("interface", Text),
        ("vrid", Number(1, 255)),
        ("version", Number(2, 3)),
        ("start", Choice(&["backup", "master"])),
        ("priority", Number(1, 255)),
        ("advert-interval", Time),
        ("addresses", ADDRESSES),
        ("excluded-addresses", ADDRESSES),
        ("routes", NAMES),
        ("rules", NAMES),
        ("promote-secondaries", Flag),
        ("vmac", Any(&[Flag, Table(&VMAC)])),
        ("ipvlan", Table(&IPVLAN)),
        ("receive-buffer", POSITIVE),
        ("password", Text),
        ("authentication", Choice(&["password", "header"])),
        ("strict", Flag),
        ("skip-address-check", Flag),
        ("accept", Flag),
        ("track-primary", Flag),
        ("track-source", Flag),
        ("announce", Table(&ANNOUNCE)),
        ("notify", Table(&NOTIFY)),
        ("source", Text),
        ("group", Text),
        ("peers", List(&Any(&[Text, Table(&PEER)]))),
        ("ttl", BYTE),
        ("check-source", Flag),
        ("fault-without-peers", Flag),
        ("old-unicast-checksum", Flag),
        ("checksum-without-pseudo-header", Flag),
        ("vrf", Text),
        ("preempt", Flag),
        ("preempt-delay", Time),
        ("down-timer-adverts", Number(1, 100)),
        ("lower-priority-no-advert", Flag),
        ("higher-priority-send-advert", Flag),
        ("owner-ignores-adverts", Flag),
        ("timer-expired-backup", Number(1, 254)),
        ("wait-for-checks", Flag),
    ],
    shared: &[TRACKS],
    required: &["name", "vrid"],
    either: &[],
};
const PEER: Keys = inline(&[("address", Text), ("min-ttl", BYTE), ("max-ttl", BYTE)], &["address"]);
const VMAC: Keys =
    inline(&[("name", Text), ("mac", Text), ("group", COUNT), ("send-from-base", Flag), ("for-addresses", Flag)], &[]);
const IPVLAN: Keys = inline(
    &[("name", Text), ("address", Text), ("mode", Choice(&["bridge", "private", "vepa"])), ("group", COUNT)],
    &[],
);
const ANNOUNCE: Keys = section(
    "instance.announce",
    &[
        ("repeat", REPEAT),
        ("delay", Time),
        ("lower-priority-repeat", Number(0, 1_000)),
        ("lower-priority-delay", Time),
        ("refresh", Time),
        ("refresh-repeat", REPEAT),
        ("arp-interval", Time),
        ("na-interval", Time),
        ("elsewhere", Time),
        ("elsewhere-all", Flag),
        ("watch-rivals", Flag),
    ],
    &[],
);
const NOTIFY: Keys = section(
    "instance.notify",
    &[
        ("master", CALL),
        ("backup", CALL),
        ("fault", CALL),
        ("stop", CALL),
        ("deleted", Any(&[Flag, Text, List(&Word), Table(&CALLED)])),
        ("lower-priority", CALL),
        ("any", CALL),
        ("priority-changes", Flag),
    ],
    &[],
);
const SYNC_GROUP: Keys = Keys {
    place: "sync-group",
    keys: &[("name", Text), ("members", NAMES), ("weighted", Flag), ("notify", Table(&NOTIFY))],
    shared: &[TRACKS],
    required: &["name"],
    either: &[],
};

const MARK: Keys = inline(&[("fwmark", Number(1, u32::MAX as i64)), ("family", FAMILY)], &["fwmark"]);
const SERVICE: Keys = Keys {
    place: "service",
    keys: &[
        ("address", Text),
        ("fwmark", Number(1, u32::MAX as i64)),
        ("name", Text),
        ("addresses", List(&Any(&[Text, Table(&MARK)]))),
        ("family", FAMILY),
        ("protocol", PROTOCOL),
        (
            "scheduler",
            Choice(&["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf", "twos"]),
        ),
        (
            "flags",
            List(&Choice(&[
                "one-packet",
                "flag-1",
                "flag-2",
                "flag-3",
                "sh-fallback",
                "sh-port",
                "mh-fallback",
                "mh-port",
            ])),
        ),
        ("persistence", Any(&[Time, Table(&PERSISTENCE)])),
        ("forward", FORWARD),
        ("inhibit-on-failure", Flag),
        ("quorum", POSITIVE),
        ("floor", Any(&[Number(1, u32::MAX as i64), Text])),
        ("drain", Time),
        ("slow-start", Time),
        ("hysteresis", COUNT),
        ("sorry-server", Any(&[Text, Table(&SORRY)])),
        ("rest-while-away", Any(&[Flag, NAMES])),
        ("start-down", Flag),
        ("notify", Table(&SERVICE_NOTIFY)),
        ("check", CHECKS),
        ("server", List(&Table(&SERVER))),
    ],
    shared: &[],
    required: &[],
    either: &["address", "addresses", "fwmark"],
};
const SORRY: Keys = inline(&[("address", Text), ("forward", FORWARD), ("inhibit", Flag)], &["address"]);
const SERVICE_NOTIFY: Keys = inline(&[("up", CALL), ("down", CALL), ("at-stop", Flag)], &[]);
const SERVER_NOTIFY: Keys = inline(&[("up", CALL), ("down", CALL)], &[]);
const PERSISTENCE: Keys = inline(&[("timeout", Time), ("prefix", Number(1, 128)), ("engine", Text)], &["timeout"]);
const FORWARD: Kind = Any(&[Choice(&["nat", "direct", "tunnel"]), Table(&TUNNEL)]);
const TUNNEL: Keys = inline(
    &[("tunnel", Choice(&["ipip", "gue", "gre"])), ("port", PORT), ("checksum", Choice(&["none", "csum", "remcsum"]))],
    &["tunnel"],
);
const CHECKS: Kind = Any(&[Only(false), Table(&CHECK), List(&Table(&CHECK))]);
const CHECK: Keys = section(
    "service.check",
    &[
        ("tcp", Table(&TCP)),
        ("http", Table(&HTTP)),
        ("script", Table(&SCRIPT_CHECK)),
        ("file", Table(&FILE_CHECK)),
        ("smtp", Table(&SMTP)),
        ("dns", Table(&DNS)),
        ("udp", Table(&UDP)),
        ("ping", Table(&PING)),
        ("path", Table(&PATH)),
        ("interval", Time),
        ("retry", COUNT),
        ("retry-interval", Time),
        ("warmup", Time),
        ("rise", Number(1, u32::MAX as i64)),
        ("fall", Number(1, u32::MAX as i64)),
        ("interval-down", Time),
        ("jitter", Number(0, 50)),
        ("log-failures", Flag),
    ],
    &[],
);
const STATUS: Kind = Any(&[Number(100, 599), Text]);
const PAGE: &[(&str, Kind)] = &[
    ("path", Text),
    ("host", Text),
    ("status", Any(&[Number(100, 599), Text, List(&STATUS)])),
    ("digest", Text),
    ("regex", Text),
    ("no-match", Flag),
    (
        "regex-options",
        List(&Choice(&[
            "caseless",
            "dollar_endonly",
            "dotall",
            "extended",
            "firstline",
            "multiline",
            "ucp",
            "ungreedy",
            "utf",
        ])),
    ),
    ("min-offset", COUNT),
    ("max-offset", COUNT),
    ("orderly-close", Flag),
];
const PAGES: Keys = inline(PAGE, &[]);
const HTTP: Keys = Keys {
    place: "service.check.http",
    keys: &[
        ("version", Choice(&["1.0", "1.1"])),
        ("pages", List(&Table(&PAGES))),
        ("tls", Any(&[Flag, Table(&HTTP_TLS)])),
    ],
    shared: &[PAGE, CONNECT],
    required: &[],
    either: &[],
};
const HTTP_TLS: Keys = section(
    "service.check.http.tls",
    &[
        ("server-name", Any(&[Only(false), Text])),
        ("verify", Flag),
        ("authorities", Text),
        ("certificate", Text),
        ("key", Text),
        ("password", Text),
    ],
    &[],
);
const SCRIPT_CHECK: Keys = inline(
    &[
        ("command", COMMAND),
        ("timeout", Time),
        ("dynamic", Flag),
        ("user", Text),
        ("on-missing", Choice(&["disable", "fail"])),
    ],
    &["command"],
);
const FILE_CHECK: Keys =
    inline(&[("name", Text), ("weight", Number(-(i32::MAX as i64), i32::MAX as i64)), ("reverse", Flag)], &["name"]);
/// Whom a check calls, and how.
const CONNECT: &[(&str, Kind)] = &[
    ("address", Text),
    ("port", PORT),
    ("timeout", Time),
    ("source", Text),
    ("source-port", PORT),
    ("interface", Text),
    ("mark", COUNT),
];

/// A check that calls somebody, with what it has of its own.
const fn call(keys: &'static [(&'static str, Kind)]) -> Keys {
    Keys { place: "", keys, shared: &[CONNECT], required: &[], either: &[] }
}

const TCP: Keys = call(&[]);
const SMTP: Keys = call(SMTP_KEYS);
const DNS: Keys = call(DNS_KEYS);
const UDP: Keys = call(UDP_KEYS);
const PING: Keys =
    inline(&[("address", Text), ("timeout", Time), ("source", Text), ("interface", Text), ("mark", COUNT)], &[]);
const PATH: Keys = inline(&[("timeout", Time), ("source", Text)], &[]);
const SMTP_KEYS: &[(&str, Kind)] = &[("helo", Text)];
const DNS_KEYS: &[(&str, Kind)] =
    &[("name", Text), ("type", Choice(&["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA"]))];
const UDP_KEYS: &[(&str, Kind)] = &[
    ("payload", Word),
    ("reply", Any(&[Flag, Text])),
    ("min-length", Number(0, 65_535)),
    ("max-length", Number(0, 65_535)),
];
/// The same of a check that stands alone and is of nobody else: whom it calls is said in full.
const fn alone(keys: &'static [(&'static str, Kind)]) -> Keys {
    Keys { place: "", keys, shared: &[&[("address", Text)]], required: &["address"], either: &[] }
}
const SERVER: Keys = section(
    "service.server",
    &[
        ("address", Text),
        ("weight", Number(0, i32::MAX as i64)),
        ("forward", FORWARD),
        ("inhibit-on-failure", Flag),
        ("max-connections", COUNT),
        ("resume-below", COUNT),
        ("start-down", Flag),
        ("notify", Table(&SERVER_NOTIFY)),
        ("check", CHECKS),
    ],
    &["address"],
);
