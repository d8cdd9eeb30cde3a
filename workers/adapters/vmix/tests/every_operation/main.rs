//! Every operation against a simulated vMix, judged by what the simulator then is, not by our answer alone. The same again
//! with a vMix that answers OK and does nothing: none may claim success. And the table in `docs/vmix.md` against both.
#![allow(clippy::unwrap_used)]

mod cases;
#[path = "../common/mod.rs"]
mod common;

use cases::{Case, Hidden, Seen, cases};
use common::{LIMIT, connected, execute, sim, together};
use if_adapter_vmix::VmixProvider;
use if_engine::{Execution, Provider};
use if_harness::vmix::{Fault, FunctionFault, NewInput, SimOptions, VmixSim};
use if_schemas::Effect;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// Enough for every effect that comes.
const SHORT: Duration = Duration::from_millis(1_500);

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
