//! What has to hold for any bytes at all, whoever makes them up.
//!
//! The targets are small: each takes the bytes to where the daemon would meet them, and asks for these things. A panic is a
//! find, and so is a text that loads and whose conversion means something else.

use std::path::{Path, PathBuf};

use ipvsd::config::{Context, Language, Report, SourceError, Sources, convert, convert_haproxy, load};

/// One text, and a world with nothing else in it. An include of the text itself finds it, so that circles are met too.
struct Alone<'a> {
    path: &'a Path,
    text: &'a [u8],
}

impl Sources for Alone<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>, SourceError> {
        if path.file_name() == self.path.file_name() { Ok(self.text.to_vec()) } else { Err(SourceError::Missing) }
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        if Path::new(pattern).file_name() == self.path.file_name() { vec![PathBuf::from(pattern)] } else { Vec::new() }
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "VIP").then(|| "192.0.2.1".to_owned())
    }
}

/// Reads a text of this name, and converts it.
///
/// # Panics
/// Where something does not hold: that is what a fuzzer looks for.
pub fn text(name: &str, text: &[u8]) {
    let path = Path::new(name);
    let sources = Alone { path, text };
    let context = Context { config_id: "lb1".to_owned() };
    let loaded = load(path, None, &sources, &context);
    remarks_stand_in_the_text(&loaded.report);
    assert!(loaded.config.is_some() || !loaded.report.diagnostics().is_empty(), "nothing to run, and nothing to say");
    let converted = convert(path, Language::of(path), &sources, &context);
    assert_eq!(converted.lost, Vec::<String>::new(), "a conversion lost something");
    let Some(document) = converted.text else {
        assert!(loaded.config.is_none(), "what can be run can be converted");
        return;
    };
    let again = Alone { path: Path::new("converted.toml"), text: document.as_bytes() };
    let again = load(again.path, None, &again, &context);
    assert_eq!(again.config, loaded.config, "a conversion means something else:\n{document}");
}

/// Reads an haproxy.cfg; what comes of it loads to what was meant.
///
/// # Panics
/// Where something does not hold.
pub fn haproxy(text: &[u8]) {
    let path = Path::new("haproxy.cfg");
    let converted = convert_haproxy(path, &["192.0.2.1".parse().expect("an address")], &Alone { path, text });
    remarks_stand_in_the_text(&converted.loaded.report);
    assert_eq!(converted.lost, Vec::<String>::new(), "a conversion lost something");
    let Some(document) = converted.text else { return };
    let again = Alone { path: Path::new("converted.toml"), text: document.as_bytes() };
    let again = load(again.path, None, &again, &Context::default());
    assert_eq!(again.config, converted.loaded.config, "a conversion means something else:\n{document}");
}

fn remarks_stand_in_the_text(report: &Report) {
    for diagnostic in report.diagnostics() {
        for label in diagnostic.primary.iter().chain(&diagnostic.secondary) {
            assert!(report.files().text(label.span.file).get(label.span.range()).is_some(), "{diagnostic:?}");
        }
        assert!(!report.line(diagnostic).is_empty());
    }
    assert!(report.render(false).len() >= report.diagnostics().len());
}
