//! What time it is, for us and for the server that checks our signatures.

use reqwest::header::{DATE, HeaderMap};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::Instant;

/// Wall time.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970-01-01 UTC.
    fn now_us(&self) -> i64;
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

/// A difference smaller than this is not why a signature was refused: `Date` has whole seconds and took its way.
pub const SKEW_MIN: Duration = Duration::from_secs(20);
/// A server whose clock is further off than this is not followed.
pub const SKEW_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A refusal this soon after the clock was set right may be of a request signed before.
const RELEARN: Duration = Duration::from_secs(120);

pub(super) fn micros(d: Duration) -> i64 {
    i64::try_from(d.as_micros()).unwrap_or(i64::MAX)
}

/// Our clock, set right by what the server's `Date` says once it has refused a signature.
pub(super) struct ServerClock {
    clock: Arc<dyn Clock>,
    skew: Mutex<Skew>,
}

#[derive(Default)]
struct Skew {
    offset_us: i64,
    learned: Option<Instant>,
}

impl ServerClock {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, skew: Mutex::default() }
    }

    /// Of the server, microseconds.
    pub fn now_us(&self) -> i64 {
        let skew = self.skew.lock().unwrap_or_else(PoisonError::into_inner);
        self.clock.now_us().saturating_add(skew.offset_us)
    }

    /// Learns from the head of an answer that refused. True if what is signed from now on has another time.
    pub fn learn(&self, answer: &HeaderMap) -> bool {
        let Some(date) = answer.get(DATE).and_then(|d| d.to_str().ok()).and_then(|d| httpdate::parse_http_date(d).ok())
        else {
            return false;
        };
        let server_us = micros(date.duration_since(UNIX_EPOCH).unwrap_or_default());
        let offset_us = server_us.saturating_sub(self.clock.now_us());
        let mut skew = self.skew.lock().unwrap_or_else(PoisonError::into_inner);
        if offset_us.saturating_sub(skew.offset_us).saturating_abs() < micros(SKEW_MIN) {
            return skew.learned.is_some_and(|at| at.elapsed() < RELEARN);
        }
        if offset_us.saturating_abs() > micros(SKEW_MAX) {
            return false;
        }
        tracing::warn!(
            seconds = offset_us / 1_000_000,
            "the clock of the server differs from ours; signing with its time"
        );
        *skew = Skew { offset_us, learned: Some(Instant::now()) };
        true
    }
}
