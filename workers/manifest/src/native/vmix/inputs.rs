//! Inputs and what is in them: texts, images, titles, lists, NDI sources; cameras.

use super::{INPUT, INPUT_HELP, choice, idempotent, of_input, once, read};
use crate::{OperationSpec, ParamKind};

/// Inputs, items of a list: numbers from 1.
const POSITION: ParamKind = ParamKind::Integer { min: 1, max: 1_000 };
const FROM_ZERO: ParamKind = ParamKind::Integer { min: 0, max: 1_000 };
/// How fast a camera moves: 0 to 1.
const SPEED: ParamKind = ParamKind::Number { min: 0, max: 1 };
/// vMix's input types that can be made from a value.
const TYPES: [&str; 9] =
    ["Video", "Image", "Photos", "Xaml", "VideoList", "Colour", "AudioFile", "Flash", "PowerPoint"];

pub fn operations() -> Vec<OperationSpec> {
    [inputs(), titles(), lists(), ptz()].into_iter().flatten().collect()
}

fn inputs() -> Vec<OperationSpec> {
    vec![
        read("vmix.input.list", "list of inputs, the same as vmix inputs"),
        of_input(read("vmix.input.show", "one input with its texts, images, list and audio")),
        once("vmix.input.add", "add an input").required("type", choice(&TYPES), "kind of input").required(
            "source",
            ParamKind::Text,
            "file or folder on the vMix computer; for Colour an HTML colour",
        ),
        of_input(once("vmix.input.remove", "remove an input")),
        of_input(idempotent("vmix.input.rename", "give an input another title")).required(
            "name",
            ParamKind::Text,
            "new title",
        ),
        of_input(idempotent("vmix.input.move", "move an input to another number")).required(
            "number",
            POSITION,
            "new number of the input",
        ),
        read("vmix.ndi.list", "NDI inputs; vMix does not tell which sources there are on the network"),
        once("vmix.ndi.add", "add an NDI source as an input").required(
            "source",
            ParamKind::Text,
            "name of the source as vMix lists it, like STUDIO-PC (Camera 1)",
        ),
        of_input(idempotent("vmix.ndi.select", "give an NDI input another source")).required(
            "source",
            ParamKind::Text,
            "name of the source",
        ),
    ]
}

fn titles() -> Vec<OperationSpec> {
    vec![
        of_input(idempotent("vmix.text.set", "set a text of a title"))
            .required("name", ParamKind::Text, "name of the text field, like Headline.Text")
            .required("value", ParamKind::Text, "the text"),
        of_input(idempotent("vmix.image.set", "set an image of a title"))
            .required("name", ParamKind::Text, "name of the image field, like Logo.Source")
            .required("value", ParamKind::Text, "file or URL; empty clears it"),
        of_input(once("vmix.title.next", "take the next preset of a title")),
        of_input(once("vmix.title.prev", "take the previous preset of a title")),
        of_input(idempotent("vmix.title.select", "take a preset of a title")).required(
            "index",
            FROM_ZERO,
            "number of the preset, from 0",
        ),
    ]
}

fn lists() -> Vec<OperationSpec> {
    vec![
        of_input(once("vmix.videolist.add", "add a file to a list")).required(
            "file",
            ParamKind::Text,
            "file on the vMix computer",
        ),
        of_input(once("vmix.videolist.remove", "remove an item of a list")).required("index", POSITION, "item, from 1"),
        of_input(idempotent("vmix.videolist.clear", "remove all items of a list")),
        of_input(idempotent("vmix.videolist.select", "select an item of a list")).required(
            "index",
            POSITION,
            "item, from 1",
        ),
        of_input(once("vmix.videolist.next", "go to the next item of a list")),
        of_input(once("vmix.videolist.prev", "go to the previous item of a list")),
        idempotent("vmix.playlist.start", "start the play list"),
        idempotent("vmix.playlist.stop", "stop the play list"),
        once("vmix.playlist.next", "go to the next entry of the play list"),
        once("vmix.playlist.prev", "go to the previous entry of the play list"),
        idempotent("vmix.playlist.select", "open a play list").required(
            "name",
            ParamKind::Text,
            "name of the play list",
        ),
    ]
}

fn ptz() -> Vec<OperationSpec> {
    let directions = ["up", "down", "left", "right", "up-left", "up-right", "down-left", "down-right"];
    vec![
        of_input(once("vmix.ptz.move", "move a camera until it is stopped"))
            .required("direction", choice(&directions), "where to")
            .optional("speed", SPEED, Some("0.5"), "from 0 to 1"),
        of_input(idempotent("vmix.ptz.stop", "stop moving and zooming a camera")),
        of_input(once("vmix.ptz.home", "move a camera to its home position")),
        of_input(once("vmix.ptz.zoom", "zoom a camera until it is stopped"))
            .required("direction", choice(&["in", "out", "stop"]), "which way")
            .optional("speed", SPEED, Some("0.5"), "from 0 to 1"),
        once("vmix.ptz.preset", "move a camera to the position of a PTZ virtual input")
            .required("input", INPUT, INPUT_HELP)
            .optional(
                "index",
                FROM_ZERO,
                None,
                "the camera's virtual input, from 0; without it `input` is the virtual input",
            ),
    ]
}
