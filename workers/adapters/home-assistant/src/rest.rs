//! The REST API, for camera pictures: they do not come through the websocket.

use crate::{
    connect::LoggedIn,
    target::{Target, bad_config},
};
use futures::StreamExt;
use if_engine::{
    AdapterError, Incoming, Outgoing, Secret, Transport, TransportError,
    http::Client,
    transport::{
        HeaderMap, HeaderValue, Method, Url,
        header::{AUTHORIZATION, CONTENT_TYPE, HOST},
    },
};
use if_manifest::plan::Limits;
use std::time::Duration;
use tokio::time::Instant;

/// Of one host there is one instance: few requests run at once, and there are no retries here.
const LIMITS: Limits = Limits {
    rate: None,
    concurrency: 8,
    response_bytes: crate::limits::PICTURE_MAX_BYTES,
    header_bytes: 64 << 10,
    redirects: 0,
    connect: Duration::from_secs(3),
    first_byte: Duration::from_secs(10),
    idle: Duration::from_secs(15),
};

pub struct Rest {
    client: Client,
    /// Where requests go: to the very address the session leads to, unless a certificate ties the name to it.
    base: Url,
    /// Where people and players go.
    public: String,
    host: HeaderValue,
    token: Secret,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("Home Assistant answered {0}")]
    Status(u16),
    #[error("{0}")]
    Request(String),
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

impl Rest {
    pub fn new(target: &Target, session: &LoggedIn) -> Result<Self, AdapterError> {
        let wrong = |why: String| bad_config(format!("{target} cannot be asked over HTTP: {why}"));
        let client = Client::new(&LIMITS, &session.tls).map_err(|e| wrong(e.to_string()))?;
        let public = target.to_string();
        let by_name = target.tls && target.verifies();
        let base = if by_name { public.clone() } else { target.url_of(&session.address.to_string()) };
        let base = Url::parse(&base).map_err(|e| wrong(e.to_string()))?;
        let host = public.split_once("://").map_or(public.as_str(), |(_, host)| host);
        let host = HeaderValue::from_str(host).map_err(|e| wrong(e.to_string()))?;
        Ok(Self { client, base, public, host, token: target.token.clone() })
    }

    /// A URL for people: `path` begins with a slash.
    pub fn public(&self, path: &str) -> String {
        format!("{}{path}", self.public)
    }

    /// A 2xx answer to a GET. With `login` off, `path` carries its own credential.
    pub async fn get(&self, path: &str, login: bool, deadline: Instant) -> Result<Incoming, RestError> {
        let url = self.base.join(path).map_err(|e| RestError::Request(format!("{path:?} is no path: {e}")))?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, self.host.clone());
        if login {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", self.token.expose().trim()));
            let mut bearer =
                bearer.map_err(|_| RestError::Request("the token has characters that no token has".into()))?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        let request = Outgoing { method: Method::GET, url, headers, body: Default::default() };
        let answer = self.client.send(request, deadline).await?;
        if !(200..300).contains(&answer.status) {
            return Err(RestError::Status(answer.status));
        }
        Ok(answer)
    }
}

/// Without parameters: `image/jpeg`.
pub fn media_type(answer: &Incoming) -> String {
    let full = content_type(answer);
    full.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub fn content_type(answer: &Incoming) -> &str {
    answer.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// The whole body, at most `limit` bytes.
pub async fn body(mut answer: Incoming, limit: usize) -> Result<Vec<u8>, RestError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.body.next().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > limit {
            return Err(RestError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
