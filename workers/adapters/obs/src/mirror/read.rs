//! Reads for the live state, many in one message. What an OBS refuses (its version does not have it, the input has no sound)
//! is left out.

use crate::{
    limits::{MIRROR_BATCH, MIRROR_LOOK, MIRROR_LOOKS},
    session::{RequestError, Session},
};
use if_engine::live::segment;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::time::{Instant, sleep};

/// obs-websocket's code of an OBS that is loading a scene collection.
const CODE_NOT_READY: u64 = 207;

type Values = BTreeMap<String, Value>;

/// Single values: request, path, field.
const SINGLE: [(&str, &str, &str); 11] = [
    ("GetStudioModeEnabled", "studio_mode", "studioModeEnabled"),
    ("GetRecordStatus", "record.active", "outputActive"),
    ("GetRecordStatus", "record.paused", "outputPaused"),
    ("GetStreamStatus", "stream.active", "outputActive"),
    ("GetStreamStatus", "stream.reconnecting", "outputReconnecting"),
    ("GetReplayBufferStatus", "replay_buffer.active", "outputActive"),
    ("GetVirtualCamStatus", "virtualcam.active", "outputActive"),
    ("GetCurrentSceneTransition", "transition.current", "transitionName"),
    ("GetCurrentSceneTransition", "transition.duration_ms", "transitionDuration"),
    ("GetProfileList", "profile", "currentProfileName"),
    ("GetSceneCollectionList", "collection", "currentSceneCollectionName"),
];

pub async fn everything(session: &Session, until: Instant) -> Result<Values, RequestError> {
    let mut values = Values::new();
    let requests = SINGLE.iter().map(|(request, ..)| ((*request).to_owned(), json!({}))).collect();
    for ((_, path, field), answer) in SINGLE.iter().zip(ask(session, requests, until).await?) {
        if let Some(value) = answer.as_ref().and_then(|answer| answer.get(*field)) {
            values.insert((*path).to_owned(), value.clone());
        }
    }
    values.extend(scenes(session, until).await?);
    let inputs = ask(session, vec![("GetInputList".into(), json!({}))], until).await?;
    let inputs = inputs.into_iter().flatten().next().unwrap_or_default();
    let inputs: Vec<&Value> = inputs["inputs"].as_array().into_iter().flatten().collect();
    let names: Vec<&str> = inputs.iter().filter_map(|input| input["inputName"].as_str()).collect();
    for input in inputs {
        if let Some(name) = input["inputName"].as_str() {
            values.insert(format!("inputs.{}.kind", segment(name)), input["inputKind"].clone());
        }
    }
    values.extend(inputs_state(session, &names, until).await?);
    Ok(values)
}

