//! The kernel's sync daemons: they follow a virtual router's state, carry connections to the next director, and are put right
//! whatever happens to them, to us or to the configuration.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use integration::peers::keepalived;
use integration::traffic::{Conversations, EchoServer};
use integration::{Ipvsd, Node, Topology, lab_test, wait_for, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);
const SERVICE: &str = "192.0.2.100:7";

/// A client 192.0.2.9, two directors 192.0.2.1 and 192.0.2.2 and an echo server behind them, whose way back is the first.
struct Pair {
    client: Node,
    directors: [Node; 2],
    _echo: EchoServer,
    _lab: Topology,
}

impl Pair {
    fn new(name: &str) -> Self {
        let mut lab = Topology::new(name);
        let (outside, inside) = (lab.segment("outside"), lab.segment("inside"));
        let (client, server) = (lab.node("client"), lab.node("server"));
        outside.attach(&client, "eth0", &["192.0.2.9/24"]);
        let directors = [1, 2].map(|number| {
            let node = lab.node(&format!("n{number}"));
            outside.attach(&node, "eth0", &[&format!("192.0.2.{number}/24")]);
            inside.attach(&node, "eth1", &[&format!("10.0.0.{number}/24")]);
            // keepalived leaves it to others.
            node.set_sysctl("net.ipv4.ip_forward", "1");
            node
        });
        inside.attach(&server, "eth0", &["10.0.0.11/24"]);
        server.add_route("default via 10.0.0.1");
        let echo = EchoServer::start(&server, "10.0.0.11:7");
        Self { client, directors, _echo: echo, _lab: lab }
    }
}

/// A router VI_1 that a sync daemon follows, and a service.
fn conf(priority: u8, daemon: &str) -> String {
    format!(
        "global_defs {{\n  {daemon}\n}}\nvrrp_instance VI_1 {{\n  state BACKUP\n  interface eth0\n  virtual_router_id 51\n  \
         priority {priority}\n  advert_int 1\n  virtual_ipaddress {{\n    192.0.2.100/24\n  }}\n}}\n\
         virtual_server 192.0.2.100 7 {{\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP\n  real_server 10.0.0.11 7 {{\n  }}\n}}\n"
    )
}

const FOLLOWING: &str = "lvs_sync_daemon eth0 VI_1 maxlen 1400 port 8849 ttl 2 group 224.0.0.82";

/// What `ipvsadm -L --daemon` shows, in its words, the master first.
fn daemons(node: &Node) -> Vec<String> {
    let text = node.command("ipvsadm").args(["-L", "--daemon"]).ok();
    let mut lines: Vec<_> = text.lines().map(|line| line.replace(" sync daemon", "")).collect();
    lines.sort_by_key(|line| !line.starts_with("master"));
    lines
}

