//! Shortcuts: an operation, its arguments, and the service that does it.

use super::{Ground, Outcome, act::Act, bad_argument, listed};
use crate::mirror::Entity;
use if_engine::Execution;
use serde_json::{Value, json};
use std::sync::Arc;

/// None where `operation` is none of these.
pub async fn execute(ground: &Ground<'_>, operation: &str) -> Option<Outcome> {
    let plain = |domain: &'static str, service: &str| Some((domain, Act::new(service, json!({}))));
    let (domain, act) = match operation {
        "ha.set" => return Some(set(ground).await),
        "ha.light.on" => return Some(light_on(ground).await),
        "ha.media.source" => return Some(source(ground).await),
        "ha.climate.set" => return Some(climate(ground).await),
        "ha.light.off" => Some(("light", Act::new("light.turn_off", json!({"transition": transition(ground)})))),
        "ha.light.toggle" => plain("light", "light.toggle"),
        "ha.switch.on" => plain("switch", "switch.turn_on"),
        "ha.switch.off" => plain("switch", "switch.turn_off"),
        "ha.switch.toggle" => plain("switch", "switch.toggle"),
        "ha.scene.activate" => Some(("scene", Act::new("scene.turn_on", json!({"transition": transition(ground)})))),
        "ha.script.run" => {
            let data = json!({"variables": ground.call.args.get("data")});
            Some(("script", Act::new("script.turn_on", data)))
        }
        "ha.automation.on" => plain("automation", "automation.turn_on"),
        "ha.automation.off" => plain("automation", "automation.turn_off"),
        "ha.automation.trigger" => {
            let check = ground.call.args.get("check_condition") == Some(&Value::Bool(true));
            Some(("automation", Act::new("automation.trigger", json!({"skip_condition": !check}))))
        }
        "ha.media.play" => plain("media_player", "media_player.media_play"),
        "ha.media.pause" => plain("media_player", "media_player.media_pause"),
        "ha.media.stop" => plain("media_player", "media_player.media_stop"),
        "ha.media.volume" => {
            let level = ground.call.args.get("level").and_then(Value::as_f64).map(|percent| percent / 100.0);
            Some(("media_player", Act::new("media_player.volume_set", json!({"volume_level": level}))))
        }
        "ha.media.mute" => Some(mute(true)),
        "ha.media.unmute" => Some(mute(false)),
        "ha.cover.open" => plain("cover", "cover.open_cover"),
        "ha.cover.close" => plain("cover", "cover.close_cover"),
        "ha.cover.stop" => plain("cover", "cover.stop_cover"),
        "ha.cover.position" => {
            let position = ground.call.integer("position");
            Some(("cover", Act::new("cover.set_cover_position", json!({"position": position}))))
        }
        _ => None,
    }?;
    Some(match ground.entity(&[domain]) {
        Ok(entity) => ground.act(act, entity).await,
        Err(refused) => Err(refused),
    })
}

fn mute(muted: bool) -> (&'static str, Act) {
    ("media_player", Act::new("media_player.volume_mute", json!({"is_volume_muted": muted})))
}

/// Milliseconds here, seconds there.
fn transition(ground: &Ground<'_>) -> Value {
    let seconds = ground.call.args.get("transition").and_then(Value::as_f64).map(|ms| ms / 1_000.0);
    seconds.map_or(Value::Null, Value::from)
}

async fn light_on(ground: &Ground<'_>) -> Outcome {
    let light = ground.entity(&["light"])?;
    let given = |name: &str| ground.call.args.get(name).cloned().unwrap_or_default();
    if !given("brightness").is_null() && !given("brightness_pct").is_null() {
        return Err(bad_argument("both brightness and brightness-pct are given", "leave one of them out"));
    }
    let mut data = json!({
        "brightness": given("brightness"),
        "brightness_pct": given("brightness_pct"),
        "color_temp_kelvin": given("kelvin"),
        "transition": transition(ground),
    });
    if let Some(color) = ground.text("color") {
        if !given("kelvin").is_null() {
            return Err(bad_argument("both color and kelvin are given", "a light shines in one colour: leave one out"));
        }
        let (field, value) = match rgb(color) {
            Some(rgb) => ("rgb_color", json!(rgb)),
            None => ("color_name", known_color(ground, color).await?.into()),
        };
        data[field] = value;
    }
    if let Some(effect) = ground.text("effect") {
        one_of(&light, "effect_list", "effect", effect)?;
        data["effect"] = effect.into();
    }
    ground.act(Act::new("light.turn_on", data), light).await
}

