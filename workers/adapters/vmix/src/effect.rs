//! What each function does that can be seen: the table behind every confirmation. A function that is not here has an effect
//! that vMix's state does not show.

use crate::{
    aspect::{Aspect, BusField, Field, Flag, ReplayField, Want, Wanted},
    function::Function,
    state::{Input, State},
};
use if_manifest::native::vmix::program::TRANSITIONS;
use serde_json::Value;

/// What a function is expected to do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effect {
    /// Empty: nothing that could be seen.
    pub wants: Vec<Wanted>,
    /// It changes these too, to what is of no account: whoever waits for them has been overtaken.
    pub upsets: Vec<Aspect>,
    /// What it does depends on what is: it must not be sent while that is still changing.
    pub relative: bool,
}

impl Effect {
    fn one(wanted: Wanted) -> Self {
        Self { wants: vec![wanted], ..Self::default() }
    }
    fn is(aspect: Aspect, value: impl Into<Value>) -> Self {
        Self::one(Wanted::is(aspect, value))
    }
    fn relative(mut self) -> Self {
        self.relative = true;
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    On,
    Off,
    Toggle,
}

impl Switch {
    /// `X`, `XOn`, `XOff`.
    fn suffix(name: &str, stem: &str) -> Option<Self> {
        match name.strip_prefix(stem)? {
            "" => Some(Switch::Toggle),
            "On" => Some(Switch::On),
            "Off" => Some(Switch::Off),
            _ => None,
        }
    }
    /// `StartStopX`, `StartX`, `StopX`.
    fn prefix(name: &str, stem: &str) -> Option<Self> {
        match name.strip_suffix(stem)? {
            "StartStop" => Some(Switch::Toggle),
            "Start" => Some(Switch::On),
            "Stop" => Some(Switch::Off),
            _ => None,
        }
    }
    /// Of something that shows `now`; `inverted` where it shows the opposite (muted for audio).
    fn effect(self, aspect: Aspect, before: &State, inverted: bool) -> Option<Effect> {
        let on = match self {
            Switch::On => !inverted,
            Switch::Off => inverted,
            Switch::Toggle => !aspect.read(before, &Default::default())?.as_bool()?,
        };
        let effect = Effect::is(aspect, on);
        Some(if self == Switch::Toggle { effect.relative() } else { effect })
    }
}

/// What `function` will have done, given the state before it.
pub fn effect(function: &Function, before: &State) -> Effect {
    let name = function.name.as_str();
    let of_target = || function.target.as_ref().and_then(|target| of_input(name, function, target, before));
    places(name, function, before)
        .or_else(|| outputs(name, function, before))
        .or_else(of_target)
        .or_else(|| busses(name, function, before))
        .or_else(|| replay(name, function, before))
        .unwrap_or_default()
}

/// Program, preview, mixes, overlays.
fn places(name: &str, function: &Function, before: &State) -> Option<Effect> {
    let moves = TRANSITIONS.iter().any(|(_, f)| *f == name) || ["Cut", "QuickPlay"].contains(&name);
    let direct = ["CutDirect", "ActiveInput"].contains(&name);
    if let Some(mix) = function.param("Mix").and_then(|m| m.parse::<u32>().ok()).filter(|m| *m > 0) {
        let number = mix + 1;
        let there = before.mixes.get(&number);
        let default = there.and_then(|m| m.preview).and_then(|n| before.input(n));
        let to = function.target.as_ref().or(default)?.handle();
        return match name {
            "PreviewInput" => Some(Effect::is(Aspect::MixPreview(number), to)),
            _ if moves || direct => {
                let mut effect = Effect::is(Aspect::MixProgram(number), to);
                effect.upsets = vec![Aspect::MixPreview(number)];
                effect.relative = function.target.is_none();
                Some(effect)
            }
            _ => None,
        };
    }
    if moves || direct {
        let to = function.target.as_ref().or(before.preview_input())?.handle();
        let mut effect = Effect::is(Aspect::Program, to);
        // What was on program goes to preview.
        effect.upsets = if moves { vec![Aspect::Preview] } else { Vec::new() };
        effect.relative = function.target.is_none();
        return Some(effect);
    }
    match name {
        "PreviewInput" => Some(Effect::is(Aspect::Preview, function.target.as_ref()?.handle())),
        "PreviewInputNext" | "PreviewInputPrevious" => {
            let now = Aspect::Preview.read(before, &Default::default())?;
            Some(Effect::one(Wanted::new(Aspect::Preview, Want::Other(now)).soft()).relative())
        }
        "OverlayInputAllOff" => {
            let all = before.channels.iter().map(|n| Wanted::is(Aspect::Overlay(*n), Value::Null));
            Some(Effect { wants: all.collect(), ..Effect::default() })
        }
        _ => overlay(name, function, before),
    }
}

fn overlay(name: &str, function: &Function, before: &State) -> Option<Effect> {
    let rest = name.strip_prefix("OverlayInput")?;
    let channel = rest.get(..1)?.parse::<u32>().ok()?;
    let aspect = Aspect::Overlay(channel);
    match rest.get(1..)? {
        "In" => Some(Effect::is(aspect, function.target.as_ref()?.handle())),
        "Out" | "Off" => Some(Effect::is(aspect, Value::Null)),
        "" => {
            let target = function.target.as_ref()?.handle();
            let shown = before.overlay_input(channel).map(Input::handle);
            let to = if shown.as_ref() == Some(&target) { Value::Null } else { target.into() };
            Some(Effect::is(aspect, to).relative())
        }
        _ => None,
    }
}

/// Recording, streams and other outputs; inputs that come; settings of the whole.
fn outputs(name: &str, function: &Function, before: &State) -> Option<Effect> {
    if let Some(switch) = Switch::prefix(name, "Streaming") {
        return streaming(switch, function, before);
    }
    let flags = [
        ("Recording", Flag::Recording),
        ("External", Flag::External),
        ("MultiCorder", Flag::MultiCorder),
        ("PlayList", Flag::PlayList),
    ];
    for (stem, flag) in flags {
        if let Some(switch) = Switch::prefix(name, stem) {
            return switch.effect(Aspect::Flag(flag), before, false);
        }
    }
    if let Some(switch) = Switch::suffix(name, "Fullscreen") {
        return switch.effect(Aspect::Flag(Flag::Fullscreen), before, false);
    }
    let value = || function.param("Value").unwrap_or_default();
    let last = |stem: &str| name.strip_prefix(stem).and_then(|n| n.parse::<u32>().ok());
    if let Some(n) = last("SetTransitionEffect") {
        return Some(Effect::is(Aspect::TransitionEffect(n), value()));
    }
    if let Some(n) = last("SetTransitionDuration") {
        return Some(Effect::is(Aspect::TransitionDuration(n), value().parse::<u64>().ok()?));
    }
    if let Some(n) = last("SetDynamicValue") {
        return Some(Effect::is(Aspect::Dynamic(format!("value{n}")), value()));
    }
    if let Some(n) = last("SetDynamicInput") {
        return Some(Effect::is(Aspect::Dynamic(format!("input{n}")), value()));
    }
    match name {
        "FadeToBlack" => Switch::Toggle.effect(Aspect::Flag(Flag::FadeToBlack), before, false),
        "AddInput" => {
            let kind = value().split_once('|').map(|(kind, _)| kind.to_string());
            let known = before.inputs.iter().map(Input::handle).collect();
            Some(Effect::one(Wanted::new(Aspect::Inputs, Want::New { known, kind })).relative())
        }
        _ => None,
    }
}

fn streaming(switch: Switch, function: &Function, before: &State) -> Option<Effect> {
    let Some(channel) = function.param("Value").and_then(|v| v.parse::<u32>().ok()) else {
        return switch.effect(Aspect::Flag(Flag::Streaming), before, false);
    };
    switch.effect(Aspect::Stream(channel + 1), before, false)
}

fn of_input(name: &str, function: &Function, target: &Input, before: &State) -> Option<Effect> {
    let value = || function.param("Value").unwrap_or_default();
    let number = || value().parse::<f64>().ok();
    let aspect = |field| Aspect::of(target, field);
    let switches = [("Audio", Field::Muted, true), ("Solo", Field::Solo, false), ("Loop", Field::Loop, false)];
    for (stem, field, inverted) in switches {
        if let Some(switch) = Switch::suffix(name, stem) {
            return switch.effect(aspect(field), before, inverted);
        }
    }
    if let Some(switch) = Switch::suffix(name, "AudioBus") {
        let mut all = Effect::default();
        for letter in value().chars() {
            let one = switch.effect(aspect(Field::Bus(letter)), before, false)?;
            all.wants.extend(one.wants);
            all.relative |= one.relative;
        }
        return Some(all);
    }
    // A preset that looks the same as the one before cannot be told from it.
    let other_contents = || {
        let now = aspect(Field::Contents).read(before, &Default::default())?;
        Some(Effect::one(Wanted::new(aspect(Field::Contents), Want::Other(now)).soft()).relative())
    };
    Some(match name {
        "RemoveInput" => Effect::is(aspect(Field::Present), false),
        "SetInputName" => Effect::is(aspect(Field::Title), value()),
        "MoveInput" => Effect::is(aspect(Field::Number), value().parse::<u32>().ok()?).relative(),
        "SetText" => Effect::is(aspect(Field::Text(field_name(&target.texts, function)?)), value()),
        "SetImage" => Effect::is(aspect(Field::Image(field_name(&target.images, function)?)), value()),
        "NextTitlePreset" | "PreviousTitlePreset" | "SelectTitlePreset" => other_contents()?,
        "SetVolume" => Effect::one(Wanted::new(aspect(Field::Volume), Want::Fader(number()?))),
        "SetVolumeFade" => Effect::one(Wanted::new(aspect(Field::Volume), Want::Fader(fade(value())?))),
        "SetBalance" => Effect::one(Wanted::new(aspect(Field::Balance), Want::Near(number()?))),
        "Play" => Effect::is(aspect(Field::Playing), true),
        "Pause" => Effect::is(aspect(Field::Playing), false),
        "PlayPause" => Switch::Toggle.effect(aspect(Field::Playing), before, false)?,
        "Restart" => Effect::one(Wanted::new(aspect(Field::Position), Want::From(0))),
        "SetPosition" => Effect::one(Wanted::new(aspect(Field::Position), Want::From(value().parse().ok()?))),
        "SelectIndex" => Effect::is(aspect(Field::Selected), value().parse::<i64>().ok()?),
        "NextItem" | "PreviousItem" => {
            let now = aspect(Field::Selected).read(before, &Default::default())?;
            Effect::one(Wanted::new(aspect(Field::Selected), Want::Other(now)).soft()).relative()
        }
        "ListAdd" | "ListRemove" | "ListRemoveAll" => list(name, value(), target)?,
        "NDISelectSourceByName" => Effect::one(Wanted::new(aspect(Field::Title), Want::Names(value().into())).soft()),
        _ => return None,
    })
}

/// The items a list will have.
fn list(name: &str, value: &str, target: &Input) -> Option<Effect> {
    let mut items = target.items.clone();
    match name {
        "ListAdd" => items.push(value.into()),
        "ListRemoveAll" => items.clear(),
        _ => {
            let at = value.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < items.len())?;
            items.remove(at);
        }
    }
    let effect = Effect::is(Aspect::of(target, Field::Items), items);
    Some(if name == "ListRemoveAll" { effect } else { effect.relative() })
}

