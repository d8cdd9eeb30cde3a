//! What the templates of one instance see, and keeping that out of messages.

use super::AuthError;
use crate::{Secret, hosts};
use if_manifest::plan::{Context, Plan, Template, context_of};
use reqwest::{Url, header::HeaderValue};
use serde_json::Value;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longest text of a server that is repeated in a message, characters; a secret taken out counts as one.
const SAID_MAX_CHARS: usize = 300;

/// A plan and the settings and secrets of one instance.
#[derive(Clone)]
pub(super) struct Scope {
    pub plan: Arc<Plan>,
    pub context: Context,
}

impl Scope {
    /// The same with one name more.
    pub fn with(&self, name: &str, value: Value) -> Self {
        let mut all: Vec<(Context, Context)> = Vec::new();
        if let Ok(keys) = self.context.try_iter() {
            all.extend(keys.filter_map(|key| self.context.get_item(&key).ok().map(|value| (key, value))));
        }
        all.push((Context::from(name), context_of(value)));
        Self { plan: self.plan.clone(), context: Context::from_pairs(all) }
    }

    pub fn text(&self, template: &Template) -> Result<Secret, AuthError> {
        Ok(Secret::new(self.plan.templates.text(template, &self.context)?))
    }

    /// As [`Self::text`]; an empty one is refused. `what` names it in the message.
    pub fn needed(&self, what: &str, template: &Template) -> Result<Secret, AuthError> {
        let text = self.text(template)?;
        if text.expose().is_empty() {
            return Err(AuthError::Settings(format!("{what} of {} is empty", self.plan.spec.id)));
        }
        Ok(text)
    }

    /// None where there is no template, or its setting was not given.
    pub fn optional(&self, template: Option<&Template>) -> Result<Option<Secret>, AuthError> {
        let Some(template) = template else { return Ok(None) };
        Ok(match self.plan.templates.value(template, &self.context)? {
            Value::Null => None,
            Value::String(text) => Some(Secret::new(text)).filter(|t| !t.expose().is_empty()),
            other => Some(Secret::new(other.to_string())),
        })
    }

    /// A URL that this instance may ask.
    pub fn url(&self, what: &str, template: &Template) -> Result<Url, AuthError> {
        let text = self.needed(what, template)?;
        let url = Url::parse(text.expose())
            .map_err(|e| AuthError::Settings(format!("{what} of {} is no URL: {e}", self.plan.spec.id)))?;
        hosts::allowed(&self.plan, &self.context, &url)?;
        Ok(url)
    }

    /// What a server said, in one line, without the instance's secrets and without `more`.
    pub fn clean(&self, said: &str, more: &[&str]) -> String {
        let secrets = self.secrets();
        let mut forms: Vec<Zeroizing<String>> = Vec::new();
        for secret in secrets.iter().map(Secret::expose).chain(more.iter().copied()).filter(|s| !s.is_empty()) {
            forms.push(Zeroizing::new(secret.into()));
            forms.push(Zeroizing::new(form_urlencoded::byte_serialize(secret.as_bytes()).collect()));
        }
        // Longest first: one may begin another.
        forms.sort_by_key(|f| std::cmp::Reverse(f.len()));
        let (mut line, mut chars) = (String::new(), 0);
        let mut rest = said;
        while let Some(first) = rest.chars().next() {
            if chars >= SAID_MAX_CHARS {
                line.push('…');
                break;
            }
            let found = forms.iter().find(|f| rest.starts_with(f.as_str()));
            match found {
                Some(_) => line.push_str("[secret]"),
                None => line.push(if first.is_control() { ' ' } else { first }),
            }
            rest = &rest[found.map_or(first.len_utf8(), |f| f.len())..];
            chars += 1;
        }
        line
    }

    fn secrets(&self) -> Vec<Secret> {
        let secrets = self.context.get_attr("secret").unwrap_or_default();
        let Ok(keys) = secrets.try_iter() else { return Vec::new() };
        keys.filter_map(|k| Some(Secret::new(secrets.get_item(&k).ok()?.as_str()?.to_string()))).collect()
    }
}

/// A header value that is never shown. `what` names it in the message.
pub(super) fn header_value(what: &str, text: &str) -> Result<HeaderValue, AuthError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| AuthError::Settings(format!("{what} holds characters that a header cannot carry")))?;
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, AuthError> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()));
    header_value("the token", &text)
}
