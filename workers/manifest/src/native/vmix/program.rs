//! Program, preview, mixes and overlays.

use super::{INPUT, INPUT_HELP, choice, idempotent, of_input, once, read, switch};
use crate::{OperationSpec, ParamKind};

/// Transitions by the names the command line has for them, and vMix's functions.
pub const TRANSITIONS: [(&str, &str); 31] = [
    ("fade", "Fade"),
    ("zoom", "Zoom"),
    ("wipe", "Wipe"),
    ("slide", "Slide"),
    ("fly", "Fly"),
    ("cross-zoom", "CrossZoom"),
    ("fly-rotate", "FlyRotate"),
    ("cube", "Cube"),
    ("cube-zoom", "CubeZoom"),
    ("vertical-wipe", "VerticalWipe"),
    ("vertical-slide", "VerticalSlide"),
    ("merge", "Merge"),
    ("wipe-reverse", "WipeReverse"),
    ("slide-reverse", "SlideReverse"),
    ("vertical-wipe-reverse", "VerticalWipeReverse"),
    ("vertical-slide-reverse", "VerticalSlideReverse"),
    ("barn-door", "BarnDoor"),
    ("roller-door", "RollerDoor"),
    ("alpha-fade", "AlphaFade"),
    ("stinger1", "Stinger1"),
    ("stinger2", "Stinger2"),
    ("stinger3", "Stinger3"),
    ("stinger4", "Stinger4"),
    ("stinger5", "Stinger5"),
    ("stinger6", "Stinger6"),
    ("stinger7", "Stinger7"),
    ("stinger8", "Stinger8"),
    ("transition1", "Transition1"),
    ("transition2", "Transition2"),
    ("transition3", "Transition3"),
    ("transition4", "Transition4"),
];
/// Overlay channels of vMix 27 and later; older versions and smaller editions have fewer.
const OVERLAY: ParamKind = ParamKind::Integer { min: 1, max: 8 };
/// The first mix is the program itself.
const MIX: ParamKind = ParamKind::Integer { min: 2, max: 16 };

pub fn operations() -> Vec<OperationSpec> {
    let words: Vec<&str> = TRANSITIONS.iter().map(|(word, _)| *word).collect();
    vec![
        once("vmix.cut", "cut an input (or the preview) to program").optional(
            "input",
            INPUT,
            None,
            "number, key or exact title; without it the preview is cut to program",
        ),
        once("vmix.fade", "fade an input (or the preview) to program")
            .optional("input", INPUT, None, "number, key or exact title; without it the preview is faded to program")
            .optional("duration", ParamKind::DurationMs, Some("500ms"), "length of the fade"),
        once("vmix.transition", "bring an input (or the preview) to program with a transition")
            .required("type", choice(&words), "merge, wipe, zoom, stinger1, …; transition1 to 4 are vMix's buttons")
            .optional("input", INPUT, None, "number, key or exact title; without it the preview")
            .optional(
                "duration",
                ParamKind::DurationMs,
                None,
                "length [default: 500ms; of stingers and buttons their own]",
            ),
        of_input(idempotent("vmix.preview", "put an input on preview")),
        of_input(once("vmix.active", "put an input on program at once and leave the preview as it is")),
        switch(once("vmix.fade-to-black", "fade program to black, or back"), "toggle"),
        once("vmix.overlay.in", "transition an input in on an overlay channel")
            .required("num", OVERLAY, "overlay channel")
            .required("input", INPUT, INPUT_HELP),
        once("vmix.overlay.out", "transition an overlay channel out").required("num", OVERLAY, "overlay channel"),
        once("vmix.overlay.off", "switch an overlay channel off at once; without a channel all of them").optional(
            "num",
            OVERLAY,
            None,
            "overlay channel",
        ),
        mix(of_input(once("vmix.mix.select", "put an input on the output of a mix at once"))),
        mix(of_input(idempotent("vmix.mix.preview", "put an input on the preview of a mix"))),
        mix(once("vmix.mix.cut", "cut an input (or its preview) to the output of a mix")
            .optional("input", INPUT, None, INPUT_HELP)),
        read("vmix.mix.list", "mixes with their program and preview"),
        read("vmix.status", "program, preview, recording and streaming state"),
        read("vmix.inputs", "list of inputs with number, title, type and tally"),
        read("vmix.tally", "what is on program, preview and overlays, input by input"),
        read("vmix.state", "the whole state: status, inputs, overlays, mixes, audio, streams"),
    ]
}

fn mix(operation: OperationSpec) -> OperationSpec {
    operation.required("mix", MIX, "number of the mix, as in the state; 2 is the first Mix input")
}
