//! The operations of `if_manifest::native::ha`, each with the result document it gives.

mod act;
mod camera;
mod control;
mod home;
mod logbook;
mod message;
mod service;

use crate::{
    claims::Claims,
    confirm::Clock,
    limits::HINT_NAMES_MAX,
    mirror::Entity,
    rest::Rest,
    services::{Misfit, Service, Services},
    session::{RequestError, Session},
};
use if_engine::{Call, Execution, ProgressSink};
use serde_json::Value;
use std::sync::Arc;

/// Everything an operation works with.
pub struct Ground<'a> {
    pub session: &'a Session,
    pub call: &'a Call,
    pub clock: Clock,
    pub progress: &'a ProgressSink,
    pub claims: &'a Arc<Claims>,
    pub rest: &'a Rest,
}

/// The result document, or how the operation ended otherwise.
type Outcome = Result<Value, Execution>;

/// Executes the call by its deadline.
pub async fn execute(ground: &Ground<'_>) -> Execution {
    let outcome = match ground.call.operation.as_str() {
        "ha.status" => home::status(ground).await,
        "ha.config" => home::config(ground).await,
        "ha.areas" => home::areas(ground).await,
        "ha.entities" => home::entities(ground).await,
        "ha.state" => home::state(ground).await,
        "ha.services" => home::services(ground).await,
        "ha.logbook" => logbook::logbook(ground).await,
        "ha.camera.list" => camera::list(ground),
        "ha.camera.snapshot" => camera::snapshot(ground).await,
        "ha.camera.stream" => camera::stream(ground).await,
        "ha.service.call" => service::call(ground).await,
        "ha.notify" => message::notify(ground).await,
        "ha.tts" => message::tts(ground).await,
        "ha.event.fire" => message::fire(ground).await,
        other => match control::execute(ground, other).await {
            Some(outcome) => outcome,
            None => {
                let message = format!("this worker cannot do {other}");
                Err(Execution::failed("unknown_operation", message, Some("update if-worker")))
            }
        },
    };
    outcome.map_or_else(|ended| ended, Execution::Succeeded)
}

const HINT_LOST: &str = "the connection is being made again: see `ifctl ha list`, then try again";

/// A request that changed nothing and gave no data.
fn nothing_done(error: RequestError) -> Execution {
    let (code, hint) = match &error {
        RequestError::Refused { refusal, .. } if refusal.code == "unknown_command" => {
            ("unsupported", "update Home Assistant, or enable the integration that has it")
        }
        RequestError::Refused { refusal, .. } if refusal.code == "unauthorized" => {
            ("refused", "the token's user must be an administrator for this")
        }
        RequestError::Refused { .. } => ("refused", "Home Assistant gives the reason above"),
        RequestError::NotSent { .. } => ("not_sent", "nothing was done: try again"),
        RequestError::NoAnswer { .. } => ("no_answer", "Home Assistant hangs or is busy: a longer --deadline may help"),
        RequestError::Lost { .. } => ("disconnected", HINT_LOST),
        RequestError::Unreadable { .. } => ("bad_reply", "report it with the version of Home Assistant"),
    };
    Execution::failed(code, error.to_string(), Some(hint))
}

fn bad_argument(message: impl Into<String>, hint: &str) -> Execution {
    Execution::failed("bad_argument", message, Some(hint))
}

fn misfit(misfit: Misfit) -> Execution {
    bad_argument(misfit.message, &misfit.hint)
}

impl Ground<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.call.text(name).filter(|text| !text.trim().is_empty())
    }

    /// A text that has to be there.
    fn needed(&self, name: &str) -> Result<&str, Execution> {
        self.text(name).ok_or_else(|| bad_argument(format!("{name} is empty"), "give it a text"))
    }

    /// The entity that the argument `entity` names, of one of `domains` (any, where empty).
    fn entity(&self, domains: &[&str]) -> Result<Arc<Entity>, Execution> {
        self.entity_named(self.needed("entity")?, domains)
    }

    fn entity_named(&self, id: &str, domains: &[&str]) -> Result<Arc<Entity>, Execution> {
        let mirror = self.session.mirror();
        let Some(entity) = mirror.entity(id) else {
            let near = mirror.nearest(id, domains.first().copied());
            let hint =
                near.map_or_else(|| "see `ifctl ha entities INSTANCE`".into(), |n| format!("did you mean {n:?}?"));
            let message = format!("Home Assistant has no entity {id:?}");
            return Err(Execution::failed("not_found", message, Some(&hint)));
        };
        if domains.is_empty() || domains.contains(&entity.domain()) {
            return Ok(entity);
        }
        let of: Vec<String> =
            mirror.all().iter().filter(|e| domains.contains(&e.domain())).map(|e| e.id.clone()).collect();
        let message = format!("{id} is of domain {}, not {}", entity.domain(), domains.join(" or "));
        Err(bad_argument(message, &listed(of.iter().map(String::as_str), "there is none of them")))
    }

    /// Refuses an entity that cannot act.
    fn ready(&self, entity: &Entity) -> Result<(), Execution> {
        if entity.state != "unavailable" {
            return Ok(());
        }
        let message = format!("{} is unavailable: Home Assistant has lost the device", entity.id);
        Err(Execution::failed("not_ready", message, Some("is the device on, and its integration loaded?")))
    }

    /// The services, with one of that name in them.
    async fn services_with(&self, name: &str) -> Result<Arc<Services>, Execution> {
        let known = self.session.services(self.clock.act_until).await.map_err(nothing_done)?;
        if known.get(name).is_some() {
            return Ok(known);
        }
        // It may be new.
        let anew = self.session.services_anew(self.clock.act_until).await.map_err(nothing_done)?;
        if anew.get(name).is_some() {
            return Ok(anew);
        }
        let near = anew.nearest(name);
        let hint = near.map_or_else(|| "see `ifctl ha services INSTANCE`".into(), |n| format!("did you mean {n:?}?"));
        Err(Execution::failed("not_found", format!("Home Assistant has no service {name:?}"), Some(&hint)))
    }

    async fn service(&self, name: &str) -> Result<Service, Execution> {
        // It is there: that is what was asked for.
        Ok(self.services_with(name).await?.get(name).cloned().unwrap_or_default())
    }
}

/// `there are: a, b, c, …`.
fn listed<'a>(names: impl Iterator<Item = &'a str>, none: &str) -> String {
    let names: Vec<&str> = names.collect();
    let more = if names.len() > HINT_NAMES_MAX { ", …" } else { "" };
    let shown = names.get(..HINT_NAMES_MAX).unwrap_or(&names).join(", ");
    if names.is_empty() { none.into() } else { format!("there are: {shown}{more}") }
}
