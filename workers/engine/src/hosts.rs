//! Where requests may go: the hosts a provider names, and those of the instance's own settings. Redirects, token
//! endpoints and logins are held to the same rule.

use if_manifest::plan::{Context, Plan};
use reqwest::Url;
use std::net::IpAddr;

/// Why a URL is not requested. Holds its host and never the rest of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error("{host} is not a host that provider {provider} may talk to")]
    NotAllowed { provider: String, host: String },
    #[error("{host} would be asked without TLS, which only loopback and private addresses may be; use https")]
    NoTls { host: String },
    #[error("{scheme}: is not asked over HTTP")]
    Scheme { scheme: String },
    #[error("a URL for {host} holds a user name or password; give them as settings")]
    Credentials { host: String },
}

/// May `url` be requested for an instance? `context` holds its settings under `instance`, as templates see them.
pub fn allowed(plan: &Plan, context: &Context, url: &Url) -> Result<(), HostError> {
    let scheme = || HostError::Scheme { scheme: url.scheme().into() };
    let host = url.host_str().ok_or_else(scheme)?;
    match url.scheme() {
        "https" => {}
        "http" if is_private(host) => {}
        "http" => return Err(HostError::NoTls { host: host.into() }),
        _ => return Err(scheme()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(HostError::Credentials { host: host.into() });
    }
    if plan.allowed_hosts.iter().any(|p| p.matches(host)) || of_settings(plan, context).any(|h| h == host) {
        return Ok(());
    }
    Err(HostError::NotAllowed { provider: plan.spec.id.to_string(), host: host.into() })
}

/// Is `host` (as a URL holds it) this machine or an address of a private network? A name other than `localhost` is
/// neither: what it leads to is known only once it is looked up.
pub fn is_private(host: &str) -> bool {
    if host == "localhost" {
        return true;
    }
    let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    match literal.parse::<IpAddr>().map(|a| a.to_canonical()) {
        Ok(IpAddr::V4(a)) => a.is_loopback() || a.is_private(),
        Ok(IpAddr::V6(a)) => a.is_loopback() || a.is_unique_local(),
        Err(_) => false,
    }
}

fn of_settings(plan: &Plan, context: &Context) -> impl Iterator<Item = String> {
    let instance = context.get_attr("instance").unwrap_or_default();
    plan.host_fields.iter().filter_map(move |field| {
        let value = instance.get_attr(field).ok()?;
        Url::parse(value.as_str()?).ok()?.host_str().map(String::from)
    })
}
