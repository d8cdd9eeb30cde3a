//! Start-up, wiring and shutdown. Start-up and crash recovery are the same code.

use crate::{
    BrokerError, clock, genesis,
    ingress::Ingress,
    outbox::{Backlog, OUTBOX_QUEUE, Outbox},
    presence::{self, Presence},
    publisher::Publisher,
    query::Queries,
    sequencer::{SEQUENCER_QUEUE, Sequencer, Signal},
    shared::{Shared, View},
    telemetry::{self, Metrics},
    ticker,
};
use arc_swap::ArcSwap;
use if_bus::{Bus, ConnectOptions};
use if_core::State;
use if_home::{Home, keys};
use if_schemas::{Entry, SigningKey};
use if_witness::{Batch, Log, NewEntry, Options, Reader};
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How long queued work may take to be written and published at shutdown.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Entries read at once while replaying, bytes.
const REPLAY_CHUNK_BYTES: usize = 4 * 1024 * 1024;

pub struct BrokerOptions {
    pub home: Home,
    pub bus: ConnectOptions,
    /// Where the log is; the home's `witness` directory unless told otherwise.
    pub data_dir: Option<PathBuf>,
    /// Loopback address of `/metrics` and `/healthz`; none for neither.
    pub http: Option<SocketAddr>,
}

/// Runs until `shutdown`, or until the log can no longer be written.
pub async fn run(options: BrokerOptions, shutdown: CancellationToken) -> Result<(), BrokerError> {
    let key = keys::read(&options.home.key_file("broker"))?;
    let data_dir = options.data_dir.clone().unwrap_or_else(|| options.home.witness_dir());
    let opened = open(&options.home, &data_dir, &key)?;
    tracing::info!(head = opened.state.next().saturating_sub(1), dir = %data_dir.display(), "log open");
    let shared = share(key, &opened.state)?;
    if let Some(address) = options.http {
        let bound = telemetry::serve(address, shared.clone(), shutdown.child_token()).await?;
        tracing::info!(%bound, "metrics and health");
    }
    let bus = tokio::select! {
        bus = Bus::connect_waiting(&options.bus) => bus?,
        () = shutdown.cancelled() => return Ok(()),
    };
    bus.ensure_streams().await?;
    serve(bus, shared, opened, shutdown).await
}

struct Opened {
    log: Log,
    state: State,
    last_snapshot: u64,
}

async fn serve(bus: Bus, shared: Arc<Shared>, opened: Opened, shutdown: CancellationToken) -> Result<(), BrokerError> {
    let Opened { log, state, last_snapshot } = opened;
    let reader = log.reader();
    let presence = Arc::new(Presence::new());
    let (notes, noted) = mpsc::channel(OUTBOX_QUEUE);
    let (signals, signalled) = mpsc::channel(SEQUENCER_QUEUE);

    let unsettled = state.in_flight().iter().map(|(id, f)| (*id, f.index)).collect();
    let backlog = Arc::new(Backlog::default());
    let outbox = Outbox::new(bus.clone(), shared.clone(), reader.clone(), unsettled, backlog.clone());
    let publisher = Publisher { bus: bus.clone(), shared: shared.clone(), outbox: notes, backlog };
    let mut outbox = tokio::spawn(outbox.run(noted));

    let sequencer = Sequencer {
        log,
        state,
        shared: shared.clone(),
        presence: presence.clone(),
        publisher: publisher.clone(),
        runtime: tokio::runtime::Handle::current(),
        last_snapshot,
    };
    let thread = std::thread::Builder::new().name("sequencer".into());
    let (ended, mut sequencer_end) = tokio::sync::oneshot::channel();
    let spawned = thread.spawn(move || {
        // The receiver is gone only if the broker is already returning.
        let _ = ended.send(sequencer.run(signalled));
    });
    spawned.map_err(|source| BrokerError::Io { what: "the sequencer thread cannot be started".into(), source })?;

    let ingress = Ingress { shared: shared.clone(), presence: presence.clone(), sequencer: signals.clone(), publisher };
    let queries = Queries { bus: bus.clone(), shared: shared.clone(), presence: presence.clone(), reader };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(presence::listen(bus.clone(), shared.clone(), presence));
    tasks.spawn(ingress.listen(bus.clone()));
    tasks.spawn(queries.listen());
    tokio::spawn(crate::service::serve(bus.clone(), shared.clone(), shutdown.child_token()));
    let ticker = tokio::spawn(ticker::run(bus.clone(), signals.clone()));
    let health = tokio::spawn(health(bus.clone(), shared.clone()));
    tracing::info!(url = bus.url(), nats = bus.server_version(), "broker ready");

    let outcome = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        end = &mut sequencer_end => return end.unwrap_or(Err(BrokerError::Stopped("the sequencer"))),
        _ = &mut outbox => return Err(BrokerError::Stopped("the outbox")),
        ended = tasks.join_next() => match ended {
            Some(Ok(Err(e))) => Err(e.into()),
            _ => Err(BrokerError::Stopped("a subscription")),
        },
    };
    shared.metrics.set_healthy(false);
    tasks.shutdown().await;
    ticker.abort();
    health.abort();
    stop(signals, sequencer_end).await?;
    // The sequencer is gone, so the outbox ends by itself once it has read everything.
    if tokio::time::timeout(STOP_TIMEOUT, outbox).await.is_err() {
        tracing::warn!("not everything was published; the next start will");
    }
    if let Err(error) = bus.close().await {
        tracing::warn!(%error, "the connection did not close cleanly");
    }
    outcome
}

