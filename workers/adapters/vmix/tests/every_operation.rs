//! Every operation against a simulated vMix, judged by what the simulator then is, not by our answer alone. The same again
//! with a vMix that answers OK and does nothing: none may claim success. And the table in `docs/vmix.md` against both.
#![allow(clippy::unwrap_used)]

mod common;

use common::{LIMIT, connected, execute, sim, together};
use if_adapter_vmix::VmixProvider;
use if_engine::{Execution, Provider};
use if_harness::vmix::{BUSSES, Fault, FunctionFault, Input, Model, NewInput, SimOptions, VmixSim};
use if_schemas::Effect;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// Enough for every effect that comes.
const SHORT: Duration = Duration::from_millis(1_500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// The effect is seen.
    Seen,
    /// vMix's state does not show the effect: `indeterminate`, whatever happened.
    Hidden,
}
use Proof::{Hidden, Seen};

struct Case {
    operation: &'static str,
    args: Value,
    /// Functions sent, in their order.
    sent: &'static [&'static str],
    proof: Proof,
    /// What the simulator is afterwards, and was not before.
    happened: fn(&Model) -> bool,
}

fn case(
    operation: &'static str,
    args: Value,
    sent: &'static [&'static str],
    proof: Proof,
    happened: fn(&Model) -> bool,
) -> Case {
    Case { operation, args, sent, proof, happened }
}

/// Inputs: 1 and 2 cameras, 3 a clip, 4 a title, 5 a colour, 6 a list, 7 NDI, 8 the replay.
fn show() -> VmixSim {
    let sim = sim(SimOptions { inputs: 5, delay: Duration::from_millis(10), ..SimOptions::default() });
    sim.operate(|model| {
        for (kind, title) in [("VideoList", "List"), ("NDI", "NDI OLD (1)"), ("Replay", "Replay")] {
            model.add(NewInput { kind: kind.into(), title: title.into() });
        }
        let list = model.input_mut(6).unwrap();
        list.items = ["a.mp4", "b.mp4", "c.mp4"].map(String::from).to_vec();
        list.selected = 2;
        // What is to be switched off is on.
        model.overlays[1] = 5;
        model.mixes[0].preview = 4;
        let first = model.input_mut(1).unwrap();
        (first.ptz.moving, first.ptz.zooming) = (Some("PTZMoveUp 1".into()), Some("PTZZoomIn 1".into()));
        let clip = model.input_mut(3).unwrap();
        clip.position_ms = 30_000;
        model.scripts = vec!["Old".into()];
    });
    sim
}

fn on(model: &Model, number: usize) -> &Input {
    model.input(number).unwrap()
}

fn a(model: &Model) -> &if_harness::vmix::Replay {
    model.replay().unwrap()
}

fn program() -> Vec<Case> {
    vec![
        case("vmix.cut", json!({"input": 3}), &["Cut"], Seen, |m| m.program == 3 && m.preview == 1),
        case("vmix.fade", json!({"input": 3, "duration": 100}), &["Fade"], Seen, |m| m.program == 3),
        case(
            "vmix.transition",
            json!({"type": "merge", "input": "Colour 5", "duration": 100}),
            &["Merge"],
            Seen,
            |m| m.program == 5,
        ),
        case("vmix.transition", json!({"type": "stinger2"}), &["Stinger2"], Seen, |m| m.program == 2),
        case("vmix.transition", json!({"type": "transition1"}), &["Transition1"], Seen, |m| m.program == 2),
        case("vmix.preview", json!({"input": 4}), &["PreviewInput"], Seen, |m| m.preview == 4 && m.program == 1),
        case("vmix.active", json!({"input": 3}), &["ActiveInput"], Seen, |m| m.program == 3 && m.preview == 2),
        case("vmix.fade-to-black", json!({}), &["FadeToBlack"], Seen, |m| m.fade_to_black),
        case("vmix.overlay.in", json!({"num": 8, "input": 4}), &["OverlayInput8In"], Seen, |m| m.overlays[7] == 4),
        case("vmix.overlay.out", json!({"num": 2}), &["OverlayInput2Out"], Seen, |m| m.overlays[1] == 0),
        case("vmix.overlay.off", json!({"num": 2}), &["OverlayInput2Off"], Seen, |m| m.overlays[1] == 0),
        case("vmix.overlay.off", json!({}), &["OverlayInputAllOff"], Seen, |m| m.overlays == [0; 8]),
        case("vmix.mix.select", json!({"mix": 2, "input": 3}), &["ActiveInput"], Seen, |m| m.mixes[0].program == 3),
        case("vmix.mix.preview", json!({"mix": 3, "input": 3}), &["PreviewInput"], Seen, |m| m.mixes[1].preview == 3),
        case("vmix.mix.cut", json!({"mix": 2}), &["Cut"], Seen, |m| m.mixes[0].program == 4),
    ]
}

