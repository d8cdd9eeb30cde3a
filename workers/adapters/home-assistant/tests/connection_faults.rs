//! Connections that fail in ways a real Home Assistant cannot be made to fail: every peer here is a scripted fake.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use futures::SinkExt;
use if_adapter_home_assistant::{HomeAssistantProvider, Limits};
use if_engine::{Adapter, AdapterError, Provider};
use if_schemas::presence::InstanceState;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::{
    PATIENCE, adapter_for, config,
    fake::{Fake, House, Side, TOKEN},
    succeeded,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring},
};
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Short bounds, so that reaching them takes no time; generous against a busy machine where they must not be reached.
fn short() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        upgrade: Duration::from_millis(400),
        login: Duration::from_millis(400),
        load: Duration::from_millis(400),
        write: Duration::from_millis(400),
        ping: Duration::from_millis(100),
        silence: Duration::from_millis(600),
        health: Duration::from_secs(5),
    }
}

/// Where the bound in question must not be what ends the connection.
fn patient() -> Limits {
    Limits { upgrade: PATIENCE, login: PATIENCE, load: PATIENCE, ..short() }
}

fn adapter(port: u16, limits: Limits) -> Arc<dyn Adapter> {
    adapter_for(json!({"host": "127.0.0.1", "port": port}), TOKEN, limits)
}

async fn connect_error(fake: &Fake, limits: Limits) -> AdapterError {
    let connecting = timeout(PATIENCE, adapter(fake.port, limits).connect()).await;
    connecting.expect("connecting is not bounded").unwrap_err()
}

#[track_caller]
fn assert_error(error: &AdapterError, state: InstanceState, message: &str) {
    assert_eq!(error.state, state, "{error:?}");
    assert!(error.message.contains(message), "{error:?}");
    assert!(error.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{error:?}");
}

/// Until the client is gone.
async fn hold(mut side: Side) {
    while side.message().await.is_some() {}
}

#[tokio::test]
async fn what_listens_there_is_no_home_assistant() {
    let web = Fake::raw(|mut stream: TcpStream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    });
    assert_error(&connect_error(&web.await, patient()).await, InstanceState::UnknownError, "answered 404");
    let ssh = Fake::raw(|mut stream: TcpStream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        let _ = stream.read(&mut [0; 1024]).await;
    });
    assert_error(&connect_error(&ssh.await, patient()).await, InstanceState::UnknownError, "does not speak websocket");
    let other = Fake::upgraded(|mut side| async move {
        side.send(json!({"op": 0, "d": {"rpcVersion": 1}, "type": "hello"})).await;
        hold(side).await;
    });
    assert_error(&connect_error(&other.await, patient()).await, InstanceState::UnknownError, "did not ask for a login");
}

#[tokio::test]
async fn silence_at_every_step_is_bounded() {
    let mute = Fake::raw(|mut stream: TcpStream| async move {
        let mut seen = Vec::new();
        let _ = stream.read_to_end(&mut seen).await;
    });
    assert_error(&connect_error(&mute.await, short()).await, InstanceState::Disconnected, "websocket upgrade");
    let greets = Fake::upgraded(hold);
    assert_error(&connect_error(&greets.await, short()).await, InstanceState::Disconnected, "did not finish the login");
    let logs_in = Fake::upgraded(|mut side| async move {
        side.login(Some("2025.4.4")).await;
        hold(side).await;
    });
    assert_error(&connect_error(&logs_in.await, short()).await, InstanceState::Disconnected, "did not give its states");
}

#[tokio::test]
async fn a_half_open_connection_is_noticed() {
    // It reads nothing, answers no ping, and does not hang up.
    let fake = Fake::loaded(House::new(), |side, _| async move {
        let _held = side;
        std::future::pending::<()>().await;
    });
    let limits = Limits { upgrade: PATIENCE, login: PATIENCE, load: PATIENCE, ..short() };
    let fake = fake.await;
    let adapter = adapter(fake.port, limits);
    adapter.connect().await.unwrap();
    assert!(adapter.live().unwrap().changes_since(0).fresh);
    let lost = timeout(PATIENCE, adapter.closed()).await.expect("not noticed");
    assert_error(&lost, InstanceState::Disconnected, "silent");
    assert!(!adapter.live().unwrap().changes_since(0).fresh);
}

#[tokio::test]
async fn versions_old_unknown_and_none() {
    let of = |version: Option<&'static str>, config: Value| async move {
        let house = House { version, config, ..House::new() };
        Fake::loaded(house, |side, _| hold(side)).await
    };
    let old = Fake::upgraded(|mut side| async move {
        side.login(Some("2021.12.9")).await;
        hold(side).await;
    });
    assert_error(&connect_error(&old.await, patient()).await, InstanceState::BadConfig, "2022.4 is needed");
    for (version, config, shown) in [
        (Some("2031.1.0.dev0"), json!({"brand_new": {}}), "Home Assistant 2031.1.0.dev0"),
        (Some("next"), json!({"version": "next"}), "Home Assistant next"),
        (None, json!({}), "Home Assistant of an unknown version"),
    ] {
        let fake = of(version, config).await;
        assert_eq!(adapter(fake.port, patient()).connect().await.unwrap().description, shown);
    }
}

#[tokio::test]
async fn recovery_mode_by_its_old_name() {
    for config in [json!({"recovery_mode": true}), json!({"safe_mode": true})] {
        let fake = Fake::loaded(House { config, ..House::new() }, |side, _| hold(side)).await;
        assert_error(&connect_error(&fake, patient()).await, InstanceState::UnknownError, "recovery mode");
    }
    // Today it is another thing: the front page without extensions.
    let config = json!({"recovery_mode": false, "safe_mode": true});
    let fake = Fake::loaded(House { config, ..House::new() }, |side, _| hold(side)).await;
    adapter(fake.port, patient()).connect().await.unwrap();
}

