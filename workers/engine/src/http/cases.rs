//! Runs the cases of a provider: canned answers in, requests and outcome compared. No waiting, no network.

use super::{Engine, LoginRequests, SkippingClock, context::Scope, request::text_of};
use crate::{
    Call, Execution, Incoming, InstanceConfig, Metered, Outgoing, ProgressSink, Secret, Transport, TransportError,
    auth::{self, Authenticator, MemoryTokenStore},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use if_manifest::plan::Plan;
use if_schemas::CommandId;
use reqwest::{
    Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};
use tokio::time::Instant;

/// Time a case has, in its own clock.
const CASE_TIME: Duration = Duration::from_secs(30);
/// What time it is in every case, seconds since 1970: 2026-01-01T00:00:00Z.
pub const CASE_DATE: u64 = 1_767_225_600;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    /// What it stands for; not looked at here.
    #[serde(default)]
    pub kind: Option<String>,
    pub call: CaseCall,
    /// The requests, in their order.
    pub expect: Vec<ExpectedRequest>,
    pub answers: Vec<CannedAnswer>,
    pub outcome: ExpectedOutcome,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseCall {
    pub operation: String,
    #[serde(default)]
    pub args: Map<String, Value>,
    /// Settings and secrets.
    #[serde(default)]
    pub instance: Map<String, Value>,
}

/// What is not given is not compared.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRequest {
    pub method: String,
    /// With its query, in any order.
    pub url: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CannedAnswer {
    #[serde(default = "ok_status")]
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A string is sent as it is, anything else as JSON.
    #[serde(default, alias = "body_json")]
    pub body: Option<Value>,
    /// No answer comes.
    #[serde(default)]
    pub fails: Option<Fails>,
}

fn ok_status() -> u16 {
    200
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fails {
    /// No byte of the request left.
    NotSent,
    /// The connection was lost after the request had left.
    Lost,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedOutcome {
    /// `succeeded`, `failed` or `indeterminate`.
    pub status: String,
    #[serde(default)]
    pub code: Option<String>,
    /// Fields that the result must have.
    #[serde(default)]
    pub result: Option<Value>,
    /// By unit; `"unknown"` where the worst case is to be charged.
    #[serde(default)]
    pub usage: Option<Value>,
}

/// What a case came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseReport {
    pub name: String,
    /// Everything that was not as expected; empty for a case that passed.
    pub differences: Vec<String>,
}

/// Runs one case.
pub async fn run_case(plan: &Arc<Plan>, case: &Case) -> CaseReport {
    let differences = match try_case(plan, case).await {
        Ok(differences) => differences,
        Err(why) => vec![why],
    };
    CaseReport { name: case.name.clone(), differences }
}

async fn try_case(plan: &Arc<Plan>, case: &Case) -> Result<Vec<String>, String> {
    let config = instance(plan, &case.call.instance)?;
    let operation = plan.spec.operation(&case.call.operation);
    let operation = operation.ok_or_else(|| format!("there is no operation {:?}", case.call.operation))?;
    let args = operation.resolve(&case.call.args, &config.settings).map_err(|e| e.to_string())?;
    let canned =
        Arc::new(Canned { answers: Mutex::new(case.answers.iter().cloned().collect()), seen: Mutex::default() });
    let context = Scope::of_instance(plan, &config).context();
    let auth = Authenticator::new(
        plan.clone(),
        context,
        canned.clone(),
        Arc::new(CaseDate),
        Arc::new(MemoryTokenStore::default()),
        Arc::new(LoginRequests),
    );
    let auth = Arc::new(auth.map_err(|e| e.to_string())?);
    let clock = Arc::new(SkippingClock::new(UNIX_EPOCH + Duration::from_secs(CASE_DATE)));
    let engine = Engine::new(plan.clone(), config, canned.clone(), auth).with_clock(clock);
    let call = Call {
        command: CommandId::new(CASE_DATE * 1_000, [0; 10]),
        operation: case.call.operation.parse().map_err(|e| format!("operation: {e}"))?,
        args,
        deadline: Instant::now() + CASE_TIME,
    };
    let (execution, metered) = engine.execute(&call, &ProgressSink::none()).await;
    let mut differences = canned.compare(&case.expect);
    differences.extend(compare_outcome(&case.outcome, &execution, &metered));
    Ok(differences)
}

fn instance(plan: &Plan, given: &Map<String, Value>) -> Result<InstanceConfig, String> {
    let checked = plan.spec.check_instance(given).map_err(|e| e.to_string())?;
    let secret = |name: &str| plan.spec.field(name).is_some_and(|f| f.secret);
    let (secrets, settings): (Map<_, _>, Map<_, _>) = checked.into_iter().partition(|(name, _)| secret(name));
    let secrets = secrets.into_iter().map(|(name, value)| (name, Secret::new(text_of(&value)))).collect();
    let provider = plan.spec.id.parse().map_err(|e| format!("id: {e}"))?;
    let name = "case".parse().map_err(|e| format!("name: {e}"))?;
    Ok(InstanceConfig { provider, name, settings, secrets })
}

struct CaseDate;

impl auth::Clock for CaseDate {
    fn now_us(&self) -> i64 {
        i64::try_from(CASE_DATE).unwrap_or(i64::MAX) * 1_000_000
    }
}

/// Gives the answers in their order and keeps the requests.
struct Canned {
    answers: Mutex<VecDeque<CannedAnswer>>,
    seen: Mutex<Vec<Outgoing>>,
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, request: Outgoing, _: Instant) -> Result<Incoming, TransportError> {
        let host = request.url.host_str().unwrap_or_default().to_string();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let answer = self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let no = |why: &str| TransportError::NotSent { host: host.clone(), why: why.into() };
        let answer = answer.ok_or_else(|| no("the case has no answer for this request"))?;
        match answer.fails {
            Some(Fails::NotSent) => return Err(no("the case says so")),
            Some(Fails::Lost) => return Err(TransportError::Lost { host, why: "the case says so".into() }),
            None => {}
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &answer.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| no("an answer has a bad header"))?;
            headers.append(name, HeaderValue::from_str(value).map_err(|_| no("an answer has a bad header"))?);
        }
        let body = Bytes::from(answer.body.as_ref().map(text_of).unwrap_or_default());
        Ok(Incoming { status: answer.status, headers, body: stream::iter([Ok(body)]).boxed() })
    }
}

