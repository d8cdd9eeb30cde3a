//! What the templates of one instance see, and keeping that out of messages.

use super::AuthError;
use crate::{Secret, hosts};
use if_manifest::plan::{Context, Plan, Template, context_of};
use reqwest::{Url, header::HeaderValue};
use serde_json::Value;
use std::sync::Arc;

/// Longest text of a server that is repeated in a message, characters.
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
        let mut said = said.to_string();
        for secret in self.secrets().iter().map(Secret::expose).chain(more.iter().copied()) {
            for form in [secret.to_string(), form_urlencoded::byte_serialize(secret.as_bytes()).collect()] {
                if !form.is_empty() {
                    said = said.replace(&form, "[secret]");
                }
            }
        }
        let line: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match line.char_indices().nth(SAID_MAX_CHARS) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }

    /// Longest first: one may be part of another.
    fn secrets(&self) -> Vec<Secret> {
        let secrets = self.context.get_attr("secret").unwrap_or_default();
        let mut all: Vec<Secret> = Vec::new();
        if let Ok(keys) = secrets.try_iter() {
            all.extend(keys.filter_map(|k| Some(Secret::new(secrets.get_item(&k).ok()?.as_str()?.to_string()))));
        }
        all.sort_by_key(|s| std::cmp::Reverse(s.expose().len()));
        all
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
    let text = zeroize::Zeroizing::new(format!("Bearer {}", token.expose()));
    header_value("the token", &text)
}
