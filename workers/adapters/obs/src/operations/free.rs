//! Any request of obs-websocket, and batches of them. Success means the same here as anywhere: the state was seen.

use super::{Context, HINT_UNKNOWN, Outcome, bad_argument, change::no_readback, names, nothing_done};
use crate::{
    confirm::Watch,
    limits::{ANSWER_MAX, BATCH_MAX},
    session::RequestError,
    wanted::{Reading, Wanted, holds, short},
};
use if_engine::Execution;
use serde_json::{Map, Value, json};

/// Fields whose value is never shown and never taken as an argument: arguments and results are kept in the record.
const SECRETS: [&str; 5] = ["key", "password", "bearer_token", "stream_key", "token"];
const REDACTED: &str = "[redacted]";

/// `{"request": name, "data": answer | null, "confirmed_by": ["answer" | "read_back"]}`: a read is what it answers; what sets
/// something that can be read is read back. What cannot be read ends as `not_observable`.
pub async fn request(context: &Context<'_>) -> Outcome {
    let name = context.name("request")?;
    let data = context.object("data")?;
    let known = known_requests(context).await?;
    names::require("request", name, known.iter().map(String::as_str))?;
    refuse_secrets(name, &data)?;
    let read = is_read(name);
    let wanted = read_back(name, &data, &known).map(|wanted| Watch::new(context.session, wanted));
    let answer = match context.session.request(name.to_owned(), data, context.clock.act_until).await {
        Ok(mut answer) => {
            scrub(&mut answer);
            answer
        }
        Err(error) if read => return Err(nothing_done(error)),
        Err(error) => return Err(unanswered(name, error)),
    };
    if read {
        return Ok(json!({"request": name, "data": answer, "confirmed_by": ["answer"]}));
    }
    let Some(watch) = wanted else { return Err(not_observable(name, &answer)) };
    let confirmed = context.confirm(watch, name, None).await?;
    Ok(json!({"request": name, "data": answer, "confirmed_by": confirmed.by()}))
}

/// `{"results": [{"request", "data": answer | null, "confirmed_by": […]}]}`, where every request succeeded and each is a read
/// or was read back.
pub async fn batch(context: &Context<'_>) -> Outcome {
    let given = context.json("request");
    let texts: Vec<&str> = given.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if texts.is_empty() || texts.len() > BATCH_MAX {
        return Err(bad_argument(format!("{} requests", texts.len()), &format!("give 1 to {BATCH_MAX}")));
    }
    let requests = texts.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let known = known_requests(context).await?;
    for (name, data) in &requests {
        names::require("request", name, known.iter().map(String::as_str))?;
        refuse_secrets(name, data)?;
    }
    let all_reads = requests.iter().all(|(name, _)| is_read(name));
    let halt = context.flag("halt");
    let results = match context.session.batch(requests.clone(), halt, context.clock.act_until).await {
        Ok(results) => results,
        Err(error) if all_reads => return Err(nothing_done(error)),
        Err(error) => return Err(unanswered("a batch", error)),
    };
    let mut documents = Vec::new();
    let mut unseen = Vec::new();
    for (index, (name, data)) in requests.iter().enumerate() {
        let Some(result) =
            results.get(index).filter(|result| result.request_type == *name || result.request_type.is_empty())
        else {
            unseen.push(format!("{name}: not executed"));
            continue;
        };
        let mut answer = result.response_data.clone();
        scrub(&mut answer);
        let status = &result.request_status;
        if !status.result {
            let comment = status.comment.as_deref().unwrap_or("no reason given");
            unseen.push(format!("{name}: refused with code {}: {comment}", status.code));
            continue;
        }
        let by: &[&str] = match (is_read(name), read_back(name, data, &known)) {
            (true, _) => &["answer"],
            // A later request of the same batch may have set it otherwise.
            (false, Some(wanted)) if is_last(&requests, index) => {
                context.confirm(Watch::new(context.session, wanted), name, None).await?.by()
            }
            _ => {
                unseen.push(format!("{name}: done by OBS's own word only"));
                continue;
            }
        };
        documents.push(json!({"request": name, "data": answer, "confirmed_by": by}));
    }
    if unseen.is_empty() {
        return Ok(json!({"results": documents}));
    }
    let told = format!("{} of {} were seen; {}", documents.len(), requests.len(), cut(&unseen.join("; ")));
    match all_reads {
        true => Err(Execution::failed("refused", told, Some("OBS gives the reasons above"))),
        false => Err(Execution::indeterminate("not_observable", told, Some(HINT_UNKNOWN))),
    }
}

