//! Values that may be written in a short and a long way. Not serde's `untagged`, which forgets where a mistake is.

use super::{Again, Await, Call};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{
        Error, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use serde_json::Value;
use std::fmt;

/// Text; a number or true and false count as their text, because people do not quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub String);

impl JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": ["string", "number", "boolean"]})
    }
}

/// The scalars of [`Text`], for a visitor whose value is made of one by `$make`.
macro_rules! scalars {
    ($make:expr) => {
        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok($make(Text(text.into())))
        }
        fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
            Ok($make(Text(value.to_string())))
        }
        fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
            Ok($make(Text(value.to_string())))
        }
        fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
            Ok($make(Text(value.to_string())))
        }
        fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
            Ok($make(Text(value.to_string())))
        }
    };
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("text")
    }
    scalars!(std::convert::identity);
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(TextVisitor)
    }
}

/// A short form that is text, and a long one that is a map.
macro_rules! text_or_map {
    ($(#[$doc:meta])* $name:ident, $visitor:ident, $full:ty, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, JsonSchema)]
        #[schemars(untagged)]
        pub enum $name {
            Short(Text),
            Full($full),
        }

        struct $visitor;

        impl<'de> Visitor<'de> for $visitor {
            type Value = $name;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str($expected)
            }
            scalars!($name::Short);
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<$name, A::Error> {
                <$full>::deserialize(MapAccessDeserializer::new(entries)).map($name::Full)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_any($visitor)
            }
        }
    };
}

text_or_map!(
    /// A command line, or its parts.
    Run, RunVisitor, Call, "a command line, or a map with `operation`, `instance` and `args`");
text_or_map!(
    /// `restore`, `none`, a command line, or its parts.
    Undo, UndoVisitor, Call, "`restore`, `none`, a command line, or a map with `operation`, `instance` and `args`");
text_or_map!(
    /// A duration, or a state.
    Wait, WaitVisitor, Await, "a duration, or a map with `state` and `timeout`");
text_or_map!(
    /// A state, with or without a time of its own. Without one 10 s.
    Confirm, ConfirmVisitor, Await, "a state, or a map with `state` and `timeout`");
text_or_map!(
    /// How often, or also how fast.
    Retry, RetryVisitor, Again, "a number, or a map with `times` and `pause`");

/// One, or a list.
#[derive(Debug, Clone, Default)]
pub struct Texts(pub Vec<Text>);

impl JsonSchema for Texts {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Texts".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let text = serde_json::json!({"type": ["string", "number", "boolean"]});
        schemars::json_schema!({"anyOf": [text, {"type": "array", "items": text}]})
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("text, or a list of texts")
    }
    scalars!(|text| Texts(vec![text]));
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Texts, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Texts)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(TextsVisitor)
    }
}

/// A variable that is a list, or a list.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum ForEach {
    Text(String),
    List(Vec<Value>),
}

struct ForEachVisitor;

impl<'de> Visitor<'de> for ForEachVisitor {
    type Value = ForEach;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list, or a variable like ${cameras} that is one")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<ForEach, E> {
        Ok(ForEach::Text(text.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<ForEach, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(ForEach::List)
    }
}

impl<'de> Deserialize<'de> for ForEach {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ForEachVisitor)
    }
}

/// Members, or members with their weights.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum Guardians {
    Equal(Vec<String>),
    Weighted(IndexMap<String, u32>),
}

struct GuardiansVisitor;

impl<'de> Visitor<'de> for GuardiansVisitor {
    type Value = Guardians;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of members, or a map of their weights")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Guardians, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Guardians::Equal)
    }
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Guardians, A::Error> {
        IndexMap::deserialize(MapAccessDeserializer::new(entries)).map(Guardians::Weighted)
    }
}

impl<'de> Deserialize<'de> for Guardians {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(GuardiansVisitor)
    }
}
