use if_engine::{
    Secret,
    auth::{FileTokenStore, STORE_KEY, TokenStore},
};
use std::path::Path;

fn store(dir: &Path) -> FileTokenStore {
    FileTokenStore::new(dir, "acme", "mine")
}

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

#[test]
fn what_is_saved_is_loaded_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("not/yet");
    assert!(store(&below).load(STORE_KEY).unwrap().is_none());
    store(&below).save(STORE_KEY, &secret("one")).unwrap();
    store(&below).save("other", &secret("two")).unwrap();
    store(&below).save(STORE_KEY, &secret("three")).unwrap();
    assert_eq!(store(&below).load(STORE_KEY).unwrap().unwrap().expose(), "three");
    assert_eq!(store(&below).load("other").unwrap().unwrap().expose(), "two");
    let names: Vec<_> = std::fs::read_dir(&below).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["acme.mine.json"], "nothing is left beside it");
}

#[test]
fn instances_do_not_share() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path()).save(STORE_KEY, &secret("one")).unwrap();
    assert!(FileTokenStore::new(dir.path(), "acme", "other").load(STORE_KEY).unwrap().is_none());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("tokens");
    store(&below).save(STORE_KEY, &secret("one")).unwrap();
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    let file = below.join("acme.mine.json");
    assert_eq!((mode(&below), mode(&file)), (0o700, 0o600));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = store(&below).load(STORE_KEY).expect_err("others can read it").to_string();
    assert!(error.contains("chmod 600"), "{error}");
}

#[test]
fn a_broken_file_is_named_and_neither_quoted_nor_overwritten() {
    for text in
        ["", "{\"version\":1,\"tokens\":{\"refresh_token\": tok-9", "{\"version\":2,\"tokens\":{}}", "[\"tok-9\"]"]
    {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("acme.mine.json");
        store(dir.path()).save(STORE_KEY, &secret("x")).unwrap();
        std::fs::write(&file, text).unwrap();
        let load = store(dir.path()).load(STORE_KEY).expect_err("broken").to_string();
        let save = store(dir.path()).save(STORE_KEY, &secret("y")).expect_err("broken").to_string();
        for error in [load, save] {
            assert!(error.contains("acme.mine.json") && !error.contains("tok-9"), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn a_place_that_cannot_be_written_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(store(&file).save(STORE_KEY, &secret("x")).is_err());
}
