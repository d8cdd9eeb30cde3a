//! Instants and durations. MessagePack: integer microseconds since the Unix epoch, UTC. JSON: RFC 3339.

use crate::SchemaError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub fn saturating_add_us(self, us: i64) -> Self {
        Self(self.0.saturating_add(us))
    }
    /// Microseconds from `earlier` to `self`; negative if `self` comes first.
    pub fn since_us(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => write!(f, "{t:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}
impl FromStr for Timestamp {
    type Err = SchemaError;
    fn from_str(s: &str) -> Result<Self, SchemaError> {
        jiff::Timestamp::from_str(s)
            .map(|t| Self(t.as_microsecond()))
            .map_err(|_| SchemaError::invalid("time", s, "use RFC 3339 like 2026-11-22T18:30:00Z"))
    }
}
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_i64(self.0) }
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(d).map(Self)
        }
    }
}

const UNITS: [(&[&str], i64); 7] = [
    (&["us", "microsecond", "microseconds"], 1),
    (&["ms", "millisecond", "milliseconds"], 1_000),
    (&["s", "sec", "second", "seconds"], 1_000_000),
    (&["m", "min", "minute", "minutes"], 60_000_000),
    (&["h", "hour", "hours"], 3_600_000_000),
    (&["d", "day", "days"], 86_400_000_000),
    (&["w", "week", "weeks"], 604_800_000_000),
];

/// Parses a positive duration with its unit (`250us`, `5ms`, `30s`, `2h`, `1 hour`) to microseconds.
pub fn parse_duration_us(s: &str) -> Result<i64, SchemaError> {
    let bad = || SchemaError::invalid("duration", s, "use a number and a unit: 250us, 5ms, 30s, 10m, 2h, 1d, 1w");
    let text = s.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (digits, unit) = text.split_at(split);
    let count: i64 = digits.parse().map_err(|_| bad())?;
    let unit = unit.trim();
    let (_, us) = UNITS.iter().find(|(names, _)| names.contains(&unit)).ok_or_else(bad)?;
    count.checked_mul(*us).ok_or_else(bad)
}

/// Parses RFC 3339 or `<duration> ago`, or `now`.
pub fn parse_instant(s: &str, now: Timestamp) -> Result<Timestamp, SchemaError> {
    let text = s.trim();
    if text == "now" {
        return Ok(now);
    }
    if let Some(duration) = text.strip_suffix("ago") {
        return Ok(now.saturating_add_us(-parse_duration_us(duration)?));
    }
    text.parse().map_err(|_| SchemaError::invalid("time", s, "use RFC 3339 or a duration like \"1 hour ago\""))
}
