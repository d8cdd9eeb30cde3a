//! One step: what it does, what must hold, what undoes it. Everything wrong with it is found.

use crate::{
    command::{Fabric, Resolved},
    condition::{self, Condition, condition},
    expand::{Asks, Draft, Expanded, Kind, Named, Skip},
    problem::{Fault, Problems},
    raw::{self, Confirm, Guardians, Retry, Run, Texts, Wait},
    text, undo,
};
use if_manifest::{args::nearest, yaml::Place};
use if_schemas::{
    Effect, Name, StateMatch,
    limits::{DEADLINE_MAX_US, GUARDIANS_MAX, RUN_LIFE_MAX_US},
    plan::{Await, Ended, OnFailure},
    run::Guard,
    time::parse_duration_us,
    watch::Test,
};
use std::collections::{BTreeMap, BTreeSet};

/// For one attempt of a command, where the step does not say, milliseconds.
const TIMEOUT_MS: u64 = 10_000;
/// For a state to be seen after a step, where it does not say, milliseconds.
const CONFIRM_MS: u64 = 10_000;
/// Before the first repeat, where the step does not say, milliseconds.
const RETRY_PAUSE_MS: u64 = 1_000;
/// Most repeats of a step.
const RETRIES_MAX: u16 = 100;
/// How long a vote counts, where the step does not say, milliseconds.
const VOTE_MS: u64 = 600_000;
/// Most conditions of a step.
const CONDITIONS_MAX: usize = 32;
const US_PER_MS: i64 = 1_000;

/// A step that is understood; other steps are named by their place among the drafts.
pub(crate) struct Ready<'a> {
    pub act: Act<'a>,
    pub needs: BTreeSet<usize>,
    pub when: Vec<When>,
    pub confirm: Option<Await>,
    pub retries: u16,
    pub retry_pause_ms: u64,
    pub timeout_ms: u64,
    pub on_failure: OnFailure,
    pub undo: undo::Undo<'a>,
    pub guard: Option<Guard>,
    pub skip: Option<Skip>,
    /// Steps whose results its command takes.
    pub takes: BTreeMap<String, usize>,
}

pub(crate) enum Act<'a> {
    Command(Box<Resolved<'a>>),
    Pause(u64),
    Until(Await),
    Nothing,
}

pub(crate) enum When {
    State(StateMatch),
    Ended { step: usize, is: Vec<Ended>, at: Place },
    Result { step: usize, pointer: String, test: Test, at: Place },
}

pub(crate) struct Reader<'a, 'e, 'p> {
    pub fabric: Fabric<'a>,
    pub all: &'e Expanded<'a>,
    pub draft: &'e Draft<'a>,
    pub place: usize,
    pub problems: &'p mut Problems,
}

