//! Cameras: list, one picture, a stream.

use super::{Ground, Outcome, bad_argument, home};
use crate::{
    limits::{PICTURE_MAX_BYTES, RECORDING_MARGIN, RECORDING_MAX_BYTES, RECORDING_REPORT},
    mirror::Entity,
    mjpeg::Parts,
    rest::{self, RestError},
    session::RequestError,
};
use futures::StreamExt;
use if_engine::{Execution, Incoming, WholeFile};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout_at},
};

/// Bit of `supported_features`: it can give HLS.
const FEATURE_STREAM: u64 = 2;
/// Largest playlist read, bytes.
const PLAYLIST_MAX_BYTES: usize = 1 << 20;

/// `{"cameras": [{"entity", "state", "name", "hls"}]}`; `hls`: the camera gives a stream beside its pictures.
pub fn list(ground: &Ground<'_>) -> Outcome {
    let all = ground.session.mirror().all();
    let cameras = all.iter().filter(|e| e.domain() == "camera");
    let row = |e: &Arc<Entity>| json!({"entity": e.id, "state": e.state, "name": e.name(), "hls": can_stream(e)});
    Ok(json!({"cameras": cameras.map(row).take(home::limit(ground)).collect::<Vec<_>>()}))
}

fn can_stream(camera: &Entity) -> bool {
    camera.attribute("supported_features").as_u64().unwrap_or_default() & FEATURE_STREAM != 0
}

/// `{"entity", "path", "bytes", "content_type"}`; the path is of the worker's machine.
pub async fn snapshot(ground: &Ground<'_>) -> Outcome {
    let camera = ground.entity(&["camera"])?;
    ground.ready(&camera)?;
    let out = Out::of(ground)?.ok_or_else(|| bad_argument("out is empty", "give the file to write"))?;
    let path = format!("/api/camera_proxy/{}", camera.id);
    let answer = ground.rest.get(&path, true, ground.clock.read_until).await.map_err(|e| no_picture(&camera, e))?;
    let kind = rest::media_type(&answer);
    if !kind.starts_with("image/") {
        return Err(not_pictures(&camera, &kind));
    }
    let picture = rest::body(answer, PICTURE_MAX_BYTES).await.map_err(|e| no_picture(&camera, e))?;
    if picture.is_empty() {
        return Err(Execution::failed("bad_reply", format!("{} gave an empty picture", camera.id), None));
    }
    let (whole, mut file) = out.begin()?;
    file.write_all(&picture).await.map_err(|e| out.failed(&e))?;
    file.sync_all().await.map_err(|e| out.failed(&e))?;
    whole.keep().map_err(|e| out.failed(&e))?;
    Ok(json!({"entity": camera.id, "path": out.shown, "bytes": picture.len(), "content_type": kind}))
}

/// Without `out` `{"entity", "url", "format": "hls" | "mjpeg", "content_type"}`, the URL tried out; with it
/// `{"entity", "path", "bytes", "frames", "seconds", "content_type": "video/x-motion-jpeg"}`. A URL carries a credential for this camera
/// alone, which Home Assistant lets expire.
pub async fn stream(ground: &Ground<'_>) -> Outcome {
    let camera = ground.entity(&["camera"])?;
    ground.ready(&camera)?;
    if let Some(out) = Out::of(ground)? {
        return record(ground, &camera, &out).await;
    }
    match ground.text("format").unwrap_or("auto") {
        "hls" => hls(ground, &camera).await,
        "mjpeg" => mjpeg(ground, &camera).await,
        _ if !can_stream(&camera) => mjpeg(ground, &camera).await,
        _ => match hls(ground, &camera).await {
            Ok(document) => Ok(document),
            // Many cameras say that they stream and cannot just now: their pictures are as good an answer.
            Err(_) => mjpeg(ground, &camera).await,
        },
    }
}

