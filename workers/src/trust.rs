//! This node's own view of who is trusted: anchored in `genesis.bin`, followed through the trust entries of the log.
//! The bus only carries the entries; every one of them is verified here, and the view never goes back.

use if_bus::{Bus, BusError};
use if_plugin::Pins;
use if_schemas::{
    Body, Entry, Envelope, Hash, Head, Name, Reject, SchemaError, Trust, Verifier, codec,
    query::{self, Answer, EntriesAnswer, EntriesQuery, HeadAnswer},
    subject,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::clock::Backoff;

/// Longest wait for one answer of the broker.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between attempts to get the entries: doubles from the first to the second figure.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Least time between two refreshes that unknown keys or (unverified) trust messages cause.
const REFRESH_MIN: Duration = Duration::from_millis(500);
/// Most answers read for one refresh.
const PAGES_MAX: usize = 1_000;

/// A verified view: the fold of all trust entries up to some point.
#[derive(Debug, Clone)]
pub struct TrustView {
    pub trust: Trust,
    /// Hash of entry 0: the identity of the log.
    pub log: Hash,
    /// The active broker's key.
    pub broker: Arc<Verifier>,
    /// Index of the newest trust entry in it.
    newest: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the broker's answer cannot be read: {0}")]
    Answer(#[from] SchemaError),
    #[error("the broker does not give the trust entries: {0}")]
    Refused(String),
    #[error(
        "entry 0 is not the genesis of this node's home directory; copy genesis.bin from the machine that made the log"
    )]
    OtherGenesis,
    #[error("trust entry {index} does not verify: {reject}")]
    BadEntry { index: u64, reject: Reject },
    #[error("trust entry {index} is out of order or no trust entry")]
    Order { index: u64 },
    #[error("the broker does not confirm that entry 0 is that of its log")]
    OtherLog,
    #[error("the trust entries name no broker")]
    NoBroker,
    #[error("more than {PAGES_MAX} answers of trust entries")]
    TooMany,
}

impl TrustView {
    /// The view that entry 0 alone gives. `genesis` is the anchor it must hold.
    pub fn from_entry0(genesis: &Envelope, entry: &[u8]) -> Result<Self, TrustError> {
        let decoded = Entry::decode(entry)?;
        let Body::Genesis { envelope } = &decoded.body else { return Err(TrustError::OtherGenesis) };
        if decoded.index != 0 || decoded.prev != Hash::ZERO || envelope != genesis {
            return Err(TrustError::OtherGenesis);
        }
        let trust = Trust::from_genesis(envelope)?;
        let broker = Arc::new(Verifier::new(trust.broker().ok_or(TrustError::NoBroker)?)?);
        Ok(Self { trust, log: Entry::hash_bytes(entry), broker, newest: 0 })
    }

    /// Adds the next trust entry.
    pub(crate) fn extend(&mut self, entry: &[u8]) -> Result<(), TrustError> {
        let entry = Entry::decode(entry)?;
        let index = entry.index;
        let Body::Trust { envelope } = &entry.body else { return Err(TrustError::Order { index }) };
        if index <= self.newest {
            return Err(TrustError::Order { index });
        }
        self.trust.replay(envelope, index).map_err(|reject| TrustError::BadEntry { index, reject })?;
        let broker = self.trust.broker().ok_or(TrustError::NoBroker)?;
        if broker != self.broker.public() {
            self.broker = Arc::new(Verifier::new(broker)?);
        }
        self.newest = index;
        Ok(())
    }
}

/// Keeps the view up to date. Cheap to clone.
#[derive(Clone)]
pub struct TrustStore {
    bus: Bus,
    genesis: Arc<Envelope>,
    view: Arc<watch::Sender<Option<Arc<TrustView>>>>,
    pins: Arc<watch::Sender<Arc<BTreeMap<Name, Hash>>>>,
    /// One refresh at a time; when the last one began.
    last: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

impl TrustStore {
    pub fn new(bus: Bus, genesis: Envelope) -> Self {
        let (view, _) = watch::channel(None);
        Self { bus, genesis: genesis.into(), view: view.into(), pins: Arc::default(), last: Arc::default() }
    }

    /// The plugins that may run; none before the broker has answered for the first time.
    pub fn pins(&self) -> Pins {
        self.pins.subscribe()
    }

    /// The current view; none before the broker has answered for the first time.
    pub fn current(&self) -> Option<Arc<TrustView>> {
        self.view.borrow().clone()
    }

    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<TrustView>>> {
        self.view.subscribe()
    }

    /// Waits for the first view.
    pub async fn ready(&self) -> Option<Arc<TrustView>> {
        let mut view = self.view.subscribe();
        view.wait_for(Option::is_some).await.ok().and_then(|v| v.clone())
    }

