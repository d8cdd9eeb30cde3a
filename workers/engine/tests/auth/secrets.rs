//! Byte search: whatever is logged, at the finest level of every library, and whatever an error or a `{:?}` shows.

use crate::support::{Reply, Script, TestClock, bench, bench_with, context, get, ok, plan, soon};
use if_engine::{Authenticator, auth::FileTokenStore};
use if_manifest::{
    plan::{Auth, AwsSigv4, ClientCredentials, Hmac, JwtBearer, Plan, RefreshToken},
    raw::{ClientAuth, HmacAlgorithm, JwtAlgorithm, KeyEncoding, SignatureEncoding},
};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const PEM: &str = include_str!("keys/ec.pem");

fn plans() -> Vec<Plan> {
    let token = "https://login.acme.example/token";
    vec![
        plan(|t| Auth::Bearer { token: t("{{ secret.a }}") }),
        plan(|t| Auth::Basic { username: t("u"), password: t("{{ secret.a }}") }),
        plan(|t| Auth::Header { name: "x-key".into(), value: t("{{ secret.a }}") }),
        plan(|t| {
            Auth::ClientCredentials(ClientCredentials {
                token_url: t(token),
                client_id: t("client"),
                client_secret: t("{{ secret.a }}"),
                scope: None,
                client_auth: ClientAuth::Basic,
            })
        }),
        plan(|t| {
            Auth::RefreshToken(RefreshToken {
                token_url: t(token),
                client_id: t("client"),
                client_secret: Some(t("{{ secret.a }}")),
                refresh_token: t("{{ secret.b }}"),
                scope: None,
                client_auth: ClientAuth::Body,
            })
        }),
        plan(|t| {
            Auth::JwtBearer(Box::new(JwtBearer {
                algorithm: JwtAlgorithm::ES256,
                private_key: t("{{ secret.pem }}"),
                key_id: None,
                issuer: t("me"),
                subject: None,
                audience: None,
                lifetime: Duration::from_secs(600),
                claims: Vec::new(),
                token_url: Some(t(token)),
            }))
        }),
        plan(|t| {
            Auth::AwsSigv4(Box::new(AwsSigv4 {
                access_key_id: t("AKID"),
                secret_access_key: t("{{ secret.a }}"),
                session_token: Some(t("{{ secret.b }}")),
                region: t("us-east-1"),
                service: t("ec2"),
            }))
        }),
        plan(|t| {
            Auth::Hmac(Box::new(Hmac {
                algorithm: HmacAlgorithm::Sha256,
                key: t("{{ secret.a }}"),
                key_encoding: KeyEncoding::Text,
                encoding: SignatureEncoding::Hex,
                message: t("{{ request.path }}{{ secret.b }}"),
                headers: vec![("x-signature".into(), t("{{ signature }}"))],
            }))
        }),
    ]
}

fn secrets() -> Value {
    json!({"a": "secret-aaaa+/=", "b": "secret-bbbb", "pem": PEM})
}

/// Grants, then refuses while repeating all it was sent.
fn server(n: usize, sent: &if_engine::Outgoing) -> Reply {
    if n == 0 {
        return ok(json!({"access_token": "secret-cccc", "refresh_token": "secret-dddd", "expires_in": 90}));
    }
    let form = String::from_utf8_lossy(&sent.body).into_owned();
    let said: Vec<String> = form_urlencoded::parse(form.as_bytes()).map(|(_, v)| v.into_owned()).collect();
    let proof = crate::support::header(sent, "authorization");
    let body = json!({"error": "invalid_client", "error_description": format!("{proof} {form} {}", said.join(" "))});
    Ok((401, Vec::new(), body.to_string()))
}

#[tokio::test]
async fn no_secret_is_ever_shown() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::trace!("the log is read");
    let dir = tempfile::tempdir().unwrap();
    let mut shown = String::new();
    let mut refusals = 0;
    for (n, plan) in plans().into_iter().enumerate() {
        let store = Arc::new(FileTokenStore::new(dir.path(), "acme", &format!("i{n}")));
        let context = context("https://acme.example", secrets());
        let bench = bench_with(plan, context, Script::new(server), store).unwrap();
        let mut request = get("https://api.acme.example/v1");
        bench.auth.apply(&mut request, soon()).await.unwrap();
        let again = bench.auth.rejected(&request.headers, &HeaderMap::new()).await;
        shown += &format!("{:?} {request:?} {:?} {again}\n", bench.auth, request.headers);
        let assertions = bench.script.forms().into_iter().filter_map(|mut f| f.remove("assertion")).collect::<Vec<_>>();
        if let Err(error) = bench.auth.apply(&mut request, soon()).await {
            refusals += 1;
            let adapter = if_engine::AdapterError::from(error.clone());
            shown += &format!("{error} {error:?} {} {adapter:?}\n", error.hint());
            assert!(error.to_string().contains("[secret]"), "{error}");
        }
        assertions.iter().for_each(|a| assert!(!shown.contains(a.as_str())));
    }
    assert_eq!(refusals, 3, "the kinds that fetch a token");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the log is read"));
    let lines: Vec<&str> = PEM.lines().filter(|l| !l.starts_with("--")).collect();
    for text in [shown, logged] {
        crate::support::assert_hidden(&text, &["secret-", "c2VjcmV0L", "Y2xpZW50On", "dTpzZWNyZXQ", "BEGIN PRIVATE"]);
        crate::support::assert_hidden(&text, &lines);
    }
}

#[test]
fn settings_that_cannot_work_are_told_without_their_text() {
    let bad = json!({"a": "secret-a\u{1}", "b": "secret-b", "pem": "secret-pem"});
    let mut told = 0;
    for plan in plans() {
        if let Err(error) = bench(plan, context("https://acme.example", bad.clone()), Script::silent()) {
            told += 1;
            crate::support::assert_hidden(&format!("{error} {error:?}"), &["secret-a", "secret-b", "secret-pem"]);
        }
    }
    assert_eq!(told, 3, "two headers that cannot carry it, one key that is none");
}

#[test]
fn the_clock_of_tests_is_a_clock() {
    let clock = TestClock::at(5);
    clock.advance(Duration::from_secs(2));
    assert_eq!(clock.seconds(), 7);
    fn shared<T: Send + Sync>() {}
    shared::<Authenticator>();
}
