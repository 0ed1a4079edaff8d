use super::*;

fn routes() -> Vec<Route> {
    let lines = [
        "default via 192.0.2.1",
        "default dev eth1 inet6",
        "2001:db8:1::/64 from 2001:db8:2::/64 expires 60 pref high metric 5 dev eth0 append",
        "10.0.0.0/8 via inet6 fe80::1 dev eth1 onlink realms 5/7 src 192.0.2.9 scope site tos 0x10 protocol 99 table 1000",
        "10.0.0.0/8 nexthop via 10.0.0.1 weight 3 encap mpls 16/17 nexthop dev eth1 onlink nexthop via 10.0.0.2 realms 4",
        "10.0.0.0/8 nexthop via 10.0.0.1 weight 256",
        "10.0.0.0/8 via 10.0.0.1 or 10.0.0.2 dev eth0",
        "10.0.0.0/8 encap ip id 5 dst 10.0.0.9 src 10.0.0.1 tos 16 ttl 64 flags 5 via 10.0.0.1",
        "10.0.0.0/8 encap ip6 id 18446744073709551615 hoplimit 9 tc 8 dev eth0 vrf blue",
        "10.0.0.0/8 encap ila 2001:db8:0:1 dev eth0 ttl-propagate enabled",
        "10.0.0.0/8 mtu lock 1400 hoplimit 9 advmss 1300 rtt 13ms rttvar lock 5ms reordering 4 window 5 cwnd 6 ssthresh lock 7 \
         rto_min 250ms initcwnd 10 initrwnd 11 features ecn quickack 1 fastopen_no_cookie 1 congctl lock cubic add",
        "blackhole 10.0.0.0/8",
        "unreachable 2001:db8::/32 metric 7",
        "prohibit 10.0.0.0/8",
        "throw 10.0.0.0/8",
        "local 10.0.0.0/8 dev lo",
        "broadcast 10.0.0.0/8 dev lo",
        "multicast 10.0.0.0/8 dev lo",
        "anycast 2001:db8::/32 dev lo",
    ];
    lines.map(|text| read_route(text).expect(text)).into()
}

fn rules() -> Vec<Rule> {
    let lines = [
        "from 10.0.0.0/8 table 100 priority 7",
        "from all to 2001:db8::/32 lookup 5000 priority 7",
        "inet6 table 9 priority 7",
        "not fwmark 0x10/0xff iif em1 oif em2 tos 0x10 table 7 priority 8 realms 4/5",
        "fwmark 16 blackhole priority 9",
        "from 10.0.0.0/8 goto 200 priority 9",
        "nop priority 9",
        "unreachable priority 9",
        "prohibit priority 9",
        "l3mdev priority 1000 protocol 4",
        "table 9 suppress_prefixlength 0 suppress_ifgroup 6 tunnel-id 7 uidrange 100-200 ipproto tcp sport 10-20 dport 80 priority 1",
    ];
    lines.map(|text| read_rule(text).expect(text)).into()
}

#[test]
fn what_is_written_is_read_again_as_it_was() {
    for route in routes() {
        let text = write_route(&route);
        assert_eq!(read_route(&text), Some(route), "{text}");
    }
    for rule in rules() {
        let text = write_rule(&rule);
        assert_eq!(read_rule(&text), Some(rule), "{text}");
    }
}

#[test]
fn what_only_concerns_us_is_not_kept() {
    let route = read_route("10.0.0.0/8 dev eth0 no_track track_group g").expect("a route");
    assert!(route.track && route.track_group.is_none());
    assert_eq!(read_route(""), None);
    assert_eq!(read_rule("nonsense"), None);
}
