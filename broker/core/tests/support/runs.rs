//! Runs in the world: plans of few words, orders, commands that prove their place, and the broker's turns.

use super::{World, code, key, member, metered, name};
use if_core::{Asked, Decision, Input, Pricing, Run, Served, Standing, VerifiedCommand, VerifiedRun, decide};
use if_schemas::{
    Command, CommandId, Effect, Envelope, Hash, Head, Money, Name, Order, Payload, Plan, Reject, Role, RunChange,
    RunOp, Salt, SigningKey, Status, Target, TraceId, TrustOp,
    head::Verdict,
    plan::{Act, Args, Call, Leaf, OnFailure, Phase, Step, Tree, Undo},
    run::{Guard, Note, OnConflict, Outcome, Reserve, StepRef, Vote},
    subject,
    wire::Submission,
};
use std::collections::BTreeMap;

pub const SECOND: i64 = 1_000_000;
pub const MINUTE: i64 = 60 * SECOND;

/// Who carries runs out: no grant of its own.
pub fn delegate() -> SigningKey {
    key(20)
}
/// An operator with every right on obs.
pub fn olga() -> SigningKey {
    key(30)
}
/// Guardians.
pub fn gina() -> SigningKey {
    key(21)
}
pub fn gil() -> SigningKey {
    key(22)
}
pub fn gus() -> SigningKey {
    key(23)
}

pub fn target(instance: &str) -> Target {
    Target { provider: name("obs"), instance: name(instance) }
}

/// Arguments that differ from one number to the next.
pub fn payload(number: u32) -> Payload {
    let mut args = serde_json::Map::new();
    args.insert("n".into(), number.into());
    Payload::new(&if_schemas::payload::Arguments { args, why: None, cause: None }, Salt([6; 16])).unwrap()
}

pub fn call(instance: &str, effect: Effect, number: u32) -> Call {
    let operation = "obs.scene.switch".parse().unwrap();
    Call { operation, target: target(instance), effect, args: Args::Fixed(payload(number)) }
}

/// One command, and another that undoes it.
pub fn step(number: u32, instance: &str, effect: Effect) -> Step {
    Step {
        id: format!("s{number}"),
        needs: vec![],
        skip: None,
        when: vec![],
        act: Act::Command(call(instance, effect, number)),
        confirm: None,
        retries: 0,
        retry_pause_ms: 0,
        timeout_ms: 1_000,
        on_failure: OnFailure::Stop,
        undo: Undo::Call(call(instance, Effect::Idempotent, 1_000 + number)),
        guard: None,
    }
}

/// Steps on these instances, all idempotent.
pub fn plan(instances: &[&str]) -> Plan {
    let steps = (0u32..).zip(instances).map(|(number, instance)| step(number, instance, Effect::Idempotent)).collect();
    plan_of(steps)
}

pub fn plan_of(steps: Vec<Step>) -> Plan {
    Plan { profile: name("show"), description: String::new(), vars: Default::default(), concurrency: 4, steps }
}

pub fn guard(need: u32, of: &[(&str, u32)], veto: &[&str]) -> Guard {
    let of: BTreeMap<Name, u32> = of.iter().map(|(who, weight)| (name(who), *weight)).collect();
    Guard { need, of, veto: veto.iter().map(|v| name(v)).collect(), valid_ms: 60_000 }
}

/// A run that was ordered, as its orchestrator knows it.
#[derive(Debug, Clone)]
pub struct Show {
    pub id: CommandId,
    pub trace: TraceId,
    pub order: Order,
    pub tree: Tree,
    pub payloads: BTreeMap<Hash, Payload>,
}

pub struct Stage {
    pub w: World,
    /// Take the broker's turns after each input, as the sequencer does.
    pub turns: bool,
}

impl Stage {
    pub fn new() -> Self {
        let mut stage = Self { w: World::new(), turns: true };
        for (who, key, grants) in
            [("gina", gina(), &[][..]), ("gil", gil(), &[]), ("gus", gus(), &[]), ("olga", olga(), &["*@obs"])]
        {
            stage.trust(TrustOp::Add(member(who, &key, Role::Operator, grants)));
        }
        // A node that carries runs out and serves nothing itself.
        stage.trust(TrustOp::Add(member("conductor", &delegate(), Role::Worker, &[])));
        stage
    }

    pub fn trust(&mut self, op: TrustOp) {
        let admin = key(1);
        assert_eq!(code(&self.w.change(op, &admin).0), "accepted");
    }

    pub fn wait(&mut self, us: i64) {
        self.w.now = self.w.now.saturating_add_us(us);
        self.w.settle_overdue();
        self.turn();
    }

