//! A real OBS, an adapter connected to it, and a second client that sees for itself.

use super::{PATIENCE, adapter, raw::Raw, succeeded};
use if_adapter_obs::Limits;
use if_engine::Adapter;
use if_harness::obs::RealObs;
use serde_json::{Value, json};
use std::{path::Path, process::Stdio, sync::Arc, time::Duration};
use tokio::{
    process::{Child, Command},
    task::spawn_blocking,
    time::{interval, timeout},
};

/// How often is looked whether a program listens.
const LISTEN_POLL: Duration = Duration::from_millis(20);

pub struct Stage {
    pub obs: RealObs,
    pub adapter: Arc<dyn Adapter>,
    pub eyes: Raw,
}

impl Stage {
    pub async fn new() -> Self {
        Self::recording("Stream").await
    }

    /// With this quality of recordings.
    pub async fn recording(quality: &'static str) -> Self {
        let obs = spawn_blocking(move || RealObs::start_recording(None, quality)).await.unwrap().unwrap();
        let adapter = adapter(obs.port(), None, Limits::default());
        adapter.connect().await.unwrap();
        let eyes = Raw::connect(obs.port()).await;
        Self { obs, adapter, eyes }
    }

    pub async fn run(&self, operation: &str, args: Value) -> Value {
        succeeded(&self.adapter, operation, args).await
    }

    /// Changes something: insists that it was a change, and was confirmed by these.
    pub async fn change(&self, operation: &str, args: Value, by: &[&str]) -> Value {
        let document = self.run(operation, args).await;
        assert_eq!((&document["changed"], &document["confirmed_by"]), (&json!(true), &json!(by)), "{operation}");
        document
    }

    pub async fn ask(&mut self, request: &str, data: Value) -> Value {
        self.eyes.ask(request, data).await
    }

    /// Waits until the live state has this value.
    pub async fn live(&self, path: &str, wanted: Value) {
        let live = self.adapter.live().unwrap();
        let mut changed = live.subscribe();
        let mut seen = None;
        let found = timeout(PATIENCE, async {
            loop {
                changed.borrow_and_update();
                seen = live.get(path);
                if seen.as_ref() == Some(&wanted) && live.changes_since(0).fresh {
                    return;
                }
                changed.changed().await.unwrap();
            }
        });
        let found = found.await.is_ok();
        assert!(found, "{path} is {seen:?}, wanted {wanted}: {:?}", live.changes_since(0));
    }

    /// Waits until the live state is called stale, or fresh.
    pub async fn fresh(&self, wanted: bool) {
        let live = self.adapter.live().unwrap();
        let mut changed = live.subscribe();
        let turned = timeout(PATIENCE, async {
            loop {
                changed.borrow_and_update();
                if live.changes_since(0).fresh == wanted {
                    return;
                }
                changed.changed().await.unwrap();
            }
        });
        assert!(turned.await.is_ok(), "the live state did not turn fresh={wanted}");
    }
}

/// What ffprobe says of a file: `{"format": {"duration": text}, "streams": [{"codec_type", "codec_name"}]}`.
pub async fn ffprobe(file: &Path) -> Value {
    let entries = "format=duration:stream=codec_type,codec_name,width,height";
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", entries, "-of", "json"])
        .arg(file)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Insists on video and sound in a file, and gives its length in seconds.
pub async fn plays(file: &Path) -> f64 {
    let probed = ffprobe(file).await;
    let kinds: Vec<&str> =
        probed["streams"].as_array().unwrap().iter().filter_map(|s| s["codec_type"].as_str()).collect();
    assert!(kinds.contains(&"video") && kinds.contains(&"audio"), "{probed}");
    probed["format"]["duration"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Thirty seconds of moving picture and tone, a key frame each second.
pub async fn clip(file: &Path) {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=10"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440", "-t", "30", "-g", "10", "-pix_fmt", "yuv420p"])
        .arg(file)
        .status()
        .await
        .unwrap();
    assert!(made.success());
}

/// Receives one RTMP stream on that port into a file. Returns once it listens.
pub async fn receive(port: u16, key: &str, file: &Path) -> Child {
    let url = format!("rtmp://127.0.0.1:{port}/live/{key}");
    let child = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-listen", "1", "-f", "flv", "-i", &url, "-c", "copy"])
        .arg(file)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut poll = interval(LISTEN_POLL);
    let listening = timeout(PATIENCE, async {
        while !listens(port) {
            poll.tick().await;
        }
    });
    listening.await.expect("ffmpeg does not listen");
    child
}

/// A connection made to look would be taken for the stream.
fn listens(port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().any(|line| line.contains(&format!(":{port:04X} 00000000:0000 0A")))
}
