//! What is said before a command is sent that costs money or cannot be undone.

use super::Request;
use crate::{context::Context, output::value};
use if_home::Home;
use if_manifest::plan::{Escape, TemplateError, Templates, context_of};
use serde_json::{Map, Value, json};

/// Says what the operation's manifest wants said. Settings may be on another machine: then that is said.
pub fn say(context: &Context, home: &Home, request: &Request) {
    let Some(source) = &request.operation.notice else { return };
    let settings = settings(home, request);
    let text = settings.as_ref().and_then(|s| render(source, request, s).ok());
    context.out.note(&match text {
        Some(text) => value::printable(&text),
        None => format!(
            "{} on {}/{}: the rest comes from the settings of the instance, which are not on this machine",
            request.operation.summary, request.provider.id, request.instance
        ),
    });
}

fn settings(home: &Home, request: &Request) -> Option<Map<String, Value>> {
    let file = home.provider_file(&request.provider.id.parse().ok()?);
    let mut instances = if_home::instances::load_each(&file, request.provider).ok()?;
    Some(instances.remove(&request.instance)?.ok()?.open_settings())
}

fn render(source: &str, request: &Request, settings: &Map<String, Value>) -> Result<String, TemplateError> {
    let mut args = request.args.clone();
    for param in &request.operation.params {
        let given = param.from.as_ref().and_then(|field| settings.get(field)).cloned();
        args.entry(param.name.clone()).or_insert(given.unwrap_or(Value::Null));
    }
    let mut templates = Templates::new();
    let template = templates.add(source, Escape::None)?;
    templates.text(&template, &context_of(json!({"args": args, "instance": settings})))
}
