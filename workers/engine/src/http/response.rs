//! From an answer's bytes to a document.

use super::xml;
use crate::transport::{Incoming, TransportError};
use bytes::{Bytes, BytesMut};
use encoding_rs::{Encoding, UTF_8};
use futures::StreamExt;
use if_manifest::{plan::ResponsePlan, raw::ResponseFormat};
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use serde_json::Value;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// As text, for rules that match it; empty where it is none.
    pub text: String,
    /// What the format makes of it, or why nothing.
    pub document: Result<Value, String>,
}

impl Answer {
    pub fn new(status: u16, headers: HeaderMap, body: &[u8], plan: &ResponsePlan) -> Self {
        let text = decode(body, &headers);
        let document = match (&text, plan.format) {
            (_, ResponseFormat::None | ResponseFormat::Bytes) if is_success(status) => Ok(Value::Null),
            (Ok(text), format) => document(text, format, is_success(status), &plan.lists),
            (Err(why), _) => Err(why.clone()),
        };
        Self { status, headers, text: text.unwrap_or_default(), document }
    }
}

pub fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Reads the body, at most `limit` bytes.
pub async fn whole(
    mut incoming: Incoming,
    host: &str,
    limit: usize,
) -> Result<(u16, HeaderMap, Bytes), TransportError> {
    check_head(&incoming, host, limit)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = incoming.body.next().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > limit {
            return Err(too_large(host, limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((incoming.status, incoming.headers, body.freeze()))
}

/// What can be known before the body comes.
pub fn check_head(incoming: &Incoming, host: &str, limit: usize) -> Result<(), TransportError> {
    // No compression is asked for, so that a few bytes cannot become many.
    let encoding = incoming.headers.get(CONTENT_ENCODING).map(|v| v.to_str().unwrap_or("?").trim().to_string());
    if let Some(encoding) = encoding.filter(|e| !e.eq_ignore_ascii_case("identity") && !e.is_empty()) {
        let why = format!("its content encoding {encoding:?} was not asked for");
        return Err(TransportError::Unusable { host: host.into(), why });
    }
    let announced = incoming.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    match announced {
        Some(n) if n > limit => Err(too_large(host, limit)),
        _ => Ok(()),
    }
}

pub fn too_large(host: &str, limit: usize) -> TransportError {
    TransportError::Unusable { host: host.into(), why: format!("it has more than {limit} bytes") }
}

/// The text in the charset the answer declares, UTF-8 where it declares none.
pub fn decode(body: &[u8], headers: &HeaderMap) -> Result<String, String> {
    let encoding = charset(headers)?;
    let body = if encoding == UTF_8 { body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body) } else { body };
    let text = encoding.decode_without_bom_handling_and_without_replacement(body);
    text.map(std::borrow::Cow::into_owned).ok_or_else(|| format!("the body is not {}", encoding.name()))
}

fn charset(headers: &HeaderMap) -> Result<&'static Encoding, String> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let label = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    match label {
        None => Ok(UTF_8),
        Some(label) => Encoding::for_label(label.as_bytes()).ok_or_else(|| format!("charset {label:?} is not known")),
    }
}

/// An answer that is no success need not have the format of one: what cannot be read is then its text.
fn document(text: &str, format: ResponseFormat, success: bool, lists: &[String]) -> Result<Value, String> {
    let json = || serde_json::from_str(text).map_err(|e| format!("the body is not JSON: {e}"));
    let xml = || xml::to_json(text, lists).map_err(|e| format!("the body is not XML: {e}"));
    let or_text = |read: Result<Value, String>| Ok(read.unwrap_or_else(|_| Value::from(text)));
    match format {
        _ if text.trim().is_empty() => Ok(Value::Null),
        ResponseFormat::Json if success => json(),
        ResponseFormat::Xml if success => xml(),
        ResponseFormat::Text if success => Ok(Value::from(text)),
        ResponseFormat::Xml => or_text(xml()),
        _ => or_text(json()),
    }
}
