//! The product owner's line for Home Assistant, through the whole fabric, against a real one.

use anyhow::{Context, Result};
use if_harness::{fabric::Fabric, home_assistant::RealHomeAssistant};
use serde_json::json;

#[test]
#[ignore = "needs real Home Assistant: make test-peers"]
fn home_assistant_lines_are_confirmed_and_the_token_is_nowhere() -> Result<()> {
    let home = RealHomeAssistant::start()?;
    let mut fabric = Fabric::up()?;
    let port = home.port().to_string();
    fabric.run(&["ha", "add", "myhome", "--host", home.host(), "--port", &port, "--token", home.token()])?.expect(0)?;
    fabric.wait_instance("ha", "myhome", "ok")?;

    let light = fabric.json(&["ha", "light", "on", "myhome", "light.bed_light", "--brightness", "77"])?;
    assert_eq!(light["status"], "succeeded", "{light}");
    assert_eq!(
        (&light["simulated"], &light["result"]["confirmed_by"]),
        (&json!(false), &json!(["event", "read_back"]))
    );
    assert_eq!(home.state("light.bed_light")?["attributes"]["brightness"], 77);

    // The demo has no front door: its own camera is named instead, and the owner's line is refused with a hint.
    let stream = fabric.json(&["ha", "camera", "stream", "myhome", "camera.demo_camera"])?;
    assert_eq!(stream["status"], "succeeded", "{stream}");
    assert!(stream["result"]["url"].as_str().is_some_and(|url| url.contains("/api/camera_proxy_stream/")), "{stream}");
    let door = fabric.run(&["ha", "camera", "stream", "myhome", "camera.front_door", "--json"])?.expect(1)?;
    assert_eq!(door.json()?["error"]["code"], "not_found", "{}", door.stdout);

    let id = light["command_id"].as_str().context("command_id")?;
    fabric.run(&["witness", "verify", "--operation-id", id])?.expect(0)?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("log.ifw").to_string_lossy().into_owned();
    fabric.run(&["witness", "export", "--out", &file])?.expect(0)?;
    fabric.stop()?;
    let bytes = std::fs::read(&file)?;
    let token = home.token().as_bytes();
    assert!(!bytes.windows(token.len()).any(|w| w == token), "the token is in the log");
    Ok(())
}
