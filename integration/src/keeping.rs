//! What a reload does to connections that are open: every change that a file can make, and who is cut off by it.
//!
//! The rows are what we promise. A scenario in the lab (`tests/keeping`) makes each change on a real kernel while clients talk through
//! the service, and fails where a connection broke that should have lived, or lived where the row says that it breaks. The README's
//! table is made of the same rows.

use std::fmt::Write as _;

/// Whose connections end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Nobody's.
    Nobody,
    /// Those that the third server serves.
    ThirdServer,
    /// All through this service.
    Service,
}

const ENDS: [Ends; 3] = [Ends::Nobody, Ends::ThirdServer, Ends::Service];

impl Ends {
    /// In the README.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Ends::Nobody => "none",
            Ends::ThirdServer => "those of that server",
            Ends::Service => "those through the old address",
        }
    }
}

/// One change of a file.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// For people.
    pub what: &'static str,
    /// What is replaced in [`Scene::base`]: each first text by its second. The first must be there.
    pub edits: &'static [(&'static str, &'static str)],
    /// Words of `ipvsadm -Sn`, `ipvsadm -Ln --thresholds` or `ipvsadm -L --daemon` that tell that the kernel has the change; empty: nothing of it is the kernel's.
    pub seen: &'static str,
    /// Words that it has no more.
    pub gone: &'static str,
    /// Whose connections end.
    pub ends: Ends,
    /// Words of the log that tell that this kernel cannot have it.
    pub cannot: Option<&'static str>,
}

/// A service, and what is changed about it.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// Before the changes in the README, where there are others.
    pub over: &'static str,
    /// The service's address.
    pub to: &'static str,
    /// Its clients send datagrams.
    pub datagrams: bool,
    /// The file that all changes are made to.
    pub base: &'static str,
    /// What `ipvsadm -Sn` has of each of its three servers.
    pub server: &'static str,
    /// All of them.
    pub changes: &'static [Change],
}

/// All services.
pub const SCENES: [Scene; 3] = [
    Scene {
        over: "",
        to: "198.51.100.1:7",
        datagrams: false,
        base: BASE,
        server: "-a -t 198.51.100.1:7 ",
        changes: CHANGES,
    },
    Scene {
        over: "over IPv6: ",
        to: "[2001:db8::1]:7",
        datagrams: false,
        base: BASE_V6,
        server: "-a -t [2001:db8::1]:7 ",
        changes: CHANGES_V6,
    },
    Scene {
        over: "over UDP: ",
        to: "198.51.100.1:7",
        datagrams: true,
        base: BASE_UDP,
        server: "-a -u 198.51.100.1:7 ",
        changes: CHANGES_UDP,
    },
];

const BASE: &str = "virtual_server 198.51.100.1 7 {
  delay_loop 1
  lb_algo rr
  lb_kind NAT
  protocol TCP
  real_server 10.0.0.11 7 {
    weight 1
    TCP_CHECK { connect_timeout 5 }
  }
  real_server 10.0.0.12 7 {
    weight 1
    TCP_CHECK { connect_timeout 5 }
  }
  real_server 10.0.0.13 7 {
    weight 1
  }
}
";

const FIRST: &str = "real_server 10.0.0.11 7 {\n    weight 1";
const LAST: &str = "real_server 10.0.0.13 7 {\n    weight 1";
const SERVICE: &str = "virtual_server 198.51.100.1 7 {";
/// Who goes does not wait for connections.
const AT_ONCE: &str = "virtual_server 198.51.100.1 7 {\n  drain 0";
const WHOLE: &str = "  delay_loop 1\n  lb_algo rr";

