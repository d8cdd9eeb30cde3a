use super::*;

#[test]
fn a_result_is_data_or_a_refusal() {
    // As Home Assistant 2025.4.4 sends them.
    let good = decode(r#"{"id":3,"type":"result","success":true,"result":{"context":{"id":"01J"}}}"#).unwrap();
    let Incoming::Result { id: 3, outcome: Ok(data) } = good else { panic!("{good:?}") };
    assert_eq!(data["context"]["id"], "01J");
    let bad = r#"{"id":4,"type":"result","success":false,"error":{"code":"not_found","message":"Service light.x not found."}}"#;
    let Incoming::Result { id: 4, outcome: Err(refusal) } = decode(bad).unwrap() else { panic!("{bad}") };
    assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("not_found", "Service light.x not found."));
}

#[test]
fn old_numeric_codes_and_refusals_without_a_word_are_understood() {
    let old = r#"{"id":1,"type":"result","success":false,"error":{"code":3,"message":"x"}}"#;
    let Incoming::Result { outcome: Err(refusal), .. } = decode(old).unwrap() else { panic!("{old}") };
    assert_eq!(refusal.code, "3");
    let bare = decode(r#"{"id":1,"type":"result","success":false}"#).unwrap();
    assert!(matches!(bare, Incoming::Result { outcome: Err(_), .. }));
}

#[test]
fn unknown_types_are_passed_over_and_garbage_is_not() {
    assert!(matches!(decode(r#"{"type":"feature_enabled","id":1}"#), Ok(Incoming::Other)));
    assert!(matches!(decode(r#"{"type":"result","id":1,"succ"#), Err(ProtocolError::Frame(_))));
    assert!(matches!(decode("[]"), Err(ProtocolError::Frame(_))));
    assert!(matches!(decode(r#"{"type":"result","success":true}"#), Err(ProtocolError::Lacks { missing: "id", .. })));
    assert!(matches!(decode(r#"{"type":"result","id":1}"#), Err(ProtocolError::Lacks { missing: "success", .. })));
    // The same key twice: which of them is meant cannot be known.
    assert!(matches!(decode(r#"{"type":"pong","id":1,"id":2}"#), Err(ProtocolError::Frame(_))));
}

#[test]
fn requests_carry_id_and_type() {
    let body = json!({"domain": "light", "id": 99}).as_object().cloned().unwrap();
    let sent: Value = serde_json::from_str(&request(7, "call_service", body)).unwrap();
    assert_eq!(sent, json!({"id": 7, "type": "call_service", "domain": "light"}));
}
