//! From a call to the functions it sends. [`ROWS`] is the table; what needs more than a row is in [`special`].

mod special;

use crate::{
    effect::{self, Effect},
    function::Function,
    resolve::{self, known},
    state::{Input, State, shown},
};
use if_engine::{Call, Execution};
use serde_json::Value;
use std::time::Duration;

/// One change, ready to be sent.
#[derive(Debug, PartialEq)]
pub struct Plan {
    /// In the order they are sent. Empty: it is so already.
    pub functions: Vec<Function>,
    pub effect: Effect,
    /// How long the effect takes by itself.
    pub takes: Duration,
    /// What was set and cannot be seen, though the effect can.
    pub unseen: Vec<&'static str>,
}

/// An operation that is the same functions every time. `Input`, `Duration` and `SelectedName` come from the arguments of
/// those names, `Value` from the one the row says.
struct Row {
    operation: &'static str,
    function: &'static str,
    value: Option<&'static str>,
}

const fn row(operation: &'static str, function: &'static str) -> Row {
    Row { operation, function, value: None }
}
const fn valued(operation: &'static str, function: &'static str, value: &'static str) -> Row {
    Row { operation, function, value: Some(value) }
}

const ROWS: [Row; 46] = [
    row("vmix.cut", "Cut"),
    row("vmix.fade", "Fade"),
    row("vmix.preview", "PreviewInput"),
    row("vmix.active", "ActiveInput"),
    row("vmix.input.remove", "RemoveInput"),
    valued("vmix.input.rename", "SetInputName", "name"),
    valued("vmix.input.move", "MoveInput", "number"),
    valued("vmix.ndi.select", "NDISelectSourceByName", "source"),
    valued("vmix.text.set", "SetText", "value"),
    valued("vmix.image.set", "SetImage", "value"),
    row("vmix.title.next", "NextTitlePreset"),
    row("vmix.title.prev", "PreviousTitlePreset"),
    valued("vmix.title.select", "SelectTitlePreset", "index"),
    valued("vmix.videolist.add", "ListAdd", "file"),
    valued("vmix.videolist.remove", "ListRemove", "index"),
    row("vmix.videolist.clear", "ListRemoveAll"),
    valued("vmix.videolist.select", "SelectIndex", "index"),
    row("vmix.videolist.next", "NextItem"),
    row("vmix.videolist.prev", "PreviousItem"),
    row("vmix.playlist.start", "StartPlayList"),
    row("vmix.playlist.stop", "StopPlayList"),
    row("vmix.playlist.next", "NextPlayListEntry"),
    row("vmix.playlist.prev", "PreviousPlayListEntry"),
    valued("vmix.playlist.select", "SelectPlayList", "name"),
    row("vmix.ptz.home", "PTZHome"),
    row("vmix.media.play", "Play"),
    row("vmix.media.pause", "Pause"),
    row("vmix.media.restart", "Restart"),
    valued("vmix.media.position", "SetPosition", "position"),
    valued("vmix.audio.balance", "SetBalance", "balance"),
    row("vmix.replay.start", "ReplayStartRecording"),
    row("vmix.replay.stop", "ReplayStopRecording"),
    row("vmix.replay.live", "ReplayLive"),
    row("vmix.replay.recorded", "ReplayRecorded"),
    row("vmix.replay.mark-in", "ReplayMarkIn"),
    row("vmix.replay.mark-out", "ReplayMarkOut"),
    valued("vmix.replay.mark", "ReplayMarkInOut", "seconds"),
    row("vmix.replay.pause", "ReplayPause"),
    valued("vmix.replay.speed", "ReplaySetSpeed", "speed"),
    row("vmix.record.start", "StartRecording"),
    row("vmix.record.stop", "StopRecording"),
    row("vmix.external.start", "StartExternal"),
    row("vmix.external.stop", "StopExternal"),
    row("vmix.multicorder.start", "StartMultiCorder"),
    row("vmix.multicorder.stop", "StopMultiCorder"),
    valued("vmix.script.start", "ScriptStart", "name"),
];

/// What `call` will send, given the state before it. Refuses what cannot be.
pub fn plan(call: &Call, before: &State) -> Result<Plan, Execution> {
    let operation = call.operation.as_str();
    let (functions, unseen) = match ROWS.iter().find(|row| row.operation == operation) {
        Some(row) => (vec![of_row(row, call, before)?], Vec::new()),
        None => special::functions(call, before)?,
    };
    for function in &functions {
        possible(function, before)?;
    }
    let mut whole = Effect::default();
    for function in &functions {
        let effect = effect::effect(function, before);
        whole.wants.extend(effect.wants);
        whole.upsets.extend(effect.upsets);
        whole.relative |= effect.relative;
    }
    if whole.wants.is_empty() && functions.iter().any(|f| needs_target(&f.name) && f.target.is_none()) {
        return Err(nothing_on_preview());
    }
    let takes = functions.iter().map(|f| takes(f, before)).max().unwrap_or_default();
    Ok(Plan { functions, effect: whole, takes, unseen })
}

