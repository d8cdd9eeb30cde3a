//! `if-worker run-cases FOLDER`: what the cases of a provider come to. Here, because only a worker has the engine.

use if_engine::http::cases::run_case;
use if_manifest::cases::Case;
use serde_json::{Value, json};
use std::{error::Error, fs, path::Path, sync::Arc};

/// `[{"name", "differences"}]`, in the order of the files' names. The folder is sound: whoever asks has checked it.
pub fn run(folder: &Path) -> Result<Value, Box<dyn Error>> {
    let id = folder.file_name().and_then(|n| n.to_str()).ok_or("the folder has no name")?;
    let text = fs::read_to_string(folder.join("manifest.yaml"))?;
    let plan = if_manifest::compile_as(id, "manifest.yaml", &text);
    let plan = Arc::new(plan.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?);
    let mut files: Vec<_> =
        fs::read_dir(folder.join("cases"))?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|p| p.extension().is_some_and(|e| e == "json"));
    files.sort();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut reports = Vec::with_capacity(files.len());
    for file in files {
        let case = Case::parse(&file.to_string_lossy(), &fs::read_to_string(&file)?).map_err(|e| e.to_string())?;
        let report = runtime.block_on(run_case(&plan, &case));
        reports.push(json!({"name": report.name, "differences": report.differences}));
    }
    Ok(Value::from(reports))
}
