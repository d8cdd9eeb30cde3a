//! What is on air and what is next: scenes, preview, studio mode, transitions.

use super::{Common, once, read, set};
use crate::{OperationSpec, ParamKind};

pub fn operations() -> Vec<OperationSpec> {
    [scenes(), next()].concat()
}

fn scenes() -> Vec<OperationSpec> {
    vec![
        read("obs.scene.list", "list of scenes, program and preview"),
        read("obs.scene.current", "scene on program"),
        set("obs.scene.switch", "put a scene on program").scene(),
        once("obs.scene.create", "create an empty scene").text("scene", "name of the new scene"),
        once("obs.scene.remove", "remove a scene").scene(),
        once("obs.scene.rename", "rename a scene").scene().text("name", "new name"),
    ]
}

fn next() -> Vec<OperationSpec> {
    vec![
        read("obs.preview.get", "scene on preview"),
        set("obs.preview.set", "put a scene on preview; in studio mode").scene(),
        set("obs.studio.on", "turn studio mode on"),
        set("obs.studio.off", "turn studio mode off"),
        read("obs.studio.status", "whether studio mode is on, program and preview"),
        read("obs.transition.list", "transitions and the current one"),
        set("obs.transition.set", "choose the transition of scene switches").text("transition", "transition name"),
        set("obs.transition.duration", "set the length of scene switches").required(
            "duration",
            ParamKind::DurationMs,
            "length, 50 ms to 20 s",
        ),
        // A second one would take the preview of somebody else to program.
        once("obs.transition.trigger", "take the preview to program; in studio mode"),
    ]
}
