//! What `${…}` stands for in one step.

use crate::{
    problem::Fault,
    text::{Part, Ref, Text},
};
use if_manifest::args::nearest;
use serde_json::Value;
use std::{collections::BTreeMap, rc::Rc};

/// Names that are not of variables.
pub(crate) const ITEM: &str = "item";
pub(crate) const INDEX: &str = "index";

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bound {
    pub value: Value,
    /// A reference to a secret: it may go nowhere but into a parameter that is a file.
    pub secret: bool,
}

/// The variables of one use of a profile.
pub(crate) type Vars = BTreeMap<String, Bound>;

#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub vars: Rc<Vars>,
    /// Of a `for_each`.
    pub item: Option<(Value, usize)>,
}

/// A text with everything put in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filled {
    Text(String),
    /// One reference was all there was: the value as it is.
    Value(Bound),
    /// Known once the step has ended.
    Result {
        step: String,
        pointer: String,
    },
}

impl Scope {
    pub fn new(vars: Rc<Vars>) -> Self {
        Self { vars, item: None }
    }

    pub fn fill(&self, text: &Text) -> Result<Filled, Fault> {
        match text.whole() {
            Some(Ref::Result { step, pointer }) => Ok(Filled::Result { step: step.clone(), pointer: pointer.clone() }),
            Some(Ref::Var { name, keys }) => self.value(name, keys).map(Filled::Value),
            None => self.text_by(text, |value, _| value).map(Filled::Text),
        }
    }

    /// As text, with what is put in changed by `each`, which is also told whether it is all of the text.
    pub fn text_by(&self, text: &Text, each: impl Fn(String, bool) -> String) -> Result<String, Fault> {
        let mut out = String::new();
        for part in &text.parts {
            match part {
                Part::Literal(literal) => out.push_str(literal),
                Part::Ref(Ref::Result { step, .. }) => {
                    let what = format!("the result of {step} is not known before it has run");
                    return Err(Fault::new(what, "it can only be a whole argument: \"${steps.ID.result.field}\""));
                }
                Part::Ref(Ref::Var { name, keys }) => {
                    let bound = self.value(name, keys)?;
                    out.push_str(&each(shown(name, &bound)?, text.parts.len() == 1));
                }
            }
        }
        Ok(out)
    }

    pub fn text(&self, text: &Text) -> Result<String, Fault> {
        self.text_by(text, |value, _| value)
    }

    pub fn value(&self, name: &str, keys: &[String]) -> Result<Bound, Fault> {
        let bound = match (name, &self.item) {
            (ITEM, Some((value, _))) => Bound { value: value.clone(), secret: false },
            (INDEX, Some((_, index))) => Bound { value: (*index).into(), secret: false },
            (ITEM | INDEX, None) => {
                return Err(Fault::new(
                    format!("${{{name}}} is known in a for_each alone"),
                    "give the step a for_each",
                ));
            }
            _ => self.variable(name)?,
        };
        let below = keys.iter().try_fold(&bound.value, |value, key| match value {
            Value::Array(items) => items.get(key.parse::<usize>().ok()?),
            other => other.get(key),
        });
        match below {
            Some(value) => Ok(Bound { value: value.clone(), secret: bound.secret }),
            None => Err(Fault::bare(format!("{name} has no {:?}", keys.join(".")))),
        }
    }

    fn variable(&self, name: &str) -> Result<Bound, Fault> {
        self.vars.get(name).cloned().ok_or_else(|| {
            let message = format!("there is no variable {name:?}");
            match nearest(name, self.vars.keys().map(String::as_str)) {
                Some(near) => Fault::new(message, format!("did you mean {near:?}?")),
                None => Fault::new(message, "declare it under `vars`"),
            }
        })
    }
}

/// A value inside of text.
fn shown(name: &str, bound: &Bound) -> Result<String, Fault> {
    if bound.secret {
        return Err(no_secret(name));
    }
    match &bound.value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(bound.value.to_string()),
        other => {
            let kind = if other.is_array() { "a list" } else { "no text" };
            Err(Fault::new(format!("{name} is {kind}"), "inside of text only text, numbers, true and false can be put"))
        }
    }
}

/// Commands and their arguments are kept in the record, and cross the bus.
pub(crate) fn no_secret(name: &str) -> Fault {
    Fault::new(
        format!("the secret {name} would be kept in the record"),
        "give it to the instance instead, or as `file:/path` to a parameter that takes a file on the worker's machine",
    )
}
