//! Operations that need more than a row: a choice of functions, several of them, or none because it is so already.

use super::text;
use crate::{
    aspect::{Aspect, BusField, Field, Flag},
    function::Function,
    resolve,
    state::{Input, State},
};
use if_engine::{Call, Execution};
use if_manifest::native::vmix::{functions as known_functions, program::TRANSITIONS};
use serde_json::Value;

/// Functions, and what of them cannot be seen though the effect can.
type Functions = Result<(Vec<Function>, Vec<&'static str>), Execution>;

/// Length of a transition that is not told, milliseconds.
const TRANSITION_MS: &str = "500";

pub fn functions(call: &Call, before: &State) -> Functions {
    let one = |function: Function| Ok((vec![function], Vec::new()));
    let number = |name: &str| call.integer(name).unwrap_or(0);
    let input = || resolve::required(call, before);
    match call.operation.as_str() {
        "vmix.transition" => one(transition(call, before)?),
        "vmix.fade-to-black" => {
            switched(call, before, &Aspect::Flag(Flag::FadeToBlack), |_| Function::new("FadeToBlack"))
        }
        "vmix.overlay.in" => one(Function::new(format!("OverlayInput{}In", number("num"))).input(Some(input()?))),
        "vmix.overlay.out" => one(Function::new(format!("OverlayInput{}Out", number("num")))),
        "vmix.overlay.off" => match call.integer("num") {
            Some(num) => one(Function::new(format!("OverlayInput{num}Off"))),
            None => one(Function::new("OverlayInputAllOff")),
        },
        "vmix.mix.select" => one(mix(Function::new("ActiveInput").input(Some(input()?)), call)),
        "vmix.mix.preview" => one(mix(Function::new("PreviewInput").input(Some(input()?)), call)),
        "vmix.mix.cut" => mix_cut(call, before),
        "vmix.input.add" => one(Function::new("AddInput").value(pair(call, "type", '|', "source"))),
        "vmix.ndi.add" => {
            one(Function::new("AddInput").value(format!("NDI|{}", text(call, "source").unwrap_or_default())))
        }
        "vmix.ptz.move" => one(of_camera("PTZMove", call, input()?)),
        "vmix.ptz.stop" => {
            let camera = Some(input()?);
            Ok((
                vec![Function::new("PTZMoveStop").input(camera), Function::new("PTZZoomStop").input(camera)],
                Vec::new(),
            ))
        }
        "vmix.ptz.zoom" if call.text("direction") == Some("stop") => {
            one(Function::new("PTZZoomStop").input(Some(input()?)))
        }
        "vmix.ptz.zoom" => one(of_camera("PTZZoom", call, input()?)),
        "vmix.ptz.preset" => match text(call, "index") {
            Some(index) => {
                one(Function::new("PTZMoveToVirtualInputPositionByIndex").input(Some(input()?)).value(index))
            }
            None => one(Function::new("PTZMoveToVirtualInputPosition").input(Some(input()?))),
        },
        _ => audio_and_outputs(call, before),
    }
}

fn audio_and_outputs(call: &Call, before: &State) -> Functions {
    let one = |function: Function| Ok((vec![function], Vec::new()));
    let input = || resolve::required(call, before);
    match call.operation.as_str() {
        "vmix.media.loop" => {
            let target = input()?;
            switched(call, before, &Aspect::of(target, Field::Loop), |on| {
                Function::new(on_off("Loop", on)).input(Some(target))
            })
        }
        "vmix.audio.volume" => one(volume(call, before)?),
        "vmix.audio.mute" => one(audio(call, before, false)?),
        "vmix.audio.unmute" => one(audio(call, before, true)?),
        "vmix.audio.solo" => solo(call, before),
        "vmix.audio.bus" => {
            let (target, letter) = (input()?, letter(call).unwrap_or('M'));
            let aspect = Aspect::of(target, Field::Bus(letter));
            let function = |on| Function::new(on_off("AudioBus", on)).input(Some(target)).value(letter);
            switched(call, before, &aspect, function)
        }
        "vmix.replay.play" => {
            let to_output = call.args.get("to_output").and_then(Value::as_bool).unwrap_or(false);
            one(Function::new(if to_output { "ReplayPlayLastEventToOutput" } else { "ReplayPlayLastEvent" }))
        }
        "vmix.replay.camera" => {
            let channel = call.text("channel").unwrap_or("a").to_ascii_uppercase();
            one(Function::new(format!("Replay{channel}Camera{}", call.integer("camera").unwrap_or(0))))
        }
        "vmix.stream.start" => stream_start(call),
        "vmix.stream.set" => stream_set(call).map(|functions| (functions, Vec::new())),
        "vmix.stream.stop" => one(Function::new("StopStreaming").with("Value", channel(call))),
        "vmix.snapshot" => {
            let of = resolve::optional(call, before)?;
            let name = if of.is_some() { "SnapshotInput" } else { "Snapshot" };
            one(Function::new(name).input(of).with("Value", text(call, "file")))
        }
        "vmix.script.stop" => match text(call, "name") {
            Some(name) => one(Function::new("ScriptStop").value(name)),
            None => one(Function::new("ScriptStopAll")),
        },
        "vmix.function" => one(by_name(call, before)?),
        other => Err(Execution::failed("unknown_operation", format!("vMix has no operation {other}"), None)),
    }
}

fn bad(message: &str, hint: &str) -> Execution {
    Execution::failed("bad_argument", format!("{message}; nothing was sent"), Some(hint))
}

fn on_off(stem: &str, on: bool) -> String {
    format!("{stem}{}", if on { "On" } else { "Off" })
}

/// `left<separator>right` of two arguments.
fn pair(call: &Call, left: &str, separator: char, right: &str) -> String {
    format!("{}{separator}{}", text(call, left).unwrap_or_default(), text(call, right).unwrap_or_default())
}

/// Turns something on or off; sends nothing if it is so already. A toggle becomes what it leads to, so that a repeat of the
/// same command by two people does not undo itself.
fn switched(call: &Call, before: &State, aspect: &Aspect, function: impl Fn(bool) -> Function) -> Functions {
    let now = aspect.read(before, &Default::default()).and_then(|v| v.as_bool());
    let on = match call.text("state") {
        Some("on") => true,
        Some("off") => false,
        _ => !now.unwrap_or(false),
    };
    let function = function(on);
    // Only where the function could undo it: one that says what is wanted may be sent in any case.
    let skip = function.name == "FadeToBlack" && now == Some(on);
    Ok((if skip { Vec::new() } else { vec![function] }, Vec::new()))
}

fn transition(call: &Call, before: &State) -> Result<Function, Execution> {
    let word = call.text("type").unwrap_or("fade");
    let name = TRANSITIONS.iter().find(|(w, _)| *w == word).map_or("Fade", |(_, name)| name);
    let own_length = name.starts_with("Stinger") || name.starts_with("Transition");
    let duration = text(call, "duration").or_else(|| (!own_length).then(|| TRANSITION_MS.into()));
    Ok(Function::new(name).input(resolve::optional(call, before)?).with("Duration", duration))
}

/// vMix counts mixes from 0, its state from 1.
fn mix(function: Function, call: &Call) -> Function {
    let number = call.integer("mix").map(|n| (n - 1).to_string());
    function.with("Mix", number)
}

fn mix_cut(call: &Call, before: &State) -> Functions {
    let number = call.integer("mix").and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let target = resolve::optional(call, before)?;
    let preview = before.mixes.get(&number).map(|m| m.preview);
    if target.is_none() && preview == Some(None) {
        return Err(super::nothing_on_preview());
    }
    Ok((vec![mix(Function::new("Cut").input(target), call)], Vec::new()))
}

/// `PTZMoveUpLeft` for `up-left`.
fn of_camera(stem: &str, call: &Call, camera: &Input) -> Function {
    let words = call.text("direction").unwrap_or_default().split('-');
    let direction: String = words.map(|w| format!("{}{}", w[..1].to_ascii_uppercase(), &w[1..])).collect();
    Function::new(format!("{stem}{direction}")).input(Some(camera)).with("Value", text(call, "speed"))
}

/// The letter of the argument `bus`; `M` is the master, `H` the headphones.
fn letter(call: &Call) -> Option<char> {
    call.text("bus").map(|bus| match bus {
        "master" => 'M',
        "headphones" => 'H',
        other => other.chars().next().unwrap_or('M').to_ascii_uppercase(),
    })
}

/// Either an input or a bus, never both.
fn either<'a>(call: &Call, before: &'a State) -> Result<(Option<&'a Input>, Option<char>), Execution> {
    match (resolve::optional(call, before)?, letter(call)) {
        (Some(_), Some(_)) => Err(bad("an input and a bus are named", "give --input or --bus, not both")),
        (None, None) => Err(bad("neither an input nor a bus is named", "give --input or --bus")),
        one => Ok(one),
    }
}

