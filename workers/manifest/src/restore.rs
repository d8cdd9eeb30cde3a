//! How what an operation changes is brought back to what it was: which values of live state are recorded before it, and
//! which operation brings which of them back. Only what an adapter publishes can be recorded.

use if_schemas::{
    state::segment,
    watch::{Compare, Test},
};
use serde::Serialize;
use serde_json::{Map, Value};

/// What is recorded before an operation, and the ways back to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RestoreSpec {
    /// Path templates: recorded before, seen to be so again afterwards. See [`path`].
    pub record: Vec<String>,
    /// Arguments with which more is changed than is recorded: where one of them is given there is no way back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<String>,
    /// The first whose conditions hold on what was recorded is taken.
    pub ways: Vec<WaySpec>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaySpec {
    pub when: Vec<Seen>,
    /// An operation of the same provider.
    pub operation: String,
    /// By the name of the parameter.
    pub args: Vec<(String, BackArg)>,
}

/// A recorded value, and what it must be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    pub path: String,
    pub test: Test,
}

/// Where an argument of the way back comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackArg {
    Value(Value),
    /// The argument of the same name.
    Same,
    /// The recorded value of a path.
    Recorded(String),
}

impl RestoreSpec {
    pub fn of(record: &[&str]) -> Self {
        Self { record: texts(record), unless: Vec::new(), ways: Vec::new() }
    }
    #[must_use]
    pub fn unless(mut self, args: &[&str]) -> Self {
        self.unless = texts(args);
        self
    }
    #[must_use]
    pub fn way(mut self, when: &[Seen], operation: &str, args: &[(&str, BackArg)]) -> Self {
        let args = args.iter().map(|(name, arg)| ((*name).to_string(), arg.clone())).collect();
        self.ways.push(WaySpec { when: when.to_vec(), operation: operation.into(), args });
        self
    }
    /// Of something that is on or off: `true` is brought back by `on`, `false` by `off`, with the same arguments.
    pub fn switch(path: &str, on: &str, off: &str, same: &[&str]) -> Self {
        let args: Vec<(&str, BackArg)> = same.iter().map(|name| (*name, BackArg::Same)).collect();
        Self::of(&[path]).way(&[is(path, true)], on, &args).way(&[is(path, false)], off, &args)
    }
    /// Of something that has a value: brought back by giving `operation` what was recorded.
    pub fn value(path: &str, operation: &str, param: &str, same: &[&str]) -> Self {
        let mut args: Vec<(&str, BackArg)> = same.iter().map(|name| (*name, BackArg::Same)).collect();
        args.push((param, recorded(path)));
        Self::of(&[path]).way(&[known(path)], operation, &args)
    }

    /// Can what these arguments change be brought back this way?
    pub fn fits(&self, args: &Map<String, Value>) -> bool {
        !self.unless.iter().any(|name| args.contains_key(name)) && self.record.iter().all(|p| path(p, args).is_some())
    }
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_string()).collect()
}

/// The value was exactly this.
pub fn is(path: &str, value: impl Into<Value>) -> Seen {
    Seen { path: path.into(), test: Test { compare: Compare::Is, value: value.into() } }
}

/// The value was something else.
pub fn is_not(path: &str, value: impl Into<Value>) -> Seen {
    Seen { path: path.into(), test: Test { compare: Compare::IsNot, value: value.into() } }
}

/// There was a value.
pub fn known(path: &str) -> Seen {
    is_not(path, Value::Null)
}

pub fn recorded(path: &str) -> BackArg {
    BackArg::Recorded(path.into())
}

/// The path a template means for these arguments: `{entity}` is the argument as one part of a path, `{input#}` the same
/// where it is a whole number. None where an argument is not there, or is a name where a number is wanted.
pub fn path(template: &str, args: &Map<String, Value>) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        out.push_str(before);
        let part = match name.strip_suffix('#') {
            Some(number) => args.get(number)?.as_u64()?.to_string(),
            None => match args.get(name)? {
                Value::String(text) => segment(text),
                other => segment(&other.to_string()),
            },
        };
        out.push_str(&part);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
#[path = "restore_tests.rs"]
mod tests;
