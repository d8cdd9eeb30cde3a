use super::*;

const TELEGRAM: &str = include_str!("../../tests/data/telegram/manifest.yaml");
const OK: &str = r#"{
  "name": "a message is sent",
  "kind": "ok",
  "call": {
    "operation": "chat.send",
    "args": {"text": "Hello"},
    "instance": {"token": "123:abc", "chat": "@studio"}
  },
  "expect": [{
    "method": "POST",
    "url": "https://api.telegram.org/bot123%3Aabc/sendMessage",
    "body": {"chat_id": "@studio", "text": "Hello"}
  }],
  "answers": [{"body_json": {"ok": true, "result": {"message_id": 7, "chat": {"id": 1}}}}],
  "outcome": {"status": "succeeded", "result": {"message_id": 7, "chat": 1}}
}"#;

fn problems(text: &str) -> Vec<String> {
    let plan = crate::compile("m.yaml", TELEGRAM).unwrap_or_else(|e| panic!("{e:?}"));
    Case::parse("c.json", text).unwrap_or_else(|e| panic!("{e}")).problems(&plan)
}

#[test]
fn a_case_fits_its_provider() {
    assert_eq!(problems(OK), [""; 0]);
    assert_eq!(problems(&OK.replace("chat.send", "chat.sent")), [r#"telegram has no operation "chat.sent""#]);
    assert_eq!(problems(&OK.replace("Hello\"}", "Hello\", \"silent\": 1}")).len(), 1);
    assert_eq!(problems(&OK.replace(r#", "chat": "@studio""#, "")), ["chat.send needs chat: chat to write to"]);
    let twice = OK.replace(r#""answers": ["#, r#""answers": [{"status": 20},"#);
    assert_eq!(problems(&twice), ["it expects 1 requests, but has 2 answers", "an answer has the status 20"]);
    let failed = OK.replace(r#""status": "succeeded""#, r#""status": "failed""#);
    assert_eq!(problems(&failed), ["a case of kind Ok ends in Failed", "it fails without saying the code"]);
}

#[test]
fn what_is_no_case_is_refused_with_its_place() {
    let error = Case::parse("c.json", &OK.replace("\"kind\"", "\"kin\"")).unwrap_err();
    assert_eq!((error.line, error.column), (3, 7));
    assert!(error.message.starts_with("unknown field `kin`"), "{error}");
}

#[test]
fn four_kinds_are_needed() {
    let ok = Case::parse("c.json", OK).unwrap();
    assert_eq!(missing_kinds(&[ok]), [Kind::AuthFailure, Kind::RateLimit, Kind::Malformed]);
}
