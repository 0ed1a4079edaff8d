//! `HTTP_GET`, `SSL_GET`, and `SSL`.

use super::super::diagnostic::{Code, Diagnostic, Severity};
use super::super::draft::{CheckDraft, HttpDraft, HttpTlsDraft, KindDraft, PageDraft};
use super::super::report::Report;
use super::super::source::{Span, Spanned};
use super::checks::common;
use super::keywords::Place;
use super::tree::{Statement, Value};
use super::values::{IGNORED, Instead};
use super::walk::Walk;
use crate::config::{page, resolve};
use crate::model::{Expression, ExpressionOptions, HttpVersion, Identity};
use crate::pattern::Pattern;

/// What becomes of a check that keepalived leaves out.
const LEFT_OUT: &str = "the check is left out, as in keepalived";
const OTHERS: Instead = Instead("ignored, as in keepalived: the others hold, or 200 to 299 if there are none");

/// One `url`, with what belongs together in it only at its end.
#[derive(Debug, Default)]
struct Url {
    page: PageDraft,
    expression: Expression,
    pattern: Option<Spanned<String>>,
    /// The first word that speaks of an expression.
    about: Option<Span>,
    /// Where the last byte stands at which a match may begin.
    most: Option<Span>,
    /// [`UNSET`].
    unset: Option<Span>,
}

/// The option with which a reference matches where its group has matched nothing.
const UNSET: &str = "match_unset_backref";

/// What an `HTTP_GET` or `SSL_GET` tries, before anything is said of it.
pub(super) fn kind(statement: Statement<'_>) -> KindDraft {
    let tls = (statement.name() == "SSL_GET").then(HttpTlsDraft::default);
    KindDraft::Http(Box::new(HttpDraft { tls, ..HttpDraft::default() }))
}

/// Says that a check has no page to ask for, if so.
pub(super) fn asks_for_nothing(walk: &mut Walk<'_>, check: &CheckDraft, statement: Statement<'_>) -> bool {
    let nothing = match &check.kind {
        KindDraft::Call(_) | KindDraft::Script(_) | KindDraft::File(_) => false,
        KindDraft::Http(http) => http.pages.is_empty(),
    };
    if let (true, Some(span)) = (nothing, statement.span()) {
        walk.say(
            Diagnostic::warning(Code::Required, span, format!("`{}` has no `url` to ask for", statement.name()))
                .help(format!("{LEFT_OUT}: a server without another check counts as always up")),
        );
    }
    nothing
}

/// One word of an `HTTP_GET` or `SSL_GET`.
pub(super) fn word(walk: &mut Walk<'_>, check: &mut CheckDraft, statement: Statement<'_>) -> bool {
    // Its own first: the rest is what all checks have.
    let KindDraft::Http(http) = &mut check.kind else { return common(walk, check, statement) };
    match (statement.name(), statement.word(1)) {
        ("url", _) => http.pages.extend(url(walk, statement)),
        ("enable_sni", _) => {
            let on = walk.flag(statement).unwrap_or(false);
            if let Some(tls) = tls(walk, http, statement) {
                tls.named_by_host = on;
            }
        }
        ("sni_name", Some(value)) => {
            if let Some(tls) = tls(walk, http, statement) {
                tls.server_name = Some(value.text.to_owned());
                walk.report.note_tls(value.text, value.span);
            }
        }
        ("verify", file) => {
            if let Some(tls) = tls(walk, http, statement) {
                tls.verify = true;
                if let Some(file) = file {
                    tls.authorities = path(walk, file);
                }
            }
        }
        ("tls_compliant", _) => {
            let flag = walk.flag(statement).unwrap_or(false);
            if tls(walk, http, statement).is_some() {
                http.orderly_close = flag;
            }
        }
        ("virtualhost", Some(value)) => http.host = Some(value.text.to_owned()),
        ("nb_get_retry", Some(value)) => check.timing.retry = walk.whole(value, IGNORED).or(check.timing.retry),
        ("http_protocol", Some(value)) => {
            const VERSIONS: [(&str, HttpVersion); 4] = [
                ("1.0", HttpVersion::V1_0),
                ("1.0C", HttpVersion::V1_0),
                ("1.0c", HttpVersion::V1_0),
                ("1.1", HttpVersion::V1_1),
            ];
            http.version = walk.choice(value, &VERSIONS, IGNORED);
        }
        ("sni_name" | "virtualhost" | "nb_get_retry" | "http_protocol", None) => {}
        _ => return common(walk, check, statement),
    }
    true
}

