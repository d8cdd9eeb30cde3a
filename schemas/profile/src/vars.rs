//! Variables: their declaration, and what they are in one run.

use crate::{
    file::File,
    problem::{Fault, Problems},
    raw::{Var, VarType},
    scope::{Bound, INDEX, ITEM, Vars},
};
use if_manifest::{ParamKind, args::nearest};
use if_schemas::{Name, Target, time::parse_duration_us};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// Most variables of a profile.
const VARS_MAX: usize = 256;
/// What references to secrets begin with.
const REFERENCES: [&str; 4] = ["env:", "file:", "keychain:", "exec:"];

/// What is known about a variable once its declaration is right.
enum Kind {
    /// As parameters have it.
    Param(ParamKind),
    Duration,
    Instance(Name),
    Secret,
}

/// Variables from the command line, by name, as text; or of a nested profile, as values.
pub(crate) enum Given<'a> {
    Text(&'a BTreeMap<String, String>),
    Values(BTreeMap<String, Bound>),
}

/// The variables of one use of `file`; none where one of them has no value that can be used. What is wrong with what was
/// given is told by `wrong`, which knows where that stands.
pub(crate) fn bind(
    file: &File,
    given: &Given,
    instances: &BTreeSet<Target>,
    problems: &mut Problems,
    wrong: &mut dyn FnMut(&str, Fault, &mut Problems),
) -> Option<Rc<Vars>> {
    let (mut vars, mut sound) = (Vars::new(), true);
    if file.vars.len() > VARS_MAX {
        let what = format!("{} variables, at most {VARS_MAX} are allowed", file.vars.len());
        problems.add(&file.source.file, file.at(&["vars"]), Fault::bare(what));
    }
    for (key, raw) in &file.vars {
        let name = &key.text;
        let kind = match declared(name, raw) {
            Ok(kind) => kind,
            Err(fault) => {
                problems.add(&file.source.file, key.at, fault.of(&format!("variable {name}")));
                sound = false;
                continue;
            }
        };
        let value = match given.of(name) {
            Some(value) => {
                value.and_then(|bound| kind.take(name, bound, instances)).map_err(|fault| wrong(name, fault, problems))
            }
            None => match &raw.default {
                Some(value) => kind.default(name, value, instances).map_err(|fault| {
                    problems.add(&file.source.file, file.at(&["vars", name, "default"]), fault);
                }),
                None => {
                    let what = format!("{name} has no default and must be given");
                    wrong(name, Fault::new(what, raw.help.clone().unwrap_or_else(|| kind.expected())), problems);
                    Err(())
                }
            },
        };
        match value {
            Ok(bound) => drop(vars.insert(name.clone(), bound)),
            Err(()) => sound = false,
        }
    }
    for name in given.names().filter(|name| !file.vars.iter().any(|(key, _)| key.text == *name)) {
        let hint = match nearest(name, file.vars.iter().map(|(key, _)| key.text.as_str())) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "see `vars` of the profile".into(),
        };
        wrong(name, Fault::new(format!("{} has no variable {name:?}", file.name), hint), problems);
    }
    sound.then(|| Rc::new(vars))
}

impl Given<'_> {
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Given::Text(text) => Box::new(text.keys().map(String::as_str)),
            Given::Values(values) => Box::new(values.keys().map(String::as_str)),
        }
    }

    fn of(&self, name: &str) -> Option<Result<Bound, Fault>> {
        match self {
            Given::Text(text) => text.get(name).map(|t| Ok(Bound { value: t.as_str().into(), secret: false })),
            Given::Values(values) => values.get(name).cloned().map(Ok),
        }
    }
}

