//! The manifest as it is executed: checked, names resolved, templates and paths parsed, defaults filled in.

mod template;

pub use minijinja::value::Value as Context;
pub use template::{Escape, Template, TemplateError, Templates, context_of};

use crate::{
    ProviderSpec,
    raw::{
        Backoff, Category, ClientAuth, HmacAlgorithm, JwtAlgorithm, KeyEncoding, Maturity, Method, Outcome,
        ResponseFormat, SignatureEncoding,
    },
};
use if_schemas::{Effect, price::Unit};
use indexmap::IndexMap;
use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A provider, ready to be executed.
#[derive(Debug)]
pub struct Plan {
    /// What the command line, the argument checks and presence need.
    pub spec: ProviderSpec,
    pub category: Category,
    pub maturity: Maturity,
    pub templates: Templates,
    pub allowed_hosts: Vec<HostPattern>,
    /// Settings of format `uri`: their hosts are allowed for the instance.
    pub host_fields: Vec<String>,
    /// Without a slash at its end where it is written out. Rendered with [`Escape::Url`], or not escaped where it begins
    /// with a setting of format `uri`: the template knows.
    pub base_url: Template,
    /// In place of `base_url` where the setting that it names is not given.
    pub fallback_url: Option<Template>,
    pub auth: Auth,
    pub headers: Vec<(String, Template)>,
    pub limits: Limits,
    /// Operation id of the proof that the settings are right.
    pub verify: String,
    /// By operation id: `chat.send`.
    pub operations: BTreeMap<String, OperationPlan>,
}

/// `api.example.com`, or any host below `example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    Exact(String),
    /// Without the leading `*.`.
    Below(String),
}

impl HostPattern {
    /// `host` in lower case.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            HostPattern::Exact(name) => name == host,
            HostPattern::Below(name) => host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.')),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Limits {
    pub rate: Option<RateLimit>,
    /// Requests at once.
    pub concurrency: usize,
    /// Bytes.
    pub response_bytes: usize,
    /// Bytes.
    pub header_bytes: usize,
    pub redirects: usize,
    pub connect: Duration,
    pub first_byte: Duration,
    pub idle: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub requests: u32,
    pub per: Duration,
    pub burst: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// All tries together, at least 1. 1 for a `once` operation whose provider knows no idempotency key: a try whose outcome
    /// is not known is the last.
    pub attempts: u32,
    /// All tries together as long as every one so far was answered with an outcome that proves that nothing was done:
    /// `rate_limited`, or `retry` by a rule of the manifest.
    pub attempts_not_done: u32,
    pub backoff: Backoff,
    pub base: Duration,
    pub max: Duration,
}

#[derive(Debug)]
pub struct OperationPlan {
    pub id: String,
    pub effect: Effect,
    pub notice: Option<Template>,
    pub request: RequestPlan,
    pub response: ResponsePlan,
    /// The operation's, then the provider's, then the built-in ones: the first that fits counts.
    pub errors: Vec<Arc<ErrorRule>>,
    pub idempotency: Idempotency,
    pub pagination: Option<Pagination>,
    pub poll: Option<Poll>,
    pub retry: Retry,
    pub redact: Vec<String>,
    /// How what was used is read; none for a free operation. A unit without an entry was used up to its limit.
    pub used: Option<BTreeMap<Unit, Extract>>,
}

#[derive(Debug)]
pub struct RequestPlan {
    pub method: Method,
    /// Rendered with [`Escape::Url`].
    pub path: Template,
    pub query: Vec<(String, Tree)>,
    pub headers: Vec<(String, Template)>,
    pub body: Option<Body>,
}

/// JSON whose strings are templates.
#[derive(Debug)]
pub enum Tree {
    Literal(Value),
    Template(Template),
    List(Vec<Tree>),
    /// An entry whose lone expression gives none is left out.
    Map(Vec<(String, Tree)>),
}

#[derive(Debug)]
pub enum Body {
    Json(Tree),
    Form(Vec<(String, Tree)>),
    Multipart(Vec<(String, Part)>),
    Xml(Template),
    Text(Template),
}

#[derive(Debug)]
pub enum Part {
    Text(Template),
    File { path: Template, content_type: Option<String> },
}

#[derive(Debug)]
pub struct ResponsePlan {
    pub format: ResponseFormat,
    /// XML elements that are always lists.
    pub lists: Vec<String>,
    pub result: IndexMap<String, Extract>,
    pub list: Option<List>,
    pub stream: Option<Stream>,
    /// Parameter that names the file the body is written to.
    pub save: Option<String>,
}

