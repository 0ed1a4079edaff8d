//! Files of keepalived's in our own language: the same configuration comes out of both.

use std::path::Path;

use proptest::prelude::{ProptestConfig, proptest};

use super::fuzz::{keepalived_soup, toml_soup};
use super::{Context, Texts, beside, bytes, keepalived, load, schema, toml};
use crate::config::{Converted, Language, convert};

fn converted(name: &str, text: &[u8]) -> Converted {
    let context = Context { config_id: "lb1".to_owned() };
    let path = Path::new(name);
    convert(path, Language::of(path), &Texts::new([(name, text)]), &context)
}

/// Both configurations, as they are to be the same; and the document.
#[track_caller]
fn same(name: &str, text: &[u8]) -> Option<String> {
    let source = bytes(name, text);
    let converted = converted(name, text);
    assert_eq!(converted.loaded.config, source.config, "{name}: the configuration that was converted");
    assert_eq!(converted.lost, Vec::<String>::new(), "{name}:\n{}", converted.text.unwrap_or_default());
    let Some(document) = converted.text else {
        assert_eq!(source.config, None, "{name} could be run");
        return None;
    };
    let again = toml(&document);
    assert_eq!(again.config, source.config, "{name}:\n{document}\n{}", again.report.render(false));
    let unsuitable = schema::unsuitable(&document);
    assert_eq!(unsuitable, Vec::<String>::new(), "{name}:\n{document}");
    Some(document)
}

fn conf(path: &Path) -> Option<String> {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let document = same(&name, &std::fs::read(path).unwrap());
    if let (Some(document), true) = (&document, std::env::var_os("SHOW_CORPUS").is_some()) {
        println!("==== {name}\n{document}");
    }
    document
}

/// One check of a path becomes one for each address, and is one again when it is written.
#[test]
fn checks_of_paths() {
    let group = "virtual_server_group g {\n192.0.2.1-3 80\n2001:db8::1 80\nfwmark 9\n}\nvirtual_server group g {\nprotocol TCP\n";
    for (method, checks) in [
        ("NAT", ["path_check", "path_check"]),
        ("DR", ["TCP_CHECK {\n}\npath_check\nwarmup 3", "path_check 10.0.0.9\nconnect_timeout 9"]),
        ("TUN", ["path_check\ndelay_loop 4\nwarmup 7", "path_check\npath_check 10.0.0.3\nretry 5"]),
        ("TUN type gue port 6080", ["path_check\nconnect_timeout 2", "TCP_CHECK {\n}"]),
    ] {
        let servers = (1..).zip(checks).map(|(n, checks)| format!("real_server 10.0.0.{n} 80 {{\n{checks}\n}}\n"));
        let servers: String = servers.collect();
        let text = format!("global_defs {{\npath_marks 70000\n}}\n{group}lvs_method {method}\n{servers}}}\n");
        let document = same("x.conf", text.as_bytes()).unwrap();
        assert!(document.contains("path-marks = 70000"), "{document}");
    }
}

#[test]
fn the_examples() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut written = 0;
    for folder in [examples.clone(), examples.join("seeds")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "conf" || ending == "toml") {
                written += usize::from(conf(&path).is_some());
            }
        }
    }
    assert!(written >= 8, "{written}");
}

#[test]
fn the_corpus() {
    let Some(folder) = beside("corpus") else { return };
    let mut written = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "conf") {
            written += usize::from(conf(&path).is_some());
        }
    }
    assert!(written > 10, "{written}");
}

/// Documents with configurations in them are read as they are: what is not of the language is remarked on, and the rest is
/// converted.
#[test]
fn the_seeds() {
    let Some(folder) = beside("seeds") else { return };
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read(entry.unwrap().path()).unwrap();
        same("keepalived.conf", &text);
        files += 1;
    }
    assert!(files > 0, "the folder is there and holds nothing");
}

const WHOLE: &str = r#"
global_defs {
    router_id lb1
    smtp_server 192.0.2.25
    flurb
}
vrrp_script check {
    script "/bin/sh -c 'exit 0'"
    weight -5
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 150
    authentication {
        auth_type PASS
        auth_pass 123456789
    }
    virtual_ipaddress {
        192.0.2.1/24 dev eth1 label eth1:1
    }
    track_script {
        check
    }
    smtp_alert
}
vrrp_instance VI_1 {
    interface eth9
    virtual_router_id 9
}
virtual_server 192.0.2.1 80 {
    delay_loop 6
    lb_algo rr
    lb_kind DR
    protocol TCP
    persistence_timeout 50
    real_server 10.0.0.1 80 {
        weight 2
        TCP_CHECK {
            connect_timeout 3
        }
    }
    real_server 10.0.0.2 8080 {
        TCP_CHECK {
            connect_timeout 3
        }
    }
    real_server 10.0.0.3 80 {
        TCP_CHECK {
            connect_port 81
            retry 3
        }
        TCP_CHECK {
            bind_port 1000
        }
    }
    real_server 10.0.0.4 80 {
    }
}
"#;

