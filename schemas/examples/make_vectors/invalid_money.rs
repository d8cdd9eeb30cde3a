//! Export files of logs that break one rule of prices, budgets or their windows. Everything else in them is right.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use super::{
    fixtures::{
        Vector, alice, arguments, at, bob, budget, command, finance, name, node1, quote, result, seal, succeeded, usd,
    },
    invalid_log::log,
    log::{Log, begin, finance_entry, set_budget, settle, window},
};
use if_schemas::{
    Body, Command, FinanceOp, Money, ResultEvent, Status, Timestamp,
    finance::{Budget, Mode},
    price::{Quote, Unit, Usage},
};

pub fn vectors() -> Vec<Vector> {
    let mut out = quotes();
    out.extend(costs());
    out.extend(budgets());
    out.extend(windows());
    out
}

fn cut(seconds: i64) -> Command {
    command(0x21, seconds, "vmix.cut", "studio1", &arguments(0x21, 1))
}

fn admit(log: &mut Log, seconds: i64, reserved: Money, quote: Option<Quote>) -> if_schemas::Hash {
    let envelope = seal(&cut(seconds), &bob());
    log.push(at(seconds), Body::Admitted { envelope, worker: name("node1"), reserved, quote }, None)
}

fn quotes() -> Vec<Vector> {
    let admitted = |reserved, quote| {
        let (mut log, _) = begin();
        admit(&mut log, 20, reserved, quote);
        log.export()
    };
    let of = |micros| quote(usd(micros)).unwrap();
    let from_log = Quote { table: "log#1".into(), ..of(500_000) };
    vec![
        log("no-quote", "something was reserved without a quote", admitted(usd(500_000), None), "quote", 3),
        log("low-reservation", "less than the worst case", admitted(usd(490_000), Some(of(500_000))), "quote", 3),
        log(
            "other-currency",
            "the quote is in another currency",
            {
                let currency = "EUR".parse().unwrap();
                admitted(Money { amount_micros: 500_000, currency }, Some(of(500_000)))
            },
            "quote",
            3,
        ),
        log(
            "no-such-price",
            "the quote names a price of the log that is not set",
            admitted(usd(500_000), Some(from_log)),
            "quote",
            3,
        ),
    ]
}

fn costs() -> Vec<Vector> {
    let completed = |change: fn(&mut ResultEvent), posted: i64| {
        let (mut log, _) = begin();
        let entry = admit(&mut log, 20, usd(500_000), quote(usd(500_000)));
        let outcome = succeeded(0x22);
        let mut done = result(&cut(20), entry, Status::Succeeded, usd(100_000), &outcome);
        change(&mut done);
        let envelope = seal(&done, &node1());
        let settlement = settle(posted, 500_000 - posted);
        log.push(at(21), Body::Completed { envelope, settlement }, Some(outcome));
        log.export()
    };
    let more = completed(|r| r.usage = Some(Usage::from([(Unit::Call, 11)])), 100_000);
    let unknown = completed(|r| r.usage = None, 100_000);
    let table = completed(|r| r.price_table = Some("2026-10".into()), 100_000);
    vec![
        log("cost-not-usage", "the cost is not what the usage costs", more, "wrong_cost", 4),
        log(
            "cost-unknown-usage",
            "the usage is not known and less than everything is charged",
            unknown,
            "wrong_cost",
            4,
        ),
        log("cost-other-table", "the cost is by another price table than the quote", table, "wrong_cost", 4),
    ]
}

/// Entries 0 to 2, then a budget of that much as 3 and 4.
fn with_budget(amount_micros: i64) -> Log {
    let (mut log, _) = begin();
    set_budget(&mut log, amount_micros);
    log
}

