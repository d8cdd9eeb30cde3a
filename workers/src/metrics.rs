//! Counters since the start of the process.

use if_schemas::Status;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

#[derive(Debug, Default)]
pub struct Metrics {
    statuses: [AtomicU64; Status::ALL.len()],
    busy_us: AtomicU64,
    dropped: Mutex<BTreeMap<&'static str, u64>>,
    last_error: Mutex<String>,
}

/// A copy of all counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub statuses: BTreeMap<&'static str, u64>,
    /// Work that was not authentic or not for this node, by code.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Time spent between start and result of commands.
    pub busy: Duration,
    pub last_error: String,
}

impl Metrics {
    pub fn executed(&self, status: Status, busy_us: i64) {
        if let Some(counter) = Status::ALL.iter().position(|s| *s == status).and_then(|i| self.statuses.get(i)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.busy_us.fetch_add(u64::try_from(busy_us).unwrap_or(0), Ordering::Relaxed);
    }

    pub fn failed(&self, error: &str) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
    }

    pub fn dropped(&self, code: &'static str) {
        *self.dropped.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    pub fn counts(&self) -> Counts {
        let statuses = Status::ALL.iter().zip(&self.statuses);
        Counts {
            statuses: statuses.map(|(s, n)| (s.as_str(), n.load(Ordering::Relaxed))).collect(),
            dropped: self.dropped.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            busy: Duration::from_micros(self.busy_us.load(Ordering::Relaxed)),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
