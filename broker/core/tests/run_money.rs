//! What runs cost: the cap of an order, and what budgets keep for a run from its start on.
#![allow(clippy::unwrap_used)]

mod support;

use if_core::Account;
use if_schemas::{
    Body, CommandId, Currency, Effect, Entry, FinanceOp, Hash, Money, Status,
    finance::{Budget, BudgetKey, ExchangeRate, Mode, Period, Scope},
    head::Verdict,
    limits::RUN_QUOTES_MAX,
    plan::Phase,
    run::{Note, OnConflict, Order, Outcome, Reserve},
};
use support::{
    code, key, name,
    runs::{MINUTE, SECOND, Show, Stage, asked, delegate, olga, plan, plan_of, step},
};

const DAY: i64 = 24 * 60 * MINUTE;

fn usd(amount_micros: i64) -> Money {
    Money { amount_micros, currency: Currency::USD }
}
fn eur(amount_micros: i64) -> Money {
    Money { amount_micros, currency: "EUR".parse().unwrap() }
}

fn budget(s: &mut Stage, scope: Scope, limit: Money) {
    let key_ = BudgetKey { scope, period: Period::Day };
    let budget = Budget { key: key_, limit, mode: Mode::Hard, zone: "UTC".into() };
    assert_eq!(code(&s.w.finance(FinanceOp::SetBudget(budget), &key(1)).0), "accepted");
}

fn sums(s: &Stage, scope: Scope) -> [i64; 3] {
    let account: &Account = s.w.state.budgets().get(&BudgetKey { scope, period: Period::Day }).unwrap();
    [account.available(), account.reserved(), account.posted()].map(|m| m.amount_micros)
}

fn in_ledger(s: &Stage) -> i64 {
    s.w.state.ledger().accounts().map(|(_, a)| a.reserved_micros).sum()
}

fn paid(s: &mut Stage, show: &Show, step: u32, price: Money) -> Result<(CommandId, Hash), &'static str> {
    s.try_paid(show, step, Phase::Do, price).map_err(|reject| reject.code.as_str())
}

#[test]
fn the_cap_is_hard_and_counts_the_worst_case_until_the_cost_is_known() {
    let mut s = Stage::new();
    let show = s.begin(&plan(&["a", "b", "c"]), |o| o.max_cost = Some(usd(100)));
    let sent = paid(&mut s, &show, 0, usd(60)).unwrap();
    assert_eq!(paid(&mut s, &show, 1, usd(41)), Err("cost_cap_exceeded"));
    s.settle(sent, Status::Succeeded, usd(10));
    assert_eq!(s.run(&show).posted(), Some(usd(10)));
    let sent = paid(&mut s, &show, 1, usd(90)).unwrap();
    assert_eq!(paid(&mut s, &show, 2, usd(1)), Err("cost_cap_exceeded"));
    assert_eq!(s.sends(&show, 2, Phase::Do), "accepted", "what is free is");
    s.wait(8 * SECOND);
    assert_eq!(s.run(&show).posted(), Some(usd(100)), "nobody knows whether {sent:?} was spent");
    // Undoing falls under it too.
    s.note(&show, Note::Undoing { why: String::new() });
    assert_eq!(s.try_paid(&show, 0, Phase::Undo, usd(1)).unwrap_err().code.as_str(), "cost_cap_exceeded");
    // Resuming does not begin to count anew.
    s.close(&show, Outcome::Failed);
    s.rollback(&show);
    assert_eq!(s.try_paid(&show, 0, Phase::Undo, usd(1)).unwrap_err().code.as_str(), "cost_cap_exceeded");
}

#[test]
fn a_cap_in_another_currency_is_as_hard_and_needs_a_rate() {
    let mut s = Stage::new();
    let show = s.begin(&plan(&["a", "b", "c"]), |o| o.max_cost = Some(eur(100)));
    assert_eq!(paid(&mut s, &show, 0, usd(10)), Err("rate_unknown"));
    let rate = |rate_micros| {
        let (from, to) = ("EUR".parse().unwrap(), Currency::USD);
        FinanceOp::SetRate(ExchangeRate { from, to, rate_micros, as_of: "2026-11-22".into(), source: "test".into() })
    };
    s.w.finance(rate(2_000_000), &key(1));
    let sent = paid(&mut s, &show, 0, usd(150)).unwrap();
    assert_eq!(paid(&mut s, &show, 1, usd(51)), Err("cost_cap_exceeded"));
    // What is counted is what it was when it was admitted.
    s.w.finance(rate(1_000_000), &key(1));
    s.settle(sent, Status::Succeeded, usd(75));
    assert_eq!(s.run(&show).posted(), Some(eur(38)), "half of 75, rounded up");
    assert_eq!(paid(&mut s, &show, 1, usd(63)), Err("cost_cap_exceeded"));
    assert!(paid(&mut s, &show, 1, usd(62)).is_ok());
}

