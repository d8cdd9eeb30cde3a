//! A manifest as a provider of the runtime.

use crate::{
    server::{Script, Server},
    world::{LONG, SECRET, call, config, plan, told},
};
use if_engine::{ProgressSink, Provider, http::HttpProvider};
use if_schemas::presence::InstanceState;
use serde_json::json;

fn me() -> Script {
    Script::json(200, json!({"name": "bot"}))
}

fn provider() -> (HttpProvider, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (HttpProvider::new(plan("{ first_byte: 150ms }", "{ attempts: 1 }", ""), None, dir.path().into()), dir)
}

#[tokio::test]
async fn it_proves_its_settings_and_is_not_asked_too_often() {
    let server = Server::start(vec![me()]).await;
    let (provider, _dir) = provider();
    let adapter = provider.adapter(config(&server, None)).unwrap();
    let peer = adapter.connect().await.unwrap();
    assert_eq!((peer.description.as_str(), peer.simulated), ("Acme, bot", false));
    for _ in 0..5 {
        assert_eq!(adapter.health_check().await.unwrap(), peer);
    }
    assert_eq!(server.lines(), ["GET /me"]);
    assert_eq!(server.seen()[0].header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
}

#[tokio::test]
async fn why_it_cannot_connect() {
    for (script, want) in [
        (Script::json(401, json!({"message": "who are you"})), InstanceState::AuthenticationFailure),
        (Script::json(500, json!({})), InstanceState::Disconnected),
        (Script::cut(""), InstanceState::Disconnected),
        (Script::answer(200, "", "<html>"), InstanceState::UnknownError),
    ] {
        let server = Server::start(vec![script]).await;
        let (provider, _dir) = provider();
        let adapter = provider.adapter(config(&server, None)).unwrap();
        let error = adapter.connect().await.unwrap_err();
        assert_eq!((error.state, server.seen().len()), (want, 1), "{error}");
        assert_eq!(adapter.health_check().await.unwrap_err(), error);
    }
    let server = Server::start(vec![]).await;
    let (provider, _dir) = provider();
    let mut plain = config(&server, None);
    plain.settings.insert("url".into(), json!("http://acme.example/"));
    let error = provider.adapter(plain).unwrap().connect().await.unwrap_err();
    assert_eq!((error.state, server.seen().len()), (InstanceState::BadConfig, 0), "{error}");
}

#[tokio::test]
async fn refused_credentials_close_it() {
    let server = Server::start(vec![me(), me(), Script::json(401, json!({"message": "revoked"})), me()]).await;
    let (provider, _dir) = provider();
    let adapter = provider.adapter(config(&server, None)).unwrap();
    adapter.connect().await.unwrap();
    let run = || adapter.execute_command(call("chat.me", json!({}), LONG), ProgressSink::none());
    assert_eq!(told(&run().await.execution), "succeeded");
    assert!(futures::FutureExt::now_or_never(adapter.closed()).is_none());
    assert_eq!(told(&run().await.execution), "failed authentication_failure");
    let error = adapter.closed().await;
    assert_eq!(error.state, InstanceState::AuthenticationFailure);
    assert!(error.message.contains("revoked"), "{error}");
    adapter.connect().await.unwrap();
    assert!(futures::FutureExt::now_or_never(adapter.closed()).is_none());
    assert_eq!(server.seen().len(), 4);
}
