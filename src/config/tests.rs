//! Whole files, from text to configuration and remarks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Context, Loaded, SourceError, Sources, load};

/// Files in memory, and real ones beside the project.
#[derive(Debug, Default)]
pub(super) struct Texts(BTreeMap<PathBuf, Vec<u8>>);

impl Texts {
    pub(super) fn new<const N: usize>(files: [(&str, &[u8]); N]) -> Self {
        Self(files.into_iter().map(|(path, text)| (PathBuf::from(path), text.to_vec())).collect())
    }
}

impl Sources for Texts {
    fn read(&self, path: &Path) -> Result<Vec<u8>, SourceError> {
        self.0.get(path).cloned().ok_or(SourceError::Missing)
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
        let fits = |path: &&PathBuf| path.to_string_lossy().starts_with(start) && path.to_string_lossy().ends_with(end);
        self.0.keys().filter(fits).cloned().collect()
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "VIP").then(|| "192.0.2.9".to_owned())
    }
}

fn keepalived(text: &str) -> Loaded {
    load(Path::new("test.conf"), None, &Texts::new([("test.conf", text.as_bytes())]), &Context::default())
}

/// A file of the project by its path from the root.
fn seed(name: &str) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/seeds").join(name);
    let text = std::fs::read(path).unwrap();
    load(Path::new(name), None, &Texts::new([(name, &text)]), &Context::default())
}

#[test]
fn seeds_say() {
    for name in ["000", "001", "002-first", "002-second", "003", "004-master"] {
        let loaded = seed(&format!("{name}.conf"));
        println!("=== {name}: {}\n{}", loaded.report.summary(), loaded.report.render(false));
    }
}