#[derive(Debug)]
pub struct Extract {
    pub source: ExtractSource,
    /// Its absence makes the answer malformed.
    pub required: bool,
}

#[derive(Debug)]
pub enum ExtractSource {
    /// The first path that finds a value other than null counts.
    Paths(Vec<JsonPath>),
    Template(Template),
}

#[derive(Debug)]
pub struct List {
    pub items: JsonPath,
    /// Empty: items are given as they are.
    pub fields: IndexMap<String, Extract>,
}

#[derive(Debug)]
pub struct Stream {
    pub text: JsonPath,
    pub done: Option<String>,
    pub done_when: Option<JsonPath>,
    pub error: Option<JsonPath>,
}

#[derive(Debug)]
pub struct ErrorRule {
    /// Inclusive ranges; empty fits every status.
    pub status: Vec<(u16, u16)>,
    pub path: Option<JsonPath>,
    pub equals: Vec<Value>,
    pub matches: Option<Regex>,
    pub outcome: Outcome,
    pub message: Option<Extract>,
    pub code: Option<String>,
    pub hint: Option<String>,
    /// One of those every provider has. Its `retry` does not prove that nothing was done: a server that failed may have
    /// done the work before it did.
    pub built_in: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idempotency {
    None,
    Header(String),
    Field(String),
}

#[derive(Debug)]
pub struct Pagination {
    pub kind: PaginationKind,
    pub items_max: usize,
}

#[derive(Debug)]
pub enum PaginationKind {
    Cursor { from: JsonPath, param: String },
    Offset { param: String, size_param: String, size: u32 },
    Page { param: String, first: u32, size_param: String, size: u32 },
    Link,
}

#[derive(Debug)]
pub struct Poll {
    pub created: IndexMap<String, Extract>,
    pub request: RequestPlan,
    pub every: Duration,
    pub status: JsonPath,
    pub done: Vec<Value>,
    pub failed: Vec<Value>,
    pub message: Option<Extract>,
}

#[derive(Debug)]
pub enum Auth {
    None,
    Bearer { token: Template },
    Basic { username: Template, password: Template },
    Header { name: String, value: Template },
    Query { name: String, value: Template },
    ClientCredentials(ClientCredentials),
    RefreshToken(RefreshToken),
    JwtBearer(Box<JwtBearer>),
    Session(Session),
    AwsSigv4(Box<AwsSigv4>),
    Hmac(Box<Hmac>),
    Mtls(Mtls),
}

#[derive(Debug)]
pub struct ClientCredentials {
    pub token_url: Template,
    pub client_id: Template,
    pub client_secret: Template,
    pub scope: Option<Template>,
    pub client_auth: ClientAuth,
}

#[derive(Debug)]
pub struct RefreshToken {
    pub token_url: Template,
    pub client_id: Template,
    pub client_secret: Option<Template>,
    pub refresh_token: Template,
    pub scope: Option<Template>,
    pub client_auth: ClientAuth,
}

#[derive(Debug)]
pub struct JwtBearer {
    pub algorithm: JwtAlgorithm,
    pub private_key: Template,
    pub key_id: Option<Template>,
    pub issuer: Template,
    pub subject: Option<Template>,
    pub audience: Option<Template>,
    pub lifetime: Duration,
    pub claims: Vec<(String, Template)>,
    pub token_url: Option<Template>,
}

#[derive(Debug)]
pub struct Session {
    pub steps: Vec<LoginStep>,
    pub headers: Vec<(String, Template)>,
    pub lifetime: Duration,
}

#[derive(Debug)]
pub struct LoginStep {
    pub request: RequestPlan,
    pub extract: IndexMap<String, Extract>,
    /// Session name → response header.
    pub headers: IndexMap<String, String>,
}

#[derive(Debug)]
pub struct AwsSigv4 {
    pub access_key_id: Template,
    pub secret_access_key: Template,
    pub session_token: Option<Template>,
    pub region: Template,
    pub service: Template,
}

#[derive(Debug)]
pub struct Hmac {
    pub algorithm: HmacAlgorithm,
    pub key: Template,
    pub key_encoding: KeyEncoding,
    pub encoding: SignatureEncoding,
    pub message: Template,
    pub headers: Vec<(String, Template)>,
}

#[derive(Debug)]
pub struct Mtls {
    pub certificate: Template,
    pub private_key: Template,
    pub ca: Option<Template>,
}
