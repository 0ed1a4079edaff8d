//! On a folder that looks like `/proc/sys`.

use std::fs;

use tempfile::TempDir;

use super::{Change, Sysctls};
use crate::api::SysctlState;
use crate::model::{
    Config, Forwarding, Protocol, RouterSettings, ServerConfig, ServerKey, ServerSettings, ServiceConfig, ServiceKey,
    ServiceSettings, Sysctl, Weight,
};

struct Host {
    folder: TempDir,
}

impl Host {
    fn new(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("state")).unwrap();
        let host = Self { folder };
        for (name, value) in settings {
            let path = super::file(host.folder.path(), name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{value}\n")).unwrap();
        }
        host
    }

    fn open(&self) -> Sysctls {
        let (sysctls, changes) = Sysctls::rooted(self.folder.path(), &self.folder.path().join("state"), "boot 1");
        assert_eq!(changes, []);
        sysctls
    }

    fn value(&self, name: &str) -> String {
        super::read(self.folder.path(), name).unwrap()
    }

    fn set(&self, name: &str, value: &str) {
        super::write(self.folder.path(), name, value).unwrap();
    }
}

fn naming(settings: &[(&str, &str)]) -> Config {
    let sysctls =
        settings.iter().map(|(name, value)| Sysctl { name: (*name).to_owned(), value: (*value).to_owned() }).collect();
    Config { sysctls, ..Config::default() }
}

const FORWARD: &str = "net.ipv4.ip_forward";

#[test]
fn reports_of_local_groups_are_off_where_that_is_asked_for() {
    assert_eq!(super::needed(&Config::default()), []);
    let router = RouterSettings { no_igmp: true, ..RouterSettings::default() };
    let wanted = naming(&[("net.ipv4.igmp_link_local_mcast_reports", "0")]).sysctls;
    assert_eq!(super::needed(&Config { router, ..Config::default() }), wanted);
}

#[test]
fn a_value_is_set_and_put_back() {
    let host = Host::new(&[(FORWARD, "0")]);
    let mut sysctls = host.open();
    let set = sysctls.apply(&naming(&[(FORWARD, "1")]), &[]);
    assert_eq!(set, [Change::Set { name: FORWARD.to_owned(), from: "0".to_owned(), to: "1".to_owned() }]);
    assert_eq!(host.value(FORWARD), "1");
    assert_eq!(sysctls.restore_all(), [Change::Restored { name: FORWARD.to_owned(), value: "0".to_owned() }]);
    assert_eq!(host.value(FORWARD), "0");
}

#[test]
fn the_original_outlives_a_killed_daemon() {
    let host = Host::new(&[(FORWARD, "0")]);
    host.open().apply(&naming(&[(FORWARD, "1")]), &[]);
    let mut second = host.open();
    assert_eq!(second.apply(&naming(&[(FORWARD, "1")]), &[]), []);
    second.restore_all();
    assert_eq!(host.value(FORWARD), "0");
}

#[test]
fn an_original_of_another_boot_is_not_put_back() {
    let host = Host::new(&[(FORWARD, "0")]);
    host.open().apply(&naming(&[(FORWARD, "1")]), &[]);
    // The power fails; by now the host's own configuration sets it at boot.
    let (mut after, _) = Sysctls::rooted(host.folder.path(), &host.folder.path().join("state"), "boot 2");
    assert_eq!(after.apply(&naming(&[(FORWARD, "1")]), &[]), []);
    assert_eq!(after.restore_all(), []);
    assert_eq!(host.value(FORWARD), "1");
}

#[test]
fn a_setting_that_comes_later_is_set_when_it_comes() {
    const CONNTRACK: &str = "net.ipv4.vs.conntrack";
    let host = Host::new(&[]);
    let mut sysctls = host.open();
    sysctls.apply(&naming(&[(CONNTRACK, "1")]), &[]);
    assert_eq!(sysctls.inspect(), []);
    let path = super::file(host.folder.path(), CONNTRACK);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "0").unwrap();
    let set = Change::Set { name: CONNTRACK.to_owned(), from: "0".to_owned(), to: "1".to_owned() };
    assert_eq!(sysctls.inspect(), [set]);
    assert_eq!(sysctls.inspect(), []);
    assert_eq!(sysctls.views()[0].state, SysctlState::Set);
    sysctls.restore_all();
    assert_eq!(host.value(CONNTRACK), "0");
}

#[test]
fn a_value_that_was_right_is_never_touched() {
    let host = Host::new(&[(FORWARD, "1")]);
    let mut sysctls = host.open();
    assert_eq!(sysctls.apply(&naming(&[(FORWARD, "1")]), &[]), []);
    assert_eq!(sysctls.views()[0].state, SysctlState::AlreadyRight);
    assert_eq!(sysctls.restore_all(), []);
    assert_eq!(host.value(FORWARD), "1");
}

