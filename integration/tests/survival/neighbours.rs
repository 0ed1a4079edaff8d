//! Others on the segment: rivals, copies of the address, partitions.

use super::*;

native_test! {
    /// A third router appears, of keepalived's make, with the same number, priority and address: the highest own address wins, once.
    fn a_rival_of_the_same_priority() {
        let lan = Lan::new("same-priority", 3);
        let [one, two] = lan.pair();
        let hearing = Hearing::of(&one);
        // It wins by its own address, 192.0.2.3, as soon as it speaks; as a backup it accepts the master's adverts and does not.
        let rival = Contender::start(Program::Keepalived, &lan.nodes[2], &conf(150, ""));
        rival.daemon().wait_log(PATIENCE, "Entering BACKUP STATE");
        holds_for(Duration::from_secs(3), "one master", || lan.owners() == ["n1"]);
        hearing.exactly(&[]);
        // Cut off, it is a master of its own; healed, both speak, and 192.0.2.3 is higher than 192.0.2.1.
        lan.segment.isolate(&lan.nodes[2]);
        wait_until(PATIENCE, "the rival's own reign", || lan.nodes[2].has_address("eth0", VIP.into()));
        lan.segment.rejoin(&lan.nodes[2]);
        lan.wait_owner("n3");
        // Once more, some seconds into its reign, the rival announces the address, and that may be what is heard first.
        let yields = "VI_1: MASTER -> BACKUP: 192.0.2.3 advertises priority 150 too, and its address is the higher one";
        wait_until(PATIENCE, yields, || hearing.lines().iter().any(|line| line == yields));
        let told = hearing.lines();
        let announced = |line: &String| line.starts_with("VI_1: 02:00:00:00:00:03 on eth0 says that it has 192.0.2.100");
        assert!(told.iter().all(|line| line == yields || announced(line)), "{told:#?}");
        holds_for(Duration::from_secs(2), "one master", || lan.owners() == ["n3"]);
        rival.kill();
        wait_until(PATIENCE, "the address on n1", || lan.nodes[0].has_address("eth0", VIP.into()));
        one.wait_state("VI_1", "MASTER");
        assert_eq!((became_master(&one), became_master(&two)), (2, 0));
    }

    /// Another host has the same address from its own configuration, speaks no VRRP and announces it: we stay what we are.
    fn a_static_copy_of_the_address_elsewhere() {
        let lan = Lan::new("static-copy", 3);
        let [one, two] = lan.pair();
        lan.nodes[2].add_address("eth0", "192.0.2.100/24");
        let tap = Tap::start(&lan.nodes[1], "eth0");
        let injector = Injector::open(&lan.nodes[2], "eth0");
        for _ in 0..5 {
            injector.send(&gratuitous_arp(3));
            holds_for(Duration::from_millis(400), "the master", || lan.nodes[0].has_address("eth0", VIP.into()));
        }
        assert!(tap.adverts_from(0).iter().all(|(_, advert)| advert.priority == 150));
        assert_eq!((became_master(&one), became_master(&two)), (1, 0));
        assert!(!lan.nodes[1].has_address("eth0", VIP.into()));
    }

    /// A rival of lower priority that does not hear us goes on and on: the owner answers and announces again until the rival is silent.
    fn a_deaf_rival_of_lower_priority() {
        let lan = Lan::new("deaf", 3);
        let [one, two] = lan.pair();
        let tap = Tap::start(&lan.nodes[0], "eth0");
        let hearing = Hearing::of(&one);
        let injector = Injector::open(&lan.nodes[2], "eth0");
        let forged = Forged::v3(Ipv4Addr::new(192, 0, 2, 3).into(), 51, 50, 30, &[VIP.into()]).frame();
        let started = Instant::now();
        let mut rounds = 0;
        while started.elapsed() < Duration::from_secs(8) {
            let mark = tap.mark();
            injector.send(&forged);
            injector.send(&gratuitous_arp(3));
            tap.wait(PATIENCE, "an answer", mark, |frame| frame.outgoing.then(|| frame.advert()).flatten());
            rounds += 1;
            holds_for(Duration::from_millis(200), "the address", || lan.owners() == ["n1"]);
        }
        // The last announcement on the wire is ours: clients find their way back after each of the rival's.
        let mark = tap.mark();
        injector.send(&forged);
        injector.send(&gratuitous_arp(3));
        tap.wait(PATIENCE, "our announcement after the rival's", mark, |frame| {
            frame.announcement().filter(|announcement| frame.outgoing && announcement.address == IpAddr::V4(VIP))
        });
        let lines = hearing.lines();
        assert!(lines[0].starts_with("VI_1: 192.0.2.3 advertises priority 50 while we are master"), "{lines:#?}");
        assert!(lines.len() <= 3, "{} lines in {rounds} rounds: {lines:#?}", lines.len());
        assert_eq!((became_master(&one), became_master(&two)), (1, 0));
    }

    /// A partition makes two masters, each alone; healed, the higher priority stays.
    fn a_partition_heals() {
        let lan = Lan::new("partition", 2);
        let [one, two] = lan.pair();
        for _ in 0..3 {
            let (first, second) = (Hearing::of(&one), Hearing::of(&two));
            lan.segment.isolate(&lan.nodes[0]);
            two.wait_state("VI_1", "MASTER");
            holds_for(Duration::from_secs(1), "each alone", || lan.owners() == ["n1", "n2"]);
            lan.segment.rejoin(&lan.nodes[0]);
            lan.wait_owner("n1");
            two.wait_state("VI_1", "BACKUP");
            second.exactly(&[
                "VI_1: BACKUP -> MASTER: master 192.0.2.1 has been silent",
                "VI_1: MASTER -> BACKUP: 192.0.2.1 advertises priority 150, ours is 100",
            ]);
            // Whichever of the two heard the other first.
            first.exactly(&["VI_1: 192.0.2.2 advertises priority 100 while we are master: two masters at once"]);
        }
        assert_eq!(became_master(&one), 1);
    }

    /// Clients that learnt of the other master during the partition learn of the one that stays: it announces itself, whichever of
    /// the two heard the other first. A master that is outbid before it was heard speaks up: the winner would not know of it otherwise.
    fn clients_learn_who_is_master_after_a_partition() {
        let lan = Lan::new("learn", 3);
        let [_one, two] = lan.pair();
        let tap = Tap::start(&lan.nodes[2], "eth0");
        assert!(lan.nodes[2].reaches(VIP.into(), PATIENCE));
        assert_eq!(neighbour(&lan.nodes[2]), mac_text(1));
        // Which of the two is heard first is a matter of chance: five times are enough to have both.
        for _ in 0..5 {
            lan.segment.isolate(&lan.nodes[0]);
            two.wait_state("VI_1", "MASTER");
            wait_until(PATIENCE, "the client to learn of n2", || neighbour(&lan.nodes[2]) == mac_text(2));
            let mark = tap.mark();
            lan.segment.rejoin(&lan.nodes[0]);
            lan.wait_owner("n1");
            tap.wait(Duration::from_secs(10), "n1 announces", mark, |frame| {
                frame.announcement().filter(|announcement| announcement.mac == [2, 0, 0, 0, 0, 1])
            });
            wait_until(PATIENCE, "the client to learn of n1", || neighbour(&lan.nodes[2]) == mac_text(1));
            assert!(lan.nodes[2].reaches(VIP.into(), PATIENCE));
        }
    }

    /// The same where the one that stays is of keepalived's make, by its priority or by its address: it hears our last advert,
    /// announces again, and stays what it is.
    fn clients_learn_of_a_master_of_keepalived_s_make() {
        for priority in [150, 100] {
            let lan = Lan::new(&format!("learn-{priority}"), 3);
            let (client, winner) = (&lan.nodes[0], &lan.nodes[2]);
            let keepalived = Contender::start(Program::Keepalived, winner, &conf(priority, ""));
            wait_until(PATIENCE, "keepalived is master", || winner.has_address("eth0", VIP.into()));
            let ours = Ipvsd::start(&lan.nodes[1], &conf(100, ""));
            ours.wait_state("VI_1", "BACKUP");
            let tap = Tap::start(client, "eth0");
            assert!(client.reaches(VIP.into(), PATIENCE));
            for _ in 0..4 {
                lan.segment.isolate(winner);
                ours.wait_state("VI_1", "MASTER");
                wait_until(PATIENCE, "the client to learn of ours", || neighbour(client) == mac_text(2));
                let mark = tap.mark();
                lan.segment.rejoin(winner);
                lan.wait_owner("n3");
                tap.wait(PATIENCE, "keepalived announces", mark, |frame| {
                    frame.announcement().filter(|announcement| announcement.mac == [2, 0, 0, 0, 0, 3])
                });
                wait_until(PATIENCE, "the client to learn of keepalived", || neighbour(client) == mac_text(3));
                assert!(client.reaches(VIP.into(), PATIENCE));
            }
            let log = keepalived.daemon().log();
            assert_eq!(log.matches("Entering MASTER STATE").count(), 1, "{log}");
            assert_eq!(became_master(&ours), 4);
        }
    }
}