impl<'a> Reader<'a, '_, '_> {
    pub fn read(&mut self) -> Ready<'a> {
        let (decl, raw) = (self.draft.decl, &self.draft.decl.raw);
        if self.draft.kind == Kind::Join {
            return self.join();
        }
        let act = self.act(raw);
        let mut takes = BTreeMap::new();
        if let Act::Command(call) = &act {
            takes = self.takes(call, decl.at(&["run"]));
            if takes.values().any(|step| *step == self.place) {
                let fault = Fault::new("it takes an argument of its own result", "only its undo can do that");
                self.wrong(decl.at(&["run"]), fault);
            }
        }
        let (when, skip) = self.when(raw);
        let undo = self.undo(raw, &act, &mut takes);
        let mut needs = self.needs(raw);
        needs.extend(when.iter().filter_map(|when| match when {
            When::State(_) => None,
            When::Ended { step, .. } | When::Result { step, .. } => Some(*step),
        }));
        needs.extend(takes.values().copied().filter(|step| *step != self.place));
        let (retries, retry_pause_ms) = self.retry(raw, &act);
        let on_failure = raw.on_failure.or(self.draft.file.head.on_failure).map_or(OnFailure::Stop, failure);
        Ready {
            confirm: self.confirm(raw),
            timeout_ms: self.time(raw.timeout.as_ref(), "timeout", TIMEOUT_MS, DEADLINE_MAX_US),
            guard: self.guard(raw, &act),
            skip: self.draft.skip.clone().or(skip),
            act,
            needs,
            when,
            retries,
            retry_pause_ms,
            on_failure,
            undo,
            takes,
        }
    }

    /// All steps of the group come before it; that is all.
    fn join(&self) -> Ready<'a> {
        let members = match self.all.named.get(&self.draft.id) {
            Some(Named::Group { members, .. }) => members.clone(),
            _ => 0..0,
        };
        Ready {
            act: Act::Nothing,
            needs: members.collect(),
            when: Vec::new(),
            confirm: None,
            retries: 0,
            retry_pause_ms: RETRY_PAUSE_MS,
            timeout_ms: TIMEOUT_MS,
            on_failure: OnFailure::Stop,
            undo: undo::Undo::Needless,
            guard: None,
            skip: self.draft.skip.clone(),
            takes: BTreeMap::new(),
        }
    }

    fn wrong(&mut self, at: Place, fault: Fault) {
        self.problems.add(&self.draft.file.source.file, at, fault.of(&format!("step {}", self.draft.decl.id)));
    }

    fn told<T>(&mut self, at: Place, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.wrong(at, fault)).ok()
    }

    fn act(&mut self, raw: &'a raw::Step) -> Act<'a> {
        let decl = self.draft.decl;
        let done = match (self.draft.kind, &raw.run, &raw.wait) {
            (Kind::Step, Some(run), _) => {
                self.told(decl.at(&["run"]), self.command(run)).map(|c| Act::Command(Box::new(c)))
            }
            (Kind::Step, None, Some(wait)) => self.wait(wait),
            _ => None,
        };
        done.unwrap_or(Act::Nothing)
    }

    fn command(&self, run: &Run) -> Result<Resolved<'a>, Fault> {
        match run {
            Run::Short(line) => self.fabric.line(&line.0, &self.draft.scope),
            Run::Full(call) => self.fabric.parts(call, &self.draft.scope),
        }
    }

    fn wait(&mut self, wait: &Wait) -> Option<Act<'a>> {
        match wait {
            Wait::Short(text) => Some(Act::Pause(self.time(Some(text), "wait", 0, RUN_LIFE_MAX_US))),
            Wait::Full(wanted) => self.until(wanted, "wait", RUN_LIFE_MAX_US).map(Act::Until),
        }
    }

    fn until(&mut self, wanted: &raw::Await, key: &str, most_us: i64) -> Option<Await> {
        let at = self.draft.decl.at(&[key, "state"]);
        let state = condition::state(&wanted.state, &self.draft.scope, self.fabric);
        let state = self.told(at, state);
        let timeout_ms = self.time_at(self.draft.decl.at(&[key, "timeout"]), &wanted.timeout, "timeout", most_us);
        Some(Await { state: state?, timeout_ms: timeout_ms? })
    }

    fn confirm(&mut self, raw: &raw::Step) -> Option<Await> {
        match raw.confirm.as_ref()? {
            Confirm::Full(wanted) => self.until(wanted, "confirm", DEADLINE_MAX_US),
            Confirm::Short(text) => {
                let at = self.draft.decl.at(&["confirm"]);
                let state = self.told(at, condition::state(&text.0, &self.draft.scope, self.fabric))?;
                Some(Await { state, timeout_ms: CONFIRM_MS })
            }
        }
    }

    fn time(&mut self, text: Option<&raw::Text>, key: &str, default: u64, most_us: i64) -> u64 {
        let Some(text) = text else { return default };
        self.time_at(self.draft.decl.at(&[key]), text, key, most_us).unwrap_or(default)
    }

    /// A duration, milliseconds.
    fn time_at(&mut self, at: Place, text: &raw::Text, key: &str, most_us: i64) -> Option<u64> {
        let filled = text::parse(&text.0).and_then(|text| self.draft.scope.text(&text));
        let filled = self.told(at, filled)?;
        let us = parse_duration_us(&filled).ok().filter(|us| (US_PER_MS..=most_us).contains(us));
        if us.is_none() {
            let most = if most_us > DEADLINE_MAX_US { "7d" } else { "24h" };
            let hint = format!("use a duration like 500ms, 5s or 2m, at most {most}");
            self.wrong(at, Fault::new(format!("{key} is {filled:?}"), hint));
        }
        us.and_then(|us| u64::try_from(us / US_PER_MS).ok())
    }

    fn retry(&mut self, raw: &raw::Step, act: &Act) -> (u16, u64) {
        let Some(retry) = &raw.retry else { return (0, RETRY_PAUSE_MS) };
        let at = self.draft.decl.at(&["retry"]);
        let (times, pause) = match retry {
            Retry::Short(text) => (text.0.parse::<u16>().ok(), None),
            Retry::Full(again) => (Some(again.times), again.pause.as_ref()),
        };
        let times = times.filter(|times| (1..=RETRIES_MAX).contains(times));
        if times.is_none() {
            self.wrong(at, Fault::new("retry is no number of repeats", format!("use 1 to {RETRIES_MAX}")));
        }
        if let Act::Command(call) = act
            && call.operation.effect == Effect::Once
        {
            let what = format!("{} must not happen twice, so it is never sent again", call.operation.id);
            self.wrong(at, Fault::new(what, "remove retry"));
        }
        let pause_at = self.draft.decl.at(&["retry", "pause"]);
        let pause = pause.and_then(|text| self.time_at(pause_at, text, "pause", DEADLINE_MAX_US));
        (times.unwrap_or_default(), pause.unwrap_or(RETRY_PAUSE_MS))
    }

    fn guard(&mut self, raw: &raw::Step, act: &Act) -> Option<Guard> {
        // That of a nested profile is asked for at its gate.
        let approve = raw.approve.as_ref().filter(|_| raw.profile.is_none() || self.draft.kind == Kind::Gate)?;
        let at = self.draft.decl.at(&["approve"]);
        if let Act::Command(call) = act
            && !call.open.is_empty()
        {
            let hint = "approve a step before it, or give the argument a value";
            self.wrong(at, Fault::new("what is approved must be known, but an argument comes of another step", hint));
        }
        let of = self.told(self.draft.decl.at(&["approve", "of"]), guardians(&approve.of))?;
        let veto = self.told(self.draft.decl.at(&["approve", "veto"]), members(&approve.veto))?;
        let valid_ms = match &approve.valid {
            Some(text) => self.time_at(self.draft.decl.at(&["approve", "valid"]), text, "valid", RUN_LIFE_MAX_US)?,
            None => VOTE_MS,
        };
        let weight: u64 = of.values().map(|w| u64::from(*w)).sum();
        let guard = Guard { need: approve.need, of, veto, valid_ms };
        if guard.check().is_err() {
            let what = format!("{} is needed, the guardians together reach {weight}", approve.need);
            let hint = "need at least 1, and no more than all of them have together";
            self.wrong(self.draft.decl.at(&["approve", "need"]), Fault::new(what, hint));
        }
        Some(guard)
    }

    fn when(&mut self, raw: &raw::Step) -> (Vec<When>, Option<Skip>) {
        let (mut when, mut skip) = (Vec::new(), None);
        let gates = self.draft.gates.clone();
        let at = self.draft.decl.at(&[]);
        when.extend(gates.last().map(|gate| When::Ended { step: *gate, is: vec![Ended::Confirmed], at }));
        if raw.when.0.len() > CONDITIONS_MAX {
            let what = format!("{} conditions, at most {CONDITIONS_MAX} are allowed", raw.when.0.len());
            self.wrong(self.draft.decl.at(&["when"]), Fault::bare(what));
        }
        for (index, text) in raw.when.0.iter().enumerate() {
            let at = self.draft.decl.item("when", index);
            let read = condition(&text.0, &self.draft.scope, self.fabric);
            match self.told(at, read) {
                None | Some(Condition::Holds) => {}
                Some(Condition::Fails { always }) => {
                    skip = skip.or(Some(Skip { why: format!("{} does not hold", text.0.trim()), always }));
                }
                Some(Condition::State(state)) => when.push(When::State(state)),
                Some(Condition::Ended { step, is }) => {
                    when.extend(self.told(at, self.step(&step)).map(|step| When::Ended { step, is, at }));
                }
                Some(Condition::Result { step, pointer, test }) => {
                    let found = self.told(at, self.step_with_result(&step));
                    when.extend(found.map(|step| When::Result { step, pointer, test, at }));
                }
            }
        }
        (when, skip)
    }

    fn undo(&mut self, raw: &raw::Step, act: &Act<'a>, takes: &mut BTreeMap<String, usize>) -> undo::Undo<'a> {
        let at = self.draft.decl.at(&["undo"]);
        let Act::Command(call) = act else { return undo::Undo::Needless };
        let said = undo::said(raw.undo.as_ref(), call, self.fabric, &self.draft.scope);
        let undo = self.told(at, said).unwrap_or(undo::Undo::Needless);
        if let undo::Undo::Call(back) = &undo {
            takes.extend(self.takes(back, at));
        }
        undo
    }

    /// The steps whose results a command takes, by their ids.
    fn takes(&mut self, call: &Resolved, at: Place) -> BTreeMap<String, usize> {
        let ids: BTreeSet<&String> = call.open.values().map(|(step, _)| step).collect();
        let found = ids.into_iter().map(|id| (id.clone(), self.told(at, self.step_with_result(id))));
        found.collect::<Vec<_>>().into_iter().filter_map(|(id, place)| Some((id, place?))).collect()
    }

    fn needs(&mut self, raw: &raw::Step) -> BTreeSet<usize> {
        let mut all: BTreeSet<usize> = self.draft.gates.last().copied().into_iter().collect();
        let file = self.draft.file;
        let decl = self.draft.decl;
        let asked: Vec<(String, Asks<'a>)> = match raw.needs.0.is_empty() {
            true => self.draft.after.clone(),
            false => {
                let each = raw.needs.0.iter().enumerate();
                let asks = |index| Asks { file, decl, at: decl.item("needs", index) };
                each.map(|(index, need)| (format!("{}{}", self.draft.prefix, need.0), asks(index))).collect()
            }
        };
        for (id, asks) in asked {
            match self.all.named.get(&id) {
                Some(Named::Step(place)) => drop(all.insert(*place)),
                Some(Named::Group { join: Some(join), .. }) => drop(all.insert(*join)),
                Some(Named::Group { members, join: None }) => all.extend(members.clone()),
                None => {
                    let fault = self.missing(&id).of(&format!("step {}", asks.decl.id));
                    self.problems.add(&asks.file.source.file, asks.at, fault);
                }
            }
        }
        all
    }

    /// There is no step of this whole id.
    fn missing(&self, id: &str) -> Fault {
        let prefix = id.rfind('.').map_or("", |dot| &id[..=dot]);
        let short = &id[prefix.len()..];
        let siblings = self.all.named.keys().filter_map(|known| known.strip_prefix(prefix));
        let known: BTreeSet<&str> = siblings.filter(|known| !known.contains('.')).collect();
        match nearest(short, known) {
            Some(near) => Fault::new(format!("there is no step {short:?}"), format!("did you mean {near:?}?")),
            None => Fault::new(format!("there is no step {short:?}"), "use the id of a step of this profile"),
        }
    }

    /// The one step that an id in a condition or argument means.
    fn step(&self, id: &str) -> Result<usize, Fault> {
        let whole = format!("{}{id}", self.draft.prefix);
        match self.all.named.get(&whole) {
            Some(Named::Step(place)) => Ok(*place),
            Some(Named::Group { .. }) => {
                let hint = "name one of them, like cameras[0]; of a nested profile its own steps can use it";
                Err(Fault::new(format!("{id} is a group of steps"), hint))
            }
            None => Err(self.missing(&whole)),
        }
    }

    fn step_with_result(&self, id: &str) -> Result<usize, Fault> {
        let place = self.step(id)?;
        match self.all.drafts.get(place).map(|draft| draft.decl.raw.run.is_some()) {
            Some(true) => Ok(place),
            _ => Err(Fault::new(format!("step {id} has no result"), "only a command has one")),
        }
    }
}

