//! The main job on real input: the command line, signed, witnessed and confirmed, against a real OBS Studio
//! and a real Home Assistant.
//! Run by `make test-peers`.

mod home_assistant;
mod never_twice;
mod providers;
mod studio;

use anyhow::{Context, Result};
use if_harness::{
    fabric::Fabric,
    obs::RealObs,
    vmix::{SimOptions, VmixSim},
};
use std::time::{Duration, Instant};

const PASSWORD: &str = "a-password-for-this-test";

fn add(fabric: &Fabric, obs: &RealObs, name: &str, password: &str) -> Result<()> {
    let port = obs.port().to_string();
    let args = ["obs", "add", name, "--host", obs.host(), "--port", &port, "--password", password];
    fabric.run(&args)?.expect(0)?;
    Ok(())
}

#[test]
#[ignore = "needs real OBS Studio: make test-peers"]
fn a_scene_switch_on_a_real_obs_is_confirmed_and_verifies_offline() -> Result<()> {
    let obs = RealObs::start(Some(PASSWORD))?;
    let mut fabric = Fabric::up()?;
    add(&fabric, &obs, "myobs", PASSWORD)?;
    fabric.wait_instance("obs", "myobs", "ok")?;
    fabric.run(&["obs", "scene", "create", "myobs", "Main Scene"])?.expect(0)?;
    let switch = fabric.json(&["obs", "scene", "switch", "myobs", "Main Scene"])?;
    assert_eq!(switch["status"], "succeeded", "{switch}");
    assert_eq!(switch["simulated"], false, "{switch}");
    let current = fabric.json(&["obs", "scene", "current", "myobs"])?;
    assert!(current["result"].to_string().contains("Main Scene"), "{current}");

    let unknown = fabric.run(&["obs", "scene", "switch", "myobs", "Mian Scene"])?.expect(1)?;
    assert!(unknown.stderr.contains("Main Scene"), "the nearest name: {}", unknown.stderr);

    let id = switch["command_id"].as_str().context("command_id")?;
    fabric.run(&["witness", "verify", "--operation-id", id])?.expect(0)?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("log.ifw").to_string_lossy().into_owned();
    fabric.run(&["witness", "export", "--out", &file])?.expect(0)?;
    fabric.stop()?;
    let nowhere = dir.path().join("no-home").to_string_lossy().into_owned();
    fabric.run(&["--home", &nowhere, "witness", "verify", "--file", &file])?.expect(0)?;
    // The password was used and is nowhere in the record.
    let bytes = std::fs::read(&file)?;
    fabric.secrets().not_in("the export", &bytes)
}

#[test]
#[ignore = "needs real OBS Studio: make test-peers"]
fn a_wrong_password_is_said_at_once_and_hurts_nobody_else() -> Result<()> {
    let obs = RealObs::start(Some(PASSWORD))?;
    let mut fabric = Fabric::up()?;
    add(&fabric, &obs, "wrong", "not-the-password")?;
    fabric.wait_instance("obs", "wrong", "authentication_failure")?;
    add(&fabric, &obs, "right", PASSWORD)?;
    fabric.wait_instance("obs", "right", "ok")?;
    let ran = fabric.run(&["obs", "version", "wrong", "--json"])?.expect(1)?;
    assert_eq!(ran.json()?["error"]["code"], "authentication_failure", "{}", ran.stdout);
    fabric.run(&["obs", "version", "right"])?.expect(0)?;
    fabric.stop()
}

/// Longest wait for what a trigger does.
const TRIGGER_PATIENCE: Duration = Duration::from_secs(10);

#[test]
#[ignore = "needs real OBS Studio: make test-peers"]
fn a_trigger_on_the_mixer_switches_the_scene_of_a_real_obs() -> Result<()> {
    let obs = RealObs::start(Some(PASSWORD))?;
    let sim = VmixSim::start(SimOptions::default())?;
    let mut fabric = Fabric::up()?;
    add(&fabric, &obs, "myobs", PASSWORD)?;
    let (http, tcp) = (sim.http_addr.port().to_string(), sim.tcp_addr.port().to_string());
    fabric.run(&["vmix", "add", "myvmix", "--host", "127.0.0.1", "--port", &http, "--tcp-port", &tcp])?.expect(0)?;
    fabric.wait_instance("obs", "myobs", "ok")?;
    fabric.wait_instance("vmix", "myvmix", "ok")?;
    fabric.run(&["obs", "scene", "create", "myobs", "Close-up"])?.expect(0)?;
    let rule = ["on", "vmix/myvmix:tally.program==3", "run", "obs", "scene", "switch", "myobs", "Close-up"];
    let made = fabric.json(&rule)?;
    assert_eq!((&made["armed"], &made["trigger"]), (&true.into(), &"myvmix-tally-program-3".into()), "{made}");
    fabric.run(&["vmix", "cut", "myvmix", "--input", "3"])?.expect(0)?;
    let give_up = Instant::now() + TRIGGER_PATIENCE;
    let firing = loop {
        let log = fabric.json(&["trigger", "log"])?;
        if log["firings"][0]["status"] == "succeeded" {
            break log["firings"][0].clone();
        }
        assert!(Instant::now() < give_up, "{log}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(firing["cause"]["because"], "vmix/myvmix:tally.program is 3, was 1", "{firing}");
    let current = fabric.json(&["obs", "scene", "current", "myobs"])?;
    assert!(current["result"].to_string().contains("Close-up"), "{current}");
    fabric.stop()
}
