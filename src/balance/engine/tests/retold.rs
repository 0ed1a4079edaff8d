//! What is told of servers over a reload: whoever was told that one is down hears that it is up, whichever way it came about.

use super::rules::{called, dies, guarded, running};
use super::*;
use crate::model::{Fifo, Rules};

/// The same service, with a check of the first server that calls at this port.
fn port(port: u16) -> Config {
    let mut config = guarded(Rules::default());
    config.global.service_fifo = Some(Fifo { path: "/run/x".to_owned(), owner: None, script: None });
    config.services[0].handover.slow_start = 60 * S;
    if let CheckKind::Tcp(connect) = &mut config.services[0].servers[0].checks[0].kind {
        connect.target.set_port(port);
    }
    config
}

const UP: &str = "RS [10.0.0.1]:tcp:80 [192.0.2.1]:tcp:80 UP\n";
const DOWN: &str = "RS [10.0.0.1]:tcp:80 [192.0.2.1]:tcp:80 DOWN\n";

fn said(world: &mut World) -> (Vec<String>, Vec<String>, Vec<String>) {
    let own = |event: &String| event.starts_with("server 10.0.0.1:80") && event.contains(" is ");
    let events = std::mem::take(&mut world.events).into_iter().filter(own).collect();
    (called(world), std::mem::take(&mut world.lines), events)
}

#[test]
fn a_server_that_a_reload_mends_is_told_of_as_any_that_returns() {
    let mut unchecked = port(80);
    unchecked.services[0].servers[0].checks.clear();
    for mended in [port(81), unchecked] {
        let mut world = running(port(80));
        dies(&mut world, &[1]);
        let (scripts, lines, events) = said(&mut world);
        assert_eq!((scripts, lines), (vec!["1-down".to_owned()], vec![DOWN.to_owned()]));
        assert!(events.last().unwrap().contains("is down"), "{events:#?}");
        world.take_steps();
        configure(&mut world, mended.clone());
        world.pass(2 * S);
        let event = "server 10.0.0.1:80 of tcp 192.0.2.1:80 is up".to_owned();
        assert_eq!(said(&mut world), (vec!["1-up".to_owned()], vec![UP.to_owned()], vec![event]));
        assert!(world.engine.servers(0)[0].rises_until.is_some(), "and starts slowly");
        configure(&mut world, mended);
        world.pass(8 * S);
        assert_eq!(said(&mut world), Default::default(), "once");
    }
}

#[test]
fn a_server_that_a_reload_finds_failing_is_told_of_once() {
    let mut world = running(port(80));
    said(&mut world);
    world.dead.insert("10.0.0.1:81".parse().unwrap());
    configure(&mut world, port(81));
    assert_eq!(said(&mut world), Default::default(), "nothing is known");
    world.pass(2 * S);
    let (scripts, lines, events) = said(&mut world);
    assert_eq!((scripts, lines), (vec!["1-down".to_owned()], vec![DOWN.to_owned()]));
    assert_eq!(events.len(), 1, "{events:#?}");
    // Another check that fails as well is no news to those who know.
    world.dead.insert("10.0.0.1:82".parse().unwrap());
    configure(&mut world, port(82));
    world.pass(2 * S);
    let (scripts, lines, _) = said(&mut world);
    assert_eq!((scripts, lines), Default::default());
}

/// Whoever was told that a server is up is told that it goes, though a reload before that has made it one to be checked anew.
#[test]
fn a_server_that_goes_before_its_new_check_has_spoken_was_up() {
    let mut world = running(port(80));
    said(&mut world);
    world.silent.insert("10.0.0.1:81".parse().unwrap());
    configure(&mut world, port(81));
    world.pass(2 * S);
    let mut without = port(81);
    without.services[0].servers.remove(0);
    configure(&mut world, without);
    let (scripts, lines, _) = said(&mut world);
    assert_eq!((scripts, lines), (vec!["1-down".to_owned()], vec![DOWN.to_owned()]));
}

/// A check that another server has made already speaks for the new one at once, and that is said.
#[test]
fn a_verdict_that_a_reload_brings_with_it_is_told() {
    let other = |checks: usize| {
        let mut config = port(80);
        let mut second = config.services[0].servers[1].checks.clone();
        if let CheckKind::Tcp(connect) = &mut second[0].kind {
            connect.target.set_port(82);
        }
        config.services[0].servers[1].checks.extend(second.clone());
        config.services[0].servers[0].checks.extend(second.into_iter().take(checks));
        config
    };
    let mut world = running(other(0));
    world.dead.insert("10.0.0.2:82".parse().unwrap());
    world.pass(8 * S);
    said(&mut world);
    configure(&mut world, other(1));
    let (scripts, lines, events) = said(&mut world);
    assert_eq!((scripts.first().map(String::as_str), lines.first().map(String::as_str)), (Some("1-down"), Some(DOWN)));
    assert_eq!(events.len(), 1, "{events:#?}");
    configure(&mut world, other(0));
    let (scripts, lines, events) = said(&mut world);
    assert_eq!((scripts.first().map(String::as_str), lines.first().map(String::as_str)), (Some("1-up"), Some(UP)));
    assert_eq!(events.len(), 1, "{events:#?}");
}
