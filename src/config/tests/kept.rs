//! What is said about files that are not ours to show: for each its verdict, and each remark's severity, code and place.
//!
//! Somebody has read the whole remarks, with the files beside them, before these lists were kept; a change of one line here
//! asks for that again (`ipvsctl check FILE`). `BLESS=1` writes the lists anew. No text of the files is in them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{beside, brief, bytes};
use crate::config::Severity;

/// A file's lines of the list.
fn entry(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    let loaded = bytes(name, &std::fs::read(path).unwrap());
    let report = &loaded.report;
    let verdict = match &loaded.config {
        Some(config) if loaded.is_runnable() => {
            let servers = config.services.iter().map(|service| service.servers.len()).sum::<usize>();
            let (routers, services) = (config.instances.len(), config.services.len());
            format!("runs (routers {routers}, services {services}, servers {servers})")
        }
        Some(_) | None => "refused".to_owned(),
    };
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| report.count(severity));
    let mut lines = format!("{name}: {verdict}; errors {}, warnings {}, notes {}\n", counts[0], counts[1], counts[2]);
    for remark in brief(&loaded) {
        writeln!(lines, "    {remark}").unwrap();
    }
    lines
}

/// Compares what is said about a folder's files with what was kept.
fn as_kept(folder: &str, ending: &str) {
    let Some(place) = beside(folder) else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == ending));
    files.sort();
    assert!(!files.is_empty(), "the folder is there and holds nothing");
    let now: String = files.iter().map(|path| entry(path)).collect();
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/config/tests/kept/{folder}.txt"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&list, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&list).unwrap_or_default();
    let differing: Vec<_> = now.lines().filter(|line| !kept.lines().any(|known| known == *line)).collect();
    assert!(now == kept, "{} is not what is said now; new or moved: {differing:#?}", list.display());
}

#[test]
fn the_corpus() {
    as_kept("corpus", "conf");
}

#[test]
fn the_seeds() {
    as_kept("seeds", "txt");
}
