//! `http = { ... }` of a check.

use ::toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, Severity};
use super::super::draft::{CallKind, CheckDraft, HttpDraft, HttpTlsDraft, KindDraft, PageDraft};
use super::super::source::Span;
use super::super::{page, resolve};
use super::checks::{CALL, call};
use super::read::{Entry, Reader};
use crate::model::{Expression, ExpressionOptions, HttpVersion, Identity};

/// What a page has; of a single one it stands with the check.
const PAGE: [&str; 10] = [
    "path",
    "orderly-close",
    "host",
    "status",
    "digest",
    "regex",
    "no-match",
    "regex-options",
    "min-offset",
    "max-offset",
];
const HTTP: [&str; 3] = ["version", "pages", "tls"];
const TLS: [&str; 6] = ["server-name", "verify", "authorities", "certificate", "key", "password"];
const ABOUT: [&str; 4] = ["no-match", "regex-options", "min-offset", "max-offset"];

/// A check of a web server.
pub(super) fn http(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<CheckDraft> {
    let table = reader.table(entry)?;
    let mut check = CheckDraft::new(KindDraft::Call(CallKind::Tcp));
    let mut http = HttpDraft::default();
    let (mut own, mut pages) = (Vec::new(), None);
    let allowed: Vec<_> = HTTP.into_iter().chain(PAGE).chain(CALL).collect();
    for entry in reader.entries(table, &allowed, "in `http`") {
        match entry.key {
            "version" => {
                const VERSIONS: [(&str, HttpVersion); 2] = [("1.0", HttpVersion::V1_0), ("1.1", HttpVersion::V1_1)];
                http.version = reader.choice(entry, &VERSIONS);
            }
            "tls" => http.tls = tls(reader, entry),
            "pages" => pages = Some(entry),
            // That of all pages, unless they have their own.
            "host" => http.host = reader.text(entry, "a host").map(str::to_owned),
            "orderly-close" => http.orderly_close = reader.flag(entry).unwrap_or(false),
            key if CALL.contains(&key) => call(reader, &mut check, entry),
            _ => own.push(entry),
        }
    }
    match (pages, own.first()) {
        (Some(pages), Some(single)) => {
            reader.say(
                Diagnostic::error(Code::Combination, single.key_span, "`pages` stands beside a single page")
                    .and(pages.key_span, "here")
                    .help("put all that belongs to a page into `pages`: `pages = [{ path = \"/\" }]`"),
            );
        }
        (Some(pages), None) => {
            for element in reader.elements(pages) {
                if let Some(table) = reader.table(element) {
                    let entries = reader.entries(table, &PAGE, "in `pages`");
                    http.pages.push(page(reader, entries));
                }
            }
            if http.pages.is_empty() {
                reader.bad(pages, "at least one page: [{ path = \"/\" }]");
            }
        }
        (None, _) => http.pages.push(page(reader, own)),
    }
    check.kind = KindDraft::Http(Box::new(http));
    Some(check)
}

fn page(reader: &mut Reader<'_>, entries: Vec<Entry<'_>>) -> PageDraft {
    let mut draft = PageDraft::default();
    let mut expression = Expression::default();
    let mut pattern: Option<Span> = None;
    let mut about = None;
    let mut most: Option<Span> = None;
    let offset = 0..=i64::from(u32::MAX);
    for entry in entries {
        if ABOUT.contains(&entry.key) {
            about = about.or(Some(entry.key_span));
        }
        match entry.key {
            "path" => {
                let path = reader.text(entry, "a path such as \"/health\"").filter(|path| path.starts_with('/'));
                if path.is_none() && entry.value.as_str().is_some_and(|path| !path.is_empty()) {
                    reader.bad(entry, "a path from / on");
                }
                draft.path = path.map(str::to_owned);
            }
            "host" => draft.host = reader.text(entry, "a host").map(str::to_owned),
            "status" => draft.statuses = statuses(reader, entry),
            "digest" => {
                draft.digest = entry.value.as_str().and_then(page::digest);
                if draft.digest.is_none() {
                    reader.bad(entry, "an MD5 sum: 32 hexadecimal digits, in quotes; `ipvsctl digest URL` tells it");
                }
            }
            "regex" => {
                if let Some(text) = reader.text(entry, "an expression") {
                    text.clone_into(&mut expression.pattern);
                    pattern = Some(entry.span);
                }
            }
            "orderly-close" => draft.orderly_close = reader.flag(entry),
            "no-match" => expression.unwanted = reader.flag(entry).unwrap_or(false),
            "regex-options" => {
                for element in reader.elements(entry) {
                    option(reader, &mut expression, element);
                }
            }
            "min-offset" => expression.least_offset = reader.number(entry, offset.clone(), "a byte").unwrap_or(0),
            _ => {
                expression.most_offset = reader.number(entry, offset.clone(), "a byte");
                most = Some(entry.span);
            }
        }
    }
    if let (true, Some(span)) = (expression.has_no_place(), most) {
        reader.say(
            Diagnostic::error(Code::BadValue, span, "a match would have to begin before `min-offset`")
                .help("`max-offset` is the last byte at which it may begin: not less than `min-offset`"),
        );
    }
    match (pattern, about) {
        (Some(span), _) => {
            let known = &mut reader.draft.expressions;
            draft.expression = resolve::expression(expression, span, Severity::Error, known, reader.report);
        }
        (None, Some(about)) => {
            reader
                .say(Diagnostic::error(Code::Required, about, "this does nothing without `regex`").mark("add `regex`"));
        }
        (None, None) => {}
    }
    draft
}

/// `200`, `"200-299"`, or a list of both.
fn statuses(reader: &mut Reader<'_>, entry: Entry<'_>) -> Vec<(u16, u16)> {
    let elements = if entry.value.as_array().is_some() { reader.elements(entry) } else { vec![entry] };
    let mut ranges = Vec::new();
    for element in elements {
        let range = match element.value {
            DeValue::String(text) => page::statuses(text),
            DeValue::Integer(number) => page::statuses(number.as_str()).filter(|_| number.radix() == 10),
            DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                None
            }
        };
        match range {
            Some(range) => ranges.push(range),
            None => reader.bad(element, "a status of HTTP from 100 to 599, or two: 200, \"200-299\""),
        }
    }
    ranges
}

