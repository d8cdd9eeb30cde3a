//! XML as JSON: an element is an object of its children, attributes as `@name`, text as a string (or `#text` beside others).

use quick_xml::{
    XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
    reader::Reader,
};
use serde_json::{Map, Value};

/// Deepest nesting read, elements.
const DEPTH_MAX: usize = 64;

struct Element {
    name: String,
    text: String,
    children: Map<String, Value>,
}

/// The document: an object of the root element alone. `lists` names elements that are lists even where there is only one.
pub fn to_json(text: &str, lists: &[String]) -> Result<Value, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(|e| e.to_string())?;
        match event {
            Event::Start(start) => open.push(begin(&start, open.len(), root.is_some())?),
            Event::Empty(start) => {
                let element = begin(&start, open.len(), root.is_some())?;
                close(element, &mut open, &mut root, lists);
            }
            // The reader has seen to it that names match.
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, &mut open, &mut root, lists);
                }
            }
            Event::Text(t) => add_text(&mut open, &t.xml_content(XmlVersion::Implicit1_0))?,
            Event::CData(t) => add_text(&mut open, &t.xml_content(XmlVersion::Implicit1_0))?,
            Event::GeneralRef(name) => {
                let character = name.resolve_char_ref().map_err(|e| e.to_string())?;
                let name: &str = &name;
                match (character, resolve_predefined_entity(name)) {
                    (Some(c), _) => add_text(&mut open, c.encode_utf8(&mut [0; 4]))?,
                    (None, Some(text)) => add_text(&mut open, text)?,
                    (None, None) => return Err(format!("entity {name:?} is not known")),
                }
            }
            // Entities of its own are how a small document becomes a large one.
            Event::DocType(_) => return Err("it has a document type".into()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match (root, open.pop()) {
        (Some(root), None) => Ok(Value::Object(root)),
        (_, Some(element)) => Err(format!("element {:?} does not end", element.name)),
        (None, None) => Err("there is no element".into()),
    }
}

fn begin(start: &BytesStart<'_>, depth: usize, after_root: bool) -> Result<Element, String> {
    if depth >= DEPTH_MAX {
        return Err(format!("it is nested deeper than {DEPTH_MAX} elements"));
    }
    if depth == 0 && after_root {
        return Err("there is more than one root element".into());
    }
    let mut children = Map::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let key: &str = attribute.key.as_ref();
        if key != "xmlns" && !key.starts_with("xmlns:") {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|e| e.to_string())?;
            children.insert(format!("@{key}"), value.as_ref().into());
        }
    }
    let name: &str = start.name().0;
    Ok(Element { name: name.to_string(), text: String::new(), children })
}

fn add_text(open: &mut [Element], text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err("there is text outside of the root element".into()),
    }
    Ok(())
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Map<String, Value>>, lists: &[String]) {
    let Element { name, text, mut children } = element;
    let value = if children.is_empty() {
        Value::String(text.trim().to_string())
    } else {
        if !text.trim().is_empty() {
            children.insert("#text".into(), text.trim().into());
        }
        Value::Object(children)
    };
    let listed = lists.contains(&name);
    let Some(parent) = open.last_mut() else {
        let value = if listed { Value::Array(vec![value]) } else { value };
        *root = Some(Map::from_iter([(name, value)]));
        return;
    };
    match parent.children.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => {
            let items = vec![first.take(), value];
            *first = Value::Array(items);
        }
        None if listed => {
            parent.children.insert(name, Value::Array(vec![value]));
        }
        None => {
            parent.children.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Value, String> {
        to_json(text, &["item".into()])
    }

    #[test]
    fn elements_attributes_text_and_lists() {
        let text = r#"<?xml version="1.0"?><r xmlns="urn:x" a="1&amp;2"><id> 5 </id><set><item><n>1</n></item></set>
            <tag>x</tag><tag>y</tag><none/><mixed k="v">t &lt;&#65;<![CDATA[<&>]]></mixed></r>"#;
        let want = json!({"r": {"@a": "1&2", "id": "5", "set": {"item": [{"n": "1"}]}, "tag": ["x", "y"], "none": "",
            "mixed": {"@k": "v", "#text": "t <A<&>"}}});
        assert_eq!(read(text), Ok(want));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(65), "</a>".repeat(65));
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a>&bad;</a>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            &deep,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