/// No later request of that name is in the batch.
fn is_last(requests: &[(String, Value)], index: usize) -> bool {
    requests.iter().skip(index + 1).all(|(name, _)| *name != requests[index].0)
}

/// `NAME` or `NAME {"field": value}`.
fn parse(text: &str) -> Result<(String, Value), Execution> {
    let (name, data) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), "{}"));
    match serde_json::from_str::<Map<String, Value>>(data) {
        Ok(data) => Ok((name.to_owned(), Value::Object(data))),
        Err(error) => {
            Err(bad_argument(format!("the data of {name} is no JSON object: {error}"), "give NAME {\"field\": value}"))
        }
    }
}

async fn known_requests(context: &Context<'_>) -> Result<Vec<String>, Execution> {
    let version = context.session.version(context.clock.act_until).await.map_err(nothing_done)?;
    Ok(version.available_requests)
}

fn is_read(name: &str) -> bool {
    name.starts_with("Get")
}

/// `SetX` is read back by `GetX` where this OBS has it: what was set and is in its answer must hold.
fn read_back(name: &str, data: &Value, known: &[String]) -> Option<Wanted> {
    let read = format!("Get{}", name.strip_prefix("Set")?);
    if !known.contains(&read) {
        return None;
    }
    let wished = data.clone();
    Some(Wanted::new(format!("{name} {}", short(data)), read, data.clone(), move |answer| {
        let fields: Vec<(&String, &Value)> = wished.as_object().into_iter().flatten().collect();
        // What only says which thing is meant is in the answer of few requests.
        let seen: Vec<_> = fields.into_iter().filter(|(field, _)| answer.get(field.as_str()).is_some()).collect();
        let reached = !seen.is_empty() && seen.iter().all(|(field, value)| holds(value, &answer[field.as_str()]));
        Reading::at_once(reached, short(answer))
    }))
}

/// A secret in an argument would be in the record for ever.
fn refuse_secrets(name: &str, data: &Value) -> Result<(), Execution> {
    match secret_in(data) {
        None => Ok(()),
        Some(field) => Err(bad_argument(
            format!("{name} would carry the secret {field:?} in an argument, which is kept in the record"),
            "for a stream key use `ifctl obs stream configure`",
        )),
    }
}

fn secret_in(value: &Value) -> Option<&str> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let shown = value.as_str().is_some_and(|text| !text.is_empty()) && SECRETS.contains(&name.as_str());
            if shown { Some(name.as_str()) } else { secret_in(value) }
        }),
        Value::Array(items) => items.iter().find_map(secret_in),
        _ => None,
    }
}

/// Replaces the values of secret fields.
pub fn scrub(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let full = value.as_str().is_some_and(|text| !text.is_empty());
                if full && SECRETS.contains(&name.as_str()) {
                    *value = REDACTED.into();
                } else {
                    scrub(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(scrub),
        _ => {}
    }
}

/// OBS took it, and nothing of OBS tells whether it happened.
pub fn not_observable(request: &str, answer: &Value) -> Execution {
    let told = if answer.is_null() { "without data".into() } else { format!("with {}", cut(&answer.to_string())) };
    let message = format!("OBS took {request} and answered {told}; it does not let the effect be seen");
    Execution::indeterminate("not_observable", message, Some("look at OBS"))
}

/// A request that may change something and was not answered well.
pub fn unanswered(request: &str, error: RequestError) -> Execution {
    match error {
        RequestError::Refused { .. } | RequestError::NotSent { .. } => nothing_done(error),
        other => no_readback(request, &other.to_string()),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(ANSWER_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
#[path = "free_tests.rs"]
mod tests;
