//! The vectors are those of AWS's Signature Version 4 test suite and of its documentation of S3. Values marked so were
//! calculated with a signer of a few lines on Python's `hmac` and `hashlib`, which reproduces the published ones too.

use crate::support::{
    Bench, Script, TestClock, answer_head, assert_hidden, context, get, header, http_date, plan, soon,
};
use if_engine::{
    Authenticator, Outgoing,
    auth::{AuthError, MemoryTokenStore},
};
use if_manifest::plan::{Auth, AwsSigv4};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderValue},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// 2015-08-30T12:36:00Z
const SUITE: i64 = 1_440_938_160;
/// 2013-05-24T00:00:00Z
const S3: i64 = 1_369_353_600;
const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

struct With {
    at: i64,
    id: &'static str,
    key: &'static str,
    token: Option<&'static str>,
    region: &'static str,
    service: &'static str,
}

const SUITE_KEY: With =
    With { at: SUITE, id: "AKIDEXAMPLE", key: KEY, token: None, region: "us-east-1", service: "service" };
const EC2: With = With { region: "eu-west-1", service: "ec2", ..SUITE_KEY };

fn with(with: With) -> Bench {
    let plan = plan(|t| {
        Auth::AwsSigv4(Box::new(AwsSigv4 {
            access_key_id: t("{{ secret.id }}"),
            secret_access_key: t("{{ secret.key }}"),
            session_token: Some(t("{{ secret.token }}")),
            region: t("{{ secret.region }}"),
            service: t("{{ secret.service }}"),
        }))
    });
    let secrets =
        json!({"id": with.id, "key": with.key, "token": with.token, "region": with.region, "service": with.service});
    let (script, clock) = (Script::silent(), TestClock::at(with.at));
    let auth = Authenticator::new(
        Arc::new(plan),
        context("https://acme.example", secrets),
        script.clone(),
        clock.clone(),
        Arc::new(MemoryTokenStore::default()),
        Arc::new(crate::support::Requests),
    );
    Bench { auth: Arc::new(auth.unwrap()), script, clock }
}

async fn sign(bench: &Bench, request: &mut Outgoing) -> Result<String, AuthError> {
    bench.auth.apply(request, soon()).await?;
    let header = header(request, "authorization");
    assert!(request.headers["authorization"].is_sensitive());
    Ok(header.split("SignedHeaders=").nth(1).unwrap().replace(", Signature=", " "))
}

fn post(url: &str, body: &'static str) -> Outgoing {
    Outgoing { method: Method::POST, body: body.into(), ..get(url) }
}

#[tokio::test]
async fn the_vectors_of_the_suite() {
    for (mut request, signature) in [
        (get("https://example.amazonaws.com/"), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            get("https://example.amazonaws.com/?Param2=value2&Param1=value1"),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            post("https://example.amazonaws.com/", ""),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
    ] {
        let signed = sign(&with(SUITE_KEY), &mut request).await.unwrap();
        assert_eq!(signed, format!("host;x-amz-date {signature}"));
        assert_eq!(request.headers["x-amz-date"], "20150830T123600Z");
        let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ";
        assert!(header(&request, "authorization").starts_with(scope));
    }
    let mut request = post("https://example.amazonaws.com/", "");
    let signed = sign(&with(With { token: Some(TOKEN), ..SUITE_KEY }), &mut request).await.unwrap();
    assert_eq!(
        signed,
        "host;x-amz-date;x-amz-security-token 85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    );
    assert_eq!(request.headers["x-amz-security-token"], TOKEN);
    assert_hidden(&format!("{request:?}"), &[TOKEN, "85d96828"]);
}

/// The example of GET Object in the documentation of S3: path as it is, hash of the body in a header.
#[tokio::test]
async fn s3_has_its_own_way() {
    let mut request = get("https://examplebucket.s3.amazonaws.com/test.txt");
    request.headers.insert("range", HeaderValue::from_static("bytes=0-9"));
    let s3 = With {
        at: S3,
        id: "AKIAIOSFODNN7EXAMPLE",
        key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        service: "s3",
        ..SUITE_KEY
    };
    assert_eq!(
        sign(&with(s3), &mut request).await.unwrap(),
        "host;range;x-amz-content-sha256;x-amz-date f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(request.headers["x-amz-content-sha256"], empty);
}

#[tokio::test]
async fn form_bodies_and_ports_are_covered() {
    let url = "http://127.0.0.1:5000/";
    let mut request = post(url, "Action=RunInstances&Filter.1.Value=a+b%2Bc&Version=2016-11-15");
    request.headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    let bench = with(With { token: Some("SESSION+TOKEN/=="), ..EC2 });
    // Calculated with Python.
    let expected = "content-type;host;x-amz-date;x-amz-security-token 1729e22b3e1e72e4a6ce36a8b586bfd7dc840da5043f8b72466cc09fc0bebb37";
    assert_eq!(sign(&bench, &mut request).await.unwrap(), expected);
    assert_eq!(sign(&bench, &mut request).await.unwrap(), expected, "another try replaces the signature");
    request.body = "Action=RunInstances&Filter.1.Value=a+b%2Bd&Version=2016-11-15".into();
    assert_ne!(sign(&bench, &mut request).await.unwrap(), expected, "the body counts");
}

#[tokio::test]
async fn queries_are_signed_as_they_are_sent() {
    let query = "z=1&name=a+b&name=%2B%2F%3D&empty=&%C3%A4=%C3%B6";
    let mut request = get(&format!("http://127.0.0.1:5000/a%20b/%C3%A4?{query}"));
    // Calculated with Python.
    assert_eq!(
        sign(&with(EC2), &mut request).await.unwrap(),
        "host;x-amz-date cbeea211712662921a17cd57200b247b54646c4e79b384e1424bab27fc93b481"
    );
    assert_eq!(request.url.query(), Some("z=1&name=a%20b&name=%2B%2F%3D&empty=&%C3%A4=%C3%B6"));
}

#[tokio::test]
async fn a_clock_that_is_off_is_set_right_by_the_refusal() {
    for (off, date) in [(-3600, "20150830T113600Z"), (3600, "20150830T133600Z"), (86_000, "20150831T122920Z")] {
        let bench = with(SUITE_KEY);
        let mut request = get("https://example.amazonaws.com/");
        sign(&bench, &mut request).await.unwrap();
        let refusal = answer_head("date", &http_date(SUITE + off));
        assert!(bench.auth.rejected(&request.headers, &refusal).await);
        // A second refusal of what was signed at the same time: another try helps that one as well.
        assert!(bench.auth.rejected(&request.headers, &refusal).await);
        sign(&bench, &mut request).await.unwrap();
        assert_eq!(request.headers["x-amz-date"], date);
        bench.clock.advance(Duration::from_secs(1));
        sign(&bench, &mut request).await.unwrap();
        assert_ne!(request.headers["x-amz-date"], date, "our clock goes on, with the difference");
    }
}

#[tokio::test]
async fn a_refusal_that_is_not_about_time_is_final() {
    let bench = with(SUITE_KEY);
    let mut request = get("https://example.amazonaws.com/");
    sign(&bench, &mut request).await.unwrap();
    assert!(!bench.auth.rejected(&request.headers, &HeaderMap::new()).await);
    assert!(!bench.auth.rejected(&request.headers, &answer_head("date", &http_date(SUITE + 3))).await);
    assert!(!bench.auth.rejected(&request.headers, &answer_head("date", &http_date(SUITE + 100_000))).await);
    sign(&bench, &mut request).await.unwrap();
    assert_eq!(request.headers["x-amz-date"], "20150830T123600Z");
}
