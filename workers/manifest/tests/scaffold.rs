//! What people start from is valid as it is: the scaffold of `make new-provider`, and the example of the documentation.

use if_manifest::{
    cases::{Case, missing_kinds},
    compile, compile_as,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn new_provider(id: &str, folder: &Path) -> bool {
    Command::new(root().join("ops/new-provider")).arg(id).arg(folder).output().unwrap().status.success()
}

#[test]
fn a_new_provider_is_valid_and_has_every_kind_of_case() {
    let folder = tempfile::tempdir().unwrap();
    assert!(new_provider("acme-2", folder.path()));
    let made = folder.path().join("acme-2");
    let text = fs::read_to_string(made.join("manifest.yaml")).unwrap();
    let plan = compile_as("acme-2", "manifest.yaml", &text).unwrap_or_else(|e| panic!("{e:#?}"));
    let mut cases = Vec::new();
    for file in fs::read_dir(made.join("cases")).unwrap() {
        let file = file.unwrap().path();
        let case = Case::parse(&file.display().to_string(), &fs::read_to_string(&file).unwrap());
        let case = case.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(case.problems(&plan), [""; 0], "{}", file.display());
        cases.push(case);
    }
    assert_eq!(missing_kinds(&cases), []);
    assert!(!new_provider("acme-2", folder.path()), "it was written over");
    assert!(!new_provider("../acme", folder.path()));
}

#[test]
fn the_example_of_the_documentation_is_a_provider() {
    let page = fs::read_to_string(root().join("docs/adding-a-provider.md")).unwrap();
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let plan = compile("docs/adding-a-provider.md", example).unwrap_or_else(|e| panic!("{e:#?}"));
    assert_eq!(plan.operations.keys().collect::<Vec<_>>(), ["chat.account", "chat.send"]);
    assert!(plan.spec.operation("chat.send").unwrap().price.is_some());
}
