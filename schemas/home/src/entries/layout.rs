//! The text of a file of entries, cut where they begin and end.

use super::entries;
use crate::{
    HomeError, Place,
    yaml::{self, Key, Node, NodeExt},
};
use if_schemas::Name;
use serde_json::Value;
use std::path::Path;

/// Spaces a new entry is indented by where the file has no entry to go by, and its fields relative to it.
const INDENT: usize = 2;

/// A file and how its entries are written.
pub(crate) struct Layout<'a> {
    file: &'a Path,
    /// The one key at the top.
    top: &'static str,
    text: &'a str,
    entries: &'a [(Key, Node)],
    shape: Shape,
}

/// Where entries go.
enum Shape {
    /// There is no key at the top.
    Absent,
    /// The key at the top without a value, or `{}` in these bytes, on the line that ends at `line_end`.
    Empty { braces: Option<(usize, usize)>, line_end: usize },
    /// One entry per line or more.
    Block,
    /// `{a: …, b: …}`.
    Flow,
}

impl<'a> Layout<'a> {
    pub fn new(
        file: &'a Path,
        top: &'static str,
        text: &'a str,
        document: Option<&'a Node>,
    ) -> Result<Self, HomeError> {
        let entries = document.map_or(Ok(&[][..]), |d| entries(file, d, top))?;
        let first = document.map_or(Ok(&[][..]), |d| d.map(file, "the file"))?.first();
        let shape = match first {
            None => Shape::Absent,
            Some((key, node)) if entries.is_empty() => {
                let line_end = line_end(text, key.at.offset);
                Shape::Empty { braces: braces(text, node), line_end }
            }
            Some((_, node)) if text.get(node.at.offset..).is_some_and(|t| t.starts_with('{')) => Shape::Flow,
            Some(_) => Shape::Block,
        };
        Ok(Self { file, top, text, entries, shape })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.entries.iter().map(|(key, _)| key.text.as_str())
    }

    /// The value of an entry.
    pub fn value(&self, name: &Name) -> Option<Value> {
        self.entries.iter().find(|(key, _)| key.text == name.as_str()).map(|(_, node)| node.to_json())
    }

    /// The text with other fields for the entry `name`, in its place. Comments inside its lines are lost.
    pub fn replacing(&self, name: &Name, fields: &[(String, Value)]) -> Result<String, HomeError> {
        let position = self.names().position(|n| n == name.as_str());
        let (Shape::Block, Some(position), Some((key, _))) =
            (&self.shape, position, position.and_then(|p| self.entries.get(p)))
        else {
            return Err(self.not_editable("change", name));
        };
        let newline = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let (start, end) = self.region(position);
        let entry = lines(name, fields, indent_of(key), newline);
        let after = insert(self.part(0, start), &entry, self.part(end, self.text.len()), newline);
        let mut expected = self.values();
        expected[position].1 = fields.iter().cloned().collect();
        self.checked("change", name, after, &expected)
    }

    /// The text with one more entry, after the others.
    pub fn with(&self, name: &Name, fields: &[(String, Value)]) -> Result<String, HomeError> {
        let newline = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let after = match (&self.shape, self.entries.last()) {
            (Shape::Absent, _) => {
                let gap = if self.text.is_empty() || self.text.ends_with('\n') { "" } else { newline };
                let header = format!("{gap}{}:{newline}", self.top);
                format!("{}{header}{}", self.text, lines(name, fields, INDENT, newline))
            }
            (Shape::Empty { braces, line_end }, _) => {
                let (from, to) = braces.unwrap_or((*line_end, *line_end));
                let head = format!("{}{}", self.part(0, from), self.part(to, *line_end));
                insert(&head, &lines(name, fields, INDENT, newline), self.part(*line_end, self.text.len()), newline)
            }
            (Shape::Block, Some((key, _))) => {
                let (_, end) = self.region(self.entries.len() - 1);
                let entry = lines(name, fields, indent_of(key), newline);
                insert(self.part(0, end), &entry, self.part(end, self.text.len()), newline)
            }
            (Shape::Flow, _) | (Shape::Block, None) => return Err(self.not_editable("add", name)),
        };
        let mut expected = self.values();
        expected.push((name.to_string(), fields.iter().cloned().collect()));
        self.checked("add", name, after, &expected)
    }

    /// The text without the entry `name`.
    pub fn without(&self, name: &Name) -> Result<String, HomeError> {
        let position = self.names().position(|n| n == name.as_str());
        let (Shape::Block, Some(position)) = (&self.shape, position) else {
            return Err(self.not_editable("remove", name));
        };
        let (mut start, end) = self.region(position);
        if end == self.text.len() && !self.text.ends_with('\n') {
            // Without a line end of its own it takes the one before, so that `add` and `remove` undo each other.
            start = self.part(0, start).trim_end_matches(['\r', '\n']).len();
        }
        let after = format!("{}{}", self.part(0, start), self.part(end, self.text.len()));
        let mut expected = self.values();
        expected.remove(position);
        self.checked("remove", name, after, &expected)
    }

