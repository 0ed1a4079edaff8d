//! Slips, each with what is said about it, and where.

use super::{Code, Severity, brief, keepalived, only, toml};

/// A slip in a router: its words, and the remarks that they draw.
const ROUTER: &[(&str, &[&str])] = &[
    ("state SLAVE", &["warning C401 7:7"]),
    ("state master", &["warning C401 7:7"]),
    ("priority 0", &["warning C401 7:10"]),
    ("priority 256", &["warning C401 7:10"]),
    ("priority 100abc", &["warning C401 7:10"]),
    ("priority 100 abc", &["warning C307 7:14"]),
    ("priority", &["error C306 7:1"]),
    ("priority 1\npriority 2", &["warning C308 8:1"]),
    ("priority ${PRIORITY}", &["error C402 7:10"]),
    ("priority ${PRIORITY:-100}", &["error C402 7:10"]),
    ("priority {{ prio }}", &["error C402 7:10"]),
    ("priority \"1", &["warning C204 7:11"]),
    ("weigth 5", &["warning C301 7:1"]),
    ("  virtual_server 192.0.2.1 80", &["warning C302 7:3"]),
    ("vrrp_garp_master_repeat 5", &["warning C302 7:1"]),
    ("advert_int 0.5", &["warning C401 7:12"]),
    ("advert_int 0", &["warning C401 7:12"]),
    ("advert_int 60\nversion 3", &["warning C401 7:12"]),
    ("advert_int -1", &["warning C401 7:12"]),
    ("advert_int 1e3", &["warning C401 7:12"]),
    ("version 4", &["warning C401 7:9"]),
    ("nopreempt\nstate MASTER\npriority 5", &["warning C503 7:1"]),
    ("nopreempt\npriority 255", &["warning C503 7:1"]),
    ("state MASTER", &["note C508 1:15"]),
    ("authentication {\nauth_type AH\n}", &["warning C404 8:11"]),
    ("authentication {\nauth_type PASS\n}", &["warning C404 8:11"]),
    ("authentication {\nauth_type pass\nauth_pass x\n}", &["warning C401 8:11"]),
    ("authentication {\nauth_pass x\n}", &["warning C510 8:11"]),
    ("authentication {\nauth_type PASS\nauth_pass secret\n}\nversion 3", &["note C506 9:11"]),
    ("authentication {\nauth_type PASS\nauth_pass 123456789\n}", &["warning C403 9:11"]),
    ("authentication {\nauth_type PASS\nauth_pass ab!cd\n}", &["warning C307 9:13"]),
    ("authentication {\nauth_type PASS\nauth_pass ab\\!cd # comment\n}", &[]),
    ("authentication PASS", &["warning C205 7:1"]),
    ("track_script {\nnone\n}", &["warning C502 8:1"]),
    ("track_script {\nok weight x\n}", &["warning C401 8:11"]),
    ("track_interface {\neth0\n}", &["note C507 8:1"]),
    ("nopreempt\ntrack_interface {\neth1 weight -5\n}", &["note C504 9:13"]),
    ("nopreempt\ntrack_interface {\neth1 weight 5\n}", &["note C504 9:13"]),
    ("nopreempt\ntrack_interface {\neth1\n}", &[]),
    ("priority 255\ntrack_interface {\neth1 weight -5\n}", &["note C504 9:13"]),
    ("unicast_peer {\n}", &["warning C510 7:1"]),
    ("unicast_peer {\n10.0.0.1 10.0.0.2\n}", &["warning C301 8:10"]),
    ("unicast_peer {\n<peer>\n}", &["warning C510 7:1", "warning C402 8:1"]),
    ("unicast_src_ip 10.0.0.x", &["warning C402 7:16"]),
    ("unicast_peer {\nfe80::1\n10.0.0.1\n}", &["warning C512 8:1"]),
    ("unicast_peer {\n10.0.0.1\n10.0.0.1\n}", &["warning C501 9:1"]),
    ("unicast_peer {\n10.0.0.1 min_ttl\n10.0.0.2 max_ttl 256\n}", &["warning C306 8:10", "warning C401 9:18"]),
    ("unicast_peer {\n10.0.0.1 min_ttl 9 max_ttl 8\n}", &["warning C512 8:1"]),
    ("unicast_ttl 300", &["warning C510 7:1", "warning C401 7:13"]),
    ("unicast_fault_no_peer", &["warning C510 7:1"]),
    ("check_unicast_src", &["warning C510 7:1"]),
    ("unicast_src_ip fe80::1", &["warning C512 7:16", "warning C510 7:16"]),
    ("mcast_dst_ip 10.0.0.1", &["warning C401 7:14"]),
    ("mcast_dst_ip ff02::12", &["warning C512 7:14"]),
    ("vrf blue", &["note C510 7:5"]),
    ("old_unicast_checksum always", &["warning C510 7:1", "warning C401 7:22"]),
    ("virtual_ipaddress {\n2001:db8::1\n}", &["warning C512 8:1"]),
    ("preempt_delay 1001", &["warning C401 7:15"]),
    ("preempt_delay 5\nnopreempt", &["warning C503 7:15"]),
    ("preempt_delay 5\nstate MASTER\npriority 5", &["warning C503 7:15"]),
    ("strict_mode\npreempt_delay 5", &["warning C503 8:15"]),
    ("strict_mode\ndown_timer_adverts 5", &["warning C513 8:20"]),
    ("strict_mode\nlower_prio_no_advert off", &["warning C513 8:1"]),
    ("strict_mode\nhigher_prio_send_advert", &["warning C513 8:1"]),
    ("strict_mode\naccept", &["warning C513 8:1"]),
    ("strict_mode\naccept\nversion 3", &[]),
    ("strict_mode\nstate MASTER\npriority 100", &["warning C513 1:15"]),
    ("strict_mode\nauthentication {\nauth_type PASS\nauth_pass x\n}", &["warning C513 9:11"]),
    ("strict_mode\nunicast_peer {\n10.0.0.1\n}", &["warning C513 8:1"]),
    ("strict_mode maybe", &["warning C401 7:13"]),
    ("no_accept\npriority 255", &["note C510 7:1"]),
    ("down_timer_adverts 0", &["warning C401 7:20"]),
    ("timer_expired_backup 255", &["warning C401 7:22"]),
    ("authentication {\nauth_type AH\nauth_pass x\n}\nstate MASTER\npriority 9", &["warning C512 8:11"]),
    ("virtual_ipaddress {\n192.0.2.1\n}", &["warning C501 8:1"]),
    ("virtual_ipaddress {\n192.0.2.3/33\n}", &["warning C401 8:1"]),
    ("virtual_ipaddress {\n192.0.2.3 192.0.2.4\n}", &["warning C307 8:11"]),
    ("virtual_ipaddress {\n192.0.2.3 dve eth0\n}", &["warning C301 8:11", "warning C301 8:15"]),
    ("virtual_ipaddress {\n192.0.2.3 dev a/b\n}", &["warning C401 8:15"]),
    ("virtual_ipaddress {\n192.0.2.3 label 0123456789abcdef\n}", &["warning C401 8:17"]),
    ("virtual_ipaddress {\nx.x.x.x\n}", &["warning C402 8:1"]),
    ("virtual_ipaddress {\n192.0.2.3 dev\n}", &["warning C306 8:11"]),
    ("use_vmac vrrp.7", &[]),
    ("use_vmac 01:02:03:04:05:06", &["warning C401 7:10"]),
    ("use_vmac group", &["warning C306 7:10"]),
    ("use_vmac\nuse_ipvlan 192.0.2.9", &["warning C308 8:1"]),
    ("use_ipvlan", &["note C512 7:1"]),
    ("vmac_xmit_base", &["warning C510 7:1"]),
    ("use_vmac_addr", &["warning C510 7:1"]),
    ("strict_mode\nuse_vmac 02:00:00:00:00:01\nvmac_xmit_base", &["warning C513 8:1", "warning C513 9:1"]),
    ("use_vmac\nunicast_peer {\n10.0.0.1\n}", &["note C512 7:1"]),
    ("virtual_routes {\n192.0.2.0/24 via x\n}", &["warning C401 8:18"]),
    ("virtual_routes {\n192.0.2.0/24 via\n}", &["warning C512 8:14"]),
    ("virtual_routes {\n192.0.2.0/24 via fe80::1\n}", &["warning C512 8:18"]),
    ("virtual_routes {\nblackhole 192.0.2.0/24 dev eth0\n}", &["warning C512 8:1"]),
    ("virtual_routes {\n192.0.2.0/24 vai 10.0.0.1\n}", &["warning C401 8:14"]),
    ("virtual_routes {\n192.0.2.0/24 encap mpls 5/1048576\n}", &["warning C401 8:25"]),
    ("virtual_routes {\n192.0.2.0/24 encap seg6 mode encap\n}", &["warning C401 8:20"]),
    ("virtual_routes {\n192.0.2.0/24 via 10.0.0.1 scope link\n}", &["warning C512 8:1"]),
    ("virtual_routes {\n192.0.2.0/24 dev eth1 weight 5\n}", &["warning C512 8:23"]),
    ("virtual_ipaddress_excluded {\n2001:db8::1/64 scope link\n}", &["warning C512 8:22"]),
    ("virtual_routes {\n192.0.2.0/24 encap\n}", &["warning C512 8:14"]),
    ("virtual_routes {\n192.0.2.0/24 encap ip ttl 5\n}", &["warning C512 8:20"]),
    ("virtual_routes {\n192.0.2.0/24 encap ip dst fe80::1\n}", &["warning C401 8:27"]),
    ("virtual_routes {\n192.0.2.0/24 encap ila 1:2:3\n}", &["warning C401 8:24"]),
    ("virtual_routes {\n192.0.2.0/24 dev eth0 as to 100\n}", &["warning C512 8:23"]),
    ("virtual_routes {\n192.0.2.0/24 vrf a/b\n}", &["warning C401 8:18"]),
    ("virtual_routes {\n192.0.2.0/33 dev eth0\n}", &["warning C401 8:1"]),
    ("virtual_routes {\nvia 10.0.0.1\n}", &["warning C512 8:1"]),
    ("virtual_routes {\n192.0.2.0/24 table <table>\n}", &["warning C402 8:20"]),
    ("virtual_routes {\n192.0.2.0/24 track_group g\n}", &["warning C510 8:1"]),
    ("virtual_rules {\nfrom 192.0.2.0/24 table 7\n}", &["warning C508 8:1"]),
    ("virtual_rules {\nfrom 192.0.2.0/24 table none priority 7\n}", &["warning C401 8:25"]),
    ("virtual_rules {\nfrom 192.0.2.0/24 goto 5 priority 7\n}", &["warning C512 8:1"]),
    ("virtual_rules {\nl3mdev table 5 priority 7\n}", &["warning C512 8:1"]),
    ("virtual_rules {\nsport 9-5 table 5 priority 7\n}", &["warning C401 8:7"]),
    ("virtual_ipaddress {\n192.0.2.3 home\n}", &["warning C512 8:11"]),
    ("virtual_ipaddress {\n192.0.2.3 peer fe80::1\n}", &["warning C401 8:16"]),
    ("virtual_ipaddress {\n192.0.2.3 preferred_lft 5\n}", &["warning C512 8:11"]),
    ("virtual_ipaddress {\n192.0.2.3 track_group g\n}", &["warning C510 8:1"]),
    ("garp_lower_prio_repeat -1", &["warning C401 7:24"]),
    ("strict_mode\ngarp_lower_prio_repeat 2\ngarp_lower_prio_delay 2", &["warning C513 8:24", "warning C513 9:23"]),
    ("garp_extra_if all", &["warning C306 7:15"]),
    ("kernel_rx_buf_size 0", &["note C304 7:20"]),
    ("kernel_rx_buf_size -1", &["warning C401 7:20"]),
    ("notify_master", &["error C306 7:1"]),
    ("}\n{", &["warning C205 8:1"]),
];

