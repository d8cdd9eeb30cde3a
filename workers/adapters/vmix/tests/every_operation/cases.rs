//! One case or more for every operation that changes something. The inputs are those of `show`.

use if_harness::vmix::{BUSSES, Input, Model};
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The effect is seen.
    Seen,
    /// vMix's state does not show the effect: `indeterminate`, whatever happened.
    Hidden,
}
pub use Proof::{Hidden, Seen};

pub struct Case {
    pub operation: &'static str,
    pub args: Value,
    /// Functions sent, in their order.
    pub sent: &'static [&'static str],
    pub proof: Proof,
    /// What the simulator is afterwards, and was not before.
    pub happened: fn(&Model) -> bool,
}

fn case(
    operation: &'static str,
    args: Value,
    sent: &'static [&'static str],
    proof: Proof,
    happened: fn(&Model) -> bool,
) -> Case {
    Case { operation, args, sent, proof, happened }
}

fn on(model: &Model, number: usize) -> &Input {
    model.input(number).unwrap()
}

fn a(model: &Model) -> &if_harness::vmix::Replay {
    model.replay().unwrap()
}

fn program() -> Vec<Case> {
    vec![
        case("vmix.cut", json!({"input": 3}), &["Cut"], Seen, |m| m.program == 3 && m.preview == 1),
        case("vmix.fade", json!({"input": 3, "duration": 100}), &["Fade"], Seen, |m| m.program == 3),
        case(
            "vmix.transition",
            json!({"type": "merge", "input": "Colour 5", "duration": 100}),
            &["Merge"],
            Seen,
            |m| m.program == 5,
        ),
        case("vmix.transition", json!({"type": "stinger2"}), &["Stinger2"], Seen, |m| m.program == 2),
        case("vmix.transition", json!({"type": "transition1"}), &["Transition1"], Seen, |m| m.program == 2),
        case("vmix.preview", json!({"input": 4}), &["PreviewInput"], Seen, |m| m.preview == 4 && m.program == 1),
        case("vmix.active", json!({"input": 3}), &["ActiveInput"], Seen, |m| m.program == 3 && m.preview == 2),
        case("vmix.fade-to-black", json!({}), &["FadeToBlack"], Seen, |m| m.fade_to_black),
        case("vmix.overlay.in", json!({"num": 8, "input": 4}), &["OverlayInput8In"], Seen, |m| m.overlays[7] == 4),
        case("vmix.overlay.out", json!({"num": 2}), &["OverlayInput2Out"], Seen, |m| m.overlays[1] == 0),
        case("vmix.overlay.off", json!({"num": 2}), &["OverlayInput2Off"], Seen, |m| m.overlays[1] == 0),
        case("vmix.overlay.off", json!({}), &["OverlayInputAllOff"], Seen, |m| m.overlays == [0; 8]),
        case("vmix.mix.select", json!({"mix": 2, "input": 3}), &["ActiveInput"], Seen, |m| m.mixes[0].program == 3),
        case("vmix.mix.preview", json!({"mix": 3, "input": 3}), &["PreviewInput"], Seen, |m| m.mixes[1].preview == 3),
        case("vmix.mix.cut", json!({"mix": 2}), &["Cut"], Seen, |m| m.mixes[0].program == 4),
    ]
}

