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

/// A variable is no word, and people meet one in a file all the same.
#[test]
fn variables_and_repetitions() {
    for (name, part) in [("~SEQ", "192.0.2.${N}/24"), ("${_PWD}", "The folder of the file"), ("@", "--config-id")] {
        let run = explain(&[name]);
        assert_eq!((run.status, run.err.as_str()), (Some(0), ""), "{name}");
        assert!(run.out.contains(part) && run.out.contains("For example:"), "{name}: {}", run.out);
    }
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

/// What a shell says to a line of its own, and whether it is there at all.
fn in_shell(shell: &str, arguments: &[&str]) -> Option<String> {
    if Command::new(shell).arg("--version").output().is_err() {
        println!("SKIP: there is no {shell} here");
        return None;
    }
    let run = Run::of(Command::new(shell).args(arguments).env("TERM", "dumb"));
    assert_eq!((run.status, run.err.as_str()), (Some(0), ""), "{arguments:?}: {}", run.out);
    Some(run.out)
}

#[test]
fn fish_completes_verbs_options_and_words() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("ipvsctl.fish");
    fs::write(&script, Run::of(&mut ipvsctl(&["completions", "fish"])).out).unwrap();
    for (line, words) in [
        ("ipvsctl ex", &["explain"][..]),
        ("ipvsctl explain lb_", &["lb_algo", "lb_kind"]),
        ("ipvsctl --socket /x show --out", &["--output"]),
        ("ipvsctl explain -o j", &["json"]),
        ("ipvsctl completions ", &["bash", "fish", "zsh"]),
        ("ipvsctl config ", &["init", "reference", "schema"]),
    ] {
        let command = format!("source {}; complete -C '{line}'", script.display());
        let Some(out) = in_shell("fish", &["--no-config", "-c", &command]) else { return };
        let mut found: Vec<_> = out.lines().filter_map(|line| line.split('\t').next()).collect();
        found.sort_unstable();
        assert_eq!(found, words, "{line}");
    }
}

/// In a terminal of zsh's own making, with its own completion: what stands in the line after a tabulator.
#[test]
fn zsh_completes_verbs_options_and_words() {
    // The terminal shows what is typed, so that what is waited for must look otherwise when typed.
    const TYPE: &str = r#"
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell "PS1=; stty -echo; autoload -Uz compinit && compinit -u -D; source $1; print LOAD''ED"
        zpty -r -m shell seen '*LOADED*' || exit 3
        zpty -w shell 'show() { print -r -- "LINE:$BUFFER:" }; zle -N show; bindkey "^X" show; print BOU""ND'
        zpty -r -m shell seen '*BOUND*' || exit 4
        zpty -w -n shell "$2"$'\t'$'\x18'
        zpty -r -m shell seen '*LINE:*:*' || exit 5
        print -r -- "${${seen##*LINE:}%%:*}"
    "#;
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("_ipvsctl");
    let script = script.to_str().unwrap();
    fs::write(script, Run::of(&mut ipvsctl(&["completions", "zsh"])).out).unwrap();
    for (line, completed) in [
        ("ipvsctl ex", "ipvsctl explain "),
        ("ipvsctl explain lb_a", "ipvsctl explain lb_algo "),
        ("ipvsctl --socket /x sho", "ipvsctl --socket /x show "),
        ("ipvsctl explain -o j", "ipvsctl explain -o json "),
        ("ipvsctl explain --output=j", "ipvsctl explain --output=json "),
        ("ipvsctl config sch", "ipvsctl config schema "),
    ] {
        let Some(out) = in_shell("zsh", &["-f", "-c", TYPE, "zsh", script, line]) else { return };
        assert_eq!(out.trim_end_matches('\n'), completed, "{line}");
    }
}
