//! A world in which commands have an effect once or not at all, a broker that keeps a log, and a driver that is killed.

use super::plans;
use crate::{
    Doing, Fact, Given, Progress, Seen, What,
    tests::kit::{SECOND, START, order, run_id, state},
};
use fastrand::Rng;
use if_schemas::{
    Code, CommandId, Effect, Money, Order, Plan, Reject, Status, Timestamp,
    plan::{Act, Phase},
    run::{Note, Outcome},
};
use serde_json::{Value, json};
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

    fn arrives(&mut self, doing: Doing, turns: usize) {
        let stale = self.turns(&doing) != turns;
        match doing {
            Doing::Send { id, step, phase, args, deadline, .. } => self.asked(id, step, phase, &args, deadline),
            Doing::Note { id, note, facts } => {
                let closed = self.progress.closed().is_some() || stale;
                let in_flight = !self.flights.is_empty() && matches!(note, Note::Closed { .. } | Note::Undoing { .. });
                if !self.used.insert(id) {
                } else if closed || in_flight {
                    self.fact(What::NoteRefused);
                } else {
                    self.no_forward |= matches!(note, Note::Undoing { .. });
                    if let Note::AwaitsApproval { step } = note {
                        self.guardians(step);
                    }
                    if let Note::Ended { step, ended: if_schemas::plan::Ended::Confirmed, .. } = note {
                        self.last.insert(step as usize, None);
                    }
                    match note {
                        Note::Ended { step, .. } => self.noted.insert((step, Phase::Do)),
                        Note::Undone { step, .. } => self.noted.insert((step, Phase::Undo)),
                        _ => false,
                    };
                    self.fact(What::Noted { note, facts });
                }
            }
            Doing::Watch { .. } | Doing::WakeAt(_) => {}
        }
    }

    /// How often the run was turned in a way that makes an earlier note of that kind wrong.
    fn turns(&self, doing: &Doing) -> usize {
        let of_run = doing.step().is_none();
        let turns = |what: &What| match what {
            What::Resumed | What::RollbackAsked => true,
            What::Cancelled { .. } | What::Preempted { .. } | What::Noted { note: Note::Undoing { .. }, .. } => of_run,
            _ => false,
        };
        self.log.iter().filter(|fact| turns(&fact.what)).count()
    }

    fn guardians(&mut self, step: u32) {
        let leaf = self.progress.voted_on(step).unwrap();
        for name in ["ann", "bob"] {
            let approve = !(self.trouble() && self.rng.bool());
            let never = self.trouble() && self.rng.u8(0..4) == 0;
            let delay = self.rng.i64(0..5 * SECOND);
            if !never {
                self.after(delay, Event::Says(What::Voted { guardian: name.parse().unwrap(), step, leaf, approve }));
            }
        }
    }

    /// The broker admits a command or refuses it.
    fn asked(&mut self, id: CommandId, step: u32, phase: Phase, args: &Given, deadline: Timestamp) {
        if self.progress.closed().is_some() || self.now >= self.order.until {
            return;
        }
        let place = step as usize;
        if self.used.contains(&id) {
            if self.rng.bool() {
                let reject = Reject::new(Code::IdReused, "it is there");
                self.fact(What::Refused { step, phase, command: id, reject });
            }
            return;
        }
        let effect = self.effect(place, phase);
        let again = self.done_once.contains(&(place, phase)) && effect == Effect::Once;
        assert!(!again, "seed {}: a once command of s{place} again", self.seed);
        let over =
            self.noted.contains(&(step, phase)) || (phase == Phase::Do && (self.no_forward || !self.agreed(place)));
        let code = if over {
            Some(Code::NotAllowed)
        } else if self.now >= deadline {
            Some(Code::Expired)
        } else if self.trouble() {
            Some(if self.rng.u8(0..3) == 0 { Code::NotAllowed } else { Code::NoWorker })
        } else {
            None
        };
        self.used.insert(id);
        match code {
            Some(code) => {
                if phase == Phase::Do && !over {
                    self.last.insert(place, Some(Status::Failed));
                }
                self.fact(What::Refused { step, phase, command: id, reject: Reject::new(code, "no") });
            }
            None => self.admit(id, step, phase, args, deadline),
        }
    }

    /// By the log alone: do votes that still count make up what is needed?
    fn agreed(&self, place: usize) -> bool {
        let Some(guard) = &self.plan.steps[place].guard else { return true };
        let mut yes = BTreeMap::new();
        for fact in &self.log {
            match &fact.what {
                What::Voted { guardian, step, approve, .. } if *step as usize == place => {
                    let counts = *approve && self.now.since_us(fact.at) <= guard.valid_ms as i64 * 1_000;
                    yes.insert(guardian, if counts { guard.of[guardian] } else { 0 });
                }
                _ => {}
            }
        }
        yes.values().sum::<u32>() >= guard.need
    }

    fn effect(&self, place: usize, phase: Phase) -> Effect {
        let step = &self.plan.steps[place];
        match phase {
            Phase::Do => step.call().unwrap().effect,
            Phase::Undo => step.undo_calls()[0].1.effect,
        }
    }

    fn admit(&mut self, id: CommandId, step: u32, phase: Phase, args: &Given, deadline: Timestamp) {
        let place = step as usize;
        if phase == Phase::Do {
            self.needs_are_over(place);
        } else {
            self.later_are_undone(place);
        }
        let path = plans::path_of(&self.plan, place);
        let given = match args {
            Given::Open(args) => args.get("value").cloned(),
            Given::Fixed => None,
        };
        let sets = path.map(|path| {
            let value = match phase {
                Phase::Do => json!(place),
                Phase::Undo => given.unwrap_or_else(|| plans::before(&path)),
            };
            (path, value)
        });
        self.flights.insert(id, Flight { step: place, phase, sets });
        let most = usize::from(self.plan.concurrency);
        assert!(
            self.flights.len() <= most,
            "seed {}: more than {most} commands at once: {id}\n{}",
            self.seed,
            self.story()
        );
        let left = deadline.since_us(self.now);
        let acts = self.rng.i64(0..left.max(1));
        let (status, effect, at) = if !self.trouble() {
            (Status::Succeeded, true, acts)
        } else {
            match self.rng.u8(0..5) {
                0 | 1 => (Status::Failed, false, acts),
                2 => (Status::Indeterminate, self.rng.bool(), acts),
                3 => (Status::Expired, false, left),
                // Never answers: the broker settles it.
                _ => (Status::Indeterminate, self.rng.bool(), left + 2 * SECOND),
            }
        };
        self.fact(What::Admitted { step, phase, command: id });
        self.after(acts, Event::Acts(id, effect));
        self.after(at.max(acts), Event::Settles(id, status));
    }

    fn acts(&mut self, command: CommandId, effect: bool) {
        let Some(flight) = self.flights.get(&command).filter(|_| effect) else { return };
        let (place, phase, sets) = (flight.step, flight.phase, flight.sets.clone());
        let count = self.effects.entry((place, phase)).or_default();
        *count += 1;
        let once = self.effect(place, phase) == Effect::Once;
        assert!(!once || self.effects[&(place, phase)] == 1, "seed {}: s{place} happened twice", self.seed);
        let Some((path, value)) = sets else { return };
        self.values.insert(path.clone(), value.clone());
        let lag = self.rng.i64(0..300_000);
        let shown = (!self.lost.contains(&path)).then_some(value);
        self.after(lag, Event::Shows(path, self.number + 1, shown));
    }

    fn settles(&mut self, command: CommandId, status: Status) {
        let Some(flight) = self.flights.remove(&command) else { return };
        if matches!(status, Status::Succeeded | Status::Indeterminate) {
            self.done_once.insert((flight.step, flight.phase));
        }
        if flight.phase == Phase::Do {
            self.last.insert(flight.step, Some(status));
        }
        let result = (status == Status::Succeeded).then(|| json!({"n": 1}));
        let text = if status == Status::Succeeded { String::new() } else { status.as_str().to_string() };
        self.fact(What::Settled { command, status, result, text, cost: Money::FREE });
    }

    /// By the log alone: something was said of the end of each step it needs.
    fn needs_are_over(&self, place: usize) {
        for need in &self.plan.steps[place].needs {
            let other = *need as usize;
            let step = &self.plan.steps[other];
            let noted = self.log.iter().any(|fact| match &fact.what {
                What::Noted { note: Note::Ended { step, .. }, .. } => *step == *need,
                _ => false,
            });
            let by_itself = step.skip.is_some()
                || !step.when.is_empty()
                || step.guard.is_some()
                || matches!(step.act, Act::Nothing);
            let flies = self.flights.values().any(|flight| flight.step == other && flight.phase == Phase::Do);
            let over = noted || by_itself || self.last.contains_key(&other);
            let say = || format!("seed {}: s{place} before s{other}\n{}", self.seed, self.story());
            assert!(over && !flies, "{}", say());
        }
    }

    /// No step that needs it and happened is still to be undone.
    fn later_are_undone(&self, place: usize) {
        for (other, step) in self.plan.steps.iter().enumerate() {
            let needs = step.needs.iter().any(|need| *need as usize == place);
            let flies = self.flights.values().any(|flight| flight.step == other);
            assert!(!(needs && flies), "seed {}: s{place} is undone while s{other} is under way", self.seed);
        }
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
