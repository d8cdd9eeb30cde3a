//! The XML state document, pure: text in, state out. Bounded in inputs, depth and length of text.

#[cfg(test)]
mod tests;

use quick_xml::{
    XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
    reader::Reader,
};
use serde_json::{Value, json};

/// Most inputs read; vMix itself stops at 1,000.
pub const INPUTS_MAX: usize = 1_000;
/// Deepest nesting read, elements.
const DEPTH_MAX: usize = 32;
/// Longest title or other text kept, characters. 1,000 of them fit a result document.
const TEXT_MAX_CHARS: usize = 120;
/// What a simulator calls its edition.
const SIMULATOR_EDITION: &str = "Simulator";

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    pub number: u32,
    /// GUID: stays with the input when numbers move.
    pub key: String,
    pub title: String,
    /// vMix's type, like `Capture`.
    pub kind: String,
    /// `Running`, `Paused` or `Completed`.
    pub state: String,
    pub duration_ms: u64,
    pub position_ms: u64,
    pub looping: bool,
    /// None where the input has no sound.
    pub muted: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    pub version: String,
    pub edition: String,
    pub preset: Option<String>,
    pub inputs: Vec<Input>,
    /// Number of the input on program.
    pub program: Option<u32>,
    pub preview: Option<u32>,
    /// Overlay channel and the number of the input on it.
    pub overlays: Vec<(u32, u32)>,
    pub fade_to_black: bool,
    pub recording: bool,
    pub external: bool,
    pub streaming: bool,
    pub play_list: bool,
    pub multi_corder: bool,
    pub fullscreen: bool,
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

impl Input {
    /// How results name an input.
    pub fn reference(&self) -> Value {
        json!({"number": self.number, "key": self.key, "title": self.title})
    }
    /// How messages name it: `2 "Camera 2"`.
    pub fn label(&self) -> String {
        format!("{} {:?}", self.number, self.title)
    }
}

impl State {
    pub fn parse(xml: &str) -> Result<Self, StateError> {
        let mut parser = Parser::default();
        parser.run(xml)?;
        parser.finish()
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
        let labels: Vec<String> = inputs.into_iter().take(count).map(Input::label).collect();
        labels.join(", ")
    }
}

#[derive(Default)]
struct Parser {
    state: State,
    path: Vec<String>,
    text: String,
    overlay: Option<u32>,
    seen_active: bool,
}