/// `#RRGGBB` or `R,G,B`.
fn rgb(text: &str) -> Option<[u8; 3]> {
    let parts: Vec<u8> = match text.strip_prefix('#') {
        Some(hex) if hex.len() == 6 && hex.is_ascii() => {
            (0..6).step_by(2).filter_map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
        }
        Some(_) => return None,
        None => text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().ok()?,
    };
    parts.try_into().ok()
}

/// Home Assistant knows colours by the names CSS has for them, and says which.
async fn known_color(ground: &Ground<'_>, name: &str) -> Result<String, Execution> {
    let known = ground.service("light.turn_on").await?.options("color_name");
    let plain = name.to_ascii_lowercase().replace([' ', '-', '_'], "");
    if known.is_empty() || known.contains(&plain) {
        return Ok(plain);
    }
    let near = if_manifest::args::nearest(&plain, known.iter().map(String::as_str));
    let hint = near.map_or_else(|| "give #RRGGBB or R,G,B".into(), |near| format!("did you mean {near:?}?"));
    Err(bad_argument(format!("{name:?} is no colour"), &hint))
}

/// Refuses a value that is not in the entity's own list, where it has one.
fn one_of(entity: &Entity, list: &str, what: &str, value: &str) -> Result<(), Execution> {
    let Some(known) = entity.attribute(list).as_array() else { return Ok(()) };
    let names = || known.iter().filter_map(Value::as_str);
    if names().any(|name| name == value) {
        return Ok(());
    }
    let near = if_manifest::args::nearest(value, names());
    let hint = near.map_or_else(|| listed(names(), "it has none"), |near| format!("did you mean {near:?}?"));
    Err(Execution::failed("not_found", format!("{} has no {what} {value:?}", entity.id), Some(&hint)))
}

async fn source(ground: &Ground<'_>) -> Outcome {
    let player = ground.entity(&["media_player"])?;
    let source = ground.needed("source")?;
    one_of(&player, "source_list", "source", source)?;
    ground.act(Act::new("media_player.select_source", json!({"source": source})), player).await
}

