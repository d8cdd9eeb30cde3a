//! From a command line, or its parts, to an operation of an instance with its arguments. Everything the command line of `if`
//! is made of is in the descriptions of the providers, so they are all that is needed here.

use crate::{
    problem::Fault,
    scope::{Bound, Filled, Scope, no_secret},
    text::{self, Part, Text},
    vars,
};
use if_manifest::{ArgumentError, OperationSpec, ParamKind, ParamSpec, ProviderSpec, args::nearest};
use if_schemas::{Name, Target};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Options of every command: what they say is the step's to say, or the run's.
const GLOBAL: [(&str, &str); 8] = [
    ("deadline", "use `timeout` of the step"),
    ("json", "leave it out: results are kept as they are"),
    ("dry-run", "leave it out: `--plan` of the run does that"),
    ("no-wait", "leave it out: a step is done when its result is there"),
    ("trace", "leave it out: all commands of a run share one"),
    ("why", "leave it out: the record names the run"),
    ("home", "leave it out: it is the run's"),
    ("nats", "leave it out: it is the run's"),
];

/// What a fabric can do, and has.
#[derive(Clone, Copy)]
pub struct Fabric<'a> {
    pub providers: &'a [ProviderSpec],
    pub instances: &'a BTreeSet<Target>,
}

/// A command whose words are known, with its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Resolved<'a> {
    pub provider: &'a ProviderSpec,
    pub operation: &'a OperationSpec,
    pub target: Target,
    /// Checked, with defaults filled in.
    pub args: Map<String, Value>,
    /// Known once other steps have run: the step, by its id, and where in its result.
    pub open: BTreeMap<String, (String, String)>,
}

/// An argument that was given.
enum Given {
    Value(Value),
    Open(String, String),
}

impl<'a> Fabric<'a> {
    /// A command line as it is typed after `if`.
    pub(crate) fn line(self, line: &str, scope: &Scope) -> Result<Resolved<'a>, Fault> {
        let words = text::words(line)?;
        let literals: Vec<&str> = words.iter().map_while(literal).collect();
        let (provider, operation, used) = self.find(&literals)?;
        let mut rest = words[used..].iter();
        let missing = || Fault::new(format!("{} needs an instance", operation.id), "its name comes after the verbs");
        let name = scope.text(rest.next().ok_or_else(missing)?)?;
        let provider_name: Name = provider.id.parse().map_err(|_| missing())?;
        let target = vars::known(&provider_name, &name, self.instances)?;
        let given = Line { operation, scope, given: BTreeMap::new() }.read(rest)?;
        finish(provider, operation, target, given)
    }

    /// The same in parts.
    pub(crate) fn parts(self, call: &crate::raw::Call, scope: &Scope) -> Result<Resolved<'a>, Fault> {
        let target = scope.text(&text::parse(&call.instance)?)?;
        let target: Target = target.parse().map_err(Fault::from)?;
        let provider = self.providers.iter().find(|p| p.id == target.provider.as_str()).ok_or_else(|| {
            let known = self.providers.iter().map(|p| p.id.as_str());
            suggest(format!("there is no provider {:?}", target.provider.as_str()), target.provider.as_str(), known)
        })?;
        let operation = provider.operation(&call.operation).ok_or_else(|| {
            let known = provider.operations.iter().map(|o| o.id.as_str());
            suggest(format!("{} has no operation {:?}", provider.id, call.operation), &call.operation, known)
        })?;
        vars::known(&target.provider, target.instance.as_str(), self.instances)?;
        let mut given = BTreeMap::new();
        for (name, value) in &call.args {
            let of = operation.params.iter().find(|p| p.name == *name);
            given.insert(name.clone(), part(operation, of, value, scope)?);
        }
        finish(provider, operation, target, given)
    }

    /// The longest operation the first words name, and how many words that takes.
    fn find(self, words: &[&str]) -> Result<(&'a ProviderSpec, &'a OperationSpec, usize), Fault> {
        let family = match words.first() {
            None => return Err(Fault::new("there is no command", "like `obs scene switch myobs Main`")),
            Some(&program @ ("if" | "ifctl")) => {
                return Err(Fault::new(format!("the command begins with {program:?}"), "leave that word out"));
            }
            Some(family) => *family,
        };
        let of_family = || self.providers.iter().filter(move |p| p.family() == family);
        if of_family().next().is_none() {
            let known = self.providers.iter().map(ProviderSpec::family);
            return Err(suggest(format!("there is no command {family:?}"), family, known));
        }
        let all = of_family().flat_map(|p| p.operations.iter().map(move |o| (p, o, phrase(p, o))));
        let fits = all.clone().filter(|(_, _, phrase)| words.get(1..=phrase.len()) == Some(phrase.as_slice()));
        let longest = fits.max_by_key(|(_, _, phrase)| phrase.len());
        longest.map(|(p, o, phrase)| (p, o, phrase.len() + 1)).ok_or_else(|| {
            let phrases: BTreeSet<String> = all.map(|(_, _, phrase)| phrase.join(" ")).collect();
            let said = |count: usize| words.iter().skip(1).take(count).copied().collect::<Vec<_>>().join(" ");
            let near = (1..=4).rev().find_map(|count| {
                let same = phrases.iter().filter(|p| p.split(' ').count() == count).map(String::as_str);
                nearest(&said(count), same)
            });
            let message = format!("{family} has no command {:?}", said(2));
            let hint = near.map(|near| format!("did you mean `{family} {near}`?"));
            Fault { message, hint: hint.or_else(|| Some(format!("see `ifctl {family} --help`"))) }
        })
    }
}

