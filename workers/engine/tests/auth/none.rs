use crate::support::{Script, bench, context, plan};
use if_manifest::plan::Auth;
use reqwest::header::HeaderMap;
use serde_json::json;

#[tokio::test]
async fn nothing_is_added() {
    let bench = bench(plan(|_| Auth::None), context("https://acme.example", json!({})), Script::silent()).unwrap();
    let request = bench.signed().await.unwrap();
    assert!(request.headers.is_empty());
    assert_eq!(request.url.as_str(), "https://api.acme.example/v1/things");
    assert!(!bench.auth.rejected(&request.headers, &HeaderMap::new()).await);
}
