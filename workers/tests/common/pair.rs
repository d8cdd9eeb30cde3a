//! The test provider with a peer per `host`, each of which does what the test says.

use super::adapter::Scripted;
use async_trait::async_trait;
use if_engine::{
    Adapter, AdapterError, Call, Discovered, Executed, Execution, InstanceConfig, Peer, Prices, ProgressSink, Provider,
};
use if_manifest::ProviderSpec;
use if_schemas::presence::InstanceState;
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// What connecting to a peer comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    Up,
    Down(InstanceState),
    /// Neither yes nor no.
    Hangs,
}

pub struct Host {
    pub link: watch::Sender<Link>,
    /// Texts of the commands that began, in order.
    pub executed: watch::Sender<Vec<String>>,
    /// What executing gives; it hangs while there is none.
    pub gives: watch::Sender<Option<Execution>>,
    /// Whether health checks are answered.
    pub answers: watch::Sender<bool>,
    name: String,
}

impl Host {
    pub fn executed(&self) -> Vec<String> {
        self.executed.borrow().clone()
    }
    pub async fn begun(&self, count: usize) {
        super::within("commands to begin", self.executed.subscribe().wait_for(|e| e.len() >= count)).await.unwrap();
    }
    pub fn set(&self, link: Link) {
        self.link.send_replace(link);
    }
    pub fn gives(&self, execution: Execution) {
        self.gives.send_replace(Some(execution));
    }
    pub fn hangs(&self) {
        self.gives.send_replace(None);
    }
    /// Connected, and neither answers nor closes any more.
    pub fn falls_silent(&self) {
        self.hangs();
        self.answers.send_replace(false);
    }
}

pub struct Pair {
    spec: ProviderSpec,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

impl Pair {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { spec: Scripted::new().spec().clone(), hosts: Mutex::default() })
    }
    /// Of this name; what it executes succeeds and says where.
    pub fn host(&self, name: &str) -> Arc<Host> {
        let new = || {
            Arc::new(Host {
                link: watch::channel(Link::Up).0,
                executed: watch::channel(Vec::new()).0,
                gives: watch::channel(Some(Execution::Succeeded(json!({"host": name})))).0,
                answers: watch::channel(true).0,
                name: name.into(),
            })
        };
        self.hosts.lock().unwrap().entry(name.into()).or_insert_with(new).clone()
    }
}

#[async_trait]
impl Provider for Pair {
    fn spec(&self) -> &ProviderSpec {
        &self.spec
    }
    fn prices(&self) -> Prices {
        Prices::free(self.spec())
    }
    fn adapter(&self, config: InstanceConfig) -> Result<Arc<dyn Adapter>, AdapterError> {
        let host = config.settings["host"].as_str().unwrap();
        Ok(Arc::new(Play { host: self.host(host) }))
    }
}

struct Play {
    host: Arc<Host>,
}

impl Play {
    fn peer(&self) -> Peer {
        Peer { description: format!("peer {}", self.host.name), simulated: false }
    }
}

fn down(state: InstanceState) -> AdapterError {
    AdapterError::new(state, "the test says so")
}

#[async_trait]
impl Adapter for Play {
    async fn connect(&self) -> Result<Peer, AdapterError> {
        let mut link = self.host.link.subscribe();
        let settled = link.wait_for(|link| *link != Link::Hangs).await.unwrap().clone();
        match settled {
            Link::Down(state) => Err(down(state)),
            _ => Ok(self.peer()),
        }
    }
    async fn disconnect(&self) {}
    async fn closed(&self) -> AdapterError {
        let mut link = self.host.link.subscribe();
        link.wait_for(|link| *link != Link::Up).await.unwrap();
        down(InstanceState::Disconnected)
    }
    async fn health_check(&self) -> Result<Peer, AdapterError> {
        self.host.answers.subscribe().wait_for(|answers| *answers).await.unwrap();
        Ok(self.peer())
    }
    async fn discover_instances(&self) -> Result<Vec<Discovered>, AdapterError> {
        Ok(vec![])
    }
    async fn execute_command(&self, call: Call, _: ProgressSink) -> Executed {
        let text = call.text("text").unwrap_or_default().to_string();
        self.host.executed.send_modify(|executed| executed.push(text));
        let mut gives = self.host.gives.subscribe();
        let given = gives.wait_for(Option::is_some).await.unwrap().clone();
        given.unwrap().into()
    }
}
