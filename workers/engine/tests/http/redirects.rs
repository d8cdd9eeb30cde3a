//! Redirects: the rules of browsers, never with credentials to another server, never twice.

use crate::{
    server::{Script, Server},
    world::{SECRET, config, engine, engine_at, message, plan, run, told},
};
use serde_json::json;

const OPERATIONS: &str = r#"
  get:
    summary: a read
    effect: read
    price: free
    request: { method: GET, path: /get, headers: { X-Key: "{{ secret.token }}", X-Plain: p } }
    response: { result: { n: { path: $.n, required: true } } }
  search:
    summary: a read that posts
    effect: read
    price: free
    request: { method: POST, path: /search, body: { json: { q: 1 } } }
    response: { result: { n: { path: $.n, required: true } } }
  set:
    summary: idempotent
    effect: idempotent
    price: free
    request: { method: PUT, path: /set, body: { json: { q: 1 } } }
    response: { result: { n: { path: $.n, required: true } } }
  fire:
    summary: once
    effect: once
    price: free
    request: { method: POST, path: /fire, body: { json: { q: 1 } } }
    response: { result: { n: { path: $.n, required: true } } }
  hand:
    summary: a secret in the body
    effect: read
    price: free
    request: { method: POST, path: /hand, body: { json: { key: "{{ secret.token }}" } } }
    response: { result: { n: { path: $.n, required: true } } }
"#;

fn to(status: u16, location: &str) -> Script {
    Script::answer(status, &format!("location: {location}\r\n"), "")
}
fn ok() -> Script {
    Script::json(200, json!({"n": 1}))
}

#[tokio::test]
async fn methods_change_as_in_browsers_and_only_for_reads() {
    for (operation, status, want, lines) in [
        ("chat.get", 302, "succeeded", vec!["GET /get", "GET /new?x=1"]),
        ("chat.search", 301, "succeeded", vec!["POST /search", "GET /new?x=1"]),
        ("chat.search", 303, "succeeded", vec!["POST /search", "GET /new?x=1"]),
        ("chat.search", 307, "succeeded", vec!["POST /search", "POST /new?x=1"]),
        ("chat.set", 302, "succeeded", vec!["PUT /set", "PUT /new?x=1"]),
        ("chat.set", 303, "indeterminate redirected", vec!["PUT /set"]),
        ("chat.fire", 301, "indeterminate redirected", vec!["POST /fire"]),
        ("chat.fire", 302, "indeterminate redirected", vec!["POST /fire"]),
        ("chat.fire", 303, "indeterminate redirected", vec!["POST /fire"]),
        ("chat.fire", 307, "succeeded", vec!["POST /fire", "POST /new?x=1"]),
        ("chat.fire", 308, "succeeded", vec!["POST /fire", "POST /new?x=1"]),
    ] {
        let server = Server::start(vec![to(status, "/new?x=1#part"), ok()]).await;
        let (execution, _) = run(&engine(&plan("{}", "{}", OPERATIONS), &server), operation, json!({})).await;
        assert_eq!(
            (told(&execution).as_str(), server.lines()),
            (want, lines.iter().map(|l| l.to_string()).collect()),
            "{operation} {status}"
        );
        for seen in server.seen() {
            let body = if seen.line.starts_with("GET") { "" } else { "{\"q\":1}" };
            assert_eq!(seen.text(), body, "{operation} {status}");
            assert_eq!(seen.header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
        }
    }
}

#[tokio::test]
async fn credentials_stay_with_their_server() {
    let other = Server::start(vec![ok()]).await;
    let server = Server::start(vec![to(307, &format!("{}/there", other.url))]).await;
    let engine = engine_at(&plan("{}", "{}", OPERATIONS), config(&server, Some(&other)));
    let (execution, _) = run(&engine, "chat.get", json!({})).await;
    assert_eq!(told(&execution), "succeeded");
    assert_eq!((server.lines(), other.lines()), (vec!["GET /get".to_string()], vec!["GET /there".to_string()]));
    let seen = &other.seen()[0];
    assert_eq!((seen.header("authorization"), seen.header("x-key"), seen.header("x-plain")), (None, None, Some("p")));
    assert!(!format!("{seen:?}").contains(SECRET));
}

#[tokio::test]
async fn a_secret_in_the_body_goes_nowhere_else() {
    let other = Server::start(vec![ok()]).await;
    let server = Server::start(vec![to(307, &other.url)]).await;
    let engine = engine_at(&plan("{}", "{}", OPERATIONS), config(&server, Some(&other)));
    let (execution, _) = run(&engine, "chat.hand", json!({})).await;
    assert_eq!((told(&execution).as_str(), other.seen().len()), ("failed redirected", 0));
    assert!(!message(&execution).contains(SECRET));
}

#[tokio::test]
async fn other_hosts_circles_and_chains_are_refused() {
    for (location, want) in [
        ("https://evil.example/x", "failed redirected"),
        ("http://evil.example/", "failed redirected"),
        ("file:///etc/passwd", "failed redirected"),
    ] {
        let server = Server::start(vec![to(302, location), ok()]).await;
        let (execution, _) = run(&engine(&plan("{}", "{}", OPERATIONS), &server), "chat.get", json!({})).await;
        assert_eq!((told(&execution).as_str(), server.seen().len()), (want, 1), "{location}: {}", message(&execution));
    }
    let server = Server::start(vec![to(302, "/a"), to(302, "/get"), ok()]).await;
    let (execution, _) = run(&engine(&plan("{}", "{}", OPERATIONS), &server), "chat.get", json!({})).await;
    assert_eq!((told(&execution).as_str(), server.seen().len()), ("failed redirected", 2));
    let server = Server::start((0..9).map(|n| to(302, &format!("/{n}"))).collect()).await;
    let (execution, _) =
        run(&engine(&plan("{ redirects: 3 }", "{}", OPERATIONS), &server), "chat.get", json!({})).await;
    assert_eq!((told(&execution).as_str(), server.seen().len()), ("failed redirected", 4));
    assert!(message(&execution).contains("more than 3 times"), "{}", message(&execution));
}
