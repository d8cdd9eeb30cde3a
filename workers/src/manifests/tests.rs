use super::*;

const MANIFEST: &str = include_str!("tests/manifest.yaml");

fn write(dir: &Path, text: &str) {
    std::fs::create_dir_all(dir.join("acme")).unwrap();
    std::fs::write(dir.join("acme/manifest.yaml"), text).unwrap();
}

#[test]
fn every_built_in_manifest_is_served() {
    let scan = built_in(Path::new("tokens"));
    assert_eq!(scan.complaints, Vec::<String>::new());
    assert_eq!(scan.providers.len(), if_manifest::catalog().len());
}

#[test]
fn a_manifest_comes_changes_and_goes_with_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let source = ManifestSource::new(dir.path().to_path_buf(), dir.path().join("tokens"));
    assert!(source.scan().providers.is_empty());

    write(dir.path(), MANIFEST);
    let first = source.scan();
    assert_eq!((first.complaints, first.providers.len()), (vec![], 1));
    let again = source.scan();
    assert!(Arc::ptr_eq(&first.providers[0], &again.providers[0]), "what did not change is the same provider");

    write(dir.path(), &MANIFEST.replace("summary: messages", "summary: many messages"));
    let changed = source.scan();
    assert!(!Arc::ptr_eq(&first.providers[0], &changed.providers[0]));

    write(dir.path(), &MANIFEST.replace("summary:", "sumary:"));
    let broken = source.scan();
    assert!(broken.providers.is_empty());
    assert!(broken.complaints[0].contains("manifest.yaml:"), "{:?}", broken.complaints);

    std::fs::remove_dir_all(dir.path().join("acme")).unwrap();
    assert!(source.scan().providers.is_empty());
}
