//! What this node serves and how it is, signed: every second, at every change, when asked, and when leaving.

use crate::{clock, node::Node, registry::Registry};
use if_bus::{BusError, Subscription};
use if_schemas::{
    Envelope,
    presence::{ANNOUNCE_INTERVAL_MS, Announcement, InstancePresence},
    subject,
    wire::Message,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::MissedTickBehavior;

/// Least time between two announcements: changes that come together go out together.
const COALESCE: Duration = Duration::from_millis(20);

pub struct Presence {
    node: Arc<Node>,
    registry: Arc<Registry>,
    sequence: AtomicU64,
}

impl Presence {
    pub fn new(node: Arc<Node>, registry: Arc<Registry>) -> Self {
        // Begins above whatever an earlier process of this node announced, also when its clock stood still.
        let sequence = AtomicU64::new(u64::try_from(clock::now().0).unwrap_or(0));
        Self { node, registry, sequence }
    }

    /// Announces until the node stops.
    pub async fn run(self: Arc<Self>) {
        let mut link = self.node.bus.link();
        while !self.node.stop.is_cancelled() {
            link.borrow_and_update();
            tokio::select! {
                () = self.node.stop.cancelled() => return,
                () = self.announce_while_connected() => {}
                // A new server knows nothing of us.
                _ = link.changed() => {}
            }
        }
    }

    async fn announce_while_connected(&self) {
        let mut ask = match self.node.bus.subscribe(subject::PRESENCE_ASK).await {
            Ok(ask) => Some(ask),
            Err(error) => {
                tracing::warn!(%error, "questions about presence are not heard until the next connection");
                None
            }
        };
        let mut ticks = tokio::time::interval(Duration::from_millis(ANNOUNCE_INTERVAL_MS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.node.changed.notified() => {}
                () = asked(&mut ask) => {}
            }
            if let Err(error) = self.announce(false).await {
                tracing::debug!(%error, "not announced");
            }
            tokio::time::sleep(COALESCE).await;
        }
    }

    /// One announcement. While the connection is down there is nobody to tell.
    pub async fn announce(&self, leaving: bool) -> Result<(), PresenceError> {
        if !self.node.bus.link().borrow().up {
            return Ok(());
        }
        let announcement = Announcement {
            node: self.node.name.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            at: clock::now(),
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
            leaving,
            instances: self.served(),
            providers: self.registry.providers(),
        };
        let bytes = Envelope::seal(&announcement, &self.node.key)?.to_message()?;
        Ok(self.node.bus.publish(&subject::presence(&self.node.name), bytes, None).await?)
    }

    /// The broker refuses an announcement as a whole if one instance in it is not this node's to serve.
    fn served(&self) -> Vec<InstancePresence> {
        let mut instances = self.registry.presence();
        if let Some(view) = self.node.trust.current() {
            let key = self.node.key.id();
            instances.retain(|i| view.trust.authorize_worker(&key, &i.provider, &i.instance).is_ok());
        }
        instances
    }
}

#[derive(Debug, thiserror::Error)]
pub enum PresenceError {
    #[error(transparent)]
    Schema(#[from] if_schemas::SchemaError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// The next question; never, where none are heard.
async fn asked(subscription: &mut Option<Subscription>) {
    if let Some(questions) = subscription
        && questions.next().await.is_some()
    {
        return;
    }
    std::future::pending().await
}
