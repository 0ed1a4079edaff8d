//! The same servers killed and revived under keepalived and under ipvsd: the same table before, meanwhile and afterwards. How long
//! each took is printed, side by side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use integration::contender::Program;
use integration::nat::NatLab;
use integration::{Ipvsd, lab_test, peers, wait_for};
use nix::sys::signal::Signal;

const PATIENCE: Duration = Duration::from_secs(60);

/// Each service has the first server, which is the one that dies, in another way.
const CONF: &str = "virtual_server 198.51.100.1 80 {
  delay_loop 1
  lb_algo wrr
  lb_kind NAT
  protocol TCP
  retry 0
  connect_timeout 1
  real_server 10.0.0.11 80 { weight 3
    TCP_CHECK { } }
  real_server 10.0.0.12 80 { weight 2
    TCP_CHECK { } }
}
virtual_server 198.51.100.1 81 {
  delay_loop 1
  lb_algo sh
  sh-port
  lb_kind DR
  protocol TCP
  persistence_timeout 60
  inhibit_on_failure
  real_server 10.0.0.11 81 { uthreshold 9
    TCP_CHECK { connect_port 80
      retry 1
      delay_before_retry 1
      connect_timeout 1 } }
  real_server 10.0.0.12 81 { }
}
virtual_server_group both {
  198.51.100.20-21 82
  fwmark 7
}
virtual_server group both {
  delay_loop 1
  lb_algo mh
  lb_kind TUN
  protocol TCP
  real_server 10.0.0.11 82 { weight 5
    TCP_CHECK { connect_port 80
      retry 0
      connect_timeout 1 } }
  real_server 10.0.0.12 82 { weight 6 }
}
";

/// The table in no order.
type Rules = BTreeSet<String>;

fn rules(net: &NatLab) -> Rules {
    net.director.command("ipvsadm").arg("-Sn").ok().lines().map(|line| line.trim().to_owned()).collect()
}

/// Waits for the table to be so; how long that took.
fn until(net: &NatLab, what: &str, wished: impl Fn(&Rules) -> bool) -> Duration {
    let start = Instant::now();
    wait_for(PATIENCE, what, || {
        let rules = rules(net);
        if wished(&rules) { Ok(()) } else { Err(format!("{rules:#?}")) }
    });
    start.elapsed()
}

/// The servers of that address that carry traffic.
fn carrying(rules: &Rules, address: &str) -> usize {
    rules.iter().filter(|line| line.contains(&format!("-r {address}:")) && !line.contains("-w 0")).count()
}

/// What the table was with all servers, without the first, with it again, and how long each change took.
fn live_and_die(net: &mut NatLab, program: Program) -> ([Rules; 3], [Duration; 3]) {
    let (ipvsd, keepalived) = match program {
        Program::Ipvsd => (Some(Ipvsd::spawn(&net.director, peers::KEEPALIVED_CONF, CONF)), None),
        Program::Keepalived => (None, Some(peers::keepalived(&net.director, CONF))),
    };
    let name = program.name();
    let whole = |rules: &Rules| carrying(rules, "10.0.0.11") == 5 && carrying(rules, "10.0.0.12") == 5;
    let start = until(net, &format!("all servers under {name}"), whole);
    let before = rules(net);

    let tally = net.asker().tally(net.service(), 5);
    assert_eq!((tally.get("s1"), tally.get("s2")), (Some(&3), Some(&2)), "{tally:?}");
    net.servers[0].close();
    let death = until(net, &format!("the first server out under {name}"), |rules| carrying(rules, "10.0.0.11") == 0);
    let meanwhile = rules(net);
    net.servers[0].open();
    let revival = until(net, &format!("the first server back under {name}"), whole);
    let after = rules(net);
    if let Some(ipvsd) = ipvsd {
        ipvsd.stop();
    }
    if let Some(keepalived) = keepalived {
        keepalived.signal(Signal::SIGTERM);
        keepalived.wait(PATIENCE);
    }
    until(net, &format!("an empty table after {name}"), BTreeSet::is_empty);
    ([before, meanwhile, after], [start, death, revival])
}

lab_test! {
    fn killed_and_revived_servers_leave_and_return_alike() {
        let mut net = NatLab::new("revive", 2);
        // keepalived leaves that to the administrator.
        net.director.set_sysctl("net.ipv4.ip_forward", "1");
        let (ours, our_times) = live_and_die(&mut net, Program::Ipvsd);
        let (theirs, their_times) = live_and_die(&mut net, Program::Keepalived);
        let seconds = |time: &Duration| format!("{:.2} s", time.as_secs_f64());
        println!("| | ipvsd | keepalived 2.2.7 |\n|---|---|---|");
        for (at, what) in ["start to the whole table", "death to the last of its entries gone", "revival to the last one back"].iter().enumerate() {
            println!("| {what} | {} | {} |", seconds(&our_times[at]), seconds(&their_times[at]));
        }
        for (at, what) in ["before", "meanwhile", "after"].iter().enumerate() {
            let only = |one: &Rules, other: &Rules| one.difference(other).cloned().collect::<Vec<_>>();
            assert_eq!(ours[at], theirs[at], "{what}: ours alone {:#?}, theirs alone {:#?}", only(&ours[at], &theirs[at]), only(&theirs[at], &ours[at]));
        }
        assert_eq!(ours[0], ours[2]);
        assert!(ours[1].iter().any(|line| line.contains("-r 10.0.0.11:81") && line.contains("-w 0")), "inhibited: {:#?}", ours[1]);
    }
}
