use crate::plugins::{load, manifests};
use std::fs;

fn write(dir: &std::path::Path, file: &str, text: &str) {
    let path = dir.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_folder_with_a_manifest_is_a_provider() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "mine/manifest.yaml", "id: mine");
    write(dir.path(), "priced/manifest.yaml", "id: priced");
    write(dir.path(), "priced/prices.yaml", "version: 1");
    write(dir.path(), "executable/plugin.yaml", "id: executable");
    write(dir.path(), "Not A Name/manifest.yaml", "id: x");
    write(dir.path(), "manifest.yaml", "id: nobody");
    let found = manifests(dir.path()).unwrap();
    assert_eq!(found.keys().map(|n| n.as_str()).collect::<Vec<_>>(), ["mine", "priced"]);
    let files = load(dir.path(), &"priced".parse().unwrap()).unwrap();
    assert_eq!((files.manifest.text.as_str(), files.prices.unwrap().text.as_str()), ("id: priced", "version: 1"));
    assert_eq!(load(dir.path(), &"mine".parse().unwrap()).unwrap().prices, None);
}

#[test]
fn a_change_of_either_file_shows() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "mine/manifest.yaml", "id: mine");
    let first = manifests(dir.path()).unwrap();
    assert_eq!(first, manifests(dir.path()).unwrap());
    write(dir.path(), "mine/prices.yaml", "version: 1");
    let second = manifests(dir.path()).unwrap();
    assert_ne!(first, second);
    write(dir.path(), "mine/manifest.yaml", "id: mine  ");
    assert_ne!(second, manifests(dir.path()).unwrap());
}

#[test]
fn no_plugins_folder_is_no_plugins() {
    let dir = tempfile::tempdir().unwrap();
    assert!(manifests(&dir.path().join("none")).unwrap().is_empty());
    assert!(load(dir.path(), &"mine".parse().unwrap()).unwrap_err().is_missing());
}
