//! Work of a run: taken only with an order that an active operator signed and that covers exactly this command.

use super::*;
use if_schemas::{
    Order, Plan, RunChange, RunOp,
    plan::{Act, Args, Call, OnFailure, Phase, Step, Undo},
    run::{OnConflict, Reserve, StepRef},
};

fn conductor() -> SigningKey {
    key(6)
}

fn call(text: &str) -> Call {
    let args = json!({ "text": text }).as_object().unwrap().clone();
    let payload = Payload::new(&Arguments { args, why: None, cause: None }, Salt([5; 16])).unwrap();
    let target = "test/one".parse().unwrap();
    Call { operation: "test.fire".parse().unwrap(), target, effect: Effect::Once, args: Args::Fixed(payload) }
}

/// Two commands: that of the draft, and another one.
fn plan() -> Plan {
    let step = |id: &str, text| Step {
        id: id.into(),
        needs: vec![],
        skip: None,
        when: vec![],
        act: Act::Command(call(text)),
        confirm: None,
        retries: 0,
        retry_pause_ms: 0,
        timeout_ms: 1_000,
        on_failure: OnFailure::Stop,
        undo: Undo::Needless,
        guard: None,
    };
    let steps = vec![step("first", "hi"), step("second", "bye")];
    Plan { profile: name("show"), description: String::new(), vars: Default::default(), concurrency: 1, steps }
}

fn order() -> Order {
    Order {
        profile: name("show"),
        delegate: conductor().id(),
        until: DEADLINE,
        root: plan().tree().unwrap().root,
        steps: 2,
        writes: plan().writes().into_iter().collect(),
        on_conflict: OnConflict::Wait,
        max_cost: None,
        reserve: Reserve::Step,
        session: None,
        cause: None,
    }
}

fn change(op: RunOp) -> RunChange {
    let (id, trace) = (CommandId::from_bytes([50; 16]), draft().command.trace);
    RunChange { id, trace, issued_at: NOW, deadline: DEADLINE, op, payload: Some(Hash([1; 32])) }
}

/// The first command of the plan with its order.
fn of_run() -> Draft {
    let (leaf, path) = plan().tree().unwrap().find(0, Phase::Do, 0).unwrap().clone();
    let (step, phase, way) = (leaf.step, leaf.phase, leaf.way);
    let place = StepRef { run: change(RunOp::Start(order())).id, step, phase, way, open: false, guard: None, path };
    let command = Command { run: Some(Box::new(place)), ..draft().command };
    let order = Envelope::seal(&change(RunOp::Start(order())), &operator()).unwrap();
    Draft { command, signer: conductor(), order: Some(order), ..draft() }
}

fn denied(draft: Draft) -> &'static str {
    match draft.check() {
        Err(IntakeError::Denied { reject, .. }) => reject.code.as_str(),
        other => panic!("not denied: {other:?}"),
    }
}

/// With another order under the same id, signed by `signer`.
fn ordered(signer: &SigningKey, alter: impl FnOnce(&mut RunChange)) -> Draft {
    let mut body = change(RunOp::Start(order()));
    alter(&mut body);
    Draft { order: Some(Envelope::seal(&body, signer).unwrap()), ..of_run() }
}

fn with_order(alter: impl FnOnce(&mut Order)) -> Draft {
    let mut order = order();
    alter(&mut order);
    ordered(&operator(), |body| body.op = RunOp::Start(order))
}

/// With another command in the same place.
fn sent(alter: impl FnOnce(&mut Command)) -> Draft {
    let mut draft = of_run();
    alter(&mut draft.command);
    draft
}

#[test]
fn work_that_its_operator_ordered_is_taken_though_its_sender_has_no_grant() {
    let Intake::Execute(work) = of_run().check().unwrap() else { panic!("not executed") };
    assert_eq!(work.args(), json!({"text": "hi"}).as_object().unwrap());
    let alone = Draft { command: Command { run: None, ..of_run().command }, ..of_run() };
    assert_eq!(denied(alone), "not_allowed");
}

#[test]
fn without_its_order_it_is_not() {
    assert_eq!(denied(Draft { order: None, ..of_run() }), "not_in_order");
}