/// Waits until these daemons run, and no others.
#[track_caller]
fn wait_daemons(node: &Node, wanted: &[&str]) {
    wait_for(PATIENCE, &format!("{wanted:?} on {}", node.name()), || {
        let found = daemons(node);
        if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

fn full(role: &str) -> String {
    format!("{role} (mcast=eth0, syncid=51, maxlen=1400, group=224.0.0.82, port=8849, ttl=2)")
}

/// A connection through the first director is known at the second, as ipvsadm lists it.
#[track_caller]
fn a_connection_gets_across(pair: &Pair) {
    let talk = Conversations::open(&pair.client, None, SERVICE.parse().unwrap(), 1, Duration::from_millis(50));
    talk.wait_all_alive(PATIENCE, 3);
    let across = |node: &Node| {
        let list = node.command("ipvsadm").args(["-Lnc"]).ok();
        let known = list.lines().any(|line| {
            line.contains("ESTABLISHED")
                && line.contains("192.0.2.9:")
                && line.contains(SERVICE)
                && line.contains("10.0.0.11:7")
        });
        if known { Ok(()) } else { Err(list) }
    };
    for node in &pair.directors {
        wait_for(PATIENCE, &format!("the connection at {}", node.name()), || across(node));
    }
    assert_eq!(talk.finish().broken, Vec::<String>::new());
}

/// What `show` says of each daemon: role, ours, runs.
fn shown(ipvsd: &Ipvsd) -> Vec<(String, bool, bool)> {
    let snapshot = ipvsd.show();
    let rows = snapshot["balancer"]["sync_daemons"].as_array().unwrap().clone();
    let row = |row: &serde_json::Value| {
        (row["role"].as_str().unwrap().to_owned(), row["ours"] == true, row["present"] == true)
    };
    rows.iter().map(row).collect()
}

lab_test! {
    /// Backup, master and backup again as the priority says, and nothing after a stop; what the master knows the backup learns.
    fn it_follows_the_router_and_carries_connections() {
        let pair = Pair::new("sync-follow");
        let [n1, n2] = &pair.directors;
        let two = Ipvsd::start(n2, &conf(100, FOLLOWING));
        two.wait_state("VI_1", "MASTER");
        wait_daemons(n2, &[&full("master")]);
        let one = Ipvsd::start(n1, &conf(50, FOLLOWING));
        wait_daemons(n1, &[&full("backup")]);
        assert_eq!(shown(&one), [("backup".to_owned(), true, true)]);

        assert!(one.reload(&conf(150, FOLLOWING)).success());
        wait_daemons(n1, &[&full("master")]);
        wait_daemons(n2, &[&full("backup")]);
        assert_eq!(shown(&one), [("master".to_owned(), true, true)]);
        a_connection_gets_across(&pair);

        assert!(one.reload(&conf(50, FOLLOWING)).success());
        wait_daemons(n1, &[&full("backup")]);
        wait_daemons(n2, &[&full("master")]);
        one.stop();
        assert_eq!(daemons(n1), [""; 0]);
        two.stop();
        assert_eq!(daemons(n2), [""; 0]);
    }

    /// keepalived is the other director: each learns the other's connections.
    fn it_carries_connections_to_keepalived_and_back() {
        let pair = Pair::new("sync-keepalived");
        let [n1, n2] = &pair.directors;
        let one = Ipvsd::start(n1, &conf(150, "lvs_sync_daemon eth0 VI_1"));
        one.wait_state("VI_1", "MASTER");
        let other = keepalived(n2, &conf(100, "lvs_sync_daemon eth0 VI_1"));
        wait_until(PATIENCE, "keepalived's backup", || daemons(n2).iter().any(|line| line.starts_with("backup (mcast=eth0, syncid=51")));
        a_connection_gets_across(&pair);
        // What each of them asks of the kernel for the same line is the same.
        let role = |lines: Vec<String>| lines.iter().map(|line| line.replace("backup", "master")).collect::<Vec<_>>();
        assert_eq!(role(daemons(n1)), role(daemons(n2)));
        other.stop(PATIENCE);
        one.stop();

        let other = keepalived(n1, &conf(150, "lvs_sync_daemon eth0 VI_1"));
        wait_until(PATIENCE, "keepalived's master", || daemons(n1).iter().any(|line| line.starts_with("master")));
        let one = Ipvsd::start(n2, &conf(100, "lvs_sync_daemon eth0 VI_1"));
        wait_until(PATIENCE, "our backup", || daemons(n2).iter().any(|line| line.starts_with("backup")));
        a_connection_gets_across(&pair);
        one.stop();
        other.stop(PATIENCE);
    }

    /// Stopped by hand, changed and taken away by a reload, there after a kill; and nobody else's is touched.
    fn it_is_put_right_and_others_are_left_alone() {
        let mut lab = Topology::new("sync-alone");
        let (lan, node) = (lab.segment("lan"), lab.node("n1"));
        lan.attach(&node, "eth0", &["192.0.2.1/24"]);
        let toml = |lines: &str| {
            let daemon = if lines.is_empty() { String::new() } else { format!("[global.sync-daemon]\n{lines}\n") };
            format!(
                "{daemon}[[instance]]\nname = \"web\"\ninterface = \"eth0\"\nvrid = 51\npriority = 100\n\
                 addresses = [\"192.0.2.100/24\"]\n"
            )
        };
        let following = "interface = \"eth0\"\ninstance = \"web\"\nmax-length = 1400\nport = 8849\nttl = 2\ngroup = \"224.0.0.82\"";
        let mut ipvsd = Ipvsd::start_file(&node, "/etc/ipvsd/ipvsd.toml", &toml(following));
        ipvsd.wait_state("web", "MASTER");
        wait_daemons(&node, &[&full("master")]);

        node.command("ipvsadm").args(["--stop-daemon", "master"]).ok();
        wait_daemons(&node, &[&full("master")]);

        ipvsd.kill();
        assert_eq!(daemons(&node), [full("master")]);
        ipvsd.spawn_again();
        ipvsd.wait_answering();
        ipvsd.wait_state("web", "MASTER");
        wait_daemons(&node, &[&full("master")]);

        let other = toml(&format!("{following}\nid = 9"));
        node.write("/etc/other.toml", other.as_str());
        let plan = ipvsd.ctl(&["plan", "/etc/other.toml"]).ok();
        assert!(plan.contains("stop sync daemon master\n") && plan.contains("start sync daemon master (eth0, id 9, "), "{plan}");
        assert!(ipvsd.reload(&other).success());
        assert_eq!(daemons(&node), [full("master").replace("syncid=51", "syncid=9")]);
        let reply = ipvsd.reload(&other);
        assert!(!reply.stdout.contains("sync daemon"), "{}", reply.stdout);

        // No such interface: said, and the daemon comes when the interface does.
        let reply = ipvsd.reload(&toml("interface = \"eth1\"\ninstance = \"web\""));
        assert!(!reply.success() && reply.stdout.contains("sync daemon") | reply.stderr.contains("sync daemon"), "{reply:?}");
        assert_eq!(daemons(&node), [""; 0]);
        assert_eq!(shown(&ipvsd), [("master".to_owned(), true, false)]);
        lan.attach(&node, "eth1", &["192.0.2.3/24"]);
        wait_until(PATIENCE, "the daemon on eth1", || daemons(&node).iter().any(|line| line.starts_with("master (mcast=eth1, syncid=51")));

        // A daemon holds on to the interface that it began on, whatever comes under its name: it has to be started again.
        // The loop has looked which one that is when it answers for the second time.
        let (_, _) = (ipvsd.show(), ipvsd.show());
        node.sh("ip link delete eth1");
        lan.attach(&node, "eth1", &["192.0.2.3/24"]);
        let log = ipvsd.daemon();
        log.wait_log(PATIENCE, "eth1 is another interface than the one that sync daemon master began on");
        wait_until(PATIENCE, "its second start on eth1", || {
            let log = log.log();
            let after = log.rsplit("sync daemon master began on").next().unwrap_or_default();
            after.contains("kernel: start sync daemon master (eth1")
        });
        assert_eq!(daemons(&node).len(), 1);

        assert!(ipvsd.reload(&toml("")).success());
        assert_eq!(daemons(&node), [""; 0]);

        node.command("ipvsadm").args(["--start-daemon", "master", "--mcast-interface", "eth0", "--syncid", "3"]).ok();
        let foreign = daemons(&node);
        assert!(ipvsd.reload(&toml(following)).success());
        ipvsd.wait_show("the foreign one, and ours that waits", |snapshot| {
            let row = &snapshot["balancer"]["sync_daemons"][0];
            row["ours"] == false && row["problem"].as_str().is_some_and(|problem| problem.contains("ours waits"))
        });
        ipvsd.stop();
        assert_eq!(daemons(&node), foreign);
    }
}
