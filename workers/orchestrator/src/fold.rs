//! What is known of a run: the fold of its facts.

use crate::{
    fact::{Fact, What},
    graph::Graph,
    line::{Line, Stage, number},
    votes::Votes,
};
use if_schemas::{
    CommandId, Hash, Money, Name, Order, Plan, SchemaError, Timestamp,
    plan::{Ended, Phase, Step},
    run::{Facts, Note, Outcome},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How the way back of a step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    Undone,
    Not,
    /// There was nothing to undo.
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct StepState {
    pub forward: Line<Ended>,
    pub back: Line<Back>,
    /// Steps after it have been told that it is over.
    pub released: bool,
    /// Steps before it have been told that it is undone.
    pub released_back: bool,
    pub votes: Votes,
    /// How often guardians were asked.
    pub asked: u32,
    pub recorded: Option<Facts>,
    /// Of its last success, where somebody looks at it.
    pub result: Option<Value>,
    /// It ended because the run did.
    pub cut: bool,
    /// The operator went on although nobody knows whether it happened.
    pub passed: bool,
    /// One amount for each currency.
    pub cost: Vec<Money>,
}

/// Why a run ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cause {
    /// A step failed, and its text.
    Failed {
        place: usize,
        why: String,
    },
    Cancelled,
    Preempted(CommandId),
    /// The operator wants it undone.
    Asked,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Course {
    Forward,
    /// Nothing begins, what is in flight is waited for; then the run is closed, or undone.
    Ending {
        cause: Cause,
        undo: bool,
    },
    Undoing,
    Closed {
        outcome: Outcome,
        text: String,
    },
}

/// What is known of one run. The same after the same facts, whatever happened to the process that folds them.
#[derive(Debug, Clone)]
pub struct Progress {
    pub(crate) run: CommandId,
    pub(crate) plan: Arc<Plan>,
    pub(crate) order: Order,
    pub(crate) graph: Arc<Graph>,
    pub(crate) steps: Vec<StepState>,
    pub(crate) course: Course,
    pub(crate) granted: bool,
    /// Steps with a place, in the phase the run is in.
    pub(crate) active: BTreeSet<usize>,
    pub(crate) queue: BTreeSet<usize>,
    /// Steps whose turn has come with the fact that is being folded; empty between facts.
    pub(crate) freed: Vec<usize>,
    pub(crate) flights: BTreeMap<CommandId, (usize, Phase)>,
    /// Steps that are not over.
    pub(crate) open: usize,
    /// Steps whose way back is not over.
    pub(crate) open_back: usize,
    /// Starts, resumes and rollbacks.
    pub(crate) epoch: u32,
    pub(crate) refused_notes: u32,
    pub(crate) settled: u32,
    pub(crate) started: Option<Timestamp>,
    pub(crate) closed_at: Option<Timestamp>,
    /// Why it is being undone, or was.
    pub(crate) undo_why: Option<String>,
}

impl Progress {
    /// `run`: the id of the change that started it. The driver has compared the plan with the order's root.
    pub fn new(run: CommandId, plan: Arc<Plan>, order: Order) -> Result<Self, SchemaError> {
        plan.check()?;
        let graph = Arc::new(Graph::of(&plan)?);
        let mut steps = vec![StepState::default(); plan.steps.len()];
        for (step, before) in steps.iter_mut().zip(&graph.before) {
            step.forward.waits = number(before.len());
        }
        Ok(Self {
            run,
            granted: order.writes.is_empty(),
            open: steps.len(),
            plan,
            order,
            graph,
            steps,
            course: Course::Forward,
            active: BTreeSet::new(),
            queue: BTreeSet::new(),
            freed: Vec::new(),
            flights: BTreeMap::new(),
            open_back: 0,
            epoch: 0,
            refused_notes: 0,
            settled: 0,
            started: None,
            closed_at: None,
            undo_why: None,
        })
    }

    pub fn run(&self) -> CommandId {
        self.run
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How it ended and the text that was noted; none while it goes on.
    pub fn closed(&self) -> Option<(Outcome, &str)> {
        match &self.course {
            Course::Closed { outcome, text } => Some((*outcome, text)),
            _ => None,
        }
    }

    /// What guardians of a step vote on: the hash of its command's leaf, zero where it has no command.
    pub fn voted_on(&self, step: u32) -> Option<Hash> {
        self.graph.leaf.get(usize::try_from(step).ok()?).copied()
    }

    /// Folds the next fact. What names a step or command that is not of this run changes nothing.
    pub fn apply(&mut self, fact: &Fact) {
        let at = fact.at;
        match &fact.what {
            What::Started => {
                self.started = Some(at);
                self.free_all();
            }
            What::Granted => {
                self.granted = true;
                self.free_all();
            }
            What::Preempted { by } => self.preempted(*by, at),
            What::Cancelled { rollback } => self.cancelled(*rollback, at),
            What::Resumed => self.resumed(at),
            What::RollbackAsked => self.rollback_asked(at),
            What::Noted { note, facts } => self.noted(note, facts.as_ref(), at),
            What::NoteRefused => self.refused_notes = self.refused_notes.saturating_add(1),
            What::Voted { guardian, step, leaf, approve } => self.voted(guardian, *step, *leaf, *approve, at),
            What::Admitted { step, phase, command } => self.admitted(*step, *phase, *command, at),
            What::Refused { step, phase, command, reject } => self.refused(*step, *phase, *command, reject, at),
            What::Settled { command, status, result, text, cost } => {
                self.settled(*command, *status, result.as_ref(), text, *cost, at);
            }
        }
        self.advance(at);
    }

    fn noted(&mut self, note: &Note, facts: Option<&Facts>, at: Timestamp) {
        match note {
            Note::Ended { step, ended, text } => self.note_ended(*step, *ended, text, at),
            Note::AwaitsApproval { step } => self.asked(*step, at),
            Note::Recorded { step } => {
                // The first stays: a later one would be the state after the step.
                if let (Some((_, state)), Some(facts)) = (self.step(*step), facts) {
                    state.recorded.get_or_insert_with(|| facts.clone());
                }
            }
            Note::Undoing { why } => self.begin_undo(why, at),
            Note::Undone { step, undone, text } => self.note_undone(*step, *undone, text, at),
            Note::Closed { outcome, text } => {
                self.course = Course::Closed { outcome: *outcome, text: text.clone() };
                self.closed_at = Some(at);
                // What it wrote to is free for others.
                self.granted = self.order.writes.is_empty();
            }
        }
    }

    /// A step of the plan and what is known of it.
    pub(crate) fn step(&mut self, step: u32) -> Option<(usize, &mut StepState)> {
        let place = usize::try_from(step).ok()?;
        Some((place, self.steps.get_mut(place)?))
    }

    fn voted(&mut self, guardian: &Name, step: u32, leaf: Hash, approve: bool, at: Timestamp) {
        if self.voted_on(step) != Some(leaf) {
            return;
        }
        let Some((place, state)) = self.step(step) else { return };
        state.votes.add(guardian.clone(), approve, at);
        if state.forward.stage == Stage::Awaiting {
            self.heard(place, at);
        }
    }

    /// Guardians are waited for, without a place.
    fn asked(&mut self, step: u32, at: Timestamp) {
        let Some((place, state)) = self.step(step) else { return };
        let waits = matches!(state.forward.stage, Stage::Begun | Stage::Pausing(_) | Stage::Looking(_));
        if !waits {
            return;
        }
        state.asked = state.asked.saturating_add(1);
        state.forward.go(Stage::Awaiting, at);
        self.active.remove(&place);
        self.heard(place, at);
    }

    /// Does what the guardians said decide a step that waits for them?
    fn heard(&mut self, place: usize, at: Timestamp) {
        let plan = Arc::clone(&self.plan);
        let Some(guard) = &plan.steps[place].guard else { return };
        let state = &mut self.steps[place];
        if let Some(why) = state.votes.refused(guard) {
            self.end(place, Ended::Failed, &why, at);
        } else if state.votes.approved(guard, at) {
            state.forward.go(Stage::Queued, at);
            self.queue.insert(place);
        }
    }

    pub(crate) fn of_plan(&self, place: usize) -> &Step {
        &self.plan.steps[place]
    }
}
