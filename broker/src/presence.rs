//! Who serves what, from signed announcements. Soft state: it decides only whether a command is worth admitting.

use crate::{clock, shared::Shared, tariffs::Tariffs};
use if_bus::{Bus, BusError, Message};
use if_core::{Pricing, Served};
use if_schemas::{
    Code, Command, Envelope, Hash, KeyId, Kind, Name, OperationId, Payload, Reject, Timestamp,
    limits::CLOCK_SKEW_MAX_US,
    presence::{ANNOUNCE_INTERVAL_MS, Announcement, InstanceState, NODE_TTL_MS},
    query::{NodeRow, TariffAnswer},
    subject,
    tariff::Tariff,
    wire::{Message as _, Submission},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tokio::sync::watch;

const NODE_TTL: Duration = Duration::from_millis(NODE_TTL_MS);
/// Least time between two requests for the prices of one node.
const ASK_INTERVAL: Duration = Duration::from_secs(1);
/// How long after its start the broker holds a command that nobody serves, or whose price has not come: each node announces
/// itself when asked, and within an interval anyway. Without it a broker that just restarted would refuse with `no_worker`.
const SETTLE: Duration = Duration::from_millis(ANNOUNCE_INTERVAL_MS + 500);
/// Most single-letter edits between a name nobody serves and the one suggested instead.
const SUGGEST_MAX_DISTANCE: usize = 3;

/// What somebody wants to have done.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub provider: &'a Name,
    pub instance: &'a Name,
    pub operation: &'a OperationId,
    /// The arguments.
    pub payload: &'a Payload,
}

impl<'a> Call<'a> {
    pub fn of(command: &'a Command, payload: &'a Payload) -> Self {
        let Command { provider, instance, operation, .. } = command;
        Self { provider, instance, operation, payload }
    }
}

struct Node {
    key: KeyId,
    /// Of the member that has the key.
    member: Name,
    last: Announcement,
    heard: Instant,
    heard_at: Timestamp,
    /// When it was last asked for its prices.
    asked: Option<Instant>,
}

/// Live nodes by signing key: one announcement per worker key, so the table is never larger than the trust list.
pub struct Presence {
    nodes: RwLock<BTreeMap<KeyId, Node>>,
    tariffs: Tariffs,
    /// Counts what was taken in.
    noted: watch::Sender<u64>,
    settled_at: Instant,
}

impl Presence {
    /// Of a broker that starts now.
    pub fn new() -> Self {
        let (nodes, tariffs) = (RwLock::default(), Tariffs::default());
        Self { nodes, tariffs, noted: watch::Sender::default(), settled_at: Instant::now() + SETTLE }
    }

    /// Waits until the command can be admitted, or the broker is no longer so young ([`SETTLE`]) that this may change by itself.
    pub async fn settle(&self, call: &Call<'_>) {
        let mut noted = self.noted.subscribe();
        while Instant::now() < self.settled_at && !self.is_ready(call) {
            // Either end of the wait is looked at above.
            let _ = tokio::time::timeout_at(self.settled_at.into(), noted.changed()).await;
        }
    }

    fn is_ready(&self, call: &Call<'_>) -> bool {
        matches!(self.served(call), (Served::By { .. }, pricing) if !matches!(pricing, Pricing::Unknown(_)))
    }

