//! Cases: what a provider sends for a call, and what it makes of an answer. One JSON file each, in `cases/` beside the
//! manifest.

use crate::{ManifestError, Plan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Requests of one case.
pub const EXCHANGES_MAX: usize = 32;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, in a few words.
    pub name: String,
    #[serde(default)]
    pub kind: Kind,
    pub call: Call,
    /// The requests that are sent, in order.
    pub expect: Vec<ExpectedRequest>,
    /// What they are answered with, in order.
    pub answers: Vec<CannedAnswer>,
    pub outcome: ExpectedOutcome,
}

/// What a case stands for. Every provider needs one of each kind but `other`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Ok,
    /// The provider refuses the credentials.
    AuthFailure,
    /// The provider asks to come later.
    RateLimit,
    /// An answer that cannot be understood.
    Malformed,
    #[default]
    Other,
}

/// The kinds every provider needs.
pub const NEEDED: [Kind; 4] = [Kind::Ok, Kind::AuthFailure, Kind::RateLimit, Kind::Malformed];

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Operation id: `chat.send`.
    pub operation: String,
    #[serde(default)]
    pub args: Map<String, Value>,
    /// Settings of the instance, secrets among them as plain text: made-up ones.
    #[serde(default)]
    pub instance: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRequest {
    pub method: String,
    /// Whole URL with query.
    pub url: String,
    /// These and maybe others.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A text body as it is, or the JSON that it holds.
    #[serde(default)]
    pub body: Option<Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CannedAnswer {
    #[serde(default = "ok_status")]
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    #[serde(default)]
    pub body: Option<String>,
    /// The body as JSON, in place of `body`; sets `content-type` where no header does.
    #[serde(default)]
    pub body_json: Option<Value>,
    /// No answer comes.
    #[serde(default)]
    pub fails: Option<Failure>,
}

fn ok_status() -> u16 {
    200
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No byte of the request left.
    NotSent,
    /// The connection was lost after the request had left.
    Lost,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedOutcome {
    pub status: ExpectedStatus,
    /// Failure code.
    #[serde(default)]
    pub code: Option<String>,
    /// The whole result document.
    #[serde(default)]
    pub result: Option<Value>,
    /// What was used, by unit.
    #[serde(default)]
    pub usage: Option<BTreeMap<String, u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedStatus {
    Succeeded,
    Failed,
    Indeterminate,
}

impl Case {
    /// Reads a case. `file` is what the error calls it.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestError> {
        serde_json::from_str(text).map_err(|e| ManifestError {
            file: file.into(),
            line: e.line() as u64,
            column: e.column() as u64,
            // Without the place that serde_json adds at its end.
            message: e.to_string().rsplit_once(" at line ").map_or(e.to_string(), |(what, _)| what.to_string()),
            hint: None,
        })
    }

    /// Everything in which the case contradicts itself or does not fit the provider.
    pub fn problems(&self, plan: &Plan) -> Vec<String> {
        let mut found = Vec::new();
        match plan.spec.operation(&self.call.operation) {
            None => found.push(format!("{} has no operation {:?}", plan.spec.id, self.call.operation)),
            Some(operation) => {
                let settings = plan.spec.check_instance(&self.call.instance);
                let resolved = settings.and_then(|settings| operation.resolve(&self.call.args, &settings));
                found.extend(resolved.err().map(|e| e.to_string()));
            }
        }
        if self.expect.is_empty() || self.expect.len() > EXCHANGES_MAX {
            found.push(format!("it expects {} requests, use 1 to {EXCHANGES_MAX}", self.expect.len()));
        }
        if self.expect.len() != self.answers.len() {
            found.push(format!("it expects {} requests, but has {} answers", self.expect.len(), self.answers.len()));
        }
        let succeeds = self.outcome.status == ExpectedStatus::Succeeded;
        if self.kind != Kind::Other && succeeds != (self.kind == Kind::Ok) {
            found.push(format!("a case of kind {:?} ends in {:?}", self.kind, self.outcome.status));
        }
        if !succeeds && self.outcome.code.is_none() {
            found.push("it fails without saying the code".into());
        }
        for answer in &self.answers {
            if answer.body.is_some() && answer.body_json.is_some() {
                found.push("an answer has both body and body_json".into());
            }
            if !(100..=599).contains(&answer.status) {
                found.push(format!("an answer has the status {}", answer.status));
            }
        }
        found
    }
}

/// The kinds of case that a provider needs and does not have.
pub fn missing_kinds(cases: &[Case]) -> Vec<Kind> {
    NEEDED.into_iter().filter(|kind| !cases.iter().any(|c| c.kind == *kind)).collect()
}

#[cfg(test)]
mod tests;
