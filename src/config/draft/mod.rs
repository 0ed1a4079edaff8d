//! What a front end understood, before defaults, cross-references and the rules that hold between values.
//!
//! A [`Field`] tells "nobody wrote it" from "somebody did, and it made no sense": the second was reported already, and the
//! resolver must not say "missing" on top.

mod check;
mod http;
mod listeners;
mod router;
mod service;
mod track;

use std::collections::HashSet;

use crate::model::{Expression, Global, Identity, Sysctl};

pub(super) use check::{
    CallDraft, CallKind, CheckDraft, DnsDraft, FileCheckDraft, FileUses, KindDraft, ScriptCheckDraft, UdpDraft,
    WEIGHT_OF_DEFINITION,
};
pub(super) use http::{HttpDraft, HttpTlsDraft, PageDraft};
pub(super) use listeners::{GroupTable, Listen, ListenerGroup};
pub(super) use router::{
    AnnouncementsDraft, Authentication, ElectionDraft, FifoDraft, GroupDraft, InstanceDraft, LinkDraft, LinkKind,
    RouterDefaults, RuleDraft, SurroundingsDraft, SyncOfRouter, TransportDraft,
};
pub(super) use service::{PersistenceDraft, RulesDraft, ServerDraft, ServiceDraft, ServiceTable, SlowCheck, Timing};
pub(super) use track::{
    Definition, FileDraft, Matching, ProbeDraft, ProbeTarget, ProcessDraft, ScriptDraft, TlsDraft, TrackDraft,
    TrackKind, TrackerDrafts, Url, WatchDraft, WeightDraft,
};

use super::diagnostic::{Code, Diagnostic};
use super::report::Report;
use super::source::{Span, Spanned};

/// A value that may have been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Field<T> {
    /// Nobody wrote it.
    #[default]
    Absent,
    /// Written, unusable, and reported.
    Bad,
    /// Written.
    Set(Spanned<T>),
}

impl<T> Field<T> {
    /// The value of a parser that has reported its failure.
    pub(super) fn from(value: Option<T>, span: Span) -> Self {
        value.map_or(Self::Bad, |value| Self::Set(Spanned::new(value, span)))
    }

    /// The value, if it is usable.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Set(spanned) => Some(spanned.value),
            Self::Absent | Self::Bad => None,
        }
    }

    /// The usable value in place.
    pub(super) fn get(&self) -> Option<&Spanned<T>> {
        match self {
            Self::Set(spanned) => Some(spanned),
            Self::Absent | Self::Bad => None,
        }
    }
}

/// Numbers for both families on 32 interfaces. A draft is large, and one is begun in twenty
/// bytes of text.
const MOST_ROUTERS: usize = 16_384;

/// All that a front end understood. Services are resolved one by one as they are read, so that a large table never lies in
/// memory twice.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) global: Global,
    pub(super) defaults: RouterDefaults,
    pub(super) surroundings: SurroundingsDraft,
    pub(super) trackers: TrackerDrafts,
    pub(super) instances: Vec<InstanceDraft>,
    pub(super) groups: Vec<GroupDraft>,
    pub(super) services: ServiceTable,
    pub(super) sysctls: Vec<Sysctl>,
    /// Expressions that can be done: of thousands of servers, most have the same.
    pub(super) expressions: HashSet<Expression>,
    /// Who we are, and whom we trust, with every server that speaks TLS.
    pub(super) client: (Option<Identity>, Option<String>),
    /// How many services the text asks for, whatever becomes of them.
    pub(super) services_asked_for: usize,
}

impl Draft {
    /// Keeps a virtual router. With more of them than any host runs, reading stops.
    pub(super) fn add_router(&mut self, router: InstanceDraft, report: &mut Report) {
        if self.instances.len() < MOST_ROUTERS {
            self.instances.push(router);
            return;
        }
        let message = format!("there are more than {MOST_ROUTERS} virtual routers: reading stops");
        report.stop(Diagnostic::error(Code::Hopeless, router.name.span, message));
    }
}
