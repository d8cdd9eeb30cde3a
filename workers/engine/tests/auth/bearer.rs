use crate::support::{Script, assert_hidden, bench, context, plan};
use if_manifest::plan::Auth;
use if_schemas::presence::InstanceState;
use reqwest::header::HeaderMap;
use serde_json::json;

#[tokio::test]
async fn the_token_is_sent_and_not_shown() {
    let plan = plan(|t| Auth::Bearer { token: t("{{ secret.token }}") });
    let bench = bench(plan, context("https://acme.example", json!({"token": "tok-1"})), Script::silent()).unwrap();
    let request = bench.signed().await.unwrap();
    assert_eq!(request.headers["authorization"], "Bearer tok-1");
    assert!(request.headers["authorization"].is_sensitive());
    assert_hidden(&format!("{request:?} {:?}", bench.auth), &["tok-1"]);
    assert!(!bench.auth.rejected(&request.headers, &HeaderMap::new()).await, "the same token again does not help");
}

#[test]
fn a_token_that_cannot_be_sent_is_a_setting_to_correct() {
    for (token, says) in [("", "is empty"), ("tok\nen", "cannot carry")] {
        let plan = plan(|t| Auth::Bearer { token: t("{{ secret.token }}") });
        let error = bench(plan, context("https://acme.example", json!({"token": token})), Script::silent())
            .err()
            .expect("refused");
        assert_eq!(error.state(), InstanceState::BadConfig);
        assert!(error.to_string().contains(says), "{error}");
    }
    let plan = plan(|t| Auth::Bearer { token: t("{{ secret.token }}") });
    let error = bench(plan, context("https://acme.example", json!({})), Script::silent()).err().expect("refused");
    assert_eq!(error.state(), InstanceState::BadConfig);
}
