//! The XML state document, and the XPath subset of `XMLTEXT`.

use super::{
    fault::XmlFault,
    model::{BUSSES, Input, Model},
};
use quick_xml::{
    XmlVersion,
    escape::escape,
    events::{BytesStart, Event},
    reader::Reader,
};
use std::fmt::Write as _;

/// What the simulator says its edition is: clients label what they record about it.
pub const EDITION: &str = "Simulator";
/// Makes a document of some five megabytes.
const HUGE_REPEATS: usize = 300_000;

/// The whole state, one line, as vMix writes it. `now_ms` is how long the simulator has run.
pub fn render(model: &Model, version: &str, now_ms: u64) -> String {
    let mut xml = format!("<vmix><version>{}</version><edition>{EDITION}</edition>", escape(version));
    xml.push_str("<preset>C:\\Presets\\if-sim.vmix</preset><inputs>");
    for (at, input) in model.inputs.iter().enumerate() {
        render_input(&mut xml, at + 1, input, now_ms);
    }
    xml.push_str("</inputs><overlays>");
    // Writing to a String cannot fail, here and below.
    for (at, input) in model.overlays.iter().enumerate() {
        let _ = match input {
            0 => write!(xml, "<overlay number=\"{}\" />", at + 1),
            n => write!(xml, "<overlay number=\"{}\">{n}</overlay>", at + 1),
        };
    }
    let _ = write!(xml, "</overlays><preview>{}</preview><active>{}</active>", model.preview, model.program);
    render_flags(&mut xml, &[("fadeToBlack", model.fade_to_black)]);
    xml.push_str("<transitions>");
    for (at, (effect, duration)) in model.transitions.iter().enumerate() {
        let effect = escape(effect.as_str());
        let _ = write!(xml, "<transition number=\"{}\" effect=\"{effect}\" duration=\"{duration}\" />", at + 1);
    }
    xml.push_str("</transitions>");
    match model.recording {
        // The seconds it has recorded so far; how many is of no account here.
        true => xml.push_str("<recording duration=\"1\">True</recording>"),
        false => xml.push_str("<recording>False</recording>"),
    }
    render_flags(&mut xml, &[("external", model.external)]);
    render_streaming(&mut xml, model);
    let rest = [("playList", model.play_list), ("multiCorder", model.multi_corder), ("fullscreen", model.fullscreen)];
    render_flags(&mut xml, &rest);
    // Mixes have elements of the same names: a reader that ignores nesting takes these for the main output.
    for (at, mix) in model.mixes.iter().enumerate() {
        let (preview, program) = (mix.preview, mix.program);
        let number = at + 2;
        let _ = write!(xml, "<mix number=\"{number}\"><preview>{preview}</preview><active>{program}</active></mix>");
    }
    render_audio(&mut xml, model);
    render_dynamic(&mut xml, model);
    xml.push_str("</vmix>");
    xml
}

/// The fader is 0 to 100, the document holds the gain it makes.
fn gain(fader: f64) -> f32 {
    ((fader / 100.0).powi(4) * 100.0) as f32
}

