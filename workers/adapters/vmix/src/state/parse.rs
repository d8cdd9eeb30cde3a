//! Reading the document. Bounded in inputs, depth and length of text; what is not known is passed over.

use super::{Bus, Input, Mix, Replay, State, StateError};
use quick_xml::{
    XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
    reader::Reader,
};
use std::collections::BTreeSet;

/// Most inputs read; vMix itself stops at 1,000.
pub const INPUTS_MAX: usize = 1_000;
/// Deepest nesting read, elements.
const DEPTH_MAX: usize = 32;
/// Longest title or other text kept, characters.
pub const TEXT_MAX_CHARS: usize = 16_384;
/// Most texts, images and items of one input.
const FIELDS_MAX: usize = 10_000;

pub fn parse(xml: &str) -> Result<State, StateError> {
    let mut parser = Parser::default();
    parser.run(xml)?;
    parser.finish()
}

#[derive(Default)]
struct Parser {
    state: State,
    path: Vec<String>,
    text: String,
    /// Characters of `text`.
    length: usize,
    /// Of the overlay or mix being read.
    number: Option<u32>,
    /// Of the text or image being read.
    name: String,
    seen: BTreeSet<String>,
    ended: bool,
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
        let room = TEXT_MAX_CHARS.saturating_sub(self.length);
        for c in text.chars().take(room) {
            self.text.push(c);
            self.length += 1;
        }
    }

    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), StateError> {
        if self.path.len() >= DEPTH_MAX {
            return Err(StateError::TooMuch { what: "nested elements", limit: DEPTH_MAX });
        }
        if self.ended {
            return Err(StateError::NotVmix("it goes on after its end".into()));
        }
        self.path.push(element.name().as_ref().to_string());
        self.text.clear();
        self.length = 0;
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        if path[0] != "vmix" {
            return Err(StateError::NotVmix(format!("it starts with <{}>", path[0])));
        }
        let state = &mut self.state;
        match path.as_slice() {
            ["vmix", "inputs", "input"] => {
                if state.inputs.len() >= INPUTS_MAX {
                    return Err(StateError::TooMuch { what: "inputs", limit: INPUTS_MAX });
                }
                state.inputs.push(read_input(element)?);
            }
            ["vmix", "inputs", "input", "text" | "image"] => {
                self.name = attribute(element, "name")?.unwrap_or_default()
            }
            ["vmix", "inputs", "input", "replay"] => {
                let replay = read_replay(element)?;
                if let Some(input) = state.inputs.last_mut() {
                    input.replay = Some(replay);
                }
            }
            ["vmix", "overlays", "overlay"] => {
                self.number = number_of(element)?;
                state.channels.extend(self.number);
            }
            ["vmix", "mix"] => {
                self.number = number_of(element)?;
                if let Some(number) = self.number {
                    state.mixes.entry(number).or_default();
                }
            }
            ["vmix", "transitions", "transition"] => {
                let ms = attribute(element, "duration")?.and_then(|d| d.parse().ok()).unwrap_or(0);
                if let Some(number) = number_of(element)? {
                    state.transitions.insert(number, (attribute(element, "effect")?.unwrap_or_default(), ms));
                }
            }
            ["vmix", "recording"] => state.recording_for = attribute(element, "duration")?.and_then(|d| d.parse().ok()),
            ["vmix", "streaming"] => read_streams(element, state)?,
            ["vmix", "audio", bus] => read_bus(element, bus, state)?,
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), StateError> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let whole = std::mem::take(&mut self.text);
        let text = whole.trim();
        let state = &mut self.state;
        match path.as_slice() {
            ["vmix"] => self.ended = true,
            // Only direct children: a mix has elements of the same names further down.
            ["vmix", name] => {
                let name = *name;
                if name != "mix" && !self.seen.insert(name.to_string()) {
                    return Err(StateError::NotVmix(format!("it has <{name}> twice")));
                }
                of_root(state, name, text)?;
            }
            ["vmix", "overlays", "overlay"] => {
                if let (Some(channel), Ok(input)) = (self.number.take(), text.parse()) {
                    state.overlays.push((channel, input));
                }
            }
            ["vmix", "mix", place] => {
                let input = input_number(place, text)?;
                let mix: Option<&mut Mix> = self.number.and_then(|n| state.mixes.get_mut(&n));
                match (mix, *place) {
                    (Some(mix), "active") => mix.program = input,
                    (Some(mix), "preview") => mix.preview = input,
                    _ => {}
                }
            }
            ["vmix", "dynamic", name] => {
                state.dynamic.insert((*name).to_string(), text.to_string());
            }
            ["vmix", "inputs", "input", field @ ("text" | "image")] => {
                let Some(input) = state.inputs.last_mut() else { return Ok(()) };
                let fields = if *field == "text" { &mut input.texts } else { &mut input.images };
                // Not trimmed: spaces and line breaks are part of a text.
                push(fields, (std::mem::take(&mut self.name), whole))?;
            }
            ["vmix", "inputs", "input", "list", "item"] => {
                let Some(input) = state.inputs.last_mut() else { return Ok(()) };
                push(&mut input.items, whole)?;
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
        if self.state.version.is_empty() || !self.seen.contains("active") {
            return Err(StateError::NotVmix("it has no <version> or no <active>".into()));
        }
        let mut numbers = BTreeSet::new();
        if let Some(twin) = self.state.inputs.iter().find(|i| !numbers.insert(i.number)) {
            return Err(StateError::NotVmix(format!("it has two inputs {}", twin.number)));
        }
        Ok(self.state)
    }
}

fn push<T>(fields: &mut Vec<T>, field: T) -> Result<(), StateError> {
    if fields.len() >= FIELDS_MAX {
        return Err(StateError::TooMuch { what: "texts, images or items of one input", limit: FIELDS_MAX });
    }
    fields.push(field);
    Ok(())
}

fn of_root(state: &mut State, name: &str, text: &str) -> Result<(), StateError> {
    match name {
        "version" => state.version = text.into(),
        "edition" => state.edition = text.into(),
        "preset" => state.preset = Some(text.into()),
        "active" => state.program = input_number(name, text)?,
        "preview" => state.preview = input_number(name, text)?,
        "fadeToBlack" => state.fade_to_black = truth(text),
        "recording" => state.recording = truth(text),
        "external" => state.external = truth(text),
        "streaming" => state.streaming = truth(text),
        "playList" => state.play_list = truth(text),
        "multiCorder" => state.multi_corder = truth(text),
        "fullscreen" => state.fullscreen = truth(text),
        _ => {}
    }
    Ok(())
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
            .map_err(|_| StateError::NotVmix(format!("<{name}> is {:?}, not an input number", super::shown(digits)))),
    }
}

