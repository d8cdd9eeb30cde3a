//! What this node serves and how it is, signed: every second, at every change, when asked, and when leaving.

use crate::{
    clock,
    node::Node,
    registry::{Connected, Key, Now, Registry},
    tariff::Sheet,
};
use if_bus::{BusError, Subscription};
use if_schemas::{
    Envelope, Hash, Name, Timestamp,
    presence::{ANNOUNCE_INTERVAL_MS, Announcement, InstancePresence},
    subject,
    wire::Message,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
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
    /// Prices the broker was sent on this connection.
    told: Mutex<BTreeSet<(Name, Hash)>>,
    /// Since when the instances were connected that were announced as that.
    connected: Mutex<BTreeMap<Key, Timestamp>>,
}

impl Presence {
    pub fn new(node: Arc<Node>, registry: Arc<Registry>) -> Self {
        // Begins above whatever an earlier process of this node announced, also when its clock stood still.
        let sequence = AtomicU64::new(u64::try_from(clock::now().0).unwrap_or(0));
        Self { node, registry, sequence, told: Mutex::default(), connected: Mutex::default() }
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
        let mut tariff_ask = match self.node.bus.subscribe(&subject::tariff_ask(&self.node.name)).await {
            Ok(ask) => Some(ask),
            Err(error) => {
                tracing::warn!(%error, "questions about prices are not heard until the next connection");
                None
            }
        };
        self.forget_told();
        let mut ticks = tokio::time::interval(Duration::from_millis(ANNOUNCE_INTERVAL_MS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.node.changed.notified() => {}
                // Who asks may have been started just now.
                () = asked(&mut ask) => self.forget_told(),
                () = asked(&mut tariff_ask) => self.forget_told(),
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
        if !leaving {
            self.settle_state().await;
        }
        let Now { instances, providers, tariffs } = self.registry.now();
        if !leaving {
            self.tell_tariffs(&tariffs).await?;
        }
        let announcement = Announcement {
            node: self.node.name.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            at: clock::now(),
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
            leaving,
            instances: self.allowed(instances),
            providers,
        };
        let bytes = Envelope::seal(&announcement, &self.node.key)?.to_message()?;
        Ok(self.node.bus.publish(&subject::presence(&self.node.name), bytes, None).await?)
    }

    /// The state of what has just been connected goes out before the word that it is connected: who hears that believes it.
    async fn settle_state(&self) {
        let now = self.registry.connected();
        let known = std::mem::take(&mut *self.connected.lock().unwrap_or_else(PoisonError::into_inner));
        let new = now.iter().filter(|(key, connected)| known.get(*key) != Some(&connected.since));
        let settling = new.filter_map(|(_, Connected { live, mirrored, .. })| Some(mirrored.settle(live.as_ref()?)));
        futures::future::join_all(settling).await;
        let now = now.into_iter().map(|(key, connected)| (key, connected.since)).collect();
        *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Prices that nobody was told yet: before the announcement that names them, so that no command is refused for want
    /// of them.
    async fn tell_tariffs(&self, tariffs: &[Sheet]) -> Result<(), PresenceError> {
        for sheet in tariffs.iter().filter(|s| self.may_tell(&s.provider)) {
            let key = (sheet.provider.clone(), sheet.hash);
            if self.told.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
                continue;
            }
            let bytes = sheet.seal(&self.node, self.sequence.fetch_add(1, Ordering::Relaxed))?;
            self.node.bus.publish(&subject::tariff(&self.node.name, &sheet.provider), bytes, None).await?;
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.retain(|(provider, _)| *provider != sheet.provider);
            told.insert(key);
        }
        Ok(())
    }

    fn forget_told(&self) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The broker refuses prices of providers this node may not serve.
    fn may_tell(&self, provider: &Name) -> bool {
        let view = self.node.trust.current();
        let standing = view.as_ref().map(|view| view.trust.standing(&self.node.key.id()));
        standing.is_none_or(|s| s.is_some_and(|s| s.member.may_serve_some(provider)))
    }

    /// The broker refuses an announcement as a whole if one instance in it is not this node's to serve.
    fn allowed(&self, mut instances: Vec<InstancePresence>) -> Vec<InstancePresence> {
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
