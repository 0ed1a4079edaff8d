//! `ipvsctl explain` and `ipvsctl completions`: neither asks a daemon.

use std::fs;
use std::process::Command;

use crate::{Run, ipvsctl};

fn explain(arguments: &[&str]) -> Run {
    Run::of(&mut ipvsctl(&[&["explain"], arguments].concat()))
}

#[test]
fn a_word_at_each_of_its_places() {
    let run = explain(&["weight"]);
    assert_eq!((run.status, run.err.as_str()), (Some(0), ""));
    for part in ["weight (in `vrrp_script`)", "-253 to 253", "weight (in `real_server`)", "service.server.weight"] {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
}

#[test]
fn aliases_keys_and_codes() {
    assert!(explain(&["lb_kind"]).out.contains("lvs_method (in `virtual_server`)"));
    assert!(explain(&["advert-interval"]).out.contains("a key of [[instance]]"));
    let run = explain(&["C504"]);
    assert!(run.out.contains("What to do:") && run.out.contains("nopreempt"), "{}", run.out);
    assert!(explain(&["laddr_group_name"]).out.contains("DPVS"));
}

#[test]
fn an_unknown_name_leads_to_known_ones() {
    let run = explain(&["virtual_ruoter_id"]);
    assert_eq!((run.status, run.out.as_str()), (Some(1), ""));
    assert!(run.err.contains("did you mean virtual_router_id?"), "{}", run.err);
    assert_eq!(explain(&[]).status, Some(2));
}

#[test]
fn everything_for_programs() {
    let run = explain(&["persistence_timeout", "-o", "json"]);
    let found: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(found["words"][0]["range"], "1 to 2678400");
    assert_eq!(found["words"][0]["status"], "honoured");
    let all: serde_json::Value = serde_json::from_str(&explain(&["--list", "-o", "json"]).out).unwrap();
    assert!(all["words"].as_array().unwrap().len() > 600);
    let listed = explain(&["--list"]).out;
    assert!(listed.lines().any(|line| line.starts_with("lb_algo ")), "aliases are names, too");
}

#[test]
fn the_page_is_that_beside_the_examples() {
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/keepalived-words.md");
    assert_eq!(explain(&["--markdown"]).out, fs::read_to_string(kept).unwrap());
}

/// The script in the shell that it is for.
#[test]
fn bash_completes_verbs_options_and_words() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("completion");
    fs::write(&script, Run::of(&mut ipvsctl(&["completions", "bash"])).out).unwrap();
    let complete = |words: &[&str]| {
        let line =
            r#"source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ipvsctl; printf '%s\n' "${COMPREPLY[@]}""#;
        let run = Run::of(Command::new("bash").args(["--norc", "-c", line]).arg(&script).arg("ipvsctl").args(words));
        assert_eq!((run.status, run.err.as_str()), (Some(0), ""), "{words:?}");
        run.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["ex"]), ["explain"]);
    assert_eq!(complete(&["explain", "lb_"]), ["lb_algo", "lb_kind"]);
    assert_eq!(complete(&["--socket", "/x", "show", "--out"]), ["--output"]);
    assert_eq!(complete(&["explain", "-o", "j"]), ["json"]);
    assert_eq!(complete(&["completions", ""]), ["bash", "zsh", "fish"]);
}

#[test]
fn the_other_shells_get_scripts_with_the_same_words() {
    for shell in ["zsh", "fish"] {
        let run = Run::of(&mut ipvsctl(&["completions", shell]));
        assert_eq!((run.status, run.err.as_str()), (Some(0), ""));
        for word in ["explain", "vrrp_garp_master_repeat", "completions", "ipvsadm"] {
            assert!(run.out.contains(word), "{shell}: {word}");
        }
    }
}
