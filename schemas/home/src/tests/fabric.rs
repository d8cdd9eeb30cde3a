use super::*;
use crate::fabric::{FabricFile, Pids};

fn fabric() -> FabricFile {
    FabricFile {
        nats_url: "nats://127.0.0.1:4222".into(),
        http_addr: "127.0.0.1:9464".parse().unwrap(),
        pids: Pids { nats: None, broker: Some(2), worker: Some(3) },
    }
}

#[test]
fn what_is_saved_loads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run").join("fabric.json");
    assert_eq!(FabricFile::load(&path).unwrap(), None);
    fabric().save(&path).unwrap();
    assert_eq!(FabricFile::load(&path).unwrap(), Some(fabric()));
    FabricFile::remove(&path).unwrap();
    FabricFile::remove(&path).unwrap();
    assert_eq!(FabricFile::load(&path).unwrap(), None);
}

#[test]
fn the_form_is_the_documented_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fabric.json");
    let text = r#"{"nats_url":"nats://127.0.0.1:4222","http_addr":"127.0.0.1:9464","pids":{"broker":2,"worker":3}}"#;
    fs::write(&path, text).unwrap();
    assert_eq!(FabricFile::load(&path).unwrap(), Some(fabric()));
}

#[test]
fn a_damaged_file_is_named_with_line_and_column() {
    let (_dir, path) = file("{\n  \"nats_url\": 1}");
    let e = FabricFile::load(&path).unwrap_err();
    assert!(shown(&e, &path).starts_with("obs.yaml:2:"), "{e}");
}
