//! The runner of a provider's cases: what passes, and that every difference is found.

use crate::world::plan;
use if_engine::http::cases::run_case;
use if_manifest::cases::Case;
use serde_json::{Value, json};

const OPERATIONS: &str = r#"
  charge:
    summary: charge
    effect: once
    idempotency: { header: Idempotency-Key }
    price: { metered: { sku: { fixed: x }, most: { call: { fixed: 1 } }, used: { call: $.n } } }
    params: { amount: { type: integer, required: true, help: how much } }
    request: { method: POST, path: /charges, query: { b: "2", a: "1" }, body: { form: { amount: "{{ args.amount }}", c: d } } }
    response: { result: { id: { path: $.id, required: true }, more: $.more } }
"#;

fn case() -> Value {
    json!({
        "name": "a charge",
        "call": {"operation": "chat.charge", "args": {"amount": 5}, "instance": {"url": "https://acme.example", "token": "t"}},
        "expect": [
            {"method": "POST", "url": "https://acme.example/charges?a=1&b=2", "headers": {"authorization": "Bearer t"}, "body": "c=d&amount=5"},
            {"method": "POST", "url": "https://acme.example/charges?a=1&b=2", "body": {"amount": "5", "c": "d"}},
            {"method": "POST", "url": "https://acme.example/charges?a=1&b=2"}
        ],
        "answers": [
            {"status": 429, "headers": {"retry-after": "7"}},
            {"fails": "lost"},
            {"status": 200, "body_json": {"id": "ch_1", "n": 1}}
        ],
        "outcome": {"status": "succeeded", "result": {"id": "ch_1", "more": null}, "usage": {"call": 1}}
    })
}

type Change = fn(&mut Value);

async fn differences(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut value = case();
    change(&mut value);
    let case: Case = serde_json::from_value(value).unwrap();
    run_case(&plan("{}", "{}", OPERATIONS), &case).await.differences
}

#[tokio::test]
async fn a_case_passes_without_waiting() {
    assert_eq!(differences(|_| ()).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_difference_is_found() {
    let cases: [(Change, &str); 12] = [
        (|c| c["expect"][0]["method"] = json!("PUT"), "request 1: method is POST"),
        (|c| c["expect"][0]["url"] = json!("https://acme.example/charges?a=1"), "request 1: URL is"),
        (|c| c["expect"][1]["headers"] = json!({"authorization": "Bearer u"}), "request 2: header authorization"),
        (|c| c["expect"][0]["body"] = json!("c=d&amount=6"), "request 1: body is"),
        (|c| c["expect"][1]["body"] = json!({"amount": "5"}), "request 2: body is"),
        (|c| c["expect"] = json!([c["expect"][0], c["expect"][1]]), "request 3: POST /charges was not expected"),
        (
            |c| c["answers"] = json!([c["answers"][2]]),
            "request 2: POST https://acme.example/charges?a=1&b=2 was not sent",
        ),
        (
            |c| c["answers"] = json!([c["answers"][0], c["answers"][1], c["answers"][2], c["answers"][2]]),
            "1 of the answers were not asked for",
        ),
        (|c| c["outcome"]["result"] = json!({"id": "ch_2"}), "result is {\"id\":\"ch_1\",\"more\":null}, expected"),
        (|c| c["outcome"]["usage"] = json!({"call": 2}), "usage is {\"call\":1}"),
        (|c| c["answers"][2]["status"] = json!(402), "status is Failed (provider_error"),
        (|c| c["call"]["args"] = json!({}), "needs amount"),
    ];
    for (change, want) in cases {
        let found = differences(change).await;
        assert!(found.iter().any(|d| d.contains(want)), "{want}: {found:?}");
    }
}