/// The field that `SelectedName` or `SelectedIndex` names; without either the first.
fn field_name(fields: &[(String, String)], function: &Function) -> Option<String> {
    if let Some(name) = function.param("SelectedName") {
        return Some(name.into());
    }
    let at = function.param("SelectedIndex").map_or(Some(0), |index| index.parse::<usize>().ok())?;
    fields.get(at).map(|(name, _)| name.clone())
}

/// The fader of `fader,milliseconds`.
fn fade(value: &str) -> Option<f64> {
    value.split_once(',')?.0.trim().parse().ok()
}

/// Master, headphones and the busses A to G.
fn busses(name: &str, function: &Function, before: &State) -> Option<Effect> {
    let value = function.param("Value").unwrap_or_default();
    let volume = |aspect: Aspect, rest: &str| match rest {
        "Volume" => Some(Effect::one(Wanted::new(aspect, Want::Fader(value.parse().ok()?)))),
        "VolumeFade" => Some(Effect::one(Wanted::new(aspect, Want::Fader(fade(value)?)))),
        _ => None,
    };
    if let Some(rest) = name.strip_prefix("SetMaster") {
        return volume(Aspect::Bus('M', BusField::Volume), rest);
    }
    if let Some(rest) = name.strip_prefix("SetHeadphones") {
        return volume(Aspect::Headphones, rest);
    }
    if let Some(rest) = name.strip_prefix("SetBus") {
        let letter = rest.chars().next()?;
        return volume(Aspect::Bus(letter, BusField::Volume), rest.get(1..)?);
    }
    if let Some(switch) = Switch::suffix(name, "MasterAudio") {
        return switch.effect(Aspect::Bus('M', BusField::Muted), before, true);
    }
    let rest = name.strip_prefix("Bus")?;
    let letter = match rest.chars().next()? {
        'X' => value.chars().next()?.to_ascii_uppercase(),
        letter => letter,
    };
    let fields = [
        ("Audio", BusField::Muted, true),
        ("Solo", BusField::Solo, false),
        ("SendToMaster", BusField::SendToMaster, false),
    ];
    fields.into_iter().find_map(|(stem, field, inverted)| {
        let switch = Switch::suffix(rest.get(1..)?, stem)?;
        switch.effect(Aspect::Bus(letter, field), before, inverted)
    })
}

