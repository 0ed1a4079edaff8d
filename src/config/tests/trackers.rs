//! What can be watched, and what its weights do; the same in both languages.

use std::sync::Arc;
use std::time::Duration;

use super::{Code, Severity, brief, keepalived, only, toml};
use crate::model::{
    CheckKind, Config, Connect, FileStart, HttpProbe, Page, ProcessArguments, ServiceCondition, Tls, TrackFile,
    TrackProcess, TrackService, Tracked, Watched,
};

fn conf(before: &str, words: &str) -> String {
    format!(
        "{before}\nvrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{\n192.0.2.1\n}}\n{words}\n}}\n"
    )
}

fn quiet(text: &str) -> Config {
    let loaded = if text.contains("[[") { toml(text) } else { keepalived(text) };
    assert_eq!(brief(&loaded), Vec::<String>::new(), "{text}\n{}", loaded.report.render(false));
    loaded.config.unwrap()
}

fn ours(before: &str, words: &str) -> String {
    format!(
        "{before}\n[[instance]]\nname = \"A\"\ninterface = \"eth0\"\nvrid = 7\naddresses = [\"192.0.2.1\"]\n{words}\n"
    )
}

fn tracked(what: Watched, weight: i16, reverse: bool) -> Tracked {
    Tracked { what, weight, reverse }
}

#[test]
fn scripts_that_nothing_watches_are_not_run() {
    let unused = "vrrp_script x {\nscript y\n}\n";
    let loaded = keepalived(&conf(unused, ""));
    let said = only(&loaded, Code::Idle);
    assert_eq!(said.message, "no router tracks the script `x`");
    assert_eq!(said.severity, Severity::Note);
    quiet(&conf(unused, "track_script {\nx\n}"));
    // A group watches, too.
    let group = "vrrp_sync_group G {\ngroup {\nA\nB\n}\ntrack_script {\nx\n}\n}\n";
    let other = conf("", "").replace("instance A", "instance B").replace("id 7", "id 8").replace("2.1", "2.2");
    quiet(&format!("{}{other}{group}", conf(unused, "")));
}

#[test]
fn a_script_that_may_take_longer_than_its_interval() {
    let text = |words: &str| conf(&format!("vrrp_script x {{\nscript y\n{words}\n}}"), "track_script {\nx\n}");
    let loaded = keepalived(&text("interval 2\ntimeout 5"));
    let said = only(&loaded, Code::Timers);
    assert_eq!(said.message, "the script `x` may take 5 s, and is due every 2 s");
    quiet(&text("interval 5\ntimeout 5"));
}

#[test]
fn weights_and_which_way_round() {
    let x = || Watched::Script("x".to_owned());
    for (script, track, expected) in [
        ("", "x", tracked(x(), 0, false)),
        ("weight -5\n", "x", tracked(x(), -5, false)),
        ("weight -5 reverse\n", "x", tracked(x(), -5, true)),
        ("weight -5 reverse\n", "x weight 7", tracked(x(), 7, true)),
        ("weight -5 reverse\n", "x weight 7 noreverse", tracked(x(), 7, false)),
        ("weight -5\n", "x weight 0 reverse", tracked(x(), 0, true)),
    ] {
        let text = conf(&format!("vrrp_script x {{\nscript y\n{script}}}"), &format!("track_script {{\n{track}\n}}"));
        assert_eq!(quiet(&text).instances[0].tracks, [expected], "{script}{track}");
    }
    let text = conf(
        "",
        "track_interface {\neth1 weight 253 reverse\neth2\n}\ndont_track_primary\nmcast_src_ip 192.0.2.7\ntrack_src_ip",
    );
    let router = quiet(&text).instances.remove(0);
    let interface = |name: &str| Watched::Interface(name.to_owned());
    assert_eq!(router.tracks, [tracked(interface("eth1"), 253, true), tracked(interface("eth2"), 0, false)]);
    assert!(!router.track_primary && router.track_source);
    // Its own interface is then one like any other.
    let router = quiet(&conf("", "track_interface {\neth0\n}\ndont_track_primary")).instances.remove(0);
    assert_eq!(router.tracks, [tracked(interface("eth0"), 0, false)]);
}

