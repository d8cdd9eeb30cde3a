//! Where one vMix is, and reading its state over HTTP.

use crate::state::{State, StateError};
use if_engine::{
    AdapterError, InstanceConfig,
    http::{HttpClient, HttpError},
};
use if_schemas::presence::InstanceState;
use std::time::Duration;

/// HTTP port where the instance does not say.
const HTTP_PORT: u16 = 8088;
/// TCP API port where the instance does not say.
const TCP_PORT: u16 = 8099;
/// Longest wait for the state over HTTP.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
pub struct Endpoint {
    pub host: String,
    pub tcp_port: u16,
    url: String,
    http: HttpClient,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{}", with_causes(.0))]
    Http(HttpError),
    #[error("{url}: {source}")]
    State { url: String, source: StateError },
}

/// An HTTP library's message alone often leaves out the reason.
fn with_causes(error: &HttpError) -> String {
    let mut text = error.to_string();
    let mut cause = match error {
        HttpError::Transport { source, .. } => std::error::Error::source(source),
        _ => None,
    };
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

impl Endpoint {
    pub fn new(config: &InstanceConfig) -> Result<Self, AdapterError> {
        let bad = |message: String| AdapterError::new(InstanceState::BadConfig, message);
        let host = config.text("host").unwrap_or_default().trim().to_string();
        let is_host_char = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || !host.chars().all(is_host_char) {
            return Err(bad(format!("host of the vMix instance {} is {host:?}", config.name))
                .hint("give a host name or an address alone, like 192.168.1.100; ports are `port` and `tcp_port`"));
        }
        let http_port = config.port("port").unwrap_or(HTTP_PORT);
        let tcp_port = config.port("tcp_port").unwrap_or(TCP_PORT);
        // An IPv6 address needs brackets in a URL.
        let url_host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let http = HttpClient::new().map_err(|e| bad(e.to_string()))?;
        Ok(Self { url: format!("http://{url_host}:{http_port}/api/"), host, tcp_port, http })
    }

    /// How messages name the TCP side.
    pub fn tcp_label(&self) -> String {
        format!("vMix at {}:{}", self.host, self.tcp_port)
    }

    pub async fn read_state(&self, limit: Duration) -> Result<State, ReadError> {
        let text = self.http.get_text(&self.url, limit.min(HTTP_TIMEOUT)).await.map_err(ReadError::Http)?;
        State::parse(&text).map_err(|source| ReadError::State { url: self.url.clone(), source })
    }
}

impl From<ReadError> for AdapterError {
    fn from(error: ReadError) -> Self {
        let (state, hint) = match &error {
            ReadError::Http(HttpError::Transport { .. }) => (
                InstanceState::Disconnected,
                "check that vMix runs and that its Web Controller is on (Settings, Web Controller), and the `port` of the instance",
            ),
            ReadError::Http(HttpError::Status { status: 401 | 403, .. }) => (
                InstanceState::AuthenticationFailure,
                "vMix's Web Controller asks for a password: take it off in Settings, Web Controller",
            ),
            ReadError::Http(_) | ReadError::State { .. } => {
                (InstanceState::UnknownError, "check that `port` is vMix's Web Controller port (8088 unless changed)")
            }
        };
        AdapterError::new(state, error.to_string()).hint(hint)
    }
}
