//! Sizes and times that a server may not exceed.

use crate::{
    server::{Script, Server, Step},
    world::{GRACE, call, engine, message, plan, run, told},
};
use if_engine::ProgressSink;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

const OPERATIONS: &str = r#"
  get:
    summary: a read
    effect: read
    price: free
    request: { method: GET, path: /get }
    response: { result: { n: { path: $.n, required: true } } }
  fire:
    summary: once
    effect: once
    price: free
    request: { method: POST, path: /fire, body: { json: { a: 1 } } }
    response: { result: { n: { path: $.n, required: true } } }
"#;
const LIMITS: &str = "{ response_bytes: 1000, header_bytes: 2000, first_byte: 5s, idle: 5s }";

async fn told_of(script: Script) -> [(String, String); 2] {
    let mut all = Vec::new();
    for operation in ["chat.get", "chat.fire"] {
        let server = Server::start(vec![script.clone()]).await;
        let engine = engine(&plan(LIMITS, "{ attempts: 1 }", OPERATIONS), &server);
        let (execution, _) = run(&engine, operation, json!({})).await;
        assert_eq!(server.seen().len(), 1);
        all.push((told(&execution), message(&execution)));
    }
    [all[0].clone(), all[1].clone()]
}

#[tokio::test]
async fn what_is_too_large_is_not_read() {
    let body = format!("{{\"n\": \"{}\"}}", "x".repeat(2_000));
    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let header = format!("x-long: {}\r\n", "y".repeat(3_000));
    let many: String = (0..300).map(|n| format!("x-{n}: y\r\n")).collect();
    for (what, script) in [
        ("content-length", Script::answer(200, "", &body)),
        (
            "announced alone",
            Script::of(vec![
                Step::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec()),
                Step::Hang,
            ]),
        ),
        ("chunked", Script::of(vec![Step::Send(chunked.into_bytes()), Step::Hang])),
        ("until the end", Script::cut(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}"))),
        ("one header", Script::answer(200, &header, "{\"n\":1}")),
        ("many headers", Script::answer(200, &many, "{\"n\":1}")),
        ("a gzip nobody asked for", Script::answer(200, "content-encoding: gzip\r\n", b"\x1f\x8b\x08garbage")),
    ] {
        let [(read, message), (once, _)] = told_of(script).await;
        assert_eq!(
            (read.as_str(), once.as_str()),
            ("failed malformed_answer", "indeterminate malformed_answer"),
            "{what}: {message}"
        );
    }
}

#[tokio::test]
async fn slow_servers_are_given_up() {
    for (what, script) in [
        ("no head", Script::of(vec![Step::Hang])),
        ("half a head", Script::of(vec![Step::Send(b"HTTP/1.1 200 OK\r\nx-".to_vec()), Step::Hang])),
        (
            "half a body",
            Script::of(vec![Step::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()), Step::Hang]),
        ),
    ] {
        let limits = "{ first_byte: 150ms, idle: 150ms, connect: 1s }";
        let server = Server::start(vec![script]).await;
        let engine = engine(&plan(limits, "{ attempts: 1 }", OPERATIONS), &server);
        let (execution, _) = run(&engine, "chat.fire", json!({})).await;
        assert_eq!((told(&execution).as_str(), server.seen().len()), ("indeterminate lost_after_send", 1), "{what}");
    }
}

#[tokio::test]
async fn a_drip_that_never_stops_ends_at_the_deadline() {
    for head in ["HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
        let drop = Arc::new(Semaphore::new(0));
        let mut steps = vec![Step::Send(head.into())];
        for n in 0..900 {
            let text = if head.ends_with("\r\n\r\n") { "x".into() } else { format!("x-{n}: y\r\n") };
            steps.extend([Step::Wait(drop.clone()), Step::Send(text.into())]);
        }
        let server = Server::start(vec![Script::of(steps)]).await;
        // Each drop comes well within the idle time.
        let engine = engine(&plan("{ first_byte: 20s, idle: 20s }", "{}", OPERATIONS), &server);
        let call = call("chat.get", json!({}), Duration::from_millis(900));
        let mut every = tokio::time::interval(Duration::from_millis(10));
        let drip = async {
            loop {
                every.tick().await;
                drop.add_permits(1);
            }
        };
        let progress = ProgressSink::none();
        let execution = tokio::select! {
            (execution, _) = engine.execute(&call, &progress) => execution,
            () = drip => unreachable!(),
        };
        assert!(tokio::time::Instant::now() <= call.deadline + GRACE);
        assert_eq!((told(&execution).as_str(), server.seen().len()), ("failed deadline", 1));
    }
}