impl Parser {
    fn run(&mut self, xml: &str) -> Result<(), StateError> {
        let mut reader = Reader::from_str(xml);
        loop {
            match reader.read_event().map_err(not_xml)? {
                Event::Start(element) => self.open(&element)?,
                Event::End(_) => self.close()?,
                Event::Empty(element) => {
                    self.open(&element)?;
                    self.close()?;
                }
                Event::Text(text) => self.append(&text.xml10_content()),
                Event::CData(text) => self.append(&text.xml10_content()),
                Event::GeneralRef(entity) => match entity.resolve_char_ref().map_err(not_xml)? {
                    Some(c) => self.append(c.encode_utf8(&mut [0; 4])),
                    None => {
                        let known = resolve_predefined_entity(&entity);
                        self.append(known.ok_or_else(|| not_xml(format!("unknown entity &{};", &*entity)))?);
                    }
                },
                // Entities of its own are how a small document becomes a large one; vMix declares none.
                Event::DocType(_) => return Err(not_xml("it declares a document type")),
                Event::Eof => return Ok(()),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    fn append(&mut self, text: &str) {
        let room = TEXT_MAX_CHARS.saturating_sub(self.text.chars().count());
        self.text.extend(text.chars().take(room));
    }

    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), StateError> {
        if self.path.len() >= DEPTH_MAX {
            return Err(StateError::TooMuch { what: "nested elements", limit: DEPTH_MAX });
        }
        self.path.push(element.name().as_ref().to_string());
        self.text.clear();
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["vmix"] | ["vmix", ..] => {}
            other => return Err(StateError::NotVmix(format!("it starts with <{}>", other.first().unwrap_or(&"")))),
        }
        match path.as_slice() {
            ["vmix", "inputs", "input"] => {
                if self.state.inputs.len() >= INPUTS_MAX {
                    return Err(StateError::TooMuch { what: "inputs", limit: INPUTS_MAX });
                }
                self.state.inputs.push(read_input(element)?);
            }
            ["vmix", "overlays", "overlay"] => {
                self.overlay = attribute(element, "number")?.and_then(|n| n.parse().ok())
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), StateError> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        let state = &mut self.state;
        match path.as_slice() {
            // Only direct children: a second mix has elements of the same names further down.
            ["vmix", name] => match *name {
                "version" => state.version = text.into(),
                "edition" => state.edition = text.into(),
                "preset" => state.preset = Some(text.into()),
                "active" => {
                    state.program = input_number(name, text)?;
                    self.seen_active = true;
                }
                "preview" => state.preview = input_number(name, text)?,
                "fadeToBlack" => state.fade_to_black = truth(text),
                "recording" => state.recording = truth(text),
                "external" => state.external = truth(text),
                "streaming" => state.streaming = truth(text),
                "playList" => state.play_list = truth(text),
                "multiCorder" => state.multi_corder = truth(text),
                "fullscreen" => state.fullscreen = truth(text),
                _ => {}
            },
            ["vmix", "overlays", "overlay"] => {
                if let (Some(channel), Ok(input)) = (self.overlay.take(), text.parse()) {
                    state.overlays.push((channel, input));
                }
            }
            _ => {}
        }
        self.path.pop();
        Ok(())
    }

    fn finish(self) -> Result<State, StateError> {
        if !self.path.is_empty() {
            return Err(not_xml("it ends in the middle"));
        }
        if self.state.version.is_empty() || !self.seen_active {
            return Err(StateError::NotVmix("it has no <version> or no <active>".into()));
        }
        Ok(self.state)
    }
}

fn not_xml(why: impl ToString) -> StateError {
    StateError::NotXml(why.to_string())
}

/// vMix writes booleans as `True` and `False`.
fn truth(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// 0 and nothing both mean that no input is there.
fn input_number(name: &str, text: &str) -> Result<Option<u32>, StateError> {
    match text {
        "" | "0" => Ok(None),
        digits => digits
            .parse()
            .map(Some)
            .map_err(|_| StateError::NotVmix(format!("<{name}> is {digits:?}, not an input number"))),
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, StateError> {
    for found in element.attributes() {
        let found = found.map_err(not_xml)?;
        if found.key.as_ref() == name {
            let value = found.normalized_value(XmlVersion::Implicit1_0).map_err(not_xml)?;
            return Ok(Some(value.chars().take(TEXT_MAX_CHARS).collect()));
        }
    }
    Ok(None)
}

fn read_input(element: &BytesStart<'_>) -> Result<Input, StateError> {
    let mut input = Input::default();
    for found in element.attributes() {
        let found = found.map_err(not_xml)?;
        let value = found.normalized_value(XmlVersion::Implicit1_0).map_err(not_xml)?;
        let text = || value.chars().take(TEXT_MAX_CHARS).collect::<String>();
        let ms = || value.parse().unwrap_or(0);
        match found.key.as_ref() {
            "number" => input.number = value.parse().unwrap_or(0),
            "key" => input.key = text(),
            "title" => input.title = text(),
            "type" => input.kind = text(),
            "state" => input.state = text(),
            "duration" => input.duration_ms = ms(),
            "position" => input.position_ms = ms(),
            "loop" => input.looping = truth(&value),
            "muted" => input.muted = Some(truth(&value)),
            _ => {}
        }
    }
    if input.number == 0 {
        return Err(StateError::NotVmix("an <input> has no number".into()));
    }
    Ok(input)
}
