//! One instance that was found, and how it is added.

use crate::product::{Announcement, Identity, Product, best};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Port of vMix's XML state, which no greeting tells.
pub const VMIX_WEB_PORT: u16 = 8_088;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub provider: Product,
    /// The one to add it with.
    pub address: IpAddr,
    pub port: u16,
    /// Other addresses it has, as far as it says.
    pub addresses: Vec<IpAddr>,
    /// What it calls itself.
    pub name: Option<String>,
    pub version: Option<String>,
    /// Its address with TLS, where it wants that.
    pub tls_url: Option<String>,
    /// It announces itself.
    pub announced: bool,
    /// It was asked, and said who it is. False: nothing but an announcement, which anybody can make.
    pub confirmed: bool,
    /// Whether it wants a password, where it says.
    pub password: Option<bool>,
    /// What stands in the way of operating it.
    pub note: Option<String>,
}

impl Found {
    pub fn asked(provider: Product, address: IpAddr, port: u16, identity: Identity) -> Self {
        Self {
            provider,
            address,
            port,
            addresses: vec![address],
            name: None,
            version: identity.version,
            tls_url: None,
            announced: false,
            confirmed: true,
            password: identity.password,
            note: identity.note,
        }
    }

    /// `None` without an address.
    pub fn announced(provider: Product, mut addresses: Vec<IpAddr>, port: u16, told: Announcement) -> Option<Self> {
        addresses.sort_unstable();
        addresses.dedup();
        Some(Self {
            provider,
            address: best(&addresses)?,
            port,
            addresses,
            name: told.name,
            version: told.version,
            tls_url: told.tls_url,
            announced: true,
            confirmed: false,
            password: None,
            note: None,
        })
    }

    /// What `add` takes for it: names of settings and their values. Secrets are references to fill.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let host = ("host", self.address.to_string());
        let is_usual = self.port == self.provider.port();
        let mut settings = match (self.provider, &self.tls_url) {
            (_, Some(url)) => vec![("url", url.clone())],
            (Product::Vmix, _) if !is_usual => vec![host, ("tcp-port", self.port.to_string())],
            (_, None) if !is_usual => vec![host, ("port", self.port.to_string())],
            (_, None) => vec![host],
        };
        match self.provider {
            Product::Obs if self.password != Some(false) => settings.push(("password", "env:OBS_PASSWORD".into())),
            Product::Ha => settings.push(("token", "env:HA_TOKEN".into())),
            Product::Obs | Product::Vmix => {}
        }
        settings
    }

    /// A name for it that is not taken: what it calls itself where that makes a name, else `my` and the provider.
    pub fn suggested_name(&self, is_taken: impl Fn(&str) -> bool) -> String {
        let base = self.name.as_deref().and_then(slug).unwrap_or_else(|| format!("my{}", self.provider.id()));
        let mut name = base.clone();
        let mut number = 2_usize;
        while is_taken(&name) {
            name = format!("{base}{number}");
            number += 1;
        }
        name
    }

    /// Is it reached at this host and port? `host`: an address, or a name without meaning here.
    pub fn is_at(&self, host: &str, port: u16) -> bool {
        let is_tls_host = || self.tls_url.as_deref() == Some(format!("https://{host}:{port}").as_str());
        let is_address = |a: IpAddr| self.address == a || self.addresses.contains(&a);
        port == self.port && (host.parse::<IpAddr>().is_ok_and(is_address) || is_tls_host())
    }

    /// It was asked, and is what it announced.
    #[cfg(feature = "probe")]
    pub(crate) fn confirm(&mut self, identity: Identity) {
        self.confirmed = true;
        self.version = identity.version.or(self.version.take());
        self.password = identity.password;
        self.note = identity.note;
    }

    /// Takes over what another look at the same instance showed.
    fn join(&mut self, other: Found) {
        let known = [std::mem::take(&mut self.addresses), other.addresses].concat();
        self.addresses = known;
        self.addresses.sort_unstable();
        self.addresses.dedup();
        // The address that answered is the one that works from here.
        if other.confirmed && !self.confirmed {
            self.address = other.address;
        }
        self.name = self.name.take().or(other.name);
        self.version =
            if other.confirmed { other.version.or(self.version.take()) } else { self.version.take().or(other.version) };
        self.tls_url = self.tls_url.take().or(other.tls_url);
        self.announced |= other.announced;
        self.confirmed |= other.confirmed;
        self.password = self.password.or(other.password);
        self.note = self.note.take().or(other.note);
    }
}

/// Each instance once, in the order of product and address.
pub fn merged(all: impl IntoIterator<Item = Found>) -> Vec<Found> {
    let mut merged: Vec<Found> = Vec::new();
    for found in all {
        let is_same = |m: &&mut Found| {
            m.provider == found.provider
                && m.port == found.port
                && m.addresses.iter().any(|a| found.addresses.contains(a))
        };
        match merged.iter_mut().find(is_same) {
            Some(known) => known.join(found),
            None => merged.push(found),
        }
    }
    merged.sort_by_key(|f| (f.provider, f.address, f.port));
    merged
}

/// What is asked about vMix's web interface, whose port the greeting does not tell.
#[cfg(feature = "probe")]
pub(crate) fn vmix_web_note(answers: bool, port: u16) -> Option<String> {
    let text = format!("its web interface does not answer on port {port}: see Settings > Web Controller there");
    (!answers).then_some(text)
}

/// `Studio Zürich 2` → `studio-z-rich-2`.
fn slug(text: &str) -> Option<String> {
    const LENGTH_MAX: usize = 32;
    let mut slug = String::new();
    for c in text.chars().take(LENGTH_MAX) {
        match c.is_ascii_alphanumeric() {
            true => slug.push(c.to_ascii_lowercase()),
            false if slug.is_empty() || slug.ends_with('-') => {}
            false => slug.push('-'),
        }
    }
    let slug = slug.trim_end_matches('-');
    slug.chars().any(|c| c.is_ascii_alphabetic()).then(|| slug.to_string())
}

#[cfg(test)]
#[path = "found_tests.rs"]
mod tests;
