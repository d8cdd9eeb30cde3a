//! `optimise forecast`: where every budget will stand at the end of its window, at the present rate.

use crate::{
    CliError, clock,
    context::Context,
    output::{table, value},
};
use clap::{ArgMatches, Command};
use if_schemas::{
    Money, Timestamp,
    query::{self, BudgetRow, BudgetsAnswer},
};
use serde_json::{Value, json};

pub fn tree() -> Command {
    Command::new("forecast").about("where each budget will stand at the end of its window, at the present rate")
}

pub fn run(context: &Context, _: &ArgMatches) -> Result<(), CliError> {
    let answer: BudgetsAnswer = context.with_client(async |c| c.query(query::BUDGETS).await)?;
    let now = clock::now();
    let rows: Vec<(&BudgetRow, Option<Forecast>)> = answer.budgets.iter().map(|r| (r, Forecast::of(r, now))).collect();
    if context.out.is_json() {
        let row = |(r, f): &(&BudgetRow, Option<Forecast>)| {
            json!({
                "budget": r.budget,
                "posted": r.posted,
                "reserved": r.reserved,
                "window": r.window,
                "forecast": f.as_ref().map(|f| f.at_end),
                "exhausted_at": f.as_ref().and_then(|f| f.exhausted_at),
            })
        };
        return context.out.document(&json!({"at": now, "budgets": rows.iter().map(row).collect::<Vec<Value>>()}));
    }
    if rows.is_empty() {
        return context.out.text(&format!("No budgets yet: `{} optimise budget set --daily 50`", context.program));
    }
    let cells = |(r, f): &(&BudgetRow, Option<Forecast>)| {
        let at_end = f.as_ref().map_or("-".into(), |f| f.at_end.to_string());
        let exhausted = f.as_ref().and_then(|f| f.exhausted_at).map_or("not in this window".into(), value::time);
        let ends = r.window.map_or("-".into(), |w| value::time(w.end));
        vec![r.budget.key.to_string(), r.posted.to_string(), r.budget.limit.to_string(), at_end, ends, exhausted]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let header = ["BUDGET", "SPENT", "LIMIT", "AT THE END", "ENDS (UTC)", "USED UP (UTC)"];
    context.out.text(&table::table(context.out.style(), &header, &rows, None))
}

/// Spending goes on as it did since the window began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Forecast {
    at_end: Money,
    /// When the limit is reached, if that is before the window ends.
    exhausted_at: Option<Timestamp>,
}

impl Forecast {
    fn of(row: &BudgetRow, now: Timestamp) -> Option<Self> {
        let window = row.window?;
        let passed = i128::from(now.since_us(window.start)).max(1);
        let whole = i128::from(window.end.since_us(window.start));
        let posted = i128::from(row.posted.amount_micros);
        if now >= window.end || now < window.start {
            return None; // A window that has ended says nothing of the next one.
        }
        let at_end = i64::try_from(posted * whole / passed).unwrap_or(i64::MAX);
        let limit = i128::from(row.budget.limit.amount_micros);
        let reached = (posted > 0).then(|| i64::try_from(limit * passed / posted).unwrap_or(i64::MAX));
        let exhausted_at = reached.map(|us| window.start.saturating_add_us(us)).filter(|at| *at < window.end);
        Some(Self { at_end: Money { amount_micros: at_end, ..row.posted }, exhausted_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use if_schemas::{
        Currency,
        finance::{Budget, BudgetKey, Mode, Period, Scope},
        query::WindowRow,
    };

    fn row(posted_micros: i64) -> BudgetRow {
        let money = |amount_micros| Money { amount_micros, currency: Currency::USD };
        let key = BudgetKey { scope: Scope::Global, period: Period::Day };
        BudgetRow {
            budget: Budget { key, limit: money(1_000), mode: Mode::Hard, zone: "UTC".into() },
            available: money(1_000 - posted_micros),
            reserved: money(0),
            posted: money(posted_micros),
            window: Some(WindowRow { start: Timestamp(1_000), end: Timestamp(2_000) }),
            alerted: 0,
            entry: 1,
        }
    }

    #[test]
    fn spending_goes_on_as_before() {
        let f = Forecast::of(&row(500), Timestamp(1_250)).unwrap();
        assert_eq!((f.at_end.amount_micros, f.exhausted_at), (2_000, Some(Timestamp(1_500))));
        let f = Forecast::of(&row(100), Timestamp(1_250)).unwrap();
        assert_eq!((f.at_end.amount_micros, f.exhausted_at), (400, None));
        let f = Forecast::of(&row(0), Timestamp(1_250)).unwrap();
        assert_eq!((f.at_end.amount_micros, f.exhausted_at), (0, None));
    }

    #[test]
    fn a_window_that_is_over_says_nothing() {
        assert_eq!(Forecast::of(&row(500), Timestamp(2_000)), None);
        assert_eq!(Forecast::of(&BudgetRow { window: None, ..row(500) }, Timestamp(1_500)), None);
    }
}
