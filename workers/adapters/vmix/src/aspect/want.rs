//! What an aspect is wanted to be, and whether it is.

use super::Aspect;
use crate::{
    session::Pushed,
    state::{Input, State, shown},
};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

/// How far a fader may be from what was asked: vMix keeps single precision gains.
const FADER_WITHIN: f64 = 0.05;
/// How far other numbers may be.
const NUMBER_WITHIN: f64 = 0.001;
/// How far a position may be from where it was sent, beyond the time that passed: clips seek to a frame near it.
const POSITION_WITHIN_MS: u64 = 250;

/// What an aspect is wanted to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    Is(Value),
    Fader(f64),
    Near(f64),
    /// Anything but this.
    Other(Value),
    /// This many milliseconds, and on from there while it plays.
    From(u64),
    /// An input that was not there, of this kind where one is given.
    New {
        known: BTreeSet<String>,
        kind: Option<String>,
    },
    /// A title that names this.
    Names(String),
}

/// One effect to look for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub aspect: Aspect,
    pub want: Want,
    /// Its absence proves nothing: what was asked for may have happened and not show.
    pub soft: bool,
}

impl Wanted {
    pub fn new(aspect: Aspect, want: Want) -> Self {
        Self { aspect, want, soft: false }
    }
    pub fn is(aspect: Aspect, value: impl Into<Value>) -> Self {
        Self::new(aspect, Want::Is(value.into()))
    }
    pub fn soft(mut self) -> Self {
        self.soft = true;
        self
    }

    /// Whether the state shows it `elapsed` after it was asked for.
    pub fn holds(&self, state: &State, pushed: &Pushed, elapsed: Duration) -> bool {
        let Some(found) = self.aspect.read(state, pushed) else { return false };
        let near = |wanted: f64, within: f64| found.as_f64().is_some_and(|n| (n - wanted).abs() <= within);
        match &self.want {
            Want::Is(value) if self.aspect.is_title() => {
                self.aspect.input(state).is_some_and(|i| value.as_str().is_some_and(|title| i.is_called(title)))
            }
            Want::Is(value) => found == *value,
            Want::Other(value) => found != *value,
            Want::Fader(value) => near(*value, FADER_WITHIN),
            Want::Near(value) => near(*value, NUMBER_WITHIN),
            Want::From(ms) => {
                let passed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
                let range = ms.saturating_sub(POSITION_WITHIN_MS)
                    ..=ms.saturating_add(passed).saturating_add(POSITION_WITHIN_MS);
                found.as_u64().is_some_and(|at| range.contains(&at))
            }
            Want::New { .. } => self.arrived(state).is_some(),
            Want::Names(name) => found.as_str().is_some_and(|title| title.contains(name.as_str())),
        }
    }

    /// The input that was waited for.
    pub fn arrived<'a>(&self, state: &'a State) -> Option<&'a Input> {
        let Want::New { known, kind } = &self.want else { return None };
        let fits = |i: &&Input| kind.as_ref().is_none_or(|k| i.kind.eq_ignore_ascii_case(k));
        state.inputs.iter().filter(|i| !known.contains(&i.handle())).find(fits)
    }

    /// `program to be input 3 "Camera 3"`
    pub fn text(&self, state: &State) -> String {
        let of = self.aspect.text(state);
        match &self.want {
            Want::Is(value) => format!("{of} to be {}", self.aspect.show(value, state)),
            Want::Fader(n) | Want::Near(n) => format!("{of} to be {n}"),
            Want::Other(_) => format!("{of} to be another"),
            Want::From(ms) => format!("{of} to be {ms} ms or just after"),
            Want::New { kind: Some(kind), .. } => format!("a new input of type {kind}"),
            Want::New { .. } => "a new input".into(),
            Want::Names(name) => format!("{of} to name {:?}", shown(name)),
        }
    }

    /// `program is input 1 "Camera 1"`
    pub fn observed(&self, state: &State, pushed: &Pushed) -> String {
        if let Aspect::Inputs = self.aspect {
            return format!("there are {} inputs and no new one", state.inputs.len());
        }
        let of = self.aspect.text(state);
        match self.aspect.read(state, pushed) {
            Some(value) => format!("{of} is {}", self.aspect.show(&value, state)),
            None => format!("{of} is not there"),
        }
    }
}
