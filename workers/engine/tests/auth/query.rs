use crate::support::{Script, bench, context, get, plan, soon};
use if_manifest::plan::Auth;
use serde_json::json;

async fn url(before: &str) -> String {
    let plan = plan(|t| Auth::Query { name: "api key".into(), value: t("{{ secret.key }}") });
    let bench = bench(plan, context("https://acme.example", json!({"key": "a&b=ü"})), Script::silent()).unwrap();
    let mut request = get(before);
    for _ in 0..2 {
        bench.auth.apply(&mut request, soon()).await.unwrap();
    }
    request.url.to_string()
}

#[tokio::test]
async fn the_key_is_added_once_and_the_rest_keeps_its_bytes() {
    let key = "api+key=a%26b%3D%C3%BC";
    assert_eq!(url("https://acme.example/x").await, format!("https://acme.example/x?{key}"));
    assert_eq!(
        url("https://acme.example/x?q=a%20b&r&api%20key=old&s=%2f").await,
        format!("https://acme.example/x?q=a%20b&r&s=%2f&{key}")
    );
}
