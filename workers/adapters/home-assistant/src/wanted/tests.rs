use super::*;
use crate::mirror::Context;

fn entity(id: &str, state: &str, attributes: Value) -> Entity {
    let attributes = attributes.as_object().cloned().unwrap();
    Entity { id: id.into(), state: state.into(), attributes, context: Context::default(), last_changed: None }
}

/// Whether `now` is what `service` was to make of `before`.
fn reached(service: &str, data: Value, before: &Entity, now: &Entity) -> bool {
    wanted(service, data.as_object().unwrap(), before).unwrap().holds(now)
}

#[test]
fn lights() {
    let off = entity("light.a", "off", json!({"brightness": null}));
    let dim =
        entity("light.a", "on", json!({"brightness": 77, "rgb_color": [255, 100, 98], "color_temp_kelvin": 3012}));
    assert!(reached("light.turn_on", json!({}), &off, &dim));
    assert!(!reached("light.turn_on", json!({}), &off, &off));
    assert!(reached("light.turn_on", json!({"brightness_pct": 30}), &off, &dim));
    assert!(!reached("light.turn_on", json!({"brightness_pct": 32}), &off, &dim));
    assert!(reached("light.turn_on", json!({"rgb_color": [255, 100, 100]}), &off, &dim));
    assert!(!reached("light.turn_on", json!({"rgb_color": [255, 100, 10]}), &off, &dim));
    assert!(reached("light.turn_on", json!({"color_temp_kelvin": 3000}), &off, &dim));
    assert!(reached("light.toggle", json!({}), &off, &dim) && !reached("light.toggle", json!({}), &dim, &dim));
    assert!(reached("light.turn_on", json!({"brightness": 0}), &dim, &off));
    assert!(reached("homeassistant.turn_off", json!({}), &dim, &off));
}

#[test]
fn numbers_in_states_are_numbers() {
    let before = entity("number.volume", "42.0", json!({}));
    let now = entity("number.volume", "43.0", json!({}));
    assert!(reached("number.set_value", json!({"value": 43}), &before, &now));
    assert!(reached("number.set_value", json!({"value": "43"}), &before, &now));
    assert!(!reached("number.set_value", json!({"value": 42}), &before, &now));
}

#[test]
fn what_must_move_and_what_must_not_be() {
    let before = entity("script.a", "off", json!({"last_triggered": null}));
    let ran = entity("script.a", "off", json!({"last_triggered": "2026-01-01T00:00:00+00:00"}));
    assert!(reached("script.a", json!({}), &before, &ran) && !reached("script.turn_on", json!({}), &ran, &ran));
    let pressed = entity("button.push", "2026-01-01T00:00:00+00:00", json!({}));
    assert!(reached("button.press", json!({}), &entity("button.push", "unknown", json!({})), &pressed));
    let playing = entity("media_player.a", "playing", json!({}));
    for (state, stopped) in [("idle", true), ("off", true), ("paused", false), ("unavailable", false)] {
        let now = entity("media_player.a", state, json!({}));
        assert_eq!(reached("media_player.media_stop", json!({}), &playing, &now), stopped, "{state}");
    }
}

#[test]
fn a_cover_with_positions_is_open_at_its_end() {
    let before = entity("cover.a", "closed", json!({"current_position": 0}));
    let half = entity("cover.a", "open", json!({"current_position": 50}));
    let open = entity("cover.a", "open", json!({"current_position": 98}));
    assert!(
        !reached("cover.open_cover", json!({}), &before, &half)
            && reached("cover.open_cover", json!({}), &before, &open)
    );
    let moving = entity("cover.a", "opening", json!({"current_position": 50}));
    assert!(reached("cover.set_cover_position", json!({"position": 50}), &before, &half));
    assert!(!reached("cover.set_cover_position", json!({"position": 50}), &before, &moving));
}

#[test]
fn words_for_people() {
    let off = entity("light.a", "off", json!({}));
    let on = wanted("light.turn_on", json!({"brightness": 77}).as_object().unwrap(), &off).unwrap();
    assert_eq!(on.describe(), "on, brightness 77.0");
    assert_eq!(on.observed(Some(&off)), "off, brightness null");
    assert_eq!(on.observed(None), "no such entity any more");
    assert!(wanted("timer.start", &Map::new(), &off).is_none());
}
