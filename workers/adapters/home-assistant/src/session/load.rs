//! What a session begins with: subscriptions, states, services, configuration. In one go, before anybody else may ask, so
//! that states and the changes of them are taken in the order they come in.

use super::Config;
use crate::{
    connect::{self, Socket, disconnected, lost, unknown},
    mirror::{Mirror, RawState},
    protocol::{self, Incoming, Refusal},
    services::Services,
    target::Target,
};
use futures::SinkExt;
use if_engine::AdapterError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const STATES_CHANGE: u64 = 1;
const SERVICE_COMES: u64 = 2;
const SERVICE_GOES: u64 = 3;
const CONFIG: u64 = 4;
const SERVICES: u64 = 5;
const STATES: u64 = 6;
/// The first id free for requests.
pub const NEXT_ID: u64 = 7;

/// Ids of the subscriptions every session has.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub states: u64,
    pub services: [u64; 2],
}

pub struct Loaded {
    pub config: Config,
    pub subscriptions: Standing,
}

/// Fills `mirror` and calls it fresh.
pub async fn load(
    target: &Target,
    socket: &mut Socket,
    mirror: &Mirror,
    limit: Duration,
) -> Result<Loaded, AdapterError> {
    let config = match timeout(limit, ask(target, socket, mirror)).await {
        Ok(config) => config?,
        Err(_) => {
            let message = format!("{target} did not give its states, services and configuration within {limit:?}");
            return Err(disconnected(message, "Home Assistant is busy or hangs; it is tried again"));
        }
    };
    mirror.set_fresh(true);
    Ok(Loaded { config, subscriptions: Standing { states: STATES_CHANGE, services: [SERVICE_COMES, SERVICE_GOES] } })
}

async fn ask(target: &Target, socket: &mut Socket, mirror: &Mirror) -> Result<Config, AdapterError> {
    let listen = |event: &str| json!({"event_type": event});
    for (id, kind, body) in [
        (STATES_CHANGE, "subscribe_events", listen("state_changed")),
        (SERVICE_COMES, "subscribe_events", listen("service_registered")),
        (SERVICE_GOES, "subscribe_events", listen("service_removed")),
        (CONFIG, "get_config", json!({})),
        (SERVICES, "get_services", json!({})),
        (STATES, "get_states", json!({})),
    ] {
        let body = body.as_object().cloned().unwrap_or_else(Map::new);
        let text = protocol::request(id, kind, body);
        socket.send(Message::text(text)).await.map_err(|error| lost(&target.to_string(), &error))?;
    }
    let mut gathered = Gathered::default();
    loop {
        match connect::receive(target, socket).await? {
            Incoming::Result { id, outcome } => gathered.take(target, mirror, id, outcome)?,
            // A change that came before the states is in them.
            Incoming::Event { id: STATES_CHANGE, event } if gathered.states => {
                mirror.apply(&event["data"]);
            }
            _ => {}
        }
        if gathered.config.as_ref().is_some_and(Config::is_recovery) {
            let message =
                format!("Home Assistant at {target} is in recovery mode: it could not load its configuration");
            return Err(unknown(
                message,
                "mend the configuration (Settings > System > Logs says what is wrong), restart it",
            ));
        }
        if let Gathered { listens: true, services: true, states: true, config: Some(config) } = &mut gathered {
            return Ok(std::mem::take(config));
        }
    }
}

#[derive(Default)]
struct Gathered {
    listens: bool,
    services: bool,
    states: bool,
    config: Option<Config>,
}

impl Gathered {
    fn take(
        &mut self,
        target: &Target,
        mirror: &Mirror,
        id: u64,
        outcome: Result<Value, Refusal>,
    ) -> Result<(), AdapterError> {
        let refused = |what: &str, r: Refusal| {
            let message = format!("Home Assistant at {target} refused {what}: {} ({})", r.message, r.code);
            unknown(message, "the token's user must be allowed to see entities")
        };
        match (id, outcome) {
            (STATES_CHANGE, Ok(_)) => self.listens = true,
            (STATES_CHANGE, Err(r)) => return Err(refused("to tell state changes", r)),
            (CONFIG, Ok(data)) => {
                // An object, before its parts are looked for: all of them may be missing.
                let object: Map<String, Value> = shape(target, "its configuration", data)?;
                self.config = Some(shape(target, "its configuration", Value::Object(object))?);
            }
            (CONFIG, Err(r)) => return Err(refused("to give its configuration", r)),
            (STATES, Ok(data)) => {
                mirror.fill(shape::<Vec<RawState>>(target, "its states", data)?);
                self.states = true;
            }
            (STATES, Err(r)) => return Err(refused("to give its states", r)),
            (SERVICES, Ok(data)) => {
                mirror.set_services(Some(Services::read(&data)));
                self.services = true;
            }
            (SERVICES, Err(r)) => return Err(refused("to give its services", r)),
            (SERVICE_COMES | SERVICE_GOES, Err(r)) => {
                // They are read anew whenever one is not found.
                tracing::debug!(%target, code = r.code, "changes of services are not told");
            }
            _ => {}
        }
        Ok(())
    }
}

fn shape<T: DeserializeOwned>(target: &Target, what: &str, data: Value) -> Result<T, AdapterError> {
    serde_json::from_value(data).map_err(|error| {
        let message = format!("{target} gave {what} in a form that is not known: {error}");
        unknown(message, "report it with the version of Home Assistant")
    })
}
