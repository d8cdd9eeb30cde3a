//! A world in which commands have an effect once or not at all, a broker that keeps a log, and a driver that is killed.

mod broker;

use super::plans;
use crate::{
    Doing, Fact, Progress, Seen, What,
    tests::kit::{SECOND, START, order, run_id, state},
};
use fastrand::Rng;
use if_schemas::{CommandId, Order, Plan, Status, Timestamp, plan::Phase, run::Outcome};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Events after which a run that has not ended hangs.
const EVENTS_MAX: u32 = 50_000;
/// How long the driver waits for an answer before it sends again, microseconds.
const RESEND: i64 = SECOND;

enum Event {
    /// A submission reaches the broker, made after so many turns of the run.
    Arrives(Doing, usize),
    /// The worker acts: to what value, if at all.
    Acts(CommandId, bool),
    Settles(CommandId, Status),
    /// The number of the report: an older one never takes the place of a newer one.
    Shows(String, u64, Option<Value>),
    Wakes,
    GivenUp(CommandId),
    Killed,
    Says(What),
}

struct Flight {
    step: usize,
    phase: Phase,
    sets: Option<(String, Value)>,
}

pub struct World {
    pub seed: u64,
    pub plan: Arc<Plan>,
    pub progress: Progress,
    pub values: BTreeMap<String, Value>,
    pub before: BTreeMap<String, Value>,
    /// What the log said last of the commands forward of a step.
    pub last: BTreeMap<usize, Option<Status>>,
    pub kills: u32,
    pub resumed: bool,
    order: Order,
    rng: Rng,
    now: Timestamp,
    number: u64,
    events: BTreeMap<(Timestamp, u64), Event>,
    log: Vec<Fact>,
    seen: Seen,
    /// The driver's memory: lost in a kill.
    on_its_way: BTreeMap<CommandId, Option<u32>>,
    wake: Option<Timestamp>,
    /// The broker's.
    used: BTreeSet<CommandId>,
    flights: BTreeMap<CommandId, Flight>,
    done_once: BTreeSet<(usize, Phase)>,
    effects: BTreeMap<(usize, Phase), u32>,
    no_forward: bool,
    /// Steps noted to be over, forward or back.
    noted: BTreeSet<(u32, Phase)>,
    /// Chance in a hundred that something goes wrong.
    trouble: u8,
    /// Paths that nobody knows any more once something happened to them.
    lost: BTreeSet<String>,
    reports: BTreeMap<String, u64>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = Arc::new(plans::random(&mut rng));
        let mut order = order(&plan);
        order.until = Timestamp(START + rng.i64(30..400) * SECOND);
        if rng.bool() {
            order.writes = vec!["vmix/a".parse().unwrap()];
        }
        let progress = Progress::new(run_id(), plan.clone(), order.clone()).unwrap();
        let paths = (0..plan.steps.len()).filter_map(|place| plans::path_of(&plan, place));
        let values: BTreeMap<_, _> = paths.map(|path| (path.clone(), plans::before(&path))).collect();
        let trouble = *rng.choice(&[0, 5, 25]).unwrap();
        let lost = values.keys().filter(|_| rng.u8(0..100) < trouble / 3).cloned().collect();
        let mut world = Self {
            seed,
            plan,
            progress,
            before: values.clone(),
            values,
            last: BTreeMap::new(),
            kills: 0,
            resumed: false,
            order,
            rng,
            now: Timestamp(START),
            number: 0,
            events: BTreeMap::new(),
            log: Vec::new(),
            seen: Seen::default(),
            on_its_way: BTreeMap::new(),
            wake: None,
            used: BTreeSet::new(),
            flights: BTreeMap::new(),
            done_once: BTreeSet::new(),
            effects: BTreeMap::new(),
            no_forward: false,
            noted: BTreeSet::new(),
            trouble,
            lost,
            reports: BTreeMap::new(),
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for (path, value) in self.values.clone() {
            // Some are not known from the start, a few never are.
            let unknown = self.trouble() && self.rng.bool();
            if !unknown {
                let delay = if self.trouble() { self.rng.i64(0..2_000_000) } else { 0 };
                self.after(delay, Event::Shows(path, 0, Some(value)));
            }
        }
        self.fact(What::Started);
        self.grant();
        if self.rng.bool() {
            self.kill_later();
        }
        let delay = self.rng.i64(0..30 * SECOND);
        match self.rng.u8(0..30) {
            0..3 => self.after(delay, Event::Says(What::Cancelled { rollback: false })),
            3..6 => self.after(delay, Event::Says(What::Cancelled { rollback: true })),
            6 => self.after(delay, Event::Says(What::Preempted { by: CommandId::new(1, [2; 10]) })),
            _ => {}
        }
    }

    fn kill_later(&mut self) {
        let delay = self.rng.i64(1_000..6 * SECOND);
        self.after(delay, Event::Killed);
    }

    fn grant(&mut self) {
        if !self.order.writes.is_empty() {
            let delay = self.rng.i64(0..2 * SECOND);
            self.after(delay, Event::Says(What::Granted));
        }
    }

    fn trouble(&mut self) -> bool {
        self.rng.u8(0..100) < self.trouble
    }

    fn after(&mut self, delay: i64, event: Event) {
        self.number += 1;
        self.events.insert((self.now.saturating_add_us(delay), self.number), event);
    }

