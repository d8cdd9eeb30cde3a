//! Wall time, deadlines and randomness: the only place of this crate that asks the operating system for them.

use if_schemas::{Salt, Timestamp, limits::DEADLINE_MAX_US};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Furthest deadline that is kept to; more than any the contract allows.
const DEADLINE_MAX: Duration = Duration::from_micros(2 * DEADLINE_MAX_US.unsigned_abs());

/// The wall clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The instant at which the wall clock will show `deadline`; now if it has passed.
pub fn instant_of(deadline: Timestamp) -> Instant {
    // No deadline the broker admits is further away; what is added can thus not overflow.
    Instant::now() + until(deadline).min(DEADLINE_MAX)
}

/// Time from now to `at`; zero if it has passed.
pub fn until(at: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(at.since_us(now())).unwrap_or(0))
}

/// Random bytes. `None` if the operating system gives none.
pub fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

/// A random salt. `None` if the operating system gives no random numbers.
pub fn salt() -> Option<Salt> {
    random().map(Salt)
}

/// `delay` shortened at random by up to a half, so that many clients do not come back at the same instant.
pub fn jittered(delay: Duration) -> Duration {
    let mut byte = [0; 1];
    // Without randomness the delay is merely not spread.
    let _ = getrandom::fill(&mut byte);
    delay.mul_f64(1.0 - f64::from(byte[0]) / 512.0)
}

/// A pause that doubles from `first` to `most`.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, next: first }
    }
    /// The pause to make now, with jitter; the one after is longer.
    pub fn step(&mut self) -> Duration {
        let delay = jittered(self.next);
        self.next = self.next.saturating_mul(2).min(self.most);
        delay
    }
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}
