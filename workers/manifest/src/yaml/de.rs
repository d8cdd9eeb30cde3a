//! Reads Rust types from the located tree. Every key a type does not know is found, not only the first, and what does not
//! fit is pointed at.

use super::{Key, Node, Place, Tree};
use crate::args::nearest;
use serde::{
    Deserialize,
    de::{self, DeserializeSeed, EnumAccess, Expected, IntoDeserializer, Unexpected, VariantAccess, Visitor},
    forward_to_deserialize_any,
};
use serde_json::Value;
use std::{cell::RefCell, fmt};

/// Something wrong at a place.
#[derive(Debug, Clone)]
pub struct Finding {
    pub at: Place,
    pub message: String,
    pub hint: Option<String>,
}

/// Reads a `T` from the value of the key `of`, or the whole file. The second value holds every unknown key, whether or not
/// the rest could be read.
pub fn read<'a, T: Deserialize<'a>>(node: &'a Node, of: Option<&'a str>) -> (Result<T, Finding>, Vec<Finding>) {
    let unknown = RefCell::new(Vec::new());
    let read = T::deserialize(Reader { node, of, unknown: &unknown });
    (read.map_err(|e| e.finding(node.at)), unknown.into_inner())
}

/// Boxed: every step of reading may return it.
#[derive(Debug)]
struct Misfit(Box<Told>);

#[derive(Debug)]
struct Told {
    at: Option<Place>,
    /// The key whose value it is about.
    of: Option<String>,
    what: What,
    hint: Option<String>,
}

#[derive(Debug)]
enum What {
    Type { found: String, expected: String },
    Missing(&'static str),
    Unknown(String),
    Other(String),
}

impl Misfit {
    fn new(what: What) -> Self {
        Self(Box::new(Told { at: None, of: None, what, hint: None }))
    }

    fn hint(mut self, hint: String) -> Self {
        self.0.hint = Some(hint);
        self
    }

    /// Errors made inside serde know no place: the innermost reader they pass tells them.
    fn or_at(mut self, at: Place, of: Option<&str>) -> Self {
        if self.0.at.is_none() {
            self.0.at = Some(at);
            self.0.of = of.map(Into::into);
        }
        self
    }

    fn finding(self, root: Place) -> Finding {
        let told = *self.0;
        let of = told.of.unwrap_or_else(|| "the file".into());
        let message = match told.what {
            What::Type { found, expected } => format!("{of} is {found}, expected {expected}"),
            What::Missing(key) => format!("{of} has no {key:?}"),
            What::Unknown(key) => unknown_key(&key, &of),
            What::Other(text) => format!("{of}: {text}"),
        };
        Finding { at: told.at.unwrap_or(root), message, hint: told.hint }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.what)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(What::Other(text.to_string()))
    }
    fn invalid_type(found: Unexpected, expected: &dyn Expected) -> Self {
        Self::new(What::Type { found: kind(found).into(), expected: expected.to_string() })
    }
    fn invalid_value(found: Unexpected, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Unsigned(n) => n.to_string(),
            Unexpected::Signed(n) => n.to_string(),
            other => kind(other).into(),
        };
        Self::new(What::Type { found, expected: expected.to_string() })
    }
    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::Other(format!("there is no {found:?}"))).hint(did_you_mean(found, known))
    }
    fn unknown_field(found: &str, known: &'static [&'static str]) -> Self {
        // Of a struct that is read through a visitor of its own: the first unknown key ends it.
        Self::new(What::Unknown(found.into())).hint(did_you_mean(found, known))
    }
    fn missing_field(key: &'static str) -> Self {
        Self::new(What::Missing(key))
    }
}

fn kind(found: Unexpected) -> &'static str {
    match found {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Str(_) | Unexpected::Char(_) => "text",
        Unexpected::Unit | Unexpected::Option => "empty",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a map",
        _ => "something else",
    }
}

fn unknown_key(key: &str, of: &str) -> String {
    format!("unknown key {key:?} in {of}")
}

fn did_you_mean(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("use {}", known.join(", ")),
    }
}

#[derive(Clone, Copy)]
struct Reader<'a, 's> {
    node: &'a Node,
    /// The key it is the value of.
    of: Option<&'a str>,
    unknown: &'s RefCell<Vec<Finding>>,
}

impl<'a, 's> Reader<'a, 's> {
    fn of(self, node: &'a Node, of: Option<&'a str>) -> Self {
        Self { node, of, ..self }
    }

    fn entries(self, entries: &'a [(Key, Node)]) -> Entries<'a, 's> {
        Entries { entries: entries.iter(), value: None, reader: self, known: None }
    }

