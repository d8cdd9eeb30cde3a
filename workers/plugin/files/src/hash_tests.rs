use super::*;
use std::fs;

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn plugin() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "plugin.yaml", "id: x\n");
    write(dir.path(), "lib/a.py", "a = 1\n");
    write(dir.path(), "lib-b.py", "");
    dir
}

/// The records of `schemas/README.md` section 7, made by hand.
#[test]
fn the_hash_is_the_one_of_the_specification() {
    let dir = plugin();
    let mut records = Vec::new();
    for (path, text) in [("lib-b.py", ""), ("lib/a.py", "a = 1\n"), ("plugin.yaml", "id: x\n")] {
        records.extend(u32::try_from(path.len()).unwrap().to_be_bytes());
        records.extend(path.as_bytes());
        records.push(0);
        records.extend((text.len() as u64).to_be_bytes());
        records.extend(text.as_bytes());
    }
    let expected = if_schemas::codec::hash(CONTEXT_PLUGIN, &[&records]);
    let contents = contents(dir.path()).unwrap();
    assert_eq!(contents.hash, expected);
    assert_eq!(
        contents.files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(),
        ["lib-b.py", "lib/a.py", "plugin.yaml"]
    );
    assert_eq!(contents.bytes(), 12);
}

#[test]
fn whatever_changes_changes_the_hash() {
    let first = content_hash(plugin().path()).unwrap();
    let mut seen = vec![first];
    let change = |f: &dyn Fn(&Path)| {
        let dir = plugin();
        f(dir.path());
        content_hash(dir.path()).unwrap()
    };
    seen.push(change(&|d| write(d, "lib/a.py", "a = 2\n")));
    seen.push(change(&|d| write(d, "new", "")));
    seen.push(change(&|d| fs::remove_file(d.join("lib-b.py")).unwrap()));
    seen.push(change(&|d| fs::rename(d.join("lib-b.py"), d.join("lib-c.py")).unwrap()));
    seen.push(change(&|d| fs::rename(d.join("lib/a.py"), d.join("a.py")).unwrap()));
    #[cfg(unix)]
    seen.push(change(&|d| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(d.join("lib/a.py"), fs::Permissions::from_mode(0o755)).unwrap();
    }));
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "two different folders have one hash");
    assert_eq!(change(&|_| {}), first, "the same files have the same hash");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused() {
    let dir = plugin();
    std::os::unix::fs::symlink("plugin.yaml", dir.path().join("link")).unwrap();
    assert!(matches!(content_hash(dir.path()), Err(FilesError::Symlink(p)) if p.ends_with("link")));
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(plugin().path(), outside.path().join("p")).unwrap();
    assert!(matches!(content_hash(&outside.path().join("p")), Err(FilesError::Symlink(_))));
    let dir = plugin();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s")).unwrap();
    assert!(matches!(content_hash(dir.path()), Err(FilesError::Special(_))));
}

#[test]
fn size_count_and_depth_are_bounded() {
    let dir = plugin();
    let file = fs::File::create(dir.path().join("big")).unwrap();
    file.set_len(TOTAL_MAX_BYTES).unwrap();
    assert!(matches!(content_hash(dir.path()), Err(FilesError::TooLarge(_))));
    let dir = plugin();
    for n in 0..FILES_MAX {
        write(dir.path(), &format!("f{n}"), "");
    }
    assert!(matches!(content_hash(dir.path()), Err(FilesError::TooMany(_))));
    let dir = plugin();
    write(dir.path(), &format!("{}f", "d/".repeat(DEPTH_MAX + 1)), "");
    assert!(matches!(content_hash(dir.path()), Err(FilesError::TooDeep(_))));
}
