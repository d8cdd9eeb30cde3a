use crate::support::{Bench, Reply, Script, bench, context, header, ok, plan};
use if_engine::auth::AuthError;
use if_manifest::{
    plan::{Auth, Body, Extract, ExtractSource, LoginStep, RequestPlan, Session, Template, Tree},
    raw::Method,
};
use if_schemas::presence::InstanceState;
use indexmap::IndexMap;
use reqwest::header::HeaderMap;
use serde_json::json;
use serde_json_path::JsonPath;
use std::{sync::Arc, time::Duration};

fn step(
    t: &mut dyn FnMut(&str) -> Template,
    path: &str,
    body: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> RequestPlan {
    RequestPlan {
        method: Method::Post,
        path: t(path),
        query: Vec::new(),
        headers: headers.iter().map(|(n, v)| (n.to_string(), t(v))).collect(),
        body: Some(Body::Json(Tree::Map(body.iter().map(|(n, v)| (n.to_string(), Tree::Template(t(v)))).collect()))),
    }
}

fn path(path: &str, required: bool) -> Extract {
    Extract { source: ExtractSource::Paths(vec![JsonPath::parse(path).unwrap()]), required }
}

/// A challenge, then the answer to it; the session is a cookie and a token.
fn two_steps(script: Arc<Script>, base: &str) -> Bench {
    let plan = plan(|t| {
        let first = LoginStep {
            request: step(t, "/challenge", &[("user", "{{ secret.user }}")], &[]),
            extract: IndexMap::from([("nonce".into(), path("$.challenge.nonce", true))]),
            headers: IndexMap::new(),
        };
        let second = LoginStep {
            request: step(
                t,
                "/login",
                &[("password", "{{ secret.password }}"), ("nonce", "{{ session.nonce }}")],
                &[("x-nonce", "n={{ session.nonce }}")],
            ),
            extract: IndexMap::from([("csrf".into(), path("$.csrf", false))]),
            headers: IndexMap::from([("cookie".into(), "set-cookie".into()), ("id".into(), "X-Session".into())]),
        };
        Auth::Session(Session {
            steps: vec![first, second],
            headers: vec![
                ("Cookie".into(), t("{{ session.cookie }}")),
                ("X-Token".into(), t("{{ session.id }}:{{ session.csrf }}")),
            ],
            lifetime: Duration::from_secs(3600),
        })
    });
    let secrets = json!({"user": "me", "password": "pass-1"});
    bench(plan, context(base, secrets), script).unwrap()
}

fn server(n: usize) -> Reply {
    let login = n / 2;
    if n.is_multiple_of(2) {
        return ok(json!({"challenge": {"nonce": format!("nonce-{login}")}}));
    }
    let headers = vec![
        ("set-cookie", format!("sid=s-{login}; Path=/; HttpOnly")),
        ("set-cookie", "lang=de; Secure".into()),
        ("x-session", format!("id-{login}")),
    ];
    Ok((200, headers, json!({"csrf": "c"}).to_string()))
}

#[tokio::test]
async fn each_step_uses_what_the_ones_before_gave() {
    let bench = two_steps(Script::new(|n, _| server(n)), "https://login.acme.example");
    let request = bench.signed().await.unwrap();
    assert_eq!(header(&request, "cookie"), "sid=s-0; lang=de");
    assert_eq!(header(&request, "x-token"), "id-0:c");
    assert!(request.headers.values().all(|v| v.is_sensitive()));
    let seen = bench.script.seen();
    assert_eq!(seen[0].url.as_str(), "https://login.acme.example/challenge");
    assert_eq!(seen[0].body, r#"{"user":"me"}"#);
    assert_eq!(seen[1].url.as_str(), "https://login.acme.example/login");
    assert_eq!(seen[1].body, r#"{"nonce":"nonce-0","password":"pass-1"}"#);
    assert_eq!(seen[1].headers["x-nonce"], "n=nonce-0");
}

#[tokio::test]
async fn it_lasts_its_lifetime_or_until_it_is_refused() {
    let bench = two_steps(Script::new(|n, _| server(n)), "https://login.acme.example");
    let first = bench.signed().await.unwrap();
    bench.clock.advance(Duration::from_secs(3539));
    bench.signed().await.unwrap();
    assert_eq!(bench.script.seen().len(), 2);
    bench.clock.advance(Duration::from_secs(2));
    let second = bench.signed().await.unwrap();
    assert_eq!(header(&second, "x-token"), "id-1:c");
    assert!(bench.auth.rejected(&first.headers, &HeaderMap::new()).await);
    assert_eq!(header(&bench.signed().await.unwrap(), "x-token"), "id-1:c", "the refusal was of the session before");
    assert!(bench.auth.rejected(&second.headers, &HeaderMap::new()).await);
    assert_eq!(header(&bench.signed().await.unwrap(), "x-token"), "id-2:c");
}

#[tokio::test]
async fn a_hundred_commands_log_in_once() {
    let bench = two_steps(Script::gated(|n, _| server(n)), "https://login.acme.example");
    let all = futures::future::join_all((0..100).map(|_| bench.signed()));
    let (all, ()) = futures::future::join(all, async { bench.script.open(2) }).await;
    assert!(all.into_iter().all(|r| header(&r.unwrap(), "x-token") == "id-0:c"));
    assert_eq!(bench.script.seen().len(), 2);
}

#[tokio::test]
async fn a_login_that_fails_says_why_and_stops() {
    let answer = |status, body: &str| -> Reply { Ok((status, Vec::new(), body.into())) };
    for (reply, state, says) in [
        (answer(401, "{}"), InstanceState::AuthenticationFailure, "HTTP 401"),
        (answer(403, "pass-1"), InstanceState::AuthenticationFailure, "HTTP 403"),
        (answer(422, "{}"), InstanceState::AuthenticationFailure, "HTTP 422"),
        (answer(500, "{}"), InstanceState::Disconnected, "HTTP 500"),
        (answer(404, "{}"), InstanceState::UnknownError, "HTTP 404"),
        (answer(302, "{}"), InstanceState::UnknownError, "redirects"),
        (answer(200, "<html>pass-1"), InstanceState::UnknownError, "no JSON"),
        (answer(200, "{\"challenge\":{\"nonce\":null}}"), InstanceState::UnknownError, "does not hold nonce"),
    ] {
        let bench = two_steps(Script::new(move |_, _| reply.clone()), "https://login.acme.example");
        let error = bench.signed().await.unwrap_err();
        assert_eq!(error.state(), state, "{error}");
        assert!(error.to_string().contains(says) && error.to_string().contains("login.acme.example"), "{error}");
        crate::support::assert_hidden(&format!("{error:?}"), &["pass-1"]);
        assert_eq!(bench.script.seen().len(), 1);
    }
    let bench = two_steps(
        Script::new(|n, _| if n == 0 { server(0) } else { Ok((200, Vec::new(), "{}".into())) }),
        "https://login.acme.example",
    );
    let error = bench.signed().await.unwrap_err();
    assert!(error.to_string().contains("no header set-cookie"), "{error}");
}

#[tokio::test]
async fn a_form_that_redirects_with_its_cookie_is_a_login() {
    let plan = plan(|t| {
        let login = LoginStep {
            request: step(t, "/login", &[("password", "{{ secret.password }}")], &[]),
            extract: IndexMap::new(),
            headers: IndexMap::from([("cookie".into(), "set-cookie".into())]),
        };
        let headers = vec![("Cookie".into(), t("{{ session.cookie }}"))];
        Auth::Session(Session { steps: vec![login], headers, lifetime: Duration::from_secs(60) })
    });
    let script = Script::new(|_, _| {
        let headers = vec![("location", "https://evil.test/".into()), ("set-cookie", "sid=1; Path=/".into())];
        Ok((302, headers, String::new()))
    });
    let bench = bench(plan, context("https://acme.example", json!({"password": "p"})), script).unwrap();
    assert_eq!(header(&bench.signed().await.unwrap(), "cookie"), "sid=1");
    assert_eq!(bench.script.seen().len(), 1, "nothing is followed");
}

#[tokio::test]
async fn logins_go_to_allowed_hosts_only() {
    let bench = two_steps(Script::silent(), "http://login.acme.example");
    assert!(matches!(bench.signed().await, Err(AuthError::Host(_))));
}
