//! One check of a server.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::Resolver;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{CallDraft, CallKind, CheckDraft, DnsDraft, KindDraft, Timing, UdpDraft};
use crate::config::source::Span;
use crate::model::{
    Check, CheckKind, Connect, DnsProbe, Family, Pace, PathProbe, ServerKey, SmtpProbe, UdpProbe, UdpReply,
};

/// `delay_loop`.
pub(in crate::config) const INTERVAL: Duration = Duration::from_secs(60);
/// `connect_timeout`.
pub(in crate::config) const TIMEOUT: Duration = Duration::from_secs(5);

/// `retry` and `delay_before_retry` of a check that says nothing of them, and is made this often.
pub(in crate::config) fn patience(kind: &CheckKind, interval: Duration) -> (u32, Duration) {
    match kind {
        CheckKind::Dns(_) => (3, interval),
        CheckKind::Http(_) => (1, Duration::from_secs(3)),
        CheckKind::Tcp(_) | CheckKind::Smtp(_) | CheckKind::Udp(_) | CheckKind::Ping(_) | CheckKind::Path(_) => {
            (1, Duration::from_secs(1))
        }
        CheckKind::Script(_) | CheckKind::File(_) => (0, Duration::from_secs(1)),
    }
}

/// Whom to call and how, as the checkers know it.
pub(super) fn check_kind(draft: CallKind, connect: Connect) -> CheckKind {
    match draft {
        CallKind::Tcp => CheckKind::Tcp(connect),
        CallKind::Smtp(helo) => CheckKind::Smtp(Box::new(SmtpProbe { connect, helo })),
        CallKind::Dns(DnsDraft { name, kind }) => CheckKind::Dns(Box::new(DnsProbe {
            connect,
            name: name.unwrap_or_default(),
            kind: kind.unwrap_or_default(),
        })),
        CallKind::Udp(UdpDraft { payload, reply, shortest, longest }) => {
            let reply = reply.map(|pattern| UdpReply {
                // A pattern is meant to be there as a whole.
                shortest: shortest.unwrap_or(u16::try_from(pattern.len()).unwrap_or(u16::MAX)),
                longest: longest.unwrap_or(u16::MAX),
                pattern,
            });
            CheckKind::Udp(Box::new(UdpProbe { connect, payload, reply }))
        }
        CallKind::Ping => {
            let target = SocketAddr::new(connect.target.ip(), 0);
            CheckKind::Ping(Connect { target, source_port: None, ..connect })
        }
        CallKind::Path => {
            let Connect { target, source_address, .. } = connect;
            let server = ServerKey { address: target.ip(), port: target.port() };
            CheckKind::Path(Box::new(PathProbe::unset(server, source_address)))
        }
    }
}

impl Resolver<'_> {
    /// A check, or a word on why there is none.
    pub(super) fn check(&mut self, draft: CheckDraft, server: ServerKey, outer: Timing, span: Span) -> Option<Check> {
        let CheckDraft { timing, call, kind } = draft;
        let timing = timing.or(outer);
        let interval = timing.interval.map_or(INTERVAL, |interval| interval.value);
        let timeout = timing.timeout.map_or(TIMEOUT, |timeout| timeout.value);
        let (kind, timeout) = match kind {
            KindDraft::Call(kind) => (self.call(kind, call, server, span), timeout),
            KindDraft::Http(http) => {
                let connect = self.connect(call, server, true, span);
                (CheckKind::Http(Arc::new(self.http(*http, connect))), timeout)
            }
            KindDraft::Script(script) => {
                let own = script.timeout;
                (self.script_check(script, span)?, own.unwrap_or(interval))
            }
            KindDraft::File(file) => return self.file_check(file, span),
        };
        let (retry, retry_interval) = patience(&kind, interval);
        let retry = timing.retry.unwrap_or(retry);
        let retry_interval = timing.retry_interval.unwrap_or(retry_interval);
        if kind.script().is_none() {
            self.slow_check(timing, retry, retry_interval);
        }
        let pace = Pace {
            rise: timing.rise.unwrap_or(NonZeroU32::MIN),
            down_interval: timing.down_interval.unwrap_or(interval),
            jitter_percent: timing.jitter_percent.unwrap_or(0),
        };
        let pace = pace.beside(interval);
        let Timing { warmup, tells_failures, .. } = timing;
        Some(Check { kind, interval, timeout, retry, retry_interval, warmup, tells_failures, pace })
    }

    fn call(&mut self, kind: CallKind, call: CallDraft, server: ServerKey, span: Span) -> CheckKind {
        if kind == CallKind::Path {
            // Who is called, and from where, shows when its service is whole.
            return CheckKind::Path(Box::new(PathProbe::unset(server, call.source_address)));
        }
        let has_port = kind != CallKind::Ping;
        let kind = check_kind(kind, self.connect(call, server, has_port, span));
        if let CheckKind::Udp(probe) = &kind
            && let Some(UdpReply { shortest, longest, .. }) = probe.reply
            && shortest > longest
        {
            self.say(
                Diagnostic::warning(Code::Combination, span, "no answer can be right in the check of this server")
                    .mark(format!("it must have at least {shortest} bytes, and at most {longest}"))
                    .help("the check always fails as it is; let the greatest length be above the least"),
            );
        }
        kind
    }

    fn connect(&mut self, draft: CallDraft, server: ServerKey, has_port: bool, span: Span) -> Connect {
        let CallDraft { address, port, mut source_address, source_port, interface, mark } = draft;
        let target = SocketAddr::new(address.unwrap_or(server.address), port.unwrap_or(server.port));
        if has_port && target.port() == 0 {
            self.say(
                Diagnostic::warning(Code::Required, span, "the check of this server has no port to connect to")
                    .help("the server takes every port, so the check must say which: it will fail as it is"),
            );
        }
        let called = Family::of(target.ip());
        if let Some(source) = source_address.filter(|source| Family::of(*source) != called) {
            self.say(
                Diagnostic::warning(
                    Code::Combination,
                    span,
                    format!("its check calls an {called} address, which cannot be done from {source}"),
                )
                .help("ignored: the kernel chooses the source address"),
            );
            source_address = None;
        }
        Connect { target, source_address, source_port, interface, mark }
    }
}
