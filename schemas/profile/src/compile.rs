//! From files and variables to a plan.

use crate::{
    call::{self, Places, Salts},
    command::Fabric,
    conflict,
    expand::{Draft, Expanded, Expander, Inside},
    file::{self, File, Sources},
    order,
    problem::{Fault, Problem, Problems},
    scope::{Scope, Vars},
    step::{Act, Reader, Ready, When},
    undo::Undo,
    usage,
    vars::{self, Given},
};
use if_schemas::{
    Effect, Name, Payload, Plan, Salt, SchemaError,
    limits::{RUN_CONCURRENCY_MAX, RUN_WRITES_MAX},
    plan::{self, OnFailure, Step},
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

/// Most steps at once, where the profile does not say.
const CONCURRENCY: u16 = 16;

/// A plan, and what may not be as meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    pub plan: Plan,
    pub warnings: Vec<Problem>,
}

/// Compiles the profile `name`. `given` are variables as text, as the command line has them. All problems of a kind are
/// found at once: first those of the form of the files, then those of variables, then those of the steps.
pub fn compile(
    name: &Name,
    sources: &Sources,
    given: &BTreeMap<String, String>,
    fabric: Fabric,
    salts: &mut Salts,
) -> Result<Compiled, Vec<Problem>> {
    let mut problems = Problems::default();
    let files = file::load(name, sources, &mut problems);
    let Some(file) = files.get(name).filter(|_| !problems.wrong()) else { return Err(problems.sorted()) };
    let concurrency = concurrency(file, &mut problems);
    let bound = vars::bind(file, &Given::Text(given), fabric.instances, &mut problems, &mut |name, fault, problems| {
        problems.whole(&format!("--set {name}"), fault);
    });
    files.values().for_each(|file| usage::unused(file, &mut problems));
    let Some(bound) = bound.filter(|_| !problems.wrong()) else { return Err(problems.sorted()) };
    let out = Expanded { drafts: Vec::new(), named: HashMap::new() };
    let mut expander = Expander { files: &files, fabric, problems: &mut problems, out, depth: 0, full: false };
    expander.file(file, &Scope::new(bound.clone()), &Inside::default());
    let all = expander.out;
    let mut steps = Vec::with_capacity(all.drafts.len());
    for (place, draft) in all.drafts.iter().enumerate() {
        steps.push(Reader { fabric, all: &all, draft, place, problems: &mut problems }.read());
    }
    let order = order::order(&all.drafts, &steps, &mut problems);
    let Some(order) = order.filter(|_| !problems.wrong()) else { return Err(problems.sorted()) };
    order::reach(&all.drafts, &mut steps, &order, &mut problems);
    conflict::check(&all.drafts, &steps, &order, &mut problems);
    no_way_back(&all.drafts, &steps, &mut problems);
    if problems.wrong() {
        return Err(problems.sorted());
    }
    let emitted = Emitter { drafts: &all.drafts, steps: &steps, order: &order }.steps(&mut problems, salts);
    let plan = Plan {
        profile: name.clone(),
        description: file.head.description.clone(),
        vars: shown(&bound),
        concurrency,
        steps: emitted,
    };
    fits(file, &plan, &mut problems);
    if problems.wrong() {
        return Err(problems.sorted());
    }
    Ok(Compiled { plan, warnings: problems.sorted() })
}

fn concurrency(file: &File, problems: &mut Problems) -> u16 {
    let said = file.head.concurrency.unwrap_or(CONCURRENCY);
    if !(1..=RUN_CONCURRENCY_MAX).contains(&said) {
        let fault = Fault::new(format!("concurrency is {said}"), format!("use 1 to {RUN_CONCURRENCY_MAX}"));
        problems.add(&file.source.file, file.at(&["concurrency"]), fault);
    }
    said
}

fn shown(vars: &Rc<Vars>) -> Map<String, Value> {
    vars.iter().map(|(name, bound)| (name.clone(), bound.value.clone())).collect()
}

