//! Functions as they arrive: `Name` and URL-encoded parameters, on both ports.

use serde::Serialize;
use serde_json::{Map, Value};

/// A function as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// Decoded parameters in the order given.
    pub params: Vec<(String, String)>,
}

/// A function received, for tests and for the simulator's output: one JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Received {
    /// `tcp` or `http`.
    pub via: &'static str,
    pub function: String,
    pub params: Map<String, Value>,
    /// False where the simulator answers OK and does nothing, as vMix does for functions it does not have.
    pub modelled: bool,
}

impl Function {
    pub fn new(name: &str, params: &[(&str, &str)]) -> Self {
        let params = params.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string())).collect();
        Self { name: name.into(), params }
    }

    /// Parses what follows `FUNCTION `: a name, then optionally a space and `a=b&c=d`.
    pub fn parse_tcp(text: &str) -> Option<Self> {
        let (name, query) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        (!name.is_empty()).then(|| Self { name: name.into(), params: parse_query(query.trim()) })
    }

    /// Parses an HTTP query; none without `Function=`.
    pub fn parse_http(query: &str) -> Option<Self> {
        let mut params = parse_query(query);
        let at = params.iter().position(|(k, _)| k.eq_ignore_ascii_case("function"))?;
        let (_, name) = params.remove(at);
        Some(Self { name, params })
    }

    /// A parameter by name, in any case.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn received(&self, via: &'static str, modelled: bool) -> Received {
        let params = self.params.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect();
        Received { via, function: self.name.clone(), params, modelled }
    }
}

fn parse_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

/// URL decoding: `%41` and `+`. Bytes that make no UTF-8 become U+FFFD, a lone `%` stays.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match (bytes[at], hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
