use super::*;
use serde_json::json;

fn version(product: Product, said: &str) -> Option<String> {
    product.read(said).and_then(|i| i.version)
}

#[test]
fn the_greeting_of_vmix_gives_its_version() {
    assert_eq!(version(Product::Vmix, "VERSION OK 29.0.0.49\r\n").as_deref(), Some("29.0.0.49"));
    for other in ["VERSION ER", "VERSION OK \r\n", "VERSION OK", "220 mail ready", "SSH-2.0-x", "", "VERSION OK <x>"] {
        assert_eq!(version(Product::Vmix, other), None, "{other:?}");
    }
}

#[test]
fn the_hello_of_obs_gives_its_version_and_whether_there_is_a_password() {
    let open = r#"{"op":0,"d":{"obsWebSocketVersion":"5.0.1","rpcVersion":1}}"#;
    let found = Product::Obs.read(open).unwrap();
    assert_eq!((found.version.as_deref(), found.password), (Some("obs-websocket 5.0.1"), Some(false)));
    let closed = r#"{"d":{"authentication":{"challenge":"a","salt":"b"},"obsStudioVersion":"31.0.2",
        "obsWebSocketVersion":"5.5.4","rpcVersion":1},"op":0}"#;
    let found = Product::Obs.read(closed).unwrap();
    assert_eq!(found.version.as_deref(), Some("31.0.2 (obs-websocket 5.5.4)"));
    assert_eq!((found.password, found.note), (Some(true), None));
    for other in [r#"{"op":2,"d":{"obsWebSocketVersion":"5.0.1","rpcVersion":1}}"#, r#"{"op":0,"d":{}}"#, "{}", "hello"]
    {
        assert_eq!(Product::Obs.read(other), None, "{other}");
    }
}

#[test]
fn the_greeting_of_home_assistant_gives_its_version() {
    let said = r#"{"type":"auth_required","ha_version":"2026.10.1"}"#;
    assert_eq!(version(Product::Ha, said).as_deref(), Some("2026.10.1"));
    for other in [r#"{"type":"auth_ok","ha_version":"2026.10.1"}"#, r#"{"type":"auth_required"}"#, "[]", ""] {
        assert_eq!(version(Product::Ha, other), None, "{other}");
    }
}

#[test]
fn what_strangers_say_is_clipped_and_has_no_control_characters() {
    let said = json!({"type": "auth_required", "ha_version": format!("1\u{1b}[31m{}", "x".repeat(500))}).to_string();
    let version = version(Product::Ha, &said).unwrap();
    assert_eq!(version.chars().count(), TEXT_MAX);
    assert!(!version.contains('\u{1b}'));
}

#[test]
fn the_endpoint_of_an_instance_is_read_from_its_settings() {
    let of = |product: Product, settings: Value| product.endpoint(settings.as_object().unwrap());
    let at = |host: &str, port| Some((host.to_string(), port));
    assert_eq!(of(Product::Vmix, json!({"host": "10.0.0.1", "port": 8088, "tcp_port": 8100})), at("10.0.0.1", 8100));
    assert_eq!(of(Product::Obs, json!({"host": "Studio.Local"})), at("studio.local", 4455));
    assert_eq!(of(Product::Ha, json!({"url": "https://[FD00::1]:8443/"})), at("fd00::1", 8443));
    assert_eq!(of(Product::Ha, json!({"url": "http://ha.example"})), at("ha.example", 80));
    assert_eq!(of(Product::Ha, json!({"host": "h", "port": 99_999})), None);
    assert_eq!(of(Product::Ha, json!({})), None);
}

#[test]
fn an_announcement_can_name_a_tls_host_and_nothing_else() {
    let of = |url: &str| {
        let said = |name: &str| (name == "internal_url").then(|| url.to_string());
        announcement(said, 8123).tls_url
    };
    assert_eq!(of("https://ha.example:8123").as_deref(), Some("https://ha.example:8123"));
    assert_eq!(of("https://ha.example:8123/x?y=$(rm)").as_deref(), Some("https://ha.example:8123"));
    for other in ["http://10.0.0.1:8123", "https://ha.example", "https://a';rm -rf ~;':8123", "https://$(id):8123", "x"]
    {
        assert_eq!(of(other), None, "{other}");
    }
}

#[test]
fn the_best_address_is_private_and_of_ipv4() {
    let of = |all: &[&str]| best(&all.iter().map(|a| a.parse().unwrap()).collect::<Vec<_>>()).map(|a| a.to_string());
    assert_eq!(of(&["fd00::1", "127.0.0.1", "192.168.1.9", "8.8.8.8"]).as_deref(), Some("192.168.1.9"));
    assert_eq!(of(&["2001:db8::1", "fd00::1"]).as_deref(), Some("fd00::1"));
    assert_eq!(of(&[]), None);
}
