//! A log with runs: ordered, leased, approved, paid, undone, cancelled, preempted and expired.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use super::{
    fixtures::{
        TABLE, alice, arguments, at, bob, carol, command, genesis, id, member, name, node1, operation, quote, result,
        seal, succeeded, usd,
    },
    log::{Log, set_budget, settle},
};
use if_schemas::{
    Body, Command, CommandId, Effect, Envelope, Hash, Money, Order, Payload, Plan, ResultEvent, Role, RunChange, RunOp,
    Salt, Settlement, SigningKey, Status, TraceId, TrustOp,
    plan::{Act, Args, Call, Ended, OnFailure, Phase, Step, Undo},
    price::{Unit, Usage},
    run::{Facts, Guard, Note, OnConflict, Outcome, Reserve, StepQuote, StepRef, Vote},
};

/// What a note that was written after everything before it says: later than any entry of these logs.
pub const LATEST: u64 = 9_999;

/// A node that carries runs out; no grant of its own.
pub fn dora() -> SigningKey {
    super::fixtures::key(7)
}

/// A run as its orchestrator knows it.
#[derive(Clone)]
pub struct Show {
    pub n: u8,
    pub id: CommandId,
    pub plan: Plan,
    pub order: Order,
}

fn call(instance: &str, effect: Effect, payload: Payload) -> Call {
    let target = format!("vmix/{instance}").parse().unwrap();
    Call { operation: operation("vmix.cut"), target, effect, args: Args::Fixed(payload) }
}

/// `cut`, paid and guarded, and the `once` step `fade`; each undone by a cut to another input.
pub fn plan(instance: &str, guarded: bool) -> Plan {
    let guard = guarded.then(|| Guard {
        need: 2,
        of: [(name("alice"), 1), (name("bob"), 1), (name("carol"), 2)].into(),
        veto: vec![name("alice")],
        valid_ms: 60_000,
    });
    let step = |place: u8, effect, guard| Step {
        id: format!("step-{place}"),
        needs: vec![],
        skip: None,
        when: vec![],
        act: Act::Command(call(instance, effect, arguments(0x40 + place, u32::from(place)))),
        confirm: None,
        retries: 1,
        retry_pause_ms: 100,
        timeout_ms: 5_000,
        on_failure: OnFailure::Rollback,
        undo: Undo::Call(call(instance, Effect::Idempotent, arguments(0x50 + place, 9))),
        guard,
    };
    let steps = vec![step(0, Effect::Idempotent, guard), step(1, Effect::Once, None)];
    Plan { profile: name("show"), description: "a show".into(), vars: Default::default(), concurrency: 2, steps }
}

pub fn order(plan: &Plan) -> Order {
    Order {
        profile: name("show"),
        delegate: dora().id(),
        until: at(400),
        root: plan.tree().unwrap().root,
        steps: 2,
        writes: plan.writes().into_iter().collect(),
        on_conflict: OnConflict::Wait,
        max_cost: Some(usd(600_000)),
        reserve: Reserve::Step,
        session: Some(name("matchday")),
        cause: None,
    }
}

pub fn change(n: u8, seconds: i64, run: u8, op: RunOp, payload: Option<&Payload>) -> RunChange {
    let (id, trace, deadline) = (id(n, seconds), TraceId::from_bytes([run; 16]), at(seconds + 30));
    RunChange { id, trace, issued_at: at(seconds), deadline, op, payload: payload.map(Payload::hash) }
}

pub fn plan_payload(plan: &Plan) -> Payload {
    Payload::new(plan, Salt([0x60; 16])).unwrap()
}

/// What each paid step of an order that keeps its cost may cost: 0.10 USD.
pub fn quotes(order: &Order, plan: &Plan) -> Vec<StepQuote> {
    if order.reserve == Reserve::Step {
        return Vec::new();
    }
    let paid = (0u32..).zip(&plan.steps).filter_map(|(step, s)| s.call().map(|call| (step, call)));
    let quote = quote(usd(100_000)).unwrap();
    paid.map(|(step, c)| StepQuote {
        step,
        operation: c.operation.clone(),
        target: c.target.clone(),
        quote: quote.clone(),
    })
    .collect()
}

