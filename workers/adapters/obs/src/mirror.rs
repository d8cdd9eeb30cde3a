//! The live state of an OBS: filled when a session begins, kept by its events, stale once the session is over.
//!
//! | Path | Value |
//! |---|---|
//! | `scene.program`, `scene.preview` | name; `preview` is null outside studio mode |
//! | `studio_mode` | bool |
//! | `scenes.<scene>.index` | place from the top of the list |
//! | `transition.current`, `transition.duration_ms` | name, milliseconds |
//! | `record.active`, `record.paused`, `stream.active`, `stream.reconnecting`, `replay_buffer.active`, `virtualcam.active` | bool |
//! | `inputs.<input>.kind` | kind |
//! | `audio.<input>.muted`, `audio.<input>.volume_db` | bool, dB |
//! | `media.<input>.state` | `playing`, `paused`, `stopped`, `ended`, … |
//! | `items.<scene>.<id>.enabled`, `.locked`, `.source` | bool, bool, name |
//! | `profile`, `collection` | name |

mod read;

use crate::{
    limits::{MIRROR_PARTS_MAX, MIRROR_RETRY, MIRROR_SETTLE, MIRROR_TIME},
    protocol::Event,
    session::{RequestError, Session, wait_closed},
};
use if_engine::{LiveState, live::segment};
use serde_json::Value;
use std::sync::{Arc, Weak};
use tokio::{
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    time::{Instant, sleep},
};

/// What is to be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    All,
    /// The list of scenes, program and preview.
    Scenes,
    /// Everything of one input.
    Input(String),
    Items(String),
}

/// Follows one session until it is over. Takes a weak handle: the mirror keeps no session alive.
pub async fn follow(session: Weak<Session>, state: Arc<LiveState>) {
    // Listening begins before reading: what happens meanwhile is applied after it.
    let Some((events, closed)) = session.upgrade().map(|session| (session.events(), session.closed())) else { return };
    let keep = keep(session, &state, events);
    tokio::select! {
        _ = wait_closed(closed) => {}
        () = keep => {}
    }
    state.set_fresh(false);
}

async fn keep(session: Weak<Session>, state: &LiveState, mut events: Receiver<Arc<Event>>) {
    let mut due = Due { parts: vec![Part::All], changing: false };
    loop {
        if let Some(parts) = due.take() {
            let Some(session) = session.upgrade() else { return };
            let read = fill_all(&session, state, &parts).await;
            drop(session);
            match read {
                Ok(()) => state.set_fresh(true),
                Err(error) => {
                    tracing::debug!(%error, ?parts, "the live state of OBS could not be read; it is tried again");
                    state.set_fresh(false);
                    sleep(MIRROR_RETRY).await;
                    due.add(Part::All);
                    continue;
                }
            }
        }
        match events.recv().await {
            Ok(event) => due.hear(state, &event),
            Err(RecvError::Lagged(_)) => due.miss(),
            Err(RecvError::Closed) => return,
        }
        if !due.parts.is_empty() {
            // OBS is still at what it tells of; and what comes together is read together: a new scene collection tells of
            // each of its scenes.
            sleep(MIRROR_SETTLE).await;
            due.hear_all(state, &mut events);
        }
    }
}

/// What is to be read.
struct Due {
    parts: Vec<Part>,
    /// A scene collection is being loaded: OBS refuses to be read until it says that it is there.
    changing: bool,
}

impl Due {
    fn hear(&mut self, state: &LiveState, event: &Event) {
        match event.kind.as_str() {
            "CurrentSceneCollectionChanging" => self.changing = true,
            "CurrentSceneCollectionChanged" => self.changing = false,
            _ => {}
        }
        if let Some(part) = apply(state, event) {
            self.add(part);
        }
    }

    /// Events were missed, the end of a change of collections perhaps among them.
    fn miss(&mut self) {
        self.changing = false;
        self.add(Part::All);
    }

