//! `plugin.yaml`: read, checked, and made into what the command line and the runtime use.

use crate::{
    Category, FieldSpec, OperationSpec, ParamKind, ParamSpec, ProviderSpec,
    args::nearest,
    raw::{self, PluginManifest, PluginOperation, Price},
};
use if_schemas::{
    Effect, Name, OperationId,
    limits::METER_LINES_MAX,
    price::{Meter, MeterLine, Quantity, SkuName},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Version of the vocabulary.
pub const PLUGIN_VERSION: u8 = 1;
/// Most bytes of a `plugin.yaml`.
pub const PLUGIN_YAML_MAX_BYTES: usize = 256 * 1024;
/// Most operations of one plugin.
pub const OPERATIONS_MAX: usize = 128;
/// Most parameters of an operation, settings of an instance, arguments of the command, variables.
pub const NAMES_MAX: usize = 64;
/// Deepest nesting of the file.
const DEPTH_MAX: usize = 16;
/// Most nodes that aliases may add.
const ALIASED_NODES_MAX: usize = 1_000;
/// Fields every instance has, whatever its provider.
const COMMON_FIELDS: [&str; 2] = ["enabled", "simulated"];

/// A plugin as its file describes it, checked.
#[derive(Debug, Clone)]
pub struct Plugin {
    pub id: Name,
    pub spec: ProviderSpec,
    /// Not empty. `./…` is a file of the folder.
    pub command: Vec<String>,
    /// Names of variables the process gets from the worker.
    pub environment: Vec<String>,
    pub resources: Resources,
    /// How each operation is measured, by id; none for a free one.
    pub meters: BTreeMap<OperationId, Option<Meter>>,
}

/// The most one process may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    pub memory_mib: u32,
    pub files: u32,
    pub file_mib: u32,
    pub cpu_seconds: u32,
}

impl Default for Resources {
    fn default() -> Self {
        Self { memory_mib: 512, files: 256, file_mib: 256, cpu_seconds: 3_600 }
    }
}

/// What is wrong with a `plugin.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// Lines and columns count from 1; 0 where the reader could not tell.
    #[error("{line}:{column}: {what}{}", hint_text(.hint))]
    Yaml { line: u64, column: u64, what: String, hint: Option<String> },
    #[error("{place}: {what}")]
    Rule { place: String, what: String },
    #[error("larger than the limit of {PLUGIN_YAML_MAX_BYTES} bytes")]
    TooLarge,
}

fn hint_text(hint: &Option<String>) -> String {
    hint.as_ref().map(|h| format!("; {h}")).unwrap_or_default()
}

fn rule(place: impl Into<String>, what: impl Into<String>) -> PluginError {
    PluginError::Rule { place: place.into(), what: what.into() }
}

/// Reads the text of a `plugin.yaml` and checks everything that can be checked without its folder.
pub fn parse(text: &str) -> Result<Plugin, PluginError> {
    if text.len() > PLUGIN_YAML_MAX_BYTES {
        return Err(PluginError::TooLarge);
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: ALIASED_NODES_MAX },
    };
    let manifest = serde_saphyr::from_str_with_options(text, options).map_err(|e| broken(&e))?;
    compile(&manifest)
}

fn broken(error: &serde_saphyr::Error) -> PluginError {
    let error = error.without_snippet();
    let (line, column) = error.location().map_or((0, 0), |l| (l.line(), l.column()));
    let hint = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. }
        | serde_saphyr::Error::SerdeUnknownVariant { variant: field, expected, .. } => {
            Some(match nearest(field, expected.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("use {}", expected.join(", ")),
            })
        }
        _ => None,
    };
    let what = serde_saphyr::MessageFormatter::format_message(&serde_saphyr::UserMessageFormatter, error).into_owned();
    PluginError::Yaml { line, column, what, hint }
}

