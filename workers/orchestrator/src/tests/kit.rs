//! Plans in a few words, and a run played by hand.

use crate::{Doing, Fact, Given, Progress, Seen, StepView, Viewed, What};
use if_schemas::{
    Code, CommandId, Effect, KeyId, Money, Order, Payload, Plan, Reject, Salt, StateMatch, Status, Timestamp,
    plan::{Act, Args, Await, Call, OnFailure, Phase, Restore, Source, Step, Undo, Way},
    run::{Facts, Note, OnConflict, Outcome},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

pub const MS: i64 = 1_000;
pub const SECOND: i64 = 1_000_000;
/// When runs of tests start and how long they may take, microseconds.
pub const START: i64 = 1_800_000_000_000_000;
pub const LIFE: i64 = 600 * SECOND;

pub fn run_id() -> CommandId {
    CommandId::new(1_800_000_000_000, [7; 10])
}

pub fn state(text: &str) -> StateMatch {
    text.parse().unwrap()
}

pub fn seen_as(text: &str, timeout_ms: u64) -> Await {
    Await { state: state(text), timeout_ms }
}

pub fn call(effect: Effect) -> Call {
    let payload = Payload::new(&json!({"args": {}}), Salt([1; 16])).unwrap();
    Call {
        operation: "vmix.cut".parse().unwrap(),
        target: "vmix/a".parse().unwrap(),
        effect,
        args: Args::Fixed(payload),
    }
}

pub fn open(args: &[(&str, Source)]) -> Args {
    Args::Open(args.iter().map(|(name, source)| (name.to_string(), source.clone())).collect())
}

/// An idempotent command that needs no undo.
pub fn step(id: &str, needs: &[u32]) -> Step {
    Step {
        id: id.into(),
        needs: needs.to_vec(),
        skip: None,
        when: Vec::new(),
        act: Act::Command(call(Effect::Idempotent)),
        confirm: None,
        retries: 0,
        retry_pause_ms: 1_000,
        timeout_ms: 5_000,
        on_failure: OnFailure::Stop,
        undo: Undo::Needless,
        guard: None,
    }
}

pub fn once(id: &str, needs: &[u32]) -> Step {
    Step { act: Act::Command(call(Effect::Once)), ..step(id, needs) }
}

pub fn nothing(id: &str, needs: &[u32]) -> Step {
    Step { act: Act::Nothing, ..step(id, needs) }
}

/// Back by a command of its own.
pub fn undoable(id: &str, needs: &[u32]) -> Step {
    Step { undo: Undo::Call(call(Effect::Idempotent)), on_failure: OnFailure::Rollback, ..step(id, needs) }
}

/// Back to what `path` of `vmix/a` was.
pub fn restorable(id: &str, needs: &[u32], path: &str) -> Step {
    let of = state(&format!("vmix/a:{path}"));
    let back = Call { args: open(&[("value", Source::Recorded(of.clone()))]), ..call(Effect::Idempotent) };
    let ways = vec![Way { when: Vec::new(), call: Some(back) }];
    let undo = Undo::Restore(Restore { record: vec![of], ways });
    Step { undo, on_failure: OnFailure::Rollback, ..step(id, needs) }
}

pub fn plan(concurrency: u16, steps: Vec<Step>) -> Plan {
    let description = "a test".into();
    Plan { profile: "test".parse().unwrap(), description, vars: serde_json::Map::new(), concurrency, steps }
}

pub fn order(plan: &Plan) -> Order {
    Order {
        profile: plan.profile.clone(),
        delegate: KeyId([1; 16]),
        until: Timestamp(START + LIFE),
        root: plan.tree().unwrap().root,
        steps: u32::try_from(plan.steps.len()).unwrap(),
        writes: Vec::new(),
        on_conflict: OnConflict::Wait,
        max_cost: None,
        reserve: if_schemas::run::Reserve::Step,
        session: None,
        cause: None,
    }
}

/// A run whose log is kept by the test.
pub struct Play {
    pub progress: Progress,
    pub now: Timestamp,
    pub seen: Seen,
    pub log: Vec<Fact>,
    order: Order,
}

impl Play {
    pub fn new(concurrency: u16, steps: Vec<Step>) -> Self {
        let plan = plan(concurrency, steps);
        let order = order(&plan);
        let mut play = Self::not_started(plan, order);
        play.fact(What::Started);
        play
    }

    pub fn not_started(plan: Plan, order: Order) -> Self {
        let progress = Progress::new(run_id(), Arc::new(plan), order.clone()).unwrap();
        Self { progress, now: Timestamp(START), seen: Seen::default(), log: Vec::new(), order }
    }

    pub fn fact(&mut self, what: What) {
        let fact = Fact { at: self.now, what };
        self.progress.apply(&fact);
        self.log.push(fact);
        // As after a kill.
        let plan = Arc::new(self.progress.plan().clone());
        let mut again = Progress::new(run_id(), plan, self.order.clone()).unwrap();
        for fact in &self.log {
            again.apply(fact);
        }
        assert_eq!(again.views(), self.progress.views());
        assert_eq!(again.next(self.now, &self.seen), self.next());
    }

    pub fn pass(&mut self, us: i64) {
        self.now = self.now.saturating_add_us(us);
    }

    pub fn see(&mut self, path: &str, value: Value) {
        self.seen.set(&state(&format!("vmix/a:{path}")), Some(value));
    }

    pub fn next(&self) -> Vec<Doing> {
        self.progress.next(self.now, &self.seen)
    }

    /// `a`, `b`: steps whose commands are to be sent; with `-` before it, back.
    pub fn sends(&self) -> Vec<String> {
        let name = |doing: Doing| match doing {
            Doing::Send { step, phase: Phase::Do, .. } => Some(self.id(step)),
            Doing::Send { step, phase: Phase::Undo, .. } => Some(format!("-{}", self.id(step))),
            _ => None,
        };
        self.next().into_iter().filter_map(name).collect()
    }

    fn id(&self, step: u32) -> String {
        self.progress.plan().steps[step as usize].id.clone()
    }

    pub fn args(&self, id: &str) -> Given {
        let of = |doing: Doing| match doing {
            Doing::Send { step, args, .. } if self.id(step) == id => Some(args),
            _ => None,
        };
        self.next().into_iter().find_map(of).unwrap()
    }

    pub fn notes(&self) -> Vec<Note> {
        let note = |doing| match doing {
            Doing::Note { note, .. } => Some(note),
            _ => None,
        };
        self.next().into_iter().filter_map(note).collect()
    }

    pub fn wake(&self) -> Option<i64> {
        let wake = |doing: &Doing| match doing {
            Doing::WakeAt(at) => Some(at.since_us(self.now)),
            _ => None,
        };
        self.next().iter().find_map(wake)
    }

    /// Logs every note there is, until there is none.
    pub fn note(&mut self) {
        loop {
            let noted = self.next().into_iter().find_map(|doing| match doing {
                Doing::Note { note, facts, .. } => Some((note, facts)),
                _ => None,
            });
            let Some((note, facts)) = noted else { return };
            self.fact(What::Noted { note, facts });
        }
    }

    /// Admits the command that is to be sent for `id` (`-id`: back).
    pub fn admit(&mut self, id: &str) -> CommandId {
        let sends = self.next().into_iter().filter_map(|doing| match doing {
            Doing::Send { id, step, phase, .. } => Some((id, step, phase)),
            _ => None,
        });
        let wanted = |(_, step, phase): &(CommandId, u32, Phase)| {
            let back = if *phase == Phase::Undo { "-" } else { "" };
            format!("{back}{}", self.id(*step)) == id
        };
        let found = sends.into_iter().find(wanted);
        let (command, step, phase) = found.unwrap_or_else(|| panic!("{id} is not to be sent: {:?}", self.next()));
        self.fact(What::Admitted { step, phase, command });
        command
    }

    pub fn settle(&mut self, command: CommandId, status: Status, text: &str) {
        let result = (status == Status::Succeeded).then(|| json!({"n": 3}));
        self.fact(What::Settled { command, status, result, text: text.into(), cost: Money::FREE });
    }

    pub fn succeed(&mut self, id: &str) {
        self.ends(id, Status::Succeeded, "");
    }

    pub fn fail(&mut self, id: &str) {
        self.ends(id, Status::Failed, "boom");
    }

    pub fn lose(&mut self, id: &str) {
        self.ends(id, Status::Indeterminate, "no answer");
    }

    fn ends(&mut self, id: &str, status: Status, text: &str) {
        let command = self.admit(id);
        self.settle(command, status, text);
    }

    pub fn refuse(&mut self, id: &str, code: Code) {
        let sends = self.next().into_iter().find_map(|doing| match doing {
            Doing::Send { id: command, step, phase, .. } if self.id(step) == id => Some((command, step, phase)),
            _ => None,
        });
        let (command, step, phase) = sends.unwrap();
        self.fact(What::Refused { step, phase, command, reject: Reject::new(code, "no") });
    }

    pub fn view(&self, id: &str) -> StepView {
        self.progress.views().into_iter().find(|view| view.id == id).unwrap()
    }

    pub fn viewed(&self, id: &str) -> Viewed {
        self.view(id).state
    }

    /// How it ended and the text, after all notes are logged.
    pub fn closed(&mut self) -> (Outcome, String) {
        self.note();
        let (outcome, text) = self.progress.closed().unwrap_or_else(|| panic!("not closed: {:?}", self.next()));
        (outcome, text.to_string())
    }
}

pub fn facts(values: &[(&str, Value)]) -> Facts {
    let state: BTreeMap<_, _> = values.iter().map(|(path, value)| (format!("vmix/a:{path}"), value.clone())).collect();
    Facts { state }
}
