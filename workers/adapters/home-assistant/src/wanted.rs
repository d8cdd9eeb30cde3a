//! The state a service call is to bring about, as far as services say. Pure.

mod table;

use crate::mirror::Entity;
use serde_json::{Map, Value, json};
pub use table::wanted;

/// How far numbers that went through a device may be off.
const EPSILON: f64 = 1e-6;

/// What has to be seen of one entity. Everything in it has to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// One of these; any, where empty.
    state: Vec<String>,
    /// None of these.
    not_state: Vec<String>,
    attributes: Vec<Attribute>,
    /// Something that must differ from what it was.
    moved: Option<Moved>,
}

#[derive(Debug, Clone, PartialEq)]
struct Attribute {
    name: &'static str,
    value: Value,
    tolerance: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct Moved {
    /// None: the state itself.
    attribute: Option<&'static str>,
    from: Value,
}

impl Wanted {
    fn state(state: &str) -> Self {
        Self { state: vec![state.into()], ..Self::default() }
    }
    fn one_of(states: &[&str]) -> Self {
        Self { state: states.iter().map(|s| (*s).into()).collect(), ..Self::default() }
    }
    fn none_of(states: &[&str]) -> Self {
        Self { not_state: states.iter().map(|s| (*s).into()).collect(), ..Self::default() }
    }
    fn attribute(name: &'static str, value: impl Into<Value>, tolerance: f64) -> Self {
        Self::default().and(name, value, tolerance)
    }
    fn moved(attribute: Option<&'static str>, before: &Entity) -> Self {
        let from = attribute.map_or_else(|| before.state.as_str().into(), |name| before.attribute(name).clone());
        Self { moved: Some(Moved { attribute, from }), ..Self::default() }
    }
    fn and(mut self, name: &'static str, value: impl Into<Value>, tolerance: f64) -> Self {
        self.attributes.push(Attribute { name, value: value.into(), tolerance });
        self
    }

    /// Is this it?
    pub fn holds(&self, entity: &Entity) -> bool {
        let is = |state: &String| same_text(state, &entity.state);
        (self.state.is_empty() || self.state.iter().any(is))
            && !self.not_state.iter().any(is)
            && (self.not_state.is_empty() || !matches!(entity.state.as_str(), "unavailable" | "unknown"))
            && self.attributes.iter().all(|a| same(&a.value, entity.attribute(a.name), a.tolerance))
            && self.moved.as_ref().is_none_or(|m| m.has(entity))
    }

    /// In words, to go with "wanted".
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        match self.state.as_slice() {
            [] => {}
            [one] => parts.push(one.clone()),
            many => parts.push(many.join(" or ")),
        }
        if !self.not_state.is_empty() {
            parts.push(format!("not {}", self.not_state.join(" or ")));
        }
        parts.extend(self.attributes.iter().map(|a| format!("{} {}", a.name, a.value)));
        parts.extend(self.moved.as_ref().map(Moved::describe));
        parts.join(", ")
    }

    /// State and the attributes in question, in words, to go with "observed".
    pub fn observed(&self, entity: Option<&Entity>) -> String {
        let Some(entity) = entity else { return "no such entity any more".into() };
        let attributes = self.names().map(|name| format!("{name} {}", entity.attribute(name)));
        std::iter::once(entity.state.clone()).chain(attributes).collect::<Vec<_>>().join(", ")
    }

    /// The attributes in question, for result documents.
    pub fn attributes_of(&self, entity: &Entity) -> Map<String, Value> {
        self.names().map(|name| (name.to_owned(), entity.attribute(name).clone())).collect()
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        let moved = self.moved.as_ref().and_then(|m| m.attribute);
        self.attributes.iter().map(|a| a.name).chain(moved)
    }
}

impl Moved {
    fn has(&self, entity: &Entity) -> bool {
        match self.attribute {
            Some(name) => !entity.attribute(name).is_null() && *entity.attribute(name) != self.from,
            None => self.from != entity.state.as_str() && entity.state != "unavailable",
        }
    }
    fn describe(&self) -> String {
        let what = self.attribute.unwrap_or("state");
        format!("a {what} other than {}", self.from)
    }
}

/// Numbers are written as states in more than one way.
fn same_text(wanted: &str, seen: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite());
    wanted == seen || matches!((number(wanted), number(seen)), (Some(a), Some(b)) if (a - b).abs() <= EPSILON)
}

fn same(wanted: &Value, seen: &Value, tolerance: f64) -> bool {
    match (wanted, seen) {
        (Value::Array(wanted), Value::Array(seen)) => {
            wanted.len() == seen.len() && wanted.iter().zip(seen).all(|(w, s)| same(w, s, tolerance))
        }
        (Value::Number(wanted), Value::Number(seen)) => match (wanted.as_f64(), seen.as_f64()) {
            (Some(wanted), Some(seen)) => (wanted - seen).abs() <= tolerance + EPSILON,
            _ => wanted == seen,
        },
        _ => wanted == seen,
    }
}

/// `{"entity", "state", "previous", "attributes"}`.
pub fn document(wanted: Option<&Wanted>, before: &Entity, now: &Entity) -> Value {
    let attributes = wanted.map(|w| w.attributes_of(now)).unwrap_or_default();
    json!({"entity": now.id, "state": now.state, "previous": before.state, "attributes": attributes})
}

#[cfg(test)]
mod tests;
