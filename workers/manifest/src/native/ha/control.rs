//! What changes entities. `once` is what would be noticed if it happened twice: toggles, triggers, messages, and services
//! of which nobody here knows what they do.

use super::of;
use crate::{OperationSpec, ParamKind};
use if_schemas::Effect;

const BRIGHTNESS: ParamKind = ParamKind::Integer { min: 1, max: 255 };
const PERCENT: ParamKind = ParamKind::Integer { min: 1, max: 100 };
/// Colour temperature, kelvin.
const KELVIN: ParamKind = ParamKind::Integer { min: 1_000, max: 20_000 };
const POSITION: ParamKind = ParamKind::Integer { min: 0, max: 100 };
/// Temperatures, in the unit Home Assistant is set to.
const TEMPERATURE: ParamKind = ParamKind::Number { min: -100, max: 500 };

pub fn operations() -> Vec<OperationSpec> {
    [general(), lights_and_switches(), scenes_and_automations(), climate(), covers()].concat()
}

fn general() -> Vec<OperationSpec> {
    vec![
        of(
            OperationSpec::new("ha.set", Effect::Idempotent, "bring an entity to a state, through the service for it"),
            "entity id",
        )
        .positional("value", ParamKind::Text, "on, off, open, locked, a number, an option, a text…"),
        OperationSpec::new("ha.service.call", Effect::Once, "call any service; its fields are checked first")
            .positional("service", ParamKind::Text, "name like light.turn_on")
            .optional("entity", ParamKind::List, None, "entity to call it for")
            .optional("data", ParamKind::Object, None, "fields of the service"),
    ]
}

fn lights_and_switches() -> Vec<OperationSpec> {
    let light = |id: &str, effect, summary: &str| of(OperationSpec::new(id, effect, summary), "entity id of a light");
    let switch = |id: &str, effect, summary: &str| of(OperationSpec::new(id, effect, summary), "entity id of a switch");
    let shine = |operation: OperationSpec| {
        operation
            .optional("brightness", BRIGHTNESS, None, "1 to 255")
            .optional("brightness_pct", PERCENT, None, "brightness in percent")
            .optional("color", ParamKind::Text, None, "#RRGGBB, R,G,B or a CSS colour name")
            .optional("kelvin", KELVIN, None, "colour temperature in kelvin")
            .optional("effect", ParamKind::Text, None, "one of the light's effects")
            .optional("transition", ParamKind::DurationMs, None, "how long the change takes")
    };
    vec![
        shine(light("ha.light.on", Effect::Idempotent, "switch a light on")),
        light("ha.light.off", Effect::Idempotent, "switch a light off").optional(
            "transition",
            ParamKind::DurationMs,
            None,
            "how long the change takes",
        ),
        light("ha.light.toggle", Effect::Once, "switch a light on or off, whichever it is not"),
        switch("ha.switch.on", Effect::Idempotent, "switch a switch on"),
        switch("ha.switch.off", Effect::Idempotent, "switch a switch off"),
        switch("ha.switch.toggle", Effect::Once, "switch a switch on or off, whichever it is not"),
    ]
}

fn scenes_and_automations() -> Vec<OperationSpec> {
    let automation =
        |id: &str, effect, summary: &str| of(OperationSpec::new(id, effect, summary), "entity id of an automation");
    vec![
        of(OperationSpec::new("ha.scene.activate", Effect::Once, "activate a scene"), "entity id of a scene").optional(
            "transition",
            ParamKind::DurationMs,
            None,
            "how long the change takes",
        ),
        of(OperationSpec::new("ha.script.run", Effect::Once, "start a script"), "entity id of a script").optional(
            "data",
            ParamKind::Object,
            None,
            "variables of the script",
        ),
        automation("ha.automation.on", Effect::Idempotent, "enable an automation"),
        automation("ha.automation.off", Effect::Idempotent, "disable an automation"),
        automation("ha.automation.trigger", Effect::Once, "run the actions of an automation now").optional(
            "check_condition",
            ParamKind::Flag,
            Some("false"),
            "only where its conditions are met",
        ),
    ]
}

fn climate() -> Vec<OperationSpec> {
    let set = OperationSpec::new("ha.climate.set", Effect::Idempotent, "set a climate device");
    vec![
        of(set, "entity id of a climate device")
            .optional("temperature", TEMPERATURE, None, "wanted temperature")
            .optional("low", TEMPERATURE, None, "lower wanted temperature, with --high")
            .optional("high", TEMPERATURE, None, "upper wanted temperature, with --low")
            .optional("mode", ParamKind::Text, None, "off, heat, cool, heat_cool, auto, dry or fan_only")
            .optional("fan", ParamKind::Text, None, "one of its fan modes")
            .optional("preset", ParamKind::Text, None, "one of its presets")
            .optional("swing", ParamKind::Text, None, "one of its swing modes")
            .optional("humidity", POSITION, None, "wanted humidity in percent"),
    ]
}

fn covers() -> Vec<OperationSpec> {
    let cover = |id: &str, summary: &str| {
        of(OperationSpec::new(id, Effect::Idempotent, summary), "entity id of a cover (blind, door, gate)")
    };
    vec![
        cover("ha.cover.open", "open a cover; done once it is open"),
        cover("ha.cover.close", "close a cover; done once it is closed"),
        cover("ha.cover.stop", "stop a cover where it is"),
        cover("ha.cover.position", "move a cover").positional("position", POSITION, "0 is closed, 100 is open"),
    ]
}
