//! Servers that go without a connection lost, on a real kernel with IPVS: what the operator asks for, what a reload removes,
//! what a restart must not forget, and what persistence does to it all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use integration::nat::NatLab;
use integration::subject::servers;
use integration::traffic::EchoServer;
use integration::{Ipvsd, lab_test, wait_until};
use serde_json::Value;
use socket2::{Domain, SockRef, Socket, Type};

const PATIENCE: Duration = Duration::from_secs(60);
/// How long an answer is waited for where one must come.
const ANSWER: Duration = Duration::from_secs(10);

/// A connection through the service, and the name of the server at its other end.
struct Talk {
    stream: TcpStream,
    server: String,
}

impl Talk {
    fn open(net: &NatLab, from: &str) -> Self {
        let to: SocketAddr = "198.51.100.1:7".parse().unwrap();
        let from: IpAddr = from.parse().unwrap();
        let stream = net.client.enter(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
            socket.connect_timeout(&to.into(), ANSWER).expect("a connection through the service");
            TcpStream::from(socket)
        });
        let mut talk = Self { stream, server: String::new() };
        talk.server = talk.say("who?").expect("an answer through the service");
        talk
    }

    /// One line and its answer: the server's name.
    fn say(&mut self, line: &str) -> std::io::Result<String> {
        self.stream.set_read_timeout(Some(ANSWER))?;
        writeln!(self.stream, "{line}")?;
        let mut answer = String::new();
        BufReader::new(&self.stream).read_line(&mut answer)?;
        Ok(answer.split_whitespace().next().unwrap_or_default().to_owned())
    }

    fn goes_on(&mut self) {
        assert_eq!(self.say("still there?").expect("its connection goes on"), self.server);
    }

    /// Nothing comes back any more: the kernel drops what is sent.
    fn is_cut(&mut self) {
        self.stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        writeln!(self.stream, "still there?").unwrap();
        let mut answer = String::new();
        assert!(BufReader::new(&self.stream).read_line(&mut answer).is_err(), "an answer: {answer}");
    }

    /// Ends it so that the kernel forgets it in seconds, and not in minutes.
    fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// One connection to each of so many servers.
fn one_to_each(net: &NatLab, servers: usize) -> Vec<Talk> {
    let mut talks: Vec<_> = (0..servers).map(|_| Talk::open(net, "198.51.100.10")).collect();
    talks.sort_by(|one, other| one.server.cmp(&other.server));
    talks.dedup_by(|one, other| one.server == other.server);
    assert_eq!(talks.len(), servers, "rr deals in turn");
    talks
}

fn toml(numbers: &[u8], service: &str) -> String {
    let mut text = format!("[[service]]\naddress = \"198.51.100.1:7\"\nscheduler = \"rr\"\n{service}\n");
    for n in numbers {
        text.push_str(&format!("[[service.server]]\naddress = \"10.0.0.{n}:7\"\nweight = 2\n"));
    }
    text
}

/// The weights in the table, by the servers' last numbers.
fn weights(table: &str) -> Vec<(u8, u32)> {
    let mut found: Vec<_> = (11..=19)
        .filter_map(|n| {
            let line = table.lines().find(|line| line.contains(&format!("-> 10.0.0.{n}:7 ")))?;
            Some((n, line.split_whitespace().nth(3)?.parse().ok()?))
        })
        .collect();
    found.sort_unstable();
    found
}

fn hold(snapshot: &Value, n: u8) -> Value {
    let address = format!("10.0.0.{n}");
    let server = servers(snapshot).iter().find(|server| server["address"] == address.as_str());
    server.map_or(Value::Null, |server| server["hold"].clone())
}

#[track_caller]
fn ctl(ipvsd: &Ipvsd, line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let output = ipvsd.ctl(&words);
    assert!(output.success(), "{line}: {output:?}");
    format!("{}{}", output.stdout, output.stderr)
}

fn echoes(net: &NatLab) -> Vec<EchoServer> {
    (1..).zip(&net.nodes).map(|(n, node)| EchoServer::start(node, format!("10.0.0.{}:7", 10 + n))).collect()
}

