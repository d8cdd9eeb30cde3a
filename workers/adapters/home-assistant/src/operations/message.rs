//! Notifications, speech, events: what leaves little to be seen.

use super::{
    Ground, Outcome,
    act::{Act, not_obeyed, not_observable},
    bad_argument, listed, nothing_done, service,
};
use crate::{
    confirm::{Acting, End, Watched},
    mirror::Entity,
    session::RequestError,
};
use if_engine::Execution;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::time::timeout_at;

/// Without `to` a notification on Home Assistant's own page, which is read back:
/// `{"notification": id, "confirmed_by": ["read_back"]}`. To a notify entity, whose state is the time of its last message, the
/// document of a shortcut. To a notify service nothing can be seen: `not_observable`.
pub async fn notify(ground: &Ground<'_>) -> Outcome {
    let message = ground.needed("message")?;
    let data = json!({"message": message, "title": ground.text("title")});
    let Some(to) = ground.text("to") else { return page(ground, data).await };
    let name = if to.contains('.') { to.to_owned() } else { format!("notify.{to}") };
    if ground.session.mirror().entity(&name).is_some() {
        let entity = ground.entity_named(&name, &["notify"])?;
        return ground.act(Act::new("notify.send_message", data), entity).await;
    }
    let services = ground.session.services(ground.clock.act_until).await.map_err(nothing_done)?;
    if !name.starts_with("notify.") || services.get(&name).is_none() {
        let entities = ground.session.mirror().all();
        let entities = entities.iter().filter(|e| e.domain() == "notify").map(|e| e.id.as_str());
        let known: Vec<&str> = entities
            .chain(services.names().filter(|n| n.starts_with("notify.") && *n != "notify.send_message"))
            .collect();
        let near = if_manifest::args::nearest(&name, known.iter().copied());
        let hint = near.map_or_else(|| listed(known.into_iter(), "there are none"), |n| format!("did you mean {n:?}?"));
        return Err(Execution::failed("not_found", format!("Home Assistant cannot notify {to:?}"), Some(&hint)));
    }
    service::alone(ground, &Act::new(&name, data)).await
}

async fn page(ground: &Ground<'_>, mut data: Value) -> Outcome {
    const SERVICE: &str = "persistent_notification.create";
    let id = format!("if_{}", ground.call.command);
    ground.service(SERVICE).await?;
    data["notification_id"] = id.clone().into();
    let message = data["message"].clone();
    let sent = ground.session.request("call_service", Act::new(SERVICE, data).body(&[]), ground.clock.act_until).await;
    match sent {
        Ok(_) | Err(RequestError::NoAnswer { .. }) => {}
        Err(error) => return Err(not_obeyed(SERVICE, error)),
    }
    let known =
        ground.session.read::<Vec<Value>>("persistent_notification/get", json!({}), ground.clock.read_until).await;
    let known = known.map_err(|error| {
        let message = format!("the notification was sent, but could not be read back: {error}");
        Execution::indeterminate("no_readback", message, Some("look at the notifications of Home Assistant"))
    })?;
    if known.iter().any(|n| n["notification_id"] == id.as_str() && n["message"] == message) {
        return Ok(json!({"notification": id, "confirmed_by": ["read_back"]}));
    }
    let message = "Home Assistant took the notification, and it is not among its notifications";
    Err(Execution::failed("not_confirmed", message, Some("somebody may have dismissed it at once")))
}

