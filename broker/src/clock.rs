//! The one place of the broker that reads the clock.

use if_schemas::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// Wall-clock time. A clock before 1970 reads as 1970; the log's own time never goes backwards anyway.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
