use std::os::unix::fs::{PermissionsExt, chown, symlink};

use super::*;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Who refuses, and what: `None` if nobody does.
fn refused(program: &Path) -> Option<String> {
    match check_security(program) {
        Ok(()) => None,
        Err(outcome) => Some(outcome.to_string()),
    }
}

#[test]
fn root_runs_only_what_root_alone_can_write() {
    if !getuid().is_root() {
        return;
    }
    // Below a folder with the sticky bit, as a rule, which is fine.
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    let (safe, shared) = (root.join("safe"), root.join("shared"));
    fs::create_dir(&safe).unwrap();
    fs::create_dir(&shared).unwrap();
    mode(&safe, 0o755);
    let program = safe.join("program");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    mode(&program, 0o755);
    assert_eq!(refused(&program), None);
    assert_eq!(refused(&safe.join("../safe/./program")), None);

    let names = |why: Option<String>, path: &Path| {
        let why = why.unwrap_or_default();
        assert!(why.contains(&format!("can write {};", path.display())), "{why}");
    };
    mode(&program, 0o757);
    names(refused(&program), &program);
    // The sticky bit of a file means nothing.
    mode(&program, 0o1757);
    names(refused(&program), &program);
    mode(&program, 0o775);
    assert_eq!(refused(&program), None, "the group is root's");
    chown(&program, None, Some(12345)).unwrap();
    names(refused(&program), &program);
    mode(&program, 0o755);
    assert_eq!(refused(&program), None);
    chown(&program, Some(12345), None).unwrap();
    names(refused(&program), &program);
    chown(&program, Some(0), Some(0)).unwrap();

    // A link that others can turn round, to a file that they cannot write.
    mode(&shared, 0o777);
    symlink(&program, shared.join("link")).unwrap();
    names(refused(&shared.join("link")), &shared);
    // ... reached through one that they cannot.
    symlink(shared.join("link"), safe.join("link")).unwrap();
    names(refused(&safe.join("link")), &shared);
    symlink("program", safe.join("near")).unwrap();
    assert_eq!(refused(&safe.join("near")), None);
    symlink("loop", safe.join("loop")).unwrap();
    assert!(refused(&safe.join("loop")).unwrap().contains("too many symbolic links"));
    assert!(refused(&safe.join("missing")).is_some());
}

#[test]
fn a_path_that_does_not_say_where_begins_at_the_root() {
    assert_eq!(find("bin/true").unwrap(), Path::new("/bin/true"));
    assert_eq!(find("/bin/true").unwrap(), Path::new("/bin/true"));
    assert!(find("true").unwrap().is_absolute());
}
