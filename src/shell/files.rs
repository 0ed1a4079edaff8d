//! Files, globs and the environment, as the configuration asks for them.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::fcntl::OFlag;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use crate::config::{SourceError, Sources};

/// No more than this is read of one file: ten times the largest configuration that is known to be in use.
const LIMIT: u64 = 64 << 20;
/// Its owner, its group or others.
const ANYBODY_EXECUTES: u32 = 0o111;
/// A glob gives no more files than this.
const MOST_FILES: usize = 10_000;

/// The file system and the environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostFiles;

impl Sources for HostFiles {
    fn read(&self, path: &Path) -> Result<Vec<u8>, SourceError> {
        // Not to block: opening a pipe that nobody writes to would wait for ever.
        let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
        let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| cause(&error))?;
        let status = file.metadata().map_err(|error| cause(&error))?;
        if status.is_dir() {
            return Err(SourceError::Folder);
        }
        if !status.is_file() {
            return Err(SourceError::Special);
        }
        if status.len() > LIMIT {
            return Err(SourceError::TooLarge { size: status.len(), limit: LIMIT });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(status.len()).unwrap_or(0));
        // A file may grow while it is read.
        file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| cause(&error))?;
        match u64::try_from(bytes.len()) {
            Ok(size) if size > LIMIT => Err(SourceError::TooLarge { size, limit: LIMIT }),
            Ok(_) | Err(_) => Ok(bytes),
        }
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for pattern in braces(pattern) {
            let (start, rest) = match pattern.strip_prefix('/') {
                Some(rest) => (PathBuf::from("/"), rest),
                None => (PathBuf::new(), pattern.as_str()),
            };
            let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
            expand(&start, &parts, &mut found);
        }
        found.truncate(MOST_FILES);
        found
    }

    fn is_executable(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|status| status.is_file() && status.mode() & ANYBODY_EXECUTES != 0)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn seed(&self) -> u64 {
        static SEED: OnceLock<u64> = OnceLock::new();
        // The standard library keys its maps with what the operating system gives for randomness.
        *SEED.get_or_init(|| RandomState::new().hash_one(std::process::id()))
    }
}

fn cause(error: &io::Error) -> SourceError {
    match error.raw_os_error() {
        Some(libc::ENOENT) => SourceError::Missing,
        Some(libc::EACCES | libc::EPERM) => SourceError::Forbidden,
        Some(libc::EISDIR) => SourceError::Folder,
        // A socket, or a device without a driver.
        Some(libc::ENXIO) => SourceError::Special,
        Some(_) | None => SourceError::Other(error.to_string()),
    }
}

/// `a{b,c}d` as the shell means it: `abd`, `acd`; one level at a time.
pub(super) fn braces(pattern: &str) -> Vec<String> {
    let split = pattern.split_once('{').and_then(|(before, rest)| {
        let (inside, after) = rest.split_once('}')?;
        Some((before, inside, after))
    });
    match split {
        Some((before, inside, after)) if inside.contains(',') => inside
            .split(',')
            .take(MOST_FILES)
            .flat_map(|choice| braces(&format!("{choice}{after}")).into_iter().map(move |end| format!("{before}{end}")))
            .take(MOST_FILES)
            .collect(),
        Some(_) | None => vec![pattern.to_owned()],
    }
}

/// What there is below a folder whose path matches the parts of a pattern, each folder's sorted by name.
fn expand(folder: &Path, parts: &[&str], found: &mut Vec<PathBuf>) {
    let Some((part, rest)) = parts.split_first() else {
        // Whatever it is: what cannot be read is told of by whoever reads it.
        if folder.exists() {
            found.push(folder.to_owned());
        }
        return;
    };
    if found.len() >= MOST_FILES {
        return;
    }
    if !is_wild(part) {
        return expand(&folder.join(part), rest, found);
    }
    let readable = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for name in fitting(readable, part) {
        expand(&folder.join(name), rest, found);
    }
}

/// Whether a part of a path is a pattern.
pub(super) fn is_wild(part: &str) -> bool {
    part.contains(['*', '?', '['])
}

