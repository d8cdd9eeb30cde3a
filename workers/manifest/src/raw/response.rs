//! What comes back, and what it means.

use super::Request;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Response {
    pub format: ResponseFormat,
    /// Of `xml`: elements that are lists even where there is only one.
    pub lists: Vec<String>,
    /// Fields of the result document.
    pub result: IndexMap<String, Extract>,
    /// The result is a list, under `items`.
    pub list: Option<List>,
    /// Of `sse` and `json_lines`.
    pub stream: Option<Stream>,
    /// Name of the parameter that says where on the worker's machine the body is written.
    pub save: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    #[default]
    Json,
    /// As JSON: an element is an object of its children, attributes as `@name`, text as a string (or `#text`).
    Xml,
    Text,
    /// Written to a file: needs `save`.
    Bytes,
    Sse,
    JsonLines,
    /// The body is not looked at.
    None,
}

/// A value taken from an answer: a JSONPath, several of which the first that finds something counts, or a template.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Extract {
    Path(String),
    Paths(Vec<String>),
    Full(FullExtract),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FullExtract {
    #[serde(default)]
    pub path: Option<String>,
    /// Template over `args`, `instance` and `response` (the answer as JSON), in place of a path.
    #[serde(default)]
    pub value: Option<String>,
    /// A result without it is `malformed`, not a success.
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub help: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// JSONPath that finds every item.
    pub items: String,
    /// Of each item: the paths begin at the item. Without any, items are given as they are.
    #[serde(default)]
    pub fields: IndexMap<String, Extract>,
}

/// How the events of a stream become a result. `result` and usage are read from every event; the last value counts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// JSONPath of the text an event adds: shown as it comes, and joined in the result as `text`.
    pub text: String,
    /// The event that ends it: its data as text, like `[DONE]`.
    #[serde(default)]
    pub done: Option<String>,
    /// JSONPath that finds something in the event that ends it, where there is no such text.
    #[serde(default)]
    pub done_when: Option<String>,
    /// JSONPath of an error inside the stream.
    #[serde(default)]
    pub error: Option<String>,
}

/// When an answer means what. All that is given must fit.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// Status codes: `429`, `4xx`, `500-599`.
    #[serde(default)]
    pub status: Vec<StatusPattern>,
    /// JSONPath into the body.
    #[serde(default)]
    pub path: Option<String>,
    /// What `path` finds is one of these; without `equals` and `matches`, it finds anything that is not null or false.
    #[serde(default)]
    pub equals: Vec<Value>,
    /// A regular expression for what `path` finds, or for the whole body as text.
    #[serde(default)]
    pub matches: Option<String>,
    pub outcome: Outcome,
    /// JSONPath of the provider's own words.
    #[serde(default)]
    pub message: Option<Extract>,
    /// Stable snake_case failure code; that of the outcome where not given.
    #[serde(default)]
    pub code: Option<String>,
    /// What to do next.
    #[serde(default)]
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum StatusPattern {
    Code(u16),
    Class(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    Failed,
    /// Not done, may be tried again.
    Retry,
    /// Not done, to be tried later; `Retry-After` is kept to.
    RateLimited,
    AuthFailed,
    NotFound,
    Indeterminate,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pagination {
    /// The answer names what to ask for next.
    Cursor {
        /// JSONPath; no value, null or an empty string ends it.
        from: String,
        /// Query parameter, or the field of a JSON or form body.
        param: String,
        #[serde(default)]
        items_max: Option<u32>,
    },
    Offset {
        param: String,
        size_param: String,
        size: u32,
        #[serde(default)]
        items_max: Option<u32>,
    },
    Page {
        param: String,
        /// 1 where not given.
        #[serde(default)]
        first: Option<u32>,
        size_param: String,
        size: u32,
        #[serde(default)]
        items_max: Option<u32>,
    },
    /// RFC 8288 `Link: <…>; rel="next"`.
    Link {
        #[serde(default)]
        items_max: Option<u32>,
    },
}

/// Asks until a state is reached; the operation's `result` is then read from the last answer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// Taken from the first answer, for templates as `created.NAME`; a poll without all of them is a failure.
    #[serde(default)]
    pub created: IndexMap<String, Extract>,
    pub request: Request,
    /// Duration between two questions.
    pub every: String,
    /// JSONPath of the state.
    pub status: String,
    /// States that mean done; every other one means to ask again.
    pub done: Vec<Value>,
    /// States that mean it failed.
    #[serde(default)]
    pub failed: Vec<Value>,
    /// JSONPath of the provider's words about a failure.
    #[serde(default)]
    pub message: Option<Extract>,
}
