//! Who this is, and whom mail would be sent to.

use super::super::Kind::Flag;
use super::super::Takes::{Block, Nothing, One, Optional, Several};
use super::super::kind::{HOST, NAME, seconds, text};
use super::{Keyword, soon, yes};

const NO_MAIL: &str = "no mail is sent; `notify` scripts can";

pub(in crate::config::keepalived::keywords) const MAIL: &[Keyword] = &[
    yes("router_id", One(NAME)).otherwise("none").means("This host's name in messages.").toml("global.router-id"),
    soon("notification_email", Block, NO_MAIL).form("{ ADDRESS ... }").means("Who gets mail, one on each line."),
    soon("notification_email_from", One(text("ADDRESS", "an address of mail")), NO_MAIL)
        .otherwise("the user at this host")
        .means("Who the mail says that it is from."),
    soon("smtp_server", Several(HOST), NO_MAIL)
        .form("HOST [PORT]")
        .otherwise("port 25")
        .means("The mail server, which is spoken to without encryption."),
    soon("smtp_helo_name", One(NAME), NO_MAIL)
        .otherwise("the host's name")
        .means("How this host greets the mail server."),
    soon("smtp_connect_timeout", One(seconds("a timeout", 1.0, 86_400.0)), NO_MAIL)
        .default("30")
        .means("How long a connection to the mail server may take."),
    soon("smtp_alert", Optional(Flag), NO_MAIL)
        .otherwise("each object's own default")
        .means("Whether routers, services and servers send mail unless they say otherwise."),
    soon("smtp_alert_vrrp", Optional(Flag), NO_MAIL)
        .otherwise("as `smtp_alert`")
        .means("The same for routers and groups alone."),
    soon("smtp_alert_checker", Optional(Flag), NO_MAIL)
        .otherwise("as `smtp_alert`")
        .means("The same for services and servers alone."),
    soon("no_email_faults", Nothing, NO_MAIL).means("No mail when a router is in fault."),
    soon("no_checker_emails", Nothing, NO_MAIL)
        .means("Mail only when a server comes or goes, not for each of its checks."),
];
