//! Text with `${…}` in it, and command lines made of such text.

use crate::problem::Fault;

/// A text, cut where something is put in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text {
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(String),
    Ref(Ref),
}

/// What stands between `${` and `}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ref {
    /// A variable, `item` or `index`; with the keys below it.
    Var { name: String, keys: Vec<String> },
    /// A value of the result of a step, as JSON pointer.
    Result { step: String, pointer: String },
}

const FORMS: &str = "use ${variable}, ${item}, ${index} or ${steps.ID.result.field}; $${ is ${ itself";

impl Text {
    /// The one reference that is all there is.
    pub fn whole(&self) -> Option<&Ref> {
        match self.parts.as_slice() {
            [Part::Ref(reference)] => Some(reference),
            _ => None,
        }
    }

    fn push(&mut self, c: char) {
        match self.parts.last_mut() {
            Some(Part::Literal(text)) => text.push(c),
            _ => self.parts.push(Part::Literal(c.to_string())),
        }
    }
}

/// Reads `${…}` and `$${`.
pub(crate) fn parse(text: &str) -> Result<Text, Fault> {
    let mut out = Text::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = match special(rest)? {
            Some((part, after)) => {
                put(&mut out, part);
                after
            }
            None => {
                out.push(c);
                &rest[c.len_utf8()..]
            }
        };
    }
    Ok(out)
}

enum Special {
    Ref(Ref),
    /// `$${`
    Literal,
}

fn put(out: &mut Text, special: Special) {
    match special {
        Special::Ref(reference) => out.parts.push(Part::Ref(reference)),
        Special::Literal => "${".chars().for_each(|c| out.push(c)),
    }
}

/// What stands at the beginning of a text, if it is special, and what follows it.
fn special(text: &str) -> Result<Option<(Special, &str)>, Fault> {
    if let Some(after) = text.strip_prefix("$${") {
        return Ok(Some((Special::Literal, after)));
    }
    let Some(after) = text.strip_prefix("${") else { return Ok(None) };
    let (inside, after) = after.split_once('}').ok_or_else(|| Fault::new("\"${\" without \"}\"", FORMS))?;
    Ok(Some((Special::Ref(reference(inside)?), after)))
}

fn reference(inside: &str) -> Result<Ref, Fault> {
    let bad = || Fault::new(format!("\"${{{inside}}}\" cannot be read"), FORMS);
    let text = inside.trim();
    if text == "steps" || text.starts_with("steps.") {
        return result_of(text).ok_or_else(bad);
    }
    let mut words = text.split('.').map(String::from);
    let name = words.next().unwrap_or_default();
    let keys: Vec<String> = words.collect();
    let good = |word: &String| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if !good(&name) || !keys.iter().all(good) {
        return Err(bad());
    }
    Ok(Ref::Var { name, keys })
}

/// `steps.ID.result.a.b`; `/a/b` is the pointer.
fn result_of(text: &str) -> Option<Ref> {
    let rest = text.strip_prefix("steps.")?;
    let (step, path) = match rest.split_once(".result.") {
        Some((step, path)) => (step, Some(path)),
        None => (rest.strip_suffix(".result")?, None),
    };
    let parts: Vec<&str> = path.map(|path| path.split('.').collect()).unwrap_or_default();
    if !is_step(step) || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let pointer = parts.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect();
    Some(Ref::Result { step: step.into(), pointer })
}

/// `fade`, `cameras[2]`
pub(crate) fn is_step(text: &str) -> bool {
    let (id, index) = text.split_once('[').map_or((text, None), |(id, index)| (id, Some(index)));
    let number = index.is_none_or(|i| i.strip_suffix(']').is_some_and(|n| n.parse::<u32>().is_ok()));
    number && id.parse::<if_schemas::Name>().is_ok()
}

/// The value of a result that a text without `${` names, as conditions do: `steps.ID.result.a`.
pub(crate) fn result_path(text: &str) -> Option<(String, String)> {
    match result_of(text)? {
        Ref::Result { step, pointer } => Some((step, pointer)),
        Ref::Var { .. } => None,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Quote {
    None,
    /// Everything is literal.
    Single,
    Double,
}

/// The words of a command line, by the quotes and backslashes of a shell. What is put in stays in its word, whatever it
/// holds; between single quotes nothing is put in.
pub(crate) fn words(line: &str) -> Result<Vec<Text>, Fault> {
    let mut words = Vec::new();
    let mut word: Option<Text> = None;
    let mut quote = Quote::None;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = after;
        match (quote, c) {
            (Quote::None, c) if c.is_whitespace() => words.extend(word.take()),
            (Quote::None, '\'') => (quote, word) = (Quote::Single, Some(word.unwrap_or_default())),
            (Quote::None, '"') => (quote, word) = (Quote::Double, Some(word.unwrap_or_default())),
            (Quote::Single, '\'') | (Quote::Double, '"') => quote = Quote::None,
            (Quote::Single, c) => word.get_or_insert_default().push(c),
            (Quote::None, '\\') => rest = escaped(word.get_or_insert_default(), after),
            (Quote::Double, '\\') if after.starts_with(['"', '\\', '$']) => {
                rest = escaped(word.get_or_insert_default(), after);
            }
            (_, c) => match special(&line[line.len() - after.len() - c.len_utf8()..])? {
                Some((part, after)) => {
                    put(word.get_or_insert_default(), part);
                    rest = after;
                }
                None => word.get_or_insert_default().push(c),
            },
        }
    }
    if quote != Quote::None {
        return Err(Fault::new("a quote is not closed", "close it, or write \\ before one that is meant as such"));
    }
    words.extend(word);
    Ok(words)
}

fn escaped<'a>(word: &mut Text, after: &'a str) -> &'a str {
    let mut rest = after.chars();
    if let Some(c) = rest.next() {
        word.push(c);
    }
    rest.as_str()
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
