//! Media, audio and replay.

use super::{INPUT, choice, idempotent, of_input, once, read, switch};
use crate::{OperationSpec, ParamKind};

const BUSSES: [&str; 8] = ["master", "a", "b", "c", "d", "e", "f", "g"];
const BUS_HELP: &str = "bus instead of an input";
/// Fader, as on the screen.
const FADER: ParamKind = ParamKind::Number { min: 0, max: 100 };
/// Longest event marked by its length, seconds.
const EVENT_MAX_S: i64 = 3_600;

pub fn operations() -> Vec<OperationSpec> {
    [media(), audio(), replay()].into_iter().flatten().collect()
}

fn media() -> Vec<OperationSpec> {
    vec![
        of_input(idempotent("vmix.media.play", "play an input")),
        of_input(idempotent("vmix.media.pause", "pause an input")),
        of_input(once("vmix.media.restart", "go back to the start of an input")),
        switch(of_input(once("vmix.media.loop", "loop an input, or not")), "on"),
        of_input(idempotent("vmix.media.position", "go to a place in an input")).required(
            "position",
            ParamKind::DurationMs,
            "distance from the start, like 90s",
        ),
    ]
}

/// Of an input or of a bus: which of the two is checked by the adapter.
fn of_either(operation: OperationSpec, words: &[&str]) -> OperationSpec {
    operation.optional("input", INPUT, None, "number, key or exact title of the input").optional(
        "bus",
        choice(words),
        None,
        BUS_HELP,
    )
}

fn audio() -> Vec<OperationSpec> {
    let with_headphones = [BUSSES.as_slice(), &["headphones"]].concat();
    vec![
        of_either(idempotent("vmix.audio.volume", "set the fader of an input or a bus"), &with_headphones)
            .required("volume", FADER, "fader, 0 to 100 as on the screen")
            .optional("duration", ParamKind::DurationMs, None, "move the fader there over this time"),
        of_either(idempotent("vmix.audio.mute", "switch the audio of an input or a bus off"), &BUSSES),
        of_either(idempotent("vmix.audio.unmute", "switch the audio of an input or a bus on"), &BUSSES),
        switch(of_either(once("vmix.audio.solo", "solo an input or a bus, or not"), &BUSSES[1..]), "on"),
        switch(of_input(once("vmix.audio.bus", "send an input to a bus, or not")), "on").required(
            "bus",
            choice(&BUSSES),
            "the bus",
        ),
        of_input(idempotent("vmix.audio.balance", "set the balance of an input")).required(
            "balance",
            ParamKind::Number { min: -1, max: 1 },
            "from -1 (left) to 1 (right)",
        ),
    ]
}

fn replay() -> Vec<OperationSpec> {
    vec![
        read("vmix.replay.status", "recording, live mode, cameras and speed of the replay"),
        idempotent("vmix.replay.start", "start recording the replay"),
        idempotent("vmix.replay.stop", "stop recording the replay"),
        idempotent("vmix.replay.live", "show the live cameras"),
        idempotent("vmix.replay.recorded", "show what was recorded"),
        once("vmix.replay.mark-in", "mark the beginning of an event"),
        once("vmix.replay.mark-out", "mark the end of an event"),
        once("vmix.replay.mark", "make an event of the last seconds").required(
            "seconds",
            ParamKind::Integer { min: 1, max: EVENT_MAX_S },
            "length of the event",
        ),
        once("vmix.replay.play", "play the last event").optional(
            "to_output",
            ParamKind::Flag,
            None,
            "bring it to program, and back when it has ended",
        ),
        idempotent("vmix.replay.pause", "pause the replay"),
        idempotent("vmix.replay.speed", "set the speed of the replay").required(
            "speed",
            ParamKind::Number { min: 0, max: 1 },
            "from 0 to 1",
        ),
        idempotent("vmix.replay.camera", "choose the camera of a replay channel")
            .required("channel", choice(&["a", "b"]), "replay channel")
            .required("camera", ParamKind::Integer { min: 1, max: 8 }, "number of the camera"),
    ]
}
