//! Carrying functions out.

use super::{
    BUSSES, Input, Model, NewInput, Running, Then,
    step::{Flag, Length, OfBus, OfInput, OfReplay, Step, Switch, step},
};
use crate::vmix::function::Function;

impl Model {
    /// Begins a function. `wrong` uses another input than the one asked for, `now_ms` is how long the simulator has run.
    /// What cannot be done (no such input, no such function) changes nothing, silently, as in vMix.
    pub fn begin(&mut self, function: &Function, wrong: bool, now_ms: u64) -> Option<Running> {
        let step = step(&function.name)?;
        let named = match function.param("Input") {
            Some(name) => Some(self.resolve(name)?),
            None => None,
        };
        let wanted = named.unwrap_or(self.preview);
        let target = if wrong { self.other_than(wanted) } else { wanted };
        if let Some(mix) = function.param("Mix").and_then(|m| m.parse::<usize>().ok()).filter(|m| *m > 0) {
            self.of_mix(step, mix - 1, named);
            return None;
        }
        match step {
            Step::Cut { keep_preview } => {
                self.arriving = None;
                self.generation += 1;
                self.take(target, keep_preview);
            }
            Step::Transition(length) => {
                let default_ms = match length {
                    Length::Given(ms) => ms,
                    Length::Button(at) => self.transitions[at].1,
                };
                let after_ms = function.param("Duration").and_then(|d| d.parse().ok()).unwrap_or(default_ms);
                self.generation += 1;
                self.arriving = (target > 0).then_some(target);
                return Some(Running { after_ms, then: Then::Take { generation: self.generation } });
            }
            Step::Preview { forwards } => {
                self.preview = match forwards {
                    Some(forwards) if named.is_none() => self.neighbour(forwards),
                    _ => target,
                }
            }
            Step::Input(what) => return self.of_input(what, function, target, now_ms),
            Step::Bus { letter, what } => return self.of_bus(letter, what, function),
            Step::Replay(what) => self.of_replay(what, function),
            other => self.side(other, function, named.map_or(0, |_| target), target),
        }
        None
    }

    fn other_than(&self, wanted: usize) -> usize {
        (1..=self.inputs.len()).rev().find(|n| *n != wanted && *n != self.program && *n != self.preview).unwrap_or(0)
    }

    /// The input before or after the preview, around the ends.
    fn neighbour(&self, forwards: bool) -> usize {
        let count = self.inputs.len().max(1);
        let at = self.preview.saturating_sub(1);
        if forwards { (at + 1) % count + 1 } else { (at + count - 1) % count + 1 }
    }

    fn of_mix(&mut self, step: Step, at: usize, named: Option<usize>) {
        let Some(mix) = self.mixes.get_mut(at) else { return };
        match step {
            Step::Cut { keep_preview } => {
                let to = named.unwrap_or(mix.preview);
                if to != 0 && to != mix.program {
                    if !keep_preview {
                        mix.preview = mix.program;
                    }
                    mix.program = to;
                }
            }
            Step::Transition(_) => mix.program = named.unwrap_or(mix.preview),
            Step::Preview { .. } => mix.preview = named.unwrap_or(mix.preview),
            _ => {}
        }
    }

