//! Effects and answers that a real OBS cannot be made to get wrong: every peer here is a scripted fake.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use if_adapter_obs::Limits;
use if_engine::{Adapter, Execution};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::{
    PATIENCE, adapter, execute, failed,
    fake::{Fake, Request, Side, Studio},
    indeterminate, succeeded,
};

/// Time for a call that is meant to run into its deadline.
const SHORT: Duration = Duration::from_millis(1_500);

/// A fake that answers reads like `studio` and hands everything else to `script`, and an adapter connected to it.
async fn fake<F, S>(studio: &Studio, script: F) -> (Fake, Arc<dyn Adapter>)
where
    F: Fn(Studio, Side, Request) -> S + Clone + Send + Sync + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let studio = studio.clone();
    let fake = Fake::identified(move |mut side: Side| {
        let (studio, script) = (studio.clone(), script.clone());
        async move {
            if let Some(request) = studio.serve(&mut side).await {
                script(studio, side, request).await;
            }
        }
    })
    .await;
    let adapter = adapter(fake.port, None, Limits { silence: PATIENCE, ..Limits::default() });
    adapter.connect().await.unwrap();
    (fake, adapter)
}

fn main_scene() -> Value {
    json!({"scene": "Main Scene"})
}

#[tokio::test]
async fn an_answer_without_effect_is_no_success() {
    let (_fake, adapter) = fake(&Studio::new(), |studio, mut side, request| async move {
        assert_eq!(
            (request.kind.as_str(), &request.data),
            ("SetCurrentProgramScene", &json!({"sceneName": "Main Scene"}))
        );
        side.answer(&request, Value::Null).await;
        studio.only_reads(&mut side).await;
    })
    .await;
    let failure = failed(&adapter, "obs.scene.switch", main_scene(), SHORT).await;
    assert_eq!(failure.code, "not_confirmed");
    assert_eq!(
        failure.message,
        "wanted scene \"Main Scene\" on program, observed scene \"Scene\" on program when the deadline came"
    );
}

#[tokio::test]
async fn the_wrong_effect_is_no_success() {
    let mut studio = Studio::new();
    studio.scenes.push("Break");
    let (_fake, adapter) = fake(&studio, |mut studio, mut side, request| async move {
        side.answer(&request, Value::Null).await;
        studio.program = "Break";
        side.event("CurrentProgramSceneChanged", json!({"sceneName": "Break"})).await;
        studio.only_reads(&mut side).await;
    })
    .await;
    let failure = failed(&adapter, "obs.scene.switch", main_scene(), SHORT).await;
    assert_eq!(failure.code, "not_confirmed");
    assert!(failure.message.contains("observed scene \"Break\" on program"), "{failure:?}");
}

#[tokio::test]
async fn an_event_that_reading_back_contradicts_is_no_success() {
    let (_fake, adapter) = fake(&Studio::new(), |studio, mut side, request| async move {
        side.answer(&request, Value::Null).await;
        side.event("CurrentProgramSceneChanged", json!({"sceneName": "Main Scene"})).await;
        studio.only_reads(&mut side).await;
    })
    .await;
    let failure = failed(&adapter, "obs.scene.switch", main_scene(), SHORT).await;
    assert_eq!(failure.code, "not_confirmed");
    assert!(failure.message.contains("OBS reported it, but then observed scene \"Scene\""), "{failure:?}");
}

#[tokio::test]
async fn a_settled_effect_without_event_is_confirmed_by_reading_back() {
    let (_fake, adapter) = fake(&Studio::new(), |mut studio, mut side, request| async move {
        side.answer(&request, Value::Null).await;
        studio.program = "Main Scene";
        studio.only_reads(&mut side).await;
    })
    .await;
    let document = succeeded(&adapter, "obs.scene.switch", main_scene()).await;
    assert_eq!(document["confirmed_by"], json!(["read_back"]));
}

