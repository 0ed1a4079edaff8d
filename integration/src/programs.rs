//! The programs under test: found next to the test's own executable, and built first.
//!
//! Cargo builds the binaries of the package whose tests it runs, but not those of the
//! packages that it depends on. An `ipvsd` lying about from last week would be tested
//! in silence, so that [`build`] asks cargo once per process; when everything is
//! fresh, that takes a fraction of a second. In a guest of `scripts/lab` nothing is built:
//! whoever started the guest has done so.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_path_buf()
}

/// Cargo's output folder that this executable was built into: `.../target/debug` or
/// `.../target/release`.
#[must_use]
pub fn output_folder() -> PathBuf {
    let executable = std::env::current_exe().expect("a process knows its own file");
    let folder = executable.parent().expect("a file lies in a folder");
    // Tests lie in deps/, examples in examples/, binaries at the top.
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder.parent().expect("deps/ lies in a folder").to_path_buf()
    } else {
        folder.to_path_buf()
    }
}

/// The path of a binary of the workspace, such as `ipvsd`, `ipvsctl` or `lab-tool`.
///
/// # Panics
///
/// When it cannot be built, or is not there afterwards.
#[must_use]
pub fn bin(name: &str) -> PathBuf {
    build();
    let path = output_folder().join(name);
    assert!(path.exists(), "there is no {}: run `cargo build --workspace --bins`", path.display());
    path
}

/// Brings all binaries of the workspace up to date, once per process. Does nothing in a guest, nor
/// with `IPVSD_NO_BUILD=1`.
///
/// # Panics
///
/// When the build fails.
pub fn build() {
    static DONE: Once = Once::new();
    let told_not_to = std::env::var("IPVSD_NO_BUILD").is_ok_and(|value| value == "1");
    if told_not_to || std::env::var_os("IPVSD_LAB").is_some() {
        return;
    }
    DONE.call_once(|| {
        let folder = output_folder();
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(["build", "--quiet", "--workspace", "--bins", "--target-dir"])
            .arg(folder.parent().expect("target/debug lies in a folder"))
            .current_dir(repository());
        if folder.ends_with("release") {
            command.arg("--release");
        }
        // What cargo tells the tests that it runs is not meant for another cargo.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
                command.env_remove(&name);
            }
        }
        let output = command.output().expect("cargo can be run");
        assert!(
            output.status.success(),
            "the programs under test do not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    });
}
