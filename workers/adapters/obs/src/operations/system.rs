//! Hotkeys, profiles and scene collections.

use super::{
    Context, Outcome,
    change::Change,
    free::{not_observable, unanswered},
    names::{self, COLLECTIONS, HOTKEYS, PROFILES},
};
use crate::wanted::{List, Wanted, quote};
use if_engine::Execution;
use serde_json::json;

pub async fn run(context: &Context<'_>, family: &str, verb: &str) -> Outcome {
    let set = if family == "profile" { &PROFILE } else { &COLLECTION };
    match (family, verb) {
        ("hotkey", "list") => hotkeys(context).await,
        ("hotkey", "trigger") => trigger(context).await,
        (_, "list") => list(context, set).await,
        (_, "switch") => switch(context, set).await,
        (_, "create") => create(context, set).await,
        ("profile", "remove") => remove(context).await,
        _ => Err(context.unknown()),
    }
}

/// `{"hotkeys": [name]}`; a name may stand more than once, once for each source that has it.
async fn hotkeys(context: &Context<'_>) -> Outcome {
    let answer = context.ask("GetHotkeyList", json!({})).await?;
    Ok(json!({"hotkeys": HOTKEYS.names(&answer)}))
}

/// Never more than `indeterminate`: a hotkey may do anything, or nothing.
async fn trigger(context: &Context<'_>) -> Outcome {
    let (hotkey, _) = context.listed("hotkey", "GetHotkeyList", json!({}), HOTKEYS).await?;
    let request = "TriggerHotkeyByName";
    match context.session.request(request, json!({"hotkeyName": hotkey}), context.clock.act_until).await {
        Ok(answer) => Err(not_observable(request, &answer)),
        Err(error) => Err(unanswered(request, error)),
    }
}

/// Profiles and scene collections work alike.
struct Set {
    list: List,
    /// The argument, and the word of results.
    word: &'static str,
    read: &'static str,
    current: &'static str,
    pointer: &'static str,
    switch: &'static str,
    create: &'static str,
    /// The field of requests and events.
    field: &'static str,
    changed: &'static str,
}

const PROFILE: Set = Set {
    list: PROFILES,
    word: "profile",
    read: "GetProfileList",
    current: "currentProfileName",
    pointer: "/currentProfileName",
    switch: "SetCurrentProfile",
    create: "CreateProfile",
    field: "profileName",
    changed: "CurrentProfileChanged",
};
const COLLECTION: Set = Set {
    list: COLLECTIONS,
    word: "collection",
    read: "GetSceneCollectionList",
    current: "currentSceneCollectionName",
    pointer: "/currentSceneCollectionName",
    switch: "SetCurrentSceneCollection",
    create: "CreateSceneCollection",
    field: "sceneCollectionName",
    changed: "CurrentSceneCollectionChanged",
};

/// `{"current": name, "profiles" | "collections": [name]}`.
async fn list(context: &Context<'_>, set: &Set) -> Outcome {
    let answer = context.ask(set.read, json!({})).await?;
    let mut document = json!({"current": answer[set.current]});
    document[format!("{}s", set.word)] = json!(set.list.names(&answer));
    Ok(document)
}

fn change(set: &Set, request: &'static str, name: &str) -> Change {
    let words = format!("{} {}", set.list.what, quote(name));
    let wanted = Wanted::field(words, set.read, json!({}), set.pointer, name.into())
        .told(set.changed, [(set.field, name.into())]);
    let mut data = json!({});
    data[set.field] = name.into();
    Change { request, data, wanted }
}

/// `{"profile" | "collection": name, "changed", "confirmed_by"}`.
async fn switch(context: &Context<'_>, set: &Set) -> Outcome {
    context.name(set.word)?;
    let turn = context.turn(set.list.what).await?;
    let (name, _) = context.listed(set.word, set.read, json!({}), set.list).await?;
    let mut document = json!({});
    document[set.word] = name.into();
    context.set(turn, change(set, set.switch, name), document).await
}

/// `{"profile" | "collection": name, "changed": true, "confirmed_by"}`; it is the current one then.
async fn create(context: &Context<'_>, set: &Set) -> Outcome {
    let name = context.name(set.word)?;
    let turn = context.turn(set.list.what).await?;
    let answer = context.ask(set.read, json!({})).await?;
    names::free(set.list.what, name, set.list.names(&answer))?;
    let mut document = json!({});
    document[set.word] = name.into();
    context.make(turn, change(set, set.create, name), document).await
}

/// `{"profile": name, "changed": true, "confirmed_by"}`. OBS cannot be without one.
async fn remove(context: &Context<'_>) -> Outcome {
    context.name("profile")?;
    let turn = context.in_line(PROFILES.what).await?;
    let (name, answer) = context.listed("profile", PROFILE.read, json!({}), PROFILES).await?;
    if PROFILES.names(&answer).len() == 1 {
        let message = format!("{} is the last profile of OBS and cannot be removed", quote(name));
        return Err(Execution::failed("last_profile", message, Some("create another first")));
    }
    let wanted = Wanted::listed(PROFILE.read, json!({}), PROFILES, name, false).told("ProfileListChanged", []);
    let change = Change { request: "RemoveProfile", data: json!({"profileName": name}), wanted };
    context.make(turn, change, json!({"profile": name})).await
}
