//! Messages of the websocket API as text frames: `{"type": text, "id": number, …}`. Pure.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What Home Assistant sends.
#[derive(Debug)]
pub enum Incoming {
    AuthRequired,
    AuthOk {
        version: Option<String>,
    },
    /// With a message that is not kept: nothing promises that it does not hold the token.
    AuthInvalid,
    Result {
        id: u64,
        outcome: Result<Value, Refusal>,
    },
    Event {
        id: u64,
        event: Value,
    },
    Pong {
        id: u64,
    },
    /// A message type of a later version, to be passed over.
    Other,
}

/// Why a request was refused, in Home Assistant's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    #[serde(default, deserialize_with = "text")]
    pub code: String,
    #[serde(default)]
    pub message: String,
}

/// A frame that is no message of the websocket API.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    #[error("a message that is no {{\"type\", …}} object: {0}")]
    Frame(serde_json::Error),
    #[error("a {kind} message without {missing}")]
    Lacks { kind: String, missing: &'static str },
}

#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    id: Option<u64>,
    success: Option<bool>,
    #[serde(default)]
    result: Value,
    error: Option<Refusal>,
    #[serde(default)]
    event: Value,
    ha_version: Option<String>,
}

/// Codes were numbers once.
fn text<'de, D: serde::Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(d)? {
        Value::String(text) => text,
        other => other.to_string(),
    })
}

pub fn decode(text: &str) -> Result<Incoming, ProtocolError> {
    let frame: Frame = serde_json::from_str(text).map_err(ProtocolError::Frame)?;
    let id = || frame.id.ok_or_else(|| ProtocolError::Lacks { kind: frame.kind.clone(), missing: "id" });
    Ok(match frame.kind.as_str() {
        "auth_required" => Incoming::AuthRequired,
        "auth_ok" => Incoming::AuthOk { version: frame.ha_version },
        "auth_invalid" => Incoming::AuthInvalid,
        "result" => {
            let id = id()?;
            let success = frame.success.ok_or(ProtocolError::Lacks { kind: "result".into(), missing: "success" })?;
            let none = || Refusal { message: "it gives no reason".into(), ..Refusal::default() };
            let outcome = if success { Ok(frame.result) } else { Err(frame.error.unwrap_or_else(none)) };
            Incoming::Result { id, outcome }
        }
        "event" => Incoming::Event { id: id()?, event: frame.event },
        "pong" => Incoming::Pong { id: id()? },
        _ => Incoming::Other,
    })
}

pub fn auth(token: &str) -> String {
    json!({"type": "auth", "access_token": token}).to_string()
}

/// `body` holds everything but type and id.
pub fn request(id: u64, kind: &str, mut body: Map<String, Value>) -> String {
    body.insert("id".into(), id.into());
    body.insert("type".into(), kind.into());
    Value::Object(body).to_string()
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
