use std::time::Instant;

use super::history::{Deed, History, Network};
use super::world::World;

/// Carries a history out; what was broken, and what happened on the way.
fn run(history: &History) -> Result<(), (String, Vec<String>)> {
    let mut world = World::new(history, Instant::now());
    world.run(history).map_err(|broken| (broken, std::mem::take(&mut world.log)))
}

/// The shortest history that still breaks a law: deeds are left out one by one, and hosts' wishes and the network's tricks.
fn shrink(mut history: History) -> History {
    loop {
        let mut candidates: Vec<History> = (0..history.deeds.len())
            .map(|at| {
                let mut shorter = history.clone();
                shorter.deeds.remove(at);
                shorter
            })
            .collect();
        for at in 0..history.deeds.len() {
            let mut candidate = history.clone();
            if let Deed::Wait(millis) | Deed::Pause(_, millis) = &mut candidate.deeds[at]
                && *millis > 100
            {
                *millis /= 2;
                candidates.push(candidate);
            }
        }
        let calm = Network { loss_percent: 0, repeat_percent: 0, delay_micros: 100 };
        if history.network.loss_percent + history.network.repeat_percent > 0 {
            candidates.push(History { network: calm, ..history.clone() });
        }
        match candidates.into_iter().find(|candidate| run(candidate).is_err()) {
            Some(shorter) => history = shorter,
            None => return history,
        }
    }
}

fn all(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let history = History::new(seed);
        if run(&history).is_ok() {
            continue;
        }
        let shortest = shrink(history);
        let (broken, log) = run(&shortest).unwrap_err();
        panic!("history {seed}: {broken}\n{}\n{shortest:#?}", log.join("\n"));
    }
}

// In parts, so that they run side by side.

#[test]
fn the_laws_hold_in_five_hundred_histories() {
    all(0..500);
}

#[test]
fn the_laws_hold_in_five_hundred_other_histories() {
    all(500..1000);
}

#[test]
#[ignore = "takes minutes without optimisation"]
fn the_laws_hold_in_twenty_thousand_histories() {
    all(1000..21_000);
}

/// Both versions on one switch, at rest: the laws above are about that too.
#[test]
fn some_histories_mix_versions() {
    let mixes = |history: &History| {
        let router = history.routers[0];
        let versions =
            (0..history.hosts.len()).map(|host| history.version(host, router) == crate::model::VrrpVersion::V2);
        versions.collect::<std::collections::BTreeSet<_>>().len() > 1
    };
    let mixed = (0..500).map(History::new).filter(mixes).count();
    assert!(mixed > 15, "{mixed}");
}

/// A network in which something is wrong is told: a router that takes no notice of anybody breaks the law of one master.
#[test]
fn what_is_broken_is_told() {
    let broken = (0..200)
        .map(History::new)
        .map(|mut history| {
            for host in &mut history.hosts {
                host.priority = 255;
                host.election.owner_ignores_adverts = true;
            }
            history.deeds.clear();
            history
        })
        .find_map(|history| run(&history).err());
    assert!(broken.unwrap().0.contains("has the masters"));
}
