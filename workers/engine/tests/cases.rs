//! The cases of every provider that comes with the product.

use if_engine::http::cases::run_case;
use if_manifest::cases::{Case, missing_kinds};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn every_case_of_every_provider_passes() {
    let providers = entries(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../providers"));
    assert!(providers.len() >= 8, "{providers:?}");
    let mut wrong = Vec::new();
    for folder in providers {
        let id = folder.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(folder.join("manifest.yaml")).unwrap();
        let plan = if_manifest::compile_as(id, "manifest.yaml", &text).map(Arc::new);
        let plan = plan.unwrap_or_else(|e| panic!("{id}: {}", e[0]));
        let mut cases = Vec::new();
        for file in entries(&folder.join("cases")) {
            let shown = format!("{id}/{}", file.file_stem().unwrap().to_str().unwrap());
            let case = Case::parse(&shown, &fs::read_to_string(&file).unwrap()).unwrap_or_else(|e| panic!("{e}"));
            let report = run_case(&plan, &case).await;
            let problems = case.problems(&plan).into_iter().chain(report.differences);
            wrong.extend(problems.map(|d| format!("{shown}: {d}\n")));
            cases.push(case);
        }
        wrong.extend(missing_kinds(&cases).iter().map(|kind| format!("{id}: no case of kind {kind:?}\n")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.concat());
}
