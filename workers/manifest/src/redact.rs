//! What an operation keeps to itself: `redact`.

use serde_json::Value;

/// What is shown instead.
pub const REDACTED: &str = "[redacted]";

/// Replaces every member of these names, at any depth.
pub fn redact(value: &mut Value, names: &[String]) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match names.contains(name) {
                    true => *member = REDACTED.into(),
                    false => redact(member, names),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_of_the_names_are_replaced_wherever_they_are_and_nothing_else_is() {
        let mut value = json!({"key": "k", "keys": "k", "a": [{"key": {"deep": 1}}, "key"], "b": {"c": {"key": null}}});
        redact(&mut value, &["key".into()]);
        let shown =
            json!({"key": REDACTED, "keys": "k", "a": [{"key": REDACTED}, "key"], "b": {"c": {"key": REDACTED}}});
        assert_eq!(value, shown);
    }
}
