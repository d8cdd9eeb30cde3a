//! What can be brought back, by the values that `docs/obs.md` lists under live state.
//!
//! A recording that was stopped goes on in a new file. Items are left out: their live state is by number, commands name
//! them by source.

use crate::restore::{BackArg, RestoreSpec, is};

pub fn table() -> Vec<(&'static [&'static str], RestoreSpec)> {
    [program(), outputs(), sound()].concat()
}

fn program() -> Vec<(&'static [&'static str], RestoreSpec)> {
    let value = RestoreSpec::value;
    vec![
        (&["obs.scene.switch"], value("scene.program", "obs.scene.switch", "scene", &[])),
        (&["obs.transition.trigger"], value("scene.program", "obs.scene.switch", "scene", &[])),
        (&["obs.preview.set"], value("scene.preview", "obs.preview.set", "scene", &[])),
        (
            &["obs.studio.on", "obs.studio.off"],
            RestoreSpec::switch("studio_mode", "obs.studio.on", "obs.studio.off", &[]),
        ),
        (&["obs.transition.set"], value("transition.current", "obs.transition.set", "transition", &[])),
        (&["obs.transition.duration"], value("transition.duration_ms", "obs.transition.duration", "duration", &[])),
        (&["obs.profile.switch"], value("profile", "obs.profile.switch", "profile", &[])),
        (&["obs.collection.switch"], value("collection", "obs.collection.switch", "collection", &[])),
    ]
}

fn outputs() -> Vec<(&'static [&'static str], RestoreSpec)> {
    let active = |path: &str, on: &str, off: &str| RestoreSpec::switch(path, on, off, &[]);
    vec![
        (&["obs.record.start", "obs.record.stop"], active("record.active", "obs.record.start", "obs.record.stop")),
        (&["obs.record.pause", "obs.record.resume"], active("record.paused", "obs.record.pause", "obs.record.resume")),
        (&["obs.stream.start", "obs.stream.stop"], active("stream.active", "obs.stream.start", "obs.stream.stop")),
        (
            &["obs.replay.start", "obs.replay.stop"],
            active("replay_buffer.active", "obs.replay.start", "obs.replay.stop"),
        ),
        (
            &["obs.virtualcam.start", "obs.virtualcam.stop"],
            active("virtualcam.active", "obs.virtualcam.start", "obs.virtualcam.stop"),
        ),
    ]
}

fn sound() -> Vec<(&'static [&'static str], RestoreSpec)> {
    let muted = RestoreSpec::switch("audio.{input}.muted", "obs.audio.mute", "obs.audio.unmute", &["input"]);
    let media = "media.{input}.state";
    // A media input that was stopped tells another state than before it was played: there is no way back to that.
    let played = RestoreSpec::of(&[media])
        .way(&[is(media, "playing")], "obs.media.play", &[("input", BackArg::Same)])
        .way(&[is(media, "paused")], "obs.media.pause", &[("input", BackArg::Same)]);
    vec![
        (&["obs.audio.mute", "obs.audio.unmute"], muted),
        (&["obs.audio.volume"], RestoreSpec::value("audio.{input}.volume_db", "obs.audio.volume", "db", &["input"])),
        (&["obs.media.play", "obs.media.pause"], played),
    ]
}
