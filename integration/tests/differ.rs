//! keepalived and ipvsd with the same files make the same of the kernel, but for what is meant to differ.
//!
//! Each test is a guest of its own. A file is compared by lying in a folder: ours, those that people have published and let
//! us have, and, where it is there, a collection from the wild.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use integration::differ::{Comparison, Patience, compare_all, configurations};
use integration::kernel::{self, Need};
use integration::lab_test;
use integration::programs::repository;

/// So many files at a time: most of the time both programs wait.
const AT_A_TIME: usize = 6;

/// Compares files, and fails for each that differs without a reason.
fn all_differ_only_as_is_meant(files: &[PathBuf], quiet: Duration) {
    let patience = Patience { quiet, ..Patience::default() };
    let wrong = Mutex::new(Vec::new());
    compare_all(files, AT_A_TIME, patience, |comparison: &Comparison| {
        println!("{comparison}");
        let idle: Vec<_> = comparison.idle_rows().collect();
        if !comparison.is_as_meant() {
            wrong.lock().unwrap().push(comparison.details());
        } else if !idle.is_empty() {
            wrong.lock().unwrap().push(format!("{}: nothing differs that these explain: {idle:?}", comparison.name));
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A part of a folder: a guest has a time limit.
fn part(folder: &Path, number: usize, of: usize) -> Vec<PathBuf> {
    let files = configurations(folder).unwrap();
    assert!(!files.is_empty(), "{} holds no configuration", folder.display());
    files.into_iter().skip(number).step_by(of).collect()
}

/// Every word of `virtual_server` and more, each in a file of ours.
fn ours(number: usize) {
    let folder = repository().join("integration/differ");
    all_differ_only_as_is_meant(&part(&folder, number, 4), Duration::from_secs(15));
}

lab_test! {
    fn our_configurations_first_part() {
        ours(0);
    }

    fn our_configurations_second_part() {
        ours(1);
    }

    fn our_configurations_third_part() {
        ours(2);
    }

    fn our_configurations_fourth_part() {
        ours(3);
    }

    /// Configurations that people have published.
    fn published_configurations_differ_only_as_is_meant() {
        all_differ_only_as_is_meant(&part(&repository().join("examples/seeds"), 0, 1), Duration::from_secs(25));
    }
}

/// Configurations from the wild, a part of them. They take ten minutes, and nobody else has them: who has the collection asks for
/// them, or has `scripts/lab-diff` print a line for each.
fn the_corpus(test: &str, number: usize) {
    let folder = repository().join("../shared/corpus");
    if !folder.is_dir() {
        println!("SKIP: {} is not there", folder.display());
        return;
    }
    // In the guest (`IPVSD_LAB`) somebody has asked already.
    if std::env::var_os("IPVSD_LAB").is_none() && std::env::var_os("IPVSD_CORPUS").is_none() {
        println!("SKIP: the collection of configurations is compared with IPVSD_CORPUS=1 only: it takes ten minutes");
        return;
    }
    let path = format!("{}::{test}", module_path!());
    kernel::run(Need::Ipvs, &path, || all_differ_only_as_is_meant(&part(&folder, number, 5), Duration::from_secs(25)));
}

#[test]
fn the_corpus_first_part() {
    the_corpus("the_corpus_first_part", 0);
}

#[test]
fn the_corpus_second_part() {
    the_corpus("the_corpus_second_part", 1);
}

#[test]
fn the_corpus_third_part() {
    the_corpus("the_corpus_third_part", 2);
}

#[test]
fn the_corpus_fourth_part() {
    the_corpus("the_corpus_fourth_part", 3);
}

#[test]
fn the_corpus_fifth_part() {
    the_corpus("the_corpus_fifth_part", 4);
}
