//! Where a compiler is in its file, and what it found wrong so far.

use crate::{
    ManifestError,
    yaml::{Node, Place, Tree},
};

/// A step into the tree.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

impl<'a> From<&'a str> for Step<'a> {
    fn from(key: &'a str) -> Self {
        Step::Key(key)
    }
}
impl<'a> From<&'a String> for Step<'a> {
    fn from(key: &'a String) -> Self {
        Step::Key(key)
    }
}
impl From<usize> for Step<'_> {
    fn from(item: usize) -> Self {
        Step::Item(item)
    }
}

/// A path into the tree of a file.
pub struct Walk<'a> {
    file: &'a str,
    root: &'a Node,
    path: Vec<Step<'a>>,
    errors: Vec<ManifestError>,
}

/// What is wrong at the end of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Key,
    Value,
}

impl<'a> Walk<'a> {
    pub fn new(file: &'a str, root: &'a Node) -> Self {
        Self { file, root, path: Vec::new(), errors: Vec::new() }
    }

    pub fn enter(&mut self, step: impl Into<Step<'a>>) {
        self.path.push(step.into());
    }

    pub fn leave(&mut self) {
        self.path.pop();
    }

    pub fn wrong(&mut self, of: Of, message: impl Into<String>, hint: Option<String>) {
        let Place { line, column, .. } = self.place(of == Of::Key);
        self.errors.push(ManifestError { file: self.file.into(), line, column, message: message.into(), hint });
    }

    /// Everything found, in the order of the file, each once.
    pub fn errors(&mut self) -> Vec<ManifestError> {
        in_order(std::mem::take(&mut self.errors))
    }

    /// The deepest place of the path that the file has.
    fn place(&self, key: bool) -> Place {
        let (mut node, mut at) = (self.root, self.root.at);
        for step in &self.path {
            let next = match (step, &node.tree) {
                (Step::Key(name), Tree::Map(_)) => node.entry(name).map(|(k, v)| (k.at, v)),
                (Step::Item(i), Tree::List(items)) => items.get(*i).map(|v| (v.at, v)),
                _ => None,
            };
            let Some((key_at, value)) = next else { break };
            at = if key { key_at } else { value.at };
            node = value;
        }
        at
    }
}

pub fn in_order(mut errors: Vec<ManifestError>) -> Vec<ManifestError> {
    errors.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
    errors.dedup();
    errors
}
