//! On a folder that looks like `/proc/sys`.

use tempfile::TempDir;

use super::*;

fn host(values: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    for (interface, value) in values {
        set(&folder, interface, value);
    }
    folder
}

fn set(folder: &TempDir, interface: &str, value: &str) {
    let path = folder.path().join("net/ipv4/conf").join(interface);
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("rp_filter"), format!("{value}\n")).unwrap();
}

fn value(folder: &TempDir, interface: &str) -> String {
    read(folder.path(), &setting(interface)).unwrap()
}

fn open(folder: &TempDir) -> LinkSettings {
    LinkSettings::rooted(folder.path(), Some(&folder.path().join("state")), "boot 1").0
}

#[test]
fn the_common_filter_is_moved_and_put_back() {
    let host = host(&[("all", "1"), ("default", "0"), ("lo", "0"), ("eth0", "0"), ("eth1", "2"), ("eth0.100", "0")]);
    let mut settings = open(&host);
    assert_eq!(settings.split_reverse_path().len(), 4);
    let values = ["all", "default", "lo", "eth0", "eth1", "eth0.100"].map(|name| value(&host, name));
    assert_eq!(values, ["0", "1", "0", "1", "2", "1"]);
    assert_eq!(settings.split_reverse_path(), [], "there is nothing left to move");
    assert_eq!(settings.join_reverse_path().len(), 4);
    let values = ["all", "default", "lo", "eth0", "eth1", "eth0.100"].map(|name| value(&host, name));
    assert_eq!(values, ["1", "0", "0", "0", "2", "0"]);
}

#[test]
fn the_original_outlives_a_killed_daemon() {
    let host = host(&[("all", "1"), ("eth0", "0")]);
    let mut first = open(&host);
    first.split_reverse_path();
    let mut keeper = first.keeper.take().unwrap();
    let thread = keeper.thread.take().unwrap();
    drop(keeper);
    thread.join().unwrap();
    let mut second = open(&host);
    assert_eq!(second.split_reverse_path(), []);
    second.close();
    assert_eq!([value(&host, "all"), value(&host, "eth0")], ["1", "0"]);
    assert!(!host.path().join("state/sysctl-links.json").exists());
}

#[test]
fn what_somebody_else_wrote_and_what_is_gone_are_left_alone() {
    let host = host(&[("eth0", "1"), ("eth1", "1")]);
    let mut settings = open(&host);
    settings.hold(&setting("eth0"), "0");
    settings.hold(&setting("eth1"), "0");
    set(&host, "eth0", "2");
    fs::remove_dir_all(host.path().join("net/ipv4/conf/eth1")).unwrap();
    let left = Change::LeftAlone { name: setting("eth0"), actual: "2".to_owned() };
    assert_eq!(settings.close(), [left]);
}

#[test]
fn a_setting_that_is_not_there_is_said_but_for_ipv6() {
    let host = host(&[]);
    let mut settings = open(&host);
    assert!(matches!(settings.hold(&setting("eth0"), "0"), Some(Change::Failed { .. })));
    assert!(matches!(settings.write(&setting("eth0"), "0"), Some(Change::Failed { .. })));
    assert_eq!(settings.write("net.ipv6.conf.eth0.addr_gen_mode", "1"), None);
}

#[test]
fn the_settings_of_an_interface_that_is_gone_went_with_it() {
    let host = host(&[("eth0", "1")]);
    let mut settings = open(&host);
    for name in ["net.ipv4.conf.vrrp/51.arp_ignore", "net.ipv4.conf.vrrp/51.rp_filter"] {
        assert_eq!((settings.write(name, "1"), settings.hold(name, "1")), (None, None));
    }
    // One of an interface that is there is missed.
    let name = "net.ipv4.conf.eth0.arp_ignore/no";
    assert!(matches!(settings.hold(name, "1"), Some(Change::Failed { .. })));
}
