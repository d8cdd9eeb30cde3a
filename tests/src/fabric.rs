//! Broker and (if wanted) worker as tasks of this process.

use crate::{
    Client, Keys,
    noop::{Executed, Memory, NoopProvider},
    world,
};
use anyhow::Context;
use if_broker::BrokerOptions;
use if_bus::{BusRole, ConnectOptions};
use if_engine::Provider;
use if_harness::nats::NatsServer;
use if_home::Home;
use if_schemas::{
    presence::InstanceState,
    query::{NODES, NodesAnswer},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long start-up may take.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a stop may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

pub struct InProcess {
    pub keys: Keys,
    pub home: Home,
    pub nats: NatsServer,
    pub client: Client,
    pub executed: Executed,
    /// What a worker can do beside `noop`.
    pub providers: Vec<Arc<dyn Provider>>,
    /// Where `/metrics` is.
    pub http: SocketAddr,
    broker: Option<(CancellationToken, JoinHandle<anyhow::Result<()>>)>,
    worker: Option<(CancellationToken, JoinHandle<anyhow::Result<()>>)>,
    dir: tempfile::TempDir,
}

impl InProcess {
    /// Broker, and a worker serving `noop/main` if `with_worker`.
    pub async fn start(with_worker: bool) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let keys = Keys::default();
        let home = world::make_home(dir.path(), &keys)?;
        std::fs::create_dir_all(home.providers_dir())?;
        std::fs::write(home.providers_dir().join("noop.yaml"), "instances:\n  main: {}\n")?;
        let nats = NatsServer::start()?;
        let client = Client::connect(&nats.url(), keys.broker.public()).await?;
        let http = SocketAddr::from(([127, 0, 0, 1], if_harness::process::free_port()?));
        let executed = Executed::default();
        let mut fabric =
            Self { keys, home, nats, client, executed, providers: Vec::new(), http, broker: None, worker: None, dir };
        fabric.start_broker().await?;
        if with_worker {
            fabric.start_worker().await?;
        }
        Ok(fabric)
    }

    fn connect_options(&self, role: BusRole) -> ConnectOptions {
        ConnectOptions { url: self.nats.url(), name: role.as_str().into(), role, nkey_seed: None }
    }

    pub async fn start_broker(&mut self) -> anyhow::Result<()> {
        let options = BrokerOptions {
            home: self.home.clone(),
            bus: self.connect_options(BusRole::Broker),
            data_dir: None,
            http: Some(self.http),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { Ok(if_broker::run(options, stop).await?) }
        });
        self.broker = Some((stop, task));
        self.until("the broker answers", async || self.client.head().await.is_ok().then_some(())).await
    }

    pub async fn start_worker(&mut self) -> anyhow::Result<()> {
        let noop: Arc<dyn Provider> = Arc::new(NoopProvider::new(Memory::InProcess(self.executed.clone())));
        let options = if_worker::WorkerOptions {
            home: self.home.clone(),
            node: world::name("node")?,
            bus: self.connect_options(BusRole::Worker),
            providers: [noop].into_iter().chain(self.providers.clone()).collect(),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { Ok(if_worker::run(options, stop).await?) }
        });
        self.worker = Some((stop, task));
        self.until("the worker is announced", async || {
            let nodes: NodesAnswer = self.client.query(NODES, &()).await.ok()?;
            let ok = |i: &if_schemas::presence::InstancePresence| i.state == if_schemas::presence::InstanceState::Ok;
            nodes.nodes.iter().any(|n| n.instances.iter().any(ok)).then_some(())
        })
        .await
    }

    /// Waits until an instance is announced in this state.
    pub async fn wait_instance(&self, provider: &str, instance: &str, state: InstanceState) -> anyhow::Result<()> {
        self.until(&format!("{provider}/{instance} is {}", state.as_str()), async || {
            let nodes: NodesAnswer = self.client.query(NODES, &()).await.ok()?;
            let mut all = nodes.nodes.iter().flat_map(|n| &n.instances);
            let found = all.find(|i| i.provider.as_str() == provider && i.instance.as_str() == instance)?;
            (found.state == state).then_some(())
        })
        .await
    }

    pub async fn stop_broker(&mut self) -> anyhow::Result<()> {
        stop(self.broker.take()).await
    }

    pub async fn stop_worker(&mut self) -> anyhow::Result<()> {
        stop(self.worker.take()).await
    }

    /// Stops everything; gives the directory, so that the log can be looked at.
    pub async fn stop(mut self) -> anyhow::Result<(Home, tempfile::TempDir)> {
        self.stop_worker().await?;
        self.stop_broker().await?;
        Ok((self.home, self.dir))
    }

    pub fn executions(&self) -> usize {
        self.executed.lock().map(|e| e.len()).unwrap_or_default()
    }

    /// The metrics page.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.http).await?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
        let mut page = String::new();
        stream.read_to_string(&mut page).await?;
        Ok(page)
    }

    /// Value of `name{label="value"}`; 0 if it is not there yet.
    pub async fn metric(&self, series: &str) -> anyhow::Result<u64> {
        let page = self.metrics().await?;
        let line = page.lines().find_map(|l| l.strip_prefix(series));
        Ok(line.and_then(|l| l.trim().parse().ok()).unwrap_or(0))
    }

    async fn until(&self, what: &str, check: impl AsyncFn() -> Option<()>) -> anyhow::Result<()> {
        let poll = async {
            while check().await.is_none() {
                if let Some((_, task)) = &self.broker {
                    anyhow::ensure!(!task.is_finished(), "the broker ended while waiting until {what}");
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        tokio::time::timeout(START_TIMEOUT, poll)
            .await
            .with_context(|| format!("{what}: not within {START_TIMEOUT:?}"))?
    }
}

async fn stop(part: Option<(CancellationToken, JoinHandle<anyhow::Result<()>>)>) -> anyhow::Result<()> {
    let Some((token, task)) = part else { return Ok(()) };
    token.cancel();
    tokio::time::timeout(STOP_TIMEOUT, task).await.context("it did not stop")??
}
