//! Items of scenes and groups.

use super::{
    Context, Outcome, bad_argument,
    change::{Change, told},
    input::keys,
    names,
};
use crate::{
    confirm::Watch,
    wanted::{Reading, Wanted, holds, quote, short},
};
use if_engine::Execution;
use serde_json::{Map, Value, json};

pub async fn run(context: &Context<'_>, verb: &str) -> Outcome {
    match verb {
        "list" => list(context).await,
        "add" => add(context).await,
        "remove" => remove(context).await,
        "show" => switch(context, "Enabled", "EnableState", true).await,
        "hide" => switch(context, "Enabled", "EnableState", false).await,
        "lock" => switch(context, "Locked", "LockState", true).await,
        "unlock" => switch(context, "Locked", "LockState", false).await,
        "order" => order(context).await,
        "get" => get(context).await,
        "transform" => transform(context).await,
        _ => Err(context.unknown()),
    }
}

/// `{"scene": name, "items": [item]}`, top first; an item is `{"item": id, "source", "kind", "type", "index", "shown", "locked"}`.
async fn list(context: &Context<'_>) -> Outcome {
    let scene = Scene::find(context).await?;
    let items: Vec<Value> = scene.items.iter().rev().map(document).collect();
    Ok(json!({"scene": scene.name, "items": items}))
}

fn document(item: &Value) -> Value {
    let of = if item["isGroup"] == true { json!("group") } else { item["sourceType"].clone() };
    json!({
        "item": item["sceneItemId"],
        "source": item["sourceName"],
        "kind": item["inputKind"],
        "type": of.as_str().map(|t| t.trim_start_matches("OBS_SOURCE_TYPE_").to_lowercase()),
        "index": item["sceneItemIndex"],
        "shown": item["sceneItemEnabled"],
        "locked": item["sceneItemLocked"],
    })
}

/// A scene or group that was given, and its items, bottom first.
struct Scene<'a> {
    name: &'a str,
    request: &'static str,
    items: Vec<Value>,
}

impl<'a> Scene<'a> {
    async fn find(context: &Context<'a>) -> Result<Self, Execution> {
        let name = context.name("scene")?;
        let sources = context.sources().await?;
        let is_group = sources.groups.iter().any(|group| group == name);
        names::require("scene", name, sources.scenes.iter().chain(&sources.groups).map(String::as_str))?;
        let request = if is_group { "GetGroupSceneItemList" } else { "GetSceneItemList" };
        let answer = context.ask(request, json!({"sceneName": name})).await?;
        Ok(Self { name, request, items: answer["sceneItems"].as_array().cloned().unwrap_or_default() })
    }

    /// The item whose source or number was given.
    fn item(&self, context: &Context<'_>) -> Result<&Value, Execution> {
        let given = context.name("item")?;
        let named: Vec<&Value> = self.items.iter().filter(|item| item["sourceName"] == given).collect();
        if let [one] = named[..] {
            return Ok(one);
        }
        if named.len() > 1 {
            let numbers: Vec<String> = named.iter().map(|item| item["sceneItemId"].to_string()).collect();
            let message = format!("scene {} shows {} {} times", quote(self.name), quote(given), numbers.len());
            let hint = format!("give the number of the item: {}", numbers.join(", "));
            return Err(Execution::failed("ambiguous", message, Some(&hint)));
        }
        let number = given.parse::<i64>().ok();
        if let Some(item) = self.items.iter().find(|item| number.is_some_and(|n| item["sceneItemId"] == n)) {
            return Ok(item);
        }
        let what = format!("item in scene {}", quote(self.name));
        let names = self.items.iter().filter_map(|item| item["sourceName"].as_str());
        names::require(&what, given, names).and(Err(context.unknown()))
    }

    /// A state of one item, read from the list of all: one request that every version has.
    fn wanted(&self, words: String, id: &Value, judge: impl Fn(&Value) -> Reading + Send + Sync + 'static) -> Wanted {
        let id = id.clone();
        Wanted::new(words, self.request, json!({"sceneName": self.name}), move |answer| {
            let item = answer["sceneItems"].as_array().and_then(|items| items.iter().find(|i| i["sceneItemId"] == id));
            item.map_or_else(|| Reading::at_once(false, "that the item is gone".into()), &judge)
        })
    }
}

