//! Vectors of RFC 4231 (SHA-2) and RFC 2202 (SHA-1).

use crate::support::{
    Bench, NOW, Script, answer_head, assert_hidden, bench, context, get, header, http_date, plan, soon,
};
use if_engine::auth::AuthError;
use if_manifest::{
    plan::{Auth, Hmac},
    raw::{HmacAlgorithm, KeyEncoding, SignatureEncoding},
};
use if_schemas::presence::InstanceState;
use serde_json::json;

const ASKED: &str = "what do ya want for nothing?";
const SHA256: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

fn with(
    algorithm: HmacAlgorithm,
    key: (&str, KeyEncoding),
    encoding: SignatureEncoding,
    message: &str,
) -> Result<Bench, AuthError> {
    let plan = plan(|t| {
        Auth::Hmac(Box::new(Hmac {
            algorithm,
            key: t("{{ secret.key }}"),
            key_encoding: key.1,
            encoding,
            message: t(message),
            headers: vec![
                ("X-Signature".into(), t("v1={{ signature }}")),
                ("X-Stamp".into(), t("{{ request.timestamp }};{{ request.timestamp_ms }};{{ request.nonce }}")),
            ],
        }))
    });
    bench(plan, context("https://acme.example", json!({"key": key.0})), Script::silent())
}

async fn signature(
    algorithm: HmacAlgorithm,
    key: (&str, KeyEncoding),
    encoding: SignatureEncoding,
    message: &str,
) -> String {
    let request = with(algorithm, key, encoding, message).unwrap().signed().await.unwrap();
    assert!(request.headers["x-signature"].is_sensitive());
    header(&request, "x-signature").strip_prefix("v1=").unwrap().to_string()
}

#[tokio::test]
async fn the_vectors_of_the_rfcs() {
    use HmacAlgorithm::{Sha1, Sha256, Sha512};
    use SignatureEncoding::{Base64, Hex};
    let jefe = ("Jefe", KeyEncoding::Text);
    assert_eq!(signature(Sha1, jefe, Hex, ASKED).await, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_eq!(signature(Sha256, jefe, Hex, ASKED).await, SHA256);
    assert_eq!(
        signature(Sha512, jefe, Hex, ASKED).await,
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
    );
    assert_eq!(signature(Sha256, jefe, Base64, ASKED).await, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    let hi = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
    let hex = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";
    assert_eq!(signature(Sha256, (hex, KeyEncoding::Hex), Hex, "Hi There").await, hi);
    assert_eq!(signature(Sha256, ("CwsLCwsLCwsLCwsLCwsLCwsLCws=", KeyEncoding::Base64), Hex, "Hi There").await, hi);
}

/// The message is made of the request, seen through a header that repeats it.
#[tokio::test]
async fn everything_of_the_request_can_be_signed() {
    let message = "{{ request.method }} {{ request.path }} {{ request.body }} {{ request.body_sha256 }} {{ request.timestamp }} {{ request.timestamp_ms }}";
    let key = ("k", KeyEncoding::Text);
    let bench = with(HmacAlgorithm::Sha256, key, SignatureEncoding::Hex, message).unwrap();
    let mut request = get("https://api.acme.example/a%20b?x=1&y=%2f");
    request.body = ASKED.into();
    bench.auth.apply(&mut request, soon()).await.unwrap();
    let hash = hex::encode(ring::digest::digest(&ring::digest::SHA256, ASKED.as_bytes()));
    let literal = format!("GET /a%20b?x=1&y=%2f {ASKED} {hash} {NOW} {NOW}000");
    let expected = signature(HmacAlgorithm::Sha256, key, SignatureEncoding::Hex, &literal).await;
    assert_eq!(header(&request, "x-signature"), format!("v1={expected}"));
    let stamp = header(&request, "x-stamp");
    assert!(stamp.starts_with(&format!("{NOW};{NOW}000;")), "{stamp}");
    bench.auth.apply(&mut request, soon()).await.unwrap();
    assert_ne!(header(&request, "x-stamp"), stamp, "a nonce is used once");
    assert_eq!(request.headers.get_all("x-signature").iter().count(), 1);
}

#[tokio::test]
async fn a_body_that_is_no_text_can_be_signed_by_its_hash_only() {
    let key = ("k", KeyEncoding::Text);
    for (message, fits) in [("{{ request.body }}", false), ("{{ request.body_sha256 }}", true)] {
        let bench = with(HmacAlgorithm::Sha256, key, SignatureEncoding::Hex, message).unwrap();
        let mut request = get("https://api.acme.example/");
        request.body = vec![0xff, 0xfe].into();
        assert_eq!(bench.auth.apply(&mut request, soon()).await.is_ok(), fits, "{message}");
    }
}

#[test]
fn a_key_in_another_encoding_is_a_setting_to_correct() {
    for encoding in [KeyEncoding::Hex, KeyEncoding::Base64] {
        let key = ("zz-not-it", encoding);
        let error = with(HmacAlgorithm::Sha256, key, SignatureEncoding::Hex, "m").err().expect("refused");
        assert_eq!(error.state(), InstanceState::BadConfig);
        assert_hidden(&format!("{error} {error:?}"), &["zz-not-it"]);
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_set_right_by_the_refusal() {
    for off in [-3600, 3600] {
        let key = ("k", KeyEncoding::Text);
        let bench = with(HmacAlgorithm::Sha256, key, SignatureEncoding::Hex, "{{ request.timestamp }}").unwrap();
        let request = bench.signed().await.unwrap();
        assert!(bench.auth.rejected(&request.headers, &answer_head("date", &http_date(NOW + off))).await);
        let stamp = header(&bench.signed().await.unwrap(), "x-stamp");
        assert!(stamp.starts_with(&format!("{};", NOW + off)), "{stamp}");
    }
}
