//! The least HTTP client that can set peers up and look into them: one request per connection, HTTP/1.0, so that the answer
//! is plain and ends with the connection.

use anyhow::{Context, ensure};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// Longest silence of a peer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer, bytes.
const ANSWER_MAX_BYTES: u64 = 16 << 20;

/// A request to a peer.
#[derive(Debug, Clone)]
pub struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// What a peer answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Request {
    pub fn get(path: &str) -> Self {
        Self { method: "GET", path: path.into(), headers: Vec::new(), body: String::new() }
    }
    pub fn post(path: &str, content_type: &str, body: impl Into<String>) -> Self {
        let request = Self { method: "POST", path: path.into(), headers: Vec::new(), body: body.into() };
        request.header("Content-Type", content_type)
    }
    pub fn form(path: &str, body: impl Into<String>) -> Self {
        Self::post(path, "application/x-www-form-urlencoded", body)
    }
    pub fn json(path: &str, body: &Value) -> Self {
        Self::post(path, "application/json", body.to_string())
    }
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends it to `url`, which is `http://HOST:PORT`.
    pub fn send(&self, url: &str) -> anyhow::Result<Answer> {
        let host = url.strip_prefix("http://").context("no http:// address")?;
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "{} {} HTTP/1.0\r\nHost: {host}\r\n{headers}Content-Length: {}\r\n\r\n",
            self.method,
            self.path,
            self.body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(self.body.as_bytes())?;
        let mut bytes = Vec::new();
        let mut limited = stream.take(ANSWER_MAX_BYTES + 1);
        limited.read_to_end(&mut bytes).with_context(|| format!("{} {}{}", self.method, url, self.path))?;
        ensure!(
            bytes.len() as u64 <= ANSWER_MAX_BYTES,
            "{url}{} answers more than {ANSWER_MAX_BYTES} bytes",
            self.path
        );
        answer(&String::from_utf8(bytes)?)
            .with_context(|| format!("{} {url}{}: no HTTP answer", self.method, self.path))
    }
}

fn answer(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.into() })
}

impl Answer {
    /// The body of an answer of this status, as JSON.
    pub fn json(&self, status: u16) -> anyhow::Result<Value> {
        ensure!(self.status == status, "{} instead of {status}: {}", self.status, self.body);
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: {}", self.body))
    }
}
