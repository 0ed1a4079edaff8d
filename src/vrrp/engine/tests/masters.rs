//! Whose adverts have room of their own.

use super::*;

fn known(bench: &mut Bench) -> Option<Vec<(u8, IpAddr)>> {
    let changed = bench.router.masters_changed();
    changed.then(|| bench.router.take_masters().into_iter().map(|one| (one.vrid, one.source)).collect())
}

fn hear(bench: &mut Bench, source: Ipv4Addr, priority: u8) {
    let form = Form::V2 { interval_secs: 1, auth: Auth::None };
    let advert = Advert { vrid: Vrid::new(51).unwrap(), priority, form, addresses: vec![vip(51).address] };
    let header = ipv4::Header { source, destination: GROUP, id: 1, protocol: ipv4::PROTOCOL_VRRP, ttl: 255 };
    let packet = header.emit(&advert.emit(source, GROUP)).unwrap();
    let received = Received::ipv4(&packet).unwrap();
    bench.router.handle(Input::Packet { index: 2, received }, bench.now);
}

#[test]
fn the_master_that_is_followed_and_nobody_of_lower_priority() {
    let other = Ipv4Addr::new(10, 0, 0, 3);
    let mut bench = Bench::new(vec![instance("a", 51)]);
    assert_eq!(known(&mut bench), Some(vec![]));
    hear(&mut bench, PEER, 50);
    assert_eq!(known(&mut bench), None);
    hear(&mut bench, PEER, 200);
    assert_eq!(known(&mut bench), Some(vec![(51, PEER.into())]));
    hear(&mut bench, other, 50);
    hear(&mut bench, PEER, 200);
    hear(&mut bench, PEER, 0);
    assert_eq!(known(&mut bench), None);
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active]);
    hear(&mut bench, PEER, 50);
    assert_eq!(known(&mut bench), None);
    hear(&mut bench, other, 200);
    assert_eq!(bench.roles(), [Role::Backup]);
    assert_eq!(known(&mut bench), Some(vec![(51, other.into())]));
}

#[test]
fn peers_from_the_start() {
    let peer = |last| Peer::new(Ipv4Addr::new(10, 0, 0, last).into());
    let transport = |peers| Transport::Unicast { source: None, peers, ttl: 255, check_source: false };
    let mut bench = Bench::new(vec![Instance { transport: transport(vec![peer(2), peer(3)]), ..instance("a", 51) }]);
    let of = |last: u8| (51, IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
    assert_eq!(known(&mut bench), Some(vec![of(2), of(3)]));
    bench.configure(
        vec![Instance { transport: transport(vec![peer(3)]), ..instance("a", 51) }],
        Vec::new(),
        Vec::new(),
    );
    assert_eq!(known(&mut bench), Some(vec![of(3)]));
}
