//! `Retry-After` in both forms, deadlines, rate limits, concurrency.

use crate::{
    server::{Script, Server, Step},
    world::{GRACE, LONG, call, engine, message, plan, run, told, with_clock},
};
use if_engine::{Metered, ProgressSink, http::SkippingClock};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tokio::{sync::Semaphore, time::Instant};

const OPERATIONS: &str = r#"
  fire:
    summary: once
    effect: once
    price: { metered: { sku: { fixed: x }, most: { call: { fixed: 1 } }, used: { call: $.n } } }
    request: { method: POST, path: /fire, body: { json: { a: 1 } } }
    response: { result: { n: { path: $.n, required: true } } }
  get:
    summary: a read
    effect: read
    price: free
    request: { method: GET, path: /get }
    response: { result: { n: { path: $.n, required: true } } }
"#;

fn limited(retry_after: &str) -> Script {
    Script::answer(429, &format!("retry-after: {retry_after}\r\n"), "{\"message\": \"slow down\"}")
}

/// 2026-01-01T00:00:00Z, a Thursday.
fn clock() -> Arc<SkippingClock> {
    Arc::new(SkippingClock::new(UNIX_EPOCH + Duration::from_secs(1_767_225_600)))
}

#[tokio::test]
async fn retry_after_is_kept_to_in_both_forms() {
    for (text, want) in [("7", 7), ("Thu, 01 Jan 2026 00:00:09 GMT", 9)] {
        let server = Server::start(vec![limited(text), Script::json(200, json!({"n": 1}))]).await;
        let clock = clock();
        let engine = with_clock(engine(&plan("{}", "{ attempts: 3, base: 10ms }", OPERATIONS), &server), clock.clone());
        // Not done: also what must not happen twice is sent again.
        let (execution, metered) = run(&engine, "chat.fire", json!({})).await;
        assert_eq!((told(&execution).as_str(), server.seen().len()), ("succeeded", 2), "{text}");
        assert_eq!(clock.pauses(), [Duration::from_secs(want)], "{text}");
        assert_eq!(metered, Metered::Known([(if_schemas::price::Unit::Call, 1)].into()));
    }
}

#[tokio::test]
async fn a_time_after_the_deadline_is_not_waited_for() {
    for text in ["120", "Thu, 01 Jan 2026 00:02:00 GMT", "99999999999999999999"] {
        let server = Server::start(vec![limited(text), Script::json(200, json!({"n": 1}))]).await;
        let clock = clock();
        let engine = with_clock(engine(&plan("{}", "{ attempts: 3 }", OPERATIONS), &server), clock.clone());
        let (execution, metered) = run(&engine, "chat.fire", json!({})).await;
        assert_eq!((told(&execution).as_str(), server.seen().len()), ("failed rate_limited", 1), "{text}");
        assert!(message(&execution).contains("slow down; it asks to wait"), "{}", message(&execution));
        assert_eq!((clock.pauses().len(), metered), (0, Metered::Known([].into())));
    }
}

#[tokio::test]
async fn pauses_grow_and_tries_end() {
    let server = Server::start((0..9).map(|_| Script::json(429, json!({}))).collect()).await;
    let clock = clock();
    let retry = "{ attempts: 4, backoff: exponential, base: 100ms, max: 250ms }";
    let engine = with_clock(engine(&plan("{}", retry, OPERATIONS), &server), clock.clone());
    let (execution, _) = run(&engine, "chat.get", json!({})).await;
    assert_eq!((told(&execution).as_str(), server.seen().len()), ("failed rate_limited", 4));
    assert_eq!(clock.pauses(), [100, 200, 250].map(Duration::from_millis));
}

#[tokio::test]
async fn no_answer_before_the_deadline() {
    for (operation, want) in [("chat.get", "failed deadline"), ("chat.fire", "indeterminate deadline")] {
        let server = Server::start(vec![Script::of(vec![Step::Hang])]).await;
        let engine = engine(&plan("{}", "{}", OPERATIONS), &server);
        let call = call(operation, json!({}), Duration::from_secs(1));
        let (execution, metered) = engine.execute(&call, &ProgressSink::none()).await;
        assert!(Instant::now() <= call.deadline + GRACE, "{operation}");
        assert_eq!((told(&execution).as_str(), server.seen().len()), (want, 1));
        assert_ne!(metered, Metered::Known([].into()));
    }
}

#[tokio::test]
async fn rate_and_places_are_shared_by_all_operations() {
    let ok = || Script::json(200, json!({"n": 1}));
    let server = Server::start((0..6).map(|_| ok()).collect()).await;
    let clock = clock();
    let limits = "{ rate: { requests: 1, per: 1s, burst: 2 }, concurrency: 4 }";
    let engine = with_clock(engine(&plan(limits, "{}", OPERATIONS), &server), clock.clone());
    for operation in ["chat.get", "chat.fire", "chat.get", "chat.fire"] {
        assert_eq!(told(&run(&engine, operation, json!({})).await.0), "succeeded");
    }
    // The clock stands still but for the pauses: two at once, then one each second.
    let pauses: Duration = clock.pauses().iter().sum();
    assert!(pauses > Duration::from_millis(1_900) && pauses <= Duration::from_secs(2), "{pauses:?}");
}

#[tokio::test]
async fn no_more_requests_at_once_than_allowed() {
    let gate = Arc::new(Semaphore::new(0));
    let held = || {
        let Script { mut steps, .. } = Script::json(200, json!({"n": 1}));
        steps.insert(0, Step::Wait(gate.clone()));
        Script::of(steps)
    };
    let server = Server::start((0..6).map(|_| held()).collect()).await;
    let engine = engine(&plan("{ concurrency: 2 }", "{}", OPERATIONS), &server);
    let all = (0..6).map(|n| run(&engine, if n % 2 == 0 { "chat.get" } else { "chat.fire" }, json!({})));
    let release = async {
        while server.seen().len() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.seen().len(), 2);
        gate.add_permits(6);
    };
    let (all, ()) = tokio::join!(futures::future::join_all(all), release);
    assert!(all.iter().all(|(e, _)| told(e) == "succeeded"));
    assert_eq!((server.most_at_once(), server.seen().len()), (2, 6));
}

#[tokio::test]
async fn a_full_instance_refuses_at_the_deadline() {
    let server = Server::start(vec![Script::of(vec![Step::Hang]), Script::json(200, json!({"n": 1}))]).await;
    let engine = engine(&plan("{ concurrency: 1 }", "{}", OPERATIONS), &server);
    let slow = call("chat.get", json!({}), LONG);
    let quick = call("chat.fire", json!({}), Duration::from_millis(500));
    let progress = ProgressSink::none();
    tokio::select! {
        _ = engine.execute(&slow, &progress) => panic!("it hangs"),
        (execution, metered) = async {
            while server.seen().is_empty() {
                tokio::task::yield_now().await;
            }
            engine.execute(&quick, &progress).await
        } => {
            assert_eq!((told(&execution).as_str(), metered), ("failed busy", Metered::Known([].into())));
            assert_eq!(server.seen().len(), 1);
        }
    }
}