fn inputs() -> Vec<Case> {
    let file = r"C:\Clips\new.mp4";
    vec![
        case("vmix.input.add", json!({"type": "Video", "source": file}), &["AddInput"], Seen, |m| {
            m.titled("new.mp4").is_some()
        }),
        case("vmix.input.remove", json!({"input": "Colour 5"}), &["RemoveInput"], Seen, |m| {
            m.titled("Colour 5").is_none()
        }),
        case("vmix.input.rename", json!({"input": 5, "name": "Wall"}), &["SetInputName"], Seen, |m| {
            on(m, 5).title == "Wall"
        }),
        case("vmix.input.move", json!({"input": 5, "number": 2}), &["MoveInput"], Seen, |m| {
            on(m, 2).title == "Colour 5"
        }),
        case("vmix.ndi.add", json!({"source": "PC (Cam)"}), &["AddInput"], Seen, |m| {
            m.titled("NDI PC (Cam)").is_some()
        }),
        case("vmix.ndi.select", json!({"input": 7, "source": "PC (Cam)"}), &["NDISelectSourceByName"], Seen, |m| {
            on(m, 7).source == "PC (Cam)"
        }),
        case(
            "vmix.text.set",
            json!({"input": 4, "name": "Headline.Text", "value": "A&B \"ü\"\n2"}),
            &["SetText"],
            Seen,
            |m| on(m, 4).texts[0].1 == "A&B \"ü\"\n2",
        ),
        case(
            "vmix.image.set",
            json!({"input": 4, "name": "Logo.Source", "value": "C:\\l.png"}),
            &["SetImage"],
            Seen,
            |m| on(m, 4).images[0].1 == "C:\\l.png",
        ),
        case("vmix.title.next", json!({"input": 4}), &["NextTitlePreset"], Seen, |m| on(m, 4).preset == 1),
        case("vmix.title.prev", json!({"input": 4}), &["PreviousTitlePreset"], Seen, |m| on(m, 4).preset == 2),
        case("vmix.title.select", json!({"input": 4, "index": 2}), &["SelectTitlePreset"], Seen, |m| {
            on(m, 4).preset == 2
        }),
        case("vmix.videolist.add", json!({"input": "List", "file": "d.mp4"}), &["ListAdd"], Seen, |m| {
            on(m, 6).items.len() == 4
        }),
        case("vmix.videolist.remove", json!({"input": 6, "index": 1}), &["ListRemove"], Seen, |m| {
            on(m, 6).items == ["b.mp4", "c.mp4"]
        }),
        case("vmix.videolist.clear", json!({"input": 6}), &["ListRemoveAll"], Seen, |m| on(m, 6).items.is_empty()),
        case("vmix.videolist.select", json!({"input": 6, "index": 3}), &["SelectIndex"], Seen, |m| {
            on(m, 6).selected == 3
        }),
        case("vmix.videolist.next", json!({"input": 6}), &["NextItem"], Seen, |m| on(m, 6).selected == 3),
        case("vmix.videolist.prev", json!({"input": 6}), &["PreviousItem"], Seen, |m| on(m, 6).selected == 1),
        case("vmix.playlist.start", json!({}), &["StartPlayList"], Seen, |m| m.play_list),
        case("vmix.playlist.stop", json!({}), &["StopPlayList"], Seen, |m| !m.play_list),
        case("vmix.playlist.next", json!({}), &["NextPlayListEntry"], Hidden, |m| m.play_list_at.1 == 1),
        case("vmix.playlist.prev", json!({}), &["PreviousPlayListEntry"], Hidden, |m| m.play_list_at.1 == 0),
        case("vmix.playlist.select", json!({"name": "Show"}), &["SelectPlayList"], Hidden, |m| {
            m.play_list_at.0 == "Show"
        }),
        case(
            "vmix.ptz.move",
            json!({"input": 2, "direction": "up-left", "speed": 0.3}),
            &["PTZMoveUpLeft"],
            Hidden,
            |m| on(m, 2).ptz.moving.as_deref() == Some("PTZMoveUpLeft 0.3"),
        ),
        case("vmix.ptz.stop", json!({"input": 1}), &["PTZMoveStop", "PTZZoomStop"], Hidden, |m| {
            on(m, 1).ptz.moving.is_none() && on(m, 1).ptz.zooming.is_none()
        }),
        case("vmix.ptz.home", json!({"input": 2}), &["PTZHome"], Hidden, |m| on(m, 2).ptz.position == "home"),
        case("vmix.ptz.zoom", json!({"input": 2, "direction": "out"}), &["PTZZoomOut"], Hidden, |m| {
            on(m, 2).ptz.zooming.as_deref() == Some("PTZZoomOut 0.5")
        }),
        case("vmix.ptz.zoom", json!({"input": 1, "direction": "stop"}), &["PTZZoomStop"], Hidden, |m| {
            on(m, 1).ptz.zooming.is_none()
        }),
        case("vmix.ptz.preset", json!({"input": 2}), &["PTZMoveToVirtualInputPosition"], Hidden, |m| {
            on(m, 2).ptz.position == "Camera 2"
        }),
        case(
            "vmix.ptz.preset",
            json!({"input": 2, "index": 1}),
            &["PTZMoveToVirtualInputPositionByIndex"],
            Hidden,
            |m| on(m, 2).ptz.position == "index 1",
        ),
    ]
}

