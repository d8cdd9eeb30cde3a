//! Messages of obs-websocket 5 as text frames: `{"op": <number>, "d": {…}}`. Pure.

use crate::limits::{EVENT_SUBSCRIPTIONS, RPC_VERSION};
use serde::Deserialize;
use serde_json::{Value, json};

const OP_HELLO: u64 = 0;
const OP_IDENTIFY: u64 = 1;
const OP_IDENTIFIED: u64 = 2;
const OP_EVENT: u64 = 5;
const OP_REQUEST: u64 = 6;
const OP_RESPONSE: u64 = 7;
const OP_BATCH: u64 = 8;
const OP_BATCH_RESPONSE: u64 = 9;

/// What OBS sends.
#[derive(Debug)]
pub enum Incoming {
    Hello(Hello),
    Identified(Identified),
    Event(Event),
    Response(Response),
    BatchResponse(BatchResponse),
    /// A message type of a later obs-websocket, to be passed over.
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    pub rpc_version: u64,
    /// Present where a password is wanted.
    pub authentication: Option<Challenge>,
}

#[derive(Debug, Deserialize)]
pub struct Challenge {
    pub challenge: String,
    pub salt: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identified {
    pub negotiated_rpc_version: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    #[serde(rename = "eventType")]
    pub kind: String,
    #[serde(rename = "eventData", default)]
    pub data: Value,
}

impl Event {
    pub fn text(&self, field: &str) -> Option<&str> {
        self.data.get(field).and_then(Value::as_str)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub request_id: String,
    pub request_status: RequestStatus,
    #[serde(default)]
    pub response_data: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    #[serde(default)]
    pub request_id: String,
    #[serde(default)]
    pub results: Vec<BatchResult>,
}

/// One answer of a batch.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResult {
    #[serde(default)]
    pub request_type: String,
    pub request_status: RequestStatus,
    #[serde(default)]
    pub response_data: Value,
}

#[derive(Debug, Deserialize)]
pub struct RequestStatus {
    pub result: bool,
    pub code: u64,
    #[serde(default)]
    pub comment: Option<String>,
}

/// A frame that is no message of obs-websocket 5.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    #[error("a message that is no {{\"op\", \"d\"}} object: {0}")]
    Frame(serde_json::Error),
    #[error("a message with op {op} of the wrong shape: {source}")]
    Body { op: u64, source: serde_json::Error },
}

#[derive(Deserialize)]
struct Frame {
    op: u64,
    #[serde(default)]
    d: Value,
}

pub fn decode(text: &str) -> Result<Incoming, ProtocolError> {
    let Frame { op, d } = serde_json::from_str(text).map_err(ProtocolError::Frame)?;
    let body = |source| ProtocolError::Body { op, source };
    Ok(match op {
        OP_HELLO => Incoming::Hello(serde_json::from_value(d).map_err(body)?),
        OP_IDENTIFIED => Incoming::Identified(serde_json::from_value(d).map_err(body)?),
        OP_EVENT => Incoming::Event(serde_json::from_value(d).map_err(body)?),
        OP_RESPONSE => Incoming::Response(serde_json::from_value(d).map_err(body)?),
        OP_BATCH_RESPONSE => Incoming::BatchResponse(serde_json::from_value(d).map_err(body)?),
        _ => Incoming::Other,
    })
}

/// `authentication` is [`crate::auth::answer`], where `Hello` asked for it.
pub fn identify(authentication: Option<String>) -> String {
    let mut body = json!({"rpcVersion": RPC_VERSION, "eventSubscriptions": EVENT_SUBSCRIPTIONS});
    if let Some(answer) = authentication {
        body["authentication"] = Value::from(answer);
    }
    json!({"op": OP_IDENTIFY, "d": body}).to_string()
}

pub fn request(id: u64, kind: &str, data: &Value) -> String {
    let body = json!({"requestType": kind, "requestId": id.to_string(), "requestData": data});
    json!({"op": OP_REQUEST, "d": body}).to_string()
}

/// Executed one after the other. `halt` ends it at the first that fails.
pub fn batch(id: u64, requests: &[(String, Value)], halt: bool) -> String {
    let one = |(kind, data): &(String, Value)| json!({"requestType": kind, "requestData": data});
    let requests: Vec<Value> = requests.iter().map(one).collect();
    let body = json!({"requestId": id.to_string(), "haltOnFailure": halt, "requests": requests});
    json!({"op": OP_BATCH, "d": body}).to_string()
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
