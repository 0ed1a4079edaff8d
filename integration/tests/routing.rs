//! Virtual routers in network namespaces: who owns the addresses, and how they change hands. No IPVS is needed. What may happen
//! to a router is in `survival.rs`, lies on the wire in `hostile.rs`, keepalived's company in `interop`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::IpAddr;
use std::time::Duration;

use integration::subject::instances;
use integration::{Contender, Ipvsd, Node, Program, Topology, native_test, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);

/// A segment with so many nodes, `eth0` 192.0.2.1/24 and on.
struct Lan {
    _lab: Topology,
    nodes: Vec<Node>,
}

impl Lan {
    fn new(name: &str, nodes: u8) -> Self {
        let mut lab = Topology::new(name);
        let segment = lab.segment("lan");
        let nodes = (1..=nodes)
            .map(|number| {
                let node = lab.node(&format!("n{number}"));
                segment.attach(&node, "eth0", &[&format!("192.0.2.{number}/24")]);
                node
            })
            .collect();
        Self { _lab: lab, nodes }
    }
}

fn vip() -> IpAddr {
    "192.0.2.100".parse().unwrap()
}

fn conf(priority: u8, lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n  state BACKUP\n  interface eth0\n  virtual_router_id 51\n  priority {priority}\n  advert_int 1\n  {lines}\n  \
         virtual_ipaddress {{\n    192.0.2.100/24 dev eth0 label eth0:vip\n  }}\n}}\n"
    )
}

fn owners(lan: &Lan) -> Vec<&str> {
    lan.nodes.iter().filter(|node| node.has_address("eth0", vip())).map(Node::name).collect()
}

fn wait_owner(lan: &Lan, owner: &str) -> Duration {
    wait_until(PATIENCE, &format!("the address on {owner} alone"), || owners(lan) == [owner])
}

