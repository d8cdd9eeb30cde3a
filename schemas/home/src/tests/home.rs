use crate::{
    Home, HomeError,
    home::{expand, user_directory},
};
use std::path::{Path, PathBuf};

fn locate(flag: Option<&str>, variable: Option<&str>, user: Option<&str>) -> Result<PathBuf, HomeError> {
    Home::locate_in(flag.map(Into::into), variable.map(Into::into), user.map(Into::into))
        .map(|h| h.root().to_path_buf())
}

#[test]
fn the_flag_wins_over_the_variable_over_the_users_directory() {
    assert_eq!(locate(Some("/a"), Some("/b"), Some("/u")).unwrap(), Path::new("/a"));
    assert_eq!(locate(None, Some("/b"), Some("/u")).unwrap(), Path::new("/b"));
    assert_eq!(locate(None, None, Some("/u")).unwrap(), Path::new("/u/.if"));
}

#[test]
fn an_empty_variable_says_nothing() {
    assert_eq!(locate(None, Some(""), Some("/u")).unwrap(), Path::new("/u/.if"));
}

#[test]
fn a_tilde_the_shell_left_is_the_users_directory() {
    assert_eq!(locate(Some("~/studio"), None, Some("/u")).unwrap(), Path::new("/u/studio"));
}

#[test]
fn a_relative_flag_becomes_absolute() {
    let root = locate(Some("studio"), None, None).unwrap();
    assert_eq!(root, std::env::current_dir().unwrap().join("studio"));
}

#[test]
fn without_any_of_them_there_is_no_home() {
    let e = locate(None, None, None).unwrap_err();
    assert!(matches!(e, HomeError::NoHome));
    assert_eq!(e.message(), "no home directory");
    assert!(e.hint().unwrap().contains("IF_HOME"));
    assert_eq!(e.exit(), 64);
}

#[test]
fn files_have_their_places() {
    let home = Home::at("/h");
    let places = [
        (home.config_file(), "/h/config.yaml"),
        (home.genesis_file(), "/h/genesis.bin"),
        (home.key_file("ed25519"), "/h/keys/ed25519.key"),
        (home.provider_file(&"vmix".parse().unwrap()), "/h/providers/vmix.yaml"),
        (home.witness_dir(), "/h/witness"),
        (home.worker_dir(), "/h/worker"),
        (home.nats_seed_file("worker"), "/h/nats/worker.nk"),
        (home.fabric_file(), "/h/run/fabric.json"),
        (home.bin_dir(), "/h/bin"),
    ];
    for (path, expected) in places {
        assert_eq!(path, Path::new(expected));
    }
}

#[test]
fn the_default_directory_in_a_file_is_the_one_in_use() {
    let expand = |text| expand(text, Path::new("/h"), Some(Path::new("/u"))).unwrap();
    assert_eq!(expand("~/.if/keys/ed25519.key"), Path::new("/h/keys/ed25519.key"));
    assert_eq!(expand("~/.if"), Path::new("/h"));
    assert_eq!(expand("~/.ifx/a"), Path::new("/u/.ifx/a"));
    assert_eq!(expand("~/keys/a"), Path::new("/u/keys/a"));
    assert_eq!(expand("keys/a"), Path::new("/h/keys/a"));
    assert_eq!(expand("/keys/a"), Path::new("/keys/a"));
}

#[test]
fn a_tilde_without_a_users_directory_has_no_meaning() {
    assert_eq!(expand("~/keys/a", Path::new("/h"), None), None);
}

#[test]
fn locate_agrees_with_the_environment() {
    // Only reads the environment: tests run in parallel.
    if std::env::var_os(crate::home::HOME_VARIABLE).is_none()
        && let Some(user) = user_directory()
    {
        assert_eq!(Home::locate(None).unwrap().root(), user.join(".if"));
    }
    assert_eq!(Home::locate(Some("/a".into())).unwrap().root(), Path::new("/a"));
}
