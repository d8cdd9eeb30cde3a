//! Counters since the start of the process.

use if_schemas::{Name, Status};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

#[derive(Debug, Default)]
pub struct Metrics {
    statuses: [AtomicU64; Status::ALL.len()],
    busy_us: AtomicU64,
    dropped: Mutex<BTreeMap<&'static str, u64>>,
    triggered: Mutex<BTreeMap<&'static str, u64>>,
    rules: Mutex<Rules>,
    last_error: Mutex<String>,
}

/// The rules of triggers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// They see what they look at right now.
    pub armed: BTreeSet<String>,
    /// Why others are not followed.
    pub complaints: BTreeSet<String>,
}

/// A copy of all counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub statuses: BTreeMap<&'static str, u64>,
    /// Work that was not authentic or not for this node, by code.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Firings of triggers, by what became of them: `admitted`, `no_receipt`, or the code of a refusal.
    pub triggered: BTreeMap<&'static str, u64>,
    pub rules: Rules,
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

    pub fn arm(&self, rule: &Name, armed: bool) {
        match armed {
            true => self.rules().armed.insert(rule.to_string()),
            false => self.rules().armed.remove(rule.as_str()),
        };
    }

    pub fn not_armed(&self, complaints: BTreeSet<String>) {
        self.rules().complaints = complaints;
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn triggered(&self, outcome: &'static str) {
        *self.triggered.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() += 1;
    }

    pub fn counts(&self) -> Counts {
        let statuses = Status::ALL.iter().zip(&self.statuses);
        Counts {
            statuses: statuses.map(|(s, n)| (s.as_str(), n.load(Ordering::Relaxed))).collect(),
            dropped: self.dropped.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            triggered: self.triggered.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            rules: self.rules().clone(),
            busy: Duration::from_micros(self.busy_us.load(Ordering::Relaxed)),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
