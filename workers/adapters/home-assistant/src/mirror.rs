//! Every entity as pushes last told it, the services, and the live state that others read.

use crate::{
    limits::{CHANGES_QUEUE, ENTITIES_MAX},
    services::Services,
};
use if_engine::{LiveState, live::segment};
use if_manifest::args::nearest;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::broadcast;

/// Attributes that are shown live. Never `access_token` or `entity_picture`: they open the camera to whoever has them.
const LIVE_ATTRIBUTES: [&str; 14] = [
    "friendly_name",
    "brightness",
    "rgb_color",
    "color_temp_kelvin",
    "effect",
    "volume_level",
    "is_volume_muted",
    "source",
    "media_title",
    "current_position",
    "temperature",
    "current_temperature",
    "percentage",
    "unit_of_measurement",
];
/// Attributes that are credentials, wholly or in part.
const SECRET_ATTRIBUTES: [&str; 2] = ["access_token", "entity_picture"];

/// One entity at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    pub id: String,
    pub state: String,
    pub attributes: Map<String, Value>,
    pub context: Context,
    /// RFC 3339; of the state, not of the attributes. Not known of what was read back.
    pub last_changed: Option<String>,
}

/// What caused a state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Context {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub parent_id: Option<String>,
    #[serde(default)]
    pub user_id: Option<String>,
}

impl Context {
    /// Is it `id`, or was it caused by it?
    pub fn is_of(&self, id: &str) -> bool {
        self.id.as_deref() == Some(id) || self.parent_id.as_deref() == Some(id)
    }
    /// A user or an automation caused it, not the device by itself.
    pub fn is_command(&self) -> bool {
        self.user_id.is_some() || self.parent_id.is_some()
    }
}

/// A state as `get_states` and `state_changed` give it.
#[derive(Debug, Deserialize)]
pub struct RawState {
    entity_id: String,
    state: String,
    #[serde(default)]
    attributes: Map<String, Value>,
    #[serde(default)]
    context: Option<Context>,
    #[serde(default)]
    last_changed: Option<String>,
}

impl From<RawState> for Entity {
    fn from(raw: RawState) -> Self {
        let RawState { entity_id: id, state, attributes, context, last_changed } = raw;
        Self { id, state, attributes, context: context.unwrap_or_default(), last_changed }
    }
}

