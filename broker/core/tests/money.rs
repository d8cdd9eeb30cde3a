//! Whatever happens, in whatever order: budgets add up after every entry, hard ones are never overspent, every command
//! has exactly one settlement, and a replay gives the same bytes.
#![allow(clippy::unwrap_used)]

mod support;

use if_core::Auditor;
use if_schemas::{
    Body, Command, Currency, Entry, FinanceOp, Hash, Money, Status,
    finance::{Budget, BudgetKey, ExchangeRate, Mode, Period, Scope},
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::{World, key, name};

#[derive(Debug, Clone)]
enum Step {
    Send { most: u16, euro: bool, session: bool, admin: bool },
    Result { pick: prop::sample::Index, status: u8, percent: u8 },
    Unknown { pick: prop::sample::Index },
    Wait { ms: u32 },
    Night,
    Set { scope: u8, period: u8, limit: u16, euro: bool, hard: bool },
    Remove { scope: u8, period: u8 },
    Rate { rate: u32 },
    NoRate,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = || any::<prop::sample::Index>();
    let step = prop_oneof![
        6 => (0u16..400, any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(most, euro, session, admin)| Step::Send { most, euro, session, admin }),
        4 => (index(), 0u8..4, 0u8..=100).prop_map(|(pick, status, percent)| Step::Result { pick, status, percent }),
        1 => index().prop_map(|pick| Step::Unknown { pick }),
        2 => (0u32..9000).prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Night),
        3 => (0u8..6, 0u8..3, 0u16..1500, any::<bool>(), any::<bool>())
            .prop_map(|(scope, period, limit, euro, hard)| Step::Set { scope, period, limit, euro, hard }),
        1 => (0u8..6, 0u8..3).prop_map(|(scope, period)| Step::Remove { scope, period }),
        1 => (1u32..5_000_000).prop_map(|rate| Step::Rate { rate }),
        1 => Just(Step::NoRate),
    ];
    prop::collection::vec(step, 1..80)
}

fn budget_key(scope: u8, period: u8) -> BudgetKey {
    let scope = match scope {
        0 => Scope::Global,
        1 => Scope::Provider(name("obs")),
        2 => Scope::Instance { provider: name("obs"), instance: name("main") },
        3 => Scope::Operator(name("otto")),
        4 => Scope::Family(name("obs")),
        _ => Scope::Session(name("matchday")),
    };
    BudgetKey { scope, period: [Period::Day, Period::Week, Period::Month][usize::from(period)] }
}

fn money(amount_micros: i64, euro: bool) -> Money {
    let currency = if euro { "EUR".parse().unwrap() } else { Currency::USD };
    Money { amount_micros, currency }
}

/// Hard budgets whose hold was granted stay at or above zero unless their limit was lowered; `floor` is how low it is.
type Floors = BTreeMap<BudgetKey, i64>;

fn check(w: &World, floors: &mut Floors) {
    let mut reserved: BTreeMap<Currency, i64> = BTreeMap::new();
    let mut held: BTreeMap<(BudgetKey, u64), i64> = BTreeMap::new();
    for flight in w.state.in_flight().values() {
        *reserved.entry(flight.reserved.currency).or_default() += flight.reserved.amount_micros;
        for hold in &flight.holds {
            *held.entry((hold.budget.clone(), hold.generation)).or_default() += hold.amount_micros;
        }
    }
    for (currency, account) in w.state.ledger().accounts() {
        assert_eq!(account.reserved_micros, reserved.get(&currency).copied().unwrap_or(0));
    }
    for account in w.state.budgets().accounts() {
        let budget = account.budget();
        let sums = [account.available(), account.reserved(), account.posted()].map(|m| m.amount_micros);
        assert_eq!(sums.iter().sum::<i64>(), budget.limit.amount_micros, "{}", budget.key);
        let of_flights = held.get(&(budget.key.clone(), account.generation())).copied().unwrap_or(0);
        assert_eq!(sums[1], of_flights, "held is what is in flight: {}", budget.key);
        let floor = floors.entry(budget.key.clone()).or_insert(0);
        if budget.mode == Mode::Hard {
            assert!(sums[0] >= *floor, "{} has {} left, was at {floor}", budget.key, sums[0]);
        }
        // From here on it may only rise, until it is above zero.
        *floor = sums[0].min(0);
    }
}

fn send(w: &mut World, sent: &mut Vec<(Command, Hash)>, most: Money, session: bool, admin: bool) {
    let mut c = w.command("obs.scene.switch");
    c.session = session.then(|| name("matchday"));
    let before = (w.state.budgets().clone(), w.state.ledger().clone());
    w.roll();
    let rolled = w.state.budgets().clone();
    match w.send_priced(&c, &key(if admin { 1 } else { 2 }), most) {
        (if_schemas::head::Verdict::Accepted, Some(head)) => sent.push((c, head.hash)),
        (verdict, _) => {
            assert_eq!(
                (&rolled, &before.1),
                (w.state.budgets(), w.state.ledger()),
                "a refusal moved money: {verdict:?}"
            )
        }
    }
}

