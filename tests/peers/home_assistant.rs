//! The product owner's line for Home Assistant, through the whole fabric, against a real one.

use anyhow::{Context, Result};
use if_harness::{fabric::Fabric, home_assistant::RealHomeAssistant};
use serde_json::json;

/// How a JPEG begins.
const PICTURE: [u8; 3] = [0xff, 0xd8, 0xff];

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

    // The bytes themselves, into a pipe.
    for (verb, more) in [("snapshot", &[][..]), ("stream", &["--seconds", "1"])] {
        let mut piped = fabric.command("if");
        piped.args(["ha", "camera", verb, "myhome", "camera.demo_camera", "--out", "-"]).args(more);
        let piped = piped.output()?;
        let said = String::from_utf8_lossy(&piped.stderr);
        assert!(piped.status.success() && said.contains("succeeded"), "{said}");
        assert!(piped.stdout.windows(3).any(|w| w == PICTURE), "{verb}: {} bytes, no picture", piped.stdout.len());
        let refused = ["ha", "camera", verb, "myhome", "camera.demo_camera", "--out", "-", "--json"];
        fabric.run(&refused)?.expect(2)?;
    }

    let id = light["command_id"].as_str().context("command_id")?;
    fabric.run(&["witness", "verify", "--operation-id", id])?.expect(0)?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("log.ifw").to_string_lossy().into_owned();
    fabric.run(&["witness", "export", "--out", &file])?.expect(0)?;
    fabric.stop()?;
    let bytes = std::fs::read(&file)?;
    fabric.secrets().not_in("the export", &bytes)
}
