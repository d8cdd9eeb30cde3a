//! Against a real OBS Studio. Run by `make test-peers`.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use if_adapter_obs::Limits;
use if_engine::Adapter;
use if_harness::obs::RealObs;
use if_schemas::presence::InstanceState;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::{PATIENCE, adapter, execute, failed, raw::Raw, succeeded};
use tokio::{task::spawn_blocking, time::timeout};

const BOTH: [&str; 2] = ["event", "read_back"];

/// Silence shows sooner than a person would want it to.
fn quick() -> Limits {
    Limits { ping: Duration::from_millis(300), silence: Duration::from_secs(3), ..Limits::default() }
}

async fn start(password: Option<&'static str>) -> RealObs {
    spawn_blocking(move || RealObs::start(password)).await.unwrap().unwrap()
}

/// An adapter connected to it, with the limits of production.
async fn connected(obs: &RealObs) -> Arc<dyn Adapter> {
    let adapter = adapter(obs.port(), obs.password(), Limits::default());
    let peer = adapter.connect().await.unwrap();
    assert!(peer.description.starts_with("OBS Studio ") && peer.description.contains("obs-websocket 5."), "{peer:?}");
    assert!(!peer.simulated);
    adapter
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn passwords() {
    let obs = start(Some("correct horse")).await;

    let wrong = adapter(obs.port(), Some("incorrect horse"), Limits::default()).connect().await.unwrap_err();
    assert_eq!(wrong.state, InstanceState::AuthenticationFailure, "{wrong:?}");
    assert!(wrong.message.contains("refused the password"), "{wrong:?}");
    assert!(wrong.hint.as_ref().is_some_and(|hint| hint.contains("Show Connect Info")), "{wrong:?}");
    assert!(!format!("{wrong:?}").contains("horse"), "{wrong:?}");

    let missing = adapter(obs.port(), None, Limits::default()).connect().await.unwrap_err();
    assert_eq!(missing.state, InstanceState::AuthenticationFailure, "{missing:?}");
    assert!(missing.message.contains("has none"), "{missing:?}");

    let right = connected(&obs).await;
    assert_eq!(succeeded(&right, "obs.scene.current", json!({})).await["scene"], "Scene");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn scenes() {
    let obs = start(None).await;
    // A password that is not asked for does no harm.
    let adapter = adapter(obs.port(), Some("unused"), Limits::default());
    adapter.connect().await.unwrap();
    let mut eyes = Raw::connect(obs.port()).await;

    let last = failed(&adapter, "obs.scene.remove", json!({"scene": "Scene"}), PATIENCE).await;
    assert_eq!(last.code, "last_scene");

    let created = succeeded(&adapter, "obs.scene.create", json!({"scene": "Main Scene"})).await;
    assert_eq!(created, json!({"scene": "Main Scene", "changed": true, "confirmed_by": BOTH}));
    let again = failed(&adapter, "obs.scene.create", json!({"scene": "Main Scene"}), PATIENCE).await;
    assert_eq!(again.code, "already_exists");
    succeeded(&adapter, "obs.scene.create", json!({"scene": "Überblick 2"})).await;
    let list = succeeded(&adapter, "obs.scene.list", json!({})).await;
    assert_eq!(list, json!({"scenes": ["Scene", "Main Scene", "Überblick 2"], "program": "Scene", "preview": null}));

    let switched = succeeded(&adapter, "obs.scene.switch", json!({"scene": "Main Scene"})).await;
    let expected = json!({"scene": "Main Scene", "previous": "Scene", "changed": true, "confirmed_by": BOTH});
    assert_eq!(switched, expected);
    assert_eq!(eyes.program().await, "Main Scene");
    let current = succeeded(&adapter, "obs.scene.current", json!({})).await;
    assert_eq!((&current["scene"], &current["preview"]), (&json!("Main Scene"), &Value::Null));
    let same = succeeded(&adapter, "obs.scene.switch", json!({"scene": "Main Scene"})).await;
    assert_eq!((&same["changed"], &same["confirmed_by"]), (&json!(false), &json!(["read_back"])));

    let typo = failed(&adapter, "obs.scene.switch", json!({"scene": "Main Scne"}), PATIENCE).await;
    assert_eq!((typo.code.as_str(), typo.hint.as_deref()), ("not_found", Some("did you mean \"Main Scene\"?")));
    assert_eq!(eyes.program().await, "Main Scene");

    let program = failed(&adapter, "obs.scene.remove", json!({"scene": "Main Scene"}), PATIENCE).await;
    assert_eq!(program.code, "scene_on_program");
    let removed = succeeded(&adapter, "obs.scene.remove", json!({"scene": "Überblick 2"})).await;
    assert_eq!(removed, json!({"scene": "Überblick 2", "changed": true, "confirmed_by": BOTH}));
    let gone = failed(&adapter, "obs.scene.remove", json!({"scene": "Überblick 2"}), PATIENCE).await;
    assert_eq!(gone.code, "not_found");
    let left = eyes.ask("GetSceneList", json!({})).await;
    assert_eq!(left["scenes"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn a_switch_counts_once_the_transition_is_over() {
    let obs = start(None).await;
    let adapter = connected(&obs).await;
    let mut stage = Raw::connect(obs.port()).await;
    for scene in ["A", "B"] {
        stage.ask("CreateScene", json!({"sceneName": scene})).await;
    }
    stage.ask("SetCurrentSceneTransitionDuration", json!({"transitionDuration": 5_000})).await;

    // OBS names A as current at once; it is on program only at the end of the fade.
    let early = failed(&adapter, "obs.scene.switch", json!({"scene": "A"}), Duration::from_secs(2)).await;
    assert_eq!(early.code, "not_confirmed");
    assert!(early.message.contains("a transition to scene \"A\" that still runs"), "{early:?}");

    // The fade to A still runs: waiting for it is enough, starting it over would be wrong.
    let joined = succeeded(&adapter, "obs.scene.switch", json!({"scene": "A"})).await;
    assert_eq!((&joined["changed"], &joined["confirmed_by"]), (&json!(false), &json!(BOTH)));

    // Turning back half way: current is already B, and A has to be asked for.
    stage.ask("SetCurrentProgramScene", json!({"sceneName": "B"})).await;
    let back = succeeded(&adapter, "obs.scene.switch", json!({"scene": "A"})).await;
    assert_eq!((&back["changed"], &back["previous"]), (&json!(true), &json!("B")));
    assert_eq!(stage.program().await, "A");

    stage.ask("SetStudioModeEnabled", json!({"studioModeEnabled": true})).await;
    stage.ask("SetCurrentSceneTransitionDuration", json!({"transitionDuration": 100})).await;
    let studio = succeeded(&adapter, "obs.scene.switch", json!({"scene": "B"})).await;
    assert_eq!(studio["confirmed_by"], json!(BOTH));
    let current = succeeded(&adapter, "obs.scene.current", json!({})).await;
    assert_eq!((&current["scene"], &current["preview"]), (&json!("B"), &json!("A")));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn rival_switches_at_once_leave_exactly_one_confirmed() {
    let obs = start(None).await;
    let adapter = connected(&obs).await;
    let mut stage = Raw::connect(obs.port()).await;
    for scene in ["A", "B"] {
        stage.ask("CreateScene", json!({"sceneName": scene})).await;
    }
    stage.ask("SetCurrentSceneTransitionDuration", json!({"transitionDuration": 1_500})).await;
    let limit = Duration::from_secs(6);
    let (a, b) = tokio::join!(
        execute(&adapter, "obs.scene.switch", json!({"scene": "A"}), limit),
        execute(&adapter, "obs.scene.switch", json!({"scene": "B"}), limit),
    );
    let program = stage.program().await;
    let (winner, loser) = if program == "A" { (a, b) } else { (b, a) };
    let if_engine::Execution::Succeeded(document) = winner else { panic!("{program} is on program: {winner:?}") };
    assert_eq!(document["scene"], program.as_str());
    let if_engine::Execution::Failed(failure) = loser else { panic!("{program} is on program: {loser:?}") };
    assert_eq!(failure.code, "superseded");
    assert!(failure.message.contains(&format!("a later command wants scene {program:?} on program")), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn recording() {
    let obs = start(None).await;
    let adapter = connected(&obs).await;
    let mut stage = Raw::connect(obs.port()).await;
    let directory = obs.recordings().to_str().unwrap().to_owned();

    let idle = succeeded(&adapter, "obs.record.stop", json!({})).await;
    assert_eq!(idle, json!({"recording": false, "changed": false, "path": null, "confirmed_by": ["read_back"]}));

    let started = succeeded(&adapter, "obs.record.start", json!({})).await;
    assert_eq!((&started["changed"], &started["confirmed_by"]), (&json!(true), &json!(BOTH)));
    assert_eq!(started["directory"], directory.as_str());
    let file = started["path"].as_str().unwrap().to_owned();
    assert!(file.starts_with(&directory), "{file}");
    let status = succeeded(&adapter, "obs.record.status", json!({})).await;
    assert_eq!((&status["recording"], &status["paused"]), (&json!(true), &json!(false)));
    let again = succeeded(&adapter, "obs.record.start", json!({})).await;
    assert_eq!(again["changed"], false);

    let stopped = succeeded(&adapter, "obs.record.stop", json!({})).await;
    assert_eq!(stopped, json!({"recording": false, "changed": true, "path": file, "confirmed_by": BOTH}));
    assert!(std::fs::metadata(&file).unwrap().len() > 0);

    recorded(&mut stage, "STOPPED").await;
    let met_stopping = restart_while_stopping(&adapter, &mut stage, &file).await;
    assert!(met_stopping, "OBS had always finished its file before it was asked");
}

/// Waits until OBS tells that state of its recording.
async fn recorded(stage: &mut Raw, state: &str) {
    let state = format!("OBS_WEBSOCKET_OUTPUT_{state}");
    while stage.event("RecordStateChanged").await["outputState"] != state.as_str() {}
}

/// While OBS writes the end of a file it says "active" and refuses to start: the adapter waits and then starts.
/// How long that lasts is OBS's affair, so it is tried until it was met. True once it was.
async fn restart_while_stopping(adapter: &Arc<dyn Adapter>, stage: &mut Raw, first: &str) -> bool {
    const ATTEMPTS: usize = 5;
    for _ in 0..ATTEMPTS {
        stage.ask("StartRecord", json!({})).await;
        recorded(stage, "STARTED").await;
        stage.ask("StopRecord", json!({})).await;
        recorded(stage, "STOPPING").await;
        let status = succeeded(adapter, "obs.status", json!({})).await;
        let restarted = succeeded(adapter, "obs.record.start", json!({})).await;
        assert_eq!(restarted["changed"], true);
        assert_ne!(restarted["path"], first);
        assert!(succeeded(adapter, "obs.record.stop", json!({})).await["path"].is_string());
        // The end of the file that was being written, then the end of the one the adapter made.
        recorded(stage, "STOPPED").await;
        recorded(stage, "STOPPED").await;
        if status["record"]["recording"] == true {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn a_recording_that_cannot_start_is_no_success() {
    let obs = start(None).await;
    let adapter = connected(&obs).await;
    let mut stage = Raw::connect(obs.port()).await;
    let path =
        |path: &str| json!({"parameterCategory": "SimpleOutput", "parameterName": "FilePath", "parameterValue": path});

    stage.ask("SetProfileParameter", path("")).await;
    let unset = failed(&adapter, "obs.record.start", json!({}), PATIENCE).await;
    assert_eq!(unset.code, "no_record_directory");

    stage.ask("SetProfileParameter", path("/nonexistent/recordings")).await;
    let missing = failed(&adapter, "obs.record.start", json!({}), Duration::from_secs(3)).await;
    assert_eq!(missing.code, "not_confirmed");
    assert!(
        missing.hint.as_ref().is_some_and(|hint| hint.contains("\"/nonexistent/recordings\" exists")),
        "{missing:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn what_it_says_of_itself() {
    let obs = start(None).await;
    let adapter = connected(&obs).await;

    let version = succeeded(&adapter, "obs.version", json!({})).await;
    assert_eq!(version["rpc_version"], 1);
    assert!(version["obs"].as_str().is_some_and(|v| v.split('.').count() >= 3), "{version}");
    assert!(version["obs_websocket"].as_str().is_some_and(|v| v.starts_with("5.")), "{version}");

    let stats = succeeded(&adapter, "obs.stats", json!({})).await;
    assert!(stats["memory_mb"].as_f64().is_some_and(|mb| mb > 10.0), "{stats}");
    assert!(stats["disk_free_mb"].as_f64().is_some_and(|mb| mb > 0.0), "{stats}");
    assert!(stats["render_frames"].is_u64(), "{stats}");

    let status = succeeded(&adapter, "obs.status", json!({})).await;
    assert_eq!((&status["scene"], &status["scenes"]), (&json!("Scene"), &json!(1)));
    assert_eq!((&status["record"]["recording"], &status["stream"]["streaming"]), (&json!(false), &json!(false)));

    assert_eq!(adapter.health_check().await.unwrap(), adapter.connect().await.unwrap());
    assert_eq!(adapter.discover_instances().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn a_frozen_obs_is_noticed() {
    let obs = start(None).await;
    let adapter = adapter(obs.port(), None, quick());
    adapter.connect().await.unwrap();

    obs.freeze().unwrap();
    let stuck = failed(&adapter, "obs.scene.switch", json!({"scene": "Scene"}), Duration::from_millis(700)).await;
    assert_eq!(stuck.code, "no_answer");
    let lost = timeout(PATIENCE, adapter.closed()).await.unwrap();
    assert_eq!(lost.state, InstanceState::Disconnected);
    assert!(lost.message.contains("silent"), "{lost:?}");
    // The kernel still accepts connections for it.
    let dead = adapter.connect().await.unwrap_err();
    assert_eq!(dead.state, InstanceState::Disconnected, "{dead:?}");
    assert!(dead.message.contains("websocket upgrade"), "{dead:?}");

    obs.thaw().unwrap();
    adapter.connect().await.unwrap();
    assert_eq!(succeeded(&adapter, "obs.scene.current", json!({})).await["scene"], "Scene");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn quitting_killing_and_coming_back() {
    /// OBS itself may hang on the way out (see `RealObs::quit`); one of so many has to go cleanly.
    const ATTEMPTS: usize = 3;
    for attempt in 1..=ATTEMPTS {
        let obs = start(Some("pass")).await;
        let adapter = connected(&obs).await;
        let (mut obs, clean) = spawn_blocking(move || quit(obs)).await.unwrap();
        // On a busy machine OBS goes without its goodbye event, so only the state is sure.
        let lost = timeout(PATIENCE, adapter.closed()).await.unwrap();
        assert_eq!(lost.state, InstanceState::Disconnected);
        if !clean {
            assert!(attempt < ATTEMPTS, "OBS hung on the way out {ATTEMPTS} times\n{}", obs.log());
            continue;
        }
        let refused = adapter.connect().await.unwrap_err();
        assert_eq!(refused.state, InstanceState::Disconnected);
        assert!(refused.message.contains("cannot connect"), "{refused:?}");
        let failure = failed(&adapter, "obs.scene.list", json!({}), PATIENCE).await;
        assert_eq!(failure.code, "not_sent", "{failure:?}");

        obs = spawn_blocking(move || obs.start_again().map(|()| obs)).await.unwrap().unwrap();
        adapter.connect().await.unwrap();
        obs.kill();
        let lost = timeout(PATIENCE, adapter.closed()).await.unwrap();
        assert_eq!(lost.state, InstanceState::Disconnected);
        return;
    }
}

fn quit(mut obs: RealObs) -> (RealObs, bool) {
    let clean = obs.quit().unwrap();
    (obs, clean)
}
