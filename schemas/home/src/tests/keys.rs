use super::*;
use crate::keys;

const SEED: [u8; 32] = [7; 32];

fn key_in(dir: &TempDir) -> PathBuf {
    dir.path().join("keys").join("worker.key")
}

#[test]
fn a_written_key_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = key_in(&dir);
    let written = keys::write_new(&path, &SEED).unwrap();
    assert_eq!(keys::read(&path).unwrap().public(), written.public());
    assert_eq!(keys::generate(SEED).public(), written.public());
    assert_eq!(keys::read_public(&path).unwrap(), written.public());
    assert_eq!(keys::read_public(&dir.path().join("keys/worker.pub")).unwrap(), written.public());
}

#[test]
fn a_key_file_is_one_line_of_prefix_and_hex() {
    let dir = tempfile::tempdir().unwrap();
    keys::write_new(&key_in(&dir), &SEED).unwrap();
    assert_eq!(fs::read_to_string(key_in(&dir)).unwrap(), format!("ifkey1:{}\n", "07".repeat(32)));
}

#[cfg(unix)]
#[test]
fn a_new_key_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    keys::write_new(&key_in(&dir), &SEED).unwrap();
    assert_eq!(mode(&key_in(&dir)), 0o600);
    assert_eq!(mode(key_in(&dir).parent().unwrap()), 0o700);
}

#[test]
fn an_existing_key_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = key_in(&dir);
    let first = keys::write_new(&path, &SEED).unwrap();
    let e = keys::write_new(&path, &[8; 32]).unwrap_err();
    assert!(e.hint().unwrap().contains("never overwritten"), "{e}");
    assert_eq!(keys::read(&path).unwrap().public(), first.public());
    assert_eq!(keys::read_public(&path).unwrap(), first.public());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 2, "no temporary file is left");
}

#[cfg(unix)]
#[test]
fn a_key_others_can_use_is_refused_with_the_fix() {
    let dir = tempfile::tempdir().unwrap();
    let path = key_in(&dir);
    keys::write_new(&path, &SEED).unwrap();
    for open in [0o640, 0o604, 0o620, 0o644, 0o777] {
        set_mode(&path, open);
        let e = keys::read(&path).unwrap_err();
        assert_eq!(
            shown(&e, &path),
            format!(
                "worker.key: it holds a private key, but other users may use the file (mode {open:04o})\nhint: chmod 600 worker.key"
            )
        );
    }
    set_mode(&path, 0o400);
    keys::read(&path).unwrap();
}

#[test]
fn a_file_that_is_no_key_is_refused_without_showing_it() {
    let zeros = "00".repeat(32);
    for text in ["", "ifkey1:", "ifkey1:abcd", &format!("ifkey2:{zeros}"), &zeros, &format!("ifkey1:{zeros}00")] {
        let (_dir, path) = file(text);
        let e = keys::read(&path).unwrap_err();
        assert_eq!(
            shown(&e, &path),
            "obs.yaml:1:1: not a private key file\nhint: it must be one line, `ifkey1:` and 64 hex digits"
        );
    }
}

#[test]
fn a_missing_key_says_how_to_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let e = keys::read(&key_in(&dir)).unwrap_err();
    assert!(e.is_missing());
    assert!(e.hint().unwrap().contains("ifctl init"), "{e}");
}

#[test]
fn a_public_key_that_is_none_is_refused() {
    // All zeros is a point of small order: every message verifies under it.
    for text in ["", "zz", &"00".repeat(32)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.pub");
        fs::write(&path, text).unwrap();
        let e = keys::read_public(&path).unwrap_err();
        assert_eq!(e.message(), format!("{}:1:1: not a public key file", path.display()));
    }
}

#[test]
fn random_seeds_differ() {
    assert_ne!(*keys::random_seed().unwrap(), *keys::random_seed().unwrap());
}
