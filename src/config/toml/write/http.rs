//! `http = { ... }` of a check.

use super::text::{Table, list, quoted};
use crate::config::page::digits;
use crate::model::{HttpProbe, HttpVersion, Page, Tls};

/// What a probe says beside whom it calls.
pub(super) fn http(table: &mut Table, probe: &HttpProbe) {
    match probe.version {
        HttpVersion::V1_0 => table.text("version", "1.0"),
        HttpVersion::V1_1 => {}
    }
    table.text_if("host", probe.host.as_ref());
    match probe.pages.as_slice() {
        // A host beside the check's is one of the check, and so is what is said of the connection's end.
        [single] if single.host.is_none() => page(table, single),
        several => {
            let pages = several.iter().map(|one| {
                let mut table = Table::default();
                table.text_if("host", one.host.as_ref());
                page(&mut table, one);
                table.inline()
            });
            table.set("pages", list(pages));
        }
    }
    if let Some(tls) = &probe.tls {
        table.set("tls", self::tls(tls));
    }
}

fn page(table: &mut Table, page: &Page) {
    let usual = Page::default();
    if page.path != usual.path {
        table.text("path", &page.path);
    }
    if page.statuses != usual.statuses {
        let statuses: Vec<_> = page
            .statuses
            .iter()
            .map(|(least, most)| if least == most { least.to_string() } else { quoted(&format!("{least}-{most}")) })
            .collect();
        match statuses.as_slice() {
            [single] => table.set("status", single.as_str()),
            _ => table.set("status", list(statuses)),
        }
    }
    table.text_if("digest", page.digest.as_ref().map(digits));
    if let Some(expression) = &page.expression {
        table.text("regex", &expression.pattern);
        table.flag("no-match", expression.unwanted, false);
        let options: Vec<_> = expression.options.names().map(quoted).collect();
        if !options.is_empty() {
            table.set("regex-options", list(options));
        }
        table.number_if("min-offset", Some(expression.least_offset).filter(|least| *least != 0));
        table.number_if("max-offset", expression.most_offset);
    }
    table.flag("orderly-close", page.orderly_close, false);
}

fn tls(tls: &Tls) -> String {
    let mut table = Table::default();
    match &tls.server_name {
        Some(name) => table.text("server-name", name),
        None if tls.named_by_host => {}
        None => table.set("server-name", "false"),
    }
    table.flag("verify", tls.verify, true);
    table.text_if("authorities", tls.authorities.as_ref());
    if let Some(identity) = &tls.identity {
        table.text("certificate", &identity.certificate);
        table.text_if("key", identity.key.as_ref());
        table.text_if("password", identity.password.as_ref());
    }
    if table.is_empty() { "true".to_owned() } else { table.inline() }
}
