//! The product as a user has it: real binaries, a real nats-server, the command line, a simulated vMix.

mod backup;
mod budget;
mod live_state;
mod plugin;
mod runs;
mod triggers;
mod trust;
mod witness;

use anyhow::Result;
use if_harness::{
    fabric::Fabric,
    vmix::{SimOptions, VmixSim},
};

/// A fabric with the simulator added as `vmix/sim`.
pub fn with_vmix() -> Result<(Fabric, VmixSim)> {
    let sim = VmixSim::start(SimOptions::default())?;
    let fabric = Fabric::up()?;
    let (http, tcp) = (sim.http_addr.port().to_string(), sim.tcp_addr.port().to_string());
    fabric.run(&["vmix", "add", "sim", "--host", "127.0.0.1", "--port", &http, "--tcp-port", &tcp])?.expect(0)?;
    fabric.wait_instance("vmix", "sim", "ok")?;
    Ok((fabric, sim))
}

#[test]
fn a_cut_is_signed_witnessed_confirmed_and_labelled_as_simulated() -> Result<()> {
    let (mut fabric, _sim) = with_vmix()?;
    let cut = fabric.json(&["vmix", "cut", "sim", "--input", "2"])?;
    assert_eq!(cut["status"], "succeeded", "{cut}");
    assert_eq!(cut["simulated"], true);
    assert_eq!(cut["operation"], "vmix.cut");
    assert_eq!(cut["result"]["program"], 2);
    assert_eq!(cut["cost"]["amount_micros"], 0);
    assert!(cut["witness"]["index"].as_u64() < cut["result_witness"]["index"].as_u64(), "{cut}");
    let status = fabric.json(&["vmix", "status", "sim"])?;
    assert_eq!(status["result"]["program"], 2, "{status}");
    fabric.stop()
}

#[test]
fn an_input_that_does_not_exist_fails_and_nobody_to_serve_is_rejected() -> Result<()> {
    let (mut fabric, sim) = with_vmix()?;
    let ran = fabric.run(&["vmix", "cut", "sim", "--input", "99"])?.expect(1)?;
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    assert!(sim.received().is_empty(), "nothing was sent");
    fabric.run(&["vmix", "remove", "sim"])?.expect(0)?;
    let ran = fabric.run(&["vmix", "cut", "sim", "--input", "1"])?.expect(3)?;
    assert!(ran.stderr.contains("IF1301"), "{}", ran.stderr);
    fabric.stop()
}

#[test]
fn without_a_fabric_the_exit_code_is_5_and_there_is_a_hint() -> Result<()> {
    let fabric = Fabric::new()?;
    let port = if_harness::process::free_port()?;
    let url = format!("nats://127.0.0.1:{port}");
    let start = std::time::Instant::now();
    let ran = fabric.run(&["--nats", &url, "witness", "head"])?.expect(5)?;
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    assert!(start.elapsed() < std::time::Duration::from_secs(3), "{:?}", start.elapsed());
    Ok(())
}
