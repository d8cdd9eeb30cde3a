//! What is known of an instance's state, from reports that were checked.

use if_schemas::{
    Timestamp,
    state::{ABOUT, StateReport, segment_name},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// A value and when it was reported.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub value: Value,
    pub at: Timestamp,
    sequence: u64,
    /// Seen in the present reading.
    seen: bool,
}

/// One difference worth showing.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub path: String,
    pub value: Option<Value>,
    pub at: Timestamp,
}

#[derive(Debug, Default)]
pub struct Board {
    /// Show only this path and what is below it.
    below: Option<String>,
    known: BTreeMap<String, Known>,
    about: Option<(u64, Value)>,
}

impl Board {
    pub fn new(below: Option<String>) -> Self {
        Self { below: below.map(|b| b.trim_end_matches('.').to_string()), ..Self::default() }
    }

    /// A whole reading begins.
    pub fn begin(&mut self) {
        self.known.values_mut().for_each(|known| known.seen = false);
    }

    /// A whole reading has ended: what did not come is not there.
    pub fn end(&mut self) {
        self.known.retain(|_, known| known.seen);
    }

    /// Takes in a report, unless a newer one was there; gives what there is to show.
    pub fn take(&mut self, report: StateReport) -> Option<Change> {
        let StateReport { path, at, sequence, value, .. } = report;
        if path == ABOUT {
            let newer = self.about.as_ref().is_none_or(|(known, _)| sequence >= *known);
            if newer {
                self.about = Some((sequence, value.unwrap_or(Value::Null)));
            }
            return None;
        }
        if !self.shows(&path) {
            return None;
        }
        if let Some(known) = self.known.get_mut(&path) {
            known.seen = true;
            if known.sequence >= sequence {
                return None;
            }
        }
        let before = match &value {
            Some(value) => self.known.insert(path.clone(), Known { value: value.clone(), at, sequence, seen: true }),
            None => self.known.remove(&path),
        };
        (before.map(|known| known.value) != value).then_some(Change { path, value, at })
    }

    fn shows(&self, path: &str) -> bool {
        let Some(below) = &self.below else { return true };
        path.strip_prefix(below.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    pub fn all(&self) -> impl Iterator<Item = (&String, &Known)> {
        self.known.iter()
    }

    pub fn values(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.known.iter().map(|(path, known)| (path, &known.value))
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The worker says that the values are those of now.
    pub fn is_fresh(&self) -> bool {
        self.flag("fresh")
    }

    pub fn is_truncated(&self) -> bool {
        self.flag("truncated")
    }

    fn flag(&self, name: &str) -> bool {
        self.about.as_ref().and_then(|(_, about)| about.get(name)).and_then(Value::as_bool).unwrap_or(false)
    }
}

/// A path for people: names as they are, quoted where they are more than one word of plain letters.
pub fn readable(path: &str) -> String {
    let part = |part: &str| match segment_name(part) {
        Some(name) if name != part => format!("{name:?}"),
        _ => part.to_string(),
    };
    path.split('.').map(part).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests;
