//! Service by service.

use super::Wanted;
use crate::mirror::Entity;
use serde_json::{Map, Value};

/// Brightness goes through percent and back.
const BRIGHTNESS_TOLERANCE: f64 = 2.0;
/// Colours go through hue and saturation and back.
const RGB_TOLERANCE: f64 = 5.0;
/// Colour temperatures go through mired and back: a part of the value.
const KELVIN_TOLERANCE: f64 = 0.03;
const VOLUME_TOLERANCE: f64 = 0.011;
const TEMPERATURE_TOLERANCE: f64 = 0.051;
/// Percent of a cover's, valve's or fan's way.
const POSITION_TOLERANCE: f64 = 2.0;
/// A cover that is open need not be at the very end.
const OPEN_TOLERANCE: f64 = 5.0;
const BRIGHTNESS_MAX: f64 = 255.0;

/// What `service` (`light.turn_on`) with `data` is to make of `before`. None where the service does not say.
pub fn wanted(service: &str, data: &Map<String, Value>, before: &Entity) -> Option<Wanted> {
    let (domain, name) = service.split_once('.')?;
    // `homeassistant.turn_on` does what the entity's own domain does.
    let domain = if domain == "homeassistant" { before.domain() } else { domain };
    match domain {
        "light" => light(name, data, before),
        "switch" | "input_boolean" | "automation" | "siren" | "remote" => switch(name, before),
        "script" => script(name, before),
        "scene" | "button" | "input_button" => matches!(name, "turn_on" | "press").then(|| Wanted::moved(None, before)),
        "media_player" => media(name, data, before),
        "climate" | "humidifier" | "water_heater" => climate(name, data, before),
        "cover" | "valve" => cover(name, data, before),
        "lock" => match name {
            "lock" => Some(Wanted::state("locked")),
            "unlock" => Some(Wanted::state("unlocked")),
            "open" => Some(Wanted::state("open")),
            _ => None,
        },
        "fan" => fan(name, data, before),
        "number" | "input_number" | "select" | "input_select" | "text" | "input_text" => value(name, data),
        "notify" => (name == "send_message").then(|| Wanted::moved(None, before)),
        _ => None,
    }
}

fn switch(name: &str, before: &Entity) -> Option<Wanted> {
    match name {
        "turn_on" => Some(Wanted::state("on")),
        "turn_off" => Some(Wanted::state("off")),
        "toggle" => Some(toggled(before)),
        "trigger" => Some(Wanted::moved(Some("last_triggered"), before)),
        _ => None,
    }
}

fn toggled(before: &Entity) -> Wanted {
    match before.state.as_str() {
        "on" => Wanted::state("off"),
        "off" => Wanted::state("on"),
        _ => Wanted::moved(None, before),
    }
}

fn light(name: &str, data: &Map<String, Value>, before: &Entity) -> Option<Wanted> {
    let on = match name {
        "turn_on" => Wanted::state("on"),
        _ => return switch(name, before),
    };
    if data.get("brightness").or(data.get("brightness_pct")).and_then(Value::as_f64) == Some(0.0) {
        return Some(Wanted::state("off"));
    }
    let number = |field: &str| data.get(field).and_then(Value::as_f64);
    let on = match (number("brightness"), number("brightness_pct")) {
        (Some(brightness), _) => on.and("brightness", brightness, BRIGHTNESS_TOLERANCE),
        (None, Some(percent)) => on.and("brightness", (percent / 100.0 * BRIGHTNESS_MAX).round(), BRIGHTNESS_TOLERANCE),
        (None, None) => on,
    };
    let on = match data.get("rgb_color") {
        Some(rgb) => on.and("rgb_color", rgb.clone(), RGB_TOLERANCE),
        None => on,
    };
    let on = match number("color_temp_kelvin") {
        Some(kelvin) => on.and("color_temp_kelvin", kelvin, kelvin * KELVIN_TOLERANCE),
        None => on,
    };
    Some(match data.get("effect") {
        Some(effect) => on.and("effect", effect.clone(), 0.0),
        None => on,
    })
}

/// `script.turn_on`, or the script's own service.
fn script(name: &str, before: &Entity) -> Option<Wanted> {
    let own = before.id.strip_prefix("script.") == Some(name);
    match name {
        "turn_off" => Some(Wanted::state("off")),
        "turn_on" => Some(Wanted::moved(Some("last_triggered"), before)),
        _ if own => Some(Wanted::moved(Some("last_triggered"), before)),
        _ => None,
    }
}

