use super::*;
use serde_json::json;

fn target(settings: Value) -> Result<Target, AdapterError> {
    let mut settings = settings.as_object().cloned().unwrap();
    settings.entry("port").or_insert(json!(8123));
    let secrets = [("token".to_owned(), Secret::new("t".into()))].into();
    Target::new(&InstanceConfig { provider: "ha".parse().unwrap(), name: "myhome".parse().unwrap(), settings, secrets })
}

#[test]
fn addresses_in_both_forms() {
    let shown = |settings| target(settings).unwrap().to_string();
    assert_eq!(shown(json!({"host": "homeassistant.local"})), "http://homeassistant.local:8123");
    assert_eq!(shown(json!({"host": "fd00::7", "tls": true})), "https://[fd00::7]:8123");
    assert_eq!(shown(json!({"host": "[fd00::7]"})), "http://[fd00::7]:8123");
    assert_eq!(shown(json!({"url": "https://ha.example.org/"})), "https://ha.example.org:443");
    assert_eq!(shown(json!({"url": "http://10.0.0.4:8124"})), "http://10.0.0.4:8124");
}

#[test]
fn what_can_never_work_is_said() {
    for (settings, word) in [
        (json!({}), "neither url nor host"),
        (json!({"url": "http://a", "host": "a"}), "both url and host"),
        (json!({"url": "ftp://a"}), "ftp:"),
        (json!({"url": "http://a/lovelace"}), "more than scheme"),
        (json!({"url": "http://me:pw@a"}), "user name"),
        (json!({"host": "a/b"}), "no host name"),
        (json!({"host": "a", "port": 0}), "port"),
    ] {
        let error = target(settings).unwrap_err();
        assert_eq!(error.state, InstanceState::BadConfig);
        assert!(error.message.contains(word), "{error}");
    }
}
