//! Server-sent events and JSON lines.

use crate::{
    server::{Script, Server, Step},
    world::{LONG, SECRET, call, engine, message, plan, run, told},
};
use if_engine::{Execution, Metered, ProgressSink};
use if_schemas::price::Unit;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Semaphore;

const OPERATIONS: &str = r#"
  sse:
    summary: complete
    effect: once
    price: { metered: { sku: { fixed: x }, most: { input_token: { fixed: 9 }, output_token: { fixed: 9 } }, used: { input_token: $.usage.in, output_token: $.usage.out } } }
    request: { method: POST, path: /sse, body: { json: { a: 1 } } }
    response:
      format: sse
      stream: { text: $.delta, done: "[DONE]", error: $.error.message }
      result: { model: $.model }
  lines:
    summary: complete
    effect: read
    price: free
    request: { method: POST, path: /lines, body: { json: { a: 1 } } }
    response:
      format: json_lines
      stream: { text: $.delta, done_when: $.done }
"#;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const WHOLE: &str = ": hi\ndata: {\"delta\": \"He\", \"model\": \"m\", \"usage\": {\"in\": 5, \"out\": 1}}\r\n\r\ndata: {\"delta\":\n\
     data:  \"llo\", \"usage\": {\"out\": 2}}\n\ndata: [DONE]\n\n";

async fn stream(operation: &str, script: Script) -> (Execution, Metered, usize) {
    let server = Server::start(vec![script]).await;
    let engine = engine(&plan("{ response_bytes: 5000 }", "{ attempts: 3, base: 10ms }", OPERATIONS), &server);
    let (execution, metered) = run(&engine, operation, json!({})).await;
    (execution, metered, server.seen().len())
}

#[tokio::test]
async fn text_is_joined_and_the_last_values_count() {
    let (got, metered, _) = stream("chat.sse", Script::cut(format!("{HEAD}{WHOLE}"))).await;
    assert_eq!(got, Execution::Succeeded(json!({"text": "Hello", "model": "m"})));
    assert_eq!(metered, Metered::Known([(Unit::InputToken, 5), (Unit::OutputToken, 2)].into()));
    let lines = "{\"delta\": \"a\", \"done\": false}\n{\"delta\": \"b\", \"done\": true}\n{\"delta\": \"after\"}\n";
    let (got, metered, _) = stream("chat.lines", Script::cut(format!("{HEAD}{lines}"))).await;
    assert_eq!((got, metered), (Execution::Succeeded(json!({"text": "ab"})), Metered::Nothing));
}

#[tokio::test]
async fn text_appears_as_it_is_made() {
    let gate = Arc::new(Semaphore::new(0));
    let send = |text: &str| Step::Send(text.as_bytes().to_vec());
    let (first, second) = WHOLE.split_at(WHOLE.find("data: {\"delta\":\n").unwrap());
    let script = Script::of(vec![send(HEAD), send(first), Step::Wait(gate.clone()), send(second)]);
    let server = Server::start(vec![script]).await;
    let engine = engine(&plan("{}", "{}", OPERATIONS), &server);
    let (progress, mut reports) = ProgressSink::channel();
    let call = call("chat.sse", json!({}), LONG);
    let watch = async {
        // The rest is sent only after the first text was seen.
        let (_, data) = reports.recv().await.unwrap();
        gate.add_permits(1);
        data.unwrap()
    };
    let ((execution, _), first) = tokio::join!(engine.execute(&call, &progress), watch);
    assert_eq!((told(&execution).as_str(), first), ("succeeded", json!({"text": "He"})));
    drop(progress);
    let (_, rest) = reports.recv().await.unwrap();
    assert_eq!((rest, reports.recv().await), (Some(json!({"text": "llo"})), None));
}

#[tokio::test]
async fn a_secret_cut_in_two_by_the_stream_is_not_shown() {
    let (one, two) = SECRET.split_at(9);
    let gate = Arc::new(Semaphore::new(0));
    let event = |text: &str| format!("data: {}\n\n", json!({ "delta": text }));
    let send = |text: String| Step::Send(text.into_bytes());
    let first = format!("{HEAD}{}", event(&format!("It is {one}")));
    let second = format!("{}{}data: [DONE]\n\n", event(two), event(" indeed, hunter"));
    let server = Server::start(vec![Script::of(vec![send(first), Step::Wait(gate.clone()), send(second)])]).await;
    let engine = engine(&plan("{}", "{}", OPERATIONS), &server);
    let (progress, mut reports) = ProgressSink::channel();
    let call = call("chat.sse", json!({}), LONG);
    let watch = async {
        let mut shown = String::new();
        while let Some((_, data)) = reports.recv().await {
            shown += data.unwrap()["text"].as_str().unwrap();
            // The second half is sent only after what can be shown of the first was.
            gate.add_permits(1);
        }
        shown
    };
    let execute = async {
        let done = engine.execute(&call, &progress).await;
        drop(progress);
        done
    };
    let ((execution, _), shown) = tokio::join!(execute, watch);
    assert_eq!(shown, "It is [secret] indeed, hunter");
    let Execution::Succeeded(result) = execution else { panic!("{execution:?}") };
    assert_eq!(result["text"], shown);
}

#[tokio::test]
async fn a_stream_that_is_not_whole_is_no_success() {
    for cut in 1..WHOLE.find("data: [DONE]").unwrap() + "data: [DONE]".len() {
        let (got, metered, sent) = stream("chat.sse", Script::cut(format!("{HEAD}{}", &WHOLE[..cut]))).await;
        assert_eq!(
            (told(&got).as_str(), metered, sent),
            ("indeterminate stream_interrupted", Metered::Unknown, 1),
            "{cut}"
        );
        let said = cut > WHOLE.find("\r\n\r\n").unwrap() + 2;
        assert_eq!(message(&got).contains("it had said: He"), said, "{cut}: {}", message(&got));
    }
}

#[tokio::test]
async fn events_that_cannot_be_read() {
    for body in ["data: {\"delta\": \n\n", "data: \u{0}\n\n", "data: {}\n\ndata: nonsense\n\ndata: [DONE]\n\n"] {
        let (got, metered, sent) = stream("chat.sse", Script::cut(format!("{HEAD}{body}"))).await;
        assert_eq!(
            (told(&got).as_str(), metered, sent),
            ("indeterminate stream_interrupted", Metered::Unknown, 1),
            "{body}"
        );
    }
    let mut bytes = format!("{HEAD}data: ").into_bytes();
    bytes.extend(b"\xff\n\n");
    let (got, ..) = stream("chat.sse", Script::cut(bytes)).await;
    assert_eq!(told(&got), "indeterminate stream_interrupted");
    let (got, ..) = stream("chat.lines", Script::cut(format!("{HEAD}{{\"delta\": \"a\"}}\nnot json\n"))).await;
    assert_eq!(told(&got), "failed stream_interrupted");
    let long = format!("{HEAD}data: {{\"delta\": \"{}\"}}\n\n", "x".repeat(6_000));
    let (got, ..) = stream("chat.sse", Script::cut(long)).await;
    assert!(message(&got).contains("more than 5000 bytes"), "{}", message(&got));
}

#[tokio::test]
async fn an_error_in_the_stream_is_the_providers() {
    let text = format!("{HEAD}data: {{\"delta\": \"He\"}}\n\ndata: {{\"error\": {{\"message\": \"overloaded\"}}}}\n\n");
    let (got, metered, sent) = stream("chat.sse", Script::cut(text)).await;
    assert_eq!((told(&got).as_str(), metered, sent), ("failed provider_error", Metered::Unknown, 1));
    assert!(message(&got).contains("overloaded; it had said: He"), "{}", message(&got));
}

#[tokio::test]
async fn what_is_no_success_is_no_stream() {
    let (got, metered, sent) = stream("chat.sse", Script::json(400, json!({"error": {"message": "no model"}}))).await;
    assert_eq!((told(&got).as_str(), metered, sent), ("failed provider_error", Metered::Known([].into()), 1));
    assert!(message(&got).contains("no model"), "{}", message(&got));
}