fn replay(name: &str, function: &Function, before: &State) -> Option<Effect> {
    let rest = name.strip_prefix("Replay")?;
    let aspect = Aspect::Replay;
    for (stem, field) in [("ACamera", ReplayField::CameraA), ("BCamera", ReplayField::CameraB)] {
        if let Some(camera) = rest.strip_prefix(stem).and_then(|n| n.parse::<i64>().ok()) {
            return Some(Effect::is(aspect(field), camera));
        }
    }
    if let Some(switch) = Switch::prefix(rest, "Recording") {
        return switch.effect(aspect(ReplayField::Recording), before, false);
    }
    Some(match rest {
        "Live" => Effect::is(aspect(ReplayField::Live), true),
        "Recorded" => Effect::is(aspect(ReplayField::Live), false),
        "LiveToggle" => Switch::Toggle.effect(aspect(ReplayField::Live), before, false)?,
        "SelectChannelA" => Effect::is(aspect(ReplayField::ChannelMode), "A"),
        "SelectChannelB" => Effect::is(aspect(ReplayField::ChannelMode), "B"),
        "SelectChannelAB" => Effect::is(aspect(ReplayField::ChannelMode), "AB"),
        "SetSpeed" => {
            let speed = function.param("Value")?.parse().ok()?;
            Effect::one(Wanted::new(aspect(ReplayField::Speed), Want::Near(speed)))
        }
        "Play" | "PlayLastEvent" | "PlayLastEventToOutput" => {
            Effect::one(Wanted::is(Aspect::Activator("ReplayPlaying"), "1").soft())
        }
        "Pause" => Effect::one(Wanted::is(Aspect::Activator("ReplayPlaying"), "0").soft()),
        _ => return None,
    })
}
