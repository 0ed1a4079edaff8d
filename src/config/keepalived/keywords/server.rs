//! Words of `real_server`.

use super::Kind::Flag;
use super::Takes::{Block, One, Optional, Several};
use super::kind::{COMMAND, COUNT, HOST, I32, NAME, whole};
use super::service::{ALPHA, METHOD, METHOD_FORM, NO_HOOK};
use super::{Keyword, Place, check, idle, soon, yes};

const UNCHECKED: &str = "it is not made: a server without another check counts as always up";

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
    soon("notify_up", Several(COMMAND), NO_HOOK).means("Run when it comes up."),
    soon("notify_down", Several(COMMAND), NO_HOOK).means("Run when it goes down."),
    idle("alpha", Optional(Flag), ALPHA)
        .otherwise("that of the service")
        .means("At start it counts as down until a check succeeds."),
    soon("smtp_alert", Optional(Flag), "no mail is sent").default("on").means("Send mail when it comes or goes."),
    soon("virtualhost", Several(HOST), "the checks that use it are not done yet")
        .means("The host that HTTP checks ask for."),
    soon("snmp_name", Several(NAME), "there is no SNMP agent to show it").means("Its name for SNMP."),
];

const CHECKS: &[Keyword] = &[
    yes("TCP_CHECK", Block).means("Up while it accepts connections.").opens(Place::TcpCheck).toml("service.check.tcp"),
    soon("HTTP_GET", Block, UNCHECKED).means("Up while it gives the right pages over HTTP.").opens(Place::HttpCheck),
    soon("SSL_GET", Block, UNCHECKED)
        .means("Up while it gives the right pages over HTTPS; any certificate will do.")
        .opens(Place::HttpCheck),
    soon("SMTP_CHECK", Block, UNCHECKED).means("Up while it greets as a mail server does.").opens(Place::SmtpCheck),
    soon("DNS_CHECK", Block, UNCHECKED).means("Up while it answers a question over DNS.").opens(Place::DnsCheck),
    soon("MISC_CHECK", Block, UNCHECKED).means("Up while a command exits with 0.").opens(Place::MiscCheck),
    soon("PING_CHECK", Block, UNCHECKED).means("Up while it answers pings.").opens(Place::PingCheck),
    soon("UDP_CHECK", Block, UNCHECKED)
        .means("Up while it answers over UDP, or at least does not refuse.")
        .opens(Place::UdpCheck),
    soon("FILE_CHECK", Block, UNCHECKED).means("Up or heavier by the number in a file.").opens(Place::FileCheck),
    soon("BFD_CHECK", Block, UNCHECKED).means("Up while a BFD session is.").opens(Place::BfdCheck),
];