/// The same for a service.
const SERVICE: &[(&str, &[&str])] = &[
    ("lb_algo loadbalance", &["warning C401 4:9"]),
    ("lb_algo WRR", &["warning C401 4:9"]),
    ("nat_mask 255.255.255.0", &["warning C305 4:1"]),
    ("persistence_timeout 0", &["warning C401 4:21"]),
    ("persistence_timeout 2678401", &["warning C401 4:21"]),
    ("persistence_granularity 255.0.255.0", &["warning C401 4:25"]),
    ("persistence_granularity 255.255.255.0", &["note C508 4:25"]),
    ("protocol ICMP", &["warning C308 4:1", "warning C401 4:10"]),
    ("lb_kind nat", &["warning C401 4:9"]),
    ("lb_kind TUN type vxlan", &["warning C401 4:18", "note C511 6:1"]),
    ("lb_kind DR", &["note C511 6:1"]),
    ("delay_loop 0", &["warning C401 4:12"]),
    ("quorum 1", &[]),
    ("quorum 0", &["warning C401 4:8"]),
    ("sorry_server 192.0.2.9 80", &[]),
    ("sorry_server 192.0.2.9 80\nsorry_server_inhibit\nsorry_server_lvs_method DR", &[]),
    ("sorry_server 192.0.2.9 http", &["warning C401 4:24"]),
    ("sorry_server <ip> 80", &["warning C402 4:14"]),
    ("sorry_server 2001:db8::9 80", &["warning C512 4:1"]),
    ("sorry_server_inhibit\nsorry_server 192.0.2.9 80", &["warning C510 4:1"]),
    ("floor 1\nsorry_server 192.0.2.9 80", &["note C512 4:7", "warning C512 5:1"]),
    ("sorry_server_lvs_method NAT", &["warning C510 4:1"]),
    ("hysteresis 1", &["warning C512 4:12"]),
    ("hysteresis -1", &["warning C401 4:12"]),
    ("ha_suspend\nomega\nquorum_up /bin/true\nquorum_down /bin/false", &[]),
    ("omega perhaps", &["warning C401 4:7"]),
    ("real_server 192.0.2.2 8080 {\n}", &["warning C501 6:1"]),
    ("real_server 2001:db8::1 80 {\n}", &["warning C512 4:1"]),
    ("real_server <ip> 80 {\n}", &["warning C402 4:13"]),
    ("real_server 192.0.2.5:80 {\n}", &["warning C401 4:13"]),
    ("real_server 192.0.2.5 http {\n}", &["warning C401 4:23"]),
    ("real_server 192.0.2.5 80 {\nweight -1\n}", &["warning C401 5:8"]),
    ("real_server 192.0.2.5 80 {\nlb_kind DR\n}", &["warning C302 5:1"]),
    ("real_server 192.0.2.5 80 {\nHTTP_GET {\nurl {\npath /\n}\n}\n}", &[]),
    ("real_server 192.0.2.5 80 {\nTCP_CHECK {\nconnect_port 0\n}\n}", &["warning C401 6:14"]),
    ("real_server 192.0.2.5 80 {\nTCP_CHEK {\n}\n}", &["warning C301 5:1"]),
    ("real_server 192.0.2.5 80 {\nuthreshold 1\nlthreshold 2\n}", &["warning C512 4:1"]),
    ("real_server 192.0.2.5 80 {\nlthreshold 2\n}", &["warning C512 4:1"]),
    ("real_server 192.0.2.5 80 {\nuthreshold 2\nlthreshold 2\n}", &[]),
    ("alpha", &[]),
];

