//! What the suites of authentication share: a plan, a context, a clock to skew, servers on loopback.
#![allow(dead_code, reason = "each suite uses its part")]

use bytes::Bytes;
use futures::StreamExt;
use if_engine::{
    Authenticator, Incoming, Outgoing, Transport, TransportError,
    auth::{AuthError, Clock, MemoryTokenStore, RequestBuilder, TokenStore},
};
use if_manifest::{
    ProviderSpec,
    plan::{
        Auth, Body, Context, Escape, Extract, ExtractSource, HostPattern, Limits, Plan, RequestPlan, Template,
        Templates, Tree, context_of,
    },
    raw::{Category, Maturity},
};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};
use tokio::{sync::Semaphore, time::Instant};

/// A provider `acme` at `*.acme.example`, with a setting `base_url` whose host is allowed too.
/// `auth` gets a function that parses templates.
pub fn plan(auth: impl FnOnce(&mut dyn FnMut(&str) -> Template) -> Auth) -> Plan {
    let mut templates = Templates::new();
    let auth = auth(&mut |source| templates.add(source, Escape::None).expect("a template"));
    let base_url = templates.add("{{ instance.base_url }}", Escape::None).expect("a template");
    Plan {
        spec: ProviderSpec { id: "acme".into(), ..if_manifest::provider("vmix").expect("a provider") },
        category: Category::Cloud,
        maturity: Maturity::Documented,
        templates,
        allowed_hosts: vec![
            HostPattern::Exact("acme.example".into()),
            HostPattern::Below("acme.example".into()),
            HostPattern::Exact("10.0.0.7".into()),
        ],
        host_fields: vec!["base_url".into()],
        base_url,
        fallback_url: None,
        auth,
        headers: Vec::new(),
        limits: Limits {
            rate: None,
            concurrency: 8,
            response_bytes: 64 * 1024,
            header_bytes: 16 * 1024,
            redirects: 0,
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(5),
            idle: Duration::from_secs(5),
        },
        verify: "acme.account.show".into(),
        operations: BTreeMap::new(),
    }
}

pub fn context(base_url: &str, secrets: serde_json::Value) -> Context {
    context_of(json!({ "instance": { "base_url": base_url }, "secret": secrets }))
}

/// `GET {url}` without anything more.
pub fn get(url: &str) -> Outgoing {
    Outgoing { method: Method::GET, url: url.parse().expect("a URL"), headers: HeaderMap::new(), body: Bytes::new() }
}

/// Wall time that only tests move.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn at(seconds: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(seconds * 1_000_000)))
    }
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros() as i64, Ordering::SeqCst);
    }
    pub fn seconds(&self) -> i64 {
        self.0.load(Ordering::SeqCst) / 1_000_000
    }
}

impl Clock for TestClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// One answer of a script.
pub type Reply = Result<(u16, Vec<(&'static str, String)>, String), TransportError>;

pub fn ok(body: serde_json::Value) -> Reply {
    Ok((200, Vec::new(), body.to_string()))
}

type Rule = Box<dyn Fn(usize, &Outgoing) -> Reply + Send + Sync>;

/// Answers by a rule: how many requests came before, and this one.
pub struct Script {
    rule: Rule,
    seen: Mutex<Vec<Outgoing>>,
    /// Answers are held back until it has permits.
    gate: Option<Semaphore>,
}

impl Script {
    pub fn new(rule: impl Fn(usize, &Outgoing) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { rule: Box::new(rule), seen: Mutex::default(), gate: None })
    }
    pub fn gated(rule: impl Fn(usize, &Outgoing) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { rule: Box::new(rule), seen: Mutex::default(), gate: Some(Semaphore::new(0)) })
    }
    /// Nothing may be asked.
    pub fn silent() -> Arc<Self> {
        Self::new(|_, request| panic!("{} was asked", request.url))
    }
    pub fn open(&self, answers: usize) {
        self.gate.as_ref().expect("a gate").add_permits(answers);
    }
    pub fn seen(&self) -> Vec<Outgoing> {
        self.seen.lock().expect("a lock").clone()
    }
    pub fn forms(&self) -> Vec<BTreeMap<String, String>> {
        self.seen().iter().map(|r| form_urlencoded::parse(&r.body).into_owned().collect()).collect()
    }
}

