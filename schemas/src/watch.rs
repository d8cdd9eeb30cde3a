//! One value of live state and what it is to be, as one line of text: `vmix/myvmix:tally.program==3`.

use crate::{Name, state::is_path};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{cmp::Ordering, fmt, str::FromStr};

/// The pseudo path of the connection to the instance: `ok`, `connecting`, `disconnected`, …
pub const CONNECTION: &str = "_state";
const STATE_FORM: &str = "say it like vmix/myvmix:tally.program==3";

/// An instance of a provider, `vmix/myvmix`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target {
    pub provider: Name,
    pub instance: Name,
}

/// One value of the live state of an instance, and what it is to be. Without a test every change of it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StateMatch {
    pub target: Target,
    pub path: String,
    pub test: Option<Test>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    pub compare: Compare,
    pub value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    Is,
    IsNot,
    AtMost,
    AtLeast,
    Less,
    More,
}

impl Compare {
    /// Longer signs come before those they begin with.
    const ALL: [Compare; 6] =
        [Compare::Is, Compare::IsNot, Compare::AtMost, Compare::AtLeast, Compare::Less, Compare::More];

    fn sign(self) -> &'static str {
        match self {
            Compare::Is => "==",
            Compare::IsNot => "!=",
            Compare::AtMost => "<=",
            Compare::AtLeast => ">=",
            Compare::Less => "<",
            Compare::More => ">",
        }
    }
}

impl Test {
    /// A path that is not there has the value null. What cannot be compared does not hold.
    pub fn holds(&self, value: &Value) -> bool {
        let order = || value.as_f64()?.partial_cmp(&self.value.as_f64()?);
        match self.compare {
            Compare::Is => same(value, &self.value),
            Compare::IsNot => !same(value, &self.value),
            Compare::Less => order() == Some(Ordering::Less),
            Compare::More => order() == Some(Ordering::Greater),
            Compare::AtMost => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
            Compare::AtLeast => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// 3 and 3.0 are the same; a number and its text are too, because people do not quote.
fn same(seen: &Value, wanted: &Value) -> bool {
    match (seen, wanted) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::String(text), Value::Number(_) | Value::Bool(_)) => {
            serde_json::from_str(text).is_ok_and(|v: Value| v == *wanted)
        }
        (a, b) => a == b,
    }
}

/// Why a text is nothing that can be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct WatchError {
    pub what: String,
    pub hint: String,
}

impl WatchError {
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

impl FromStr for Target {
    type Err = WatchError;

    fn from_str(text: &str) -> Result<Self, WatchError> {
        let bad =
            || WatchError::new(format!("{text:?} is no instance"), "say it as PROVIDER/INSTANCE, like vmix/myvmix");
        let (provider, instance) = text.split_once('/').ok_or_else(bad)?;
        Ok(Self { provider: provider.parse().map_err(|_| bad())?, instance: instance.parse().map_err(|_| bad())? })
    }
}

impl FromStr for StateMatch {
    type Err = WatchError;

    fn from_str(text: &str) -> Result<Self, WatchError> {
        let (target, rest) =
            text.split_once(':').ok_or_else(|| WatchError::new(format!("{text:?} names no value"), STATE_FORM))?;
        let target = target.trim().parse()?;
        let (path, test) = split_test(rest)?;
        if !is_path(path) {
            let hint = "paths are as `ifctl watch` shows them: parts of a-z A-Z 0-9 _ - = with dots between";
            return Err(WatchError::new(format!("{path:?} is no path of live state"), hint));
        }
        Ok(Self { target, path: path.into(), test })
    }
}

/// What comes before the first comparison of a text, and the comparison. The sign that comes first is meant: what follows it
/// is the value.
pub fn split_test(text: &str) -> Result<(&str, Option<Test>), WatchError> {
    let signs = Compare::ALL.into_iter().filter_map(|c| text.find(c.sign()).map(|at| (at, c)));
    let found = signs.min_by_key(|(at, c)| (*at, std::cmp::Reverse(c.sign().len())));
    let Some((at, compare)) = found else { return Ok((text.trim(), None)) };
    let test = test_of(compare, text[at + compare.sign().len()..].trim())?;
    Ok((text[..at].trim(), Some(test)))
}

fn test_of(compare: Compare, text: &str) -> Result<Test, WatchError> {
    if text.is_empty() {
        return Err(WatchError::new(format!("nothing follows {}", compare.sign()), STATE_FORM));
    }
    if text.starts_with('=') {
        return Err(WatchError::new(format!("{}{text} cannot be read", compare.sign()), STATE_FORM));
    }
    let value = serde_json::from_str(text).ok().filter(|v: &Value| !v.is_object() && !v.is_array());
    let value = value.unwrap_or_else(|| Value::from(text));
    if !matches!(compare, Compare::Is | Compare::IsNot) && !value.is_number() {
        return Err(WatchError::new(
            format!("{} needs a number, not {text:?}", compare.sign()),
            "use == or != for text",
        ));
    }
    Ok(Test { compare, value })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.instance)
    }
}

impl fmt::Display for StateMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.target, self.path)?;
        let Some(Test { compare, value }) = &self.test else { return Ok(()) };
        match value {
            // Only text that would be read as something else needs its quotes.
            Value::String(text) if serde_json::from_str::<Value>(text).is_err() && text.trim() == text => {
                write!(f, "{}{text}", compare.sign())
            }
            value => write!(f, "{}{value}", compare.sign()),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = WatchError;
    fn try_from(text: String) -> Result<Self, WatchError> {
        text.parse()
    }
}
impl From<Target> for String {
    fn from(target: Target) -> String {
        target.to_string()
    }
}
impl TryFrom<String> for StateMatch {
    type Error = WatchError;
    fn try_from(text: String) -> Result<Self, WatchError> {
        text.parse()
    }
}
impl From<StateMatch> for String {
    fn from(wanted: StateMatch) -> String {
        wanted.to_string()
    }
}
