//! What the simulated vMix is: inputs, what is on program and preview, and how functions change it. No IO, no time.

use super::function::Function;

/// Overlay channels of the simulated edition.
pub const OVERLAYS: usize = 4;
/// Length of a transition without `Duration=`, milliseconds: vMix's own default.
const TRANSITION_MS: u64 = 500;

#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// GUID.
    pub key: String,
    pub title: String,
    /// vMix type, like `Capture`.
    pub kind: &'static str,
    pub muted: bool,
    /// Fader, 0 to 100.
    pub fader: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub inputs: Vec<Input>,
    /// Number of the input on program, from 1; 0 is none.
    pub program: usize,
    pub preview: usize,
    /// The input a running transition leads to.
    pub arriving: Option<usize>,
    /// Input number on each overlay channel; 0 is none.
    pub overlays: [usize; OVERLAYS],
    pub fade_to_black: bool,
    pub recording: bool,
    pub external: bool,
    pub streaming: bool,
    pub multi_corder: bool,
    pub fullscreen: bool,
    generation: u64,
}

/// A transition under way: to be ended with [`Model::finish`] after `after_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    pub after_ms: u64,
    generation: u64,
}

/// A function in terms of the model.
enum Step {
    Cut { keep_preview: bool },
    Transition { default_ms: u64 },
    Preview { forwards: Option<bool> },
    Overlay { channel: usize, switch: Switch },
    Flag { which: Flag, switch: Switch },
    Fader,
    Muted(Switch),
    Title,
}

#[derive(Clone, Copy)]
enum Switch {
    On,
    Off,
    Toggle,
}

#[derive(Clone, Copy)]
enum Flag {
    FadeToBlack,
    Recording,
    External,
    Streaming,
    MultiCorder,
    Fullscreen,
}

impl Switch {
    fn apply(self, now: bool) -> bool {
        match self {
            Switch::On => true,
            Switch::Off => false,
            Switch::Toggle => !now,
        }
    }
}

fn step(name: &str) -> Option<Step> {
    let flag = |which, switch| Some(Step::Flag { which, switch });
    match name {
        "Cut" => Some(Step::Cut { keep_preview: false }),
        "CutDirect" | "ActiveInput" => Some(Step::Cut { keep_preview: true }),
        "Fade" | "Zoom" | "Wipe" | "Slide" | "Fly" | "CrossZoom" | "Merge" => {
            Some(Step::Transition { default_ms: TRANSITION_MS })
        }
        "Transition1" => Some(Step::Transition { default_ms: TRANSITION_MS }),
        "Transition2" => Some(Step::Transition { default_ms: 2 * TRANSITION_MS }),
        "PreviewInput" => Some(Step::Preview { forwards: None }),
        "PreviewInputNext" => Some(Step::Preview { forwards: Some(true) }),
        "PreviewInputPrevious" => Some(Step::Preview { forwards: Some(false) }),
        "FadeToBlack" => flag(Flag::FadeToBlack, Switch::Toggle),
        "StartRecording" => flag(Flag::Recording, Switch::On),
        "StopRecording" => flag(Flag::Recording, Switch::Off),
        "StartStopRecording" => flag(Flag::Recording, Switch::Toggle),
        "StartExternal" => flag(Flag::External, Switch::On),
        "StopExternal" => flag(Flag::External, Switch::Off),
        "StartStopExternal" => flag(Flag::External, Switch::Toggle),
        "StartStreaming" => flag(Flag::Streaming, Switch::On),
        "StopStreaming" => flag(Flag::Streaming, Switch::Off),
        "StartStopStreaming" => flag(Flag::Streaming, Switch::Toggle),
        "StartMultiCorder" => flag(Flag::MultiCorder, Switch::On),
        "StopMultiCorder" => flag(Flag::MultiCorder, Switch::Off),
        "StartStopMultiCorder" => flag(Flag::MultiCorder, Switch::Toggle),
        "Fullscreen" => flag(Flag::Fullscreen, Switch::Toggle),
        "FullscreenOn" => flag(Flag::Fullscreen, Switch::On),
        "FullscreenOff" => flag(Flag::Fullscreen, Switch::Off),
        "SetVolume" => Some(Step::Fader),
        "AudioOn" => Some(Step::Muted(Switch::Off)),
        "AudioOff" => Some(Step::Muted(Switch::On)),
        "Audio" => Some(Step::Muted(Switch::Toggle)),
        "SetInputName" => Some(Step::Title),
        _ => overlay_step(name),
    }
}

/// `OverlayInput1`, `OverlayInput1In`, `OverlayInput1Out`, `OverlayInput1Off`.
fn overlay_step(name: &str) -> Option<Step> {
    let rest = name.strip_prefix("OverlayInput")?;
    let channel = rest.get(..1)?.parse::<usize>().ok().filter(|c| (1..=OVERLAYS).contains(c))? - 1;
    let switch = match rest.get(1..)? {
        "" => Switch::Toggle,
        "In" => Switch::On,
        "Out" | "Off" => Switch::Off,
        _ => return None,
    };
    Some(Step::Overlay { channel, switch })
}

impl Model {
    /// `count` inputs, with `program` and `preview` chosen.
    pub fn new(count: usize, program: usize, preview: usize) -> Self {
        Self {
            inputs: (1..=count).map(input).collect(),
            program: program.min(count),
            preview: preview.min(count),
            arriving: None,
            overlays: [0; OVERLAYS],
            fade_to_black: false,
            recording: false,
            external: false,
            streaming: false,
            multi_corder: false,
            fullscreen: false,
            generation: 0,
        }
    }