fn flag(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn render_flags(xml: &mut String, flags: &[(&str, bool)]) {
    for (name, value) in flags {
        let _ = write!(xml, "<{name}>{}</{name}>", flag(*value));
    }
}

fn render_streaming(xml: &mut String, model: &Model) {
    if !model.streaming() {
        return xml.push_str("<streaming>False</streaming>");
    }
    xml.push_str("<streaming");
    for (at, stream) in model.streams.iter().enumerate() {
        let _ = write!(xml, " channel{}=\"{}\"", at + 1, flag(stream.on));
    }
    xml.push_str(">True</streaming>");
}

fn render_audio(xml: &mut String, model: &Model) {
    let master = &model.master;
    let (volume, muted, headphones) = (gain(master.fader), flag(master.muted), gain(model.headphones));
    let _ = write!(
        xml,
        "<audio><master volume=\"{volume}\" muted=\"{muted}\" meterF1=\"0\" meterF2=\"0\" headphonesVolume=\"{headphones}\" />"
    );
    for (letter, bus) in BUSSES.iter().zip(&model.busses) {
        let (volume, muted, solo, to_master) =
            (gain(bus.fader), flag(bus.muted), flag(bus.solo), flag(bus.send_to_master));
        let _ = write!(
            xml,
            "<bus{letter} volume=\"{volume}\" muted=\"{muted}\" meterF1=\"0\" meterF2=\"0\" solo=\"{solo}\" sendToMaster=\"{to_master}\" />"
        );
    }
    xml.push_str("</audio>");
}

fn render_dynamic(xml: &mut String, model: &Model) {
    xml.push_str("<dynamic>");
    for (name, values) in [("input", &model.dynamic_inputs), ("value", &model.dynamic_values)] {
        for (at, value) in values.iter().enumerate() {
            let _ = write!(xml, "<{name}{at}>{}</{name}{at}>", escape(value.as_str()), at = at + 1);
        }
    }
    xml.push_str("</dynamic>");
}

fn render_input(xml: &mut String, number: usize, input: &Input, now_ms: u64) {
    let title = input.full_title();
    let (full, short) = (attribute_text(&title), attribute_text(&input.title));
    let _ = write!(
        xml,
        "<input key=\"{}\" number=\"{number}\" type=\"{}\" title=\"{full}\" shortTitle=\"{short}\" state=\"{}\" \
         position=\"{}\" duration=\"{}\" loop=\"{}\"",
        input.key,
        input.kind,
        input.state(now_ms),
        input.position(now_ms),
        input.duration_ms,
        flag(input.looping)
    );
    if input.has_audio() {
        let busses: Vec<String> = input.busses.iter().map(ToString::to_string).collect();
        let _ = write!(
            xml,
            " muted=\"{}\" volume=\"{}\" balance=\"{}\" solo=\"{}\" audiobusses=\"{}\" meterF1=\"0\" meterF2=\"0\"",
            flag(input.muted),
            gain(input.fader),
            input.balance as f32,
            flag(input.solo),
            busses.join(",")
        );
    }
    if !input.texts.is_empty() || !input.items.is_empty() {
        let _ = write!(xml, " selectedIndex=\"{}\"", input.selected);
    }
    let _ = write!(xml, ">{}", escape(title.as_str()));
    for (element, fields) in [("text", &input.texts), ("image", &input.images)] {
        for (index, (name, content)) in fields.iter().enumerate() {
            let (name, content) = (attribute_text(name), escape(content.as_str()));
            let _ = write!(xml, "<{element} index=\"{index}\" name=\"{name}\">{content}</{element}>");
        }
    }
    if input.kind == "VideoList" {
        xml.push_str("<list>");
        for (at, item) in input.items.iter().enumerate() {
            let selected = if at + 1 == input.selected { " selected=\"true\"" } else { "" };
            let _ = write!(xml, "<item{selected} enabled=\"true\">{}</item>", escape(item.as_str()));
        }
        xml.push_str("</list>");
    }
    if let Some(replay) = &input.replay {
        let [a, b] = replay.cameras;
        let (live, recording, mode) = (flag(replay.live), flag(replay.recording), replay.channel_mode);
        let speed = replay.speed as f32;
        let _ = write!(
            xml,
            "<replay live=\"{live}\" recording=\"{recording}\" channelMode=\"{mode}\" events=\"1\" eventsA=\"1\" \
             eventsB=\"1\" cameraA=\"{a}\" cameraB=\"{b}\" speed=\"{speed}\" speedA=\"{speed}\" speedB=\"{speed}\">\
             <timecode>2026-01-01T10:00:00.000</timecode></replay>"
        );
    }
    xml.push_str("</input>");
}

/// A line break in an attribute has to be written as a reference, or readers see a space.
fn attribute_text(text: &str) -> String {
    escape(text).replace('\r', "&#xD;").replace('\n', "&#xA;").replace('\t', "&#x9;")
}

/// The document as the fault in force has it.
pub fn broken(xml: String, fault: XmlFault) -> String {
    match fault {
        XmlFault::None => xml,
        XmlFault::Huge => xml.replace("<dynamic>", &format!("<dynamic>{}", "<x>0123456789</x>".repeat(HUGE_REPEATS))),
        XmlFault::Truncated => {
            let mut cut = xml.len() / 2;
            while !xml.is_char_boundary(cut) {
                cut -= 1;
            }
            xml[..cut].to_string()
        }
        XmlFault::Duplicate => format!("{xml}{xml}"),
        XmlFault::DuplicateInput => xml.replacen(
            "<inputs>",
            "<inputs><input key=\"twin\" number=\"1\" type=\"Colour\" title=\"Twin\" state=\"Running\">Twin</input>",
            1,
        ),
        XmlFault::UnknownVersion => xml.replacen("<version>", "<future a=\"b\"><c/></future><version>99.", 1).replacen(
            "<input ",
            "<input novelty=\"yes\" ",
            1,
        ),
    }
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