fn volume(call: &Call, before: &State) -> Result<Function, Execution> {
    let (input, bus) = either(call, before)?;
    let fade = text(call, "duration");
    let stem = match bus {
        None => "SetVolume".into(),
        Some('M') => "SetMasterVolume".into(),
        Some('H') if fade.is_some() => {
            return Err(bad("vMix cannot fade the headphones", "leave --duration out"));
        }
        Some('H') => "SetHeadphonesVolume".to_string(),
        Some(letter) => format!("SetBus{letter}Volume"),
    };
    let fader = text(call, "volume").unwrap_or_default();
    Ok(match fade {
        None => Function::new(stem).input(input).value(fader),
        Some(ms) => Function::new(format!("{stem}Fade")).input(input).value(format!("{fader},{ms}")),
    })
}

/// Mutes or unmutes.
fn audio(call: &Call, before: &State, on: bool) -> Result<Function, Execution> {
    Ok(match either(call, before)? {
        (Some(input), _) => Function::new(on_off("Audio", on)).input(Some(input)),
        (None, Some('M')) => Function::new(on_off("MasterAudio", on)),
        (None, bus) => Function::new(on_off("BusXAudio", on)).with("Value", bus.map(|b| b.to_string())),
    })
}

fn solo(call: &Call, before: &State) -> Functions {
    match either(call, before)? {
        (Some(input), _) => {
            let aspect = Aspect::of(input, Field::Solo);
            switched(call, before, &aspect, |on| Function::new(on_off("Solo", on)).input(Some(input)))
        }
        (None, bus) => {
            let letter = bus.unwrap_or('A');
            let aspect = Aspect::Bus(letter, BusField::Solo);
            switched(call, before, &aspect, |on| Function::new(on_off("BusXSolo", on)).value(letter))
        }
    }
}

