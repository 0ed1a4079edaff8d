//! Sync groups: who goes along with whom.

use super::*;

fn grouped(weighted: bool) -> (Vec<Instance>, Vec<SyncGroup>) {
    let members = vec!["a".to_owned(), "b".to_owned()];
    let group = SyncGroup { name: "g".to_owned(), members, tracks: Vec::new(), weighted, notify: Notify::default() };
    (vec![instance("a", 51), instance("b", 52)], vec![group])
}

#[test]
fn members_have_weights_of_their_own_where_the_group_allows_it() {
    for (weighted, expected) in [(true, [120, 115]), (false, [100, 100])] {
        let (mut instances, groups) = grouped(weighted);
        instances[0].tracks = vec![watched(Watched::Interface("lo".to_owned()), 20)];
        instances[1].tracks = vec![watched(Watched::Interface("eth0".to_owned()), 15)];
        let mut bench = Bench::new(Vec::new());
        bench.configure(instances, vec![], groups);
        let priorities: Vec<_> =
            bench.router.status(bench.now).iter().map(|status| status.effective_priority).collect();
        assert_eq!(priorities, expected);
    }
}

#[test]
fn a_member_that_joins_is_waited_for_and_takes_the_others_along_if_it_has_a_master() {
    let start = |bench: &mut Bench| {
        let (instances, mut groups) = grouped(false);
        groups[0].members.pop();
        bench.configure(vec![instances[0].clone()], vec![], groups);
        bench.pass(Duration::from_secs(6));
        assert_eq!(bench.roles(), [Role::Active]);
        let (instances, groups) = grouped(false);
        bench.configure(instances, vec![], groups);
        assert_eq!(bench.roles(), [Role::Active, Role::Backup]);
    };
    // Nobody else is there: it joins the active one.
    let mut bench = Bench::new(Vec::new());
    start(&mut bench);
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active, Role::Active]);
    // Somebody better is: the whole group listens.
    let mut bench = Bench::new(Vec::new());
    start(&mut bench);
    let words = bench.hear(52, 200);
    assert_eq!(bench.roles(), [Role::Backup, Role::Backup]);
    assert_eq!(bench.reason(0), "b of sync group g listens to another master");
    assert!(words.contains(&"send 51 prio 0".to_owned()), "{words:?}");
    // Somebody worse is: it is taken over from.
    let mut bench = Bench::new(Vec::new());
    start(&mut bench);
    for _ in 0..5 {
        bench.hear(52, 50);
        bench.pass(Duration::from_secs(1));
    }
    assert_eq!(bench.roles(), [Role::Active, Role::Active]);
}

#[test]
fn one_that_waits_holds_the_others() {
    let (mut instances, groups) = grouped(false);
    instances[1].tracks = vec![watched(Watched::Script("s".to_owned()), 0)];
    let mut bench = Bench::new(Vec::new());
    bench.configure(instances, vec![script("s")], groups);
    bench.pass(Duration::from_secs(20));
    assert_eq!(bench.roles(), [Role::Backup, Role::Initialize]);
    bench.finish("s", 0);
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.roles(), [Role::Active, Role::Active]);
}

#[test]
fn owners_in_a_group_wait_for_nobody_but_each_other() {
    let (mut instances, groups) = grouped(false);
    for instance in &mut instances {
        instance.priority = Priority::OWNER;
    }
    let mut bench = Bench::new(Vec::new());
    bench.configure(instances, vec![], groups);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.roles(), [Role::Active, Role::Active]);
}

#[test]
fn a_reload_that_makes_a_member_anew_says_that_the_group_is_split() {
    let mut bench = Bench::new(Vec::new());
    let splits = |words: Vec<String>| words.into_iter().filter(|word| word.contains("split")).collect::<Vec<_>>();
    let (mut instances, groups) = grouped(false);
    assert_eq!(splits(bench.configure(instances.clone(), vec![], groups.clone())), [""; 0]);
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.roles(), [Role::Active, Role::Active]);
    assert_eq!(splits(bench.configure(instances.clone(), vec![], groups.clone())), [""; 0]);
    instances[1] = instance("b", 53);
    let words = splits(bench.configure(instances.clone(), vec![], groups.clone()));
    assert_eq!(
        words,
        [
            "! sync group g is split: while a stays master, b is new with this configuration and listens for a master first, \
          for 3.61 s; where none is heard the group is together again then, and else as soon as one is"
        ]
    );
    assert_eq!(bench.roles(), [Role::Active, Role::Backup]);
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active, Role::Active]);
    assert_eq!(splits(bench.configure(instances, vec![], groups)), [""; 0]);
}