fn media() -> Vec<Case> {
    vec![
        case("vmix.media.play", json!({"input": 3}), &["Play"], Seen, |m| on(m, 3).playing),
        case("vmix.media.pause", json!({"input": 1}), &["Pause"], Seen, |m| !on(m, 1).playing),
        case("vmix.media.restart", json!({"input": 3}), &["Restart"], Seen, |m| on(m, 3).position_ms == 0),
        case("vmix.media.loop", json!({"input": 3}), &["LoopOn"], Seen, |m| on(m, 3).looping),
        case("vmix.media.position", json!({"input": 3, "position": 12_000}), &["SetPosition"], Seen, |m| {
            on(m, 3).position_ms == 12_000
        }),
        case("vmix.audio.volume", json!({"input": 3, "volume": 80}), &["SetVolume"], Seen, |m| on(m, 3).fader == 80.0),
        case(
            "vmix.audio.volume",
            json!({"input": 3, "volume": 12.5, "duration": 100}),
            &["SetVolumeFade"],
            Seen,
            |m| on(m, 3).fader == 12.5,
        ),
        case("vmix.audio.volume", json!({"bus": "master", "volume": 50}), &["SetMasterVolume"], Seen, |m| {
            m.master.fader == 50.0
        }),
        case("vmix.audio.volume", json!({"bus": "headphones", "volume": 50}), &["SetHeadphonesVolume"], Seen, |m| {
            m.headphones == 50.0
        }),
        case("vmix.audio.volume", json!({"bus": "c", "volume": 1}), &["SetBusCVolume"], Seen, |m| {
            m.busses[2].fader == 1.0
        }),
        case("vmix.audio.mute", json!({"input": 1}), &["AudioOff"], Seen, |m| on(m, 1).muted),
        case("vmix.audio.mute", json!({"bus": "master"}), &["MasterAudioOff"], Seen, |m| m.master.muted),
        case("vmix.audio.mute", json!({"bus": "g"}), &["BusXAudioOff"], Seen, |m| m.busses[BUSSES.len() - 1].muted),
        case("vmix.audio.unmute", json!({"input": 3}), &["AudioOn"], Seen, |m| !on(m, 3).muted),
        case("vmix.audio.solo", json!({"input": 3}), &["SoloOn"], Seen, |m| on(m, 3).solo),
        case("vmix.audio.solo", json!({"bus": "b", "state": "toggle"}), &["BusXSoloOn"], Seen, |m| m.busses[1].solo),
        case("vmix.audio.bus", json!({"input": 3, "bus": "a"}), &["AudioBusOn"], Seen, |m| {
            on(m, 3).busses == ['M', 'A']
        }),
        case("vmix.audio.bus", json!({"input": 3, "bus": "master", "state": "off"}), &["AudioBusOff"], Seen, |m| {
            on(m, 3).busses.is_empty()
        }),
        case("vmix.audio.balance", json!({"input": 3, "balance": -0.5}), &["SetBalance"], Seen, |m| {
            on(m, 3).balance == -0.5
        }),
        case("vmix.replay.start", json!({}), &["ReplayStartRecording"], Seen, |m| a(m).recording),
        case("vmix.replay.stop", json!({}), &["ReplayStopRecording"], Seen, |m| !a(m).recording),
        case("vmix.replay.live", json!({}), &["ReplayLive"], Seen, |m| a(m).live),
        case("vmix.replay.recorded", json!({}), &["ReplayRecorded"], Seen, |m| !a(m).live),
        case("vmix.replay.mark-in", json!({}), &["ReplayMarkIn"], Hidden, |m| a(m).events == ["ReplayMarkIn"]),
        case("vmix.replay.mark-out", json!({}), &["ReplayMarkOut"], Hidden, |m| a(m).events == ["ReplayMarkOut"]),
        case("vmix.replay.mark", json!({"seconds": 10}), &["ReplayMarkInOut"], Hidden, |m| {
            a(m).events == ["ReplayMarkInOut 10"]
        }),
        case("vmix.replay.play", json!({}), &["ReplayPlayLastEvent"], Seen, |m| a(m).playing),
        case("vmix.replay.play", json!({"to_output": true}), &["ReplayPlayLastEventToOutput"], Seen, |m| a(m).playing),
        // Nothing was playing and nothing is pushed.
        case("vmix.replay.pause", json!({}), &["ReplayPause"], Hidden, |m| !a(m).playing),
        case("vmix.replay.speed", json!({"speed": 0.33}), &["ReplaySetSpeed"], Seen, |m| a(m).speed == 0.33),
        case("vmix.replay.camera", json!({"channel": "b", "camera": 4}), &["ReplayBCamera4"], Seen, |m| {
            a(m).cameras == [1, 4]
        }),
    ]
}

