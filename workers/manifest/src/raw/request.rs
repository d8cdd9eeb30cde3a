//! What is sent.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Strings are templates. An entry of `query`, `headers` or a body that is one lone expression keeps its JSON type and is
/// left out where the expression gives none: an optional parameter that was not given.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: Method,
    /// After `base_url`; what is put in is percent-encoded. An absolute URL stands for itself (still an allowed host), also
    /// where it is one lone expression over `created` or `session`: what a provider answered is not encoded again.
    pub path: String,
    #[serde(default)]
    pub query: IndexMap<String, Value>,
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    #[serde(default)]
    pub body: Option<Body>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    Json(Value),
    /// `application/x-www-form-urlencoded`. A list value repeats its name.
    Form(IndexMap<String, Value>),
    Multipart(IndexMap<String, Part>),
    /// What is put in is XML-escaped.
    Xml(String),
    Text(String),
}

/// A field of a multipart body.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Part {
    Text(String),
    File(FilePart),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePart {
    /// Path on the worker's machine.
    pub file: String,
    /// Not a template.
    #[serde(default)]
    pub content_type: Option<String>,
}