fn inputs() -> Vec<Case> {
    let file = r"C:\Clips\new.mp4";
    vec![
        case("vmix.input.add", json!({"type": "Video", "source": file}), &["AddInput"], Seen, |m| {
            m.titled("new.mp4").is_some()
        }),
        case("vmix.input.remove", json!({"input": "Colour 5"}), &["RemoveInput"], Seen, |m| {
            m.titled("Colour 5").is_none()
        }),
        case("vmix.input.rename", json!({"input": 5, "name": "Wall"}), &["SetInputName"], Seen, |m| {
            on(m, 5).title == "Wall"
        }),
        case("vmix.input.move", json!({"input": 5, "number": 2}), &["MoveInput"], Seen, |m| {
            on(m, 2).title == "Colour 5"
        }),
        case("vmix.ndi.add", json!({"source": "PC (Cam)"}), &["AddInput"], Seen, |m| {
            m.titled("NDI PC (Cam)").is_some()
        }),
        case("vmix.ndi.select", json!({"input": 7, "source": "PC (Cam)"}), &["NDISelectSourceByName"], Seen, |m| {
            on(m, 7).source == "PC (Cam)"
        }),
        case(
            "vmix.text.set",
            json!({"input": 4, "name": "Headline.Text", "value": "A&B \"ü\"\n2"}),
            &["SetText"],
            Seen,
            |m| on(m, 4).texts[0].1 == "A&B \"ü\"\n2",
        ),
        case(
            "vmix.image.set",
            json!({"input": 4, "name": "Logo.Source", "value": "C:\\l.png"}),
            &["SetImage"],
            Seen,
            |m| on(m, 4).images[0].1 == "C:\\l.png",
        ),
        case("vmix.title.next", json!({"input": 4}), &["NextTitlePreset"], Seen, |m| on(m, 4).preset == 1),
        case("vmix.title.prev", json!({"input": 4}), &["PreviousTitlePreset"], Seen, |m| on(m, 4).preset == 2),
        case("vmix.title.select", json!({"input": 4, "index": 2}), &["SelectTitlePreset"], Seen, |m| {
            on(m, 4).preset == 2
        }),
        case("vmix.videolist.add", json!({"input": "List", "file": "d.mp4"}), &["ListAdd"], Seen, |m| {
            on(m, 6).items.len() == 4
        }),
        case("vmix.videolist.remove", json!({"input": 6, "index": 1}), &["ListRemove"], Seen, |m| {
            on(m, 6).items == ["b.mp4", "c.mp4"]
        }),
        case("vmix.videolist.clear", json!({"input": 6}), &["ListRemoveAll"], Seen, |m| on(m, 6).items.is_empty()),
        case("vmix.videolist.select", json!({"input": 6, "index": 3}), &["SelectIndex"], Seen, |m| {
            on(m, 6).selected == 3
        }),
        case("vmix.videolist.next", json!({"input": 6}), &["NextItem"], Seen, |m| on(m, 6).selected == 3),
        case("vmix.videolist.prev", json!({"input": 6}), &["PreviousItem"], Seen, |m| on(m, 6).selected == 1),
    ]
}

fn play_lists_and_cameras() -> Vec<Case> {
    vec![
        case("vmix.playlist.start", json!({}), &["StartPlayList"], Seen, |m| m.play_list),
        case("vmix.playlist.stop", json!({}), &["StopPlayList"], Seen, |m| !m.play_list),
        case("vmix.playlist.next", json!({}), &["NextPlayListEntry"], Hidden, |m| m.play_list_at.1 == 1),
        case("vmix.playlist.prev", json!({}), &["PreviousPlayListEntry"], Hidden, |m| m.play_list_at.1 == 0),
        case("vmix.playlist.select", json!({"name": "Show"}), &["SelectPlayList"], Hidden, |m| {
            m.play_list_at.0 == "Show"
        }),
        case(
            "vmix.ptz.move",
            json!({"input": 2, "direction": "up-left", "speed": 0.3}),
            &["PTZMoveUpLeft"],
            Hidden,
            |m| on(m, 2).ptz.moving.as_deref() == Some("PTZMoveUpLeft 0.3"),
        ),
        case("vmix.ptz.stop", json!({"input": 1}), &["PTZMoveStop", "PTZZoomStop"], Hidden, |m| {
            on(m, 1).ptz.moving.is_none() && on(m, 1).ptz.zooming.is_none()
        }),
        case("vmix.ptz.home", json!({"input": 2}), &["PTZHome"], Hidden, |m| on(m, 2).ptz.position == "home"),
        case("vmix.ptz.zoom", json!({"input": 2, "direction": "out"}), &["PTZZoomOut"], Hidden, |m| {
            on(m, 2).ptz.zooming.as_deref() == Some("PTZZoomOut 0.5")
        }),
        case("vmix.ptz.zoom", json!({"input": 1, "direction": "stop"}), &["PTZZoomStop"], Hidden, |m| {
            on(m, 1).ptz.zooming.is_none()
        }),
        case("vmix.ptz.preset", json!({"input": 2}), &["PTZMoveToVirtualInputPosition"], Hidden, |m| {
            on(m, 2).ptz.position == "Camera 2"
        }),
        case(
            "vmix.ptz.preset",
            json!({"input": 2, "index": 1}),
            &["PTZMoveToVirtualInputPositionByIndex"],
            Hidden,
            |m| on(m, 2).ptz.position == "index 1",
        ),
    ]
}

