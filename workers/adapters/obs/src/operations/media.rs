//! Media inputs: state, play, pause, stop, restart, seek.

use super::{Context, Outcome, bad_argument, change::Change};
use crate::{
    lanes::Turn,
    limits::SEEK_TOLERANCE_MS,
    wanted::{Reading, Wanted, quote},
};
use if_engine::Execution;
use serde_json::{Value, json};
use tokio::time::Instant;

const STATE: &str = "OBS_MEDIA_STATE_";
const ACTION: &str = "OBS_WEBSOCKET_MEDIA_INPUT_ACTION_";

pub async fn run(context: &Context<'_>, verb: &str) -> Outcome {
    match verb {
        "status" => status(context).await,
        "play" => go(context, "PLAY", "playing").await,
        "pause" => go(context, "PAUSE", "paused").await,
        "stop" => go(context, "STOP", "stopped").await,
        "restart" => restart(context).await,
        "next" => step(context, "NEXT").await,
        "previous" => step(context, "PREVIOUS").await,
        "seek" => seek(context).await,
        _ => Err(context.unknown()),
    }
}

/// `{"input", "state", "position_ms": n | null, "duration_ms": n | null}`; `state` is one of `none`, `playing`, `opening`,
/// `buffering`, `paused`, `stopped`, `ended`, `error`.
async fn status(context: &Context<'_>) -> Outcome {
    let (input, answer) = read(context).await?;
    Ok(json!({
        "input": input,
        "state": word(&answer),
        "position_ms": answer["mediaCursor"],
        "duration_ms": answer["mediaDuration"],
    }))
}

/// In lower case, as results and the live state have it.
pub fn word(answer: &Value) -> String {
    answer["mediaState"].as_str().unwrap_or_default().trim_start_matches(STATE).to_lowercase()
}

async fn read<'a>(context: &Context<'a>) -> Result<(&'a str, Value), Execution> {
    let (input, answer) = context.input_and("GetMediaInputStatus").await?;
    if word(&answer) == "none" && answer["mediaDuration"].is_null() {
        let message = format!("input {} plays no media, or has none", quote(input));
        return Err(Execution::failed("wrong_kind", message, Some("give a media input with a file")));
    }
    Ok((input, answer))
}

async fn turn(context: &Context<'_>) -> Result<Turn, Execution> {
    context.turn(format!("media {}", context.name("input")?)).await
}

/// What OBS's own media input is once it was stopped is "ended"; others are "stopped".
fn is(state: &str, seen: &str) -> bool {
    seen == state || (state == "stopped" && seen == "ended")
}

fn state_is(input: &str, state: &'static str) -> Wanted {
    let words = format!("media of {} {state}", quote(input));
    Wanted::new(words, "GetMediaInputStatus", json!({"inputName": input}), move |answer| {
        let seen = word(answer);
        Reading::at_once(is(state, &seen), format!("that it is {seen}"))
    })
}

fn action(input: &str, action: &str) -> Value {
    json!({"inputName": input, "mediaAction": format!("{ACTION}{action}")})
}

/// `{"input", "state", "changed", "confirmed_by"}`.
async fn go(context: &Context<'_>, name: &'static str, state: &'static str) -> Outcome {
    let turn = turn(context).await?;
    let (input, answer) = read(context).await?;
    // From its end OBS plays on only by a restart.
    let name = if name == "PLAY" && matches!(word(&answer).as_str(), "ended" | "stopped") { "RESTART" } else { name };
    let wanted = state_is(input, state).told(
        "MediaInputActionTriggered",
        [("inputName", input.into()), ("mediaAction", format!("{ACTION}{name}").into())],
    );
    let change = Change { request: "TriggerMediaInputAction", data: action(input, name), wanted };
    context.set(turn, change, json!({"input": input, "state": state})).await
}

/// `{"input", "state": "playing", "changed": true, "confirmed_by"}`: it plays, from near its beginning.
async fn restart(context: &Context<'_>) -> Outcome {
    let turn = turn(context).await?;
    let (input, _) = read(context).await?;
    let wanted = position(input, 0, Some("playing"), "from its beginning").told(
        "MediaInputActionTriggered",
        [("inputName", input.into()), ("mediaAction", format!("{ACTION}RESTART").into())],
    );
    let change = Change { request: "TriggerMediaInputAction", data: action(input, "RESTART"), wanted };
    context.make(turn, change, json!({"input": input, "state": "playing"})).await
}

/// `{"input", "changed": true, "confirmed_by": ["event", "read_back"]}`: OBS told that it went on, and the input is there. What
/// it plays then is not to be read.
async fn step(context: &Context<'_>, name: &'static str) -> Outcome {
    let turn = turn(context).await?;
    let (input, _) = read(context).await?;
    let words = format!("another entry of the playlist of {}", quote(input));
    let wanted = Wanted::new(words, "GetMediaInputStatus", json!({"inputName": input}), |answer| {
        let seen = word(answer);
        Reading::at_once(!matches!(seen.as_str(), "none" | "error"), format!("that it is {seen}"))
    })
    .told("MediaInputPlaybackStarted", [("inputName", input.into())])
    .only_by_event();
    let change = Change { request: "TriggerMediaInputAction", data: action(input, name), wanted };
    context.make(turn, change, json!({"input": input})).await
}

/// `{"input", "position_ms": n, "changed": true, "confirmed_by": ["read_back"]}`; what was asked for. Players go to the nearest
/// place they can begin from.
async fn seek(context: &Context<'_>) -> Outcome {
    let target = context.call.integer("position").unwrap_or_default();
    let turn = turn(context).await?;
    let (input, answer) = read(context).await?;
    if matches!(word(&answer).as_str(), "ended" | "stopped" | "none") {
        let hint = "play it first: `ifctl obs media play <instance> <input>`";
        return Err(Execution::failed("not_playing", format!("media of {} does not play", quote(input)), Some(hint)));
    }
    let duration = answer["mediaDuration"].as_i64().unwrap_or(i64::MAX);
    if target > duration {
        let message = format!("media of {} has no position {target} ms", quote(input));
        return Err(bad_argument(message, &format!("it is {duration} ms long")));
    }
    let wanted = position(input, target, None, &format!("at {target} ms"));
    let data = json!({"inputName": input, "mediaCursor": target});
    context
        .make(
            turn,
            Change { request: "SetMediaInputCursor", data, wanted },
            json!({"input": input, "position_ms": target}),
        )
        .await
}

/// Near a position, beside the time that passes from now on while it plays.
fn position(input: &str, target: i64, state: Option<&'static str>, words: &str) -> Wanted {
    let from = Instant::now();
    let words = format!("media of {} {words}", quote(input));
    Wanted::new(words, "GetMediaInputStatus", json!({"inputName": input}), move |answer| {
        let passed = i64::try_from(from.elapsed().as_millis()).unwrap_or(i64::MAX);
        let (seen, at) = (word(answer), answer["mediaCursor"].as_i64());
        let near = at.is_some_and(|at| {
            at >= target.saturating_sub(SEEK_TOLERANCE_MS)
                && at <= target.saturating_add(passed).saturating_add(SEEK_TOLERANCE_MS)
        });
        let reached = near && state.is_none_or(|state| state == seen);
        Reading::at_once(reached, format!("that it is {seen} at {} ms", at.map_or("no".into(), |at| at.to_string())))
    })
}
