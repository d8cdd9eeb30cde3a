//! The XML state document, and the XPath subset of `XMLTEXT`.

use super::model::{Input, Model};
use quick_xml::{
    XmlVersion,
    escape::escape,
    events::{BytesStart, Event},
    reader::Reader,
};
use std::fmt::Write as _;

/// What the simulator says its edition is: clients label what they record about it.
pub const EDITION: &str = "Simulator";

/// The whole state, one line, as vMix writes it.
pub fn render(model: &Model, version: &str) -> String {
    let mut xml = format!("<vmix><version>{}</version><edition>{EDITION}</edition>", escape(version));
    xml.push_str("<preset>C:\\Presets\\if-sim.vmix</preset><inputs>");
    for (at, input) in model.inputs.iter().enumerate() {
        render_input(&mut xml, at + 1, input);
    }
    xml.push_str("</inputs><overlays>");
    for (at, input) in model.overlays.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = match input {
            0 => write!(xml, "<overlay number=\"{}\" />", at + 1),
            n => write!(xml, "<overlay number=\"{}\">{n}</overlay>", at + 1),
        };
    }
    let _ = write!(xml, "</overlays><preview>{}</preview><active>{}</active>", model.preview, model.program);
    let flags = [
        ("fadeToBlack", model.fade_to_black),
        ("recording", model.recording),
        ("external", model.external),
        ("streaming", model.streaming),
        ("playList", false),
        ("multiCorder", model.multi_corder),
        ("fullscreen", model.fullscreen),
    ];
    let (fade_to_black, rest) = flags.split_at(1);
    render_flags(&mut xml, fade_to_black);
    xml.push_str("<transitions>");
    for (at, (effect, duration)) in
        [("Fade", 500), ("Merge", 1000), ("Wipe", 1000), ("CubeZoom", 1000)].iter().enumerate()
    {
        let _ = write!(xml, "<transition number=\"{}\" effect=\"{effect}\" duration=\"{duration}\" />", at + 1);
    }
    xml.push_str("</transitions>");
    render_flags(&mut xml, rest);
    // A second mix has elements of the same names: a reader that ignores nesting takes these for the main output.
    xml.push_str("<mix number=\"2\"><preview>0</preview><active>0</active></mix>");
    xml.push_str(
        "<audio><master volume=\"100\" muted=\"False\" meterF1=\"0\" meterF2=\"0\" headphonesVolume=\"100\" /></audio>",
    );
    xml.push_str("<dynamic><input1></input1><input2></input2><input3></input3><input4></input4>");
    xml.push_str("<value1></value1><value2></value2><value3></value3><value4></value4></dynamic></vmix>");
    xml
}

fn flag(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn render_flags(xml: &mut String, flags: &[(&str, bool)]) {
    for (name, value) in flags {
        let _ = write!(xml, "<{name}>{}</{name}>", flag(*value));
    }
}

fn render_input(xml: &mut String, number: usize, input: &Input) {
    let title = escape(input.title.as_str());
    let video = input.kind == "Video";
    let (state, duration) = if video { ("Paused", 60_000) } else { ("Running", 0) };
    let _ = write!(
        xml,
        "<input key=\"{}\" number=\"{number}\" type=\"{}\" title=\"{title}\" shortTitle=\"{title}\" state=\"{state}\" \
         position=\"0\" duration=\"{duration}\" loop=\"False\"",
        input.key, input.kind
    );
    if video || input.kind == "Capture" {
        // The fader is 0 to 100, the document holds the gain it makes.
        let gain = (input.fader / 100.0).powi(4) * 100.0;
        let _ = write!(
            xml,
            " muted=\"{}\" volume=\"{gain}\" balance=\"0\" solo=\"False\" audiobusses=\"M\" meterF1=\"0\" meterF2=\"0\"",
            flag(input.muted)
        );
    }
    let _ = write!(xml, ">{title}");
    if input.kind == "GT" {
        xml.push_str("<text index=\"0\" name=\"Headline.Text\">Hello</text>");
    }
    xml.push_str("</input>");
}

/// One step of a path: `input`, `input[2]`, `input[@number='2']`.
struct PathStep<'a> {
    name: &'a str,
    index: Option<usize>,
    attribute: Option<(&'a str, &'a str)>,
}

/// What `XMLTEXT path` answers: the text of the first element (or the attribute `…/@name`) the path leads to.
pub fn text_at(xml: &str, path: &str) -> Option<String> {
    let path = path.trim().trim_start_matches('/');
    let (path, wanted) = match path.rsplit_once("/@") {
        Some((elements, attribute)) => (elements, Some(attribute)),
        None => (path, None),
    };
    let steps: Vec<PathStep<'_>> = path.split('/').map(parse_step).collect::<Option<_>>()?;
    let mut reader = Reader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    // How many steps lead to where the reader is, how deep it is, and how many siblings matched so far on each level.
    let (mut matched, mut depth) = (0, 0);
    let mut seen = vec![0; steps.len() + 1];
    loop {
        match reader.read_event().ok()? {
            Event::Start(e) => {
                if matched == depth && depth < steps.len() && step_matches(&steps[depth], &e, &mut seen[depth]) {
                    matched += 1;
                    seen[matched] = 0;
                    if matched == steps.len() {
                        return match wanted {
                            Some(name) => attribute(&e, name),
                            None => own_text(&mut reader),
                        };
                    }
                }
                depth += 1;
            }
            Event::End(_) => {
                depth = depth.checked_sub(1)?;
                matched = matched.min(depth);
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn parse_step(text: &str) -> Option<PathStep<'_>> {
    let (name, filter) = match text.split_once('[') {
        Some((name, filter)) => (name, Some(filter.strip_suffix(']')?)),
        None => (text, None),
    };
    let mut step = PathStep { name, index: None, attribute: None };
    match filter.map(|f| f.strip_prefix('@').ok_or(f)) {
        Some(Ok(test)) => {
            let (key, value) = test.split_once('=')?;
            step.attribute = Some((key, value.trim_matches(['\'', '"'])));
        }
        Some(Err(index)) => step.index = Some(index.parse().ok()?),
        None => {}
    }
    Some(step)
}

fn step_matches(step: &PathStep<'_>, element: &BytesStart<'_>, seen: &mut usize) -> bool {
    if element.name().as_ref() != step.name {
        return false;
    }
    if step.attribute.is_some_and(|(key, value)| attribute(element, key).as_deref() != Some(value)) {
        return false;
    }
    *seen += 1;
    step.index.is_none_or(|index| index == *seen)
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.attributes().flatten().find(|a| a.key.as_ref() == name)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(|v| v.into_owned())
}

/// Text up to the first child or the end of the element the reader is in.
fn own_text(reader: &mut Reader<&[u8]>) -> Option<String> {
    let mut text = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Text(t) => text.push_str(&t.xml10_content()),
            Event::GeneralRef(r) => match r.resolve_char_ref().ok()? {
                Some(c) => text.push(c),
                None => text.push_str(quick_xml::escape::resolve_predefined_entity(&r)?),
            },
            _ => return Some(text),
        }
    }
}
