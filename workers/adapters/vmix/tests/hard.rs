//! Names that hurt, inputs that go, operators in each other's way, documents that are wrong, a vMix that starts again.
#![allow(clippy::unwrap_used)]

mod common;

use common::{LIMIT, connected, execute, failed, indeterminate, sim, succeeded};
use if_harness::vmix::{Fault, SimOptions, VmixSim, XmlFault};
use serde_json::{Value, json};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(1_200);

#[tokio::test]
async fn names_of_every_kind_arrive_whole() {
    let long = "ü\"&<>'☕ ".repeat(1_250);
    assert_eq!(long.chars().count(), 10_000);
    let names = [
        "Ελληνικά 日本語 🎬",
        "a \"quoted\" 'name'",
        "line 1\nline 2\r\n\tend",
        "50% & <more> + a=b&Input=1",
        long.as_str(),
    ];
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    for name in names {
        let text = json!({"input": 4, "name": "Headline.Text", "value": name});
        succeeded(execute(&*adapter, "vmix.text.set", text, LIMIT).await);
        assert_eq!(sim.model().input(4).unwrap().texts[0].1, name);
        let renamed =
            succeeded(execute(&*adapter, "vmix.input.rename", json!({"input": 2, "name": name}), LIMIT).await);
        assert_eq!(sim.model().input(2).unwrap().title, name);
        assert!(renamed.to_string().len() < 4_000, "results hold the beginning of a name");
        let cut = succeeded(execute(&*adapter, "vmix.cut", json!({"input": name}), LIMIT).await);
        assert_eq!(cut["program"], 2, "found by its whole title");
        succeeded(execute(&*adapter, "vmix.cut", json!({"input": 1}), LIMIT).await);
    }
}

#[tokio::test]
async fn an_input_is_found_by_number_key_and_title_and_nothing_like_it() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let key = sim.model().inputs[2].key.to_uppercase();
    for named in [json!(3), json!(key), json!("Q&A <Café ☕>.mp4")] {
        succeeded(execute(&*adapter, "vmix.preview", json!({"input": named}), LIMIT).await);
        assert_eq!(sim.model().preview, 3);
        sim.operate(|model| model.preview = 2);
    }
    let sent = sim.received().len();
    let failure = failed(execute(&*adapter, "vmix.cut", json!({"input": "Camra 2"}), LIMIT).await, "not_found");
    assert_eq!(failure.message, "vMix has no input called \"Camra 2\"; nothing was sent");
    assert!(failure.hint.unwrap().starts_with("vMix has 4 inputs; nearest: 2 \"Camera 2\""));
    failed(execute(&*adapter, "vmix.cut", json!({"input": "camera 2"}), LIMIT).await, "not_found");
    sim.operate(|model| model.inputs[0].title = "Camera 2".into());
    let failure = failed(execute(&*adapter, "vmix.cut", json!({"input": "Camera 2"}), LIMIT).await, "not_found");
    assert!(failure.message.starts_with("2 inputs are called \"Camera 2\""), "{}", failure.message);
    let refused = [
        ("vmix.text.set", json!({"input": 4, "name": "Headlin.Text", "value": ""}), "not_found"),
        ("vmix.audio.volume", json!({"input": 4, "volume": 1}), "bad_argument"),
        ("vmix.audio.volume", json!({"volume": 1}), "bad_argument"),
        ("vmix.media.position", json!({"input": 3, "position": 61_000}), "bad_argument"),
        ("vmix.mix.select", json!({"mix": 9, "input": 1}), "not_found"),
        ("vmix.replay.start", json!({}), "not_found"),
        ("vmix.stream.set", json!({"url": "rtmp://x"}), "bad_argument"),
        ("vmix.function", json!({"name": "PTZPreset"}), "not_found"),
        ("vmix.function", json!({"name": "Cut Input=1"}), "bad_argument"),
    ];
    for (operation, args, code) in refused {
        let failure = failed(execute(&*adapter, operation, args, LIMIT).await, code);
        assert!(failure.message.ends_with("nothing was sent"), "{failure:?}");
    }
    assert_eq!(sim.received().len(), sent);
    indeterminate(
        execute(&*adapter, "vmix.function", json!({"name": "PTZPreset", "force": true}), LIMIT).await,
        "not_observable",
    );
    assert_eq!(sim.received().len(), sent + 1);
}

