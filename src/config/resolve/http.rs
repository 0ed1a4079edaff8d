//! A check of a web server.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use super::Resolver;
use crate::config::Language;
use crate::config::diagnostic::{Code, Diagnostic, Severity};
use crate::config::draft::{Draft, HttpDraft, PageDraft};
use crate::config::report::Report;
use crate::config::source::Span;
use crate::model::{CheckKind, Connect, Expression, HttpProbe, HttpVersion, Page, Tls};
use crate::pattern::Pattern;

/// The statuses that count as well unless others are named.
const STATUSES: (u16, u16) = (200, 299);

impl Resolver<'_> {
    pub(super) fn http(&self, draft: HttpDraft, connect: Connect) -> HttpProbe {
        let version = draft.version.unwrap_or(match self.language {
            Language::Keepalived => HttpVersion::V1_0,
            Language::Toml => HttpVersion::V1_1,
        });
        let orderly_close = draft.orderly_close && draft.tls.is_some();
        let over_tls = draft.tls.is_some();
        let mut pages: Vec<_> = draft
            .pages
            .into_iter()
            .map(|page| {
                let own = page.orderly_close.map(|own| own && over_tls);
                Page { orderly_close: own.unwrap_or(orderly_close), ..Self::page(page) }
            })
            .collect();
        if pages.is_empty() {
            pages.push(Page { orderly_close, ..Page::default() });
        }
        let tls = draft.tls.map(|tls| Tls {
            // Whoever says the name has it told.
            named_by_host: tls.named_by_host || tls.server_name.is_some(),
            server_name: tls.server_name,
            verify: tls.verify,
            authorities: tls.authorities,
            identity: tls.identity.map(Box::new),
        });
        HttpProbe { connect, tls, host: draft.host, version, pages }
    }

    fn page(draft: PageDraft) -> Page {
        Page {
            path: draft.path.unwrap_or_else(|| Page::default().path),
            host: draft.host,
            statuses: if draft.statuses.is_empty() { vec![STATUSES] } else { draft.statuses },
            digest: draft.digest,
            expression: draft.expression,
            orderly_close: false,
        }
    }
}

/// An expression if it can be done; else it is told why not, and where in the value at this place.
pub(in crate::config) fn expression(
    expression: Expression,
    span: Span,
    severity: Severity,
    known: &mut HashSet<Expression>,
    report: &mut Report,
) -> Option<Box<Expression>> {
    if known.contains(&expression) {
        return Some(Box::new(expression));
    }
    match Pattern::new(&expression) {
        Ok(pattern) if pattern.is_bounded() => report.add(
            Diagnostic::note(Code::Expression, span, "this expression looks back or aside, and is tried step by step")
                .help("a page of more than 16 KiB, or one that takes too many steps, fails"),
        ),
        Ok(_) => {}
        Err(problem) => {
            let at = place_within(report, span, &expression.pattern, &problem.at);
            let message = format!("this expression has {}", problem.what);
            report.add(
                Diagnostic::new(severity, Code::Expression, at, message)
                    .help("the page is not held against it; `ipvsctl explain C405` tells what an expression may have"),
            );
            return None;
        }
    }
    known.insert(expression.clone());
    Some(Box::new(expression))
}

/// The place of a part of a value: the whole, where the value is not written as it reads.
fn place_within(report: &Report, span: Span, value: &str, part: &Range<usize>) -> Span {
    let written = report.files().slice(span);
    match written.find(value).filter(|_| written.len() <= value.len() + 6) {
        Some(before) => {
            let start = span.start as usize + before;
            Span::new(span.file, start + part.start..start + part.end)
        }
        None => span,
    }
}

/// Why an option of PCRE2 changes nothing here; none: it is none, or it does.
pub(in crate::config) fn idle_option(name: &str) -> Option<&'static str> {
    Some(match name {
        "auto_callout" | "no_auto_capture" | "no_auto_possess" | "no_dotstar_anchor" | "no_start_optimize"
        | "use_offset_limit" => "it concerns how PCRE2 works, and not what matches",
        "never_backslash_c" | "never_ucp" | "never_utf" => "it forbids what the expression could ask for, and does not",
        "allow_empty_class" | "alt_bsux" | "alt_circumflex" | "alt_verbnames" | "dupnames" => {
            "it is about things that an expression cannot have here"
        }
        _ => return None,
    })
}

/// Gives every check over TLS what the whole file says of us, and of whom we trust.
pub(in crate::config) fn client(draft: &mut Draft) {
    let (identity, authorities) = std::mem::take(&mut draft.client);
    if identity.is_none() && authorities.is_none() {
        return;
    }
    let servers = draft.services.services.iter_mut().flat_map(|service| &mut service.servers);
    for check in servers.flat_map(|server| &mut server.checks) {
        if let CheckKind::Http(probe) = &mut check.kind
            && let Some(tls) = &mut Arc::make_mut(probe).tls
        {
            tls.identity = identity.clone().map(Box::new);
            if tls.verify && tls.authorities.is_none() {
                tls.authorities.clone_from(&authorities);
            }
        }
    }
}