native_test! {
    /// The highest priority owns the address; killed, the next one takes it; back again, it takes it back; stopped cleanly,
    /// it is given up at once.
    fn the_address_goes_to_the_highest_priority_that_lives() {
        let lan = Lan::new("priorities", 3);
        let mut routers: Vec<_> = lan.nodes.iter().zip([150, 120, 90]).map(|(node, priority)| Ipvsd::start(node, &conf(priority, "version 3"))).collect();
        wait_owner(&lan, "n1");
        routers[0].wait_state("VI_1", "MASTER");
        routers[1].wait_state("VI_1", "BACKUP");
        let label = lan.nodes[0].sh("ip -4 address show dev eth0");
        assert!(label.contains("192.0.2.100/24") && label.contains("eth0:vip"), "{label}");

        routers[0].kill();
        routers[0].daemon().wait(PATIENCE);
        // A killed daemon cannot take its address away; what counts is who answers for it.
        wait_until(PATIENCE, "the address on n2", || lan.nodes[1].has_address("eth0", vip()));
        routers[1].wait_state("VI_1", "MASTER");
        routers[0].spawn_again();
        wait_owner(&lan, "n1");
        routers[0].stop();
        wait_owner(&lan, "n2");
        assert!(!lan.nodes[0].has_address("eth0", vip()), "a clean stop leaves no address behind");
    }

    /// Version 2 with a password, to each peer by name instead of the group; a router with another password is not heard.
    fn passwords_and_unicast() {
        let lan = Lan::new("unicast", 3);
        let unicast = |own: u8, others: &[u8], password: &str| {
            let peers: String = others.iter().map(|other| format!("192.0.2.{other}\n")).collect();
            format!("unicast_src_ip 192.0.2.{own}\n unicast_peer {{\n {peers} }}\n authentication {{\n auth_type PASS\n auth_pass {password}\n }}")
        };
        let one = Ipvsd::start(&lan.nodes[0], &conf(150, &unicast(1, &[2, 3], "secret")));
        let two = Ipvsd::start(&lan.nodes[1], &conf(100, &unicast(2, &[1, 3], "secret")));
        one.wait_state("VI_1", "MASTER");
        two.wait_state("VI_1", "BACKUP");
        assert_eq!(owners(&lan), ["n1"]);
        let stranger = Ipvsd::start(&lan.nodes[2], &conf(50, &unicast(3, &[1, 2], "other")));
        stranger.wait_show("drops with a reason", |snapshot| {
            instances(snapshot)[0]["adverts_dropped"].as_array().is_some_and(|dropped| !dropped.is_empty())
        });
        one.wait_show("n1 to drop the stranger's adverts", |snapshot| {
            instances(snapshot)[0]["adverts_dropped"].as_array().is_some_and(|dropped| !dropped.is_empty())
        });
        assert_eq!(one.show()["instances"][0]["state"], "MASTER");
    }

    /// A tracked script that fails takes its weight away, and under `nopreempt` that moves nothing.
    fn a_failed_script_moves_the_address_unless_nopreempt() {
        let lan = Lan::new("scripts", 2);
        let script = "vrrp_script alive {\n  script \"/usr/bin/test -e /run/alive\"\n  interval 1\n  weight -50\n  fall 2\n  rise 1\n}\n";
        let track = "track_script {\n    alive\n  }";
        for node in &lan.nodes {
            node.write("/run/alive", "");
        }
        let one = Ipvsd::start(&lan.nodes[0], &format!("{script}{}", conf(120, track)));
        let two = Ipvsd::start(&lan.nodes[1], &format!("{script}{}", conf(100, track)));
        one.wait_state("VI_1", "MASTER");
        two.wait_state("VI_1", "BACKUP");
        lan.nodes[0].sh("rm /run/alive");
        wait_owner(&lan, "n2");
        one.wait_show("the reason", |snapshot| instances(snapshot)[0]["effective_priority"] == 70);
        lan.nodes[0].write("/run/alive", "");
        wait_owner(&lan, "n1");

        // Now with nopreempt on both: the priority falls, the address stays.
        for (ipvsd, priority) in [(&one, 120), (&two, 100)] {
            assert!(ipvsd.reload(&format!("{script}{}", conf(priority, &format!("nopreempt\n  {track}")))).success());
        }
        lan.nodes[0].sh("rm /run/alive");
        one.wait_show("the weight", |snapshot| instances(snapshot)[0]["effective_priority"] == 70);
        two.wait_show("adverts of the lower priority", |snapshot| {
            instances(snapshot)[0]["last_advert"].as_str().is_some_and(|advert| advert.contains("70"))
        });
        integration::waiting::holds_for(Duration::from_secs(5), "the address on n1", || owners(&lan) == ["n1"]);
    }

    /// A tracked interface without a weight: down is a fault, and the address goes.
    fn a_tracked_interface_that_goes_down_is_a_fault() {
        let lan = Lan::new("interfaces", 2);
        for node in &lan.nodes {
            node.sh("ip link add dummy type veth peer name ymmud && ip link set ymmud up && ip link set dummy up");
        }
        let track = "track_interface {\n    dummy\n  }";
        let one = Ipvsd::start(&lan.nodes[0], &conf(120, track));
        let two = Ipvsd::start(&lan.nodes[1], &conf(100, track));
        one.wait_state("VI_1", "MASTER");
        lan.nodes[0].set_link("dummy", false);
        one.wait_state("VI_1", "FAULT");
        two.wait_state("VI_1", "MASTER");
        wait_owner(&lan, "n2");
        lan.nodes[0].set_link("dummy", true);
        wait_owner(&lan, "n1");
    }

    /// A reload of an unchanged file, or of an unchanged router under a new name, moves nothing.
    fn a_reload_moves_nothing() {
        let lan = Lan::new("reload", 2);
        let one = Ipvsd::start(&lan.nodes[0], &conf(120, ""));
        let two = Ipvsd::start(&lan.nodes[1], &conf(100, ""));
        one.wait_state("VI_1", "MASTER");
        two.wait_state("VI_1", "BACKUP");
        for _ in 0..5 {
            assert!(one.reload(&conf(120, "")).success());
        }
        assert!(one.reload(&conf(120, "").replace("VI_1", "renamed")).success());
        one.wait_state("renamed", "MASTER");
        assert_eq!(one.show()["instances"][0]["became_master"], 1);
        assert_eq!(two.show()["instances"][0]["became_master"], 0);
        assert_eq!(owners(&lan), ["n1"]);
        // A lower priority by reload hands over at the next adverts.
        assert!(one.reload(&conf(80, "").replace("VI_1", "renamed")).success());
        wait_owner(&lan, "n2");
    }

    /// An interface that is not there yet is waited for, and said.
    fn a_missing_interface_is_waited_for() {
        let mut lab = Topology::new("missing");
        let segment = lab.segment("lan");
        let node = lab.node("n1");
        let ipvsd = Ipvsd::start(&node, &conf(100, ""));
        ipvsd.wait_show("a fault that names the interface", |snapshot| {
            instances(snapshot)[0]["state"] == "FAULT" && instances(snapshot)[0]["reason"].as_str().is_some_and(|reason| reason.contains("eth0"))
        });
        segment.attach(&node, "eth0", &["192.0.2.1/24"]);
        ipvsd.wait_state("VI_1", "MASTER");
    }

    /// A file with scripts that were left out of the move: keepalived disables what it cannot run, and so does ours, which
    /// says so; with its file there at a reload a script counts again; gone later it fails. In TOML it fails at once.
    fn scripts_that_cannot_be_run_are_disabled_as_in_keepalived() {
        let scripts = "global_defs {\n  enable_script_security\n  script_user root\n}\n\
                       vrrp_script gone {\n  script \"/run/gone --fast\"\n  interval 1\n  init_fail\n}\n\
                       vrrp_script flat {\n  script \"/run/flat\"\n  interval 1\n}\n\
                       vrrp_script open {\n  script \"/run/open\"\n  interval 1\n}\n\
                       vrrp_script heavy {\n  script \"no-such-program-at-all\"\n  interval 1\n  weight -20\n}\n";
        let file = format!("{scripts}{}", conf(150, "track_script {\n    gone\n    flat\n    open\n    heavy\n  }"));
        let lan = Lan::new("disabled", 2);
        for node in &lan.nodes {
            for (path, mode) in [("/run/flat", 644), ("/run/open", 777)] {
                node.write(path, "#!/bin/sh\nexit 1\n");
                node.sh(&format!("chmod {mode} {path}"));
            }
        }
        let theirs = Contender::start(Program::Keepalived, &lan.nodes[0], &file);
        wait_owner(&lan, "n1");
        theirs.stop();
        wait_until(PATIENCE, "nobody has the address", || owners(&lan).is_empty());

        let one = Ipvsd::start(&lan.nodes[1], &file);
        wait_owner(&lan, "n2");
        one.wait_state("VI_1", "MASTER");
        let told = |name: &str| one.daemon().log().matches(&format!("script {name} is disabled: ")).count();
        for name in ["gone", "flat", "open", "heavy"] {
            assert_eq!(told(name), 1, "{name}: {}", one.daemon().log());
        }
        let snapshot = one.show();
        let router = &instances(&snapshot)[0];
        assert_eq!(router["effective_priority"], 150, "{router}");
        for words in [&["show"][..], &["why", "VI_1"]] {
            let text = one.ctl(words).stdout;
            assert!(text.contains("DISABLED") && text.contains("there is no file /run/gone"), "{text}");
        }

        one.node().write("/run/gone", "#!/bin/sh\nexit 0\n");
        one.node().sh("chmod 755 /run/gone");
        assert!(one.reload(&file).success());
        one.wait_show("it counts", |snapshot| instances(snapshot)[0]["tracks"].as_array().is_some_and(|tracks| {
            tracks.iter().any(|track| track["name"] == "gone" && track["ok"] == true && track["disabled"] == false)
        }));
        one.wait_state("VI_1", "MASTER");
        assert_eq!((told("gone"), told("flat")), (1, 2), "a reload tells what is still so: {}", one.daemon().log());
        one.node().sh("rm /run/gone");
        one.wait_state("VI_1", "FAULT");
        one.stop();

        let text = "[[script]]\nname = \"gone\"\ncommand = \"/run/gone --fast\"\n[[instance]]\nname = \"VI_1\"\ninterface = \"eth0\"\nvrid = 51\n\
                    addresses = [\"192.0.2.100/24\"]\ntrack-scripts = [\"gone\"]\n";
        let ours = Ipvsd::start_file(&lan.nodes[1], "/etc/ipvsd.toml", text);
        ours.wait_state("VI_1", "FAULT");
        let text = ours.ctl(&["why"]).stdout;
        assert!(text.contains("it cannot be run: there is no file /run/gone"), "{text}");
    }

    /// A script that hangs, and one that floods, delay no advert and fail as checks.
    fn scripts_that_misbehave_harm_nothing() {
        let lan = Lan::new("misbehave", 2);
        let scripts = "vrrp_script hangs {\n  script \"/bin/sleep 1000\"\n  interval 1\n  timeout 1\n  weight -10\n}\n\
                       vrrp_script floods {\n  script \"/usr/bin/yes flood\"\n  interval 1\n  timeout 1\n  weight -10\n}\n";
        let one = Ipvsd::start(&lan.nodes[0], &format!("{scripts}{}", conf(150, "track_script {\n    hangs\n    floods\n  }")));
        let two = Ipvsd::start(&lan.nodes[1], &conf(100, ""));
        one.wait_show("both failed", |snapshot| instances(snapshot)[0]["effective_priority"] == 130);
        one.wait_state("VI_1", "MASTER");
        two.wait_state("VI_1", "BACKUP");
        integration::waiting::holds_for(Duration::from_secs(5), "one master", || owners(&lan) == ["n1"]);
        assert_eq!(two.show()["instances"][0]["became_master"], 0);
        one.stop();
        wait_until(PATIENCE, "no script left behind", || !lan.nodes[0].command("pgrep").args(["-x", "sleep|yes"]).output().success());
    }
}

