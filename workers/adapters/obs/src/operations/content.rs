//! What text and browser inputs show.

use super::{
    Context, Outcome, bad_argument,
    input::{keys, settings_change},
};
use crate::wanted::quote;
use if_engine::Execution;
use serde_json::{Value, json};

pub async fn run(context: &Context<'_>, family: &str, verb: &str) -> Outcome {
    match (family, verb) {
        ("text", "set") => text(context).await,
        ("browser", "set") => browser(context).await,
        ("browser", "refresh") => refresh(context).await,
        _ => Err(context.unknown()),
    }
}

/// The input given, of a kind whose name begins with one of these.
async fn of_kind<'a>(context: &Context<'a>, kinds: &[&str], what: &str) -> Result<&'a str, Execution> {
    let (input, known) = context.input().await?;
    let kind = known["inputKind"].as_str().unwrap_or_default();
    if kinds.iter().any(|prefix| kind.starts_with(prefix)) {
        return Ok(input);
    }
    let message = format!("input {} is no {what}: it is a {kind}", quote(input));
    Err(Execution::failed("wrong_kind", message, Some("`ifctl obs input list <instance>` shows the kinds")))
}

/// `{"input", "text", "changed", "confirmed_by"}`.
async fn text(context: &Context<'_>) -> Outcome {
    let turn = context.turn(format!("text {}", context.name("input")?)).await?;
    let input = of_kind(context, &["text_"], "text").await?;
    // Empty text is text.
    let text = context.call.text("text").unwrap_or_default();
    let change = settings_change(input, &json!({"text": text}), false);
    context.set(turn, change, json!({"input": input, "text": text})).await
}

/// `{"input", "settings": {what was given}, "changed", "confirmed_by"}`.
async fn browser(context: &Context<'_>) -> Outcome {
    let given = |name: &str| Some((name.to_owned(), context.call.args.get(name)?.clone()));
    let settings: serde_json::Map<String, Value> =
        ["url", "width", "height", "css"].into_iter().filter_map(given).collect();
    if settings.is_empty() {
        return Err(bad_argument("nothing is to be changed", "give --url, --width, --height or --css"));
    }
    let settings = Value::Object(settings);
    let turn = context.turn(format!("settings {} {}", keys(&settings), context.name("input")?)).await?;
    let input = of_kind(context, &["browser_source"], "browser").await?;
    let change = settings_change(input, &settings, false);
    context.set(turn, change, json!({"input": input, "settings": settings})).await
}

/// Never more than `indeterminate`: OBS takes the press of the button and tells nothing of the page.
async fn refresh(context: &Context<'_>) -> Outcome {
    let input = of_kind(context, &["browser_source"], "browser").await?;
    let data = json!({"inputName": input, "propertyName": "refreshnocache"});
    let request = "PressInputPropertiesButton";
    match context.session.request(request, data, context.clock.act_until).await {
        Ok(answer) => Err(super::free::not_observable(request, &answer)),
        Err(error) => Err(super::free::unanswered(request, error)),
    }
}