#[tokio::test]
async fn numbers_that_move_do_not_hit_another_input() {
    let sim = sim(SimOptions { delay: Duration::from_millis(200), ..SimOptions::default() });
    let adapter = connected(&sim).await;
    let cut = execute(&*adapter, "vmix.cut", json!({"input": 4}), LIMIT);
    let meanwhile = async {
        assert!(sim.wait_received(1, LIMIT).await);
        sim.operate(|model| model.remove(3));
    };
    let (cut, ()) = tokio::join!(cut, meanwhile);
    let result = succeeded(cut);
    assert_eq!((&result["program"], &result["input"]["title"]), (&json!(3), &json!("Lower Third.gtzip")));

    let mute = execute(&*adapter, "vmix.audio.unmute", json!({"input": 2}), LIMIT);
    let meanwhile = async {
        assert!(sim.wait_received(2, LIMIT).await);
        sim.operate(|model| model.remove(2));
    };
    let (mute, ()) = tokio::join!(mute, meanwhile);
    let failure = failed(mute, "not_confirmed");
    assert!(failure.message.ends_with("is not there"), "{}", failure.message);
}

#[tokio::test]
async fn somebody_at_the_desk_is_told_from_the_command() {
    let sim = sim(SimOptions { delay: Duration::from_millis(100), ..SimOptions::default() });
    let adapter = connected(&sim).await;
    let fade = execute(&*adapter, "vmix.fade", json!({"input": 3, "duration": 400}), SHORT);
    let desk = async {
        assert!(sim.wait_model(LIMIT, |m| m.arriving == Some(3)).await);
        sim.operate(|model| (model.arriving, model.program) = (None, 4));
    };
    let (fade, ()) = tokio::join!(fade, desk);
    let failure = failed(fade, "not_confirmed");
    assert!(failure.message.ends_with("program is input 4 \"Lower Third.gtzip\""), "{}", failure.message);
}

#[tokio::test]
async fn a_document_that_is_wrong_is_refused_and_one_that_is_new_is_read() {
    for (fault, why) in [
        (XmlFault::Truncated, "not XML"),
        (XmlFault::Duplicate, "it goes on after its end"),
        (XmlFault::DuplicateInput, "two inputs 1"),
    ] {
        let sim = sim(SimOptions::default());
        let adapter = connected(&sim).await;
        sim.set_fault(Fault::Xml(fault));
        let failure = failed(execute(&*adapter, "vmix.cut", json!({"input": 3}), SHORT).await, "provider_error");
        assert!(failure.message.contains(why), "{}", failure.message);
        assert_eq!(sim.received(), [], "nothing is sent blindly");
    }
    let huge = sim(SimOptions::default());
    let adapter = connected(&huge).await;
    huge.set_fault(Fault::Xml(XmlFault::Huge));
    let failure = failed(execute(&*adapter, "vmix.cut", json!({"input": 3}), SHORT).await, "unreachable");
    assert!(failure.message.contains("announced a body of"), "{}", failure.message);
    let new = sim(SimOptions::default());
    new.set_fault(Fault::Xml(XmlFault::UnknownVersion));
    let adapter = connected(&new).await;
    assert_eq!(succeeded(execute(&*adapter, "vmix.cut", json!({"input": 3}), LIMIT).await)["program"], 3);
    assert!(adapter.health_check().await.unwrap().description.starts_with("vMix 99."));
}

#[tokio::test]
async fn two_hundred_inputs() {
    let sim = sim(SimOptions { inputs: 200, ..SimOptions::default() });
    let adapter = connected(&sim).await;
    assert_eq!(adapter.live().unwrap().get("inputs.200.title"), Some(json!("Colour 200")));
    let cut = succeeded(execute(&*adapter, "vmix.cut", json!({"input": "Colour 200"}), LIMIT).await);
    assert_eq!(cut["program"], 200);
    let state = succeeded(execute(&*adapter, "vmix.state", json!({}), LIMIT).await);
    assert_eq!(state["inputs"].as_array().unwrap().len(), 200);
}

