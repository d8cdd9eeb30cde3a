//! Takes an instance's secrets out of whatever its plugin says.

use if_engine::Secret;
use serde_json::Value;

/// A shorter secret would take pieces out of ordinary words, and protects nothing.
const SECRET_MIN_BYTES: usize = 4;
/// What stands in its place.
const REDACTED: &str = "[redacted]";

#[derive(Clone, Default)]
pub struct Redactor(Vec<Secret>);

impl Redactor {
    pub fn new(secrets: impl Iterator<Item = Secret>) -> Self {
        // A key of several lines may be said line by line.
        let lines = |s: Secret| {
            let lines: Vec<Secret> = s.expose().lines().map(|l| Secret::new(l.into())).collect();
            std::iter::once(s).chain(lines)
        };
        let mut secrets: Vec<Secret> =
            secrets.flat_map(lines).filter(|s| s.expose().len() >= SECRET_MIN_BYTES).collect();
        // One secret may be part of another.
        secrets.sort_by_key(|s| std::cmp::Reverse(s.expose().len()));
        Self(secrets)
    }

    pub fn text(&self, text: &mut String) {
        for secret in &self.0 {
            if text.contains(secret.expose()) {
                *text = text.replace(secret.expose(), REDACTED);
            }
        }
    }

    /// Every string of a document; in maps the keys too.
    pub fn value(&self, value: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|v| self.value(v)),
            Value::Object(map) => {
                let old = std::mem::take(map);
                for (mut key, mut value) in old {
                    self.text(&mut key);
                    self.value(&mut value);
                    map.insert(key, value);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_taken_out_wherever_they_stand() {
        let secrets = ["hunter2", "hunter2-long", "ab"].map(|s| Secret::new(s.into()));
        let redactor = Redactor::new(secrets.into_iter());
        let mut value = json!({"a": ["x hunter2 y", 1], "hunter2-long": {"b": "ab hunter2-long"}});
        redactor.value(&mut value);
        assert_eq!(value, json!({"a": ["x [redacted] y", 1], "[redacted]": {"b": "ab [redacted]"}}));
    }
}
