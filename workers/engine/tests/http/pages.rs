//! Each kind of pagination.

use crate::{
    server::{Script, Server},
    world::{engine, message, plan, run, told},
};
use if_engine::Execution;
use serde_json::{Value, json};

const OPERATIONS: &str = r#"
  cursor:
    summary: by cursor
    effect: read
    price: free
    request: { method: GET, path: /list, query: { kind: a b } }
    response: { list: { items: "$.items[*]", fields: { id: { path: $.id, required: true }, name: $.name } } }
    pagination: { cursor: { from: $.next, param: after, items_max: 5 } }
  body:
    summary: by cursor in the body
    effect: read
    price: free
    request: { method: POST, path: /list, body: { json: { kind: a } } }
    response: { list: { items: $.items } }
    pagination: { cursor: { from: $.next, param: after } }
  offset:
    summary: by offset
    effect: read
    price: free
    request: { method: GET, path: /list }
    response: { list: { items: "$.items[*]" } }
    pagination: { offset: { param: from, size_param: count, size: 2 } }
  page:
    summary: by page
    effect: read
    price: free
    request: { method: GET, path: /list }
    response: { list: { items: "$.items[*]" } }
    pagination: { page: { param: page, size_param: per_page, size: 2, items_max: 4 } }
  link:
    summary: by link
    effect: read
    price: free
    request: { method: GET, path: /list }
    response: { list: { items: "$.items[*]" } }
    pagination: { link: {} }
  single:
    summary: one page
    effect: read
    price: free
    request: { method: GET, path: /list }
    response: { list: { items: "$.items[*]" }, result: { total: $.total } }
"#;

fn page(ids: &[u32], next: Value) -> Script {
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    Script::json(200, json!({"items": items, "next": next, "total": 9}))
}

async fn list(operation: &str, scripts: Vec<Script>) -> (Execution, Vec<String>, Vec<String>) {
    let server = Server::start(scripts).await;
    let (execution, _) = run(&engine(&plan("{}", "{}", OPERATIONS), &server), operation, json!({})).await;
    (execution, server.lines(), server.seen().iter().map(crate::server::Seen::text).collect())
}

fn ids(execution: &Execution) -> (Vec<u64>, bool) {
    let Execution::Succeeded(result) = execution else { panic!("{}", message(execution)) };
    let items = result["items"].as_array().unwrap().iter().map(|i| i["id"].as_u64().unwrap()).collect();
    (items, result["truncated"].as_bool().unwrap())
}

#[tokio::test]
async fn by_cursor() {
    let (got, lines, _) = list("chat.cursor", vec![page(&[1, 2], json!("c=1&x")), page(&[3], json!(""))]).await;
    assert_eq!(ids(&got), (vec![1, 2, 3], false));
    assert_eq!(lines, ["GET /list?kind=a%20b", "GET /list?kind=a%20b&after=c%3D1%26x"]);
    let Execution::Succeeded(result) = got else { unreachable!() };
    assert_eq!(result["items"][0], json!({"id": 1, "name": null}));
}

#[tokio::test]
async fn by_cursor_in_the_body() {
    let (got, lines, bodies) = list("chat.body", vec![page(&[1], json!(7)), page(&[2], Value::Null)]).await;
    assert_eq!(ids(&got), (vec![1, 2], false));
    assert_eq!(lines, ["POST /list", "POST /list"]);
    let bodies: Vec<Value> = bodies.iter().map(|b| serde_json::from_str(b).unwrap()).collect();
    assert_eq!(bodies, [json!({"kind": "a"}), json!({"kind": "a", "after": 7})]);
}