/// `{"service", "player", "state", "confirmed_by": ["event", "read_back"]}` where the player changes because of it; otherwise
/// `not_observable`.
pub async fn tts(ground: &Ground<'_>) -> Outcome {
    let message = ground.needed("message")?;
    let player = ground.entity_named(ground.needed("player")?, &["media_player"])?;
    ground.ready(&player)?;
    let data = json!({"message": message, "language": ground.text("language")});
    let (act, engine) = engine(ground, data, &player).await?;
    ground.service(&act.service).await?;
    let changes = ground.session.mirror().changes();
    let claim = ground.claims.claim(&player.id, ground.call.command.to_string());
    let acting = Acting::new(ground.session, ground.clock, changes, vec![Watched::new(player.clone(), None, claim)]);
    let body = act.body(engine.as_slice());
    let ended = acting.run(body).await.map_err(|error| not_obeyed(&act.service, error))?;
    match ended.into_iter().next() {
        Some((_, End::Confirmed { now, by, .. })) => {
            Ok(json!({"service": act.service, "player": now.id, "state": now.state, "confirmed_by": by}))
        }
        Some((_, End::Unknown { why })) => Err(not_observable(&act.service, &why)),
        _ => Err(not_observable(&act.service, &format!("{} did not change because of it", player.id))),
    }
}

/// The service that speaks, and the entity it is called for: `tts.speak` with an engine, or a `tts.…_say`.
async fn engine(
    ground: &Ground<'_>,
    mut data: Value,
    player: &Arc<Entity>,
) -> Result<(Act, Vec<Arc<Entity>>), Execution> {
    let services = ground.session.services(ground.clock.act_until).await.map_err(nothing_done)?;
    let says: Vec<&str> = services.names().filter(|n| n.starts_with("tts.") && n.ends_with("_say")).collect();
    let all = ground.session.mirror().all();
    let entities: Vec<&Arc<Entity>> = all.iter().filter(|e| e.domain() == "tts").collect();
    let ids = || entities.iter().map(|e| e.id.as_str()).chain(says.iter().copied());
    let chosen = match ground.text("engine") {
        Some(name) if ids().any(|id| id == name) => name.to_owned(),
        Some(name) => {
            let hint = listed(ids(), "there is none: set up a text-to-speech integration");
            return Err(Execution::failed("not_found", format!("Home Assistant has no engine {name:?}"), Some(&hint)));
        }
        None if ids().count() == 1 => ids().next().unwrap_or_default().to_owned(),
        None if ids().count() == 0 => {
            let hint = "set up a text-to-speech integration in Home Assistant";
            return Err(Execution::failed("not_found", "Home Assistant has no speech engine", Some(hint)));
        }
        None => {
            return Err(bad_argument(
                "there are several speech engines",
                &format!("give --engine; {}", listed(ids(), "")),
            ));
        }
    };
    if let Some(entity) = entities.iter().find(|e| e.id == chosen) {
        data["media_player_entity_id"] = player.id.as_str().into();
        return Ok((Act::new("tts.speak", data), vec![(*entity).clone()]));
    }
    data["entity_id"] = player.id.as_str().into();
    Ok((Act::new(&chosen, data), Vec::new()))
}

/// `{"event", "context", "confirmed_by": ["event"]}`: the event was seen on Home Assistant's own bus.
pub async fn fire(ground: &Ground<'_>) -> Outcome {
    let event = ground.needed("event")?;
    let until = ground.clock.act_until;
    let heard = ground.session.subscribe("subscribe_events", json!({"event_type": event}), until).await;
    let mut heard = heard.map_err(nothing_done)?;
    let body =
        json!({"event_type": event, "event_data": ground.call.args.get("data").cloned().unwrap_or_else(|| json!({}))});
    let answer = ground.session.request("fire_event", body, until).await;
    let answer = answer.map_err(|error| match error {
        RequestError::NoAnswer { .. } => not_observable("the event", "it was not answered before the deadline"),
        error => not_obeyed("fire_event", error),
    })?;
    let Some(context) = answer["context"]["id"].as_str() else {
        return Err(not_observable("the event", "its answer names no context"));
    };
    loop {
        match timeout_at(until, heard.next()).await {
            Ok(Some(seen)) if seen["context"]["id"] == *context => {
                return Ok(json!({"event": event, "context": context, "confirmed_by": ["event"]}));
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => {
                return Err(not_observable("the event", "it was not seen on the bus before the deadline"));
            }
        }
    }
}
