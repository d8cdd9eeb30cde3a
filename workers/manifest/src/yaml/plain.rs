//! The YAML that nearly every manifest is: one document of collections and aliases, no tags, no merged keys. Its tree is made
//! straight from the parser's events. Serde, asked for the place of everything, takes several times as long, and a worker
//! reads a hundred manifests before it serves anyone. Whatever is not plain is left to the reader of any YAML, and so are
//! all errors.

use super::{ALIASED_NODES_MAX, DEPTH_MAX, Key, Node, Place, Tree, parse_any};
use granit_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeMap};

/// More than that are not read here: the other reader has limits of its own, which are higher.
const NODES_MAX: usize = 100_000;
/// Likewise for aliases and for the nodes that they add.
const ALIASES_MAX: usize = 100;
const ALIASED_MAX: usize = ALIASED_NODES_MAX / 4;
/// Longest decimal number read here; all of that length fit.
const DIGITS_MAX: usize = 18;

/// The tree of one plain document; none of anything else.
pub fn parse(text: &str) -> Option<Node> {
    let mut parser = Parser::new_from_str(text);
    let (mut builder, mut documents) = (Builder::default(), 0);
    loop {
        let (event, span) = parser.next_event()?.ok()?;
        match event {
            Event::StreamStart | Event::DocumentEnd => {}
            Event::DocumentStart(_, None) if documents == 0 => documents += 1,
            Event::Scalar(text, style, anchor, None) => builder.scalar(text, style, anchor, place(span))?,
            Event::SequenceStart(_, anchor, None) => builder.open(place(span), anchor, Items::List(Vec::new()))?,
            Event::MappingStart(_, anchor, None) => builder.open(place(span), anchor, Items::Map(Vec::new(), None))?,
            Event::Alias(anchor) => builder.alias(anchor, place(span))?,
            Event::SequenceEnd | Event::MappingEnd => builder.close()?,
            Event::StreamEnd => return builder.root,
            _ => return None,
        }
    }
}

fn place(span: Span) -> Place {
    let at = span.start;
    // All three are below the bound of a file's bytes.
    Place { line: at.line() as u64, column: at.col() as u64 + 1, offset: at.byte_offset().unwrap_or_default() }
}

#[derive(Default)]
struct Builder {
    /// Collections whose end has not come, the outermost first.
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    /// By the parser's number of them; 0 is none.
    anchors: BTreeMap<usize, Node>,
    aliases: usize,
    aliased: usize,
}

struct Open {
    at: Place,
    anchor: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    /// With the key whose value comes next.
    Map(Vec<(Key, Node)>, Option<Key>),
}

/// Every method gives none where something is not plain.
impl Builder {
    fn before_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { items: Items::Map(_, None), .. }))
    }

    fn open(&mut self, at: Place, anchor: usize, items: Items) -> Option<()> {
        // A collection is no key.
        let fits = !self.before_key();
        self.open.push(Open { at, anchor, items });
        (fits && self.open.len() < DEPTH_MAX).then_some(())
    }

    fn close(&mut self) -> Option<()> {
        let Open { at, anchor, items } = self.open.pop()?;
        let tree = match items {
            Items::List(items) => Tree::List(items),
            Items::Map(entries, None) => Tree::Map(unique(entries)?),
            Items::Map(_, Some(_)) => return None,
        };
        self.put(Node { at, tree }, anchor)
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, anchor: usize, at: Place) -> Option<()> {
        if let Some(Open { items: Items::Map(_, key @ None), .. }) = self.open.last_mut() {
            let plain = is_word(&text) && anchor == 0;
            *key = Some(Key { at, text: text.into_owned() });
            return plain.then_some(());
        }
        let value = if style == ScalarStyle::Plain { plain_value(text)? } else { Value::String(text.into_owned()) };
        self.put(Node { at, tree: Tree::Scalar(value) }, anchor)
    }

    fn alias(&mut self, anchor: usize, at: Place) -> Option<()> {
        let mut node = self.anchors.get(&anchor)?.clone();
        self.aliases += 1;
        self.aliased += move_to(&mut node, at);
        let plain = !self.before_key() && self.aliases <= ALIASES_MAX && self.aliased <= ALIASED_MAX;
        plain.then(|| self.put(node, 0))?
    }

    fn put(&mut self, node: Node, anchor: usize) -> Option<()> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            Some(Items::List(items)) => items.push(node),
            Some(Items::Map(entries, key)) => entries.push((key.take()?, node)),
            None => self.root = Some(node),
        }
        self.nodes += 1;
        (self.nodes <= NODES_MAX).then_some(())
    }
}

/// What an alias stands for is where the alias is. Gives how many nodes and keys it has.
fn move_to(node: &mut Node, at: Place) -> usize {
    node.at = at;
    let below = match &mut node.tree {
        Tree::Scalar(_) => 0,
        Tree::List(items) => items.iter_mut().map(|item| move_to(item, at)).sum(),
        Tree::Map(entries) => entries
            .iter_mut()
            .map(|(key, value)| {
                key.at = at;
                1 + move_to(value, at)
            })
            .sum(),
    };
    1 + below
}

/// None where a key is there twice. All of them are words: a number could be written in two ways.
fn unique(entries: Vec<(Key, Node)>) -> Option<Vec<(Key, Node)>> {
    let mut names: Vec<&str> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).any(|two| two[0] == two[1]);
    (!twice).then_some(entries)
}

/// Is this text whatever its quotes? Numbers begin otherwise.
fn is_word(text: &str) -> bool {
    let named = ["null", "true", "false"].iter().any(|name| text.eq_ignore_ascii_case(name));
    !named && text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '$' | '/'))
}

/// The value of text without quotes.
fn plain_value(text: Cow<'_, str>) -> Option<Value> {
    if is_word(&text) {
        return Some(Value::String(text.into_owned()));
    }
    let decimal = text.len() <= DIGITS_MAX && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if decimal && let Ok(number) = text.parse::<u64>() {
        return Some(number.into());
    }
    // Other numbers, dates, true: as the other reader reads them. These can be documents of their own.
    let alone = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && !text.contains('\n');
    if !alone {
        return None;
    }
    match parse_any(&text).ok()?.tree {
        Tree::Scalar(value) => Some(value),
        _ => None,
    }
}