/// Checks every rule of a manifest.
pub fn compile(m: &PluginManifest) -> Result<Plugin, PluginError> {
    if m.plugin != PLUGIN_VERSION {
        return Err(rule("plugin", format!("version {} is not known, use {PLUGIN_VERSION}", m.plugin)));
    }
    let id: Name = m.id.parse().map_err(|e: if_schemas::SchemaError| rule("id", e.to_string()))?;
    for (place, text) in [("display_name", &m.display_name), ("summary", &m.summary)] {
        if text.trim().is_empty() {
            return Err(rule(place, "it is empty"));
        }
    }
    check_command(&m.command)?;
    check_environment(&m.environment)?;
    let category = m.category;
    let family = if category == Category::Studio { id.as_str() } else { category.as_str() };
    let mut spec = ProviderSpec {
        id: id.to_string(),
        display_name: m.display_name.clone(),
        category,
        summary: m.summary.clone(),
        docs_url: None,
        maturity: None,
        checked_on: None,
        verify: None,
        instance: fields(m)?,
        operations: Vec::new(),
    };
    if m.operations.is_empty() || m.operations.len() > OPERATIONS_MAX {
        return Err(rule("operations", format!("there must be 1 to {OPERATIONS_MAX}")));
    }
    let mut meters = BTreeMap::new();
    for (name, operation) in &m.operations {
        let place = format!("operations.{name}");
        let id: OperationId =
            format!("{family}.{name}").parse().map_err(|e: if_schemas::SchemaError| rule(&place, e.to_string()))?;
        let meter = meter(&place, &operation.price)?;
        let described = operation_spec(&place, &id, operation)?;
        spec.operations.push(OperationSpec { price: meter.clone(), ..described });
        meters.insert(id, meter);
    }
    Ok(Plugin {
        id,
        spec,
        command: m.command.clone(),
        environment: m.environment.clone(),
        resources: resources(&m.resources)?,
        meters,
    })
}

fn check_command(command: &[String]) -> Result<(), PluginError> {
    if command.is_empty() || command.len() > NAMES_MAX {
        return Err(rule("command", format!("it must have 1 to {NAMES_MAX} elements")));
    }
    let first = &command[0];
    if first.is_empty() || (first.contains('/') && !first.starts_with("./") && !first.starts_with('/')) {
        return Err(rule(
            "command",
            format!("{first:?} is no program: use ./FILE of the folder, a name or an absolute path"),
        ));
    }
    for part in command {
        let leaves = part.starts_with("./") && part.split('/').skip(1).any(|p| p.is_empty() || p == "." || p == "..");
        if leaves || part.contains('\0') {
            return Err(rule("command", format!("{part:?} is no file of the folder")));
        }
    }
    Ok(())
}

fn check_environment(names: &[String]) -> Result<(), PluginError> {
    let good = |n: &str| {
        n.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match names.iter().find(|n| !good(n)) {
        Some(bad) => Err(rule("environment", format!("{bad:?} is no name of a variable"))),
        None if names.len() > NAMES_MAX => Err(rule("environment", format!("more than {NAMES_MAX} variables"))),
        None => Ok(()),
    }
}

fn resources(given: &raw::Resources) -> Result<Resources, PluginError> {
    let usual = Resources::default();
    let pick = |name: &str, given: Option<u32>, usual: u32, most: u32| match given.unwrap_or(usual) {
        n if (1..=most).contains(&n) => Ok(n),
        n => Err(rule(format!("resources.{name}"), format!("{n} is out of range, use 1 to {most}"))),
    };
    Ok(Resources {
        memory_mib: pick("memory_mib", given.memory_mib, usual.memory_mib, 1_048_576)?,
        files: pick("files", given.files, usual.files, 65_536)?,
        file_mib: pick("file_mib", given.file_mib, usual.file_mib, 1_048_576)?,
        cpu_seconds: pick("cpu_seconds", given.cpu_seconds, usual.cpu_seconds, 31_536_000)?,
    })
}

fn fields(m: &PluginManifest) -> Result<Vec<FieldSpec>, PluginError> {
    check_names("instance", m.instance.keys())?;
    let fields = m.instance.iter().map(|(name, f)| {
        let place = format!("instance.{name}");
        if COMMON_FIELDS.contains(&name.as_str()) {
            return Err(rule(place, "every instance has this field already"));
        }
        if f.secret && (f.kind != raw::Type::String || f.default.is_some()) {
            return Err(rule(place, "a secret is a string without a default"));
        }
        let restricted = f.pattern.is_some() || !f.choices.is_empty();
        let kind = kind(&place, f.kind, f.format, f.minimum, f.maximum, restricted)?;
        let default = default(&place, &kind, f.required, f.default.as_ref())?;
        Ok(FieldSpec {
            name: name.clone(),
            help: f.help.clone(),
            kind,
            required: f.required,
            secret: f.secret,
            default,
        })
    });
    fields.collect()
}

fn operation_spec(place: &str, id: &OperationId, o: &PluginOperation) -> Result<OperationSpec, PluginError> {
    check_names(&format!("{place}.params"), o.params.keys())?;
    let mut spec = OperationSpec::new(id.as_str(), effect(o.effect), &o.summary);
    for (name, p) in &o.params {
        let place = format!("{place}.params.{name}");
        if p.from.is_some() {
            return Err(rule(place, "`from` is not known to plugins: they have the settings of the instance"));
        }
        let restricted = p.pattern.is_some() || !p.choices.is_empty();
        let kind = kind(&place, p.kind, p.format, p.minimum, p.maximum, restricted)?;
        let default = default(&place, &kind, p.required, p.default.as_ref())?;
        spec.params.push(ParamSpec {
            name: name.clone(),
            help: p.help.clone(),
            kind,
            required: p.required,
            positional: p.positional,
            default,
            from: None,
            live: None,
        });
    }
    Ok(spec)
}

fn effect(raw: raw::Effect) -> Effect {
    match raw {
        raw::Effect::Read => Effect::Read,
        raw::Effect::Idempotent => Effect::Idempotent,
        raw::Effect::Once => Effect::Once,
    }
}

fn check_names<'a>(place: &str, names: impl ExactSizeIterator<Item = &'a String>) -> Result<(), PluginError> {
    if names.len() > NAMES_MAX {
        return Err(rule(place, format!("more than {NAMES_MAX}")));
    }
    for name in names {
        let good = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !good {
            return Err(rule(format!("{place}.{name}"), "a name has a-z, 0-9 and '_', and begins with a letter"));
        }
    }
    Ok(())
}

