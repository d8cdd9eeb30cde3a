//! What leaves a real OBS Studio: recordings, streams, replays. Run by `make test-peers`.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use if_adapter_obs::ObsProvider;
use if_engine::{Execution, Provider, Secret};
use if_harness::process::free_port;
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use support::{
    PATIENCE, config, execute, failed,
    stage::{Stage, clip, plays, receive},
};
use tokio::time::timeout;

const BOTH: [&str; 2] = ["event", "read_back"];
const READ: [&str; 1] = ["read_back"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn a_recording_in_a_directory_paused_and_resumed() {
    let mut stage = Stage::recording("Small").await;
    let directory = stage.obs.scratch().join("Aufnahmen ü");
    std::fs::create_dir(&directory).unwrap();

    let early = failed(&stage.adapter, "obs.record.pause", json!({}), PATIENCE).await;
    assert_eq!(early.code, "not_running");
    stage.change("obs.record.directory", json!({"directory": directory}), &READ).await;
    assert_eq!(stage.ask("GetRecordDirectory", json!({})).await["recordDirectory"], json!(directory));

    let started = stage.change("obs.record.start", json!({}), &BOTH).await;
    assert_eq!(started["directory"], json!(directory));
    let busy = failed(&stage.adapter, "obs.record.directory", json!({"directory": "/tmp"}), PATIENCE).await;
    assert_eq!(busy.code, "refused");
    // Paused before its first frame, OBS 29 never writes one.
    longer_than(&mut stage, 300).await;
    stage.change("obs.record.pause", json!({}), &BOTH).await;
    assert_eq!(stage.ask("GetRecordStatus", json!({})).await["outputPaused"], true);
    stage.live("record.paused", json!(true)).await;
    assert_eq!(stage.run("obs.record.pause", json!({})).await["changed"], false);
    stage.change("obs.record.resume", json!({}), &BOTH).await;
    assert_eq!(stage.ask("GetRecordStatus", json!({})).await["outputPaused"], false);

    // OBS 29 knows no such request: told, not guessed.
    let split = failed(&stage.adapter, "obs.record.split", json!({}), Duration::from_secs(3)).await;
    assert!(matches!(split.code.as_str(), "unsupported" | "refused"), "{split:?}");

    longer_than(&mut stage, 1_000).await;
    let stopped = stage.change("obs.record.stop", json!({}), &BOTH).await;
    let file = Path::new(stopped["path"].as_str().unwrap()).to_owned();
    assert_eq!(file.parent(), Some(directory.as_path()));
    assert!(plays(&file).await >= 0.5, "{}", plays(&file).await);
}

/// Waits until OBS says that its recording is longer than that.
async fn longer_than(stage: &mut Stage, ms: u64) {
    let long = async { while stage.ask("GetRecordStatus", json!({})).await["outputDuration"].as_u64() < Some(ms) {} };
    timeout(PATIENCE, long).await.unwrap();
}

/// With the encoder of the stream OBS cannot pause. It answers "ok" all the same.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn a_pause_that_does_not_happen_is_no_success() {
    let mut stage = Stage::new().await;
    stage.change("obs.record.start", json!({}), &BOTH).await;
    let pause = failed(&stage.adapter, "obs.record.pause", json!({}), Duration::from_secs(2)).await;
    assert_eq!(pause.code, "not_confirmed");
    assert_eq!(stage.ask("GetRecordStatus", json!({})).await["outputPaused"], false);
    stage.change("obs.record.stop", json!({}), &BOTH).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn a_stream_is_received() {
    let stage = Stage::new().await;
    let port = free_port().unwrap();
    let server = format!("rtmp://127.0.0.1:{port}/live");
    let key_file = stage.obs.scratch().join("key");
    std::fs::write(&key_file, "geheim-7531\n").unwrap();

    let none = failed(&stage.adapter, "obs.stream.configure", json!({}), PATIENCE).await;
    assert_eq!(none.code, "bad_argument");
    let missing = json!({"server": server, "key_file": "/nonexistent/key"});
    assert_eq!(failed(&stage.adapter, "obs.stream.configure", missing, PATIENCE).await.code, "bad_argument");
    let args = json!({"server": server, "key_file": key_file});
    let mut stage = stage;
    let configured = stage.change("obs.stream.configure", args.clone(), &READ).await;
    assert_eq!((&configured["server"], &configured["key"]), (&json!(server), &json!("file")));
    assert!(!configured.to_string().contains("geheim"), "{configured}");
    let seen = stage.ask("GetStreamServiceSettings", json!({})).await;
    assert_eq!(
        (&seen["streamServiceType"], &seen["streamServiceSettings"]["key"]),
        (&json!("rtmp_custom"), &json!("geheim-7531"))
    );
    assert_eq!(stage.run("obs.stream.configure", args).await["changed"], false);
    for (operation, args) in
        [("obs.stream.service", json!({})), ("obs.request", json!({"request": "GetStreamServiceSettings"}))]
    {
        let told = stage.run(operation, args).await.to_string();
        assert!(told.contains("[redacted]") && !told.contains("geheim"), "{told}");
    }

    // Nobody listens: OBS gives up, and so do we, long before the deadline.
    let refused = failed(&stage.adapter, "obs.stream.start", json!({}), PATIENCE).await;
    assert_eq!(refused.code, "not_confirmed");
    assert!(refused.message.contains("gave it up"), "{refused:?}");

    let file = stage.obs.scratch().join("received.mkv");
    let mut receiver = receive(port, "geheim-7531", &file).await;
    stage.change("obs.stream.start", json!({}), &BOTH).await;
    stage.live("stream.active", json!(true)).await;
    let again = stage.run("obs.stream.start", json!({})).await;
    assert_eq!(again["changed"], false);
    let busy =
        failed(&stage.adapter, "obs.stream.configure", json!({"server": "rtmp://127.0.0.1:9/x"}), PATIENCE).await;
    assert_eq!(busy.code, "refused");
    let long =
        async { while stage.ask("GetStreamStatus", json!({})).await["outputDuration"].as_u64() < Some(2_000) {} };
    timeout(PATIENCE, long).await.unwrap();
    let status = stage.run("obs.stream.status", json!({})).await;
    assert!(status["streaming"] == true && status["bytes"].as_u64() > Some(0), "{status}");
    stage.change("obs.stream.stop", json!({}), &BOTH).await;
    assert_eq!(stage.ask("GetStreamStatus", json!({})).await["outputActive"], false);
    stage.live("stream.active", json!(false)).await;
    assert!(timeout(PATIENCE, receiver.wait()).await.unwrap().unwrap().success());
    assert!(plays(&file).await > 0.5);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn the_key_of_the_instance() {
    let mut stage = Stage::new().await;
    let mut settings = config("127.0.0.1", stage.obs.port(), None);
    settings.secrets.insert("stream_key".into(), Secret::new("from-the-instance".into()));
    let adapter = ObsProvider::new().adapter(settings).unwrap();
    adapter.connect().await.unwrap();
    let args = json!({"server": "rtmp://127.0.0.1:9/live"});
    let document = support::succeeded(&adapter, "obs.stream.configure", args).await;
    assert_eq!(document["key"], "instance");
    let seen = stage.ask("GetStreamServiceSettings", json!({})).await;
    assert_eq!(seen["streamServiceSettings"]["key"], "from-the-instance");
    // One that has none keeps what is there.
    let kept = stage.run("obs.stream.configure", json!({"server": "rtmp://127.0.0.1:9/other"})).await;
    assert_eq!(kept["key"], "kept");
    let seen = stage.ask("GetStreamServiceSettings", json!({})).await["streamServiceSettings"].clone();
    assert_eq!((&seen["key"], &seen["server"]), (&json!("from-the-instance"), &json!("rtmp://127.0.0.1:9/other")));
    let service = stage.change("obs.stream.configure", json!({"service": "Twitch"}), &READ).await;
    assert_eq!(service["type"], "rtmp_common");
    assert_eq!(stage.ask("GetStreamServiceSettings", json!({})).await["streamServiceSettings"]["service"], "Twitch");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn replays_and_the_virtual_camera() {
    let mut stage = Stage::new().await;
    let early = failed(&stage.adapter, "obs.replay.save", json!({}), PATIENCE).await;
    assert_eq!(early.code, "not_running");
    // Without any source OBS asks its user whether that is meant.
    stage.ask("CreateInput", json!({"sceneName": "Scene", "inputName": "Card", "inputKind": "color_source_v3"})).await;
    stage.change("obs.replay.start", json!({}), &BOTH).await;
    assert_eq!(stage.ask("GetReplayBufferStatus", json!({})).await["outputActive"], true);
    stage.live("replay_buffer.active", json!(true)).await;
    let saved = stage.change("obs.replay.save", json!({}), &BOTH).await;
    let file = saved["path"].as_str().unwrap();
    assert_eq!(stage.ask("GetLastReplayBufferReplay", json!({})).await["savedReplayPath"], file);
    plays(Path::new(file)).await;
    let status = stage.run("obs.replay.status", json!({})).await;
    assert_eq!(status, json!({"active": true, "path": file}));
    stage.change("obs.replay.stop", json!({}), &BOTH).await;
    assert_eq!(stage.ask("GetReplayBufferStatus", json!({})).await["outputActive"], false);

    // There is no video device for it here: OBS says so.
    if stage.eyes.try_ask("GetVirtualCamStatus", json!({})).await.is_err() {
        for operation in ["obs.virtualcam.start", "obs.virtualcam.stop", "obs.virtualcam.status"] {
            let refused = failed(&stage.adapter, operation, json!({}), PATIENCE).await;
            assert!(refused.code == "refused" && refused.message.contains("VirtualCam"), "{refused:?}");
        }
    } else {
        stage.change("obs.virtualcam.start", json!({}), &BOTH).await;
        stage.change("obs.virtualcam.stop", json!({}), &BOTH).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real OBS: make test-peers"]
async fn media() {
    let mut stage = Stage::new().await;
    let file = stage.obs.scratch().join("clip.mp4");
    clip(&file).await;
    let data = json!({"sceneName": "Scene", "inputName": "Clip", "inputKind": "ffmpeg_source", "inputSettings": {"local_file": file}});
    stage.ask("CreateInput", data).await;
    stage.eyes.event("MediaInputPlaybackStarted").await;
    let clip = json!({"input": "Clip"});
    let state = |seen: &Value| seen["mediaState"].as_str().unwrap().to_owned();

    stage.change("obs.media.pause", clip.clone(), &BOTH).await;
    assert_eq!(state(&stage.ask("GetMediaInputStatus", json!({"inputName": "Clip"})).await), "OBS_MEDIA_STATE_PAUSED");
    stage.live("media.Clip.state", json!("paused")).await;
    stage.change("obs.media.play", clip.clone(), &BOTH).await;
    assert_eq!(state(&stage.ask("GetMediaInputStatus", json!({"inputName": "Clip"})).await), "OBS_MEDIA_STATE_PLAYING");
    assert_eq!(stage.run("obs.media.play", clip.clone()).await["changed"], false);

    stage.change("obs.media.seek", json!({"input": "Clip", "position": 15_000}), &READ).await;
    let cursor = stage.ask("GetMediaInputStatus", json!({"inputName": "Clip"})).await["mediaCursor"].as_u64().unwrap();
    assert!((13_000..25_000).contains(&cursor), "{cursor}");
    let far = failed(&stage.adapter, "obs.media.seek", json!({"input": "Clip", "position": 99_000}), PATIENCE).await;
    assert_eq!(far.code, "bad_argument");
    stage.change("obs.media.restart", clip.clone(), &BOTH).await;
    let cursor = stage.ask("GetMediaInputStatus", json!({"inputName": "Clip"})).await["mediaCursor"].as_u64().unwrap();
    assert!(cursor < 13_000, "{cursor}");
    let status = stage.run("obs.media.status", clip.clone()).await;
    assert_eq!((&status["state"], &status["duration_ms"]), (&json!("playing"), &json!(30_000)));

    stage.change("obs.media.stop", clip.clone(), &BOTH).await;
    let seen = state(&stage.ask("GetMediaInputStatus", json!({"inputName": "Clip"})).await);
    assert!(matches!(seen.as_str(), "OBS_MEDIA_STATE_ENDED" | "OBS_MEDIA_STATE_STOPPED"), "{seen}");
    let still = failed(&stage.adapter, "obs.media.seek", json!({"input": "Clip", "position": 1}), PATIENCE).await;
    assert_eq!(still.code, "not_playing");
    played_again(&stage, &clip).await;
    assert_eq!(state(&stage.ask("GetMediaInputStatus", json!({"inputName": "Clip"})).await), "OBS_MEDIA_STATE_PLAYING");

    stage.ask("CreateInput", json!({"sceneName": "Scene", "inputName": "Card", "inputKind": "color_source_v3"})).await;
    assert_eq!(failed(&stage.adapter, "obs.media.play", json!({"input": "Card"}), PATIENCE).await.code, "wrong_kind");
}

/// Plays a clip that was stopped. OBS may still be ending it: then it begins, reports that, and ends at once, which the
/// adapter must not call a success.
async fn played_again(stage: &Stage, clip: &Value) {
    for _ in 0..5 {
        match execute(&stage.adapter, "obs.media.play", clip.clone(), Duration::from_secs(3)).await {
            Execution::Succeeded(document) => return assert_eq!(document["changed"], true),
            Execution::Failed(failure) => assert_eq!(failure.code, "not_confirmed", "{failure:?}"),
            other => panic!("{other:?}"),
        }
    }
    panic!("the clip did not play again");
}
