//! What a client was last told, and the activator lines that tell what is different since.

use super::model::{BUSSES, Input, Model};

/// Activators with one value: name and value.
type Single = (String, String);

#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub tally: String,
    /// Activators that an input number follows, and the input that has them; 0 is none.
    places: Vec<(String, usize)>,
    inputs: Vec<OfInput>,
    singles: Vec<Single>,
}

#[derive(Debug, Clone, PartialEq)]
struct OfInput {
    playing: bool,
    audio: bool,
    solo: bool,
    volume: f32,
    /// Of master and busses.
    busses: [bool; BUSSES.len() + 1],
}

fn digit(on: bool) -> &'static str {
    if on { "1" } else { "0" }
}

/// The gain a fader makes, 0 to 1.
fn gain(fader: f64) -> f32 {
    (fader / 100.0).powi(4) as f32
}

impl OfInput {
    fn of(input: &Input) -> Self {
        let mut busses = [false; BUSSES.len() + 1];
        for (at, letter) in ['M'].iter().chain(&BUSSES).enumerate() {
            busses[at] = input.busses.contains(letter);
        }
        Self { playing: input.playing, audio: !input.muted, solo: input.solo, volume: gain(input.fader), busses }
    }

    fn values(&self) -> Vec<(String, String)> {
        let switches = [("InputPlaying", self.playing), ("InputAudio", self.audio), ("InputSolo", self.solo)];
        let mut all: Vec<_> = switches.iter().map(|(name, on)| ((*name).to_string(), digit(*on).to_string())).collect();
        all.push(("InputVolume".into(), self.volume.to_string()));
        for (at, on) in self.busses.iter().enumerate() {
            let name = match at.checked_sub(1) {
                None => "InputMasterAudio".to_string(),
                Some(bus) => format!("InputBus{}Audio", BUSSES[bus]),
            };
            all.push((name, digit(*on).to_string()));
        }
        all
    }
}

impl Told {
    pub fn of(model: &Model) -> Self {
        let mut places = vec![("Input".to_string(), model.program), ("InputPreview".to_string(), model.preview)];
        for (at, mix) in model.mixes.iter().enumerate() {
            places.push((format!("InputMix{}", at + 2), mix.program));
            places.push((format!("InputPreviewMix{}", at + 2), mix.preview));
        }
        places.extend(model.overlays.iter().enumerate().map(|(at, n)| (format!("Overlay{}", at + 1), *n)));
        Self {
            tally: model.tally(),
            places,
            inputs: model.inputs.iter().map(OfInput::of).collect(),
            singles: singles(model),
        }
    }

    /// Activator lines that lead from `self` to `new`.
    pub fn acts_to(&self, new: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for ((name, from), (_, to)) in self.places.iter().zip(&new.places) {
            if from != to {
                let ends = [(from, 0), (to, 1)].into_iter().filter(|(n, _)| **n > 0);
                lines.extend(ends.map(|(n, on)| format!("ACTS OK {name} {n} {on}")));
            }
        }
        // Inputs that came or went move the numbers: vMix's clients read the state then.
        if self.inputs.len() == new.inputs.len() {
            for (at, (from, to)) in self.inputs.iter().zip(&new.inputs).enumerate() {
                if from != to {
                    let changed = from.values().into_iter().zip(to.values()).filter(|(a, b)| a != b);
                    lines.extend(changed.map(|(_, (name, value))| format!("ACTS OK {name} {} {value}", at + 1)));
                }
            }
        }
        for (from, to) in self.singles.iter().zip(&new.singles) {
            if from != to {
                lines.push(format!("ACTS OK {} {}", to.0, to.1));
            }
        }
        lines
    }

    /// The value of `Name` or `Name 3`.
    pub fn activator(&self, asked: &str) -> Option<String> {
        let Some((name, number)) = asked.split_once(' ') else {
            return self.singles.iter().find(|(n, _)| n == asked).map(|(_, v)| v.clone());
        };
        let number: usize = number.trim().parse().ok()?;
        let input = self.inputs.get(number.checked_sub(1)?)?;
        if let Some((_, at)) = self.places.iter().find(|(n, _)| n == name) {
            return Some(digit(*at == number).to_string());
        }
        input.values().into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }
}

fn singles(model: &Model) -> Vec<Single> {
    let replay = model.replay();
    let mut all: Vec<Single> = [
        ("FadeToBlack", model.fade_to_black),
        ("Recording", model.recording),
        ("External", model.external),
        ("Streaming", model.streaming()),
        ("MultiCorder", model.multi_corder),
        ("Fullscreen", model.fullscreen),
        ("MasterAudio", !model.master.muted),
        ("ReplayPlaying", replay.is_some_and(|r| r.playing)),
        ("ReplayRecording", replay.is_some_and(|r| r.recording)),
    ]
    .map(|(name, on)| (name.to_string(), digit(on).to_string()))
    .to_vec();
    all.push(("MasterVolume".into(), gain(model.master.fader).to_string()));
    all.push(("MasterHeadphones".into(), gain(model.headphones).to_string()));
    for (letter, bus) in BUSSES.iter().zip(&model.busses) {
        all.push((format!("Bus{letter}Volume"), gain(bus.fader).to_string()));
        all.push((format!("Bus{letter}Audio"), digit(!bus.muted).into()));
        all.push((format!("Bus{letter}Solo"), digit(bus.solo).into()));
    }
    all
}
