//! Scripts and pipes are told in keepalived's words, as heard from keepalived 2.2.7.

use super::*;
use crate::model::Fifo;

fn fifo() -> Option<Fifo> {
    Some(Fifo { path: "/run/pipe".to_owned(), owner: None, script: None })
}

fn told(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).filter(|word| word.starts_with("fifo") || word.starts_with("notify")).collect()
}

#[test]
fn pipes_hear_states_priorities_and_rivals() {
    let mut one = instance("a", 51);
    one.tracks = vec![watched(Watched::Interface("lo".to_owned()), 10)];
    one.notify = Notify {
        any: Some(command("any")),
        lower_priority: Some(command("low")),
        priority_changes: true,
        ..Notify::default()
    };
    let mut config = Config { instances: vec![one], ..Config::default() };
    config.router.notify_fifo = fifo();
    let mut bench = Bench::new(Vec::new());
    let words = bench.input(Input::Configure(Arc::new(config)));
    assert_eq!(told(&words), ["fifo INSTANCE \"a\" BACKUP 110", "notify any INSTANCE a BACKUP 110"]);
    let words = bench.pass(LONG);
    assert_eq!(told(&words), ["fifo INSTANCE \"a\" MASTER 110", "notify any INSTANCE a MASTER 110"]);
    let words = bench.input(Input::Link(link(1, "lo", false)));
    assert_eq!(told(&words), ["fifo INSTANCE \"a\" MASTER_PRIORITY 100"]);
    let words = bench.hear(51, 50);
    assert_eq!(told(&words), ["fifo INSTANCE \"a\" MASTER_RX_LOWER_PRI 100", "notify low"]);
}

#[test]
fn a_router_that_a_reload_takes_away_is_told_as_a_fault_or_as_deleted() {
    for (tell_deleted, state) in [(false, "FAULT"), (true, "DELETED")] {
        let mut one = instance("a", 51);
        one.notify = Notify { any: Some(command("any")), tell_deleted, ..Notify::default() };
        let mut bench = Bench::new(vec![one]);
        let words = bench.configure(vec![instance("b", 52)], vec![], vec![]);
        assert_eq!(told(&words), [format!("notify any INSTANCE a {state} 100")]);
    }
}

#[test]
fn states_are_repeated_after_a_reload_where_asked_for() {
    let mut config = Config { instances: vec![instance("a", 51)], ..Config::default() };
    config.router.router_fifo = fifo();
    config.router.fifo_states_on_reload = true;
    let mut bench = Bench::new(Vec::new());
    bench.input(Input::Configure(Arc::new(config.clone())));
    bench.pass(LONG);
    let words = bench.input(Input::Configure(Arc::new(config)));
    assert_eq!(told(&words), ["fifo INSTANCE \"a\" MASTER 100"]);
}
