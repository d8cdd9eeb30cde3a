//! From files to one flat list of steps: a `for_each` becomes one step for each item, a nested profile becomes its steps.

use crate::{
    command::{Fabric, below},
    condition::{Condition, condition},
    file::{Decl, File},
    problem::{Fault, Problems},
    raw::ForEach,
    scope::{Bound, Filled, Scope},
    shape, text,
    vars::{self, Given},
};
use if_manifest::yaml::Place;
use if_schemas::{Name, limits::RUN_STEPS_MAX};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most profiles inside of one another.
const DEPTH_MAX: usize = 8;

/// One step to be.
pub(crate) struct Draft<'a> {
    /// With the ids of the profiles it is nested in: `intro.fade`.
    pub id: String,
    /// Before the ids of the steps it can name.
    pub prefix: String,
    pub file: &'a File<'a>,
    pub decl: &'a Decl,
    pub scope: Scope,
    pub kind: Kind,
    /// Drafts of nested profiles whose gate must have opened.
    pub gates: Vec<usize>,
    /// Steps that a nested profile as a whole needs, by their whole ids, and who asks for them.
    pub after: Vec<(String, Asks<'a>)>,
    pub skip: Option<Skip>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Step,
    /// Before the steps of a nested profile: its conditions and its approval.
    Gate,
    /// After all steps of a group, for those that need the group.
    Join,
}

/// Why a step is not done, decided before the run.
#[derive(Debug, Clone)]
pub(crate) struct Skip {
    pub why: String,
    /// With whatever variables.
    pub always: bool,
}

/// Who needs something, and where it says so.
#[derive(Clone, Copy)]
pub(crate) struct Asks<'a> {
    pub file: &'a File<'a>,
    pub decl: &'a Decl,
    pub at: Place,
}

/// What an id means to those that name it.
#[derive(Debug, Clone)]
pub(crate) enum Named {
    Step(usize),
    /// A `for_each` or a nested profile: its steps, and where they meet.
    Group {
        members: std::ops::Range<usize>,
        join: Option<usize>,
    },
}

pub(crate) struct Expanded<'a> {
    pub drafts: Vec<Draft<'a>>,
    pub named: HashMap<String, Named>,
}

pub(crate) struct Expander<'a, 'p> {
    pub files: &'a BTreeMap<Name, File<'a>>,
    pub fabric: Fabric<'a>,
    pub problems: &'p mut Problems,
    pub out: Expanded<'a>,
    pub depth: usize,
    pub full: bool,
}

/// Where a use of a profile stands.
#[derive(Clone, Default)]
pub(crate) struct Inside<'a> {
    prefix: String,
    gates: Vec<usize>,
    after: Vec<(String, Asks<'a>)>,
    skip: Option<Skip>,
}

