//! A real Home Assistant for async tests, and the independent look at its states.

use super::adapter;
use if_engine::Adapter;
use if_harness::home_assistant::RealHomeAssistant;
use serde_json::Value;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Shared with the blocking calls.
pub struct Home(pub Arc<RealHomeAssistant>);

impl Home {
    pub async fn start() -> Self {
        Self::start_with("").await
    }
    pub async fn start_with(extra: &'static str) -> Self {
        Self(Arc::new(spawn_blocking(move || RealHomeAssistant::start_with(extra)).await.unwrap().unwrap()))
    }

    /// An adapter connected to it, with the limits of production.
    pub async fn connected(&self) -> Arc<dyn Adapter> {
        let adapter = adapter(self.0.port(), self.0.token());
        let peer = adapter.connect().await.unwrap();
        assert_eq!(peer.description, "Home Assistant 2025.4.4 (If Studio)");
        assert!(!peer.simulated);
        adapter
    }

    /// Asks Home Assistant itself, over REST.
    pub async fn state(&self, entity: &'static str) -> Value {
        let home = self.0.clone();
        spawn_blocking(move || home.state(entity)).await.unwrap().unwrap()
    }
    pub async fn is(&self, entity: &'static str) -> String {
        self.state(entity).await["state"].as_str().unwrap().to_owned()
    }
    pub async fn attribute(&self, entity: &'static str, name: &str) -> Value {
        self.state(entity).await["attributes"][name].clone()
    }
    /// Acts as somebody else.
    pub async fn service(&self, domain: &'static str, service: &'static str, data: Value) {
        let home = self.0.clone();
        spawn_blocking(move || home.service(domain, service, &data)).await.unwrap().unwrap();
    }
}
