//! A scripted Home Assistant for what the real one cannot be made to do, and for nothing else.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub const TOKEN: &str = "the-token-of-this-house";

/// A listening script; its task ends with it.
pub struct Fake {
    pub port: u16,
    task: JoinHandle<()>,
}

impl Fake {
    /// Serves every connection, one after the other, with `script`.
    pub async fn raw<F, S>(script: F) -> Self
    where
        F: Fn(TcpStream) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                script(stream).await;
            }
        });
        Self { port, task }
    }

    /// The same, from after the websocket upgrade.
    pub async fn upgraded<F, S>(script: F) -> Self
    where
        F: Fn(Side) -> S + Clone + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        Self::raw(move |stream| {
            let script = script.clone();
            async move { script(Side::accept(Box::new(stream)).await).await }
        })
        .await
    }

    /// The same, from after the login, with everything loaded from `house`.
    pub async fn loaded<F, S>(house: House, script: F) -> Self
    where
        F: Fn(Side, House) -> S + Clone + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        Self::upgraded(move |mut side| {
            let (script, house) = (script.clone(), house.clone());
            async move {
                side.login(house.version).await;
                side.load(&house).await;
                script(side, house).await;
            }
        })
        .await
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The state of a small house.
#[derive(Clone)]
pub struct House {
    pub version: Option<&'static str>,
    pub config: Value,
    pub states: Vec<Value>,
    /// Requests beside those of a connect and of reading back.
    pub seen: Arc<Mutex<Vec<Value>>>,
}

impl House {
    pub fn new() -> Self {
        let config =
            json!({"version": "2025.4.4", "location_name": "Fake", "state": "RUNNING", "recovery_mode": false});
        let states = vec![state("light.bed_light", "off"), state("light.table", "off")];
        Self { version: Some("2025.4.4"), config, states, seen: Arc::default() }
    }

    pub fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().clone()
    }

    pub fn set(&mut self, id: &str, state_now: &str) {
        for known in self.states.iter_mut().filter(|s| s["entity_id"] == id) {
            known["state"] = state_now.into();
        }
    }

    fn services(&self) -> Value {
        let light = json!({"fields": {"brightness": {"selector": {"number": {"min": 0, "max": 255}}}},
            "target": {"entity": [{"domain": ["light"]}]}});
        let speak = json!({"fields": {}, "target": {"entity": [{"domain": ["tts"]}]}});
        json!({"light": {"turn_on": light, "turn_off": light}, "tts": {"speak": speak}})
    }
}

pub fn state(id: &str, state: &str) -> Value {
    json!({"entity_id": id, "state": state, "attributes": {"friendly_name": id}, "last_changed": "2026-01-01T00:00:00+00:00",
        "context": {"id": "none", "parent_id": null, "user_id": null}})
}

/// The server's side of one connection.
pub struct Side {
    pub socket: WebSocketStream<Box<dyn Wire>>,
}

impl Side {
    pub async fn accept(wire: Box<dyn Wire>) -> Self {
        Self { socket: accept_async(wire).await.unwrap() }
    }

    pub async fn login(&mut self, version: Option<&str>) {
        self.send(json!({"type": "auth_required", "ha_version": version})).await;
        let auth = self.message().await.expect("no login");
        assert_eq!(auth, json!({"type": "auth", "access_token": TOKEN}));
        self.send(json!({"type": "auth_ok", "ha_version": version})).await;
    }

    /// Answers what every session begins with.
    pub async fn load(&mut self, house: &House) {
        for _ in 0..6 {
            let Some(request) = self.message().await else { return };
            let answer = match request["type"].as_str().unwrap() {
                "subscribe_events" => Value::Null,
                "get_config" => house.config.clone(),
                "get_states" => Value::from(house.states.clone()),
                "get_services" => house.services(),
                other => panic!("unexpected {other}"),
            };
            self.result(&request, answer).await;
        }
    }

    /// None once the client is gone.
    pub async fn message(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(text.as_str()).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next request that is no reading back; those are answered on the way.
    pub async fn serve(&mut self, house: &House) -> Option<Value> {
        loop {
            let request = self.message().await?;
            match request["type"].as_str().unwrap() {
                "subscribe_entities" => self.read_back(&request, house).await,
                "unsubscribe_events" => self.result(&request, Value::Null).await,
                "get_services" => self.result(&request, house.services()).await,
                _ => {
                    house.seen.lock().unwrap().push(request.clone());
                    return Some(request);
                }
            }
        }
    }

    async fn read_back(&mut self, request: &Value, house: &House) {
        self.result(request, Value::Null).await;
        let id = &request["entity_ids"][0];
        let found = house.states.iter().find(|s| s["entity_id"] == *id);
        let mut added = json!({});
        if let Some(found) = found {
            added[id.as_str().unwrap()] =
                json!({"s": found["state"], "a": found["attributes"], "c": found["context"]["id"], "lc": 1.0});
        }
        self.send(json!({"id": request["id"], "type": "event", "event": {"a": added}})).await;
    }

    /// A client that has left is none of a script's business.
    pub async fn send(&mut self, message: Value) {
        self.text(&message.to_string()).await;
    }
    pub async fn text(&mut self, text: &str) {
        let _ = self.socket.send(Message::text(text)).await;
    }
    pub async fn result(&mut self, request: &Value, result: Value) {
        self.send(json!({"id": request["id"], "type": "result", "success": true, "result": result})).await;
    }
    /// Of a service call: success, as Home Assistant says it whatever comes of it.
    pub async fn taken(&mut self, request: &Value, context: &str) {
        self.result(request, json!({"context": {"id": context, "parent_id": null, "user_id": "u"}})).await;
    }
    pub async fn refuse(&mut self, request: &Value, code: &str, message: &str) {
        let error = json!({"code": code, "message": message});
        self.send(json!({"id": request["id"], "type": "result", "success": false, "error": error})).await;
    }
    /// The subscription of state changes is the first of every session.
    pub async fn changed(&mut self, id: &str, new_state: Value) {
        let data = json!({"entity_id": id, "old_state": null, "new_state": new_state});
        self.send(json!({"id": 1, "type": "event", "event": {"event_type": "state_changed", "data": data}})).await;
    }
}
