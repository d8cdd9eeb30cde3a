//! Commands as a plan has them.

use crate::{command::Resolved, problem::Fault};
use if_manifest::OperationSpec;
use if_schemas::{
    OperationId, Payload, Salt,
    payload::Arguments,
    plan::{Args, Call, Source},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Gives a salt for each payload, fresh from a source of randomness that the caller has.
pub type Salts<'s> = dyn FnMut() -> Result<Salt, String> + 's;

/// The places of steps in the plan, by the ids a step names them by.
pub(crate) type Places = BTreeMap<String, u32>;

pub(crate) fn id(operation: &OperationSpec) -> Result<OperationId, Fault> {
    operation.id.parse().map_err(|e| Fault::bare(format!("{}: {e}", operation.id)))
}

pub(crate) fn payload(args: Map<String, Value>, salts: &mut Salts) -> Result<Payload, Fault> {
    let salt = salts().map_err(|e| Fault::bare(format!("there is no salt: {e}")))?;
    Payload::new(&Arguments { args, why: None, cause: None }, salt).map_err(|e| Fault::bare(e.to_string()))
}

pub(crate) fn plan(call: &Resolved, places: &Places, salts: &mut Salts) -> Result<Call, Fault> {
    let args = match call.open.is_empty() {
        true => Args::Fixed(payload(call.args.clone(), salts)?),
        false => {
            let known = call.args.iter().map(|(name, value)| Ok((name.clone(), Source::Value(value.clone()))));
            let open = call.open.iter().map(|(name, (step, pointer))| {
                let missing = || Fault::bare(format!("there is no step {step:?}"));
                let step = *places.get(step).ok_or_else(missing)?;
                Ok((name.clone(), Source::Result { step, pointer: pointer.clone() }))
            });
            Args::Open(known.chain(open).collect::<Result<_, Fault>>()?)
        }
    };
    let effect = call.operation.effect;
    Ok(Call { operation: id(call.operation)?, target: call.target.clone(), effect, args })
}
