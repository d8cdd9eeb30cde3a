//! Each rule of prices and budgets, one test each.
#![allow(clippy::unwrap_used)]

mod support;

use if_core::{Account, Metered, Pricing};
use if_schemas::{
    Currency, FinanceOp, Money, ResultEvent, Role, Status, Timestamp, TrustOp,
    finance::{Budget, BudgetKey, ExchangeRate, Mode, Period, PriceOverride, Scope},
    head::Verdict,
    price::{Meter, MeterLine, PriceTable, Quantity, Rate, Sku, SkuName, Unit},
};
use serde_json::json;
use std::sync::Arc;
use support::{World, code, key, member, metered, name};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

fn usd(amount_micros: i64) -> Money {
    Money { amount_micros, currency: Currency::USD }
}
fn eur(amount_micros: i64) -> Money {
    Money { amount_micros, currency: "EUR".parse().unwrap() }
}
fn day(scope: Scope) -> BudgetKey {
    BudgetKey { scope, period: Period::Day }
}
fn set(world: &mut World, scope: Scope, limit: Money, mode: Mode) {
    let budget = Budget { key: day(scope), limit, mode, zone: "UTC".into() };
    assert_eq!(code(&world.finance(FinanceOp::SetBudget(budget), &key(1)).0), "accepted");
}
fn sums(world: &World, scope: Scope) -> [i64; 3] {
    let account: &Account = world.state.budgets().get(&day(scope)).unwrap();
    [account.available(), account.reserved(), account.posted()].map(|m| m.amount_micros)
}
fn rate(from: &str, to: &str, rate_micros: i64) -> FinanceOp {
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    FinanceOp::SetRate(ExchangeRate { from, to, rate_micros, as_of: "2026-11-22".into(), source: "test".into() })
}
/// Sends a command that may cost `most`.
fn send(world: &mut World, most: Money) -> (if_schemas::Command, Verdict, Option<if_schemas::Head>) {
    let c = world.command("obs.scene.switch");
    let (verdict, head) = world.send_priced(&c, &key(2), most);
    (c, verdict, head)
}

#[test]
fn a_hard_budget_is_never_exceeded_and_gives_back_what_was_not_spent() {
    let mut w = World::new();
    set(&mut w, Scope::Global, usd(100), Mode::Hard);
    let (c, verdict, head) = send(&mut w, usd(60));
    assert_eq!(verdict, Verdict::Accepted);
    assert_eq!(sums(&w, Scope::Global), [40, 60, 0]);
    let (_, verdict, _) = send(&mut w, usd(41));
    assert_eq!(code(&verdict), "budget_exceeded");
    let Verdict::Rejected(reject) = verdict else { panic!() };
    let resets = Timestamp(support::START.0 - support::START.0 % DAY + DAY);
    for part in ["global per day", "$0.00004 left", "$0.0001", "$0.000041", &resets.to_string()] {
        assert!(reject.message.contains(part), "{part} in {}", reject.message);
    }
    assert_eq!(sums(&w, Scope::Global), [40, 60, 0], "a refusal moves nothing");
    w.result(c.id, head.unwrap().hash, Status::Succeeded, usd(10), &key(4));
    assert_eq!(sums(&w, Scope::Global), [90, 0, 10]);
    assert_eq!(code(&send(&mut w, usd(90)).1), "accepted");
    assert_eq!(code(&send(&mut w, usd(1)).1), "budget_exceeded");
    assert_eq!(code(&send(&mut w, usd(0)).1), "accepted", "what is free needs no budget");
}

#[test]
fn a_refusal_changes_nothing_but_the_count_of_refusals() {
    let mut w = World::new();
    set(&mut w, Scope::Global, usd(5), Mode::Hard);
    set(&mut w, Scope::Provider(name("obs")), eur(5), Mode::Hard);
    let before = (w.state.budgets().clone(), w.state.ledger().clone(), w.state.in_flight().clone());
    for pricing in [metered(usd(6)), metered(usd(1)), Pricing::Unpriced, Pricing::Unknown("no tariff yet".into())] {
        let c = w.command("obs.scene.switch");
        w.send_with(&c, &key(2), pricing);
    }
    assert_eq!(w.state.counts().rejected, 4);
    assert_eq!(before, (w.state.budgets().clone(), w.state.ledger().clone(), w.state.in_flight().clone()));
}

