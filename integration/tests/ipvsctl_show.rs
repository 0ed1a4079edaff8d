//! `ipvsctl show --kernel` on a kernel with IPVS, with ipvsadm as the judge.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use integration::traffic::{Conversations, EchoServer};
use integration::{Node, Topology, bin, lab_test, wait_until};

/// Generous: what takes this long on the slowest machine is broken.
const LONG: Duration = Duration::from_secs(60);

/// Every kind of entry that ipvsadm can make.
const EVERY_KIND: &str = "\
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r [2001:db8:1234:5678:9abc:def0:1234:1]:80 -i
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 2147483647
-a -t 10.0.0.1:80 -r 130.0.0.1:80 -g -w 100000
-a -t 10.0.0.1:80 -r 200.0.0.1:80 -g
-a -t 10.0.0.1:80 -r 70.0.0.1:80 -m
-a -t 10.0.0.1:80 -r 100.2.3.4:8080 -m
-a -t 10.0.0.1:80 -r 223.255.255.254:65535 -m -w 0
-A -t 192.168.0.1:80 -s sh -b sh-port,sh-fallback -p 300 -M 255.255.255.0
-A -t 192.168.0.2:80 -s mh -b mh-port,mh-fallback
-a -t 192.168.0.2:80 -r 1.2.3.4:80 -i --tun-type gue --tun-port 6080
-a -t 192.168.0.2:80 -r 1.2.3.5:80 -i --tun-type gre --tun-csum
-a -t 192.168.0.2:80 -r 1.2.3.6:80 -i --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 192.168.0.2:80 -r 127.0.0.1:80 -m -w 0 -x 10 -y 5
-A -t 192.168.0.2:81 -s mh -b mh-port,flag-3 -p 44
-A -t 192.168.0.2:82 -s mh -b flag-3
-A -t 192.168.0.3:0 -s fo -p 5
-A -u 192.168.0.2:80 -s wlc -b flag-1,flag-2,flag-3 -o
-A -u 192.168.0.2:81 -s wlc -p -o
-A -u 192.168.0.2:5060 -s wlc -p 7 -M 255.0.255.0 -o --pe sip
-A --sctp-service 200.0.0.2:9 -s nq -b flag-1
-A -f 3 -s lc
-a -f 3 -r 10.9.0.1:0 -g
-A -f 4294967295 -s lc -p 9
-A -f 3 -6 -s ovf -p 10 -M 64
-a -f 3 -6 -r [2001:db8::2]:0 -i
-A -t [2001:db8::1]:443 -s wrr -p 10 -M 1
-a -t [2001:db8::1]:443 -r [2001:db8::2]:80 -m -w 5
-a -t [2001:db8::1]:443 -r [2001:db8::1:0:0:1]:80 -m -w 5
-a -t [2001:db8::1]:443 -r 10.0.0.3:443 -i -w 5
-A -t [fe80::1]:443 -s sed -p 10
-A -t [::1.2.3.4]:80 -s lblc
-A -t [::ffff:1.2.3.4]:80 -s lblcr
-A -t [2001:db8:1234:5678:9abc:def0:1234:5678]:65535 -s dh
-a -t [2001:db8:1234:5678:9abc:def0:1234:5678]:65535 -r [9999:db8:1234:5678:9abc:def0:1234:1]:65535 -m
-A -t 192.168.0.9:1 -s none
";

/// What both print for the table as it is; they must agree to the byte.
#[track_caller]
fn listing(node: &Node) -> String {
    let ipvsctl = bin("ipvsctl");
    let theirs = node.command("ipvsadm").arg("-Ln").ok();
    let ours = node.command(ipvsctl).args(["show", "--kernel", "-o", "ipvsadm"]).ok();
    assert_eq!(ours, theirs);
    ours
}

/// Numbers that look random and are the same each time (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// An address from all over the range, where ipvsadm's order is none.
    fn address(&mut self) -> String {
        let first = [1, 10, 64, 100, 126, 128, 172, 192, 200, 223][usize::try_from(self.below(10)).unwrap()];
        format!("{first}.{}.{}.{}", self.below(4), self.below(256), 1 + self.below(254))
    }
}

