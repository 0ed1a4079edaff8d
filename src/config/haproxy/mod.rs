//! haproxy.cfg to drafts, as far as IPVS can do what it asks for.
//!
//! haproxy ends a connection and opens another; IPVS forwards packets. What both can do is this: connections to an address and
//! port are spread over servers, some of which are checked. So a `listen`, or a `frontend` with the `backend` that it leads to,
//! becomes a service where its mode is `tcp`; `balance` becomes a scheduler, `server` a server, `check` a TCP check or, with
//! `option httpchk`, one over HTTP, `stick on src` persistence. Everything else is one of four things, and the tables in [`words`] say which:
//!
//! - it has nothing to act on here (a log format, a socket option): noted, many lines in one remark;
//! - IPVS cannot do it, and connections still go where they should (a queue, a slow start): a warning says what happens instead;
//! - IPVS cannot do it, and without it connections would go where they should not (an access rule, a backend chosen by content),
//!   or a person has to say something that the file does not (which address `*` is): an error, for a person has to decide;
//! - nobody knows the word: an error.
//!
//! A whole section that is not for IPVS (`mode http`) is left to haproxy, with a warning that names those of its lines that ask
//! for what IPVS cannot do; nothing is said of the others.
//!
//! ```text
//! text -> lines of words -> sections with settings -> service drafts
//!         lexer             sections, proxy, server   service, choice, checks
//!                                            health
//! ```

mod checks;
mod choice;
mod health;
mod lexer;
mod proxy;
mod remarks;
mod sections;
mod server;
mod service;
mod values;
pub(super) mod words;

use std::net::IpAddr;

use super::draft::Draft;
use super::report::Report;
use super::source::{FileId, Sources, Span};
use crate::model::ServiceKey;

/// What came of a text.
pub(super) struct Reading {
    pub(super) draft: Draft,
    /// Where each service came from.
    pub(super) parts: Vec<Part>,
}

/// Where a service came from.
pub(super) struct Part {
    pub(super) key: ServiceKey,
    /// A sentence that says so.
    pub(super) head: String,
    places: Vec<Span>,
}

impl Part {
    /// Whether a place lies in the sections that it came from.
    pub(super) fn holds(&self, place: Span) -> bool {
        self.places.iter().any(|own| own.file == place.file && own.start <= place.start && place.start < own.end)
    }
}

/// Everything that a text says. `addresses` stand for every address of the host.
pub(super) fn read(file: FileId, addresses: &[IpAddr], sources: &dyn Sources, report: &mut Report) -> Reading {
    let document = sections::read(file, sources, report);
    service::services(document, addresses, report)
}
