//! What Home Assistant says of itself and of its entities.

use super::{Ground, Outcome, bad_argument, nothing_done};
use crate::mirror::Entity;
use if_engine::Execution;
use if_manifest::args::nearest;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Parts of the configuration that are of no use here, or too long.
const CONFIG_LEFT_OUT: [&str; 4] =
    ["components", "allowlist_external_dirs", "allowlist_external_urls", "whitelist_external_dirs"];

#[derive(Deserialize)]
struct Area {
    area_id: String,
    name: String,
}

#[derive(Deserialize)]
struct Registered {
    entity_id: String,
    #[serde(default)]
    area_id: Option<String>,
    #[serde(default)]
    device_id: Option<String>,
}

#[derive(Deserialize)]
struct Device {
    id: String,
    #[serde(default)]
    area_id: Option<String>,
}

/// `{"version", "location", "state", "recovery_mode", "entities": count, "domains": {domain: count}}`.
pub async fn status(ground: &Ground<'_>) -> Outcome {
    let config = ask(ground, "get_config").await?;
    let mut domains: BTreeMap<String, usize> = BTreeMap::new();
    for entity in ground.session.mirror().all() {
        *domains.entry(entity.domain().to_owned()).or_default() += 1;
    }
    Ok(json!({
        "version": config["version"],
        "location": config["location_name"],
        "state": config["state"],
        "recovery_mode": config["recovery_mode"] == Value::Bool(true),
        "entities": ground.session.mirror().count(),
        "domains": domains,
    }))
}

/// Home Assistant's own document, without [`CONFIG_LEFT_OUT`].
pub async fn config(ground: &Ground<'_>) -> Outcome {
    let mut config = ask(ground, "get_config").await?;
    if let Some(config) = config.as_object_mut() {
        CONFIG_LEFT_OUT.iter().for_each(|name| drop(config.remove(*name)));
    }
    Ok(config)
}

/// `{"areas": [{"id", "name", "entities": count}]}`.
pub async fn areas(ground: &Ground<'_>) -> Outcome {
    let areas: Vec<Area> = list(ground, "config/area_registry/list").await?;
    let of = areas_of_entities(ground).await?;
    let count = |area: &Area| of.values().filter(|a| **a == area.area_id).count();
    let rows: Vec<Value> =
        areas.iter().map(|a| json!({"id": a.area_id, "name": a.name, "entities": count(a)})).collect();
    Ok(json!({"areas": rows}))
}

/// `{"entities": [{"entity", "state", "name"}], "total": matching, "shown": rows}`.
pub async fn entities(ground: &Ground<'_>) -> Outcome {
    let all = ground.session.mirror().all();
    let domain = ground.text("domain");
    if let Some(domain) = domain {
        let domains: BTreeSet<&str> = all.iter().map(|e| e.domain()).collect();
        if !domains.contains(domain) {
            return Err(none_of("entities of domain", domain, domains.into_iter()));
        }
    }
    let in_area = match ground.text("area") {
        Some(area) => Some(entities_of_area(ground, area).await?),
        None => None,
    };
    let state = ground.text("state");
    let fits = |entity: &&Arc<Entity>| {
        domain.is_none_or(|domain| entity.domain() == domain)
            && state.is_none_or(|state| entity.state == state)
            && in_area.as_ref().is_none_or(|ids| ids.contains(&entity.id))
    };
    let matching: Vec<&Arc<Entity>> = all.iter().filter(fits).collect();
    let rows: Vec<Value> = matching.iter().take(limit(ground)).map(|entity| row(entity)).collect();
    Ok(json!({"total": matching.len(), "shown": rows.len(), "entities": rows}))
}

fn row(entity: &Entity) -> Value {
    json!({"entity": entity.id, "state": entity.state, "name": entity.name()})
}

pub fn limit(ground: &Ground<'_>) -> usize {
    ground.call.integer("limit").and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)
}

/// `{"entity", "state", "attributes", "last_changed"}`, read now. Attributes that are credentials are left out.
pub async fn state(ground: &Ground<'_>) -> Outcome {
    let known = ground.entity(&[])?;
    let now = ground.session.read_entity(&known.id, ground.clock.read_until).await.map_err(nothing_done)?;
    let Some(now) = now else {
        let message = format!("{} was removed a moment ago", known.id);
        return Err(Execution::failed("not_found", message, Some("see `ifctl ha entities INSTANCE`")));
    };
    let last_changed = Some(&known.last_changed).filter(|_| known.state == now.state);
    Ok(json!({
        "entity": now.id,
        "state": now.state,
        "attributes": now.public_attributes(),
        "last_changed": last_changed,
    }))
}

/// `{"services": [name]}`, or with a domain `{"services": [{"service", "description", "fields", "target"}]}`.
pub async fn services(ground: &Ground<'_>) -> Outcome {
    let services = ground.session.services(ground.clock.act_until).await.map_err(nothing_done)?;
    let Some(domain) = ground.text("domain") else {
        return Ok(json!({"services": services.names().collect::<Vec<_>>()}));
    };
    let of = services.of_domain(domain);
    if of.is_empty() {
        return Err(none_of("services of domain", domain, services.domains()));
    }
    Ok(json!({"services": of}))
}

fn none_of<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Execution {
    let hint = nearest(name, known)
        .map_or_else(|| "see `ifctl ha status INSTANCE`".into(), |n| format!("did you mean {n:?}?"));
    Execution::failed("not_found", format!("Home Assistant has no {what} {name:?}"), Some(&hint))
}

async fn entities_of_area(ground: &Ground<'_>, name: &str) -> Result<BTreeSet<String>, Execution> {
    let areas: Vec<Area> = list(ground, "config/area_registry/list").await?;
    let is = |area: &&Area| area.area_id == name || area.name.eq_ignore_ascii_case(name);
    let Some(area) = areas.iter().find(is) else {
        if areas.is_empty() {
            return Err(bad_argument(format!("there is no area {name:?}"), "Home Assistant has no areas"));
        }
        return Err(none_of("area", name, areas.iter().map(|a| a.name.as_str())));
    };
    let of = areas_of_entities(ground).await?;
    Ok(of.into_iter().filter(|(_, id)| *id == area.area_id).map(|(entity, _)| entity).collect())
}

/// The area of each entity that has one: its own, or else that of its device.
async fn areas_of_entities(ground: &Ground<'_>) -> Result<BTreeMap<String, String>, Execution> {
    let entities: Vec<Registered> = list(ground, "config/entity_registry/list").await?;
    let devices: Vec<Device> = list(ground, "config/device_registry/list").await?;
    let devices: BTreeMap<String, String> = devices.into_iter().filter_map(|d| Some((d.id, d.area_id?))).collect();
    let area = |e: Registered| {
        let of_device = || e.device_id.as_ref().and_then(|id| devices.get(id)).cloned();
        Some((e.entity_id, e.area_id.or_else(of_device)?))
    };
    Ok(entities.into_iter().filter_map(area).collect())
}

async fn list<T: serde::de::DeserializeOwned>(ground: &Ground<'_>, request: &'static str) -> Result<T, Execution> {
    ground.session.read(request, json!({}), ground.clock.act_until).await.map_err(nothing_done)
}

async fn ask(ground: &Ground<'_>, request: &'static str) -> Result<Value, Execution> {
    let answer: Map<String, Value> = list(ground, request).await?;
    Ok(Value::Object(answer))
}