const CHANGES: &[Change] = &[
    kept(
        "another weight",
        &[(FIRST, "real_server 10.0.0.11 7 {\n weight 5")],
        "-r 10.0.0.11:7 -m -w 5",
        "-r 10.0.0.11:7 -m -w 1",
    ),
    kept(
        "weight 0",
        &[(FIRST, "real_server 10.0.0.11 7 {\n weight 0")],
        "-r 10.0.0.11:7 -m -w 0",
        "-r 10.0.0.11:7 -m -w 1",
    ),
    kept(
        "another server",
        &[(LAST, "real_server 10.0.0.14 7 {\n weight 3\n}\nreal_server 10.0.0.13 7 {\n weight 1")],
        "-r 10.0.0.14:7",
        "",
    ),
    kept("another scheduler", &[("lb_algo rr", "lb_algo wlc")], "-t 198.51.100.1:7 -s wlc", "-s rr"),
    kept(
        "a scheduler with flags",
        &[("lb_algo rr", "lb_algo sh\nsh-port\nsh-fallback")],
        "-s sh -b sh-fallback,sh-port",
        "-s rr",
    ),
    kept("other flags", &[("lb_algo rr", "lb_algo sh\nsh-port")], "-s sh -b sh-port", "sh-fallback"),
    kept("`mh` with flags", &[("lb_algo rr", "lb_algo mh\nmh-port\nmh-fallback")], "-s mh -b mh-", "-s sh"),
    kept("`ovf`", &[("lb_algo rr", "lb_algo ovf")], "-t 198.51.100.1:7 -s ovf", "-s mh"),
    kept("`fo`", &[("lb_algo rr", "lb_algo fo")], "-t 198.51.100.1:7 -s fo", "-s ovf"),
    kept("`lblc`", &[("lb_algo rr", "lb_algo lblc")], "-t 198.51.100.1:7 -s lblc", "-s fo"),
    kept("persistence on", &[(WHOLE, "delay_loop 1\nlb_algo rr\npersistence_timeout 60")], "-s rr -p 60", ""),
    kept(
        "persistence: time and granularity",
        &[(WHOLE, "delay_loop 1\nlb_algo rr\npersistence_timeout 90\npersistence_granularity 255.255.255.0")],
        "-s rr -p 90 -M 255.255.255.0",
        "-p 60",
    ),
    kept(
        "persistence: engine",
        &[(WHOLE, "delay_loop 1\nlb_algo rr\npersistence_timeout 90\npersistence_engine sip")],
        "-s rr -p 90 --pe sip",
        "-M 255.255.255.0",
    ),
    kept("persistence off", &[], "-t 198.51.100.1:7 -s rr", "-p 90"),
    kept(
        "NAT to DR, one server",
        &[(FIRST, "real_server 10.0.0.11 7 {\n lvs_method DR\n weight 1")],
        "-r 10.0.0.11:7 -g",
        "-r 10.0.0.11:7 -m",
    ),
    kept(
        "DR to a tunnel, one server",
        &[(FIRST, "real_server 10.0.0.11 7 {\n lvs_method TUN\n weight 1")],
        "-r 10.0.0.11:7 -i",
        "-r 10.0.0.11:7 -g",
    ),
    kept(
        "another kind of tunnel",
        &[(FIRST, "real_server 10.0.0.11 7 {\n lvs_method TUN type gue port 6080\n weight 1")],
        "-r 10.0.0.11:7 -i -w 1 --tun-type gue",
        "",
    ),
    kept(
        "GUE to GRE",
        &[(FIRST, "real_server 10.0.0.11 7 {\n lvs_method TUN type gre csum\n weight 1")],
        "-r 10.0.0.11:7 -i -w 1 --tun-type gre",
        "gue",
    ),
    kept(
        "GRE to IPIP",
        &[(FIRST, "real_server 10.0.0.11 7 {\n lvs_method TUN type ipip\n weight 1")],
        "-r 10.0.0.11:7 -i -w 1",
        "gre",
    ),
    kept("the method of the service", &[("lb_kind NAT", "lb_kind DR")], "-r 10.0.0.13:7 -g", "-m"),
    kept("thresholds", &[(FIRST, "real_server 10.0.0.11 7 {\n uthreshold 1\n weight 1")], "-> 10.0.0.11:7 1 0 ", "-g"),
    kept(
        "other thresholds",
        &[(FIRST, "real_server 10.0.0.11 7 {\n uthreshold 900\n lthreshold 800\n weight 1")],
        "-> 10.0.0.11:7 900 800 ",
        "",
    ),
    kept(
        "`inhibit_on_failure`",
        &[(FIRST, "real_server 10.0.0.11 7 {\n inhibit_on_failure\n weight 1")],
        "-> 10.0.0.11:7 0 0 ",
        "",
    ),
    kept(
        "a quorum that is lost: a sorry server comes",
        &[
            (WHOLE, "delay_loop 1\nlb_algo rr\nquorum 8\nsorry_server 10.0.0.14 7"),
            (
                LAST,
                "real_server 10.0.0.15 7 {\n weight 5\n TCP_CHECK { connect_timeout 1\n retry 0 }\n}\nreal_server 10.0.0.13 7 {\n weight 1",
            ),
        ],
        "-r 10.0.0.14:7 -m -w 1",
        "-r 10.0.0.11:7 -m -w 1",
    ),
    kept(
        "a quorum that is won: the sorry server goes (without persistence)",
        &[(WHOLE, "delay_loop 1\nlb_algo rr\nquorum 3\nsorry_server 10.0.0.14 7")],
        "-r 10.0.0.11:7 -m -w 1",
        "-r 10.0.0.14:7",
    ),
    kept(
        "`sorry_server_inhibit`",
        &[(WHOLE, "delay_loop 1\nlb_algo rr\nquorum 3\nsorry_server 10.0.0.14 7\nsorry_server_inhibit")],
        "-r 10.0.0.14:7 -m -w 0",
        "",
    ),
    kept("no sorry server", &[], "-r 10.0.0.11:7 -m -w 1", "-r 10.0.0.14:7"),
    kept("a `floor`", &[(WHOLE, "delay_loop 1\nlb_algo rr\nfloor 2")], "", ""),
    kept(
        "`slow_start`, `hysteresis`, `ha_suspend`",
        &[(WHOLE, "delay_loop 1\nlb_algo rr\nslow_start 30\nquorum 2\nhysteresis 1\nha_suspend")],
        "",
        "",
    ),
    kept(
        "`notify_up`, `notify_down`, `quorum_up`, `quorum_down`, `omega`",
        &[
            (WHOLE, "delay_loop 1\nlb_algo rr\nomega\nquorum_up /bin/true\nquorum_down /bin/true"),
            (FIRST, "real_server 10.0.0.11 7 {\n notify_up /bin/true\n notify_down /bin/true\n weight 1"),
        ],
        "",
        "",
    ),
    kept(
        "`lvs_flush`, `lvs_flush_on_stop`",
        &[(SERVICE, "global_defs {\n lvs_flush\n lvs_flush_on_stop\n}\nvirtual_server 198.51.100.1 7 {")],
        "",
        "",
    ),
    kept("a check's numbers", &[("TCP_CHECK { connect_timeout 5", "TCP_CHECK { connect_timeout 4\n retry 3")], "", ""),
    kept("a check where there was none", &[(LAST, "real_server 10.0.0.13 7 {\n TCP_CHECK { }\n weight 1")], "", ""),
    kept("a check's port", &[("TCP_CHECK { connect_timeout 5", "TCP_CHECK { connect_port 80")], "", ""),
    kept("no checks", &[("TCP_CHECK { connect_timeout 5 }", "")], "", ""),
    kept("`quorum`, `alpha`, times", &[("delay_loop 1", "delay_loop 3\nalpha\nquorum 2\nretry 2\nwarmup 1")], "", ""),
    kept(
        "`lvs_timeouts`",
        &[(SERVICE, "global_defs {\n lvs_timeouts tcp 700 tcpfin 100 udp 200\n}\nvirtual_server 198.51.100.1 7 {")],
        "",
        "",
    ),
    kept(
        "another service",
        &[(
            SERVICE,
            "virtual_server 198.51.100.1 8 {\n lb_kind NAT\n protocol TCP\n real_server 10.0.0.11 8 { }\n}\nvirtual_server 198.51.100.1 7 {",
        )],
        "-A -t 198.51.100.1:8",
        "",
    ),
    kept("another service less", &[], "-A -t 198.51.100.1:7", "198.51.100.1:8"),
    kept(
        "the service becomes a group of the same address",
        &[(SERVICE, "virtual_server_group g {\n 198.51.100.1 7\n}\nvirtual_server group g {")],
        "-A -t 198.51.100.1:7",
        "",
    ),
    kept(
        "an address and a mark more in the group",
        &[(
            SERVICE,
            "virtual_server_group g {\n 198.51.100.1 7\n 198.51.100.20-21 7\n fwmark 9\n}\nvirtual_server group g {",
        )],
        "-A -t 198.51.100.21:7",
        "",
    ),
    kept(
        "another order in the group, another name",
        &[(
            SERVICE,
            "virtual_server_group h {\n fwmark 9\n 198.51.100.20-21 7\n 198.51.100.1 7\n}\nvirtual_server group h {",
        )],
        "-A -f 9",
        "",
    ),
    kept(
        "another address of the group less",
        &[(SERVICE, "virtual_server_group h {\n 198.51.100.1 7\n}\nvirtual_server group h {")],
        "-A -t 198.51.100.1:7",
        "-f 9",
    ),
    kept("no group any more", &[], "-A -t 198.51.100.1:7", ""),
    kept("a check of a path", &[(FIRST, "real_server 10.0.0.11 7 {\n path_check { }\n weight 1")], "-A -f 1447", ""),
    kept("a check of a path less", &[], "-A -t 198.51.100.1:7", "-A -f 1447"),
    kept(
        "a sync daemon",
        &[(SERVICE, "global_defs {\n lvs_sync_daemon eth1 id 9\n}\nvirtual_server 198.51.100.1 7 {")],
        "master sync daemon (mcast=eth1, syncid=9",
        "",
    ),
    kept("the sync daemon less", &[], "-A -t 198.51.100.1:7", "sync daemon"),
    Change {
        what: "`nftables_ipvs`: a group becomes one service",
        edits: &[(
            SERVICE,
            "global_defs {\n nftables_ipvs\n}\nvirtual_server_group g {\n 198.51.100.1 7\n 198.51.100.20-21 7\n}\nvirtual_server \
             group g {",
        )],
        seen: "-A -f 1000",
        gone: "",
        ends: Ends::Nobody,
        cannot: Some("this kernel has no nftables for IP"),
    },
    kept("no `nftables_ipvs`, and no group", &[], "-A -t 198.51.100.1:7", "-f 1000 -s rr"),
    kept(
        "another protocol",
        &[
            (SERVICE, "global_defs {\n lvs_drain 600\n}\nvirtual_server 198.51.100.1 7 {"),
            ("protocol TCP", "protocol UDP"),
        ],
        "-a -t 198.51.100.1:7 -r 10.0.0.13:7 -m -w 0",
        "",
    ),
    kept("the protocol from before", &[], "-a -t 198.51.100.1:7 -r 10.0.0.13:7 -m -w 1", "-u 198.51.100.1:7"),
    kept(
        "a mark in place of the address",
        &[(SERVICE, "global_defs {\n lvs_drain 600\n}\nvirtual_server fwmark 9 {")],
        "-a -f 9 -r 10.0.0.13:7 -m -w 1",
        "-t 198.51.100.1:7 -r 10.0.0.13:7 -m -w 1",
    ),
    kept(
        "another mark",
        &[(SERVICE, "global_defs {\n lvs_drain 600\n}\nvirtual_server fwmark 10 {")],
        "-a -f 10 -r 10.0.0.13:7 -m -w 1",
        "-A -f 9",
    ),
    kept("the address in place of the mark", &[], "-a -t 198.51.100.1:7 -r 10.0.0.13:7 -m -w 1", "-f 10"),
    kept("a server less", &[(LAST, "real_server 10.0.0.12 7 {\n    weight 1")], "-r 10.0.0.13:7 -m -w 0", ""),
    kept("another port of a server (NAT)", &[(LAST, "real_server 10.0.0.13 8 {\n    weight 1")], "-r 10.0.0.13:8", ""),
    kept("another port of the service", &[(SERVICE, "virtual_server 198.51.100.1 9 {")], "-A -t 198.51.100.1:9", ""),
    kept("the service less", &[(SERVICE, "virtual_server 198.51.100.2 7 {")], "-A -t 198.51.100.2:7", "198.51.100.1:9"),
    Change {
        what: "a server less, with `drain` 0",
        edits: &[(LAST, "real_server 10.0.0.12 7 {\n    weight 1"), (SERVICE, AT_ONCE)],
        seen: "-r 10.0.0.12:7 -m -w 1",
        gone: "-r 10.0.0.13:7",
        ends: Ends::ThirdServer,
        cannot: None,
    },
    Change {
        what: "a server less, with `sh` without `sh-fallback`",
        edits: &[(LAST, "real_server 10.0.0.12 7 {\n    weight 1"), ("lb_algo rr", "lb_algo sh\n  drain 60")],
        seen: "-r 10.0.0.12:7 -m -w 1",
        gone: "-r 10.0.0.13:7",
        ends: Ends::ThirdServer,
        cannot: None,
    },
    Change {
        what: "a server less, with `mh` without `mh-fallback`",
        edits: &[(LAST, "real_server 10.0.0.12 7 {\n    weight 1"), ("lb_algo rr", "lb_algo mh\n  drain 60")],
        seen: "-r 10.0.0.12:7 -m -w 1",
        gone: "-r 10.0.0.13:7",
        ends: Ends::ThirdServer,
        cannot: None,
    },
    Change {
        what: "another port of a server, with `drain` 0",
        edits: &[(LAST, "real_server 10.0.0.13 8 {\n    weight 1"), (SERVICE, AT_ONCE)],
        seen: "-r 10.0.0.13:8",
        gone: "-r 10.0.0.13:7",
        ends: Ends::ThirdServer,
        cannot: None,
    },
    Change {
        what: "another port of the service, with `drain` 0",
        edits: &[(SERVICE, "global_defs {\n lvs_drain 0\n}\nvirtual_server 198.51.100.1 9 {")],
        seen: "-A -t 198.51.100.1:9",
        gone: "198.51.100.1:7",
        ends: Ends::Service,
        cannot: None,
    },
    Change {
        what: "the service less, with `drain` 0",
        edits: &[(SERVICE, "global_defs {\n lvs_drain 0\n}\nvirtual_server 198.51.100.2 7 {")],
        seen: "-A -t 198.51.100.2:7",
        gone: "198.51.100.1:7",
        ends: Ends::Service,
        cannot: None,
    },
];

