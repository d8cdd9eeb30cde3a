//! Changes against a simulated vMix that does wrong: what is claimed must be what is known.
#![allow(clippy::unwrap_used)]

mod common;

use common::{LIMIT, connected, execute, failed, indeterminate, sim, succeeded, together};
use if_harness::vmix::{Fault, FunctionFault, SimOptions, VmixSim, WireFault};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// Enough for every read, short enough to wait for.
const SHORT: Duration = Duration::from_millis(1_200);

const DRIP: WireFault = WireFault::SlowDrip(Duration::from_millis(50));

async fn faulty(fault: FunctionFault) -> (VmixSim, Arc<dyn if_engine::Adapter>) {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    sim.set_fault(Fault::Function(fault));
    (sim, adapter)
}

#[tokio::test]
async fn ok_without_effect_is_failed_with_what_was_observed() {
    let (sim, adapter) = faulty(FunctionFault::Ignored).await;
    let changes = [
        ("vmix.cut", json!({"input": 3}), "Cut of input 3 ", "program is input 1 \"Camera 1\""),
        ("vmix.fade", json!({"input": 3, "duration": 100}), "Fade of input 3 ", "program is input 1 \"Camera 1\""),
        ("vmix.preview", json!({"input": 3}), "PreviewInput of input 3 ", "preview is input 2 \"Camera 2\""),
    ];
    for (operation, args, wanted, observed) in changes {
        let failure = failed(execute(&*adapter, operation, args, SHORT).await, "not_confirmed");
        assert!(failure.message.starts_with(wanted) && failure.message.ends_with(observed), "{}", failure.message);
    }
    assert_eq!(sim.received().len(), 3, "each function is sent once");
}

#[tokio::test]
async fn another_effect_is_failed_with_what_was_observed() {
    let (sim, adapter) = faulty(FunctionFault::WrongEffect).await;
    let failure = failed(execute(&*adapter, "vmix.cut", json!({"input": 3}), SHORT).await, "not_confirmed");
    assert!(failure.message.ends_with("program is input 4 \"Lower Third.gtzip\""), "{}", failure.message);
    assert_eq!(sim.model().program, 4);
}

#[tokio::test]
async fn a_wrong_effect_is_noticed_even_if_program_was_right_before() {
    let (_sim, adapter) = faulty(FunctionFault::WrongEffect).await;
    failed(execute(&*adapter, "vmix.cut", json!({"input": 1}), SHORT).await, "not_confirmed");
}

#[tokio::test]
async fn an_input_on_an_overlay_is_not_on_program() {
    let (sim, adapter) = faulty(FunctionFault::Ignored).await;
    sim.operate(|model| model.overlays[0] = 3);
    assert_eq!(sim.model().tally(), "1210");
    failed(execute(&*adapter, "vmix.cut", json!({"input": 3}), SHORT).await, "not_confirmed");
}

#[tokio::test]
async fn an_effect_after_the_deadline_is_not_success() {
    let sim = sim(SimOptions { delay: LIMIT, ..SimOptions::default() });
    let adapter = connected(&sim).await;
    failed(execute(&*adapter, "vmix.cut", json!({"input": 3}), SHORT).await, "not_confirmed");
}

#[tokio::test]
async fn a_refusal_is_the_providers_error() {
    let (sim, adapter) = faulty(FunctionFault::Refused).await;
    let failure = failed(execute(&*adapter, "vmix.cut", json!({"input": 3}), LIMIT).await, "provider_error");
    assert!(failure.message.contains("Function refused by the simulator"), "{}", failure.message);
    assert_eq!(sim.received().len(), 1);
}

