//! What OBS answers, read with tolerance: absent UUIDs and fields of other versions do not matter.

use crate::session::{Kind, RequestError, Session};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::Instant;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SceneList {
    #[serde(default)]
    pub current_program_scene_name: Option<String>,
    /// Only in studio mode.
    #[serde(default)]
    pub current_preview_scene_name: Option<String>,
    scenes: Vec<SceneItem>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SceneItem {
    scene_name: String,
}

impl SceneList {
    /// None where the answer is no list of scenes.
    pub fn of(answer: &Value) -> Option<Self> {
        Self::deserialize(answer).ok()
    }
    /// In the order of OBS's window, top first. OBS sends the bottom first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.scenes.iter().rev().map(|scene| scene.scene_name.as_str())
    }
    pub fn len(&self) -> usize {
        self.scenes.len()
    }
    pub fn is_program(&self, name: &str) -> bool {
        self.current_program_scene_name.as_deref() == Some(name)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordStatus {
    pub output_active: bool,
    #[serde(default)]
    pub output_paused: bool,
    #[serde(default)]
    pub output_timecode: String,
    /// Milliseconds.
    #[serde(default)]
    pub output_duration: u64,
    #[serde(default)]
    pub output_bytes: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamStatus {
    pub output_active: bool,
    #[serde(default)]
    pub output_reconnecting: bool,
    #[serde(default)]
    pub output_timecode: String,
    /// Milliseconds.
    #[serde(default)]
    pub output_duration: u64,
    #[serde(default)]
    pub output_bytes: u64,
    /// From 0 (free) to 1 (blocked). NaN before the first byte, which JSON carries as null.
    #[serde(default)]
    pub output_congestion: Option<f64>,
    #[serde(default)]
    pub output_skipped_frames: u64,
    #[serde(default)]
    pub output_total_frames: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    pub cpu_usage: f64,
    /// Megabytes.
    pub memory_usage: f64,
    /// Megabytes.
    pub available_disk_space: f64,
    pub active_fps: f64,
    /// Milliseconds.
    pub average_frame_render_time: f64,
    pub render_skipped_frames: u64,
    pub render_total_frames: u64,
    pub output_skipped_frames: u64,
    pub output_total_frames: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    pub obs_version: String,
    pub obs_web_socket_version: String,
    pub rpc_version: u64,
    /// Names of the requests it knows.
    #[serde(default)]
    pub available_requests: Vec<String>,
    #[serde(default)]
    pub platform: String,
    #[serde(default)]
    pub platform_description: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TransitionCursor {
    /// From 0 to 1; 1 also while no transition runs.
    transition_cursor: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordDirectory {
    #[serde(default)]
    record_directory: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileParameter {
    #[serde(default)]
    parameter_value: Option<String>,
}

/// `requestType` unknown to this obs-websocket.
const CODE_UNKNOWN_REQUEST: u64 = 204;

/// The typed reads of this adapter. Each is one round trip that ends by `until`.
impl Session {
    pub async fn scenes(&self, until: Instant) -> Result<SceneList, RequestError> {
        self.read("GetSceneList", json!({}), until).await
    }

    pub async fn record_status(&self, until: Instant) -> Result<RecordStatus, RequestError> {
        self.read("GetRecordStatus", json!({}), until).await
    }

    pub async fn stream_status(&self, until: Instant) -> Result<StreamStatus, RequestError> {
        self.read("GetStreamStatus", json!({}), until).await
    }

    pub async fn stats(&self, until: Instant) -> Result<Stats, RequestError> {
        self.read("GetStats", json!({}), until).await
    }

    pub async fn version(&self, until: Instant) -> Result<Version, RequestError> {
        self.read("GetVersion", json!({}), until).await
    }

    /// Whether a transition is running. OBS names the scene it moves to as current from the transition's first frame on,
    /// so the current scene is on program only where this is false.
    pub async fn in_transition(&self, until: Instant) -> Result<bool, RequestError> {
        match self.read::<TransitionCursor>("GetCurrentSceneTransitionCursor", json!({}), until).await {
            Ok(cursor) => Ok(cursor.transition_cursor < 1.0),
            // No transition is selected, or this version cannot tell.
            Err(RequestError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where OBS writes recordings; empty where it is not set.
    pub async fn record_directory(&self, until: Instant) -> Result<String, RequestError> {
        match self.read::<RecordDirectory>("GetRecordDirectory", json!({}), until).await {
            Ok(answer) => Ok(answer.record_directory.unwrap_or_default()),
            Err(RequestError::Refused { code: CODE_UNKNOWN_REQUEST, .. }) => self.profile_directory(until).await,
            Err(error) => Err(error),
        }
    }

    async fn profile_directory(&self, until: Instant) -> Result<String, RequestError> {
        let (category, name) = self.directory_parameter(until).await?;
        self.parameter(category, name, until).await
    }

    /// Where the profile keeps the directory: category and name of the parameter.
    pub async fn directory_parameter(&self, until: Instant) -> Result<(&'static str, &'static str), RequestError> {
        let advanced = self.parameter("Output", "Mode", until).await? == "Advanced";
        Ok(if advanced { ("AdvOut", "RecFilePath") } else { ("SimpleOutput", "FilePath") })
    }

    async fn parameter(&self, category: &str, name: &str, until: Instant) -> Result<String, RequestError> {
        let data = json!({"parameterCategory": category, "parameterName": name});
        let answer: ProfileParameter = self.read("GetProfileParameter", data, until).await?;
        Ok(answer.parameter_value.unwrap_or_default())
    }

    async fn read<T: DeserializeOwned>(
        &self,
        request: &'static str,
        data: Value,
        until: Instant,
    ) -> Result<T, RequestError> {
        let answer = self.request(request, data, until).await?;
        serde_json::from_value(answer)
            .map_err(|error| RequestError::Unreadable { request: Kind::Borrowed(request), why: error.to_string() })
    }
}
