//! Main and backup with two simulated vMix: the show goes on, once, and the log says where.

use crate::with_vmix;
use anyhow::{Result, ensure};
use if_harness::{
    fabric::Fabric,
    vmix::{Fault, SimOptions, VmixSim, WireFault},
};
use serde_json::Value;

/// In the record, from when the command was admitted to when the worker had seen the effect.
const FAILOVER_MAX_US: i64 = 1_000_000;

/// `vmix/main` with the backup `vmix/sim`.
fn pair(mode: &str) -> Result<(Fabric, VmixSim, VmixSim)> {
    let (fabric, backup) = with_vmix()?;
    let main = VmixSim::start(SimOptions::default())?;
    let (http, tcp) = (main.http_addr.port().to_string(), main.tcp_addr.port().to_string());
    let at = ["--host", "127.0.0.1", "--port", &http, "--tcp-port", &tcp];
    let add = [&["vmix", "add", "main"], &at[..], &["--backup", "sim", "--mode", mode]].concat();
    fabric.run(&add)?.expect(0)?;
    fabric.wait_instance("vmix", "main", "ok")?;
    Ok((fabric, main, backup))
}

fn leg<'a>(document: &'a Value, which: &str) -> (&'a Value, &'a Value, &'a Value) {
    let leg = &document["route"][which];
    (&leg["instance"], &leg["status"], &leg["code"])
}

/// The times of queue and execution, as broker and worker signed them.
fn took_us(document: &Value) -> i64 {
    let us = |stage: &str| document["timing_us"][stage].as_i64().unwrap_or(i64::MAX / 2);
    us("queue") + us("execute")
}

#[test]
fn a_cut_lands_on_the_backup_within_a_second_after_the_main_vmix_died_and_the_record_says_so() -> Result<()> {
    let (mut fabric, main, backup) = pair("failover")?;
    let listed = fabric.run(&["vmix", "list"])?.expect(0)?.stdout;
    ensure!(listed.contains("backup sim (failover)"), "{listed}");
    drop(main);
    fabric.wait_instance("vmix", "main", "disconnected")?;
    let cut = fabric.json(&["vmix", "cut", "main", "--input", "3"])?;
    ensure!(cut["status"] == "succeeded" && cut["result"]["program"] == 3, "{cut}");
    ensure!(cut["route"]["mode"] == "failover", "{cut}");
    ensure!(leg(&cut, "main").1.is_null() && leg(&cut, "backup").1 == "succeeded", "{cut}");
    ensure!(took_us(&cut) <= FAILOVER_MAX_US, "{cut}");
    ensure!(backup.received().len() == 1 && backup.model().program == 3, "{:?}", backup.received());
    let id = cut["command_id"].as_str().unwrap_or_default().to_string();
    let shown = fabric.run(&["witness", "show", &id])?.expect(0)?.stdout;
    ensure!(shown.contains("executed on backup sim: main: not sent ("), "{shown}");
    fabric.run(&["witness", "verify"])?.expect(0)?;
    fabric.stop()
}

#[test]
fn a_mirrored_cut_lands_on_both() -> Result<()> {
    let (mut fabric, main, backup) = pair("mirror")?;
    let cut = fabric.json(&["vmix", "cut", "main", "--input", "3"])?;
    ensure!(cut["status"] == "succeeded" && cut["route"]["mode"] == "mirror", "{cut}");
    ensure!(leg(&cut, "main").1 == "succeeded" && leg(&cut, "backup").1 == "succeeded", "{cut}");
    ensure!((main.received().len(), backup.received().len()) == (1, 1), "{:?}", main.received());
    ensure!(main.model().program == 3 && backup.model().program == 3, "both are on it");
    // With one of them gone the other does it alone, and the record calls that degraded.
    drop(backup);
    fabric.wait_instance("vmix", "sim", "disconnected")?;
    let ran = fabric.run(&["vmix", "cut", "main", "--input", "4"])?.expect(0)?;
    ensure!(ran.stdout.contains("mirrored, degraded: main: succeeded; sim: not sent (disconnected)"), "{}", ran.stdout);
    fabric.stop()
}

/// Connected, and says nothing any more: everything goes to the backup, and a cut reaches only that.
#[test]
fn a_silent_main_vmix_loses_its_commands_to_the_backup_within_a_second() -> Result<()> {
    let (mut fabric, main, backup) = pair("failover")?;
    main.set_fault(Fault::Wire(WireFault::HalfOpen));
    let read = fabric.json(&["vmix", "status", "main"])?;
    ensure!(read["status"] == "succeeded" && leg(&read, "backup").1 == "succeeded", "{read}");
    ensure!(leg(&read, "main").2 == "silent", "{read}");
    let preview = fabric.json(&["vmix", "preview", "main", "--input", "4"])?;
    ensure!(preview["status"] == "succeeded" && leg(&preview, "main").2 == "silent", "{preview}");
    let cut = fabric.json(&["vmix", "cut", "main", "--input", "3"])?;
    ensure!(cut["status"] == "succeeded" && cut["result"]["program"] == 3, "{cut}");
    ensure!(leg(&cut, "main").2 == "silent" && leg(&cut, "main").1.is_null(), "{cut}");
    ensure!(took_us(&cut) <= FAILOVER_MAX_US, "{cut}");
    let cuts = |sim: &VmixSim| sim.received().iter().filter(|f| f.function == "Cut").count();
    ensure!(cuts(&backup) == 1 && cuts(&main) == 0, "{:?}", main.received());
    fabric.stop()
}
