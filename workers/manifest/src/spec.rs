//! Provider, operation and parameter descriptions.

pub use crate::raw::Category;
use crate::{RestoreSpec, raw::Maturity};
use if_schemas::{Effect, price::Meter};
use regex::{Regex, RegexBuilder};
use serde::{Serialize, Serializer};

/// One kind of thing the fabric can operate.
#[derive(Debug, Clone, Serialize)]
pub struct ProviderSpec {
    /// Also the CLI family of studio providers: `vmix`.
    pub id: String,
    pub display_name: String,
    pub category: Category,
    pub summary: String,
    /// The vendor's documentation; none for a native provider.
    pub docs_url: Option<String>,
    pub maturity: Option<Maturity>,
    /// When the manifest was last held against the documentation, `YYYY-MM-DD`.
    pub checked_on: Option<String>,
    /// The operation that proves an instance works; none where the first read will do.
    pub verify: Option<String>,
    /// What an instance file entry holds and `add` takes as flags.
    pub instance: Vec<FieldSpec>,
    pub operations: Vec<OperationSpec>,
}

impl ProviderSpec {
    /// Says of every parameter of these names where live state has what it may be ([`ParamSpec::live`]).
    #[must_use]
    pub fn with_live(mut self, names: &[(&str, &str)]) -> Self {
        for param in self.operations.iter_mut().flat_map(|o| &mut o.params) {
            param.live = names.iter().find(|(name, _)| *name == param.name).map(|(_, pattern)| pattern.to_string());
        }
        self
    }
    /// Says of operations how what they change is brought back.
    #[must_use]
    pub fn with_restore(mut self, table: Vec<(&[&str], RestoreSpec)>) -> Self {
        for (ids, restore) in table {
            let named = self.operations.iter_mut().filter(|o| ids.contains(&o.id.as_str()));
            named.for_each(|o| o.restore.push(restore.clone()));
        }
        self
    }
    pub fn operation(&self, id: &str) -> Option<&OperationSpec> {
        self.operations.iter().find(|o| o.id == id)
    }
    /// The word its commands begin with: its own id, or its category's name.
    pub fn family(&self) -> &str {
        if self.category == Category::Studio { &self.id } else { self.category.as_str() }
    }
    /// What to type for a verb of its instances: `vmix add`, `chat add telegram`.
    pub fn instance_command(&self, verb: &str) -> String {
        match self.category {
            Category::Studio => format!("{} {verb}", self.id),
            category => format!("{} {verb} {}", category.as_str(), self.id),
        }
    }
    pub fn field(&self, name: &str) -> Option<&FieldSpec> {
        self.instance.iter().find(|f| f.name == name)
    }
}

/// One setting of an instance.
#[derive(Debug, Clone, Serialize)]
pub struct FieldSpec {
    pub name: String,
    pub help: String,
    pub kind: ParamKind,
    pub required: bool,
    /// May be a secret reference (`env:`, `file:`, `keychain:`, `exec:`); never shown.
    pub secret: bool,
    /// Used where the instance does not say; in the same text form as on the command line.
    pub default: Option<String>,
}

/// One operation: `obs.scene.switch`.
#[derive(Debug, Clone, Serialize)]
pub struct OperationSpec {
    pub id: String,
    pub summary: String,
    pub effect: Effect,
    pub params: Vec<ParamSpec>,
    /// How a call is measured; none for a free operation.
    pub price: Option<Meter>,
    /// Template over `args` and `instance`: said before the command is sent.
    pub notice: Option<String>,
    /// Names of arguments that are shown, and of result fields that are logged, as `[redacted]`.
    pub redact: Vec<String>,
    /// How the state before it is brought back; the first that fits the arguments. None where it cannot be known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restore: Vec<RestoreSpec>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ParamSpec {
    /// Argument name, and `--name` where it is not positional. snake_case here, kebab-case on the command line.
    pub name: String,
    pub help: String,
    pub kind: ParamKind,
    pub required: bool,
    pub positional: bool,
    pub default: Option<String>,
    /// The instance setting it takes its value from where it is not given. Comes before `default`.
    pub from: Option<String>,
    /// Where live state has the names it may be. `entity.{}.state`: the part of the path at `{}`; `inputs.*.title`, without
    /// one: the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<String>,
}

