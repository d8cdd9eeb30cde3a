//! What the sequencer shows to the rest of the broker: replaced as a whole after each durable batch, never locked.

use arc_swap::ArcSwap;
use if_core::{Book, Budgets, Counts, Ledger, Runs, State};
use if_schemas::{Envelope, Head, SchemaError, SigningKey, Timestamp, Trust};
use std::sync::Arc;

/// The newest durable state, as far as others need it.
#[derive(Debug, Clone)]
pub struct View {
    pub head: Head,
    pub counts: Counts,
    pub in_flight: usize,
    pub ledger: Ledger,
    pub money: Arc<Money>,
    pub runs: Arc<Runs>,
}

/// Budgets, and what operators say about prices and rates.
#[derive(Debug, Default)]
pub struct Money {
    pub budgets: Budgets,
    pub book: Book,
}

impl View {
    /// None before genesis. `money`, `runs`: those of an earlier view, where they are the same still.
    pub fn of(state: &State, money: Option<Arc<Money>>, runs: Option<Arc<Runs>>) -> Option<Self> {
        let head = Head { log: state.log()?, index: state.next().checked_sub(1)?, hash: state.prev(), at: state.at() };
        let (counts, ledger) = (state.counts().clone(), state.ledger().clone());
        let fresh = || Arc::new(Money { budgets: state.budgets().clone(), book: state.book().clone() });
        let money = money.unwrap_or_else(fresh);
        let runs = runs.unwrap_or_else(|| Arc::new(state.runs().clone()));
        Some(Self { head, counts, in_flight: state.in_flight().len(), ledger, money, runs })
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