#[test]
fn a_document_as_a_person_would_write_it() {
    let document = same("keepalived.conf", WHOLE.as_bytes()).unwrap();
    insta::assert_snapshot!(document);
}

/// What several files say, each remark at the part that it is about.
#[test]
fn remarks_find_their_part_through_includes() {
    let context = Context::default();
    let files = Texts::new([
        ("main.conf", b"vrrp_instance A {\n interface eth0\n include inner.conf\n}\n".as_slice()),
        ("inner.conf", b"virtual_router_id 7\nvirtual_ipaddress {\n 192.0.2.1\n}\nflurb\n"),
    ]);
    let converted = convert(Path::new("main.conf"), Language::Keepalived, &files, &context);
    let text = converted.text.unwrap();
    let (head, part) = text.split_once("[[instance]]").unwrap();
    let said = head.lines().rfind(|line| line.contains("flurb")).unwrap();
    assert!(said.starts_with("# inner.conf:5:1: warning"), "{text}");
    assert!(head.trim_end().ends_with(said) || head.contains(said), "{text}");
    assert!(part.contains("vrid = 7"), "{text}");
    assert_eq!(toml(&text).config, load(Path::new("main.conf"), None, &files, &context).config);
}

/// Nothing of a source ends a comment early, or breaks the document otherwise.
#[test]
fn hostile_words_stay_words() {
    for text in [
        "vrrp_instance \"a\\\"\\n[[service]]\" {\n interface eth0\n virtual_router_id 1\n \"fl\\nurb = 1\"\n}\n",
        "vrrp_script x {\n script \"a 'b\\\\c' \\\"d\\\" \\x07\"\n}\nvrrp_instance a {\n interface eth0\n virtual_router_id 1\n \
         track_script {\n x\n }\n}\n",
        "global_defs {\n router_id \"\u{2028}x # y\"\n}\nvrrp_instance a {\n interface eth0\n virtual_router_id 1\n}\n",
    ] {
        assert!(same("keepalived.conf", text.as_bytes()).is_some(), "{}", keepalived(text).report.render(false));
    }
}

/// More lines than there are remarks to be had, good ones and bad ones.
#[test]
fn lines_that_are_repeated_a_thousand_times() {
    let good = "vrrp_instance A {\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n \
                ~SEQ(a,0,3) ~SEQ(b,1,250) 10.0.${a}.${b}\n }\n}\n";
    let bad = good.replace("virtual_ipaddress {", "~SEQx(a,1,1000) priorty ${a}\n virtual_ipaddress {");
    for text in [good, &bad] {
        let document = same("keepalived.conf", text.as_bytes()).unwrap();
        assert!(document.matches("10.0.").count() >= 1000, "{document}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces_of_keepalived(text in keepalived_soup(12)) {
        same("keepalived.conf", &text);
    }

    #[test]
    fn any_pieces_of_toml(text in toml_soup()) {
        same("ipvsd.toml", &text);
    }
}

/// Scripts and files as checks, with all that can be said of them.
#[test]
fn checks_by_scripts_and_files() {
    let text = "global_defs {\nscript_user nobody\n}\ntrack_file load {\nfile /run/load\nweight 3 reverse\n}\ntrack_file late {\nfile /run/late\n}\n\
         vrrp_instance A {\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {\n192.0.2.9/24\n}\ntrack_file {\nload weight 5\n}\n}\n\
         virtual_server 192.0.2.1 80 {\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\ndelay_loop 7\nconnect_timeout 3\n\
         real_server 10.0.0.1 80 {\nweight 10\n\
         MISC_CHECK {\nmisc_path \"/usr/bin/check -x 'a b' 10.0.0.1\"\nmisc_timeout 4\nmisc_dynamic\nuser daemon root\nretry 2\n}\n\
         FILE_CHECK {\ntrack_file load\n}\nTCP_CHECK {\n}\n}\n\
         real_server 10.0.0.2 80 {\nFILE_CHECK {\ntrack_file load\nweight -7\n}\nFILE_CHECK {\ntrack_file late\nweight 0 reverse\n}\n}\n\
         real_server 10.0.0.3 80 {\nMISC_CHECK {\nmisc_path /bin/true\n}\n}\n}\n";
    let document = same("keepalived.conf", text.as_bytes()).unwrap();
    for expected in [
        "script = { command = [\"/usr/bin/check\", \"-x\", \"a b\", \"10.0.0.1\"], timeout = \"4s\", dynamic = true, user = \"daemon:root\", on-missing = \"disable\" }",
        "file = { name = \"load\", weight = 3, reverse = true }",
        "file = { name = \"load\", weight = -7 }",
        "file = { name = \"late\", weight = 0, reverse = true }",
    ] {
        assert!(document.contains(expected), "{expected}\n{document}");
    }
}
