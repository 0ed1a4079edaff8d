//! The way to a file: every folder that is looked into, and the name that is looked for there.

use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Symbolic links that are followed, as in the kernel (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// The way to a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::shell) struct Way {
    /// Folders, by names without links, and what is looked for in each. Ends where something is missing.
    pub(in crate::shell) steps: Vec<(PathBuf, OsString)>,
    /// Where it ends, if that exists.
    pub(in crate::shell) file: Option<PathBuf>,
}

impl Way {
    /// Walks it as it is now. A path that is not absolute begins at the root.
    pub(in crate::shell) fn walk(path: &Path) -> Self {
        let mut steps = Vec::new();
        let mut here = PathBuf::from("/");
        let mut links = 0;
        // What is still to be walked, the next part last.
        let mut rest: Vec<OsString> = Vec::new();
        let push = |rest: &mut Vec<OsString>, path: &Path| {
            let parts = path.components().filter_map(|part| match part {
                Component::Normal(name) => Some(name.to_owned()),
                Component::ParentDir => Some(OsString::from("..")),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
            });
            let parts: Vec<_> = parts.collect();
            rest.extend(parts.into_iter().rev());
        };
        push(&mut rest, path);
        while let Some(name) = rest.pop() {
            if name == ".." {
                here.pop();
                continue;
            }
            steps.push((here.clone(), name.clone()));
            let next = here.join(&name);
            let Ok(found) = fs::symlink_metadata(&next) else { return Self { steps, file: None } };
            if !found.is_symlink() {
                here = next;
                continue;
            }
            links += 1;
            match fs::read_link(&next) {
                Ok(target) if links <= MOST_LINKS => {
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    push(&mut rest, &target);
                }
                Ok(_) | Err(_) => return Self { steps, file: None },
            }
        }
        Self { steps, file: Some(here) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_folder_on_the_way_is_a_step() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let steps = |path: &Path| {
            let way = Way::walk(path);
            let below = |(folder, name): &(PathBuf, OsString)| {
                let folder = folder.strip_prefix(&root).ok()?.to_str()?.to_owned();
                Some(format!("{folder}:{}", name.to_str()?))
            };
            let file = way.file.map(|file| file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            (way.steps.iter().filter_map(below).collect::<Vec<_>>(), file)
        };
        assert_eq!(steps(&root.join("a/b/n")), (vec![":a".to_owned()], None));
        fs::create_dir_all(root.join("a/b")).unwrap();
        assert_eq!(steps(&root.join("a/b/n")).0, [":a", "a:b", "a/b:n"]);
        fs::write(root.join("a/b/n"), "1").unwrap();
        assert_eq!(
            steps(&root.join("a/./b/../b/n")),
            (vec![":a".into(), "a:b".into(), "a:b".into(), "a/b:n".into()], Some("a/b/n".into()))
        );
        // As Kubernetes mounts a ConfigMap.
        fs::create_dir(root.join("one")).unwrap();
        fs::write(root.join("one/n"), "1").unwrap();
        symlink("one", root.join("..data")).unwrap();
        symlink("..data/n", root.join("n")).unwrap();
        assert_eq!(
            steps(&root.join("n")),
            (vec![":n".into(), ":..data".into(), ":one".into(), "one:n".into()], Some("one/n".into()))
        );
        symlink(root.join("a"), root.join("away")).unwrap();
        assert_eq!(steps(&root.join("away/b/n")).0, [":away", ":a", "a:b", "a/b:n"]);
        symlink("loop", root.join("loop")).unwrap();
        assert_eq!(steps(&root.join("loop")).1, None);
    }
}