#[async_trait::async_trait]
impl Transport for Script {
    async fn send(&self, request: Outgoing, _: Instant) -> Result<Incoming, TransportError> {
        let reply = {
            let mut seen = self.seen.lock().expect("a lock");
            seen.push(request.clone());
            (self.rule)(seen.len() - 1, &request)
        };
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("an open gate").forget();
        }
        let (status, headers, body) = reply?;
        let mut map = HeaderMap::new();
        for (name, value) in &headers {
            map.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        // In two pieces: nobody may count on one.
        let (a, b) = body.as_bytes().split_at(body.len() / 2);
        let pieces = [Ok(Bytes::copy_from_slice(a)), Ok(Bytes::copy_from_slice(b))];
        Ok(Incoming { status, headers: map, body: futures::stream::iter(pieces).boxed() })
    }
}

/// Builds login requests: path and headers from templates, a JSON body of one level.
pub struct Requests;

impl RequestBuilder for Requests {
    fn build(&self, plan: &Plan, request: &RequestPlan, context: &Context) -> Result<Outgoing, AuthError> {
        let text = |t: &Template| plan.templates.text(t, context);
        let mut headers = HeaderMap::new();
        for (name, template) in &request.headers {
            let value = HeaderValue::from_str(&text(template)?).expect("a header value");
            headers.insert(name.parse::<HeaderName>().expect("a name"), value);
        }
        let url = format!("{}{}", text(&plan.base_url)?, text(&request.path)?);
        let body = match &request.body {
            Some(Body::Json(Tree::Map(entries))) => {
                let mut map = serde_json::Map::new();
                for (name, entry) in entries {
                    let Tree::Template(template) = entry else { panic!("templates only") };
                    map.insert(name.clone(), plan.templates.value(template, context)?);
                }
                serde_json::to_vec(&map).expect("JSON")
            }
            None => Vec::new(),
            other => panic!("{other:?}"),
        };
        Ok(Outgoing { method: Method::POST, url: url.parse().expect("a URL"), headers, body: body.into() })
    }

    fn extract(
        &self,
        _: &Plan,
        extract: &Extract,
        _: &Context,
        answer: &serde_json::Value,
    ) -> Result<Option<serde_json::Value>, AuthError> {
        let ExtractSource::Paths(paths) = &extract.source else { panic!("paths only") };
        Ok(paths.iter().find_map(|p| p.query(answer).first()).filter(|v| !v.is_null()).cloned())
    }
}

/// An authenticator over what a test gives, and the transport, clock and store it was given.
pub struct Bench {
    pub auth: Arc<Authenticator>,
    pub script: Arc<Script>,
    pub clock: Arc<TestClock>,
}

/// 2026-01-01T00:00:00Z
pub const NOW: i64 = 1_767_225_600;

pub fn bench(plan: Plan, context: Context, script: Arc<Script>) -> Result<Bench, AuthError> {
    bench_with(plan, context, script, Arc::new(MemoryTokenStore::default()))
}

pub fn bench_with(
    plan: Plan,
    context: Context,
    script: Arc<Script>,
    store: Arc<dyn TokenStore>,
) -> Result<Bench, AuthError> {
    let clock = TestClock::at(NOW);
    let auth = Authenticator::new(Arc::new(plan), context, script.clone(), clock.clone(), store, Arc::new(Requests))?;
    Ok(Bench { auth: Arc::new(auth), script, clock })
}

impl Bench {
    /// A request with proof.
    pub async fn signed(&self) -> Result<Outgoing, AuthError> {
        let mut request = get("https://api.acme.example/v1/things");
        self.auth.apply(&mut request, soon()).await?;
        Ok(request)
    }
    /// Its `Authorization`.
    pub async fn authorization(&self) -> Result<String, AuthError> {
        Ok(header(&self.signed().await?, "authorization"))
    }
}

pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

pub fn header(request: &Outgoing, name: &str) -> String {
    request.headers.get(name).map(|v| v.to_str().expect("ASCII").to_string()).unwrap_or_default()
}

/// `Date` as servers write it.
pub fn http_date(seconds: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds as u64))
}

pub fn answer_head(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))])
}

/// None of `secrets` is in `text`.
pub fn assert_hidden(text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "{secret:?} shows in {text:?}");
    }
}
