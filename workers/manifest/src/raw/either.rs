//! Values that may be written in a short and a long way. Not serde's `untagged`, which forgets where a mistake is.

use super::{Extract, FilePart, FullExtract, FullRate, Part, PriceRate, PriceRow, PriceRows, StatusPattern};
use serde::{
    Deserialize, Deserializer,
    de::{
        Error, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use std::fmt;

struct ExtractVisitor;

impl<'de> Visitor<'de> for ExtractVisitor {
    type Value = Extract;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSONPath, a list of them, or a map with `path` or `value`")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Extract, E> {
        Ok(Extract::Path(text.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Extract, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Extract::Paths)
    }
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Extract, A::Error> {
        FullExtract::deserialize(MapAccessDeserializer::new(entries)).map(Extract::Full)
    }
}

impl<'de> Deserialize<'de> for Extract {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ExtractVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("text, or a map with `file`")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Part, E> {
        Ok(Part::Text(text.into()))
    }
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Part, A::Error> {
        FilePart::deserialize(MapAccessDeserializer::new(entries)).map(Part::File)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(PartVisitor)
    }
}

struct StatusVisitor;

impl Visitor<'_> for StatusVisitor {
    type Value = StatusPattern;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a status code like 429, a class like 4xx or a range like 500-599")
    }
    fn visit_u64<E: Error>(self, code: u64) -> Result<StatusPattern, E> {
        let wrong = || E::invalid_value(serde::de::Unexpected::Unsigned(code), &self);
        u16::try_from(code).map(StatusPattern::Code).map_err(|_| wrong())
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<StatusPattern, E> {
        Ok(StatusPattern::Class(text.into()))
    }
}

impl<'de> Deserialize<'de> for StatusPattern {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(StatusVisitor)
    }
}

struct RateVisitor;

impl<'de> Visitor<'de> for RateVisitor {
    type Value = PriceRate;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a price in quotes like \"2.50/1M\", or a map with `amount` and `per`")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<PriceRate, E> {
        Ok(PriceRate::Short(text.into()))
    }
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<PriceRate, A::Error> {
        FullRate::deserialize(MapAccessDeserializer::new(entries)).map(PriceRate::Full)
    }
}

impl<'de> Deserialize<'de> for PriceRate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(RateVisitor)
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = PriceRows;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map with `rates`, or a list of them")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<PriceRows, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(PriceRows::Many)
    }
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<PriceRows, A::Error> {
        PriceRow::deserialize(MapAccessDeserializer::new(entries)).map(PriceRows::One)
    }
}

impl<'de> Deserialize<'de> for PriceRows {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(RowsVisitor)
    }
}
