//! Runs: what they are made of, and that an order covers the commands of its plan and no other.

use super::*;
use if_schemas::{
    Cause, Order, Plan, RunChange, RunOp, Target,
    batch::Path,
    plan::{Act, Args, Call, Ended, OnFailure, Phase, Step, Undo},
    run::{Guard, Note, OnConflict, Outcome, Reserve, StepQuote, StepRef, Vote},
};

prop_compose! {
    fn target()(provider in name(), instance in name()) -> Target { Target { provider, instance } }
}
prop_compose! {
    pub fn guard()(need: u32, of in btree_map(name(), any::<u32>(), 0..4), veto in vec(name(), 0..3), valid_ms: u64) -> Guard {
        Guard { need, of, veto, valid_ms }
    }
}
fn phase() -> impl Strategy<Value = Phase> {
    select(vec![Phase::Do, Phase::Undo])
}
fn path() -> impl Strategy<Value = Path> {
    vec(any::<u8>(), 0..200).prop_map(|bytes| serde_json::from_value(bytes.into()).unwrap())
}
fn outcome() -> impl Strategy<Value = Outcome> {
    select(vec![
        Outcome::Succeeded,
        Outcome::Failed,
        Outcome::Cancelled,
        Outcome::RolledBack,
        Outcome::RollbackIncomplete,
        Outcome::Expired,
        Outcome::Preempted,
    ])
}
fn id() -> impl Strategy<Value = CommandId> {
    any::<[u8; 16]>().prop_map(CommandId::from_bytes)
}
prop_compose! {
    pub fn step_ref()(
        run in id(), step: u32, phase in phase(), way: u16, open: bool, guard in option::of(guard()), path in path(),
    ) -> StepRef {
        StepRef { run, step, phase, way, open, guard, path }
    }
}
prop_compose! {
    fn order()(
        profile in name(), delegate: [u8; 16], until in time(), root in hash(), steps: u32,
        writes in vec(target().boxed(), 0..4),
        on_conflict in select(vec![OnConflict::Wait, OnConflict::Refuse, OnConflict::Preempt]),
        max_cost in option::of(money().boxed()), reserve in select(vec![Reserve::Run, Reserve::Step]),
        session in option::of(name().boxed()),
    ) -> Order {
        let delegate = KeyId(delegate);
        let caused = |trigger| Cause { trigger, because: "seen".into(), chain: Vec::new(), runaway: false };
        let cause = session.clone().map(|trigger| Box::new(caused(trigger)));
        Order { profile, delegate, until, root, steps, writes, on_conflict, max_cost, reserve, session, cause }
    }
}
fn note() -> impl Strategy<Value = Note> {
    let ended = select(vec![Ended::Confirmed, Ended::Failed, Ended::Indeterminate, Ended::Skipped]);
    prop_oneof![
        (any::<u32>(), ended, ".{0,40}").prop_map(|(step, ended, text)| Note::Ended { step, ended, text }),
        any::<u32>().prop_map(|step| Note::AwaitsApproval { step }),
        any::<u32>().prop_map(|step| Note::Recorded { step }),
        ".{0,40}".prop_map(|why| Note::Undoing { why }),
        (any::<u32>(), any::<bool>(), ".{0,40}").prop_map(|(step, undone, text)| Note::Undone { step, undone, text }),
        (outcome(), ".{0,40}").prop_map(|(outcome, text)| Note::Closed { outcome, text }),
    ]
}
fn run_op() -> impl Strategy<Value = RunOp> {
    prop_oneof![
        order().prop_map(RunOp::Start),
        (id(), any::<bool>()).prop_map(|(run, rollback)| RunOp::Cancel { run, rollback }),
        id().prop_map(|run| RunOp::Resume { run }),
        id().prop_map(|run| RunOp::Rollback { run }),
        (id(), any::<u64>(), note()).prop_map(|(run, after, note)| RunOp::Note { run, after, note }),
        (id(), any::<u32>(), hash(), any::<bool>()).prop_map(|(run, step, leaf, approve)| RunOp::Vote(Vote {
            run,
            step,
            leaf,
            approve
        })),
    ]
}
prop_compose! {
    fn run_change()(
        id in id(), trace: [u8; 16], issued_at in time(), deadline in time(), op in run_op(), payload in option::of(hash()),
    ) -> RunChange {
        RunChange { id, trace: TraceId::from_bytes(trace), issued_at, deadline, op, payload }
    }
}
prop_compose! {
    fn step_quote()(step: u32, operation in operation(), target in target(), quote in quote()) -> StepQuote {
        StepQuote { step, operation, target, quote }
    }
}
/// What runs add to the bodies of entries.
pub fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        (envelope(), vec(step_quote(), 0..3)).prop_map(|(envelope, quotes)| Body::Run { envelope, quotes }),
        id().prop_map(|run| Body::Lease { run }),
        (id(), outcome(), option::of(id())).prop_map(|(run, outcome, by)| Body::RunOver { run, outcome, by }),
    ]
}