/// Many services of many servers, of no kind in particular.
fn many(seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut rules = String::new();
    for _ in 0..=numbers.below(60) {
        let service = match numbers.below(4) {
            0 => format!("-f {}", 1 + numbers.below(0xffff_ffff)),
            1 => format!("-u {}:{}", numbers.address(), 1 + numbers.below(65_535)),
            _ => format!("-t {}:{}", numbers.address(), 1 + numbers.below(65_535)),
        };
        rules.push_str(&format!("-A {service} -s wlc\n"));
        for _ in 0..numbers.below(20) {
            let (server, weight) = (numbers.address(), numbers.below(70_000));
            rules.push_str(&format!("-a {service} -r {server}:{} -m -w {weight}\n", 1 + numbers.below(65_535)));
        }
    }
    rules
}

lab_test! {
    /// The listing is that of ipvsadm, byte for byte.
    fn the_listing_is_ipvsadms() {
        let mut lab = Topology::new("listing");
        let node = lab.node("director");
        assert_eq!(listing(&node).lines().count(), 3, "an empty table");

        node.restore_ipvs_table(EVERY_KIND);
        let lines = listing(&node).lines().count();
        assert_eq!(lines, 3 + EVERY_KIND.lines().count(), "each rule makes a line");

        let mut longest = 0;
        for seed in 1..=40 {
            node.command("ipvsadm").arg("-C").ok();
            // Two of many addresses may be the same; what is refused is not in the table of either.
            drop(node.command("ipvsadm").arg("-R").input(many(seed * 0x9e37_79b9)).timeout(LONG).output());
            longest = longest.max(listing(&node).lines().count());
        }
        assert!(longest > 300, "the tables were {longest} lines at most");
    }

    /// Connections are counted as ipvsadm counts them.
    fn live_connections_are_in_the_listing() {
        let mut lab = Topology::new("counts");
        let lan = lab.segment("lan");
        let (director, client) = (lab.node("director"), lab.node("client"));
        lan.attach(&director, "eth0", &["192.0.2.1/24", "192.0.2.100/24"]);
        lan.attach(&client, "eth0", &["192.0.2.2/24"]);
        let _server = EchoServer::start(&director, "192.0.2.1:80");
        director.restore_ipvs_table("-A -t 192.0.2.100:80 -s rr\n-a -t 192.0.2.100:80 -r 192.0.2.1:80 -m\n");
        let _talk = Conversations::open(&client, None, "192.0.2.100:80".parse().unwrap(), 3, Duration::from_secs(1));
        wait_until(LONG, "three connections in the table", || {
            listing(&director).contains("  -> 192.0.2.1:80                 Masq    1      3          0         \n")
        });
        let table = director.command(bin("ipvsctl")).args(["show", "--kernel"]).ok();
        assert!(table.contains("Read from the kernel by ipvsctl itself"), "{table}");
        assert!(table.contains("tcp 192.0.2.100:80  rr"), "{table}");
    }

    /// The other formats, and those who may not look.
    fn the_kernel_is_read_without_the_daemon() {
        let mut lab = Topology::new("kernel");
        let node = lab.node("director");
        node.restore_ipvs_table(EVERY_KIND);

        let json = node.command(bin("ipvsctl")).args(["show", "--kernel", "-o", "json"]).ok();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let services = json["balancer"]["services"].as_array().unwrap();
        let rules = |kind| EVERY_KIND.lines().filter(|line| line.starts_with(kind)).count();
        assert_eq!(services.len(), rules("-A"));
        let servers: usize = services.iter().map(|service| service["servers"].as_array().unwrap().len()).sum();
        assert_eq!(servers, rules("-a"));

        let wide = node.command(bin("ipvsctl")).args(["show", "--kernel", "-o", "wide"]).ok();
        assert!(wide.contains("udp 192.168.0.2:5060  wlc ops, persistent 7 s by mask 255.0.255.0 by sip"), "{wide}");

        let nobody = node
            .command("setpriv")
            .args(["--reuid=65534", "--clear-groups", "--inh-caps=-all"])
            .arg(bin("ipvsctl"))
            .args(["show", "--kernel"])
            .output();
        assert_eq!((nobody.status.code(), nobody.stdout.as_str()), (Some(4), ""), "{nobody:?}");
        assert!(nobody.stderr.contains("CAP_NET_ADMIN"), "{}", nobody.stderr);
    }
}
