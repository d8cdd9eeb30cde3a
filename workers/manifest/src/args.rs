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
    pub fn parse_text(self, text: &str) -> Result<Value, String> {
        match self {
            ParamKind::Text => Ok(Value::from(text)),
            ParamKind::Integer { min, max } => match text.parse::<i64>() {
                Ok(n) if (min..=max).contains(&n) => Ok(Value::from(n)),
                _ => Err(self.expected()),
            },
            ParamKind::Flag => text.parse::<bool>().map(Value::from).map_err(|_| self.expected()),
            ParamKind::DurationMs => text
                .parse::<i64>()
                .ok()
                .or_else(|| parse_duration_us(text).ok().map(|us| us / 1_000))
                .map(Value::from)
                .ok_or_else(|| self.expected()),
        }
    }

    fn accepts(self, value: &Value) -> bool {
        match self {
            ParamKind::Text => value.is_string(),
            ParamKind::Integer { min, max } => value.as_i64().is_some_and(|n| (min..=max).contains(&n)),
            ParamKind::Flag => value.is_boolean(),
            ParamKind::DurationMs => value.as_i64().is_some_and(|n| n >= 0),
        }
    }

    /// What a value must be, in words.
    pub fn expected(self) -> String {
        match self {
            ParamKind::Text => "text".into(),
            ParamKind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            ParamKind::Flag => "true or false".into(),
            ParamKind::DurationMs => "a duration like 500ms or 2s".into(),
        }
    }
}

/// What parameters and instance fields have in common.
trait Described {
    fn name(&self) -> &str;
    fn help(&self) -> &str;
    fn kind(&self) -> ParamKind;
    fn required(&self) -> bool;
    fn default(&self) -> Option<&str>;
}

macro_rules! described {
    ($t:ty) => {
        impl Described for $t {
            fn name(&self) -> &str {
                &self.name
            }
            fn help(&self) -> &str {
                &self.help
            }
            fn kind(&self) -> ParamKind {
                self.kind
            }
            fn required(&self) -> bool {
                self.required
            }
            fn default(&self) -> Option<&str> {
                self.default.as_deref()
            }
        }
    };
}
described!(ParamSpec);
described!(FieldSpec);

impl OperationSpec {
    /// Refuses unknown, missing and ill-typed arguments; fills in defaults.
    pub fn check(&self, args: &Map<String, Value>) -> Result<Map<String, Value>, ArgumentError> {
        check(&self.id, &self.params, args)
    }
}

impl ProviderSpec {
    /// The same for the settings of an instance.
    pub fn check_instance(&self, settings: &Map<String, Value>) -> Result<Map<String, Value>, ArgumentError> {
        check(&format!("a {} instance", self.id), &self.instance, settings)
    }
}

fn check<T: Described>(
    of: &str,
    described: &[T],
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, ArgumentError> {
    if let Some(name) = given.keys().find(|k| !described.iter().any(|d| d.name() == *k)) {
        let nearest = nearest(name, described.iter().map(Described::name));
        return Err(ArgumentError::Unknown { of: of.into(), name: name.clone(), nearest });
    }
    let mut out = Map::new();
    for d in described {
        let type_error = |found: &Value| ArgumentError::Type {
            of: of.into(),
            name: d.name().into(),
            found: found.to_string(),
            expected: d.kind().expected(),
        };
        match given.get(d.name()) {
            Some(value) if d.kind().accepts(value) => {
                out.insert(d.name().into(), value.clone());
            }
            Some(value) => return Err(type_error(value)),
            None => match d.default() {
                Some(text) => {
                    let value = d.kind().parse_text(text).map_err(|_| type_error(&Value::from(text)))?;
                    out.insert(d.name().into(), value);
                }
                None if d.required() => {
                    return Err(ArgumentError::Missing { of: of.into(), name: d.name().into(), help: d.help().into() });
                }
                None => {}
            },
        }
    }
    Ok(out)
}
