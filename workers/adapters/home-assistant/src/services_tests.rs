use super::*;
use crate::mirror::Context;

/// Shortened from Home Assistant 2025.4.4.
fn services() -> Services {
    Services::read(&json!({
        "light": {
            "turn_on": {
                "fields": {
                    "brightness_pct": {"selector": {"number": {"min": 0, "max": 100}}},
                    "rgb_color": {"selector": {"color_rgb": null}},
                    "advanced_fields": {"collapsed": true, "fields": {
                        "brightness": {"selector": {"number": {"min": 0, "max": 255}}},
                        "color_name": {"selector": {"select": {"options": ["red", "green"]}}},
                    }},
                },
                "target": {"entity": [{"domain": ["light"]}]},
            },
        },
        "media_player": {"volume_set": {
            "fields": {"volume_level": {"required": true, "description": "The volume.", "selector": {"number": {"min": 0, "max": 1}}}},
            "target": {"entity": [{"domain": ["media_player"], "supported_features": [4]}]},
        }},
        "weather": {"get_forecasts": {"fields": {}, "response": {"optional": false}}},
        "script": {"rehearse": {"fields": {}}},
        "broken": "not an object",
    }))
}

fn entity(id: &str, features: u64) -> Entity {
    let attributes = json!({"supported_features": features}).as_object().cloned().unwrap();
    Entity { id: id.into(), state: "on".into(), attributes, context: Context::default(), last_changed: None }
}

fn check(service: &str, data: Value) -> Result<(), Misfit> {
    services().get(service).unwrap().check(service, data.as_object().unwrap())
}

#[test]
fn fields_are_checked_by_name_and_value() {
    assert_eq!(check("light.turn_on", json!({"brightness": 77, "rgb_color": [1, 2, 3], "color_name": "red"})), Ok(()));
    let typo = check("light.turn_on", json!({"brightnes": 77})).unwrap_err();
    assert_eq!(typo.hint, "did you mean \"brightness\"?");
    let high = check("light.turn_on", json!({"brightness": 256})).unwrap_err();
    assert_eq!(high.hint, "it must be a number from 0 to 255");
    assert!(check("light.turn_on", json!({"rgb_color": [1, 2, 256]})).is_err());
    let colour = check("light.turn_on", json!({"color_name": "gren"})).unwrap_err();
    assert_eq!(colour.hint, "it must be green");
    let missing = check("media_player.volume_set", json!({})).unwrap_err();
    assert_eq!(
        (missing.message.as_str(), missing.hint.as_str()),
        ("media_player.volume_set needs volume_level", "The volume.")
    );
    // Nothing is described: Home Assistant decides.
    assert_eq!(check("script.rehearse", json!({"anything": 1})), Ok(()));
}

#[test]
fn entities_are_held_against_domain_and_features() {
    let services = services();
    let volume = services.get("media_player.volume_set").unwrap();
    assert_eq!(volume.takes("media_player.volume_set", &entity("media_player.a", 4 | 8)), Ok(()));
    assert!(
        volume.takes("media_player.volume_set", &entity("media_player.a", 8)).unwrap_err().message.contains("feature")
    );
    assert!(volume.takes("media_player.volume_set", &entity("light.a", 4)).unwrap_err().hint.contains("media_player"));
}

#[test]
fn names_responses_and_what_cannot_be_read() {
    let services = services();
    assert_eq!(services.nearest("light.trun_on").as_deref(), Some("light.turn_on"));
    assert_eq!(services.get("weather.get_forecasts").unwrap().response(), Response::Always);
    assert_eq!(services.get("light.turn_on").unwrap().response(), Response::Never);
    assert_eq!(services.names().count(), 4);
    assert_eq!(Services::read(&json!([])).names().count(), 0);
}
