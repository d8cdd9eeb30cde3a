//! Where a Home Assistant is and how to log in: the settings of an instance, checked.

use crate::limits::CA_FILE_MAX_BYTES;
use if_engine::{AdapterError, InstanceConfig, Secret, http::TlsSettings, transport::Url};
use if_schemas::presence::InstanceState;
use serde_json::Value;
use std::path::PathBuf;
use tokio::io::AsyncReadExt;

#[derive(Debug, Clone)]
pub struct Target {
    pub tls: bool,
    /// Without the brackets of IPv6.
    pub host: String,
    pub port: u16,
    pub token: Secret,
    ca_file: Option<PathBuf>,
    verify_tls: bool,
}

const HINT_URL: &str = "give url like https://ha.example:8123, or host and port";

impl Target {
    /// Errors: `bad_config`.
    pub fn new(config: &InstanceConfig) -> Result<Self, AdapterError> {
        let bad =
            |what: &str, hint: &str| bad_config(format!("Home Assistant instance {}: {what}", config.name)).hint(hint);
        let given = |name: &str| config.text(name).map(str::trim).filter(|text| !text.is_empty());
        let flag = |name: &str, default| config.settings.get(name).and_then(Value::as_bool).unwrap_or(default);
        let (tls, host, port) = match (given("url"), given("host")) {
            (Some(_), Some(_)) => return Err(bad("both url and host are given", "leave one of them out")),
            (None, None) => return Err(bad("neither url nor host is given", HINT_URL)),
            (Some(url), None) => from_url(url).map_err(|what| bad(&format!("url {url:?} {what}"), HINT_URL))?,
            (None, Some(host)) => {
                let port = config.port("port").filter(|port| *port > 0);
                let port =
                    port.ok_or_else(|| bad("port is not a number from 1 to 65535", "it is 8123 unless changed"))?;
                (flag("tls", false), host.to_owned(), port)
            }
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(&host).to_owned();
        if !host.chars().all(|c| c.is_alphanumeric() || "-._:%".contains(c)) {
            return Err(bad(&format!("host {host:?} is no host name or address"), HINT_URL));
        }
        let token = config.secret("token").filter(|token| !token.expose().trim().is_empty()).cloned();
        let token = token.ok_or_else(|| bad("it has no token", HINT_TOKEN))?;
        let ca_file = given("ca_file").map(PathBuf::from);
        Ok(Self { tls, host, port, token, ca_file, verify_tls: flag("verify_tls", true) })
    }

    /// Reads the file of the authority anew, so that a file put right counts at the next connection.
    pub async fn tls_settings(&self) -> Result<TlsSettings, AdapterError> {
        let insecure_private = !self.verify_tls;
        let Some(path) = &self.ca_file else {
            return Ok(TlsSettings { insecure_private, ..TlsSettings::default() });
        };
        let shown = path.display();
        let failed = |why: String| {
            bad_config(format!("ca_file {shown} cannot be used: {why}"))
                .hint("give the path of a PEM file on the worker's machine that the worker may read")
        };
        let file = tokio::fs::File::open(path).await.map_err(|e| failed(e.to_string()))?;
        let mut pem = String::new();
        file.take(CA_FILE_MAX_BYTES + 1).read_to_string(&mut pem).await.map_err(|e| failed(e.to_string()))?;
        if pem.len() as u64 > CA_FILE_MAX_BYTES {
            return Err(failed(format!("it has more than {CA_FILE_MAX_BYTES} bytes")));
        }
        Ok(TlsSettings { insecure_private, identity: None, ca: Some(pem) })
    }

    /// `https://ha.example:8123`, with the given host instead of the own one.
    pub fn url_of(&self, host: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        if host.contains(':') {
            format!("{scheme}://[{host}]:{}", self.port)
        } else {
            format!("{scheme}://{host}:{}", self.port)
        }
    }

    pub fn verifies(&self) -> bool {
        self.verify_tls
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url_of(&self.host))
    }
}

fn from_url(text: &str) -> Result<(bool, String, u16), String> {
    let url = Url::parse(text).map_err(|e| format!("is no URL: {e}"))?;
    let tls = match url.scheme() {
        "https" => true,
        "http" => false,
        other => return Err(format!("begins with {other}: instead of http: or https:")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password; Home Assistant takes a token".into());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("has more than scheme, host and port".into());
    }
    let host = url.host_str().ok_or("has no host")?.to_owned();
    let port = url.port_or_known_default().ok_or("has no port")?;
    Ok((tls, host, port))
}

pub const HINT_TOKEN: &str = "make a long-lived access token on the profile page of Home Assistant (Security), and set \
     `token` of the instance to it";

pub fn bad_config(message: String) -> AdapterError {
    AdapterError::new(InstanceState::BadConfig, message)
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
