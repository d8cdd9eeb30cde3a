//! The vMix simulator against clients the project did not write: they understand it, and what they ask for happens.
#![cfg(unix)]

use anyhow::Result;
use if_harness::{
    peers::vmix_client,
    vmix::{NewInput, SimOptions, VmixSim},
};
use serde_json::json;

fn show() -> Result<VmixSim> {
    let sim = VmixSim::start(SimOptions { inputs: 5, ..SimOptions::default() })?;
    sim.operate(|model| {
        model.add(NewInput { kind: "VideoList".into(), title: "List".into() });
    });
    Ok(sim)
}

#[test]
#[ignore = "needs node-vmix: make test-peers"]
fn node_vmix_understands_the_simulator() -> Result<()> {
    let sim = show()?;
    let seen = vmix_client("node-vmix", sim.tcp_addr)?;
    assert_eq!(seen["tally"], "201000");
    let acts = seen["acts"].to_string();
    assert!(acts.contains("ACTS OK Input 3 1") && acts.contains("ACTS OK InputPreview 1 1"), "{acts}");
    assert!(seen["xml"].as_str().is_some_and(|xml| xml.ends_with("</vmix>")), "{}", seen["xml"]);
    let model = sim.model();
    assert_eq!((model.program, model.preview), (3, 1));
    assert_eq!(model.inputs[3].texts[0].1, "Grüße & \"Küsse\"");
    Ok(())
}

#[test]
#[ignore = "needs timeline-state-resolver: make test-peers"]
fn timeline_state_resolver_understands_the_simulator() -> Result<()> {
    let sim = show()?;
    let seen = vmix_client("timeline-state-resolver", sim.tcp_addr)?;
    assert_eq!(seen["errors"], json!([]), "it could read every line");
    let state = &seen["state"];
    assert_eq!((&state["version"], &state["edition"]), (&json!("29.0.0.49"), &json!("Simulator")));
    assert_eq!((&state["mixes"][0]["program"], &state["mixes"][0]["preview"]), (&json!(3), &json!(1)));
    assert_eq!(
        (&state["mixes"][1]["number"], &state["recording"], &state["streaming"]),
        (&json!(2), &json!(true), &json!(true))
    );
    assert_eq!((&state["external"], &state["fadeToBlack"]), (&json!(true), &json!(true)));
    assert_eq!(state["overlays"][1], json!({"number": 2, "input": "5"}));
    let inputs = &state["existingInputs"];
    assert_eq!(inputs["4"]["text"], json!({"Headline.Text": "Bonjour"}));
    assert_eq!(inputs["6"]["listFilePaths"], json!(["C:\\b c.mp4"]));
    assert_eq!((&inputs["3"]["playing"], &inputs["3"]["loop"]), (&json!(true), &json!(true)));
    assert_eq!((&inputs["7"]["type"], &inputs["7"]["state"]), (&json!("Video"), &json!("Paused")));
    let audio = &state["existingInputsAudio"];
    // (50/100)^4*100
    assert_eq!((&audio["1"]["volume"], &audio["1"]["audioBuses"]), (&json!(6.25), &json!("M,A")));
    assert_eq!(audio["3"]["muted"], false);
    let model = sim.model();
    assert_eq!((model.program, model.scripts), (3, vec!["Show".to_string()]));
    let functions: Vec<bool> = sim.received().iter().map(|r| r.modelled).collect();
    assert_eq!(functions, [true; 16], "the simulator knows what it was asked for");
    Ok(())
}
