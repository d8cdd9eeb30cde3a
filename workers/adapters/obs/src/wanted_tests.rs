use super::*;

#[test]
fn what_holds() {
    for (wanted, seen, expected) in [
        (json!(1), json!(1.00001), true),
        (json!(-12.5), json!(-12.6), false),
        (json!(0), json!(0.5), false),
        (json!({"a": 1}), json!({"a": 1, "b": 2}), true),
        (json!({"a": 1, "b": 2}), json!({"a": 1}), false),
        (json!({"a": {"b": "x"}}), json!({"a": {"b": "y"}}), false),
        (json!([1, 2]), json!([1, 2]), true),
        (json!([1]), json!([1, 2]), false),
        (json!("1"), json!(1), false),
        (json!(null), json!(null), true),
        (json!({}), json!(null), false),
    ] {
        assert_eq!(holds(&wanted, &seen), expected, "{wanted} {seen}");
    }
}

#[test]
fn long_names_are_cut_between_characters() {
    let name = "ü".repeat(10_000);
    assert_eq!(quote(&name), format!("{:?}…", "ü".repeat(QUOTE_MAX)));
    assert_eq!(quote("a\"b\n"), r#""a\"b\n""#);
    assert!(short(&json!(name)).chars().count() <= QUOTE_MAX + 1);
}

#[test]
fn signs_are_told_by_their_fields() {
    let wanted = Wanted::output(Output::Stream, "GetStreamStatus", true);
    let event = |state: &str| Event { kind: "StreamStateChanged".into(), data: json!({"outputState": state}) };
    assert!(wanted.told_by(&event("OBS_WEBSOCKET_OUTPUT_STARTED")));
    assert!(!wanted.told_by(&event("OBS_WEBSOCKET_OUTPUT_STARTING")));
    assert!(wanted.refuted_by(&event("OBS_WEBSOCKET_OUTPUT_STOPPED")));
    assert!(!wanted.told_by(&Event { kind: "RecordStateChanged".into(), data: Value::Null }));
}
