//! From a plan and its context to a request.

use super::{
    body::{self, DraftBody, Files},
    failure::Stop,
};
use crate::transport::Outgoing;
use bytes::Bytes;
use if_manifest::{
    plan::{Context, Idempotency, Plan, RequestPlan, Template, TemplateError, Tree},
    raw::{self, ResponseFormat},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Method, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT},
};
use serde_json::{Map, Value};

/// Characters that stand for themselves in a query (RFC 3986, unreserved): request signing counts on it.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const AGENT: &str = concat!("InfraFabric/", env!("CARGO_PKG_VERSION"));

/// A request that may still be changed: its key, and the page it asks for.
#[derive(Clone)]
pub struct Draft {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: DraftBody,
    /// The body holds a secret: it goes to no other server.
    pub secret: bool,
}

/// Renders a request. Nothing is sent where this fails.
pub fn draft(
    plan: &Plan,
    request: &RequestPlan,
    format: ResponseFormat,
    context: &Context,
    files: &Files,
) -> Result<Draft, Stop> {
    let url = url(plan, request, context)?;
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT, HeaderValue::from_static(accepted(format)));
    for (name, template) in plan.headers.iter().chain(&request.headers) {
        header(plan, &mut headers, name, template, context)?;
    }
    let (content_type, body) = body::draft(plan, request.body.as_ref(), context, files)?;
    if let Some(content_type) = content_type
        && !headers.contains_key(CONTENT_TYPE)
    {
        headers.insert(CONTENT_TYPE, content_type);
    }
    let secret = request.body.as_ref().is_some_and(body::holds_secret);
    Ok(Draft { method: method(request.method), url, headers, body, secret })
}

fn url(plan: &Plan, request: &RequestPlan, context: &Context) -> Result<Url, Stop> {
    let path = plan.templates.text(&request.path, context).map_err(bad_template)?;
    let text = match path.starts_with("https://") || path.starts_with("http://") {
        true => path,
        false => {
            // A base that cannot be rendered names a setting that is not given.
            let base = match (plan.templates.text(&plan.base_url, context), &plan.fallback_url) {
                (Err(_), Some(fallback)) => plan.templates.text(fallback, context),
                (base, _) => base,
            };
            let base = base.map_err(bad_template)?;
            format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/'))
        }
    };
    let mut url = Url::parse(&text).map_err(|e| Stop::bad_config(format!("the URL of the request is no URL: {e}")))?;
    url.set_fragment(None);
    for (name, tree) in &request.query {
        for (name, value) in pairs(name, tree_value(plan, tree, context)?) {
            add_query(&mut url, &name, &value);
        }
    }
    Ok(url)
}

fn header(
    plan: &Plan,
    headers: &mut HeaderMap,
    name: &str,
    template: &Template,
    context: &Context,
) -> Result<(), Stop> {
    let bad = || Stop::bad_argument(format!("header {name:?} cannot hold the value it was given"));
    let value = match plan.templates.value(template, context).map_err(bad_template)? {
        Value::Null => return Ok(()),
        value => text_of(&value),
    };
    let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
    let mut value = HeaderValue::from_str(&value).map_err(|_| bad())?;
    value.set_sensitive(holds_secret(template));
    headers.insert(key, value);
    Ok(())
}

/// Does it refer to a secret, or to what a login gave?
pub fn holds_secret(template: &Template) -> bool {
    template.variables().iter().any(|v| v == "secret" || v.starts_with("secret.") || v.starts_with("session"))
}

/// JSON of a tree; entries whose lone expression gives none are left out.
pub fn tree_value(plan: &Plan, tree: &Tree, context: &Context) -> Result<Value, Stop> {
    Ok(match tree {
        Tree::Literal(value) => value.clone(),
        Tree::Template(template) => plan.templates.value(template, context).map_err(bad_template)?,
        Tree::List(items) => items.iter().map(|t| tree_value(plan, t, context)).collect::<Result<_, _>>()?,
        Tree::Map(entries) => {
            let mut map = Map::new();
            for (name, tree) in entries {
                let value = tree_value(plan, tree, context)?;
                // A null that was written is meant.
                if !value.is_null() || matches!(tree, Tree::Literal(_)) {
                    map.insert(name.clone(), value);
                }
            }
            Value::Object(map)
        }
    })
}