    pub fn run_to_its_end(&mut self) {
        for _ in 0..EVENTS_MAX {
            self.drive();
            if self.progress.closed().is_some() {
                assert!(self.flights.is_empty(), "seed {}: closed with a command in flight", self.seed);
                return;
            }
            let Some(((at, _), event)) = self.events.pop_first() else { break };
            self.now = self.now.max(at);
            self.happens(event);
        }
        let next = self.progress.next(self.now, &self.seen);
        panic!("seed {} hangs at {}: {next:#?}\n{}", self.seed, self.now, self.story());
    }

    /// Perhaps the operator resumes it, or has it undone.
    pub fn operator_goes_on(&mut self) -> bool {
        let (outcome, _) = self.progress.closed().unwrap();
        let what = match (outcome, self.rng.u8(0..4)) {
            (Outcome::RolledBack | Outcome::Expired, _) | (_, 0) => return false,
            (Outcome::Succeeded | Outcome::RollbackIncomplete, _) | (_, 1) if self.rng.bool() => What::RollbackAsked,
            (Outcome::Failed | Outcome::Cancelled | Outcome::Preempted, _) => What::Resumed,
            _ => return false,
        };
        self.no_forward = false;
        self.noted.clear();
        self.resumed |= what == What::Resumed;
        self.fact(what);
        self.grant();
        true
    }

    pub fn ended_early(&self) -> bool {
        self.now >= self.order.until
            || self.log.iter().any(|fact| matches!(fact.what, What::Cancelled { .. } | What::Preempted { .. }))
    }

    fn fact(&mut self, what: What) {
        let fact = Fact { at: self.now, what };
        self.progress.apply(&fact);
        self.log.push(fact);
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrives(doing, turns) => {
                if let Some(id) = doing.id() {
                    self.on_its_way.remove(&id);
                }
                self.arrives(doing, turns);
            }
            Event::Acts(command, effect) => self.acts(command, effect),
            Event::Settles(command, status) => self.settles(command, status),
            Event::Shows(path, report, value) => {
                let newest = self.reports.entry(path.clone()).or_default();
                if report >= *newest {
                    *newest = report;
                    self.seen.set(&state(&format!("vmix/a:{path}")), value);
                }
            }
            Event::Wakes => self.wake = None,
            Event::GivenUp(id) => {
                self.on_its_way.remove(&id);
            }
            Event::Killed => self.killed(),
            Event::Says(what) => self.says(what),
        }
    }

    fn says(&mut self, what: What) {
        if self.progress.closed().is_some() {
            return;
        }
        self.no_forward |= matches!(what, What::Cancelled { .. } | What::Preempted { .. });
        self.fact(what);
    }

    /// A new process folds the log from its beginning and knows the same.
    fn killed(&mut self) {
        self.kills += 1;
        let mut again = Progress::new(run_id(), self.plan.clone(), self.order.clone()).unwrap();
        for fact in &self.log {
            again.apply(fact);
        }
        assert_eq!(again.views(), self.progress.views(), "seed {}", self.seed);
        let next = again.next(self.now, &self.seen);
        assert_eq!(next, self.progress.next(self.now, &self.seen), "seed {}", self.seed);
        self.progress = again;
        self.on_its_way.clear();
        self.wake = None;
        self.kill_later();
    }

    /// The driver: what is on its way is not sent twice. No note on a step is made while a command of it is on its way, and
    /// none on the run while any is.
    fn drive(&mut self) {
        for doing in self.progress.next(self.now, &self.seen) {
            let begins = matches!(doing, Doing::Send { phase: Phase::Do, .. });
            assert!(!(begins && self.no_forward), "seed {}: {doing:?} though the run ends", self.seed);
            match &doing {
                Doing::WakeAt(at) if self.wake.is_none_or(|wake| *at < wake) => {
                    self.wake = Some(*at);
                    let delay = at.since_us(self.now).max(1);
                    self.after(delay, Event::Wakes);
                }
                Doing::Send { id, step, .. } => self.submit(*id, Some(*step), doing),
                Doing::Note { id, .. } if !self.holds(doing.step()) => self.submit(*id, None, doing),
                _ => {}
            }
        }
    }

    /// Is a command on its way, of that step or, without one, of any?
    fn holds(&self, step: Option<u32>) -> bool {
        self.on_its_way.values().flatten().any(|sent| step.is_none_or(|step| step == *sent))
    }

    fn submit(&mut self, id: CommandId, sends: Option<u32>, doing: Doing) {
        if self.on_its_way.contains_key(&id) {
            return;
        }
        self.on_its_way.insert(id, sends);
        let lost = self.trouble() && self.rng.bool();
        let late = if self.trouble() { RESEND * 3 } else { 20_000 };
        let delay = self.rng.i64(100..late);
        if !lost {
            let turns = self.turns(&doing);
            self.after(delay, Event::Arrives(doing, turns));
        }
        self.after(RESEND, Event::GivenUp(id));
    }

    /// Plan and log, a line each.
    pub fn story(&self) -> String {
        let path = |place| plans::path_of(&self.plan, place);
        let steps = self.plan.steps.iter().enumerate().map(|(place, step)| {
            let effect = step.call().map(|call| call.effect);
            let back: Vec<_> = step.undo_calls().iter().map(|(_, call)| call.effect).collect();
            format!(
                "{} needs {:?} {effect:?} {:?} back {back:?} {:?}\n",
                step.id,
                step.needs,
                path(place),
                step.on_failure
            )
        });
        let facts = self.log.iter().map(|fact| format!("{} {:?}\n", fact.at, fact.what));
        steps.chain(facts).collect()
    }
}
