//! Parameters and settings: their types, and what a value must be.

use super::{Compiler, PARAMS_MAX};
use crate::{
    FieldSpec, ParamKind, ParamSpec,
    raw::{Field, Format, Param, Type},
};
use indexmap::IndexMap;
use serde_json::Value;

/// Settings every instance has, whatever its provider.
const RESERVED_SETTINGS: [&str; 5] = ["enabled", "disabled", "simulated", "backup", "mode"];
/// The command line's own options.
const RESERVED_PARAMS: [&str; 11] =
    ["json", "deadline", "dry_run", "no_wait", "trace", "why", "home", "nats", "debug", "help", "version"];

/// What parameters and settings have in common.
struct Shape<'a> {
    kind: Type,
    format: Option<Format>,
    pattern: Option<&'a String>,
    choices: &'a [String],
    minimum: Option<i64>,
    maximum: Option<i64>,
}

impl<'a> Compiler<'a> {
    pub fn fields(&mut self, map: &'a IndexMap<String, Field>) -> Vec<FieldSpec> {
        if map.len() > PARAMS_MAX {
            self.error(format!("{} settings, at most {PARAMS_MAX} are allowed", map.len()));
        }
        map.iter().filter_map(|(name, field)| self.at(name, |c| c.setting_spec(name, field))).collect()
    }

    fn setting_spec(&mut self, name: &'a str, f: &'a Field) -> Option<FieldSpec> {
        self.identifier(name);
        if RESERVED_SETTINGS.contains(&name) {
            self.wrong_key(format!("every instance has {name:?} already"), "use another name");
        }
        self.line("help", &f.help);
        let shape = Shape {
            kind: f.kind,
            format: f.format,
            pattern: f.pattern.as_ref(),
            choices: &f.choices,
            minimum: f.minimum,
            maximum: f.maximum,
        };
        if f.secret {
            self.secret(name, f);
        }
        let kind = self.kind(&shape)?;
        let default = self.default_text(&kind, f.default.as_ref())?;
        Some(FieldSpec {
            name: name.into(),
            help: f.help.clone(),
            kind,
            required: f.required,
            secret: f.secret,
            default,
        })
    }

    /// A secret is a reference until it is used: nothing can be known about its text before.
    fn secret(&mut self, name: &str, f: &Field) {
        if f.default.is_some() {
            self.at("default", |c| c.wrong(format!("{name} is a secret with a default"), "leave the default out"));
        }
        let shaped = f.format.is_some() || f.pattern.is_some() || !f.choices.is_empty();
        if f.kind != Type::String || shaped || f.minimum.is_some() || f.maximum.is_some() {
            let next = "leave format, pattern, enum, minimum and maximum out";
            self.wrong(format!("{name} is a secret, which is any text"), next);
        }
    }

    pub fn param_specs(&mut self, map: &'a IndexMap<String, Param>) -> Vec<ParamSpec> {
        if map.len() > PARAMS_MAX {
            self.error(format!("{} parameters, at most {PARAMS_MAX} are allowed", map.len()));
        }
        let mut specs: Vec<ParamSpec> = Vec::new();
        for (name, param) in map {
            let before = specs.iter().rev().find(|p| p.positional);
            let optional = before.is_some_and(|p| !p.required || p.from.is_some());
            let list = before.is_some_and(|p| p.kind == ParamKind::List);
            let spec = self.at(name, |c| {
                if param.positional && list {
                    c.wrong_key(format!("{name:?} comes after a positional list"), "put the list last");
                }
                if param.positional && optional && param.required {
                    let next = "put positional parameters that are required first";
                    c.wrong_key(format!("{name:?} is required but comes after an optional one"), next);
                }
                c.param_spec(name, param, map)
            });
            specs.extend(spec);
        }
        specs
    }