#[test]
fn a_soft_budget_lets_pass_and_alerts_once_per_threshold_and_window() {
    let mut w = World::new();
    set(&mut w, Scope::Global, usd(100), Mode::Soft);
    let percents = |w: &World| w.alerts.iter().map(|a| a.percent).collect::<Vec<_>>();
    send(&mut w, usd(49));
    assert!(percents(&w).is_empty());
    send(&mut w, usd(31));
    assert_eq!(percents(&w), [50, 80]);
    send(&mut w, usd(500));
    assert_eq!(percents(&w), [50, 80, 100]);
    assert_eq!(w.alerts[2].used, usd(580));
    assert_eq!(sums(&w, Scope::Global), [-480, 580, 0]);
    w.now = w.now.saturating_add_us(8 * SECOND);
    w.settle_overdue();
    send(&mut w, usd(1));
    assert_eq!(percents(&w), [50, 80, 100], "told already in this window");
    w.now = w.now.saturating_add_us(DAY);
    send(&mut w, usd(80));
    assert_eq!(percents(&w), [50, 80, 100, 50, 80]);
}

#[test]
fn every_scope_counts_what_falls_under_it() {
    let mut w = World::new();
    let scopes = [
        Scope::Global,
        Scope::Provider(name("obs")),
        Scope::Instance { provider: name("obs"), instance: name("main") },
        Scope::Operator(name("otto")),
        Scope::Family(name("obs")),
        Scope::Session(name("matchday")),
    ];
    let others = [
        Scope::Provider(name("vmix")),
        Scope::Instance { provider: name("obs"), instance: name("spare") },
        Scope::Operator(name("ada")),
        Scope::Family(name("vmix")),
        Scope::Session(name("other")),
    ];
    for scope in scopes.iter().chain(&others) {
        set(&mut w, scope.clone(), usd(100), Mode::Hard);
    }
    let mut c = w.command("obs.scene.switch");
    c.session = Some(name("matchday"));
    w.send_priced(&c, &key(2), usd(7));
    for scope in scopes {
        assert_eq!(sums(&w, scope.clone()), [93, 7, 0], "{scope}");
    }
    for scope in others {
        assert_eq!(sums(&w, scope.clone()), [100, 0, 0], "{scope}");
    }
}

#[test]
fn the_tightest_budget_decides_and_all_or_none_hold() {
    let mut w = World::new();
    set(&mut w, Scope::Global, usd(100), Mode::Hard);
    set(&mut w, Scope::Provider(name("obs")), usd(10), Mode::Hard);
    assert_eq!(code(&send(&mut w, usd(11)).1), "budget_exceeded");
    assert_eq!(sums(&w, Scope::Global), [100, 0, 0]);
}

#[test]
fn other_currencies_are_converted_once_and_rounded_up() {
    let mut w = World::new();
    set(&mut w, Scope::Global, usd(1_000), Mode::Hard);
    let (_, verdict, _) = send(&mut w, eur(100));
    assert_eq!(code(&verdict), "rate_unknown");
    let Verdict::Rejected(reject) = verdict else { panic!() };
    assert!(reject.hint.unwrap().contains("rates set EUR USD"));
    w.finance(rate("EUR", "USD", 1_080_000), &key(1));
    let (c, _, head) = send(&mut w, eur(101));
    assert_eq!(sums(&w, Scope::Global), [890, 110, 0], "109.08 is held as 110");
    // A rate that changes meanwhile changes nothing about this command.
    w.finance(rate("EUR", "USD", 9_000_000), &key(1));
    w.result(c.id, head.unwrap().hash, Status::Succeeded, eur(50), &key(4));
    assert_eq!(sums(&w, Scope::Global), [945, 0, 55], "50 of 101 of 110, rounded up");
    // The rate back serves where there is none forth.
    w.finance(FinanceOp::RemoveRate { from: eur(0).currency, to: Currency::USD }, &key(1));
    w.finance(rate("USD", "EUR", 500_000), &key(1));
    send(&mut w, eur(10));
    assert_eq!(sums(&w, Scope::Global), [925, 20, 55]);
}

