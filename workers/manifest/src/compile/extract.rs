//! What is taken from an answer.

use super::{Compiler, Scope};
use crate::{
    plan::{Escape, Extract, ExtractSource, List, ResponsePlan, Stream},
    raw::{self, Format, ResponseFormat},
};
use indexmap::IndexMap;

/// What templates over an operation's answer may use.
pub const ANSWER: Scope = Scope::ARGS.and(Scope::INSTANCE).and(Scope::RESPONSE);

impl<'a> Compiler<'a> {
    pub fn extract(&mut self, raw: &'a raw::Extract, scope: Scope) -> Option<Extract> {
        let paths = |c: &mut Self, paths: &'a [String]| {
            let found: Vec<_> = paths.iter().enumerate().map(|(i, p)| c.at(i, |c| c.json_path(p))).collect();
            found.into_iter().collect::<Option<Vec<_>>>().map(ExtractSource::Paths)
        };
        let (source, required) = match raw {
            raw::Extract::Path(path) => (self.json_path(path).map(|p| ExtractSource::Paths(vec![p])), false),
            raw::Extract::Paths(list) if list.is_empty() => {
                self.wrong("no path is given", "name at least one");
                (None, false)
            }
            raw::Extract::Paths(list) => (paths(self, list), false),
            raw::Extract::Full(full) => {
                let source = match (&full.path, &full.value) {
                    (Some(path), None) => self.at("path", |c| c.json_path(path)).map(|p| ExtractSource::Paths(vec![p])),
                    (None, Some(value)) => {
                        self.at("value", |c| c.template(value, Escape::None, scope)).map(ExtractSource::Template)
                    }
                    _ => {
                        self.wrong("it has not exactly one of path and value", "give one of them");
                        None
                    }
                };
                (source, full.required)
            }
        };
        Some(Extract { source: source?, required })
    }

    pub fn extracts(
        &mut self,
        map: &'a IndexMap<String, raw::Extract>,
        scope: Scope,
    ) -> Option<IndexMap<String, Extract>> {
        let all = self.each(map, |c, name, extract| {
            c.identifier(name);
            c.extract(extract, scope)
        });
        all.map(|all| all.into_iter().collect())
    }

    pub fn optional_extract(
        &mut self,
        key: &'a str,
        raw: Option<&'a raw::Extract>,
        scope: Scope,
    ) -> Option<Option<Extract>> {
        match raw {
            None => Some(None),
            Some(extract) => self.at(key, |c| c.extract(extract, scope)).map(Some),
        }
    }

    pub fn response(&mut self, raw: &'a raw::Response) -> Option<ResponsePlan> {
        self.response_shape(raw);
        let result = self.at("result", |c| c.extracts(&raw.result, ANSWER));
        let list = match &raw.list {
            None => Some(None),
            Some(list) => self.at("list", |c| c.list(list)).map(Some),
        };
        let stream = match &raw.stream {
            None => Some(None),
            Some(stream) => self.at("stream", |c| c.stream(stream)).map(Some),
        };
        if let Some(save) = &raw.save {
            self.at("save", |c| c.saved_to(save));
        }
        Some(ResponsePlan {
            format: raw.format,
            lists: raw.lists.clone(),
            result: result?,
            list: list?,
            stream: stream?,
            save: raw.save.clone(),
        })
    }

    /// What goes with which format.
    fn response_shape(&mut self, raw: &'a raw::Response) {
        use ResponseFormat::{Bytes, Json, JsonLines, None as Ignored, Sse, Xml};
        let streams = matches!(raw.format, Sse | JsonLines);
        match (&raw.stream, streams) {
            (None, true) => self.wrong("a streamed response needs stream", "say which path holds the text"),
            (Some(_), false) => {
                self.at("stream", |c| c.wrong("stream needs a streamed format", "use sse or json_lines"))
            }
            _ => {}
        }
        match (&raw.save, raw.format == Bytes) {
            (None, true) => self.wrong("a response of bytes needs save", "name the parameter that holds the file"),
            (Some(_), false) => self.at("save", |c| c.wrong("save needs the format bytes", "set format: bytes")),
            _ => {}
        }
        if !raw.lists.is_empty() && raw.format != Xml {
            self.at("lists", |c| c.wrong("lists is for xml", "leave it out"));
        }
        if raw.list.is_some() && !matches!(raw.format, Json | Xml) {
            self.at("list", |c| c.wrong("list needs json or xml", "use result"));
        }
        if matches!(raw.format, Bytes | Ignored) {
            let reads = raw.result.iter().find(|(_, e)| !matches!(e, raw::Extract::Full(f) if f.path.is_none()));
            if let Some((name, _)) = reads {
                let next = "use a value without response";
                self.at("result", |c| c.at(name, |c| c.wrong("there is no body a path could look into", next)));
            }
        }
        let taken = [("items", raw.list.is_some(), "list"), ("text", raw.stream.is_some(), "stream")];
        for (name, is, by) in taken {
            if is && raw.result.contains_key(name) {
                let message = format!("{by} gives a result {name:?} already");
                self.at("result", |c| c.at(name, |c| c.wrong_key(message, "use another name")));
            }
        }
    }

    fn list(&mut self, raw: &'a raw::List) -> Option<List> {
        let items = self.at("items", |c| c.json_path(&raw.items));
        let fields = self.at("fields", |c| c.extracts(&raw.fields, ANSWER));
        Some(List { items: items?, fields: fields? })
    }

    fn stream(&mut self, raw: &'a raw::Stream) -> Option<Stream> {
        let text = self.at("text", |c| c.json_path(&raw.text));
        let done_when = self.optional_path("done_when", raw.done_when.as_ref());
        let error = self.optional_path("error", raw.error.as_ref());
        Some(Stream { text: text?, done: raw.done.clone(), done_when: done_when?, error: error? })
    }

    fn saved_to(&mut self, name: &str) {
        if self.param(name).is_some_and(|p| p.format != Some(Format::File)) {
            self.wrong(format!("{name} is no file"), "give the parameter format: file");
        }
    }
}
