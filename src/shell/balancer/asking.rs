//! Between what crosses the control socket and what the engine is asked for a server.

use std::time::Duration;

use crate::api::{ServerChange, ServerReply, ServerVerb};
use crate::balance::{Asked, Effect, Verb};
use crate::model::{Scheduler, Weight};

/// The longest that a drain may be given.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// What is asked.
///
/// # Errors
/// A sentence: a number is out of bounds.
pub(super) fn verb(verb: &ServerVerb) -> Result<Verb, String> {
    Ok(match verb {
        ServerVerb::Drain { deadline_secs: None } => Verb::Drain(None),
        ServerVerb::Drain { deadline_secs: Some(secs) } => {
            let within = Duration::try_from_secs_f64(*secs).ok().filter(|within| *within <= LONGEST);
            Verb::Drain(Some(within.ok_or("a deadline is 0 to 31 days")?))
        }
        ServerVerb::Undrain => Verb::Undrain,
        ServerVerb::Disable => Verb::Disable,
        ServerVerb::Enable => Verb::Enable,
        ServerVerb::Weight { weight } => {
            let weight = weight.map(Weight::new).transpose();
            Verb::Weight(weight.map_err(|error| error.to_string())?)
        }
    })
}

/// What came of it, in sentences.
pub(super) fn reply(asked: &[Asked], verb: Verb, clients_return: bool) -> ServerReply {
    let change = |asked: &Asked| ServerChange {
        service: asked.service.clone(),
        server: asked.server.to_string(),
        changed: asked.effect == Effect::Done,
        text: text(asked, verb),
    };
    let mut remarks: Vec<String> = asked.iter().find_map(|asked| refusal(asked, verb)).into_iter().collect();
    let begun = |asked: &&Asked| asked.effect == Effect::Done && asked.persistent && asked.refuses.is_none();
    if let (Verb::Drain(within), Some(first)) = (verb, asked.iter().find(begun))
        && clients_return
    {
        let end = match within {
            Some(_) => "until the deadline at most",
            None => "and without a --deadline that may be for ever",
        };
        remarks.push(format!(
            "{} is persistent: a client that comes back in time still gets the server that it is bound to, {end}; with \
             net.ipv4.vs.expire_quiescent_template = 1 it gets another at once",
            first.service
        ));
    }
    ServerReply { changes: asked.iter().map(change).collect(), remarks }
}

/// Some schedulers know no weight 0 as others do.
fn refusal(asked: &Asked, verb: Verb) -> Option<String> {
    let scheduler = asked.refuses.filter(|_| asked.effect == Effect::Done)?;
    let instead = match scheduler {
        Scheduler::SourceHash => "; with sh-fallback they would be given another, and drains wait",
        Scheduler::MaglevHash => "; with mh-fallback they would be given another, and drains wait",
        Scheduler::RoundRobin
        | Scheduler::WeightedRoundRobin
        | Scheduler::LeastConnection
        | Scheduler::WeightedLeastConnection
        | Scheduler::LocalityBased
        | Scheduler::LocalityBasedReplicated
        | Scheduler::DestinationHash
        | Scheduler::ShortestExpectedDelay
        | Scheduler::NeverQueue
        | Scheduler::Failover
        | Scheduler::Overflow
        | Scheduler::PowerOfTwo => "",
    };
    let what = match verb {
        Verb::Drain(_) => "so the server went at once, for its clients to be served elsewhere",
        Verb::Weight(Some(Weight::ZERO)) => "as long as it is there; `ipvsctl disable` gives them another server",
        Verb::Weight(_) | Verb::Undrain | Verb::Enable | Verb::Disable => return None,
    };
    let service = &asked.service;
    Some(format!("the scheduler {scheduler} of {service} refuses the clients of a server at weight 0, {what}{instead}"))
}