fn media() -> Vec<Case> {
    vec![
        case("vmix.media.play", json!({"input": 3}), &["Play"], Seen, |m| on(m, 3).playing),
        case("vmix.media.pause", json!({"input": 1}), &["Pause"], Seen, |m| !on(m, 1).playing),
        case("vmix.media.restart", json!({"input": 3}), &["Restart"], Seen, |m| on(m, 3).position_ms == 0),
        case("vmix.media.loop", json!({"input": 3}), &["LoopOn"], Seen, |m| on(m, 3).looping),
        case("vmix.media.position", json!({"input": 3, "position": 12_000}), &["SetPosition"], Seen, |m| {
            on(m, 3).position_ms == 12_000
        }),
        case("vmix.audio.volume", json!({"input": 3, "volume": 80}), &["SetVolume"], Seen, |m| on(m, 3).fader == 80.0),
        case(
            "vmix.audio.volume",
            json!({"input": 3, "volume": 12.5, "duration": 100}),
            &["SetVolumeFade"],
            Seen,
            |m| on(m, 3).fader == 12.5,
        ),
        case("vmix.audio.volume", json!({"bus": "master", "volume": 50}), &["SetMasterVolume"], Seen, |m| {
            m.master.fader == 50.0
        }),
        case("vmix.audio.volume", json!({"bus": "headphones", "volume": 50}), &["SetHeadphonesVolume"], Seen, |m| {
            m.headphones == 50.0
        }),
        case("vmix.audio.volume", json!({"bus": "c", "volume": 1}), &["SetBusCVolume"], Seen, |m| {
            m.busses[2].fader == 1.0
        }),
        case("vmix.audio.mute", json!({"input": 1}), &["AudioOff"], Seen, |m| on(m, 1).muted),
        case("vmix.audio.mute", json!({"bus": "master"}), &["MasterAudioOff"], Seen, |m| m.master.muted),
        case("vmix.audio.mute", json!({"bus": "g"}), &["BusXAudioOff"], Seen, |m| m.busses[BUSSES.len() - 1].muted),
        case("vmix.audio.unmute", json!({"input": 3}), &["AudioOn"], Seen, |m| !on(m, 3).muted),
        case("vmix.audio.solo", json!({"input": 3}), &["SoloOn"], Seen, |m| on(m, 3).solo),
        case("vmix.audio.solo", json!({"bus": "b", "state": "toggle"}), &["BusXSoloOn"], Seen, |m| m.busses[1].solo),
        case("vmix.audio.bus", json!({"input": 3, "bus": "a"}), &["AudioBusOn"], Seen, |m| {
            on(m, 3).busses == ['M', 'A']
        }),
        case("vmix.audio.bus", json!({"input": 3, "bus": "master", "state": "off"}), &["AudioBusOff"], Seen, |m| {
            on(m, 3).busses.is_empty()
        }),
        case("vmix.audio.balance", json!({"input": 3, "balance": -0.5}), &["SetBalance"], Seen, |m| {
            on(m, 3).balance == -0.5
        }),
        case("vmix.replay.start", json!({}), &["ReplayStartRecording"], Seen, |m| a(m).recording),
        case("vmix.replay.stop", json!({}), &["ReplayStopRecording"], Seen, |m| !a(m).recording),
        case("vmix.replay.live", json!({}), &["ReplayLive"], Seen, |m| a(m).live),
        case("vmix.replay.recorded", json!({}), &["ReplayRecorded"], Seen, |m| !a(m).live),
        case("vmix.replay.mark-in", json!({}), &["ReplayMarkIn"], Hidden, |m| a(m).events == ["ReplayMarkIn"]),
        case("vmix.replay.mark-out", json!({}), &["ReplayMarkOut"], Hidden, |m| a(m).events == ["ReplayMarkOut"]),
        case("vmix.replay.mark", json!({"seconds": 10}), &["ReplayMarkInOut"], Hidden, |m| {
            a(m).events == ["ReplayMarkInOut 10"]
        }),
        case("vmix.replay.play", json!({}), &["ReplayPlayLastEvent"], Seen, |m| a(m).playing),
        case("vmix.replay.play", json!({"to_output": true}), &["ReplayPlayLastEventToOutput"], Seen, |m| a(m).playing),
        // Nothing was playing and nothing is pushed.
        case("vmix.replay.pause", json!({}), &["ReplayPause"], Hidden, |m| !a(m).playing),
        case("vmix.replay.speed", json!({"speed": 0.33}), &["ReplaySetSpeed"], Seen, |m| a(m).speed == 0.33),
        case("vmix.replay.camera", json!({"channel": "b", "camera": 4}), &["ReplayBCamera4"], Seen, |m| {
            a(m).cameras == [1, 4]
        }),
    ]
}