    /// `named` is 0 where no input was named.
    fn side(&mut self, step: Step, function: &Function, named: usize, target: usize) {
        let value = function.param("Value").unwrap_or_default();
        match step {
            Step::Flag { which, switch } => {
                let flag = self.flag(which);
                *flag = switch.apply(*flag);
            }
            Step::Overlay { channel, switch } => {
                let shown = self.overlays[channel];
                let on = match switch {
                    Switch::Toggle => shown != target,
                    other => other.apply(shown != 0),
                };
                self.overlays[channel] = if on { target } else { 0 };
            }
            Step::OverlaysOff => self.overlays = [0; super::OVERLAYS],
            Step::Stream(switch) => {
                let one = value.parse::<usize>().ok();
                for (at, stream) in self.streams.iter_mut().enumerate() {
                    // Without a number vMix controls the streams that are set up: here the first.
                    if one.map_or(at == 0 || switch == Switch::Off, |n| n == at) {
                        stream.on = switch.apply(stream.on);
                    }
                }
            }
            Step::StreamUrl | Step::StreamKey => {
                let (at, text) = match value.split_once(',') {
                    Some((at, text)) if at.parse::<usize>().is_ok() => (at.parse().unwrap_or(0), text),
                    _ => (0, value),
                };
                if let Some(stream) = self.streams.get_mut(at) {
                    let to = if step == Step::StreamUrl { &mut stream.url } else { &mut stream.key };
                    *to = text.into();
                }
            }
            Step::Add => {
                if let Some((kind, source)) = value.split_once('|') {
                    let title = source.rsplit(['\\', '/']).next().unwrap_or(source);
                    let title = if kind == "NDI" { format!("NDI {title}") } else { title.to_string() };
                    self.add(NewInput { kind: kind.into(), title });
                }
            }
            Step::Remove => self.remove(target),
            Step::Move => self.relocate(target, value.parse().unwrap_or(0)),
            Step::SoloAllOff => {
                self.inputs.iter_mut().for_each(|i| i.solo = false);
                self.busses.iter_mut().for_each(|b| b.solo = false);
            }
            Step::TransitionEffect(at) => self.transitions[at].0 = value.into(),
            Step::TransitionDuration(at) => self.transitions[at].1 = value.parse().unwrap_or(self.transitions[at].1),
            Step::DynamicInput(at) => self.dynamic_inputs[at] = value.into(),
            Step::DynamicValue(at) => self.dynamic_values[at] = value.into(),
            Step::PlayListEntry { forwards } => {
                let at = &mut self.play_list_at.1;
                *at = if forwards { *at + 1 } else { at.saturating_sub(1) };
            }
            Step::PlayListName => self.play_list_at = (value.into(), 0),
            Step::Script { start: true, .. } => self.scripts.push(value.into()),
            Step::Script { all, .. } => self.scripts.retain(|s| !all && s != value),
            Step::Snapshot => {
                let of = if function.name == "SnapshotInput" { named } else { 0 };
                self.snapshots.push((of, value.into()));
            }
            _ => {}
        }
    }

    fn flag(&mut self, which: Flag) -> &mut bool {
        match which {
            Flag::FadeToBlack => &mut self.fade_to_black,
            Flag::Recording => &mut self.recording,
            Flag::External => &mut self.external,
            Flag::MultiCorder => &mut self.multi_corder,
            Flag::Fullscreen => &mut self.fullscreen,
            Flag::PlayList => &mut self.play_list,
        }
    }

