//! Between what crosses the control socket and what the engine is asked for a server.

use std::time::Duration;

use crate::api::{ServerChange, ServerReply, ServerVerb};
use crate::balance::{Asked, Effect, Verb};
use crate::model::Weight;

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
    let mut remarks = Vec::new();
    let begun = |asked: &&Asked| asked.effect == Effect::Done && asked.persistent;
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

fn text(asked: &Asked, verb: Verb) -> String {
    match (asked.effect, verb) {
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