    fn param_spec(&mut self, name: &'a str, p: &'a Param, all: &'a IndexMap<String, Param>) -> Option<ParamSpec> {
        self.identifier(name);
        if RESERVED_PARAMS.contains(&name) {
            self.wrong_key(format!("the command line has an option {name:?} of its own"), "use another name");
        }
        self.line("help", &p.help);
        let shape = Shape {
            kind: p.kind,
            format: p.format,
            pattern: p.pattern.as_ref(),
            choices: &p.choices,
            minimum: p.minimum,
            maximum: p.maximum,
        };
        if p.format == Some(Format::Amount) && !all.contains_key("currency") {
            self.at("format", |c| c.wrong(format!("{name} is an amount of no currency"), "add a parameter currency"));
        }
        if p.required && p.default.is_some() {
            self.at("default", |c| c.wrong(format!("{name} is required and has a default"), "leave one of them out"));
        }
        if let Some(from) = &p.from {
            self.at("from", |c| c.origin(name, p, from));
        }
        let kind = self.kind(&shape)?;
        let default = self.default_text(&kind, p.default.as_ref())?;
        Some(ParamSpec {
            name: name.into(),
            help: p.help.clone(),
            kind,
            required: p.required,
            positional: p.positional,
            default,
            from: p.from.clone(),
            live: None,
        })
    }

    /// `from` names a setting of the same type.
    fn origin(&mut self, name: &str, p: &Param, from: &str) {
        let Some(field) = self.field(from) else { return };
        if field.secret {
            self.wrong(format!("{from} is a secret"), "parameters are written to the log, secrets never are");
        } else if (field.kind, field.format) != (p.kind, p.format) {
            self.wrong(format!("{from} has another type than {name}"), "give both the same type and format");
        }
    }

    fn kind(&mut self, s: &Shape<'a>) -> Option<ParamKind> {
        let fits = |c: &mut Self, key: &'a str, given: bool, allowed: bool, of: &str| {
            if given && !allowed {
                c.at(key, |c| c.wrong(format!("{key} does not fit the type"), format!("it is for {of}")));
            }
        };
        let (text, number) =
            (s.kind == Type::String && s.format.is_none(), matches!(s.kind, Type::Integer | Type::Number));
        fits(self, "pattern", s.pattern.is_some(), text, "a string without format");
        fits(self, "enum", !s.choices.is_empty(), text, "a string without format");
        let numeric = number && s.format.is_none();
        fits(self, "minimum", s.minimum.is_some(), numeric, "an integer or a number");
        fits(self, "maximum", s.maximum.is_some(), numeric, "an integer or a number");
        if s.pattern.is_some() && !s.choices.is_empty() {
            self.at("pattern", |c| c.wrong("both pattern and enum", "leave one of them out"));
        }
        let (min, max) = (s.minimum.unwrap_or(i64::MIN), s.maximum.unwrap_or(i64::MAX));
        if min > max {
            self.at("maximum", |c| c.wrong(format!("maximum {max} is below minimum {min}"), "swap them"));
        }
        match (s.kind, s.format) {
            (Type::String, None) => match (s.pattern, s.choices) {
                (Some(pattern), _) => self.at("pattern", |c| c.pattern(pattern)).map(ParamKind::Pattern),
                (None, []) => Some(ParamKind::Text),
                (None, choices) => Some(ParamKind::Choice(choices.to_vec())),
            },
            (Type::String, Some(Format::Uri)) => Some(ParamKind::Url),
            (Type::String, Some(Format::File)) => Some(ParamKind::File),
            (Type::String, Some(Format::Amount)) => Some(ParamKind::Amount),
            (Type::Integer, None) => Some(ParamKind::Integer { min, max }),
            (Type::Integer, Some(Format::Duration)) => Some(ParamKind::DurationMs),
            (Type::Number, None) => Some(ParamKind::Number { min, max }),
            (Type::Boolean, None) => Some(ParamKind::Flag),
            (Type::Array, None) => Some(ParamKind::List),
            (Type::Object, None) => Some(ParamKind::Object),
            (_, Some(_)) => {
                let next = "duration is for integers; uri, file and amount are for strings";
                self.at("format", |c| c.wrong("format does not fit the type", next));
                None
            }
        }
    }

    /// A default as command-line text.
    fn default_text(&mut self, kind: &ParamKind, default: Option<&Value>) -> Option<Option<String>> {
        let Some(value) = default else { return Some(None) };
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        // A number written as text is no number; a duration may be either.
        let typed = kind.accepts(value) || (*kind == ParamKind::DurationMs && value.is_string());
        if !typed || kind.parse_text(&text).is_err() {
            self.at("default", |c| c.wrong(format!("default is {value}"), format!("it must be {}", kind.expected())));
            return None;
        }
        Some(Some(text))
    }

    /// A line of help: one line, not empty.
    pub fn line(&mut self, key: &'a str, text: &str) {
        if text.trim().is_empty() || text.contains('\n') {
            self.at(key, |c| c.wrong(format!("{key} is not one line of text"), "say it in a few words"));
        }
    }
}
