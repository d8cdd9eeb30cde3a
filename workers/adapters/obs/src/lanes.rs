//! Commands that want something of the same thing (the program, one input's mute): they are sent one after the other, in
//! the order in which they came, and the last one wins. Who still waits for the effect of an earlier one is told.

use crate::limits::IDLE_LANES_MAX;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    sync::{Mutex as TurnMutex, OwnedMutexGuard, watch},
    time::{Instant, timeout_at},
};

/// By what they are about.
#[derive(Default)]
pub struct Lanes(Mutex<HashMap<String, Arc<Lane>>>);

struct Lane {
    turn: Arc<TurnMutex<()>>,
    /// How many claims there were, and what the last one wants.
    latest: watch::Sender<(u64, String)>,
    /// Claims whose effect is still waited for.
    open: AtomicUsize,
}

/// From looking at the state until OBS has answered.
pub struct Turn {
    lane: Arc<Lane>,
    _guard: OwnedMutexGuard<()>,
}

/// A command that OBS has taken.
pub struct Claim {
    number: u64,
    wanted: String,
    latest: watch::Receiver<(u64, String)>,
    lane: Arc<Lane>,
}

impl Lanes {
    /// Waits for the commands before. The place in line is taken when this is first polled. None at `until`.
    pub async fn turn(&self, about: String, until: Instant) -> Option<Turn> {
        let lane = self.lane(about);
        let guard = timeout_at(until, lane.turn.clone().lock_owned()).await.ok()?;
        Some(Turn { lane, _guard: guard })
    }

    fn lane(&self, about: String) -> Arc<Lane> {
        // Every change of the map is whole in itself.
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= IDLE_LANES_MAX {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let new = || {
            Arc::new(Lane {
                turn: Arc::default(),
                latest: watch::Sender::new((0, String::new())),
                open: AtomicUsize::new(0),
            })
        };
        lanes.entry(about).or_insert_with(new).clone()
    }
}

impl Turn {
    /// The effect of an earlier command is still waited for: what is read now may not be what will be.
    pub fn contested(&self) -> bool {
        self.lane.open.load(Ordering::Relaxed) > 0
    }

    /// OBS has taken a command that wants `wanted`: it counts from now on, and the next may have its turn.
    pub fn claim(self, wanted: &str) -> Claim {
        self.lane.latest.send_modify(|(number, last)| {
            *number += 1;
            wanted.clone_into(last);
        });
        let mut latest = self.lane.latest.subscribe();
        let number = latest.borrow_and_update().0;
        self.lane.open.fetch_add(1, Ordering::Relaxed);
        Claim { number, wanted: wanted.to_owned(), latest, lane: self.lane }
    }
}

impl Claim {
    /// Resolves once a later command wants something else, with what.
    pub async fn superseded(&mut self) -> String {
        let later = |(number, wanted): &(u64, String)| *number > self.number && *wanted != self.wanted;
        let found = self.latest.wait_for(later).await.map(|latest| latest.1.clone()).ok();
        match found {
            Some(wanted) => wanted,
            // The lane is kept by this claim.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.lane.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
