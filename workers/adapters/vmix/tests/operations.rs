//! Every operation against a simulated vMix that does what it should.
#![allow(clippy::unwrap_used)]

mod common;

use common::{LIMIT, connected, execute, failed, sim, succeeded};
use if_engine::ProgressSink;
use if_harness::vmix::SimOptions;
use serde_json::json;
use std::time::Duration;

const KEY_1: &str = "5f0a2c3e-1b7d-4e88-9a40-000000000001";
const KEY_2: &str = "5f0a2c3e-1b7d-4e88-9a40-000000000002";
const KEY_3: &str = "5f0a2c3e-1b7d-4e88-9a40-000000000003";

#[tokio::test]
async fn the_peer_says_who_it_is_and_that_it_is_simulated() {
    let sim = sim(SimOptions::default());
    let adapter = common::adapter(&sim);
    for peer in [adapter.connect().await.unwrap(), adapter.health_check().await.unwrap()] {
        assert_eq!(peer.description, "vMix 29.0.0.49 (Simulator)");
        assert!(peer.simulated);
    }
    assert_eq!(adapter.discover_instances().await.unwrap(), []);
}

#[tokio::test]
async fn cut_puts_an_input_on_program_and_sees_it_there() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let mut result = succeeded(execute(&*adapter, "vmix.cut", json!({"input": 3}), LIMIT).await);
    let observed_ms = result.as_object_mut().unwrap().remove("observed_ms").unwrap().as_u64().unwrap();
    assert!(observed_ms >= 40, "the effect comes 40 ms after the answer, observed after {observed_ms}");
    assert_eq!(
        result,
        json!({
            "program": 3,
            "preview": 1,
            "input": {"number": 3, "key": KEY_3, "title": "Q&A <Café ☕>.mp4"},
            "previous_program": {"number": 1, "key": KEY_1, "title": "Camera 1"},
            "changed": true,
            "confirmed_by": "tally+xml",
        })
    );
    let received = sim.received();
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].via, received[0].function.as_str()), ("tcp", "Cut"));
    assert_eq!(json!(received[0].params), json!({"Input": KEY_3}));
    assert_eq!(sim.model().program, 3);
}

#[tokio::test]
async fn cut_without_input_puts_the_preview_on_program() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let result = succeeded(execute(&*adapter, "vmix.cut", json!({}), LIMIT).await);
    assert_eq!(result["input"], json!({"number": 2, "key": KEY_2, "title": "Camera 2"}));
    assert_eq!((&result["program"], &result["preview"]), (&json!(2), &json!(1)));
    assert_eq!(json!(sim.received()[0].params), json!({}));
}

#[tokio::test]
async fn cut_to_what_is_on_program_already_says_that_nothing_changed() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let result = succeeded(execute(&*adapter, "vmix.cut", json!({"input": 1}), LIMIT).await);
    assert_eq!((&result["program"], &result["changed"]), (&json!(1), &json!(false)));
    assert_eq!(sim.received().len(), 1);
}

#[tokio::test]
async fn an_input_that_does_not_exist_is_refused_before_anything_is_sent() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    for operation in ["vmix.cut", "vmix.fade", "vmix.preview"] {
        let failure = failed(execute(&*adapter, operation, json!({"input": 9}), LIMIT).await, "not_found");
        assert_eq!(failure.message, "vMix has no input 9; nothing was sent");
        let hint = failure.hint.unwrap();
        assert!(hint.starts_with("vMix has 4 inputs; nearest: 4 \"Lower Third.gtzip\", 3 "), "{hint}");
    }
    assert_eq!(sim.received(), []);
}

#[tokio::test]
async fn an_empty_preview_is_refused_before_anything_is_sent() {
    let sim = sim(SimOptions { preview: 0, ..SimOptions::default() });
    let adapter = connected(&sim).await;
    failed(execute(&*adapter, "vmix.cut", json!({}), LIMIT).await, "not_found");
    failed(execute(&*adapter, "vmix.fade", json!({}), LIMIT).await, "not_found");
    assert_eq!(sim.received(), []);
}

#[tokio::test]
async fn fade_is_confirmed_when_it_has_ended_and_not_before() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let args = json!({"input": 3, "duration": 400});
    let result = succeeded(execute(&*adapter, "vmix.fade", args, LIMIT).await);
    // While a fade runs the tally shows both inputs on program.
    assert!(result["observed_ms"].as_u64().unwrap() >= 400, "{result}");
    assert_eq!((&result["program"], &result["preview"]), (&json!(3), &json!(1)));
    assert_eq!(sim.model().arriving, None);
    assert_eq!(json!(sim.received()[0].params), json!({"Input": KEY_3, "Duration": "400"}));
}

