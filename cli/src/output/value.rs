//! Result documents, durations and hashes for people.

use super::{Style, table};
use if_schemas::Timestamp;
use serde_json::{Map, Value};

/// Digits of a hash or id that people compare.
const SHORT_HASH_DIGITS: usize = 12;

/// A result document as indented lines.
pub fn document(style: Style, value: &Value) -> String {
    render(style, value, "  ")
}

fn render(style: Style, value: &Value, indent: &str) -> String {
    match value {
        Value::Object(map) if map.is_empty() => String::new(),
        Value::Object(map) => object(style, map, indent),
        Value::Array(items) if rows_alike(items) => indented(&rows(style, items), indent),
        Value::Array(items) => items.iter().map(|i| format!("{indent}{}\n", scalar(i))).collect(),
        other => format!("{indent}{}\n", scalar(other)),
    }
}

fn object(style: Style, map: &Map<String, Value>, indent: &str) -> String {
    let (flat, deep): (Vec<_>, Vec<_>) = map.iter().partition(|(_, v)| is_flat(v));
    let flat: Vec<(String, String)> = flat.into_iter().map(|(k, v)| (label(k), scalar(v))).collect();
    let mut out = table::fields(style, indent, &flat);
    for (name, value) in deep {
        out.push_str(&format!("{indent}{}\n", style.dim(&label(name))));
        out.push_str(&render(style, value, &format!("{indent}  ")));
    }
    out
}

fn is_flat(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty() || items.iter().all(|i| !i.is_object() && !i.is_array()),
        _ => true,
    }
}

/// True for a list of objects with only plain values, which read best as a table.
fn rows_alike(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|i| i.as_object().is_some_and(|m| m.values().all(is_flat)))
}

fn rows(style: Style, items: &[Value]) -> String {
    let mut columns: Vec<&String> = Vec::new();
    for key in items.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(&key) {
            columns.push(key);
        }
    }
    let labels: Vec<String> = columns.iter().map(|c| label(c)).collect();
    let headings: Vec<&str> = labels.iter().map(String::as_str).collect();
    let cell = |item: &Value, column: &str| item.get(column).map(scalar).unwrap_or_default();
    let rows: Vec<Vec<String>> = items.iter().map(|i| columns.iter().map(|c| cell(i, c)).collect()).collect();
    table::table(style, &headings, &rows, None)
}

fn indented(text: &str, indent: &str) -> String {
    text.lines().map(|l| format!("{indent}{l}\n")).collect()
}

fn label(key: &str) -> String {
    key.replace('_', " ")
}

/// A plain value on one line.
pub fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::String(text) => printable(text),
        Value::Array(items) if items.is_empty() => "none".into(),
        Value::Array(items) => items.iter().map(scalar).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Text from a peer without what could steer a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The same for text of several lines: line ends and tabs stay.
pub fn printable_lines(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c }).collect()
}

/// `850 us`, `12.3 ms`, `4.20 s`, `3 min 5 s`, `2 h 1 min`.
pub fn duration(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    let text = match us {
        0..=999 => format!("{us} us"),
        1_000..=999_999 => format!("{:.1} ms", us as f64 / 1e3),
        1_000_000..=59_999_999 => format!("{:.2} s", us as f64 / 1e6),
        60_000_000..=3_599_999_999 => format!("{} min {} s", us / 60_000_000, us / 1_000_000 % 60),
        _ => format!("{} h {} min", us / 3_600_000_000, us / 60_000_000 % 60),
    };
    format!("{sign}{text}")
}

/// The part of a hash or key id that is shown to people.
pub fn short(hash: impl ToString) -> String {
    hash.to_string().chars().take(SHORT_HASH_DIGITS).collect()
}

/// A time to the millisecond, UTC: `2026-11-22 18:30:00.123`.
pub fn time(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('.') {
        Some((seconds, fraction)) => {
            let millis: String = fraction.chars().take(3).collect();
            format!("{}.{millis}", seconds.replace('T', " "))
        }
        None => text,
    }
}

/// Only the time of day of [`time`].
pub fn time_of_day(at: Timestamp) -> String {
    let text = time(at);
    text.split_once(' ').map(|(_, t)| t.to_string()).unwrap_or(text)
}