/// A simulator on the ports of another that is gone.
fn again(tcp_port: u16, http_port: u16) -> VmixSim {
    VmixSim::start(SimOptions { tcp_port, http_port, ..SimOptions::default() }).unwrap()
}

#[tokio::test]
async fn a_vmix_that_starts_again_in_the_middle() {
    let first = sim(SimOptions { delay: Duration::from_secs(5), ..SimOptions::default() });
    let (tcp, http) = (first.tcp_addr.port(), first.http_addr.port());
    let adapter = connected(&first).await;
    let cut = execute(&*adapter, "vmix.cut", json!({"input": 3}), Duration::from_secs(3));
    let restart = async {
        assert!(first.wait_received(1, LIMIT).await);
        drop(first);
        again(tcp, http)
    };
    let (cut, second) = tokio::join!(cut, restart);
    let failure = failed(cut, "not_confirmed");
    assert!(failure.message.ends_with("program is input 1 \"Camera 1\""), "{}", failure.message);
    let live = adapter.live().unwrap();
    assert!(!live.changes_since(0).fresh, "what is known is old");
    assert_eq!(second.received(), [], "a function is never sent twice");
    second.operate(|model| (model.program, model.inputs[0].title) = (2, "New".into()));
    adapter.connect().await.unwrap();
    assert!(live.changes_since(0).fresh);
    assert_eq!((live.get("tally.program"), live.get("inputs.1.title")), (Some(json!(2)), Some(json!("New"))));
    assert_eq!(succeeded(execute(&*adapter, "vmix.cut", json!({"input": 3}), LIMIT).await)["program"], 3);
}

async fn live_is(adapter: &dyn if_engine::Adapter, path: &str, wanted: Value) {
    let live = adapter.live().unwrap();
    let mut changed = live.subscribe();
    let seen = async {
        while live.get(path).as_ref() != Some(&wanted) {
            changed.changed().await.unwrap();
        }
    };
    let seen = tokio::time::timeout(LIMIT, seen).await;
    assert!(seen.is_ok(), "{path} is {:?} and not {wanted}", live.get(path));
}

#[tokio::test]
async fn the_live_state_follows_the_desk() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let live = adapter.live().unwrap();
    assert!(live.changes_since(0).fresh);
    assert_eq!((live.get("tally.program"), live.get("tally.preview")), (Some(json!(1)), Some(json!(2))));
    assert_eq!(live.get("inputs.1.tally"), Some(json!("program")));
    sim.operate(|model| (model.program, model.preview) = (3, 1));
    live_is(&*adapter, "tally.program", json!(3)).await;
    live_is(&*adapter, "tally.preview", json!(1)).await;
    live_is(&*adapter, "inputs.3.tally", json!("program")).await;
    sim.operate(|model| {
        model.recording = true;
        model.external = true;
        model.fade_to_black = true;
        model.streams[1].on = true;
        model.overlays[2] = 4;
        model.inputs[0].muted = true;
        model.inputs[0].fader = 50.0;
        model.inputs[1].title = "Renamed".into();
    });
    for (path, value) in [
        ("recording", json!(true)),
        ("external", json!(true)),
        ("fade_to_black", json!(true)),
        ("streaming", json!(true)),
        ("streams.2", json!(true)),
        ("overlays.3", json!(4)),
        ("inputs.1.muted", json!(true)),
        ("inputs.1.volume", json!(50.0)),
        ("inputs.2.title", json!("Renamed")),
    ] {
        live_is(&*adapter, path, value).await;
    }
    sim.operate(|model| model.remove(4));
    let mut changed = live.subscribe();
    let gone = async {
        while live.get("inputs.4.title").is_some() {
            changed.changed().await.unwrap();
        }
    };
    tokio::time::timeout(LIMIT, gone).await.expect("an input that is gone is gone from the live state");
    sim.drop_connections();
    tokio::time::timeout(LIMIT, adapter.closed()).await.unwrap();
    let stale = async {
        while live.changes_since(0).fresh {
            changed.changed().await.unwrap();
        }
    };
    tokio::time::timeout(LIMIT, stale).await.expect("stale once the connection is lost");
    assert_eq!(live.get("tally.program"), Some(json!(3)), "the last known stays");
}