    pub fn order(&self, plan: &Plan) -> Order {
        Order {
            profile: plan.profile.clone(),
            delegate: delegate().id(),
            until: self.w.now.saturating_add_us(60 * MINUTE),
            root: plan.tree().unwrap().root,
            steps: u32::try_from(plan.steps.len()).unwrap(),
            writes: plan.writes().into_iter().collect(),
            on_conflict: OnConflict::Wait,
            max_cost: None,
            reserve: Reserve::Step,
            session: None,
            cause: None,
        }
    }

    /// Orders the plan as olga, by its usual order with changes.
    pub fn begin(&mut self, plan: &Plan, change: impl FnOnce(&mut Order)) -> Show {
        let (show, verdict) = self.begin_as(plan, &olga(), Money::FREE, change);
        assert_eq!(code(&verdict), "accepted", "{verdict:?}");
        show
    }

    /// `price`: of every command of the plan.
    pub fn begin_as(
        &mut self,
        plan: &Plan,
        key: &SigningKey,
        price: Money,
        change: impl FnOnce(&mut Order),
    ) -> (Show, Verdict) {
        let mut order = self.order(plan);
        change(&mut order);
        let (trace, payload) = (TraceId::from_bytes([8; 16]), Payload::new(plan, Salt([7; 16])).unwrap());
        let asked = match order.reserve {
            Reserve::Step => Vec::new(),
            Reserve::Run => asked(plan, price),
        };
        let (id, verdict) = self
            .change(RunOp::Start(order.clone()), trace, Some(payload), key, asked)
            .unwrap_or_else(|r| (CommandId::from_bytes([0; 16]), Verdict::Rejected(r)));
        let tree = plan.tree().unwrap();
        let calls = plan.steps.iter().flat_map(|s| s.call().into_iter().chain(s.undo_calls().into_iter().map(|c| c.1)));
        let payloads = calls.filter_map(|c| match &c.args {
            Args::Fixed(payload) => Some((payload.hash(), payload.clone())),
            Args::Open(_) => None,
        });
        (Show { id, trace, order, tree, payloads: payloads.collect() }, verdict)
    }

    /// An error where it is refused before it could be logged.
    pub fn change(
        &mut self,
        op: RunOp,
        trace: TraceId,
        payload: Option<Payload>,
        key: &SigningKey,
        asked: Vec<Asked>,
    ) -> Result<(CommandId, Verdict), Reject> {
        let id = self.w.next_id();
        let (issued_at, deadline) = (self.w.now, self.w.now.saturating_add_us(5 * SECOND));
        let body = RunChange { id, trace, issued_at, deadline, op, payload: payload.as_ref().map(Payload::hash) };
        let submission = Submission { envelope: Envelope::seal(&body, key).unwrap(), payload };
        let change = VerifiedRun::verify(self.w.state.trust(), submission)?;
        let hash = change.hash();
        let prior = self.w.prior(&id, &hash);
        let (verdict, _) = self.w.step(id, Some(hash), Input::Run { change, prior, asked });
        self.turn();
        Ok((id, verdict))
    }

