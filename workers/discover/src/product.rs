//! What can be found, and what an answer means. Every one of these says who it is before anybody logs in.

use crate::network::is_private;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::IpAddr;
use url::Url;

/// Longest version or name that is taken over, characters.
const TEXT_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Product {
    Vmix,
    Obs,
    Ha,
}

impl Product {
    pub const ALL: [Product; 3] = [Product::Vmix, Product::Obs, Product::Ha];

    /// The provider's id.
    pub fn id(self) -> &'static str {
        match self {
            Product::Vmix => "vmix",
            Product::Obs => "obs",
            Product::Ha => "ha",
        }
    }
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.id() == id)
    }
    pub fn display_name(self) -> &'static str {
        match self {
            Product::Vmix => "vMix",
            Product::Obs => "OBS Studio",
            Product::Ha => "Home Assistant",
        }
    }
    /// The port it is asked on.
    pub fn port(self) -> u16 {
        match self {
            Product::Vmix => 8_099,
            Product::Obs => 4_455,
            Product::Ha => 8_123,
        }
    }
    /// The mDNS service it announces; `None` where it does not announce itself. obs-websocket has no discovery (its issue
    /// 520), and vMix's manual knows none for its API.
    pub fn service(self) -> Option<&'static str> {
        (self == Product::Ha).then_some("_home-assistant._tcp.local.")
    }
    /// Path of the websocket it says who it is on; `None` for vMix, which does on a plain connection.
    pub fn websocket(self) -> Option<&'static str> {
        match self {
            Product::Vmix => None,
            Product::Obs => Some("/"),
            Product::Ha => Some("/api/websocket"),
        }
    }

    /// What the first thing it says tells; `None` if it is somebody else.
    pub fn read(self, first: &str) -> Option<Identity> {
        match self {
            Product::Vmix => vmix(first),
            Product::Obs => obs(first),
            Product::Ha => home_assistant(first),
        }
    }

    /// Host and port an instance with these settings is reached at, on the port of [`Product::port`].
    pub fn endpoint(self, settings: &Map<String, Value>) -> Option<(String, u16)> {
        let text = |name: &str| settings.get(name).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty());
        if let Some(url) = text("url") {
            let url = Url::parse(url).ok()?;
            return Some((bare(url.host_str()?), url.port_or_known_default()?));
        }
        let port = settings.get(if self == Product::Vmix { "tcp_port" } else { "port" }).and_then(Value::as_u64);
        Some((bare(text("host")?), port.map_or(Some(self.port()), |p| p.try_into().ok())?))
    }
}

/// Without the brackets of IPv6, in lower case.
fn bare(host: &str) -> String {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host).to_ascii_lowercase()
}

/// Who answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    pub version: Option<String>,
    /// Whether a password is wanted, where it says.
    pub password: Option<bool>,
    /// What stands in the way of operating it.
    pub note: Option<String>,
}

/// `VERSION OK 29.0.0.49`, sent as soon as one is connected.
fn vmix(line: &str) -> Option<Identity> {
    let version = line.trim_end().strip_prefix("VERSION OK ")?;
    let is_version = !version.is_empty() && version.chars().all(|c| c.is_ascii_alphanumeric() || ".-_ ".contains(c));
    is_version.then(|| Identity { version: Some(clip(version)), ..Identity::default() })
}

/// obs-websocket 5's Hello, op 0: who connects is told the version, and whether there is a password.
fn obs(message: &str) -> Option<Identity> {
    #[derive(Deserialize)]
    struct Hello {
        op: u64,
        d: Data,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        obs_web_socket_version: String,
        /// Newer ones say it, OBS 28 does not.
        obs_studio_version: Option<String>,
        authentication: Option<Value>,
    }
    let hello: Hello = serde_json::from_str(message).ok()?;
    if hello.op != 0 {
        return None;
    }
    let data = hello.d;
    let websocket = format!("obs-websocket {}", clip(&data.obs_web_socket_version));
    let version = data.obs_studio_version.map_or_else(|| websocket.clone(), |v| format!("{} ({websocket})", clip(&v)));
    Some(Identity { version: Some(version), password: Some(data.authentication.is_some()), note: None })
}

/// `auth_required`, the first message of Home Assistant's websocket.
fn home_assistant(message: &str) -> Option<Identity> {
    #[derive(Deserialize)]
    struct Greeting {
        r#type: String,
        ha_version: String,
    }
    let greeting: Greeting = serde_json::from_str(message).ok()?;
    let version = Some(clip(&greeting.ha_version));
    (greeting.r#type == "auth_required").then(|| Identity { version, ..Identity::default() })
}

/// What an announcement tells besides its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announcement {
    pub name: Option<String>,
    pub version: Option<String>,
    /// `https://host:port`, where it wants TLS: an address would not pass the check of its certificate.
    pub tls_url: Option<String>,
}

/// Reads the TXT record of Home Assistant. `port`: the announced one.
pub fn announcement(property: impl Fn(&str) -> Option<String>, port: u16) -> Announcement {
    let said = |name: &str| property(name).filter(|t| !t.trim().is_empty());
    let tls_url = said("internal_url").or_else(|| said("base_url")).and_then(|url| tls(&url, port));
    Announcement { name: said("location_name").map(|t| clip(&t)), version: said("version").map(|t| clip(&t)), tls_url }
}

/// The URL in parts that can only be a host and a port: anybody in the network may announce anything.
fn tls(text: &str, port: u16) -> Option<String> {
    let url = Url::parse(text).ok().filter(|u| u.scheme() == "https" && u.port_or_known_default() == Some(port))?;
    let host = url.host_str().filter(|h| h.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c)))?;
    Some(format!("https://{host}:{port}"))
}

/// Which of several addresses an instance is best added with: one of a private network, IPv4 first, loopback last.
pub fn best(addresses: &[IpAddr]) -> Option<IpAddr> {
    addresses.iter().copied().min_by_key(|a| (!is_private(*a), a.is_loopback(), a.is_ipv6(), *a))
}

fn clip(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
}

#[cfg(test)]
#[path = "product_tests.rs"]
mod tests;