impl Log {
    /// Bob orders a run.
    pub fn order(&mut self, n: u8, seconds: i64, plan: &Plan, alter: impl FnOnce(&mut Order)) -> Show {
        self.order_by(&bob(), n, seconds, plan, alter)
    }
    pub fn order_by(
        &mut self,
        key: &SigningKey,
        n: u8,
        seconds: i64,
        plan: &Plan,
        alter: impl FnOnce(&mut Order),
    ) -> Show {
        let (mut order, payload) = (order(plan), plan_payload(plan));
        alter(&mut order);
        let change = change(n, seconds, n, RunOp::Start(order.clone()), Some(&payload));
        let body = Body::Run { envelope: seal(&change, key), quotes: quotes(&order, plan) };
        self.push(at(seconds), body, Some(payload));
        Show { n, id: change.id, plan: plan.clone(), order }
    }
    pub fn lease(&mut self, seconds: i64, show: &Show) {
        self.push(at(seconds), Body::Lease { run: show.id }, None);
    }
    pub fn over(&mut self, seconds: i64, show: &Show, outcome: Outcome, by: Option<CommandId>) {
        self.push(at(seconds), Body::RunOver { run: show.id, outcome, by }, None);
    }
    pub fn run_op(&mut self, n: u8, seconds: i64, show: &Show, op: RunOp, key: &SigningKey) {
        let change = change(n, seconds, show.n, op, None);
        self.push(at(seconds), Body::Run { envelope: seal(&change, key), quotes: vec![] }, None);
    }
    pub fn note(&mut self, n: u8, seconds: i64, show: &Show, note: Note) {
        self.run_op(n, seconds, show, RunOp::Note { run: show.id, after: LATEST, note }, &dora());
    }
    pub fn close(&mut self, n: u8, seconds: i64, show: &Show, outcome: Outcome) {
        self.note(n, seconds, show, Note::Closed { outcome, text: "that was it".into() });
    }
    pub fn vote(&mut self, n: u8, seconds: i64, show: &Show, key: &SigningKey) {
        let leaf = show.plan.tree().unwrap().find(0, Phase::Do, 0).unwrap().0.hash().unwrap();
        let vote = Vote { run: show.id, step: 0, leaf, approve: true };
        self.run_op(n, seconds, show, RunOp::Vote(vote), key);
    }
    /// Dora sends a command and the broker admits it.
    pub fn send(&mut self, command: &Command, reserved: Money) -> Hash {
        self.send_by(&dora(), command, reserved)
    }
    pub fn send_by(&mut self, key: &SigningKey, command: &Command, reserved: Money) -> Hash {
        let body =
            Body::Admitted { envelope: seal(command, key), worker: name("node1"), reserved, quote: quote(reserved) };
        self.push(command.issued_at, body, None)
    }
    pub fn done(&mut self, command: &Command, entry: Hash, status: Status, reserved: i64, cost: i64) {
        let outcome = succeeded(0x70);
        let used = u64::try_from(cost / 10_000).unwrap();
        let done = ResultEvent {
            price_table: (reserved > 0).then(|| TABLE.into()),
            usage: (reserved > 0).then(|| Usage::from([(Unit::Call, used)])),
            ..result(command, entry, status, usd(cost), &outcome)
        };
        let settlement: Settlement = settle(cost, reserved - cost);
        let body = Body::Completed { envelope: seal(&done, &node1()), settlement };
        self.push(command.issued_at.saturating_add_us(500_000), body, None);
    }
}

/// The command of a step as its order has it.
pub fn step_of(show: &Show, n: u8, seconds: i64, step: u32, phase: Phase) -> Command {
    let (leaf, path) = show.plan.tree().unwrap().find(step, phase, 0).unwrap().clone();
    let args = Payload { salt: Salt([0; 16]), bytes: vec![] };
    let place = StepRef { run: show.id, step, phase, way: 0, open: false, guard: leaf.guard, path };
    Command {
        trace: TraceId::from_bytes([show.n; 16]),
        effect: leaf.effect,
        payload: leaf.payload.unwrap(),
        run: Some(Box::new(place)),
        ..command(n, seconds, "vmix.cut", leaf.instance.as_str(), &args)
    }
}

/// Genesis, then dora and carol: entries 0 to 2.
pub fn begin_runs() -> Log {
    let mut log = Log::default();
    log.push(at(0), Body::Genesis { envelope: seal(&genesis(), &alice()) }, None);
    let members = [
        member("dora", &dora(), Role::Worker, &[]),
        member("carol", &carol(), Role::Operator, &["vmix.cut@vmix/studio2"]),
    ];
    for (n, member) in (2..).zip(members) {
        let add = super::fixtures::change(n, i64::from(n), TrustOp::Add(member));
        log.push(at(i64::from(n)), Body::Trust { envelope: seal(&add, &alice()) }, None);
    }
    log
}