const BASE_V6: &str = "virtual_server 2001:db8::1 7 {
  delay_loop 1
  lb_algo rr
  lb_kind NAT
  protocol TCP
  real_server fd00:10::11 7 {
    weight 1
    TCP_CHECK { connect_timeout 5 }
  }
  real_server fd00:10::12 7 {
    weight 1
  }
  real_server fd00:10::13 7 {
    weight 1
  }
}
";
const FIRST_V6: &str = "real_server fd00:10::11 7 {\n    weight 1";
const LAST_V6: &str = "real_server fd00:10::13 7 {\n    weight 1";

const CHANGES_V6: &[Change] = &[
    kept(
        "another weight",
        &[(FIRST_V6, "real_server fd00:10::11 7 {\n weight 0")],
        "-r [fd00:10::11]:7 -m -w 0",
        "-r [fd00:10::11]:7 -m -w 1",
    ),
    kept(
        "another server",
        &[(LAST_V6, "real_server fd00:10::14 7 {\n weight 3\n}\nreal_server fd00:10::13 7 {\n weight 1")],
        "-r [fd00:10::14]:7",
        "",
    ),
    kept("another scheduler, with flags", &[("lb_algo rr", "lb_algo sh\nsh-port")], "-s sh -b sh-port", "-s rr"),
    kept(
        "persistence on, by networks",
        &[(WHOLE, "delay_loop 1\nlb_algo rr\npersistence_timeout 60\npersistence_granularity 64")],
        "-s rr -p 60 -M 64",
        "",
    ),
    kept(
        "other networks",
        &[(WHOLE, "delay_loop 1\nlb_algo rr\npersistence_timeout 90\npersistence_granularity 56")],
        "-s rr -p 90 -M 56",
        "-M 64",
    ),
    kept("persistence off", &[], "-t [2001:db8::1]:7 -s rr", "-p 90"),
    kept(
        "NAT to DR, one server",
        &[(FIRST_V6, "real_server fd00:10::11 7 {\n lvs_method DR\n weight 1")],
        "-r [fd00:10::11]:7 -g",
        "-r [fd00:10::11]:7 -m",
    ),
    kept(
        "DR to a tunnel (GRE), one server",
        &[(FIRST_V6, "real_server fd00:10::11 7 {\n lvs_method TUN type gre\n weight 1")],
        "-r [fd00:10::11]:7 -i -w 1 --tun-type gre",
        "-r [fd00:10::11]:7 -g",
    ),
    kept(
        "GRE to GUE",
        &[(FIRST_V6, "real_server fd00:10::11 7 {\n lvs_method TUN type gue port 6080\n weight 1")],
        "-r [fd00:10::11]:7 -i -w 1 --tun-type gue",
        "gre",
    ),
    kept(
        "thresholds",
        &[(FIRST_V6, "real_server fd00:10::11 7 {\n uthreshold 900\n lthreshold 800\n weight 1")],
        "-> [fd00:10::11]:7 900 800 ",
        "gue",
    ),
    kept("no checks", &[("TCP_CHECK { connect_timeout 5 }", "")], "", ""),
    kept(
        "the service becomes a group, with addresses beside its own",
        &[(
            "virtual_server 2001:db8::1 7 {",
            "virtual_server_group g {\n 2001:db8::1 7\n 2001:db8::20-21 7\n}\nvirtual_server group g {",
        )],
        "-A -t [2001:db8::21]:7",
        "",
    ),
    kept("no group any more", &[], "-A -t [2001:db8::1]:7", "[2001:db8::21]:7"),
    kept("a server less", &[(LAST_V6, "real_server fd00:10::12 7 {\n    weight 1")], "-r [fd00:10::13]:7 -m -w 0", ""),
    kept(
        "the service less",
        &[("virtual_server 2001:db8::1 7 {", "virtual_server 2001:db8::2 7 {")],
        "-A -t [2001:db8::2]:7",
        "",
    ),
    Change {
        what: "a server less, with `drain` 0",
        edits: &[
            (LAST_V6, "real_server fd00:10::12 7 {\n    weight 1"),
            ("virtual_server 2001:db8::1 7 {", "virtual_server 2001:db8::1 7 {\n  drain 0"),
        ],
        seen: "-r [fd00:10::12]:7 -m -w 1",
        gone: "-r [fd00:10::13]:7",
        ends: Ends::ThirdServer,
        cannot: None,
    },
];