#[tokio::test]
async fn a_lost_connection_is_no_answer_and_the_state_over_http_tells() {
    let (sim, adapter) = faulty(FunctionFault::DropAfter).await;
    let result = succeeded(execute(&*adapter, "vmix.cut", json!({"input": 3}), LIMIT).await);
    assert_eq!((&result["program"], &result["confirmed_by"]), (&json!(3), &json!("http_xml")));
    assert_eq!(sim.received().len(), 1);

    let (sim, adapter) = faulty(FunctionFault::DropBefore).await;
    let failure = failed(execute(&*adapter, "vmix.cut", json!({"input": 3}), SHORT).await, "not_confirmed");
    assert!(failure.message.ends_with("program is input 1 \"Camera 1\""), "{}", failure.message);
    assert_eq!(sim.received().len(), 1, "a function is never sent twice");
}

#[tokio::test]
async fn a_function_never_answered_is_confirmed_by_its_effect() {
    let (sim, adapter) = faulty(FunctionFault::Unanswered).await;
    let result = succeeded(execute(&*adapter, "vmix.cut", json!({"input": 3}), Duration::from_secs(2)).await);
    assert_eq!((&result["program"], &result["confirmed_by"]), (&json!(3), &json!("http_xml")));
    assert_eq!(sim.received().len(), 1);
    // The session cannot be used on: a late answer would be taken for the next one's.
    let closed = tokio::time::timeout(LIMIT, adapter.closed()).await.unwrap();
    assert!(closed.message.ends_with("did not answer FUNCTION within 2 s"), "{}", closed.message);
}

#[tokio::test]
async fn without_any_way_to_read_back_the_outcome_is_unknown() {
    let cases = [
        (FunctionFault::DropAfter, WireFault::HalfOpen),
        (FunctionFault::DropBefore, WireFault::Drop),
        (FunctionFault::Unanswered, WireFault::Garbage),
    ];
    together(cases, async |(function, http)| {
        let (sim, adapter) = faulty(function).await;
        sim.set_fault(Fault::Http(http));
        let unknown = indeterminate(execute(&*adapter, "vmix.cut", json!({"input": 3}), SHORT).await, "no_readback");
        assert!(unknown.message.starts_with("Cut of input 3 "), "{}", unknown.message);
        assert!(unknown.hint.unwrap().contains("before repeating"));
        assert_eq!(sim.received().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_vmix_that_falls_silent_before_the_function_gets_none() {
    let wires = [
        WireFault::HalfOpen,
        WireFault::NeverAnswer,
        DRIP,
        WireFault::Drop,
        WireFault::Garbage,
        WireFault::Flood,
        WireFault::HugeBody,
    ];
    together(wires, async |wire| {
        let sim = sim(SimOptions::default());
        let adapter = connected(&sim).await;
        sim.set_fault(Fault::Wire(wire));
        for operation in ["vmix.cut", "vmix.fade", "vmix.preview"] {
            failed(execute(&*adapter, operation, json!({"input": 3}), SHORT).await, "unreachable");
        }
        assert_eq!(sim.received(), [], "with {wire:?}");
    })
    .await;
}

#[tokio::test]
async fn reads_fail_in_time() {
    together([WireFault::HalfOpen, WireFault::NeverAnswer, DRIP, WireFault::Drop], async |wire| {
        let sim = sim(SimOptions::default());
        let adapter = connected(&sim).await;
        sim.set_fault(Fault::Wire(wire));
        failed(execute(&*adapter, "vmix.status", json!({}), SHORT).await, "unreachable");
        failed(execute(&*adapter, "vmix.inputs", json!({}), SHORT).await, "unreachable");
    })
    .await;
}

#[tokio::test]
async fn without_a_connection_nothing_is_sent() {
    let sim = sim(SimOptions::default());
    let adapter = common::adapter(&sim);
    let failure = failed(execute(&*adapter, "vmix.cut", json!({"input": 3}), LIMIT).await, "unreachable");
    assert_eq!(failure.message, "not connected to vMix; nothing was sent");
    let adapter = connected(&sim).await;
    sim.drop_connections();
    tokio::time::timeout(LIMIT, adapter.closed()).await.unwrap();
    failed(execute(&*adapter, "vmix.cut", json!({"input": 3}), LIMIT).await, "unreachable");
    assert_eq!(sim.received(), []);
}