/// A run that was ordered as entry 3 and goes on from entry 4.
pub fn going(alter: impl FnOnce(&mut Order)) -> (Log, Show) {
    let mut log = begin_runs();
    let show = log.order(0x30, 30, &plan("studio1", false), alter);
    log.lease(30, &show);
    (log, show)
}

/// Every kind of change of a run, and every way for one to end.
pub fn runs() -> Log {
    let mut log = begin_runs();
    set_budget(&mut log, 2_000_000);
    let first = approved(&mut log);
    undone(&mut log, &first);
    others(&mut log);
    log
}

/// Two votes, a paid step, one that failed and was repeated.
fn approved(log: &mut Log) -> Show {
    let show = log.order(0x80, 100, &plan("studio1", true), |o| o.reserve = Reserve::Run);
    log.lease(100, &show);
    let facts = Payload::new(&Facts { state: Default::default() }, Salt([0x61; 16])).unwrap();
    let recorded = RunOp::Note { run: show.id, after: LATEST, note: Note::Recorded { step: 0 } };
    let body = change(0x81, 101, show.n, recorded, Some(&facts));
    log.push(at(101), Body::Run { envelope: seal(&body, &dora()), quotes: vec![] }, Some(facts));
    log.note(0x82, 102, &show, Note::AwaitsApproval { step: 0 });
    log.vote(0x83, 103, &show, &bob());
    log.vote(0x84, 104, &show, &alice());
    let cut = step_of(&show, 0x85, 105, 0, Phase::Do);
    let entry = log.send(&cut, usd(100_000));
    log.done(&cut, entry, Status::Succeeded, 100_000, 50_000);
    log.note(0x86, 106, &show, Note::Ended { step: 0, ended: Ended::Confirmed, text: "seen".into() });
    let fade = step_of(&show, 0x87, 107, 1, Phase::Do);
    let entry = log.send(&fade, usd(100_000));
    log.done(&fade, entry, Status::Failed, 100_000, 0);
    let again = step_of(&show, 0x88, 108, 1, Phase::Do);
    let entry = log.send(&again, usd(100_000));
    log.done(&again, entry, Status::Failed, 100_000, 0);
    log.note(0x89, 109, &show, Note::Ended { step: 1, ended: Ended::Failed, text: "no answer".into() });
    log.close(0x8a, 110, &show, Outcome::Failed);
    show
}

/// The run goes on, and is then undone.
fn undone(log: &mut Log, show: &Show) {
    log.run_op(0x8b, 111, show, RunOp::Resume { run: show.id }, &bob());
    log.lease(111, show);
    log.run_op(0x8c, 112, show, RunOp::Cancel { run: show.id, rollback: true }, &alice());
    log.note(0x8d, 113, show, Note::Undoing { why: "it was cancelled".into() });
    let back = step_of(show, 0x8e, 114, 0, Phase::Undo);
    let entry = log.send(&back, usd(0));
    log.done(&back, entry, Status::Succeeded, 0, 0);
    log.note(0x8f, 115, show, Note::Undone { step: 0, undone: true, text: "input 1 again".into() });
    log.close(0x90, 116, show, Outcome::RolledBack);
}

/// One waits, one takes its place and the place of the one that goes on, a third one's time is over.
fn others(log: &mut Log) {
    let studio1 = plan("studio1", false);
    let going = log.order(0xa0, 120, &studio1, |_| {});
    log.lease(120, &going);
    let waiting = log.order(0xa1, 121, &studio1, |_| {});
    let elsewhere = log.order_by(&carol(), 0xa2, 122, &plan("studio2", false), |o| o.until = at(130));
    log.lease(122, &elsewhere);
    let cut = step_of(&going, 0xa3, 123, 0, Phase::Do);
    let entry = log.send(&cut, usd(0));
    let next = log.order(0xa4, 123, &studio1, |o| o.on_conflict = OnConflict::Preempt);
    log.over(123, &going, Outcome::Preempted, Some(next.id));
    log.over(123, &waiting, Outcome::Preempted, Some(next.id));
    log.done(&cut, entry, Status::Succeeded, 0, 0);
    log.lease(124, &next);
    log.run_op(0xa5, 125, &next, RunOp::Cancel { run: next.id, rollback: false }, &bob());
    log.close(0xa6, 126, &next, Outcome::Cancelled);
    log.run_op(0xa7, 127, &next, RunOp::Rollback { run: next.id }, &bob());
    log.lease(127, &next);
    log.over(131, &elsewhere, Outcome::Expired, None);
}

pub fn order_of(show: &Show) -> Envelope {
    let payload = plan_payload(&show.plan);
    seal(&change(show.n, 30, show.n, RunOp::Start(show.order.clone()), Some(&payload)), &bob())
}
