//! What every part of a running node shares.

use crate::{inbox::Inbox, metrics::Metrics, trust::TrustStore};
use if_bus::Bus;
use if_schemas::{Name, SigningKey};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub struct Node {
    pub name: Name,
    pub key: SigningKey,
    pub bus: Bus,
    pub trust: TrustStore,
    pub inbox: Inbox,
    pub metrics: Metrics,
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