/// The names in a folder that fit a pattern, sorted.
pub(super) fn fitting(folder: &Path, pattern: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| fits(pattern, name))
        .collect();
    names.sort();
    names
}

/// Whether a name fits a pattern of `*`, `?` and `[...]`; a leading dot must be written.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // Where to go on after a `*` that took too little: linear in the pattern for every letter of the name.
    let (mut p, mut n, mut retry) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, n));
                p += 1;
                continue;
            }
            Some(_) => {
                if let Some(length) = name.get(n).and_then(|c| one(pattern.get(p..).unwrap_or(&[]), *c)) {
                    p += length;
                    n += 1;
                    continue;
                }
            }
            None => {}
        }
        let Some((star, taken)) = retry else { return false };
        retry = Some((star, taken + 1));
        p = star + 1;
        n = taken + 1;
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

/// How much of a pattern takes one letter; none: it does not.
fn one(pattern: &[char], letter: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => match pattern.iter().skip(2).position(|c| *c == ']') {
            Some(length) => {
                let set = pattern.get(1..length + 2)?;
                let (set, wanted) = match set.first() {
                    Some('!' | '^') => (set.get(1..)?, false),
                    Some(_) | None => (set, true),
                };
                (in_set(set, letter) == wanted).then_some(length + 3)
            }
            None => (letter == '[').then_some(1),
        },
        '\\' => (pattern.get(1) == Some(&letter)).then_some(2),
        other => (*other == letter).then_some(1),
    }
}

fn in_set(set: &[char], letter: char) -> bool {
    let mut at = 0;
    while let Some(low) = set.get(at) {
        match (set.get(at + 1), set.get(at + 2)) {
            (Some('-'), Some(high)) => {
                if (*low..=*high).contains(&letter) {
                    return true;
                }
                at += 3;
            }
            _ => {
                if *low == letter {
                    return true;
                }
                at += 1;
            }
        }
    }
    false
}

/// This host's name up to its first dot: what `@id` lines of keepalived.conf go by.
#[must_use]
pub fn short_host_name() -> String {
    // proc(5); cheaper than a call that may ask name servers.
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().split('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;
    use std::path::{Path, PathBuf};

    use super::{HostFiles, braces, fits};
    use crate::config::{SourceError, Sources};

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".a.conf", false),
            ("*.conf", "a.conf.bak", false),
            ("a?c", "abc", true),
            ("a[b-d]e", "ace", true),
            ("a[!b-d]e", "ace", false),
            ("a[]x]", "a]", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("**", "", true),
            ("[", "[", true),
            ("\\*", "*", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        assert!(!fits(&"*a".repeat(50), &"a".repeat(2_000).replace("aa", "ab")), "not in exponential time");
        assert_eq!(braces("a{b,c}{1,2}"), ["ab1", "ab2", "ac1", "ac2"]);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let _listener = UnixListener::bind(at("socket")).unwrap();
        let pipe = at("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::File::create(at("large")).unwrap().set_len(super::LIMIT + 1).unwrap();
        assert_eq!(HostFiles.read(&at("none")), Err(SourceError::Missing));
        assert_eq!(HostFiles.read(folder.path()), Err(SourceError::Folder));
        assert_eq!(HostFiles.read(&at("socket")), Err(SourceError::Special));
        assert_eq!(HostFiles.read(&pipe), Err(SourceError::Special));
        assert_eq!(HostFiles.read(Path::new("/dev/zero")), Err(SourceError::Special));
        assert!(matches!(HostFiles.read(&at("large")), Err(SourceError::TooLarge { .. })));
    }

    #[test]
    fn globs_are_sorted_and_go_through_folders() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/2.conf", "a/1.conf", "a/0.conf", "a/x.txt"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let found = HostFiles.glob(&format!("{}/{{b,a}}/*.conf", folder.path().display()));
        let names: Vec<PathBuf> =
            found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().to_owned()).collect();
        assert_eq!(names, [Path::new("b/2.conf"), Path::new("a/0.conf"), Path::new("a/1.conf")]);
    }
}
