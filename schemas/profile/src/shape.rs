//! Keys of a step that do not go together.

use crate::{
    file::{Decl, File},
    problem::{Fault, Problems},
};

/// Exactly one thing to do, and only what belongs to that.
pub(crate) fn check(file: &File, decl: &Decl, problems: &mut Problems) {
    let raw = &decl.raw;
    let mut wrong = |keys: &[&str], message: String, hint: &str| {
        problems.add(&file.source.file, decl.at(keys), Fault::new(message, hint).of(&format!("step {}", decl.id)));
    };
    let ways = [("run", raw.run.is_some()), ("wait", raw.wait.is_some()), ("profile", raw.profile.is_some())];
    let given: Vec<&str> = ways.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
    match given.as_slice() {
        [] if raw.approve.is_none() => {
            wrong(&[], "it does nothing".into(), "give it run, wait, profile or approve");
        }
        [_, second, ..] => {
            wrong(&[second], format!("it has {} at once", given.join(" and ")), "make a step of each");
        }
        _ => {}
    }
    let of_command = [
        ("confirm", raw.confirm.is_some()),
        ("retry", raw.retry.is_some()),
        ("timeout", raw.timeout.is_some()),
        ("undo", raw.undo.is_some()),
    ];
    for (key, _) in of_command.into_iter().filter(|(_, given)| *given && raw.run.is_none()) {
        wrong(&[key], format!("{key} is only for a step that runs a command"), "remove it");
    }
    if !raw.with.is_empty() && raw.profile.is_none() {
        wrong(&["with"], "with is only for a nested profile".into(), "remove it");
    }
    if raw.on_failure.is_some() && raw.profile.is_some() {
        wrong(&["on_failure"], "on_failure is not for a nested profile".into(), "say it in the steps of that profile");
    }
    if raw.approve.is_some() && raw.wait.is_some() {
        let hint = "give it to a step of its own, and let this one need that";
        wrong(&["approve"], "approve is not for a wait".into(), hint);
    }
}