fn suggest<'c>(message: String, word: &str, known: impl Iterator<Item = &'c str>) -> Fault {
    let known: BTreeSet<&str> = known.collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => Fault::new(message, format!("did you mean {near}?")),
        None => Fault::new(message, "`ifctl provider list` shows what there is"),
    }
}

/// The words of an operation after its family: its verbs, and its provider where the family has several.
fn phrase<'s>(provider: &'s ProviderSpec, operation: &'s OperationSpec) -> Vec<&'s str> {
    let named = (provider.family() != provider.id).then_some(provider.id.as_str());
    operation.id.split('.').skip(1).chain(named).collect()
}

fn literal(word: &Text) -> Option<&str> {
    match word.parts.as_slice() {
        [Part::Literal(text)] => Some(text),
        _ => None,
    }
}

/// The words after the instance.
struct Line<'a, 's> {
    operation: &'a OperationSpec,
    scope: &'s Scope,
    given: BTreeMap<String, Given>,
}

impl<'a> Line<'a, '_> {
    fn read<'w>(mut self, mut words: impl Iterator<Item = &'w Text>) -> Result<BTreeMap<String, Given>, Fault> {
        let operation = self.operation;
        let mut places = operation.params.iter().filter(|p| p.positional).peekable();
        let mut options = true;
        while let Some(word) = words.next() {
            // A value that begins with two dashes is a value: only what is written here is an option.
            match word.parts.first() {
                Some(Part::Literal(text)) if options && text.starts_with("--") => match text.as_str() {
                    "--" if word.parts.len() == 1 => options = false,
                    _ => self.option(word, text, &mut words)?,
                },
                _ => {
                    let Some(param) = places.peek().copied() else {
                        let hint = "put quotes around an argument with spaces";
                        return Err(Fault::new(format!("{} takes no {:?}", operation.id, shown(word)), hint));
                    };
                    if param.kind != ParamKind::List {
                        places.next();
                    }
                    self.take(param, word)?;
                }
            }
        }
        Ok(self.given)
    }

    fn option<'w>(&mut self, word: &Text, text: &str, words: &mut impl Iterator<Item = &'w Text>) -> Result<(), Fault> {
        let (name, first) = match text[2..].split_once('=') {
            Some((name, first)) => (name, Some(first)),
            None => (&text[2..], None),
        };
        let param = self.named(name)?;
        let value = first.map(|first| {
            let head = (!first.is_empty()).then(|| Part::Literal(first.into()));
            Text { parts: head.into_iter().chain(word.parts[1..].iter().cloned()).collect() }
        });
        if param.kind == ParamKind::Flag {
            if value.is_some() || word.parts.len() > 1 {
                let hint = "write the command in parts: `run: {operation, instance, args}`";
                return Err(Fault::new(format!("--{name} takes no value"), hint));
            }
            self.given.insert(param.name.clone(), Given::Value(true.into()));
            return Ok(());
        }
        let missing = || Fault::new(format!("--{name} has no value"), format!("it is {}", param.kind.expected()));
        let value = value.or_else(|| words.next().cloned()).ok_or_else(missing)?;
        self.take(param, &value)
    }

    fn named(&self, name: &str) -> Result<&'a ParamSpec, Fault> {
        let operation = self.operation;
        let options = || operation.params.iter().filter(|p| !p.positional);
        if let Some(param) = options().find(|p| p.name.replace('_', "-") == name) {
            return Ok(param);
        }
        let message = format!("{} has no --{name}", operation.id);
        if let Some((_, hint)) = GLOBAL.iter().find(|(global, _)| *global == name) {
            return Err(Fault::new(message, *hint));
        }
        let known: Vec<String> = options().map(|p| p.name.replace('_', "-")).collect();
        Err(match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => Fault::new(message, format!("did you mean --{near}?")),
            None if known.is_empty() => Fault::new(message, "it has no options"),
            None => Fault::new(message, format!("there are: --{}", known.join(", --"))),
        })
    }

    fn take(&mut self, param: &ParamSpec, word: &Text) -> Result<(), Fault> {
        let given = filled(self.operation, param, self.scope.fill(word)?)?;
        match (self.given.get_mut(&param.name), given) {
            (Some(Given::Value(Value::Array(items))), Given::Value(Value::Array(more))) => items.extend(more),
            (Some(_), _) => {
                let name = param.name.replace('_', "-");
                return Err(Fault::new(format!("{name} is given twice"), "leave one of them out"));
            }
            (None, given) => drop(self.given.insert(param.name.clone(), given)),
        }
        Ok(())
    }
}

