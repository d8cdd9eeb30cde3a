//! A profile as it is written: one type per thing the YAML may hold, no rule checked yet. These types make the published
//! JSON Schema, and every key that is not here is refused.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[path = "raw_either.rs"]
mod either;
pub use either::{Confirm, ForEach, Guardians, Retry, Run, Text, Texts, Undo, Wait};

/// A profile: `~/.if/profiles/NAME.yaml`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Profile")]
pub struct Profile<V = Var, S = Step> {
    /// Where the JSON Schema of this file is, for editors.
    #[serde(rename = "$schema", default)]
    pub schema: Option<String>,
    /// Also the name of the file, without `.yaml`.
    pub name: String,
    /// One line: what it does.
    #[serde(default)]
    pub description: String,
    /// What can be given with `--set name=value`. Used as `${name}`.
    #[serde(default)]
    pub vars: IndexMap<String, V>,
    /// Most steps at once, 1 to 256. Without it 16.
    #[serde(default)]
    pub concurrency: Option<u16>,
    /// For steps that do not say it themselves. Without it `stop`.
    #[serde(default)]
    pub on_failure: Option<OnFailure>,
    /// A list and no map: the order is shown as it is written, and an id given twice is found.
    pub steps: Vec<S>,
}

/// A variable. One without a default must be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Var {
    #[serde(rename = "type")]
    pub kind: VarType,
    #[serde(default)]
    pub default: Option<Value>,
    /// One line of help.
    #[serde(default)]
    pub help: Option<String>,
    /// Of an `instance`: its provider.
    #[serde(default)]
    pub provider: Option<String>,
    /// Of an `enum`: what it may be.
    #[serde(default)]
    pub values: Vec<String>,
    /// Of an `integer` or `number`.
    #[serde(default)]
    pub min: Option<i64>,
    /// Of an `integer` or `number`.
    #[serde(default)]
    pub max: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VarType {
    String,
    Integer,
    Number,
    Boolean,
    /// Like `500ms`, `5s` or `2m`.
    Duration,
    /// For `for_each`, or for an argument that is a list.
    List,
    /// The name of an instance of `provider`.
    Instance,
    /// One of `values`.
    Enum,
    /// A reference like `file:/etc/keys/stream`, never the secret itself. Only for parameters that are files.
    Secret,
}

/// One step: exactly one of `run`, `wait`, `profile`, or none of them where it only asks for approval.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// `[a-z0-9][a-z0-9_-]*`, once in a profile.
    pub id: String,
    /// A command, as it is typed after `if`; or a map.
    #[serde(default)]
    pub run: Option<Run>,
    /// A duration, or a state that must be reached.
    #[serde(default)]
    pub wait: Option<Wait>,
    /// The steps of another profile.
    #[serde(default)]
    pub profile: Option<String>,
    /// Its variables.
    #[serde(default)]
    pub with: IndexMap<String, Value>,
    /// Steps that come before it. What is not ordered runs at the same time.
    #[serde(default)]
    pub needs: Texts,
    /// Conditions that must all hold when its turn comes; otherwise it is skipped.
    #[serde(default)]
    pub when: Texts,
    /// The state that must be seen after it, like `obs/myobs:record.active==true`.
    #[serde(default)]
    pub confirm: Option<Confirm>,
    /// How often it is tried again after it failed.
    #[serde(default)]
    pub retry: Option<Retry>,
    /// For one attempt of its command. Without it 10 s.
    #[serde(default)]
    pub timeout: Option<Text>,
    #[serde(default)]
    pub on_failure: Option<OnFailure>,
    /// `restore`: back to the state before it; `none`: nothing has to be undone; a command line; or a map. Without it
    /// `restore`, where that can be done.
    #[serde(default)]
    pub undo: Option<Undo>,
    /// Once for each of these, as `${item}`; `${index}` counts from 0.
    #[serde(default)]
    pub for_each: Option<ForEach>,
    /// Who must approve it first.
    #[serde(default)]
    pub approve: Option<Approve>,
}

/// A command in parts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Like `obs.scene.switch`.
    pub operation: String,
    /// Like `obs/myobs` or `obs/${obs}`.
    pub instance: String,
    #[serde(default)]
    pub args: IndexMap<String, Value>,
}

/// A state that must be reached within a time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Await {
    /// Like `vmix/myvmix:tally.program==3`.
    pub state: String,
    pub timeout: Text,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Again {
    /// 1 to 100.
    pub times: u16,
    /// Before the first repeat; doubled for each further one. Without it 1 s.
    #[serde(default)]
    pub pause: Option<Text>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// How many, or the weight that must come together.
    pub need: u32,
    /// Members, each of weight 1; or a map of weights.
    pub of: Guardians,
    /// Members of whom one "no" is the end of it.
    #[serde(default)]
    pub veto: Texts,
    /// How long a vote counts. Without it 10 minutes.
    #[serde(default)]
    pub valid: Option<Text>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Begin nothing more; what was done stays.
    Stop,
    /// Go on as if it had not been there.
    Continue,
    /// Undo what was done, in reverse order.
    Rollback,
}
