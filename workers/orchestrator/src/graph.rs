//! What comes before what, made once from the plan.

use crate::seen::records;
use if_schemas::{
    Hash, Plan, SchemaError, StateMatch,
    plan::{Args, Call, Source, Step, When},
};
use std::collections::BTreeSet;

/// Per step, in the order of the plan.
#[derive(Debug)]
pub(crate) struct Graph {
    /// Steps it comes after: what it needs, and what its conditions and arguments look at.
    pub before: Vec<Vec<usize>>,
    pub after: Vec<Vec<usize>>,
    /// Live state recorded before it.
    pub records: Vec<Vec<StateMatch>>,
    /// Its result is looked at by somebody.
    pub result_wanted: Vec<bool>,
    /// What guardians vote on: the leaf of its command, zero where it has none.
    pub leaf: Vec<Hash>,
}

impl Graph {
    pub fn of(plan: &Plan) -> Result<Self, SchemaError> {
        let count = plan.steps.len();
        let mut graph = Self {
            before: Vec::with_capacity(count),
            after: vec![Vec::new(); count],
            records: plan.steps.iter().map(|step| records(step).into_iter().cloned().collect()).collect(),
            result_wanted: vec![false; count],
            leaf: vec![Hash::ZERO; count],
        };
        for (place, step) in plan.steps.iter().enumerate() {
            let looked_at = results(step);
            for other in looked_at.iter().filter_map(|other| usize::try_from(*other).ok()) {
                if let Some(wanted) = graph.result_wanted.get_mut(other) {
                    *wanted = true;
                }
            }
            let before = before(step, place);
            for other in &before {
                graph.after[*other].push(place);
            }
            graph.before.push(before);
        }
        for leaf in plan.leaves().iter().filter(|leaf| leaf.guard.is_some()) {
            if let Some(place) = usize::try_from(leaf.step).ok().and_then(|place| graph.leaf.get_mut(place)) {
                *place = leaf.hash()?;
            }
        }
        Ok(graph)
    }
}

/// Only places smaller than the step's own: [`Plan::check`] has seen to that for needs and conditions, and a result that
/// can never be there is said when the arguments are made.
fn before(step: &Step, place: usize) -> Vec<usize> {
    let conditions = step.when.iter().filter_map(|when| match when {
        When::State(_) => None,
        When::Ended { step, .. } | When::Result { step, .. } => Some(*step),
    });
    let arguments = step.call().into_iter().flat_map(sources);
    let all: BTreeSet<u32> = step.needs.iter().copied().chain(conditions).chain(arguments).collect();
    all.into_iter().filter_map(|other| usize::try_from(other).ok()).filter(|other| *other < place).collect()
}

/// Steps whose results a step looks at, on its way back too.
fn results(step: &Step) -> Vec<u32> {
    let conditions = step.when.iter().filter_map(|when| match when {
        When::Result { step, .. } => Some(*step),
        _ => None,
    });
    let calls = step.call().into_iter().chain(step.undo_calls().into_iter().map(|(_, call)| call));
    conditions.chain(calls.flat_map(sources)).collect()
}

fn sources(call: &Call) -> Vec<u32> {
    let Args::Open(args) = &call.args else { return Vec::new() };
    let step = |source: &Source| match source {
        Source::Result { step, .. } => Some(*step),
        _ => None,
    };
    args.values().filter_map(step).collect()
}
