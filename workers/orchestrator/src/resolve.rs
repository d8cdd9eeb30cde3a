//! Conditions, arguments and ways back, as far as what happened decides them.

use crate::{
    doing::Given,
    fold::Progress,
    line::Stage,
    seen::{Seen, key},
};
use if_schemas::{
    StateMatch, Timestamp,
    plan::{Args, Call, Ended, Source, Undo, When},
    run::Facts,
};
use serde_json::{Map, Value};

/// The way back of a step that happened.
#[derive(Debug)]
pub(crate) enum WayBack<'a> {
    Call {
        way: u16,
        call: &'a Call,
    },
    /// It is there already, or comes by itself: it only has to be seen.
    Wait,
}

/// Do the conditions on live state hold?
pub(crate) enum Holds<'a> {
    Yes,
    No(String),
    Unknown(&'a StateMatch),
}

impl Progress {
    /// The first condition on earlier steps that does not hold, in words.
    pub(crate) fn fails_condition(&self, place: usize) -> Option<String> {
        self.of_plan(place).when.iter().find_map(|when| match when {
            When::State(_) => None,
            When::Ended { step, is } => {
                let (id, ended) = self.ended(*step)?;
                (!is.contains(&ended)).then(|| format!("{id} {}", said(ended)))
            }
            When::Result { step, pointer, test } => {
                let (id, _) = self.ended(*step)?;
                let value = self.result(*step, pointer).unwrap_or(&Value::Null);
                (!test.holds(value)).then(|| format!("{pointer} of the result of {id} is {value}"))
            }
        })
    }

    fn ended(&self, step: u32) -> Option<(&str, Ended)> {
        let place = usize::try_from(step).ok()?;
        match self.steps.get(place)?.forward.stage {
            Stage::Over(ended) => Some((&self.of_plan(place).id, ended)),
            _ => None,
        }
    }

    fn result(&self, step: u32, pointer: &str) -> Option<&Value> {
        self.steps.get(usize::try_from(step).ok()?)?.result.as_ref()?.pointer(pointer)
    }

    pub(crate) fn state_holds<'a>(&'a self, place: usize, seen: &Seen) -> Holds<'a> {
        for when in &self.of_plan(place).when {
            let When::State(state) = when else { continue };
            match seen.holds(state) {
                Some(true) => {}
                Some(false) => {
                    let value = seen.get(state).unwrap_or(&Value::Null);
                    return Holds::No(format!("{} is {value}, not as {state}", key(state)));
                }
                None => return Holds::Unknown(state),
            }
        }
        Holds::Yes
    }

    /// Is the step free to act, as far as its guardians go?
    pub(crate) fn is_approved(&self, place: usize, now: Timestamp) -> bool {
        let guard = self.of_plan(place).guard.as_ref();
        guard.is_none_or(|guard| self.steps[place].votes.approved(guard, now))
    }

    /// The arguments of a call of the step, or why they cannot be made.
    pub(crate) fn arguments(&self, place: usize, call: &Call) -> Result<Given, String> {
        let args = match &call.args {
            Args::Fixed(_) => return Ok(Given::Fixed),
            Args::Open(args) => args,
        };
        let one = |(name, source): (&String, &Source)| Ok((name.clone(), self.argument(place, name, source)?));
        Ok(Given::Open(args.iter().map(one).collect::<Result<Map<_, _>, String>>()?))
    }

    fn argument(&self, place: usize, name: &str, source: &Source) -> Result<Value, String> {
        let recorded = self.steps[place].recorded.as_ref();
        let found = match source {
            Source::Value(value) => return Ok(value.clone()),
            Source::Result { step, pointer } => self.result(*step, pointer),
            Source::Recorded(state) => recorded.and_then(|facts| facts.state.get(&key(state))),
        };
        found.cloned().ok_or_else(|| match source {
            Source::Result { step, pointer } => {
                let other = usize::try_from(*step).ok().and_then(|place| self.plan.steps.get(place));
                let other = other.map_or("?", |step| step.id.as_str());
                format!("argument {name} cannot be made: the result of {other} has no {pointer}")
            }
            Source::Recorded(state) => format!("argument {name} cannot be made: {} was not recorded", key(state)),
            Source::Value(_) => format!("argument {name} cannot be made"),
        })
    }

    /// How the step is undone, or why it cannot be.
    pub(crate) fn way_back(&self, place: usize) -> Result<WayBack<'_>, String> {
        match &self.of_plan(place).undo {
            Undo::Impossible(why) => Err(why.clone()),
            Undo::Needless => Ok(WayBack::Wait),
            Undo::Call(call) => Ok(WayBack::Call { way: 0, call }),
            Undo::Restore(restore) => {
                let recorded = self.steps[place].recorded.as_ref();
                let recorded = recorded.ok_or("the state before it was not recorded")?;
                let fits = restore.ways.iter().zip(0_u16..).find(|(way, _)| all_hold(&way.when, recorded));
                let (way, number) = fits.ok_or("there is no way back to the state it had before")?;
                Ok(way.call.as_ref().map_or(WayBack::Wait, |call| WayBack::Call { way: number, call }))
            }
        }
    }
}

fn all_hold(when: &[StateMatch], recorded: &Facts) -> bool {
    when.iter().all(|state| {
        let value = recorded.state.get(&key(state)).unwrap_or(&Value::Null);
        state.test.as_ref().is_none_or(|test| test.holds(value))
    })
}

pub(crate) fn said(ended: Ended) -> &'static str {
    match ended {
        Ended::Confirmed => "was done",
        Ended::Failed => "failed",
        Ended::Indeterminate => "may have happened",
        Ended::Skipped => "was skipped",
    }
}