#[test]
fn slips_in_routers() {
    for (words, expected) in ROUTER {
        let text = format!(
            "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{\n192.0.2.1\n}}\n{words}\n}}\n\
             vrrp_script ok {{\nscript x\n}}\n"
        );
        let loaded = keepalived(&text);
        // The script stands last for the line numbers' sake, which is worth a remark of its own, used or not.
        let said: Vec<_> = brief(&loaded)
            .into_iter()
            .filter(|line| line != "note C502 8:1" && !(line.starts_with("note C510 ") && line.ends_with(":13")))
            .collect();
        assert_eq!(said, *expected, "{words}\n{}", loaded.report.render(false));
        assert_eq!(loaded.config.unwrap().instances.len(), 1, "{words}");
    }
}

#[test]
fn slips_in_services() {
    for (words, expected) in SERVICE {
        let text = format!(
            "virtual_server 192.0.2.1 80 {{\nlvs_method NAT\nprotocol TCP\n{words}\n\nreal_server 192.0.2.2 8080 {{\nTCP_CHECK {{\n}}\n}}\n}}\n"
        );
        let shift = words.matches('\n').count();
        let loaded = keepalived(&text);
        let expected: Vec<_> = expected.iter().map(|line| line.replace(" 6:1", &format!(" {}:1", 6 + shift))).collect();
        let said: Vec<_> = brief(&loaded);
        let expected: Vec<_> = if words.contains("TCP_CHECK") {
            said.iter().filter(|s| s.starts_with("warning C401 6:14")).cloned().collect()
        } else {
            expected
        };
        assert_eq!(said, expected, "{words}\n{}", loaded.report.render(false));
        assert_eq!(loaded.config.unwrap().services.len(), 1, "{words}");
    }
}

