//! Where the compiler is in the file, what it found wrong, and which names templates may use there.

use super::walk::{Of, Step, Walk};
use crate::{
    ManifestError,
    args::nearest,
    plan::{Escape, Template, Templates},
    raw::{Category, Field, Manifest, Param, PluginManifest},
    spec::{Pattern, regex},
    yaml::Node,
};
use if_schemas::time::parse_duration_us;
use indexmap::IndexMap;
use regex::Regex;
use serde_json_path::JsonPath;
use std::{collections::BTreeMap, ops::BitOr, time::Duration};

/// The names a template may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(u16);

impl Scope {
    pub const INSTANCE: Scope = Scope(1);
    pub const SECRET: Scope = Scope(1 << 1);
    /// Parameters of the operation.
    pub const ARGS: Scope = Scope(1 << 2);
    /// Parameters that every operation has.
    pub const COMMON_ARGS: Scope = Scope(1 << 3);
    pub const COMMAND: Scope = Scope(1 << 4);
    pub const CREATED: Scope = Scope(1 << 5);
    pub const SESSION: Scope = Scope(1 << 6);
    pub const RESPONSE: Scope = Scope(1 << 7);
    /// The request that is signed.
    pub const REQUEST: Scope = Scope(1 << 8);
    pub const SIGNATURE: Scope = Scope(1 << 9);

    pub const fn and(self, other: Scope) -> Scope {
        Scope(self.0 | other.0)
    }

    pub fn has(self, other: Scope) -> bool {
        self.0 & other.0 != 0
    }

    fn roots(self) -> String {
        let named = ROOTS.iter().filter(|(_, scope)| self.has(*scope));
        named.map(|(root, _)| *root).collect::<Vec<_>>().join(", ")
    }
}

impl BitOr for Scope {
    type Output = Scope;
    fn bitor(self, other: Scope) -> Scope {
        self.and(other)
    }
}

const ANY_ARGS: Scope = Scope::ARGS.and(Scope::COMMON_ARGS);
const ROOTS: [(&str, Scope); 9] = [
    ("args", ANY_ARGS),
    ("instance", Scope::INSTANCE),
    ("secret", Scope::SECRET),
    ("command", Scope::COMMAND),
    ("created", Scope::CREATED),
    ("session", Scope::SESSION),
    ("response", Scope::RESPONSE),
    ("request", Scope::REQUEST),
    ("signature", Scope::SIGNATURE),
];
const COMMAND_NAMES: [&str; 2] = ["id", "idempotency_key"];
const REQUEST_NAMES: [&str; 7] = ["method", "path", "body", "body_sha256", "timestamp", "timestamp_ms", "nonce"];

/// What every file that describes a provider says: all that one part of the compiler looks up in another.
#[derive(Debug)]
pub struct Outline<'a> {
    /// Version of the vocabulary, and the key that says it.
    pub version: (&'static str, u8),
    pub id: &'a str,
    pub display_name: &'a str,
    pub category: Category,
    pub summary: &'a str,
    pub instance: &'a IndexMap<String, Field>,
    /// The parameters of each operation.
    pub operations: Vec<(&'a str, &'a IndexMap<String, Param>)>,
    pub allowed_hosts: &'a [String],
}

impl<'a> From<&'a Manifest> for Outline<'a> {
    fn from(raw: &'a Manifest) -> Self {
        Self {
            version: ("manifest", raw.manifest),
            id: &raw.id,
            display_name: &raw.display_name,
            category: raw.category,
            summary: &raw.summary,
            instance: &raw.instance,
            operations: raw.operations.iter().map(|(name, o)| (name.as_str(), &o.params)).collect(),
            allowed_hosts: &raw.allowed_hosts,
        }
    }
}

impl<'a> From<&'a PluginManifest> for Outline<'a> {
    fn from(raw: &'a PluginManifest) -> Self {
        Self {
            version: ("plugin", raw.plugin),
            id: &raw.id,
            display_name: &raw.display_name,
            category: raw.category,
            summary: &raw.summary,
            instance: &raw.instance,
            operations: raw.operations.iter().map(|(name, o)| (name.as_str(), &o.params)).collect(),
            // It does not speak through the engine.
            allowed_hosts: &[],
        }
    }
}

pub struct Compiler<'a> {
    walk: Walk<'a>,
    pub outline: Outline<'a>,
    pub templates: Templates,
    /// By source: operations of one provider have parameters of the same kinds, and to compile one takes a while.
    patterns: BTreeMap<&'a str, Pattern>,
    /// Parameters of the operation at hand.
    pub params: Option<&'a IndexMap<String, Param>>,
    /// Names under `created` of the operation at hand.
    pub created: Vec<&'a str>,
    /// Names under `session` so far.
    pub session: Vec<&'a str>,
}

