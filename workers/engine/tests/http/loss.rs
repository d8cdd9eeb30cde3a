//! A connection lost at every class of place × effect × idempotency.

use crate::{
    server::{Script, Server, Step},
    world::{engine, message, plan, run, told},
};
use if_engine::Metered;
use serde_json::json;

const OPERATIONS: &str = r#"
  get:
    summary: a read
    effect: read
    price: { metered: { sku: { fixed: x }, most: { call: { fixed: 1 } }, used: { call: $.n } } }
    params: { text: { type: string, help: text } }
    request: { method: POST, path: /do, body: { json: { text: "{{ args.text }}" } } }
    response: { result: { n: { path: $.n, required: true } } }
  set:
    summary: an idempotent change
    effect: idempotent
    price: { metered: { sku: { fixed: x }, most: { call: { fixed: 1 } }, used: { call: $.n } } }
    params: { text: { type: string, help: text } }
    request: { method: POST, path: /do, body: { json: { text: "{{ args.text }}" } } }
    response: { result: { n: { path: $.n, required: true } } }
  fire:
    summary: once, and the provider knows no key
    effect: once
    price: { metered: { sku: { fixed: x }, most: { call: { fixed: 1 } }, used: { call: $.n } } }
    params: { text: { type: string, help: text } }
    request: { method: POST, path: /do, body: { json: { text: "{{ args.text }}" } } }
    response: { result: { n: { path: $.n, required: true } } }
  charge:
    summary: once, and the provider knows the key
    effect: once
    idempotency: { header: Idempotency-Key }
    price: { metered: { sku: { fixed: x }, most: { call: { fixed: 1 } }, used: { call: $.n } } }
    params: { text: { type: string, help: text } }
    request: { method: POST, path: /do, body: { json: { text: "{{ args.text }}" } } }
    response: { result: { n: { path: $.n, required: true } } }
"#;

/// Where the connection is lost, and what the engine must not take for an answer.
fn places() -> Vec<(&'static str, Script)> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let cut = |read: Option<usize>, bytes: String| Script { read, ..Script::cut(bytes) };
    vec![
        ("before the request was read", cut(Some(1), String::new())),
        ("after a part of the request", cut(Some(40), String::new())),
        ("after the whole request", cut(None, String::new())),
        ("in the status line", cut(None, "HTTP/1.".into())),
        ("in the headers", cut(None, format!("{head}content-le"))),
        ("before the body", cut(None, format!("{head}content-length: 7\r\n\r\n"))),
        ("in the body", cut(None, format!("{head}content-length: 7\r\n\r\n{{\"n\""))),
        ("after a chunk header", cut(None, format!("{head}transfer-encoding: chunked\r\n\r\n7\r\n"))),
        ("before the last chunk", cut(None, format!("{head}transfer-encoding: chunked\r\n\r\n7\r\n{{\"n\":1}}\r\n"))),
    ]
}

fn ok() -> Script {
    Script::json(200, json!({"n": 1}))
}

async fn outcome(operation: &str, scripts: Vec<Script>) -> (String, Metered, Vec<crate::server::Seen>) {
    let server = Server::start(scripts).await;
    let plan = plan("{}", "{ attempts: 2, base: 10ms }", OPERATIONS);
    let (execution, metered) = run(&engine(&plan, &server), operation, json!({"text": "hello"})).await;
    assert!(!message(&execution).contains(crate::world::SECRET));
    (told(&execution), metered, server.seen())
}

#[tokio::test]
async fn what_is_repeatable_is_sent_again() {
    for operation in ["chat.get", "chat.set"] {
        for (place, script) in places() {
            let (told, metered, seen) = outcome(operation, vec![script, ok()]).await;
            assert_eq!((told.as_str(), seen.len()), ("succeeded", 2), "{operation} {place}");
            // The try that was lost may have been charged for.
            assert_eq!(metered, Metered::Unknown, "{operation} {place}");
        }
    }
}

#[tokio::test]
async fn tries_are_bounded() {
    for (place, script) in places() {
        let (told, metered, seen) = outcome("chat.get", vec![script.clone(), script.clone(), ok()]).await;
        assert_eq!((told.as_str(), seen.len()), ("failed no_answer", 2), "{place}");
        assert_eq!(metered, Metered::Unknown);
        let (told, _, seen) = outcome("chat.set", vec![script.clone(), script, ok()]).await;
        assert_eq!((told.as_str(), seen.len()), ("indeterminate lost_after_send", 2), "{place}");
    }
}

#[tokio::test]
async fn what_must_not_happen_twice_is_sent_once() {
    for (place, script) in places() {
        let (told, metered, seen) = outcome("chat.fire", vec![script, ok()]).await;
        assert_eq!((told.as_str(), seen.len()), ("indeterminate lost_after_send", 1), "{place}");
        assert_eq!(metered, Metered::Unknown, "{place}");
    }
}