    fn of_input(&mut self, what: OfInput, function: &Function, target: usize, now_ms: u64) -> Option<Running> {
        let input = self.input_mut(target)?;
        let value = function.param("Value").unwrap_or_default();
        let number = || value.parse::<f64>().ok();
        match what {
            OfInput::Title => input.title = value.into(),
            OfInput::Text => set_field(&mut input.texts, function, value),
            OfInput::Image => set_field(&mut input.images, function, value),
            OfInput::Preset { forwards } => {
                let count = input.presets.len().max(1);
                let to = match forwards {
                    Some(true) => (input.preset + 1) % count,
                    Some(false) => (input.preset + count - 1) % count,
                    None => value.parse().unwrap_or(usize::MAX),
                };
                input.take_preset(to);
            }
            OfInput::Muted(switch) => input.muted = !switch.apply(!input.muted),
            OfInput::Solo(switch) => input.solo = switch.apply(input.solo),
            OfInput::Bus(switch) => {
                for letter in value.chars().filter(|c| *c == 'M' || BUSSES.contains(c)) {
                    let on = switch.apply(input.busses.contains(&letter));
                    input.busses.retain(|b| *b != letter);
                    if on {
                        input.busses.push(letter);
                    }
                }
                input.busses.sort_by_key(|b| (*b != 'M', *b));
            }
            OfInput::Fader => input.fader = number().unwrap_or(input.fader).clamp(0.0, 100.0),
            OfInput::FaderFade => {
                let (fader, after_ms) = fade(value)?;
                let then = Then::Fader { input: Some(input.key.clone()), bus: None, fader };
                return Some(Running { after_ms, then });
            }
            OfInput::Balance => input.balance = number().unwrap_or(input.balance).clamp(-1.0, 1.0),
            OfInput::Playing(switch) => input.play(switch.apply(input.playing), now_ms),
            OfInput::Restart => input.go_to(0, now_ms),
            OfInput::Loop(switch) => input.looping = switch.apply(input.looping),
            OfInput::Position => input.go_to(value.parse().unwrap_or(input.position_ms), now_ms),
            OfInput::Select { forwards } => {
                let count = input.items.len();
                let to = match forwards {
                    Some(true) => (input.selected + 1).min(count),
                    Some(false) => input.selected.saturating_sub(1).max(1),
                    None => value.parse().unwrap_or(0),
                };
                if (1..=count).contains(&to) {
                    input.selected = to;
                }
            }
            OfInput::ListAdd => {
                input.items.push(value.into());
                input.selected = input.selected.max(1);
            }
            OfInput::ListRemove => {
                let at =
                    value.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|at| *at < input.items.len())?;
                input.items.remove(at);
                input.selected = input.selected.min(input.items.len());
            }
            OfInput::ListClear => {
                input.items.clear();
                input.selected = 0;
            }
            OfInput::NdiSource => {
                input.source = value.into();
                input.title = format!("NDI {value}");
            }
            camera => of_camera(input, camera, function),
        }
        None
    }

    fn of_bus(&mut self, letter: Option<char>, what: OfBus, function: &Function) -> Option<Running> {
        let value = function.param("Value").unwrap_or_default();
        let letter = letter.or_else(|| value.chars().next())?;
        if what == OfBus::FaderFade {
            let (fader, after_ms) = fade(value)?;
            return Some(Running { after_ms, then: Then::Fader { input: None, bus: Some(letter), fader } });
        }
        if what == OfBus::Fader {
            let fader = self.fader(letter)?;
            *fader = value.parse().unwrap_or(*fader).clamp(0.0, 100.0);
            return None;
        }
        let bus = self.bus(letter)?;
        match what {
            OfBus::Muted(switch) => bus.muted = !switch.apply(!bus.muted),
            OfBus::Solo(switch) => bus.solo = switch.apply(bus.solo),
            OfBus::SendToMaster(switch) => bus.send_to_master = switch.apply(bus.send_to_master),
            OfBus::Fader | OfBus::FaderFade => {}
        }
        None
    }

    fn of_replay(&mut self, what: OfReplay, function: &Function) {
        let Some(replay) = self.inputs.iter_mut().find_map(|i| i.replay.as_mut()) else { return };
        let value = function.param("Value").unwrap_or_default();
        match what {
            OfReplay::Live(switch) => replay.live = switch.apply(replay.live),
            OfReplay::Recording(switch) => replay.recording = switch.apply(replay.recording),
            OfReplay::Camera { channel, camera } => replay.cameras[channel] = camera,
            OfReplay::Mode(mode) => replay.channel_mode = mode,
            OfReplay::Speed => replay.speed = value.parse().unwrap_or(replay.speed),
            OfReplay::Play => {
                replay.playing = true;
                replay.events.push(function.name.clone());
            }
            OfReplay::Pause => replay.playing = false,
            OfReplay::Mark => replay.events.push(format!("{} {value}", function.name).trim_end().to_string()),
        }
    }
}

fn of_camera(input: &mut Input, what: OfInput, function: &Function) {
    let value = function.param("Value").unwrap_or_default();
    match what {
        OfInput::PtzMove => input.ptz.moving = Some(format!("{} {value}", function.name)),
        OfInput::PtzStop => input.ptz.moving = None,
        OfInput::PtzZoom => input.ptz.zooming = Some(format!("{} {value}", function.name)),
        OfInput::PtzZoomStop => input.ptz.zooming = None,
        OfInput::PtzHome => input.ptz.position = "home".into(),
        OfInput::PtzPreset { by_index: false } => input.ptz.position = input.title.clone(),
        OfInput::PtzPreset { by_index: true } => input.ptz.position = format!("index {value}"),
        _ => {}
    }
}

/// The field that `SelectedName` or `SelectedIndex` names; without either the first.
fn set_field(fields: &mut [(String, String)], function: &Function, value: &str) {
    let at = match (function.param("SelectedName"), function.param("SelectedIndex")) {
        (Some(name), _) => fields.iter().position(|(n, _)| n == name),
        (None, Some(index)) => index.parse().ok(),
        (None, None) => Some(0),
    };
    if let Some(field) = at.and_then(|at| fields.get_mut(at)) {
        field.1 = value.into();
    }
}

/// `fader,milliseconds`
fn fade(value: &str) -> Option<(f64, u64)> {
    let (fader, ms) = value.split_once(',')?;
    Some((fader.trim().parse::<f64>().ok()?.clamp(0.0, 100.0), ms.trim().parse().ok()?))
}
