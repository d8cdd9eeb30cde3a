//! YAML as a tree in which every key and value knows its place, so that whatever is wrong with it can be pointed at.

mod de;
mod plain;

pub use de::{Finding, read};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// Most nodes that aliases may add to a file: no one needs them here, and they can grow without end.
const ALIASED_NODES_MAX: usize = 10_000;
/// Deepest nesting: the files need a third of it.
const DEPTH_MAX: usize = 32;

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u64,
    pub column: u64,
    /// Bytes before it.
    pub offset: usize,
}

impl From<Location> for Place {
    fn from(at: Location) -> Self {
        let offset = at.span().byte_offset().and_then(|o| usize::try_from(o).ok());
        Self { line: at.line(), column: at.column(), offset: offset.unwrap_or_default() }
    }
}

/// A value and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub at: Place,
    pub tree: Tree,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Null, a boolean, a number or text.
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub at: Place,
    pub text: String,
}

/// Why a text is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Line and column, from 1; none where the whole file is meant.
    pub at: Option<(u64, u64)>,
    pub what: String,
}

/// A text's tree, or `None` for a text without content. A key given twice is an error.
pub fn parse(text: &str) -> Result<Option<Node>, Broken> {
    let root = match plain::parse(text) {
        Some(root) => root,
        None => parse_any(text)?,
    };
    Ok(Some(root).filter(|n| !n.is_null()))
}

/// The tree of any YAML.
fn parse_any(text: &str) -> Result<Node, Broken> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|e| broken(&e))
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: ALIASED_NODES_MAX },
    }
}

fn broken(e: &serde_saphyr::Error) -> Broken {
    let at = e.location().filter(|l| *l != Location::UNKNOWN).map(|l| (l.line(), l.column()));
    let user = serde_saphyr::UserMessageFormatter;
    let text = serde_saphyr::MessageFormatter::format_message(&user, e.without_snippet());
    Broken { at, what: format!("not valid YAML: {text}") }
}

impl Node {
    pub fn is_null(&self) -> bool {
        matches!(self.tree, Tree::Scalar(Value::Null))
    }

    /// The value of a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// A key of a map, and its value.
    pub fn entry(&self, key: &str) -> Option<&(Key, Node)> {
        match &self.tree {
            Tree::Map(entries) => entries.iter().find(|(k, _)| k.text == key),
            _ => None,
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> Value {
        match &self.tree {
            Tree::Scalar(value) => value.clone(),
            Tree::List(items) => items.iter().map(Node::to_json).collect(),
            Tree::Map(entries) => entries.iter().map(|(k, v)| (k.text.clone(), v.to_json())).collect(),
        }
    }

    /// What kind of value it is, in words; never the value, which may be a secret.
    pub fn kind(&self) -> &'static str {
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

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Spanned::<Tree>::deserialize(d).map(|s| Self { at: s.referenced.into(), tree: s.value })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Spanned::<String>::deserialize(d).map(|s| Self { at: s.referenced.into(), text: s.value })
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

#[cfg(test)]
mod tests;
