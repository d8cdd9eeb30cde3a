//! The messages on the standard input and output of a plugin, one JSON object per line. `docs/plugins.md` explains them.

use crate::redact::Redactor;
use if_manifest::Plugin;
use if_schemas::{Effect, OperationId, Status, limits::PAYLOAD_MAX_BYTES, outcome::Failure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Version of the protocol; anything else is refused.
pub const PROTOCOL_VERSION: u32 = 1;
/// Longest line in either direction, bytes: the largest document and room for what is around it.
pub const LINE_MAX_BYTES: usize = PAYLOAD_MAX_BYTES + 65_536;
/// Longest text of a plugin that is shown: messages, hints, versions; characters.
pub const TEXT_MAX_CHARS: usize = 500;
/// Longest failure code, bytes.
const CODE_MAX_BYTES: usize = 64;

/// What the worker says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request<'a> {
    Describe {
        id: u64,
        protocol: u32,
    },
    Connect {
        id: u64,
        instance: &'a str,
        settings: &'a Map<String, Value>,
        secrets: BTreeMap<&'a str, &'a str>,
    },
    Health {
        id: u64,
    },
    Discover {
        id: u64,
    },
    Execute {
        id: u64,
        /// Base for idempotency keys: the same at every attempt of the command.
        command: String,
        operation: &'a str,
        effect: Effect,
        args: &'a Map<String, Value>,
        /// Time left, milliseconds.
        deadline_ms: u64,
    },
    /// The result of `id` is of no use any more.
    Cancel {
        id: u64,
    },
    Shutdown,
}

/// What the plugin says, redacted.
#[derive(Debug)]
pub enum Message {
    Answer {
        id: u64,
        answer: Answer,
    },
    Progress {
        id: u64,
        message: String,
        data: Option<Value>,
    },
    Result {
        id: u64,
        result: Finished,
    },
    /// Of a type this version does not know.
    Unknown(String),
}

/// To `describe`, `connect`, `health` and `discover`.
pub type Answer = Result<Value, Failure>;

/// To `execute`.
#[derive(Debug, Clone, PartialEq)]
pub enum Finished {
    Succeeded {
        document: Value,
        usage: Map<String, Value>,
    },
    Failed {
        failure: Failure,
        usage: Map<String, Value>,
    },
    Indeterminate {
        failure: Failure,
        usage: Map<String, Value>,
    },
    /// A result that is none: what is wrong with it.
    Malformed(String),
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    id: Option<u64>,
    message: Option<String>,
    data: Option<Value>,
    status: Option<String>,
    result: Option<Value>,
    error: Option<RawError>,
    #[serde(default)]
    usage: Map<String, Value>,
}

#[derive(Deserialize)]
struct RawError {
    code: Option<String>,
    message: String,
    hint: Option<String>,
}

impl RawError {
    fn failure(self) -> Failure {
        let good = |c: &String| {
            !c.is_empty()
                && c.len() <= CODE_MAX_BYTES
                && c.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        let code = self.code.filter(good).unwrap_or_else(|| "provider_error".into());
        Failure { code, message: short(&self.message), hint: self.hint.map(|h| short(&h)) }
    }
}

/// Bounded, without control characters.
pub fn short(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(TEXT_MAX_CHARS).map(shown).collect()
}

/// Reads one line. The error says what is wrong with it, without showing it.
pub fn read(line: &[u8], redactor: &Redactor) -> Result<Message, String> {
    // Position and kind only: the text of the line may hold a secret.
    let mut value: Value = serde_json::from_slice(line).map_err(|e| format!("no JSON (column {})", e.column()))?;
    redactor.value(&mut value);
    let raw: Raw = serde_json::from_value(value).map_err(|e| format!("no message: {}", short(&e.to_string())))?;
    let id = || raw.id.ok_or_else(|| format!("a message of type {:?} without id", short(&raw.kind)));
    Ok(match raw.kind.as_str() {
        "answer" => Message::Answer { id: id()?, answer: answer(raw.result, raw.error) },
        "progress" => Message::Progress {
            id: id()?,
            message: raw.message.as_deref().map(short).unwrap_or_default(),
            data: raw.data.filter(|d| !d.is_null()),
        },
        "result" => Message::Result { id: id()?, result: finished(raw) },
        other => Message::Unknown(short(other)),
    })
}

fn answer(result: Option<Value>, error: Option<RawError>) -> Answer {
    match error {
        Some(error) => Err(error.failure()),
        None => Ok(result.unwrap_or_default()),
    }
}

fn finished(raw: Raw) -> Finished {
    let status = raw.status.as_deref().and_then(|s| serde_json::from_value::<Status>(s.into()).ok());
    let usage = raw.usage;
    match (status, raw.error) {
        (Some(Status::Succeeded), None) => Finished::Succeeded { document: raw.result.unwrap_or_default(), usage },
        (Some(Status::Succeeded), Some(_)) => Finished::Malformed("it says succeeded and gives an error".into()),
        (Some(Status::Failed), Some(error)) => Finished::Failed { failure: error.failure(), usage },
        (Some(Status::Indeterminate), Some(error)) => Finished::Indeterminate { failure: error.failure(), usage },
        (Some(Status::Failed | Status::Indeterminate), None) => Finished::Malformed("it gives no error".into()),
        _ => Finished::Malformed(format!("its status is {:?}", short(raw.status.as_deref().unwrap_or("")))),
    }
}

/// The answer to `describe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    pub protocol: u32,
    /// Its id.
    pub plugin: String,
    /// Of the plugin itself; shown to people.
    #[serde(default)]
    pub version: String,
    /// Effect of each operation, by id.
    pub operations: BTreeMap<OperationId, Effect>,
}

impl Described {
    /// Refuses a process that does not say the same as its `plugin.yaml`.
    pub fn agree(answer: Value, plugin: &Plugin) -> Result<Self, String> {
        let said: Self = serde_json::from_value(answer).map_err(|e| format!("it cannot be read: {e}"))?;
        if said.protocol != PROTOCOL_VERSION {
            return Err(format!("it speaks protocol {}, this worker {PROTOCOL_VERSION}", said.protocol));
        }
        if said.plugin != plugin.id.as_str() {
            return Err(format!("it says it is {:?}, plugin.yaml says {:?}", short(&said.plugin), plugin.id.as_str()));
        }
        let written: BTreeMap<&str, Effect> =
            plugin.spec.operations.iter().map(|o| (o.id.as_str(), o.effect)).collect();
        for (id, effect) in &said.operations {
            match written.get(id.as_str()) {
                None => return Err(format!("it has an operation {id} that plugin.yaml has not")),
                Some(e) if e != effect => return Err(format!("{id} is {effect:?} there and {e:?} in plugin.yaml")),
                Some(_) => {}
            }
        }
        match written.keys().find(|id| !said.operations.keys().any(|o| o.as_str() == **id)) {
            Some(id) => Err(format!("it has no operation {id}, plugin.yaml has")),
            None => Ok(Self { version: short(&said.version), ..said }),
        }
    }
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