    pub fn op(&mut self, show: &Show, op: RunOp, key: &SigningKey) -> &'static str {
        match self.change(op, show.trace, None, key, Vec::new()) {
            Ok((_, verdict)) => code(&verdict),
            Err(reject) => reject.code.as_str(),
        }
    }
    pub fn cancel(&mut self, show: &Show, rollback: bool) -> &'static str {
        self.op(show, RunOp::Cancel { run: show.id, rollback }, &olga())
    }
    pub fn resume(&mut self, show: &Show) -> &'static str {
        self.op(show, RunOp::Resume { run: show.id }, &olga())
    }
    pub fn rollback(&mut self, show: &Show) -> &'static str {
        self.op(show, RunOp::Rollback { run: show.id }, &olga())
    }
    pub fn note(&mut self, show: &Show, note: Note) -> &'static str {
        self.op(show, RunOp::Note { run: show.id, after: u64::MAX, note }, &delegate())
    }
    pub fn close(&mut self, show: &Show, outcome: Outcome) -> &'static str {
        self.note(show, Note::Closed { outcome, text: String::new() })
    }
    pub fn vote(&mut self, show: &Show, step: u32, leaf: Hash, approve: bool, key: &SigningKey) -> &'static str {
        self.op(show, RunOp::Vote(Vote { run: show.id, step, leaf, approve }), key)
    }

    /// The command of a step as its order has it.
    pub fn command(&mut self, show: &Show, step: u32, phase: Phase) -> (Command, Payload) {
        let (leaf, path) = show.tree.find(step, phase, 0).unwrap().clone();
        let payload = show.payloads[&leaf.payload.unwrap()].clone();
        let Leaf { step, phase, way, operation, provider, instance, effect, guard, .. } = leaf;
        let command = Command {
            id: self.w.next_id(),
            trace: show.trace,
            issued_at: self.w.now,
            deadline: self.w.now.saturating_add_us(5 * SECOND),
            operation,
            provider,
            instance,
            effect,
            dry_run: false,
            session: show.order.session.clone(),
            payload: payload.hash(),
            run: Some(Box::new(StepRef { run: show.id, step, phase, way, open: false, guard, path })),
        };
        (command, payload)
    }

    pub fn send(
        &mut self,
        command: &Command,
        payload: Payload,
        key: &SigningKey,
        price: Money,
    ) -> (Verdict, Option<Head>) {
        let submission = Submission { envelope: Envelope::seal(command, key).unwrap(), payload: Some(payload) };
        let subject = subject::command(&command.provider, &command.instance, &command.operation);
        let verified = VerifiedCommand::verify(self.w.state.trust(), submission, &subject).unwrap();
        let (hash, served) = (verified.hash(), Served::By { worker: name("node"), effect: Some(command.effect) });
        let prior = self.w.prior(&command.id, &hash);
        let input = Input::Command { command: verified, prior, served, pricing: metered(price) };
        let answer = self.w.step(command.id, Some(hash), input);
        self.turn();
        answer
    }

    /// Sends what the order has for the step.
    pub fn try_paid(
        &mut self,
        show: &Show,
        step: u32,
        phase: Phase,
        price: Money,
    ) -> Result<(CommandId, Hash), Reject> {
        let (command, payload) = self.command(show, step, phase);
        match self.send(&command, payload, &delegate(), price) {
            (Verdict::Accepted, Some(head)) => Ok((command.id, head.hash)),
            (Verdict::Rejected(reject), _) => Err(reject),
            other => panic!("{other:?}"),
        }
    }
    pub fn try_step(&mut self, show: &Show, step: u32, phase: Phase) -> Result<(CommandId, Hash), Reject> {
        self.try_paid(show, step, phase, Money::FREE)
    }
    /// The code it is refused with, or `accepted`.
    pub fn sends(&mut self, show: &Show, step: u32, phase: Phase) -> &'static str {
        self.try_step(show, step, phase).map_or_else(|reject| reject.code.as_str(), |_| "accepted")
    }
    /// Changes the command of step 0 before it is signed.
    pub fn sends_changed(
        &mut self,
        show: &Show,
        signer: &SigningKey,
        change: impl FnOnce(&mut Command),
    ) -> &'static str {
        let (mut command, payload) = self.command(show, 0, Phase::Do);
        change(&mut command);
        code(&self.send(&command, payload, signer, Money::FREE).0)
    }

    pub fn settle(&mut self, sent: (CommandId, Hash), status: Status, cost: Money) {
        let worker = key(4);
        assert_eq!(code(&self.w.result(sent.0, sent.1, status, cost, &worker).0), "accepted");
        self.turn();
    }
    /// Sends a free step and has it settled.
    pub fn does(&mut self, show: &Show, step: u32, phase: Phase, status: Status) {
        let sent = self.try_step(show, step, phase).unwrap();
        self.settle(sent, status, Money::FREE);
    }

    /// What the broker does of itself.
    pub fn turn(&mut self) {
        if !self.turns {
            return;
        }
        let now = self.w.now.max(self.w.state.at());
        while let Some(run) = self.w.state.runs().to_end(now) {
            self.say(Input::RunOver { run });
        }
        while let Some(run) = self.w.state.runs().grantable() {
            self.say(Input::Lease { run });
        }
    }
    fn say(&mut self, input: Input) {
        match decide(&self.w.state, self.w.now, input) {
            Decision::Append { body, .. } => drop(self.w.append(body)),
            other => panic!("{other:?}"),
        }
    }

    pub fn run(&self, show: &Show) -> &Run {
        self.w.state.runs().get(&show.id).unwrap()
    }
    pub fn is_going(&self, show: &Show) -> bool {
        self.run(show).standing() == Standing::Going
    }
    pub fn is_waiting(&self, show: &Show) -> bool {
        matches!(self.run(show).standing(), Standing::Waiting { .. })
    }
    pub fn outcome(&self, show: &Show) -> Option<Outcome> {
        match self.run(show).standing() {
            Standing::Ended { outcome, .. } => Some(outcome),
            _ => None,
        }
    }
}

/// What the sequencer asks presence for.
pub fn asked(plan: &Plan, price: Money) -> Vec<Asked> {
    let pricing = |_: &Call| -> Pricing { metered(price) };
    let steps = (0u32..).zip(&plan.steps).filter_map(|(step, s)| s.call().map(|call| (step, call)));
    steps
        .map(|(step, call)| Asked {
            step,
            operation: call.operation.clone(),
            target: call.target.clone(),
            is_served: true,
            pricing: pricing(call),
        })
        .collect()
}

pub fn leaf(show: &Show, step: u32) -> Hash {
    show.tree.find(step, Phase::Do, 0).unwrap().0.hash().unwrap()
}
