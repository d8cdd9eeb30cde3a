//! Other versions than the one that can be installed, and messages that a real OBS does not send: scripted fakes.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use if_adapter_obs::Limits;
use if_engine::Adapter;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::{
    PATIENCE, adapter, failed,
    fake::{Fake, Side},
    succeeded,
};
use tokio::time::timeout;

const BOTH: [&str; 2] = ["event", "read_back"];

type Answer = fn(&str, &Value) -> Option<Value>;

/// Answers batches and requests by `read`; what it does not know goes to `act`, which may send events and changes `read`.
async fn studio(
    read: Answer,
    act: fn(&str) -> Option<(Value, Vec<(&'static str, Value)>, Answer)>,
) -> (Fake, Arc<dyn Adapter>) {
    let fake = Fake::identified(move |mut side: Side| async move {
        let mut read = read;
        while let Some(message) = side.any_message().await {
            if message["op"] == 8 {
                side.answer_batch(&message, read).await;
                continue;
            }
            let request = Side::as_request(&message);
            if let Some(data) = read(&request.kind, &request.data) {
                side.answer(&request, data).await;
            } else if let Some((data, events, after)) = act(&request.kind) {
                side.answer(&request, data).await;
                read = after;
                for (kind, data) in events {
                    side.event(kind, data).await;
                }
            } else {
                side.refuse(&request, 204, "Your request type is not valid.").await;
            }
        }
    })
    .await;
    let adapter = adapter(fake.port, None, Limits::default());
    adapter.connect().await.unwrap();
    (fake, adapter)
}

async fn fresh(adapter: &Arc<dyn Adapter>) {
    let live = adapter.live().unwrap();
    let mut changed = live.subscribe();
    let turned = async {
        while !live.changes_since(0).fresh {
            changed.changed().await.unwrap();
        }
    };
    timeout(PATIENCE, turned).await.unwrap();
}

/// OBS 28.0, obs-websocket 5.0: no UUIDs, and fewer requests.
fn old(kind: &str, data: &Value) -> Option<Value> {
    Some(match kind {
        "GetVersion" => {
            json!({"obsVersion": "28.0.0", "obsWebSocketVersion": "5.0.0", "rpcVersion": 1, "availableRequests": ["GetVersion", "GetSceneList"]})
        }
        "GetSceneList" => {
            json!({"currentProgramSceneName": "S", "currentPreviewSceneName": null, "scenes": [{"sceneIndex": 0, "sceneName": "S"}]})
        }
        "GetGroupList" => json!({"groups": []}),
        "GetInputList" => {
            json!({"inputs": [{"inputName": "Mic", "inputKind": "pulse_input_capture", "unversionedInputKind": "pulse_input_capture"}]})
        }
        "GetSceneItemList" => {
            json!({"sceneItems": [{"sceneItemId": 1, "sceneItemIndex": 0, "sourceName": "Mic", "sceneItemEnabled": true, "sceneItemLocked": false}]})
        }
        "GetInputMute" if data["inputName"] == "Mic" => json!({"inputMuted": false}),
        "GetStudioModeEnabled" => json!({"studioModeEnabled": false}),
        _ => return None,
    })
}

fn old_muted(kind: &str, data: &Value) -> Option<Value> {
    if kind == "GetInputMute" { Some(json!({"inputMuted": true})) } else { old(kind, data) }
}

#[tokio::test]
async fn obs_28_without_uuids_and_with_fewer_requests() {
    let (_fake, adapter) = studio(old, |kind| {
        let event = ("InputMuteStateChanged", json!({"inputName": "Mic", "inputMuted": true}));
        (kind == "SetInputMute").then(|| (Value::Null, vec![event], old_muted as Answer))
    })
    .await;
    fresh(&adapter).await;
    let live = adapter.live().unwrap();
    assert_eq!(live.get("scene.program"), Some(json!("S")));
    assert_eq!(live.get("items.S.1.enabled"), Some(json!(true)));
    assert_eq!(live.get("record.active"), None);
    let muted = succeeded(&adapter, "obs.audio.mute", json!({"input": "Mic"})).await;
    assert_eq!((&muted["changed"], &muted["confirmed_by"]), (&json!(true), &json!(BOTH)));
    for (operation, args) in [("obs.replay.status", json!({})), ("obs.profile.list", json!({}))] {
        assert_eq!(failed(&adapter, operation, args, PATIENCE).await.code, "unsupported", "{operation}");
    }
    let unknown = failed(&adapter, "obs.request", json!({"request": "GetSceneLst"}), PATIENCE).await;
    assert_eq!(unknown.hint.as_deref(), Some("did you mean \"GetSceneList\"?"));
}

/// OBS 31: UUIDs everywhere, more requests and events, fields nobody knows yet.
fn new(kind: &str, _data: &Value) -> Option<Value> {
    Some(match kind {
        "GetVersion" => {
            let known = ["GetVersion", "SetRecordDirectory", "GetRecordDirectory", "SplitRecordFile"];
            json!({"obsVersion": "31.1.0", "obsWebSocketVersion": "5.6.1", "rpcVersion": 1, "availableRequests": known, "new": {}})
        }
        "GetSceneList" => {
            json!({"currentProgramSceneName": "S", "currentProgramSceneUuid": "u", "scenes": [{"sceneName": "S", "sceneUuid": "u"}]})
        }
        "GetInputList" => {
            let kind = "text_ft2_source_v2";
            json!({"inputs": [
                {"inputName": "T", "inputUuid": "u", "inputKind": kind, "inputKindCaps": 1},
                {"inputName": "Web", "inputUuid": "v", "inputKind": "browser_source"},
            ]})
        }
        "GetInputSettings" => json!({"inputKind": "x", "inputSettings": {"text": "a", "url": "http://a/"}}),
        "GetRecordStatus" => json!({"outputActive": true, "outputPaused": false}),
        "GetRecordDirectory" => json!({"recordDirectory": "/a"}),
        "GetVirtualCamStatus" => json!({"outputActive": false}),
        "GetSourceFilterKindList" => json!({"sourceFilterKinds": ["color_filter_v2"]}),
        "GetSourceFilterList" => json!({"filters": []}),
        "GetGroupList" => json!({"groups": []}),
        _ => return None,
    })
}

fn new_after(kind: &str, data: &Value) -> Option<Value> {
    Some(match kind {
        "GetInputSettings" => json!({"inputKind": "x", "inputSettings": {"text": "b", "url": "http://b/"}}),
        _ => return new(kind, data),
    })
}

fn new_camera(kind: &str, data: &Value) -> Option<Value> {
    if kind == "GetVirtualCamStatus" { Some(json!({"outputActive": true})) } else { new_after(kind, data) }
}

#[tokio::test]
async fn the_newest_obs_tells_more() {
    let (_fake, adapter) = studio(new, |kind| {
        let event = match kind {
            "SetInputSettings" => {
                ("InputSettingsChanged", json!({"inputName": "T", "inputUuid": "u", "inputSettings": {"text": "b"}}))
            }
            "SplitRecordFile" => ("RecordFileChanged", json!({"newOutputPath": "/a/2.mkv"})),
            "StartVirtualCam" => {
                ("VirtualcamStateChanged", json!({"outputActive": true, "outputState": "OBS_WEBSOCKET_OUTPUT_STARTED"}))
            }
            "PressInputPropertiesButton" => ("SomethingNew", json!({})),
            _ => return None,
        };
        let after: Answer = if kind == "StartVirtualCam" { new_camera } else { new_after };
        Some((Value::Null, vec![event], after))
    })
    .await;
    let text = succeeded(&adapter, "obs.text.set", json!({"input": "T", "text": "b"})).await;
    assert_eq!(text["input"], "T");
    let split = succeeded(&adapter, "obs.record.split", json!({})).await;
    assert_eq!((&split["path"], &split["confirmed_by"]), (&json!("/a/2.mkv"), &json!(BOTH)));
    let camera = succeeded(&adapter, "obs.virtualcam.start", json!({})).await;
    assert_eq!(camera["confirmed_by"], json!(BOTH));
    let page = succeeded(&adapter, "obs.browser.set", json!({"input": "Web", "url": "http://b/"})).await;
    assert_eq!(page["settings"], json!({"url": "http://b/"}));
    let refresh = support::indeterminate(&adapter, "obs.browser.refresh", json!({"input": "Web"}), PATIENCE).await;
    assert_eq!(refresh.code, "not_observable");
    let kind = json!({"source": "T", "filter": "F", "kind": "colour_filter_v2"});
    let typo = failed(&adapter, "obs.filter.add", kind, PATIENCE).await;
    assert_eq!((typo.code.as_str(), typo.hint.as_deref()), ("not_found", Some("did you mean \"color_filter_v2\"?")));
}

#[tokio::test]
async fn a_split_that_nothing_tells_of_is_no_success() {
    let (_fake, adapter) =
        studio(new, |kind| (kind == "SplitRecordFile").then(|| (Value::Null, vec![], new as Answer))).await;
    let split = failed(&adapter, "obs.record.split", json!({}), Duration::from_secs(2)).await;
    assert_eq!(split.code, "not_confirmed");
    assert!(split.message.contains("no event that tells of it"), "{split:?}");
}

/// Names twice in a list, fields twice in an object, answers twice: the last one of an object counts, and nobody is confused.
#[tokio::test]
async fn duplicates() {
    let fake = Fake::identified(|mut side: Side| async move {
        while let Some(request) = side.request().await {
            let scenes = json!([{"sceneName": "S"}, {"sceneName": "S"}, {"sceneName": "T"}]);
            let data = match request.kind.as_str() {
                "GetVersion" => json!({"obsVersion": "29.0.2", "obsWebSocketVersion": "5.1.0", "rpcVersion": 1}),
                "GetSceneList" => json!({"currentProgramSceneName": "T", "scenes": scenes}),
                "GetCurrentSceneTransitionCursor" => json!({"transitionCursor": 1.0}),
                other => panic!("{other}"),
            };
            side.answer(&request, data.clone()).await;
            side.answer(&request, data).await;
            let twice = r#"{"op": 5, "d": {"eventType": "X", "eventData": {"a": 1, "a": 2}}}"#;
            side.text(twice).await;
        }
    })
    .await;
    let adapter = adapter(fake.port, None, Limits::default());
    adapter.connect().await.unwrap();
    let current = succeeded(&adapter, "obs.scene.switch", json!({"scene": "T"})).await;
    assert_eq!(current["changed"], false);
    assert_eq!(succeeded(&adapter, "obs.scene.list", json!({})).await["scenes"], json!(["T", "S", "S"]));
}

#[tokio::test]
async fn a_truncated_answer_ends_the_session_and_the_command_is_not_a_success() {
    let fake = Fake::identified(|mut side: Side| async move {
        let request = side.request().await.unwrap();
        side.answer(&request, json!({"obsVersion": "29.0.2", "obsWebSocketVersion": "5.1.0", "rpcVersion": 1})).await;
        let _ = side.request().await;
        side.text(r#"{"op": 7, "d": {"requestId": "2", "requestStatus": {"resu"#).await;
        side.message().await;
    })
    .await;
    let adapter = adapter(fake.port, None, Limits::default());
    adapter.connect().await.unwrap();
    let ended = failed(&adapter, "obs.scene.list", json!({}), PATIENCE).await;
    assert_eq!(ended.code, "disconnected");
    assert!(timeout(PATIENCE, adapter.closed()).await.unwrap().message.contains("no {\"op\", \"d\"} object"));
}

/// The live state of a studio with many things: one more message, not one for each.
#[tokio::test]
async fn two_hundred_inputs() {
    fn many(kind: &str, data: &Value) -> Option<Value> {
        let name = |i: usize| format!("Input {i}");
        Some(match kind {
            "GetInputList" => {
                json!({"inputs": (0..200).map(|i| json!({"inputName": name(i), "inputKind": "k"})).collect::<Vec<_>>()})
            }
            "GetInputMute" => json!({"inputMuted": data["inputName"] == "Input 7"}),
            "GetInputVolume" => json!({"inputVolumeDb": -3.5, "inputVolumeMul": 0.6}),
            other => return old(other, data),
        })
    }
    let (_fake, adapter) = studio(many, |_| None).await;
    fresh(&adapter).await;
    let live = adapter.live().unwrap();
    assert_eq!(live.get("audio.Input=207.muted"), Some(json!(true)));
    assert_eq!(live.get("audio.Input=20199.volume_db"), Some(json!(-3.5)));
    assert_eq!(live.changes_since(0).values.iter().filter(|(path, _)| path.starts_with("inputs.")).count(), 200);
}
