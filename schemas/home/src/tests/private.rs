use super::*;
use crate::private::{self, SECRET_FILE_MAX_BYTES};

#[test]
fn a_secret_loses_the_white_space_around_it() {
    let (_dir, path) = file("\n SUAM \r\n");
    assert_eq!(private::read_secret(&path, "it holds a seed").unwrap().as_str(), "SUAM");
}

#[test]
fn a_secret_file_larger_than_the_limit_is_refused() {
    let limit = SECRET_FILE_MAX_BYTES as usize;
    let (_dir, path) = file(&"a".repeat(limit));
    private::read_secret(&path, "it holds a seed").unwrap();
    fs::write(&path, "a".repeat(limit + 1)).unwrap();
    let e = private::read_secret(&path, "it holds a seed").unwrap_err();
    assert_eq!(shown(&e, &path), "obs.yaml: larger than the limit of 4096 bytes");
}

#[test]
fn bytes_that_are_no_text_are_pointed_at() {
    let (_dir, path) = file("");
    fs::write(&path, b"ab\nc\xffd").unwrap();
    let e = private::read_secret(&path, "it holds a seed").unwrap_err();
    assert_eq!(shown(&e, &path), "obs.yaml:2:2: not UTF-8 text\nhint: save the file as UTF-8");
}

#[test]
fn a_new_file_never_takes_the_place_of_another() {
    let (_dir, path) = file("old");
    private::write_new(&path, b"new").unwrap_err();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[cfg(unix)]
#[test]
fn a_replaced_file_becomes_private() {
    let (dir, path) = file_of_mode("old", 0o644);
    private::replace(&path, b"new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn a_directory_in_the_way_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("taken");
    fs::create_dir(&path).unwrap();
    let e = private::replace(&path, b"new").unwrap_err();
    assert!(e.message().contains("taken: cannot write"), "{e}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
}
