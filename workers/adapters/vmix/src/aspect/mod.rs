//! What the state tells, one thing at a time, and what it is wanted to be.

mod want;

pub use want::{Want, Wanted};

use crate::{
    session::Pushed,
    state::{Input, State, fader, shown},
};
use serde_json::{Value, json};

/// One thing the state tells. Inputs are named by [`Input::handle`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    Program,
    Preview,
    MixProgram(u32),
    MixPreview(u32),
    Overlay(u32),
    Flag(Flag),
    Stream(u32),
    /// All inputs there are.
    Inputs,
    Input(String, Field),
    Bus(char, BusField),
    Headphones,
    TransitionEffect(u32),
    TransitionDuration(u32),
    Dynamic(String),
    Replay(ReplayField),
    /// What pushes tell and the state does not.
    Activator(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    FadeToBlack,
    Recording,
    External,
    Streaming,
    MultiCorder,
    PlayList,
    Fullscreen,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Present,
    Title,
    Number,
    Text(String),
    Image(String),
    /// All texts and images.
    Contents,
    Muted,
    Volume,
    Balance,
    Solo,
    Bus(char),
    Playing,
    Loop,
    Position,
    Selected,
    Items,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BusField {
    Muted,
    Volume,
    Solo,
    SendToMaster,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReplayField {
    Live,
    Recording,
    ChannelMode,
    CameraA,
    CameraB,
    Speed,
}

impl Aspect {
    pub fn of(input: &Input, field: Field) -> Self {
        Aspect::Input(input.handle(), field)
    }

    fn is_title(&self) -> bool {
        matches!(self, Aspect::Input(_, Field::Title))
    }

    /// The input it is about, if that is there.
    fn input<'a>(&self, state: &'a State) -> Option<&'a Input> {
        let Aspect::Input(handle, _) = self else { return None };
        state.inputs.iter().find(|i| i.handle() == *handle)
    }

    /// It is about an input that is gone; looking on would be in vain.
    pub fn is_gone(&self, state: &State) -> bool {
        matches!(self, Aspect::Input(_, field) if *field != Field::Present) && self.input(state).is_none()
    }

    /// As JSON; inputs by their handle, nothing as null. `None`: the state has no such thing.
    pub fn read(&self, state: &State, pushed: &Pushed) -> Option<Value> {
        let handle = |input: Option<&Input>| Some(input.map_or(Value::Null, |i| Value::from(i.handle())));
        let numbered = |number: Option<u32>| handle(number.and_then(|n| state.input(n)));
        match self {
            Aspect::Program => handle(state.program_input()),
            Aspect::Preview => handle(state.preview_input()),
            Aspect::MixProgram(n) => numbered(state.mixes.get(n)?.program),
            Aspect::MixPreview(n) => numbered(state.mixes.get(n)?.preview),
            Aspect::Overlay(n) => handle(state.overlay_input(*n)),
            Aspect::Flag(flag) => Some(flag.read(state).into()),
            Aspect::Stream(n) => Some(state.streams.get(n).copied().unwrap_or(false).into()),
            Aspect::Inputs => Some(state.inputs.len().into()),
            Aspect::Input(_, Field::Present) => Some(self.input(state).is_some().into()),
            Aspect::Input(_, field) => field.read(self.input(state)?),
            Aspect::Bus(letter, field) => {
                let bus = state.busses.get(letter)?;
                match field {
                    BusField::Muted => Some(bus.muted.into()),
                    BusField::Volume => Some(round(fader(bus.volume))),
                    BusField::Solo => bus.solo.map(Into::into),
                    BusField::SendToMaster => bus.send_to_master.map(Into::into),
                }
            }
            Aspect::Headphones => state.headphones.map(|v| round(fader(v))),
            Aspect::TransitionEffect(n) => state.transitions.get(n).map(|(effect, _)| effect.as_str().into()),
            Aspect::TransitionDuration(n) => state.transitions.get(n).map(|(_, ms)| (*ms).into()),
            Aspect::Dynamic(name) => state.dynamic.get(name).map(|v| v.as_str().into()),
            Aspect::Replay(field) => {
                let replay = state.replay()?;
                Some(match field {
                    ReplayField::Live => replay.live.into(),
                    ReplayField::Recording => replay.recording.into(),
                    ReplayField::ChannelMode => replay.channel_mode.as_str().into(),
                    ReplayField::CameraA => replay.camera_a.into(),
                    ReplayField::CameraB => replay.camera_b.into(),
                    ReplayField::Speed => replay.speed.into(),
                })
            }
            Aspect::Activator(name) => pushed.value(name).map(Into::into),
        }
    }

    /// The name of its value in results.
    pub fn id(&self) -> String {
        match self {
            Aspect::Program => "program".into(),
            Aspect::Preview => "preview".into(),
            Aspect::MixProgram(n) => format!("mix.{n}.program"),
            Aspect::MixPreview(n) => format!("mix.{n}.preview"),
            Aspect::Overlay(n) => format!("overlay.{n}"),
            Aspect::Flag(flag) => flag.id().into(),
            Aspect::Stream(n) => format!("stream.{n}"),
            Aspect::Inputs => "inputs".into(),
            Aspect::Input(_, field) => field.id(),
            Aspect::Bus(letter, field) => {
                let bus = if *letter == 'M' { "master".into() } else { letter.to_ascii_lowercase().to_string() };
                let field = match field {
                    BusField::Muted => "muted",
                    BusField::Volume => "volume",
                    BusField::Solo => "solo",
                    BusField::SendToMaster => "send_to_master",
                };
                format!("{bus}.{field}")
            }
            Aspect::Headphones => "headphones.volume".into(),
            Aspect::TransitionEffect(n) => format!("transition.{n}.effect"),
            Aspect::TransitionDuration(n) => format!("transition.{n}.duration_ms"),
            Aspect::Dynamic(name) => format!("dynamic.{name}"),
            Aspect::Replay(field) => format!("replay.{}", field.id()),
            Aspect::Activator(name) => format!("activator.{name}"),
        }
    }

    /// `volume of input 2 "Camera 2"`
    fn text(&self, state: &State) -> String {
        match self {
            Aspect::Input(handle, field) => {
                let input = self.input(state).map_or_else(|| handle.clone(), Input::label);
                match field {
                    Field::Present => format!("input {input}"),
                    other => format!("{} of input {input}", other.id().replace('_', " ")),
                }
            }
            other => other.id().replace(['.', '_'], " "),
        }
    }

    fn show(&self, value: &Value, state: &State) -> String {
        let places = matches!(
            self,
            Aspect::Program | Aspect::Preview | Aspect::MixProgram(_) | Aspect::MixPreview(_) | Aspect::Overlay(_)
        );
        match value {
            Value::Null if places => "empty".into(),
            Value::String(handle) if places => {
                let input = state.inputs.iter().find(|i| i.handle() == *handle);
                format!("input {}", input.map_or_else(|| handle.clone(), Input::label))
            }
            Value::Bool(there) if matches!(self, Aspect::Input(_, Field::Present)) => {
                if *there { "there" } else { "gone" }.into()
            }
            Value::Bool(on) => if *on { "on" } else { "off" }.into(),
            Value::String(text) => format!("{:?}", shown(text)),
            other => shown(&other.to_string()),
        }
    }

    /// What results say it is: inputs in places by number, long texts shortened.
    pub fn result(&self, state: &State, pushed: &Pushed) -> Value {
        match (self, self.read(state, pushed)) {
            (Aspect::Input(_, Field::Contents), _) => {
                let input = self.input(state);
                json!(input.map(|i| {
                    contents(i).iter().map(|(n, v)| json!({"name": n, "value": shown(v)})).collect::<Vec<_>>()
                }))
            }
            (Aspect::Input(_, Field::Items), _) => json!(self.input(state).map(|i| i.items.len())),
            (Aspect::Input(..), Some(Value::String(text))) => shown(&text).into(),
            (_, Some(Value::String(handle))) => {
                let input = state.inputs.iter().find(|i| i.handle() == handle);
                input.map_or_else(|| shown(&handle).into(), |i| i.number.into())
            }
            (_, value) => value.unwrap_or(Value::Null),
        }
    }
}