#[test]
fn an_order_that_no_active_operator_with_the_grant_signed_is_none() {
    assert_eq!(denied(ordered(&key(9), |_| {})), "unknown_key");
    for other in [conductor(), worker(), broker()] {
        assert_eq!(denied(ordered(&other, |_| {})), "not_allowed");
    }
    assert!(matches!(ordered(&admin(), |_| {}).check(), Ok(Intake::Execute(_))), "an admin may do it all");
    let mut view = trust();
    view.extend(&trust_entry(5, TrustOp::Revoke(operator().id()), &admin())).unwrap();
    let error = check_bytes(&of_run().item().to_message().unwrap(), &view, NOW).unwrap_err();
    assert_eq!(error.code(), "key_revoked");
    let mut view = trust();
    view.extend(&trust_entry(5, TrustOp::Revoke(conductor().id()), &admin())).unwrap();
    let error = check_bytes(&of_run().item().to_message().unwrap(), &view, NOW).unwrap_err();
    assert_eq!(error.code(), "key_revoked");
}

#[test]
fn a_forged_order_is_none() {
    // Claims to be the operator's, is signed by the one who carries it out.
    let forged = Envelope::seal(&change(RunOp::Start(order())), &conductor()).unwrap();
    let genuine = of_run().order.unwrap();
    let mut value: serde_json::Value = serde_json::to_value(&forged).unwrap();
    value["key"] = serde_json::to_value(genuine.key()).unwrap();
    let forged: Envelope = serde_json::from_value(value).unwrap();
    assert_eq!(denied(Draft { order: Some(forged), ..of_run() }), "bad_signature");
    // Something else that the operator signed.
    let command = Envelope::seal(&draft().command, &operator()).unwrap();
    assert_eq!(denied(Draft { order: Some(command), ..of_run() }), "malformed");
    let resume = RunOp::Resume { run: CommandId::from_bytes([50; 16]) };
    assert_eq!(denied(ordered(&operator(), |body| body.op = resume)), "not_in_order");
}

#[test]
fn the_order_of_another_run_delegate_time_trace_session_or_plan_does_not_cover_it() {
    assert_eq!(denied(ordered(&operator(), |body| body.id = CommandId::from_bytes([51; 16]))), "not_in_order");
    assert_eq!(denied(ordered(&operator(), |body| body.trace = TraceId::from_bytes([9; 16]))), "not_in_order");
    assert_eq!(denied(with_order(|o| o.delegate = operator().id())), "not_in_order");
    assert_eq!(denied(with_order(|o| o.until = Timestamp(DEADLINE.0 - 1))), "not_in_order");
    assert_eq!(denied(with_order(|o| o.session = Some(name("matchday")))), "not_in_order");
    assert_eq!(denied(with_order(|o| o.root = Hash([7; 32]))), "not_in_order");
    assert_eq!(denied(with_order(|o| o.writes.clear())), "not_in_order");
}

#[test]
fn a_command_that_the_order_does_not_name_is_not_taken() {
    let place = |c: &mut Command, alter: fn(&mut StepRef)| alter(c.run.as_mut().unwrap());
    assert_eq!(denied(sent(|c| place(c, |p| p.step = 1))), "not_in_order");
    assert_eq!(denied(sent(|c| place(c, |p| p.phase = Phase::Undo))), "not_in_order");
    assert_eq!(denied(sent(|c| place(c, |p| p.open = true))), "not_in_order");
    assert_eq!(denied(sent(|c| c.effect = Effect::Idempotent)), "not_in_order");
    assert_eq!(denied(sent(|c| c.deadline = DEADLINE.saturating_add_us(1))), "not_in_order");
    assert_eq!(denied(sent(|c| c.operation = "test.secret".parse().unwrap())), "not_allowed");
    // The arguments of the other step, in the place of the first.
    let Args::Fixed(payload) = call("bye").args else { panic!() };
    let command = Command { payload: payload.hash(), ..of_run().command };
    assert_eq!(denied(Draft { command, payload: Some(payload), ..of_run() }), "not_in_order");
    assert_eq!(denied(Draft { signer: operator(), ..of_run() }), "not_in_order");
}

#[test]
fn a_denial_of_a_run_is_checked_again_with_newer_trust_and_then_answered() {
    let error = Draft { order: None, ..of_run() }.check().unwrap_err();
    assert!(error.may_be_old_trust());
    assert_eq!(refused(refuse_denied(error)), "not_in_order");
}
