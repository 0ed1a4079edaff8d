//! keepalived and ipvsd with the same files make the same of the kernel, but for what is meant to differ.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use integration::differ::{Comparison, Patience, compare_all, configurations};
use integration::lab_test;

lab_test! {
    /// Every file of ours: no difference without its reason, and none that either program refuses.
    fn our_configurations_differ_only_as_is_meant() {
        let files = configurations(&Path::new(env!("CARGO_MANIFEST_DIR")).join("differ")).unwrap();
        assert!(files.len() > 10, "{files:?}");
        let patience = Patience { quiet: Duration::from_secs(10), ..Patience::default() };
        let wrong = Mutex::new(Vec::new());
        compare_all(&files, files.len(), patience, |comparison: &Comparison| {
            println!("{comparison}");
            if comparison.unexplained().next().is_some() || !comparison.refusals().is_empty() {
                wrong.lock().unwrap().push(comparison.details());
            }
        });
        let wrong = wrong.into_inner().unwrap();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
