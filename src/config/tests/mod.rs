//! Whole files, from text to configuration and remarks.

mod any_config;
mod bad;
mod bounds;
mod braces;
mod checks;
mod commands;
mod convert;
mod expansion;
mod files;
mod fuzz;
mod garbage;
mod groups;
mod haproxy;
mod haproxy_health;
mod http;
mod includes;
mod interfaces;
mod kept;
mod language;
mod left_out;
mod local_checks;
mod meaning;
mod routers;
mod schema;
mod seeds;
mod services;
mod slips;
mod surroundings;
mod table;
mod trackers;
mod unheeded;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Code, Context, Diagnostic, Loaded, Severity, SourceError, Sources, load};

/// What stands in for the text of a folder, and of a socket.
const FOLDER: &[u8] = b"a folder";
const SOCKET: &[u8] = b"a socket";

/// Files in memory. Those whose names end in `.sh` may be executed.
#[derive(Debug, Default)]
struct Texts(BTreeMap<PathBuf, Vec<u8>>);

impl Texts {
    fn new<const N: usize>(files: [(&str, &[u8]); N]) -> Self {
        Self(files.into_iter().map(|(path, text)| (PathBuf::from(path), text.to_vec())).collect())
    }
}

impl Sources for Texts {
    fn read(&self, path: &Path) -> Result<Vec<u8>, SourceError> {
        match self.0.get(path).map(Vec::as_slice) {
            None => Err(SourceError::Missing),
            Some(FOLDER) => Err(SourceError::Folder),
            Some(SOCKET) => Err(SourceError::Special),
            Some(text) => Ok(text.to_vec()),
        }
    }

    fn is_executable(&self, path: &Path) -> bool {
        path.extension().is_some_and(|ending| ending == "sh")
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        if let Some((before, rest)) = pattern.split_once('{')
            && let Some((inside, after)) = rest.split_once('}')
        {
            let choices = inside.split(',').flat_map(|choice| self.glob(&format!("{before}{choice}{after}")));
            return choices.take(1_000).collect();
        }
        let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
        let fits = |path: &&PathBuf| path.to_string_lossy().starts_with(start) && path.to_string_lossy().ends_with(end);
        self.0.keys().filter(fits).cloned().collect()
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "VIP").then(|| "192.0.2.9".to_owned())
    }
}

fn bytes(name: &str, text: &[u8]) -> Loaded {
    let context = Context { config_id: "lb1".to_owned() };
    load(Path::new(name), None, &Texts::new([(name, text)]), &context)
}

fn keepalived(text: &str) -> Loaded {
    bytes("test.conf", text.as_bytes())
}

fn toml(text: &str) -> Loaded {
    bytes("test.toml", text.as_bytes())
}

/// A file of the project by its path from the root.
fn example(path: &str) -> Loaded {
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)).unwrap();
    bytes(path.rsplit('/').next().unwrap(), &text)
}

/// A folder that may lie beside the project.
fn beside(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIP: {} is not there", folder.display());
    None
}

/// `severity code line:column`, for short expectations.
fn brief(loaded: &Loaded) -> Vec<String> {
    loaded
        .report
        .diagnostics()
        .iter()
        .map(|diagnostic| {
            let place = diagnostic.primary.as_ref().map_or_else(String::new, |label| {
                let position = loaded.report.files().position(label.span);
                format!(" {}:{}", position.line, position.column)
            });
            format!("{} {}{place}", diagnostic.severity, diagnostic.code)
        })
        .collect()
}

/// The only remark of a code.
fn only(loaded: &Loaded, code: Code) -> &Diagnostic {
    let mut found = loaded.report.diagnostics().iter().filter(|diagnostic| diagnostic.code == code);
    let first = found.next().unwrap_or_else(|| panic!("no {code}: {}", loaded.report.render(false)));
    assert_eq!(found.next(), None, "{}", loaded.report.render(false));
    first
}
