//! Time stands still for a process, or jumps for the whole machine.

use super::*;

native_test! {
    /// Stopped for ten seconds, each in a network of its own at the same time: a master of the higher priority, one of the same
    /// priority and lower address, and a backup.
    fn ten_seconds_of_standstill() {
        const STANDSTILL: Duration = Duration::from_secs(10);
        thread::scope(|scope| {
            scope.spawn(|| {
                let lan = Lan::new("slept-higher", 2);
                let [one, two] = lan.pair();
                let (first, second) = (Hearing::of(&one), Hearing::of(&two));
                one.daemon().signal(Signal::SIGSTOP);
                two.wait_state("VI_1", "MASTER");
                holds_for(STANDSTILL, "the new master", || lan.nodes[1].has_address("eth0", VIP.into()));
                one.daemon().signal(Signal::SIGCONT);
                lan.wait_owner("n1");
                two.wait_state("VI_1", "BACKUP");
                second.exactly(&["VI_1: BACKUP -> MASTER: master 192.0.2.1 has been silent", "VI_1: MASTER -> BACKUP: "]);
                let lines = first.lines();
                assert!((1..=2).contains(&lines.len()), "{lines:#?}");
                let rival = "192.0.2.2 advertises priority 100 while we are master: two masters at once";
                assert_eq!(lines.iter().filter(|line| line.contains(rival)).count(), 1, "{lines:#?}");
            });
            scope.spawn(|| {
                // The same where it had outbid that very rival before, and again and again: each time has a line.
                let lan = Lan::new("slept-outbid", 2);
                let two = Ipvsd::start(&lan.nodes[1], &conf(100, ""));
                two.wait_state("VI_1", "MASTER");
                let one = Ipvsd::start(&lan.nodes[0], &conf(150, ""));
                one.wait_state("VI_1", "MASTER");
                two.wait_state("VI_1", "BACKUP");
                for _ in 0..3 {
                    let first = Hearing::of(&one);
                    one.daemon().signal(Signal::SIGSTOP);
                    two.wait_state("VI_1", "MASTER");
                    holds_for(Duration::from_secs(2), "the new master", || lan.nodes[1].has_address("eth0", VIP.into()));
                    one.daemon().signal(Signal::SIGCONT);
                    lan.wait_owner("n1");
                    two.wait_state("VI_1", "BACKUP");
                    let rival = "192.0.2.2 advertises priority 100 while we are master: two masters at once";
                    let told = || first.lines().iter().filter(|line| line.contains(rival)).count();
                    wait_until(PATIENCE, "a line on the rival", || told() > 0);
                    // A silence: what comes after it is another time.
                    holds_for(Duration::from_secs(2), "one line", || told() == 1);
                }
            });
            scope.spawn(|| {
                let lan = Lan::new("slept-equal", 2);
                let low = Ipvsd::start(&lan.nodes[0], &conf(100, ""));
                low.wait_state("VI_1", "MASTER");
                let high = Ipvsd::start(&lan.nodes[1], &conf(100, ""));
                high.wait_show("an advert heard", |snapshot| instances(snapshot)[0]["adverts_received"].as_u64() > Some(0));
                let (first, second) = (Hearing::of(&low), Hearing::of(&high));
                low.daemon().signal(Signal::SIGSTOP);
                high.wait_state("VI_1", "MASTER");
                holds_for(STANDSTILL, "the new master", || lan.nodes[1].has_address("eth0", VIP.into()));
                low.daemon().signal(Signal::SIGCONT);
                lan.wait_owner("n2");
                low.wait_state("VI_1", "BACKUP");
                first.exactly(&["VI_1: MASTER -> BACKUP: 192.0.2.2 advertises priority 100 too"]);
                // The one that gives way says so once more, since the winner may not know that there were two.
                second.exactly(&[
                    "VI_1: BACKUP -> MASTER: master 192.0.2.1 has been silent",
                    "VI_1: 192.0.2.1 advertises priority 100 while we are master",
                ]);
                assert_eq!(became_master(&high), 1);
            });
            scope.spawn(|| {
                let lan = Lan::new("slept-backup", 2);
                let [one, two] = lan.pair();
                let hearing = Hearing::of(&two);
                two.daemon().signal(Signal::SIGSTOP);
                holds_for(STANDSTILL, "one master", || lan.owners() == ["n1"]);
                two.daemon().signal(Signal::SIGCONT);
                holds_for(Duration::from_secs(2), "one master", || lan.owners() == ["n1"]);
                hearing.exactly(&[]);
                assert_eq!((became_master(&one), became_master(&two)), (1, 0));
            });
        });
    }
}

guest_test! {
    /// The wall clock jumps forth and back by hours under master and backup: nothing happens, since nothing is timed by it.
    fn the_clock_jumps() {
        let lan = Lan::new("clock", 2);
        // A guest is slow: an interval that leaves it room.
        let slow = |priority| conf(priority, "").replace("advert_int 0.3", "advert_int 1");
        let one = Ipvsd::start(&lan.nodes[0], &slow(150));
        one.wait_state("VI_1", "MASTER");
        let two = Ipvsd::start(&lan.nodes[1], &slow(100));
        two.wait_show("an advert heard", |snapshot| instances(snapshot)[0]["adverts_received"].as_u64() > Some(0));
        let (first, second) = (Hearing::of(&one), Hearing::of(&two));
        for jump in ["+3 hours", "-6 hours", "+1 day", "-90 seconds"] {
            lan.nodes[0].command("date").args(["-s", jump]).ok();
            let before = instances(&one.show())[0]["adverts_sent"].as_u64().unwrap();
            one.wait_show("three more adverts", |snapshot| {
                instances(snapshot)[0]["adverts_sent"].as_u64() >= Some(before + 3)
            });
            assert_eq!(lan.owners(), ["n1"]);
        }
        first.exactly(&[]);
        second.exactly(&[]);
        assert_eq!((became_master(&one), became_master(&two)), (1, 0));
    }
}
