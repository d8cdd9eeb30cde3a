//! Time and chance, so that the cases of a provider need no waiting.

use async_trait::async_trait;
use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Instant;
    /// For dates a server names.
    fn wall(&self) -> SystemTime;
    async fn sleep_until(&self, at: Instant);
    /// A random number from 0 to 1.
    fn chance(&self) -> f64;
}

/// Real time.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
    async fn sleep_until(&self, at: Instant) {
        tokio::time::sleep_until(at).await;
    }
    fn chance(&self) -> f64 {
        fastrand::f64()
    }
}

/// Time that passes only where somebody sleeps, and then at once. Records every sleep.
#[derive(Debug)]
pub struct SkippingClock {
    start: Instant,
    wall: SystemTime,
    passed: Mutex<Vec<Duration>>,
}

impl SkippingClock {
    /// `wall` is the date at the start.
    pub fn new(wall: SystemTime) -> Self {
        Self { start: Instant::now(), wall, passed: Mutex::new(Vec::new()) }
    }
    /// Every pause so far.
    pub fn pauses(&self) -> Vec<Duration> {
        self.passed.lock().map(|p| p.clone()).unwrap_or_default()
    }
    fn elapsed(&self) -> Duration {
        self.pauses().iter().sum()
    }
}

#[async_trait]
impl Clock for SkippingClock {
    fn now(&self) -> Instant {
        self.start + self.elapsed()
    }
    fn wall(&self) -> SystemTime {
        self.wall + self.elapsed()
    }
    async fn sleep_until(&self, at: Instant) {
        let pause = at.saturating_duration_since(self.now());
        if let Ok(mut passed) = self.passed.lock() {
            passed.push(pause);
        }
    }
    /// Never shortens a pause.
    fn chance(&self) -> f64 {
        1.0
    }
}