fn step(w: &mut World, sent: &mut Vec<(Command, Hash)>, floors: &mut Floors, step: &Step) {
    match step {
        Step::Send { most, euro, session, admin } => {
            send(w, sent, money(i64::from(*most), *euro), *session, *admin);
        }
        Step::Result { pick, status, percent } if !sent.is_empty() => {
            let (c, entry) = pick.get(sent).clone();
            let most = w.state.in_flight().get(&c.id).map_or(Money::FREE, |f| f.reserved);
            let cost = Money { amount_micros: most.amount_micros * i64::from(*percent) / 100, ..most };
            w.result(c.id, entry, Status::ALL[usize::from(*status)], cost, &key(4));
        }
        Step::Unknown { pick } if !sent.is_empty() => {
            let (c, entry) = pick.get(sent).clone();
            // The worst case, claimed without a usage: as after a panic.
            if let Some(f) = w.state.in_flight().get(&c.id).cloned() {
                let result = if_schemas::ResultEvent {
                    command: c.id,
                    entry,
                    status: Status::Indeterminate,
                    started_at: w.now,
                    finished_at: w.now,
                    attempt: 1,
                    simulated: false,
                    cost: f.reserved,
                    price_table: f.quote.map(|q| q.table),
                    usage: None,
                    payload: support::arguments().hash(),
                    route: None,
                };
                w.result_with(result, &key(4));
            }
        }
        Step::Wait { ms } => {
            w.now = w.now.saturating_add_us(i64::from(*ms) * 1_000);
            w.settle_overdue();
        }
        Step::Night => w.now = w.now.saturating_add_us(20 * 3_600_000_000),
        Step::Set { scope, period, limit, euro, hard } => {
            let (key_, limit) = (budget_key(*scope, *period), money(i64::from(*limit), *euro));
            let mode = if *hard { Mode::Hard } else { Mode::Soft };
            // A lowered limit, or one that was soft until now, may be below zero already.
            floors.insert(key_.clone(), i64::MIN);
            w.finance(FinanceOp::SetBudget(Budget { key: key_, limit, mode, zone: "UTC".into() }), &key(1));
        }
        Step::Remove { scope, period } => {
            w.finance(FinanceOp::RemoveBudget(budget_key(*scope, *period)), &key(1));
        }
        Step::Rate { rate } => {
            let (from, to, as_of) = ("EUR".parse().unwrap(), Currency::USD, "2026-11-22".to_string());
            let rate = ExchangeRate { from, to, rate_micros: i64::from(*rate), as_of, source: "test".into() };
            w.finance(FinanceOp::SetRate(rate), &key(1));
        }
        Step::NoRate => {
            w.finance(FinanceOp::RemoveRate { from: "EUR".parse().unwrap(), to: Currency::USD }, &key(1));
        }
        _ => {}
    }
}

/// Settlements by command, and what was posted by currency, from the entries alone.
fn settlements(w: &World) -> (BTreeMap<if_schemas::CommandId, u32>, BTreeMap<Currency, i64>) {
    let (mut settled, mut posted) = (BTreeMap::new(), BTreeMap::<Currency, i64>::new());
    for bytes in &w.entries {
        let (command, settlement) = match Entry::decode(bytes).unwrap().body {
            Body::Completed { envelope, settlement } => {
                (envelope.read_unverified::<if_schemas::ResultEvent>().unwrap().command, settlement)
            }
            Body::Unresolved { command, settlement, .. } => (command, settlement),
            _ => continue,
        };
        *settled.entry(command).or_insert(0) += 1;
        *posted.entry(settlement.posted.currency).or_default() += settlement.posted.amount_micros;
    }
    (settled, posted)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn budgets_add_up_whatever_happens(steps in steps()) {
        let (mut w, mut sent, mut floors) = (World::new(), Vec::new(), Floors::new());
        for one in &steps {
            let alerts = w.alerts.len();
            step(&mut w, &mut sent, &mut floors, one);
            check(&w, &mut floors);
            prop_assert!(w.alerts.len() - alerts <= 3 * 18 * 2, "alerts are told once");
        }
        // Every admitted command ends with exactly one settlement.
        w.now = w.now.saturating_add_us(3_600_000_000);
        while w.settle_overdue() > 0 {
            check(&w, &mut floors);
        }
        let (settled, posted) = settlements(&w);
        prop_assert_eq!(settled.len(), sent.len());
        prop_assert!(settled.values().all(|n| *n == 1));
        for (currency, account) in w.state.ledger().accounts() {
            prop_assert_eq!(account.reserved_micros, 0, "no phantom holds");
            prop_assert_eq!(account.posted_micros, posted.get(&currency).copied().unwrap_or(0));
        }
        let mut auditor = Auditor::default();
        for bytes in &w.entries {
            auditor.push(bytes, None).unwrap();
        }
        while let Some(batch) = auditor.take_batch(true) {
            batch.check().unwrap();
        }
        prop_assert_eq!(auditor.state().to_snapshot().unwrap(), w.state.to_snapshot().unwrap());
        let again = if_core::State::from_snapshot(&w.state.to_snapshot().unwrap()).unwrap();
        prop_assert_eq!(&again, &w.state);
    }
}