    /// Whether the simulator does anything for a function of this name.
    pub fn models(name: &str) -> bool {
        step(name).is_some()
    }

    /// One digit per input: 1 on program (or arriving there, or on an overlay), 2 on preview, 0 neither.
    pub fn tally(&self) -> String {
        (1..=self.inputs.len())
            .map(|n| {
                if n == self.program || self.arriving == Some(n) || self.overlays.contains(&n) {
                    '1'
                } else if n == self.preview {
                    '2'
                } else {
                    '0'
                }
            })
            .collect()
    }

    /// The number of the input that a number, GUID or title names.
    pub fn resolve(&self, name: &str) -> Option<usize> {
        if let Ok(number) = name.parse::<usize>() {
            return (1..=self.inputs.len()).contains(&number).then_some(number);
        }
        let at = self.inputs.iter().position(|i| i.key.eq_ignore_ascii_case(name) || i.title == name)?;
        Some(at + 1)
    }

    /// Begins a function. `wrong` uses another input than the one asked for.
    /// What cannot be done (no such input, no such function) changes nothing, silently, as in vMix.
    pub fn begin(&mut self, function: &Function, wrong: bool) -> Option<Running> {
        let step = step(&function.name)?;
        let named = match function.param("Input") {
            Some(name) => Some(self.resolve(name)?),
            None => None,
        };
        let target = |model: &Self, default: usize| {
            let wanted = named.unwrap_or(default);
            if wrong { model.other_than(wanted) } else { wanted }
        };
        match step {
            Step::Cut { keep_preview } => {
                let to = target(self, self.preview);
                self.arriving = None;
                self.generation += 1;
                self.take(to, keep_preview);
                None
            }
            Step::Transition { default_ms } => {
                let to = target(self, self.preview);
                let after_ms = function.param("Duration").and_then(|d| d.parse().ok()).unwrap_or(default_ms);
                self.generation += 1;
                self.arriving = (to > 0).then_some(to);
                Some(Running { after_ms, generation: self.generation })
            }
            Step::Preview { forwards } => {
                let default = forwards.map_or(self.preview, |forwards| self.neighbour(forwards));
                self.preview = target(self, default);
                None
            }
            other => {
                self.side(other, function, target(self, 0));
                None
            }
        }
    }

    /// Ends the transition `begin` started, unless something else came in between.
    pub fn finish(&mut self, running: Running) {
        if running.generation == self.generation
            && let Some(to) = self.arriving.take()
        {
            self.take(to, false);
        }
    }

    /// Puts `to` on program; what was there goes to preview.
    fn take(&mut self, to: usize, keep_preview: bool) {
        if to == 0 || to == self.program {
            return;
        }
        if !keep_preview {
            self.preview = self.program;
        }
        self.program = to;
    }

    /// The input before or after the preview, around the ends.
    fn neighbour(&self, forwards: bool) -> usize {
        let count = self.inputs.len().max(1);
        let at = self.preview.saturating_sub(1);
        if forwards { (at + 1) % count + 1 } else { (at + count - 1) % count + 1 }
    }

    fn other_than(&self, wanted: usize) -> usize {
        (1..=self.inputs.len()).rev().find(|n| *n != wanted && *n != self.program && *n != self.preview).unwrap_or(0)
    }

    fn side(&mut self, step: Step, function: &Function, target: usize) {
        let value = function.param("Value");
        match step {
            Step::Flag { which, switch } => {
                let flag = self.flag(which);
                *flag = switch.apply(*flag);
            }
            Step::Overlay { channel, switch } => {
                let shown = self.overlays[channel] != 0;
                self.overlays[channel] = if switch.apply(shown) { target } else { 0 };
            }
            Step::Fader | Step::Muted(_) | Step::Title => {
                let Some(input) = target.checked_sub(1).and_then(|at| self.inputs.get_mut(at)) else { return };
                match step {
                    Step::Fader => {
                        input.fader = value.and_then(|v| v.parse().ok()).unwrap_or(input.fader).clamp(0.0, 100.0)
                    }
                    Step::Muted(switch) => input.muted = switch.apply(input.muted),
                    _ => input.title = value.unwrap_or_default().into(),
                }
            }
            Step::Cut { .. } | Step::Transition { .. } | Step::Preview { .. } => {}
        }
    }

    fn flag(&mut self, which: Flag) -> &mut bool {
        match which {
            Flag::FadeToBlack => &mut self.fade_to_black,
            Flag::Recording => &mut self.recording,
            Flag::External => &mut self.external,
            Flag::Streaming => &mut self.streaming,
            Flag::MultiCorder => &mut self.multi_corder,
            Flag::Fullscreen => &mut self.fullscreen,
        }
    }
}

/// Input `number` of a new model. The third title holds markup and a character of three bytes: framing counts bytes.
fn input(number: usize) -> Input {
    let (kind, title) = match number {
        1 | 2 => ("Capture", format!("Camera {number}")),
        3 => ("Video", "Q&A <Café ☕>.mp4".to_string()),
        4 => ("GT", "Lower Third.gtzip".to_string()),
        n => ("Colour", format!("Colour {n}")),
    };
    Input { key: format!("5f0a2c3e-1b7d-4e88-9a40-{number:012x}"), title, kind, muted: number != 1, fader: 100.0 }
}