#[test]
fn a_run_without_a_cap_is_bound_by_budgets_of_its_operator() {
    let mut s = Stage::new();
    budget(&mut s, Scope::Operator(name("olga")), usd(100));
    budget(&mut s, Scope::Operator(name("conductor")), usd(0));
    let show = s.begin(&plan(&["a", "b"]), |_| {});
    assert_eq!(s.run(&show).posted(), None);
    assert!(paid(&mut s, &show, 0, usd(60)).is_ok());
    assert_eq!(paid(&mut s, &show, 1, usd(41)), Err("budget_exceeded"));
    assert_eq!(sums(&s, Scope::Operator(name("conductor"))), [0, 0, 0]);
}

/// A run of three steps that keeps what each may cost, in a global and a session budget.
fn kept(price: Money) -> (Stage, Show) {
    let mut s = Stage::new();
    budget(&mut s, Scope::Global, usd(100));
    budget(&mut s, Scope::Session(name("matchday")), usd(500));
    let (show, verdict) = s.begin_as(&plan(&["a", "b", "c"]), &olga(), price, reserved);
    assert_eq!(code(&verdict), "accepted");
    (s, show)
}

fn reserved(order: &mut Order) {
    (order.reserve, order.session) = (Reserve::Run, Some(name("matchday")));
}

#[test]
fn what_a_run_keeps_is_held_in_every_budget_until_its_steps_take_it_over() {
    let (mut s, show) = kept(usd(30));
    for scope in [Scope::Global, Scope::Session(name("matchday"))] {
        assert_eq!(sums(&s, scope)[1], 90);
    }
    assert_eq!(in_ledger(&s), 90);
    // Others get what is left, the run gets what is its own.
    let c = s.w.command("obs.scene.switch");
    assert_eq!(code(&s.w.send_priced(&c, &key(2), usd(11)).0), "budget_exceeded");
    let c = s.w.command("obs.scene.switch");
    assert_eq!(code(&s.w.send_priced(&c, &key(2), usd(10)).0), "accepted");
    let sent = paid(&mut s, &show, 0, usd(30)).unwrap();
    assert_eq!((sums(&s, Scope::Global), in_ledger(&s)), ([0, 100, 0], 100), "nothing was held twice");
    s.settle(sent, Status::Succeeded, usd(5));
    assert_eq!((sums(&s, Scope::Global), in_ledger(&s)), ([25, 70, 5], 70));
    // A repeat of the step is paid like anything else.
    assert_eq!(paid(&mut s, &show, 0, usd(26)), Err("budget_exceeded"));
    assert!(paid(&mut s, &show, 0, usd(25)).is_ok());
    // A step that costs less than was kept gives back the rest at once.
    assert!(paid(&mut s, &show, 1, usd(10)).is_ok());
    assert_eq!(sums(&s, Scope::Global), [20, 75, 5]);
    // One that came to cost more needs room for more.
    assert_eq!(paid(&mut s, &show, 2, usd(51)), Err("budget_exceeded"));
    assert!(paid(&mut s, &show, 2, usd(50)).is_ok());
    assert_eq!(sums(&s, Scope::Global), [0, 95, 5]);
}

#[test]
fn a_step_that_turns_out_free_gives_back_what_was_kept() {
    let (mut s, show) = kept(usd(30));
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
    assert_eq!((sums(&s, Scope::Global), in_ledger(&s)), ([40, 60, 0], 60));
}

#[test]
fn undoing_takes_nothing_of_what_was_kept_for_doing() {
    let (mut s, show) = kept(usd(30));
    s.does(&show, 0, Phase::Do, Status::Succeeded);
    s.note(&show, Note::Undoing { why: String::new() });
    assert!(s.try_paid(&show, 1, Phase::Undo, usd(10)).is_ok());
    assert_eq!(sums(&s, Scope::Global), [30, 70, 0]);
}

