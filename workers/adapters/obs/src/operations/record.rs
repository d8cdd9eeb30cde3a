//! Recording: start, stop, status, pause, resume, split, directory.

use super::{
    Context, Outcome,
    change::{Change, told},
    nothing_done, output,
};
use crate::{
    confirm::Watch,
    documents::RecordStatus,
    limits::PAUSE_MIN,
    protocol::Event,
    session::{Output, Phase},
    wanted::{Reading, Wanted, quote},
};
use if_engine::Execution;
use if_schemas::outcome::Failure;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::time::sleep_until;

pub async fn run(context: &Context<'_>, verb: &str) -> Outcome {
    match verb {
        "start" => start(context).await,
        "stop" => stop(context).await,
        "status" => status(context).await,
        "pause" => pause(context, true).await,
        "resume" => pause(context, false).await,
        "split" => split(context).await,
        "directory" => set_directory(context).await,
        _ => Err(context.unknown()),
    }
}

/// `{"recording": true, "changed": bool, "directory": path, "path": file | null, "confirmed_by": […]}`. `path` is known
/// where this call started the recording. Paths are of the OBS computer.
async fn start(context: &Context<'_>) -> Outcome {
    let turn = context.turn(Output::Record.name()).await?;
    let directory = directory(context).await?;
    let idle = context.session.phase(Output::Record) != Phase::Stopping && !read(context).await?.output_active;
    if directory.is_empty() && idle {
        // OBS answers "ok" and records nothing.
        return Err(Execution::failed(
            "no_record_directory",
            "OBS has no directory to record to",
            Some("set it: `ifctl obs record directory <instance> <directory>`, or in OBS: Settings > Output"),
        ));
    }
    let switched = output::start(context, Output::Record, turn).await.map_err(|ended| blame(ended, &directory))?;
    let document = json!({"recording": true, "directory": directory, "path": path(switched.event.as_ref())});
    Ok(told(document, switched.changed, switched.by))
}

/// `{"recording": false, "changed": bool, "path": file | null, "confirmed_by": […]}`. `path` is the file written, null
/// where nothing was recording.
async fn stop(context: &Context<'_>) -> Outcome {
    let switched = output::stop(context, Output::Record).await?;
    let answered = switched.answer.get("outputPath").and_then(Value::as_str).map(str::to_owned);
    let document = json!({"recording": false, "path": path(switched.event.as_ref()).or(answered)});
    Ok(told(document, switched.changed, switched.by))
}

/// `{"recording": bool, "paused": bool, "timecode": text, "duration_ms": n, "bytes": n, "directory": path}`.
async fn status(context: &Context<'_>) -> Outcome {
    let mut document = document(&read(context).await?);
    document["directory"] = Value::from(directory(context).await?);
    Ok(document)
}

/// `{"recording", "paused", "timecode", "duration_ms", "bytes"}`. After a stop, OBS 29 goes on telling the bytes of the last
/// recording: they are given as zero then.
pub fn document(status: &RecordStatus) -> Value {
    json!({
        "recording": status.output_active,
        "paused": status.output_paused,
        "timecode": status.output_timecode,
        "duration_ms": status.output_duration,
        "bytes": if status.output_active { status.output_bytes } else { 0 },
    })
}

/// `{"paused": bool, "changed", "confirmed_by"}`.
async fn pause(context: &Context<'_>, paused: bool) -> Outcome {
    let turn = context.turn("record pause").await?;
    require_recording(context).await?;
    let words = if paused { "a paused recording" } else { "a recording that goes on" };
    let state = if paused { "OBS_WEBSOCKET_OUTPUT_PAUSED" } else { "OBS_WEBSOCKET_OUTPUT_RESUMED" };
    let wanted = Wanted::field(words, "GetRecordStatus", json!({}), "/outputPaused", paused.into())
        .told("RecordStateChanged", [("outputState", state.into())])
        .refuted("RecordStateChanged", [("outputState", "OBS_WEBSOCKET_OUTPUT_STOPPED".into())]);
    let request = if paused { "PauseRecord" } else { "ResumeRecord" };
    if let (false, Some(at)) = (paused, context.session.paused_at()) {
        // OBS 29 never ends a recording that goes on within a frame of its pause.
        sleep_until((at + PAUSE_MIN).min(context.clock.act_until)).await;
    }
    context.set(turn, Change { request, data: json!({}), wanted }, json!({"paused": paused})).await
}

