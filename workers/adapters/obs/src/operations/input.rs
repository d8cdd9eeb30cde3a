//! Inputs: what there is, making, removing, renaming, settings.

use super::{
    Context, Outcome,
    change::Change,
    free::scrub,
    names::{self, INPUTS, KINDS},
    scene::NAMES,
};
use crate::wanted::{Reading, Wanted, quote};
use if_engine::Execution;
use serde_json::{Value, json};

pub async fn run(context: &Context<'_>, family: &str, verb: &str) -> Outcome {
    match (family, verb) {
        ("source", "list") => sources(context).await,
        ("input", "list") => list(context).await,
        ("input", "kinds") => kinds(context).await,
        ("input", "create") => create(context).await,
        ("input", "remove") => remove(context).await,
        ("input", "rename") => rename(context).await,
        ("input", "settings") => settings(context).await,
        ("input", "set") => set(context).await,
        _ => Err(context.unknown()),
    }
}

/// `{"sources": [{"source": name, "type": "input" | "scene" | "group", "kind": kind | null}]}`.
async fn sources(context: &Context<'_>) -> Outcome {
    let sources = context.sources().await?;
    let input = |i: &Value| json!({"source": i["inputName"], "type": "input", "kind": i["inputKind"]});
    let other = |name: &String, of: &str| json!({"source": name, "type": of, "kind": null});
    let mut all: Vec<Value> = INPUTS.entries(&sources.inputs).iter().map(input).collect();
    all.extend(sources.scenes.iter().map(|name| other(name, "scene")));
    all.extend(sources.groups.iter().map(|name| other(name, "group")));
    Ok(json!({"sources": all}))
}

/// `{"inputs": [{"input": name, "kind": kind}]}`.
async fn list(context: &Context<'_>) -> Outcome {
    let answer = context.ask("GetInputList", json!({})).await?;
    let wanted = context.call.text("kind");
    if let Some(kind) = wanted {
        let kinds = context.ask("GetInputKindList", json!({})).await?;
        resolve(kind, &KINDS.names(&kinds))?;
    }
    let fits = |i: &&Value| wanted.is_none_or(|kind| i["inputKind"] == kind || i["unversionedInputKind"] == kind);
    let one = |i: &Value| json!({"input": i["inputName"], "kind": i["inputKind"]});
    Ok(json!({"inputs": INPUTS.entries(&answer).iter().filter(fits).map(one).collect::<Vec<_>>()}))
}

/// `{"kinds": [kind]}`.
async fn kinds(context: &Context<'_>) -> Outcome {
    let answer = context.ask("GetInputKindList", json!({})).await?;
    Ok(json!({"kinds": KINDS.names(&answer)}))
}

/// `{"input": name, "kind": kind, "scene": name, "item": id | null, "changed": true, "confirmed_by": […]}`.
async fn create(context: &Context<'_>) -> Outcome {
    let (input, scene, kind) = (context.name("input")?, context.name("scene")?, context.name("kind")?);
    let settings = context.object("settings")?;
    let turn = context.in_line(NAMES).await?;
    let sources = context.sources().await?;
    names::require("scene", scene, sources.scenes.iter().map(String::as_str))?;
    names::free("source", input, sources.names())?;
    let answer = context.ask("GetInputKindList", json!({})).await?;
    let kind = resolve(kind, &KINDS.names(&answer))?;
    let wanted = Wanted::listed("GetInputList", json!({}), INPUTS, input, true)
        .told("InputCreated", [("inputName", input.into())]);
    let data = json!({
        "sceneName": scene,
        "inputName": input,
        "inputKind": kind,
        "inputSettings": settings,
        "sceneItemEnabled": !context.flag("hidden"),
    });
    let watch = crate::confirm::Watch::new(context.session, wanted);
    let done = context.act(turn, watch, "CreateInput", data).await?;
    let document = json!({"input": input, "kind": kind, "scene": scene, "item": done.answer["sceneItemId"]});
    Ok(super::change::told(document, true, done.confirmed.by()))
}

/// The kind itself, or the newest version of it where it is given without one.
fn resolve(kind: &str, kinds: &[&str]) -> Result<String, Execution> {
    let version = |known: &str| known.strip_prefix(kind)?.strip_prefix("_v")?.parse::<u32>().ok();
    let newest = kinds.iter().filter_map(|known| Some((version(known)?, *known))).max();
    match newest {
        Some((_, newest)) if !kinds.contains(&kind) => Ok(newest.to_owned()),
        _ => names::require(KINDS.what, kind, kinds.iter().copied()).map(|()| kind.to_owned()),
    }
}