/// OBS's cursor follows the clock: it stands at the end before the last frame is drawn and the event is sent.
#[tokio::test]
async fn the_end_of_a_long_transition_is_the_event_not_the_cursor() {
    /// Looks during the transition: longer, at the poll interval, than the patience with a missing event.
    const RUNNING: usize = 6;
    /// Looks between the cursor's end and the event: shorter than that patience.
    const DRAWING: usize = 2;
    let (_fake, adapter) = fake(&Studio::new(), |mut studio, mut side, request| async move {
        side.answer(&request, Value::Null).await;
        studio.program = "Main Scene";
        let mut looks = 0;
        while let Some(request) = side.request().await {
            if request.kind == "GetCurrentSceneTransitionCursor" {
                looks += 1;
                let cursor = if looks <= RUNNING { 0.5 } else { 1.0 };
                side.answer(&request, json!({"transitionCursor": cursor})).await;
            } else {
                side.answer(&request, studio.read(&request.kind).unwrap()).await;
            }
            if looks == RUNNING + DRAWING {
                side.event("CurrentProgramSceneChanged", json!({"sceneName": "Main Scene"})).await;
            }
        }
    })
    .await;
    let document = succeeded(&adapter, "obs.scene.switch", main_scene()).await;
    assert_eq!(document["confirmed_by"], json!(["event", "read_back"]));
}

#[tokio::test]
async fn an_effect_without_answer_is_confirmed_at_the_end() {
    let (_fake, adapter) = fake(&Studio::new(), |mut studio, mut side, _request| async move {
        studio.program = "Main Scene";
        side.event("CurrentProgramSceneChanged", json!({"sceneName": "Main Scene"})).await;
        studio.only_reads(&mut side).await;
    })
    .await;
    let Execution::Succeeded(document) = execute(&adapter, "obs.scene.switch", main_scene(), SHORT).await else {
        panic!("the effect is there")
    };
    assert_eq!(document["confirmed_by"], json!(["event", "read_back"]));
}

#[tokio::test]
async fn an_effect_that_cannot_be_read_back_is_indeterminate() {
    let (_fake, adapter) = fake(&Studio::new(), |_studio, mut side, request| async move {
        side.answer(&request, Value::Null).await;
        side.event("CurrentProgramSceneChanged", json!({"sceneName": "Main Scene"})).await;
        while side.request().await.is_some() {}
    })
    .await;
    let failure = indeterminate(&adapter, "obs.scene.switch", main_scene(), SHORT).await;
    assert_eq!(failure.code, "no_readback");
}

#[tokio::test]
async fn a_connection_lost_after_the_request_is_indeterminate_at_once() {
    for operation in ["obs.scene.switch", "obs.scene.remove"] {
        let (_fake, adapter) = fake(&Studio::new(), |_studio, side, _request| async move { drop(side) }).await;
        // Long before its deadline: `execute` would otherwise take PATIENCE.
        let failure = indeterminate(&adapter, operation, main_scene(), PATIENCE).await;
        assert_eq!(failure.code, "no_readback");
        assert!(failure.message.contains("the connection to OBS"), "{failure:?}");
    }
}

#[tokio::test]
async fn a_connection_lost_while_waiting_for_the_effect_is_indeterminate() {
    let (_fake, adapter) = fake(&Studio::new(), |studio, mut side, request| async move {
        side.answer(&request, Value::Null).await;
        let read = side.request().await.unwrap();
        side.answer(&read, json!({"currentProgramSceneName": studio.program, "scenes": []})).await;
    })
    .await;
    let failure = indeterminate(&adapter, "obs.scene.switch", main_scene(), PATIENCE).await;
    assert_eq!(failure.code, "no_readback");
}

#[tokio::test]
async fn a_refusal_is_told_as_it_is() {
    let (_fake, adapter) = fake(&Studio::new(), |studio, mut side, request| async move {
        side.refuse(&request, 702, "The scene could not be made.").await;
        studio.only_reads(&mut side).await;
    })
    .await;
    let failure = failed(&adapter, "obs.scene.create", json!({"scene": "New"}), PATIENCE).await;
    assert_eq!(failure.code, "refused");
    assert_eq!(failure.message, "OBS refused CreateScene with code 702: The scene could not be made.");
}

#[tokio::test]
async fn not_ready_while_reading_back_is_waited_out() {
    let (_fake, adapter) = fake(&Studio::new(), |mut studio, mut side, request| async move {
        side.answer(&request, Value::Null).await;
        for _ in 0..2 {
            let read = side.request().await.unwrap();
            side.refuse(&read, 207, "OBS is not ready.").await;
        }
        studio.program = "Main Scene";
        side.event("CurrentProgramSceneChanged", json!({"sceneName": "Main Scene"})).await;
        studio.only_reads(&mut side).await;
    })
    .await;
    let document = succeeded(&adapter, "obs.scene.switch", main_scene()).await;
    assert_eq!(document["confirmed_by"], json!(["event", "read_back"]));
}