/// Masters that lose what they stand on, and owners.
mod mishaps {
    use super::*;

    native_test! {
        /// The interface's own address goes: a fault, told to the others by priority 0, so that they need not wait; and back.
        fn without_an_address_of_its_own_it_leaves() {
            let lan = Lan::new("own-address", 2);
            let slow = |priority| conf(priority, "version 3").replace("advert_int 1\n", "advert_int 2\n");
            let one = Ipvsd::start(&lan.nodes[0], &slow(150));
            one.wait_state("VI_1", "MASTER");
            let two = Ipvsd::start(&lan.nodes[1], &slow(100));
            two.wait_show("an advert heard", |snapshot| instances(snapshot)[0]["adverts_received"].as_u64() > Some(0));
            lan.nodes[0].remove_address("eth0", "192.0.2.1/24");
            // Skew alone is 1.2 s, silence would be 7.2 s.
            let took = wait_owner(&lan, "n2");
            assert!(took < Duration::from_secs(6), "priority 0 was not sent: {took:?}");
            one.wait_state("VI_1", "FAULT");
            lan.nodes[0].add_address("eth0", "192.0.2.1/24");
            wait_owner(&lan, "n1");
        }

        /// Priority 255 is master at once, and a weight cannot change that; stopped, it leaves as all others do.
        fn an_owner_is_master_at_once() {
            let lan = Lan::new("owner", 2);
            let other = Ipvsd::start(&lan.nodes[1], &conf(254, "version 3"));
            other.wait_state("VI_1", "MASTER");
            let owner = Ipvsd::start(&lan.nodes[0], &conf(255, "version 3"));
            wait_owner(&lan, "n1");
            other.wait_state("VI_1", "BACKUP");
            owner.stop();
            wait_owner(&lan, "n2");
        }
    }
}