fn shown(word: &Text) -> String {
    let part = |part: &Part| match part {
        Part::Literal(text) => text.clone(),
        Part::Ref(_) => "${…}".into(),
    };
    word.parts.iter().map(part).collect()
}

/// An argument of a call in parts. Only a whole argument may come of another step.
fn part(operation: &OperationSpec, param: Option<&ParamSpec>, value: &Value, scope: &Scope) -> Result<Given, Fault> {
    match (param, value) {
        (Some(param), Value::String(text)) => filled(operation, param, scope.fill(&text::parse(text)?)?),
        (Some(param), value) => Ok(Given::Value(fitting(&param.kind, below(value, scope)?).unwrap_or_else(|v| v))),
        // Refused with its nearest name when all are checked.
        (None, value) => Ok(Given::Value(value.clone())),
    }
}

/// A value with every text inside of it filled in.
pub(crate) fn below(value: &Value, scope: &Scope) -> Result<Value, Fault> {
    Ok(match value {
        Value::String(text) => match scope.fill(&text::parse(text)?)? {
            Filled::Text(text) => text.into(),
            Filled::Value(Bound { secret: true, .. }) => return Err(no_secret("in it")),
            Filled::Value(bound) => bound.value,
            Filled::Result { step, .. } => {
                let what = format!("the result of {step} is not known before it has run");
                return Err(Fault::new(what, "it can only be a whole argument of a command"));
            }
        },
        Value::Array(items) => items.iter().map(|item| below(item, scope)).collect::<Result<_, _>>()?,
        Value::Object(entries) => {
            let entry = |(key, item): (&String, &Value)| Ok((key.clone(), below(item, scope)?));
            Value::Object(entries.iter().map(entry).collect::<Result<_, Fault>>()?)
        }
        other => other.clone(),
    })
}