/// What a check says of TLS, if it speaks it.
fn tls<'h>(walk: &mut Walk<'_>, http: &'h mut HttpDraft, statement: Statement<'_>) -> Option<&'h mut HttpTlsDraft> {
    if let (None, Some(span)) = (&http.tls, statement.span()) {
        walk.say(
            Diagnostic::warning(Code::Idle, span, format!("`{}` does nothing in `HTTP_GET`", statement.name()))
                .help("ignored; `SSL_GET` speaks TLS"),
        );
    }
    http.tls.as_mut()
}

/// A file that must be the one that is meant.
fn path(walk: &mut Walk<'_>, value: Value<'_>) -> Option<String> {
    if value.text.starts_with('/') {
        walk.report.note_tls(value.text, value.span);
        return Some(value.text.to_owned());
    }
    walk.bad(value, "a file's whole path, from `/` on", Instead("ignored: the host's own authorities count"));
    None
}

/// A request's target begins with a slash (RFC 9112, section 3.2.1), whatever the file says.
fn from_root(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

fn url(walk: &mut Walk<'_>, statement: Statement<'_>) -> Option<PageDraft> {
    let mut url = Url::default();
    walk.block(statement.children(), Place::Url, &mut url, url_word);
    if url.page.path.is_none() {
        let span = statement.span()?;
        walk.say(
            Diagnostic::warning(Code::Required, span, "this `url` has no `path`")
                .mark("add `path` to it")
                .help("the page is not asked for, as in keepalived"),
        );
        return None;
    }
    match (url.pattern, url.about) {
        (Some(pattern), _) => {
            let mut expression = Expression { pattern: pattern.value, ..url.expression };
            if let (true, Some(span)) = (expression.has_no_place(), url.most) {
                expression.least_offset = 0;
                expression.most_offset = None;
                walk.say(
                    Diagnostic::warning(Code::BadValue, span, "a match would have to begin before `regex_min_offset`")
                        .help("both are ignored, as in keepalived"),
                );
            }
            let known = &mut walk.draft.expressions;
            if is_possible(&expression, url.unset, walk.report) {
                url.page.expression =
                    resolve::expression(expression, pattern.span, Severity::Warning, known, walk.report);
            }
        }
        (None, Some(about)) => walk.say(
            Diagnostic::warning(Code::Idle, about, "this does nothing without `regex`")
                .help("ignored, as in keepalived"),
        ),
        (None, None) => {}
    }
    Some(url.page)
}

/// Whether an expression can be done with [`UNSET`], where that is written at this place; what it comes to is said.
fn is_possible(expression: &Expression, unset: Option<Span>, report: &mut Report) -> bool {
    let Some(span) = unset else { return true };
    // Of one that cannot be done at all that is said.
    let Ok(pattern) = Pattern::new(expression) else { return true };
    let is_possible = !pattern.refers_back();
    report.add(if is_possible {
        Diagnostic::note(Code::WithoutEffect, span, format!("`{UNSET}` has nothing to do here"))
            .help("the expression has no reference to a group")
    } else {
        Diagnostic::warning(
            Code::Expression,
            span,
            format!("`{UNSET}` is not done, and the expression refers to a group"),
        )
        .mark("with it a reference matches where its group has matched nothing")
        .help("the page is not held against it; write `(a|)` in place of `(a)?`, and leave the option out")
    });
    is_possible
}

fn url_word(walk: &mut Walk<'_>, url: &mut Url, statement: Statement<'_>) -> bool {
    let first = statement.word(1);
    if statement.name().starts_with("regex_") {
        url.about = url.about.or(statement.span());
    }
    match (statement.name(), first) {
        ("regex_no_match", _) => url.expression.unwanted = true,
        ("tls_compliant", _) => url.page.orderly_close = walk.flag(statement),
        ("path", Some(value)) => url.page.path = Some(from_root(value.text)),
        ("digest", Some(value)) => {
            url.page.digest = page::digest(value.text);
            if url.page.digest.is_none() {
                walk.bad(value, "an MD5 sum: 32 hexadecimal digits", IGNORED);
            }
        }
        ("status_code", Some(_)) => {
            for value in statement.arguments() {
                match page::statuses(value.text) {
                    Some(range) => url.page.statuses.push(range),
                    None => walk.bad(value, page::STATUSES, OTHERS),
                }
            }
        }
        ("virtualhost", Some(value)) => url.page.host = Some(value.text.to_owned()),
        ("regex", Some(value)) => match statement.word(2) {
            None => url.pattern = Some(value.to_owned()),
            Some(second) => {
                let rest = statement.words().last().map_or(second.span, |last| second.span.to(last.span));
                walk.say(
                    Diagnostic::warning(Code::ExtraValue, rest, "an expression is one word")
                        .mark("the page is held against none, as in keepalived")
                        .help("put all of it in quotes; backslashes are doubled there"),
                );
                url.pattern = None;
            }
        },
        ("regex_options", Some(_)) => {
            for value in statement.arguments() {
                option(walk, url, value);
            }
        }
        ("regex_min_offset", Some(value)) => {
            url.expression.least_offset = walk.whole(value, IGNORED).unwrap_or(0);
        }
        ("regex_max_offset", Some(value)) => {
            url.expression.most_offset = walk.whole(value, IGNORED);
            url.most = Some(value.span);
        }
        (
            "path" | "digest" | "status_code" | "virtualhost" | "regex" | "regex_options" | "regex_min_offset"
            | "regex_max_offset",
            None,
        ) => {}
        _ => return false,
    }
    true
}

fn option(walk: &mut Walk<'_>, url: &mut Url, value: Value<'_>) {
    if let Some(set) = url.expression.options.by_name(value.text) {
        *set = true;
    } else if value.text == UNSET {
        // What comes of it depends on the expression.
        url.unset = Some(value.span);
    } else if let Some(idle) = resolve::idle_option(value.text) {
        walk.say(
            Diagnostic::note(Code::WithoutEffect, value.span, format!("`{}` has nothing to do here", value.text))
                .help(idle),
        );
    } else {
        let choices: Vec<_> = ExpressionOptions::all_names().map(|name| (name, ())).collect();
        walk.choice(value, &choices, Instead("ignored, as in keepalived"));
    }
}

/// What stands in `SSL`.
#[derive(Debug, Default)]
struct Client {
    certificate: Option<String>,
    key: Option<String>,
    password: Option<String>,
    authorities: Option<String>,
}

/// The block `SSL`.
pub(super) fn client(walk: &mut Walk<'_>, statement: Statement<'_>) {
    let mut client = Client::default();
    walk.block(statement.children(), Place::Ssl, &mut client, client_word);
    let Client { certificate, key, password, authorities } = client;
    let identity = match (certificate, key) {
        (Some(certificate), key) => Some(Identity { certificate, key, password }),
        // Both in one file.
        (None, Some(key)) => Some(Identity { certificate: key, key: None, password }),
        (None, None) => None,
    };
    walk.draft.client = (identity, authorities);
}

fn client_word(walk: &mut Walk<'_>, client: &mut Client, statement: Statement<'_>) -> bool {
    let Some(value) = statement.word(1) else { return true };
    let slot = match statement.name() {
        "password" => &mut client.password,
        "ca" => &mut client.authorities,
        "certificate" => &mut client.certificate,
        "key" => &mut client.key,
        _ => return false,
    };
    if statement.name() != "password" {
        if !value.text.starts_with('/') {
            walk.bad(value, "a file's whole path, from `/` on", Instead("ignored"));
            return true;
        }
        walk.report.note_tls(value.text, value.span);
    }
    *slot = Some(value.text.to_owned());
    true
}
