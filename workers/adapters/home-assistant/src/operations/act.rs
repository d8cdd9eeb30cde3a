//! A service call for entities, and its result.

use super::{Ground, Outcome, misfit, nothing_done};
use crate::{
    confirm::{Acting, End, Watched},
    mirror::Entity,
    services::Service,
    session::RequestError,
    wanted::{document, wanted},
};
use if_engine::Execution;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const HINT_UNKNOWN: &str = "look at Home Assistant: the change may or may not have happened";

/// A service with its data.
#[derive(Debug, Clone)]
pub struct Act {
    /// `light.turn_on`
    pub service: String,
    pub data: Map<String, Value>,
}

impl Act {
    /// `data` is an object; fields that are null are left out.
    pub fn new(service: &str, data: Value) -> Self {
        let data = match data {
            Value::Object(data) => data.into_iter().filter(|(_, v)| !v.is_null()).collect(),
            _ => Map::new(),
        };
        Self { service: service.into(), data }
    }

    /// The body of `call_service`.
    pub fn body(&self, entities: &[Arc<Entity>]) -> Value {
        let (domain, service) = self.service.split_once('.').unwrap_or_default();
        let mut body = json!({"domain": domain, "service": service, "service_data": self.data});
        if !entities.is_empty() {
            let ids: Vec<&str> = entities.iter().map(|e| e.id.as_str()).collect();
            body["target"] = json!({"entity_id": ids});
        }
        body
    }
}

impl Ground<'_> {
    /// Calls a service for one entity and confirms what it does.
    /// `{"service", "entity", "state", "previous", "attributes", "changed", "confirmed_by"}`.
    pub(super) async fn act(&self, act: Act, entity: Arc<Entity>) -> Outcome {
        let service = self.service(&act.service).await?;
        let mut documents = self.act_on(&act, &service, vec![entity]).await?;
        Ok(documents.pop().unwrap_or_default())
    }

    /// The same for several: one document each, or the first of them that did not end well.
    pub(super) async fn act_on(
        &self,
        act: &Act,
        service: &Service,
        entities: Vec<Arc<Entity>>,
    ) -> Result<Vec<Value>, Execution> {
        for entity in &entities {
            service.takes(&act.service, entity).map_err(misfit)?;
            self.ready(entity)?;
        }
        let body = act.body(&entities);
        let changes = self.session.mirror().changes();
        let watch = |entity: Arc<Entity>| {
            // As it is now that changes are heard; it may even be gone since it was looked up.
            let entity = self.entity_named(&entity.id, &[])?;
            let claim = self.claims.claim(&entity.id, self.call.command.to_string());
            let wanted = wanted(&act.service, &act.data, &entity);
            Ok(Watched::new(entity, wanted, claim))
        };
        let watched: Vec<Watched> = entities.into_iter().map(watch).collect::<Result<_, Execution>>()?;
        let acting = Acting::new(self.session, self.clock, changes, watched);
        self.progress.report(format!("asking Home Assistant for {}", act.service), None);
        let ended = acting.run(body).await.map_err(|error| not_obeyed(&act.service, error))?;
        ended.into_iter().map(|(watched, end)| ending(&act.service, &watched, end)).collect()
    }
}

/// A call that was answered with an error, or not at all.
pub fn not_obeyed(service: &str, error: RequestError) -> Execution {
    match error {
        RequestError::Lost { why, .. } => {
            let message = format!("{service} was sent to Home Assistant, but its effect could not be read back: {why}");
            Execution::indeterminate("no_readback", message, Some(HINT_UNKNOWN))
        }
        RequestError::Refused { refusal, .. }
            if refusal.code.ends_with("error") && !refusal.code.contains("validation") =>
        {
            let message = format!("{service} failed in Home Assistant: {} ({})", refusal.message, refusal.code);
            Execution::failed("provider_error", message, Some("the log of Home Assistant says more"))
        }
        RequestError::Refused { refusal, .. } => {
            let message = format!("Home Assistant refused {service}: {} ({})", refusal.message, refusal.code);
            Execution::failed("refused", message, Some("Home Assistant gives the reason above"))
        }
        other => nothing_done(other),
    }
}

fn ending(service: &str, watched: &Watched, end: End) -> Outcome {
    let entity = &watched.before.id;
    let wanted = watched.wanted.as_ref().map_or_else(|| "a change".into(), |w| w.describe());
    Err(match end {
        End::Confirmed { now, changed, by } => {
            let mut document = document(watched.wanted.as_ref(), &watched.before, &now);
            document["service"] = service.into();
            document["changed"] = changed.into();
            document["confirmed_by"] = json!(by);
            return Ok(document);
        }
        End::NotConfirmed { observed, told: false } => Execution::failed(
            "not_confirmed",
            format!("wanted {entity} {wanted}, observed {observed} when the deadline came"),
            Some("the device may still act on it; where it only needs longer, give a longer --deadline"),
        ),
        End::NotConfirmed { observed, told: true } => Execution::failed(
            "not_confirmed",
            format!("wanted {entity} {wanted}; Home Assistant reported it, but then observed {observed}"),
            Some("the device or something else changed it back"),
        ),
        End::Superseded { observed, by } => Execution::failed(
            "superseded",
            format!("wanted {entity} {wanted}, observed {observed}: {by} came after this one"),
            Some("the last command wins; send this one again if it is still wanted"),
        ),
        End::NotObservable => not_observable(service, &format!("{entity} shows nothing of it")),
        End::Unknown { why } => {
            let message = format!("{service} was sent for {entity}, but its effect could not be read back: {why}");
            Execution::indeterminate("no_readback", message, Some(HINT_UNKNOWN))
        }
    })
}

pub fn not_observable(service: &str, why: &str) -> Execution {
    let message = format!("Home Assistant took {service}, and nothing shows whether it had its effect: {why}");
    Execution::indeterminate("not_observable", message, Some("look at the device; Home Assistant cannot tell"))
}
