use crate::support::{Bench, Reply, Script, assert_hidden, bench, context, header, ok, plan};
use if_engine::{
    TransportError,
    auth::{AuthError, TOKEN_ANSWER_MAX_BYTES},
};
use if_manifest::{
    plan::{Auth, ClientCredentials},
    raw::ClientAuth,
};
use if_schemas::presence::InstanceState;
use reqwest::header::HeaderMap;
use serde_json::json;
use std::{sync::Arc, time::Duration};

const SECRET: &str = "s3cr:t/&=";

fn with(script: Arc<Script>, client_auth: ClientAuth, token_url: &str) -> Result<Bench, AuthError> {
    let plan = plan(|t| {
        Auth::ClientCredentials(ClientCredentials {
            token_url: t("{{ instance.base_url }}/token"),
            client_id: t("{{ secret.id }}"),
            client_secret: t("{{ secret.secret }}"),
            scope: Some(t("read write")),
            client_auth,
        })
    });
    bench(plan, context(token_url, json!({"id": "client 1", "secret": SECRET})), script)
}

fn against(rule: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Bench {
    with(Script::new(move |n, _| rule(n)), ClientAuth::Basic, "https://login.acme.example").unwrap()
}

fn token(n: usize) -> Reply {
    ok(json!({"access_token": format!("token-{n}"), "token_type": "bearer", "expires_in": 3600}))
}

#[tokio::test]
async fn the_request_is_that_of_the_rfc() {
    let bench = against(token);
    let request = bench.signed().await.unwrap();
    assert_eq!(header(&request, "authorization"), "Bearer token-0");
    assert!(request.headers["authorization"].is_sensitive());
    let asked = &bench.script.seen()[0];
    assert_eq!((asked.method.as_str(), asked.url.as_str()), ("POST", "https://login.acme.example/token"));
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(asked.body, "grant_type=client_credentials&scope=read+write");
    // "client+1:s3cr%3At%2F%26%3D": RFC 6749 section 2.3.1
    assert_eq!(asked.headers["authorization"], "Basic Y2xpZW50KzE6czNjciUzQXQlMkYlMjYlM0Q=");
    assert!(asked.headers["authorization"].is_sensitive());
}

#[tokio::test]
async fn the_client_may_prove_itself_in_the_body() {
    let script = Script::new(|n, _| token(n));
    let bench = with(script, ClientAuth::Body, "https://login.acme.example").unwrap();
    bench.signed().await.unwrap();
    let form = &bench.script.forms()[0];
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), ("client 1", SECRET));
    assert!(!bench.script.seen()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_ends() {
    let bench = against(token);
    for (advance, expected) in [(0, "token-0"), (3539, "token-0"), (2, "token-1"), (3500, "token-1")] {
        bench.clock.advance(Duration::from_secs(advance));
        assert_eq!(bench.authorization().await.unwrap(), format!("Bearer {expected}"));
    }
    assert_eq!(bench.script.seen().len(), 2);
}

/// Seconds as text, missing, zero and absurd.
#[tokio::test]
async fn lifetimes_as_servers_write_them() {
    for (expires_in, still, ended) in [
        (json!("600"), 539, 541),
        (json!(null), 3539, 3541),
        (json!(20), 9, 11),
        (json!(1e300), 3539, 3541),
        (json!("soon"), 3539, 3541),
    ] {
        let answer = json!({"access_token": "t", "expires_in": expires_in});
        let bench = against(move |_| ok(answer.clone()));
        bench.signed().await.unwrap();
        bench.clock.advance(Duration::from_secs(still));
        bench.signed().await.unwrap();
        assert_eq!(bench.script.seen().len(), 1, "{expires_in}");
        bench.clock.advance(Duration::from_secs(ended - still));
        bench.signed().await.unwrap();
        assert_eq!(bench.script.seen().len(), 2, "{expires_in}");
    }
    let bench = against(|_| ok(json!({"access_token": "t", "expires_in": 0})));
    bench.signed().await.unwrap();
    bench.signed().await.unwrap();
    assert_eq!(bench.script.seen().len(), 2);
}

#[tokio::test]
async fn a_hundred_commands_at_once_ask_once() {
    let script = Script::gated(|n, _| token(n));
    let bench = Arc::new(with(script, ClientAuth::Basic, "https://login.acme.example").unwrap());
    let all: Vec<_> = (0..100)
        .map(|_| {
            let bench = bench.clone();
            tokio::spawn(async move { bench.authorization().await })
        })
        .collect();
    // On one thread every task has run up to the gate before this one goes on.
    tokio::task::yield_now().await;
    bench.script.open(1);
    for task in all {
        assert_eq!(task.await.unwrap().unwrap(), "Bearer token-0");
    }
    assert_eq!(bench.script.seen().len(), 1);
}

#[tokio::test]
async fn a_failure_is_shared_and_the_next_command_tries_anew() {
    let script = Script::gated(|n, _| if n == 0 { Ok((503, Vec::new(), "{}".into())) } else { token(n) });
    let bench = with(script, ClientAuth::Basic, "https://login.acme.example").unwrap();
    let all = futures::future::join_all((0..100).map(|_| bench.authorization()));
    let open = async { bench.script.open(1) };
    let (all, ()) = futures::future::join(all, open).await;
    assert!(all.iter().all(|r| matches!(r, Err(AuthError::Unavailable { .. }))));
    assert_eq!(bench.script.seen().len(), 1);
    bench.script.open(1);
    assert_eq!(bench.authorization().await.unwrap(), "Bearer token-1");
}

#[tokio::test]
async fn a_command_that_gives_up_does_not_take_the_token_with_it() {
    let script = Script::gated(|n, _| token(n));
    let bench = with(script, ClientAuth::Basic, "https://login.acme.example").unwrap();
    let mut request = crate::support::get("https://api.acme.example/");
    let short = tokio::time::Instant::now() + Duration::from_millis(1);
    let error = bench.auth.apply(&mut request, short).await.unwrap_err();
    assert_eq!(error, AuthError::Deadline { host: "login.acme.example".into() });
    assert!(error.is_transient());
    bench.script.open(1);
    assert_eq!(bench.authorization().await.unwrap(), "Bearer token-0");
    assert_eq!(bench.script.seen().len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew_once() {
    let bench = against(token);
    let (first, second) = (bench.signed().await.unwrap(), bench.signed().await.unwrap());
    assert!(bench.auth.rejected(&first.headers, &HeaderMap::new()).await);
    assert_eq!(bench.authorization().await.unwrap(), "Bearer token-1");
    // The refusal of the same old token comes in late: the new one stays.
    assert!(bench.auth.rejected(&second.headers, &HeaderMap::new()).await);
    assert_eq!(bench.authorization().await.unwrap(), "Bearer token-1");
    assert_eq!(bench.script.seen().len(), 2);
}

/// A good answer of so many bytes.
fn padded(bytes: usize) -> String {
    let answer = r#"{"access_token":"t"}"#;
    answer.to_string() + &" ".repeat(bytes - answer.len())
}

#[tokio::test]
async fn an_answer_of_the_greatest_size_is_read() {
    let bench = against(|_| Ok((200, Vec::new(), padded(TOKEN_ANSWER_MAX_BYTES))));
    assert_eq!(bench.authorization().await.unwrap(), "Bearer t");
}

#[tokio::test]
async fn what_the_endpoint_says_becomes_the_right_state() {
    let state = InstanceState::AuthenticationFailure;
    let body = |error: &str| json!({"error": error, "error_description": "wrong\r\nindeed"}).to_string();
    let cases: Vec<(u16, String, InstanceState)> = vec![
        (401, body("invalid_client"), state),
        (400, body("invalid_grant"), state),
        (400, body("unauthorized_client"), state),
        (200, body("access_denied"), state),
        (401, "<html>".into(), state),
        (403, "{}".into(), state),
        (400, json!({"error": {"code": "invalid_client", "message": "m"}}).to_string(), state),
        (400, body("invalid_scope"), InstanceState::BadConfig),
        (503, "<html>".into(), InstanceState::Disconnected),
        (429, body("too_many"), InstanceState::Disconnected),
        (400, body("temporarily_unavailable"), InstanceState::Disconnected),
        (404, "<html>".into(), InstanceState::UnknownError),
        (200, "<html>".into(), InstanceState::UnknownError),
        (200, "{}".into(), InstanceState::UnknownError),
        (200, json!({"access_token": "t", "token_type": "DPoP"}).to_string(), InstanceState::UnknownError),
        (200, json!({"access_token": "t\n"}).to_string(), InstanceState::BadConfig),
        (200, padded(TOKEN_ANSWER_MAX_BYTES + 1), InstanceState::UnknownError),
    ];
    for (status, body, expected) in cases {
        let text = body.clone();
        let bench = against(move |_| Ok((status, Vec::new(), text.clone())));
        let error = bench.signed().await.unwrap_err();
        assert_eq!(error.state(), expected, "{status} {body:.60}: {error}");
        assert!(!error.to_string().contains(['\r', '\n']));
        assert_eq!(bench.script.seen().len(), 1, "asked once, never by itself again");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_not_a_wrong_password() {
    let down = TransportError::NotSent { host: "login.acme.example".into(), why: "refused".into() };
    let bench = against(move |_| Err(down.clone()));
    let error = bench.signed().await.unwrap_err();
    assert_eq!(error.state(), InstanceState::Disconnected);
    assert!(error.to_string().contains("login.acme.example"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let bench =
            against(move |_| Ok((status, vec![("location", "https://login.acme.example/b".into())], "{}".into())));
        let error = bench.signed().await.unwrap_err();
        assert!(matches!(&error, AuthError::Unusable { why, .. } if why.contains("redirects")), "{error}");
        assert_eq!(bench.script.seen().len(), 1);
    }
}

#[test]
fn the_endpoint_is_held_to_the_allowed_hosts() {
    for url in ["http://login.acme.example", "ftp://acme.example", "no url"] {
        let error = with(Script::silent(), ClientAuth::Basic, url).err().expect("refused");
        assert_eq!(error.state(), InstanceState::BadConfig, "{error}");
    }
    let plan = plan(|t| {
        Auth::ClientCredentials(ClientCredentials {
            token_url: t("https://evil.test/token"),
            client_id: t("a"),
            client_secret: t("b"),
            scope: None,
            client_auth: ClientAuth::Basic,
        })
    });
    let error = bench(plan, context("https://acme.example", json!({})), Script::silent()).err().expect("refused");
    assert!(matches!(error, AuthError::Host(_)), "{error}");
}

#[tokio::test]
async fn what_the_endpoint_repeats_of_a_secret_is_taken_out() {
    let bench = against(|_| {
        let said = format!("no client with {SECRET} or s3cr%3At%2F%26%3D; {}", "x".repeat(5000));
        Ok((401, Vec::new(), json!({"error": "invalid_client", "error_description": said}).to_string()))
    });
    let error = bench.signed().await.unwrap_err();
    assert_hidden(&format!("{error} {error:?}"), &[SECRET, "s3cr%3At%2F%26%3D"]);
    assert!(error.to_string().contains("invalid_client no client with [secret] or [secret]"), "{error}");
    assert!(error.to_string().len() < 600);
}

#[tokio::test]
async fn secrets_of_a_letter_or_within_another_do_not_blow_up_a_message() {
    let plan = plan(|t| {
        Auth::ClientCredentials(ClientCredentials {
            token_url: t("https://login.acme.example/token"),
            client_id: t("id"),
            client_secret: t("{{ secret.long }}"),
            scope: None,
            client_auth: ClientAuth::Basic,
        })
    });
    let script = Script::new(|_, _| {
        let said = format!("key long-one, {}", "se".repeat(20_000));
        Ok((401, Vec::new(), json!({"error": "invalid_client", "error_description": said}).to_string()))
    });
    let secrets = json!({"long": "long-one", "part": "one", "s": "s", "e": "e"});
    let bench = bench(plan, context("https://acme.example", secrets), script).unwrap();
    let said = bench.signed().await.unwrap_err().to_string();
    assert!(said.contains("invalid_cli[secret]nt k[secret]y [secret], [secret][secret]"), "{said}");
    assert!(said.len() < 3000, "{}", said.len());
}