fn effect() -> impl Strategy<Value = Effect> {
    select(vec![Effect::Read, Effect::Idempotent, Effect::Once])
}
prop_compose! {
    fn call()(operation in operation(), target in target(), effect in effect(), args in option::of(payload())) -> Call {
        Call { operation, target, effect, args: args.map_or(Args::Open(Default::default()), Args::Fixed) }
    }
}
fn plan() -> impl Strategy<Value = Plan> {
    let step = (option::of(call()), option::of(call()), option::of(guard()));
    (name(), vec(step, 0..12)).prop_map(|(profile, steps)| {
        let steps = steps.into_iter().enumerate().map(|(place, (call, undo, guard))| Step {
            id: format!("s{place}"),
            needs: vec![],
            skip: None,
            when: vec![],
            act: call.map_or(Act::Nothing, Act::Command),
            confirm: None,
            retries: 0,
            retry_pause_ms: 0,
            timeout_ms: 0,
            on_failure: OnFailure::Stop,
            undo: undo.map_or(Undo::Needless, Undo::Call),
            guard,
        });
        let steps = steps.collect();
        Plan { profile, description: String::new(), vars: Default::default(), concurrency: 1, steps }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn changes_of_runs_open_to_themselves(change in run_change(), key in key()) {
        let envelope = Envelope::decode(&Envelope::seal(&change, &key).unwrap().encode().unwrap()).unwrap();
        prop_assert_eq!(envelope.open::<RunChange>(&key.public()).unwrap(), change);
    }

    #[test]
    fn a_change_has_a_payload_exactly_where_one_belongs(change in run_change()) {
        let has = change.payload.is_some();
        let fits = match &change.op {
            RunOp::Start(_) => has,
            RunOp::Note { .. } => true,
            _ => !has,
        };
        prop_assert!(fits || change.check().is_err());
    }

    #[test]
    fn every_command_of_a_plan_leads_to_its_root_and_no_other_does(
        plan in plan(), pick: prop::sample::Index, other in name(), number: u32,
    ) {
        let tree = plan.tree().unwrap();
        let calls: usize = plan.steps.iter().map(|s| usize::from(s.call().is_some()) + s.undo_calls().len()).sum();
        prop_assert_eq!(tree.leaves.len(), calls);
        for (leaf, path) in &tree.leaves {
            prop_assert_eq!(path.root(leaf.hash().unwrap()).unwrap(), tree.root);
        }
        if tree.leaves.is_empty() {
            prop_assert_eq!(tree.root, Hash::ZERO);
            return Ok(());
        }
        let (leaf, path) = pick.get(&tree.leaves).clone();
        let leads = |leaf: &if_schemas::plan::Leaf| path.root(leaf.hash().unwrap()).unwrap() == tree.root;
        prop_assert!(leads(&leaf));
        let mut changed = vec![leaf.clone(); 6];
        changed[0].step ^= 1 | number;
        changed[1].way ^= 1;
        changed[2].instance = other.clone();
        changed[3].payload = Some(Hash(leaf.payload.map_or([1; 32], |hash| hash.0.map(|byte| !byte))));
        changed[4].phase = if leaf.phase == Phase::Do { Phase::Undo } else { Phase::Do };
        changed[5].effect = if leaf.effect == Effect::Read { Effect::Once } else { Effect::Read };
        for one in changed.iter().filter(|one| **one != leaf) {
            prop_assert!(!leads(one), "{:?} is in the plan too", one);
        }
    }

    #[test]
    fn an_order_is_that_of_its_plan_only(plan in plan(), other in plan(), until in time()) {
        let order = |plan: &Plan| Order {
            profile: plan.profile.clone(),
            delegate: KeyId([1; 16]),
            until,
            root: plan.tree().unwrap().root,
            steps: u32::try_from(plan.steps.len()).unwrap(),
            writes: plan.writes().into_iter().collect(),
            on_conflict: OnConflict::Wait,
            max_cost: None,
            reserve: Reserve::Step,
            session: None,
            cause: None,
        };
        prop_assert_eq!(order(&plan).check_plan(&plan).is_ok(), plan.check().is_ok());
        prop_assert!(plan == other || order(&plan).check_plan(&other).is_err());
        if let Some(without) = plan.writes().first() {
            let mut order = order(&plan);
            order.writes.retain(|target| target != without);
            prop_assert!(order.check_plan(&plan).is_err());
        }
    }
}
