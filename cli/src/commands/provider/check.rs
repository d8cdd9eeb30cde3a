//! `provider check PATH`: is a provider's folder sound, and do its cases come out as they say? Nothing is sent anywhere.

use crate::{CliError, context::Context, output::value, supervise};
use if_home::plugins::{self, TextFile};
use if_manifest::{
    ManifestError, Plan,
    cases::{Case, Kind, missing_kinds},
};
use if_schemas::Name;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

const CASES: &str = "cases";
/// Most files looked at in the cases folder.
const CASES_MAX: usize = 1_000;

/// What a case came to, as the worker says: the engine is there.
#[derive(Deserialize)]
struct CaseReport {
    name: String,
    /// Empty for a case that came out as it says.
    differences: Vec<String>,
}

/// What was found out.
struct Findings {
    plan: Plan,
    folder: PathBuf,
    reports: Vec<CaseReport>,
    missing: Vec<Kind>,
}

pub fn check(context: &Context, said: &Path) -> Result<(), CliError> {
    let (dir, id) = folder(said)?;
    let files = plugins::load(&dir, &id)?;
    let shown = |file: &TextFile| file.path.to_string_lossy().into_owned();
    let plan = if_manifest::compile_as(id.as_str(), &shown(&files.manifest), &files.manifest.text);
    let plan = plan.map_err(|errors| wrong(context, &errors))?;
    if let Some(file) = &files.prices {
        let prices = if_manifest::prices(id.as_str(), &shown(file), &file.text);
        let prices = prices.map_err(|errors| wrong(context, &errors))?;
        let manifest = &files.manifest;
        let unpriced = if_manifest::unpriced(&shown(manifest), &manifest.text, &plan.spec, &prices);
        if !unpriced.is_empty() {
            return Err(wrong(context, &unpriced));
        }
    }
    let folder = dir.join(id.as_str());
    let cases = cases(context, &folder.join(CASES), &plan)?;
    let missing = missing_kinds(&cases);
    let reports = match cases.is_empty() {
        true => Vec::new(),
        false => supervise::ask_worker(&[OsStr::new("run-cases"), folder.as_os_str()])
            .map_err(|e| CliError { message: format!("the cases could not be run: {}", e.message), ..e })?,
    };
    show(context, &Findings { plan, folder, reports, missing })
}

/// The folder above and the provider's name, of a folder or of the manifest in it.
fn folder(said: &Path) -> Result<(PathBuf, Name), CliError> {
    let path = fs::canonicalize(said).map_err(|e| CliError::io(format!("{} cannot be read", said.display()), &e))?;
    let folder = if path.is_dir() { path } else { path.parent().map(Path::to_path_buf).unwrap_or_default() };
    let name = folder.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<Name>().ok());
    match (folder.parent(), name) {
        (Some(parent), Some(name)) => Ok((parent.to_path_buf(), name)),
        _ => Err(CliError::usage(
            format!("{} is no folder of a provider", said.display()),
            "the folder has the provider's id: a-z, 0-9, '_' and '-'",
        )),
    }
}

/// Shows all errors but the last, which it gives.
fn wrong(context: &Context, errors: &[ManifestError]) -> CliError {
    let error = |e: &ManifestError| {
        let text = format!("{}:{}:{}: {}", e.file, e.line, e.column, e.message);
        CliError::config(text, e.hint.clone().unwrap_or_else(|| "see docs/adding-a-provider.md".into()))
    };
    let mut all: Vec<CliError> = errors.iter().map(error).collect();
    let last = all.pop().unwrap_or_else(|| CliError::failed("the manifest is wrong"));
    all.into_iter().for_each(|e| context.out.failure(&e.printed()));
    last
}

/// Every case, in the order of the names of the files.
fn cases(context: &Context, dir: &Path, plan: &Plan) -> Result<Vec<Case>, CliError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(CliError::io(format!("{} cannot be read", dir.display()), &e)),
    };
    let paths = entries.take(CASES_MAX).map(|entry| entry.map(|e| e.path()));
    let paths: Result<Vec<PathBuf>, _> = paths.collect();
    let mut paths = paths.map_err(|e| CliError::io(format!("{} cannot be read", dir.display()), &e))?;
    paths.retain(|p| p.extension().is_some_and(|e| e == "json"));
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let text =
            fs::read_to_string(&path).map_err(|e| CliError::io(format!("{} cannot be read", path.display()), &e))?;
        let case = Case::parse(&path.to_string_lossy(), &text).map_err(|e| wrong(context, &[e]))?;
        if let Some(problem) = case.problems(plan).first() {
            return Err(CliError::config(format!("{}: {problem}", path.display()), "correct the case"));
        }
        cases.push(case);
    }
    Ok(cases)
}

fn show(context: &Context, found: &Findings) -> Result<(), CliError> {
    let failed = found.reports.iter().filter(|r| !r.differences.is_empty()).count();
    let missing: Vec<String> = found.missing.iter().map(kind_text).collect();
    let spec = &found.plan.spec;
    if context.out.is_json() {
        let report =
            |r: &CaseReport| json!({"name": r.name, "ok": r.differences.is_empty(), "differences": r.differences});
        context.out.document(&json!({
            "id": spec.id,
            "folder": found.folder,
            "ok": failed == 0 && missing.is_empty(),
            "operations": spec.operations.iter().map(|o| o.id.as_str()).collect::<Vec<_>>(),
            "cases": found.reports.iter().map(report).collect::<Vec<Value>>(),
            "missing": missing,
        }))?;
    } else {
        context.out.text(&human(context, found))?;
    }
    if failed == 0 && missing.is_empty() {
        return Ok(());
    }
    let text = match failed {
        0 => format!("{} has no case of: {}", spec.id, missing.join(", ")),
        n => format!("{n} of {} cases of {} do not come out as they say", found.reports.len(), spec.id),
    };
    let error =
        CliError::failed(text).hint("every provider needs a case of each: ok, auth_failure, rate_limit, malformed");
    Err(if context.out.is_json() { error.printed() } else { error })
}

fn kind_text(kind: &Kind) -> String {
    serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(str::to_string)).unwrap_or_default()
}

fn human(context: &Context, found: &Findings) -> String {
    let style = context.out.style();
    let spec = &found.plan.spec;
    let mut out =
        format!("{}: {} operations, {} cases\n", style.bold(&spec.id), spec.operations.len(), found.reports.len());
    for report in &found.reports {
        let verdict = if report.differences.is_empty() { style.green("ok") } else { style.red("wrong") };
        out.push_str(&format!("  {verdict}  {}\n", value::printable(&report.name)));
        for difference in &report.differences {
            out.push_str(&format!("         {}\n", value::printable(difference)));
        }
    }
    out
}
