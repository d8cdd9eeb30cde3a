//! What answers mean.

use super::{Compiler, Scope};
use crate::{
    plan::ErrorRule,
    raw::{self, Outcome, StatusPattern},
};
use std::ops::RangeInclusive;

/// Status codes of HTTP.
const CODES: RangeInclusive<u16> = 100..=599;

/// What every provider's answers mean where its own rules say nothing.
const BUILT_IN: [(&[(u16, u16)], Outcome); 5] = [
    (&[(401, 401), (403, 403)], Outcome::AuthFailed),
    (&[(404, 404)], Outcome::NotFound),
    (&[(429, 429)], Outcome::RateLimited),
    (&[(408, 408), (425, 425), (500, 599)], Outcome::Retry),
    (&[(400, 499)], Outcome::Failed),
];

pub fn built_in() -> impl Iterator<Item = ErrorRule> {
    BUILT_IN.iter().map(|(status, outcome)| ErrorRule {
        status: status.to_vec(),
        path: None,
        equals: Vec::new(),
        matches: None,
        outcome: *outcome,
        message: None,
        code: None,
        hint: None,
        built_in: true,
    })
}

impl<'a> Compiler<'a> {
    pub fn rules(&mut self, rules: &'a [raw::ErrorRule], scope: Scope) -> Option<Vec<ErrorRule>> {
        let all: Vec<_> = rules.iter().enumerate().map(|(i, r)| self.at(i, |c| c.rule(r, scope))).collect();
        all.into_iter().collect()
    }

    fn rule(&mut self, raw: &'a raw::ErrorRule, scope: Scope) -> Option<ErrorRule> {
        if raw.status.is_empty() && raw.path.is_none() && raw.matches.is_none() {
            self.wrong("the rule fits every answer", "give status, path or matches");
        }
        if !raw.equals.is_empty() && raw.path.is_none() {
            self.at("equals", |c| c.wrong("equals needs a path", "say where the value is"));
        }
        if let Some((i, _)) = raw.equals.iter().enumerate().find(|(_, v)| v.is_object() || v.is_array()) {
            self.at("equals", |c| c.at(i, |c| c.wrong("only single values can be compared", "use matches")));
        }
        if let Some(code) = &raw.code {
            self.at("code", |c| c.failure_code(code));
        }
        let status = self.at("status", |c| c.status(&raw.status));
        let path = self.optional_path("path", raw.path.as_ref());
        let matches = match &raw.matches {
            None => Some(None),
            Some(source) => self.at("matches", |c| c.regex(source)).map(Some),
        };
        let message = self.optional_extract("message", raw.message.as_ref(), scope);
        Some(ErrorRule {
            status: status?,
            path: path?,
            equals: raw.equals.clone(),
            matches: matches?,
            outcome: raw.outcome,
            message: message?,
            code: raw.code.clone(),
            hint: raw.hint.clone(),
            built_in: false,
        })
    }

    fn failure_code(&mut self, code: &str) {
        let word = code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !word || !code.starts_with(|c: char| c.is_ascii_lowercase()) {
            self.wrong(format!("code is {code:?}"), "use snake_case, like card_declined");
        }
    }

    fn status(&mut self, patterns: &'a [StatusPattern]) -> Option<Vec<(u16, u16)>> {
        let range = |(i, pattern): (usize, &'a StatusPattern)| {
            let range = match pattern {
                StatusPattern::Code(code) => Some((*code, *code)),
                StatusPattern::Class(text) => class(text),
            };
            let good = range.filter(|(from, to)| from <= to && CODES.contains(from) && CODES.contains(to));
            if good.is_none() {
                self.at(i, |c| c.wrong("no status code", "use 429, 4xx or 500-599, from 100 to 599"));
            }
            good
        };
        let all: Vec<_> = patterns.iter().enumerate().map(range).collect();
        all.into_iter().collect()
    }
}

/// `4xx`, `500-599` or `429`.
fn class(text: &str) -> Option<(u16, u16)> {
    if let Some(hundreds) = text.strip_suffix("xx") {
        let n = hundreds.parse::<u16>().ok().filter(|n| (1..=5).contains(n))?;
        return Some((n * 100, n * 100 + 99));
    }
    match text.split_once('-') {
        Some((from, to)) => Some((from.trim().parse().ok()?, to.trim().parse().ok()?)),
        None => text.parse().ok().map(|n| (n, n)),
    }
}
