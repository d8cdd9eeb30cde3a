//! The wall clock and random bytes: the only two things a command takes from nowhere.

use crate::CliError;
use if_schemas::{CommandId, Salt, Timestamp, TraceId};
use std::time::{SystemTime, UNIX_EPOCH};

pub fn now() -> Timestamp {
    // A clock before 1970 reads as 1970: the broker's skew check then says what is wrong.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// IANA name of this machine's time zone; UTC where it has none.
pub fn local_zone() -> String {
    jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_string()
}

/// The name of a time zone that exists.
pub fn zone(text: &str) -> Result<String, CliError> {
    let zone = jiff::tz::TimeZone::get(text);
    let zone = zone.map_err(|_| {
        CliError::usage(
            format!("--zone: there is no time zone {text:?}"),
            "use an IANA name like Europe/Berlin, or UTC",
        )
    })?;
    Ok(zone.iana_name().unwrap_or(text).to_string())
}

/// The date in this machine's time zone, `2026-11-22`.
pub fn today() -> String {
    jiff::Zoned::now().date().to_string()
}

pub fn random<const N: usize>() -> Result<[u8; N], CliError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| CliError::failed(format!("no random numbers from the operating system: {e}")))?;
    Ok(bytes)
}

/// A fresh UUIDv7 of the time `at`.
pub fn command_id(at: Timestamp) -> Result<CommandId, CliError> {
    Ok(CommandId::new(u64::try_from(at.0 / 1_000).unwrap_or(0), random()?))
}

pub fn trace_id() -> Result<TraceId, CliError> {
    Ok(TraceId::from_bytes(random()?))
}

pub fn salt() -> Result<Salt, CliError> {
    Ok(Salt(random()?))
}
