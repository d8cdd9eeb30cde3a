//! A key in the query of the URL.

use super::{AuthError, scope::Scope};
use crate::Secret;
use if_manifest::plan::Template;
use reqwest::Url;

pub(super) struct Query {
    name: String,
    value: Secret,
}

impl Query {
    pub fn new(scope: &Scope, name: &str, value: &Template) -> Result<Self, AuthError> {
        Ok(Self { name: name.into(), value: scope.needed(name, value)? })
    }

    /// Once, however often it is applied. What else the query holds keeps its bytes.
    pub fn apply(&self, url: &mut Url) {
        let is_ours = |pair: &&str| {
            form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(name, _)| name == self.name.as_str())
        };
        let old = url.query().unwrap_or_default();
        let mut query: String = old.split('&').filter(|p| !p.is_empty() && !is_ours(p)).collect::<Vec<_>>().join("&");
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(form_urlencoded::byte_serialize(self.name.as_bytes()));
        query.push('=');
        query.extend(form_urlencoded::byte_serialize(self.value.expose().as_bytes()));
        url.set_query(Some(&query));
    }
}
