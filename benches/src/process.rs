//! Whole processes: start-up of the command line, size of the binaries.

use crate::report::{Report, Series};
use anyhow::{Context, Result, ensure};
use if_harness::fabric::Fabric;
use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const SAMPLES: usize = 50;
const MEGABYTE: u64 = 1_000_000;

/// A release binary beside this one.
pub fn release_bin(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.parent().context("no directory")?.join(name);
    ensure!(path.exists(), "{} is missing: run `make bench`", path.display());
    Ok(path)
}

pub fn run(report: &mut Report) -> Result<()> {
    for (name, limit) in [("if", 15), ("if-worker", 20), ("if-broker", 30)] {
        let bytes = std::fs::metadata(release_bin(name)?)?.len();
        let met = bytes <= limit * MEGABYTE;
        #[allow(clippy::cast_precision_loss)]
        let measured = format!("{:.1} MB", bytes as f64 / 1e6);
        report.row(&format!("size of {name}, stripped"), measured, String::new(), &format!("<= {limit} MB"), met);
    }
    let baseline = time(|| Ok(Command::new("/bin/true")))?;
    let help = time(|| {
        let mut command = Command::new(release_bin("if")?);
        command.arg("--help");
        Ok(command)
    })?;
    row(report, "if --help, whole process", &help, &baseline, 10);
    cut(report, &baseline)
}

/// `if vmix cut` against the simulator with no delay of its own, so that what is left is the fabric's.
fn cut(report: &mut Report, baseline: &Series) -> Result<()> {
    let simulator = if_harness::vmix::VmixSim::start(if_harness::vmix::SimOptions {
        delay: Duration::ZERO,
        ..if_harness::vmix::SimOptions::default()
    })?;
    let fabric = Fabric::up()?;
    let (http, tcp) = (simulator.http_addr.port().to_string(), simulator.tcp_addr.port().to_string());
    fabric.run(&["vmix", "add", "bench", "--host", "127.0.0.1", "--port", &http, "--tcp-port", &tcp])?.expect(0)?;
    fabric.wait_instance("vmix", "bench", "ok")?;
    let mut input = 1;
    let series = time(|| {
        input = 3 - input;
        let mut command = fabric.command("if");
        command.args(["vmix", "cut", "bench", "--input", &input.to_string()]);
        Ok(command)
    })?;
    row(report, "if vmix cut, whole process, simulated vMix", &series, baseline, 25);
    let mut fabric = fabric;
    fabric.stop()
}

fn row(report: &mut Report, what: &str, series: &Series, baseline: &Series, limit_ms: u64) {
    let p50 = series.quantile(0.5);
    let ms = |d: Duration| format!("{:.1} ms", d.as_secs_f64() * 1e3);
    let base = format!("/bin/true {}", ms(baseline.quantile(0.5)));
    report.row(
        what,
        format!("p50 {}, p99 {}", ms(p50), ms(series.quantile(0.99))),
        base,
        &format!("<= {limit_ms} ms"),
        p50 <= Duration::from_millis(limit_ms),
    );
}

fn time(mut command: impl FnMut() -> Result<Command>) -> Result<Series> {
    let mut took = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let mut command = command()?;
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let start = Instant::now();
        let output = command.output()?;
        took.push(start.elapsed());
        ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(Series::new(took))
}

/// Resident set of a process, MiB (Linux).
pub fn resident_mib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().next().context("no figure")?.parse()?;
    Ok(kib / 1024)
}