#[tokio::test]
async fn refused_arguments_send_nothing() {
    let mut studio = Studio::new();
    studio.scenes = vec!["Scene", "Main Scene", "Scene with Überblick"];
    let (_fake, adapter) = fake(&studio, |_, _, request| async move { panic!("sent {}", request.kind) }).await;
    for (operation, scene, code) in [
        ("obs.scene.switch", "Main Scenne", "not_found"),
        ("obs.scene.switch", "main scene ", "not_found"),
        ("obs.scene.switch", "", "bad_argument"),
        ("obs.scene.create", " ", "bad_argument"),
        ("obs.scene.create", "Scene", "already_exists"),
        ("obs.scene.remove", "Scene", "scene_on_program"),
        ("obs.scene.remove", "xyz", "not_found"),
    ] {
        let failure = failed(&adapter, operation, json!({"scene": scene}), PATIENCE).await;
        assert_eq!(failure.code, code, "{operation} {scene:?}: {failure:?}");
    }
    let far = failed(&adapter, "obs.scene.switch", json!({"scene": "xyz"}), PATIENCE).await;
    assert_eq!(far.hint.as_deref(), Some("scenes there: \"Scene with Überblick\", \"Main Scene\", \"Scene\""));
    let unknown = failed(&adapter, "obs.frobnicate", json!({}), PATIENCE).await;
    assert_eq!(unknown.code, "unknown_operation");
    assert!(studio.seen().iter().all(|kind| kind.starts_with("Get")), "{:?}", studio.seen());
}

#[tokio::test]
async fn a_recording_without_directory_is_not_started() {
    let mut studio = Studio::new();
    studio.directory = "";
    let (_fake, adapter) = fake(&studio, |_, _, request| async move { panic!("sent {}", request.kind) }).await;
    let failure = failed(&adapter, "obs.record.start", json!({}), PATIENCE).await;
    assert_eq!(failure.code, "no_record_directory");
}

#[tokio::test]
async fn the_directory_of_an_obs_that_cannot_tell_it_comes_from_its_profile() {
    let fake = Fake::identified(|mut side: Side| async move {
        while let Some(request) = side.request().await {
            let answer = match (request.kind.as_str(), request.data["parameterName"].as_str()) {
                ("GetVersion", _) => json!({"obsVersion": "28.0.0", "obsWebSocketVersion": "5.0.0", "rpcVersion": 1}),
                ("GetRecordStatus", _) => json!({"outputActive": false}),
                ("GetProfileParameter", Some("Mode")) => json!({"parameterValue": "Advanced"}),
                ("GetProfileParameter", Some("RecFilePath")) => json!({"parameterValue": "/srv/advanced"}),
                _ => {
                    side.refuse(&request, 204, "Your request type is not valid.").await;
                    continue;
                }
            };
            side.answer(&request, answer).await;
        }
    })
    .await;
    let adapter = adapter(fake.port, None, Limits::default());
    adapter.connect().await.unwrap();
    assert_eq!(succeeded(&adapter, "obs.record.status", json!({})).await["directory"], "/srv/advanced");
    let unsupported = failed(&adapter, "obs.stats", json!({}), PATIENCE).await;
    assert_eq!(unsupported.code, "unsupported");
}

#[tokio::test]
async fn a_stop_without_paths_is_still_a_stop() {
    let mut studio = Studio::new();
    studio.recording = true;
    let (_fake, adapter) = fake(&studio, |mut studio, mut side, request| async move {
        side.answer(&request, Value::Null).await;
        studio.recording = false;
        side.event("RecordStateChanged", json!({"outputActive": false, "outputState": "OBS_WEBSOCKET_OUTPUT_STOPPED"}))
            .await;
        studio.only_reads(&mut side).await;
    })
    .await;
    let document = succeeded(&adapter, "obs.record.stop", json!({})).await;
    let expected = json!({"recording": false, "changed": true, "path": null, "confirmed_by": ["event", "read_back"]});
    assert_eq!(document, expected);
}

