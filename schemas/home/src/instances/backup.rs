//! `backup` and `mode`: the instance that stands in for another one of the same file.

use super::{
    Instance,
    check::{About, Wrong},
    load::Each,
};
use if_manifest::{ProviderSpec, args::nearest};
use if_schemas::{Name, RouteMode};
use serde_json::{Map, Value};
use std::fmt;

/// The fields of every instance that this is about.
pub(super) const FIELDS: [&str; 2] = ["backup", "mode"];

/// The stand-in of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Of the same provider.
    pub instance: Name,
    pub mode: RouteMode,
}

impl fmt::Display for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.instance, self.mode.as_str())
    }
}

/// What the fields of one instance say, without a look at the others.
pub(super) fn of(spec: &ProviderSpec, given: &Map<String, Value>) -> Result<Option<Backup>, Wrong> {
    let mode = match given.get("mode") {
        None => RouteMode::default(),
        Some(value) => {
            mode(value).ok_or_else(|| Wrong::value("mode", format!("mode is {value}, expected failover or mirror")))?
        }
    };
    let Some(backup) = given.get("backup") else {
        if given.contains_key("mode") {
            let what = "mode without a backup means nothing".to_string();
            let hint = Some("add `backup: NAME`, or remove the line".to_string());
            return Err(Wrong { what, hint, about: About::Name("mode".into()) });
        }
        return Ok(None);
    };
    let name = backup.as_str().and_then(|text| text.parse().ok());
    let instance =
        name.ok_or_else(|| Wrong::value("backup", format!("backup is {backup}, expected the name of an instance")))?;
    if mode == RouteMode::Mirror
        && let Some(paid) = spec.operations.iter().find(|o| o.price.is_some())
    {
        let what =
            format!("mode is mirror, but operations of {} cost money ({}) and would cost twice", spec.id, paid.id);
        return Err(Wrong { hint: Some("use `mode: failover`".into()), ..Wrong::value("mode", what) });
    }
    Ok(Some(Backup { instance, mode }))
}

fn mode(value: &Value) -> Option<RouteMode> {
    let text = value.as_str()?;
    RouteMode::ALL.into_iter().find(|m| m.as_str() == text)
}

/// Is the backup of `name` one that can be? An instance whose own entry is wrong counts as one: that entry has an error
/// of its own, which does not take the main instance down with it.
pub(super) fn check(name: &Name, instance: &Instance, each: &Each) -> Result<(), Wrong> {
    let Some(Backup { instance: backup, .. }) = &instance.backup else { return Ok(()) };
    let wrong = |what: String, hint: &str| Err(Wrong { hint: Some(hint.into()), ..Wrong::value("backup", what) });
    if backup == name {
        return wrong("it names itself as its backup".into(), "name another instance");
    }
    match each.get(backup) {
        None => {
            let others = || each.keys().filter(|n| *n != name).map(Name::as_str);
            let hint = match nearest(backup.as_str(), others()) {
                Some(near) => format!("did you mean {near}?"),
                None if others().next().is_none() => format!("add {backup} to the file first"),
                None => format!("there are: {}", others().collect::<Vec<_>>().join(", ")),
            };
            wrong(format!("its backup {backup} is no instance of this file"), &hint)
        }
        Some(Ok(other)) if !other.enabled => {
            wrong(format!("its backup {backup} is disabled"), "set `enabled: true` there, or remove `backup` here")
        }
        Some(Ok(Instance { backup: Some(next), .. })) => wrong(
            format!("its backup {backup} has a backup itself, {}", next.instance),
            "an instance with a backup cannot be one; remove one of the two",
        ),
        Some(_) => Ok(()),
    }
}
