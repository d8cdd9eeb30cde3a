//! Scenes: list, current, switch, create, remove, rename.

use super::{
    Context, Outcome,
    change::{Change, told},
    names::{self, SCENES},
    nothing_done,
};
use crate::{
    confirm::Watch,
    documents::SceneList,
    wanted::{Reading, Wanted, quote},
};
use if_engine::Execution;
use serde_json::json;

pub async fn run(context: &Context<'_>, verb: &str) -> Outcome {
    match verb {
        "list" => list(context).await,
        "current" => current(context).await,
        "switch" => switch(context).await,
        "create" => create(context).await,
        "remove" => remove(context).await,
        "rename" => rename(context).await,
        _ => Err(context.unknown()),
    }
}

/// What commands for the program share.
pub const PROGRAM: &str = "program";
/// What commands that make, remove and rename share: their look and their request belong together.
pub const NAMES: &str = "names";

/// `{"scenes": [name], "program": name | null, "preview": name | null}`; the order is that of OBS's window.
/// `preview` is null outside studio mode.
async fn list(context: &Context<'_>) -> Outcome {
    let scenes = read(context).await?;
    Ok(json!({
        "scenes": scenes.names().collect::<Vec<_>>(),
        "program": scenes.current_program_scene_name,
        "preview": scenes.current_preview_scene_name,
    }))
}

/// `{"scene": name | null, "preview": name | null, "in_transition": bool}`. While a transition runs, `scene` is where it goes.
async fn current(context: &Context<'_>) -> Outcome {
    let scenes = read(context).await?;
    let in_transition = context.session.in_transition(context.clock.act_until).await.map_err(nothing_done)?;
    Ok(json!({
        "scene": scenes.current_program_scene_name,
        "preview": scenes.current_preview_scene_name,
        "in_transition": in_transition,
    }))
}

/// `{"scene": name, "previous": name | null, "changed": bool, "confirmed_by": ["event"?, "read_back"]}`.
async fn switch(context: &Context<'_>) -> Outcome {
    let scene = context.name("scene")?;
    let turn = context.turn(PROGRAM).await?;
    let watch = Watch::new(context.session, Wanted::program(scene));
    let scenes = read(context).await?;
    names::require(SCENES.what, scene, scenes.names())?;
    let document = json!({"scene": scene, "previous": scenes.current_program_scene_name});
    if !scenes.is_program(scene) {
        let done = context.act(turn, watch, "SetCurrentProgramScene", json!({"sceneName": scene})).await?;
        return Ok(told(document, true, done.confirmed.by()));
    }
    if context.session.in_transition(context.clock.act_until).await.map_err(nothing_done)? {
        // Somebody's transition to the wanted scene runs: asking again would start it over.
        let claim = turn.claim(watch.wanted().words());
        let confirmed = context.confirm(watch, "the running transition", Some(claim)).await?;
        return Ok(told(document, false, confirmed.by()));
    }
    Ok(told(document, false, &["read_back"]))
}

/// `{"scene": name, "changed": true, "confirmed_by": […]}`. A scene of that name is a failure, not a success: it may hold
/// sources, and an empty one was asked for.
async fn create(context: &Context<'_>) -> Outcome {
    let scene = context.name("scene")?;
    let turn = context.in_line(NAMES).await?;
    names::free(SCENES.what, scene, read(context).await?.names())?;
    let wanted = Wanted::listed("GetSceneList", json!({}), SCENES, scene, true)
        .told("SceneCreated", [("sceneName", scene.into())]);
    let change = Change { request: "CreateScene", data: json!({"sceneName": scene}), wanted };
    context.make(turn, change, json!({"scene": scene})).await
}

/// `{"scene": name, "changed": true, "confirmed_by": […]}`. The last scene and the one on program are refused: OBS 29
/// removes them and is left with a program scene that is in no list.
async fn remove(context: &Context<'_>) -> Outcome {
    let scene = context.name("scene")?;
    let turn = context.in_line(NAMES).await?;
    let scenes = read(context).await?;
    names::require(SCENES.what, scene, scenes.names())?;
    if scenes.len() == 1 {
        let message = format!("{} is the last scene of OBS and cannot be removed", quote(scene));
        return Err(Execution::failed("last_scene", message, Some("create another scene first")));
    }
    if scenes.is_program(scene) {
        let message = format!("{} is on program and cannot be removed", quote(scene));
        let hint = "switch to another scene first: `ifctl obs scene switch <instance> <scene>`";
        return Err(Execution::failed("scene_on_program", message, Some(hint)));
    }
    let wanted = Wanted::listed("GetSceneList", json!({}), SCENES, scene, false)
        .told("SceneRemoved", [("sceneName", scene.into())]);
    let change = Change { request: "RemoveScene", data: json!({"sceneName": scene}), wanted };
    context.make(turn, change, json!({"scene": scene})).await
}

/// `{"scene": new name, "previous": old name, "changed": true, "confirmed_by": […]}`.
async fn rename(context: &Context<'_>) -> Outcome {
    let (scene, name) = (context.name("scene")?, context.name("name")?);
    let turn = context.in_line(NAMES).await?;
    let sources = context.sources().await?;
    names::require(SCENES.what, scene, sources.scenes.iter().map(String::as_str))?;
    names::free("source", name, sources.names())?;
    let (old, new) = (scene.to_owned(), name.to_owned());
    let wanted = Wanted::new(
        format!("scene {} instead of {}", quote(name), quote(scene)),
        "GetSceneList",
        json!({}),
        move |answer| {
            let names = SCENES.names(answer);
            let reached = names.contains(&new.as_str()) && !names.contains(&old.as_str());
            Reading::at_once(reached, "the old name".into())
        },
    )
    .told("SceneNameChanged", [("oldSceneName", scene.into()), ("sceneName", name.into())]);
    let data = json!({"sceneName": scene, "newSceneName": name});
    let change = Change { request: "SetSceneName", data, wanted };
    context.make(turn, change, json!({"scene": name, "previous": scene})).await
}

async fn read(context: &Context<'_>) -> Result<SceneList, Execution> {
    context.session.scenes(context.clock.act_until).await.map_err(nothing_done)
}