const BASE_UDP: &str = "virtual_server 198.51.100.1 7 {
  delay_loop 1
  lb_algo rr
  lb_kind NAT
  protocol UDP
  real_server 10.0.0.11 7 {
    weight 1
  }
  real_server 10.0.0.12 7 {
    weight 1
  }
  real_server 10.0.0.13 7 {
    weight 1
  }
}
";

const CHANGES_UDP: &[Change] = &[
    kept(
        "another weight",
        &[(FIRST, "real_server 10.0.0.11 7 {\n weight 0")],
        "-r 10.0.0.11:7 -m -w 0",
        "-r 10.0.0.11:7 -m -w 1",
    ),
    kept(
        "another server",
        &[(LAST, "real_server 10.0.0.14 7 {\n weight 3\n}\nreal_server 10.0.0.13 7 {\n weight 1")],
        "-r 10.0.0.14:7",
        "",
    ),
    kept("another scheduler, with flags", &[("lb_algo rr", "lb_algo sh\nsh-port")], "-s sh -b sh-port", "-s rr"),
    kept(
        "packet by packet (`ops`), for who is new",
        &[(WHOLE, "delay_loop 1\nlb_algo rr\nops")],
        "UDP 198.51.100.1:7 rr ops",
        "",
    ),
    kept("no `ops` any more", &[], "-u 198.51.100.1:7 -s rr", "ops"),
    kept(
        "persistence on",
        &[(WHOLE, "delay_loop 1\nlb_algo rr\npersistence_timeout 60\npersistence_granularity 255.255.255.0")],
        "-s rr -p 60 -M 255.255.255.0",
        "",
    ),
    kept("persistence off", &[], "-u 198.51.100.1:7 -s rr", "-p 60"),
    kept(
        "a check where there was none",
        &[(LAST, "real_server 10.0.0.13 7 {\n UDP_CHECK {\n payload 3F\n require_reply\n }\n weight 1")],
        "",
        "",
    ),
    kept(
        "`lvs_timeouts`",
        &[(SERVICE, "global_defs {\n lvs_timeouts udp 200\n}\nvirtual_server 198.51.100.1 7 {")],
        "",
        "",
    ),
    kept("a server less", &[(LAST, "real_server 10.0.0.12 7 {\n    weight 1")], "-r 10.0.0.13:7 -m -w 0", ""),
    Change {
        what: "a server less, with `drain` 0",
        edits: &[(LAST, "real_server 10.0.0.12 7 {\n    weight 1"), (SERVICE, AT_ONCE)],
        seen: "-r 10.0.0.12:7 -m -w 1",
        gone: "-r 10.0.0.13:7",
        ends: Ends::ThirdServer,
        cannot: None,
    },
];

