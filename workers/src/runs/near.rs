//! Which nodes there are and how their instances stand, from their signed announcements.

use crate::node::Node;
use if_schemas::{
    Envelope, Name, Role, Target,
    presence::{Announcement, InstanceState, NODE_TTL_MS},
    wire::Message as _,
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Silence after which a node counts as gone.
const NODE_TTL: Duration = Duration::from_millis(NODE_TTL_MS);

/// The newest announcement of each node; one per worker in trust at most.
#[derive(Default)]
pub struct Near(Mutex<HashMap<Name, (Announcement, Instant)>>);

impl Near {
    pub fn note(&self, node: &Node, bytes: &[u8]) {
        let Some(announcement) = open(node, bytes) else { return };
        let mut nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let order = |a: &Announcement| (a.at, a.sequence);
        if nodes.get(&announcement.node).is_none_or(|(known, _)| order(known) < order(&announcement)) {
            nodes.insert(announcement.node.clone(), (announcement, Instant::now()));
        }
    }

    /// How the node says an instance stands; none where it has been silent for too long.
    pub fn state(&self, node: &Name, of: &Target) -> Option<InstanceState> {
        let nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, heard) = nodes.get(node)?;
        if heard.elapsed() >= NODE_TTL || said.leaving {
            return None;
        }
        let found = said.instances.iter().find(|i| i.provider == of.provider && i.instance == of.instance);
        found.map(|i| i.state)
    }

    /// How an instance stands, whichever node serves it.
    pub fn state_anywhere(&self, of: &Target) -> Option<InstanceState> {
        let names: Vec<Name> = self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        names.iter().find_map(|node| self.state(node, of))
    }
}

/// An announcement of an active worker under its own name.
fn open(node: &Node, bytes: &[u8]) -> Option<Announcement> {
    let trust = node.trust.current()?;
    let envelope = Envelope::from_message(bytes).ok()?;
    let standing = trust.trust.standing(&envelope.key()).filter(|s| s.is_active() && s.member.role == Role::Worker)?;
    let announcement: Announcement = envelope.open(&standing.member.key).ok()?;
    (announcement.node == standing.member.name).then_some(announcement)
}
