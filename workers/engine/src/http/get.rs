//! A bounded HTTP GET for adapters that read state over plain HTTP.

use super::tls;
use std::time::Duration;

/// Largest response body read, bytes.
pub const BODY_MAX_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(#[from] tls::TlsError),
    #[error("{url} could not be reached: {source}")]
    Transport { url: String, source: reqwest::Error },
    #[error("{url} answered {status}")]
    Status { url: String, status: u16 },
    #[error("{url} answered more than {limit} bytes")]
    TooLarge { url: String, limit: usize },
    #[error("{url} did not answer in UTF-8")]
    NotText { url: String },
}

/// A client that follows no redirects and uses no proxy: instances name the host they mean.
#[derive(Debug, Clone)]
pub struct HttpClient(reqwest::Client);

impl HttpClient {
    pub fn new() -> Result<Self, HttpError> {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_backend_preconfigured(tls::none()?)
            .build()
            .map(Self)
            .map_err(|source| HttpError::Transport { url: "HTTP client".into(), source })
    }

    /// The body of a 2xx answer within `timeout`, in UTF-8 and at most [`BODY_MAX_BYTES`].
    pub async fn get_text(&self, url: &str, timeout: Duration) -> Result<String, HttpError> {
        let transport = |source| HttpError::Transport { url: url.into(), source };
        let mut response = self.0.get(url).timeout(timeout).send().await.map_err(transport)?;
        if !response.status().is_success() {
            return Err(HttpError::Status { url: url.into(), status: response.status().as_u16() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > BODY_MAX_BYTES {
                return Err(HttpError::TooLarge { url: url.into(), limit: BODY_MAX_BYTES });
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).map_err(|_| HttpError::NotText { url: url.into() })
    }
}