#[test]
fn processes_in_both_languages() {
    let plain = TrackProcess {
        name: "p".to_owned(),
        program: "haproxy".to_owned(),
        arguments: None,
        full_command: false,
        quorum: 1,
        quorum_max: None,
        fork_delay: Duration::ZERO,
        terminate_delay: Duration::ZERO,
    };
    let words = vec!["-a".to_owned(), "b c".to_owned()];
    for (block, table, expected) in [
        ("process haproxy", "process = \"haproxy\"", plain.clone()),
        (
            "process haproxy -a \"b c\"",
            "process = [\"haproxy\", \"-a\", \"b c\"]",
            TrackProcess {
                arguments: Some(ProcessArguments::Exact(words.clone())),
                full_command: true,
                ..plain.clone()
            },
        ),
        (
            "process haproxy -a \"b c\"\nparam_match partial",
            "process = [\"haproxy\", \"-a\", \"b c\"]\narguments = \"initial\"",
            TrackProcess {
                arguments: Some(ProcessArguments::Initial(words.clone())),
                full_command: true,
                ..plain.clone()
            },
        ),
        (
            "process haproxy -a \"b c\"\nparam_match initial",
            "process = [\"haproxy\", \"-a\", \"b c\"]\narguments = \"partial\"",
            TrackProcess { arguments: Some(ProcessArguments::Partial(words)), full_command: true, ..plain.clone() },
        ),
        (
            "process haproxy\nparam_match",
            "process = \"haproxy\"\narguments = \"exact\"",
            TrackProcess { arguments: Some(ProcessArguments::Exact(vec![])), full_command: true, ..plain.clone() },
        ),
        (
            "process haproxy\nquorum 2\nquorum_max 4\nfork_delay 0.5\nterminate_delay 2\nfull_command",
            "process = \"haproxy\"\nquorum = 2\nquorum-max = 4\nfork-delay = \"500ms\"\nterminate-delay = \"2s\"\nfull-command = true",
            TrackProcess {
                quorum: 2,
                quorum_max: Some(4),
                fork_delay: Duration::from_millis(500),
                terminate_delay: Duration::from_secs(2),
                full_command: true,
                ..plain.clone()
            },
        ),
        (
            "process haproxy\nquorum_max 0\ndelay 3",
            "process = \"haproxy\"\nquorum-max = 0\nfork-delay = \"3s\"\nterminate-delay = \"3s\"",
            TrackProcess {
                quorum: 0,
                quorum_max: Some(0),
                fork_delay: Duration::from_secs(3),
                terminate_delay: Duration::from_secs(3),
                ..plain
            },
        ),
    ] {
        let text = conf(&format!("vrrp_track_process p {{\n{block}\nweight 254\n}}"), "track_process {\np\n}");
        let config = quiet(&text);
        assert_eq!(config.processes.first(), Some(&expected), "{block}");
        assert_eq!(config.instances[0].tracks, [tracked(Watched::Process("p".to_owned()), 254, false)]);
        let text =
            ours(&format!("[[track-process]]\nname = \"p\"\n{table}\nweight = 254"), "track-processes = [\"p\"]");
        assert_eq!(quiet(&text).processes, [expected], "{table}");
    }
}

#[test]
fn files_in_both_languages() {
    let file = |start| TrackFile { name: "f".to_owned(), path: "/run/x".to_owned(), start };
    for (block, table, start, weight) in [
        ("", "", None, 1),
        ("weight -2\n", "weight = -2\n", None, -2),
        ("init_file\n", "initial = 0\n", Some(FileStart { value: 0, overwrite: false }), 1),
        (
            "init_file 5 overwrite\nweight 0\n",
            "initial = 5\noverwrite = true\nweight = 0\n",
            Some(FileStart { value: 5, overwrite: true }),
            0,
        ),
    ] {
        for (word, said) in [("track_file", Vec::new()), ("vrrp_track_file", vec!["note C309 1:1".to_owned()])] {
            let text = conf(&format!("{word} f {{\nfile /run/x\n{block}}}"), "track_file {\nf\n}");
            let loaded = keepalived(&text);
            assert_eq!(brief(&loaded), said);
            let config = loaded.config.unwrap();
            assert_eq!(config.files, [file(start)], "{block}");
            assert_eq!(config.instances[0].tracks, [tracked(Watched::File("f".to_owned()), weight, false)]);
        }
        let text = ours(&format!("[[track-file]]\nname = \"f\"\npath = \"/run/x\"\n{table}"), "track-files = [\"f\"]");
        let config = quiet(&text);
        assert_eq!(config.files, [file(start)], "{table}");
        assert_eq!(config.instances[0].tracks, [tracked(Watched::File("f".to_owned()), weight, false)]);
    }
}

