//! What the fields of one instance must be, whether they come from a file or from `add`.

use super::{Instance, backup};
use crate::SecretRef;
use if_manifest::{ArgumentError, FieldSpec, ProviderSpec, args::nearest};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Fields every instance has, whatever its provider.
const COMMON_FIELDS: [&str; 4] = ["enabled", "simulated", backup::FIELDS[0], backup::FIELDS[1]];

/// Why fields are no instance.
#[derive(Debug)]
pub(super) struct Wrong {
    pub what: String,
    pub hint: Option<String>,
    pub about: About,
}

/// What an error is about, so that a reader of a file can point at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// The instance as a whole: something is missing.
    Instance,
    /// The name of this field.
    Name(String),
    /// The value of this field.
    Value(String),
}

impl Wrong {
    pub(super) fn value(field: &str, what: String) -> Self {
        Self { what, hint: None, about: About::Value(field.to_string()) }
    }
}

/// All fields an instance of `spec` may have, in the order they are written.
pub(super) fn known_fields(spec: &ProviderSpec) -> impl Iterator<Item = &str> {
    spec.instance.iter().map(|f| f.name.as_str()).chain(COMMON_FIELDS)
}

/// Checks the fields given and fills in defaults.
pub(super) fn check(spec: &ProviderSpec, given: &Map<String, Value>) -> Result<Instance, Wrong> {
    let mut own = Map::new();
    let mut secrets = BTreeMap::new();
    for (name, value) in given {
        match spec.field(name) {
            Some(field) => {
                if field.secret {
                    secrets.insert(name.clone(), secret(field, value)?);
                }
                own.insert(name.clone(), value.clone());
            }
            None if COMMON_FIELDS.contains(&name.as_str()) => {}
            None => return Err(unknown(spec, name)),
        }
    }
    let enabled = flag(given, "enabled", true)?;
    let simulated = flag(given, "simulated", false)?;
    let backup = backup::of(spec, given)?;
    let settings = spec.check_instance(&own).map_err(described)?;
    Ok(Instance { enabled, simulated, backup, settings, secrets })
}

fn flag(given: &Map<String, Value>, name: &str, default: bool) -> Result<bool, Wrong> {
    match given.get(name) {
        None => Ok(default),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(Wrong::value(name, format!("{name} is {other}, expected true or false"))),
    }
}

/// Checked before the provider's description is: its error would show the value.
fn secret(field: &FieldSpec, value: &Value) -> Result<SecretRef, Wrong> {
    let Value::String(text) = value else {
        let what = format!("{} is not text", field.name);
        return Err(Wrong { hint: Some("write it between quotes".into()), ..Wrong::value(&field.name, what) });
    };
    SecretRef::parse(text).map_err(|e| Wrong::value(&field.name, format!("{}: {e}", field.name)))
}

fn unknown(spec: &ProviderSpec, name: &str) -> Wrong {
    let hint = match nearest(name, known_fields(spec)) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("use {}", known_fields(spec).collect::<Vec<_>>().join(", ")),
    };
    let what = format!("unknown key {name:?}, no field of {} instances", spec.id);
    Wrong { what, hint: Some(hint), about: About::Name(name.to_string()) }
}

fn described(e: ArgumentError) -> Wrong {
    let what = e.to_string();
    match e {
        ArgumentError::Missing { name, .. } => {
            Wrong { what, hint: Some(format!("give it a line `{name}: …`")), about: About::Instance }
        }
        ArgumentError::Unknown { name, .. } => Wrong { what, hint: None, about: About::Name(name) },
        ArgumentError::Type { name, .. } => Wrong::value(&name, what),
    }
}