async fn hls(ground: &Ground<'_>, camera: &Entity) -> Outcome {
    let body = json!({"entity_id": camera.id, "format": "hls"});
    let answer = ground.session.request("camera/stream", body, ground.clock.act_until).await;
    let answer = answer.map_err(|error| match error {
        RequestError::Refused { refusal, .. } => {
            let message = format!("{} gives no HLS: {} ({})", camera.id, refusal.message, refusal.code);
            Execution::failed("unsupported", message, Some("--format mjpeg works with every camera that is on"))
        }
        other => super::nothing_done(other),
    })?;
    let path = answer["url"].as_str().filter(|url| url.starts_with('/'));
    let path =
        path.ok_or_else(|| Execution::failed("bad_reply", "the stream has no URL", Some("try --format mjpeg")))?;
    let playlist = ground.rest.get(path, false, ground.clock.act_until).await.map_err(|e| no_picture(camera, e))?;
    let kind = rest::media_type(&playlist);
    let text = rest::body(playlist, PLAYLIST_MAX_BYTES).await.map_err(|e| no_picture(camera, e))?;
    if !text.starts_with(b"#EXTM3U") {
        return Err(Execution::failed("bad_reply", "the stream has no playlist", Some("try --format mjpeg")));
    }
    Ok(json!({"entity": camera.id, "url": ground.rest.public(path), "format": "hls", "content_type": kind}))
}

async fn mjpeg(ground: &Ground<'_>, camera: &Entity) -> Outcome {
    // As the entity has it now: it changes every few minutes.
    let now = ground.session.read_entity(&camera.id, ground.clock.act_until).await.map_err(super::nothing_done)?;
    let token = now.as_ref().and_then(|now| now.attribute("access_token").as_str()).map(str::to_owned);
    let Some(token) = token else {
        let message = format!("{} gives no token for its pictures", camera.id);
        return Err(Execution::failed("unsupported", message, Some("--out FILE works without one")));
    };
    let path = format!("/api/camera_proxy_stream/{}?token={token}", camera.id);
    let mut answer = ground.rest.get(&path, false, ground.clock.read_until).await.map_err(|e| no_picture(camera, e))?;
    let kind = rest::content_type(&answer).to_owned();
    first_picture(ground, camera, &mut answer).await?;
    Ok(json!({"entity": camera.id, "url": ground.rest.public(&path), "format": "mjpeg", "content_type": kind}))
}

/// A URL that plays is one that gave a picture.
async fn first_picture(ground: &Ground<'_>, camera: &Entity, answer: &mut Incoming) -> Result<(), Execution> {
    let mut parts = parts(camera, answer)?;
    loop {
        match timeout_at(ground.clock.read_until, answer.body.next()).await {
            Ok(Some(Ok(chunk))) => match parts.push(&chunk) {
                Ok(whole) if whole.is_empty() => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(not_pictures(camera, &error.to_string())),
            },
            Ok(Some(Err(error))) => return Err(no_picture(camera, error.into())),
            Ok(None) | Err(_) => {
                let message = format!("the stream of {} gave no picture", camera.id);
                return Err(Execution::failed(
                    "no_answer",
                    message,
                    Some("is the camera on? A longer --deadline may help"),
                ));
            }
        }
    }
}

fn parts(camera: &Entity, answer: &Incoming) -> Result<Parts, Execution> {
    let kind = rest::content_type(answer);
    Parts::new(kind).ok_or_else(|| not_pictures(camera, kind))
}

