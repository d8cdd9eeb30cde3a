use super::*;
use if_engine::Secret;
use serde_json::json;

fn said(line: &str) -> Result<Message, String> {
    read(line.as_bytes(), &Redactor::default())
}

fn result(line: Value) -> Finished {
    match said(&line.to_string()).unwrap() {
        Message::Result { id: 5, result } => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_that_are_no_messages_are_refused_without_being_shown() {
    for line in ["hunter2", "[1]", "1", "{}", r#"{"type":"answer"}"#, r#"{"type":"answer","id":-1}"#, "\u{7f}"] {
        let error = said(line).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(read(b"\xff\xfe", &Redactor::default()).is_err(), "not UTF-8");
    assert!(said(r#"{"type":"weather","id":"x"}"#).is_err(), "an id is a number");
    assert!(matches!(said(r#"{"type":"weather"}"#), Ok(Message::Unknown(kind)) if kind == "weather"));
}

#[test]
fn a_result_must_say_what_its_status_needs() {
    let finished = |extra: Value| {
        let mut line = json!({"type": "result", "id": 5});
        line.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap());
        result(line)
    };
    let ok = finished(json!({"status": "succeeded", "result": {"a": 1}, "usage": {"message": 1}}));
    assert!(matches!(ok, Finished::Succeeded { document, usage } if document["a"] == 1 && usage["message"] == 1));
    let failed = finished(json!({"status": "failed", "error": {"code": "busy", "message": "no"}}));
    assert!(matches!(failed, Finished::Failed { failure, .. } if failure.code == "busy"));
    let unsure = finished(json!({"status": "indeterminate", "error": {"code": "Not A Code!", "message": "?"}}));
    assert!(matches!(unsure, Finished::Indeterminate { failure, .. } if failure.code == "provider_error"));
    for bad in [
        json!({}),
        json!({"status": "expired"}),
        json!({"status": "failed"}),
        json!({"status": "indeterminate"}),
        json!({"status": "succeeded", "error": {"message": "x"}}),
    ] {
        assert!(matches!(finished(bad.clone()), Finished::Malformed(_)), "{bad}");
    }
}

#[test]
fn secrets_are_taken_out_of_everything() {
    let redactor = Redactor::new([Secret::new("hunter2".into())].into_iter());
    let line = r#"{"type":"progress","id":1,"message":"using hunter\u0032","data":{"token":["hunter2"]}}"#;
    let Ok(Message::Progress { message, data, .. }) = read(line.as_bytes(), &redactor) else { panic!() };
    assert_eq!((message.as_str(), data), ("using [redacted]", Some(json!({"token": ["[redacted]"]}))));
}

#[test]
fn a_process_must_be_what_its_file_says() {
    let plugin = if_manifest::compile_plugin(
        "pager",
        "plugin.yaml",
        "plugin: 1\nid: pager\ndisplay_name: P\ncategory: chat\nsummary: s\ncommand: [x]\noperations:\n  \
         send: {summary: s, effect: once, price: free}\n  status: {summary: s, effect: read, price: free}\n",
    )
    .unwrap();
    let good = json!({"protocol": 1, "plugin": "pager", "version": "2", "operations": {"chat.send": "once", "chat.status": "read"}});
    assert_eq!(Described::agree(good.clone(), &plugin).unwrap().version, "2");
    for (pointer, value, says) in [
        ("/protocol", json!(2), "protocol 2"),
        ("/plugin", json!("other"), "\"other\""),
        ("/operations/chat.send", json!("read"), "chat.send is Read there and Once"),
        ("/operations", json!({"chat.send": "once"}), "no operation chat.status"),
        ("/operations", json!({"chat.send": "once", "chat.status": "read", "chat.x": "read"}), "chat.x"),
        ("/operations", json!([]), "cannot be read"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let error = Described::agree(bad, &plugin).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}
