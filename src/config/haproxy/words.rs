//! haproxy's words, as far as its version 2.6 has them, and what becomes of each.
//!
//! A word that is in no table here is unknown, and an error: nothing is passed over because nobody knew it.

/// Why lines have nothing to act on. They are told of together, once for each section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::config) enum Idle {
    /// About the process.
    Process,
    /// About logs and statistics.
    Log,
    /// About sockets.
    Sockets,
    /// Needs HTTP.
    Http,
    /// Names a condition.
    Condition,
    /// About TLS that is not spoken.
    Tls,
    /// About names that are looked up while it runs.
    Names,
    /// Second tries and queues.
    Patience,
    /// Means nothing more than what is done anyway.
    Done,
    /// Times of connections.
    Times,
    /// Only names and counts of things that are not there.
    Labels,
    /// Looks into connections, and decides nothing by itself.
    Content,
}

impl Idle {
    /// The reason, as the end of a sentence.
    pub(in crate::config) const fn reason(self) -> &'static str {
        match self {
            Self::Process => {
                "concerns haproxy's own process: the kernel forwards, and no process needs to be tuned for it"
            }
            Self::Log => {
                "concerns logs and statistics: `ipvsctl show` and the metrics count, single connections are not logged"
            }
            Self::Sockets => {
                "concerns sockets: IPVS forwards packets and has none, client and server talk to each other"
            }
            Self::Http => "needs HTTP: it does nothing with `mode tcp`",
            Self::Condition => {
                "names a condition, and does nothing by itself: what is to be done on it is spoken of where it stands"
            }
            Self::Tls => "concerns TLS, which client and server speak with each other",
            Self::Names => "concerns names that are looked up while haproxy runs: servers are addresses here",
            Self::Patience => {
                "concerns second tries and queues: a packet is forwarded once, and the client tries again by itself"
            }
            Self::Done => "asks for what is done anyway",
            Self::Times => {
                "limits connections that are silent: IPVS forgets an established one after 15 minutes without a packet (`[global]` `timeouts`)"
            }
            Self::Labels => "names or counts something that IPVS does not have",
            Self::Content => "looks at what connections carry, or lets them in: nobody looks here, and all are let in",
        }
    }
}