/// Where something is to be rolled back, what cannot be is said before.
fn no_way_back(drafts: &[Draft], steps: &[Ready], problems: &mut Problems) {
    if !steps.iter().any(|step| step.on_failure == OnFailure::Rollback) {
        return;
    }
    for (draft, step) in drafts.iter().zip(steps) {
        let (Act::Command(call), Undo::Impossible(why)) = (&step.act, &step.undo) else { continue };
        if call.operation.effect != Effect::Read && step.skip.is_none() {
            let hint = "give it an `undo` command, or `undo: none` if nothing has to be undone";
            let fault = Fault::new(format!("it cannot be rolled back: {why}"), hint);
            problems.warn(
                &draft.file.source.file,
                draft.decl.at(&["run"]),
                fault.of(&format!("step {}", draft.decl.id)),
            );
        }
    }
}

/// The bounds of a plan as a whole.
fn fits(file: &File, plan: &Plan, problems: &mut Problems) {
    let mut tell = |fault| problems.add(&file.source.file, file.at(&["steps"]), fault);
    let writes = plan.writes().len();
    if writes > RUN_WRITES_MAX {
        let what = format!("the run writes to {writes} instances, at most {RUN_WRITES_MAX} are allowed");
        tell(Fault::new(what, "split it into profiles that run one after the other"));
    }
    if let Err(e) = plan.check().and_then(|()| plan.tree()) {
        tell(Fault::bare(e.to_string()));
    }
    match Payload::new(plan, Salt([0; Salt::LEN])) {
        Ok(_) => {}
        Err(SchemaError::TooLarge { bytes, limit, .. }) => {
            let what = format!("the plan has {bytes} bytes, at most {limit} are allowed");
            tell(Fault::new(what, "write `undo: none` where nothing has to be undone, or split the profile"));
        }
        Err(e) => tell(Fault::bare(e.to_string())),
    }
}

struct Emitter<'a, 'e> {
    drafts: &'e [Draft<'a>],
    steps: &'e [Ready<'a>],
    order: &'e [usize],
}

impl Emitter<'_, '_> {
    fn steps(&self, problems: &mut Problems, salts: &mut Salts) -> Vec<Step> {
        let mut places = vec![0u32; self.steps.len()];
        (0u32..).zip(self.order).for_each(|(new, old)| places[*old] = new);
        let mut out = Vec::with_capacity(self.order.len());
        for place in self.order {
            match self.step(*place, &places, salts) {
                Ok(step) => out.push(step),
                Err(fault) => {
                    let draft = &self.drafts[*place];
                    problems.add(&draft.file.source.file, draft.decl.at(&["run"]), fault);
                }
            }
        }
        out
    }

    fn step(&self, place: usize, places: &[u32], salts: &mut Salts) -> Result<Step, Fault> {
        let (draft, step) = (&self.drafts[place], &self.steps[place]);
        let takes: Places = step.takes.iter().map(|(id, place)| (id.clone(), places[*place])).collect();
        let mut needs: Vec<u32> = step.needs.iter().map(|need| places[*need]).collect();
        needs.sort_unstable();
        let act = match &step.act {
            Act::Command(command) => plan::Act::Command(call::plan(command, &takes, salts)?),
            Act::Pause(ms) => plan::Act::Pause(*ms),
            Act::Until(wanted) => plan::Act::Until(wanted.clone()),
            Act::Nothing => plan::Act::Nothing,
        };
        let undo = match &step.act {
            Act::Command(command) => step.undo.plan(command, &takes, salts)?,
            _ => plan::Undo::Needless,
        };
        Ok(Step {
            id: draft.id.clone(),
            needs,
            skip: step.skip.as_ref().map(|skip| skip.why.clone()),
            when: step.when.iter().map(|when| self.when(when, places)).collect(),
            act,
            confirm: step.confirm.clone(),
            retries: step.retries,
            retry_pause_ms: step.retry_pause_ms,
            timeout_ms: step.timeout_ms,
            on_failure: step.on_failure,
            undo,
            guard: step.guard.clone(),
        })
    }

    fn when(&self, when: &When, places: &[u32]) -> plan::When {
        match when {
            When::State(state) => plan::When::State(state.clone()),
            When::Ended { step, is, .. } => plan::When::Ended { step: places[*step], is: is.clone() },
            When::Result { step, pointer, test, .. } => {
                plan::When::Result { step: places[*step], pointer: pointer.clone(), test: test.clone() }
            }
        }
    }
}