#[tokio::test]
async fn items_are_bounded() {
    let (got, lines, _) =
        list("chat.cursor", vec![page(&[1, 2, 3], json!("a")), page(&[4, 5, 6], json!("b")), page(&[7], json!("c"))])
            .await;
    assert_eq!((ids(&got), lines.len()), ((vec![1, 2, 3, 4, 5], true), 2));
    // All there is, exactly at the bound.
    let (got, ..) = list("chat.cursor", vec![page(&[1, 2, 3, 4, 5], Value::Null)]).await;
    assert_eq!(ids(&got), (vec![1, 2, 3, 4, 5], false));
    let (got, lines, _) = list("chat.page", vec![page(&[1, 2], Value::Null), page(&[3, 4], Value::Null)]).await;
    assert_eq!((ids(&got), lines.len()), ((vec![1, 2, 3, 4], true), 2));
}

#[tokio::test]
async fn by_offset_and_page() {
    let pages = || vec![page(&[1, 2], Value::Null), page(&[3, 4], Value::Null), page(&[], Value::Null)];
    let (got, lines, _) = list("chat.offset", pages()).await;
    assert_eq!(ids(&got), (vec![1, 2, 3, 4], false));
    assert_eq!(lines, ["GET /list?from=0&count=2", "GET /list?count=2&from=2", "GET /list?count=2&from=4"]);
    let (got, lines, _) = list("chat.page", vec![page(&[1, 2], Value::Null), page(&[3], Value::Null)]).await;
    assert_eq!(ids(&got), (vec![1, 2, 3], false));
    assert_eq!(lines, ["GET /list?page=1&per_page=2", "GET /list?per_page=2&page=2"]);
}

fn linked(ids: &[u32], link: &str) -> Script {
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    Script::answer(200, &format!("link: {link}\r\n"), json!({ "items": items }).to_string())
}

#[tokio::test]
async fn by_link() {
    let first = linked(&[1], "</list?p=0>; rel=\"prev\", </list?p=2>; rel=\"next\"");
    let (got, lines, _) = list("chat.link", vec![first, linked(&[2], "</list?p=1>; rel=prev")]).await;
    assert_eq!((ids(&got), lines), ((vec![1, 2], false), vec!["GET /list".into(), "GET /list?p=2".into()]));
    let (got, lines, _) = list("chat.link", vec![linked(&[1], "<https://evil.example/>; rel=next")]).await;
    assert_eq!((told(&got).as_str(), lines.len()), ("failed malformed_answer", 1));
    assert!(message(&got).contains("another server"), "{}", message(&got));
}

#[tokio::test]
async fn circles_are_found() {
    let same = || page(&[1], json!("a"));
    let (got, lines, _) = list("chat.cursor", vec![same(), same(), same(), same()]).await;
    assert_eq!((told(&got).as_str(), lines.len()), ("failed malformed_answer", 2));
    let (got, lines, _) = list("chat.link", (0..4).map(|_| linked(&[1], "</list>; rel=next")).collect()).await;
    assert_eq!((told(&got).as_str(), lines.len()), ("failed malformed_answer", 1));
    let (got, lines, _) = list("chat.offset", (0..4).map(|_| page(&[1, 2], Value::Null)).collect()).await;
    assert_eq!((told(&got).as_str(), lines.len()), ("failed malformed_answer", 2));
}

#[tokio::test]
async fn a_page_that_fails_fails_the_list() {
    let (got, lines, _) = list("chat.cursor", vec![page(&[1], json!("a")), Script::json(404, json!({}))]).await;
    assert_eq!((told(&got).as_str(), lines.len()), ("failed not_found", 2));
    // An item without what it must have.
    let (got, ..) = list("chat.cursor", vec![Script::json(200, json!({"items": [{"name": "x"}]}))]).await;
    assert_eq!(told(&got), "failed malformed_answer");
}

#[tokio::test]
async fn a_list_without_pages() {
    let (got, lines, _) = list("chat.single", vec![page(&[1, 2], json!("a"))]).await;
    assert_eq!((ids(&got), lines.len()), ((vec![1, 2], false), 1));
    let Execution::Succeeded(result) = got else { unreachable!() };
    assert_eq!(result["total"], 9);
}