async fn stop(
    signals: mpsc::Sender<Signal>,
    end: tokio::sync::oneshot::Receiver<Result<(), BrokerError>>,
) -> Result<(), BrokerError> {
    let stopping = async {
        // A closed queue means it ended already; its result says why.
        let _ = signals.send(Signal::Stop).await;
        end.await.unwrap_or(Err(BrokerError::Stopped("the sequencer")))
    };
    tokio::time::timeout(STOP_TIMEOUT, stopping)
        .await
        .unwrap_or(Err(BrokerError::Stopped("nothing: the sequencer did not end in time, it")))
}

async fn health(bus: Bus, shared: Arc<Shared>) {
    let mut link = bus.link();
    loop {
        shared.metrics.set_healthy(link.borrow_and_update().up);
        if link.changed().await.is_err() {
            return;
        }
    }
}

fn share(key: SigningKey, state: &State) -> Result<Arc<Shared>, BrokerError> {
    let view = View::of(state, None, None).ok_or(BrokerError::Stopped("the log has no genesis, the broker"))?;
    let (trust, view) = (ArcSwap::from_pointee(state.trust().clone()), ArcSwap::from_pointee(view));
    let metrics = Metrics::new()?;
    metrics.show_budgets(state.budgets());
    Ok(Arc::new(Shared { key, trust, view, started_at: clock::now(), metrics }))
}

/// Opens the log, writes the genesis into an empty one, folds everything since the newest snapshot.
fn open(home: &Home, dir: &std::path::Path, key: &SigningKey) -> Result<Opened, BrokerError> {
    let genesis = genesis::read(home, key);
    let mut log = Log::open(dir, Options::default())?;
    if log.reader().head()?.is_none() {
        let entry = genesis::entry(genesis?);
        let bytes = entry.encode()?;
        let hash = Entry::hash_bytes(&bytes);
        log.append(Batch { entries: vec![NewEntry { entry, bytes, hash, payload: None }], snapshot: None })?;
    }
    let reader = log.reader();
    let (mut state, last_snapshot) = match reader.latest_snapshot()? {
        Some((index, bytes)) => (State::from_snapshot(&bytes)?, index + 1),
        None => (State::default(), 0),
    };
    replay(&reader, &mut state)?;
    if state.trust().broker() != Some(key.public()) {
        return Err(BrokerError::Config {
            what: format!(
                "{} is not the broker key of the log in {}",
                home.key_file("broker").display(),
                dir.display()
            ),
            hint: "restore the key that belongs to this log, or point --home at the right directory".into(),
        });
    }
    Ok(Opened { log, state, last_snapshot })
}

/// Folds the entries after `state` from the log.
pub(crate) fn replay(reader: &Reader, state: &mut State) -> Result<(), BrokerError> {
    loop {
        let rows = reader.range(state.next(), u64::MAX, REPLAY_CHUNK_BYTES, false)?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let entry = Entry::decode(&row.bytes)?;
            let applied = state.apply(&entry, Entry::hash_bytes(&row.bytes));
            applied.map_err(|source| BrokerError::Damaged { index: row.index, source })?;
        }
    }
}
