//! Variables that nothing uses.

use crate::{
    file::File,
    problem::{Fault, Problems},
};
use std::collections::BTreeSet;

pub(crate) fn unused(file: &File, problems: &mut Problems) {
    let mut used = BTreeSet::new();
    file.texts().for_each(|text| used.extend(names(text)));
    for (key, _) in file.vars.iter().filter(|(key, _)| !used.contains(key.text.as_str())) {
        let fault = Fault::new(format!("nothing uses the variable {}", key.text), "remove it, or use it as ${name}");
        problems.warn(&file.source.file, key.at, fault);
    }
}

/// What stands after each `${`, up to what cannot be of a name.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let name = |rest: &'_ str| rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    text.split("${").skip(1).map(str::trim_start).map(move |rest| &rest[..name(rest)])
}