#[tokio::test]
async fn fade_has_a_default_duration_and_takes_the_preview() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let result = succeeded(execute(&*adapter, "vmix.fade", json!({}), LIMIT).await);
    assert_eq!(result["program"], 2);
    assert_eq!(json!(sim.received()[0].params), json!({"Duration": "500"}));
}

#[tokio::test]
async fn a_fade_longer_than_the_deadline_is_refused_before_anything_is_sent() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let args = json!({"input": 3, "duration": 5_000});
    failed(execute(&*adapter, "vmix.fade", args, Duration::from_secs(3)).await, "deadline_too_short");
    assert_eq!(sim.received(), []);
}

#[tokio::test]
async fn preview_puts_an_input_on_preview_and_leaves_program() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let result = succeeded(execute(&*adapter, "vmix.preview", json!({"input": 4}), LIMIT).await);
    assert_eq!((&result["program"], &result["preview"], &result["changed"]), (&json!(1), &json!(4), &json!(true)));
    assert_eq!((&result["input"]["number"], &result["confirmed_by"]), (&json!(4), &json!("tally+xml")));
    assert_eq!(sim.received()[0].function, "PreviewInput");
}

#[tokio::test]
async fn status_tells_what_is_on_air() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    sim.operate(|model| {
        model.recording = true;
        model.overlays[2] = 4;
    });
    let status = succeeded(execute(&*adapter, "vmix.status", json!({}), LIMIT).await);
    assert_eq!(
        status,
        json!({
            "version": "29.0.0.49", "edition": "Simulator", "preset": "C:\\Presets\\if-sim.vmix",
            "program": 1, "preview": 2,
            "program_input": {"number": 1, "key": KEY_1, "title": "Camera 1"},
            "preview_input": {"number": 2, "key": KEY_2, "title": "Camera 2"},
            "fade_to_black": false, "recording": true, "streaming": false, "external": false,
            "play_list": false, "multi_corder": false, "fullscreen": false,
            "overlays": [{"number": 3, "input": 4}],
            "input_count": 4,
        })
    );
}

#[tokio::test]
async fn inputs_lists_them_with_their_tally() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let document = succeeded(execute(&*adapter, "vmix.inputs", json!({}), LIMIT).await);
    assert_eq!(document["count"], 4);
    let rows = document["inputs"].as_array().unwrap();
    let tally: Vec<&str> = rows.iter().map(|r| r["tally"].as_str().unwrap()).collect();
    assert_eq!(tally, ["program", "preview", "off", "off"]);
    assert_eq!(
        rows[2],
        json!({
            "number": 3, "key": KEY_3, "title": "Q&A <Café ☕>.mp4", "type": "Video", "tally": "off",
            "state": "Paused", "position_ms": 0, "duration_ms": 60_000, "loop": false, "muted": true,
        })
    );
    assert_eq!(rows[3]["muted"], json!(null), "a title has no sound");
}

#[tokio::test]
async fn a_thousand_inputs_are_read_and_the_last_is_cut_to() {
    let sim = sim(SimOptions { inputs: 1_000, ..SimOptions::default() });
    let adapter = connected(&sim).await;
    let document = succeeded(execute(&*adapter, "vmix.inputs", json!({}), LIMIT).await);
    assert_eq!(document["count"], 1_000);
    let result = succeeded(execute(&*adapter, "vmix.cut", json!({"input": 1_000}), LIMIT).await);
    assert_eq!((&result["program"], &result["confirmed_by"]), (&json!(1_000), &json!("tally+xml")));
}

#[tokio::test]
async fn replies_in_pieces_are_read() {
    let sim = sim(SimOptions { chunk_bytes: Some(61), ..SimOptions::default() });
    let adapter = connected(&sim).await;
    let result = succeeded(execute(&*adapter, "vmix.cut", json!({"input": 3}), LIMIT).await);
    assert_eq!(result["program"], 3);
}