fn lane(context: &Context<'_>, of: &str) -> Result<String, Execution> {
    Ok(format!("item {of} {:?} {}", context.name("scene")?, context.name("item")?))
}

/// `{"scene", "source", "item": id, "shown" | "locked": bool, "changed", "confirmed_by"}`.
async fn switch(context: &Context<'_>, field: &'static str, event: &str, on: bool) -> Outcome {
    let turn = context.turn(lane(context, field)?).await?;
    let scene = Scene::find(context).await?;
    let item = scene.item(context)?;
    let (id, source) = (&item["sceneItemId"], &item["sourceName"]);
    let (request, read, kind, word) = match event {
        "EnableState" => ("SetSceneItemEnabled", "sceneItemEnabled", "SceneItemEnableStateChanged", "shown"),
        _ => ("SetSceneItemLocked", "sceneItemLocked", "SceneItemLockStateChanged", "locked"),
    };
    let words = format!("item {id} of scene {} {}{word}", quote(scene.name), if on { "" } else { "not " });
    let judge = move |item: &Value| {
        Reading::at_once(item[read] == on, format!("that it is {}{word}", if on { "not " } else { "" }))
    };
    let wanted = scene
        .wanted(words, id, judge)
        .told(kind, [("sceneName", scene.name.into()), ("sceneItemId", id.clone()), (read, on.into())]);
    let mut data = json!({"sceneName": scene.name, "sceneItemId": id});
    data[read] = on.into();
    let mut document = json!({"scene": scene.name, "source": source, "item": id});
    document[word] = on.into();
    context.set(turn, Change { request, data, wanted }, document).await
}

/// `{"scene", "source", "item": id | null, "changed": true, "confirmed_by"}`.
async fn add(context: &Context<'_>) -> Outcome {
    let (source, hidden) = (context.name("source")?, context.flag("hidden"));
    let turn = context.in_line(format!("items {}", context.name("scene")?)).await?;
    let scene = Scene::find(context).await?;
    names::require("source", source, context.sources().await?.names())?;
    if source == scene.name {
        return Err(bad_argument("a scene cannot be in itself", "choose another scene or source"));
    }
    let before = scene.items.len();
    let name = source.to_owned();
    let words = format!("{} in scene {}", quote(source), quote(scene.name));
    let count = |items: &[Value], name: &str| items.iter().filter(|item| item["sourceName"] == name).count();
    let there = count(&scene.items, source);
    let wanted = Wanted::new(words, scene.request, json!({"sceneName": scene.name}), move |answer| {
        let items = answer["sceneItems"].as_array().map_or(&[][..], Vec::as_slice);
        Reading::at_once(count(items, &name) > there, format!("{} items, {before} before", items.len()))
    })
    .told("SceneItemCreated", [("sceneName", scene.name.into()), ("sourceName", source.into())]);
    let data = json!({"sceneName": scene.name, "sourceName": source, "sceneItemEnabled": !hidden});
    let done = context.act(turn, Watch::new(context.session, wanted), "CreateSceneItem", data).await?;
    let document = json!({"scene": scene.name, "source": source, "item": done.answer["sceneItemId"]});
    Ok(told(document, true, done.confirmed.by()))
}

/// `{"scene", "source", "item": id, "changed": true, "confirmed_by"}`.
async fn remove(context: &Context<'_>) -> Outcome {
    context.name("item")?;
    let turn = context.in_line(format!("items {}", context.name("scene")?)).await?;
    let scene = Scene::find(context).await?;
    let item = scene.item(context)?;
    let (id, source) = (item["sceneItemId"].clone(), &item["sourceName"]);
    let gone = id.clone();
    let words = format!("no item {id} in scene {}", quote(scene.name));
    let wanted = Wanted::new(words, scene.request, json!({"sceneName": scene.name}), move |answer| {
        let there = answer["sceneItems"].as_array().is_some_and(|items| items.iter().any(|i| i["sceneItemId"] == gone));
        Reading::at_once(!there, "that the item is there".into())
    })
    .told("SceneItemRemoved", [("sceneName", scene.name.into()), ("sceneItemId", id.clone())]);
    let data = json!({"sceneName": scene.name, "sceneItemId": id});
    let document = json!({"scene": scene.name, "source": source, "item": id});
    context.make(turn, Change { request: "RemoveSceneItem", data, wanted }, document).await
}

