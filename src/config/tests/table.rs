//! Whose table of IPVS is programmed, how its groups are marked, and what is left of it at a stop.

use super::{brief, keepalived, toml};
use crate::config::Language;
use crate::config::toml::write::{Comments, write};
use crate::model::{Global, GroupMarks, OnStop};
use std::num::NonZeroU32;

fn marks(table: &str, priority: i32, first: u32) -> Option<GroupMarks> {
    Some(GroupMarks { table: table.to_owned(), priority, first: NonZeroU32::new(first).unwrap() })
}

#[test]
fn both_languages_mean_the_same() {
    let namespace = |name: &str| Global { ipvs_namespace: Some(name.to_owned()), ..Global::default() };
    let stop = |on_stop| Global { on_stop, ..Global::default() };
    let marked = |group_marks| Global { group_marks, ..Global::default() };
    let global = |words: &str| format!("global_defs {{\n{words}\n}}\n");
    for (theirs, ours, means) in [
        ("net_namespace_ipvs lb\n".to_owned(), "ipvs-namespace = \"lb\"", namespace("lb")),
        ("net_namespace_ipvs\n".to_owned(), "", Global::default()),
        (global("lvs_flush_on_stop"), "on-stop = \"flush\"", stop(OnStop::Flush)),
        (global("lvs_flush_onstop VS"), "on-stop = \"remove\"", stop(OnStop::Remove)),
        (global("nftables_ipvs"), "group-marks = {}", marked(marks("keepalived_ipvs", -1, 1000))),
        (
            global("nftables_ipvs mine\nnftables_ipvs_priority 7\nnftables_ipvs_start_fwmark 50"),
            "group-marks = { table = \"mine\", priority = 7, first = 50 }",
            marked(marks("mine", 7, 50)),
        ),
        // The word itself gives the others their defaults back; before it they do nothing.
        (
            global("nftables_ipvs\nnftables_ipvs_priority 7\nnftables_ipvs mine\n"),
            "group-marks = { table = \"mine\" }",
            marked(marks("mine", -1, 1000)),
        ),
    ] {
        let theirs = keepalived(&theirs).config.unwrap();
        assert_eq!(theirs.global, means);
        let ours = toml(&format!("[global]\n{ours}\n")).config.unwrap();
        assert_eq!(ours.global, means);
        let written = write(&theirs, Language::Keepalived, &Comments::default()).text;
        if means == Global::default() {
            continue;
        }
        let again = toml(&written);
        assert_eq!(again.config.as_ref().map(|config| &config.global), Some(&means), "{written}\n{:?}", brief(&again));
    }
}

#[test]
fn what_cannot_be_is_told() {
    let service = "virtual_server 192.0.2.1 80 {\nlvs_method NAT\nprotocol TCP\nreal_server 10.0.0.1 80 {\n}\n}\n";
    for (text, said) in [
        ("net_namespace_ipvs a/b\n", &["warning C401 1:20"][..]),
        (
            "global_defs {\nnftables_ipvs_start_fwmark 9\nnftables_ipvs\nnftables_ipvs_start_fwmark 0\n}\n",
            &["warning C510 2:28", "warning C308 4:1", "warning C401 4:28"],
        ),
        ("global_defs {\nlvs_flush_on_stop RS\n}\n", &["warning C401 2:19"]),
    ] {
        let loaded = keepalived(&format!("{text}{service}"));
        assert_eq!(brief(&loaded), said, "{text}");
    }
    assert_eq!(brief(&toml("[global]\nipvs-namespace = \"../x\"\n")), ["error C401 2:18"]);
    assert_eq!(brief(&toml("[global]\ngroup-marks = { first = 0 }\n")), ["error C401 2:25"]);
}
