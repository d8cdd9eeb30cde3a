//! Steps that may run at the same time and write the same.
//!
//! What a command writes is known where live state shows it: the paths that are recorded to bring it back. Otherwise two
//! commands of one kind (`obs.filter.enable`, `obs.filter.disable`) write the same unless an argument that says what they
//! are about is another: those whose names live state has, and other required ones but the last, which says what it is to
//! become. Where a provider has no live state, any argument that differs tells two commands apart.

use crate::{
    command::Resolved,
    expand::Draft,
    problem::{Fault, Problems},
    step::{Act, Ready},
};
use if_manifest::{OperationSpec, restore::path};
use if_schemas::{Effect, Target};
use std::collections::{BTreeMap, BTreeSet};

/// What two commands may share: a value of live state, or a kind of thing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Written<'a> {
    Path(&'a Target, String),
    Kind(&'a Target, &'a str),
}

/// Which steps come before which, each as a row of bits.
struct Before {
    rows: Vec<u64>,
    width: usize,
}

const BITS: usize = 64;

impl Before {
    fn of(steps: &[Ready], order: &[usize]) -> Self {
        let width = steps.len().div_ceil(BITS);
        let mut rows = vec![0u64; width * steps.len()];
        for place in order {
            for need in &steps[*place].needs {
                for word in 0..width {
                    rows[place * width + word] |= rows[need * width + word];
                }
                rows[place * width + need / BITS] |= 1 << (need % BITS);
            }
        }
        Self { rows, width }
    }

    fn ordered(&self, a: usize, b: usize) -> bool {
        let before = |first: usize, then: usize| self.rows[then * self.width + first / BITS] >> (first % BITS) & 1 == 1;
        before(a, b) || before(b, a)
    }
}

pub(crate) fn check(drafts: &[Draft], steps: &[Ready], order: &[usize], problems: &mut Problems) {
    let before = Before::of(steps, order);
    let mut writers: BTreeMap<Written, Vec<usize>> = BTreeMap::new();
    for (place, step) in steps.iter().enumerate().filter(|(_, step)| step.skip.is_none()) {
        let Act::Command(call) = &step.act else { continue };
        if call.operation.effect == Effect::Read {
            continue;
        }
        let mut told = false;
        for written in written(call) {
            let others = writers.entry(written).or_default();
            let clash = others.iter().find(|other| !before.ordered(**other, place) && same(call, &steps[**other]));
            if let (Some(other), false) = (clash, told) {
                told = true;
                tell(&drafts[*other], &drafts[place], call, problems);
            }
            others.push(place);
        }
    }
}

fn tell(first: &Draft, second: &Draft, call: &Resolved, problems: &mut Problems) {
    let message = format!("{} and {} write the same of {} at the same time", first.id, second.id, call.target);
    let hint = match first.decl.id == second.decl.id {
        true => "make the items differ in what they are about, or write a step for each, with needs".into(),
        false => format!("let one come after the other: `needs: {}`", first.decl.id),
    };
    problems.add(&second.file.source.file, second.decl.at(&["run"]), Fault::new(message, hint));
}

/// Where live state shows what is written, its paths; in any case the kind of thing.
fn written<'c>(call: &'c Resolved) -> Vec<Written<'c>> {
    let fitting = call.operation.restore.iter().find(|restore| restore.fits(&call.args));
    let paths = fitting.into_iter().flat_map(|r| &r.record).filter_map(|template| path(template, &call.args));
    let paths = paths.map(|path| Written::Path(&call.target, path));
    std::iter::once(Written::Kind(&call.target, kind(call.operation))).chain(paths).collect()
}

/// `obs.filter` of `obs.filter.enable`. Operations of two words, like `vmix.cut`, are each of a kind of their own.
fn kind(operation: &OperationSpec) -> &str {
    match operation.id.rsplit_once('.') {
        Some((kind, _)) if kind.contains('.') => kind,
        _ => &operation.id,
    }
}

/// Both write to something of this name: is it the same?
fn same(call: &Resolved, other: &Ready) -> bool {
    let Act::Command(other) = &other.act else { return false };
    let (mine, theirs) = (identity(call.operation), identity(other.operation));
    let known = |c: &Resolved| c.operation.restore.iter().find(|r| r.fits(&c.args)).map(|r| paths(r, c));
    if let (Some(a), Some(b)) = (known(call), known(other)) {
        return !a.is_disjoint(&b);
    }
    // What comes of another step may be anything.
    let unknown = |name: &str| call.open.contains_key(name) || other.open.contains_key(name);
    let differs = |name: &&str| !unknown(name) && call.args.get(*name) != other.args.get(*name);
    !mine.intersection(&theirs).any(differs)
}

fn paths(restore: &if_manifest::RestoreSpec, call: &Resolved) -> BTreeSet<String> {
    restore.record.iter().filter_map(|template| path(template, &call.args)).collect()
}

/// The parameters that say what an operation is about.
fn identity(operation: &OperationSpec) -> BTreeSet<&str> {
    let live = operation.params.iter().any(|p| p.live.is_some());
    let last = operation.params.iter().rfind(|p| p.required && p.live.is_none()).map(|p| p.name.as_str());
    let about = operation.params.iter().filter(|p| match live {
        true => p.live.is_some() || (p.required && last != Some(&p.name)),
        false => true,
    });
    about.map(|p| p.name.as_str()).collect()
}
