//! Blocks of which nothing comes: what is wrong within them is said all the same.

use super::{brief, keepalived, only};
use crate::config::{Code, Severity};

/// A server of a service with these lines, the first of which is the fourth.
fn server(lines: &str) -> String {
    format!("virtual_server 192.0.2.1 80 {{\nprotocol TCP\nreal_server 10.0.0.1 80 {{\n{lines}\n}}\n}}\n")
}

/// What is said of a text, but that a lb_kind is missing.
fn said(text: &str) -> Vec<String> {
    brief(&keepalived(text)).into_iter().filter(|line| !line.contains("C508") && !line.contains("C509")).collect()
}

#[test]
fn blocks_that_are_not_done_yet_are_looked_into() {
    for (lines, expected) in [
        ("BFD_CHECK {\nbogus 3\n}", &["warning C303 4:1", "warning C301 5:1"][..]),
        ("BFD_CHECK {\nlb_algo rr\n}", &["warning C303 4:1", "warning C302 5:1"]),
        ("BFD_CHECK {\nname\n}", &["warning C303 4:1", "warning C306 5:1"]),
        ("BFD_CHECK {\nname x\nalpha\n}", &["warning C303 4:1"]),
        ("TCP_CHECK {\n}\nBFD_CHECK", &["warning C303 6:1"]),
    ] {
        assert_eq!(said(&server(lines)), expected, "{lines}");
    }
    let session =
        "bfd_instance a {\nneighbor_ip 10.0.0.300\nmin_rx 2000\nnonsense\n}\n".to_owned() + &server("TCP_CHECK {\n}");
    assert_eq!(said(&session), ["warning C303 1:1", "warning C401 2:13", "warning C401 3:8", "warning C301 4:1"]);
}

/// A word that is not done yet is held against the table too, with its value.
#[test]
fn words_that_are_not_done_yet_are_looked_at() {
    for (line, expected) in [
        ("smtp_alert", &["warning C303 3:1"][..]),
        ("smtp_alert maybe", &["warning C303 3:1", "warning C401 3:12"]),
        ("snmp_name", &["warning C306 3:1"]),
    ] {
        let text =
            format!("virtual_server 192.0.2.1 80 {{\nprotocol TCP\n{line}\nreal_server 10.0.0.1 80 {{\n}}\n}}\n");
        assert_eq!(said(&text), expected, "{line}");
    }
}

#[test]
fn a_server_that_is_left_out_is_looked_into() {
    let text = "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlb_kind DR\nreal_server 10.0.0.2 80 {\nTCP_CHECK {\n}\n}\n\
         real_server 10.0.0.256 80 {\nwieght 3\nTCP_CHECK {\nconect_timeout 3\nretry\nbind_port x\n}\nweight -1\n}\n}\n";
    let loaded = keepalived(text);
    let expected = [
        "warning C401 8:13",
        "warning C301 9:1",
        "warning C301 11:1",
        "warning C306 12:1",
        "warning C401 13:11",
        "warning C401 15:8",
    ];
    assert_eq!(brief(&loaded), expected, "{}", loaded.report.render(false));
    // keepalived steps over the block, and so a word without its value does not end it.
    assert!(loaded.is_runnable());
    let servers: Vec<_> = loaded.config.unwrap().services[0].servers.iter().map(|it| it.key.address).collect();
    assert_eq!(servers, ["10.0.0.2".parse::<std::net::IpAddr>().unwrap()]);
    let missing = |diagnostic: &&crate::config::Diagnostic| diagnostic.code == Code::MissingValue;
    let help = &loaded.report.diagnostics().iter().find(missing).unwrap().help;
    assert!(help[0].contains("left out"), "{help:?}");
}

/// keepalived exits at most words that lack their value, and steps over some: only the former is an error.
#[test]
fn words_that_stand_alone() {
    let router = |words: &str| {
        format!(
            "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\n{words}\nvirtual_ipaddress {{\n192.0.2.1/24\n}}\n}}\n"
        )
    };
    let global = |word: &str| format!("global_defs {{\n{word}\n}}\n") + &router("");
    let check = |words: &str| {
        router("")
            + &format!(
                "virtual_server 192.0.2.1 80 {{\nprotocol TCP\nlb_kind DR\nreal_server 192.0.2.2 80 {{\n{words}\n}}\n}}\n"
            )
    };
    let fatal = |text: &str| {
        let loaded = keepalived(text);
        let said = only(&loaded, Code::MissingValue);
        assert_eq!(said.severity == Severity::Error, said.help[0].contains("exits"), "{text}\n{said:?}");
        said.severity == Severity::Error
    };
    for word in ["router_id", "script_user", "default_interface", "lvs_timeouts", "snmp_socket", "notify_fifo"] {
        assert!(!fatal(&global(word)), "{word}");
    }
    for word in ["vrrp_version", "process_name", "checker_rlimit_rttime", "checker_rlimit_rtime", "smtp_server"] {
        assert!(fatal(&global(word)), "{word}");
    }
    assert!(fatal(&("child_wait_time\n".to_owned() + &router(""))));
    assert!(!fatal(&("net_namespace\n".to_owned() + &router(""))));
    for (word, ends) in [("kernel_rx_buf_size", false), ("garp_extra_if", false), ("debug", true), ("priority", true)] {
        assert_eq!(fatal(&router(word)), ends, "{word}");
    }
    for (words, ends) in [
        ("snmp_name", false),
        ("weight", true),
        ("HTTP_GET {\nvirtualhost\nurl {\npath /\n}\n}", false),
        ("HTTP_GET {\nurl {\npath\n}\n}", true),
        ("TCP_CHECK {\nconnect_port\n}", true),
    ] {
        assert_eq!(fatal(&check(words)), ends, "{words}");
    }
}
