//! What undoes a step.

use crate::{
    call::{self, Places, Salts},
    command::{Fabric, Resolved, checked},
    problem::Fault,
    raw,
    scope::Scope,
};
use if_manifest::{
    RestoreSpec,
    restore::{BackArg, WaySpec, path},
};
use if_schemas::{
    Effect, StateMatch,
    plan::{self, Args, Call, Restore, Source, Way},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(crate) enum Undo<'a> {
    Impossible(String),
    Needless,
    Call(Box<Resolved<'a>>),
    Restore(&'a RestoreSpec),
}

/// What a step says of its undo, or what is best where it says nothing.
pub(crate) fn said<'a>(
    raw: Option<&raw::Undo>,
    call: &Resolved<'a>,
    fabric: Fabric<'a>,
    scope: &Scope,
) -> Result<Undo<'a>, Fault> {
    match raw {
        None if call.operation.effect == Effect::Read => Ok(Undo::Needless),
        None => Ok(restore(call).map_or_else(|why| Undo::Impossible(why.message), Undo::Restore)),
        Some(raw::Undo::Short(text)) if text.0 == "none" => Ok(Undo::Needless),
        Some(raw::Undo::Short(text)) if text.0 == "restore" => restore(call).map(Undo::Restore),
        Some(raw::Undo::Short(text)) => fabric.line(&text.0, scope).map(|c| Undo::Call(Box::new(c))),
        Some(raw::Undo::Full(parts)) => fabric.parts(parts, scope).map(|c| Undo::Call(Box::new(c))),
    }
}

fn restore<'a>(call: &Resolved<'a>) -> Result<&'a RestoreSpec, Fault> {
    let operation = call.operation;
    let fitting =
        operation.restore.iter().find(|r| r.fits(&call.args) && !r.unless.iter().any(|a| call.open.contains_key(a)));
    fitting.ok_or_else(|| {
        let why = match operation.restore.is_empty() {
            true => format!("the state before {} is not known, or no command brings it back", operation.id),
            false => format!("with these arguments the state before {} is not known", operation.id),
        };
        Fault::new(why, "name a command that undoes it, or `none` if nothing has to be undone")
    })
}

impl Undo<'_> {
    pub fn plan(&self, of: &Resolved, places: &Places, salts: &mut Salts) -> Result<plan::Undo, Fault> {
        Ok(match self {
            Undo::Impossible(why) => plan::Undo::Impossible(why.clone()),
            Undo::Needless => plan::Undo::Needless,
            Undo::Call(back) => plan::Undo::Call(call::plan(back, places, salts)?),
            Undo::Restore(spec) => plan::Undo::Restore(Restore {
                record: spec.record.iter().map(|path| seen(path, of)).collect::<Result<_, _>>()?,
                ways: spec.ways.iter().map(|way| self::way(way, of, salts)).collect::<Result<_, _>>()?,
            }),
        })
    }
}

fn seen(template: &str, of: &Resolved) -> Result<StateMatch, Fault> {
    let path = path(template, &of.args);
    let path = path.ok_or_else(|| Fault::bare(format!("{}: nothing is at {template}", of.operation.id)))?;
    Ok(StateMatch { target: of.target.clone(), path, test: None })
}

fn way(spec: &WaySpec, of: &Resolved, salts: &mut Salts) -> Result<Way, Fault> {
    let when = spec.when.iter().map(|w| Ok(StateMatch { test: Some(w.test.clone()), ..seen(&w.path, of)? }));
    let when = when.collect::<Result<_, Fault>>()?;
    let missing = || Fault::bare(format!("{} has no operation {}", of.provider.id, spec.operation));
    let operation = of.provider.operation(&spec.operation).ok_or_else(missing)?;
    let (mut known, mut open) = (Map::<String, Value>::new(), BTreeMap::new());
    for (name, arg) in &spec.args {
        match arg {
            BackArg::Value(value) => drop(known.insert(name.clone(), value.clone())),
            BackArg::Same => known.extend(of.args.get(name).map(|value| (name.clone(), value.clone()))),
            BackArg::Recorded(path) => drop(open.insert(name.clone(), Source::Recorded(seen(path, of)?))),
        }
    }
    let known = checked(operation, &known, open.keys())?;
    let args = match open.is_empty() {
        true => Args::Fixed(call::payload(known, salts)?),
        false => Args::Open(known.into_iter().map(|(n, v)| (n, Source::Value(v))).chain(open).collect()),
    };
    let call = Call { operation: call::id(operation)?, target: of.target.clone(), effect: operation.effect, args };
    Ok(Way { when, call: Some(call) })
}
