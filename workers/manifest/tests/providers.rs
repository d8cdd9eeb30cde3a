//! Every provider that comes with the product.

use if_manifest::plan::Plan;
use std::{fs, path::PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../providers")
}

/// Folder names, sorted.
fn ids() -> Vec<String> {
    let entries = fs::read_dir(root()).unwrap().map(|e| e.unwrap().path());
    let mut ids: Vec<String> =
        entries.filter(|p| p.is_dir()).map(|p| p.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn plan(id: &str) -> Result<Plan, String> {
    let file = root().join(id).join("manifest.yaml");
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let shown = format!("workers/providers/{id}/manifest.yaml");
    if_manifest::compile_as(id, &shown, &text)
        .map_err(|errors| errors.iter().map(|e| format!("{e}\n")).collect::<String>())
}

#[test]
fn every_manifest_compiles() {
    let wrong: Vec<String> = ids().iter().filter_map(|id| plan(id).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
    assert!(ids().len() >= 8, "{:?}", ids());
}