const SERVICE: &str =
    "virtual_server 192.0.2.1 80 {\nlvs_method NAT\nprotocol TCP\nreal_server 10.0.0.1 80 {\nTCP_CHECK {\n}\n}\n}\n";
const OUR_SERVICE: &str = "[[service]]\naddress = \"192.0.2.1:80\"\nserver = [{ address = \"10.0.0.1:80\" }]\n";

#[test]
fn services_in_both_languages() {
    for (condition, ours_condition, expected) in [
        ("", "", ServiceCondition::AnyUp),
        ("condition any\n", "condition = \"any\"\n", ServiceCondition::AnyUp),
        ("condition quorum\n", "condition = \"quorum\"\n", ServiceCondition::Quorum),
        ("condition share 50\n", "condition = \"50%\"\n", ServiceCondition::Share(50)),
    ] {
        let text = conf(
            &format!("{SERVICE}vrrp_track_service s {{\nservice 192.0.2.1 80\n{condition}}}"),
            "track_service {\ns weight -20\n}",
        );
        let config = quiet(&text);
        let expected = TrackService { name: "s".to_owned(), service: config.services[0].key, condition: expected };
        assert_eq!(config.watched_services.first(), Some(&expected));
        let wanted = tracked(Watched::Service("s".to_owned()), -20, false);
        assert_eq!(config.instances[0].tracks.first(), Some(&wanted));
        // On one line too: keepalived mis-nests after a block that it does not know.
        let one_line = text.replace("track_service {\ns weight -20\n}", "track_service s weight -20");
        assert_eq!(quiet(&one_line).instances[0].tracks.first(), Some(&wanted));
        let text = ours(
            &format!("{OUR_SERVICE}[[track-service]]\nname = \"s\"\nservice = \"192.0.2.1:80\"\n{ours_condition}"),
            "track-services = [{ name = \"s\", weight = -20 }]",
        );
        let config = quiet(&text);
        assert_eq!(config.watched_services, [expected]);
        assert_eq!(config.instances[0].tracks, [wanted]);
    }
    let loaded = keepalived(&conf("vrrp_track_service s {\nservice 192.0.2.1 80\n}", ""));
    assert_eq!(brief(&loaded), ["warning C502 2:1"]);
}

#[test]
fn checks_stand_where_they_are_needed() {
    let expected = |config: &Config, name: &str| {
        let check = &config.checks[0];
        assert_eq!((check.name.as_str(), check.rise, check.fall), (name, 2, 3));
        assert_eq!(check.check.interval, Duration::from_millis(500));
        assert_eq!(check.check.timeout, Duration::from_millis(200));
        let connect = Connect {
            target: "127.0.0.1:8080".parse().unwrap(),
            source_address: None,
            source_port: None,
            interface: None,
            mark: None,
        };
        assert_eq!(check.check.kind, CheckKind::Tcp(connect));
        assert_eq!(config.instances[0].tracks, [tracked(Watched::Check(name.to_owned()), -5, false)]);
        assert_eq!(config.checks.len(), 1);
    };
    let block = "vrrp_track_check c {\ntcp 127.0.0.1 8080\ninterval 0.5\ntimeout 0.2\nrise 2\nfall 3\nweight -5\n}";
    expected(&quiet(&conf(block, "track_check {\nc\n}")), "c");
    let inline =
        "{ tcp = \"127.0.0.1:8080\", interval = \"500ms\", timeout = \"200ms\", rise = 2, fall = 3, weight = -5 }";
    expected(&quiet(&ours("", &format!("track-checks = [{inline}]"))), "127.0.0.1:8080");
    // A second router may describe the same check, and only the same.
    let both = |second: &str| {
        ours("", &format!("track-checks = [{inline}]"))
            + &ours("", &format!("track-checks = [{second}]"))
                .replace("name = \"A\"", "name = \"B\"")
                .replace("vrid = 7", "vrid = 8")
                .replace("192.0.2.1", "192.0.2.9")
    };
    expected(&quiet(&both(inline)), "127.0.0.1:8080");
    let loaded = toml(&both(&inline.replace("rise = 2", "rise = 4")));
    assert_eq!(only(&loaded, Code::Duplicate).severity, Severity::Error);
    expected(
        &quiet(&both(&inline.replace("rise = 2", "name = \"other\", rise = 2")).replace(", name = \"other\"", "")),
        "127.0.0.1:8080",
    );
}