/// A value as fields of a form or query: a list repeats its name, an object adds `[key]`, null is left out.
pub fn pairs(name: &str, value: Value) -> Vec<(String, String)> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.into_iter().flat_map(|v| pairs(name, v)).collect(),
        Value::Object(map) => map.into_iter().flat_map(|(k, v)| pairs(&format!("{name}[{k}]"), v)).collect(),
        other => vec![(name.to_string(), text_of(&other))],
    }
}

/// A string as it is, anything else as JSON.
pub fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

/// `a=1&b=2`, everything that is not unreserved percent-encoded.
pub fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let one = |(k, v)| format!("{}={}", utf8_percent_encode(k, QUERY), utf8_percent_encode(v, QUERY));
    pairs.into_iter().map(one).collect::<Vec<_>>().join("&")
}

fn add_query(url: &mut Url, name: &str, value: &str) {
    let added = encode([(name, value)]);
    let query = match url.query().filter(|q| !q.is_empty()) {
        Some(query) => format!("{query}&{added}"),
        None => added,
    };
    url.set_query(Some(&query));
}

impl Draft {
    /// Puts the key where the provider looks for it.
    pub fn key(&mut self, idempotency: &Idempotency, key: &str) -> Result<(), Stop> {
        match idempotency {
            Idempotency::None => Ok(()),
            Idempotency::Field(name) => {
                self.set(name, Value::from(key));
                Ok(())
            }
            Idempotency::Header(name) => {
                let bad = || Stop::bad_config(format!("{name:?} is not the name of a header"));
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
                self.headers.insert(name, HeaderValue::from_str(key).map_err(|_| bad())?);
                Ok(())
            }
        }
    }

    /// A field of the body, or a query parameter where the body has no fields. Replaces what was there.
    pub fn set(&mut self, name: &str, value: Value) {
        if self.body.set(name, &value) {
            return;
        }
        let kept: Vec<(String, String)> =
            self.url.query_pairs().filter(|(k, _)| k != name).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        let text = text_of(&value);
        let all = kept.iter().map(|(k, v)| (k.as_str(), v.as_str())).chain([(name, text.as_str())]);
        let query = encode(all);
        self.url.set_query(Some(&query));
    }

    pub fn finish(&self) -> Outgoing {
        let (content_type, body) = self.body.finish();
        let mut headers = self.headers.clone();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        Outgoing { method: self.method.clone(), url: self.url.clone(), headers, body }
    }

    /// Without a body, as after a redirect that changes the method.
    pub fn drop_body(&mut self) {
        self.body = DraftBody::Raw(Bytes::new());
        self.secret = false;
        self.headers.remove(CONTENT_TYPE);
    }
}

fn accepted(format: ResponseFormat) -> &'static str {
    match format {
        ResponseFormat::Json => "application/json",
        ResponseFormat::Xml => "application/xml, text/xml",
        ResponseFormat::Text => "text/plain, */*;q=0.5",
        ResponseFormat::Sse => "text/event-stream",
        ResponseFormat::JsonLines => "application/x-ndjson, application/json",
        ResponseFormat::Bytes | ResponseFormat::None => "*/*",
    }
}

fn method(method: raw::Method) -> Method {
    match method {
        raw::Method::Get => Method::GET,
        raw::Method::Post => Method::POST,
        raw::Method::Put => Method::PUT,
        raw::Method::Patch => Method::PATCH,
        raw::Method::Delete => Method::DELETE,
        raw::Method::Head => Method::HEAD,
    }
}

pub fn bad_template(error: TemplateError) -> Stop {
    Stop::bad_argument(format!("the request cannot be made: {error}"))
}
