//! What the sequencer shows to the rest of the broker: replaced as a whole after each durable batch, never locked.

use arc_swap::ArcSwap;
use if_core::{Counts, Ledger, State};
use if_schemas::{Envelope, Head, SchemaError, SigningKey, Timestamp, Trust};
use std::sync::Arc;

/// The newest durable state, as far as others need it.
#[derive(Debug, Clone)]
pub struct View {
    pub head: Head,
    pub counts: Counts,
    pub in_flight: usize,
    pub ledger: Ledger,
}

impl View {
    /// None before genesis.
    pub fn of(state: &State) -> Option<Self> {
        let head = Head { log: state.log()?, index: state.next().checked_sub(1)?, hash: state.prev(), at: state.at() };
        let (counts, ledger) = (state.counts().clone(), state.ledger().clone());
        Some(Self { head, counts, in_flight: state.in_flight().len(), ledger })
    }
}

/// Handles every part of the broker has.
pub struct Shared {
    pub key: SigningKey,
    pub trust: ArcSwap<Trust>,
    pub view: ArcSwap<View>,
    pub started_at: Timestamp,
    pub metrics: crate::telemetry::Metrics,
}

impl Shared {
    pub fn sign_head(&self, head: &Head) -> Result<Envelope, SchemaError> {
        Envelope::seal(head, &self.key)
    }
    pub fn trust(&self) -> Arc<Trust> {
        self.trust.load_full()
    }
}