fn budgets() -> Vec<Vector> {
    let over = {
        let mut log = with_budget(490_000);
        admit(&mut log, 91, usd(500_000), quote(usd(500_000)));
        log.export()
    };
    let twice = {
        let mut log = with_budget(900_000);
        admit(&mut log, 91, usd(500_000), quote(usd(500_000)));
        let other = command(0x22, 92, "vmix.cut", "studio1", &arguments(0x21, 1));
        let body = Body::Admitted {
            envelope: seal(&other, &bob()),
            worker: name("node1"),
            reserved: usd(500_000),
            quote: quote(usd(500_000)),
        };
        log.push(at(92), body, None);
        log.export()
    };
    let no_rate = {
        let (mut log, _) = begin();
        let limit = Money { amount_micros: 9_000_000, currency: "JPY".parse().unwrap() };
        let budget = Budget { limit, ..budget(0) };
        finance_entry(&mut log, 11, 90, FinanceOp::SetBudget(budget));
        log.push(at(90), window(0), None);
        admit(&mut log, 91, usd(500_000), quote(usd(500_000)));
        log.export()
    };
    let no_window = {
        let (mut log, _) = begin();
        finance_entry(&mut log, 11, 90, FinanceOp::SetBudget(budget(2_000_000)));
        admit(&mut log, 91, usd(500_000), quote(usd(500_000)));
        log.export()
    };
    let by_bob = {
        let (mut log, _) = begin();
        let op = FinanceOp::SetBudget(Budget { mode: Mode::Soft, ..budget(2_000_000) });
        log.push(at(90), Body::Finance { envelope: seal(&finance(11, 90, op), &bob()) }, None);
        log.export()
    };
    let no_budget = {
        let (mut log, _) = begin();
        finance_entry(&mut log, 11, 90, FinanceOp::RemoveBudget(budget(0).key));
        log.export()
    };
    let negative = {
        let (mut log, _) = begin();
        finance_entry(&mut log, 11, 90, FinanceOp::SetBudget(budget(-1)));
        log.export()
    };
    let repeated = {
        let mut log = with_budget(2_000_000);
        log.push(
            at(91),
            Body::Finance { envelope: seal(&finance(11, 90, FinanceOp::RemoveBudget(budget(0).key)), &alice()) },
            None,
        );
        log.export()
    };
    vec![
        log("over-budget", "a hard budget was exceeded by one call", over, "budget_exceeded", 5),
        log("over-budget-together", "two calls together exceed a hard budget", twice, "budget_exceeded", 6),
        log("no-exchange-rate", "a budget in a currency nothing leads to", no_rate, "rate_unknown", 5),
        log("no-window", "a command was held in a budget without a window", no_window, "window", 4),
        log("finance-not-allowed", "bob set a budget without a grant for it", by_bob, "not_allowed", 3),
        log("finance-no-budget", "a budget was removed that does not exist", no_budget, "bad_finance_change", 3),
        log("finance-negative", "a limit below zero", negative, "bad_finance_change", 3),
        log("finance-repeated", "two changes have the same id", repeated, "duplicate", 5),
    ]
}

fn windows() -> Vec<Vector> {
    let Body::Period { budget: key, start, end } = window(0) else { return Vec::new() };
    let period = |start, end| Body::Period { budget: key.clone(), start, end };
    let first = |body| {
        let (mut log, _) = begin();
        finance_entry(&mut log, 11, 90, FinanceOp::SetBudget(budget(2_000_000)));
        log.push(at(90), body, None);
        log.export()
    };
    let later = |by: i64| Timestamp(end.0 + by);
    let overlap = {
        let mut log = with_budget(2_000_000);
        log.push(at(91), window(0), None);
        log.export()
    };
    let unknown = {
        let (mut log, _) = begin();
        log.push(at(90), window(0), None);
        log.export()
    };
    vec![
        log("window-too-long", "a day of more than 25 hours", first(period(start, later(3_600_000_001))), "window", 4),
        log("window-elsewhere", "a window that does not contain its own time", first(window(1)), "window", 4),
        log("window-again", "a window that begins before the last one ended", overlap, "window", 5),
        log("window-of-nothing", "a window of a budget that does not exist", unknown, "window", 3),
    ]
}
