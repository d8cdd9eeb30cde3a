//! A real nats-server, a small broker that signs and hands out work, and an adapter that does what its test says.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod adapter;
pub mod broker;
pub mod nats;
pub mod pair;

use if_bus::{BusRole, ConnectOptions};
use if_engine::Provider;
use if_home::Home;
use if_schemas::SigningKey;
use if_worker::{WorkerError, WorkerOptions};
use std::{sync::Arc, time::Duration};
use tokio::{runtime::Runtime, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Longest wait for anything a test expects.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A home directory whose genesis names the keys of the test.
pub struct House {
    pub dir: tempfile::TempDir,
    pub home: Home,
}

impl House {
    pub fn new(genesis: &if_schemas::Envelope) -> Self {
        Self::of(genesis, &broker::WORKER_SEED)
    }

    /// Of the node with the key from `seed`.
    pub fn of(genesis: &if_schemas::Envelope, seed: &[u8; 32]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        if_home::keys::write_new(&home.key_file("worker"), seed).unwrap();
        std::fs::write(home.genesis_file(), genesis.encode().unwrap()).unwrap();
        std::fs::create_dir_all(home.providers_dir()).unwrap();
        Self { dir, home }
    }

    /// Writes the instance file of the test provider.
    pub fn instances(&self, yaml: &str) {
        let file = self.home.provider_file(&adapter::PROVIDER.parse().unwrap());
        std::fs::write(file, format!("instances:\n{yaml}")).unwrap();
    }
}

pub fn worker_key() -> SigningKey {
    SigningKey::from_seed(&broker::WORKER_SEED)
}

/// A worker on a runtime of its own, so that it can be cut off as a crash would.
pub struct Worker {
    shutdown: CancellationToken,
    runtime: Option<Runtime>,
    task: Option<JoinHandle<Result<(), WorkerError>>>,
}

impl Worker {
    pub fn start(house: &House, url: &str, provider: Arc<dyn Provider>) -> Self {
        let shutdown = CancellationToken::new();
        let bus =
            ConnectOptions { url: url.into(), name: "test worker".into(), role: BusRole::Worker, nkey_seed: None };
        let node = "node1".parse().unwrap();
        let options = WorkerOptions { home: house.home.clone(), node, bus, providers: vec![provider] };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let task = runtime.spawn(if_worker::run(options, shutdown.clone()));
        Self { shutdown, runtime: Some(runtime), task: Some(task) }
    }

    /// A clean stop; returns when the worker has ended.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        within("the worker to stop", self.task.take().unwrap()).await.unwrap().unwrap();
    }

    pub fn ask_to_stop(&self) {
        self.shutdown.cancel();
    }

    /// Ends it between two instructions, with nothing said or written any more.
    pub async fn crash(mut self) {
        let runtime = self.runtime.take().unwrap();
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await.unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The three things every test begins with: a server, a broker, a home with the instance `one`.
pub async fn stage() -> (nats::Nats, broker::Broker, House) {
    let nats = nats::Nats::start();
    let broker = broker::Broker::start(&nats.url()).await;
    let house = House::new(&broker::genesis());
    house.instances("  one: {host: here}\n");
    (nats, broker, house)
}
