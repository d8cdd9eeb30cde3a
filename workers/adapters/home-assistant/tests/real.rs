//! Against a real Home Assistant with its demo integration. Run by `make test-peers`. Every effect is seen by an independent
//! REST client.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use serde_json::json;
use support::{BOTH, failed, home::Home, live, succeeded};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn lights_and_switches() {
    let home = Home::start().await;
    let ha = home.connected().await;

    let on = succeeded(&ha, "ha.light.on", json!({"entity": "light.bed_light", "brightness": 77})).await;
    assert_eq!((&on["state"], &on["previous"], &on["changed"]), (&json!("on"), &json!("off"), &json!(true)));
    assert_eq!((&on["confirmed_by"], &on["attributes"]["brightness"]), (&json!(BOTH), &json!(77)));
    assert_eq!(home.is("light.bed_light").await, "on");
    assert_eq!(home.attribute("light.bed_light", "brightness").await, 77);
    live(&ha, "entity.light=2Ebed_light.brightness", json!(77)).await;

    let again = succeeded(&ha, "ha.light.on", json!({"entity": "light.bed_light"})).await;
    assert_eq!((&again["changed"], &again["confirmed_by"]), (&json!(false), &json!(["read_back"])));
    let color = json!({"entity": "light.bed_light", "color": "#ff8000", "brightness_pct": 50});
    succeeded(&ha, "ha.light.on", color).await;
    assert_eq!(home.attribute("light.bed_light", "rgb_color").await, json!([255, 128, 0]));
    assert_eq!(home.attribute("light.bed_light", "brightness").await, 128);
    succeeded(&ha, "ha.light.on", json!({"entity": "light.bed_light", "color": "Blue"})).await;
    assert_eq!(home.attribute("light.bed_light", "rgb_color").await, json!([0, 0, 255]));
    succeeded(&ha, "ha.light.on", json!({"entity": "light.bed_light", "kelvin": 3000})).await;
    let kelvin = home.attribute("light.bed_light", "color_temp_kelvin").await.as_f64().unwrap();
    assert!((kelvin - 3000.0).abs() < 50.0, "{kelvin}");
    succeeded(&ha, "ha.light.on", json!({"entity": "light.bed_light", "effect": "rainbow"})).await;
    assert_eq!(home.attribute("light.bed_light", "effect").await, "rainbow");

    let off = succeeded(&ha, "ha.light.off", json!({"entity": "light.bed_light", "transition": 100})).await;
    assert_eq!(off["confirmed_by"], json!(BOTH));
    assert_eq!(home.is("light.bed_light").await, "off");
    live(&ha, "entity.light=2Ebed_light.state", json!("off")).await;
    for wanted in ["on", "off"] {
        let toggled = succeeded(&ha, "ha.light.toggle", json!({"entity": "light.bed_light"})).await;
        assert_eq!((toggled["state"].as_str(), home.is("light.bed_light").await.as_str()), (Some(wanted), wanted));
    }

    for (operation, wanted) in [("on", "on"), ("off", "off"), ("toggle", "on")] {
        succeeded(&ha, &format!("ha.switch.{operation}"), json!({"entity": "switch.ac"})).await;
        assert_eq!(home.is("switch.ac").await, wanted, "{operation}");
    }

    let typo = failed(&ha, "ha.light.on", json!({"entity": "light.bed_lihgt"})).await;
    assert_eq!((typo.code.as_str(), typo.hint.as_deref()), ("not_found", Some("did you mean \"light.bed_light\"?")));
    let wrong = failed(&ha, "ha.light.on", json!({"entity": "switch.ac"})).await;
    assert_eq!(wrong.code, "bad_argument");
    let no_effect = failed(&ha, "ha.light.on", json!({"entity": "light.bed_light", "effect": "rainbo"})).await;
    assert_eq!((no_effect.code.as_str(), no_effect.hint.as_deref()), ("not_found", Some("did you mean \"rainbow\"?")));
    assert_eq!(home.is("light.bed_light").await, "off");
}