impl Flag {
    fn read(self, state: &State) -> bool {
        match self {
            Flag::FadeToBlack => state.fade_to_black,
            Flag::Recording => state.recording,
            Flag::External => state.external,
            Flag::Streaming => state.streaming,
            Flag::MultiCorder => state.multi_corder,
            Flag::PlayList => state.play_list,
            Flag::Fullscreen => state.fullscreen,
        }
    }
    fn id(self) -> &'static str {
        match self {
            Flag::FadeToBlack => "fade_to_black",
            Flag::Recording => "recording",
            Flag::External => "external",
            Flag::Streaming => "streaming",
            Flag::MultiCorder => "multi_corder",
            Flag::PlayList => "play_list",
            Flag::Fullscreen => "fullscreen",
        }
    }
}

impl ReplayField {
    fn id(self) -> &'static str {
        match self {
            ReplayField::Live => "live",
            ReplayField::Recording => "recording",
            ReplayField::ChannelMode => "channel_mode",
            ReplayField::CameraA => "camera_a",
            ReplayField::CameraB => "camera_b",
            ReplayField::Speed => "speed",
        }
    }
}

impl Field {
    fn read(&self, input: &Input) -> Option<Value> {
        match self {
            Field::Present => Some(true.into()),
            Field::Title => Some(input.title.as_str().into()),
            Field::Number => Some(input.number.into()),
            Field::Text(name) => Input::field(&input.texts, name).map(Into::into),
            Field::Image(name) => Input::field(&input.images, name).map(Into::into),
            Field::Contents => Some(json!([contents(input), input.selected])),
            Field::Muted => input.muted.map(Into::into),
            Field::Volume => input.volume.map(|v| round(fader(v))),
            Field::Balance => input.balance.map(Into::into),
            Field::Solo => input.solo.map(Into::into),
            Field::Bus(letter) => input.busses.as_ref().map(|b| b.contains(*letter).into()),
            Field::Playing => Some((input.state == "Running").into()),
            Field::Loop => Some(input.looping.into()),
            Field::Position => Some(input.position_ms.into()),
            Field::Selected => input.selected.map(Into::into),
            Field::Items => Some(input.items.clone().into()),
        }
    }

    fn id(&self) -> String {
        match self {
            Field::Present => "there".into(),
            Field::Title => "title".into(),
            Field::Number => "number".into(),
            Field::Text(name) => format!("text {}", shown(name)),
            Field::Image(name) => format!("image {}", shown(name)),
            Field::Contents => "contents".into(),
            Field::Muted => "muted".into(),
            Field::Volume => "volume".into(),
            Field::Balance => "balance".into(),
            Field::Solo => "solo".into(),
            Field::Bus(letter) => format!("bus {letter}"),
            Field::Playing => "playing".into(),
            Field::Loop => "loop".into(),
            Field::Position => "position_ms".into(),
            Field::Selected => "selected".into(),
            Field::Items => "items".into(),
        }
    }
}

fn contents(input: &Input) -> Vec<(String, String)> {
    input.texts.iter().chain(&input.images).cloned().collect()
}

/// A fader to two decimals: what lies beyond is the single precision of the gain.
fn round(value: f64) -> Value {
    ((value * 100.0).round() / 100.0).into()
}