/// What becomes of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Fate {
    /// There is code that reads it.
    Read,
    /// It has nothing to act on.
    Idle(Idle),
    /// IPVS cannot do that; what happens instead.
    Cannot(&'static str),
    /// IPVS cannot do that, and without it connections go where they were not to go: a person has to decide.
    Decide(&'static str),
    /// Not of this version of ours; what happens instead.
    NotYet(&'static str),
}

use Fate::{Cannot, Decide, NotYet, Read};
use Idle::{Condition, Done, Http, Labels, Log, Names, Patience, Process, Sockets, Times, Tls};

type Table = [(Fate, &'static str)];

/// Words of `global`.
const GLOBAL: &Table = &[
    (Read, "setenv presetenv unsetenv resetenv"),
    (
        Fate::Idle(Process),
        "busy-polling ca-base chroot close-spread-time cluster-secret cpu-map crt-base daemon default-path \
         expose-experimental-directives fd-hard-limit gid grace group h1-accept-payload-with-any-method \
         h1-case-adjust h1-case-adjust-file h2-workaround-bogus-websocket-clients hard-stop-after \
         httpclient.resolvers.id httpclient.resolvers.prefer httpclient.ssl.ca-file httpclient.ssl.verify \
         insecure-fork-wanted insecure-setuid-wanted issuers-chain-path localpeer lua-load lua-load-per-thread \
         lua-prepend-path master-worker maxcompcpuusage maxcomprate maxpipes maxsslconn maxsslrate maxzlibmem \
         mworker-max-reloads nbproc nbthread no-memory-trimming noepoll noevports nogetaddrinfo nokqueue nopoll \
         noreuseport nosplice numa-cpu-mapping pidfile pp2-never-send-local profiling.tasks quiet server-state-base \
         server-state-file set-dumpable set-var set-var-fmt strict-limits thread-group thread-groups uid ulimit-n \
         unix-bind user zero-warning node description external-check 51degrees-cache-size 51degrees-data-file \
         51degrees-property-name-list 51degrees-property-separator deviceatlas-json-file deviceatlas-log-level \
         deviceatlas-properties-cookie deviceatlas-separator wurfl-cache-size wurfl-data-file \
         wurfl-information-list wurfl-information-list-separator tune.*",
    ),
    (Fate::Idle(Log), "log log-send-hostname log-tag stats"),
    (
        Fate::Idle(Tls),
        "ssl-default-bind-ciphers ssl-default-bind-ciphersuites ssl-default-bind-curves ssl-default-bind-options \
         ssl-default-server-ciphers ssl-default-server-ciphersuites ssl-default-server-options ssl-dh-param-file \
         ssl-engine ssl-load-extra-del-ext ssl-load-extra-files ssl-mode-async ssl-propquery ssl-provider \
         ssl-provider-path ssl-server-verify ssl-skip-self-issued-ca",
    ),
    (Cannot(NO_LIMIT), "maxconn maxconnrate maxsessrate"),
    (Cannot("`jitter` of a check scatters its waits; write it where it is wanted"), "spread-checks max-spread-checks"),
];

const NO_LIMIT: &str = "connections are not counted here: only a server has a limit (`max-connections`); the firewall can limit rates (nft `ct count`, `limit rate`)";

/// Words of `defaults`, `frontend`, `backend` and `listen`.
const PROXY: &Table = &[
    (
        Read,
        "mode bind balance hash-type server default-server default_backend use_backend option timeout disabled enabled \
         stick-table stick tcp-request tcp-check http-check clitimeout srvtimeout contimeout",
    ),
    (
        Fate::Idle(Log),
        "log log-format log-format-sd log-tag error-log-format stats monitor-uri monitor monitor-net email-alert unique-id-format \
         unique-id-header",
    ),
    (Fate::Idle(Condition), "acl"),
    (
        Fate::Idle(Http),
        "capture compression cookie declare errorfile errorfiles errorloc errorloc302 errorloc303 http-request http-response \
         http-after-response http-error http-reuse http-send-name-header redirect max-keep-alive-queue block reqadd \
         reqallow reqdel reqdeny reqidel reqirep reqrep reqiallow reqideny reqpass reqtarpit reqitarpit rspadd rspdel \
         rspdeny rspidel rspideny rspirep rsprep use-fcgi-app appsession",
    ),
    (Fate::Idle(Process), "bind-process load-server-state-from-file server-state-file-name"),
    (
        Fate::Idle(Sockets),
        "backlog clitcpka-cnt clitcpka-idle clitcpka-intvl srvtcpka-cnt srvtcpka-idle srvtcpka-intvl source",
    ),
    (Fate::Idle(Patience), "retries retry-on redispatch"),
    (Fate::Idle(Labels), "description id external-check guid"),
    (Cannot(NO_LIMIT), "maxconn rate-limit fullconn"),
    (Cannot("a server takes what its weight and `max-connections` say"), "hash-balance-factor hash-preserve-affinity"),
    (Cannot("a server that is down gets no connections, whoever asks"), "force-persist ignore-persist persist"),
    (Cannot("the answer of a server goes to the client as it is"), "tcp-response"),
    (Cannot("packets go through no filters; nothing takes its place"), "filter"),
    (Decide("IPVS chooses a server by the scheduler alone; without the rule all servers are equal"), "use-server"),
    (Decide("write it as a `server` line; it is left out"), "dispatch server-template transparent"),
];

/// What follows `option`.
const OPTION: &Table = &[
    (Read, "allbackups tcp-check httpchk smtpchk"),
    (
        NotYet("a server is well when it accepts a connection; what it answers is not looked at"),
        "mysql-check pgsql-check redis-check ldap-check ssl-hello-chk spop-check external-check",
    ),
    (
        Fate::Idle(Log),
        "contstats dontlog-normal dontlognull httplog httpslog log-health-checks log-separate-errors logasap \
         socket-stats tcplog",
    ),
    (
        Fate::Idle(Http),
        "abortonclose accept-invalid-http-request accept-invalid-http-response checkcache disable-h2-upgrade \
         forwardfor forceclose h1-case-adjust-bogus-client h1-case-adjust-bogus-server http-buffer-request \
         http-ignore-probes http-keep-alive http-no-delay http-pretend-keepalive http-proxy \
         http-restrict-req-hdr-names http-server-close http-tunnel http-use-htx http-use-proxy-header httpclose \
         idle-close-on-response originalto prefer-last-server forwarded",
    ),
    (
        Fate::Idle(Sockets),
        "clitcpka independent-streams nolinger splice-auto splice-request splice-response srvtcpka tcp-smart-accept \
         tcp-smart-connect tcpka",
    ),
    (Fate::Idle(Patience), "redispatch"),
    (Cannot("a server that is down gets no connections, whoever asks"), "persist"),
    (Decide("connections go to the servers that are written"), "transparent"),
];

/// What follows an address in `bind`, with the number of values it takes.
const BIND: &[(Fate, usize, &str)] = &[
    (Read, 0, "ssl v4v6 v6only accept-proxy"),
    (Fate::Idle(Sockets), 0, "defer-accept tfo transparent"),
    (Fate::Idle(Sockets), 1, "backlog mss tcp-ut namespace cc"),
    (Fate::Idle(Process), 1, "expose-fd gid group uid user mode level nice process shards thread severity-output"),
    (Fate::Idle(Labels), 1, "id name proto guid-prefix"),
    (
        Cannot("packets to that address are forwarded whichever interface they come in by; the firewall can tell"),
        1,
        "interface",
    ),
    (Cannot(NO_LIMIT), 1, "maxconn"),
    (Cannot("the address of who connects is what counts"), 1, "accept-netscaler-cip"),
    (
        Fate::Idle(Tls),
        0,
        "allow-0rtt force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12 force-tlsv13 generate-certificates no-alpn \
         no-ca-names no-sslv3 no-tls-tickets no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13 prefer-client-ciphers strict-sni",
    ),
    (
        Fate::Idle(Tls),
        1,
        "alpn ca-file ca-ignore-err ca-sign-file ca-sign-pass ca-verify-file ciphers ciphersuites client-sigalgs crl-file \
         crt crt-ignore-err crt-list curves ecdhe npn sigalgs ssl-max-ver ssl-min-ver tls-ticket-keys verify",
    ),
];

/// What follows an address in `server`, and stands in `default-server`, with the number of values it takes.
const SERVER: &[(Fate, usize, &str)] = &[
    (Read, 0, "check no-check backup no-backup disabled enabled ssl no-ssl check-ssl no-check-ssl"),
    (Read, 1, "addr port inter fastinter downinter fall rise weight maxconn"),
    (Read, 1, "verify ca-file crt check-sni verifyhost"),
    (Cannot("its check connects by itself, and sends no header"), 0, "check-send-proxy check-via-socks4"),
    (Cannot("its check speaks TCP, or HTTP/1 where `option httpchk` asks for it"), 1, "check-alpn check-proto"),
    (Fate::Idle(Done), 0, "no-check-send-proxy no-agent-check stick"),
    (Cannot("nobody asks the agent: set weights with `ipvsctl`, and let `check` decide"), 0, "agent-check"),
    (Cannot("nobody asks the agent"), 1, "agent-addr agent-inter agent-port agent-send"),
    (
        Cannot(
            "no header is sent, and none is needed: the packets keep the client's address; let the server expect none, \
             or it takes no connection",
        ),
        0,
        "send-proxy send-proxy-v2 send-proxy-v2-ssl send-proxy-v2-ssl-cn",
    ),
    (Fate::Idle(Done), 0, "no-send-proxy no-send-proxy-v2 no-send-proxy-v2-ssl no-send-proxy-v2-ssl-cn"),
    (Fate::Idle(Sockets), 1, "proxy-v2-options set-proxy-v2-tlv-fmt"),
    (Fate::Idle(Names), 1, "init-addr resolvers resolve-net resolve-opts resolve-prefer"),
    (Cannot("a server that comes back has its whole weight at once"), 1, "slowstart"),
    (Cannot("nothing queues: with `max-connections` reached the other servers take over"), 1, "minconn maxqueue"),
    (Cannot("only checks decide; what happens to connections is not watched"), 1, "observe error-limit on-error"),
    (
        Cannot("connections of a server that goes down are not closed: the kernel sends them nowhere until it returns"),
        1,
        "on-marked-down",
    ),
    (Cannot("connections stay where they are when a server returns"), 1, "on-marked-up"),
    (Cannot("give it a check of its own; without one it counts as up"), 1, "track"),
    (Cannot("persistence holds for all servers"), 0, "non-stick"),
    (Decide("packets reach a server by routing, through no proxy"), 1, "socks4"),
    (Fate::Idle(Http), 1, "cookie redir max-reuse pool-low-conn pool-max-conn pool-purge-delay proto ws log-proto"),
    (Fate::Idle(Labels), 1, "id guid shard"),
    (Fate::Idle(Sockets), 0, "tfo no-tfo"),
    (Fate::Idle(Sockets), 1, "tcp-ut namespace usesrc"),
    // Its address, and `usesrc` or `interface` behind it with their own.
    (Fate::Idle(Sockets), 1, "source interface"),
    (
        Fate::Idle(Tls),
        0,
        "allow-0rtt force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12 force-tlsv13 no-ssl-reuse no-sslv3 \
         no-tls-tickets no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13 no-verifyhost ssl-reuse tls-tickets sslv3 tlsv10 \
         tlsv11 tlsv12 tlsv13",
    ),
    (
        Fate::Idle(Tls),
        1,
        "alpn ciphers ciphersuites client-sigalgs crl-file curves npn sigalgs sni ssl-max-ver ssl-min-ver",
    ),
];

/// What follows `timeout`.
const TIMEOUT: &Table = &[
    (Read, "connect check client server tunnel"),
    (Fate::Idle(Http), "http-request http-keep-alive tarpit"),
    (Fate::Idle(Patience), "queue"),
    (Fate::Idle(Times), "client-fin server-fin client-hs"),
];

/// Sections that are left to haproxy, and why.
const SECTIONS: &Table = &[
    (Read, "global defaults listen frontend backend"),
    (Cannot("IPVS synchronises connections itself: `[global]` `sync-daemon`"), "peers"),
    (Cannot("servers are addresses here, and nothing is looked up"), "resolvers"),
    (Cannot("notifications go out by scripts"), "mailers"),
    (Cannot("other programs are started by the service manager"), "program"),
    (Fate::Idle(Http), "userlist cache http-errors fcgi-app crt-list crt-store acme"),
    (Fate::Idle(Log), "ring log-forward log-profile traces"),
];

/// Which words are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Words {
    Global,
    Proxy,
    Option,
    Timeout,
    Section,
}

impl Words {
    const fn table(self) -> &'static Table {
        match self {
            Self::Global => GLOBAL,
            Self::Proxy => PROXY,
            Self::Option => OPTION,
            Self::Timeout => TIMEOUT,
            Self::Section => SECTIONS,
        }
    }

    /// What becomes of a word; none if it is unknown.
    pub(in crate::config) fn fate(self, word: &str) -> Option<Fate> {
        // A word ending in `*` stands for all that begin with it.
        let is = |known: &str| known.strip_suffix('*').map_or(known == word, |start| word.starts_with(start));
        self.table().iter().find(|(_, words)| words.split_whitespace().any(is)).map(|(fate, _)| *fate)
    }

    /// All of them.
    pub(in crate::config) fn all(self) -> impl Iterator<Item = &'static str> {
        self.table().iter().flat_map(|(_, words)| words.split_whitespace())
    }
}

/// Which parameters are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Parameters {
    Bind,
    Server,
}

impl Parameters {
    const fn table(self) -> &'static [(Fate, usize, &'static str)] {
        match self {
            Self::Bind => BIND,
            Self::Server => SERVER,
        }
    }

    /// What becomes of a parameter, and how many values it has; none if it is unknown.
    pub(in crate::config) fn fate(self, word: &str) -> Option<(Fate, usize)> {
        let found = self.table().iter().find(|(_, _, words)| words.split_whitespace().any(|known| known == word));
        found.map(|(fate, values, _)| (*fate, *values))
    }

    /// All of them.
    pub(in crate::config) fn all(self) -> impl Iterator<Item = &'static str> {
        self.table().iter().flat_map(|(_, _, words)| words.split_whitespace())
    }
}