fn output() -> Vec<Case> {
    vec![
        case("vmix.stream.start", json!({"channel": 2}), &["StartStreaming"], Seen, |m| {
            m.streams[1].on && !m.streams[0].on
        }),
        case(
            "vmix.stream.start",
            json!({"channel": 1, "url": "rtmp://x/live", "key": "k,1"}),
            &["StreamingSetURL", "StreamingSetKey", "StartStreaming"],
            Seen,
            |m| m.streams[0].on && m.streams[0].url == "rtmp://x/live" && m.streams[0].key == "k,1",
        ),
        case("vmix.stream.stop", json!({}), &["StopStreaming"], Seen, |m| !m.streaming()),
        case("vmix.stream.set", json!({"channel": 3, "url": "rtmp://x/live"}), &["StreamingSetURL"], Hidden, |m| {
            m.streams[2].url == "rtmp://x/live"
        }),
        case("vmix.record.start", json!({}), &["StartRecording"], Seen, |m| m.recording),
        case("vmix.record.stop", json!({}), &["StopRecording"], Seen, |m| !m.recording),
        case("vmix.external.start", json!({}), &["StartExternal"], Seen, |m| m.external),
        case("vmix.external.stop", json!({}), &["StopExternal"], Seen, |m| !m.external),
        case("vmix.multicorder.start", json!({}), &["StartMultiCorder"], Seen, |m| m.multi_corder),
        case("vmix.multicorder.stop", json!({}), &["StopMultiCorder"], Seen, |m| !m.multi_corder),
        case("vmix.snapshot", json!({"file": "a.jpg"}), &["Snapshot"], Hidden, |m| {
            m.snapshots == [(0, "a.jpg".to_string())]
        }),
        case("vmix.snapshot", json!({"file": "a.jpg", "input": 3}), &["SnapshotInput"], Hidden, |m| {
            m.snapshots == [(3, "a.jpg".to_string())]
        }),
        case("vmix.script.start", json!({"name": "New"}), &["ScriptStart"], Hidden, |m| m.scripts == ["Old", "New"]),
        case("vmix.script.stop", json!({"name": "Old"}), &["ScriptStop"], Hidden, |m| m.scripts.is_empty()),
        case("vmix.script.stop", json!({}), &["ScriptStopAll"], Hidden, |m| m.scripts.is_empty()),
        case("vmix.function", json!({"name": "SetDynamicValue1", "value": "x y"}), &["SetDynamicValue1"], Seen, |m| {
            m.dynamic_values[0] == "x y"
        }),
        case("vmix.function", json!({"name": "PTZHome", "input": 2}), &["PTZHome"], Hidden, |m| {
            on(m, 2).ptz.position == "home"
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [program(), inputs(), play_lists_and_cameras(), media(), output()].into_iter().flatten().collect()
}
