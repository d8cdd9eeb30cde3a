use super::*;
use serde_json::json;

fn event(kind: &str, data: Value) -> Event {
    Event { kind: kind.into(), data }
}

#[test]
fn events_are_taken_in() {
    let state = LiveState::default();
    for (kind, data, path, expected) in [
        ("CurrentProgramSceneChanged", json!({"sceneName": "A", "sceneUuid": "u"}), "scene.program", json!("A")),
        (
            "InputMuteStateChanged",
            json!({"inputName": "Mic 1", "inputMuted": true}),
            "audio.Mic=201.muted",
            json!(true),
        ),
        ("RecordStateChanged", json!({"outputState": "OBS_WEBSOCKET_OUTPUT_STARTED"}), "record.active", json!(true)),
        ("RecordStateChanged", json!({"outputState": "OBS_WEBSOCKET_OUTPUT_PAUSED"}), "record.paused", json!(true)),
        ("RecordStateChanged", json!({"outputState": "OBS_WEBSOCKET_OUTPUT_STOPPING"}), "record.active", json!(true)),
        ("RecordStateChanged", json!({"outputState": "OBS_WEBSOCKET_OUTPUT_STOPPED"}), "record.paused", json!(false)),
        (
            "SceneItemEnableStateChanged",
            json!({"sceneName": "A", "sceneItemId": 7, "sceneItemEnabled": false}),
            "items.A.7.enabled",
            json!(false),
        ),
        (
            "MediaInputActionTriggered",
            json!({"inputName": "m", "mediaAction": "OBS_WEBSOCKET_MEDIA_INPUT_ACTION_PAUSE"}),
            "media.m.state",
            json!("paused"),
        ),
    ] {
        assert_eq!(apply(&state, &event(kind, data)), None, "{kind}");
        assert_eq!(state.get(path), Some(expected), "{kind}");
    }
}

#[test]
fn what_an_event_does_not_tell_is_read() {
    let state = LiveState::default();
    state.set("audio.Mic.muted", json!(true));
    state.set("audio.Micro.muted", json!(true));
    for (kind, data, part) in [
        ("SceneNameChanged", json!({"oldSceneName": "A", "sceneName": "B"}), Part::Scenes),
        ("SceneItemCreated", json!({"sceneName": "A"}), Part::Items("A".into())),
        ("InputCreated", json!({"inputName": "n", "inputKind": "k"}), Part::Input("n".into())),
        ("CurrentSceneCollectionChanged", json!({"sceneCollectionName": "c"}), Part::All),
    ] {
        assert_eq!(apply(&state, &event(kind, data)), Some(part), "{kind}");
    }
    assert_eq!(apply(&state, &event("InputRemoved", json!({"inputName": "Mic"}))), None);
    assert_eq!((state.get("audio.Mic.muted"), state.get("audio.Micro.muted")), (None, Some(json!(true))));
}
