//! The live state that a plan looks at, as it is now.

use crate::{CliError, client::Client};
use if_home::plans::Values;
use if_schemas::{
    Plan, StateMatch, Target,
    plan::{Act, Step, Undo, When},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What was read so far: each instance is asked once.
#[derive(Default)]
pub struct Live(BTreeMap<Target, BTreeMap<String, Value>>);

impl Live {
    /// The values that one step looks at; null where there is none, or nobody fresh says it.
    pub async fn seen_by(&mut self, client: &mut Client, step: &Step) -> Result<Values, CliError> {
        let mut found = Values::new();
        for state in looks_at(step) {
            if !self.0.contains_key(&state.target) {
                let read = client.state_of(&state.target.provider, &state.target.instance).await?;
                let values = if read.fresh { read.values } else { BTreeMap::new() };
                self.0.insert(state.target.clone(), values);
            }
            let value = self.0.get(&state.target).and_then(|values| values.get(&state.path)).cloned();
            found.insert(format!("{}:{}", state.target, state.path), value.unwrap_or(Value::Null));
        }
        Ok(found)
    }
}

/// The values that any step of the plan looks at.
pub async fn seen_by_all(client: &mut Client, plan: &Plan) -> Result<Values, CliError> {
    let (mut live, mut all) = (Live::default(), Values::new());
    for step in plan.steps.iter().filter(|step| step.skip.is_none()) {
        all.extend(live.seen_by(client, step).await?);
    }
    Ok(all)
}

fn looks_at(step: &Step) -> Vec<&StateMatch> {
    let conditions = step.when.iter().filter_map(|when| match when {
        When::State(state) => Some(state),
        When::Ended { .. } | When::Result { .. } => None,
    });
    let mut all: Vec<&StateMatch> = conditions.chain(step.confirm.iter().map(|c| &c.state)).collect();
    if let Undo::Restore(restore) = &step.undo {
        all.extend(&restore.record);
    }
    if let Act::Until(until) = &step.act {
        all.push(&until.state);
    }
    all
}
