//! Recording: start, stop, status.

use super::{Context, Outcome, nothing_done};
use crate::{
    confirm::{Confirmed, Wanted, Watch},
    documents::RecordStatus,
    session::RecordPhase,
};
use if_engine::Execution;
use if_schemas::outcome::Failure;
use serde_json::{Value, json};

/// `{"recording": true, "changed": bool, "directory": path, "path": file | null, "confirmed_by": […]}`. `path` is known
/// where this call started the recording. Paths are of the OBS computer.
pub async fn start(context: &Context<'_>) -> Outcome {
    finish_stopping(context).await?;
    let watch = Watch::new(context.session, Wanted::Recording);
    let directory = directory(context).await?;
    if read(context).await?.output_active {
        return Ok(started(false, &directory, None, &["read_back"]));
    }
    if directory.is_empty() {
        // OBS answers "ok" and records nothing.
        return Err(Execution::failed(
            "no_record_directory",
            "OBS has no directory to record to",
            Some("set it in OBS: Settings > Output > Recording Path"),
        ));
    }
    let (_, confirmed) =
        context.act(watch, "StartRecord", json!({})).await.map_err(|execution| blame(execution, &directory))?;
    Ok(started(true, &directory, path(&confirmed), confirmed.by()))
}

/// `{"recording": false, "changed": bool, "path": file | null, "confirmed_by": […]}`. `path` is the file written, null
/// where nothing was recording.
pub async fn stop(context: &Context<'_>) -> Outcome {
    let watch = Watch::new(context.session, Wanted::NotRecording);
    if !read(context).await?.output_active {
        return Ok(stopped(false, None, &["read_back"]));
    }
    if context.session.record_phase() == RecordPhase::Stopping {
        let confirmed = context.confirm(watch, "StopRecord").await?;
        return Ok(stopped(false, path(&confirmed), confirmed.by()));
    }
    let (answer, confirmed) = context.act(watch, "StopRecord", json!({})).await?;
    let answered = answer.get("outputPath").and_then(Value::as_str).map(str::to_owned);
    Ok(stopped(true, path(&confirmed).or(answered), confirmed.by()))
}

/// `{"recording": bool, "paused": bool, "timecode": text, "duration_ms": n, "bytes": n, "directory": path}`.
pub async fn status(context: &Context<'_>) -> Outcome {
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

/// While OBS writes the end of a file it still says "active", yet refuses to start: wait for the end.
async fn finish_stopping(context: &Context<'_>) -> Result<(), Execution> {
    let watch = Watch::new(context.session, Wanted::NotRecording);
    if context.session.record_phase() == RecordPhase::Stopping {
        context.progress.report("waiting for the recording before to be written", None);
        context.confirm(watch, "the end of the recording before").await.map_err(as_nothing_done)?;
    }
    Ok(())
}

/// Nothing of ours was sent yet, so nothing can be in doubt.
fn as_nothing_done(execution: Execution) -> Execution {
    match execution {
        Execution::Indeterminate(failure) => Execution::Failed(Failure { code: "disconnected".into(), ..failure }),
        other => other,
    }
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

fn path(confirmed: &Confirmed) -> Option<String> {
    confirmed.event.as_ref().and_then(|event| event.text("outputPath")).map(str::to_owned)
}

fn started(changed: bool, directory: &str, path: Option<String>, by: &[&str]) -> Value {
    json!({"recording": true, "changed": changed, "directory": directory, "path": path, "confirmed_by": by})
}

fn stopped(changed: bool, path: Option<String>, by: &[&str]) -> Value {
    json!({"recording": false, "changed": changed, "path": path, "confirmed_by": by})
}
