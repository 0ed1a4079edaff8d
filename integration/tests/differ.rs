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

/// One of two halves of a folder of ours: a guest has a time limit.
fn half(folder: &Path, first: bool) -> Vec<PathBuf> {
    let files = configurations(folder).unwrap();
    assert!(files.len() >= 2, "{}: {files:?}", folder.display());
    files.into_iter().enumerate().filter(|(index, _)| index.is_multiple_of(2) == first).map(|(_, file)| file).collect()
}

lab_test! {
    /// Every word of `virtual_server` and more, each in a file of ours.
    fn our_configurations_differ_only_as_is_meant() {
        all_differ_only_as_is_meant(&half(&repository().join("integration/differ"), true), Duration::from_secs(15));
    }

    /// The other half.
    fn our_other_configurations_differ_only_as_is_meant() {
        all_differ_only_as_is_meant(&half(&repository().join("integration/differ"), false), Duration::from_secs(15));
    }

    /// Configurations that people have published.
    fn published_configurations_differ_only_as_is_meant() {
        let files = configurations(&repository().join("examples/seeds")).unwrap();
        assert!(!files.is_empty());
        all_differ_only_as_is_meant(&files, Duration::from_secs(25));
    }
}

/// Configurations from the wild, a part of them; nothing where the collection is not there.
fn a_part_of_the_corpus(test: &str, part: usize) {
    const PARTS: usize = 3;
    let folder = repository().join("../shared/corpus");
    if !folder.is_dir() {
        println!("SKIP: {} is not there", folder.display());
        return;
    }
    let path = format!("{}::{test}", module_path!());
    kernel::run(Need::Ipvs, &path, || {
        let files = configurations(&folder).unwrap();
        assert!(!files.is_empty(), "the folder is there and holds nothing");
        let part: Vec<_> = files.into_iter().skip(part).step_by(PARTS).collect();
        all_differ_only_as_is_meant(&part, Duration::from_secs(25));
    });
}

#[test]
fn the_corpus_first_part() {
    a_part_of_the_corpus("the_corpus_first_part", 0);
}

#[test]
fn the_corpus_second_part() {
    a_part_of_the_corpus("the_corpus_second_part", 1);
}

#[test]
fn the_corpus_third_part() {
    a_part_of_the_corpus("the_corpus_third_part", 2);
}
