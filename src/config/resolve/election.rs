//! When a router gives way, and when it takes over.

use std::time::Duration;

use super::Resolver;
use super::instance::Basics;
use crate::config::Language;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{ElectionDraft, Field, InstanceDraft};
use crate::config::source::{Span, Spanned};
use crate::model::{AdvertInterval, Election, Priority, StartAs, VrrpVersion};

impl Resolver<'_> {
    pub(super) fn election(&mut self, own: ElectionDraft, defaults: &ElectionDraft, basics: Basics) -> Election {
        let base = Election::default();
        // A file of keepalived's means what it means there; a new one gets what is calmer.
        let new = self.language == Language::Toml;
        let no_preempt = self.no_preempt(own.no_preempt, basics.start_as, basics.priority);
        Election {
            preempt: no_preempt.is_none(),
            preempt_delay: self.preempt_delay(own.preempt_delay, no_preempt, basics),
            down_timer_adverts: self
                .strictly(own.down_timer_adverts, base.down_timer_adverts, basics.strict, "down_timer_adverts")
                .unwrap_or_else(|| {
                    defaults.down_timer_adverts.map_or(base.down_timer_adverts, |adverts| adverts.value)
                }),
            lower_priority_no_advert: self
                .strictly(own.lower_priority_no_advert, true, basics.strict, "lower_prio_no_advert")
                .unwrap_or_else(|| defaults.lower_priority_no_advert.is_some_and(|flag| flag.value)),
            // In both languages, unlike keepalived: a master that is outbid before it has spoken leaves the winner, ours or one
            // of keepalived's, without any sign that there were two, and clients with the address of the wrong one.
            higher_priority_send_advert: self
                .strictly(own.higher_priority_send_advert, false, basics.strict, "higher_prio_send_advert")
                .unwrap_or_else(|| {
                    defaults.higher_priority_send_advert.map_or(base.higher_priority_send_advert, |flag| flag.value)
                }),
            owner_ignores_adverts: basics.strict
                || own.owner_ignores_adverts.or(defaults.owner_ignores_adverts).unwrap_or(false),
            timer_expired_backup: own.timer_expired_backup.or(defaults.timer_expired_backup),
            wait_for_checks: own.wait_for_checks.or(defaults.wait_for_checks).unwrap_or(new),
        }
    }

    /// A value of the router's own, or what strict mode puts in its place; none: the default holds.
    pub(super) fn strictly<T: PartialEq + Copy>(
        &mut self,
        own: Option<Spanned<T>>,
        forced: T,
        strict: bool,
        key: &str,
    ) -> Option<T> {
        let Some(own) = own else { return strict.then_some(forced) };
        if !strict || own.value == forced {
            return Some(own.value);
        }
        let key = match self.language {
            Language::Keepalived => key.to_owned(),
            Language::Toml => key.replace("prio_", "priority_").replace('_', "-"),
        };
        self.say(
            Diagnostic::warning(Code::Strict, own.span, format!("strict mode does not allow this `{key}`"))
                .help(format!("what the RFC says holds{}; leave strict mode, or this word", self.words.there)),
        );
        Some(forced)
    }

    fn preempt_delay(
        &mut self,
        written: Option<Spanned<Duration>>,
        no_preempt: Option<Span>,
        basics: Basics,
    ) -> Duration {
        let Some(delay) = written else { return Duration::ZERO };
        if delay.value.is_zero() {
            return Duration::ZERO;
        }
        let why = match (basics.start_as, no_preempt) {
            _ if basics.strict => "strict mode does not allow it".to_owned(),
            (StartAs::Master, _) => format!("`{}` stands against it", self.words.master),
            (StartAs::Backup, Some(_)) => format!("`{}` means that it never takes over", self.words.nopreempt),
            (StartAs::Backup, None) => return delay.value,
        };
        self.say(
            Diagnostic::warning(
                Code::PreemptCancelled,
                delay.span,
                format!("the delay before taking over does not hold: {why}"),
            )
            .help(format!("ignored{}", self.words.there)),
        );
        Duration::ZERO
    }

    fn no_preempt(&mut self, written: Option<Span>, start_as: StartAs, priority: Priority) -> Option<Span> {
        let span = written?;
        let nopreempt = self.words.nopreempt;
        let why = match (start_as, priority) {
            (StartAs::Backup, Priority::OWNER) => "an owner (priority 255) always takes over".to_owned(),
            (StartAs::Backup, _) => return Some(span),
            (StartAs::Master, _) => format!("`{}` stands against it", self.words.master),
        };
        self.say(
            Diagnostic::warning(Code::PreemptCancelled, span, format!("`{nopreempt}` does not hold: {why}"))
                .help(format!("ignored{}: the router takes over from lower ones. For `{nopreempt}`, let all its hosts start as backup with a priority below 255", self.words.there)),
        );
        None
    }

    pub(super) fn advert_interval(&mut self, draft: &mut InstanceDraft, version: VrrpVersion) -> AdvertInterval {
        let Field::Set(written) = std::mem::take(&mut draft.advert_interval) else { return AdvertInterval::DEFAULT };
        let centiseconds = u16::try_from(written.value.as_millis().div_ceil(10)).unwrap_or(u16::MAX);
        let (rounded, why) = match version {
            VrrpVersion::V2 => (
                (centiseconds.saturating_add(50) / 100 * 100).clamp(100, 25_500),
                "version 2 counts whole seconds, up to 255; for hundredths, let all hosts use version 3",
            ),
            VrrpVersion::V3 => (centiseconds.clamp(1, 4_095), "version 3 counts hundredths of a second, up to 40.95"),
        };
        let interval = AdvertInterval::from_centiseconds(rounded).unwrap_or(AdvertInterval::DEFAULT);
        if interval.duration() != written.value {
            let nearest = shown(interval.duration());
            let help = match self.language {
                Language::Keepalived => format!("taken as {nearest}{}", self.words.there),
                Language::Toml => format!("the nearest is {nearest}; all hosts of a router need the same"),
            };
            let diagnostic = self
                .slip(Code::BadValue, written.span, format!("adverts cannot go out every {}", shown(written.value)))
                .mark(why)
                .help(help);
            self.say(diagnostic);
        }
        interval
    }
}

/// `1 s`, `0.25 s`.
pub(super) fn shown(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