#[tokio::test]
async fn an_effect_that_comes_late_is_waited_for() {
    let sim = sim(SimOptions { delay: Duration::from_millis(700), ..SimOptions::default() });
    let adapter = connected(&sim).await;
    let result = succeeded(execute(&*adapter, "vmix.cut", json!({"input": 4}), LIMIT).await);
    assert!(result["observed_ms"].as_u64().unwrap() >= 700, "{result}");
}

#[tokio::test]
async fn the_later_of_two_contradictory_commands_wins_and_the_earlier_says_so() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let fade = common::call("vmix.fade", json!({"input": 1, "duration": 3_000}), LIMIT);
    sim.operate(|model| model.program = 2);
    let fading = adapter.execute_command(fade, ProgressSink::none());
    let cut = async {
        assert!(sim.wait_received(1, LIMIT).await, "the fade must have been sent");
        // Reads do not wait for changes, and neither does a change of something else.
        succeeded(execute(&*adapter, "vmix.status", json!({}), Duration::from_secs(1)).await);
        succeeded(execute(&*adapter, "vmix.audio.unmute", json!({"input": 2}), Duration::from_secs(1)).await);
        succeeded(execute(&*adapter, "vmix.cut", json!({"input": 3}), Duration::from_secs(2)).await)
    };
    let (faded, cut) = tokio::join!(fading, cut);
    assert_eq!(cut["program"], 3);
    let failure = failed(faded.execution, "superseded");
    assert!(failure.message.starts_with("Fade of input 1 \"Camera 1\" was sent, and Cut of input 3 "), "{failure:?}");
    assert_eq!(sim.model().program, 3);
    let functions: Vec<String> = sim.received().into_iter().map(|r| r.function).collect();
    assert_eq!(functions, ["Fade", "AudioOn", "Cut"], "each once");
}

#[tokio::test]
async fn the_same_command_of_two_operators_is_confirmed_to_both() {
    let sim = sim(SimOptions::default());
    let (one, two) = (connected(&sim).await, connected(&sim).await);
    let (a, b, c) = tokio::join!(
        execute(&*one, "vmix.cut", json!({"input": 3}), LIMIT),
        execute(&*one, "vmix.cut", json!({"input": 3}), LIMIT),
        execute(&*two, "vmix.cut", json!({"input": 3}), LIMIT),
    );
    for result in [a, b, c] {
        assert_eq!(succeeded(result)["program"], 3);
    }
}

#[tokio::test]
async fn a_command_that_depends_on_what_is_waits_for_what_is_under_way() {
    let sim = sim(SimOptions { delay: Duration::from_millis(300), ..SimOptions::default() });
    let adapter = connected(&sim).await;
    // Without waiting, the cut would find input 2 on preview and look for it on program.
    let preview = execute(&*adapter, "vmix.preview", json!({"input": 4}), LIMIT);
    let cut = async {
        assert!(sim.wait_received(1, LIMIT).await);
        succeeded(execute(&*adapter, "vmix.cut", json!({}), LIMIT).await)
    };
    let (preview, cut) = tokio::join!(preview, cut);
    assert_eq!((&succeeded(preview)["preview"], &cut["program"]), (&json!(4), &json!(4)));
    assert_eq!(sim.model().program, 4);

    // Two toggles at once: one after the other, not both towards the same.
    let toggles = tokio::join!(
        execute(&*adapter, "vmix.fade-to-black", json!({}), LIMIT),
        execute(&*adapter, "vmix.fade-to-black", json!({}), LIMIT),
    );
    let observed = [succeeded(toggles.0), succeeded(toggles.1)].map(|r| r["observed"]["fade_to_black"].clone());
    assert_eq!(observed, [json!(true), json!(false)]);
    assert!(!sim.model().fade_to_black);
    let waits = async {
        assert!(sim.wait_received(5, LIMIT).await);
        failed(execute(&*adapter, "vmix.fade-to-black", json!({}), Duration::from_millis(200)).await, "busy");
    };
    let (_, ()) = tokio::join!(execute(&*adapter, "vmix.fade-to-black", json!({}), LIMIT), waits);
    assert_eq!(sim.received().len(), 5, "what was busy must not have been sent");
}

#[tokio::test]
async fn progress_is_reported() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let (sink, mut reports) = ProgressSink::channel();
    succeeded(adapter.execute_command(common::call("vmix.cut", json!({"input": 3}), LIMIT), sink).await.execution);
    let (message, _) = reports.recv().await.unwrap();
    assert_eq!(message, "Cut of input 3 \"Q&A <Café ☕>.mp4\" sent, reading the effect back");
}
