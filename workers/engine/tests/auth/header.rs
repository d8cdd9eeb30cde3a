use crate::support::{Script, assert_hidden, bench, context, plan};
use if_manifest::plan::Auth;
use serde_json::json;

#[tokio::test]
async fn the_key_is_in_the_header_named_and_replaces_what_was_there() {
    let plan = plan(|t| Auth::Header { name: "X-Api-Key".into(), value: t("Key {{ secret.key }}") });
    let bench = bench(plan, context("https://acme.example", json!({"key": "k-77"})), Script::silent()).unwrap();
    let mut request = bench.signed().await.unwrap();
    bench.auth.apply(&mut request, crate::support::soon()).await.unwrap();
    let values: Vec<_> = request.headers.get_all("x-api-key").iter().collect();
    assert_eq!(values, ["Key k-77"]);
    assert_hidden(&format!("{request:?}"), &["k-77"]);
}

#[test]
fn a_name_that_is_none_is_refused() {
    let plan = plan(|t| Auth::Header { name: "not a name".into(), value: t("x") });
    let error = bench(plan, context("https://acme.example", json!({})), Script::silent()).err().expect("refused");
    assert!(error.to_string().contains("not a name"), "{error}");
}