impl Canned {
    fn compare(&self, expected: &[ExpectedRequest]) -> Vec<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut differences = Vec::new();
        for (n, expected) in expected.iter().enumerate() {
            match seen.get(n) {
                None => {
                    differences.push(format!("request {}: {} {} was not sent", n + 1, expected.method, expected.url))
                }
                Some(got) => {
                    differences
                        .extend(compare_request(expected, got).into_iter().map(|d| format!("request {}: {d}", n + 1)));
                }
            }
        }
        for (n, got) in seen.iter().enumerate().skip(expected.len()) {
            differences.push(format!("request {}: {} {} was not expected", n + 1, got.method, got.url.path()));
        }
        let left = self.answers.lock().unwrap_or_else(PoisonError::into_inner).len();
        if left > 0 {
            differences.push(format!("{left} of the answers were not asked for"));
        }
        differences
    }
}

fn compare_request(expected: &ExpectedRequest, got: &Outgoing) -> Vec<String> {
    let mut differences = Vec::new();
    if !got.method.as_str().eq_ignore_ascii_case(&expected.method) {
        differences.push(format!("method is {}, expected {}", got.method, expected.method));
    }
    let parts = |url: &Url| {
        let mut base = url.clone();
        base.set_query(None);
        let mut query: Vec<(String, String)> = url.query_pairs().map(|(k, v)| (k.into(), v.into())).collect();
        query.sort();
        (base.to_string(), query)
    };
    match Url::parse(&expected.url) {
        Ok(url) if parts(&url) == parts(&got.url) => {}
        Ok(_) => differences.push(format!("URL is {}, expected {}", got.url, expected.url)),
        Err(e) => differences.push(format!("the expected URL {} is none: {e}", expected.url)),
    }
    for (name, value) in &expected.headers {
        let found = got.headers.get(name.as_str()).and_then(|v| v.to_str().ok());
        if found != Some(value.as_str()) {
            differences.push(format!("header {name} is {found:?}, expected {value:?}"));
        }
    }
    if let Some(expected) = &expected.body {
        let content_type = got.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&got.body);
        if !same_body(expected, &text, content_type) {
            differences.push(format!("body is {text}, expected {}", text_of(expected)));
        }
    }
    differences
}

fn same_body(expected: &Value, got: &str, content_type: &str) -> bool {
    let form = |text: &str| {
        let mut pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        pairs.sort();
        pairs
    };
    match expected {
        Value::String(text) if content_type.starts_with("application/x-www-form-urlencoded") => form(text) == form(got),
        Value::Object(fields) if content_type.starts_with("application/x-www-form-urlencoded") => {
            let mut pairs: Vec<_> = fields.iter().map(|(k, v)| (k.clone(), text_of(v))).collect();
            pairs.sort();
            pairs == form(got)
        }
        Value::String(text) => {
            let json = |text: &str| serde_json::from_str::<Value>(text).ok();
            text == got || (json(got).is_some() && json(text) == json(got))
        }
        other => serde_json::from_str::<Value>(got).is_ok_and(|got| got == *other),
    }
}

fn compare_outcome(expected: &ExpectedOutcome, execution: &Execution, metered: &Metered) -> Vec<String> {
    let (status, failure, result) = match execution {
        Execution::Succeeded(result) => ("succeeded", None, Some(result)),
        Execution::Failed(failure) => ("failed", Some(failure), None),
        Execution::Indeterminate(failure) => ("indeterminate", Some(failure), None),
    };
    let mut differences = Vec::new();
    if status != expected.status {
        let said = failure.map(|f| format!(" ({}: {})", f.code, f.message)).unwrap_or_default();
        differences.push(format!("status is {status}{said}, expected {}", expected.status));
    }
    if let Some(code) = &expected.code
        && failure.map(|f| &f.code) != Some(code)
    {
        differences.push(format!("code is {:?}, expected {code:?}", failure.map(|f| &f.code)));
    }
    match (&expected.result, result) {
        (Some(Value::Object(fields)), Some(result)) => {
            for (name, value) in fields.iter().filter(|(name, value)| result.get(*name) != Some(*value)) {
                let got = result.get(name).map(Value::to_string);
                differences.push(format!("result has {name} {}, expected {value}", got.as_deref().unwrap_or("not")));
            }
        }
        (Some(other), Some(result)) if other != result => {
            differences.push(format!("result is {result}, expected {other}"))
        }
        _ => {}
    }
    if let Some(usage) = &expected.usage {
        let got = match metered {
            Metered::Nothing => Value::Null,
            Metered::Known(usage) => serde_json::to_value(usage).unwrap_or_default(),
            Metered::Unknown => "unknown".into(),
        };
        if got != *usage {
            differences.push(format!("usage is {got}, expected {usage}"));
        }
    }
    differences
}
