//! When to try again.

use if_manifest::{plan::Retry, raw::Backoff};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::time::{Duration, SystemTime};

/// Shortest pause before another try: a provider that wants less is not asked faster.
pub const PAUSE_MIN: Duration = Duration::from_millis(10);

/// The pause after try number `tries` (from 1): the full range is random, so that many clients do not come back together.
pub fn pause(retry: &Retry, tries: u32, chance: f64) -> Duration {
    let longest = match retry.backoff {
        Backoff::Constant => retry.base,
        Backoff::Exponential => retry.base.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))),
    };
    longest.min(retry.max).mul_f64(chance.clamp(0.0, 1.0)).max(PAUSE_MIN)
}

/// `Retry-After` in seconds or as an HTTP date. None where it is not there or is neither.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit is a time no deadline reaches.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(backoff: Backoff) -> Retry {
        Retry { attempts: 5, attempts_not_done: 5, backoff, base: Duration::from_millis(100), max: Duration::from_millis(500) }
    }

    #[test]
    fn pauses_grow_to_their_limit_and_are_spread() {
        let pauses =
            |backoff, chance| (1..6).map(|n| pause(&retry(backoff), n, chance).as_millis()).collect::<Vec<_>>();
        assert_eq!(pauses(Backoff::Exponential, 1.0), [100, 200, 400, 500, 500]);
        assert_eq!(pauses(Backoff::Exponential, 0.5), [50, 100, 200, 250, 250]);
        assert_eq!(pauses(Backoff::Constant, 1.0), [100; 5]);
        assert_eq!(pauses(Backoff::Constant, 0.0), [10; 5]);
        assert_eq!(pause(&retry(Backoff::Exponential), u32::MAX, 1.0).as_millis(), 500);
    }

    #[test]
    fn both_forms_of_retry_after() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let after = |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]), now);
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(after("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("99999999999999999999999"), Some(Duration::from_secs(u64::from(u32::MAX))));
        assert_eq!((after("soon"), after("-1"), after("1.5")), (None, None, None));
    }
}