impl Entity {
    pub fn domain(&self) -> &str {
        self.id.split_once('.').map_or("", |(domain, _)| domain)
    }
    pub fn attribute(&self, name: &str) -> &Value {
        self.attributes.get(name).unwrap_or(&Value::Null)
    }
    pub fn name(&self) -> Option<&str> {
        self.attribute("friendly_name").as_str()
    }
    /// Without those that are credentials.
    pub fn public_attributes(&self) -> Map<String, Value> {
        let public = |(name, _): &(&String, &Value)| !SECRET_ATTRIBUTES.contains(&name.as_str());
        self.attributes.iter().filter(public).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// One `state_changed` event.
#[derive(Debug)]
pub struct Change {
    pub id: String,
    /// None: the entity was removed.
    pub now: Option<Arc<Entity>>,
}

pub struct Mirror {
    entities: Mutex<BTreeMap<String, Arc<Entity>>>,
    services: Mutex<Option<Arc<Services>>>,
    live: Arc<LiveState>,
    changes: broadcast::Sender<Arc<Change>>,
}

impl Default for Mirror {
    fn default() -> Self {
        let (changes, _) = broadcast::channel(CHANGES_QUEUE);
        Self { entities: Mutex::default(), services: Mutex::default(), live: Arc::default(), changes }
    }
}

impl Mirror {
    pub fn live(&self) -> Arc<LiveState> {
        self.live.clone()
    }
    pub fn changes(&self) -> broadcast::Receiver<Arc<Change>> {
        self.changes.subscribe()
    }

    /// Every entity anew, at a connect.
    pub fn fill(&self, states: Vec<RawState>) {
        if states.len() > ENTITIES_MAX {
            tracing::warn!(entities = states.len(), limit = ENTITIES_MAX, "entities beyond the limit are passed over");
        }
        let entities: BTreeMap<String, Arc<Entity>> = states
            .into_iter()
            .take(ENTITIES_MAX)
            .map(|raw| Arc::new(Entity::from(raw)))
            .map(|entity| (entity.id.clone(), entity))
            .collect();
        let values = entities.values().flat_map(|entity| live_values(None, entity)).collect();
        self.live.replace("entity", values);
        *self.entities() = entities;
    }

    pub fn set_fresh(&self, fresh: bool) {
        self.live.set_fresh(fresh);
    }

    /// The data of one `state_changed` event. False where it has not the shape of one.
    pub fn apply(&self, data: &Value) -> bool {
        let Some(id) = data.get("entity_id").and_then(Value::as_str) else { return false };
        let now = match data.get("new_state") {
            None => return false,
            Some(Value::Null) => None,
            Some(state) => match RawState::deserialize(state) {
                Ok(raw) if raw.entity_id == id => Some(Arc::new(Entity::from(raw))),
                Ok(_) | Err(_) => return false,
            },
        };
        let mut entities = self.entities();
        let before = match &now {
            Some(entity) if entities.contains_key(id) || entities.len() < ENTITIES_MAX => {
                entities.insert(id.to_owned(), entity.clone())
            }
            Some(_) => return true,
            None => entities.remove(id),
        };
        drop(entities);
        match &now {
            Some(entity) => live_values(before.as_deref(), entity).into_iter().for_each(|(p, v)| self.live.set(&p, v)),
            None => self.live.remove(&format!("entity.{}", segment(id))),
        }
        // Nobody waiting is the usual case.
        let _ = self.changes.send(Arc::new(Change { id: id.to_owned(), now }));
        true
    }

    pub fn entity(&self, id: &str) -> Option<Arc<Entity>> {
        self.entities().get(id).cloned()
    }
    pub fn all(&self) -> Vec<Arc<Entity>> {
        self.entities().values().cloned().collect()
    }
    pub fn count(&self) -> usize {
        self.entities().len()
    }

    /// The entity id most like `id`: of the same domain where there is one, by its friendly name too.
    pub fn nearest(&self, id: &str, domain: Option<&str>) -> Option<String> {
        let all = self.all();
        let wanted = domain.or_else(|| id.split_once('.').map(|(domain, _)| domain));
        let same: Vec<&Arc<Entity>> = all.iter().filter(|e| wanted.is_none_or(|d| e.domain() == d)).collect();
        let among = |entities: &[&Arc<Entity>]| nearest(id, entities.iter().map(|e| e.id.as_str()));
        let named = || same.iter().find(|e| e.name().is_some_and(|n| n.eq_ignore_ascii_case(id))).map(|e| e.id.clone());
        named().or_else(|| among(&same)).or_else(|| among(&all.iter().collect::<Vec<_>>()))
    }

    /// None once the services changed.
    pub fn services(&self) -> Option<Arc<Services>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub fn set_services(&self, services: Option<Services>) {
        *self.services.lock().unwrap_or_else(PoisonError::into_inner) = services.map(Arc::new);
    }

    fn entities(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Entity>>> {
        // Entities are replaced whole: a panic elsewhere leaves nothing half-written.
        self.entities.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attribute that is gone becomes null: to remove a path costs a look at all of them.
fn live_values(before: Option<&Entity>, entity: &Entity) -> Vec<(String, Value)> {
    let base = format!("entity.{}", segment(&entity.id));
    let attributes = LIVE_ATTRIBUTES.iter().filter_map(|name| {
        let was = before.is_some_and(|b| !b.attribute(name).is_null());
        let value = entity.attribute(name);
        (was || !value.is_null()).then(|| (format!("{base}.{name}"), value.clone()))
    });
    let state = (format!("{base}.state"), Value::from(entity.state.as_str()));
    std::iter::once(state).chain(attributes).collect()
}

#[cfg(test)]
#[path = "mirror_tests.rs"]
mod tests;
