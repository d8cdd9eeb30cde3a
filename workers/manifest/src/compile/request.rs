//! What is sent.

use super::{Compiler, Scope};
use crate::{
    plan::{Body, Escape, Part, RequestPlan, Tree},
    raw::{self, Format},
};
use indexmap::IndexMap;
use serde_json::Value;

impl<'a> Compiler<'a> {
    pub fn request(&mut self, raw: &'a raw::Request, scope: Scope) -> Option<RequestPlan> {
        let path = self.at("path", |c| c.path_template(&raw.path, scope));
        let query = self.at("query", |c| c.flat(&raw.query, scope));
        let headers = self.at("headers", |c| c.headers(&raw.headers, scope));
        let body = match &raw.body {
            None => Some(None),
            Some(body) => self.at("body", |c| c.body(body, scope)).map(Some),
        };
        Some(RequestPlan { method: raw.method, path: path?, query: query?, headers: headers?, body: body? })
    }

    fn body(&mut self, raw: &'a raw::Body, scope: Scope) -> Option<Body> {
        match raw {
            raw::Body::Json(value) => self.at("json", |c| c.tree(value, scope)).map(Body::Json),
            raw::Body::Form(map) => self.at("form", |c| c.flat(map, scope)).map(Body::Form),
            raw::Body::Multipart(map) => {
                self.at("multipart", |c| c.each(map, |c, _, part| c.part(part, scope))).map(Body::Multipart)
            }
            raw::Body::Xml(text) => self.at("xml", |c| c.template(text, Escape::Xml, scope)).map(Body::Xml),
            raw::Body::Text(text) => self.text("text", text, scope).map(Body::Text),
        }
    }

    fn part(&mut self, raw: &'a raw::Part, scope: Scope) -> Option<Part> {
        match raw {
            raw::Part::Text(text) => self.template(text, Escape::None, scope).map(Part::Text),
            raw::Part::File(file) => {
                let path = self.text("file", &file.file, scope)?;
                // A path put together from text could reach any file of the worker.
                let names = path.variables().iter().filter_map(|v| v.strip_prefix("args."));
                let files = names.filter(|name| {
                    self.params.and_then(|p| p.get(*name)).is_some_and(|p| p.format == Some(Format::File))
                });
                if files.count() != 1 || path.variables().len() != 1 {
                    let next = "use one parameter of format file: {{ args.NAME }}";
                    self.at("file", |c| c.wrong("the file is not one that the command names", next));
                    return None;
                }
                Some(Part::File { path, content_type: file.content_type.clone() })
            }
        }
    }

    /// Query or form: values that are no maps.
    fn flat(&mut self, map: &'a IndexMap<String, Value>, scope: Scope) -> Option<Vec<(String, Tree)>> {
        self.each(map, |c, name, value| {
            if value.is_object() {
                c.wrong(format!("{name} is a map"), "use text, a number, true or false, or a list");
                return None;
            }
            c.tree(value, scope)
        })
    }

    fn tree(&mut self, value: &'a Value, scope: Scope) -> Option<Tree> {
        match value {
            Value::String(text) if text.contains('{') => {
                let template = self.template(text, Escape::None, scope)?;
                let literal = template.variables().is_empty() && !text.contains("{{");
                Some(if literal { Tree::Literal(value.clone()) } else { Tree::Template(template) })
            }
            Value::Array(items) => {
                let trees: Vec<_> = items.iter().enumerate().map(|(i, v)| self.at(i, |c| c.tree(v, scope))).collect();
                trees.into_iter().collect::<Option<_>>().map(Tree::List)
            }
            Value::Object(map) => {
                let entry = |(name, v): (&'a String, &'a Value)| {
                    let tree = self.at(name, |c| c.tree(v, scope));
                    (name.clone(), tree)
                };
                let trees: Vec<_> = map.iter().map(entry).collect();
                trees.into_iter().map(|(n, t)| t.map(|t| (n, t))).collect::<Option<_>>().map(Tree::Map)
            }
            other => Some(Tree::Literal(other.clone())),
        }
    }
}
