//! Checking arguments and settings against their description.

use crate::{FieldSpec, OperationSpec, ParamKind, ParamSpec, ProviderSpec};
use if_schemas::time::parse_duration_us;
use serde_json::{Map, Value};

/// An argument that does not fit, with what would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    #[error("{of} needs {name}: {help}")]
    Missing { of: String, name: String, help: String },
    #[error("{of} has no {name:?}{}", nearest_text(.nearest))]
    Unknown { of: String, name: String, nearest: Option<String> },
    #[error("{name} of {of} is {found}, expected {expected}")]
    Type { of: String, name: String, found: String, expected: String },
}

fn nearest_text(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|n| format!(", did you mean {n:?}?")).unwrap_or_default()
}

/// Microseconds in a millisecond.
const US_PER_MS: i64 = 1_000;
/// Highest Jaro-Winkler distance score below which a name is not offered as "did you mean".
const NEAREST_MIN_SCORE: f64 = 0.75;

/// The candidate most like `name`, if any is like it at all.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|c| (strsim::jaro_winkler(name, c), c))
        .filter(|(score, _)| *score >= NEAREST_MIN_SCORE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c.to_string())
}

impl ParamKind {
    /// Reads command-line (or default) text as a JSON value of this kind.
    pub fn parse_text(&self, text: &str) -> Result<Value, String> {
        let value = match self {
            ParamKind::Text
            | ParamKind::Pattern(_)
            | ParamKind::Choice(_)
            | ParamKind::Url
            | ParamKind::File
            | ParamKind::Amount => Some(Value::from(text)),
            ParamKind::Integer { .. } => text.parse::<i64>().ok().map(Value::from),
            // A number beyond the range is a slip of the hand, not a name.
            ParamKind::NumberOrName { .. } => Some(text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from)),
            ParamKind::Number { .. } => match text.parse::<i64>() {
                Ok(n) => Some(Value::from(n)),
                Err(_) => text.parse::<f64>().ok().map(Value::from),
            },
            ParamKind::Flag => text.parse::<bool>().ok().map(Value::from),
            ParamKind::DurationMs => text
                .parse::<i64>()
                .ok()
                .or_else(|| parse_duration_us(text).ok().map(|us| us / US_PER_MS))
                .map(Value::from),
            ParamKind::List | ParamKind::Object => serde_json::from_str(text).ok(),
        };
        value.filter(|v| self.accepts(v)).ok_or_else(|| self.expected())
    }

    /// Is this a JSON value of this kind?
    pub fn accepts(&self, value: &Value) -> bool {
        let text = |fits: &dyn Fn(&str) -> bool| value.as_str().is_some_and(fits);
        match self {
            ParamKind::Text => value.is_string(),
            ParamKind::Pattern(pattern) => text(&|s| pattern.matches(s)),
            ParamKind::Choice(choices) => text(&|s| choices.iter().any(|c| c == s)),
            ParamKind::Url => text(&is_http_url),
            ParamKind::File => text(&|s| !s.is_empty() && !s.contains('\0')),
            ParamKind::Amount => text(&is_amount),
            ParamKind::Integer { min, max } => value.as_i64().is_some_and(|n| (min..=max).contains(&&n)),
            ParamKind::NumberOrName { max } => {
                value.as_i64().is_some_and(|n| (1..=*max).contains(&n)) || text(&|s| !s.is_empty())
            }
            // Bounds are small whole numbers, exact as f64.
            ParamKind::Number { min, max } => {
                value.as_f64().is_some_and(|n| n.is_finite() && n >= *min as f64 && n <= *max as f64)
            }
            ParamKind::Flag => value.is_boolean(),
            ParamKind::DurationMs => value.as_i64().is_some_and(|n| n >= 0),
            ParamKind::List => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
            ParamKind::Object => value.is_object(),
        }
    }

    /// What a value must be, in words.
    pub fn expected(&self) -> String {
        match self {
            ParamKind::Text => "text".into(),
            ParamKind::Pattern(pattern) => format!("text that matches {}", pattern.as_str()),
            ParamKind::Choice(choices) => format!("one of {}", choices.join(", ")),
            ParamKind::Url => "a URL that begins with https:// or http://".into(),
            ParamKind::File => "the path of a file".into(),
            ParamKind::Amount => "an amount like 1000 (minor units) or 10.00 (major units)".into(),
            ParamKind::Integer { min: i64::MIN, max: i64::MAX } => "a whole number".into(),
            ParamKind::Integer { min, max: i64::MAX } => format!("a whole number, at least {min}"),
            ParamKind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            ParamKind::NumberOrName { max } => format!("a number from 1 to {max}, or a name"),
            ParamKind::Number { min: i64::MIN, max: i64::MAX } => "a number".into(),
            ParamKind::Number { min, max: i64::MAX } => format!("a number, at least {min}"),
            ParamKind::Number { min, max } => format!("a number from {min} to {max}"),
            ParamKind::Flag => "true or false".into(),
            ParamKind::DurationMs => "a duration like 500ms or 2s".into(),
            ParamKind::List => "a list of texts".into(),
            ParamKind::Object => "a JSON object".into(),
        }
    }
}