/// One service after the other, each confirmed. The document of the last, with `"steps"`, the services called.
async fn climate(ground: &Ground<'_>) -> Outcome {
    let device = ground.entity(&["climate"])?;
    let given = |name: &str| ground.call.args.get(name).cloned().unwrap_or_default();
    for (argument, list, what) in [
        ("mode", "hvac_modes", "mode"),
        ("fan", "fan_modes", "fan mode"),
        ("preset", "preset_modes", "preset"),
        ("swing", "swing_modes", "swing mode"),
    ] {
        if let Some(value) = ground.text(argument) {
            one_of(&device, list, what, value)?;
        }
    }
    if given("low").is_null() != given("high").is_null() {
        return Err(bad_argument("only one of low and high is given", "give both"));
    }
    let single = |service: &str, field: &str, argument: &str| {
        let value = given(argument);
        (!value.is_null()).then(|| Act::new(&format!("climate.{service}"), json!({field: value})))
    };
    let temperatures = !(given("temperature").is_null() && given("low").is_null());
    let temperature = temperatures.then(|| {
        let data = json!({
            "temperature": given("temperature"),
            "target_temp_low": given("low"),
            "target_temp_high": given("high"),
        });
        Act::new("climate.set_temperature", data)
    });
    // The mode first: what temperatures there are depends on it.
    let acts: Vec<Act> = [
        single("set_hvac_mode", "hvac_mode", "mode"),
        temperature,
        single("set_fan_mode", "fan_mode", "fan"),
        single("set_preset_mode", "preset_mode", "preset"),
        single("set_swing_mode", "swing_mode", "swing"),
        single("set_humidity", "humidity", "humidity"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let steps: Vec<String> = acts.iter().map(|act| act.service.clone()).collect();
    let mut last = Err(bad_argument("nothing to set is given", "give --temperature, --mode or another setting"));
    let mut attributes = serde_json::Map::new();
    for (at, act) in acts.into_iter().enumerate() {
        let document = ground.act(act, device.clone()).await.map_err(|execution| after(execution, &steps, at))?;
        attributes.extend(document["attributes"].as_object().cloned().unwrap_or_default());
        last = Ok(document);
    }
    let mut document = last?;
    document["steps"] = json!(steps);
    document["attributes"] = Value::Object(attributes);
    Ok(document)
}

/// Says what was done before a step that did not end well.
fn after(execution: Execution, steps: &[String], at: usize) -> Execution {
    let done = steps.get(..at).unwrap_or_default().join(", ");
    let add = |mut failure: if_schemas::outcome::Failure| {
        if !done.is_empty() {
            failure.message = format!("{} (done before it: {done})", failure.message);
        }
        failure
    };
    match execution {
        Execution::Failed(failure) => Execution::Failed(add(failure)),
        Execution::Indeterminate(failure) => Execution::Indeterminate(add(failure)),
        Execution::Succeeded(document) => Execution::Succeeded(document),
    }
}

async fn set(ground: &Ground<'_>) -> Outcome {
    let entity = ground.entity(&[])?;
    let value = ground.call.text("value").unwrap_or_default();
    let act = setting(&entity, value)?;
    ground.act(act, entity).await
}

/// The service that brings an entity to a state.
fn setting(entity: &Arc<Entity>, value: &str) -> Result<Act, Execution> {
    let domain = entity.domain();
    let switch = |on: bool| Act::new(&format!("{domain}.turn_{}", if on { "on" } else { "off" }), json!({}));
    let plain = |service: &str| Act::new(&format!("{domain}.{service}"), json!({}));
    let act = match (domain, value) {
        (
            "light" | "switch" | "input_boolean" | "automation" | "fan" | "siren" | "humidifier" | "remote"
            | "media_player" | "climate" | "water_heater" | "script" | "camera",
            "on" | "off",
        ) => switch(value == "on"),
        ("cover", "open") => plain("open_cover"),
        ("cover", "closed" | "close") => plain("close_cover"),
        ("valve", "open") => plain("open_valve"),
        ("valve", "closed" | "close") => plain("close_valve"),
        ("lock", "locked" | "lock") => plain("lock"),
        ("lock", "unlocked" | "unlock") => plain("unlock"),
        ("lock", "open") => plain("open"),
        ("media_player", "playing" | "play") => plain("media_play"),
        ("media_player", "paused" | "pause") => plain("media_pause"),
        ("media_player", "idle" | "stop") => plain("media_stop"),
        ("climate", mode) => {
            one_of(entity, "hvac_modes", "mode", mode)?;
            Act::new("climate.set_hvac_mode", json!({"hvac_mode": mode}))
        }
        ("select" | "input_select", option) => {
            one_of(entity, "options", "option", option)?;
            Act::new(&format!("{domain}.select_option"), json!({"option": option}))
        }
        ("number" | "input_number", number) => {
            let Some(number) = number.parse::<f64>().ok().filter(|n| n.is_finite()) else {
                return Err(bad_argument(format!("{number:?} is no number"), "this entity takes numbers"));
            };
            in_range(entity, number)?;
            Act::new(&format!("{domain}.set_value"), json!({"value": number}))
        }
        ("text" | "input_text", text) => Act::new(&format!("{domain}.set_value"), json!({"value": text})),
        _ => {
            let message = format!("{} cannot be set to {value:?}", entity.id);
            let hint = match domain {
                "sensor" | "binary_sensor" | "sun" | "weather" | "zone" | "person" => {
                    "it tells what is; nothing sets it".to_string()
                }
                _ => format!("`ifctl ha services INSTANCE --domain {domain}` lists what it can do"),
            };
            return Err(bad_argument(message, &hint));
        }
    };
    Ok(act)
}

fn in_range(entity: &Entity, number: f64) -> Result<(), Execution> {
    let (min, max) = (entity.attribute("min").as_f64(), entity.attribute("max").as_f64());
    if min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max) {
        return Ok(());
    }
    let shown = |bound: Option<f64>| bound.map_or_else(|| "any".into(), |b| b.to_string());
    let hint = format!("it goes from {} to {}", shown(min), shown(max));
    Err(bad_argument(format!("{number} is out of the range of {}", entity.id), &hint))
}

#[cfg(test)]
mod tests {
    use super::rgb;

    #[test]
    fn colours_in_numbers() {
        assert_eq!(rgb("#ff8000"), Some([255, 128, 0]));
        assert_eq!(rgb("255, 128,0"), Some([255, 128, 0]));
        for wrong in ["#ff80", "#gg8000", "256,0,0", "1,2", "red", "", "#ÿÿÿ"] {
            assert_eq!(rgb(wrong), None, "{wrong}");
        }
    }
}