fn of_row(row: &Row, call: &Call, before: &State) -> Result<Function, Execution> {
    let input = resolve::optional(call, before)?;
    let named = row.value.is_some_and(|_| row.operation.ends_with(".set"));
    let function = Function::new(row.function).input(input);
    let function = if named { function.with("SelectedName", text(call, "name")) } else { function };
    Ok(function.with("Value", row.value.and_then(|name| text(call, name))).with("Duration", text(call, "duration")))
}

/// An argument as vMix writes it.
pub fn text(call: &Call, name: &str) -> Option<String> {
    match call.args.get(name)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn needs_target(name: &str) -> bool {
    let transitions = &if_manifest::native::vmix::program::TRANSITIONS;
    name == "Cut" || name == "QuickPlay" || transitions.iter().any(|(_, f)| *f == name)
}

fn nothing_on_preview() -> Execution {
    Execution::failed(
        "not_found",
        "nothing is on preview that could be put on program; nothing was sent",
        Some("name an input with --input, or put one on preview first"),
    )
}

/// How long a function takes by itself.
fn takes(function: &Function, before: &State) -> Duration {
    let fade = || function.param("Value").and_then(|v| v.split_once(',')).map(|(_, ms)| ms);
    let given = match function.name.ends_with("VolumeFade") {
        true => fade().and_then(|ms| ms.trim().parse().ok()),
        false => function.param("Duration").and_then(|ms| ms.parse().ok()),
    };
    let button = || {
        let number: u32 = function.name.strip_prefix("Transition")?.parse().ok()?;
        before.transitions.get(&number).map(|(_, ms)| *ms)
    };
    Duration::from_millis(given.or_else(button).unwrap_or(0))
}

/// Refuses what vMix would take and not do.
fn possible(function: &Function, before: &State) -> Result<(), Execution> {
    let name = function.name.as_str();
    if name.starts_with("Replay") && before.replay().is_none() {
        let hint = "add an Instant Replay input in vMix first";
        return Err(Execution::failed("not_found", "vMix has no replay input; nothing was sent", Some(hint)));
    }
    if let Some(channel) = overlay_channel(name).filter(|c| !before.channels.contains(c)) {
        let hint = format!("this vMix has {} overlay channels", before.channels.len());
        return Err(Execution::failed(
            "not_found",
            format!("vMix has no overlay {channel}; nothing was sent"),
            Some(&hint),
        ));
    }
    let mix = function.param("Mix").and_then(|m| m.parse::<u32>().ok()).filter(|m| *m > 0).map(|m| m + 1);
    if let Some(mix) = mix.filter(|mix| !before.mixes.contains_key(mix)) {
        let there: Vec<String> = before.mixes.keys().map(ToString::to_string).collect();
        let hint =
            if there.is_empty() { "add a Mix input first".into() } else { format!("there is {}", there.join(", ")) };
        return Err(Execution::failed("not_found", format!("vMix has no mix {mix}; nothing was sent"), Some(&hint)));
    }
    match &function.target {
        Some(target) => possible_for(function, target),
        None => Ok(()),
    }
}

fn overlay_channel(name: &str) -> Option<u32> {
    name.strip_prefix("OverlayInput")?.get(..1)?.parse().ok()
}

fn possible_for(function: &Function, target: &Input) -> Result<(), Execution> {
    let lacks = |what: &str| {
        let message = format!("input {} has no {what}; nothing was sent", target.label());
        Err(Execution::failed("bad_argument", message, Some("name another input: ifctl vmix inputs <instance>")))
    };
    let value = || function.param("Value").unwrap_or_default();
    let names = |fields: &[(String, String)]| fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let selected = function.param("SelectedName");
    match function.name.as_str() {
        "SetText" if selected.is_some() => {
            known("text", selected.unwrap_or_default(), names(&target.texts).iter().map(String::as_str))
        }
        "SetImage" if selected.is_some() => {
            known("image", selected.unwrap_or_default(), names(&target.images).iter().map(String::as_str))
        }
        "ListRemove" | "SelectIndex" if target.kind == "VideoList" => {
            let there = value().parse::<usize>().is_ok_and(|n| (1..=target.items.len()).contains(&n));
            if there { Ok(()) } else { lacks(&format!("item {}, it has {}", shown(value()), target.items.len())) }
        }
        "SetPosition" if target.duration_ms > 0 && value().parse::<u64>().is_ok_and(|ms| ms > target.duration_ms) => {
            lacks(&format!("position {} ms, it is {} ms long", value(), target.duration_ms))
        }
        "SetVolume" | "SetVolumeFade" | "Audio" | "AudioOn" | "AudioOff" | "SetBalance" | "Solo" | "SoloOn"
        | "SoloOff" | "AudioBus" | "AudioBusOn" | "AudioBusOff"
            if target.muted.is_none() =>
        {
            lacks("audio")
        }
        _ => Ok(()),
    }
}
