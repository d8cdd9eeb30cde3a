//! What can be brought back, by the values that `docs/vmix.md` lists under live state.
//!
//! Live state knows inputs by number: what was done to an input named by title or key is not brought back. After a cut,
//! program is what it was; what it replaced is on preview.

use crate::restore::{BackArg, RestoreSpec, is, known, recorded};

type Table = Vec<(&'static [&'static str], RestoreSpec)>;

pub fn table() -> Table {
    [program(), overlays_and_mixes(), sound(), outputs()].concat()
}

fn program() -> Table {
    let black = "fade_to_black";
    let state = |word: &str| [("state", BackArg::Value(word.into()))];
    vec![
        (&["vmix.cut", "vmix.fade", "vmix.transition"], RestoreSpec::value("tally.program", "vmix.cut", "input", &[])),
        (&["vmix.active"], RestoreSpec::value("tally.program", "vmix.active", "input", &[])),
        (&["vmix.preview"], RestoreSpec::value("tally.preview", "vmix.preview", "input", &[])),
        (
            &["vmix.fade-to-black"],
            RestoreSpec::of(&[black]).way(&[is(black, true)], "vmix.fade-to-black", &state("on")).way(
                &[is(black, false)],
                "vmix.fade-to-black",
                &state("off"),
            ),
        ),
    ]
}

fn overlays_and_mixes() -> Table {
    let overlay = "overlays.{num}";
    let (program, preview) = ("mixes.{mix}.program", "mixes.{mix}.preview");
    vec![
        (
            &["vmix.overlay.in", "vmix.overlay.out", "vmix.overlay.off"],
            RestoreSpec::of(&[overlay])
                .way(&[known(overlay)], "vmix.overlay.in", &[("num", BackArg::Same), ("input", recorded(overlay))])
                .way(&[], "vmix.overlay.off", &[("num", BackArg::Same)]),
        ),
        (&["vmix.mix.select", "vmix.mix.cut"], RestoreSpec::value(program, "vmix.mix.select", "input", &["mix"])),
        (&["vmix.mix.preview"], RestoreSpec::value(preview, "vmix.mix.preview", "input", &["mix"])),
    ]
}

fn sound() -> Table {
    let muted = |path: &str, by: &str| RestoreSpec::switch(path, "vmix.audio.mute", "vmix.audio.unmute", &[by]);
    let volume = |path: &str, by: &str| RestoreSpec::value(path, "vmix.audio.volume", "volume", &[by]);
    let played = "inputs.{input#}.state";
    vec![
        (&["vmix.audio.mute", "vmix.audio.unmute"], muted("inputs.{input#}.muted", "input").unless(&["bus"])),
        (&["vmix.audio.mute", "vmix.audio.unmute"], muted("audio.{bus}.muted", "bus").unless(&["input"])),
        (&["vmix.audio.volume"], volume("inputs.{input#}.volume", "input").unless(&["bus"])),
        (&["vmix.audio.volume"], volume("audio.{bus}.volume", "bus").unless(&["input"])),
        (
            &["vmix.media.play", "vmix.media.pause"],
            RestoreSpec::of(&[played])
                .way(&[is(played, "Running")], "vmix.media.play", &[("input", BackArg::Same)])
                .way(&[is(played, "Paused")], "vmix.media.pause", &[("input", BackArg::Same)]),
        ),
    ]
}

fn outputs() -> Table {
    let switch = |path: &str, on: &str, off: &str| RestoreSpec::switch(path, on, off, &[]);
    let stream = RestoreSpec::switch("streams.{channel}", "vmix.stream.start", "vmix.stream.stop", &["channel"]);
    // Which streams ran is known where none did.
    let all = RestoreSpec::of(&["streaming"]).way(&[is("streaming", false)], "vmix.stream.stop", &[]);
    vec![
        (&["vmix.stream.stop"], stream.clone()),
        (&["vmix.stream.start"], stream.unless(&["url", "key"])),
        (&["vmix.stream.start"], all.unless(&["url", "key", "channel"])),
        (&["vmix.record.start", "vmix.record.stop"], switch("recording", "vmix.record.start", "vmix.record.stop")),
        (
            &["vmix.external.start", "vmix.external.stop"],
            switch("external", "vmix.external.start", "vmix.external.stop"),
        ),
        (
            &["vmix.multicorder.start", "vmix.multicorder.stop"],
            switch("multi_corder", "vmix.multicorder.start", "vmix.multicorder.stop"),
        ),
        (
            &["vmix.playlist.start", "vmix.playlist.stop"],
            switch("play_list", "vmix.playlist.start", "vmix.playlist.stop"),
        ),
    ]
}
