//! Live state as it is known now.

use if_schemas::{
    Plan, StateMatch,
    plan::{Act, Args, Source, Undo, When},
    run::Facts,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Fresh values of live state. What is not there nobody knows; a path that is known to be gone is null.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen(BTreeMap<String, Value>);

/// `provider/instance:path`.
pub(crate) fn key(of: &StateMatch) -> String {
    format!("{}:{}", of.target, of.path)
}

impl Seen {
    /// `None`: nobody knows it any more.
    pub fn set(&mut self, of: &StateMatch, value: Option<Value>) {
        match value {
            Some(value) => self.0.insert(key(of), value),
            None => self.0.remove(&key(of)),
        };
    }

    pub fn get(&self, of: &StateMatch) -> Option<&Value> {
        self.0.get(&key(of))
    }

    /// Does it hold? None where nobody knows. Without a test it holds as soon as it is known.
    pub(crate) fn holds(&self, wanted: &StateMatch) -> Option<bool> {
        self.get(wanted).map(|value| wanted.test.as_ref().is_none_or(|test| test.holds(value)))
    }

    /// All of `record` as it is now, or the first value that nobody knows.
    pub(crate) fn record<'a>(&self, record: &'a [StateMatch]) -> Result<Facts, &'a StateMatch> {
        let one = |of: &'a StateMatch| self.get(of).map(|value| (key(of), value.clone())).ok_or(of);
        Ok(Facts { state: record.iter().map(one).collect::<Result<_, _>>()? })
    }

    /// What is not as it was recorded, in words; none where all is.
    pub(crate) fn differs(&self, record: &[StateMatch], recorded: &Facts) -> Option<String> {
        record.iter().find_map(|of| {
            let key = key(of);
            let was = recorded.state.get(&key).unwrap_or(&Value::Null);
            match self.0.get(&key) {
                Some(is) if is == was => None,
                Some(is) => Some(format!("{key} is {is}, it was {was}")),
                None => Some(format!("nobody knows {key}, it was {was}")),
            }
        })
    }
}

/// Every value that [`crate::Progress::next`] may ask for.
pub fn watched(plan: &Plan) -> Vec<StateMatch> {
    let mut all = BTreeMap::new();
    for step in &plan.steps {
        let conditions = step.when.iter().filter_map(|when| match when {
            When::State(state) => Some(state),
            When::Ended { .. } | When::Result { .. } => None,
        });
        let act = match &step.act {
            Act::Until(wanted) => Some(&wanted.state),
            _ => None,
        };
        let seen = conditions.chain(act).chain(step.confirm.as_ref().map(|wanted| &wanted.state));
        for state in seen.chain(records(step)) {
            all.entry(key(state)).or_insert_with(|| StateMatch { test: None, ..state.clone() });
        }
    }
    all.into_values().collect()
}

/// What must be known before the step, for its way back and for arguments.
pub(crate) fn records(step: &if_schemas::plan::Step) -> Vec<&StateMatch> {
    let mut all: Vec<&StateMatch> = match &step.undo {
        Undo::Restore(restore) => restore.record.iter().collect(),
        _ => Vec::new(),
    };
    for call in step.call().into_iter().chain(step.undo_calls().into_iter().map(|(_, call)| call)) {
        let Args::Open(args) = &call.args else { continue };
        all.extend(args.values().filter_map(|source| match source {
            Source::Recorded(state) => Some(state),
            _ => None,
        }));
    }
    all
}
