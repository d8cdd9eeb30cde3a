//! What every part of a running node shares.

use crate::{
    inbox::Inbox,
    metrics::Metrics,
    triggers::causes::{Causes, Ended},
    trust::TrustStore,
};
use if_bus::Bus;
use if_schemas::{Name, SigningKey};
use std::sync::Arc;
use tokio::sync::{Notify, broadcast};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub struct Node {
    pub name: Name,
    pub key: SigningKey,
    pub bus: Bus,
    pub trust: TrustStore,
    pub inbox: Inbox,
    pub metrics: Metrics,
    /// What triggers did that executes right now.
    pub causes: Causes,
    /// Commands that come to their end here, for triggers.
    pub ended: broadcast::Sender<Ended>,
    /// Commands and reports under way.
    pub jobs: TaskTracker,
    /// Connections to instances.
    pub sessions: TaskTracker,
    /// Take no more work.
    pub stop: CancellationToken,
    /// Close the connections to instances.
    pub close: CancellationToken,
    /// Something that is announced has changed.
    pub changed: Arc<Notify>,
}
