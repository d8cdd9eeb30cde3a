//! Scenes: list, current, switch, create, remove.

use super::{Context, Outcome, nothing_done};
use crate::{
    confirm::{Confirmed, Wanted, Watch},
    documents::SceneList,
    limits::HINT_SCENES_MAX,
};
use if_engine::Execution;
use if_manifest::args::nearest;
use serde_json::{Value, json};

/// `{"scenes": [name], "program": name | null, "preview": name | null}`; the order is that of OBS's window.
/// `preview` is null outside studio mode.
pub async fn list(context: &Context<'_>) -> Outcome {
    let scenes = read(context).await?;
    Ok(json!({
        "scenes": scenes.names().collect::<Vec<_>>(),
        "program": scenes.current_program_scene_name,
        "preview": scenes.current_preview_scene_name,
    }))
}

/// `{"scene": name | null, "preview": name | null, "in_transition": bool}`. While a transition runs, `scene` is where it goes.
pub async fn current(context: &Context<'_>) -> Outcome {
    let scenes = read(context).await?;
    let in_transition = context.session.in_transition(context.clock.act_until).await.map_err(nothing_done)?;
    Ok(json!({
        "scene": scenes.current_program_scene_name,
        "preview": scenes.current_preview_scene_name,
        "in_transition": in_transition,
    }))
}

/// `{"scene": name, "previous": name | null, "changed": bool, "confirmed_by": ["event"?, "read_back"]}`.
pub async fn switch(context: &Context<'_>) -> Outcome {
    let scene = name(context)?;
    let watch = Watch::new(context.session, Wanted::Program(scene.clone()));
    let scenes = read(context).await?;
    if !scenes.has(&scene) {
        return Err(not_found(&scene, &scenes));
    }
    let previous = scenes.current_program_scene_name.clone();
    let document = |changed: bool, by: &[&str]| json!({"scene": scene, "previous": previous, "changed": changed, "confirmed_by": by});
    if !scenes.is_program(&scene) {
        let (_, confirmed) = context.act(watch, "SetCurrentProgramScene", json!({"sceneName": scene})).await?;
        return Ok(document(true, confirmed.by()));
    }
    if context.session.in_transition(context.clock.act_until).await.map_err(nothing_done)? {
        // Somebody's transition to the wanted scene runs: asking again would start it over.
        let confirmed = context.confirm(watch, "the running transition").await?;
        return Ok(document(false, confirmed.by()));
    }
    Ok(document(false, &["read_back"]))
}

/// `{"scene": name, "changed": true, "confirmed_by": […]}`. A scene of that name is a failure, not a success: it may hold
/// sources, and an empty one was asked for.
pub async fn create(context: &Context<'_>) -> Outcome {
    let scene = name(context)?;
    let watch = Watch::new(context.session, Wanted::Present(scene.clone()));
    let scenes = read(context).await?;
    if scenes.has(&scene) {
        let message = format!("OBS has a scene {scene:?} already");
        return Err(Execution::failed("already_exists", message, Some("choose another name, or use that scene")));
    }
    let (_, confirmed) = context.act(watch, "CreateScene", json!({"sceneName": scene})).await?;
    Ok(changed(&scene, &confirmed))
}

/// `{"scene": name, "changed": true, "confirmed_by": […]}`. The last scene and the one on program are refused: OBS 29
/// removes them and is left with a program scene that is in no list.
pub async fn remove(context: &Context<'_>) -> Outcome {
    let scene = name(context)?;
    let watch = Watch::new(context.session, Wanted::Absent(scene.clone()));
    let scenes = read(context).await?;
    if !scenes.has(&scene) {
        return Err(not_found(&scene, &scenes));
    }
    if scenes.len() == 1 {
        let message = format!("{scene:?} is the last scene of OBS and cannot be removed");
        return Err(Execution::failed("last_scene", message, Some("create another scene first")));
    }
    if scenes.is_program(&scene) {
        let message = format!("{scene:?} is on program and cannot be removed");
        let hint = "switch to another scene first: `ifctl obs scene switch <instance> <scene>`";
        return Err(Execution::failed("scene_on_program", message, Some(hint)));
    }
    let (_, confirmed) = context.act(watch, "RemoveScene", json!({"sceneName": scene})).await?;
    Ok(changed(&scene, &confirmed))
}

fn changed(scene: &str, confirmed: &Confirmed) -> Value {
    json!({"scene": scene, "changed": true, "confirmed_by": confirmed.by()})
}

async fn read(context: &Context<'_>) -> Result<SceneList, Execution> {
    context.session.scenes(context.clock.act_until).await.map_err(nothing_done)
}

fn name(context: &Context<'_>) -> Result<String, Execution> {
    match context.call.text("scene") {
        Some(name) if !name.trim().is_empty() => Ok(name.to_owned()),
        _ => Err(Execution::failed("bad_argument", "the scene has no name", Some("give the name of a scene"))),
    }
}

fn not_found(scene: &str, scenes: &SceneList) -> Execution {
    let hint = match nearest(scene, scenes.names()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => {
            let names: Vec<String> = scenes.names().take(HINT_SCENES_MAX).map(|name| format!("{name:?}")).collect();
            let more = if scenes.len() > HINT_SCENES_MAX { ", … (`ifctl obs scene list` shows all)" } else { "" };
            format!("scenes there: {}{more}", names.join(", "))
        }
    };
    Execution::failed("not_found", format!("OBS has no scene {scene:?}"), Some(&hint))
}
