//! What every output has in common: start, stop; and the replay buffer and the virtual camera.

use super::{Context, Outcome, change::told, nothing_done};
use crate::{
    confirm::{Confirmed, Watch},
    lanes::Turn,
    protocol::Event,
    session::{Output, Phase},
    wanted::{Reading, Wanted},
};
use if_engine::Execution;
use if_schemas::outcome::Failure;
use serde_json::{Value, json};
use std::sync::Arc;

pub async fn run(context: &Context<'_>, family: &str, verb: &str) -> Outcome {
    let output = if family == "replay" { Output::Replay } else { Output::VirtualCam };
    match (output, verb) {
        (_, "start") => {
            let turn = context.turn(output.name()).await?;
            let switched = start(context, output, turn).await?;
            Ok(told(json!({"active": true}), switched.changed, switched.by))
        }
        (_, "stop") => {
            let switched = stop(context, output).await?;
            Ok(told(json!({"active": false}), switched.changed, switched.by))
        }
        (Output::Replay, "status") => replay_status(context).await,
        (_, "status") => Ok(json!({"active": status(context, output).await?["outputActive"]})),
        (Output::Replay, "save") => save(context).await,
        _ => Err(context.unknown()),
    }
}

/// The requests of an output: start, stop, status.
fn requests(output: Output) -> [&'static str; 3] {
    match output {
        Output::Record => ["StartRecord", "StopRecord", "GetRecordStatus"],
        Output::Stream => ["StartStream", "StopStream", "GetStreamStatus"],
        Output::Replay => ["StartReplayBuffer", "StopReplayBuffer", "GetReplayBufferStatus"],
        Output::VirtualCam => ["StartVirtualCam", "StopVirtualCam", "GetVirtualCamStatus"],
    }
}

/// How an output came to run, or not to run any more.
pub struct Switched {
    /// Whether it was this call that did it.
    pub changed: bool,
    pub by: &'static [&'static str],
    pub event: Option<Arc<Event>>,
    /// What OBS answered; null where nothing was sent.
    pub answer: Value,
}

impl Switched {
    fn there() -> Self {
        Self { changed: false, by: &["read_back"], event: None, answer: Value::Null }
    }
    fn seen(changed: bool, confirmed: Confirmed, answer: Value) -> Self {
        Self { changed, by: confirmed.by(), event: confirmed.event, answer }
    }
}

pub async fn status(context: &Context<'_>, output: Output) -> Result<Value, Execution> {
    let [_, _, status] = requests(output);
    context.ask(status, json!({})).await
}

fn running(output: Output, active: bool) -> Wanted {
    let [_, _, status] = requests(output);
    Wanted::output(output, status, active)
}

/// While an output ends it still says "active", yet OBS refuses to start it: the end is waited for. `turn` is that of the
/// output's name.
pub async fn start(context: &Context<'_>, output: Output, turn: Turn) -> Result<Switched, Execution> {
    let [request, ..] = requests(output);
    let ending = Watch::new(context.session, running(output, false));
    let active = status(context, output).await?["outputActive"] == true;
    if context.session.phase(output) == Phase::Stopping || (active && turn.contested()) {
        context.progress.report(format!("waiting for the end of the {} before", output.name()), None);
        context.confirm(ending, "the end of what ran before", None).await.map_err(as_nothing_done)?;
    }
    let watch = Watch::new(context.session, running(output, true));
    if status(context, output).await?["outputActive"] == true {
        return Ok(Switched::there());
    }
    if context.session.phase(output) == Phase::Starting {
        let claim = turn.claim(watch.wanted().words());
        let confirmed = context.confirm(watch, request, Some(claim)).await?;
        return Ok(Switched::seen(false, confirmed, Value::Null));
    }
    let done = context.act(turn, watch, request, json!({})).await?;
    Ok(Switched::seen(true, done.confirmed, done.answer))
}

/// While an output begins OBS refuses to stop it: that is waited for.
pub async fn stop(context: &Context<'_>, output: Output) -> Result<Switched, Execution> {
    let turn = context.turn(output.name()).await?;
    let [_, request, _] = requests(output);
    let watch = Watch::new(context.session, running(output, false));
    let active = status(context, output).await?["outputActive"] == true;
    if turn.contested() && !active {
        // A start is on its way, and its first event may be too. Whether it came to run is read below.
        let begun = Watch::new(context.session, running(output, true)).confirm(context.session, context.clock, None);
        begun.await.ok();
    }
    if !context.session.left(output, Phase::Starting, context.clock.act_until).await {
        let message = format!("the {} is still starting, and OBS cannot stop it before it has", output.name());
        return Err(Execution::failed("not_ready", message, Some("nothing was sent: try again in a moment")));
    }
    if status(context, output).await?["outputActive"] != true {
        return Ok(Switched::there());
    }
    if context.session.phase(output) == Phase::Stopping {
        let claim = turn.claim(watch.wanted().words());
        let confirmed = context.confirm(watch, request, Some(claim)).await?;
        return Ok(Switched::seen(false, confirmed, Value::Null));
    }
    let done = context.act(turn, watch, request, json!({})).await?;
    Ok(Switched::seen(true, done.confirmed, done.answer))
}

/// Nothing of ours was sent yet, so nothing can be in doubt.
fn as_nothing_done(execution: Execution) -> Execution {
    match execution {
        Execution::Indeterminate(failure) => Execution::Failed(Failure { code: "disconnected".into(), ..failure }),
        other => other,
    }
}

/// `{"active": bool, "path": file | null}`: the file last saved, on the OBS computer.
async fn replay_status(context: &Context<'_>) -> Outcome {
    let answer = status(context, Output::Replay).await?;
    // Refused where nothing was saved, or the buffer is not there.
    let last = context.ask("GetLastReplayBufferReplay", json!({})).await.unwrap_or_default();
    let path = last["savedReplayPath"].as_str().filter(|path| !path.is_empty());
    Ok(json!({"active": answer["outputActive"], "path": path}))
}

/// `{"path": file, "changed": true, "confirmed_by": ["event", "read_back"]}`; a file on the OBS computer.
async fn save(context: &Context<'_>) -> Outcome {
    let turn = context.turn("replay save").await?;
    if status(context, Output::Replay).await?["outputActive"] != true {
        let hint = "start it first: `ifctl obs replay start <instance>`";
        return Err(Execution::failed("not_running", "the replay buffer does not run", Some(hint)));
    }
    let wanted = Wanted::new("a saved replay", "GetLastReplayBufferReplay", json!({}), |answer| {
        let path = answer["savedReplayPath"].as_str().unwrap_or_default();
        Reading::at_once(!path.is_empty(), format!("the file {path:?}"))
    })
    .told("ReplayBufferSaved", [])
    .only_by_event();
    let watch = Watch::new(context.session, wanted);
    let done = context.act(turn, watch, "SaveReplayBuffer", json!({})).await?;
    let last = context.session.request("GetLastReplayBufferReplay", json!({}), context.clock.read_until).await;
    let last = last.map_err(nothing_done)?;
    let path = done.confirmed.event.as_ref().and_then(|event| event.text("savedReplayPath"));
    let path = path.map_or(last["savedReplayPath"].clone(), Value::from);
    Ok(told(json!({"path": path}), true, done.confirmed.by()))
}