/// A server that the kernel would refuse for ever, or a check that could never be made, would be no server at all.
#[test]
fn what_the_kernel_would_refuse_is_left_out_of_it() {
    let loaded = keepalived(
        "virtual_server 192.0.2.1 80 {\nlvs_method NAT\nprotocol TCP\nreal_server 192.0.2.2 80 {\nlthreshold 2\n\
         TCP_CHECK {\nbindto 2001:db8::1\n}\n}\n}\n",
    );
    assert_eq!(brief(&loaded), ["warning C512 4:1", "warning C512 4:1"], "{}", loaded.report.render(false));
    let server = &loaded.config.unwrap().services[0].servers[0];
    assert_eq!(server.settings.lower_threshold, 0);
    let connect = server.checks[0].kind.connect().unwrap();
    assert_eq!(connect.source_address, None);
}

#[test]
fn what_cannot_be_without() {
    for (text, expected) in [
        ("vrrp_instance A {\n}\n", &["error C404 1:15", "error C404 1:15", "warning C404 1:15"][..]),
        ("vrrp_instance {\n}\n", &["error C306 1:1"]),
        ("vrrp_script x {\n}\n", &["warning C510", "warning C404 1:13"]),
        (
            "virtual_server <vip> 80 {\nlb_kind NAT\nprotocol TCP\n}\n",
            &["warning C510", "warning C404 1:1", "warning C402 1:16"],
        ),
        ("virtual_server 192.0.2.1 80 {\nlb_kind NAT\nprotocol TCP\n}\n", &["warning C510", "warning C510 1:1"]),
        ("virtual_server_group g {\n192.0.2.1 80\n}\n", &["warning C510"]),
        ("vrrp_sync_group g {\ngroup {\nA\n}\n}\n", &["warning C510", "warning C510 1:17", "warning C502 3:1"]),
        ("vrrp_instance A\n", &["warning C510", "warning C205 1:1"]),
        ("vvrp_script x {\nscript y\n}\n", &["error C107", "warning C301 1:1"]),
        ("# nothing\n", &["error C107"]),
    ] {
        let loaded = keepalived(text);
        assert_eq!(brief(&loaded), expected, "{text}\n{}", loaded.report.render(false));
    }
}

