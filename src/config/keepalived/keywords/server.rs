//! Words of `real_server`.

use super::Kind::Flag;
use super::Takes::{Block, One, Optional, Several};
use super::kind::{COMMAND, COUNT, HOST, I32, IP, NAME, whole};
use super::service::{METHOD, METHOD_FORM};
use super::{Keyword, Place, check, ours, soon, yes};

const WAITS: &str = "it waits for BFD, which is not there yet: a server without another check counts as always up";

pub(super) const SERVER: &[&[Keyword]] = &[SETTINGS, CHECKS, check::INHERITED];

const SETTINGS: &[Keyword] = &[
    yes("weight", One(whole("a weight", 0, I32)))
        .otherwise("`weight` of the service, else 1")
        .means("Its share of new connections; 0: none.")
        .toml("service.server.weight"),
    yes("lvs_method", METHOD)
        .form(METHOD_FORM)
        .otherwise("that of the service")
        .means("How packets reach it; `lb_kind` does not stand here.")
        .opens(Place::Tunnel)
        .toml("service.server.forward"),
    yes("uthreshold", One(COUNT))
        .default("0")
        .means("New connections stop at this many; 0: never.")
        .toml("service.server.max-connections"),
    yes("lthreshold", One(COUNT))
        .default("0")
        .means("... and resume below this many.")
        .toml("service.server.resume-below"),
    yes("inhibit_on_failure", Optional(Flag))
        .otherwise("that of the service")
        .means("Failed, it stays in the table with weight 0, and keeps its connections.")
        .toml("service.server.inhibit-on-failure"),
    yes("notify_up", Several(COMMAND)).means("Run when it comes up.").toml("service.server.notify.up"),
    yes("notify_down", Several(COMMAND)).means("Run when it goes down.").toml("service.server.notify.down"),
    yes("alpha", Optional(Flag))
        .otherwise("that of the service")
        .means("At start it counts as down until a check succeeds.")
        .toml("service.server.start-down"),
    soon("smtp_alert", Optional(Flag), "no mail is sent").default("on").means("Send mail when it comes or goes."),
    yes("virtualhost", One(HOST))
        .otherwise("that of the service")
        .means("The host that HTTP checks ask for.")
        .toml("service.check.http.host"),
    soon("snmp_name", Several(NAME), "there is no SNMP agent to show it").means("Its name for SNMP."),
];

const CHECKS: &[Keyword] = &[
    yes("TCP_CHECK", Block).means("Up while it accepts connections.").opens(Place::TcpCheck).toml("service.check.tcp"),
    yes("HTTP_GET", Block)
        .means("Up while it gives the right pages over HTTP.")
        .opens(Place::HttpCheck)
        .toml("service.check.http"),
    yes("SSL_GET", Block)
        .means("Up while it gives the right pages over HTTPS; any certificate will do, unless `verify` is written.")
        .opens(Place::HttpCheck)
        .toml("service.check.http.tls"),
    yes("SMTP_CHECK", Block)
        .means("Up while it greets as a mail server does.")
        .opens(Place::SmtpCheck)
        .toml("service.check.smtp"),
    yes("DNS_CHECK", Block)
        .means("Up while it answers a question over DNS.")
        .opens(Place::DnsCheck)
        .toml("service.check.dns"),
    yes("MISC_CHECK", Block)
        .means("Up while a command exits with 0.")
        .opens(Place::MiscCheck)
        .toml("service.check.script"),
    yes("PING_CHECK", Block).means("Up while it answers pings.").opens(Place::PingCheck).toml("service.check.ping"),
    // No block: keepalived would take its closing brace for that of the server.
    ours("path_check", Optional(IP))
        .form("[IP]")
        .means("Up while it answers calls to the virtual address that are forwarded to it; from this address.")
        .toml("service.check.path"),
    yes("UDP_CHECK", Block)
        .means("Up while it answers over UDP, or at least does not refuse.")
        .opens(Place::UdpCheck)
        .toml("service.check.udp"),
    yes("FILE_CHECK", Block)
        .means("Up or heavier by the number in a file.")
        .opens(Place::FileCheck)
        .toml("service.check.file"),
    soon("BFD_CHECK", Block, WAITS).means("Up while a BFD session is.").opens(Place::BfdCheck),
];
