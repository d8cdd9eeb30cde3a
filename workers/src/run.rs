//! The life of a node: check everything, connect, serve, stop.

use crate::{
    catalog::Catalog,
    clock,
    inbox::{Inbox, InboxError},
    instances::Watcher,
    manifests::ManifestSource,
    metrics::Metrics,
    node::Node,
    presence::Presence,
    registry::{DRAIN_TIMEOUT, Registry},
    report,
    runs::Runs,
    stats,
    triggers::{RESULTS_QUEUE, Triggers, causes::Causes},
    trust::TrustStore,
};
use if_bus::{Bus, BusError, ConnectOptions};
use if_engine::{Provider, Source};
use if_home::{Home, HomeError};
use if_plugin::{Pins, PluginSource};
use if_schemas::{Envelope, Name, SchemaError, SigningKey, Trust, limits::ENVELOPE_MAX_BYTES};
use std::{io::Read, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::broadcast;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Longest wait for the last messages to leave.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(500);

/// What makes a worker.
pub struct WorkerOptions {
    pub home: Home,
    /// Name of this node.
    pub node: Name,
    pub bus: ConnectOptions,
    /// The built-in ones; those of the home directory's plugins come to them.
    pub providers: Vec<Arc<dyn Provider>>,
}

/// Why a worker cannot run.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error("{} is not a genesis: {why}\nhint: copy genesis.bin from the machine that made the log", .file.display())]
    Genesis { file: PathBuf, why: String },
    #[error("a provider has no valid id: {0}")]
    Provider(SchemaError),
    #[error(transparent)]
    Inbox(#[from] InboxError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl WorkerError {
    /// Exit code of a process that ends because of this.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Bus(_) => 5,
            _ => HomeError::EXIT,
        }
    }
}

/// Everything that can be wrong before a socket is opened.
struct Setup {
    key: SigningKey,
    genesis: Envelope,
}

impl Setup {
    fn load(options: &WorkerOptions) -> Result<Self, WorkerError> {
        let key = if_home::keys::read(&options.home.key_file("worker"))?;
        let genesis = read_genesis(options.home.genesis_file())?;
        Ok(Self { key, genesis })
    }
}

/// Checks keys, anchor and instance files without changing or opening anything. The texts are warnings.
pub fn check(options: &WorkerOptions) -> Result<Vec<String>, WorkerError> {
    Setup::load(options)?;
    let catalog = catalog(options, tokio::sync::watch::channel(Arc::default()).1)?;
    let complaints = catalog.refresh().complaints;
    let scan = if_home::instances::scan(&options.home.providers_dir(), &catalog.specs())?;
    for file in scan.providers.into_values() {
        for instance in file?.into_values() {
            instance?;
        }
    }
    Ok(complaints.into_iter().chain(scan.warnings.iter().map(ToString::to_string)).collect())
}

/// Every provider there is and may come. A new kind of source belongs here.
fn catalog(options: &WorkerOptions, pins: Pins) -> Result<Catalog, WorkerError> {
    let home = &options.home;
    let manifests = ManifestSource::new(home.plugins_dir(), home.tokens_dir());
    let plugins = PluginSource::new(home.plugins_dir(), home.plugins_data_dir(), pins, clock::now);
    let sources: Vec<Box<dyn Source>> = vec![Box::new(manifests), Box::new(plugins)];
    Catalog::new(&options.providers, sources).map_err(WorkerError::Provider)
}

/// Serves until `shutdown`: then says goodbye, lets running commands end (at most [`DRAIN_TIMEOUT`]), and returns.
/// What did not end is known to the inbox, and answered at the next start.
pub async fn run(options: WorkerOptions, shutdown: CancellationToken) -> Result<(), WorkerError> {
    let setup = Setup::load(&options)?;
    let dir = options.home.worker_dir();
    let opened = tokio::task::spawn_blocking(move || Inbox::open(&dir, clock::now())).await;
    let inbox = opened.map_err(|_| InboxError::Closed)??;
    let connecting = Bus::connect_waiting(&options.bus);
    let bus = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        bus = connecting => bus?,
    };
    let trust = TrustStore::new(bus.clone(), setup.genesis);
    let catalog = Arc::new(catalog(&options, trust.pins())?);
    tracing::info!(node = %options.node, key = %setup.key.id(), nats = bus.url(), "worker is connected");
    let node = Arc::new(Node {
        name: options.node,
        key: setup.key,
        trust,
        bus,
        inbox,
        metrics: Metrics::default(),
        causes: Causes::default(),
        ended: broadcast::Sender::new(RESULTS_QUEUE),
        jobs: TaskTracker::new(),
        sessions: TaskTracker::new(),
        stop: CancellationToken::new(),
        close: CancellationToken::new(),
        changed: Arc::default(),
    });
    let parts = start(&node, catalog, options.home);
    shutdown.cancelled().await;
    stop(&node, parts).await;
    Ok(())
}

struct Parts {
    presence: Arc<Presence>,
    services: TaskTracker,
}

fn start(node: &Arc<Node>, catalog: Arc<Catalog>, home: Home) -> Parts {
    let registry = Arc::new(Registry::new(node.clone(), catalog.clone()));
    let presence = Arc::new(Presence::new(node.clone(), registry.clone()));
    let services = TaskTracker::new();
    services.spawn(node.trust.clone().follow(node.close.clone()));
    services.spawn(presence.clone().run());
    let (dir, pins) = (home.providers_dir(), node.trust.pins());
    let watcher = Watcher { dir, node: node.clone(), registry: registry.clone(), catalog: catalog.clone(), pins };
    services.spawn(watcher.run());
    services.spawn(Runs::new(node.clone()).run());
    services.spawn(Triggers { home, node: node.clone(), registry: registry.clone(), catalog }.run());
    services.spawn(stats::serve(node.clone(), registry));
    node.jobs.spawn(report::deliver_left_over(node.clone()));
    Parts { presence, services }
}

async fn stop(node: &Node, parts: Parts) {
    tracing::info!("stopping");
    node.stop.cancel();
    if let Err(error) = parts.presence.announce(true).await {
        tracing::debug!(%error, "did not say goodbye");
    }
    node.jobs.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, node.jobs.wait()).await.is_err() {
        tracing::warn!(commands = node.jobs.len(), "stopped with commands under way; the inbox has them");
    }
    node.close.cancel();
    node.sessions.close();
    parts.services.close();
    // These only say how politely the node leaves.
    let _ = tokio::time::timeout(LEAVE_TIMEOUT, node.sessions.wait()).await;
    let _ = tokio::time::timeout(LEAVE_TIMEOUT, parts.services.wait()).await;
    let _ = tokio::time::timeout(LEAVE_TIMEOUT, node.bus.flush()).await;
    tracing::info!("stopped");
}

fn read_genesis(file: PathBuf) -> Result<Envelope, WorkerError> {
    let bad = |why: String| WorkerError::Genesis { file: file.clone(), why };
    let open = std::fs::File::open(&file).map_err(|e| bad(e.to_string()))?;
    let mut bytes = Vec::new();
    open.take(ENVELOPE_MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|e| bad(e.to_string()))?;
    let envelope = Envelope::decode(&bytes).map_err(|e| bad(e.to_string()))?;
    Trust::from_genesis(&envelope).map_err(|e| bad(e.to_string()))?;
    Ok(envelope)
}
