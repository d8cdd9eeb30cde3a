use super::*;
use crate::Pattern;
use if_schemas::Effect;
use serde_json::json;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn every_kind_reads_its_text_and_refuses_the_rest() {
    let choice = ParamKind::Choice(vec!["a".into(), "b".into()]);
    let pattern = ParamKind::Pattern(Pattern::new("[a-z]+|[0-9]").unwrap());
    let integer = ParamKind::Integer { min: 1, max: 9 };
    let number = ParamKind::Number { min: 0, max: 2 };
    let cases = [
        (ParamKind::Text, "x", json!("x"), vec![]),
        (pattern, "abc", json!("abc"), vec!["a1", "", "12", "abc\n"]),
        (choice, "b", json!("b"), vec!["c", ""]),
        (ParamKind::Url, "https://a.b/c", json!("https://a.b/c"), vec!["a.b", "ftp://a.b", "https://", "file:///etc"]),
        (ParamKind::File, "/tmp/a", json!("/tmp/a"), vec!["", "a\0b"]),
        (ParamKind::Amount, "10.00", json!("10.00"), vec!["", "-1", "1.", ".5", "1e3", "1,0"]),
        (integer, "9", json!(9), vec!["0", "10", "1.0", "x", ""]),
        (number, "0.5", json!(0.5), vec!["2.1", "-1", "NaN", "inf", ""]),
        (ParamKind::Flag, "true", json!(true), vec!["yes", "1", ""]),
        (ParamKind::NumberOrName { max: 9 }, "3", json!(3), vec!["0", "10", "-1", ""]),
        (ParamKind::NumberOrName { max: 9 }, "Camera 2", json!("Camera 2"), vec!["0", "10", ""]),
        (ParamKind::DurationMs, "2s", json!(2_000), vec!["2 parsecs", "-5", ""]),
        (ParamKind::List, r#"["a"]"#, json!(["a"]), vec!["a", "[1]", "{}"]),
        (ParamKind::Object, r#"{"a":1}"#, json!({"a": 1}), vec!["a", "[]", "{"]),
    ];
    for (kind, text, value, refused) in cases {
        assert_eq!(kind.parse_text(text), Ok(value.clone()), "{kind:?}");
        assert!(kind.accepts(&value), "{kind:?}");
        assert!(!kind.accepts(&Value::Null), "{kind:?}");
        for text in refused {
            assert_eq!(kind.parse_text(text), Err(kind.expected()), "{kind:?} takes {text:?}");
        }
    }
    assert!(Pattern::new("a)|(b").is_err(), "a pattern that leaves its group");
}

#[test]
fn what_may_come_from_the_instance_comes_before_the_default() {
    let mut operation = OperationSpec::new("chat.send", Effect::Once, "send")
        .required("chat", ParamKind::Text, "where")
        .optional("mode", ParamKind::Text, Some("plain"), "how");
    for param in &mut operation.params {
        param.from = Some(param.name.clone());
    }
    let given = map(json!({"chat": "x"}));
    assert_eq!(operation.check(&Map::new()), Ok(Map::new()), "only the worker knows");
    assert_eq!(operation.check(&given), Ok(given.clone()));
    let resolve = |args: Value, instance: Value| operation.resolve(&map(args), &map(instance)).map(Value::from);
    assert_eq!(resolve(json!({}), json!({"chat": "c", "mode": "m"})), Ok(json!({"chat": "c", "mode": "m"})));
    assert_eq!(resolve(json!({"chat": "x"}), json!({"chat": "c"})), Ok(json!({"chat": "x", "mode": "plain"})));
    assert!(matches!(resolve(json!({}), json!({})), Err(ArgumentError::Missing { name, .. }) if name == "chat"));
    assert!(matches!(resolve(json!({}), json!({"chat": 1})), Err(ArgumentError::Type { .. })));
}
