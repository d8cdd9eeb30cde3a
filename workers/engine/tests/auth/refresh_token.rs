use crate::support::{Bench, Reply, Script, bench_with, context, ok, plan};
use if_engine::{
    Secret,
    auth::{AuthError, FileTokenStore, MemoryTokenStore, STORE_KEY, StoreError, TokenStore},
};
use if_manifest::{
    plan::{Auth, Plan, RefreshToken},
    raw::ClientAuth,
};
use if_schemas::presence::InstanceState;
use reqwest::header::HeaderMap;
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

fn kind() -> Plan {
    plan(|t| {
        Auth::RefreshToken(RefreshToken {
            token_url: t("https://login.acme.example/token"),
            client_id: t("client"),
            client_secret: Some(t("{{ secret.client_secret }}")),
            refresh_token: t("{{ secret.refresh }}"),
            scope: None,
            client_auth: ClientAuth::Body,
        })
    })
}

fn with(script: Arc<Script>, refresh: &str, store: Arc<dyn TokenStore>) -> Bench {
    let secrets = json!({"client_secret": "cs", "refresh": refresh});
    bench_with(kind(), context("https://acme.example", secrets), script, store).unwrap()
}

/// A server that gives a new refresh token each time and knows no other than the last.
struct Rotating(Mutex<String>);

impl Rotating {
    fn answer(&self, given: &str) -> Reply {
        let mut valid = self.0.lock().unwrap();
        if given != *valid {
            return Ok((400, Vec::new(), json!({"error": "invalid_grant"}).to_string()));
        }
        *valid = format!("{given}'");
        ok(json!({"access_token": format!("access of {given}"), "expires_in": 600, "refresh_token": *valid}))
    }
}

fn rotating() -> (Arc<Rotating>, Arc<Script>) {
    let server = Arc::new(Rotating(Mutex::new("r".into())));
    let answers = server.clone();
    let script = Script::new(move |_, request| {
        let given = form_urlencoded::parse(&request.body).find(|(name, _)| name == "refresh_token").unwrap().1;
        answers.answer(&given)
    });
    (server, script)
}

#[tokio::test]
async fn the_request_is_that_of_the_rfc() {
    let bench = with(rotating().1, "r", Arc::new(MemoryTokenStore::default()));
    assert_eq!(bench.authorization().await.unwrap(), "Bearer access of r");
    assert_eq!(
        bench.script.seen()[0].body,
        "grant_type=refresh_token&refresh_token=r&client_id=client&client_secret=cs"
    );
}

#[tokio::test]
async fn a_public_client_names_itself_without_a_secret() {
    let secrets = json!({"client_secret": null, "refresh": "r"});
    let store = Arc::new(MemoryTokenStore::default());
    let bench = bench_with(kind(), context("https://acme.example", secrets), rotating().1, store).unwrap();
    bench.signed().await.unwrap();
    assert_eq!(bench.script.seen()[0].body, "grant_type=refresh_token&refresh_token=r&client_id=client");
}

#[tokio::test]
async fn a_rotated_token_is_used_next_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = || Arc::new(FileTokenStore::new(dir.path(), "acme", "mine"));
    let (_, script) = rotating();
    let bench = with(script.clone(), "r", store());
    for expected in ["r", "r'"] {
        assert_eq!(bench.authorization().await.unwrap(), format!("Bearer access of {expected}"));
        bench.clock.advance(Duration::from_secs(600));
    }
    drop(bench);
    let again = with(script, "r", store());
    assert_eq!(again.authorization().await.unwrap(), "Bearer access of r''");
    let request = again.signed().await.unwrap();
    assert!(again.auth.rejected(&request.headers, &HeaderMap::new()).await);
    assert_eq!(again.authorization().await.unwrap(), "Bearer access of r'''");
}