fn media(name: &str, data: &Map<String, Value>, before: &Entity) -> Option<Wanted> {
    let given = |field: &str| data.get(field).cloned();
    Some(match name {
        "media_play" => Wanted::state("playing"),
        "media_pause" => Wanted::state("paused"),
        "media_stop" => Wanted::none_of(&["playing", "paused", "buffering"]),
        "turn_on" => Wanted::none_of(&["off", "standby"]),
        "turn_off" => Wanted::one_of(&["off", "standby"]),
        "toggle" if matches!(before.state.as_str(), "off" | "standby" | "idle") => Wanted::none_of(&["off", "standby"]),
        "toggle" => Wanted::one_of(&["off", "standby"]),
        "volume_set" => Wanted::attribute("volume_level", given("volume_level")?, VOLUME_TOLERANCE),
        "volume_mute" => Wanted::attribute("is_volume_muted", given("is_volume_muted")?, 0.0),
        "select_source" => Wanted::attribute("source", given("source")?, 0.0),
        "select_sound_mode" => Wanted::attribute("sound_mode", given("sound_mode")?, 0.0),
        "shuffle_set" => Wanted::attribute("shuffle", given("shuffle")?, 0.0),
        "repeat_set" => Wanted::attribute("repeat", given("repeat")?, 0.0),
        _ => return None,
    })
}

fn climate(name: &str, data: &Map<String, Value>, before: &Entity) -> Option<Wanted> {
    let given = |field: &str| data.get(field).cloned();
    Some(match name {
        "turn_on" => Wanted::none_of(&["off"]),
        "turn_off" => Wanted::state("off"),
        "toggle" if before.state == "off" => Wanted::none_of(&["off"]),
        "toggle" => Wanted::state("off"),
        "set_temperature" => {
            let mut wanted = match data.get("hvac_mode").and_then(Value::as_str) {
                Some(mode) => Wanted::state(mode),
                None => Wanted::default(),
            };
            for field in ["temperature", "target_temp_low", "target_temp_high"] {
                if let Some(value) = given(field) {
                    wanted = wanted.and(field, value, TEMPERATURE_TOLERANCE);
                }
            }
            wanted
        }
        "set_hvac_mode" => Wanted::state(data.get("hvac_mode")?.as_str()?),
        "set_operation_mode" => Wanted::state(data.get("operation_mode")?.as_str()?),
        "set_fan_mode" => Wanted::attribute("fan_mode", given("fan_mode")?, 0.0),
        "set_preset_mode" => Wanted::attribute("preset_mode", given("preset_mode")?, 0.0),
        "set_swing_mode" => Wanted::attribute("swing_mode", given("swing_mode")?, 0.0),
        "set_humidity" => Wanted::attribute("humidity", given("humidity")?, 0.5),
        "set_mode" => Wanted::attribute("mode", given("mode")?, 0.0),
        _ => return None,
    })
}

fn cover(name: &str, data: &Map<String, Value>, before: &Entity) -> Option<Wanted> {
    let given = |field: &str| data.get(field).cloned();
    Some(match name {
        "open_cover" | "open_valve" if before.attribute("current_position").is_number() => {
            Wanted::state("open").and("current_position", 100, OPEN_TOLERANCE)
        }
        "open_cover" | "open_valve" => Wanted::state("open"),
        "close_cover" | "close_valve" => Wanted::state("closed"),
        "stop_cover" | "stop_valve" => Wanted::none_of(&["opening", "closing"]),
        "set_cover_position" | "set_valve_position" => {
            let there = Wanted::none_of(&["opening", "closing"]);
            there.and("current_position", given("position")?, POSITION_TOLERANCE)
        }
        "set_cover_tilt_position" => {
            Wanted::attribute("current_tilt_position", given("tilt_position")?, POSITION_TOLERANCE)
        }
        _ => return None,
    })
}

fn fan(name: &str, data: &Map<String, Value>, before: &Entity) -> Option<Wanted> {
    let given = |field: &str| data.get(field).cloned();
    Some(match name {
        "set_percentage" if data.get("percentage").and_then(Value::as_f64) == Some(0.0) => Wanted::state("off"),
        "set_percentage" => {
            // Speeds come in steps; Home Assistant takes the next one.
            let step = before.attribute("percentage_step").as_f64().unwrap_or(1.0);
            Wanted::state("on").and("percentage", given("percentage")?, step)
        }
        "set_preset_mode" => Wanted::attribute("preset_mode", given("preset_mode")?, 0.0),
        "oscillate" => Wanted::attribute("oscillating", given("oscillating")?, 0.0),
        "set_direction" => Wanted::attribute("direction", given("direction")?, 0.0),
        _ => return switch(name, before),
    })
}

fn value(name: &str, data: &Map<String, Value>) -> Option<Wanted> {
    let field = match name {
        "set_value" => "value",
        "select_option" => "option",
        _ => return None,
    };
    Some(match data.get(field)? {
        Value::String(text) => Wanted::state(text),
        other => Wanted::state(&other.to_string()),
    })
}
