//! Templates: text with `{{ expressions }}` and nothing else. Strict: what is not there is an error, never an empty text.

use if_schemas::{Currency, Money};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, value::Value as Jinja};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::{collections::BTreeSet, sync::LazyLock};

/// Steps one template may take: they are a few words long.
const FUEL: u64 = 10_000;
/// Deepest nesting of expressions.
const RECURSION_MAX: usize = 50;
/// Characters that stand for themselves in a URL's path segment (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is done to values put into a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    None,
    /// One segment of a URL's path, or a query value written by hand.
    Url,
    Xml,
}

/// Why a template is not one, or could not be filled in. Never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} in {source_text:?}")]
pub struct TemplateError {
    pub what: String,
    /// The template itself.
    pub source_text: String,
}

/// What expressions may refer to: `args`, `instance`, `secret`, `command` and whatever the place adds.
pub fn context_of(document: Value) -> Jinja {
    match document {
        Value::Null => Jinja::from(()),
        Value::Bool(b) => b.into(),
        Value::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
            (Some(n), _, _) => n.into(),
            (_, Some(n), _) => n.into(),
            (_, _, n) => n.unwrap_or(f64::NAN).into(),
        },
        Value::String(s) => s.into(),
        Value::Array(items) => items.into_iter().map(context_of).collect(),
        Value::Object(map) => Jinja::from_pairs(map.into_iter().map(|(k, v)| (k, context_of(v)))),
    }
}

/// One template of a [`Templates`] set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    /// Its name in the set; none for text without expressions.
    name: Option<String>,
    /// The name of its JSON form, where it is one lone expression.
    json: Option<String>,
    variables: BTreeSet<String>,
}

impl Template {
    pub fn source(&self) -> &str {
        &self.source
    }
    /// What it refers to: `args.prompt`, `secret.token`.
    pub fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }
}

/// All templates of one plan.
#[derive(Debug)]
pub struct Templates {
    env: Environment<'static>,
    count: usize,
}

/// What every set begins with. A clone shares the filters, which to add means to copy them all.
static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(RECURSION_MAX);
    env.set_auto_escape_callback(escape_of);
    env.set_formatter(format);
    env.add_filter("json", to_json);
    env.add_filter("minor_units", minor_units);
    env.add_filter("major_units", major_units);
    env
});

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    pub fn new() -> Self {
        Self { env: LANGUAGE.clone(), count: 0 }
    }

    /// Parses a template into the set.
    pub fn add(&mut self, source: &str, escape: Escape) -> Result<Template, TemplateError> {
        let error = |what: String| TemplateError { what, source_text: source.into() };
        if source.contains("{%") || source.contains("{#") {
            return Err(error("only {{ expressions }} are allowed".into()));
        }
        if !source.contains("{{") {
            return Ok(Template { source: source.into(), name: None, json: None, variables: BTreeSet::new() });
        }
        if let Some(filter) = filters(source).find(|f| !self.has_filter(f)) {
            return Err(error(format!("there is no filter {filter:?}")));
        }
        let (name, json_name) = (self.name(escape), lone(source).map(|_| self.name(Escape::None)));
        self.env.add_template_owned(name.clone(), source.to_string()).map_err(|e| error(said(&e)))?;
        if let (Some(json), Some(expression)) = (&json_name, lone(source)) {
            let text = format!("{{{{ ({expression})|json }}}}");
            self.env.add_template_owned(json.clone(), text).map_err(|e| error(said(&e)))?;
        }
        let template = self.env.get_template(&name).map_err(|e| error(said(&e)))?;
        let variables = template.undeclared_variables(true).into_iter().collect();
        Ok(Template { source: source.into(), name: Some(name), json: json_name, variables })
    }

    /// The engine itself looks for filters only when it renders.
    fn has_filter(&self, name: &str) -> bool {
        let tried = self.env.empty_state().apply_filter(name, &[]);
        !tried.is_err_and(|e| e.kind() == ErrorKind::UnknownFilter)
    }

    fn name(&mut self, escape: Escape) -> String {
        self.count += 1;
        let kind = match escape {
            Escape::None => 't',
            Escape::Url => 'u',
            Escape::Xml => 'x',
        };
        format!("{kind}{}", self.count)
    }

    /// The text. An expression that gives none is an error.
    pub fn text(&self, template: &Template, context: &Jinja) -> Result<String, TemplateError> {
        match &template.name {
            None => Ok(template.source.clone()),
            Some(name) => self.render(template, name, context),
        }
    }

    /// The JSON value of a lone expression, the text of anything else. `Null` where a lone expression gives none.
    pub fn value(&self, template: &Template, context: &Jinja) -> Result<Value, TemplateError> {
        let Some(name) = &template.json else { return self.text(template, context).map(Value::from) };
        let text = self.render(template, name, context)?;
        let bad = |e: serde_json::Error| TemplateError { what: e.to_string(), source_text: template.source.clone() };
        serde_json::from_str(&text).map_err(bad)
    }

    fn render(&self, template: &Template, name: &str, context: &Jinja) -> Result<String, TemplateError> {
        let rendered = self.env.get_template(name).and_then(|t| t.render(context.clone()));
        rendered.map_err(|e| TemplateError { what: said(&e), source_text: template.source.clone() })
    }
}

