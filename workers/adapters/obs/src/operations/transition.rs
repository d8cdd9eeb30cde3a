//! Transitions: list, set, duration, trigger.

use super::{
    Context, Outcome, bad_argument, change::Change, names::TRANSITIONS, nothing_done, preview, scene::PROGRAM,
};
use crate::wanted::{Wanted, quote};
use if_engine::Execution;
use serde_json::{Value, json};

/// Bounds of obs-websocket, milliseconds.
const DURATION_MS: std::ops::RangeInclusive<i64> = 50..=20_000;

pub async fn run(context: &Context<'_>, verb: &str) -> Outcome {
    match verb {
        "list" => list(context).await,
        "set" => set(context).await,
        "duration" => duration(context).await,
        "trigger" => trigger(context).await,
        _ => Err(context.unknown()),
    }
}

/// `{"current": name | null, "duration_ms": n | null, "transitions": [{"transition", "kind", "fixed"}]}`. `duration_ms` is
/// null where the current one has none of its own to set.
async fn list(context: &Context<'_>) -> Outcome {
    let answer = context.ask("GetSceneTransitionList", json!({})).await?;
    // Refused where none is selected.
    let current = context.ask("GetCurrentSceneTransition", json!({})).await.unwrap_or_default();
    let one = |t: &Value| json!({"transition": t["transitionName"], "kind": t["transitionKind"], "fixed": t["transitionFixed"]});
    Ok(json!({
        "current": answer["currentSceneTransitionName"],
        "duration_ms": current["transitionDuration"],
        "transitions": TRANSITIONS.entries(&answer).iter().map(one).collect::<Vec<_>>(),
    }))
}

/// `{"transition": name, "changed": bool, "confirmed_by": […]}`.
async fn set(context: &Context<'_>) -> Outcome {
    context.name("transition")?;
    let turn = context.turn("transition").await?;
    let (name, _) = context.listed("transition", "GetSceneTransitionList", json!({}), TRANSITIONS).await?;
    let words = format!("transition {}", quote(name));
    let wanted = Wanted::field(words, "GetSceneTransitionList", json!({}), "/currentSceneTransitionName", name.into())
        .told("CurrentSceneTransitionChanged", [("transitionName", name.into())]);
    let change = Change { request: "SetCurrentSceneTransition", data: json!({"transitionName": name}), wanted };
    context.set(turn, change, json!({"transition": name})).await
}

/// `{"duration_ms": n, "changed": bool, "confirmed_by": […]}`.
async fn duration(context: &Context<'_>) -> Outcome {
    let ms = context.call.integer("duration").unwrap_or_default();
    if !DURATION_MS.contains(&ms) {
        return Err(bad_argument(format!("a transition cannot take {ms} ms"), "give 50ms to 20s"));
    }
    let turn = context.turn("transition.duration").await?;
    let current = context.ask("GetCurrentSceneTransition", json!({})).await?;
    if current["transitionFixed"] == true {
        let message = format!("transition {} has a length of its own", current["transitionName"]);
        let hint = "choose another first: `ifctl obs transition set <instance> <transition>`";
        return Err(Execution::failed("fixed_duration", message, Some(hint)));
    }
    let words = format!("transitions of {ms} ms");
    let wanted = Wanted::field(words, "GetCurrentSceneTransition", json!({}), "/transitionDuration", ms.into())
        .told("CurrentSceneTransitionDurationChanged", [("transitionDuration", ms.into())]);
    let data = json!({"transitionDuration": ms});
    context
        .set(turn, Change { request: "SetCurrentSceneTransitionDuration", data, wanted }, json!({"duration_ms": ms}))
        .await
}

/// `{"scene": name, "previous": name | null, "changed": true, "confirmed_by": […]}`: `scene` was on preview.
async fn trigger(context: &Context<'_>) -> Outcome {
    let turn = context.turn(PROGRAM).await?;
    preview::require_studio_mode(context).await?;
    let scenes = context.session.scenes(context.clock.act_until).await.map_err(nothing_done)?;
    let Some(scene) = scenes.current_preview_scene_name.as_deref() else {
        let hint = "put one there: `ifctl obs preview set <instance> <scene>`";
        return Err(Execution::failed("no_preview", "there is no scene on preview", Some(hint)));
    };
    let change = Change { request: "TriggerStudioModeTransition", data: json!({}), wanted: Wanted::program(scene) };
    let document = json!({"scene": scene, "previous": scenes.current_program_scene_name});
    context.make(turn, change, document).await
}
