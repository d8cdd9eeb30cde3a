//! What is on air and what is next, on a real OBS Studio. Run by `make test-peers`.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use if_engine::Execution;
use serde_json::{Value, json};
use std::time::Duration;
use support::{PATIENCE, execute, failed, raw::Raw, stage::Stage};

const BOTH: [&str; 2] = ["event", "read_back"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn studio_mode_preview_and_transitions() {
    let mut stage = Stage::new().await;
    for scene in ["A", "B"] {
        stage.ask("CreateScene", json!({"sceneName": scene})).await;
    }
    for (operation, args) in [("obs.preview.set", json!({"scene": "A"})), ("obs.transition.trigger", json!({}))] {
        assert_eq!(failed(&stage.adapter, operation, args, PATIENCE).await.code, "studio_mode_off", "{operation}");
    }
    stage.change("obs.studio.on", json!({}), &BOTH).await;
    assert_eq!(stage.ask("GetStudioModeEnabled", json!({})).await["studioModeEnabled"], true);
    assert_eq!(stage.run("obs.studio.on", json!({})).await["changed"], false);

    stage.change("obs.preview.set", json!({"scene": "A"}), &BOTH).await;
    assert_eq!(stage.ask("GetCurrentPreviewScene", json!({})).await["currentPreviewSceneName"], "A");
    assert_eq!(stage.run("obs.preview.get", json!({})).await, json!({"preview": "A"}));
    let typo = failed(&stage.adapter, "obs.preview.set", json!({"scene": "Scenne"}), PATIENCE).await;
    assert_eq!((typo.code.as_str(), typo.hint.as_deref()), ("not_found", Some("did you mean \"Scene\"?")));

    stage.change("obs.transition.duration", json!({"duration": 120}), &BOTH).await;
    assert_eq!(stage.ask("GetCurrentSceneTransition", json!({})).await["transitionDuration"], 120);
    let taken = stage.change("obs.transition.trigger", json!({}), &BOTH).await;
    assert_eq!((&taken["scene"], &taken["previous"]), (&json!("A"), &json!("Scene")));
    assert_eq!(stage.eyes.program().await, "A");

    stage.change("obs.transition.set", json!({"transition": "Cut"}), &BOTH).await;
    assert_eq!(stage.ask("GetCurrentSceneTransition", json!({})).await["transitionName"], "Cut");
    let fixed = failed(&stage.adapter, "obs.transition.duration", json!({"duration": 500}), PATIENCE).await;
    assert_eq!(fixed.code, "fixed_duration");
    let short = failed(&stage.adapter, "obs.transition.duration", json!({"duration": 49}), PATIENCE).await;
    assert_eq!(short.code, "bad_argument");
    let typo = failed(&stage.adapter, "obs.transition.set", json!({"transition": "Fad"}), PATIENCE).await;
    assert_eq!((typo.code.as_str(), typo.hint.as_deref()), ("not_found", Some("did you mean \"Fade\"?")));
    let list = stage.run("obs.transition.list", json!({})).await;
    assert_eq!((&list["current"], &list["transitions"][0]["fixed"]), (&json!("Cut"), &json!(true)));

    stage.change("obs.studio.off", json!({}), &BOTH).await;
    assert_eq!(stage.ask("GetStudioModeEnabled", json!({})).await["studioModeEnabled"], false);
    assert_eq!(
        stage.run("obs.studio.status", json!({})).await,
        json!({"studio_mode": false, "program": "A", "preview": null})
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn names_of_every_sort() {
    let mut stage = Stage::new().await;
    let long = "ü\"'\n".repeat(2_500);
    for name in ["Grüße, \"Köln\" ‘1’", "a\nb\tc", "日本語 🎬", "{{ x }} $(y) \\", &long] {
        stage.change("obs.scene.create", json!({"scene": name}), &BOTH).await;
        stage.change("obs.scene.switch", json!({"scene": name}), &BOTH).await;
        assert_eq!(stage.eyes.program().await, name);
        assert_eq!(
            failed(&stage.adapter, "obs.scene.create", json!({"scene": name}), PATIENCE).await.code,
            "already_exists"
        );
    }
    let other = format!("{long}x");
    let missing = failed(&stage.adapter, "obs.scene.switch", json!({"scene": other}), PATIENCE).await;
    assert!(missing.code == "not_found" && missing.message.len() < 1_000, "{missing:?}");
    stage.change("obs.scene.rename", json!({"scene": long, "name": "kurz"}), &BOTH).await;
    assert_eq!(stage.eyes.program().await, "kurz");
    let taken = failed(&stage.adapter, "obs.scene.rename", json!({"scene": "kurz", "name": "Scene"}), PATIENCE).await;
    assert_eq!(taken.code, "already_exists");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn of_rapid_commands_the_last_one_wins() {
    const SCENES: usize = 8;
    let mut stage = Stage::new().await;
    for index in 0..SCENES {
        stage.ask("CreateScene", json!({"sceneName": format!("S{index}")})).await;
    }
    stage.ask("CreateInput", json!({"sceneName": "Scene", "inputName": "Mic", "inputKind": "ffmpeg_source"})).await;
    let limit = Duration::from_secs(10);
    let switch =
        |index: usize| execute(&stage.adapter, "obs.scene.switch", json!({"scene": format!("S{index}")}), limit);
    let ended = futures::future::join_all((0..SCENES).map(switch)).await;
    assert_eq!(stage.eyes.program().await, format!("S{}", SCENES - 1));
    for (index, execution) in ended.into_iter().enumerate() {
        match execution {
            Execution::Succeeded(document) => {
                assert_eq!((index, &document["confirmed_by"]), (SCENES - 1, &json!(BOTH)))
            }
            Execution::Failed(failure) => {
                assert!(index < SCENES - 1 && failure.code == "superseded", "{index}: {failure:?}");
                assert!(failure.message.contains(&format!("wanted scene \"S{index}\" on program")), "{failure:?}");
            }
            other => panic!("{index}: {other:?}"),
        }
    }
    // On, off, on, off…: what was asked last is what is, and whoever says success has seen it.
    let mute = |index: usize| {
        let operation = if index.is_multiple_of(2) { "obs.audio.mute" } else { "obs.audio.unmute" };
        execute(&stage.adapter, operation, json!({"input": "Mic"}), limit)
    };
    let ended = futures::future::join_all((0..20).map(mute)).await;
    assert_eq!(stage.ask("GetInputMute", json!({"inputName": "Mic"})).await["inputMuted"], false);
    assert!(matches!(ended.last(), Some(Execution::Succeeded(_))), "{ended:?}");
    for execution in ended {
        let fine = matches!(&execution, Execution::Succeeded(_))
            || matches!(&execution, Execution::Failed(failure) if failure.code == "superseded");
        assert!(fine, "{execution:?}");
    }
}

/// What does not contradict is not superseded: several things made, several properties set, at once.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn commands_for_different_things_all_succeed() {
    let mut stage = Stage::new().await;
    stage.ask("CreateInput", json!({"sceneName": "Scene", "inputName": "Card", "inputKind": "color_source_v3"})).await;
    let limit = Duration::from_secs(10);
    let scenes = futures::future::join_all(
        (0..6).map(|i| execute(&stage.adapter, "obs.scene.create", json!({"scene": format!("N{i}")}), limit)),
    );
    let set =
        |settings| execute(&stage.adapter, "obs.input.set", json!({"input": "Card", "settings": settings}), limit);
    let moved = |args| execute(&stage.adapter, "obs.item.transform", args, limit);
    let (scenes, width, height, x, y) = tokio::join!(
        scenes,
        set(json!({"width": 11})),
        set(json!({"height": 12})),
        moved(json!({"scene": "Scene", "item": "Card", "x": 13})),
        moved(json!({"scene": "Scene", "item": "Card", "y": 14})),
    );
    for ended in scenes.iter().chain([&width, &height, &x, &y]) {
        assert!(matches!(ended, Execution::Succeeded(_)), "{ended:?}");
    }
    assert_eq!(stage.ask("GetSceneList", json!({})).await["scenes"].as_array().map(Vec::len), Some(7));
    let seen = stage.ask("GetInputSettings", json!({"inputName": "Card"})).await;
    assert_eq!(seen["inputSettings"], json!({"width": 11, "height": 12}));
    let item = stage.ask("GetSceneItemTransform", json!({"sceneName": "Scene", "sceneItemId": 1})).await;
    let transform = &item["sceneItemTransform"];
    assert_eq!((&transform["positionX"], &transform["positionY"]), (&json!(13.0), &json!(14.0)));
}

/// Start and stop of a recording in one breath: each waits for the one before, and the last one is what is.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn start_and_stop_in_one_breath() {
    let mut stage = Stage::new().await;
    let adapter = stage.adapter.clone();
    let run = |operation| execute(&adapter, operation, json!({}), PATIENCE);
    let (first, second, third) = tokio::join!(run("obs.record.start"), run("obs.record.stop"), run("obs.record.start"));
    let Execution::Succeeded(last) = &third else { panic!("{third:?}") };
    assert_eq!((&last["recording"], &last["changed"]), (&json!(true), &json!(true)), "{first:?} {second:?}");
    assert_eq!(stage.ask("GetRecordStatus", json!({})).await["outputActive"], true);
    let (last, stopped) = tokio::join!(run("obs.record.start"), run("obs.record.stop"));
    assert!(matches!(&last, Execution::Succeeded(document) if document["changed"] == false), "{last:?}");
    assert!(matches!(&stopped, Execution::Succeeded(document) if document["changed"] == true), "{stopped:?}");
    assert_eq!(stage.ask("GetRecordStatus", json!({})).await["outputActive"], false);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn two_operators_at_once() {
    let mut stage = Stage::new().await;
    for scene in ["A", "B"] {
        stage.ask("CreateScene", json!({"sceneName": scene})).await;
    }
    stage.ask("SetCurrentSceneTransitionDuration", json!({"transitionDuration": 1_500})).await;
    let mut other = Raw::connect(stage.obs.port()).await;
    // The other one acts while our transition runs.
    let args = json!({"scene": "A"});
    let ours = execute(&stage.adapter, "obs.scene.switch", args, Duration::from_secs(6));
    let theirs = async {
        stage.eyes.event("SceneTransitionStarted").await;
        other.ask("SetCurrentProgramScene", json!({"sceneName": "B"})).await;
    };
    let (ours, ()) = tokio::join!(ours, theirs);
    let program = other.program().await;
    assert_eq!(program, "B");
    let Execution::Failed(failure) = ours else { panic!("A is not on program: {ours:?}") };
    assert_eq!(failure.code, "not_confirmed");
    assert!(failure.message.contains("wanted scene \"A\" on program"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn removed_or_renamed_between_look_up_and_execution() {
    let mut stage = Stage::new().await;
    let mut other = Raw::connect(stage.obs.port()).await;
    let limit = Duration::from_secs(10);
    let mut met = 0;
    for round in 0..30 {
        let (from, to) = (format!("Name{round}"), format!("Other{round}"));
        stage.ask("CreateInput", json!({"sceneName": "Scene", "inputName": from, "inputKind": "ffmpeg_source"})).await;
        let ours = execute(&stage.adapter, "obs.audio.mute", json!({"input": from}), limit);
        let rename = other.ask("SetInputName", json!({"inputName": from, "newInputName": to}));
        let (ours, _) = tokio::join!(ours, rename);
        let muted = stage.ask("GetInputMute", json!({"inputName": to})).await["inputMuted"].clone();
        match ours {
            Execution::Succeeded(document) => assert_eq!((&document["muted"], &muted), (&json!(true), &json!(true))),
            // Refused by name, or not to be seen any more under it.
            Execution::Failed(failure) => {
                assert!(matches!(failure.code.as_str(), "not_found" | "not_confirmed"), "{failure:?}");
                assert!(failure.code != "not_found" || muted == false, "{failure:?}");
                met += 1;
            }
            other => panic!("{other:?}"),
        }
        stage.ask("RemoveInput", json!({"inputName": to})).await;
    }
    assert!(met > 0, "the rename never came between");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn killed_in_the_middle_of_a_command() {
    let mut stage = Stage::new().await;
    stage.ask("CreateScene", json!({"sceneName": "A"})).await;
    stage.ask("SetCurrentSceneTransitionDuration", json!({"transitionDuration": 5_000})).await;
    let Stage { mut obs, adapter, mut eyes } = stage;
    let port = obs.port();
    let switch = execute(&adapter, "obs.scene.switch", json!({"scene": "A"}), PATIENCE);
    let kill = async {
        eyes.event("SceneTransitionStarted").await;
        tokio::task::spawn_blocking(move || {
            obs.kill();
            obs
        })
        .await
        .unwrap()
    };
    let (switched, mut obs) = tokio::join!(switch, kill);
    // It was asked and nobody saw: that is not a failure, and it is not waited for until the deadline.
    let Execution::Indeterminate(failure) = switched else { panic!("{switched:?}") };
    assert_eq!(failure.code, "no_readback");
    assert!(!adapter.live().unwrap().changes_since(0).fresh || adapter.closed().await.message.contains("lost"));
    let mut obs = tokio::task::spawn_blocking(move || obs.start_again().map(|()| obs)).await.unwrap().unwrap();
    assert_eq!(obs.port(), port);
    adapter.connect().await.unwrap();
    let list: Value = support::succeeded(&adapter, "obs.scene.current", json!({})).await;
    assert!(list["scene"].is_string(), "{list}");
    obs.kill();
}