fn failure(raw: raw::OnFailure) -> OnFailure {
    match raw {
        raw::OnFailure::Stop => OnFailure::Stop,
        raw::OnFailure::Continue => OnFailure::Continue,
        raw::OnFailure::Rollback => OnFailure::Rollback,
    }
}

fn member(text: &str) -> Result<Name, Fault> {
    text.parse().map_err(|_| Fault::new(format!("{text:?} is no name of a member"), "`ifctl trust list` shows them"))
}

fn members(texts: &Texts) -> Result<Vec<Name>, Fault> {
    texts.0.iter().map(|text| member(&text.0)).collect()
}

fn guardians(raw: &Guardians) -> Result<BTreeMap<Name, u32>, Fault> {
    let each: Vec<(&String, u32)> = match raw {
        Guardians::Equal(names) => names.iter().map(|name| (name, 1)).collect(),
        Guardians::Weighted(weights) => weights.iter().map(|(name, weight)| (name, *weight)).collect(),
    };
    if each.len() > GUARDIANS_MAX {
        return Err(Fault::bare(format!("{} guardians, at most {GUARDIANS_MAX} are allowed", each.len())));
    }
    let mut of = BTreeMap::new();
    for (name, weight) in each {
        if of.insert(member(name)?, weight).is_some() {
            return Err(Fault::new(
                format!("{name} is there twice"),
                "give the member more weight: `{alice: 2, bob: 1}`",
            ));
        }
    }
    Ok(of)
}
