//! Changing `triggers.yaml` without disturbing what people wrote in it.

use super::{Run, TOP, Trigger};
use crate::{HomeError, Place, entries};
use if_schemas::Name;
use serde_json::{Map, Value, json};
use std::{path::Path, time::Duration};

/// Adds a rule; refuses a name that exists. What is not written has its default.
pub fn add(path: &Path, name: &Name, trigger: &Trigger) -> Result<(), HomeError> {
    let fields = fields(trigger);
    entries::edit(path, TOP, |file, before| {
        if before.names().any(|n| n == name.as_str()) {
            return Err(HomeError::invalid(Place::file(file), format!("trigger {name} exists already"))
                .or_hint(format!("choose another name, or `ifctl trigger remove {name}` first")));
        }
        before.with(name, &fields)
    })
}

/// Removes a rule; names the nearest if there is none.
pub fn remove(path: &Path, name: &Name) -> Result<(), HomeError> {
    entries::remove(path, TOP, "trigger", name)
}

/// Writes `enabled` of a rule. The file counts as changed even if the rule said so before: that starts it anew.
pub fn set_enabled(path: &Path, name: &Name, enabled: bool) -> Result<(), HomeError> {
    entries::edit(path, TOP, |file, before| {
        let Some(value) = before.value(name) else {
            return Err(entries::missing(file, TOP, "trigger", name, before.names()));
        };
        let mut fields: Vec<(String, Value)> =
            value.as_object().cloned().unwrap_or_default().into_iter().filter(|(key, _)| key != "enabled").collect();
        fields.push(("enabled".into(), enabled.into()));
        before.replacing(name, &fields)
    })
}

fn fields(trigger: &Trigger) -> Vec<(String, Value)> {
    let Trigger { on, conditions, debounce, cooldown, run, deadline, enabled } = trigger;
    let mut fields: Vec<(String, Value)> = vec![("on".into(), on.to_string().into())];
    if !conditions.is_empty() {
        fields.push(("if".into(), conditions.iter().map(ToString::to_string).collect()));
    }
    fields.push(("run".into(), Value::Object(what(run))));
    for (key, value, default) in [
        ("debounce", debounce, Duration::ZERO),
        ("cooldown", cooldown, Duration::ZERO),
        ("deadline", deadline, run.deadline()),
    ] {
        if *value != default {
            fields.push((key.into(), json!(text(*value))));
        }
    }
    if !enabled {
        fields.push(("enabled".into(), false.into()));
    }
    fields
}

fn what(run: &Run) -> Map<String, Value> {
    let mut what = Map::new();
    match run {
        Run::Command(call) => {
            what.insert("operation".into(), call.operation.as_str().into());
            what.insert("instance".into(), call.target.to_string().into());
            if !call.args.is_empty() {
                what.insert("args".into(), Value::Object(call.args.clone()));
            }
        }
        Run::Profile(profile) => {
            what.insert("profile".into(), profile.name.as_str().into());
            if !profile.set.is_empty() {
                what.insert("set".into(), profile.set.iter().map(|(k, v)| (k.clone(), json!(v))).collect());
            }
        }
    }
    what
}

/// A duration as it is written: `200ms`, `5s`, `1500us`.
fn text(duration: Duration) -> String {
    let us = duration.as_micros();
    match us {
        us if us.is_multiple_of(1_000_000) => format!("{}s", us / 1_000_000),
        us if us.is_multiple_of(1_000) => format!("{}ms", us / 1_000),
        us => format!("{us}us"),
    }
}
