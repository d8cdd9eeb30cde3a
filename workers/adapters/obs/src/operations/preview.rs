//! Studio mode and its preview.

use super::{
    Context, Outcome,
    change::Change,
    names::{self, SCENES},
    nothing_done,
};
use crate::wanted::{Wanted, quote};
use if_engine::Execution;
use serde_json::json;

pub async fn run(context: &Context<'_>, family: &str, verb: &str) -> Outcome {
    match (family, verb) {
        ("preview", "get") => get(context).await,
        ("preview", "set") => set(context).await,
        ("studio", "on") => studio(context, true).await,
        ("studio", "off") => studio(context, false).await,
        ("studio", "status") => status(context).await,
        _ => Err(context.unknown()),
    }
}

/// `{"preview": name | null}`; null outside studio mode.
async fn get(context: &Context<'_>) -> Outcome {
    let scenes = context.session.scenes(context.clock.act_until).await.map_err(nothing_done)?;
    Ok(json!({"preview": scenes.current_preview_scene_name}))
}

/// `{"preview": name, "changed": bool, "confirmed_by": […]}`.
async fn set(context: &Context<'_>) -> Outcome {
    let scene = context.name("scene")?;
    let turn = context.turn("preview").await?;
    require_studio_mode(context).await?;
    let scenes = context.session.scenes(context.clock.act_until).await.map_err(nothing_done)?;
    names::require(SCENES.what, scene, scenes.names())?;
    let words = format!("scene {} on preview", quote(scene));
    let wanted = Wanted::field(words, "GetSceneList", json!({}), "/currentPreviewSceneName", scene.into())
        .told("CurrentPreviewSceneChanged", [("sceneName", scene.into())]);
    let change = Change { request: "SetCurrentPreviewScene", data: json!({"sceneName": scene}), wanted };
    context.set(turn, change, json!({"preview": scene})).await
}

/// `{"studio_mode": bool, "changed": bool, "confirmed_by": […]}`.
async fn studio(context: &Context<'_>, on: bool) -> Outcome {
    let turn = context.turn("studio_mode").await?;
    let words = if on { "studio mode on" } else { "studio mode off" };
    let wanted = Wanted::field(words, "GetStudioModeEnabled", json!({}), "/studioModeEnabled", on.into())
        .told("StudioModeStateChanged", [("studioModeEnabled", on.into())]);
    let change = Change { request: "SetStudioModeEnabled", data: json!({"studioModeEnabled": on}), wanted };
    context.set(turn, change, json!({"studio_mode": on})).await
}

/// `{"studio_mode": bool, "program": name | null, "preview": name | null}`.
async fn status(context: &Context<'_>) -> Outcome {
    let mode = context.ask("GetStudioModeEnabled", json!({})).await?;
    let scenes = context.session.scenes(context.clock.act_until).await.map_err(nothing_done)?;
    Ok(json!({
        "studio_mode": mode["studioModeEnabled"],
        "program": scenes.current_program_scene_name,
        "preview": scenes.current_preview_scene_name,
    }))
}

pub async fn require_studio_mode(context: &Context<'_>) -> Result<(), Execution> {
    if context.ask("GetStudioModeEnabled", json!({})).await?["studioModeEnabled"] == true {
        return Ok(());
    }
    let hint = "turn it on first: `ifctl obs studio on <instance>`";
    Err(Execution::failed("studio_mode_off", "OBS is not in studio mode: there is no preview", Some(hint)))
}
