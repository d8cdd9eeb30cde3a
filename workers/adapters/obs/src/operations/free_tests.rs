use super::*;

#[test]
fn secrets_are_scrubbed_wherever_they_are() {
    let mut answer =
        json!({"a": [{"key": "k1", "keys": "not one"}], "streamServiceSettings": {"key": "", "password": "p"}});
    scrub(&mut answer);
    let expected = json!({"a": [{"key": REDACTED, "keys": "not one"}], "streamServiceSettings": {"key": "", "password": REDACTED}});
    assert_eq!(answer, expected);
}

#[test]
fn secrets_are_no_arguments() {
    let data = json!({"streamServiceSettings": {"server": "rtmp://x", "key": "k1"}});
    let Err(Execution::Failed(failure)) = refuse_secrets("SetStreamServiceSettings", &data) else { panic!("taken") };
    assert!(failure.code == "bad_argument" && !failure.message.contains("k1"), "{failure:?}");
    assert!(refuse_secrets("SetInputName", &json!({"inputName": "key"})).is_ok());
}

#[test]
fn what_is_set_is_read_by_its_own_request() {
    let known = ["GetInputMute".to_owned()];
    let data = json!({"inputName": "Mic", "inputMuted": true});
    assert_eq!(
        read_back("SetInputMute", &data, &known).map(|wanted| wanted.words().to_owned()).as_deref(),
        Some("SetInputMute {\"inputMuted\":true,\"inputName\":\"Mic\"}")
    );
    assert!(read_back("SetTBarPosition", &data, &known).is_none());
    assert!(read_back("ToggleInputMute", &data, &known).is_none());
}

#[test]
fn requests_of_a_batch_as_text() {
    assert_eq!(parse("GetVersion").ok(), Some(("GetVersion".into(), json!({}))));
    assert_eq!(
        parse(r#" SetInputMute {"inputName": "a b"} "#).ok(),
        Some(("SetInputMute".into(), json!({"inputName": "a b"})))
    );
    assert!(parse("GetVersion [1]").is_err());
}
