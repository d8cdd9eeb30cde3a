//! From the text of a manifest to a [`Plan`]: everything wrong is found, and pointed at.

mod auth;
mod bounds;
mod context;
mod extract;
mod operation;
mod outcomes;
mod price;
mod provider;
mod request;
mod shape;
mod url;
pub(crate) mod walk;

pub use bounds::*;
use context::{Compiler, Scope};
pub(crate) use provider::is_date;
use walk::in_order;

use crate::{
    ManifestError, Plan,
    raw::{Auth, Field, Limits, Manifest, Operation, Retry},
    yaml::{self, Finding, Node, Tree},
};
use serde::Deserialize;

/// Compiles the manifest `text`. `file` is what errors call it. All errors of the file are given: first those of its form
/// (unknown keys, wrong types), then, where the form is right, those of its meaning.
pub fn compile(file: &str, text: &str) -> Result<Plan, Vec<ManifestError>> {
    let node = parse(file, text)?;
    let raw = read(file, &node)?;
    Compiler::new(file, &node, &raw).plan()
}

/// The same for a manifest whose folder is called `id`: it must have that name.
pub fn compile_as(id: &str, file: &str, text: &str) -> Result<Plan, Vec<ManifestError>> {
    let node = parse(file, text)?;
    let raw = read(file, &node)?;
    let mut compiler = Compiler::new(file, &node, &raw);
    if raw.id != id {
        let message = format!("id is {:?}, but the folder is called {id:?}", raw.id);
        compiler.at("id", |c| c.wrong(message, "give both the same name"));
    }
    compiler.plan()
}

/// The located tree of a file that must have content.
pub(crate) fn parse(file: &str, text: &str) -> Result<Node, Vec<ManifestError>> {
    let error = |at: Option<(u64, u64)>, message: String, hint: Option<String>| {
        let (line, column) = at.unwrap_or_default();
        vec![ManifestError { file: file.into(), line, column, message, hint }]
    };
    if text.len() > MANIFEST_MAX_BYTES {
        let message = format!("the file has {} bytes, at most {MANIFEST_MAX_BYTES} are read", text.len());
        return Err(error(None, message, None));
    }
    match yaml::parse(text) {
        Ok(Some(node)) => Ok(node),
        Ok(None) => Err(error(None, "the file is empty".into(), None)),
        Err(broken) => Err(error(broken.at, broken.what, None)),
    }
}

fn read(file: &str, node: &Node) -> Result<Manifest, Vec<ManifestError>> {
    let (read, mut findings) = yaml::read::<Manifest>(node, None);
    match read {
        Ok(manifest) if findings.is_empty() => return Ok(manifest),
        Ok(_) => {}
        Err(first) => {
            findings.push(first);
            findings.extend(others(node));
        }
    }
    Err(located(file, findings))
}

/// The first error of each part: reading as a whole ends with the first of all.
fn others(node: &Node) -> Vec<Finding> {
    let mut findings = Vec::new();
    part::<Auth>(node, "auth", &mut findings);
    part::<Limits>(node, "limits", &mut findings);
    part::<Retry>(node, "retry", &mut findings);
    entries::<Field>(node, "instance", &mut findings);
    entries::<Operation>(node, "operations", &mut findings);
    findings
}

fn part<'a, T: Deserialize<'a>>(node: &'a Node, key: &'a str, findings: &mut Vec<Finding>) {
    if let Some(node) = node.get(key) {
        let (read, unknown) = yaml::read::<T>(node, Some(key));
        findings.extend(read.err());
        findings.extend(unknown);
    }
}

fn entries<'a, T: Deserialize<'a>>(node: &'a Node, key: &str, findings: &mut Vec<Finding>) {
    if let Some(map @ Node { tree: Tree::Map(entries), .. }) = node.get(key) {
        entries.iter().for_each(|(name, _)| part::<T>(map, &name.text, findings));
    }
}

/// In the order of the file, each once.
pub(crate) fn located(file: &str, findings: Vec<Finding>) -> Vec<ManifestError> {
    let error = |f: Finding| ManifestError {
        file: file.into(),
        line: f.at.line(),
        column: f.at.column(),
        message: f.message,
        hint: f.hint,
    };
    in_order(findings.into_iter().map(error).collect())
}

#[cfg(test)]
mod tests;