fn output() -> Vec<Case> {
    vec![
        case("vmix.stream.start", json!({"channel": 2}), &["StartStreaming"], Seen, |m| {
            m.streams[1].on && !m.streams[0].on
        }),
        case(
            "vmix.stream.start",
            json!({"channel": 1, "url": "rtmp://x/live", "key": "k,1"}),
            &["StreamingSetURL", "StreamingSetKey", "StartStreaming"],
            Seen,
            |m| m.streams[0].on && m.streams[0].url == "rtmp://x/live" && m.streams[0].key == "k,1",
        ),
        case("vmix.stream.stop", json!({}), &["StopStreaming"], Seen, |m| !m.streaming()),
        case("vmix.stream.set", json!({"channel": 3, "url": "rtmp://x/live"}), &["StreamingSetURL"], Hidden, |m| {
            m.streams[2].url == "rtmp://x/live"
        }),
        case("vmix.record.start", json!({}), &["StartRecording"], Seen, |m| m.recording),
        case("vmix.record.stop", json!({}), &["StopRecording"], Seen, |m| !m.recording),
        case("vmix.external.start", json!({}), &["StartExternal"], Seen, |m| m.external),
        case("vmix.external.stop", json!({}), &["StopExternal"], Seen, |m| !m.external),
        case("vmix.multicorder.start", json!({}), &["StartMultiCorder"], Seen, |m| m.multi_corder),
        case("vmix.multicorder.stop", json!({}), &["StopMultiCorder"], Seen, |m| !m.multi_corder),
        case("vmix.snapshot", json!({"file": "a.jpg"}), &["Snapshot"], Hidden, |m| {
            m.snapshots == [(0, "a.jpg".to_string())]
        }),
        case("vmix.snapshot", json!({"file": "a.jpg", "input": 3}), &["SnapshotInput"], Hidden, |m| {
            m.snapshots == [(3, "a.jpg".to_string())]
        }),
        case("vmix.script.start", json!({"name": "New"}), &["ScriptStart"], Hidden, |m| m.scripts == ["Old", "New"]),
        case("vmix.script.stop", json!({"name": "Old"}), &["ScriptStop"], Hidden, |m| m.scripts.is_empty()),
        case("vmix.script.stop", json!({}), &["ScriptStopAll"], Hidden, |m| m.scripts.is_empty()),
        case("vmix.function", json!({"name": "SetDynamicValue1", "value": "x y"}), &["SetDynamicValue1"], Seen, |m| {
            m.dynamic_values[0] == "x y"
        }),
        case("vmix.function", json!({"name": "PTZHome", "input": 2}), &["PTZHome"], Hidden, |m| {
            on(m, 2).ptz.position == "home"
        }),
    ]
}

