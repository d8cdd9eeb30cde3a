//! `make bench`: every figure beside its target and its baseline from the same run. Never a test: machines differ.
//! `if-bench PART…` measures only those parts: latency, admission, pipeline, money, audit, store, manifests, engine,
//! runs, studio, process.

mod audit;
mod engine;
mod fabric;
mod manifests;
mod money;
mod process;
mod report;
mod runs;
mod store;
mod studio;
mod synthetic;

use report::Report;

/// Entries of the synthetic log, unless `IF_BENCH_ENTRIES` says otherwise.
const ENTRIES: u64 = 1_000_000;
const PARTS: [&str; 11] =
    ["latency", "admission", "pipeline", "money", "audit", "store", "manifests", "engine", "runs", "studio", "process"];

fn main() -> anyhow::Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = asked.iter().find(|part| !PARTS.contains(&part.as_str())) {
        anyhow::bail!("{unknown:?} is none of {}", PARTS.join(", "));
    }
    let wants = |part: &str| asked.is_empty() || asked.iter().any(|a| a == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let entries = std::env::var("IF_BENCH_ENTRIES").ok().and_then(|n| n.parse().ok()).unwrap_or(ENTRIES);
    let mut report = Report::default();
    if wants("latency") {
        runtime.block_on(fabric::latency(&mut report))?;
    }
    if wants("admission") {
        runtime.block_on(fabric::admission(&mut report))?;
    }
    if wants("pipeline") {
        runtime.block_on(fabric::pipeline(&mut report))?;
    }
    if wants("runs") {
        runtime.block_on(runs::run(&mut report))?;
    }
    if wants("money") {
        money::run(&mut report)?;
    }
    if wants("audit") || wants("store") {
        let log = synthetic::build(entries)?;
        if wants("audit") {
            audit::run(&log, &mut report)?;
        }
        if wants("store") {
            runtime.block_on(store::run(&log, &mut report))?;
        }
    }
    if wants("manifests") {
        manifests::run(&mut report)?;
    }
    if wants("engine") {
        runtime.block_on(engine::overhead(&mut report))?;
        runtime.block_on(engine::through_the_fabric(&mut report))?;
    }
    if wants("studio") {
        runtime.block_on(studio::cut(&mut report))?;
        runtime.block_on(studio::idle(&mut report))?;
    }
    if wants("process") {
        process::run(&mut report)?;
    }
    report.print();
    Ok(())
}