    fn any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.node.tree {
            Tree::Scalar(Value::Null) => visitor.visit_unit(),
            Tree::Scalar(Value::Bool(b)) => visitor.visit_bool(*b),
            Tree::Scalar(Value::String(s)) => visitor.visit_borrowed_str(s),
            Tree::Scalar(Value::Number(n)) => match (n.as_u64(), n.as_i64(), n.as_f64()) {
                (Some(n), _, _) => visitor.visit_u64(n),
                (_, Some(n), _) => visitor.visit_i64(n),
                (_, _, n) => visitor.visit_f64(n.unwrap_or(f64::NAN)),
            },
            Tree::Scalar(_) => visitor.visit_unit(),
            Tree::List(items) => visitor.visit_seq(Items { items: items.iter(), reader: self }),
            Tree::Map(entries) => visitor.visit_map(self.entries(entries)),
        }
    }
}

impl<'a> de::Deserializer<'a> for Reader<'a, '_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.any(visitor).map_err(|e| e.or_at(self.node.at, self.of))
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.node.is_null() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let read = match &self.node.tree {
            Tree::Map(entries) => visitor.visit_map(Entries { known: Some(known), ..self.entries(entries) }),
            _ => Err(Misfit::new(What::Type { found: self.node.kind().into(), expected: "a map".into() })),
        };
        read.map_err(|e| e.or_at(self.node.at, self.of))
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let read = match &self.node.tree {
            Tree::Scalar(Value::String(name)) => visitor.visit_enum(name.as_str().into_deserializer()),
            Tree::Map(entries) if entries.len() == 1 => {
                let (key, node) = &entries[0];
                visitor.visit_enum(Variant { key, of: self.of, reader: self.of(node, Some(&key.text)) })
            }
            _ => Err(Misfit::new(What::Type {
                found: self.node.kind().into(),
                expected: format!("exactly one of {}", variants.join(", ")),
            })),
        };
        read.map_err(|e| e.or_at(self.node.at, self.of))
    }

    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Items<'a, 's> {
    items: std::slice::Iter<'a, Node>,
    reader: Reader<'a, 's>,
}

impl<'a> de::SeqAccess<'a> for Items<'a, '_> {
    type Error = Misfit;
    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        let reader = self.reader;
        self.items.next().map(|node| seed.deserialize(reader.of(node, reader.of))).transpose()
    }
}

struct Entries<'a, 's> {
    entries: std::slice::Iter<'a, (Key, Node)>,
    value: Option<&'a (Key, Node)>,
    reader: Reader<'a, 's>,
    /// The keys of a struct: others are noted and left out.
    known: Option<&'static [&'static str]>,
}

impl<'a> de::MapAccess<'a> for Entries<'a, '_> {
    type Error = Misfit;
    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        for entry in self.entries.by_ref() {
            let key = &entry.0;
            if let Some(known) = self.known.filter(|known| !known.contains(&key.text.as_str())) {
                let message = unknown_key(&key.text, self.reader.of.unwrap_or("the file"));
                let hint = Some(did_you_mean(&key.text, known));
                self.reader.unknown.borrow_mut().push(Finding { at: key.at, message, hint });
                continue;
            }
            self.value = Some(entry);
            let name = de::value::BorrowedStrDeserializer::new(&key.text);
            return seed.deserialize(name).map(Some).map_err(|e: Misfit| e.or_at(key.at, self.reader.of));
        }
        Ok(None)
    }
    fn next_value_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<T::Value, Misfit> {
        let (key, node) = self.value.take().ok_or_else(|| Misfit::new(What::Other("no value".into())))?;
        seed.deserialize(self.reader.of(node, Some(&key.text)))
    }
}

struct Variant<'a, 's> {
    key: &'a Key,
    /// The key of the choice.
    of: Option<&'a str>,
    reader: Reader<'a, 's>,
}

impl<'a, 's> EnumAccess<'a> for Variant<'a, 's> {
    type Error = Misfit;
    type Variant = Reader<'a, 's>;
    fn variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<(T::Value, Reader<'a, 's>), Misfit> {
        let name = de::value::BorrowedStrDeserializer::new(&self.key.text);
        let value = seed.deserialize(name).map_err(|e: Misfit| e.or_at(self.key.at, self.of))?;
        Ok((value, self.reader))
    }
}

impl<'a> VariantAccess<'a> for Reader<'a, '_> {
    type Error = Misfit;
    fn unit_variant(self) -> Result<(), Misfit> {
        <()>::deserialize(self)
    }
    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Misfit> {
        seed.deserialize(self)
    }
    fn tuple_variant<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_any(self, visitor)
    }
    fn struct_variant<V: Visitor<'a>>(self, known: &'static [&'static str], visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_struct(self, "", known, visitor)
    }
}