#[test]
fn a_new_window_starts_at_nothing_posted_and_keeps_what_is_held() {
    let mut w = World::new();
    set(&mut w, Scope::Global, usd(100), Mode::Hard);
    let (c, _, head) = send(&mut w, usd(30));
    w.result(c.id, head.unwrap().hash, Status::Succeeded, usd(30), &key(4));
    // In flight at midnight.
    let midnight = Timestamp(w.now.0 - w.now.0 % DAY + DAY);
    w.now = midnight.saturating_add_us(-SECOND);
    let (held, _, head) = send(&mut w, usd(40));
    assert_eq!(sums(&w, Scope::Global), [30, 40, 30]);
    w.now = midnight;
    w.result(held.id, head.unwrap().hash, Status::Succeeded, usd(25), &key(4));
    assert_eq!(sums(&w, Scope::Global), [75, 0, 25], "it posts to the window in which it settles");
}

#[test]
fn a_removed_budget_drops_its_holds_and_a_new_one_starts_clean() {
    let mut w = World::new();
    set(&mut w, Scope::Global, usd(100), Mode::Hard);
    let (c, _, head) = send(&mut w, usd(40));
    assert_eq!(code(&w.finance(FinanceOp::RemoveBudget(day(Scope::Global)), &key(1)).0), "accepted");
    set(&mut w, Scope::Global, usd(100), Mode::Hard);
    assert_eq!(sums(&w, Scope::Global), [100, 0, 0]);
    w.result(c.id, head.unwrap().hash, Status::Succeeded, usd(40), &key(4));
    assert_eq!(sums(&w, Scope::Global), [100, 0, 0], "the hold was of another budget");
}

#[test]
fn a_changed_limit_keeps_what_was_spent() {
    let mut w = World::new();
    set(&mut w, Scope::Global, usd(100), Mode::Hard);
    send(&mut w, usd(60));
    set(&mut w, Scope::Global, usd(50), Mode::Hard);
    assert_eq!(sums(&w, Scope::Global), [-10, 60, 0]);
    assert_eq!(code(&send(&mut w, usd(1)).1), "budget_exceeded");
    set(&mut w, Scope::Global, usd(70), Mode::Hard);
    assert_eq!(sums(&w, Scope::Global), [10, 60, 0]);
    // Another currency is another budget.
    set(&mut w, Scope::Global, eur(70), Mode::Hard);
    assert_eq!(sums(&w, Scope::Global), [70, 0, 0]);
}

#[test]
fn without_a_result_the_worst_case_is_posted() {
    let mut w = World::new();
    set(&mut w, Scope::Global, usd(100), Mode::Hard);
    let (c, ..) = send(&mut w, usd(40));
    w.now = c.deadline.saturating_add_us(3 * SECOND);
    assert_eq!(w.settle_overdue(), 1);
    assert_eq!(sums(&w, Scope::Global), [60, 0, 40]);
}

