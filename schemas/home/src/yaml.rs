//! YAML as a tree in which every key and value knows its place, so that whatever is wrong with it can be pointed at.

use crate::{HomeError, Place};
use if_manifest::args::nearest;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};
use std::{fmt, path::Path};

/// Most bytes of a YAML file.
pub(crate) const YAML_MAX_BYTES: u64 = 1024 * 1024;
/// Most nodes that aliases may add to a file: no one needs them here, and they can grow without end.
const ALIASED_NODES_MAX: usize = 10_000;
/// Deepest nesting: the files need four levels.
const DEPTH_MAX: usize = 32;

/// A value and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub at: Location,
    pub tree: Tree,
}

#[derive(Debug, Clone)]
pub(crate) enum Tree {
    /// Null, a boolean, a number or text.
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub at: Location,
    pub text: String,
}

/// A file's tree, or `None` for a file without content.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Option<Node>, HomeError> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: ALIASED_NODES_MAX },
    };
    let root: Node = serde_saphyr::from_str_with_options(text, options).map_err(|e| broken(file, &e))?;
    Ok(Some(root).filter(|n| !n.is_null()))
}

fn broken(file: &Path, e: &serde_saphyr::Error) -> HomeError {
    let place = match e.location() {
        Some(l) if l != Location::UNKNOWN => Place::at(file, l.line(), l.column()),
        _ => Place::file(file),
    };
    let user = serde_saphyr::UserMessageFormatter;
    let text = serde_saphyr::MessageFormatter::format_message(&user, e.without_snippet());
    HomeError::invalid(place, format!("not valid YAML: {text}"))
}

impl Node {
    pub fn is_null(&self) -> bool {
        matches!(self.tree, Tree::Scalar(Value::Null))
    }

    pub fn place(&self, file: &Path) -> Place {
        Place::at(file, self.at.line(), self.at.column())
    }

    /// The entries of a map; nothing at all counts as an empty map.
    pub fn map(&self, file: &Path, what: &str) -> Result<&[(Key, Node)], HomeError> {
        match &self.tree {
            Tree::Map(entries) => Ok(entries),
            Tree::Scalar(Value::Null) => Ok(&[]),
            _ => Err(self.wrong(file, what, "a map of `name: value` lines")),
        }
    }

    pub fn list(&self, file: &Path, what: &str) -> Result<&[Node], HomeError> {
        match &self.tree {
            Tree::List(items) => Ok(items),
            _ => Err(self.wrong(file, what, "a list")),
        }
    }

    pub fn text(&self, file: &Path, what: &str) -> Result<&str, HomeError> {
        match &self.tree {
            Tree::Scalar(Value::String(text)) => Ok(text),
            _ => Err(self.wrong(file, what, "text")),
        }
    }

    pub fn flag(&self, file: &Path, what: &str) -> Result<bool, HomeError> {
        match &self.tree {
            Tree::Scalar(Value::Bool(flag)) => Ok(*flag),
            _ => Err(self.wrong(file, what, "true or false")),
        }
    }

    /// A value of the wrong type, described without showing it: it may be a secret.
    pub fn wrong(&self, file: &Path, what: &str, expected: &str) -> HomeError {
        HomeError::invalid(self.place(file), format!("{what} is {}, expected {expected}", self.kind()))
    }

    /// The value as JSON.
    pub fn to_json(&self) -> Value {
        match &self.tree {
            Tree::Scalar(value) => value.clone(),
            Tree::List(items) => items.iter().map(Node::to_json).collect(),
            Tree::Map(entries) => entries.iter().map(|(k, v)| (k.text.clone(), v.to_json())).collect(),
        }
    }

    fn kind(&self) -> &'static str {
        match &self.tree {
            Tree::Scalar(Value::Null) => "empty",
            Tree::Scalar(Value::Bool(_)) => "true or false",
            Tree::Scalar(Value::Number(_)) => "a number",
            Tree::Scalar(_) => "text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a map",
        }
    }
}

impl Key {
    pub fn place(&self, file: &Path) -> Place {
        Place::at(file, self.at.line(), self.at.column())
    }

    /// This key is none of `known`.
    pub fn unknown(&self, file: &Path, of: &str, known: &[&str]) -> HomeError {
        let hint = match nearest(&self.text, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if known.is_empty() => "remove it".to_string(),
            None => format!("use {}", known.join(", ")),
        };
        HomeError::invalid(self.place(file), format!("unknown key {:?} in {of}", self.text)).or_hint(hint)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Spanned::<Tree>::deserialize(d).map(|s| Self { at: s.referenced, tree: s.value })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Spanned::<String>::deserialize(d).map(|s| Self { at: s.referenced, text: s.value })
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }
    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }
    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Tree, D::Error> {
        Tree::deserialize(d)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(v.into()))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(v.into()))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(v.into()))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(v.into()))
    }
    fn visit_str<E>(self, v: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(v.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Tree::Map(map))
    }
}