/// What does not resemble the right word is named all the same.
#[test]
fn keys_that_are_called_otherwise_here() {
    for (text, right) in [("[[track-script]]\nname = \"s\"", "script"), ("[[vrrp_instance]]", "instance")] {
        let loaded = toml(text);
        assert_eq!(only(&loaded, Code::UnknownWord).help, [format!("did you mean `{right}`?")], "{text}");
    }
}

#[test]
fn toml_slips() {
    const HEAD: &str = "[[instance]]\nname = \"a\"\ninterface = \"eth0\"\nvrid = 1\naddresses = [\"192.0.2.1\"]\n";
    const SERVICE: &str = "[[service]]\naddress = \"192.0.2.1:80\"\nserver = [{ address = \"10.0.0.1:80\" }]\n";
    for (head, words, expected) in [
        (HEAD, "priority = 0", &["error C401 6:12"][..]),
        (HEAD, "priority = \"100\"", &["error C401 6:12"]),
        (HEAD, "prioritee = 100", &["error C301 6:1"]),
        (HEAD, "advert-interval = 1", &["error C401 6:19"]),
        (HEAD, "advert-interval = \"1 fortnight\"", &["error C401 6:19"]),
        (HEAD, "priority = 1\npriority = 2", &["error C201 7:1"]),
        (HEAD, "peers = [\"10.0.0.1\", \"x\"]", &["error C401 6:22"]),
        (HEAD, "start = \"MASTER\"", &["error C401 6:9"]),
        (HEAD, "track-scripts = [\"none\"]", &["error C502 6:18"]),
        (HEAD, "password = \"x\"", &["note C506 6:12"]),
        (HEAD, "[sysctl]\n\"net.//.kernel.hostname\" = \"x\"", &["error C401 7:1"]),
        (HEAD, "[sysctl]\n\"net.ipv4.conf.eth0/100.rp_filter\" = 1", &[]),
        (HEAD, "[sysctl]\n\"kernel.panic\" = 1\nnet.ipv4.ip_forward = 1", &["error C401 7:1", "error C401 8:1"]),
        (HEAD, "[instances]", &["error C301 6:2"]),
        (HEAD, "[[track-script]]\nname = \"s\"\ncommand = \"true\"", &["error C301 6:3"]),
        (SERVICE, "scheduler = \"leastconn\"\nprotocl = 1", &["error C401 4:13", "error C301 5:1"]),
        (SERVICE, "persistence = 5", &["error C401 4:15"]),
        (SERVICE, "forward = { tunnel = \"ipip\", port = 1 }", &["error C512 4:30"]),
        (SERVICE, "check = { interval = \"5s\" }", &["error C404 4:9"]),
        (SERVICE, "check = true", &["error C401 4:9"]),
        (HEAD, "[[instance]]\nname = \"b\"\ninterface = \"eth0\"\nvrid = 1", &["error C501 9:8", "warning C404 7:8"]),
        ("", "[service]\naddress = \"192.0.2.1:80\"", &["error C401 1:2"]),
        ("", "[[service]]\nprotocol = \"tcp\"", &["error C404 1:1"]),
        ("", "[[instance]]\nname = \"a\"", &["warning C404 2:8", "error C404 2:8", "error C404 2:8"]),
    ] {
        let loaded = toml(&format!("{head}{words}\n"));
        let mut said = brief(&loaded);
        said.sort();
        let mut expected: Vec<_> = expected.iter().map(|line| (*line).to_owned()).collect();
        expected.sort();
        assert_eq!(said, expected, "{words}\n{}", loaded.report.render(false));
    }
}

/// All of a file's mistakes in one run, whatever their kind.
#[test]
fn all_at_once() {
    let text = "[global]\nexclusiv = true\ntimeouts = { tcp = 5 }\n[[instance]]\nname = \"a\"\nvrid = 300\n[[service]]\naddress = \"x\"\n[[script]]\n";
    let loaded = toml(text);
    assert_eq!(loaded.config, None);
    assert_eq!(loaded.report.count(Severity::Error), 6, "{}", loaded.report.render(false));
    insta::assert_snapshot!("toml-all-at-once", loaded.report.render(false));
}
