//! Profiles, collections, hotkeys, any request, and the live state of a real OBS Studio. Run by `make test-peers`.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use serde_json::json;
use std::time::Duration;
use support::{PATIENCE, failed, indeterminate, raw::Raw, stage::Stage};
use tokio::{task::block_in_place, time::timeout};

const BOTH: [&str; 2] = ["event", "read_back"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn profiles_and_scene_collections() {
    let mut stage = Stage::new().await;
    let last = failed(&stage.adapter, "obs.profile.remove", json!({"profile": "Untitled"}), PATIENCE).await;
    assert_eq!(last.code, "last_profile");
    stage.change("obs.profile.create", json!({"profile": "Studio B"}), &BOTH).await;
    assert_eq!(stage.ask("GetProfileList", json!({})).await["currentProfileName"], "Studio B");
    stage.live("profile", json!("Studio B")).await;
    stage.change("obs.profile.switch", json!({"profile": "Untitled"}), &BOTH).await;
    assert_eq!(stage.ask("GetProfileList", json!({})).await["currentProfileName"], "Untitled");
    stage.change("obs.profile.remove", json!({"profile": "Studio B"}), &BOTH).await;
    assert_eq!(stage.ask("GetProfileList", json!({})).await["profiles"], json!(["Untitled"]));
    let typo = failed(&stage.adapter, "obs.profile.switch", json!({"profile": "Untitld"}), PATIENCE).await;
    assert_eq!((typo.code.as_str(), typo.hint.as_deref()), ("not_found", Some("did you mean \"Untitled\"?")));

    stage.ask("CreateScene", json!({"sceneName": "Old"})).await;
    stage.live("scenes.Old.index", json!(1)).await;
    stage.change("obs.collection.create", json!({"collection": "Show 2"}), &BOTH).await;
    assert_eq!(stage.ask("GetSceneCollectionList", json!({})).await["currentSceneCollectionName"], "Show 2");
    // What was of the collection before is gone.
    stage.live("collection", json!("Show 2")).await;
    assert_eq!(stage.adapter.live().unwrap().get("scenes.Old.index"), None);
    stage.change("obs.collection.switch", json!({"collection": "Untitled"}), &BOTH).await;
    stage.live("scenes.Old.index", json!(1)).await;
    let list = stage.run("obs.collection.list", json!({})).await;
    assert_eq!(list, json!({"current": "Untitled", "collections": ["Show 2", "Untitled"]}));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn hotkeys_and_any_request() {
    let mut stage = Stage::new().await;
    let list = stage.run("obs.hotkey.list", json!({})).await;
    assert!(list["hotkeys"].as_array().unwrap().contains(&json!("OBSBasic.TogglePreviewProgram")), "{list}");
    let typo = failed(&stage.adapter, "obs.hotkey.trigger", json!({"hotkey": "OBSBasic.Transitoin"}), PATIENCE).await;
    assert_eq!(
        (typo.code.as_str(), typo.hint.as_deref()),
        ("not_found", Some("did you mean \"OBSBasic.Transition\"?"))
    );
    let pressed = json!({"hotkey": "OBSBasic.TogglePreviewProgram"});
    assert_eq!(indeterminate(&stage.adapter, "obs.hotkey.trigger", pressed, PATIENCE).await.code, "not_observable");
    // It was pressed.
    assert_eq!(stage.eyes.event("StudioModeStateChanged").await["studioModeEnabled"], true);

    let read = stage.run("obs.request", json!({"request": "GetVideoSettings"})).await;
    assert_eq!((&read["data"]["baseWidth"], &read["confirmed_by"]), (&json!(320), &json!(["answer"])));
    let data = json!({"sceneName": "Scene", "transitionName": "Fade", "transitionDuration": 700});
    let set = stage.run("obs.request", json!({"request": "SetSceneSceneTransitionOverride", "data": data})).await;
    assert_eq!(set["confirmed_by"], json!(["read_back"]));
    let seen = stage.ask("GetSceneSceneTransitionOverride", json!({"sceneName": "Scene"})).await;
    assert_eq!((&seen["transitionName"], &seen["transitionDuration"]), (&json!("Fade"), &json!(700)));

    let typo = failed(&stage.adapter, "obs.request", json!({"request": "GetVersoin"}), PATIENCE).await;
    assert_eq!((typo.code.as_str(), typo.hint.as_deref()), ("not_found", Some("did you mean \"GetVersion\"?")));
    let refused = json!({"request": "SetSceneName", "data": {"sceneName": "none", "newSceneName": "x"}});
    assert_eq!(failed(&stage.adapter, "obs.request", refused, PATIENCE).await.code, "not_found");
    let unseen = json!({"request": "BroadcastCustomEvent", "data": {"eventData": {"a": 1}}});
    assert_eq!(indeterminate(&stage.adapter, "obs.request", unseen, PATIENCE).await.code, "not_observable");
    assert_eq!(stage.eyes.event("CustomEvent").await["a"], 1);
    let secret = json!({"request": "SetStreamServiceSettings", "data": {"streamServiceType": "rtmp_custom", "streamServiceSettings": {"key": "k"}}});
    assert_eq!(failed(&stage.adapter, "obs.request", secret, PATIENCE).await.code, "bad_argument");
    assert_eq!(stage.ask("GetStreamServiceSettings", json!({})).await["streamServiceSettings"], json!({}));

    let video = r#"SetPersistentData {"realm": "OBS_WEBSOCKET_DATA_REALM_PROFILE", "slotName": "s", "slotValue": 4}"#;
    let several = stage.run("obs.batch", json!({"request": ["GetVersion", video]})).await;
    assert_eq!(several["results"][0]["confirmed_by"], json!(["answer"]));
    assert_eq!(several["results"][1]["confirmed_by"], json!(["read_back"]));
    let seen =
        stage.ask("GetPersistentData", json!({"realm": "OBS_WEBSOCKET_DATA_REALM_PROFILE", "slotName": "s"})).await;
    assert_eq!(seen["slotValue"], 4);
    let partly = json!({"request": ["SetSceneName {\"sceneName\": \"none\", \"newSceneName\": \"x\"}", "GetStats"], "halt": true});
    let ended = indeterminate(&stage.adapter, "obs.batch", partly, PATIENCE).await;
    assert!(
        ended.message.contains("SetSceneName: refused with code 600")
            && ended.message.contains("GetStats: not executed"),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn the_live_state_follows_and_goes_stale() {
    let mut stage = Stage::new().await;
    stage.live("scene.program", json!("Scene")).await;
    stage.live("studio_mode", json!(false)).await;
    stage.live("record.active", json!(false)).await;
    stage.live("transition.current", json!("Fade")).await;

    // Whoever does it.
    stage.ask("CreateScene", json!({"sceneName": "Nah ü"})).await;
    stage.live("scenes.Nah=20=C3=BC.index", json!(1)).await;
    stage.ask("SetCurrentProgramScene", json!({"sceneName": "Nah ü"})).await;
    stage.live("scene.program", json!("Nah ü")).await;
    let made =
        stage.ask("CreateInput", json!({"sceneName": "Scene", "inputName": "Mic", "inputKind": "ffmpeg_source"})).await;
    let shown = format!("items.Scene.{}.enabled", made["sceneItemId"]);
    stage.live("inputs.Mic.kind", json!("ffmpeg_source")).await;
    stage.live("audio.Mic.muted", json!(false)).await;
    stage.live(&shown, json!(true)).await;
    stage.ask("SetInputMute", json!({"inputName": "Mic", "inputMuted": true})).await;
    stage.live("audio.Mic.muted", json!(true)).await;
    stage.ask("SetInputVolume", json!({"inputName": "Mic", "inputVolumeDb": -100})).await;
    stage.live("audio.Mic.volume_db", json!(-100.0)).await;
    stage
        .ask(
            "SetSceneItemEnabled",
            json!({"sceneName": "Scene", "sceneItemId": made["sceneItemId"], "sceneItemEnabled": false}),
        )
        .await;
    stage.live(&shown, json!(false)).await;
    stage.ask("SetStudioModeEnabled", json!({"studioModeEnabled": true})).await;
    stage.live("scene.preview", json!("Nah ü")).await;
    stage.ask("StartRecord", json!({})).await;
    stage.live("record.active", json!(true)).await;
    stage.ask("StopRecord", json!({})).await;
    stage.live("record.active", json!(false)).await;
    stage.ask("SetInputName", json!({"inputName": "Mic", "newInputName": "Ton"})).await;
    stage.live("audio.Ton.muted", json!(true)).await;
    let live = stage.adapter.live().unwrap();
    assert_eq!((live.get("audio.Mic.muted"), live.get("inputs.Mic.kind")), (None, None));
    stage.ask("RemoveInput", json!({"inputName": "Ton"})).await;
    stage.live("collection", json!("Untitled")).await;

    // Mid-show: the last known values stay, and are called stale until OBS is there again.
    block_in_place(|| stage.obs.kill());
    let lost = timeout(PATIENCE, stage.adapter.closed()).await.unwrap();
    assert_eq!(lost.state, if_schemas::presence::InstanceState::Disconnected);
    let gone = failed(&stage.adapter, "obs.studio.off", json!({}), Duration::from_secs(5)).await;
    assert!(matches!(gone.code.as_str(), "not_sent" | "disconnected"), "{gone:?}");
    stage.fresh(false).await;
    assert_eq!(live.get("scene.program"), Some(json!("Nah ü")));
    block_in_place(|| stage.obs.start_again()).unwrap();
    stage.adapter.connect().await.unwrap();
    stage.eyes = Raw::connect(stage.obs.port()).await;
    stage.fresh(true).await;
    let program = stage.eyes.program().await;
    stage.live("scene.program", json!(program)).await;
    stage.ask("SetStudioModeEnabled", json!({"studioModeEnabled": true})).await;
    stage.live("studio_mode", json!(true)).await;
}
