//! From the text of a manifest to a [`Plan`]: everything wrong is found, and pointed at.

mod auth;
mod bounds;
mod context;
mod extract;
mod operation;
mod outcomes;
mod plugin;
mod price;
mod provider;
mod request;
mod shape;
mod url;
pub(crate) mod walk;

pub use bounds::*;
use context::{Compiler, Outline, Scope};
pub(crate) use provider::is_date;
use walk::in_order;

use crate::{
    ManifestError, Plan,
    plugin::Plugin,
    raw::{Auth, Field, Limits, Manifest, Operation, PluginManifest, PluginOperation, Resources, Retry},
    yaml::{self, Finding, Node, Tree},
};
use serde::Deserialize;

/// Compiles the manifest `text`. `file` is what errors call it. All errors of the file are given: first those of its form
/// (unknown keys, wrong types), then, where the form is right, those of its meaning.
pub fn compile(file: &str, text: &str) -> Result<Plan, Vec<ManifestError>> {
    let node = parse(file, text)?;
    let raw: Manifest = read(file, &node, manifest_parts)?;
    Compiler::new(file, &node, &raw).plan(&raw)
}

/// The same for a manifest whose folder is called `id`: it must have that name.
pub fn compile_as(id: &str, file: &str, text: &str) -> Result<Plan, Vec<ManifestError>> {
    let node = parse(file, text)?;
    let raw: Manifest = read(file, &node, manifest_parts)?;
    let mut compiler = Compiler::new(file, &node, &raw);
    compiler.folder(id);
    compiler.plan(&raw)
}

/// Compiles the `plugin.yaml` `text` of a folder that is called `id`, with errors like those of [`compile`].
pub fn compile_plugin(id: &str, file: &str, text: &str) -> Result<Plugin, Vec<ManifestError>> {
    let node = parse(file, text)?;
    let raw: PluginManifest = read(file, &node, plugin_parts)?;
    let mut compiler = Compiler::new(file, &node, &raw);
    compiler.folder(id);
    compiler.plugin(&raw)
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

/// Reads a whole file. Reading ends with the first thing that does not fit: `parts` adds the first of each part.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    file: &str,
    node: &'a Node,
    parts: impl FnOnce(&'a Node, &mut Vec<Finding>),
) -> Result<T, Vec<ManifestError>> {
    let (read, mut findings) = yaml::read::<T>(node, None);
    match read {
        Ok(whole) if findings.is_empty() => return Ok(whole),
        Ok(_) => {}
        Err(first) => {
            findings.push(first);
            parts(node, &mut findings);
        }
    }
    Err(located(file, findings))
}

fn manifest_parts(node: &Node, findings: &mut Vec<Finding>) {
    part::<Auth>(node, "auth", findings);
    part::<Limits>(node, "limits", findings);
    part::<Retry>(node, "retry", findings);
    entries::<Field>(node, "instance", findings);
    entries::<Operation>(node, "operations", findings);
}

fn plugin_parts(node: &Node, findings: &mut Vec<Finding>) {
    part::<Resources>(node, "resources", findings);
    entries::<Field>(node, "instance", findings);
    entries::<PluginOperation>(node, "operations", findings);
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
fn located(file: &str, findings: Vec<Finding>) -> Vec<ManifestError> {
    let error = |f: Finding| ManifestError {
        file: file.into(),
        line: f.at.line,
        column: f.at.column,
        message: f.message,
        hint: f.hint,
    };
    in_order(findings.into_iter().map(error).collect())
}

#[cfg(test)]
mod tests;
