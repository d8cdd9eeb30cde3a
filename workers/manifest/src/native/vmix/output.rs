//! Streams, recording and other outputs; snapshots, scripts and functions by name.

use super::{INPUT, idempotent, once, read};
use crate::{OperationSpec, ParamKind};

/// Streams, as the screen numbers them.
const CHANNEL: ParamKind = ParamKind::Integer { min: 1, max: 5 };
/// Mixes as the API numbers them; 0 is the program.
const MIX: ParamKind = ParamKind::Integer { min: 0, max: 15 };

pub fn operations() -> Vec<OperationSpec> {
    vec![
        stream(once("vmix.stream.start", "start all streams, or one; with a URL or key, set them first")),
        idempotent("vmix.stream.stop", "stop all streams, or one").optional("channel", CHANNEL, None, "stream, from 1"),
        stream(idempotent("vmix.stream.set", "set the URL and key of a custom stream")),
        read("vmix.stream.status", "which streams run"),
        idempotent("vmix.record.start", "start recording"),
        idempotent("vmix.record.stop", "stop recording"),
        read("vmix.record.status", "whether it records, and for how long"),
        idempotent("vmix.external.start", "start the external output"),
        idempotent("vmix.external.stop", "stop the external output"),
        idempotent("vmix.multicorder.start", "start the MultiCorder"),
        idempotent("vmix.multicorder.stop", "stop the MultiCorder"),
        once("vmix.snapshot", "save a picture of program, or of an input")
            .optional("input", INPUT, None, "number, key or exact title; without it program")
            .required("file", ParamKind::Text, "file on the vMix computer"),
        once("vmix.script.start", "start a script").required("name", ParamKind::Text, "name of the script"),
        once("vmix.script.stop", "stop a script, or all of them").optional(
            "name",
            ParamKind::Text,
            None,
            "name of the script; without it all",
        ),
        function(),
    ]
}

fn stream(mut operation: OperationSpec) -> OperationSpec {
    operation.redact = vec!["key".into()];
    operation
        .optional("channel", CHANNEL, None, "stream, from 1; needed with a URL or key")
        .optional("url", ParamKind::Text, None, "where to, like rtmp://live.example/app")
        .optional("key", ParamKind::Text, None, "stream key")
}

fn function() -> OperationSpec {
    once("vmix.function", "run any function of vMix by its name")
        .positional("name", ParamKind::Text, "name of the function, as in vMix's reference")
        .optional("input", INPUT, None, "number, key or exact title of the input")
        .optional("value", ParamKind::Text, None, "value")
        .optional("selected_name", ParamKind::Text, None, "name of the text or image field")
        .optional("selected_index", ParamKind::Integer { min: 0, max: 1_000 }, None, "number of the field, from 0")
        .optional("duration", ParamKind::DurationMs, None, "length of a transition")
        .optional("mix", MIX, None, "mix, 0 is the program and 1 the first Mix input")
        .optional("channel", ParamKind::Text, None, "replay channel: A, B or Current")
        .optional("force", ParamKind::Flag, None, "send it even if no function of this name is known")
}