/// vMix counts streams from 0, its state and its screen from 1.
fn channel(call: &Call) -> Option<String> {
    call.integer("channel").map(|n| (n - 1).to_string())
}

fn stream_set(call: &Call) -> Result<Vec<Function>, Execution> {
    let (url, key) = (text(call, "url"), text(call, "key"));
    if url.is_none() && key.is_none() {
        return Err(bad("neither a URL nor a key is given", "give --url, --key or both"));
    }
    let channel = channel(call).ok_or_else(|| bad("no stream is named", "give --channel"))?;
    let settings = [("StreamingSetURL", url), ("StreamingSetKey", key)];
    let given = settings.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Ok(given.map(|(name, value)| Function::new(name).value(format!("{channel},{value}"))).collect())
}

fn stream_start(call: &Call) -> Functions {
    let given: Vec<&'static str> = ["url", "key"].into_iter().filter(|name| call.args.contains_key(*name)).collect();
    let mut functions = if given.is_empty() { Vec::new() } else { stream_set(call)? };
    functions.push(Function::new("StartStreaming").with("Value", channel(call)));
    Ok((functions, given))
}

fn by_name(call: &Call, before: &State) -> Result<Function, Execution> {
    let name = call.text("name").unwrap_or_default();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(bad(
            "a function has a name of letters and digits",
            "see docs/vmix.md, or vMix's reference of functions",
        ));
    }
    let force = call.args.get("force").and_then(Value::as_bool).unwrap_or(false);
    if !force && let Err(Execution::Failed(mut unknown)) = resolve::known("function", name, known_functions()) {
        let hint = unknown.hint.unwrap_or_default();
        unknown.hint = Some(format!("{hint} names are case-sensitive; --force sends it all the same"));
        return Err(Execution::Failed(unknown));
    }
    Ok(Function::new(name)
        .input(resolve::optional(call, before)?)
        .with("Value", text(call, "value"))
        .with("SelectedName", text(call, "selected_name"))
        .with("SelectedIndex", text(call, "selected_index"))
        .with("Duration", text(call, "duration"))
        .with("Mix", text(call, "mix"))
        .with("Channel", text(call, "channel")))
}
