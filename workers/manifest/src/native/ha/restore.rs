//! What can be brought back, by the values that `docs/home-assistant.md` lists under live state.
//!
//! The colour of a light is known as red, green and blue, which no argument takes: it is brought back where the light was
//! off, or had a colour temperature.

use crate::restore::{BackArg, RestoreSpec, Seen, is, is_not, known, recorded};

type Table = Vec<(&'static [&'static str], RestoreSpec)>;

const STATE: &str = "entity.{entity}.state";
const BRIGHTNESS: &str = "entity.{entity}.brightness";
const KELVIN: &str = "entity.{entity}.color_temp_kelvin";
const POSITION: &str = "entity.{entity}.current_position";

const ENTITY: (&str, BackArg) = ("entity", BackArg::Same);

pub fn table() -> Table {
    [lights(), switches(), players(), covers_and_climate()].concat()
}

fn was(word: &str) -> Seen {
    is(STATE, word)
}

fn lights() -> Table {
    let bright = ("brightness", recorded(BRIGHTNESS));
    let warm = [ENTITY, bright.clone(), ("kelvin", recorded(KELVIN))];
    let shine = RestoreSpec::of(&[STATE, BRIGHTNESS])
        .unless(&["color", "kelvin", "effect"])
        .way(&[was("off")], "ha.light.off", &[ENTITY])
        .way(&[was("on"), known(BRIGHTNESS)], "ha.light.on", &[ENTITY, bright])
        .way(&[was("on")], "ha.light.on", &[ENTITY]);
    let coloured = RestoreSpec::of(&[STATE, BRIGHTNESS, KELVIN]).way(&[was("off")], "ha.light.off", &[ENTITY]).way(
        &[was("on"), known(BRIGHTNESS), known(KELVIN)],
        "ha.light.on",
        &warm,
    );
    vec![(&["ha.light.on", "ha.light.off", "ha.light.toggle"], shine), (&["ha.light.on"], coloured)]
}

fn on_or_off(on: &str, off: &str) -> RestoreSpec {
    RestoreSpec::of(&[STATE]).way(&[was("on")], on, &[ENTITY]).way(&[was("off")], off, &[ENTITY])
}

fn switches() -> Table {
    // Of no other state is it known that a service leads to it.
    let any = RestoreSpec::of(&[STATE]).way(
        &[known(STATE), is_not(STATE, "unavailable"), is_not(STATE, "unknown")],
        "ha.set",
        &[ENTITY, ("value", recorded(STATE))],
    );
    vec![
        (&["ha.switch.on", "ha.switch.off", "ha.switch.toggle"], on_or_off("ha.switch.on", "ha.switch.off")),
        (&["ha.automation.on", "ha.automation.off"], on_or_off("ha.automation.on", "ha.automation.off")),
        (&["ha.set"], any),
    ]
}

fn players() -> Table {
    let muted = "entity.{entity}.is_volume_muted";
    let played = RestoreSpec::of(&[STATE])
        .way(&[was("playing")], "ha.media.play", &[ENTITY])
        .way(&[was("paused")], "ha.media.pause", &[ENTITY])
        .way(&[was("idle")], "ha.media.stop", &[ENTITY]);
    let source = RestoreSpec::value("entity.{entity}.source", "ha.media.source", "source", &["entity"]);
    vec![
        (&["ha.media.play", "ha.media.pause", "ha.media.stop"], played),
        (
            &["ha.media.mute", "ha.media.unmute"],
            RestoreSpec::switch(muted, "ha.media.mute", "ha.media.unmute", &["entity"]),
        ),
        (&["ha.media.source"], source),
    ]
}

fn covers_and_climate() -> Table {
    let cover = RestoreSpec::of(&[STATE, POSITION])
        .way(&[known(POSITION)], "ha.cover.position", &[ENTITY, ("position", recorded(POSITION))])
        .way(&[was("open")], "ha.cover.open", &[ENTITY])
        .way(&[was("closed")], "ha.cover.close", &[ENTITY]);
    let temperature = RestoreSpec::value("entity.{entity}.temperature", "ha.climate.set", "temperature", &["entity"])
        .unless(&["low", "high", "mode", "fan", "preset", "swing", "humidity"]);
    vec![(&["ha.cover.open", "ha.cover.close", "ha.cover.position"], cover), (&["ha.climate.set"], temperature)]
}