/// What `check_apiserver.sh` asks with `curl`, without a fork.
#[test]
fn web_servers_are_asked_in_both_languages() {
    let connect = |target: &str| Connect {
        target: target.parse().unwrap(),
        source_address: None,
        source_port: None,
        interface: None,
        mark: None,
    };
    let probe = |target: &str, host: &str, path: &str, tls: Option<Tls>| HttpProbe {
        tls,
        host: Some(host.to_owned()),
        pages: vec![Page { path: path.to_owned(), ..Page::default() }],
        ..HttpProbe::new(connect(target))
    };
    let tls = |name: Option<&str>, verify, authorities: Option<&str>| {
        Some(Tls {
            server_name: name.map(str::to_owned),
            verify,
            authorities: authorities.map(str::to_owned),
            ..Tls::default()
        })
    };
    let local = "https://localhost:6443/healthz";
    let at_home = |verify, authorities| {
        probe("127.0.0.1:6443", "localhost:6443", "/healthz", tls(Some("localhost"), verify, authorities))
    };
    for (words, keys, expected) in [
        (
            "http_get http://192.0.2.1:8080/a?b".to_owned(),
            "http = \"http://192.0.2.1:8080/a?b\"".to_owned(),
            probe("192.0.2.1:8080", "192.0.2.1:8080", "/a?b", None),
        ),
        (format!("https_get {local} verify"), format!("https = \"{local}\""), at_home(true, None)),
        (format!("https_get {local}"), format!("https = \"{local}\", verify = false"), at_home(false, None)),
        (
            format!("https_get {local} verify /etc/kubernetes/pki/ca.crt"),
            format!("https = \"{local}\", authorities = \"/etc/kubernetes/pki/ca.crt\""),
            at_home(true, Some("/etc/kubernetes/pki/ca.crt")),
        ),
        (
            "https_get https://[2001:db8::1]/ noverify".to_owned(),
            "https = \"https://[2001:db8::1]/\", verify = false".to_owned(),
            probe("[2001:db8::1]:443", "[2001:db8::1]", "/", tls(None, false, None)),
        ),
    ] {
        let expected = CheckKind::Http(Arc::new(expected));
        let config = quiet(&conf(&format!("vrrp_track_check c {{\n{words}\n}}"), "track_check {\nc\n}"));
        assert_eq!(config.checks[0].check.kind, expected, "{words}");
        let config = quiet(&ours("", &format!("track-checks = [{{ {keys} }}]")));
        assert_eq!(config.checks[0].check.kind, expected, "{keys}");
        assert_eq!(config.instances[0].tracks.len(), 1);
    }
}

#[test]
fn groups_watch_for_all_their_members() {
    let scripts = "vrrp_script x {\nscript y\n}\nvrrp_track_process p {\nprocess z\n}";
    let group = "vrrp_sync_group G {\ngroup {\nA\nB\n}\ntrack_script {\nx weight -9\n}\ntrack_process {\np\n}\ntrack_interface {\neth9\n}\n";
    let routers = conf("", "track_script {\nx weight 5\n}")
        + &conf("", "").replace("vrrp_instance A", "vrrp_instance B").replace("id 7", "id 8");
    let loaded = keepalived(&format!("{scripts}\n{group}}}\n{routers}"));
    assert_eq!(only(&loaded, Code::WeightInGroup).severity, Severity::Note);
    let config = loaded.config.unwrap();
    assert_eq!(config.instances[0].tracks, []);
    assert_eq!(
        config.sync_groups[0].tracks,
        [
            tracked(Watched::Interface("eth9".to_owned()), 0, false),
            tracked(Watched::Script("x".to_owned()), -9, false),
            tracked(Watched::Process("p".to_owned()), 0, false),
        ]
    );
    let config = quiet(&format!("{scripts}\n{group}sync_group_tracking_weight\n}}\n{routers}"));
    assert!(config.sync_groups[0].weighted);
    assert_eq!(config.instances[0].tracks, [tracked(Watched::Script("x".to_owned()), 5, false)]);
}

