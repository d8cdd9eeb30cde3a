#![allow(clippy::unwrap_used)]

use super::*;
use if_schemas::{
    Currency, Money,
    finance::{Budget, BudgetKey, Mode, Scope},
};

const HOUR: i64 = 3_600_000_000;

fn stale(period: Period, zone: &str, not_before: Option<Timestamp>) -> Stale {
    let key = BudgetKey { scope: Scope::Global, period };
    let limit = Money { amount_micros: 1, currency: Currency::USD };
    Stale { budget: Budget { key, limit, mode: Mode::Hard, zone: zone.into() }, not_before }
}

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

#[track_caller]
fn check(period: Period, zone: &str, now: &str, start: &str, end: &str) {
    let window = containing(&stale(period, zone, None), at(now));
    assert_eq!(window, Window { start: at(start), end: at(end) });
    assert!(window.end.since_us(window.start) <= period.max_us());
}

#[test]
fn days_weeks_and_months_begin_in_their_zone() {
    use Period::{Day, Month, Week};
    check(Day, "UTC", "2026-11-22T18:30:00Z", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z");
    check(Day, "Europe/Berlin", "2026-11-22T23:30:00Z", "2026-11-22T23:00:00Z", "2026-11-23T23:00:00Z");
    check(Day, "Asia/Kolkata", "2026-11-22T18:30:00Z", "2026-11-22T18:30:00Z", "2026-11-23T18:30:00Z");
    // 2026-11-22 is a Sunday.
    check(Week, "UTC", "2026-11-22T18:30:00Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z");
    check(Week, "UTC", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
    check(Month, "UTC", "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
    check(Month, "America/New_York", "2028-02-29T12:00:00Z", "2028-02-01T05:00:00Z", "2028-03-01T05:00:00Z");
}

#[test]
fn days_of_a_clock_change_are_23_and_25_hours_long() {
    check(Period::Day, "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    check(Period::Day, "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    check(Period::Month, "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z");
    // Midnight does not exist there on that day: the day begins at one.
    check(Period::Day, "America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z");
}

#[test]
fn windows_follow_each_other_in_every_zone_of_the_database() {
    let start = at("2026-01-01T00:00:00Z");
    for name in jiff::tz::TimeZoneDatabase::bundled().available() {
        for period in [Period::Day, Period::Week, Period::Month] {
            let (mut now, mut last) = (start, None);
            for _ in 0..40 {
                let window = containing(&stale(period, name.as_str(), last), now);
                assert!(
                    window.contains(now) && last.is_none_or(|last| window.start >= last),
                    "{name} {period:?} {now}"
                );
                assert!(window.end.since_us(window.start) <= period.max_us(), "{name} {period:?} {now}");
                (now, last) = (window.end.saturating_add_us(HOUR / 2), Some(window.end));
            }
        }
    }
}

#[test]
fn a_changed_zone_begins_after_the_last_window() {
    let last = at("2026-11-22T23:00:00Z");
    let window = containing(&stale(Period::Day, "America/New_York", Some(last)), at("2026-11-22T23:30:00Z"));
    assert_eq!(window, Window { start: last, end: at("2026-11-23T05:00:00Z") });
}

#[test]
fn unknown_zones_are_none() {
    assert!(zone("Europe/Bertlin").is_none());
    assert!(zone("../etc/passwd").is_none());
    assert!(zone("Europe/Berlin").is_some());
}