#[tokio::test]
async fn with_a_key_it_is_sent_again_with_the_same_key() {
    for (place, script) in places() {
        let (told, metered, seen) = outcome("chat.charge", vec![script.clone(), script, ok()]).await;
        assert_eq!((told.as_str(), seen.len()), ("succeeded", 3), "{place}");
        assert_eq!(metered, Metered::Known([(if_schemas::price::Unit::Call, 1)].into()), "{place}");
        let keys: Vec<_> = seen.iter().filter(|s| s.line != "(part)").map(|s| s.header("idempotency-key")).collect();
        assert!(keys.iter().all(|k| k.is_some() && *k == keys[0]), "{place}: {keys:?}");
    }
}

#[tokio::test]
async fn with_a_key_it_is_unknown_only_at_the_deadline() {
    let server = Server::start((0..200).map(|_| Script::cut("")).collect()).await;
    let plan = plan("{}", "{ attempts: 2, base: 20ms, backoff: constant }", OPERATIONS);
    let engine = engine(&plan, &server);
    let call = crate::world::call("chat.charge", json!({"text": "x"}), std::time::Duration::from_secs(1));
    let deadline = call.deadline;
    let (execution, _) = engine.execute(&call, &if_engine::ProgressSink::none()).await;
    assert!(tokio::time::Instant::now() <= deadline + crate::world::GRACE);
    assert_eq!(told(&execution), "indeterminate lost_after_send");
    assert!(server.seen().len() > 2, "{}", server.seen().len());
}

#[tokio::test]
async fn a_refused_connection_did_nothing() {
    for operation in ["chat.get", "chat.fire", "chat.charge"] {
        let server = Server::start(vec![]).await;
        let plan = plan("{}", "{ attempts: 2, base: 10ms }", OPERATIONS);
        let mut config = crate::world::config(&server, None);
        // Bound and not listening: nothing else can take the port while the test runs.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        config.settings.insert("url".into(), json!(url));
        let engine = crate::world::engine_at(&plan, config);
        let (execution, metered) = run(&engine, operation, json!({"text": "x"})).await;
        assert_eq!(told(&execution), "failed unreachable", "{operation}");
        assert_eq!(metered, Metered::Known([].into()), "{operation}");
    }
}

#[tokio::test]
async fn an_earlier_try_that_may_have_been_done_is_not_forgotten() {
    let lost = Script::cut("");
    let refused = Script::json(401, json!({"message": "no"}));
    let (told, ..) = outcome("chat.set", vec![lost.clone(), refused.clone()]).await;
    assert_eq!(told, "indeterminate lost_after_send");
    let (told, ..) = outcome("chat.charge", vec![lost.clone(), refused]).await;
    assert_eq!(told, "indeterminate lost_after_send");
    // What the provider says of the key, it says of every try with it.
    let (told, metered, _) =
        outcome("chat.charge", vec![lost, Script::json(402, json!({"message": "declined"}))]).await;
    assert_eq!((told.as_str(), metered), ("failed provider_error", Metered::Unknown));
}

#[tokio::test]
async fn a_server_error_is_no_proof_that_nothing_was_done() {
    let broken = || Script::json(500, json!({"message": "oops"}));
    for (operation, want, sent) in [
        ("chat.get", "succeeded", 2),
        ("chat.set", "succeeded", 2),
        ("chat.fire", "indeterminate unavailable", 1),
        ("chat.charge", "succeeded", 2),
    ] {
        let (told, _, seen) = outcome(operation, vec![broken(), ok()]).await;
        assert_eq!((told.as_str(), seen.len()), (want, sent), "{operation}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read() {
    for body in ["{\"n\": 1", "", "[]", "{\"n\": null}", "\u{fffd}"] {
        for (operation, want) in [
            ("chat.get", "failed malformed_answer"),
            ("chat.set", "indeterminate malformed_answer"),
            ("chat.fire", "indeterminate malformed_answer"),
            ("chat.charge", "indeterminate malformed_answer"),
        ] {
            let script = Script::answer(200, "content-type: application/json\r\n", body);
            let (told, metered, seen) = outcome(operation, vec![script, ok()]).await;
            assert_eq!((told.as_str(), seen.len(), metered), (want, 1, Metered::Unknown), "{operation} {body:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_http_is_unusable() {
    for bytes in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 999999 X\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let script = Script::of(vec![Step::Send(bytes.into()), Step::Hang]);
        let (told, _, seen) = outcome("chat.fire", vec![script, ok()]).await;
        assert_eq!((told.as_str(), seen.len()), ("indeterminate malformed_answer", 1), "{bytes:?}");
    }
}

#[tokio::test]
async fn the_key_is_the_commands_and_survives_a_restart() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        // A new engine with nothing kept: as after a crash.
        let (_, _, seen) = outcome("chat.charge", vec![ok()]).await;
        keys.push(seen[0].header("idempotency-key").unwrap().to_string());
    }
    assert_eq!(keys[0], keys[1]);
    let id = if_schemas::CommandId::new(1, [7; 10]);
    assert_eq!(keys[0], if_engine::http::idempotency_key(&id));
    assert_ne!(keys[0], if_engine::http::idempotency_key(&if_schemas::CommandId::new(2, [7; 10])));
    let shape: Vec<usize> = keys[0].split('-').map(str::len).collect();
    assert_eq!(shape, [8, 4, 4, 4, 12]);
    assert!(!keys[0].contains(&id.to_string()));
}
