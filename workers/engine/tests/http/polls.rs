//! Work that is asked for until it is done.

use crate::{
    server::{Script, Server},
    world::{GRACE, call, engine, message, plan, run, told},
};
use if_engine::{Execution, Metered, ProgressSink};
use serde_json::{Value, json};
use std::time::Duration;

const OPERATIONS: &str = r#"
  make:
    summary: make it
    effect: once
    price: { metered: { sku: { fixed: x }, most: { call: { fixed: 1 } }, used: { call: $.cost } } }
    request: { method: POST, path: /jobs, body: { json: { a: 1 } } }
    response: { result: { ip: { path: $.job.ip, required: true } } }
    poll:
      created: { id: $.job.id }
      request: { method: GET, path: "/jobs/{{ created.id }}" }
      every: 10ms
      status: $.job.state
      done: [ready]
      failed: [broken]
      message: $.job.why
"#;

fn job(state: &str, more: Value) -> Script {
    let mut job = json!({"id": "a/b", "state": state});
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Script::json(200, json!({"job": job, "cost": 3}))
}

async fn make(scripts: Vec<Script>) -> (Execution, Metered, Vec<String>) {
    let server = Server::start(scripts).await;
    let engine = engine(&plan("{}", "{ attempts: 2, base: 10ms }", OPERATIONS), &server);
    let (execution, metered) = run(&engine, "chat.make", json!({})).await;
    (execution, metered, server.lines())
}

#[tokio::test]
async fn it_is_asked_until_it_is_done() {
    let none = json!({});
    let (got, metered, lines) =
        make(vec![job("new", none.clone()), job("new", none), job("ready", json!({"ip": "10.0.0.1"}))]).await;
    assert_eq!(got, Execution::Succeeded(json!({"ip": "10.0.0.1"})));
    assert_eq!(metered, Metered::Known([(if_schemas::price::Unit::Call, 3)].into()));
    assert_eq!(lines, ["POST /jobs", "GET /jobs/a%2Fb", "GET /jobs/a%2Fb"]);
}

#[tokio::test]
async fn what_fails_says_why() {
    let (got, metered, lines) = make(vec![job("new", json!({})), job("broken", json!({"why": "no room"}))]).await;
    assert_eq!((told(&got).as_str(), lines.len(), metered), ("failed provider_error", 2, Metered::Unknown));
    assert!(message(&got).contains("broken: no room") && message(&got).contains("a/b"), "{}", message(&got));
}

#[tokio::test]
async fn once_begun_nothing_else_is_a_failure() {
    for script in [Script::json(404, json!({})), Script::json(401, json!({})), Script::json(200, json!({}))] {
        let (got, metered, lines) = make(vec![job("new", json!({})), script]).await;
        assert!(told(&got).starts_with("indeterminate "), "{}", told(&got));
        assert!(message(&got).contains("it was begun") && message(&got).contains("a/b"), "{}", message(&got));
        assert_eq!((lines.len(), metered), (2, Metered::Unknown));
    }
    // Questions change nothing: a lost one is asked again.
    let (got, _, lines) = make(vec![job("new", json!({})), Script::cut(""), job("ready", json!({"ip": "x"}))]).await;
    assert_eq!((told(&got).as_str(), lines.len()), ("succeeded", 3));
}

#[tokio::test]
async fn the_deadline_ends_the_questions() {
    let server = Server::start((0..500).map(|_| job("new", json!({}))).collect()).await;
    let engine = engine(&plan("{}", "{}", OPERATIONS), &server);
    let call = call("chat.make", json!({}), Duration::from_millis(900));
    let (got, metered) = engine.execute(&call, &ProgressSink::none()).await;
    assert!(tokio::time::Instant::now() <= call.deadline + GRACE);
    assert_eq!((told(&got).as_str(), metered), ("indeterminate deadline", Metered::Unknown));
    assert!(message(&got).contains("a/b"), "{}", message(&got));
    assert_eq!(server.lines().iter().filter(|l| l.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn work_without_a_name_cannot_be_asked_for() {
    let (got, _, lines) = make(vec![Script::json(200, json!({"job": {}}))]).await;
    assert_eq!((told(&got).as_str(), lines.len()), ("indeterminate malformed_answer", 1));
}