#[test]
fn slips() {
    for (before, words, expected) in [
        ("", "track_process {\nnone\n}", &["warning C502 9:1"][..]),
        ("", "track_service none", &["warning C502 8:15"]),
        ("", "track_service", &["error C306 8:1"]),
        ("vrrp_track_process p {\n}", "track_process {\np\n}", &["error C404 1:20"]),
        ("vrrp_track_process p {\nprocess x\nquorum 3\nquorum_max 2\n}", "", &["warning C512 4:12"]),
        ("vrrp_track_process p {\nprocess x\nquorum 0\n}", "", &["warning C401 3:8"]),
        ("vrrp_track_process p {\nprocess x\nparam_match all\n}", "", &["warning C401 3:13"]),
        ("track_file f {\nfile x\n}", "", &["error C404 1:12", "warning C401 2:6"]),
        ("track_file f {\nfile /x\ninit_file five\n}", "", &["warning C401 3:11"]),
        ("track_file f {\nfile /x\nweight 255\n}", "", &["warning C401 3:8"]),
        ("vrrp_track_check c {\ntcp 127.0.0.1\n}", "", &["error C404 1:18", "warning C401 2:5"]),
        ("vrrp_track_check c {\nhttp_get https://127.0.0.1/\n}", "", &["error C404 1:18", "warning C401 2:10"]),
        (
            "vrrp_track_check c {\nhttps_get https://127.0.0.1/ verify ca.pem\n}",
            "",
            &["error C404 1:18", "warning C401 2:37"],
        ),
        ("vrrp_track_service s {\nservice x 80\n}", "", &["error C404 1:20", "warning C401 2:9"]),
        ("vrrp_track_service s {\nfwmark 0\n}", "", &["error C404 1:20", "warning C401 2:8"]),
        ("vrrp_track_service s {\nfwmark 5\ncondition most\n}", "", &["warning C502 2:1", "warning C401 3:11"]),
        ("", "track_src_ip", &["note C510 8:1"]),
        ("", "track_interface {\neth1 weight 254\n}", &["warning C401 9:13"]),
        ("", "track_interface {\neth1 weight 3 upside\n}", &["warning C401 9:15"]),
        ("", "track_bfd {\nx\n}", &["warning C303 8:1"]),
    ] {
        let loaded = keepalived(&conf(before, words));
        assert_eq!(brief(&loaded), expected, "{before}\n{words}\n{}", loaded.report.render(false));
        assert_eq!(loaded.config.unwrap().instances.len(), 1);
    }
    for (before, words, expected) in [
        ("", "track-processes = [{ process = \"x\", quorum = 0 }]", &["error C401 7:46"][..]),
        ("", "track-processes = [{ weight = 5 }]", &["error C404 7:20"]),
        ("", "track-checks = [{ tcp = \"x\" }]", &["error C401 7:25"]),
        ("", "track-checks = [{ https = \"http://127.0.0.1/\" }]", &["error C401 7:27"]),
        ("", "track-checks = [{ tcp = \"127.0.0.1:1\", http = \"http://127.0.0.1/\" }]", &["error C401 7:47"]),
        (
            "",
            "track-checks = [{ https = \"https://127.0.0.1/\", verify = false, authorities = \"/x\" }]",
            &["error C401 7:79"],
        ),
        ("", "track-checks = [{ http = \"http://127.0.0.1/\", verify = false }]", &["error C401 7:56"]),
        ("", "track-files = [{ path = \"x\" }]", &["error C401 7:25"]),
        ("", "track-files = [{ path = \"/x\", overwrite = true }]", &["error C404 7:31"]),
        (
            "[[track-service]]\nname = \"s\"\nfwmark = 1\ncondition = \"0%\"",
            "",
            &["warning C502 3:10", "error C401 4:13"],
        ),
        ("[[track-file]]\npath = \"/x\"", "", &["error C404 1:1"]),
    ] {
        let loaded = toml(&ours(before, words));
        assert_eq!(brief(&loaded), expected, "{before}\n{words}\n{}", loaded.report.render(false));
    }
}