impl<'a> Expander<'a, '_> {
    pub fn file(&mut self, file: &'a File<'a>, scope: &Scope, inside: &Inside<'a>) {
        let needed: BTreeSet<&str> =
            file.steps.iter().flat_map(|d| &d.raw.needs.0).map(|need| need.0.as_str()).collect();
        for decl in &file.steps {
            shape::check(file, decl, self.problems);
            let id = format!("{}{}", inside.prefix, decl.id);
            let first = self.out.drafts.len();
            let group = decl.raw.for_each.is_some() || decl.raw.profile.is_some();
            match &decl.raw.for_each {
                None => self.one(file, decl, id.clone(), scope.clone(), inside),
                Some(each) => self.each(file, decl, each, &id, scope, inside),
            }
            if self.full {
                return;
            }
            if group {
                let members = first..self.out.drafts.len();
                let join = needed.contains(decl.id.as_str()).then(|| {
                    self.push(file, decl, id.clone(), scope.clone(), Kind::Join, inside);
                    members.end
                });
                self.out.named.insert(id, Named::Group { members, join });
            }
        }
    }

    fn each(
        &mut self,
        file: &'a File<'a>,
        decl: &'a Decl,
        each: &ForEach,
        id: &str,
        scope: &Scope,
        inside: &Inside<'a>,
    ) {
        let items = match items(each, scope) {
            Ok(items) => items,
            Err(fault) => return self.wrong(file, decl, decl.at(&["for_each"]), fault),
        };
        for (index, item) in items.into_iter().enumerate() {
            let scope = Scope { item: Some((item, index)), ..scope.clone() };
            let id = format!("{id}[{index}]");
            let first = self.out.drafts.len();
            self.one(file, decl, id.clone(), scope, inside);
            if self.full {
                return;
            }
            if decl.raw.profile.is_some() {
                let members = first..self.out.drafts.len();
                self.out.named.insert(id, Named::Group { members, join: None });
            }
        }
    }

    fn one(&mut self, file: &'a File<'a>, decl: &'a Decl, id: String, scope: Scope, inside: &Inside<'a>) {
        match &decl.raw.profile {
            None => {
                self.out.named.insert(id.clone(), Named::Step(self.out.drafts.len()));
                self.push(file, decl, id, scope, Kind::Step, inside);
            }
            Some(name) => {
                let inner = name.parse::<Name>().ok().and_then(|name| self.files.get(&name));
                // Where there is none, that was said when the files were read.
                if let Some(inner) = inner {
                    self.nested(file, decl, id, &scope, inside, inner);
                }
            }
        }
    }

    fn nested(
        &mut self,
        file: &'a File<'a>,
        decl: &'a Decl,
        id: String,
        scope: &Scope,
        inside: &Inside<'a>,
        inner: &'a File<'a>,
    ) {
        if self.depth >= DEPTH_MAX {
            let fault = Fault::bare(format!("profiles are nested more than {DEPTH_MAX} deep"));
            return self.wrong(file, decl, decl.at(&["profile"]), fault);
        }
        let Some(given) = self.with(file, decl, scope) else { return };
        let problems = &mut *self.problems;
        let vars =
            vars::bind(inner, &Given::Values(given), self.fabric.instances, problems, &mut |name, fault, problems| {
                problems.add(&file.source.file, decl.at(&["with", name]), fault.of(&format!("step {}", decl.id)));
            });
        let Some(vars) = vars else { return };
        let mut below = Inside { prefix: format!("{id}."), ..inside.clone() };
        let asks = |at| Asks { file, decl, at };
        if decl.raw.needs.0.is_empty() {
            below.after = inside.after.clone();
        } else {
            let needs = decl.raw.needs.0.iter().enumerate();
            below.after =
                needs.map(|(i, n)| (format!("{}{}", inside.prefix, n.0), asks(decl.item("needs", i)))).collect();
        }
        let (skip, later) = self.decided(decl, scope);
        below.skip = inside.skip.clone().or(skip);
        if decl.raw.approve.is_some() || later {
            let gate = self.out.drafts.len();
            self.push(file, decl, format!("{id}:begin"), scope.clone(), Kind::Gate, inside);
            below.gates.push(gate);
        }
        self.depth += 1;
        self.file(inner, &Scope::new(vars), &below);
        self.depth -= 1;
    }

    /// Whether the variables decide that it is skipped, and whether conditions are left for the run. What is wrong with
    /// them is said where they are read for the gate, so they then are left for it.
    fn decided(&self, decl: &Decl, scope: &Scope) -> (Option<Skip>, bool) {
        let (mut skip, mut later) = (None, false);
        for text in &decl.raw.when.0 {
            match condition(&text.0, scope, self.fabric) {
                Ok(Condition::Holds) => {}
                Ok(Condition::Fails { always }) => {
                    skip = skip.or(Some(Skip { why: format!("{} does not hold", text.0.trim()), always }));
                }
                Ok(_) | Err(_) => later = true,
            }
        }
        (skip, later)
    }

    fn with(&mut self, file: &File, decl: &Decl, scope: &Scope) -> Option<BTreeMap<String, Bound>> {
        let mut given = BTreeMap::new();
        let mut sound = true;
        for (name, value) in &decl.raw.with {
            match with_value(value, scope) {
                Ok(bound) => drop(given.insert(name.clone(), bound)),
                Err(fault) => {
                    sound = false;
                    self.wrong(file, decl, decl.at(&["with", name]), fault);
                }
            }
        }
        sound.then_some(given)
    }

    fn push(&mut self, file: &'a File<'a>, decl: &'a Decl, id: String, scope: Scope, kind: Kind, inside: &Inside<'a>) {
        if self.out.drafts.len() >= RUN_STEPS_MAX {
            if !self.full {
                let hint = "split it into profiles that run one after the other";
                let fault = Fault::new(format!("the run has more than {RUN_STEPS_MAX} steps"), hint);
                self.problems.add(&file.source.file, decl.at(&[]), fault);
            }
            self.full = true;
            return;
        }
        let Inside { prefix, gates, after, skip } = inside.clone();
        self.out.drafts.push(Draft { id, prefix, file, decl, scope, kind, gates, after, skip });
    }

    fn wrong(&mut self, file: &File, decl: &Decl, at: Place, fault: Fault) {
        self.problems.add(&file.source.file, at, fault.of(&format!("step {}", decl.id)));
    }
}

fn items(each: &ForEach, scope: &Scope) -> Result<Vec<Value>, Fault> {
    let not_a_list = |what: &str| Fault::new(format!("for_each is {what}, not a list"), "use a variable of type list");
    match each {
        ForEach::List(items) => items.iter().map(|item| below(item, scope)).collect(),
        ForEach::Text(text) => match scope.fill(&text::parse(text)?)? {
            Filled::Value(Bound { value: Value::Array(items), .. }) => Ok(items),
            Filled::Value(bound) => Err(not_a_list(&bound.value.to_string())),
            Filled::Text(text) => Err(not_a_list(&format!("{text:?}"))),
            Filled::Result { step, .. } => {
                let hint = "how many steps there are is signed before the first begins";
                Err(Fault::new(format!("the result of {step} is not known before it has run"), hint))
            }
        },
    }
}

/// The value of a variable of a nested profile; a secret stays one.
fn with_value(value: &Value, scope: &Scope) -> Result<Bound, Fault> {
    if let Value::String(text) = value
        && let Filled::Value(bound) = scope.fill(&text::parse(text)?)?
    {
        return Ok(bound);
    }
    below(value, scope).map(|value| Bound { value, secret: false })
}
