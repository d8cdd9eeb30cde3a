//! Provider, operation and parameter descriptions.

use if_schemas::Effect;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Studio,
    Cloud,
    Sip,
    Payment,
    Chat,
    Ai,
}

impl Category {
    /// First word of its operations and of its commands; a studio provider has its own.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Studio => "studio",
            Category::Cloud => "cloud",
            Category::Sip => "sip",
            Category::Payment => "payment",
            Category::Chat => "chat",
            Category::Ai => "ai",
        }
    }
}

/// One kind of thing the fabric can operate.
#[derive(Debug, Clone, Serialize)]
pub struct ProviderSpec {
    /// Also the CLI family of studio providers: `vmix`.
    pub id: String,
    pub display_name: String,
    pub category: Category,
    pub summary: String,
    /// What an instance file entry holds and `add` takes as flags.
    pub instance: Vec<FieldSpec>,
    pub operations: Vec<OperationSpec>,
}

impl ProviderSpec {
    pub fn operation(&self, id: &str) -> Option<&OperationSpec> {
        self.operations.iter().find(|o| o.id == id)
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
}

/// The type of a value, as JSON and as command-line text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    /// JSON string.
    Text,
    /// JSON integer in an inclusive range.
    Integer { min: i64, max: i64 },
    /// JSON boolean; on the command line a flag without value.
    Flag,
    /// JSON integer, milliseconds; on the command line with a unit (`500ms`) or bare milliseconds.
    DurationMs,
}

impl OperationSpec {
    pub fn new(id: &str, effect: Effect, summary: &str) -> Self {
        Self { id: id.into(), summary: summary.into(), effect, params: Vec::new() }
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
