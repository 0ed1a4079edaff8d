//! Failures that are told though nothing comes of them.

use super::*;

/// A server that is refused from some time on, with two failures forgiven: what is told of it until it is down.
fn told(config: Config) -> Vec<String> {
    let mut world = World::new(empty());
    configure(&mut world, config);
    world.pass(S);
    world.events.clear();
    world.dead.insert(SocketAddr::new(server_key(1).address, 80));
    world.pass(60 * S);
    world.events
}

fn patient(own: Option<bool>, all: bool) -> Config {
    let mut server = server(1, true);
    (server.checks[0].retry, server.checks[0].tells_failures) = (2, own);
    let mut config = config(1, &[server, self::server(2, true)]);
    config.global.tells_failures = all;
    config
}

const FIRST: &str = "a check of server 10.0.0.1:80 of tcp 192.0.2.1:80 has failed: 10.0.0.1:80 refuses the connection: nobody listens there; ";
const DOWN: &str =
    "server 10.0.0.1:80 of tcp 192.0.2.1:80 is down: 10.0.0.1:80 refuses the connection: nobody listens there";

#[test]
fn each_failure_of_a_server_that_is_up_is_told_to_who_asks_for_it() {
    let all =
        [format!("{FIRST}one more failure is forgiven"), format!("{FIRST}nothing more is forgiven"), DOWN.to_owned()];
    for (own, global, expected) in [
        (None, false, &all[2..]),
        (Some(true), false, &all),
        (None, true, &all),
        (Some(false), true, &all[2..]),
        (Some(true), true, &all),
    ] {
        assert_eq!(told(patient(own, global)), expected, "{own:?} {global}");
    }
}

/// The other check has brought the server down already.
#[test]
fn a_check_that_fails_with_another_is_told_of_too() {
    let mut config = patient(Some(true), false);
    let mut second = config.services[0].servers[0].checks[0].clone();
    second.interval = 30 * S;
    config.services[0].servers[0].checks.push(second);
    let told = told(config);
    assert_eq!(told.iter().filter(|line| **line == DOWN).count(), 1, "{told:#?}");
    assert_eq!(told.iter().filter(|line| line.starts_with(FIRST)).count(), 5, "{told:#?}");
}