fn option(reader: &mut Reader<'_>, expression: &mut Expression, entry: Entry<'_>) {
    let choices: Vec<_> = ExpressionOptions::all_names().map(|name| (name, name)).collect();
    if let Some(name) = reader.choice(entry, &choices)
        && let Some(set) = expression.options.by_name(name)
    {
        *set = true;
    }
}

/// `true`, or `{ server-name = "api.example.net", ... }`.
fn tls(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<HttpTlsDraft> {
    let mut draft = HttpTlsDraft { named_by_host: true, verify: true, ..HttpTlsDraft::default() };
    let table = match entry.value {
        DeValue::Boolean(true) => return Some(draft),
        DeValue::Boolean(false) => return None,
        DeValue::Table(table) => table,
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) => {
            reader.bad(entry, "true, false, or a table such as { server-name = \"api.example.net\" }");
            return None;
        }
    };
    let (mut certificate, mut key, mut password, mut idle) = (None, None, None, None);
    for entry in reader.entries(table, &TLS, "in `tls`") {
        match entry.key {
            "server-name" if entry.value.as_bool() == Some(false) => draft.named_by_host = false,
            "server-name" => {
                draft.server_name = reader.text(entry, "a name").map(str::to_owned);
                noted(reader, entry, draft.server_name.as_deref());
            }
            "verify" => draft.verify = reader.flag(entry).unwrap_or(true),
            "authorities" => {
                draft.authorities = reader.path(entry);
                noted(reader, entry, draft.authorities.as_deref());
            }
            "certificate" => {
                certificate = reader.path(entry);
                noted(reader, entry, certificate.as_deref());
            }
            "password" => {
                password = reader.text(entry, "a password").map(str::to_owned);
                idle = idle.or(Some(entry.key_span));
            }
            _ => {
                key = reader.path(entry);
                noted(reader, entry, key.as_deref());
                idle = idle.or(Some(entry.key_span));
            }
        }
    }
    match (certificate, idle) {
        (Some(certificate), _) => draft.identity = Some(Identity { certificate, key, password }),
        (None, Some(idle)) => reader.say(
            Diagnostic::error(Code::Required, idle, "this does nothing without `certificate`")
                .mark("add `certificate`"),
        ),
        (None, None) => {}
    }
    Some(draft)
}

/// Whether this host can use it is found out later, and told at this place.
fn noted(reader: &mut Reader<'_>, entry: Entry<'_>, name: Option<&str>) {
    if let Some(name) = name {
        reader.report.note_tls(name, entry.span);
    }
}