#[test]
fn what_was_kept_is_free_again_however_the_run_ends() {
    let (mut s, show) = kept(usd(30));
    s.close(&show, Outcome::Failed);
    assert_eq!((sums(&s, Scope::Global), in_ledger(&s)), ([100, 0, 0], 0));
    // Going on reserves step by step.
    s.resume(&show);
    assert!(paid(&mut s, &show, 0, usd(30)).is_ok());
    assert_eq!(sums(&s, Scope::Global), [70, 30, 0]);

    let (mut s, show) = kept(usd(30));
    let sent = paid(&mut s, &show, 0, usd(30)).unwrap();
    s.wait(61 * MINUTE);
    assert_eq!(s.outcome(&show), Some(Outcome::Expired));
    assert_eq!(sums(&s, Scope::Global), [70, 0, 30], "{sent:?} may have been spent");
    assert_eq!(in_ledger(&s), 0);

    let (mut s, show) = kept(usd(30));
    s.begin(&plan(&["b"]), |o| o.on_conflict = OnConflict::Preempt);
    assert_eq!(s.outcome(&show), Some(Outcome::Preempted));
    assert_eq!((sums(&s, Scope::Global), in_ledger(&s)), ([100, 0, 0], 0));

    let mut s = Stage::new();
    budget(&mut s, Scope::Global, usd(100));
    s.begin(&plan(&["a"]), |_| {});
    let (show, verdict) = s.begin_as(&plan(&["a"]), &olga(), usd(30), reserved);
    assert!(code(&verdict) == "accepted" && s.is_waiting(&show));
    assert_eq!(sums(&s, Scope::Global), [70, 30, 0], "kept while it waits");
    s.cancel(&show, false);
    assert_eq!((sums(&s, Scope::Global), in_ledger(&s)), ([100, 0, 0], 0));
}

#[test]
fn a_run_that_cannot_be_paid_to_its_end_does_not_begin() {
    let mut s = Stage::new();
    budget(&mut s, Scope::Global, usd(100));
    let three = plan(&["a", "b", "c"]);
    let refused = |s: &mut Stage, price, cap| {
        let before = (s.w.state.budgets().clone(), s.w.state.ledger().clone());
        let order = |o: &mut Order| (o.reserve, o.max_cost) = (Reserve::Run, cap);
        let (_, verdict) = s.begin_as(&three, &olga(), price, order);
        assert_eq!(before, (s.w.state.budgets().clone(), s.w.state.ledger().clone()), "a refusal moved money");
        code(&verdict)
    };
    assert_eq!(refused(&mut s, usd(34), None), "budget_exceeded");
    assert_eq!(refused(&mut s, usd(33), Some(usd(98))), "cost_cap_exceeded");
    assert_eq!(refused(&mut s, eur(10), None), "rate_unknown");
    let (_, verdict) =
        s.begin_as(&three, &olga(), usd(33), |o| (o.reserve, o.max_cost) = (Reserve::Run, Some(usd(99))));
    assert_eq!(code(&verdict), "accepted");
}

#[test]
fn a_price_nobody_knows_refuses_an_order_that_keeps_its_cost() {
    let mut s = Stage::new();
    let p = plan(&["a"]);
    let mut order = s.order(&p);
    order.reserve = Reserve::Run;
    let payload = if_schemas::Payload::new(&p, if_schemas::Salt([7; 16])).unwrap();
    let mut asked = asked(&p, usd(1));
    asked[0].pricing = if_core::Pricing::Unknown("it depends on earlier steps".into());
    let trace = if_schemas::TraceId::from_bytes([8; 16]);
    let (_, verdict) = s.change(if_schemas::RunOp::Start(order), trace, Some(payload), &olga(), asked).unwrap();
    assert_eq!(code(&verdict), "price_unknown");
}

#[test]
fn what_is_kept_must_fit_into_an_entry() {
    let mut s = Stage::new();
    let many = |n: usize| {
        let steps = (0u32..).take(n).map(|number| step(number, "main", Effect::Idempotent)).collect();
        plan_of(steps)
    };
    let order = |o: &mut Order| o.reserve = Reserve::Run;
    let (_, verdict) = s.begin_as(&many(RUN_QUOTES_MAX + 1), &olga(), usd(1), order);
    let Verdict::Rejected(reject) = verdict else { panic!("{verdict:?}") };
    assert_eq!(reject.code.as_str(), "too_large");
    assert!(reject.hint.unwrap().contains("--reserve step"));
    let (show, verdict) = s.begin_as(&many(RUN_QUOTES_MAX), &olga(), usd(1), order);
    assert_eq!(code(&verdict), "accepted");
    // Steps that cost nothing take no room.
    s.close(&show, Outcome::Failed);
    let (_, verdict) = s.begin_as(&many(RUN_QUOTES_MAX + 1), &olga(), usd(0), order);
    assert_eq!(code(&verdict), "accepted");
    // Quotes with the longest names there are: 128 of them would not fit.
    let long = "a".repeat(63);
    let wide: Vec<_> = (0u32..128).map(|number| step(number, &long, Effect::Idempotent)).collect();
    let (mut asked, p) = (asked(&plan_of(wide.clone()), usd(1)), plan_of(wide));
    for one in &mut asked {
        let if_core::Pricing::Metered(metered) = &mut one.pricing else { panic!() };
        let mut table = (*metered.table.clone().unwrap()).clone();
        table.version = "v".repeat(128);
        metered.table = Some(std::sync::Arc::new(table));
    }
    let mut order = s.order(&p);
    order.reserve = Reserve::Run;
    let payload = if_schemas::Payload::new(&p, if_schemas::Salt([7; 16])).unwrap();
    let trace = if_schemas::TraceId::from_bytes([8; 16]);
    let (_, verdict) = s.change(if_schemas::RunOp::Start(order), trace, Some(payload), &olga(), asked).unwrap();
    assert_eq!(code(&verdict), "too_large");
}

