//! The located YAML tree of `if_manifest`, with the errors of files of the home directory.

use crate::{HomeError, Place};
use if_manifest::args::nearest;
pub(crate) use if_manifest::yaml::{Key, Node, Tree};
use serde_json::Value;
use std::path::Path;

/// Most bytes of a YAML file.
pub(crate) const YAML_MAX_BYTES: u64 = 1024 * 1024;

/// A file's tree, or `None` for a file without content.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Option<Node>, HomeError> {
    if_manifest::yaml::parse(text).map_err(|e| {
        let place = e.at.map_or_else(|| Place::file(file), |(line, column)| Place::at(file, line, column));
        HomeError::invalid(place, e.what)
    })
}

/// What a value must be, else an error that points at it. `what` names it.
pub(crate) trait NodeExt {
    fn place(&self, file: &Path) -> Place;
    /// The entries of a map; nothing at all counts as an empty map.
    fn map(&self, file: &Path, what: &str) -> Result<&[(Key, Node)], HomeError>;
    fn list(&self, file: &Path, what: &str) -> Result<&[Node], HomeError>;
    fn text(&self, file: &Path, what: &str) -> Result<&str, HomeError>;
    fn flag(&self, file: &Path, what: &str) -> Result<bool, HomeError>;
    /// A value of the wrong type, described without showing it: it may be a secret.
    fn wrong(&self, file: &Path, what: &str, expected: &str) -> HomeError;
}

impl NodeExt for Node {
    fn place(&self, file: &Path) -> Place {
        Place::at(file, self.at.line, self.at.column)
    }

    fn map(&self, file: &Path, what: &str) -> Result<&[(Key, Node)], HomeError> {
        match &self.tree {
            Tree::Map(entries) => Ok(entries),
            Tree::Scalar(Value::Null) => Ok(&[]),
            _ => Err(self.wrong(file, what, "a map of `name: value` lines")),
        }
    }

    fn list(&self, file: &Path, what: &str) -> Result<&[Node], HomeError> {
        match &self.tree {
            Tree::List(items) => Ok(items),
            _ => Err(self.wrong(file, what, "a list")),
        }
    }

    fn text(&self, file: &Path, what: &str) -> Result<&str, HomeError> {
        match &self.tree {
            Tree::Scalar(Value::String(text)) => Ok(text),
            _ => Err(self.wrong(file, what, "text")),
        }
    }

    fn flag(&self, file: &Path, what: &str) -> Result<bool, HomeError> {
        match &self.tree {
            Tree::Scalar(Value::Bool(flag)) => Ok(*flag),
            _ => Err(self.wrong(file, what, "true or false")),
        }
    }

    fn wrong(&self, file: &Path, what: &str, expected: &str) -> HomeError {
        HomeError::invalid(self.place(file), format!("{what} is {}, expected {expected}", self.kind()))
    }
}

pub(crate) trait KeyExt {
    fn place(&self, file: &Path) -> Place;
    /// This key is none of `known`.
    fn unknown(&self, file: &Path, of: &str, known: &[&str]) -> HomeError;
}

impl KeyExt for Key {
    fn place(&self, file: &Path) -> Place {
        Place::at(file, self.at.line, self.at.column)
    }

    fn unknown(&self, file: &Path, of: &str, known: &[&str]) -> HomeError {
        let hint = match nearest(&self.text, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if known.is_empty() => "remove it".to_string(),
            None => format!("use {}", known.join(", ")),
        };
        HomeError::invalid(self.place(file), format!("unknown key {:?} in {of}", self.text)).or_hint(hint)
    }
}