    /// For an unknown or revoked key: asks the broker, at most every [`REFRESH_MIN`] however many ask. True if the view
    /// is newer than `seen`.
    pub async fn refresh_since(&self, seen: &TrustView) -> bool {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        // Somebody else's refresh may have begun and ended while this one waited.
        if last.is_none_or(|begun| begun < asked) {
            tokio::time::sleep(pause_after(*last)).await;
            *last = Some(Instant::now());
            if let Err(error) = self.fetch().await {
                tracing::warn!(%error, "trust not refreshed");
            }
        }
        self.current().is_some_and(|now| now.newest > seen.newest)
    }

    /// Follows trust until `stop`: at every connection, and whenever a trust entry goes by.
    pub async fn follow(self, stop: CancellationToken) {
        let mut link = self.bus.link();
        loop {
            link.borrow_and_update();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.follow_connection() => {}
                _ = link.changed() => {}
            }
        }
    }

    async fn follow_connection(&self) {
        let entries = self.bus.subscribe(subject::WITNESS_TRUST).await;
        self.refresh_until_done().await;
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!(%error, "trust entries are not followed until the next connection");
                return std::future::pending().await;
            }
        };
        while entries.next().await.is_some() {
            let last = *self.last.lock().await;
            tokio::time::sleep(pause_after(last)).await;
            self.refresh_until_done().await;
        }
    }

    async fn refresh_until_done(&self) {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            let mut last = self.last.lock().await;
            *last = Some(Instant::now());
            let fetched = self.fetch().await;
            drop(last);
            match fetched {
                Ok(()) => return,
                Err(TrustError::Bus(error)) => tracing::debug!(%error, "waiting for the trust entries"),
                Err(error) => tracing::error!(%error, "trust entries refused"),
            }
            tokio::time::sleep(backoff.step()).await;
        }
    }

    /// Fetches what is new and adds it.
    async fn fetch(&self) -> Result<(), TrustError> {
        let mut view = self.current().map(|v| (*v).clone());
        for _ in 0..PAGES_MAX {
            let answer = self.ask(view.as_ref().map_or(0, |v| v.newest + 1)).await?;
            let mut grew = false;
            for raw in &answer.entries {
                match &mut view {
                    None => view = Some(TrustView::from_entry0(&self.genesis, &raw.entry)?),
                    Some(known) if Entry::decode(&raw.entry)?.index <= known.newest => continue,
                    Some(known) => known.extend(&raw.entry)?,
                }
                grew = true;
            }
            if !grew || answer.is_last_chunk() {
                return self.publish(view).await;
            }
        }
        Err(TrustError::TooMany)
    }

    async fn ask(&self, from: u64) -> Result<EntriesAnswer, TrustError> {
        let query = EntriesQuery { from, to: None, payloads: false };
        let body = serde_json::to_vec(&query)
            .map_err(|e| SchemaError::Malformed { what: "trust query", why: e.to_string() })?;
        let answer = self.bus.request(&subject::query(query::TRUST_ENTRIES), body, QUERY_TIMEOUT).await?;
        match codec::decode("trust entries", &answer)? {
            Answer::Ok(entries) => Ok(entries),
            Answer::Error { message, .. } => Err(TrustError::Refused(message)),
        }
    }

    async fn publish(&self, view: Option<TrustView>) -> Result<(), TrustError> {
        let Some(view) = view else { return Err(TrustError::OtherGenesis) };
        let (newest, old) = (view.newest, self.current());
        if old.is_none() {
            self.check_log(&view).await?;
        }
        if old.is_none_or(|old| old.newest != newest) {
            tracing::info!(entry = newest, log = %view.log, "trust is up to date");
            let pins: BTreeMap<Name, Hash> = view.trust.pins().map(|(name, pin)| (name.clone(), pin.hash)).collect();
            self.view.send_replace(Some(Arc::new(view)));
            self.pins.send_if_modified(|now| {
                let changed = **now != pins;
                *now = Arc::new(pins);
                changed
            });
        }
        Ok(())
    }

    /// Entry 0 as a whole is signed by nobody, and its hash is the identity of the log: the broker has to confirm it.
    async fn check_log(&self, view: &TrustView) -> Result<(), TrustError> {
        let answer = self.bus.request(&subject::query(query::HEAD), vec![], QUERY_TIMEOUT).await?;
        let malformed = |e: serde_json::Error| SchemaError::Malformed { what: "head", why: e.to_string() };
        let answer: Answer<HeadAnswer> = serde_json::from_slice(&answer).map_err(malformed)?;
        let Answer::Ok(HeadAnswer { head, .. }) = answer else { return Err(TrustError::OtherLog) };
        let head: Head = head.open_with(&view.broker)?;
        if head.log == view.log { Ok(()) } else { Err(TrustError::OtherLog) }
    }
}

/// Time until the next refresh may happen: anybody on the bus can send what looks like a reason for one.
fn pause_after(last: Option<Instant>) -> Duration {
    last.map_or(Duration::ZERO, |at| REFRESH_MIN.saturating_sub(at.elapsed()))
}