#[tokio::test]
async fn documents_truncated_doubled_and_of_another_form() {
    for (text, message) in [
        (r#"{"id":1,"type":"result","success":true,"resu"#, "no {\"type\", …} object"),
        (r#"{"id":1,"id":1,"type":"result","success":true}"#, "duplicate field"),
        (r#"[{"id":1,"type":"result","success":true}]"#, "no {\"type\", …} object"),
        (r#"{"id":6,"type":"result","success":true,"result":{"not":"a list"}}"#, "its states in a form"),
        (r#"{"id":6,"type":"result","success":true,"result":[{"entity_id":7}]}"#, "its states in a form"),
        (r#"{"id":4,"type":"result","success":true,"result":[]}"#, "its configuration in a form"),
        (
            r#"{"id":6,"type":"result","success":false,"error":{"code":"unauthorized","message":"No"}}"#,
            "refused to give its states",
        ),
    ] {
        let fake = Fake::upgraded(move |mut side| async move {
            side.login(Some("2025.4.4")).await;
            side.text(text).await;
            hold(side).await;
        });
        assert_error(&connect_error(&fake.await, patient()).await, InstanceState::UnknownError, message);
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_the_session() {
    let fake = Fake::loaded(House::new(), |mut side, _| async move {
        let _ = side.socket.send(Message::Text("x".repeat((16 << 20) + 1).into())).await;
        hold(side).await;
    });
    let fake = fake.await;
    let adapter = adapter(fake.port, Limits { silence: PATIENCE, ..patient() });
    adapter.connect().await.unwrap();
    let lost = timeout(PATIENCE, adapter.closed()).await.expect("not noticed");
    assert_error(&lost, InstanceState::UnknownError, "more than the");
}

#[tokio::test]
async fn truncated_and_binary_messages_end_the_session() {
    for message in
        [Message::text(r#"{"id":1,"type":"event","event":{"da"#), Message::Binary(Bytes::from_static(b"\x01"))]
    {
        let fake = Fake::loaded(House::new(), move |mut side, _| {
            let message = message.clone();
            async move {
                let _ = side.socket.send(message).await;
                hold(side).await;
            }
        });
        let fake = fake.await;
        let adapter = adapter(fake.port, patient());
        adapter.connect().await.unwrap();
        let lost = timeout(PATIENCE, adapter.closed()).await.expect("not noticed");
        assert_eq!(lost.state, InstanceState::UnknownError, "{lost:?}");
    }
}

const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../engine/tests/auth/keys/ca.pem");
const SERVER: &str = include_str!("../../../engine/tests/auth/keys/server.pem");
const SERVER_KEY: &str = include_str!("../../../engine/tests/auth/keys/server.key");

/// A Home Assistant behind TLS; its certificate is of a private authority, for `localhost` and 127.0.0.1.
async fn with_tls() -> Fake {
    let chain = CertificateDer::pem_slice_iter(SERVER.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(SERVER_KEY.as_bytes()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    Fake::raw(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // A client that does not trust it hangs up.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut side = Side::accept(Box::new(stream)).await;
            let house = House::new();
            side.login(house.version).await;
            side.load(&house).await;
            while let Some(request) = side.serve(&house).await {
                side.result(&request, house.config.clone()).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn tls_with_a_private_authority() {
    let fake = with_tls().await;
    let url = |host: &str| format!("https://{host}:{}", fake.port);
    for settings in [
        json!({"url": url("localhost"), "ca_file": CA}),
        json!({"host": "127.0.0.1", "port": fake.port, "tls": true, "ca_file": CA}),
        // Loopback and private addresses may go unverified, where the instance says so.
        json!({"url": url("127.0.0.1"), "verify_tls": false}),
    ] {
        let adapter = adapter_for(settings, TOKEN, patient());
        adapter.connect().await.unwrap();
        assert_eq!(succeeded(&adapter, "ha.status", json!({})).await["location"], "Fake");
    }
    let untrusted = adapter_for(json!({"url": url("localhost")}), TOKEN, patient()).connect().await.unwrap_err();
    assert_error(&untrusted, InstanceState::BadConfig, "cannot be trusted");
    let missing = json!({"url": url("localhost"), "ca_file": "/nonexistent/ca.pem"});
    let missing = adapter_for(missing, TOKEN, patient()).connect().await.unwrap_err();
    assert_error(&missing, InstanceState::BadConfig, "/nonexistent/ca.pem");
    let plain = adapter_for(json!({"url": format!("http://localhost:{}", fake.port)}), TOKEN, patient());
    assert!(plain.connect().await.is_err());
}

#[tokio::test]
async fn a_token_never_shows() {
    let bare = HomeAssistantProvider::new().adapter(config(json!({"host": "127.0.0.1"}), " "));
    assert_error(&bare.err().unwrap(), InstanceState::BadConfig, "no token");
    let fake = Fake::upgraded(|mut side| async move {
        side.send(json!({"type": "auth_required"})).await;
        let _auth = side.message().await;
        // What it says of a refusal is its own affair, and not passed on.
        side.send(json!({"type": "auth_invalid", "message": format!("no such token: {TOKEN}")})).await;
        hold(side).await;
    });
    let refused = connect_error(&fake.await, patient()).await;
    assert_error(&refused, InstanceState::AuthenticationFailure, "refused the token");
    assert!(!format!("{refused:?}").contains(TOKEN));
}