    /// Bytes of the lines of an entry: from its key to its last line. Blank lines and comments after that, unless they
    /// are indented deeper than the key, belong to what follows.
    fn region(&self, position: usize) -> (usize, usize) {
        let Some((key, _)) = self.entries.get(position) else { return (self.text.len(), self.text.len()) };
        let start = line_start(self.text, key.at.offset);
        let bound = match self.entries.get(position + 1) {
            Some((next, _)) => line_start(self.text, next.at.offset),
            None => document_end(self.text, start),
        };
        let mut end = bound;
        for line in self.part(start, bound).split_inclusive('\n').rev() {
            let text = line.trim();
            let indent = line.len() - line.trim_start_matches(' ').len();
            let outside = text.is_empty() || (text.starts_with('#') && indent <= indent_of(key));
            if !outside {
                break;
            }
            end -= line.len();
        }
        (start, end)
    }

    fn part(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn values(&self) -> Vec<(String, Value)> {
        values(self.entries)
    }

    /// Reads the new text back: text is edited by lines, and YAML has layouts in which that goes wrong.
    fn checked(
        &self,
        action: &str,
        name: &Name,
        after: String,
        expected: &[(String, Value)],
    ) -> Result<String, HomeError> {
        let read = yaml::parse(self.file, &after).ok().and_then(|document| match document {
            Some(d) => entries(self.file, &d, self.top).ok().map(values),
            None => Some(Vec::new()),
        });
        if read.as_deref() == Some(expected) { Ok(after) } else { Err(self.not_editable(action, name)) }
    }

    fn not_editable(&self, action: &str, name: &Name) -> HomeError {
        HomeError::invalid(
            Place::file(self.file),
            format!("cannot {action} {name}: the file's layout cannot be edited safely"),
        )
        .or_hint(format!("write each entry on lines of its own under `{}:`, or edit the file by hand", self.top))
    }
}

fn values(entries: &[(Key, Node)]) -> Vec<(String, Value)> {
    entries.iter().map(|(key, node)| (key.text.clone(), node.to_json())).collect()
}

/// `head`, then `entry`, then `tail`, each on lines of its own. Where the text ended without a line end it still does.
fn insert(head: &str, entry: &str, tail: &str, newline: &str) -> String {
    if head.is_empty() || head.ends_with('\n') {
        return format!("{head}{entry}{tail}");
    }
    format!("{head}{newline}{}{tail}", entry.trim_end_matches(['\r', '\n']))
}

fn lines(name: &Name, fields: &[(String, Value)], indent: usize, newline: &str) -> String {
    let key = scalar(&Value::from(name.as_str()));
    if fields.is_empty() {
        return format!("{:indent$}{key}: {{}}{newline}", "");
    }
    let inner = indent + INDENT;
    let mut out = format!("{:indent$}{key}:{newline}", "");
    for (field, value) in fields {
        out.push_str(&format!("{:inner$}{field}: {}{newline}", "", scalar(value)));
    }
    out
}

/// A value as YAML on one line: plain where that reads back as the same text, else between double quotes.
fn scalar(value: &Value) -> String {
    let Value::String(text) = value else { return value.to_string() };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@~+".contains(c);
    let simple = text.chars().all(plain)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && !text.ends_with(':');
    let reads_back = || matches!(yaml::parse(Path::new(""), text), Ok(Some(n)) if n.to_json() == *value);
    if simple && reads_back() { text.clone() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Spaces before a key; columns count from 1.
fn indent_of(key: &Key) -> usize {
    usize::try_from(key.at.column.saturating_sub(1)).unwrap_or_default()
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1)
}

/// Just after the line end that follows `at`, or the end of the text.
fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|t| t.find('\n')).map_or(text.len(), |n| at + n + 1)
}

/// Where the document that holds `from` ends: at a marker line, or with the text.
fn document_end(text: &str, from: usize) -> usize {
    let mut at = from;
    for line in text.get(from..).unwrap_or_default().split_inclusive('\n') {
        if line.starts_with("...") || line.starts_with("---") {
            return at;
        }
        at += line.len();
    }
    at
}

/// The bytes of an empty `{}`, with the blanks before it.
fn braces(text: &str, node: &Node) -> Option<(usize, usize)> {
    let open = node.at.offset;
    let rest = text.get(open..)?.strip_prefix('{')?;
    let close = rest.trim_start_matches([' ', '\t']).strip_prefix('}')?;
    let start = text.get(..open)?.trim_end_matches([' ', '\t']).len();
    Some((start, text.len() - close.len()))
}