/// An absolute URL of http or https with a host.
pub(crate) fn is_http_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host())
}

/// Digits, with or without a decimal point: what [`if_schemas::Money::parse_amount`] takes for some currency.
fn is_amount(text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('.') {
        None => digits(text),
        Some((major, fraction)) => digits(major) && digits(fraction),
    }
}

/// What parameters and instance fields have in common.
trait Described {
    fn name(&self) -> &str;
    fn help(&self) -> &str;
    fn kind(&self) -> &ParamKind;
    fn required(&self) -> bool;
    fn default(&self) -> Option<&str>;
    /// The instance setting it may come from.
    fn from(&self) -> Option<&str>;
}

macro_rules! described {
    ($t:ty, $from:expr) => {
        impl Described for $t {
            fn name(&self) -> &str {
                &self.name
            }
            fn help(&self) -> &str {
                &self.help
            }
            fn kind(&self) -> &ParamKind {
                &self.kind
            }
            fn required(&self) -> bool {
                self.required
            }
            fn default(&self) -> Option<&str> {
                self.default.as_deref()
            }
            fn from(&self) -> Option<&str> {
                let from: fn(&$t) -> Option<&str> = $from;
                from(self)
            }
        }
    };
}
described!(ParamSpec, |p| p.from.as_deref());
described!(FieldSpec, |_| None);

impl OperationSpec {
    /// Refuses unknown, missing and ill-typed arguments; fills in defaults. What may come from the instance is neither
    /// missed nor filled in: only the worker knows the instance, see [`OperationSpec::resolve`].
    pub fn check(&self, args: &Map<String, Value>) -> Result<Map<String, Value>, ArgumentError> {
        check(&self.id, &self.params, args, None)
    }

    /// The same with the settings of the instance at hand: what was not given comes from them, then from the defaults.
    pub fn resolve(
        &self,
        args: &Map<String, Value>,
        instance: &Map<String, Value>,
    ) -> Result<Map<String, Value>, ArgumentError> {
        check(&self.id, &self.params, args, Some(instance))
    }
}

impl ParamSpec {
    /// What it is where it is not given: the setting it may come from, else its own default.
    pub fn left_out(&self, settings: &Map<String, Value>) -> Option<Value> {
        let setting = self.from.as_ref().and_then(|from| settings.get(from)).filter(|v| !v.is_null());
        // A default was held against its type when the provider was compiled.
        setting.cloned().or_else(|| self.kind.parse_text(self.default.as_deref()?).ok())
    }
}

impl ProviderSpec {
    /// The same for the settings of an instance.
    pub fn check_instance(&self, settings: &Map<String, Value>) -> Result<Map<String, Value>, ArgumentError> {
        check(&format!("a {} instance", self.id), &self.instance, settings, None)
    }
}

fn check<T: Described>(
    of: &str,
    described: &[T],
    given: &Map<String, Value>,
    instance: Option<&Map<String, Value>>,
) -> Result<Map<String, Value>, ArgumentError> {
    if let Some(name) = given.keys().find(|k| !described.iter().any(|d| d.name() == *k)) {
        let nearest = nearest(name, described.iter().map(Described::name));
        return Err(ArgumentError::Unknown { of: of.into(), name: name.clone(), nearest });
    }
    let mut out = Map::new();
    for d in described {
        if let Some(value) = value_of(of, d, given, instance)? {
            out.insert(d.name().into(), value);
        }
    }
    Ok(out)
}

fn value_of<T: Described>(
    of: &str,
    d: &T,
    given: &Map<String, Value>,
    instance: Option<&Map<String, Value>>,
) -> Result<Option<Value>, ArgumentError> {
    let type_error = |found: &Value| ArgumentError::Type {
        of: of.into(),
        name: d.name().into(),
        found: found.to_string(),
        expected: d.kind().expected(),
    };
    let setting = d.from().and_then(|from| instance.and_then(|settings| settings.get(from)));
    if let Some(value) = given.get(d.name()).or(setting) {
        return if d.kind().accepts(value) { Ok(Some(value.clone())) } else { Err(type_error(value)) };
    }
    if d.from().is_some() && instance.is_none() {
        return Ok(None);
    }
    match d.default() {
        Some(text) => d.kind().parse_text(text).map(Some).map_err(|_| type_error(&Value::from(text))),
        None if d.required() => {
            Err(ArgumentError::Missing { of: of.into(), name: d.name().into(), help: d.help().into() })
        }
        None => Ok(None),
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
