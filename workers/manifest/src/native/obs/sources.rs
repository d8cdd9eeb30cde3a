//! Inputs, scene items, audio, filters, media, text and browser.

use super::{Common, choice, once, read, set};
use crate::{OperationSpec, ParamKind};

/// Furthest coordinate and largest size of an item, pixels. OBS's own bound.
const PIXELS_MAX: i64 = 90_000;
const PIXELS: ParamKind = ParamKind::Number { min: -PIXELS_MAX, max: PIXELS_MAX };
const CROP: ParamKind = ParamKind::Integer { min: 0, max: 100_000 };
const SCALE: ParamKind = ParamKind::Number { min: -90_000, max: 90_000 };
const DEGREES: ParamKind = ParamKind::Number { min: -360, max: 360 };
/// Bounds of obs-websocket: dB, milliseconds.
const DB: ParamKind = ParamKind::Number { min: -100, max: 26 };
const OFFSET: ParamKind = ParamKind::Integer { min: -950, max: 20_000 };

pub fn operations() -> Vec<OperationSpec> {
    [inputs(), items(), audio(), filters(), media(), content()].concat()
}

fn inputs() -> Vec<OperationSpec> {
    let replace = "forget the settings that are not given";
    vec![
        read("obs.source.list", "everything that can be shown: inputs, scenes, groups"),
        read("obs.input.list", "inputs with their kinds").option("kind", ParamKind::Text, "inputs of this kind only"),
        read("obs.input.kinds", "kinds of inputs this OBS can make"),
        once("obs.input.create", "create an input and put it into a scene")
            .text("input", "name of the new input")
            .required("kind", ParamKind::Text, "kind of the input; `input kinds` lists them")
            .required("scene", ParamKind::Text, "scene to put it into")
            .option("settings", ParamKind::Object, "settings of the kind")
            .flag("hidden", "put it in without showing it"),
        once("obs.input.remove", "remove an input from every scene").input(),
        once("obs.input.rename", "rename an input").input().text("name", "new name"),
        read("obs.input.settings", "settings and defaults of an input").input(),
        set("obs.input.set", "change settings of an input")
            .input()
            .required("settings", ParamKind::Object, "settings to change")
            .flag("replace", replace),
    ]
}

fn items() -> Vec<OperationSpec> {
    vec![
        read("obs.item.list", "items of a scene, top first").text("scene", "name of the scene or group"),
        once("obs.item.add", "put a source into a scene")
            .scene()
            .text("source", "name of the input or scene")
            .flag("hidden", "put it in without showing it"),
        once("obs.item.remove", "take an item out of a scene").item(),
        set("obs.item.show", "show an item").item(),
        set("obs.item.hide", "hide an item").item(),
        set("obs.item.lock", "lock an item against the mouse").item(),
        set("obs.item.unlock", "unlock an item").item(),
        set("obs.item.order", "place an item in the stack of its scene").item().required(
            "index",
            ParamKind::Integer { min: 0, max: 10_000 },
            "place from the bottom, which is 0",
        ),
        read("obs.item.get", "state and transform of an item").item(),
        set("obs.item.transform", "move, scale, turn or crop an item")
            .item()
            .option("x", PIXELS, "left edge, pixels")
            .option("y", PIXELS, "top edge, pixels")
            .option("scale_x", SCALE, "width by its source's width")
            .option("scale_y", SCALE, "height by its source's height")
            .option("rotation", DEGREES, "degrees clockwise")
            .option("crop_left", CROP, "pixels cut off at the left")
            .option("crop_right", CROP, "pixels cut off at the right")
            .option("crop_top", CROP, "pixels cut off at the top")
            .option("crop_bottom", CROP, "pixels cut off at the bottom")
            .option("transform", ParamKind::Object, "more fields, as obs-websocket names them"),
    ]
}

fn audio() -> Vec<OperationSpec> {
    vec![
        read("obs.audio.list", "inputs with sound: volume, mute, monitoring, sync offset"),
        set("obs.audio.volume", "set the volume of an input")
            .input()
            .option("db", DB, "volume in dB; 0 is unchanged, -100 is silence")
            .option("percent", ParamKind::Number { min: 0, max: 2_000 }, "volume in percent of the signal"),
        set("obs.audio.mute", "mute an input").input(),
        set("obs.audio.unmute", "unmute an input").input(),
        set("obs.audio.monitor", "choose where an input is heard").input().positional(
            "mode",
            choice(&["none", "monitor-only", "monitor-and-output"]),
            "none, monitor-only or monitor-and-output",
        ),
        set("obs.audio.sync", "set the sync offset of an input").input().required(
            "offset",
            OFFSET,
            "milliseconds, -950 to 20000",
        ),
        set("obs.audio.balance", "set the stereo balance of an input").input().required(
            "balance",
            ParamKind::Number { min: 0, max: 1 },
            "0 is left, 0.5 the middle, 1 right",
        ),
    ]
}

fn filters() -> Vec<OperationSpec> {
    vec![
        read("obs.filter.list", "filters of a source, in their order").text("source", "name of the input or scene"),
        once("obs.filter.add", "add a filter to a source")
            .filter()
            .required("kind", ParamKind::Text, "kind of the filter, as OBS names it: color_filter_v2")
            .option("settings", ParamKind::Object, "settings of the kind"),
        once("obs.filter.remove", "remove a filter").filter(),
        once("obs.filter.rename", "rename a filter").filter().text("name", "new name"),
        set("obs.filter.enable", "let a filter work").filter(),
        set("obs.filter.disable", "pass a filter by").filter(),
        set("obs.filter.order", "place a filter in the order of its source").filter().required(
            "index",
            ParamKind::Integer { min: 0, max: 10_000 },
            "place from the first, which is 0",
        ),
        read("obs.filter.settings", "settings of a filter").filter(),
        set("obs.filter.set", "change settings of a filter")
            .filter()
            .required("settings", ParamKind::Object, "settings to change")
            .flag("replace", "forget the settings that are not given"),
    ]
}

fn media() -> Vec<OperationSpec> {
    vec![
        read("obs.media.status", "state, position and length of a media input").input(),
        set("obs.media.play", "play a media input").input(),
        set("obs.media.pause", "pause a media input").input(),
        set("obs.media.stop", "stop a media input").input(),
        // A second time it would jump back in the show.
        once("obs.media.restart", "play a media input from its beginning").input(),
        once("obs.media.next", "go to the next entry of a playlist").input(),
        once("obs.media.previous", "go to the entry before of a playlist").input(),
        set("obs.media.seek", "go to a position of a media input").input().required(
            "position",
            ParamKind::DurationMs,
            "time from the beginning",
        ),
    ]
}

fn content() -> Vec<OperationSpec> {
    let pixels = ParamKind::Integer { min: 1, max: 8_192 };
    vec![
        set("obs.text.set", "set the text of a text input").input().text("text", "the text"),
        set("obs.browser.set", "set page, size or style of a browser input")
            .input()
            .option("url", ParamKind::Text, "page to show")
            .option("width", pixels.clone(), "pixels")
            .option("height", pixels, "pixels")
            .option("css", ParamKind::Text, "style added to the page"),
        once("obs.browser.refresh", "load the page of a browser input anew").input(),
    ]
}
