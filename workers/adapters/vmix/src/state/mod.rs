//! The XML state document as data, and how inputs are named. [`State::parse`] is pure: text in, state out, bounded.

mod parse;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most characters of a title in results and messages: 1,000 inputs fit a result document.
const SHOWN_CHARS: usize = 120;
/// What a simulator calls its edition.
const SIMULATOR_EDITION: &str = "Simulator";
/// Letters of the busses besides the master.
pub const BUS_LETTERS: [char; 7] = ['A', 'B', 'C', 'D', 'E', 'F', 'G'];

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Input {
    pub number: u32,
    /// GUID: stays with the input when numbers move.
    pub key: String,
    pub title: String,
    /// The title without what vMix appends to it, like the item of a list.
    pub short_title: String,
    /// vMix's type, like `Capture`.
    pub kind: String,
    /// `Running`, `Paused` or `Completed`.
    pub state: String,
    pub duration_ms: u64,
    pub position_ms: u64,
    pub looping: bool,
    /// None where the input has no sound.
    pub muted: Option<bool>,
    /// Gain times 100, see [`fader`].
    pub volume: Option<f64>,
    pub balance: Option<f64>,
    pub solo: Option<bool>,
    /// Letters, `M` is the master.
    pub busses: Option<String>,
    /// Item of a list, from 1.
    pub selected: Option<i64>,
    /// Name and content.
    pub texts: Vec<(String, String)>,
    pub images: Vec<(String, String)>,
    pub items: Vec<String>,
    pub replay: Option<Replay>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replay {
    pub live: bool,
    pub recording: bool,
    pub channel_mode: String,
    pub camera_a: i64,
    pub camera_b: i64,
    pub speed: f64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bus {
    /// Gain times 100, see [`fader`].
    pub volume: f64,
    pub muted: bool,
    pub solo: Option<bool>,
    pub send_to_master: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mix {
    pub program: Option<u32>,
    pub preview: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    pub version: String,
    pub edition: String,
    pub preset: Option<String>,
    pub inputs: Vec<Input>,
    /// Number of the input on program.
    pub program: Option<u32>,
    pub preview: Option<u32>,
    /// Overlay channels there are.
    pub channels: Vec<u32>,
    /// Overlay channel and the number of the input on it.
    pub overlays: Vec<(u32, u32)>,
    pub fade_to_black: bool,
    pub recording: bool,
    /// Seconds.
    pub recording_for: Option<u64>,
    pub external: bool,
    pub streaming: bool,
    /// Streams as vMix numbers them, from 1; empty where it does not tell them apart.
    pub streams: BTreeMap<u32, bool>,
    pub play_list: bool,
    pub multi_corder: bool,
    pub fullscreen: bool,
    /// By number, from 2.
    pub mixes: BTreeMap<u32, Mix>,
    /// By letter; `M` is the master.
    pub busses: BTreeMap<char, Bus>,
    /// Gain times 100.
    pub headphones: Option<f64>,
    /// Effect and milliseconds, by number from 1.
    pub transitions: BTreeMap<u32, (String, u64)>,
    /// `input1` to `value4`.
    pub dynamic: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error("the state is not XML: {0}")]
    NotXml(String),
    #[error("the state is XML but not vMix's: {0}")]
    NotVmix(String),
    #[error("the state has more than {limit} {what}")]
    TooMuch { what: &'static str, limit: usize },
}

/// The fader, 0 to 100 as on the screen, that makes the gain the state tells: the state holds (fader/100)⁴·100.
pub fn fader(volume: f64) -> f64 {
    (volume.max(0.0) / 100.0).powf(0.25) * 100.0
}

/// A text as results and messages show it.
pub fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let mut out: String = chars.by_ref().take(SHOWN_CHARS).collect();
    if chars.next().is_some() {
        out.push('…');
    }
    out
}

impl Input {
    /// How results name an input.
    pub fn reference(&self) -> Value {
        json!({"number": self.number, "key": self.key, "title": shown(&self.title)})
    }
    /// How messages name it: `2 "Camera 2"`.
    pub fn label(&self) -> String {
        format!("{} {:?}", self.number, shown(&self.title))
    }
    /// What functions call it: its key, which stays with it when numbers move.
    pub fn handle(&self) -> String {
        if self.key.is_empty() { self.number.to_string() } else { self.key.clone() }
    }
    pub fn is_called(&self, title: &str) -> bool {
        self.title == title || self.short_title == title
    }
    pub fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
        fields.iter().find(|(n, _)| n == name).map(|(_, content)| content.as_str())
    }
}

impl State {
    pub fn parse(xml: &str) -> Result<Self, StateError> {
        parse::parse(xml)
    }

    pub fn input(&self, number: u32) -> Option<&Input> {
        self.inputs.iter().find(|i| i.number == number)
    }
    pub fn program_input(&self) -> Option<&Input> {
        self.program.and_then(|n| self.input(n))
    }
    pub fn preview_input(&self) -> Option<&Input> {
        self.preview.and_then(|n| self.input(n))
    }
    pub fn overlay_input(&self, channel: u32) -> Option<&Input> {
        self.overlays.iter().find(|(c, _)| *c == channel).and_then(|(_, n)| self.input(*n))
    }
    pub fn replay(&self) -> Option<&Replay> {
        self.inputs.iter().find_map(|i| i.replay.as_ref())
    }
    /// The peer says it is a simulator.
    pub fn simulated(&self) -> bool {
        self.edition.eq_ignore_ascii_case(SIMULATOR_EDITION)
    }
    /// `vMix 29.0.0.49 (4K)`
    pub fn description(&self) -> String {
        format!("vMix {} ({})", self.version, self.edition)
    }
    /// The existing inputs nearest to a number, nearest first: `3 "Slides", 2 "Camera 2"`.
    pub fn nearest(&self, number: u32, count: usize) -> String {
        let mut inputs: Vec<&Input> = self.inputs.iter().collect();
        inputs.sort_by_key(|i| i.number.abs_diff(number));
        labels(inputs, count)
    }
}

pub fn labels<'a>(inputs: impl IntoIterator<Item = &'a Input>, count: usize) -> String {
    let labels: Vec<String> = inputs.into_iter().take(count).map(Input::label).collect();
    labels.join(", ")
}