/// The type of a value, as JSON and as command-line text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    /// JSON string.
    Text,
    /// JSON string the whole of which a regular expression matches.
    Pattern(Pattern),
    /// JSON string, one of these.
    Choice(Vec<String>),
    /// JSON string: an absolute http or https URL.
    Url,
    /// JSON string: path of a file on the worker's machine.
    File,
    /// JSON string: money, `1000` in minor units or `10.00` in major units.
    Amount,
    /// JSON integer in an inclusive range.
    Integer { min: i64, max: i64 },
    /// JSON integer from 1 to `max`, or JSON string that is not empty: something numbered that also has a name.
    NumberOrName { max: i64 },
    /// JSON number in an inclusive range.
    Number { min: i64, max: i64 },
    /// JSON boolean; on the command line a flag without value.
    Flag,
    /// JSON integer, milliseconds; on the command line with a unit (`500ms`) or bare milliseconds.
    DurationMs,
    /// JSON array of strings; on the command line a flag that may be repeated.
    List,
    /// JSON object; on the command line JSON text.
    Object,
}

/// Bytes a compiled pattern may take.
const PATTERN_MAX_BYTES: usize = 1 << 20;

/// A regular expression for the whole of a text.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    whole: Regex,
}

impl Pattern {
    /// Fails with the reason where `source` is no regular expression, or one too large.
    pub fn new(source: &str) -> Result<Self, String> {
        // Alone first: the group around it could close what it leaves open. Only read: to compile it costs much more.
        regex_syntax::parse(source).map_err(|e| last_line(&e.to_string()))?;
        Ok(Self { source: source.into(), whole: regex(&format!("^(?:{source})$"))? })
    }
    pub fn as_str(&self) -> &str {
        &self.source
    }
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }
}

/// Compiles a regular expression of bounded size.
pub(crate) fn regex(source: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(source).size_limit(PATTERN_MAX_BYTES).build();
    built.map_err(|e| last_line(&e.to_string()))
}

/// What is wrong, without the lines before it that draw the place with carets.
fn last_line(error: &str) -> String {
    error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string()
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
impl Eq for Pattern {}
impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.source)
    }
}

impl OperationSpec {
    pub fn new(id: &str, effect: Effect, summary: &str) -> Self {
        Self {
            id: id.into(),
            summary: summary.into(),
            effect,
            params: Vec::new(),
            price: None,
            notice: None,
            redact: Vec::new(),
            restore: Vec::new(),
        }
    }
    #[must_use]
    pub fn positional(mut self, name: &str, kind: ParamKind, help: &str) -> Self {
        self.params.push(ParamSpec {
            name: name.into(),
            help: help.into(),
            kind,
            required: true,
            positional: true,
            default: None,
            from: None,
            live: None,
        });
        self
    }
    #[must_use]
    pub fn required(mut self, name: &str, kind: ParamKind, help: &str) -> Self {
        self.params.push(ParamSpec {
            name: name.into(),
            help: help.into(),
            kind,
            required: true,
            positional: false,
            default: None,
            from: None,
            live: None,
        });
        self
    }
    #[must_use]
    pub fn optional(mut self, name: &str, kind: ParamKind, default: Option<&str>, help: &str) -> Self {
        self.params.push(ParamSpec {
            name: name.into(),
            help: help.into(),
            kind,
            required: false,
            positional: false,
            default: default.map(Into::into),
            from: None,
            live: None,
        });
        self
    }
}

impl FieldSpec {
    pub fn required(name: &str, kind: ParamKind, help: &str) -> Self {
        Self { name: name.into(), help: help.into(), kind, required: true, secret: false, default: None }
    }
    pub fn optional(name: &str, kind: ParamKind, default: Option<&str>, help: &str) -> Self {
        Self {
            name: name.into(),
            help: help.into(),
            kind,
            required: false,
            secret: false,
            default: default.map(Into::into),
        }
    }
    pub fn secret(name: &str, help: &str) -> Self {
        Self {
            name: name.into(),
            help: help.into(),
            kind: ParamKind::Text,
            required: false,
            secret: true,
            default: None,
        }
    }
}
