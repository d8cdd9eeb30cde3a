//! Values out of an answer.

use super::context::Scope;
use if_manifest::plan::{Context, Extract, ExtractSource, List, Plan};
use indexmap::IndexMap;
use serde_json::{Map, Value};
use serde_json_path::JsonPath;

/// A required value that is not there: the answer is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer has no {0}")]
pub struct Missing(pub String);

/// What a path finds, other than null: the value, or all of them where it finds several.
pub fn find(path: &JsonPath, document: &Value) -> Option<Value> {
    let mut found = path.query(document).all();
    found.retain(|v| !v.is_null());
    match found.len() {
        0 => None,
        1 => found.first().map(|v| (*v).clone()),
        _ => Some(found.into_iter().cloned().collect()),
    }
}

/// One value; none where there is none.
pub fn value(plan: &Plan, extract: &Extract, document: &Value, scope: &Scope) -> Option<Value> {
    value_in(plan, extract, document, || scope.with("response", document))
}

/// The same where `context` makes what a template may refer to, `response` included.
pub fn value_in(plan: &Plan, extract: &Extract, document: &Value, context: impl FnOnce() -> Context) -> Option<Value> {
    match &extract.source {
        ExtractSource::Paths(paths) => paths.iter().find_map(|path| find(path, document)),
        // What it refers to is not in this answer: the same as a path that finds nothing.
        ExtractSource::Template(template) => plan.templates.value(template, &context()).ok().filter(|v| !v.is_null()),
    }
}

/// Named values; null where an optional one is not there.
pub fn fields(
    plan: &Plan,
    fields: &IndexMap<String, Extract>,
    document: &Value,
    scope: &Scope,
) -> Result<Map<String, Value>, Missing> {
    let mut map = Map::new();
    for (name, extract) in fields {
        match value(plan, extract, document, scope) {
            None if extract.required => return Err(Missing(name.clone())),
            found => {
                map.insert(name.clone(), found.unwrap_or(Value::Null));
            }
        }
    }
    Ok(map)
}

/// The items of one page. A path that finds one array means its members.
pub fn items(plan: &Plan, list: &List, document: &Value, scope: &Scope) -> Result<Vec<Value>, Missing> {
    let found = list.items.query(document).all();
    let found: Vec<&Value> = match found.as_slice() {
        [Value::Array(members)] => members.iter().collect(),
        _ => found.into_iter().filter(|v| !v.is_null()).collect(),
    };
    let item = |item: &Value| match list.fields.is_empty() {
        true => Ok(item.clone()),
        false => fields(plan, &list.fields, item, scope).map(Value::Object),
    };
    found.into_iter().map(item).collect()
}