/// Calls `each` with every attribute, its name and its value.
fn attributes(
    element: &BytesStart<'_>,
    mut each: impl FnMut(&str, &str) -> Result<(), StateError>,
) -> Result<(), StateError> {
    for found in element.attributes() {
        let found = found.map_err(not_xml)?;
        let value = found.normalized_value(XmlVersion::Implicit1_0).map_err(not_xml)?;
        each(found.key.as_ref(), &value)?;
    }
    Ok(())
}

fn kept(value: &str) -> String {
    value.chars().take(TEXT_MAX_CHARS).collect()
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, StateError> {
    let mut found = None;
    attributes(element, |key, value| {
        if key == name {
            found = Some(kept(value));
        }
        Ok(())
    })?;
    Ok(found)
}

fn number_of(element: &BytesStart<'_>) -> Result<Option<u32>, StateError> {
    Ok(attribute(element, "number")?.and_then(|n| n.parse().ok()))
}

fn read_input(element: &BytesStart<'_>) -> Result<Input, StateError> {
    let mut input = Input::default();
    attributes(element, |key, value| {
        let ms = || value.parse().unwrap_or(0);
        match key {
            "number" => input.number = value.parse().unwrap_or(0),
            "key" => input.key = kept(value),
            "title" => input.title = kept(value),
            "shortTitle" => input.short_title = kept(value),
            "type" => input.kind = kept(value),
            "state" => input.state = kept(value),
            "duration" => input.duration_ms = ms(),
            "position" => input.position_ms = ms(),
            "loop" => input.looping = truth(value),
            "muted" => input.muted = Some(truth(value)),
            "volume" => input.volume = value.parse().ok(),
            "balance" => input.balance = value.parse().ok(),
            "solo" => input.solo = Some(truth(value)),
            "audiobusses" => input.busses = Some(value.chars().filter(char::is_ascii_alphabetic).collect()),
            "selectedIndex" => input.selected = value.parse().ok(),
            _ => {}
        }
        Ok(())
    })?;
    if input.number == 0 {
        return Err(StateError::NotVmix("an <input> has no number".into()));
    }
    Ok(input)
}

fn read_replay(element: &BytesStart<'_>) -> Result<Replay, StateError> {
    let mut replay = Replay::default();
    attributes(element, |key, value| {
        match key {
            "live" => replay.live = truth(value),
            "recording" => replay.recording = truth(value),
            "channelMode" => replay.channel_mode = kept(value),
            "cameraA" => replay.camera_a = value.parse().unwrap_or(0),
            "cameraB" => replay.camera_b = value.parse().unwrap_or(0),
            "speed" => replay.speed = value.parse().unwrap_or(0.0),
            _ => {}
        }
        Ok(())
    })?;
    Ok(replay)
}

/// `channel1="True"`
fn read_streams(element: &BytesStart<'_>, state: &mut State) -> Result<(), StateError> {
    attributes(element, |key, value| {
        if let Some(number) = key.strip_prefix("channel").and_then(|n| n.parse().ok()) {
            state.streams.insert(number, truth(value));
        }
        Ok(())
    })
}

/// `<master>` and `<busA>` to `<busG>`.
fn read_bus(element: &BytesStart<'_>, name: &str, state: &mut State) -> Result<(), StateError> {
    let letter = match (name, name.strip_prefix("bus").and_then(|l| l.chars().next())) {
        ("master", _) => 'M',
        (_, Some(letter)) if super::BUS_LETTERS.contains(&letter) => letter,
        _ => return Ok(()),
    };
    let mut bus = Bus::default();
    attributes(element, |key, value| {
        match key {
            "volume" => bus.volume = value.parse().unwrap_or(0.0),
            "muted" => bus.muted = truth(value),
            "solo" => bus.solo = Some(truth(value)),
            "sendToMaster" => bus.send_to_master = Some(truth(value)),
            "headphonesVolume" => state.headphones = value.parse().ok(),
            _ => {}
        }
        Ok(())
    })?;
    state.busses.insert(letter, bus);
    Ok(())
}
