//! Request bodies, in memory: signatures cover them, and another try sends the same bytes.

use super::{
    failure::Stop,
    request::{bad_template, encode, pairs, text_of, tree_value},
};
use bytes::Bytes;
use if_manifest::plan::{Body, Context, Part, Plan, Template, Tree};
use reqwest::header::HeaderValue;
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};
use tokio::io::AsyncReadExt;

/// Largest file sent, bytes.
pub const UPLOAD_MAX_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Clone)]
pub enum DraftBody {
    Json(Value),
    Form(Vec<(String, String)>),
    Multipart(Vec<Piece>),
    /// Also no body at all.
    Raw(Bytes),
}

/// A field of a multipart body.
#[derive(Clone)]
pub struct Piece {
    name: String,
    file: Option<(String, String)>,
    content: Bytes,
}

/// Files to be sent, by path.
pub type Files = BTreeMap<String, Bytes>;

/// Reads the files a body sends.
pub async fn files(plan: &Plan, body: Option<&Body>, context: &Context) -> Result<Files, Stop> {
    let mut files = Files::new();
    let Some(Body::Multipart(parts)) = body else { return Ok(files) };
    for (_, part) in parts {
        if let Part::File { path, .. } = part
            && let Some(path) = plan.templates.value(path, context).map_err(bad_template)?.as_str()
        {
            files.insert(path.to_string(), read_file(path).await?);
        }
    }
    Ok(files)
}

pub fn draft(
    plan: &Plan,
    body: Option<&Body>,
    context: &Context,
    files: &Files,
) -> Result<(Option<HeaderValue>, DraftBody), Stop> {
    let typed = |text: &'static str, body| (Some(HeaderValue::from_static(text)), body);
    let text = |t: &Template| plan.templates.text(t, context).map_err(bad_template);
    Ok(match body {
        None => (None, DraftBody::Raw(Bytes::new())),
        Some(Body::Json(tree)) => typed("application/json", DraftBody::Json(tree_value(plan, tree, context)?)),
        Some(Body::Form(fields)) => {
            let mut all = Vec::new();
            for (name, tree) in fields {
                all.extend(pairs(name, tree_value(plan, tree, context)?));
            }
            typed("application/x-www-form-urlencoded", DraftBody::Form(all))
        }
        Some(Body::Multipart(parts)) => {
            let mut pieces = Vec::new();
            for (name, part) in parts {
                pieces.extend(piece(plan, name, part, context, files)?);
            }
            (None, DraftBody::Multipart(pieces))
        }
        Some(Body::Xml(t)) => typed("application/xml; charset=utf-8", DraftBody::Raw(text(t)?.into())),
        Some(Body::Text(t)) => typed("text/plain; charset=utf-8", DraftBody::Raw(text(t)?.into())),
    })
}

/// None where a lone expression gives none: an optional field.
fn piece(plan: &Plan, name: &str, part: &Part, context: &Context, files: &Files) -> Result<Option<Piece>, Stop> {
    let value = |t: &Template| plan.templates.value(t, context).map_err(bad_template);
    match part {
        Part::Text(template) => {
            let value = value(template)?;
            let piece = || Piece { name: name.into(), file: None, content: text_of(&value).into() };
            Ok((!value.is_null()).then(piece))
        }
        Part::File { path, content_type } => {
            let Some(path) = value(path)?.as_str().map(String::from) else { return Ok(None) };
            let content = files.get(&path).cloned();
            let content = content.ok_or_else(|| Stop::bad_argument(format!("{path}: no file can be sent here")))?;
            let file_name = Path::new(&path).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let content_type = content_type.clone().unwrap_or_else(|| "application/octet-stream".into());
            Ok(Some(Piece { name: name.into(), file: Some((file_name, content_type)), content }))
        }
    }
}

async fn read_file(path: &str) -> Result<Bytes, Stop> {
    let failed = |e: std::io::Error| Stop::bad_argument(format!("{path} cannot be read on the worker: {e}"));
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut content = Vec::new();
    file.take(UPLOAD_MAX_BYTES + 1).read_to_end(&mut content).await.map_err(failed)?;
    if content.len() as u64 > UPLOAD_MAX_BYTES {
        return Err(Stop::bad_argument(format!("{path} has more than {UPLOAD_MAX_BYTES} bytes")));
    }
    Ok(content.into())
}

impl DraftBody {
    /// Sets a field. False where the body has none.
    pub fn set(&mut self, name: &str, value: &Value) -> bool {
        match self {
            DraftBody::Json(Value::Object(map)) => {
                map.insert(name.into(), value.clone());
            }
            DraftBody::Form(fields) => {
                fields.retain(|(k, _)| k != name);
                fields.push((name.into(), text_of(value)));
            }
            DraftBody::Multipart(pieces) => {
                pieces.retain(|p| p.name != name);
                pieces.push(Piece { name: name.into(), file: None, content: text_of(value).into() });
            }
            DraftBody::Json(_) | DraftBody::Raw(_) => return false,
        }
        true
    }

    /// The bytes, and the content type where it depends on them.
    pub fn finish(&self) -> (Option<HeaderValue>, Bytes) {
        match self {
            DraftBody::Json(value) => (None, value.to_string().into()),
            DraftBody::Form(fields) => (None, encode(fields.iter().map(|(k, v)| (k.as_str(), v.as_str()))).into()),
            DraftBody::Raw(bytes) => (None, bytes.clone()),
            DraftBody::Multipart(pieces) => {
                let (boundary, body) = multipart(pieces);
                let content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
                (content_type.ok(), body)
            }
        }
    }
}

/// RFC 7578. The boundary is made from the content, so that it is the same at every try and cannot be foreseen inside it.
fn multipart(pieces: &[Piece]) -> (String, Bytes) {
    let mut hash = blake3::Hasher::new();
    for piece in pieces {
        hash.update(piece.name.as_bytes()).update(&piece.content);
    }
    let boundary = hash.finalize().to_hex()[..32].to_string();
    // Quotes and line ends as the WHATWG form encoding writes them.
    let quoted = |s: &str| s.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    let mut body = Vec::new();
    for piece in pieces {
        let mut head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", quoted(&piece.name));
        if let Some((file_name, content_type)) = &piece.file {
            head.push_str(&format!("; filename=\"{}\"\r\ncontent-type: {}", quoted(file_name), quoted(content_type)));
        }
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&piece.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (boundary, body.into())
}

pub fn holds_secret(body: &Body) -> bool {
    use super::request::holds_secret;
    match body {
        Body::Json(tree) => tree_holds_secret(tree),
        Body::Form(fields) => fields.iter().any(|(_, t)| tree_holds_secret(t)),
        Body::Multipart(parts) => parts.iter().any(|(_, part)| match part {
            Part::Text(t) | Part::File { path: t, .. } => holds_secret(t),
        }),
        Body::Xml(t) | Body::Text(t) => holds_secret(t),
    }
}

fn tree_holds_secret(tree: &Tree) -> bool {
    match tree {
        Tree::Literal(_) => false,
        Tree::Template(t) => super::request::holds_secret(t),
        Tree::List(items) => items.iter().any(tree_holds_secret),
        Tree::Map(entries) => entries.iter().any(|(_, t)| tree_holds_secret(t)),
    }
}