/// `{"input": name, "changed": true, "confirmed_by": […]}`.
async fn remove(context: &Context<'_>) -> Outcome {
    context.name("input")?;
    let turn = context.in_line(NAMES).await?;
    let (input, _) = context.input().await?;
    let wanted = Wanted::listed("GetInputList", json!({}), INPUTS, input, false)
        .told("InputRemoved", [("inputName", input.into())]);
    let change = Change { request: "RemoveInput", data: json!({"inputName": input}), wanted };
    context.make(turn, change, json!({"input": input})).await
}

/// `{"input": new name, "previous": old name, "changed": true, "confirmed_by": […]}`.
async fn rename(context: &Context<'_>) -> Outcome {
    let (input, name) = (context.name("input")?, context.name("name")?);
    let turn = context.in_line(NAMES).await?;
    let sources = context.sources().await?;
    names::require(INPUTS.what, input, INPUTS.names(&sources.inputs))?;
    names::free("source", name, sources.names())?;
    let (old, new) = (input.to_owned(), name.to_owned());
    let words = format!("input {} instead of {}", quote(name), quote(input));
    let wanted = Wanted::new(words, "GetInputList", json!({}), move |answer| {
        let names = INPUTS.names(answer);
        let reached = names.contains(&new.as_str()) && !names.contains(&old.as_str());
        Reading::at_once(reached, "the old name".into())
    })
    .told("InputNameChanged", [("oldInputName", input.into()), ("inputName", name.into())]);
    let change = Change { request: "SetInputName", data: json!({"inputName": input, "newInputName": name}), wanted };
    context.make(turn, change, json!({"input": name, "previous": input})).await
}

/// `{"input": name, "kind": kind, "settings": {…}, "defaults": {…}}`. Passwords and keys are shown as `[redacted]`.
async fn settings(context: &Context<'_>) -> Outcome {
    let (input, answer) = context.input_and("GetInputSettings").await?;
    let kind = answer["inputKind"].clone();
    let defaults = context.ask("GetInputDefaultSettings", json!({"inputKind": kind})).await?;
    let mut document = json!({
        "input": input,
        "kind": kind,
        "settings": answer["inputSettings"],
        "defaults": defaults["defaultInputSettings"],
    });
    scrub(&mut document);
    Ok(document)
}

/// `{"input": name, "settings": {…}, "changed": bool, "confirmed_by": […]}`; `settings` are those that were given.
async fn set(context: &Context<'_>) -> Outcome {
    let input = context.name("input")?;
    let settings = context.object("settings")?;
    let turn = context.turn(format!("settings {} {input}", keys(&settings))).await?;
    context.input().await?;
    let change = settings_change(input, &settings, context.flag("replace"));
    let document = json!({"input": input, "settings": settings});
    // What is to be forgotten shows in no comparison of what was given: always sent.
    match context.flag("replace") {
        true => context.make(turn, change, document).await,
        false => context.set(turn, change, document).await,
    }
}

/// The names of fields: commands for the same ones contradict each other, those for others do not.
pub fn keys(fields: &Value) -> String {
    let mut names: Vec<&String> = fields.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    names.sort();
    format!("{names:?}")
}

/// Settings of an input that are to hold. Where `replace`, no others than these.
pub fn settings_change(input: &str, settings: &Value, replace: bool) -> Change {
    let wanted = settings_wanted(
        format!("these settings of {}", quote(input)),
        "GetInputSettings",
        json!({"inputName": input}),
        "/inputSettings",
        settings,
    )
    .told("InputSettingsChanged", [("inputName", input.into())])
    .without_patience();
    let data = json!({"inputName": input, "inputSettings": settings, "overlay": !replace});
    Change { request: "SetInputSettings", data, wanted }
}

/// Settings that are to hold. What is seen instead is told by name alone: values may be long, or secret.
pub fn settings_wanted(
    words: String,
    request: &'static str,
    data: Value,
    pointer: &'static str,
    settings: &Value,
) -> Wanted {
    let settings = settings.clone();
    Wanted::new(words, request, data, move |answer| {
        let seen = answer.pointer(pointer).unwrap_or(&Value::Null);
        let differs = |(name, value): (&String, &Value)| {
            let same = seen.get(name).is_some_and(|seen| crate::wanted::holds(value, seen));
            (!same).then(|| format!("{name:?}"))
        };
        let others: Vec<String> = settings.as_object().into_iter().flatten().filter_map(differs).collect();
        Reading::at_once(others.is_empty(), format!("another value of {}", others.join(", ")))
    })
}