/// Writes the pictures one after the other: what players call MJPEG.
async fn record(ground: &Ground<'_>, camera: &Entity, out: &Out) -> Outcome {
    let seconds = ground.call.integer("seconds").and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    let until = Instant::now() + Duration::from_secs(seconds);
    if until + RECORDING_MARGIN > ground.clock.read_until {
        let message = format!("{seconds} s of the camera do not fit into the deadline of this command");
        let hint = format!("give --deadline {}s, or fewer --seconds", seconds + 5);
        return Err(Execution::failed("deadline_too_short", message, Some(&hint)));
    }
    let path = format!("/api/camera_proxy_stream/{}", camera.id);
    let mut answer = ground.rest.get(&path, true, ground.clock.read_until).await.map_err(|e| no_picture(camera, e))?;
    let mut parts = parts(camera, &answer)?;
    let (whole, mut file) = out.begin()?;
    let (mut frames, mut bytes, mut report) = (0_u64, 0_u64, Instant::now() + RECORDING_REPORT);
    // The end of the time is the end of the recording.
    while let Ok(chunk) = timeout_at(until, answer.body.next()).await {
        let chunk = match chunk {
            Some(chunk) => chunk.map_err(|e| interrupted(camera, frames, &e.to_string()))?,
            None => return Err(interrupted(camera, frames, "Home Assistant ended it")),
        };
        for picture in parts.push(&chunk).map_err(|e| not_pictures(camera, &e.to_string()))? {
            file.write_all(&picture).await.map_err(|e| out.failed(&e))?;
            frames += 1;
            bytes += picture.len() as u64;
        }
        if bytes > RECORDING_MAX_BYTES {
            return Err(interrupted(camera, frames, &format!("it has more than {RECORDING_MAX_BYTES} bytes")));
        }
        if Instant::now() >= report {
            report = Instant::now() + RECORDING_REPORT;
            ground
                .progress
                .report(format!("{frames} pictures, {bytes} bytes"), Some(json!({"frames": frames, "bytes": bytes})));
        }
    }
    if frames == 0 {
        return Err(interrupted(camera, 0, "no picture came in that time"));
    }
    file.sync_all().await.map_err(|e| out.failed(&e))?;
    whole.keep().map_err(|e| out.failed(&e))?;
    Ok(json!({
        "entity": camera.id,
        "path": out.shown,
        "bytes": bytes,
        "frames": frames,
        "seconds": seconds,
        "content_type": "video/x-motion-jpeg",
    }))
}

fn interrupted(camera: &Entity, frames: u64, why: &str) -> Execution {
    let message = format!("the stream of {} stopped after {frames} pictures: {why}; no file was written", camera.id);
    Execution::failed("stream_interrupted", message, Some("is the camera on?"))
}

fn not_pictures(camera: &Entity, what: &str) -> Execution {
    Execution::failed(
        "bad_reply",
        format!("{} gave no pictures: {what}", camera.id),
        Some("does it show in Home Assistant?"),
    )
}

fn no_picture(camera: &Entity, error: RestError) -> Execution {
    let (code, hint) = match &error {
        RestError::Status(401 | 403) => ("authentication_failure", "the token was revoked, or may not see this camera"),
        RestError::Status(404) => ("not_found", "the camera was removed a moment ago"),
        RestError::Status(503) => ("not_ready", "the camera is off"),
        RestError::Status(500 | 502) => ("not_ready", "Home Assistant got no picture from the camera"),
        RestError::Status(_) | RestError::TooLarge(_) | RestError::Request(_) => {
            ("bad_reply", "does it show in Home Assistant?")
        }
        RestError::Transport(_) => ("no_answer", "Home Assistant or the camera is slow: try a longer --deadline"),
    };
    Execution::failed(code, format!("{} gave no picture: {error}", camera.id), Some(hint))
}

/// A file to be written.
struct Out {
    shown: String,
    overwrite: bool,
}

impl Out {
    /// None where no file was asked for. Refused before anything is asked where it cannot be.
    fn of(ground: &Ground<'_>) -> Result<Option<Self>, Execution> {
        let Some(path) = ground.text("out") else { return Ok(None) };
        if path == "-" {
            let hint = "give a file on the worker's machine, or leave --out away for a URL to play";
            return Err(bad_argument("a worker cannot write to the standard output of an operator", hint));
        }
        let overwrite = ground.call.args.get("overwrite") == Some(&Value::Bool(true));
        if !overwrite && Path::new(path).exists() {
            let message = format!("{path} exists on the worker");
            return Err(Execution::failed("already_exists", message, Some("choose another name, or give --overwrite")));
        }
        Ok(Some(Self { shown: path.into(), overwrite }))
    }

    fn begin(&self) -> Result<(WholeFile, tokio::fs::File), Execution> {
        WholeFile::begin(Path::new(&self.shown), self.overwrite).map_err(|e| self.failed(&e))
    }

    fn failed(&self, error: &std::io::Error) -> Execution {
        let message = format!("{} cannot be written on the worker: {error}", self.shown);
        Execution::failed("not_written", message, Some("free space, or choose another path"))
    }
}
