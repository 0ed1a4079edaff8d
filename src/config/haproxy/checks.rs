//! The check of a server: a connection, or a page.

use std::num::NonZeroU32;
use std::time::Duration;

use super::proxy::Settings;
use super::remarks::shown;
use super::sections::Proxy;
use super::server::Server;
use super::service::Making;
use super::words::Idle;
use crate::config::diagnostic::{Code, Diagnostic, Severity};
use crate::config::draft::{CallDraft, CallKind, CheckDraft, KindDraft, Timing};
use crate::config::resolve;
use crate::config::source::{Span, Spanned};
use crate::model::Expression;

/// `inter`, unless written.
const INTER: Duration = Duration::from_secs(2);
/// `rise`, unless written.
const RISE: u32 = 2;
/// `fall`, unless written.
const FALL: u32 = 3;
/// The longest time that is written.
const DAY: Duration = Duration::from_secs(86_400);

/// How the servers of a section are checked.
pub(super) enum Probes {
    /// By a connection.
    Tcp,
    /// By a greeting as of mail servers.
    Smtp(String),
    /// By a page, which is held against these expressions.
    Http(Vec<Expression>),
}

impl<'m> Making<'m> {
    /// How the servers of a section are checked; says what cannot be taken over.
    pub(super) fn probes(&mut self, settings: &Settings) -> Probes {
        let http = &settings.http;
        if let Some(idle) = http.idle() {
            let note =
                Diagnostic::note(Code::WithoutEffect, idle, "`http-check` does nothing without `option httpchk`");
            self.say(note.help("haproxy does not heed it either; write the option if it is meant"));
        }
        let Some(asked) = http.asked else {
            return settings.smtp.clone().map_or(Probes::Tcp, Probes::Smtp);
        };
        match http.method().map(|method| (method.value.as_str(), method.span)) {
            Some(("GET" | "HEAD", _)) => {}
            None | Some(("OPTIONS", _)) => self.say(
                Diagnostic::warning(Code::Approximate, asked, "the check asks with `GET`, and haproxy with `OPTIONS`")
                    .help("most servers answer both alike; `option httpchk GET /` says what is meant"),
            ),
            Some((other, span)) => {
                self.say(
                    Diagnostic::warning(
                        Code::NotYet,
                        span,
                        format!("checks ask with `GET`, and not with `{}`", shown(other)),
                    )
                    .help("a server is well when it accepts a connection; what it answers is not looked at")
                    .help("name a page that can be asked for with GET: `option httpchk GET /health`"),
                );
                return Probes::Tcp;
            }
        }
        let known = &mut self.reading.draft.expressions;
        let expressions = http.expressions().iter().filter_map(|Spanned { value, span }| {
            resolve::expression(value.clone(), *span, Severity::Warning, known, self.report)
        });
        Probes::Http(expressions.map(|expression| *expression).collect())
    }

    /// Names what a server line says of TLS where its check speaks none, or cannot speak as it says.
    pub(super) fn idle_tls(&mut self, proxy: &'m Proxy, server: &Server, probes: &Probes) {
        let options = &server.options;
        let over_tls = match probes {
            Probes::Tcp | Probes::Smtp(_) => false,
            Probes::Http(_) => proxy.settings.http.over_tls(options),
        };
        // What stands in `default-server` is said once.
        let mut new = |span: &Span| self.tls_told.insert(*span);
        if options.check && over_tls {
            let in_part: Vec<_> = options.tls.in_part().filter(|(_, span)| new(span)).collect();
            for (word, span) in in_part {
                self.say(
                    Diagnostic::warning(Code::Approximate, span, format!("`{word}` does not name a file's whole path"))
                        .help("it is left out: write the path from `/` on"),
                );
            }
            if options.tls.verifies()
                && options.tls.name.is_none()
                && options.tls.host.is_none()
                && let Some((_, span)) = options.tls.said().next().filter(|(_, span)| self.tls_told.insert(*span))
            {
                let nearly = "haproxy asks for no name in this certificate; here it must be for the server's address";
                self.say(
                    Diagnostic::warning(Code::Approximate, span, nearly)
                        .help("write `server-name` in `tls`, or have the address in the certificate"),
                );
            }
            return;
        }
        let idle: Vec<_> = options.tls.said().filter(|(_, span)| new(span)).collect();
        if let Some(span) = options.check_tls.filter(|span| !over_tls && new(span)) {
            self.beyond(
                span,
                "`check-ssl` is for checks over HTTP alone",
                "its check is a plain TCP connection: that the server accepts it is what counts; `option httpchk GET /` asks \
                 for a page",
            );
        }
        let Some((_, first)) = idle.first() else { return };
        let words: Vec<_> = idle.iter().map(|(word, _)| format!("`{word}`")).collect();
        let note = Diagnostic::note(Code::WithoutEffect, *first, format!("without effect: {}", words.join(", ")));
        self.say(note.help(Idle::Tls.reason()));
    }

    /// The check of a server that takes connections at this port.
    pub(super) fn check(
        &mut self,
        proxy: &'m Proxy,
        server: &Server,
        port: Option<u16>,
        probes: &Probes,
    ) -> Option<CheckDraft> {
        let options = &server.options;
        let settings = &proxy.settings;
        let (address, check_port, kind) = match probes {
            Probes::Tcp => (None, settings.check_port(), KindDraft::Call(CallKind::Tcp)),
            Probes::Smtp(helo) => (None, None, KindDraft::Call(CallKind::Smtp(Some(helo.clone())))),
            Probes::Http(expressions) => {
                let http = &settings.http;
                (http.address(), http.port(), KindDraft::Http(Box::new(http.draft(options, expressions))))
            }
        };
        let check_port = check_port.or(options.port);
        if check_port.or(port).is_none() {
            self.say(
                Diagnostic::error(
                    Code::Required,
                    server.address.span,
                    "the check of this server has no port to connect to",
                )
                .help("the server takes several ports, so say which: `port 80`; without it the server is not checked"),
            );
            return None;
        }
        let at = server.address.span;
        let inter = options.inter.unwrap_or(INTER);
        // With `timeout check` a connection has no longer than `timeout connect`; without it the whole check has `inter`.
        let connect = match (settings.check, settings.connect) {
            (Some(_), Some(connect)) => connect.min(inter),
            (Some(_), None) | (None, _) => inter,
        };
        // The answer has `timeout check` for itself.
        let timeout = match (probes, settings.check) {
            (Probes::Http(_) | Probes::Smtp(_), Some(check)) => connect.saturating_add(check),
            (Probes::Http(_) | Probes::Smtp(_), None) | (Probes::Tcp, _) => connect,
        };
        Some(CheckDraft {
            timing: Timing {
                interval: Some(Spanned::new(inter, at)),
                timeout: Some(Spanned::new(timeout.clamp(Duration::from_millis(1), DAY), at)),
                retry: Some(options.fall.unwrap_or(FALL) - 1),
                retry_interval: Some(options.fast_inter.unwrap_or(inter)),
                warmup: None,
                tells_failures: None,
                rise: NonZeroU32::new(options.rise.unwrap_or(RISE)),
                down_interval: options.down_inter,
                jitter_percent: None,
                alpha: None,
            },
            call: CallDraft { address: address.or(options.address), port: check_port, ..CallDraft::default() },
            ..CheckDraft::new(kind)
        })
    }
}