#[test]
fn nobody_can_claim_another_price_than_the_quote_gives() {
    let mut w = World::new();
    let (c, _, head) = send(&mut w, usd(100));
    let entry = head.unwrap().hash;
    let usage = |n: u64| Some([(Unit::Call, n)].into());
    let true_result = |w: &World| ResultEvent {
        command: c.id,
        entry,
        status: Status::Succeeded,
        started_at: w.now,
        finished_at: w.now,
        attempt: 1,
        simulated: false,
        cost: usd(30),
        price_table: Some("test-1".into()),
        usage: usage(30),
        payload: support::arguments().hash(),
        route: None,
    };
    let wrong = [
        ResultEvent { cost: usd(29), ..true_result(&w) },
        ResultEvent { cost: usd(31), ..true_result(&w) },
        ResultEvent { usage: None, ..true_result(&w) },
        ResultEvent { price_table: None, ..true_result(&w) },
        ResultEvent { price_table: Some("test-2".into()), ..true_result(&w) },
    ];
    for result in wrong {
        assert_eq!(code(&w.result_with(result.clone(), &key(4)).0), "wrong_cost", "{result:?}");
    }
    assert_eq!(code(&w.result_with(true_result(&w), &key(4)).0), "accepted");
    // Unknown use is the worst case; more use than reserved costs no more than reserved.
    for (usage, cost) in [(None, 100), (usage(1_000), 100), (usage(0), 0)] {
        let (c, _, head) = send(&mut w, usd(100));
        let result =
            ResultEvent { command: c.id, entry: head.unwrap().hash, usage, cost: usd(cost), ..true_result(&w) };
        assert_eq!(code(&w.result_with(result, &key(4)).0), "accepted");
    }
    // And what is free stays free.
    let (c, _, head) = send(&mut w, usd(0));
    let entry = head.unwrap().hash;
    let priced = ResultEvent { command: c.id, entry, cost: usd(0), usage: usage(0), ..true_result(&w) };
    assert_eq!(code(&w.result_with(priced, &key(4)).0), "wrong_cost");
}

#[test]
fn a_price_set_in_the_log_goes_first_and_is_named_in_the_quote() {
    let mut w = World::new();
    let price = |sku: &str, amount_micros| {
        let rates = vec![Rate { unit: Unit::Call, amount_micros, per: 1 }];
        let prices = Sku { rates, limits: Default::default() };
        let (provider, currency) = (name("obs"), Currency::USD);
        FinanceOp::SetPrice(PriceOverride { provider, sku: sku.into(), prices, currency, source: "invoice".into() })
    };
    let (_, head) = w.finance(price("unit", 5), &key(1));
    let version = format!("log#{}", head.unwrap().index);
    let (c, ..) = send(&mut w, usd(10));
    let flight = &w.state.in_flight()[&c.id];
    assert_eq!((flight.reserved, flight.quote.as_ref().unwrap().table.clone()), (usd(50), version));
    // An operation whose price nobody states is refused until an operator does.
    let c = w.command("obs.scene.switch");
    let (verdict, _) = w.send_with(&c, &key(2), Pricing::Unpriced);
    assert_eq!(code(&verdict), "price_unknown");
    let Verdict::Rejected(reject) = verdict else { panic!() };
    assert!(reject.hint.unwrap().contains("optimise price set obs obs.scene.switch"));
    w.finance(price("obs.scene.switch", 8), &key(1));
    let c = w.command("obs.scene.switch");
    assert_eq!(code(&w.send_with(&c, &key(2), Pricing::Unpriced).0), "accepted");
    assert_eq!(w.state.in_flight()[&c.id].reserved, usd(8));
}

/// A share of ten dinars is no share of ten dollars, whichever way the price came to be known.
#[test]
fn an_amount_in_another_currency_than_its_price_is_refused() {
    let mut w = World::new();
    let fee = Sku {
        rates: vec![Rate { unit: Unit::Amount, amount_micros: 29_000, per: 1_000_000 }],
        limits: Default::default(),
    };
    let table =
        PriceTable { version: "s/1".into(), currency: Currency::USD, skus: [("card".into(), fee.clone())].into() };
    let most = Quantity::Money { amount: "amount".into(), currency: "currency".into() };
    let meter = Meter { sku: SkuName::Fixed("card".into()), lines: vec![MeterLine { unit: Unit::Amount, most }] };
    let charge = |w: &mut World, currency: &str| {
        let args = json!({"amount": "10", "currency": currency}).as_object().unwrap().clone();
        let table = Some(Arc::new(table.clone()));
        let c = w.command("obs.scene.switch");
        let verdict =
            w.send_with(&c, &key(2), Pricing::Metered(Box::new(Metered { meter: meter.clone(), table, args }))).0;
        (c, verdict)
    };
    let refused = |verdict: Verdict, said: &str| {
        let Verdict::Rejected(reject) = verdict else { panic!("{verdict:?}") };
        assert_eq!((reject.code.as_str(), reject.message.as_str()), ("price_unknown", said));
        reject.hint.unwrap()
    };
    let (_, verdict) = charge(&mut w, "kwd");
    let hint = refused(verdict, "KWD would be moved, but the price of \"card\" is in USD");
    assert!(hint.contains("a price in KWD with `ifctl optimise price set obs card"), "{hint}");
    assert_eq!(code(&charge(&mut w, "usd").1), "accepted");
    // A price in dinars, set by an operator: now it is the dollars that have none.
    let dinar: Currency = "KWD".parse().unwrap();
    let set = PriceOverride {
        provider: name("obs"),
        sku: "card".into(),
        prices: fee,
        currency: dinar,
        source: "contract".into(),
    };
    w.finance(FinanceOp::SetPrice(set), &key(1));
    let (c, verdict) = charge(&mut w, "KWD");
    assert_eq!((code(&verdict), w.state.in_flight()[&c.id].reserved.currency), ("accepted", dinar));
    refused(charge(&mut w, "usd").1, "USD would be moved, but the price of \"card\" is in KWD");
}

