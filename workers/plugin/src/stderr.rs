//! What a plugin writes to its standard error goes to the worker's log: bounded in length and rate, without secrets.

use crate::{
    lines::{self, Line},
    protocol::short,
    redact::Redactor,
};
use if_schemas::Name;
use std::time::Duration;
use tokio::{
    io::{AsyncRead, BufReader},
    time::Instant,
};

/// Longest line kept, bytes.
const LINE_MAX_BYTES: usize = 4_096;
/// Most lines logged in one window.
const WINDOW_LINES: u32 = 50;
const WINDOW: Duration = Duration::from_secs(1);

/// Lets a bounded number through in each window.
pub struct Rate {
    began: Instant,
    passed: u32,
    dropped: u64,
}

impl Rate {
    pub fn new(now: Instant) -> Self {
        Self { began: now, passed: 0, dropped: 0 }
    }

    /// May this one pass? With how many were dropped in the window that just ended.
    pub fn pass(&mut self, now: Instant) -> (bool, u64) {
        let mut before = 0;
        if now.saturating_duration_since(self.began) >= WINDOW {
            before = std::mem::take(&mut self.dropped);
            (self.began, self.passed) = (now, 0);
        }
        self.passed += 1;
        let may = self.passed <= WINDOW_LINES;
        self.dropped += u64::from(!may);
        (may, before)
    }
}

/// Logs until the stream ends.
pub async fn log(stream: impl AsyncRead + Unpin, plugin: Name, instance: String, redactor: Redactor) {
    let mut reader = BufReader::new(stream);
    let mut rate = Rate::new(Instant::now());
    loop {
        let line = match lines::next(&mut reader, LINE_MAX_BYTES).await {
            Ok(Some(Line::Whole(line) | Line::Cut(line))) => line,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%plugin, instance, %error, "standard error of the plugin cannot be read");
                return;
            }
        };
        let (may, dropped) = rate.pass(Instant::now());
        if dropped > 0 {
            tracing::warn!(%plugin, instance, lines = dropped, "the plugin wrote more than is logged");
        }
        if may && !line.is_empty() {
            let mut text = String::from_utf8_lossy(&line).into_owned();
            redactor.text(&mut text);
            tracing::info!(%plugin, instance, "plugin: {}", short(&text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_counted() {
        let begin = Instant::now();
        let mut rate = Rate::new(begin);
        let passed = (0..1_000).filter(|_| rate.pass(begin).0).count();
        assert_eq!(passed, WINDOW_LINES as usize);
        assert_eq!(rate.pass(begin + WINDOW), (true, 1_000 - u64::from(WINDOW_LINES)));
        assert_eq!(rate.pass(begin + WINDOW), (true, 0));
    }
}