fn text(asked: &Asked, verb: Verb) -> String {
    match (asked.effect, verb) {
        (Effect::Done, Verb::Drain(None)) if asked.leaves && asked.refuses.is_none() => {
            "configured no more: it goes once its connections have ended, however long that takes".to_owned()
        }
        (Effect::Done, Verb::Drain(Some(within))) if asked.leaves && asked.refuses.is_none() && !within.is_zero() => format!(
            "configured no more: it goes once its connections have ended, after {} s at the latest",
            within.as_secs_f64()
        ),
        (Effect::Done, Verb::Drain(_) | Verb::Disable) if asked.leaves => {
            "configured no more: out of the table at once, and its connections are cut off; the configuration alone brings it back"
                .to_owned()
        }
        (Effect::Done, Verb::Drain(_)) if asked.refuses.is_some() => {
            "out of the table at once, and its connections are cut off; `ipvsctl enable` brings it back".to_owned()
        }
        (Effect::Done, Verb::Drain(None)) => "draining, for as long as it takes".to_owned(),
        (Effect::Done, Verb::Drain(Some(within))) => format!("draining, for {} s at most", within.as_secs_f64()),
        (Effect::Done, Verb::Undrain | Verb::Enable) => "in use again, as far as its checks say".to_owned(),
        (Effect::Done, Verb::Disable) => "disabled: out of the table until `ipvsctl enable`".to_owned(),
        (Effect::Done, Verb::Weight(Some(weight))) => format!("weight {weight}, until `ipvsctl weight ... file`"),
        (Effect::Done, Verb::Weight(None)) => "the weight of the file again".to_owned(),
        (Effect::Already, _) => "so already".to_owned(),
        (Effect::OutAlready, _) => "out of the table already; `ipvsctl enable` brings it back".to_owned(),
        (Effect::Disabled, _) => "disabled, not draining: `ipvsctl enable` brings it back".to_owned(),
        (Effect::Nothing, Verb::Weight(_)) => "the weight of the file, as before".to_owned(),
        (Effect::Nothing, Verb::Undrain | Verb::Enable | Verb::Drain(_) | Verb::Disable) => {
            "in use as before: neither drained nor disabled".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::Load;
    use crate::model::ServerKey;

    #[test]
    fn a_drain_that_cannot_wait_says_so() {
        let asked = |refuses| Asked {
            service: "tcp 192.0.2.1:80".to_owned(),
            server: ServerKey { address: [10, 0, 0, 1].into(), port: 80 },
            effect: Effect::Done,
            left: Some(Load::default()),
            persistent: false,
            refuses,
            leaves: false,
        };
        let said = |refuses, verb| {
            let reply = reply(&[asked(refuses)], verb, true);
            (reply.changes[0].text.clone(), reply.remarks.join("\n"))
        };
        let (text, remark) = said(Some(Scheduler::SourceHash), Verb::Drain(None));
        assert!(text.starts_with("out of the table at once"), "{text}");
        assert!(remark.contains("the scheduler sh of tcp 192.0.2.1:80 refuses") && remark.contains("sh-fallback"));
        let (_, remark) = said(Some(Scheduler::MaglevHash), Verb::Drain(None));
        assert!(remark.contains("with mh-fallback they would be given another"), "{remark}");
        let (_, remark) = said(Some(Scheduler::DestinationHash), Verb::Drain(None));
        assert!(!remark.is_empty() && !remark.contains("sh-fallback"), "{remark}");
        let (_, remark) = said(Some(Scheduler::SourceHash), Verb::Weight(Some(Weight::ZERO)));
        assert!(remark.contains("ipvsctl disable"), "{remark}");
        for verb in [Verb::Weight(Some(Weight::ONE)), Verb::Weight(None), Verb::Disable, Verb::Enable, Verb::Undrain] {
            assert_eq!(said(Some(Scheduler::SourceHash), verb).1, "");
        }
        let (text, remark) = said(None, Verb::Drain(None));
        assert_eq!((text.as_str(), remark.as_str()), ("draining, for as long as it takes", ""));
    }

    #[test]
    fn of_a_server_that_leaves_it_is_said_how_long_it_has() {
        let said = |refuses, verb| {
            let asked = Asked {
                service: "tcp 192.0.2.1:80".to_owned(),
                server: ServerKey { address: [10, 0, 0, 1].into(), port: 80 },
                effect: Effect::Done,
                left: None,
                persistent: false,
                refuses,
                leaves: true,
            };
            reply(&[asked], verb, true).changes[0].text.clone()
        };
        let drain = |secs| Verb::Drain(Some(Duration::from_secs(secs)));
        let sh = Some(Scheduler::SourceHash);
        assert!(said(None, Verb::Drain(None)).ends_with("have ended, however long that takes"));
        assert!(said(None, drain(90)).ends_with("have ended, after 90 s at the latest"));
        for (refuses, verb) in [(None, drain(0)), (None, Verb::Disable), (sh, drain(90)), (sh, Verb::Disable)] {
            let text = said(refuses, verb);
            assert!(text.contains("out of the table at once") && !text.contains("ipvsctl enable"), "{text}");
        }
    }
}