lab_test! {
    /// A server that is drained keeps what is open, over a crash of the daemon too, and goes when that has ended; one that a
    /// reload removes goes when its time is up; a service that is removed stays for its last connection.
    fn nothing_is_dropped_on_the_way() {
        let net = NatLab::new("drain", 3);
        let _echoes = echoes(&net);
        let mut ipvsd = Ipvsd::start_file(&net.director, "/etc/ipvsd.toml", &toml(&[11, 12, 13], ""));
        ipvsd.wait_table("three servers", |table| weights(table) == [(11, 2), (12, 2), (13, 2)]);
        let mut talks = one_to_each(&net, 3);

        let said = ctl(&ipvsd, "drain 10.0.0.11:7");
        assert_eq!(said, "10.0.0.11:7 of tcp 198.51.100.1:7: draining, for as long as it takes\n");
        assert_eq!(weights(&net.director.ipvs_table()), [(11, 0), (12, 2), (13, 2)]);
        talks.iter_mut().for_each(Talk::goes_on);
        let others: Vec<_> = (0..4).map(|_| Talk::open(&net, "198.51.100.10").server).collect();
        assert!(others.iter().all(|server| server != "s1"), "{others:?}");

        // Whatever becomes of the daemon.
        ipvsd.kill();
        ipvsd.spawn_again();
        ipvsd.wait_answering();
        assert_eq!(weights(&net.director.ipvs_table()), [(11, 0), (12, 2), (13, 2)]);
        ipvsd.wait_show("a connection that is counted", |snapshot| {
            let hold = hold(snapshot, 11);
            hold["state"] == "draining" && hold["connections"] == 1 && hold["deadline_secs"].is_null()
        });
        assert!(ctl(&ipvsd, "show").contains("1 connection left, no deadline"));
        talks[0].goes_on();
        // The kernel remembers a reset connection for ten seconds: the rest happens meanwhile.
        talks.remove(0).reset();

        // Removed by a reload, with three seconds.
        let less = toml(&[11, 13], "drain = \"3s\"");
        net.director.write("/etc/less.toml", less.clone());
        let plan = ctl(&ipvsd, "plan /etc/less.toml");
        assert!(plan.contains("edit server 10.0.0.12:7") && plan.contains("no live connection is cut off at once"), "{plan}");
        let later = plan.split_once("Later:\n").map_or("", |(_, later)| later);
        assert!(later.contains("10.0.0.12:7 of tcp 198.51.100.1:7: finishes what it has"), "{plan}");
        assert!(later.contains("what is left after 3 s is cut off"), "{plan}");
        let reply = ipvsd.reload(&less);
        assert!(reply.success() && reply.stdout.contains("weight 2 -> 0") && reply.stdout.contains("Later:"), "{reply:?}");
        talks[0].goes_on();
        assert_eq!(hold(&ipvsd.show(), 12)["state"], "leaving");
        ipvsd.wait_table("12 gone at its deadline", |table| weights(table).iter().all(|(n, _)| *n != 12));
        talks[0].is_cut();
        talks[1].goes_on();

        // What else there is to ask.
        assert!(ipvsd.reload(&toml(&[11, 13], "drain = \"1h\"")).success());
        for (asked, wanted) in [
            ("disable 10.0.0.13", None),
            ("enable 10.0.0.13:7", Some(2)),
            ("weight 10.0.0.13:7 5", Some(5)),
            ("weight 10.0.0.13:7 file --service 198.51.100.1:7", Some(2)),
        ] {
            ctl(&ipvsd, asked);
            let found = weights(&net.director.ipvs_table());
            assert_eq!(found.iter().find(|(n, _)| *n == 13).map(|(_, weight)| *weight), wanted, "{asked}");
        }
        talks[1].goes_on();
        let wrong = ipvsd.ctl(&["drain", "10.0.0.99"]);
        assert!(!wrong.success() && wrong.stderr.contains("there are 10.0.0.11:7, 10.0.0.13:7"), "{wrong:?}");

        ipvsd.wait_table("11 gone with its last connection", |table| weights(table) == [(13, 2)]);
        ipvsd.wait_show("11 drained", |snapshot| hold(snapshot, 11)["state"] == "drained");
        ctl(&ipvsd, "undrain 10.0.0.11");
        assert_eq!(weights(&net.director.ipvs_table()), [(11, 2), (13, 2)]);

        // The service itself: it stays for the connection, and refuses others.
        assert!(ipvsd.reload("[global]\nwatch = false\n").success());
        let table = net.director.ipvs_table();
        assert!(table.contains("198.51.100.1:7 rr") && weights(&table).contains(&(13, 0)), "{table}");
        talks[1].goes_on();
        let refused = net.client.enter(|| TcpStream::connect_timeout(&"198.51.100.1:7".parse().unwrap(), ANSWER));
        assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
        talks[1].goes_on();
        assert_eq!(net.director.sysctl("net.ipv4.ip_forward"), "1", "its answers pass through this host");
        // It comes back in time: nothing has happened to anybody.
        assert!(ipvsd.reload(&toml(&[11, 13], "drain = \"1s\"")).success());
        ipvsd.wait_table("13 in use again", |table| weights(table).contains(&(13, 2)));
        talks[1].goes_on();
        assert!(ipvsd.reload("[global]\nwatch = false\n").success());
        ipvsd.wait_table("nothing left", |table| !table.contains("198.51.100.1:7"));
        talks[1].is_cut();
        wait_until(PATIENCE, "the host forwards no more", || net.director.sysctl("net.ipv4.ip_forward") == "0");
    }

    /// A client that is bound to a server gets that one, be its weight 0, unless the kernel was told otherwise; and what is shown and
    /// said follows that.
    fn persistence_binds_to_a_server_that_is_drained() {
        let net = NatLab::new("bound", 2);
        let _echoes = echoes(&net);
        let ipvsd = Ipvsd::start_file(&net.director, "/etc/ipvsd.toml", &toml(&[11, 12], "persistence = \"5m\""));
        ipvsd.wait_table("two servers", |table| weights(table).len() == 2);
        let bound = Talk::open(&net, "198.51.100.10");
        let n = if bound.server == "s1" { 11 } else { 12 };
        let said = ctl(&ipvsd, &format!("drain 10.0.0.{n} --deadline 1h"));
        assert!(said.contains("expire_quiescent_template"), "{said}");
        let again = Talk::open(&net, "198.51.100.10");
        assert_eq!(again.server, bound.server, "it comes back to its server");
        assert_ne!(Talk::open(&net, "198.51.100.11").server, bound.server, "who is not bound does not");
        ipvsd.wait_show("the bound client", |snapshot| {
            let hold = hold(snapshot, n);
            hold["clients"] == 1 && hold["connections"] == 2 && hold["deadline_secs"].as_f64() > Some(3000.0)
        });
        net.director.set_sysctl("net.ipv4.vs.expire_quiescent_template", "1");
        let freed = Talk::open(&net, "198.51.100.10");
        assert_ne!(freed.server, bound.server, "it is bound no more");
        bound.reset();
        again.reset();
        // Its template lives on for minutes, and is not waited for.
        wait_until(PATIENCE, "the drained server gone", || weights(&net.director.ipvs_table()).len() == 1);
    }

    /// Where the kernel binds nobody to a server at weight 0, a sorry server that is needed no more keeps what it has, as without
    /// persistence, and nobody comes back to it.
    fn a_sorry_server_of_a_persistent_service_finishes_what_it_has_where_that_binds_nobody() {
        let mut net = NatLab::new("sorry-bound", 2);
        let _echoes = echoes(&net);
        net.director.set_sysctl("net.ipv4.vs.expire_quiescent_template", "1");
        // The web port is what is checked, the echo port is what is served.
        let check = "TCP_CHECK { connect_port 80\n connect_timeout 1\n retry 0\n delay_loop 0.2 }";
        let conf = format!(
            "virtual_server 198.51.100.1 7 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n persistence_timeout 300\n \
             drain 600\n sorry_server 10.0.0.12 7\n real_server 10.0.0.11 7 {{\n {check}\n }}\n}}\n"
        );
        let ipvsd = Ipvsd::start(&net.director, &conf);
        ipvsd.wait_table("the server", |table| weights(table) == [(11, 1)]);
        net.servers[0].close();
        ipvsd.wait_table("the sorry server", |table| weights(table) == [(12, 1)]);
        let mut talk = Talk::open(&net, "198.51.100.10");
        assert_eq!(talk.server, "s2");
        net.servers[0].open();
        ipvsd.wait_table("both", |table| weights(table) == [(11, 1), (12, 0)]);
        talk.goes_on();
        assert_eq!(Talk::open(&net, "198.51.100.10").server, "s1", "all is well, and its client sees that");
        talk.goes_on();
    }

    /// A deadline that runs out cuts, for a server of the file and for one that it names no more; a server that was disabled and a
    /// weight that was given are so over a restart, though the service has lost its first address meanwhile.
    fn deadlines_run_out_and_wishes_outlive_the_daemon() {
        let net = NatLab::new("wishes", 3);
        let _echoes = echoes(&net);
        let group = |addresses: &str, numbers: &[u8]| {
            let text = toml(numbers, "drain = \"1h\"");
            text.replacen("address = \"198.51.100.1:7\"", &format!("addresses = [{addresses}]"), 1)
        };
        let (both, second) = ("\"198.51.100.9:7\", \"198.51.100.1:7\"", "\"198.51.100.1:7\"");
        let mut ipvsd = Ipvsd::start_file(&net.director, "/etc/ipvsd.toml", &group(both, &[11, 12, 13]));
        ipvsd.wait_table("three servers", |table| weights(table) == [(11, 2), (12, 2), (13, 2)]);
        let mut talks = one_to_each(&net, 3);

        ctl(&ipvsd, "drain 10.0.0.11:7 --deadline 1h");
        talks[0].goes_on();
        let said = ctl(&ipvsd, "drain 10.0.0.11:7 --deadline 1s");
        assert!(said.contains("draining, for 1 s at most"), "{said}");
        ipvsd.wait_table("11 gone at its deadline", |table| weights(table) == [(12, 2), (13, 2)]);
        talks[0].is_cut();
        ipvsd.wait_show("11 drained", |snapshot| hold(snapshot, 11)["state"] == "drained");

        ctl(&ipvsd, "disable 10.0.0.12:7");
        talks[1].is_cut();
        ctl(&ipvsd, "weight 10.0.0.13:7 5");
        let held = |table: &str| weights(table) == [(13, 5)];
        ipvsd.wait_table("13 alone", held);
        ipvsd.kill();
        net.director.write("/etc/ipvsd.toml", group(second, &[11, 12, 13]));
        ipvsd.spawn_again();
        ipvsd.wait_answering();
        ipvsd.wait_show("12 disabled", |snapshot| hold(snapshot, 12)["state"] == "disabled");
        assert!(ipvsd.reload(&group(second, &[11, 12, 13])).success());
        let table = net.director.ipvs_table();
        assert!(held(&table) && !table.contains("198.51.100.9"), "{table}");
        talks[2].goes_on();

        // 13 leaves, with an hour.
        for asked in ["enable 10.0.0.12:7", "undrain 10.0.0.11:7", "weight 10.0.0.13:7 file"] {
            ctl(&ipvsd, asked);
        }
        ipvsd.wait_table("all three", |table| weights(table) == [(11, 2), (12, 2), (13, 2)]);
        assert!(ipvsd.reload(&group(second, &[11, 12])).success());
        ipvsd.wait_table("13 leaving", |table| weights(table) == [(11, 2), (12, 2), (13, 0)]);
        let wrong = ipvsd.ctl(&["undrain", "10.0.0.13:7"]);
        assert!(!wrong.success() && wrong.stderr.contains("does not name it any more"), "{wrong:?}");
        talks[2].goes_on();
        let said = ctl(&ipvsd, "drain 10.0.0.13:7 --deadline 1s");
        assert!(said.contains("configured no more") && said.contains("after 1 s at the latest"), "{said}");
        ipvsd.wait_table("13 gone at its deadline", |table| weights(table) == [(11, 2), (12, 2)]);
        talks[2].is_cut();
    }

    /// Whether clients come back to a server at weight 0 says the namespace that has the table, and no other.
    fn the_namespace_of_the_table_says_whether_clients_return() {
        let net = NatLab::new("bound-there", 1);
        net.director.sh("ip netns add lb && nsenter --net=/run/netns/lb ip link set lo up");
        let set = |here: u8, there: u8| {
            net.director.set_sysctl("net.ipv4.vs.expire_quiescent_template", &here.to_string());
            let setting = "/proc/sys/net/ipv4/vs/expire_quiescent_template";
            net.director.sh(&format!("nsenter --net=/run/netns/lb sh -c 'echo {there} > {setting}'"));
        };
        set(1, 0);
        let file = format!("[global]\nipvs-namespace = \"lb\"\n{}", toml(&[11], "persistence = \"5m\""));
        let ipvsd = Ipvsd::start_file(&net.director, "/etc/ipvsd.toml", &file);
        for (here, there) in [(1, 0), (0, 1), (1, 0)] {
            set(here, there);
            let said = ctl(&ipvsd, "drain 10.0.0.11:7 --deadline 1h");
            assert_eq!(said.contains("expire_quiescent_template"), there == 0, "{here} here, {there} there: {said}");
            ctl(&ipvsd, "undrain 10.0.0.11:7");
        }
    }
}
