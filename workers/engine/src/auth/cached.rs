//! Proofs that are fetched and used many times. However many commands want one at once, it is fetched once.

use super::{AuthError, Clock};
use async_trait::async_trait;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use reqwest::header::HeaderMap;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// Time before its end from which a proof is no longer used: requests under way and small differences of clocks.
pub const EXPIRY_MARGIN: Duration = Duration::from_secs(60);

/// What is put on every request.
#[derive(Clone)]
pub(super) struct Proof {
    /// All marked sensitive.
    pub headers: HeaderMap,
    /// How long it lasts from now on.
    pub lifetime: Duration,
}

/// How a proof is made.
#[async_trait]
pub(super) trait Source: Send + Sync {
    /// Bounded in time by itself. Runs to its end even if nobody waits any more: what a server hands out is not lost.
    async fn fetch(&self) -> Result<Proof, AuthError>;
    /// Named in messages.
    fn host(&self) -> &str;
    /// May one fetched anew be accepted where the last was refused?
    fn renews(&self) -> bool {
        true
    }
}

type Flight = Shared<BoxFuture<'static, Result<Proof, AuthError>>>;

#[derive(Default)]
struct State {
    /// With the time from which it is not used any more, microseconds.
    proof: Option<(Proof, i64)>,
    flight: Option<Flight>,
}

pub(super) struct Cached {
    source: Arc<dyn Source>,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cached {
    pub fn new(source: Arc<dyn Source>, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, state: Arc::default() }
    }

    pub async fn apply(&self, headers: &mut HeaderMap, deadline: Instant) -> Result<(), AuthError> {
        let proof = match self.cached_or_flight() {
            Ok(proof) => proof,
            Err(flight) => timeout_at(deadline, flight)
                .await
                .map_err(|_| AuthError::Deadline { host: self.source.host().into() })??,
        };
        for (name, value) in &proof.headers {
            headers.insert(name, value.clone());
        }
        Ok(())
    }

    fn cached_or_flight(&self) -> Result<Proof, Flight> {
        let mut state = lock(&self.state);
        if let Some((proof, until)) = &state.proof
            && self.clock.now_us() < *until
        {
            return Ok(proof.clone());
        }
        if let Some(flight) = &state.flight {
            return Err(flight.clone());
        }
        let flight = self.start();
        state.flight = Some(flight.clone());
        Err(flight)
    }

    /// In a task of its own: a command that is given up must not take down the fetch others wait for.
    fn start(&self) -> Flight {
        let (source, clock, state) = (self.source.clone(), self.clock.clone(), self.state.clone());
        let host = source.host().to_string();
        let task = tokio::spawn(async move {
            // Also if the fetch panics, the next command begins a new one.
            let landed = Landed(state);
            let fetched = source.fetch().await;
            if let Ok(proof) = &fetched {
                let used = proof.lifetime.saturating_sub(EXPIRY_MARGIN.min(proof.lifetime / 2));
                let until = clock.now_us().saturating_add(super::clock::micros(used));
                lock(&landed.0).proof = Some((proof.clone(), until));
            }
            fetched
        });
        let joined = async move {
            task.await.unwrap_or_else(|e| {
                tracing::error!(host, error = %e, "fetching a token ended in a defect");
                Err(AuthError::Unusable { host, why: "a defect of the worker; see its log".into() })
            })
        };
        joined.boxed().shared()
    }

    /// Forgets the proof that `sent` carried. True if another may be accepted.
    pub fn rejected(&self, sent: &HeaderMap) -> bool {
        let mut state = lock(&self.state);
        let is_sent = |proof: &Proof| proof.headers.iter().all(|(name, value)| sent.get(name) == Some(value));
        match &state.proof {
            Some((proof, _)) if is_sent(proof) => {
                state.proof = None;
                self.source.renews()
            }
            Some(_) => true,
            None => state.flight.is_some() || self.source.renews(),
        }
    }
}

/// Ends the flight, however it ends.
struct Landed(Arc<Mutex<State>>);

impl Drop for Landed {
    fn drop(&mut self) {
        lock(&self.0).flight = None;
    }
}