#[test]
fn what_is_kept_stays_kept_over_midnight_and_is_spent_in_the_new_window() {
    let (mut s, show) = {
        let mut s = Stage::new();
        budget(&mut s, Scope::Global, usd(100));
        let p = plan(&["a", "b"]);
        let (show, verdict) = s.begin_as(&p, &olga(), usd(40), |o| {
            reserved(o);
            o.until = o.until.saturating_add_us(3 * DAY);
        });
        assert_eq!(code(&verdict), "accepted");
        (s, show)
    };
    s.wait(DAY);
    s.w.roll();
    assert_eq!(sums(&s, Scope::Global), [20, 80, 0]);
    let sent = paid(&mut s, &show, 0, usd(40)).unwrap();
    s.settle(sent, Status::Succeeded, usd(40));
    assert_eq!(sums(&s, Scope::Global), [20, 40, 40]);
    s.wait(DAY);
    s.w.roll();
    s.close(&show, Outcome::Failed);
    assert_eq!(sums(&s, Scope::Global), [100, 0, 0]);
}

#[test]
fn a_budget_that_was_made_anew_gets_nothing_back_of_what_was_kept_in_the_old_one() {
    let (mut s, show) = kept(usd(30));
    s.w.finance(FinanceOp::RemoveBudget(BudgetKey { scope: Scope::Global, period: Period::Day }), &key(1));
    budget(&mut s, Scope::Global, usd(50));
    assert_eq!(sums(&s, Scope::Global), [50, 0, 0]);
    assert!(paid(&mut s, &show, 0, usd(30)).is_ok());
    s.close(&show, Outcome::Failed);
    s.wait(8 * SECOND);
    s.close(&show, Outcome::Failed);
    assert_eq!(sums(&s, Scope::Global), [20, 0, 30]);
    assert_eq!(in_ledger(&s), 0);
}

#[test]
fn an_auditor_refuses_an_order_that_keeps_what_it_does_not_ask_for() {
    let (s, show) = kept(usd(30));
    let own = s.w.entries.iter().map(|e| Entry::decode(e).unwrap().body);
    let quotes = own.filter_map(|b| if let Body::Run { quotes, .. } = b { Some(quotes) } else { None }).next().unwrap();
    assert_eq!(quotes.len(), 3);
    let fresh = |reserve, quotes: Vec<_>| {
        let mut s = Stage::new();
        let order = Order { reserve, writes: vec![], ..show.order.clone() };
        let change = if_schemas::RunChange {
            id: s.w.next_id(),
            trace: show.trace,
            issued_at: s.w.now,
            deadline: s.w.now,
            op: if_schemas::RunOp::Start(order),
            payload: Some(Hash([1; 32])),
        };
        let envelope = if_schemas::Envelope::seal(&change, &olga()).unwrap();
        let entry = s.w.state.draft(s.w.now, Body::Run { envelope, quotes });
        s.w.state.apply(&entry, Entry::hash_bytes(&entry.encode().unwrap())).is_ok()
    };
    assert!(fresh(Reserve::Run, quotes.clone()) && fresh(Reserve::Run, vec![]));
    assert!(!fresh(Reserve::Step, quotes.clone()));
    assert!(!fresh(Reserve::Run, vec![quotes[1].clone(), quotes[0].clone()]));
    assert!(!fresh(Reserve::Run, vec![quotes[0].clone(), quotes[0].clone()]));
    let beyond = if_schemas::run::StepQuote { step: 3, ..quotes[0].clone() };
    assert!(!fresh(Reserve::Run, vec![beyond]));
    let mut unsigned = s;
    let note = if_schemas::RunChange {
        id: unsigned.w.next_id(),
        trace: show.trace,
        issued_at: unsigned.w.now,
        deadline: unsigned.w.now,
        op: if_schemas::RunOp::Note { run: show.id, after: u64::MAX, note: Note::Recorded { step: 0 } },
        payload: None,
    };
    let envelope = if_schemas::Envelope::seal(&note, &delegate()).unwrap();
    let entry = unsigned.w.state.draft(unsigned.w.now, Body::Run { envelope, quotes });
    assert!(unsigned.w.state.apply(&entry, Entry::hash_bytes(&entry.encode().unwrap())).is_err());
}