impl<'a> Compiler<'a> {
    pub fn new(file: &'a str, root: &'a Node, outline: impl Into<Outline<'a>>) -> Self {
        Self {
            walk: Walk::new(file, root),
            outline: outline.into(),
            templates: Templates::new(),
            patterns: BTreeMap::new(),
            params: None,
            created: vec![],
            session: vec![],
        }
    }

    /// Everything found, in the order of the file.
    pub fn errors(&mut self) -> Vec<ManifestError> {
        self.walk.errors()
    }

    /// Works one step deeper in the file.
    pub fn at<T>(&mut self, step: impl Into<Step<'a>>, work: impl FnOnce(&mut Self) -> T) -> T {
        self.walk.enter(step);
        let done = work(self);
        self.walk.leave();
        done
    }

    /// Every entry of a map; none where one is wrong.
    pub fn each<V: 'a, T>(
        &mut self,
        map: &'a IndexMap<String, V>,
        mut work: impl FnMut(&mut Self, &'a str, &'a V) -> Option<T>,
    ) -> Option<Vec<(String, T)>> {
        let each = map.iter().map(|(name, v)| (name, self.at(name, |c| work(c, name, v))));
        let each: Vec<(&String, Option<T>)> = each.collect();
        each.into_iter().map(|(name, done)| done.map(|d| (name.clone(), d))).collect()
    }

    /// The value here is wrong; `next` says what to do.
    pub fn wrong(&mut self, message: impl Into<String>, next: impl Into<String>) {
        self.walk.wrong(Of::Value, message, Some(next.into()));
    }

    pub fn error(&mut self, message: impl Into<String>) {
        self.walk.wrong(Of::Value, message, None);
    }

    /// The key here is wrong.
    pub fn wrong_key(&mut self, message: impl Into<String>, next: impl Into<String>) {
        self.walk.wrong(Of::Key, message, Some(next.into()));
    }

    pub fn template(&mut self, source: &str, escape: Escape, scope: Scope) -> Option<Template> {
        let template = match self.templates.add(source, escape) {
            Ok(template) => template,
            Err(e) => {
                self.error(e.to_string());
                return None;
            }
        };
        let known = template.variables().iter().map(|v| self.variable(v, scope)).collect::<Vec<_>>();
        known.into_iter().all(|k| k).then_some(template)
    }

    pub fn optional(&mut self, key: &'a str, source: Option<&String>, scope: Scope) -> Option<Option<Template>> {
        match source {
            None => Some(None),
            Some(source) => self.at(key, |c| c.template(source, Escape::None, scope)).map(Some),
        }
    }

    /// The template that is the value of `key`.
    pub fn text(&mut self, key: &'a str, source: &str, scope: Scope) -> Option<Template> {
        self.at(key, |c| c.template(source, Escape::None, scope))
    }

    /// Is this a name that may be used here?
    fn variable(&mut self, variable: &str, scope: Scope) -> bool {
        let mut words = variable.split('.');
        let (root, name) = (words.next().unwrap_or_default(), words.next());
        let Some((_, needed)) = ROOTS.iter().find(|(r, _)| *r == root) else {
            self.wrong(format!("there is no {variable:?} in templates"), format!("use {}", scope.roots()));
            return false;
        };
        if !scope.has(*needed) {
            self.wrong(format!("{root} cannot be used here"), format!("use {}", scope.roots()));
            return false;
        }
        match (root, name) {
            ("response" | "signature", _) => true,
            (_, None) => {
                self.wrong(format!("{root:?} is not one value"), format!("name one, like {root}.NAME"));
                false
            }
            ("args", Some(name)) => self.argument(name, scope),
            ("instance", Some(name)) => self.setting(name, false),
            ("secret", Some(name)) => self.setting(name, true),
            ("created", Some(name)) => self.one_of(variable, name, &self.created.clone()),
            ("session", Some(name)) => self.one_of(variable, name, &self.session.clone()),
            ("request", Some(name)) => self.one_of(variable, name, &REQUEST_NAMES),
            (_, Some(name)) => self.one_of(variable, name, &COMMAND_NAMES),
        }
    }

    fn argument(&mut self, name: &str, scope: Scope) -> bool {
        if scope.has(Scope::ARGS) {
            let known: Vec<&str> = self.params.map(|p| p.keys().map(String::as_str).collect()).unwrap_or_default();
            return self.one_of(&format!("args.{name}"), name, &known);
        }
        let without = self.outline.operations.iter().find(|(_, params)| !params.contains_key(name));
        let Some((operation, _)) = without else {
            return true;
        };
        let message = format!("args.{name} is used for every operation, but {operation:?} has no such parameter");
        self.wrong(message, "declare it there, or use an instance setting");
        false
    }

    fn setting(&mut self, name: &str, secret: bool) -> bool {
        let (root, other) = if secret { ("secret", "instance") } else { ("instance", "secret") };
        let instance = self.outline.instance;
        if instance.get(name).is_some_and(|f| f.secret != secret) {
            self.wrong(format!("there is no {root}.{name}"), format!("it is {other}.{name}"));
            return false;
        }
        let known = instance.iter().filter(|(_, f)| f.secret == secret);
        let known: Vec<&str> = known.map(|(name, _)| name.as_str()).collect();
        self.one_of(&format!("{root}.{name}"), name, &known)
    }

    /// Says what is there instead where `name` is none of `known`.
    pub fn one_of(&mut self, shown: &str, name: &str, known: &[&str]) -> bool {
        if known.contains(&name) {
            return true;
        }
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if known.is_empty() => "none is declared".into(),
            None => format!("use {}", known.join(", ")),
        };
        self.wrong(format!("there is no {shown:?}"), hint);
        false
    }

    /// The parameter `name` of the operation at hand.
    pub fn param(&mut self, name: &str) -> Option<&'a Param> {
        let params = self.params?;
        let known: Vec<&str> = params.keys().map(String::as_str).collect();
        if self.one_of(name, name, &known) { params.get(name) } else { None }
    }

    /// The setting `name`.
    pub fn field(&mut self, name: &str) -> Option<&'a Field> {
        let instance = self.outline.instance;
        let known: Vec<&str> = instance.keys().map(String::as_str).collect();
        if self.one_of(name, name, &known) { instance.get(name) } else { None }
    }

    pub fn json_path(&mut self, source: &str) -> Option<JsonPath> {
        let parsed = JsonPath::parse(source);
        parsed.map_err(|e| self.wrong(format!("{source:?} is no JSONPath: {e}"), "see RFC 9535: $.field[0]")).ok()
    }

    pub fn optional_path(&mut self, key: &'a str, source: Option<&String>) -> Option<Option<JsonPath>> {
        match source {
            None => Some(None),
            Some(source) => self.at(key, |c| c.json_path(source)).map(Some),
        }
    }

    pub fn pattern(&mut self, source: &'a str) -> Option<Pattern> {
        if let Some(known) = self.patterns.get(source) {
            return Some(known.clone());
        }
        match Pattern::new(source) {
            Ok(pattern) => {
                self.patterns.insert(source, pattern.clone());
                Some(pattern)
            }
            Err(e) => {
                self.error(format!("{source:?} is no regular expression: {e}"));
                None
            }
        }
    }

    pub fn regex(&mut self, source: &str) -> Option<Regex> {
        regex(source).map_err(|e| self.error(format!("{source:?} is no regular expression: {e}"))).ok()
    }

    /// A duration between bounds; `default` where none is given.
    pub fn duration(
        &mut self,
        key: &'a str,
        text: Option<&String>,
        default: Duration,
        min: Duration,
        max: Duration,
    ) -> Option<Duration> {
        let Some(text) = text else { return Some(default) };
        self.at(key, |c| {
            let parsed = parse_duration_us(text).ok().and_then(|us| u64::try_from(us).ok()).map(Duration::from_micros);
            let Some(duration) = parsed else {
                c.wrong(format!("{key} is {text:?}, no duration"), "use a number and a unit: 500ms, 30s, 10m, 2h");
                return None;
            };
            if !(min..=max).contains(&duration) {
                c.wrong(format!("{key} is {text:?}"), format!("use {min:?} to {max:?}"));
                return None;
            }
            Some(duration)
        })
    }

    /// A number between bounds; `default` where none is given.
    pub fn number<N: Copy + PartialOrd + std::fmt::Display>(
        &mut self,
        key: &'a str,
        n: Option<N>,
        default: N,
        (min, max): (N, N),
    ) -> Option<N> {
        let Some(n) = n else { return Some(default) };
        if n < min || n > max {
            self.at(key, |c| c.wrong(format!("{key} is {n}"), format!("use {min} to {max}")));
            return None;
        }
        Some(n)
    }

    /// A name of a parameter, setting or field: `[a-z][a-z0-9_]*`.
    pub fn identifier(&mut self, name: &str) {
        let head = name.starts_with(|c: char| c.is_ascii_lowercase());
        let rest = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !head || !rest || name.len() > if_schemas::limits::NAME_MAX_BYTES {
            self.wrong_key(format!("{name:?} is no name"), "use a-z, 0-9 and '_', begin with a letter");
        }
    }

    /// An HTTP header's name.
    pub fn header_name(&mut self, name: &str) {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) {
            self.wrong(format!("{name:?} is no header name"), "use letters, digits and '-'");
        }
    }

    pub fn headers(&mut self, map: &'a IndexMap<String, String>, scope: Scope) -> Option<Vec<(String, Template)>> {
        self.each(map, |c, name, value| {
            c.header_name(name);
            c.template(value, Escape::None, scope)
        })
    }
}