    /// Who serves this command's instance, does it know the operation, and what does it say that costs? Of several nodes,
    /// one that is connected to it goes first, and otherwise always the same.
    pub fn served(&self, c: &Call<'_>) -> (Served, Pricing) {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let Some(node) = serving(&nodes, c.provider, c.instance) else {
            let known = live(&nodes).flat_map(|n| &n.last.instances).map(|i| format!("{}/{}", i.provider, i.instance));
            let known = nearest(&format!("{}/{}", c.provider, c.instance), known);
            return (Served::Nobody { known }, Pricing::Unpriced);
        };
        let provider = node.last.providers.iter().find(|p| p.provider == *c.provider);
        let operation = provider.and_then(|p| p.operations.iter().find(|(id, _)| id == c.operation));
        let served = Served::By { worker: node.member.clone(), effect: operation.map(|(_, effect)| *effect) };
        let pricing = match provider.and_then(|p| p.tariff) {
            None => Pricing::Unpriced,
            Some(hash) => match self.tariffs.get(node.key, c.provider, &hash) {
                Some(kept) => kept.pricing(c),
                None => Pricing::Unknown(format!("the prices of {} on {} have not come yet", c.provider, node.member)),
            },
        };
        (served, pricing)
    }

    /// The tariff under which commands for the instance are priced now.
    pub fn tariff(&self, provider: &Name, instance: &Name) -> Option<TariffAnswer> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let node = serving(&nodes, provider, instance)?;
        let hash = node.last.providers.iter().find(|p| p.provider == *provider)?.tariff?;
        let kept = self.tariffs.get(node.key, provider, &hash)?;
        Some(TariffAnswer {
            node: node.member.clone(),
            hash,
            operations: kept.document.operations.clone(),
            table: kept.table().cloned(),
            defaults: kept.defaults(instance),
        })
    }

    pub fn rows(&self) -> Vec<NodeRow> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let live = nodes.values().filter(|n| n.heard.elapsed() < NODE_TTL && !n.last.leaving);
        live.map(|n| NodeRow {
            node: n.last.node.clone(),
            key_id: n.key,
            version: n.last.version.clone(),
            last_seen: n.heard_at,
            instances: n.last.instances.clone(),
            providers: n.last.providers.clone(),
        })
        .collect()
    }

    /// Takes in one announcement or tariff. Returns the node to be asked for prices, if some are missing.
    fn note(&self, shared: &Shared, message: &Message) -> Result<Option<Name>, Reject> {
        if let Ok(submission) = Submission::from_message(&message.payload) {
            return self.note_tariff(shared, submission).map(|()| None);
        }
        let envelope = Envelope::from_message(&message.payload)?;
        let trust = shared.trust();
        let standing = trust.claimed(&envelope)?;
        let announcement: Announcement = envelope.open(&standing.member.key)?;
        trust.active(standing)?;
        if clock::now().since_us(announcement.at).abs() > CLOCK_SKEW_MAX_US {
            return Err(Reject::new(
                Code::ClockSkew,
                format!("the announcement of {} is from {}", announcement.node, announcement.at),
            ));
        }
        let may_serve = |provider: &Name, instance: &Name| standing.member.may_serve(provider, instance);
        if let Some(i) = announcement.instances.iter().find(|i| !may_serve(&i.provider, &i.instance)) {
            return Err(Reject::new(
                Code::WrongWorker,
                format!("{} may not serve {}/{}", announcement.node, i.provider, i.instance),
            ));
        }
        let key = envelope.key();
        self.insert(shared, key, standing.member.name.clone(), announcement);
        Ok(self.lacks_prices(key))
    }

    fn note_tariff(&self, shared: &Shared, submission: Submission) -> Result<(), Reject> {
        let Submission { envelope, payload } = submission;
        if envelope.kind() != Kind::Tariff {
            let text = format!("a {} does not belong among announcements", envelope.kind().as_str());
            return Err(Reject::new(Code::SubjectMismatch, text));
        }
        let trust = shared.trust();
        let standing = trust.claimed(&envelope)?;
        let tariff: Tariff = envelope.open(&standing.member.key)?;
        trust.active(standing)?;
        if clock::now().since_us(tariff.at).abs() > CLOCK_SKEW_MAX_US {
            return Err(Reject::new(Code::ClockSkew, format!("the tariff of {} is from {}", tariff.node, tariff.at)));
        }
        if !standing.member.may_serve_some(&tariff.provider) {
            let text = format!("{} may not serve {}", tariff.node, tariff.provider);
            return Err(Reject::new(Code::WrongWorker, text));
        }
        let missing = || Reject::new(Code::PayloadMismatch, "the document of the tariff is missing");
        self.tariffs.note(envelope.key(), &tariff, &payload.ok_or_else(missing)?)
    }

    /// The name of a node that announces prices which are not here, unless it was asked a moment ago.
    fn lacks_prices(&self, key: KeyId) -> Option<Name> {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let node = nodes.get_mut(&key)?;
        let missing = |provider: &Name, hash: &Hash| self.tariffs.get(key, provider, hash).is_none();
        let lacks = node.last.providers.iter().any(|p| p.tariff.is_some_and(|hash| missing(&p.provider, &hash)));
        if !lacks || node.last.leaving || node.asked.is_some_and(|at| at.elapsed() < ASK_INTERVAL) {
            return None;
        }
        node.asked = Some(Instant::now());
        Some(node.last.node.clone())
    }

    fn insert(&self, shared: &Shared, key: KeyId, member: Name, announcement: Announcement) {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let stale = |n: &Node| (n.last.at, n.last.sequence) >= (announcement.at, announcement.sequence);
        if nodes.get(&key).is_some_and(stale) {
            return; // a replayed or reordered announcement
        }
        // Even of a node that leaves the last announcement is kept, so that an older one cannot be played back.
        let mut last = announcement;
        if last.leaving {
            last.instances.clear();
        }
        let asked = nodes.get(&key).and_then(|n| n.asked);
        nodes.insert(key, Node { key, member, last, heard: Instant::now(), heard_at: clock::now(), asked });
        let live = nodes.values().filter(|n| n.heard.elapsed() < NODE_TTL && !n.last.leaving).count();
        shared.metrics.nodes.set(i64::try_from(live).unwrap_or(i64::MAX));
    }
}

fn live(nodes: &BTreeMap<KeyId, Node>) -> impl Iterator<Item = &Node> {
    nodes.values().filter(|n| n.heard.elapsed() < NODE_TTL)
}

/// The node that commands for the instance go to.
fn serving<'a>(nodes: &'a BTreeMap<KeyId, Node>, provider: &Name, instance: &Name) -> Option<&'a Node> {
    let state = |n: &&Node| {
        let found = n.last.instances.iter().find(|i| i.provider == *provider && i.instance == *instance);
        found.map(|i| i.state != InstanceState::Ok)
    };
    live(nodes).filter(|n| state(n).is_some()).min_by_key(state)
}

/// Asks every node who is there, and takes in announcements and tariffs for as long as the bus lives.
pub async fn listen(bus: Bus, shared: Arc<Shared>, presence: Arc<Presence>) -> Result<(), BusError> {
    let mut announcements = bus.subscribe(subject::PRESENCE).await?;
    bus.publish(subject::PRESENCE_ASK, Vec::new(), None).await?;
    while let Some(message) = announcements.next().await {
        let noted = presence.note(&shared, &message);
        presence.noted.send_modify(|count| *count += 1);
        if let Ok(Some(node)) = &noted {
            bus.publish(&subject::tariff_ask(node), Vec::new(), None).await?;
        }
        if let Err(reject) = noted {
            shared.metrics.rejects.with_label_values(&[reject.code.as_str()]).inc();
            tracing::warn!(code = %reject.code, subject = message.subject, "announcement refused: {reject}");
        }
    }
    Ok(())
}

/// The most similar candidate within [`SUGGEST_MAX_DISTANCE`] single-letter edits.
fn nearest(wanted: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    candidates
        .map(|c| (strsim::levenshtein(wanted, &c), c))
        .filter(|(distance, _)| *distance <= SUGGEST_MAX_DISTANCE)
        .min()
        .map(|(_, c)| c)
}