/// `{"scene", "source", "item": id, "index": n, "changed", "confirmed_by"}`.
async fn order(context: &Context<'_>) -> Outcome {
    let index = context.call.integer("index").unwrap_or_default();
    context.name("item")?;
    let turn = context.turn(lane(context, "order")?).await?;
    let scene = Scene::find(context).await?;
    let item = scene.item(context)?;
    let (id, source) = (&item["sceneItemId"], &item["sourceName"]);
    let top = scene.items.len().saturating_sub(1);
    if usize::try_from(index).is_ok_and(|index| index > top) {
        let message = format!("scene {} has no place {index}", quote(scene.name));
        return Err(bad_argument(message, &format!("places go from 0 (bottom) to {top} (top)")));
    }
    let words = format!("item {id} of scene {} at place {index}", quote(scene.name));
    let judge = move |item: &Value| {
        let seen = &item["sceneItemIndex"];
        Reading::at_once(*seen == index, format!("that it is at place {seen}"))
    };
    let wanted = scene.wanted(words, id, judge).told("SceneItemListReindexed", [("sceneName", scene.name.into())]);
    let data = json!({"sceneName": scene.name, "sceneItemId": id, "sceneItemIndex": index});
    let document = json!({"scene": scene.name, "source": source, "item": id, "index": index});
    context.set(turn, Change { request: "SetSceneItemIndex", data, wanted }, document).await
}

/// `{"scene", "item", "source", "kind", "type", "index", "shown", "locked", "transform": {…}}`; the transform is as
/// obs-websocket names it, in pixels and degrees.
async fn get(context: &Context<'_>) -> Outcome {
    let scene = Scene::find(context).await?;
    let item = scene.item(context)?;
    let data = json!({"sceneName": scene.name, "sceneItemId": item["sceneItemId"]});
    let answer = context.ask("GetSceneItemTransform", data).await?;
    let mut document = document(item);
    document["scene"] = scene.name.into();
    document["transform"] = answer["sceneItemTransform"].clone();
    Ok(document)
}

/// Arguments and the fields of obs-websocket they set.
const TRANSFORM: [(&str, &str); 9] = [
    ("x", "positionX"),
    ("y", "positionY"),
    ("scale_x", "scaleX"),
    ("scale_y", "scaleY"),
    ("rotation", "rotation"),
    ("crop_left", "cropLeft"),
    ("crop_right", "cropRight"),
    ("crop_top", "cropTop"),
    ("crop_bottom", "cropBottom"),
];

/// `{"scene", "source", "item": id, "transform": {what was given}, "changed", "confirmed_by"}`.
async fn transform(context: &Context<'_>) -> Outcome {
    let mut fields: Map<String, Value> = match context.object("transform")? {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let given = TRANSFORM.iter().filter_map(|(name, field)| Some((*field, context.call.args.get(*name)?.clone())));
    fields.extend(given.map(|(field, value)| (field.to_owned(), value)));
    if fields.is_empty() {
        return Err(bad_argument("nothing is to be changed", "give --x, --y, --rotation or another"));
    }
    let fields = Value::Object(fields);
    let turn = context.turn(lane(context, &format!("transform {}", keys(&fields)))?).await?;
    let scene = Scene::find(context).await?;
    let item = scene.item(context)?;
    let (id, source) = (&item["sceneItemId"], &item["sourceName"]);
    let wanted_fields = fields.clone();
    let words = format!("item {id} of scene {} with {}", quote(scene.name), short(&fields));
    let data = json!({"sceneName": scene.name, "sceneItemId": id});
    let wanted = Wanted::new(words, "GetSceneItemTransform", data, move |answer| {
        let seen = &answer["sceneItemTransform"];
        let names = wanted_fields.as_object().into_iter().flatten();
        let shown: Vec<String> = names.map(|(name, _)| format!("{name} {}", seen[name])).collect();
        Reading::at_once(holds(&wanted_fields, seen), shown.join(", "))
    });
    let data = json!({"sceneName": scene.name, "sceneItemId": id, "sceneItemTransform": fields});
    let document = json!({"scene": scene.name, "source": source, "item": id, "transform": fields});
    context.set(turn, Change { request: "SetSceneItemTransform", data, wanted }, document).await
}
