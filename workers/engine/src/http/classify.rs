//! What an answer means: the rules of the manifest, the first that fits counts.

use super::{
    context::Scope,
    extract,
    failure::shortened,
    request::text_of,
    response::{Answer, is_success},
};
use if_manifest::{
    plan::{ErrorRule, Plan},
    raw::Outcome,
};
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    /// The provider may have done the work all the same.
    pub may_have_acted: bool,
    pub code: String,
    /// The provider's own words, or what it answered.
    pub message: String,
    pub hint: Option<String>,
}

pub fn classify(plan: &Plan, rules: &[Arc<ErrorRule>], answer: &Answer, scope: &Scope) -> Verdict {
    let empty = Value::Null;
    let document = answer.document.as_ref().unwrap_or(&empty);
    let rule = rules.iter().find(|rule| fits(rule, answer, document));
    let outcome = rule.map_or_else(|| by_status(answer.status), |r| r.outcome);
    let may_have_acted = match outcome {
        Outcome::Succeeded | Outcome::Indeterminate => true,
        // A server that failed may have done the work before it did, unless its own rules say otherwise.
        Outcome::Retry => rule.is_none_or(|r| r.built_in),
        Outcome::Failed | Outcome::RateLimited | Outcome::AuthFailed | Outcome::NotFound => false,
    };
    let words = rule.and_then(|r| r.message.as_ref()).and_then(|m| extract::value(plan, m, document, scope));
    let words = words.map(|w| text_of(&w)).unwrap_or_else(|| said(document));
    let name = &plan.spec.display_name;
    let message = match words.trim() {
        "" => format!("{name} answered {}", answer.status),
        words => format!("{name} answered {}: {}", answer.status, shortened(words)),
    };
    let code = rule.and_then(|r| r.code.clone()).unwrap_or_else(|| code_of(outcome).into());
    Verdict { outcome, may_have_acted, code, message, hint: rule.and_then(|r| r.hint.clone()) }
}

/// The failure code of an outcome where no rule names another.
pub fn code_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "provider_error",
        Outcome::Retry => "unavailable",
        Outcome::RateLimited => "rate_limited",
        Outcome::AuthFailed => "authentication_failure",
        Outcome::NotFound => "not_found",
        Outcome::Indeterminate => "indeterminate",
    }
}

fn fits(rule: &ErrorRule, answer: &Answer, document: &Value) -> bool {
    if !rule.status.is_empty() && !rule.status.iter().any(|(low, high)| (*low..=*high).contains(&answer.status)) {
        return false;
    }
    let Some(path) = &rule.path else {
        return rule.matches.as_ref().is_none_or(|m| m.is_match(&answer.text));
    };
    let found: Vec<&Value> = path.query(document).all();
    let meant = |v: &&Value| !v.is_null() && **v != Value::Bool(false);
    match (rule.equals.as_slice(), &rule.matches) {
        ([], None) => found.iter().any(meant),
        (equals, matches) => found.iter().any(|v| {
            (equals.is_empty() || equals.contains(v)) && matches.as_ref().is_none_or(|m| m.is_match(&text_of(v)))
        }),
    }
}

/// Where no rule fits. A server error says nothing of what was done.
fn by_status(status: u16) -> Outcome {
    match status {
        _ if is_success(status) => Outcome::Succeeded,
        401 | 403 => Outcome::AuthFailed,
        404 => Outcome::NotFound,
        429 => Outcome::RateLimited,
        400..=499 => Outcome::Failed,
        _ => Outcome::Indeterminate,
    }
}

/// Where providers commonly put their words.
fn said(document: &Value) -> String {
    let places = ["/error/message", "/message", "/error_description", "/error", "/detail", "/description"];
    let found = places.iter().find_map(|p| document.pointer(p)?.as_str());
    found.or(document.as_str()).unwrap_or_default().to_string()
}
