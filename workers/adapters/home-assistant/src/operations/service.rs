//! Any service.

use super::{
    Ground, Outcome,
    act::{Act, not_obeyed, not_observable},
    bad_argument, misfit,
};
use crate::{
    limits::{CANDIDATES_MAX, OBSERVE_MAX},
    mirror::Entity,
    services::Response,
};
use if_engine::Execution;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, timeout_at},
};

/// With one entity the document of a shortcut; with several `{"service", "entities": [document]}`. Without any
/// `{"service", "changed_entities": [id], "confirmed_by": ["event"]}`. Of a service that gives data `{"service", "response"}`.
pub async fn call(ground: &Ground<'_>) -> Outcome {
    let name = ground.needed("service")?;
    if name.split_once('.').is_none_or(|(domain, service)| domain.is_empty() || service.is_empty()) {
        return Err(bad_argument(
            format!("{name:?} is no name of a service"),
            "give domain and service: light.turn_on",
        ));
    }
    let service = ground.service(name).await?;
    let mut act = Act::new(name, ground.call.args.get("data").cloned().unwrap_or_else(|| json!({})));
    let entities = entities(ground, &mut act)?;
    service.check(name, &act.data).map_err(misfit)?;
    if !entities.is_empty() && !service.has_target() {
        // Its entities are an ordinary field.
        let ids: Vec<&str> = entities.iter().map(|e| e.id.as_str()).collect();
        act.data.insert("entity_id".into(), json!(ids));
    }
    if service.response() == Response::Always {
        return response(ground, &act, &entities).await;
    }
    if entities.is_empty() {
        return alone(ground, &act).await;
    }
    let mut documents = ground.act_on(&act, &service, entities).await?;
    match documents.len() {
        1 => Ok(documents.pop().unwrap_or_default()),
        _ => Ok(json!({"service": name, "entities": documents})),
    }
}

/// Those of `--entity` and of `entity_id` in the data, every one of them known.
fn entities(ground: &Ground<'_>, act: &mut Act) -> Result<Vec<Arc<Entity>>, Execution> {
    let flags = ground.call.args.get("entity").cloned().unwrap_or_default();
    let field = act.data.remove("entity_id").unwrap_or_default();
    let mut ids = BTreeSet::new();
    for value in [flags, field] {
        match value {
            Value::Null => {}
            Value::String(one) => ids.extend(one.split(',').map(|id| id.trim().to_owned())),
            Value::Array(many) if many.iter().all(Value::is_string) => {
                ids.extend(many.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            other => return Err(bad_argument(format!("entity_id is {other}"), "give ids of entities")),
        }
    }
    ids.iter().map(|id| ground.entity_named(id, &[])).collect()
}

async fn response(ground: &Ground<'_>, act: &Act, entities: &[Arc<Entity>]) -> Outcome {
    let mut body = act.body(entities);
    body["return_response"] = Value::Bool(true);
    let answer = ground.session.request("call_service", body, ground.clock.act_until).await;
    let answer = answer.map_err(|error| not_obeyed(&act.service, error))?;
    Ok(json!({"service": act.service, "response": answer["response"], "confirmed_by": ["response"]}))
}

/// A service without entities: what changes in its name is its effect.
pub async fn alone(ground: &Ground<'_>, act: &Act) -> Outcome {
    let mut changes = ground.session.mirror().changes();
    let answer = ground.session.request("call_service", act.body(&[]), ground.clock.act_until).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(crate::session::RequestError::NoAnswer { .. }) => {
            return Err(not_observable(&act.service, "it was not answered before the deadline"));
        }
        Err(error) => return Err(not_obeyed(&act.service, error)),
    };
    let Some(context) = answer["context"]["id"].as_str() else {
        return Err(not_observable(&act.service, "its answer names no context"));
    };
    let until = ground.clock.act_until.min(Instant::now() + OBSERVE_MAX);
    let mut changed = BTreeSet::new();
    loop {
        // What came before the answer is in the queue already; later changes are waited for only where none came.
        let now = if changed.is_empty() { until } else { Instant::now() };
        match timeout_at(now, changes.recv()).await {
            Ok(Ok(change)) => {
                let ours = change.now.as_ref().is_some_and(|entity| entity.context.is_of(context));
                if ours && changed.len() < CANDIDATES_MAX {
                    changed.insert(change.id.clone());
                }
            }
            Ok(Err(RecvError::Lagged(_))) => {}
            Ok(Err(RecvError::Closed)) | Err(_) => break,
        }
    }
    if changed.is_empty() {
        return Err(not_observable(&act.service, "no entity changed in its name"));
    }
    Ok(json!({"service": act.service, "changed_entities": changed, "confirmed_by": ["event"]}))
}
