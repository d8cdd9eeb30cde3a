//! Who serves what, from signed announcements. Soft state: it decides only whether a command is worth admitting.

use crate::{clock, shared::Shared};
use if_bus::{Bus, BusError};
use if_core::Served;
use if_schemas::{
    Code, Command, KeyId, Name, Reject, Timestamp,
    limits::CLOCK_SKEW_MAX_US,
    presence::{Announcement, InstanceState, NODE_TTL_MS},
    query::NodeRow,
    subject,
    wire::Message as _,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

const NODE_TTL: Duration = Duration::from_millis(NODE_TTL_MS);
/// Most single-letter edits between a name nobody serves and the one suggested instead.
const SUGGEST_MAX_DISTANCE: usize = 3;

struct Node {
    key: KeyId,
    /// Of the member that has the key.
    member: Name,
    last: Announcement,
    heard: Instant,
    heard_at: Timestamp,
}

/// Live nodes by signing key: one announcement per worker key, so the table is never larger than the trust list.
#[derive(Default)]
pub struct Presence {
    nodes: RwLock<BTreeMap<KeyId, Node>>,
}

impl Presence {
    /// Who serves this command's instance, and does it know the operation? Of several nodes, one that is connected to it
    /// goes first, and otherwise always the same.
    pub fn served(&self, c: &Command) -> Served {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let live = || nodes.values().filter(|n| n.heard.elapsed() < NODE_TTL);
        let serving = |n: &&Node| {
            let found = n.last.instances.iter().find(|i| i.provider == c.provider && i.instance == c.instance);
            found.map(|i| i.state != InstanceState::Ok)
        };
        let node = live().filter(|n| serving(n).is_some()).min_by_key(serving);
        let Some(node) = node else {
            let known = live().flat_map(|n| &n.last.instances).map(|i| format!("{}/{}", i.provider, i.instance));
            return Served::Nobody { known: nearest(&format!("{}/{}", c.provider, c.instance), known) };
        };
        let provider = node.last.providers.iter().find(|p| p.provider == c.provider);
        let operation = provider.and_then(|p| p.operations.iter().find(|(id, _)| *id == c.operation));
        Served::By { worker: node.member.clone(), effect: operation.map(|(_, effect)| *effect) }
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

    /// Takes in one announcement.
    fn note(&self, shared: &Shared, bytes: &[u8]) -> Result<(), Reject> {
        let envelope = if_schemas::Envelope::from_message(bytes)?;
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
        self.insert(shared, envelope.key(), standing.member.name.clone(), announcement);
        Ok(())
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
        nodes.insert(key, Node { key, member, last, heard: Instant::now(), heard_at: clock::now() });
        let live = nodes.values().filter(|n| n.heard.elapsed() < NODE_TTL && !n.last.leaving).count();
        shared.metrics.nodes.set(i64::try_from(live).unwrap_or(i64::MAX));
    }
}

/// Listens to announcements for as long as the bus lives.
pub async fn listen(bus: Bus, shared: Arc<Shared>, presence: Arc<Presence>) -> Result<(), BusError> {
    let mut announcements = bus.subscribe(subject::PRESENCE).await?;
    while let Some(message) = announcements.next().await {
        if let Err(reject) = presence.note(&shared, &message.payload) {
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
