//! The cases of every provider that comes with the product.

use if_engine::http::cases::{Case, run_case};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What every provider shows at least: a success, refused credentials, a rate limit, an answer that cannot be read.
const OUTCOMES: [&str; 4] = ["succeeded", "authentication_failure", "rate_limited", "malformed_answer"];

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
        let mut seen = Vec::new();
        for file in entries(&folder.join("cases")) {
            let case: Case = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            seen.extend([Some(case.outcome.status.clone()), case.outcome.code.clone()].into_iter().flatten());
            let report = run_case(&plan, &case).await;
            let shown = format!("{id}/{}", file.file_stem().unwrap().to_str().unwrap());
            wrong.extend(report.differences.into_iter().map(|d| format!("{shown}: {d}\n")));
        }
        let missing = OUTCOMES.iter().filter(|o| !seen.iter().any(|s| s == *o));
        wrong.extend(missing.map(|o| format!("{id}: no case of {o}\n")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.concat());
}
