use super::*;

#[test]
fn hello_with_and_without_a_challenge() {
    // Both as OBS Studio 29.0.2 sends them, the second shortened.
    let Incoming::Hello(open) = decode(r#"{"d":{"obsWebSocketVersion":"5.1.0","rpcVersion":1},"op":0}"#).unwrap()
    else {
        panic!("not a Hello")
    };
    assert_eq!(open.rpc_version, 1);
    assert!(open.authentication.is_none());

    let locked =
        r#"{"d":{"authentication":{"challenge":"c","salt":"s"},"obsWebSocketVersion":"5.1.0","rpcVersion":1},"op":0}"#;
    let Incoming::Hello(locked) = decode(locked).unwrap() else { panic!("not a Hello") };
    let challenge = locked.authentication.unwrap();
    assert_eq!((challenge.challenge.as_str(), challenge.salt.as_str()), ("c", "s"));
}

#[test]
fn a_refusal_has_code_and_comment() {
    let text = r#"{"d":{"requestId":"12","requestStatus":{"code":600,"comment":"No source","result":false},
        "requestType":"RemoveScene"},"op":7}"#;
    let Incoming::Response(response) = decode(text).unwrap() else { panic!("not a response") };
    assert_eq!(response.request_id, "12");
    assert!(!response.request_status.result);
    assert_eq!(response.request_status.code, 600);
    assert_eq!(response.request_status.comment.as_deref(), Some("No source"));
    assert_eq!(response.response_data, Value::Null);
}

#[test]
fn unknown_message_types_are_passed_over_and_garbage_is_not() {
    assert!(matches!(decode(r#"{"op":10,"d":{}}"#), Ok(Incoming::Other)));
    assert!(matches!(decode(r#"{"op":5,"op":7,"d":{}}"#), Err(ProtocolError::Frame(_))));
    assert!(matches!(decode("SSH-2.0-OpenSSH_9.2"), Err(ProtocolError::Frame(_))));
    assert!(matches!(decode(r#"{"update-type":"Heartbeat"}"#), Err(ProtocolError::Frame(_))));
    assert!(matches!(decode(r#"{"op":7,"d":{"requestId":1}}"#), Err(ProtocolError::Body { op: 7, .. })));
}

#[test]
fn identify_carries_the_answer_only_where_asked() {
    let plain: Value = serde_json::from_str(&identify(None)).unwrap();
    assert_eq!(plain, json!({"op": 1, "d": {"rpcVersion": 1, "eventSubscriptions": 1535}}));
    let locked: Value = serde_json::from_str(&identify(Some("x".into()))).unwrap();
    assert_eq!(locked["d"]["authentication"], "x");
}