#[test]
fn drift_is_told_once_and_left_at_stop() {
    let host = Host::new(&[(FORWARD, "0")]);
    let mut sysctls = host.open();
    sysctls.apply(&naming(&[(FORWARD, "1")]), &[]);
    assert_eq!(sysctls.inspect(), []);
    host.set(FORWARD, "2");
    assert_eq!(
        sysctls.inspect(),
        [Change::Drifted { name: FORWARD.to_owned(), wanted: "1".to_owned(), actual: "2".to_owned() }]
    );
    assert_eq!(sysctls.inspect(), []);
    assert_eq!(sysctls.views()[0].state, SysctlState::Drifted);
    assert_eq!(sysctls.restore_all(), [Change::LeftAlone { name: FORWARD.to_owned(), actual: "2".to_owned() }]);
    assert_eq!(host.value(FORWARD), "2");
}

#[test]
fn a_reload_that_no_longer_names_a_setting_puts_it_back() {
    let host = Host::new(&[(FORWARD, "0")]);
    let mut sysctls = host.open();
    sysctls.apply(&naming(&[(FORWARD, "1")]), &[]);
    assert_eq!(
        sysctls.apply(&naming(&[]), &[]),
        [Change::Restored { name: FORWARD.to_owned(), value: "0".to_owned() }]
    );
    assert_eq!(host.value(FORWARD), "0");
}

/// Of a service that was removed, connections go on.
#[test]
fn a_setting_that_somebody_needs_yet_is_not_put_back() {
    let host = Host::new(&[(FORWARD, "0")]);
    let mut sysctls = host.open();
    sysctls.apply(&naming(&[(FORWARD, "1")]), &[]);
    assert_eq!(sysctls.apply(&naming(&[]), &[FORWARD, "net.ipv6.conf.all.forwarding"]), []);
    // Nor by the next process.
    let mut second = host.open();
    assert_eq!(second.apply(&naming(&[]), &[FORWARD]), []);
    assert_eq!(second.views().len(), 1, "it is shown as one that is held");
    let restored = Change::Restored { name: FORWARD.to_owned(), value: "0".to_owned() };
    assert_eq!(second.apply(&naming(&[]), &[]), [restored]);
}

#[test]
fn a_setting_that_is_not_there_is_named_with_its_remedy() {
    let host = Host::new(&[]);
    let mut sysctls = host.open();
    let changes = sysctls.apply(&naming(&[("net.ipv4.vs.conntrack", "1")]), &[]);
    let [Change::Failed { problem, .. }] = changes.as_slice() else { panic!("{changes:?}") };
    assert!(problem.contains("modprobe ip_vs"), "{problem}");
    assert_eq!(sysctls.views()[0].state, SysctlState::Failed);
}

#[test]
fn values_of_several_numbers_compare_by_number() {
    let host = Host::new(&[("net.ipv4.vs.sync_threshold", "3\t50")]);
    let mut sysctls = host.open();
    assert_eq!(sysctls.apply(&naming(&[("net.ipv4.vs.sync_threshold", "3 50")]), &[]), []);
}

#[test]
fn dots_inside_an_interface_name_are_written_as_slashes() {
    let host = Host::new(&[("net.ipv4.conf.eth0/100.rp_filter", "1")]);
    assert!(host.folder.path().join("net/ipv4/conf/eth0.100/rp_filter").exists());
    host.open().apply(&naming(&[("net.ipv4.conf.eth0/100.rp_filter", "0")]), &[]);
    assert_eq!(host.value("net.ipv4.conf.eth0/100.rp_filter"), "0");
}

#[test]
fn damaged_originals_are_set_aside_and_said() {
    let host = Host::new(&[(FORWARD, "0")]);
    let state = host.folder.path().join("state");
    fs::write(state.join("sysctl.json"), "{").unwrap();
    let (_, changes) = Sysctls::rooted(host.folder.path(), &state, "boot 1");
    let [Change::NotKept { problem }] = changes.as_slice() else { panic!("{changes:?}") };
    assert!(problem.contains("set aside"), "{problem}");
    assert!(state.join("sysctl.json.bad").exists());
}

#[test]
fn forwarding_stays_while_there_are_services() {
    let service = |forwarding| {
        let settings = ServerSettings { forwarding, weight: Weight::ONE, upper_threshold: 0, lower_threshold: 0 };
        let server = ServerConfig {
            key: ServerKey { address: [10, 0, 0, 1].into(), port: 80 },
            settings,
            inhibit_on_failure: false,
            alpha: false,
            notify: None,
            checks: Vec::new(),
        };
        let service = ServiceConfig {
            key: ServiceKey::Address { protocol: Protocol::Tcp, address: [192, 0, 2, 1].into(), port: 80 },
            group: None,
            settings: ServiceSettings::default(),
            quorum: 1,
            floor: None,
            handover: crate::model::Handover::default(),
            rules: Box::default(),
            servers: vec![server],
        };
        Config { services: vec![service], ..Config::default() }
    };
    let host = Host::new(&[(FORWARD, "0")]);
    let mut sysctls = host.open();
    sysctls.apply(&service(Forwarding::Masquerade), &[]);
    assert_eq!(host.value(FORWARD), "1");
    // Those who are connected through NAT still are.
    assert_eq!(sysctls.apply(&service(Forwarding::Direct), &[]), []);
    assert_eq!((host.value(FORWARD).as_str(), sysctls.views().len()), ("1", 1));
    // With the last service the last of them goes.
    assert_eq!(
        sysctls.apply(&Config::default(), &[]),
        [Change::Restored { name: FORWARD.to_owned(), value: "0".to_owned() }]
    );
}