fn declared(name: &str, raw: &Var) -> Result<Kind, Fault> {
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !good {
        return Err(Fault::new("that is no name of a variable", "use a-z, 0-9 and '_', and begin with a letter"));
    }
    if [ITEM, INDEX, "steps"].contains(&name) {
        return Err(Fault::new("the name is reserved", "item and index are of for_each, steps are the steps"));
    }
    let only = |given: bool, key: &str, of: &str| match given {
        true => Err(Fault::new(format!("{key:?} is only for {of}"), "remove it")),
        false => Ok(()),
    };
    only(raw.provider.is_some() && raw.kind != VarType::Instance, "provider", "an instance")?;
    only(!raw.values.is_empty() && raw.kind != VarType::Enum, "values", "an enum")?;
    let ranged = matches!(raw.kind, VarType::Integer | VarType::Number);
    only((raw.min.is_some() || raw.max.is_some()) && !ranged, "min and max", "an integer or number")?;
    let (min, max) = (raw.min.unwrap_or(i64::MIN), raw.max.unwrap_or(i64::MAX));
    if min > max {
        return Err(Fault::bare(format!("min {min} is more than max {max}")));
    }
    Ok(match raw.kind {
        VarType::String => Kind::Param(ParamKind::Text),
        VarType::Integer => Kind::Param(ParamKind::Integer { min, max }),
        VarType::Number => Kind::Param(ParamKind::Number { min, max }),
        VarType::Boolean => Kind::Param(ParamKind::Flag),
        VarType::List => Kind::Param(ParamKind::List),
        VarType::Duration => Kind::Duration,
        VarType::Secret => Kind::Secret,
        VarType::Enum if raw.values.is_empty() => {
            return Err(Fault::new("an enum needs values", "like `values: [main, backup]`"));
        }
        VarType::Enum => Kind::Param(ParamKind::Choice(raw.values.clone())),
        VarType::Instance => {
            let said = raw
                .provider
                .as_deref()
                .ok_or_else(|| Fault::new("an instance needs a provider", "like `provider: obs`"))?;
            Kind::Instance(said.parse().map_err(|_| Fault::bare(format!("{said:?} is no provider")))?)
        }
    })
}

impl Kind {
    fn expected(&self) -> String {
        match self {
            Kind::Param(kind) => format!("it must be {}", kind.expected()),
            Kind::Duration => "it must be a duration like 500ms or 2s".into(),
            Kind::Instance(provider) => format!("it must be the name of an instance of {provider}"),
            Kind::Secret => "it must be a reference like file:/path, never the secret itself".into(),
        }
    }

    /// A value from outside: where it is text, it may be the text of another type.
    fn take(&self, name: &str, bound: Bound, instances: &BTreeSet<Target>) -> Result<Bound, Fault> {
        if bound.secret && !matches!(self, Kind::Secret) {
            return Err(crate::scope::no_secret(name));
        }
        let value = match (self, &bound.value) {
            (Kind::Param(ParamKind::List), Value::String(text)) if !text.starts_with('[') => {
                text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(Value::from).collect()
            }
            (Kind::Param(kind), Value::String(text)) => kind.parse_text(text).unwrap_or_else(|_| bound.value.clone()),
            (Kind::Param(ParamKind::Text), Value::Number(n)) => Value::from(n.to_string()),
            _ => bound.value,
        };
        self.default(name, &value, instances)
    }

    fn default(&self, name: &str, value: &Value, instances: &BTreeSet<Target>) -> Result<Bound, Fault> {
        let text = value.as_str();
        let fits = match self {
            Kind::Param(kind) => kind.accepts(value),
            Kind::Duration => text.is_some_and(|t| parse_duration_us(t).is_ok()),
            Kind::Instance(_) => text.is_some(),
            Kind::Secret => text.is_some_and(is_reference),
        };
        if !fits {
            // It may be a secret that somebody wrote down.
            let found = if matches!(self, Kind::Secret) { "something else".into() } else { value.to_string() };
            return Err(Fault::new(format!("{name} is {found}"), self.expected()));
        }
        if let (Kind::Instance(provider), Some(text)) = (self, text) {
            known(provider, text, instances).map_err(|fault| fault.of(name))?;
        }
        Ok(Bound { value: value.clone(), secret: matches!(self, Kind::Secret) })
    }
}

/// Is this text a reference to a secret?
pub(crate) fn is_reference(text: &str) -> bool {
    REFERENCES.iter().any(|r| text.len() > r.len() && text.starts_with(r))
}

/// The instance of a provider that is called so.
pub(crate) fn known(provider: &Name, name: &str, instances: &BTreeSet<Target>) -> Result<Target, Fault> {
    let of = || instances.iter().filter(|t| t.provider == *provider).map(|t| t.instance.as_str());
    let target = name.parse().ok().map(|instance| Target { provider: provider.clone(), instance });
    target.filter(|t| instances.contains(t)).ok_or_else(|| {
        let message = format!("there is no instance {name:?} of {provider}");
        match nearest(name, of()) {
            Some(near) => Fault::new(message, format!("did you mean {near}?")),
            None if of().next().is_none() => {
                Fault::new(message, format!("the fabric has none of {provider} yet: add it first"))
            }
            None => Fault::new(message, format!("there are: {}", of().collect::<Vec<_>>().join(", "))),
        }
    })
}