/// `{"path": new file, "changed": true, "confirmed_by": ["event", "read_back"]}`. OBS 31 and later tell of it.
async fn split(context: &Context<'_>) -> Outcome {
    let turn = context.turn("record split").await?;
    require_recording(context).await?;
    let wanted = Wanted::new("a recording in a new file", "GetRecordStatus", json!({}), |answer| {
        let active = answer["outputActive"] == true;
        Reading::at_once(active, if active { "the old file" } else { "no recording" }.into())
    })
    .told("RecordFileChanged", [])
    .only_by_event();
    let done = context.act(turn, Watch::new(context.session, wanted), "SplitRecordFile", json!({})).await?;
    let path = done.confirmed.event.as_ref().map(|event| event.data["newOutputPath"].clone());
    Ok(told(json!({"path": path}), true, done.confirmed.by()))
}

/// `{"directory": path, "changed", "confirmed_by"}`. Before OBS 30 it is a parameter of the profile.
async fn set_directory(context: &Context<'_>) -> Outcome {
    let wish = context.name("directory")?;
    let turn = context.turn("record directory").await?;
    if read(context).await?.output_active {
        let message = "OBS is recording: where it writes cannot be changed now";
        return Err(Execution::failed("refused", message, Some("stop the recording first")));
    }
    let until = context.clock.act_until;
    let document = json!({"directory": wish});
    let words = format!("recordings in {}", quote(wish));
    let native = context.session.version(until).await.map_err(nothing_done)?.available_requests;
    if native.iter().any(|request| request == "SetRecordDirectory") {
        let wanted = Wanted::field(words, "GetRecordDirectory", json!({}), "/recordDirectory", wish.into());
        let change = Change { request: "SetRecordDirectory", data: json!({"recordDirectory": wish}), wanted };
        return context.set(turn, change, document).await;
    }
    let (category, name) = context.session.directory_parameter(until).await.map_err(nothing_done)?;
    let data = json!({"parameterCategory": category, "parameterName": name});
    let wanted = Wanted::field(words, "GetProfileParameter", data.clone(), "/parameterValue", wish.into());
    let mut data = data;
    data["parameterValue"] = wish.into();
    context.set(turn, Change { request: "SetProfileParameter", data, wanted }, document).await
}

async fn require_recording(context: &Context<'_>) -> Result<(), Execution> {
    if read(context).await?.output_active {
        return Ok(());
    }
    let hint = "start one first: `ifctl obs record start <instance>`";
    Err(Execution::failed("not_running", "OBS does not record", Some(hint)))
}

async fn read(context: &Context<'_>) -> Result<RecordStatus, Execution> {
    context.session.record_status(context.clock.act_until).await.map_err(nothing_done)
}

async fn directory(context: &Context<'_>) -> Result<String, Execution> {
    context.session.record_directory(context.clock.act_until).await.map_err(nothing_done)
}

/// The commonest reason for a recording that does not start is one OBS does not tell.
fn blame(execution: Execution, directory: &str) -> Execution {
    match execution {
        Execution::Failed(failure) if failure.code == "not_confirmed" => Execution::Failed(Failure {
            hint: Some(format!(
                "check that {directory:?} exists on the OBS computer, can be written and has space left"
            )),
            ..failure
        }),
        other => other,
    }
}

fn path(event: Option<&Arc<Event>>) -> Option<String> {
    event.and_then(|event| event.text("outputPath")).map(str::to_owned)
}