/// What the argument checks can hold to. A rule that would not be kept is refused, not dropped.
fn kind(
    place: &str,
    kind: raw::Type,
    format: Option<raw::Format>,
    minimum: Option<i64>,
    maximum: Option<i64>,
    restricted: bool,
) -> Result<ParamKind, PluginError> {
    let refuse = |what: &str| Err(rule(place, what.to_string()));
    if restricted {
        return refuse("`pattern` and `enum` are not known to plugins: check the value in the plugin");
    }
    let bounded = minimum.is_some() || maximum.is_some();
    match (kind, format) {
        (raw::Type::Integer, None) => {
            let (min, max) = (minimum.unwrap_or(i64::MIN), maximum.unwrap_or(i64::MAX));
            if min > max {
                return refuse("`minimum` is above `maximum`");
            }
            Ok(ParamKind::Integer { min, max })
        }
        _ if bounded => refuse("`minimum` and `maximum` are for integers"),
        (raw::Type::String, None) => Ok(ParamKind::Text),
        (raw::Type::Boolean, None) => Ok(ParamKind::Flag),
        (raw::Type::Integer, Some(raw::Format::Duration)) => Ok(ParamKind::DurationMs),
        _ => refuse("plugins know string, integer, boolean, and integer with format duration"),
    }
}

fn default(
    place: &str,
    kind: &ParamKind,
    required: bool,
    value: Option<&Value>,
) -> Result<Option<String>, PluginError> {
    let Some(value) = value else { return Ok(None) };
    if required {
        return Err(rule(place, "what is required needs no default"));
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let wrong = |e: String| rule(place, format!("the default {value} does not fit: expected {e}"));
    kind.parse_text(&text).map_err(wrong)?;
    Ok(Some(text))
}

fn meter(place: &str, price: &Price) -> Result<Option<Meter>, PluginError> {
    let Price::Metered(metered) = price else { return Ok(None) };
    let place = format!("{place}.price.metered");
    if !metered.used.is_empty() {
        return Err(rule(place, "`used` is for manifests: a plugin reports its usage"));
    }
    if metered.most.is_empty() || metered.most.len() > METER_LINES_MAX {
        return Err(rule(place, format!("`most` must name 1 to {METER_LINES_MAX} units")));
    }
    let sku = match &metered.sku {
        raw::SkuName::Fixed(name) => SkuName::Fixed(name.clone()),
        raw::SkuName::Argument(name) => SkuName::Argument(name.clone()),
    };
    let lines = metered.most.iter().map(|(u, most)| MeterLine { unit: (*u).into(), most: quantity(most) }).collect();
    Ok(Some(Meter { sku, lines }))
}

fn quantity(raw: &raw::Most) -> Quantity {
    match raw.clone() {
        raw::Most::Fixed(n) => Quantity::Fixed(n),
        raw::Most::Argument(name) => Quantity::Argument(name),
        raw::Most::TextBytes { arguments, extra } => Quantity::TextBytes { arguments, extra },
        raw::Most::Money { amount, currency } => Quantity::Money { amount, currency },
        raw::Most::MinutesOf(name) => Quantity::MinutesOf(name),
    }
}

#[cfg(test)]
#[path = "plugin_tests.rs"]
mod tests;