#[test]
fn a_dry_run_tells_what_it_would_take_and_leaves_no_trace() {
    let mut w = World::new();
    set(&mut w, Scope::Global, usd(100), Mode::Hard);
    let before = w.entries.len();
    let mut c = w.command("obs.scene.switch");
    c.dry_run = true;
    let (verdict, _) = w.send_priced(&c, &key(2), usd(30));
    let Verdict::WouldAccept { estimate: Some(estimate) } = verdict else { panic!("{verdict:?}") };
    assert_eq!((estimate.reserved, estimate.quote.table.as_str()), (usd(30), "test-1"));
    assert_eq!((estimate.budgets[0].available, estimate.budgets[0].needs), (usd(100), usd(30)));
    let mut c = w.command("obs.scene.switch");
    c.dry_run = true;
    assert_eq!(code(&w.send_priced(&c, &key(2), usd(101)).0), "budget_exceeded");
    assert_eq!(w.entries.len(), before);
}

#[test]
fn changes_need_a_right_and_must_make_sense() {
    let mut w = World::new();
    let budget = |micros| Budget { key: day(Scope::Global), limit: usd(micros), mode: Mode::Hard, zone: "UTC".into() };
    assert_eq!(code(&w.finance(FinanceOp::SetBudget(budget(1)), &key(2)).0), "not_allowed");
    assert_eq!(code(&w.finance(FinanceOp::SetBudget(budget(-1)), &key(1)).0), "bad_finance_change");
    assert_eq!(code(&w.finance(FinanceOp::RemoveBudget(day(Scope::Global)), &key(1)).0), "bad_finance_change");
    assert_eq!(w.state.counts().rejected, 3);
    let controller = member("cleo", &key(7), Role::Operator, &["optimise.budget.set@optimise/fabric"]);
    w.change(TrustOp::Add(controller), &key(1));
    assert_eq!(code(&w.finance(FinanceOp::SetBudget(budget(1)), &key(7)).0), "accepted");
    assert_eq!(code(&w.finance(FinanceOp::RemoveBudget(day(Scope::Global)), &key(7)).0), "not_allowed");
    assert_eq!(code(&w.finance(rate("EUR", "USD", 1), &key(7)).0), "not_allowed");
}

#[test]
fn sums_that_cannot_be_counted_are_refused() {
    let mut w = World::new();
    set(&mut w, Scope::Global, usd(1), Mode::Soft);
    assert_eq!(code(&send(&mut w, usd(i64::MAX)).1), "accepted");
    assert_ne!(code(&send(&mut w, usd(i64::MAX)).1), "accepted");
    w.now = w.now.saturating_add_us(8 * SECOND);
    assert_eq!(w.settle_overdue(), 1);
    assert_eq!(code(&send(&mut w, usd(1)).1), "price_unknown");
    w.now = w.now.saturating_add_us(DAY);
    w.roll();
    assert_eq!(sums(&w, Scope::Global), [1, 0, 0]);
}