/// Words after a `|` inside expressions. Inside a text literal this may name what is no filter; such a literal is refused
/// with it.
fn filters(source: &str) -> impl Iterator<Item = &str> {
    let word = |s: &'_ str| s.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(s.len());
    let expressions = source.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap_or(rest));
    expressions.flat_map(|e| e.split('|').skip(1)).map(str::trim_start).map(move |s| &s[..word(s)])
}

/// The expression of a template that is nothing else.
fn lone(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then(|| inner.trim())
}

/// What the template engine says, without the values it may quote.
fn said(e: &Error) -> String {
    match (e.kind(), e.detail()) {
        (ErrorKind::UndefinedError, _) => "something it refers to does not exist".into(),
        (
            ErrorKind::SyntaxError | ErrorKind::UnknownFilter | ErrorKind::UnknownFunction | ErrorKind::UnknownTest,
            Some(detail),
        ) => detail.to_string(),
        (ErrorKind::InvalidOperation, Some(NOT_GIVEN)) => NOT_GIVEN.into(),
        (ErrorKind::InvalidOperation, Some(BAD_AMOUNT)) => BAD_AMOUNT.into(),
        (kind, _) => kind.to_string(),
    }
}

const NOT_GIVEN: &str = "a value that is needed was not given";
const BAD_AMOUNT: &str = "the amount does not fit the currency";

fn escape_of(name: &str) -> AutoEscape {
    match name.as_bytes().first() {
        Some(b'u') => AutoEscape::Custom("url".into()),
        Some(b'x') => AutoEscape::Html,
        _ => AutoEscape::None,
    }
}

fn format(out: &mut Output, state: &mut State, value: &Jinja) -> Result<(), Error> {
    if value.is_none() || value.is_undefined() {
        return Err(Error::new(ErrorKind::InvalidOperation, NOT_GIVEN));
    }
    match state.auto_escape() {
        AutoEscape::Custom(_) => {
            let text = value.to_string();
            std::fmt::Write::write_fmt(out, format_args!("{}", utf8_percent_encode(&text, SEGMENT)))
                .map_err(Error::from)
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}

fn to_json(value: &Jinja) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Error::new(ErrorKind::BadSerialization, "no JSON value"))
}

/// `{{ args.amount|minor_units(args.currency) }}`: whole minor units of an amount as people type it.
fn minor_units(amount: &Jinja, currency: &Jinja) -> Result<i64, Error> {
    money(amount, currency).map(|m| m.minor_units())
}

/// The same in major units: `10.00`.
fn major_units(amount: &Jinja, currency: &Jinja) -> Result<String, Error> {
    let money = money(amount, currency)?;
    let exponent = money.currency.exponent() as usize;
    let minor = format!("{:0>width$}", money.minor_units(), width = exponent + 1);
    let (major, fraction) = minor.split_at(minor.len() - exponent);
    Ok(if fraction.is_empty() { major.to_string() } else { format!("{major}.{fraction}") })
}

fn money(amount: &Jinja, currency: &Jinja) -> Result<Money, Error> {
    let bad = |_| Error::new(ErrorKind::InvalidOperation, BAD_AMOUNT);
    let currency: Currency = currency.to_string().to_uppercase().parse().map_err(bad)?;
    Money::parse_amount(&amount.to_string(), currency).map_err(bad)
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
