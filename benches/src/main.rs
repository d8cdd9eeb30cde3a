//! `make bench`: every figure beside its target and its baseline from the same run. Never a test: machines differ.

mod audit;
mod fabric;
mod process;
mod report;
mod store;
mod synthetic;

use report::Report;

/// Entries of the synthetic log, unless `IF_BENCH_ENTRIES` says otherwise.
const ENTRIES: u64 = 1_000_000;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let entries = std::env::var("IF_BENCH_ENTRIES").ok().and_then(|n| n.parse().ok()).unwrap_or(ENTRIES);
    let mut report = Report::default();
    runtime.block_on(fabric::run(&mut report))?;
    let log = synthetic::build(entries)?;
    audit::run(&log, &mut report)?;
    runtime.block_on(store::run(&log, &mut report))?;
    process::run(&mut report)?;
    report.print();
    Ok(())
}