#[tokio::test]
async fn a_flood_of_events_and_strange_messages_does_not_matter() {
    let (_fake, adapter) = fake(&Studio::new(), |mut studio, mut side, request| async move {
        side.send(json!({"op": 9, "d": {"results": []}})).await;
        side.send(json!({"op": 7, "d": {"requestId": "9999", "requestStatus": {"result": true, "code": 100}}})).await;
        side.answer(&request, Value::Null).await;
        studio.program = "Main Scene";
        side.event("CurrentProgramSceneChanged", json!({"sceneName": "Main Scene", "sceneUuid": "later versions"}))
            .await;
        for index in 0..5_000 {
            side.event("VendorEvent", json!({"index": index})).await;
        }
        studio.only_reads(&mut side).await;
    })
    .await;
    // With or without the event, depending on how far behind the waiter was: the effect is there.
    let document = succeeded(&adapter, "obs.scene.switch", main_scene()).await;
    assert!(document["confirmed_by"].as_array().is_some_and(|by| by.contains(&json!("read_back"))), "{document}");
}

#[tokio::test]
async fn answers_out_of_order_reach_their_callers() {
    let fake = Fake::identified(|mut side: Side| async move {
        let version = side.request().await.unwrap();
        side.answer(&version, json!({"obsVersion": "29.0.2", "obsWebSocketVersion": "5.1.0", "rpcVersion": 1})).await;
        let mut waiting = Vec::new();
        for _ in 0..3 {
            waiting.push(side.request().await.unwrap());
        }
        for request in waiting.iter().rev() {
            let answer = match request.kind.as_str() {
                "GetSceneList" => json!({"currentProgramSceneName": "S", "scenes": [{"sceneName": "S"}]}),
                "GetRecordStatus" => json!({"outputActive": false}),
                "GetVersion" => json!({"obsVersion": "30.1.2", "obsWebSocketVersion": "5.4.2", "rpcVersion": 1}),
                other => panic!("{other}"),
            };
            side.answer(request, answer).await;
        }
        let directory = side.request().await.unwrap();
        side.answer(&directory, json!({"recordDirectory": "/r"})).await;
        side.message().await;
    })
    .await;
    let adapter = adapter(fake.port, None, Limits::default());
    adapter.connect().await.unwrap();
    let (scenes, record, version) = tokio::join!(
        succeeded(&adapter, "obs.scene.list", json!({})),
        succeeded(&adapter, "obs.record.status", json!({})),
        succeeded(&adapter, "obs.version", json!({})),
    );
    assert_eq!(scenes["scenes"], json!(["S"]));
    assert_eq!((&record["recording"], &record["directory"]), (&json!(false), &json!("/r")));
    assert_eq!(version["obs"], "30.1.2");
}

#[tokio::test]
async fn waiting_requests_are_bounded() {
    let (_fake, adapter) =
        fake(&Studio::new(), |_, mut side, _| async move { while side.request().await.is_some() {} }).await;
    let calls = (0..200).map(|_| failed(&adapter, "obs.stats", json!({}), Duration::from_secs(2)));
    let codes: Vec<String> = futures::future::join_all(calls).await.into_iter().map(|failure| failure.code).collect();
    let count = |code: &str| codes.iter().filter(|c| *c == code).count();
    assert_eq!((count("no_answer"), count("not_sent")), (128, 72), "{codes:?}");
    // Callers that have given up leave room.
    let next = failed(&adapter, "obs.stats", json!({}), Duration::from_millis(200)).await;
    assert_eq!(next.code, "no_answer");
}

#[tokio::test]
async fn a_call_past_its_deadline_changes_nothing() {
    let studio = Studio::new();
    let (_fake, adapter) = fake(&studio, |_, _, request| async move { panic!("sent {}", request.kind) }).await;
    let call = support::call("obs.scene.switch", main_scene(), Duration::ZERO);
    let execution = adapter.execute_command(call, if_engine::ProgressSink::none()).await.execution;
    assert!(matches!(&execution, Execution::Failed(failure) if failure.code == "not_sent"), "{execution:?}");
    // The connection is as good as before.
    assert_eq!(succeeded(&adapter, "obs.scene.current", json!({})).await["scene"], "Scene");
    assert!(!studio.seen().contains(&"SetCurrentProgramScene".to_owned()));
}