const fn kept(
    what: &'static str,
    edits: &'static [(&'static str, &'static str)],
    seen: &'static str,
    gone: &'static str,
) -> Change {
    Change { what, edits, seen, gone, ends: Ends::Nobody, cannot: None }
}

impl Change {
    /// The file with the change.
    ///
    /// # Panics
    /// When there is nothing to replace: then the row is wrong.
    #[must_use]
    pub fn file(&self, base: &str) -> String {
        self.edits.iter().fold(base.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{}: {from:?} is not there", self.what);
            text.replace(from, to)
        })
    }
}

/// What is before and after the table in the README.
const BEGIN: &str = "| change of the file | connections that end |\n|---|---|\n";

/// The README with the table as it should be.
///
/// # Panics
/// When it has no place for it.
#[must_use]
pub fn in_readme(text: &str) -> String {
    let (before, rest) = text.split_once(BEGIN).expect("the README has the head of the table");
    let end = rest.find("\n\n").map_or(rest.len(), |end| end + 1);
    let mut page = format!("{before}{BEGIN}");
    for (scene, ends) in SCENES.iter().flat_map(|scene| ENDS.map(|ends| (scene, ends))) {
        let changes = scene.changes.iter().filter(|change| change.ends == ends);
        let whats: Vec<_> = changes.map(|change| change.what).collect();
        if !whats.is_empty() {
            writeln!(page, "| {}{} | {} |", scene.over, whats.join("; "), ends.words()).expect("a string");
        }
    }
    page + &rest[end..]
}