/// Scenes, what is on program and preview, and the items of every scene and group.
pub async fn scenes(session: &Session, until: Instant) -> Result<Values, RequestError> {
    let mut values = Values::new();
    let requests = vec![("GetSceneList".to_owned(), json!({})), ("GetGroupList".to_owned(), json!({}))];
    let mut answers = ask(session, requests, until).await?.into_iter();
    let list = answers.next().flatten().unwrap_or_default();
    let groups = answers.next().flatten().unwrap_or_default();
    if list.is_null() {
        return Ok(values);
    }
    values.insert("scene.program".into(), list["currentProgramSceneName"].clone());
    values.insert("scene.preview".into(), list["currentPreviewSceneName"].clone());
    // OBS sends the bottom first.
    let names =
        || list["scenes"].as_array().into_iter().flatten().rev().filter_map(|scene| scene["sceneName"].as_str());
    for (index, name) in names().enumerate() {
        values.insert(format!("scenes.{}.index", segment(name)), index.into());
    }
    let groups = groups["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let of = |request: &'static str| move |name: &str| (request.to_owned(), json!({"sceneName": name}));
    let all: Vec<(String, Value)> =
        names().map(of("GetSceneItemList")).chain(groups.map(of("GetGroupSceneItemList"))).collect();
    let scenes: Vec<String> =
        all.iter().map(|(_, data)| data["sceneName"].as_str().unwrap_or_default().into()).collect();
    for (scene, answer) in scenes.iter().zip(ask(session, all, until).await?) {
        values.extend(items_of(scene, &answer.unwrap_or_default()));
    }
    Ok(values)
}

/// The items of one scene or group.
pub async fn items(session: &Session, scene: &str, until: Instant) -> Result<Values, RequestError> {
    let data = json!({"sceneName": scene});
    let requests = vec![("GetSceneItemList".to_owned(), data.clone()), ("GetGroupSceneItemList".to_owned(), data)];
    // One of the two is refused.
    let answer = ask(session, requests, until).await?.into_iter().flatten().next();
    Ok(items_of(scene, &answer.unwrap_or_default()))
}

fn items_of(scene: &str, answer: &Value) -> Values {
    let mut values = Values::new();
    for item in answer["sceneItems"].as_array().into_iter().flatten() {
        let Some(id) = item["sceneItemId"].as_i64() else { continue };
        for (path, field) in [("enabled", "sceneItemEnabled"), ("locked", "sceneItemLocked"), ("source", "sourceName")]
        {
            values.insert(format!("items.{}.{id}.{path}", segment(scene)), item[field].clone());
        }
    }
    values
}

/// Sound and media of one input. OBS tells of a new one before it can be found by its name.
pub async fn input(session: &Session, name: &str, until: Instant) -> Result<Values, RequestError> {
    let there = |answers: &[Option<Value>]| answers.iter().any(Option::is_some);
    for _ in 0..MIRROR_LOOKS {
        // Every input has settings, whatever else it has.
        let settings = vec![("GetInputSettings".to_owned(), json!({"inputName": name}))];
        if there(&ask(session, settings, until).await?) {
            break;
        }
        sleep(MIRROR_LOOK).await;
    }
    inputs_state(session, &[name], until).await
}

/// What is asked of every input: request, path of the family, field.
const OF_INPUT: [(&str, &str, &str); 3] = [
    ("GetInputMute", "muted", "inputMuted"),
    ("GetInputVolume", "volume_db", "inputVolumeDb"),
    ("GetMediaInputStatus", "state", "mediaState"),
];

async fn inputs_state(session: &Session, names: &[&str], until: Instant) -> Result<Values, RequestError> {
    let ask_of = |name: &&str| OF_INPUT.map(|(request, ..)| (request.to_owned(), json!({"inputName": name})));
    let requests = names.iter().flat_map(ask_of).collect();
    let answers = ask(session, requests, until).await?;
    let mut values = Values::new();
    for (name, three) in names.iter().zip(answers.chunks(OF_INPUT.len())) {
        for ((_, path, field), answer) in OF_INPUT.iter().zip(three) {
            let Some(value) = answer.as_ref().and_then(|answer| answer.get(*field)) else { continue };
            let name = segment(name);
            match value.as_str().map(|state| state.trim_start_matches("OBS_MEDIA_STATE_").to_lowercase()) {
                // No media.
                Some(state) if state == "none" => {}
                Some(state) => {
                    values.insert(format!("media.{name}.{path}"), state.into());
                }
                None => {
                    values.insert(format!("audio.{name}.{path}"), value.clone());
                }
            }
        }
    }
    Ok(values)
}

/// The answers in order; None where OBS refuses.
async fn ask(
    session: &Session,
    requests: Vec<(String, Value)>,
    until: Instant,
) -> Result<Vec<Option<Value>>, RequestError> {
    let mut answers = Vec::with_capacity(requests.len());
    for some in requests.chunks(MIRROR_BATCH) {
        let results = session.batch(some.to_vec(), false, until).await?;
        if results.len() != some.len() {
            let why = format!("{} answers to {} requests", results.len(), some.len());
            return Err(RequestError::Unreadable { request: "a batch".into(), why });
        }
        if let Some(busy) = results.iter().find(|result| result.request_status.code == CODE_NOT_READY) {
            // It would look as if nothing were there.
            let request = busy.request_type.clone().into();
            return Err(RequestError::Refused { request, code: CODE_NOT_READY, comment: None });
        }
        answers.extend(results.into_iter().map(|result| result.request_status.result.then_some(result.response_data)));
    }
    Ok(answers)
}
