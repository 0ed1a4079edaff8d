//! What is different with IPv6: the kernel takes all addresses but the link-local one for good when the interface goes down.

use super::*;

/// The virtual address.
const VIP6: &str = "2001:db8::100";

fn vip() -> IpAddr {
    VIP6.parse().unwrap()
}

fn conf6(priority: u8) -> String {
    conf(priority, "").replace(&format!("{VIP}/24"), &format!("{VIP6}/64"))
}

fn owners(lan: &Lan) -> Vec<&str> {
    lan.nodes.iter().filter(|node| node.has_address("eth0", vip())).map(Node::name).collect()
}

#[track_caller]
fn wait_owner(lan: &Lan, owner: &str) {
    wait_until(PATIENCE, &format!("the address on {owner} alone"), || owners(lan) == [owner]);
}

/// A master n1 of priority 150 and a backup n2 of 100, at rest.
fn pair(lan: &Lan) -> [Ipvsd; 2] {
    let one = Ipvsd::start(&lan.nodes[0], &conf6(150));
    one.wait_state("VI_1", "MASTER");
    let two = Ipvsd::start(&lan.nodes[1], &conf6(100));
    two.wait_show("an advert heard", |snapshot| instances(snapshot)[0]["adverts_received"].as_u64() > Some(0));
    wait_owner(lan, "n1");
    [one, two]
}

native_test! {
    /// Down takes the addresses too; up, they are put back without anybody's help.
    fn the_interface_goes_down_and_comes_up() {
        let lan = Lan::new("down-up-6", 2);
        let [one, two] = pair(&lan);
        for _ in 0..2 {
            let hearing = Hearing::of(&one);
            lan.nodes[0].set_link("eth0", false);
            two.wait_state("VI_1", "MASTER");
            wait_owner(&lan, "n2");
            lan.nodes[0].set_link("eth0", true);
            wait_owner(&lan, "n1");
            two.wait_state("VI_1", "BACKUP");
            hearing.exactly(&[
                "VI_1: MASTER -> FAULT: interface eth0 is down or has no carrier",
                "VI_1: FAULT -> BACKUP: what had failed is well again",
                "VI_1: BACKUP -> MASTER: ",
            ]);
        }
    }

    /// Removed by hand, it is put back, and announced by a neighbour advertisement.
    fn an_address_removed_by_hand_is_put_back() {
        let lan = Lan::new("by-hand-6", 2);
        let [one, two] = pair(&lan);
        let tap = Tap::start(&lan.nodes[1], "eth0");
        let hearing = Hearing::of(&one);
        let mark = tap.mark();
        lan.nodes[0].remove_address("eth0", &format!("{VIP6}/64"));
        tap.wait(PATIENCE, "an announcement", mark, |frame| {
            frame.announcement().filter(|announcement| announcement.address == vip())
        });
        wait_owner(&lan, "n1");
        hearing.exactly(&["VI_1: somebody removed 2001:db8::100/64 while we are master; it was put back"]);
        assert!(tap.adverts_from(0).iter().all(|(_, advert)| advert.priority == 150));
        assert_eq!((became_master(&one), became_master(&two)), (1, 0));
    }

    /// A partition makes two masters, each alone; healed, the higher priority stays, and clients reach it.
    fn a_partition_heals() {
        let lan = Lan::new("partition-6", 3);
        lan.nodes[2].sh("ip address add 2001:db8::3/64 dev eth0 nodad");
        let [one, two] = pair(&lan);
        assert!(lan.nodes[2].reaches(vip(), PATIENCE));
        lan.segment.isolate(&lan.nodes[0]);
        two.wait_state("VI_1", "MASTER");
        holds_for(Duration::from_secs(1), "each alone", || owners(&lan) == ["n1", "n2"]);
        lan.segment.rejoin(&lan.nodes[0]);
        wait_owner(&lan, "n1");
        two.wait_state("VI_1", "BACKUP");
        assert_eq!(became_master(&one), 1);
    }
}
