//! Act two: `002-second.conf`. VRRP version 2 with a password, nothing else: the address stands before whichever HAProxy
//! is alive.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::first::priority;
use super::kube::{Kube, VIP};
use super::stage::seconds;
use super::stream::Stream;
use super::{Director, LONG, PAUSE, Stage, seed, show_logs};

const FILE: &str = "002-second.conf";
/// Longer than it takes the address to move when it can.
const WOULD_HAVE_MOVED: Duration = Duration::from_secs(6);
/// Requests that must be answered before a state counts as good.
const ENOUGH: usize = 60;

/// Plays the act.
pub fn play(stage: &mut Stage, director: Director) {
    stage.act(
        2,
        "examples/seeds/002-second.conf on three machines: VRRP 2 with a password, without nopreempt",
        &["The same machines, no virtual_server: whoever has 192.168.10.99 answers with its own HAProxy."],
    );
    let since = Instant::now();
    let mut kube = Kube::build("second");
    stage.note(&format!(
        "three machines with HAProxy and API servers, and one for clients: up after {}",
        seconds(since.elapsed())
    ));
    let failures = stage.failures();
    scenes(stage, director, &mut kube);
    if stage.failures() > failures {
        for machine in &kube.machines {
            show_logs(stage, director, &machine.node);
        }
    }
}

fn scenes(stage: &mut Stage, director: Director, kube: &mut Kube) -> Option<()> {
    stage.step("What is there to say about the file?");
    let (command, said) = director.check(&kube.machines[0].node, &format!("examples/seeds/{FILE}"));
    stage.show(&command, &said);

    stage.step(&format!("Start {} on all three", director.name()));
    let configuration = seed(FILE);
    let since = Instant::now();
    for machine in &mut kube.machines {
        machine.director = Some(director.start(&machine.node, &configuration));
    }
    let (master, _) = stage.wait(
        "a master",
        since,
        LONG,
        || kube.holder(),
        |&at| format!("{} is MASTER and has {VIP}", kube.machines[at].node.name()),
    )?;
    let name = kube.machines[master].node.name().to_owned();
    let stream = Stream::start(&kube.client, &kube.clients, SocketAddr::V4(Kube::service()), PAUSE);
    let tally = stream.next(ENOUGH, LONG);
    stage.check(tally.is_clean(), &format!("{tally} (by API server)"), None);

    stage.step("HAProxy stops on the master: the weight of -5 moves the address");
    stage.did(&format!("stop HAProxy on {name}, while {} addresses go on asking", kube.clients.len()));
    let since = Instant::now();
    kube.machines[master].haproxy.stop(LONG);
    let moved = || match kube.holder()? {
        at if at == master => Err(format!("{name} still has it")),
        at => Ok(at),
    };
    let (now, _) = stage.wait("a new master", since, LONG, moved, |&at| {
        format!("{} is MASTER and has {VIP}: its 100 beats the 95 of {name}", kube.machines[at].node.name())
    })?;
    let stopped_answering = Instant::now();
    stage.note(&format!("until then: {}", stream.between(since, stopped_answering)));
    let tally = stream.next(ENOUGH, LONG);
    stage.check(tally.is_clean(), &format!("from then on: {tally}"), None);
    let (command, said) = director.show(&kube.machines[now].node);
    stage.show(&command, &said);

    stage.step(&format!("HAProxy returns on {name}"));
    stage.did(&format!("start HAProxy on {name} again"));
    let since = Instant::now();
    kube.machines[master].start_haproxy();
    if director == Director::Ipvsd {
        stage.wait(
            "the priority",
            since,
            LONG,
            || priority(director, kube, master, 100),
            |()| format!("check_haproxy succeeded: {name} has priority 100 again"),
        );
    }
    let holder = kube.machines[now].node.name();
    let stays = format!("the address stays on {holder}: equal priority takes nothing away");
    stage.holds(&stays, since, WOULD_HAVE_MOVED, || match kube.holder()? {
        at if at == now => Ok(()),
        at => Err(format!("it moved to {}", kube.machines[at].node.name())),
    });
    let tally = stream.between(since, Instant::now());
    stage.check(tally.is_clean(), &format!("meanwhile: {tally}"), None);
    stream.finish();
    Some(())
}