/// A store that ends the process, so to speak, at the moment it has saved: what comes after never happens.
struct Last(Arc<MemoryTokenStore>, Mutex<Vec<&'static str>>);

impl TokenStore for Last {
    fn load(&self, key: &str) -> Result<Option<Secret>, StoreError> {
        self.1.lock().unwrap().push("load");
        self.0.load(key)
    }
    fn save(&self, key: &str, token: &Secret) -> Result<(), StoreError> {
        self.1.lock().unwrap().push("save");
        self.0.save(key, token)?;
        panic!("the process ends here")
    }
}

#[tokio::test]
async fn a_crash_between_receiving_and_using_loses_nothing() {
    let kept = Arc::new(MemoryTokenStore::default());
    let (_, script) = rotating();
    let store = Arc::new(Last(kept.clone(), Mutex::default()));
    let bench = with(script.clone(), "r", store.clone());
    bench.signed().await.expect_err("the token is used for nothing before it is kept");
    assert_eq!(*store.1.lock().unwrap(), ["load", "save"]);
    drop(bench);
    let again = with(script, "r", kept);
    assert_eq!(again.authorization().await.unwrap(), "Bearer access of r'");
}

/// A disk that is full for a while.
struct Full(MemoryTokenStore, AtomicBool);

impl TokenStore for Full {
    fn load(&self, key: &str) -> Result<Option<Secret>, StoreError> {
        self.0.load(key)
    }
    fn save(&self, key: &str, token: &Secret) -> Result<(), StoreError> {
        if self.1.load(Ordering::SeqCst) {
            return Err(StoreError { path: "tokens".into(), why: "no space left".into() });
        }
        self.0.save(key, token)
    }
}

#[tokio::test]
async fn a_token_the_disk_refuses_is_neither_used_nor_lost() {
    let (server, script) = rotating();
    let store = Arc::new(Full(MemoryTokenStore::default(), AtomicBool::new(true)));
    let bench = with(script, "r", store.clone());
    for _ in 0..2 {
        let error = bench.signed().await.unwrap_err();
        assert!(matches!(error, AuthError::Store(_)), "{error}");
        assert_eq!(error.state(), InstanceState::UnknownError);
        assert_eq!(*server.0.lock().unwrap(), "r'", "the second try asks nobody");
    }
    store.1.store(false, Ordering::SeqCst);
    assert_eq!(bench.authorization().await.unwrap(), "Bearer access of r'");
}

#[tokio::test]
async fn a_setting_that_changed_since_wins_over_the_store() {
    let store = Arc::new(MemoryTokenStore::default());
    let (server, script) = rotating();
    with(script.clone(), "r", store.clone()).signed().await.unwrap();
    *server.0.lock().unwrap() = "granted anew".into();
    let bench = with(script.clone(), "granted anew", store.clone());
    assert_eq!(bench.authorization().await.unwrap(), "Bearer access of granted anew");
    // And from there on the rotated descendants of the new one.
    let bench = with(script, "granted anew", store);
    assert_eq!(bench.authorization().await.unwrap(), "Bearer access of granted anew'");
}

#[tokio::test]
async fn a_server_that_does_not_rotate_leaves_the_store_alone() {
    for refresh in [json!(null), json!("r")] {
        let store = Arc::new(MemoryTokenStore::default());
        let script = Script::new(move |_, _| ok(json!({"access_token": "a", "refresh_token": refresh})));
        let bench = with(script, "r", store.clone());
        bench.signed().await.unwrap();
        assert!(store.load(STORE_KEY).unwrap().is_none());
    }
}

#[tokio::test]
async fn a_revoked_grant_is_an_authentication_failure_and_asked_once() {
    let (_, script) = rotating();
    let bench = with(script, "revoked", Arc::new(MemoryTokenStore::default()));
    let error = bench.signed().await.unwrap_err();
    assert_eq!(error.state(), InstanceState::AuthenticationFailure);
    assert_eq!(bench.script.seen().len(), 1);
}

#[tokio::test]
async fn a_command_that_gives_up_does_not_lose_the_rotated_token() {
    let store = Arc::new(MemoryTokenStore::default());
    let script = Script::gated(|_, _| ok(json!({"access_token": "a", "refresh_token": "next"})));
    let bench = with(script, "r", store.clone());
    let mut request = crate::support::get("https://api.acme.example/");
    let short = tokio::time::Instant::now() + Duration::from_millis(1);
    bench.auth.apply(&mut request, short).await.unwrap_err();
    bench.script.open(1);
    bench.signed().await.unwrap();
    assert_eq!(bench.script.seen().len(), 1);
    let stored = store.load(STORE_KEY).unwrap().unwrap();
    assert!(stored.expose().contains("\"next\""));
    assert!(!stored.expose().contains("\"r\""), "the setting itself is not stored");
}
