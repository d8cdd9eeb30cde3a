//! Broker and worker of the world: what is admitted, what is refused, what it does, and what must never be.

use super::{Event, Flight, World, plans};
use crate::{Doing, Given, What, tests::kit::SECOND};
use if_schemas::{
    Code, CommandId, Effect, Money, Reject, Status, Timestamp,
    plan::{Act, Ended, Phase},
    run::Note,
};
use serde_json::json;
use std::collections::BTreeMap;

impl World {
    pub(super) fn arrives(&mut self, doing: Doing, turns: usize) {
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
                    if let Note::Ended { step, ended: Ended::Confirmed, .. } = note {
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
    pub(super) fn turns(&self, doing: &Doing) -> usize {
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

    pub(super) fn acts(&mut self, command: CommandId, effect: bool) {
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

    pub(super) fn settles(&mut self, command: CommandId, status: Status) {
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
}
