//! Where days, weeks and months begin in a time zone, by the database built into this program: core only checks that a
//! window is plausible, and the log records it, so a replay needs no database.

use if_core::{Stale, Window};
use if_schemas::{Timestamp, finance::Period};
use jiff::{ToSpan, civil::Date, tz::TimeZone};

/// The zone of that IANA name, if there is one.
pub fn zone(name: &str) -> Option<TimeZone> {
    jiff::tz::TimeZoneDatabase::bundled().get(name).ok()
}

/// The window of a budget that `now` falls into.
pub fn containing(stale: &Stale, now: Timestamp) -> Window {
    let budget = &stale.budget;
    let period = budget.key.period;
    let zone = zone(&budget.zone).unwrap_or_else(|| {
        // Checked when the budget was set; another build may have another database.
        tracing::error!(zone = budget.zone, "this program does not know the time zone of a budget: it counts in UTC");
        TimeZone::UTC
    });
    let window = in_zone(period, &zone, now).unwrap_or_else(|error| {
        tracing::error!(%error, budget = %budget.key, "no calendar can be kept for this time: the window is a plain one");
        Window { start: now, end: now.saturating_add_us(period.max_us()) }
    });
    // A zone may have changed since the last window, or set its clocks by more than an hour: the windows follow each
    // other all the same, and none is longer than it may be.
    let start = stale.not_before.map_or(window.start, |last| window.start.max(last));
    Window { start, end: window.end.min(start.saturating_add_us(period.max_us())) }
}

fn in_zone(period: Period, zone: &TimeZone, now: Timestamp) -> Result<Window, jiff::Error> {
    let today = jiff::Timestamp::from_microsecond(now.0)?.to_zoned(zone.clone()).date();
    let (first, next) = dates(period, today)?;
    let at = |date: Date| date.to_zoned(zone.clone()).map(|z| Timestamp(z.timestamp().as_microsecond()));
    Ok(Window { start: at(first)?, end: at(next)? })
}

/// First day of the period, and first day of the next.
fn dates(period: Period, today: Date) -> Result<(Date, Date), jiff::Error> {
    Ok(match period {
        Period::Day => (today, today.tomorrow()?),
        Period::Week => {
            let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days())?;
            (monday, monday.checked_add(7.days())?)
        }
        Period::Month => (today.first_of_month(), today.last_of_month().tomorrow()?),
    })
}

/// The calendar day of a time in a zone: `2026-11-22`.
pub fn day(at: Timestamp, zone: &TimeZone) -> String {
    let day = jiff::Timestamp::from_microsecond(at.0).map(|t| t.to_zoned(zone.clone()).date().to_string());
    // Times of the log are those of a clock; one outside of the calendar is not counted to a day.
    day.unwrap_or_else(|_| "unknown".into())
}

#[cfg(test)]
mod tests;
