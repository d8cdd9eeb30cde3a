use crate::support::{Script, assert_hidden, bench, context, plan};
use if_manifest::plan::Auth;
use serde_json::json;

async fn sent(username: &str, password: &str) -> String {
    let plan = plan(|t| Auth::Basic { username: t("{{ secret.username }}"), password: t("{{ secret.password }}") });
    let secrets = json!({"username": username, "password": password});
    let bench = bench(plan, context("https://acme.example", secrets), Script::silent()).unwrap();
    let request = bench.signed().await.unwrap();
    assert_hidden(&format!("{request:?}"), &["QWxhZGRpbjpvcGVuIHNlc2FtZQ"]);
    request.headers["authorization"].to_str().unwrap().to_string()
}

/// RFC 7617 sections 2 and 2.1; a key without password as payment providers have it.
#[tokio::test]
async fn the_vectors_of_the_rfc() {
    assert_eq!(sent("Aladdin", "open sesame").await, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_eq!(sent("test", "123£").await, "Basic dGVzdDoxMjPCow==");
    assert_eq!(sent("sk_test", "").await, "Basic c2tfdGVzdDo=");
    assert_eq!(sent("a", "b:c").await, "Basic YTpiOmM=");
}

#[test]
fn a_colon_in_the_user_name_would_shift_the_password() {
    let plan = plan(|t| Auth::Basic { username: t("a:b"), password: t("c") });
    let error = bench(plan, context("https://acme.example", json!({})), Script::silent()).err().expect("refused");
    assert!(error.to_string().contains("colon"), "{error}");
}