fn cases() -> Vec<Case> {
    [program(), inputs(), media(), output()].into_iter().flatten().collect()
}

async fn check(case: Case) {
    let sim = show();
    // What stops is running, so that there is something to see.
    sim.operate(|model| {
        let stops = case.operation.ends_with(".stop");
        (model.recording, model.external, model.multi_corder, model.play_list) = (stops, stops, stops, stops);
        model.streams[0].on = stops;
        let replay = model.input_mut(8).unwrap().replay.as_mut().unwrap();
        replay.recording = stops;
        replay.live = case.operation != "vmix.replay.live";
        model.play_list_at.1 = usize::from(case.operation == "vmix.playlist.prev");
    });
    let idle = case.operation == "vmix.replay.pause";
    assert!(idle || !(case.happened)(&sim.model()), "{} {}: it is so before", case.operation, case.args);
    let adapter = connected(&sim).await;
    let execution = execute(&*adapter, case.operation, case.args.clone(), LIMIT).await;
    let functions: Vec<String> = sim.received().iter().map(|r| r.function.clone()).collect();
    assert_eq!(functions, case.sent, "{} {}", case.operation, case.args);
    assert!(sim.received().iter().all(|r| r.modelled), "{}: the simulator does not know it", case.operation);
    match (case.proof, &execution) {
        (Seen, Execution::Succeeded(result)) => {
            assert!((case.happened)(&sim.model()), "{} {}: {result}", case.operation, case.args);
            assert_eq!(result["changed"], true, "{}: {result}", case.operation);
        }
        (Hidden, Execution::Indeterminate(failure)) => {
            assert_eq!(failure.code, "not_observable", "{failure:?}");
            assert!(sim.wait_model(LIMIT, case.happened).await, "{} {}: it did not happen", case.operation, case.args);
        }
        (_, other) => panic!("{} {}: {other:?}", case.operation, case.args),
    }
}

async fn check_ignored(case: Case) {
    let sim = show();
    sim.operate(|model| {
        model.recording = case.operation.ends_with(".stop");
        (model.external, model.multi_corder, model.play_list) = (model.recording, model.recording, model.recording);
        model.streams[0].on = model.recording;
        let replay = model.input_mut(8).unwrap().replay.as_mut().unwrap();
        replay.recording = case.operation.ends_with(".stop");
        replay.live = case.operation != "vmix.replay.live";
    });
    let before = sim.model();
    let adapter = connected(&sim).await;
    sim.set_fault(Fault::Function(FunctionFault::Ignored));
    let execution = execute(&*adapter, case.operation, case.args.clone(), SHORT).await;
    assert_eq!(sim.model(), before);
    match execution {
        Execution::Failed(failure) if case.proof == Seen => {
            assert_eq!(failure.code, "not_confirmed", "{}: {failure:?}", case.operation);
            assert!(failure.message.contains(", wanted ") && failure.message.contains(", but after "), "{failure:?}");
        }
        Execution::Indeterminate(failure) => {
            assert_eq!(failure.code, "not_observable", "{}: {failure:?}", case.operation)
        }
        other => panic!("{} {} of a vMix that did nothing: {other:?}", case.operation, case.args),
    }
}

/// Not all at once: 2 simulators of each would be two threads and four sockets.
const AT_ONCE: usize = 8;

async fn in_batches(check: impl AsyncFn(Case)) {
    let mut left = cases();
    while !left.is_empty() {
        let batch: Vec<Case> = left.drain(..left.len().min(AT_ONCE)).collect();
        together(batch, &check).await;
    }
}

#[tokio::test]
async fn every_operation_does_what_it_says() {
    in_batches(check).await;
}

#[tokio::test]
async fn no_operation_claims_what_did_not_happen() {
    in_batches(check_ignored).await;
}

