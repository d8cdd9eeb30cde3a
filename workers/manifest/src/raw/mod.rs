//! The manifest as it is written: one type per thing the YAML may hold, no rule checked yet.
//!
//! These types are the vocabulary. They make the published JSON Schema, and every key that is not here is refused.
//! Strings that are templates (minijinja, strict) say so; paths into a response are JSONPath (RFC 9535).

mod auth;
mod either;
mod operation;
mod plugin;
mod prices;
mod request;
mod response;

pub use auth::*;
pub use operation::*;
pub use plugin::*;
pub use prices::*;
pub use request::*;
pub use response::*;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A provider: `manifest.yaml`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Where the JSON Schema of this file is, for editors.
    #[serde(rename = "$schema", default)]
    pub schema: Option<String>,
    /// Version of this vocabulary: 1.
    pub manifest: u8,
    /// Name on the command line and in subjects; also the name of the folder.
    pub id: String,
    pub display_name: String,
    pub category: Category,
    /// One line of help.
    pub summary: String,
    /// The vendor's documentation of the API.
    pub docs_url: String,
    /// When this file was last held against that documentation, `YYYY-MM-DD`.
    pub checked_on: String,
    pub maturity: Maturity,
    /// Hosts requests may go to: `api.example.com` or `*.example.com`. The host of a setting of format `uri` is allowed
    /// for that instance, since its operator chose it. Redirects are held to this list too.
    pub allowed_hosts: Vec<String>,
    /// Template. Start of every request's URL.
    pub base_url: String,
    /// Template. Start of every request's URL where the setting that `base_url` names is not given.
    #[serde(default)]
    pub fallback_url: Option<String>,
    /// Settings of an instance: what `add` asks for.
    #[serde(default)]
    pub instance: IndexMap<String, Field>,
    pub auth: Auth,
    /// Templates. Sent with every request.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub retry: Retry,
    /// What answers mean; an operation's own rules come first, the first rule that fits counts.
    #[serde(default)]
    pub errors: Vec<ErrorRule>,
    /// The operation that proves the settings are right; must be a `read` without required parameters.
    pub verify: String,
    /// By name within the category: `send` of a chat provider is `chat.send`.
    pub operations: IndexMap<String, Operation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Studio,
    Cloud,
    Sip,
    Payment,
    Chat,
    Ai,
}

impl Category {
    /// The word on the command line and in operation ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Studio => "studio",
            Category::Cloud => "cloud",
            Category::Sip => "sip",
            Category::Payment => "payment",
            Category::Chat => "chat",
            Category::Ai => "ai",
        }
    }
}

/// How well the file is known to be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Maturity {
    /// Written from the vendor's documentation.
    Documented,
    /// Proven against recorded answers or a stand-in of somebody else's.
    Recorded,
    /// Proven against the vendor.
    Live,
}

/// A setting of an instance.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    #[serde(rename = "type")]
    pub kind: Type,
    #[serde(default)]
    pub format: Option<Format>,
    /// Regular expression the whole text must match.
    #[serde(default)]
    pub pattern: Option<String>,
    #[serde(rename = "enum", default)]
    pub choices: Vec<String>,
    #[serde(default)]
    pub minimum: Option<i64>,
    #[serde(default)]
    pub maximum: Option<i64>,
    pub help: String,
    #[serde(default)]
    pub required: bool,
    /// Kept as a secret reference, never shown; in templates under `secret`, not `instance`.
    #[serde(default)]
    pub secret: bool,
    #[serde(default)]
    pub default: Option<Value>,
}

/// A parameter of an operation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Param {
    #[serde(rename = "type")]
    pub kind: Type,
    #[serde(default)]
    pub format: Option<Format>,
    /// Regular expression the whole text must match.
    #[serde(default)]
    pub pattern: Option<String>,
    #[serde(rename = "enum", default)]
    pub choices: Vec<String>,
    #[serde(default)]
    pub minimum: Option<i64>,
    #[serde(default)]
    pub maximum: Option<i64>,
    pub help: String,
    #[serde(default)]
    pub required: bool,
    /// Given without its name, in the order of the file.
    #[serde(default)]
    pub positional: bool,
    #[serde(default)]
    pub default: Option<Value>,
    /// The instance setting it takes its value from where it is not given.
    #[serde(default)]
    pub from: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    String,
    Integer,
    Number,
    Boolean,
    /// A list of strings; the flag may be repeated.
    Array,
    /// JSON text on the command line.
    Object,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Of an integer: milliseconds, typed as `500ms`, `2s`.
    Duration,
    /// Of a string: an absolute http or https URL.
    Uri,
    /// Of a string: a file on the worker's machine to send.
    File,
    /// Of a string: money, `1000` in minor units or `10.00` in major units; needs a parameter `currency` beside it.
    Amount,
}

/// Limits of one instance. What is not given has a default.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Token bucket, shared by all operations.
    pub rate: Option<RateLimit>,
    /// Requests at once.
    pub concurrency: Option<u32>,
    /// Largest response body, bytes.
    pub response_bytes: Option<u64>,
    /// Largest response header block, bytes.
    pub header_bytes: Option<u32>,
    /// Most redirects followed; to an allowed host only.
    pub redirects: Option<u8>,
    /// Duration: name resolution, connection and TLS.
    pub connect: Option<String>,
    /// Duration: from the last byte sent to the first of the answer.
    pub first_byte: Option<String>,
    /// Duration: longest silence inside an answer.
    pub idle: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    pub requests: u32,
    /// Duration.
    pub per: String,
    /// Requests that may come at once; `requests` where not given.
    #[serde(default)]
    pub burst: Option<u32>,
}

/// Tries after the first, only where the effect allows it and never beyond the command's deadline.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// All tries together.
    pub attempts: Option<u32>,
    pub backoff: Option<Backoff>,
    /// Duration: the first pause.
    pub base: Option<String>,
    /// Duration: the longest pause.
    pub max: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    Constant,
    Exponential,
}