    /// What has come already.
    fn hear_all(&mut self, state: &LiveState, events: &mut Receiver<Arc<Event>>) {
        loop {
            match events.try_recv() {
                Ok(event) => self.hear(state, &event),
                Err(TryRecvError::Lagged(_)) => self.miss(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn add(&mut self, part: Part) {
        if part == Part::All || self.parts.len() >= MIRROR_PARTS_MAX {
            self.parts = vec![Part::All];
        } else if !self.parts.contains(&part) && !self.parts.contains(&Part::All) {
            self.parts.push(part);
        }
    }

    fn take(&mut self) -> Option<Vec<Part>> {
        (!self.changing && !self.parts.is_empty()).then(|| std::mem::take(&mut self.parts))
    }
}

async fn fill_all(session: &Session, state: &LiveState, parts: &[Part]) -> Result<(), RequestError> {
    for part in parts {
        fill(session, state, part).await?;
    }
    Ok(())
}

async fn fill(session: &Session, state: &LiveState, part: &Part) -> Result<(), RequestError> {
    let until = Instant::now() + MIRROR_TIME;
    match part {
        Part::All => state.replace("", read::everything(session, until).await?),
        Part::Scenes => {
            let values = read::scenes(session, until).await?;
            for prefix in ["scene", "scenes", "items"] {
                let below = format!("{prefix}.");
                let of = values.iter().filter(|(path, _)| path.starts_with(&below));
                state.replace(prefix, of.map(|(path, value)| (path.clone(), value.clone())).collect());
            }
        }
        Part::Input(name) => {
            let values = read::input(session, name, until).await?;
            for (path, value) in values {
                state.set(&path, value);
            }
        }
        Part::Items(scene) => {
            let values = read::items(session, scene, until).await?;
            state.replace(&format!("items.{}", segment(scene)), values);
        }
    }
    Ok(())
}

/// Fields of an event that are values of the live state as they are: event, path, field.
const DIRECT: [(&str, &str, &str); 7] = [
    ("CurrentProgramSceneChanged", "scene.program", "sceneName"),
    ("CurrentPreviewSceneChanged", "scene.preview", "sceneName"),
    ("CurrentSceneTransitionChanged", "transition.current", "transitionName"),
    ("CurrentSceneTransitionDurationChanged", "transition.duration_ms", "transitionDuration"),
    ("CurrentProfileChanged", "profile", "profileName"),
    ("StudioModeStateChanged", "studio_mode", "studioModeEnabled"),
    ("VirtualcamStateChanged", "virtualcam.active", "outputActive"),
];
/// The same, below the name of an input.
const OF_INPUT: [(&str, &str, &str); 3] = [
    ("InputMuteStateChanged", "muted", "inputMuted"),
    ("InputVolumeChanged", "volume_db", "inputVolumeDb"),
    ("InputCreated", "kind", "inputKind"),
];
/// The same, below the number of an item.
const OF_ITEM: [(&str, &str, &str); 2] = [
    ("SceneItemEnableStateChanged", "enabled", "sceneItemEnabled"),
    ("SceneItemLockStateChanged", "locked", "sceneItemLocked"),
];

/// Takes one event in; gives what has to be read because of it.
fn apply(state: &LiveState, event: &Event) -> Option<Part> {
    let kind = event.kind.as_str();
    let field = |name: &str| event.data.get(name).cloned().unwrap_or_default();
    if let Some((_, path, name)) = DIRECT.iter().find(|(event, ..)| *event == kind) {
        state.set(path, field(name));
    }
    match kind {
        "SceneCreated" | "SceneRemoved" | "SceneNameChanged" | "SceneListChanged" | "StudioModeStateChanged" => {
            return Some(Part::Scenes);
        }
        "CurrentSceneCollectionChanging" => state.set_fresh(false),
        "CurrentSceneCollectionChanged" | "InputNameChanged" => return Some(Part::All),
        "RecordStateChanged" => output(state, "record", event),
        "StreamStateChanged" => output(state, "stream", event),
        "ReplayBufferStateChanged" => output(state, "replay_buffer", event),
        _ => {}
    }
    input(state, event).or_else(|| item(state, event))
}

fn input(state: &LiveState, event: &Event) -> Option<Part> {
    let name = event.text("inputName")?;
    let part = segment(name);
    if let Some((kind, path, field)) = OF_INPUT.iter().find(|(kind, ..)| *kind == event.kind) {
        let family = if *kind == "InputCreated" { "inputs" } else { "audio" };
        state.set(&format!("{family}.{part}.{path}"), event.data.get(*field).cloned().unwrap_or_default());
    }
    let media = |word: &str| state.set(&format!("media.{part}.state"), word.into());
    match event.kind.as_str() {
        "InputCreated" => return Some(Part::Input(name.to_owned())),
        "InputRemoved" => {
            for family in ["inputs", "audio", "media"] {
                state.remove(&format!("{family}.{part}"));
            }
        }
        "MediaInputPlaybackStarted" => media("playing"),
        "MediaInputPlaybackEnded" => media("ended"),
        "MediaInputActionTriggered" => match event.text("mediaAction").and_then(|action| action.rsplit('_').next()) {
            Some("PLAY" | "RESTART") => media("playing"),
            Some("PAUSE") => media("paused"),
            Some("STOP") => media("stopped"),
            _ => return Some(Part::Input(name.to_owned())),
        },
        _ => {}
    }
    None
}

fn item(state: &LiveState, event: &Event) -> Option<Part> {
    let scene = event.text("sceneName")?;
    match event.kind.as_str() {
        "SceneItemCreated" | "SceneItemRemoved" | "SceneItemListReindexed" => Some(Part::Items(scene.to_owned())),
        kind => {
            let (_, path, field) = OF_ITEM.iter().find(|(event, ..)| *event == kind)?;
            let id = event.data.get("sceneItemId").and_then(Value::as_i64)?;
            let value = event.data.get(*field).cloned().unwrap_or_default();
            state.set(&format!("items.{}.{id}.{path}", segment(scene)), value);
            None
        }
    }
}

/// Between two states, what was before holds.
fn output(state: &LiveState, name: &str, event: &Event) {
    let set = |what: &str, value: bool| state.set(&format!("{name}.{what}"), value.into());
    let now = event.text("outputState").and_then(|state| state.strip_prefix("OBS_WEBSOCKET_OUTPUT_"));
    match now {
        Some("STARTED") => set("active", true),
        Some("STOPPED") => {
            set("active", false);
            match name {
                "record" => set("paused", false),
                "stream" => set("reconnecting", false),
                _ => {}
            }
        }
        Some("PAUSED") => set("paused", true),
        Some("RESUMED") => set("paused", false),
        Some("RECONNECTING") => set("reconnecting", true),
        Some("RECONNECTED") => set("reconnecting", false),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