#[tokio::test]
async fn every_read_answers() {
    let sim = show();
    sim.operate(|model| model.streams[1].on = true);
    let adapter = connected(&sim).await;
    let read = async |operation: &str, args: Value| common::succeeded(execute(&*adapter, operation, args, LIMIT).await);
    assert_eq!(read("vmix.status", json!({})).await["program"], 1);
    assert_eq!(read("vmix.inputs", json!({})).await["count"], 8);
    assert_eq!(read("vmix.input.list", json!({})).await, read("vmix.inputs", json!({})).await);
    let title = read("vmix.input.show", json!({"input": "Lower Third.gtzip"})).await;
    assert_eq!(title["texts"], json!([{"name": "Headline.Text", "value": "Hello"}]));
    let tally = read("vmix.tally", json!({})).await;
    assert_eq!((&tally["on_air"], &tally["on_preview"]), (&json!([1, 5]), &json!([2])));
    let state = read("vmix.state", json!({})).await;
    assert_eq!((&state["status"]["program"], &state["busses"][7]["bus"]), (&json!(1), &json!("master")));
    assert_eq!(read("vmix.mix.list", json!({})).await["mixes"][0], json!({"number": 2, "program": null, "preview": 4}));
    assert_eq!(read("vmix.ndi.list", json!({})).await["inputs"][0]["title"], "NDI OLD (1)");
    assert_eq!(read("vmix.stream.status", json!({})).await["streams"][1], json!({"channel": 2, "streaming": true}));
    assert_eq!(read("vmix.record.status", json!({})).await["recording"], false);
    assert_eq!(read("vmix.replay.status", json!({})).await["camera_b"], 2);
    assert_eq!(sim.received(), []);
}

/// One row of the table in `docs/vmix.md`.
struct Row<'a> {
    operation: &'a str,
    line: &'a str,
    functions: Vec<&'a str>,
    confirmed: &'a str,
}

fn rows(text: &str) -> Vec<Row<'_>> {
    let lines = text.lines().filter(|line| line.starts_with("| `vmix."));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let functions = cells[2].split('`').skip(1).step_by(2).collect();
            let of = |at: usize| cells[at].trim_matches('`');
            Row { operation: of(0), line: of(1), functions, confirmed: cells[3] }
        })
        .collect()
}

#[test]
fn the_table_of_the_documentation_is_true() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/vmix.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = rows(&text);
    let provider = VmixProvider::new();
    let known: BTreeSet<&str> = provider.spec().operations.iter().map(|o| o.id.as_str()).collect();
    let listed: BTreeSet<&str> = rows.iter().map(|row| row.operation).collect();
    assert_eq!(listed, known, "every operation has its row, and no other");
    let cases = cases();
    for row in &rows {
        let spec = provider.spec().operation(row.operation).unwrap();
        let words = row.operation.split('.').collect::<Vec<_>>().join(" ");
        assert!(row.line.starts_with(&format!("if {words} myvmix")), "{}: {}", row.operation, row.line);
        for flag in row.line.split_whitespace().filter_map(|word| word.trim_matches(['[', ']']).strip_prefix("--")) {
            let name = flag.replace('-', "_");
            assert!(spec.params.iter().any(|p| p.name == name), "{} has no --{flag}", row.operation);
        }
        let of_it: Vec<&Case> = cases.iter().filter(|case| case.operation == row.operation).collect();
        assert_eq!(of_it.is_empty(), spec.effect == Effect::Read, "{}: every change has a test", row.operation);
        for case in &of_it {
            for sent in case.sent.iter().filter(|_| row.operation != "vmix.function") {
                let named = |f: &&str| *f == *sent || stands_for(f, sent);
                assert!(
                    row.functions.iter().any(named),
                    "{} sends {sent}, the table has {:?}",
                    row.operation,
                    row.functions
                );
            }
            let hidden = row.confirmed.contains("not observable");
            assert!(
                hidden || case.proof == Seen || row.operation == "vmix.function",
                "{}: {}",
                row.operation,
                row.confirmed
            );
        }
    }
}

/// `OverlayInputNIn` stands for `OverlayInput8In`, `PTZMove…` for all that begin so, `Bus?` letters likewise.
fn stands_for(pattern: &str, name: &str) -> bool {
    match pattern.split_once(['N', '…']) {
        Some((start, "")) => name.starts_with(start),
        Some((start, end)) => name.starts_with(start) && name.ends_with(end),
        None => false,
    }
}
