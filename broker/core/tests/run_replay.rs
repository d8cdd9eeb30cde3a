//! Runs at random: whatever is ordered, reported, sent, answered, voted, paid and revoked, in any order.
#![allow(clippy::unwrap_used)]

mod support;

use if_core::{Auditor, Standing, State};
use if_schemas::{
    CommandId, Currency, Effect, Entry, FinanceOp, Hash, Money, RunOp, SigningKey, Status, Target, TrustOp,
    finance::{Budget, BudgetKey, ExchangeRate, Mode, Period, Scope},
    plan::{Ended, Phase, Plan},
    run::{Note, OnConflict, Outcome, Reserve},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use support::{
    code, key, name,
    runs::{Show, Stage, delegate, gina, guard, gus, leaf, olga, plan_of, step},
};

type Pick = prop::sample::Index;

#[derive(Debug, Clone)]
enum Move {
    Order { steps: Vec<(u8, u8)>, conflict: u8, run_reserve: bool, price: u16, cap: Option<(u16, bool)>, minutes: u8 },
    Change { run: Pick, what: u8, by: u8 },
    Note { run: Pick, what: u8, step: u8, by: u8 },
    Send { run: Pick, step: u8, undo: bool, price: u16, euro: bool, by: u8 },
    Forge { run: Pick, what: u8 },
    Plain { price: u16 },
    Result { pick: Pick, status: u8, percent: u8 },
    Vote { run: Pick, step: u8, approve: bool, by: u8 },
    Wait { ms: u32 },
    Night,
    Budget { session: bool, limit: u16, euro: bool, hard: bool },
    NoBudget { session: bool },
    Rate { rate: u32 },
    Revoke { who: u8 },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let pick = any::<Pick>;
    let order = (
        prop::collection::vec((0u8..3, 0u8..4), 1..4),
        0u8..3,
        any::<bool>(),
        0u16..60,
        prop::option::of((0u16..200, any::<bool>())),
        1u8..20,
    );
    let one = prop_oneof![
        5 => order.prop_map(|(steps, conflict, run_reserve, price, cap, minutes)| {
            Move::Order { steps, conflict, run_reserve, price, cap, minutes }
        }),
        4 => (pick(), 0u8..4, 0u8..8).prop_map(|(run, what, by)| Move::Change { run, what, by }),
        5 => (pick(), 0u8..8, 0u8..4, 0u8..8).prop_map(|(run, what, step, by)| Move::Note { run, what, step, by }),
        14 => (pick(), 0u8..4, any::<bool>(), 0u16..60, any::<bool>(), 0u8..12)
            .prop_map(|(run, step, undo, price, euro, by)| Move::Send { run, step, undo, price, euro, by }),
        2 => (pick(), 0u8..5).prop_map(|(run, what)| Move::Forge { run, what }),
        1 => (0u16..60).prop_map(|price| Move::Plain { price }),
        9 => (pick(), 0u8..4, 0u8..=100).prop_map(|(pick, status, percent)| Move::Result { pick, status, percent }),
        3 => (pick(), 0u8..4, any::<bool>(), 0u8..4)
            .prop_map(|(run, step, approve, by)| Move::Vote { run, step, approve, by }),
        3 => (0u32..90_000).prop_map(|ms| Move::Wait { ms }),
        1 => Just(Move::Night),
        2 => (any::<bool>(), 0u16..400, any::<bool>(), any::<bool>())
            .prop_map(|(session, limit, euro, hard)| Move::Budget { session, limit, euro, hard }),
        1 => any::<bool>().prop_map(|session| Move::NoBudget { session }),
        1 => (1u32..3_000_000).prop_map(|rate| Move::Rate { rate }),
        1 => (0u8..12).prop_map(|who| Move::Revoke { who }),
    ];
    prop::collection::vec(one, 1..90)
}

fn money(amount: u16, euro: bool) -> Money {
    let currency = if euro { "EUR".parse().unwrap() } else { Currency::USD };
    Money { amount_micros: i64::from(amount), currency }
}

/// Mostly who should; sometimes others.
fn by(n: u8, usual: fn() -> SigningKey) -> SigningKey {
    match n {
        0 => key(1),
        1 => gina(),
        2 => key(2),
        _ => usual(),
    }
}

/// Two targets, `once` and guarded steps among them.
fn plan(steps: &[(u8, u8)]) -> Plan {
    let steps = (0u32..).zip(steps).map(|(number, (instance, kind))| {
        let effect = [Effect::Idempotent, Effect::Once, Effect::Read, Effect::Idempotent][usize::from(*kind)];
        let mut one = step(number, ["a", "b", "c"][usize::from(*instance)], effect);
        one.guard = (*kind == 3).then(|| guard(1, &[("gina", 1), ("olga", 1)], &["gus"]));
        one
    });
    plan_of(steps.collect())
}

#[derive(Default)]
struct Seen {
    shows: Vec<Show>,
    sent: Vec<Sent>,
}

/// A command of a run, or of none.
#[derive(Clone)]
struct Sent {
    id: CommandId,
    entry: Hash,
    /// Its run, step, whether it goes back and whether it may happen only once.
    place: Option<(CommandId, u32, Phase, bool)>,
    status: Option<Status>,
}

fn make(s: &mut Stage, seen: &mut Seen, one: &Move) {
    match one {
        Move::Order { .. } => order(s, seen, one),
        Move::Plain { price } => {
            let c = s.w.command("obs.scene.switch");
            if let (if_schemas::head::Verdict::Accepted, Some(head)) =
                s.w.send_priced(&c, &key(2), money(*price, false))
            {
                seen.sent.push(Sent { id: c.id, entry: head.hash, place: None, status: None });
            }
            s.turn();
        }
        Move::Result { pick, status, percent } if !seen.sent.is_empty() => {
            let at = pick.index(seen.sent.len());
            let sent = &mut seen.sent[at];
            let Some(flight) = s.w.state.in_flight().get(&sent.id) else { return };
            let amount = flight.reserved.amount_micros * i64::from(*percent) / 100;
            let cost = Money { amount_micros: amount, ..flight.reserved };
            sent.status = Some(Status::ALL[usize::from(*status)]);
            s.settle((sent.id, sent.entry), Status::ALL[usize::from(*status)], cost);
        }
        Move::Wait { ms } => s.wait(i64::from(*ms) * 1_000),
        Move::Night => {
            s.wait(20 * 3_600_000_000);
            s.w.roll();
        }
        Move::Budget { session, limit, euro, hard } => {
            let mode = if *hard { Mode::Hard } else { Mode::Soft };
            let budget = Budget { key: budget_key(*session), limit: money(*limit, *euro), mode, zone: "UTC".into() };
            s.w.finance(FinanceOp::SetBudget(budget), &key(1));
        }
        Move::NoBudget { session } => drop(s.w.finance(FinanceOp::RemoveBudget(budget_key(*session)), &key(1))),
        Move::Rate { rate } => {
            let (from, to, as_of) = ("EUR".parse().unwrap(), Currency::USD, "2026-11-22".into());
            let rate = ExchangeRate { from, to, rate_micros: i64::from(*rate), as_of, source: "test".into() };
            s.w.finance(FinanceOp::SetRate(rate), &key(1));
        }
        // Most of these change nothing, so that most cases go on.
        Move::Revoke { who: 0 } => drop(s.w.change(TrustOp::Revoke(gina().id()), &key(1))),
        Move::Revoke { who: 1 } => drop(s.w.change(TrustOp::Revoke(gus().id()), &key(1))),
        Move::Revoke { who: 2 } => drop(s.w.change(TrustOp::Revoke(delegate().id()), &key(1))),
        Move::Revoke { who: 3 } => drop(s.w.change(TrustOp::Revoke(olga().id()), &key(1))),
        Move::Revoke { .. } => {}
        _ if !seen.shows.is_empty() => of_run(s, seen, one),
        _ => {}
    }
}

fn budget_key(session: bool) -> BudgetKey {
    let scope = if session { Scope::Session(name("matchday")) } else { Scope::Global };
    BudgetKey { scope, period: Period::Day }
}

fn order(s: &mut Stage, seen: &mut Seen, one: &Move) {
    let Move::Order { steps, conflict, run_reserve, price, cap, minutes } = one else { return };
    if !s.w.state.trust().standing(&olga().id()).unwrap().is_active() {
        return;
    }
    let until = s.w.now.saturating_add_us(i64::from(*minutes) * 60_000_000);
    let (show, verdict) = s.begin_as(&plan(steps), &olga(), money(*price, false), |o| {
        o.until = until;
        o.on_conflict = [OnConflict::Wait, OnConflict::Refuse, OnConflict::Preempt][usize::from(*conflict)];
        o.reserve = if *run_reserve { Reserve::Run } else { Reserve::Step };
        o.max_cost = cap.map(|(amount, euro)| money(amount, euro));
        o.session = run_reserve.then(|| name("matchday"));
    });
    if code(&verdict) == "accepted" {
        seen.shows.push(show);
    }
}

fn of_run(s: &mut Stage, seen: &mut Seen, one: &Move) {
    let show = |run: &Pick| seen.shows[run.index(seen.shows.len())].clone();
    match one {
        Move::Change { run, what, by: who } => {
            let show = show(run);
            let run = show.id;
            let op = match what {
                0 => RunOp::Cancel { run, rollback: false },
                1 => RunOp::Cancel { run, rollback: true },
                2 => RunOp::Resume { run },
                _ => RunOp::Rollback { run },
            };
            s.op(&show, op, &by(*who, olga));
        }
        Move::Note { run, what, step, by: who } => {
            let (show, step, text) = (show(run), u32::from(*step), String::new());
            let note = match what {
                0 => Note::Ended { step, ended: Ended::Failed, text },
                1 => Note::AwaitsApproval { step },
                2 => Note::Recorded { step },
                3 => Note::Undoing { why: text },
                4 => Note::Undone { step, undone: true, text },
                5 => Note::Closed { outcome: Outcome::Failed, text },
                6 => Note::Closed { outcome: Outcome::Succeeded, text },
                _ => Note::Closed { outcome: Outcome::RolledBack, text },
            };
            s.op(&show, RunOp::Note { run: show.id, after: u64::MAX, note }, &by(*who, delegate));
        }
        Move::Send { run, step, undo, price, euro, by: who } => {
            let (show, phase) = (show(run), if *undo { Phase::Undo } else { Phase::Do });
            let step = u32::from(*step) % show.order.steps;
            let (command, payload) = s.command(&show, step, phase);
            let answer = s.send(&command, payload, &by(*who, delegate), money(*price, *euro));
            if let (if_schemas::head::Verdict::Accepted, Some(head)) = answer {
                let once = command.effect == Effect::Once;
                let place = Some((show.id, step, phase, once));
                seen.sent.push(Sent { id: command.id, entry: head.hash, place, status: None });
            }
        }
        Move::Forge { run, what } => {
            let show = show(run);
            let (mut command, payload) = s.command(&show, 0, Phase::Do);
            match what {
                0 => command.instance = name("main"),
                1 => command.effect = if command.effect == Effect::Read { Effect::Once } else { Effect::Read },
                2 => command.operation = "obs.stream.start".parse().unwrap(),
                3 => command.run.as_mut().unwrap().way = 7,
                _ => command.run.as_mut().unwrap().open = true,
            }
            assert_ne!(code(&s.send(&command, payload, &delegate(), Money::FREE).0), "accepted");
        }
        Move::Vote { run, step, approve, by: who } => {
            let show = show(run);
            let step = u32::from(*step) % show.order.steps;
            let voter = [gina, gus, olga, delegate][usize::from(*who)]();
            s.vote(&show, step, leaf(&show, step), *approve, &voter);
        }
        _ => {}
    }
}

fn check(s: &Stage, seen: &Seen) {
    check_money(s);
    check_leases(s);
    check_once(seen);
    for (id, run) in s.w.state.runs().iter() {
        let flying = s.w.state.in_flight().values().filter(|f| f.share.is_some_and(|share| share.run == *id)).count();
        assert_eq!(usize::try_from(run.in_flight()).unwrap(), flying);
        if let (Some(cap), Some(posted)) = (run.order().max_cost, run.posted()) {
            assert!(posted.amount_micros <= cap.amount_micros, "the cap is hard: {posted} of {cap}");
        }
    }
}

/// What is reserved is what is in flight and what is kept; budgets add up.
fn check_money(s: &Stage) {
    let mut reserved: BTreeMap<Currency, i64> = BTreeMap::new();
    let mut held: BTreeMap<(BudgetKey, u64), i64> = BTreeMap::new();
    let flights = s.w.state.in_flight().values().map(|f| (f.reserved, &f.holds));
    let kept = s.w.state.runs().iter().flat_map(|(_, run)| run.kept()).map(|kept| (kept.reserved, &kept.holds));
    for (money, holds) in flights.chain(kept) {
        *reserved.entry(money.currency).or_default() += money.amount_micros;
        for hold in holds {
            *held.entry((hold.budget.clone(), hold.generation)).or_default() += hold.amount_micros;
        }
    }
    for (currency, account) in s.w.state.ledger().accounts() {
        assert_eq!(account.reserved_micros, reserved.get(&currency).copied().unwrap_or(0), "{currency}");
    }
    for account in s.w.state.budgets().accounts() {
        let budget = account.budget();
        let sums = [account.available(), account.reserved(), account.posted()].map(|m| m.amount_micros);
        assert_eq!(sums.iter().sum::<i64>(), budget.limit.amount_micros, "{}", budget.key);
        assert_eq!(
            sums[1],
            held.get(&(budget.key.clone(), account.generation())).copied().unwrap_or(0),
            "{}",
            budget.key
        );
    }
}

/// Who goes on, or has commands under way, shares no target with another.
fn check_leases(s: &Stage) {
    let mut taken: BTreeSet<&Target> = BTreeSet::new();
    for (id, run) in s.w.state.runs().iter() {
        if run.standing() == Standing::Going || run.in_flight() > 0 {
            assert!(run.order().writes.iter().all(|target| taken.insert(target)), "{id} has what another one has");
        }
    }
}

/// No `once` step that may have happened was admitted again.
fn check_once(seen: &Seen) {
    let mut may_have: BTreeSet<(CommandId, u32, bool)> = BTreeSet::new();
    for sent in &seen.sent {
        let Some((run, step, phase, true)) = sent.place else { continue };
        let place = (run, step, phase == Phase::Do);
        assert!(!may_have.contains(&place), "step {step} of {run} may have happened twice");
        if !matches!(sent.status, Some(Status::Failed | Status::Expired)) {
            may_have.insert(place);
        }
    }
}

fn audit(entries: &[Vec<u8>]) -> State {
    let mut auditor = Auditor::default();
    for bytes in entries {
        auditor.push(bytes, None).unwrap();
    }
    while let Some(batch) = auditor.take_batch(true) {
        batch.check().unwrap();
    }
    auditor.state().clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn runs_keep_their_promises_whatever_happens(moves in moves(), cut in any::<Pick>()) {
        let (mut s, mut seen) = (Stage::new(), Seen::default());
        for one in &moves {
            make(&mut s, &mut seen, one);
            check(&s, &seen);
        }
        // Time alone brings everything to its end.
        s.wait(3_600_000_000);
        s.wait(1);
        check(&s, &seen);
        for (id, run) in s.w.state.runs().iter() {
            prop_assert!(run.has_ended() && run.in_flight() == 0, "{id} never ended");
        }
        for (currency, account) in s.w.state.ledger().accounts() {
            prop_assert_eq!(account.reserved_micros, 0, "phantom holds in {}", currency);
        }
        let snapshot = s.w.state.to_snapshot().unwrap();
        prop_assert_eq!(&audit(&s.w.entries).to_snapshot().unwrap(), &snapshot);
        // From a snapshot in the middle the rest leads to the same.
        let cut = cut.index(s.w.entries.len()) + 1;
        let mut state = State::from_snapshot(&audit(&s.w.entries[..cut]).to_snapshot().unwrap()).unwrap();
        for bytes in &s.w.entries[cut..] {
            state.apply(&Entry::decode(bytes).unwrap(), Entry::hash_bytes(bytes)).unwrap();
        }
        prop_assert_eq!(state.to_snapshot().unwrap(), snapshot);
    }
}
