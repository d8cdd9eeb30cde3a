//! Each step after all it needs; circles, and steps that can never run.

use crate::{
    expand::{Draft, Kind, Skip},
    problem::{Fault, Problems},
    step::{Ready, When},
};
use if_manifest::yaml::Place;
use if_schemas::plan::{Ended, OnFailure};
use std::collections::BTreeSet;

/// Places of the drafts in an order in which each comes after all it needs; otherwise as they are written.
pub(crate) fn order(drafts: &[Draft], steps: &[Ready], problems: &mut Problems) -> Option<Vec<usize>> {
    let mut open: Vec<usize> = steps.iter().map(|step| step.needs.len()).collect();
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (place, step) in steps.iter().enumerate() {
        step.needs.iter().for_each(|need| dependents[*need].push(place));
    }
    let mut free: BTreeSet<usize> = (0..steps.len()).filter(|place| open[*place] == 0).collect();
    let mut order = Vec::with_capacity(steps.len());
    while let Some(next) = free.pop_first() {
        order.push(next);
        for dependent in &dependents[next] {
            open[*dependent] -= 1;
            if open[*dependent] == 0 {
                free.insert(*dependent);
            }
        }
    }
    if order.len() == steps.len() {
        return Some(order);
    }
    let circle = circle(steps, &open);
    let names: Vec<&str> = circle.iter().chain(circle.first()).map(|place| drafts[*place].id.as_str()).collect();
    if let Some(draft) = circle.first().map(|place| &drafts[*place]) {
        let what = format!("steps need one another in a circle: {}", names.join(" → "));
        let at = draft.decl.at(&["needs"]);
        problems.add(&draft.file.source.file, at, Fault::new(what, "take one of these needs away"));
    }
    None
}

/// One circle among the steps that wait for something, from its first step on.
fn circle(steps: &[Ready], open: &[usize]) -> Vec<usize> {
    let mut walk: Vec<usize> = Vec::new();
    let mut at = open.iter().position(|count| *count > 0);
    while let Some(place) = at {
        if let Some(first) = walk.iter().position(|seen| *seen == place) {
            let mut circle = walk.split_off(first);
            let least = circle.iter().enumerate().min_by_key(|(_, place)| **place).map_or(0, |(index, _)| index);
            circle.rotate_left(least);
            return circle;
        }
        walk.push(place);
        // Whoever waits, waits for one that waits.
        at = steps[place].needs.iter().copied().find(|need| open[*need] > 0);
    }
    Vec::new()
}

/// Carries on what the variables decided: a step that waits for something of a step that is never done is not done either.
/// That no variable can change this is an error.
pub(crate) fn reach(drafts: &[Draft], steps: &mut [Ready], order: &[usize], problems: &mut Problems) {
    for place in order {
        let draft = &drafts[*place];
        // Of a step that is skipped itself nothing is expected.
        if steps[*place].skip.is_some() {
            continue;
        }
        let Some((skip, at)) = never(draft, drafts, steps, *place) else { continue };
        if skip.always {
            let hint = "remove the step, or the condition that keeps the other from running";
            let hint = if skip.why.contains("ends the run") { "give that one `on_failure: continue`" } else { hint };
            let fault = Fault::new(format!("it can never run: {}", skip.why), hint);
            problems.add(&draft.file.source.file, at, fault.of(&format!("step {}", draft.decl.id)));
        }
        steps[*place].skip = Some(skip);
    }
}

/// Why a step is never done, for what other steps are.
fn never(draft: &Draft, drafts: &[Draft], steps: &[Ready], place: usize) -> Option<(Skip, Place)> {
    let step = &steps[place];
    let skipped = |other: usize| steps[other].skip.as_ref().map(|skip| (&drafts[other].id, skip.always));
    let of = |(id, always): (&String, bool)| Skip { why: format!("{id} is skipped"), always };
    for when in &step.when {
        match when {
            When::State(_) => {}
            When::Result { step: other, at, .. } => {
                if let Some(skip) = skipped(*other) {
                    return Some((of(skip), *at));
                }
            }
            When::Ended { step: other, is, at } => {
                // The gate of a nested profile is skipped together with it.
                let inside = drafts[*other].kind == Kind::Gate;
                if let (Some((id, always)), false) = (skipped(*other), is.contains(&Ended::Skipped)) {
                    return (!inside).then(|| (of((id, always)), *at));
                }
                if let Some(why) = impossible(&drafts[*other], &steps[*other], is) {
                    return Some((Skip { why, always: true }, *at));
                }
            }
        }
    }
    let taken = step.takes.values().filter(|other| **other != place).find_map(|other| skipped(*other));
    taken.map(|skip| (of(skip), draft.decl.at(&["run"])))
}

/// Why the run does not go on after the step ended in one of these ways.
fn impossible(draft: &Draft, step: &Ready, is: &[Ended]) -> Option<String> {
    if step.skip.is_some() {
        return None;
    }
    let goes_on = |end: &Ended| match end {
        Ended::Confirmed => true,
        Ended::Failed | Ended::Indeterminate => step.on_failure == OnFailure::Continue,
        Ended::Skipped => !step.when.is_empty(),
    };
    if is.iter().any(goes_on) {
        return None;
    }
    let id = &draft.id;
    Some(match is.contains(&Ended::Skipped) {
        true => format!("{id} has no condition, so it is never skipped"),
        false => format!("{id} ends the run when it fails"),
    })
}
