//! What holds for the servers of a service together: margins that fit, a sorry server that packets can reach, rest that
//! something decides.

use super::Resolver;
use super::service::Outer;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::RulesDraft;
use crate::config::source::{Span, Spanned};
use crate::model::{Family, Floor, Rules, ServerConfig, Suspend};

impl Resolver<'_> {
    /// `floor` is with what the servers weigh at least that it keeps; `named`: the service has an address of its own.
    pub(super) fn service_rules(
        &mut self,
        draft: RulesDraft,
        quorum: u32,
        floor: Option<(Floor, u64)>,
        servers: &[ServerConfig],
        outer: &Outer,
        named: bool,
    ) -> Rules {
        let RulesDraft { hysteresis, sorry, suspend, omega, notify } = draft;
        let hysteresis = self.hysteresis(hysteresis, quorum, servers);
        let sorry_at = sorry.as_deref().map(|sorry| sorry.span);
        let sorry = sorry.and_then(|sorry| self.server(*sorry, outer)).map(Box::new);
        if let (Some(_), Some(at), Some((floor, least))) = (&sorry, sorry_at, floor)
            && least >= u64::from(quorum.saturating_sub(hysteresis).max(1))
        {
            self.needless(at, floor);
        }
        let suspend = self.suspend(suspend, named);
        Rules { hysteresis, sorry, suspend, omega, notify }
    }

    fn hysteresis(&mut self, hysteresis: Option<Spanned<u32>>, quorum: u32, servers: &[ServerConfig]) -> u32 {
        let Some(Spanned { value: written, span }) = hysteresis else { return 0 };
        let below = written.min(quorum.saturating_sub(1));
        if below < written {
            self.say(
                Diagnostic::warning(
                    Code::Combination,
                    span,
                    format!("a hysteresis of {written} is not less than the quorum, {quorum}"),
                )
                .help(format!("lowered to {below}{}; the quorum could never be lost", self.words.there)),
            );
        }
        let weights = servers.iter().map(|server| u64::from(server.settings.weight.value())).sum::<u64>();
        let most = u32::try_from(weights.saturating_sub(u64::from(quorum))).unwrap_or(u32::MAX);
        if below > most {
            self.say(
                Diagnostic::warning(
                    Code::Combination,
                    span,
                    format!("quorum and hysteresis are {} together, more than all servers weigh", quorum + below),
                )
                .mark(format!("they weigh {weights}"))
                .help(format!("lowered to {most}: once lost, the quorum could never be won; keepalived never wins it")),
            );
        }
        below.min(most)
    }

    /// A floor may keep so many servers that the quorum is never lost.
    fn needless(&mut self, sorry_at: Span, floor: Floor) {
        self.say(
            Diagnostic::warning(Code::Combination, sorry_at, format!("a floor of {floor} keeps the quorum"))
                .mark("this server is not needed")
                .help("servers that the floor keeps count, failed or not: the sorry server takes over only while the quorum is lost"),
        );
    }

    fn suspend(&mut self, suspend: Option<Spanned<Suspend>>, named: bool) -> Suspend {
        match suspend {
            Some(Spanned { value: Suspend::WithoutOwn, span }) if !named => {
                self.say(
                    Diagnostic::warning(Code::Idle, span, "this service has no address that could be elsewhere").help(
                        format!(
                            "a mark is everywhere: its servers are always checked{}; in TOML `rest-while-away` can name \
                             the addresses to go by",
                            self.words.there
                        ),
                    ),
                );
                Suspend::Never
            }
            Some(suspend) => suspend.value,
            None => Suspend::Never,
        }
    }
}

/// What the servers weigh that have a weight, the least first: of those that packets of each of a service's families reach.
/// `family`: it has but this one.
pub(super) fn weights(servers: &[ServerConfig], family: Option<Family>) -> Vec<Vec<u32>> {
    let families = family.map_or(vec![Family::V4, Family::V6], |family| vec![family]);
    let of = |family| {
        let reached = servers.iter().filter(|server| server.takes(family)).map(|server| server.settings.weight.value());
        let mut weights: Vec<_> = reached.filter(|weight| *weight > 0).collect();
        weights.sort_unstable();
        weights
    };
    families.into_iter().map(of).collect()
}

/// What those weigh at least that a floor keeps: in the family where that is most, since servers that both reach may be kept
/// for both.
pub(super) fn least_kept(floor: Floor, weights: &[Vec<u32>]) -> u64 {
    let least = |of: &Vec<u32>| of.iter().take(floor.of(of.len())).copied().map(u64::from).sum::<u64>();
    weights.iter().map(least).max().unwrap_or(0)
}
