//! How fast and how many at once: shared by all operations of one instance.

use super::clock::Clock;
use if_manifest::plan::{Limits, RateLimit};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// A token bucket, kept as the time at which it is full again (GCRA): one number, no timer.
#[derive(Debug)]
struct Bucket {
    /// Time in which one token comes back.
    each: Duration,
    burst: u32,
    full_at: Mutex<Option<Instant>>,
}

impl Bucket {
    fn new(rate: &RateLimit) -> Self {
        Self { each: rate.per / rate.requests.max(1), burst: rate.burst.max(1), full_at: Mutex::new(None) }
    }

    /// Takes a token: when it may be used. None, and nothing taken, where that is not before `deadline`.
    fn take(&self, now: Instant, deadline: Instant) -> Option<Instant> {
        let mut full_at = self.full_at.lock().ok()?;
        let filled = full_at.unwrap_or(now).max(now);
        let at = (filled + self.each).checked_sub(self.each * self.burst).unwrap_or(now).max(now);
        if at >= deadline {
            return None;
        }
        *full_at = Some(filled + self.each);
        Some(at)
    }
}

/// The way out of an instance.
#[derive(Debug)]
pub struct Gate {
    bucket: Option<Bucket>,
    places: Arc<Semaphore>,
}

/// A place among the requests under way; free again when dropped.
#[derive(Debug)]
pub struct Place(#[allow(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// Why a request did not get out in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    #[error("other requests of this instance were under way until the deadline")]
    Places,
    #[error("the rate limit of this instance does not allow another request before the deadline")]
    Rate,
}

impl Gate {
    pub fn new(limits: &Limits) -> Self {
        let places = limits.concurrency.clamp(1, Semaphore::MAX_PERMITS);
        Self { bucket: limits.rate.as_ref().map(Bucket::new), places: Arc::new(Semaphore::new(places)) }
    }

    /// Waits for a place and a token, at most until `deadline`.
    pub async fn pass(&self, clock: &dyn Clock, deadline: Instant) -> Result<Place, Full> {
        let place = timeout_at(deadline, self.places.clone().acquire_owned()).await;
        // The semaphore is never closed.
        let place = place.map_err(|_| Full::Places)?.map_err(|_| Full::Places)?;
        if let Some(bucket) = &self.bucket {
            let now = clock.now();
            let at = bucket.take(now, deadline).ok_or(Full::Rate)?;
            if at > now {
                clock.sleep_until(at).await;
            }
        }
        Ok(Place(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_one_at_a_time() {
        let bucket = Bucket::new(&RateLimit { requests: 2, per: Duration::from_secs(1), burst: 3 });
        let now = Instant::now();
        let far = now + Duration::from_secs(60);
        let waits: Vec<_> = (0..5).filter_map(|_| bucket.take(now, far)).map(|at| (at - now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 500, 1_000]);
        assert_eq!(bucket.take(now, now + Duration::from_millis(1_500)), None);
        let later = now + Duration::from_secs(30);
        assert_eq!((0..3).filter(|_| bucket.take(later, far) == Some(later)).count(), 3);
        assert_eq!(bucket.take(later, far), Some(later + Duration::from_millis(500)));
    }
}
