//! What a profile is, without compiling it: for lists, and for help about its variables.

use crate::{
    file::{self, Source},
    problem::{Problem, Problems},
    raw::Var,
};
use if_schemas::Name;
use indexmap::IndexMap;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outline {
    pub name: Name,
    pub description: String,
    /// In the order of the file.
    pub vars: IndexMap<String, Var>,
    /// Ids, in the order of the file.
    pub steps: Vec<Name>,
}

/// Reads one file. Only its form is looked at.
pub fn outline(name: &Name, source: &Source) -> Result<Outline, Vec<Problem>> {
    let mut problems = Problems::default();
    let file = file::read(name, source, &mut problems).ok_or_else(|| problems.sorted())?;
    Ok(Outline {
        name: file.name,
        description: file.head.description,
        vars: file.vars.into_iter().map(|(key, var)| (key.text, var)).collect(),
        steps: file.steps.into_iter().map(|step| step.id).collect(),
    })
}
