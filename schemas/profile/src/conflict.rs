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

/// One command that writes, and what is known of what it writes.
struct Writer<'a> {
    place: usize,
    call: &'a Resolved<'a>,
    /// Where live state shows it.
    paths: Option<BTreeSet<String>>,
    /// The parameters that say what it is about.
    about: BTreeSet<&'a str>,
}

/// Commands that may write the same.
#[derive(Default)]
struct Group {
    known: Vec<usize>,
    unknown: Vec<usize>,
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
    let writers: Vec<Writer> = steps.iter().enumerate().filter_map(|(place, step)| writer(place, step)).collect();
    let mut by_path: BTreeMap<(&Target, &str), Vec<usize>> = BTreeMap::new();
    let mut by_kind: BTreeMap<(&Target, &str), Group> = BTreeMap::new();
    for (index, writer) in writers.iter().enumerate() {
        let at_once = |other: &usize| !before.ordered(writers[*other].place, writer.place);
        let group = by_kind.entry((&writer.call.target, kind(writer.call.operation))).or_default();
        let mut clash = group.unknown.iter().find(|other| at_once(other) && same(&writers[**other], writer)).copied();
        match &writer.paths {
            // What both are known to write is compared by path.
            Some(paths) => {
                for path in paths {
                    let others = by_path.entry((&writer.call.target, path)).or_default();
                    clash = clash.or_else(|| others.iter().find(|other| at_once(other)).copied());
                    others.push(index);
                }
                group.known.push(index);
            }
            None => {
                let known =
                    || group.known.iter().find(|other| at_once(other) && same(&writers[**other], writer)).copied();
                clash = clash.or_else(known);
                group.unknown.push(index);
            }
        }
        if let Some(other) = clash {
            tell(&drafts[writers[other].place], &drafts[writer.place], writer.call, problems);
        }
    }
}

fn writer<'a>(place: usize, step: &'a Ready) -> Option<Writer<'a>> {
    let Act::Command(call) = &step.act else { return None };
    if call.operation.effect == Effect::Read || step.skip.is_some() {
        return None;
    }
    let fitting = call.operation.restore.iter().find(|restore| restore.fits(&call.args));
    let paths = fitting.map(|r| r.record.iter().filter_map(|template| path(template, &call.args)).collect());
    Some(Writer { place, call, paths, about: identity(call.operation) })
}

fn tell(first: &Draft, second: &Draft, call: &Resolved, problems: &mut Problems) {
    let message = format!("{} and {} write the same of {} at the same time", first.id, second.id, call.target);
    let hint = match first.decl.id == second.decl.id {
        true => "make the items differ in what they are about, or write a step for each, with needs".into(),
        false => format!("let one come after the other: `needs: {}`", first.decl.id),
    };
    problems.add(&second.file.source.file, second.decl.at(&["run"]), Fault::new(message, hint));
}

/// `obs.filter` of `obs.filter.enable`. Operations of two words, like `vmix.cut`, are each of a kind of their own.
fn kind(operation: &OperationSpec) -> &str {
    match operation.id.rsplit_once('.') {
        Some((kind, _)) if kind.contains('.') => kind,
        _ => &operation.id,
    }
}

/// Two of one kind: are they about the same?
fn same(one: &Writer, other: &Writer) -> bool {
    // What comes of another step may be anything.
    let unknown = |name: &str| one.call.open.contains_key(name) || other.call.open.contains_key(name);
    let differs = |name: &&&str| one.call.args.get(**name) != other.call.args.get(**name) && !unknown(name);
    !one.about.intersection(&other.about).any(|name| differs(&name))
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
