use super::*;
use if_schemas::Name;
use std::fs;

fn write(dir: &Path, file: &str, text: &str) {
    fs::write(dir.join(file), text).unwrap();
}

fn key(provider: &str, instance: &str) -> (Name, Name) {
    (provider.parse().unwrap(), instance.parse().unwrap())
}

#[test]
fn what_the_files_want_is_told_apart_from_what_is_wrong_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let text =
        "instances:\n  good: {host: 10.0.0.1}\n  off: {host: 10.0.0.2, enabled: false}\n  bad: {hots: 10.0.0.3}\n";
    write(dir.path(), "vmix.yaml", text);
    write(dir.path(), "obs.yaml", "instances: [");
    write(dir.path(), "nobody.yaml", "instances: {}");
    let (wanted, complaints) = read(dir.path(), &if_manifest::providers()).unwrap();
    assert_eq!(wanted.instances.keys().cloned().collect::<Vec<_>>(), [key("vmix", "good")]);
    let problem = &wanted.problems[&key("vmix", "bad")];
    assert!(problem.text.contains("vmix.yaml:4:9"), "{}", problem.text);
    assert!(wanted.unreadable.contains_key(&"obs".parse().unwrap()));
    assert_eq!(complaints.len(), 3, "{complaints:?}");
}

#[test]
fn a_directory_that_is_not_there_wants_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (wanted, complaints) = read(&dir.path().join("none"), &if_manifest::providers()).unwrap();
    assert!(wanted.instances.is_empty() && wanted.problems.is_empty() && complaints.is_empty());
}

#[test]
fn a_file_that_changes_changes_the_stamp() {
    let dir = tempfile::tempdir().unwrap();
    let empty = stamp(dir.path());
    write(dir.path(), "vmix.yaml", "instances: {}");
    let one = stamp(dir.path());
    assert_ne!(empty, one);
    assert_eq!(one, stamp(dir.path()));
    write(dir.path(), "vmix.yaml", "instances: {a: {host: b}}");
    assert_ne!(one, stamp(dir.path()));
}
