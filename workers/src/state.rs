//! The live state of one instance on the bus: what its adapter keeps, signed value by value, retained by the server.

use crate::{clock, node::Node, session::Snapshot};
use futures::{StreamExt, stream};
use if_bus::STATE_INFLIGHT;
use if_engine::{LiveState, live::Changes};
use if_schemas::{
    Envelope, Name, SchemaError,
    state::{ABOUT, StateReport},
    subject,
    wire::Message as _,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Changes that come together go out together; also the most often a value is sent, but for what a command changed.
const COALESCE: Duration = Duration::from_millis(40);
/// Longest that the end of a command waits for its effect on the state to go out before it.
const SETTLE_MAX: Duration = Duration::from_millis(150);
/// Pause after the server did not take a value.
const RETRY: Duration = Duration::from_secs(1);
/// Everything is said again this often, before the server forgets it.
const REPEAT: Duration = Duration::from_secs(10 * 60);

/// Lets others wait until what the state of an instance is now is on the server.
#[derive(Clone)]
pub struct Mirrored {
    hurry: Arc<Notify>,
    sent: watch::Receiver<Sent>,
}

/// Up to where the state of which adapter is on the server.
#[derive(Clone, Default)]
struct Sent {
    live: Option<Arc<LiveState>>,
    version: u64,
}

impl Sent {
    fn has(&self, live: &Arc<LiveState>, version: u64) -> bool {
        self.version >= version && self.live.as_ref().is_some_and(|known| Arc::ptr_eq(known, live))
    }
}

impl Mirrored {
    /// Waits for that, at most [`SETTLE_MAX`]: so that who hears of the end of a command and looks at the state then does not
    /// see what was before it.
    pub async fn settle(&self, live: &Arc<LiveState>) {
        let version = live.version();
        if self.sent.borrow().has(live, version) {
            return;
        }
        self.hurry.notify_one();
        let mut sent = self.sent.clone();
        // Without a connection, or at the end of the instance, there is nothing to wait for.
        let _ = tokio::time::timeout(SETTLE_MAX, sent.wait_for(|sent| sent.has(live, version))).await;
    }
}

/// Brings one instance's state to the server, and again after every reconnection.
pub struct Mirror {
    node: Arc<Node>,
    provider: Name,
    instance: Name,
    /// Counts up, above whatever an earlier process or mirror used.
    sequence: u64,
    /// Where the values come from; kept while the connection to the peer is lost.
    live: Option<Arc<LiveState>>,
    /// Up to where they were taken.
    version: u64,
    /// Not yet on the server, newest value by path. Bounded by the paths of [`LiveState`].
    pending: BTreeMap<String, Option<Value>>,
    hurry: Arc<Notify>,
    sent: watch::Sender<Sent>,
}

impl Mirror {
    pub fn new(node: Arc<Node>, provider: Name, instance: Name) -> Self {
        let sequence = u64::try_from(clock::now().0).unwrap_or(0);
        let (hurry, sent) = (Arc::default(), watch::Sender::default());
        Self { node, provider, instance, sequence, live: None, version: 0, pending: BTreeMap::new(), hurry, sent }
    }

    pub fn mirrored(&self) -> Mirrored {
        Mirrored { hurry: self.hurry.clone(), sent: self.sent.subscribe() }
    }

    /// Until the instance is not served any more. One whose peer pushes nothing costs nothing.
    pub async fn run(mut self, mut session: watch::Receiver<Snapshot>, close: CancellationToken) {
        let mut link = self.node.bus.link();
        let mut repeat_at = Instant::now() + REPEAT;
        loop {
            self.follow(session.borrow_and_update().adapter.as_ref().and_then(|adapter| adapter.live()));
            let mut changed = self.live.as_ref().map(|live| live.subscribe());
            self.take();
            let up = link.borrow_and_update().up;
            let failed = up && !self.pending.is_empty() && !self.send().await;
            if up && !failed {
                self.sent.send_replace(Sent { live: self.live.clone(), version: self.version });
            }
            let again = if failed { Instant::now() + RETRY } else { repeat_at };
            let epoch = link.borrow().epoch;
            tokio::select! {
                () = close.cancelled() => return,
                alive = session.changed() => if alive.is_err() { return },
                () = news(&mut changed), if !failed => {}
                Ok(()) = link.changed() => {}
                () = tokio::time::sleep_until(again) => {}
            }
            if link.borrow().epoch != epoch || Instant::now() >= repeat_at {
                // A new server knows nothing; an old one is about to forget.
                self.version = 0;
                repeat_at = Instant::now() + REPEAT;
            }
            tokio::select! {
                () = close.cancelled() => return,
                () = self.hurry.notified() => {}
                () = tokio::time::sleep(COALESCE) => {}
            }
        }
    }

    /// An adapter that was made anew has a state of its own: what only the old one had is gone.
    fn follow(&mut self, live: Option<Arc<LiveState>>) {
        let Some(live) = live else { return };
        let same = self.live.as_ref().is_some_and(|known| Arc::ptr_eq(known, &live));
        if same {
            return;
        }
        if let Some(old) = self.live.replace(live) {
            let gone = old.changes_since(0).values.into_iter().map(|(path, _)| (path, None));
            self.pending.extend(gone);
        }
        self.version = 0;
    }

    fn take(&mut self) {
        let Some(live) = &self.live else { return };
        let Changes { version, values, fresh, turned, truncated } = live.changes_since(self.version);
        if turned || self.version == 0 {
            self.pending.insert(ABOUT.into(), Some(json!({"fresh": fresh, "truncated": truncated})));
        }
        self.pending.extend(values);
        self.version = version;
    }

    /// Sends what is pending; false if the server did not take everything. That values are those of now is said after them,
    /// that they are not any more before.
    async fn send(&mut self) -> bool {
        let word = self.pending.remove(ABOUT);
        let (first, last) = match &word {
            Some(Some(said)) if said["fresh"] == true => (None, word),
            _ => (word, None),
        };
        let of = |word: Option<Option<Value>>| word.map(|word| (ABOUT.to_string(), word)).into_iter().collect();
        let values = std::mem::take(&mut self.pending);
        let mut failed = Vec::new();
        for part in [of(first), values, of(last)] {
            if failed.is_empty() {
                failed = self.send_part(part).await;
            } else {
                failed.extend(part);
            }
        }
        let whole = failed.is_empty();
        self.pending.extend(failed);
        whole
    }

    /// Gives back what the server did not take.
    async fn send_part(&mut self, values: BTreeMap<String, Option<Value>>) -> Vec<(String, Option<Value>)> {
        let reports: Vec<(String, Result<Report, SchemaError>)> =
            values.into_iter().map(|(path, value)| self.seal(path, value)).collect();
        let bus = &self.node.bus;
        let sent = stream::iter(reports).map(|(path, sealed)| async move {
            let report = match sealed {
                Ok(report) => report,
                Err(error) => {
                    tracing::warn!(path, %error, "a value of the live state cannot be sent and is left out");
                    return None;
                }
            };
            let stored = match bus.send_state(&report.key, report.bytes, report.value.is_none()).await {
                Ok(sent) => sent.stored().await,
                Err(error) => Err(error),
            };
            let error = stored.err()?;
            tracing::debug!(path, %error, "a value of the live state is not on the server yet");
            Some((path, report.value))
        });
        let outcomes: Vec<Option<(String, Option<Value>)>> = sent.buffer_unordered(STATE_INFLIGHT).collect().await;
        outcomes.into_iter().flatten().collect()
    }

    fn seal(&mut self, path: String, value: Option<Value>) -> (String, Result<Report, SchemaError>) {
        self.sequence += 1;
        let report = StateReport {
            node: self.node.name.clone(),
            provider: self.provider.clone(),
            instance: self.instance.clone(),
            path: path.clone(),
            at: clock::now(),
            sequence: self.sequence,
            value,
        };
        let key = subject::state_key(&self.provider, &self.instance, &path);
        let sealed = Envelope::seal(&report, &self.node.key).and_then(|e| e.to_message());
        (path, sealed.map(|bytes| Report { key, bytes, value: report.value }))
    }
}

struct Report {
    key: String,
    bytes: Vec<u8>,
    value: Option<Value>,
}

/// The next change; never, where there is nothing that could change.
async fn news(changed: &mut Option<watch::Receiver<u64>>) {
    if let Some(changed) = changed
        && changed.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
