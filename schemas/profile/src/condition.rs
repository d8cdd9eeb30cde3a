//! Conditions of `when`, and states to wait for.

use crate::{
    command::Fabric,
    problem::Fault,
    scope::{Filled, Scope, no_secret},
    text::{self, Ref},
    vars,
};
use if_schemas::{
    StateMatch,
    plan::Ended,
    state::segment,
    watch::{Test, split_test},
};
use serde_json::Value;

const FORMS: &str = "use a state like obs/myobs:record.active==false, a variable like ${mode}==live, steps.ID==failed or \
                     steps.ID.result.field==3";
/// Comparisons; longer ones before those they begin with.
const SIGNS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];
const ENDED: [(&str, Ended); 4] = [
    ("confirmed", Ended::Confirmed),
    ("failed", Ended::Failed),
    ("indeterminate", Ended::Indeterminate),
    ("skipped", Ended::Skipped),
];

/// A condition, as far as the variables decide it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Holds,
    /// `always`: with whatever variables.
    Fails {
        always: bool,
    },
    State(StateMatch),
    Ended {
        step: String,
        is: Vec<Ended>,
    },
    Result {
        step: String,
        pointer: String,
        test: Test,
    },
}

pub(crate) fn condition(text: &str, scope: &Scope, fabric: Fabric) -> Result<Condition, Fault> {
    let text = text.trim();
    match text {
        "true" => return Ok(Condition::Holds),
        "false" => return Ok(Condition::Fails { always: true }),
        _ => {}
    }
    let (left, sign, right) = sides(text);
    if left.starts_with("steps.") {
        return of_step(&scope.text(&text::parse(left)?)?, &test(sign, right, scope)?);
    }
    let (negated, operand) = match left.strip_prefix("not ") {
        Some(rest) => (true, rest.trim()),
        None => (false, left),
    };
    if let Some(Ref::Var { name, keys }) = text::parse(operand)?.whole() {
        let bound = scope.value(name, keys)?;
        if bound.secret {
            return Err(no_secret(name));
        }
        let holds = of_value(name, &bound.value, test(sign, right, scope)?.as_ref())?;
        return Ok(if holds == negated { Condition::Fails { always: false } } else { Condition::Holds });
    }
    match left.contains('/') && left.contains(':') {
        true => state(text, scope, fabric).map(Condition::State),
        false => Err(Fault::new(format!("the condition {text:?} cannot be read"), FORMS)),
    }
}

/// A state with a comparison. What is put into its path is one part of the path: `entity.${light}.state`.
pub(crate) fn state(text: &str, scope: &Scope, fabric: Fabric) -> Result<StateMatch, Fault> {
    let (left, sign, right) = sides(text.trim());
    let (target, path) = left.split_once(':').unwrap_or((left, ""));
    let target = scope.text(&text::parse(target)?)?;
    let path = scope.text_by(&text::parse(path)?, |value, _| segment(&value))?;
    let whole = format!("{target}:{path}{}{}", sign.unwrap_or_default(), wanted(right, scope)?);
    let found: StateMatch = whole.parse().map_err(Fault::from)?;
    if found.test.is_none() {
        return Err(Fault::new(format!("{found} is no condition"), "compare it with something: ==, !=, <, <=, >, >="));
    }
    vars::known(&found.target.provider, found.target.instance.as_str(), fabric.instances)?;
    Ok(found)
}

/// What is before the first comparison, the comparison, and what is after it.
fn sides(text: &str) -> (&str, Option<&'static str>, &str) {
    let signs = SIGNS.into_iter().filter_map(|sign| text.find(sign).map(|at| (at, sign)));
    match signs.min_by_key(|(at, sign)| (*at, std::cmp::Reverse(sign.len()))) {
        Some((at, sign)) => (text[..at].trim(), Some(sign), text[at + sign.len()..].trim()),
        None => (text, None, ""),
    }
}

/// The right side as text. A variable that is text stays text, whatever it looks like.
fn wanted(right: &str, scope: &Scope) -> Result<String, Fault> {
    match scope.fill(&text::parse(right)?)? {
        Filled::Text(text) => Ok(text),
        Filled::Value(bound) if bound.secret => Err(no_secret("in a condition")),
        Filled::Value(bound) if bound.value.is_array() || bound.value.is_object() => {
            Err(Fault::bare("a list cannot be compared"))
        }
        Filled::Value(bound) => Ok(bound.value.to_string()),
        Filled::Result { step, .. } => {
            Err(Fault::new(format!("the result of {step} is not known before it has run"), "put it on the left side"))
        }
    }
}

fn test(sign: Option<&str>, right: &str, scope: &Scope) -> Result<Option<Test>, Fault> {
    let Some(sign) = sign else { return Ok(None) };
    let text = format!("{sign}{}", wanted(right, scope)?);
    split_test(&text).map(|(_, test)| test).map_err(|e| Fault::new(e.what, FORMS))
}

fn of_value(name: &str, value: &Value, test: Option<&Test>) -> Result<bool, Fault> {
    match (test, value) {
        (Some(test), value) => Ok(test.holds(value)),
        (None, Value::Bool(holds)) => Ok(*holds),
        (None, _) => {
            Err(Fault::new(format!("{name} is not true or false"), format!("compare it: ${{{name}}}==something")))
        }
    }
}

fn of_step(left: &str, test: &Option<Test>) -> Result<Condition, Fault> {
    let bad = || Fault::new(format!("the condition on {left:?} cannot be read"), FORMS);
    let test = test.as_ref().ok_or_else(bad)?;
    if let Some((step, pointer)) = text::result_path(left) {
        return Ok(Condition::Result { step, pointer, test: test.clone() });
    }
    let step = left.strip_prefix("steps.").filter(|step| text::is_step(step)).ok_or_else(bad)?;
    let word = test.value.as_str().unwrap_or_default();
    let ways = || ENDED.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    if !ENDED.iter().any(|(known, _)| *known == word) {
        let message = format!("a step does not end as {}", test.value);
        return Err(Fault::new(message, format!("it ends as one of {}", ways())));
    }
    let is: Vec<Ended> = ENDED.iter().filter(|(word, _)| test.holds(&Value::from(*word))).map(|(_, e)| *e).collect();
    Ok(Condition::Ended { step: step.into(), is })
}