fn filled(operation: &OperationSpec, param: &ParamSpec, filled: Filled) -> Result<Given, Fault> {
    let value = match filled {
        Filled::Result { step, pointer } => return Ok(Given::Open(step, pointer)),
        Filled::Text(text) => text.into(),
        Filled::Value(Bound { value, secret: true }) => {
            let path = value.as_str().and_then(|text| text.strip_prefix("file:"));
            match (&param.kind, path) {
                (ParamKind::File, Some(path)) => path.into(),
                _ => return Err(no_secret(&format!("for {}", param.name))),
            }
        }
        Filled::Value(bound) => bound.value,
    };
    let wrong = |found: Value| {
        let of = operation.id.clone();
        let expected = param.kind.expected();
        argument(&ArgumentError::Type { of, name: param.name.clone(), found: found.to_string(), expected })
    };
    fitting(&param.kind, value).map(Given::Value).map_err(wrong)
}

/// A value as a parameter of this kind takes it: text may be the text of something else, as on a command line.
fn fitting(kind: &ParamKind, value: Value) -> Result<Value, Value> {
    match &value {
        Value::String(text) if *kind == ParamKind::List && !text.starts_with('[') => {
            Ok(Value::from(vec![text.as_str()]))
        }
        Value::String(text) => kind.parse_text(text).map_err(|_| value.clone()),
        _ if kind.accepts(&value) => Ok(value),
        Value::Number(_) | Value::Bool(_) => kind.parse_text(&value.to_string()).map_err(|_| value.clone()),
        _ => Err(value),
    }
}

pub(crate) fn argument(error: &ArgumentError) -> Fault {
    match error {
        ArgumentError::Unknown { of, name, nearest } => {
            let hint = nearest.as_ref().map(|near| format!("did you mean {near:?}?"));
            Fault { message: format!("{of} has no {name:?}"), hint }
        }
        ArgumentError::Missing { of, name, help } => Fault::new(format!("{of} needs {name}"), help.clone()),
        ArgumentError::Type { of, name, found, expected } => {
            Fault::new(format!("{name} of {of} is {found}"), format!("it must be {expected}"))
        }
    }
}

fn finish<'a>(
    provider: &'a ProviderSpec,
    operation: &'a OperationSpec,
    target: Target,
    given: BTreeMap<String, Given>,
) -> Result<Resolved<'a>, Fault> {
    let (mut args, mut open) = (Map::new(), BTreeMap::new());
    for (name, given) in given {
        match given {
            Given::Value(value) => drop(args.insert(name, value)),
            Given::Open(step, pointer) => drop(open.insert(name, (step, pointer))),
        }
    }
    let args = checked(operation, &args, open.keys())?;
    no_reference(operation, &args)?;
    Ok(Resolved { provider, operation, target, args, open })
}

/// Checks the arguments that are known, and fills in defaults; `open` are those that will be.
pub(crate) fn checked<'n>(
    operation: &OperationSpec,
    args: &Map<String, Value>,
    open: impl Iterator<Item = &'n String>,
) -> Result<Map<String, Value>, Fault> {
    let mut known = operation.clone();
    for name in open {
        let places = known.params.len();
        known.params.retain(|p| p.name != *name);
        if known.params.len() == places {
            let near = nearest(name, operation.params.iter().map(|p| p.name.as_str()));
            let error = ArgumentError::Unknown { of: operation.id.clone(), name: name.clone(), nearest: near };
            return Err(argument(&error));
        }
    }
    known.check(args).map_err(|e| argument(&e))
}

/// No worker looks up a reference in an argument: it would be sent as it stands there.
fn no_reference(operation: &OperationSpec, args: &Map<String, Value>) -> Result<(), Fault> {
    let refers = |value: &Value| value.as_str().is_some_and(vars::is_reference);
    match args.iter().find(|(name, value)| operation.redact.contains(name) && refers(value)) {
        Some((name, _)) => Err(no_secret(&format!("for {name}"))),
        None => Ok(()),
    }
}
