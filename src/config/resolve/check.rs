//! One check of a server.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use super::Resolver;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{CallDraft, CheckDraft, KindDraft, Timing};
use crate::config::source::Span;
use crate::model::{Check, CheckKind, Connect, Family, Pace, ServerKey};

/// `delay_loop`.
pub(in crate::config) const INTERVAL: Duration = Duration::from_secs(60);
/// `connect_timeout`.
pub(in crate::config) const TIMEOUT: Duration = Duration::from_secs(5);

/// `retry` and `delay_before_retry` of a check that says nothing of them, and is made this often.
pub(in crate::config) fn patience(kind: &CheckKind, _interval: Duration) -> (u32, Duration) {
    match kind {
        CheckKind::Tcp(_) | CheckKind::Http(_) => (1, Duration::from_secs(1)),
    }
}

impl Resolver<'_> {
    pub(super) fn check(&mut self, draft: CheckDraft, server: ServerKey, outer: Timing, span: Span) -> Check {
        let CheckDraft { timing, call, kind } = draft;
        let timing = timing.or(outer);
        let kind = match kind {
            KindDraft::Tcp => CheckKind::Tcp(self.connect(call, server, span)),
        };
        let interval = timing.interval.map_or(INTERVAL, |interval| interval.value);
        let (retry, retry_interval) = patience(&kind, interval);
        let retry = timing.retry.unwrap_or(retry);
        let retry_interval = timing.retry_interval.unwrap_or(retry_interval);
        self.slow_check(timing, retry, retry_interval);
        let timeout = timing.timeout.map_or(TIMEOUT, |timeout| timeout.value);
        let pace = Pace {
            rise: timing.rise.unwrap_or(NonZeroU32::MIN),
            down_interval: timing.down_interval.unwrap_or(interval),
            jitter_percent: timing.jitter_percent.unwrap_or(0),
        };
        let pace = pace.beside(interval);
        Check { kind, interval, timeout, retry, retry_interval, warmup: timing.warmup, pace }
    }

    fn connect(&mut self, draft: CallDraft, server: ServerKey, span: Span) -> Connect {
        let CallDraft { address, port, mut source_address, source_port, interface, mark } = draft;
        let target = SocketAddr::new(address.unwrap_or(server.address), port.unwrap_or(server.port));
        if target.port() == 0 {
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
