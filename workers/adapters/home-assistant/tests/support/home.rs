//! A real Home Assistant for async tests, and the independent look at its states.

use super::adapter;
use if_engine::Adapter;
use if_harness::home_assistant::RealHomeAssistant;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::task::spawn_blocking;

pub struct Home {
    inner: Arc<Mutex<RealHomeAssistant>>,
    pub port: u16,
    pub token: String,
}

impl Home {
    pub async fn start() -> Self {
        let home = spawn_blocking(RealHomeAssistant::start).await.unwrap().unwrap();
        let (port, token) = (home.port(), home.token().to_owned());
        Self { inner: Arc::new(Mutex::new(home)), port, token }
    }

    /// Something that blocks.
    pub async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut RealHomeAssistant) -> anyhow::Result<T> + Send + 'static,
    ) -> T {
        let inner = self.inner.clone();
        spawn_blocking(move || act(&mut inner.lock().unwrap())).await.unwrap().unwrap()
    }

    /// An adapter connected to it, with the limits of production.
    pub async fn connected(&self) -> Arc<dyn Adapter> {
        let adapter = adapter(self.port, &self.token);
        let peer = adapter.connect().await.unwrap();
        assert_eq!(peer.description, "Home Assistant 2025.4.4 (If Studio)");
        assert!(!peer.simulated);
        adapter
    }

    /// Asks Home Assistant itself, over REST.
    pub async fn state(&self, entity: &'static str) -> Value {
        self.with(move |home| home.state(entity)).await
    }
    pub async fn is(&self, entity: &'static str) -> String {
        self.state(entity).await["state"].as_str().unwrap().to_owned()
    }
    pub async fn attribute(&self, entity: &'static str, name: &str) -> Value {
        self.state(entity).await["attributes"][name].clone()
    }
    /// Acts as somebody else.
    pub async fn service(&self, domain: &'static str, service: &'static str, data: Value) {
        self.with(move |home| home.service(domain, service, &data)).await;
    }
}
