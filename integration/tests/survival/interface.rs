//! The interface under a virtual router goes, in every way in which interfaces go, and comes back.

use super::*;

native_test! {
    /// An administrator takes the interface down and up.
    fn the_interface_goes_down_and_comes_up() {
        let lan = Lan::new("down-up", 2);
        let [one, two] = lan.pair();
        let (first, second) = (Hearing::of(&one), Hearing::of(&two));
        lan.nodes[0].set_link("eth0", false);
        two.wait_state("VI_1", "MASTER");
        lan.wait_owner("n2");
        lan.nodes[0].set_link("eth0", true);
        lan.wait_owner("n1");
        two.wait_state("VI_1", "BACKUP");
        first.exactly(&[
            "VI_1: MASTER -> FAULT: interface eth0 is down",
            "VI_1: FAULT -> BACKUP: what had failed is well again",
            "VI_1: BACKUP -> MASTER: our priority is 150, that of 192.0.2.2 is 100",
        ]);
        second.exactly(&[
            "VI_1: BACKUP -> MASTER: master 192.0.2.1 ",
            "VI_1: MASTER -> BACKUP: 192.0.2.1 advertises priority 150, ours is 100",
        ]);
    }

    /// The cable is pulled and put back; then the interface is deleted, and made anew under the same name.
    fn the_interface_loses_its_carrier_is_deleted_and_made_anew() {
        let lan = Lan::new("carrier", 2);
        let [one, two] = lan.pair();
        let hearing = Hearing::of(&one);
        lan.segment.unplug(&lan.nodes[0]);
        one.wait_state("VI_1", "FAULT");
        two.wait_state("VI_1", "MASTER");
        lan.segment.plug(&lan.nodes[0]);
        lan.wait_owner("n1");
        two.wait_state("VI_1", "BACKUP");
        hearing.exactly(&[
            "VI_1: MASTER -> FAULT: interface eth0 is down or has no carrier",
            "VI_1: FAULT -> BACKUP: what had failed is well again",
            "VI_1: BACKUP -> MASTER: ",
        ]);
        for _ in 0..2 {
            let hearing = Hearing::of(&one);
            lan.nodes[0].sh("ip link delete eth0");
            one.wait_state("VI_1", "FAULT");
            wait_until(PATIENCE, "the reason", || {
                instances(&one.show())[0]["reason"] == "interface eth0 does not exist; waiting for it to appear"
            });
            two.wait_state("VI_1", "MASTER");
            lan.attach(1);
            lan.wait_owner("n1");
            one.wait_state("VI_1", "MASTER");
            two.wait_state("VI_1", "BACKUP");
            let mut lines = hearing.lines();
            // That it is gone for longer than a moment is told; that it was there without an address for a moment is not.
            let gone = "VI_1: still cannot run: interface eth0 does not exist; waiting for it to appear";
            if let Some(at) = lines.iter().position(|line| line == gone) {
                lines.remove(at);
            }
            let told = ["VI_1: MASTER -> FAULT: ", "VI_1: FAULT -> BACKUP: ", "VI_1: BACKUP -> MASTER: "];
            assert_eq!(lines.len(), told.len(), "{lines:#?}");
            assert!(lines.iter().zip(told).all(|(line, beginning)| line.starts_with(beginning)), "{lines:#?}");
        }
    }

    /// The interface below a router's own one is deleted: that one and its settings go along, and there is no error to tell.
    fn the_interface_below_a_vmac_is_deleted() {
        let lan = Lan::new("below-vmac", 1);
        let one = Ipvsd::start(&lan.nodes[0], &conf(150, "use_vmac"));
        one.wait_state("VI_1", "MASTER");
        lan.nodes[0].sh("ip link delete eth0");
        one.wait_state("VI_1", "FAULT");
        holds_for(Duration::from_secs(1), "no errors", || !one.daemon().log().contains("cannot set"));
    }

    /// A network restart as ifupdown and networkd do it: down, flushed, up, addressed again, at once.
    fn the_network_is_restarted() {
        let lan = Lan::new("restart", 2);
        let [one, two] = lan.pair();
        for _ in 0..5 {
            let hearing = Hearing::of(&one);
            lan.nodes[0].sh(
                "ip link set eth0 down; ip address flush dev eth0; ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0",
            );
            hearing.exactly(&[
                "VI_1: MASTER -> FAULT: interface eth0 is down or has no carrier",
                "VI_1: FAULT -> BACKUP: what had failed is well again",
                "VI_1: BACKUP -> MASTER: ",
            ]);
            lan.wait_owner("n1");
            two.wait_state("VI_1", "BACKUP");
        }
    }

    /// The same on a backup: it never becomes master, and the master never notices.
    fn the_network_of_a_backup_is_restarted() {
        let lan = Lan::new("restart-backup", 2);
        let [one, two] = lan.pair();
        for _ in 0..3 {
            let (hearing, started) = (Hearing::of(&two), Instant::now());
            lan.nodes[1].sh(
                "ip link set eth0 down; ip address flush dev eth0; ip link set eth0 up; ip address add 192.0.2.2/24 dev eth0",
            );
            println!("restarted after {:?}", started.elapsed());
            hearing.exactly(&[
                "VI_1: BACKUP -> FAULT: interface eth0 is down or has no carrier",
                "VI_1: FAULT -> BACKUP: what had failed is well again",
            ]);
            println!("listening after {:?}", started.elapsed());
            holds_for(Duration::from_millis(1500), "one master", || lan.owners() == ["n1"]);
        }
        assert_eq!((became_master(&one), became_master(&two)), (1, 0));
    }
}
