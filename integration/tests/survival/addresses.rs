//! Addresses are taken away by somebody's hand, or by a program that does not know them.

use super::*;

native_test! {
    /// `ip address flush` takes everything; the interface's own address comes back from somebody else's hand, the rest from ours.
    fn all_addresses_are_flushed() {
        let lan = Lan::new("flush", 2);
        let [one, two] = lan.pair();
        let hearing = Hearing::of(&one);
        lan.nodes[0].sh("ip address flush dev eth0");
        lan.wait_owner("n2");
        one.wait_state("VI_1", "FAULT");
        lan.nodes[0].add_address("eth0", "192.0.2.1/24");
        lan.wait_owner("n1");
        two.wait_state("VI_1", "BACKUP");
        hearing.exactly(&[
            "VI_1: MASTER -> FAULT: interface eth0 has no IPv4 address of its own",
            "VI_1: FAULT -> BACKUP: what had failed is well again",
            "VI_1: BACKUP -> MASTER: our priority is 150, that of 192.0.2.2 is 100",
        ]);
    }

    /// The address is removed by hand: it is put back at once, mastership is not given up for a moment, and every time is told
    /// once. With somebody who removes it as often as it comes there is no race, and no flood of lines.
    fn an_address_removed_by_hand_is_put_back() {
        let lan = Lan::new("by-hand", 2);
        let [one, two] = lan.pair();
        let tap = Tap::start(&lan.nodes[1], "eth0");
        let hearing = Hearing::of(&one);
        let remove = || {
            let (watch, mark) = (AddressWatch::start(&lan.nodes[0]), tap.mark());
            lan.nodes[0].remove_address("eth0", "192.0.2.100/24");
            let went = watch.wait_went(PATIENCE, 0, VIP.into());
            let came = watch.wait_came(PATIENCE, 0, VIP.into());
            println!("back after {:?}", came - went);
            tap.wait(PATIENCE, "an announcement", mark, |frame| {
                frame.announcement().filter(|announcement| announcement.address == IpAddr::V4(VIP))
            });
        };
        for _ in 0..3 {
            remove();
            holds_for(Duration::from_millis(1500), "the address", || lan.owners() == ["n1"]);
        }
        hearing.exactly(&["VI_1: somebody removed 192.0.2.100/24 while we are master; it was put back"; 3]);
        for _ in 0..5 {
            remove();
        }
        let lines = hearing.lines();
        assert!((4..=8).contains(&lines.len()), "{lines:#?}");
        assert!(lines.iter().all(|line| line.starts_with("VI_1: somebody removed 192.0.2.100/24")), "{lines:#?}");
        let adverts = tap.adverts_from(0);
        assert!(adverts.iter().all(|(_, advert)| advert.priority == 150), "it said that it leaves: {adverts:?}");
        assert_eq!((became_master(&one), became_master(&two)), (1, 0));
    }

    /// A host's only address is listed as virtual: no router can send adverts from it, keepalived's no more than ours, and
    /// both take it off. Ours says what it has done and what to do, once; and an owner's address stays its own.
    fn the_only_address_is_a_virtual_one() {
        let lan = Lan::new("only", 4);
        let only = |number: u8, priority: u8| {
            conf(priority, "").replace("192.0.2.100/24", &format!("192.0.2.{number}/24"))
        };
        let has = |number: u8| lan.nodes[usize::from(number) - 1].has_address("eth0", Ipv4Addr::new(192, 0, 2, number).into());
        let tap = Tap::start(&lan.nodes[3], "eth0");
        let theirs = Contender::start(Program::Keepalived, &lan.nodes[1], &only(2, 100));
        let ours = Ipvsd::start(&lan.nodes[0], &only(1, 100));
        wait_until(PATIENCE, "both addresses off", || !has(1) && !has(2));
        ours.wait_state("VI_1", "FAULT");
        let log = ours.daemon().log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("192.0.2.1/24, the only address that eth0 has")).collect();
        assert!(lines.len() == 1 && lines[0].contains("WARN") && lines[0].contains("it is taken off"), "{log}");
        assert_eq!(tap.adverts_from(0).len(), 0, "nobody can speak");
        drop(theirs);

        let owner = Ipvsd::start(&lan.nodes[2], &only(3, 255));
        owner.wait_state("VI_1", "MASTER");
        tap.wait(PATIENCE, "an advert of the owner", 0, |frame| frame.advert().filter(|advert| advert.priority == 255));
        assert!(has(3));
        owner.stop();
        assert!(has(3), "it was there before us");
        // An address of its own is what the router waits for.
        lan.nodes[0].add_address("eth0", "192.0.2.11/24");
        ours.wait_state("VI_1", "MASTER");
        assert!(has(1));
    }

    /// All addresses but the interface's own are flushed, which is what networkd does to addresses that it does not know.
    fn foreign_addresses_are_flushed() {
        let lan = Lan::new("foreign", 2);
        let [one, two] = lan.pair();
        let tap = Tap::start(&lan.nodes[1], "eth0");
        let hearing = Hearing::of(&one);
        lan.nodes[0].sh("ip address flush dev eth0 to 192.0.2.100");
        lan.wait_owner("n1");
        hearing.exactly(&["VI_1: somebody removed 192.0.2.100/24"]);
        assert!(tap.adverts_from(0).iter().all(|(_, advert)| advert.priority == 150));
        assert_eq!((became_master(&one), became_master(&two)), (1, 0));
    }
}
