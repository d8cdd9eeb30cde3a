//! Media players, messages, speech, events.

use super::of;
use crate::{OperationSpec, ParamKind};
use if_schemas::Effect;

const PERCENT: ParamKind = ParamKind::Number { min: 0, max: 100 };

pub fn operations() -> Vec<OperationSpec> {
    let player = |id: &str, summary: &str| {
        of(OperationSpec::new(id, Effect::Idempotent, summary), "entity id of a media player")
    };
    vec![
        player("ha.media.play", "play"),
        player("ha.media.pause", "pause"),
        player("ha.media.stop", "stop"),
        player("ha.media.volume", "set the volume").positional("level", PERCENT, "volume in percent"),
        player("ha.media.mute", "mute"),
        player("ha.media.unmute", "unmute"),
        player("ha.media.source", "select a source").positional("source", ParamKind::Text, "one of its sources"),
        OperationSpec::new("ha.notify", Effect::Once, "send a notification")
            .positional("message", ParamKind::Text, "text")
            .optional("title", ParamKind::Text, None, "title")
            .optional("to", ParamKind::Text, None, "notify entity or service; without it the notifications page"),
        OperationSpec::new("ha.tts", Effect::Once, "speak on a media player")
            .positional("message", ParamKind::Text, "what is said")
            .required("player", ParamKind::Text, "entity id of a media player")
            .optional("engine", ParamKind::Text, None, "tts entity or service, where there are several")
            .optional("language", ParamKind::Text, None, "language code"),
        OperationSpec::new("ha.event.fire", Effect::Once, "fire an event")
            .positional("event", ParamKind::Text, "type of the event")
            .optional("data", ParamKind::Object, None, "data of the event"),
    ]
}
