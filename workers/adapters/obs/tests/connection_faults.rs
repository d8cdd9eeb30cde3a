//! Connections that fail in ways a real OBS cannot be made to fail: every peer here is a scripted fake.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use futures::SinkExt;
use if_adapter_obs::{Limits, ObsProvider};
use if_engine::{AdapterError, Provider};
use if_schemas::presence::InstanceState;
use serde_json::json;
use std::time::Duration;
use support::{
    PATIENCE, adapter, config, failed,
    fake::{Fake, Side, Studio},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, interval, timeout},
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// Short bounds, so that reaching them takes no time; generous against a busy machine where they must not be reached.
fn short() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        upgrade: Duration::from_millis(400),
        identify: Duration::from_millis(400),
        write: Duration::from_millis(400),
        ping: Duration::from_millis(100),
        silence: Duration::from_millis(600),
        health: Duration::from_secs(5),
    }
}

/// Where the bound in question must not be what ends the connection.
fn patient() -> Limits {
    Limits { upgrade: PATIENCE, identify: PATIENCE, ..short() }
}

async fn connect_error(port: u16, password: Option<&str>, limits: Limits) -> AdapterError {
    timeout(PATIENCE, adapter(port, password, limits).connect()).await.expect("connecting is not bounded").unwrap_err()
}

#[track_caller]
fn assert_error(error: &AdapterError, state: InstanceState, message: &str) {
    assert_eq!(error.state, state, "{error:?}");
    assert!(error.message.contains(message), "{error:?}");
    assert!(error.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{error:?}");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = connect_error(port, None, short()).await;
    assert_error(&error, InstanceState::Disconnected, &format!("cannot connect to OBS at 127.0.0.1:{port}"));
    assert!(error.hint.unwrap().contains("WebSocket Server Settings"));
}

#[tokio::test]
async fn accepts_and_says_nothing() {
    // The kernel accepts for a listener that never does: what a hung OBS looks like.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = connect_error(listener.local_addr().unwrap().port(), None, short()).await;
    assert_error(&error, InstanceState::Disconnected, "did not finish the websocket upgrade");
}

#[tokio::test]
async fn a_web_server() {
    let fake = Fake::raw(|mut stream: TcpStream| async move {
        let mut request = [0; 2048];
        let _ = stream.read(&mut request).await;
        let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
        let _ = stream.write_all(page.as_bytes()).await;
    })
    .await;
    assert_error(&connect_error(fake.port, None, patient()).await, InstanceState::UnknownError, "it answered 200");
}

#[tokio::test]
async fn another_protocol() {
    let fake = Fake::raw(|mut stream: TcpStream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n\x00\x00\x01\x02garbage").await;
        let _ = stream.read(&mut [0; 2048]).await;
    })
    .await;
    let error = connect_error(fake.port, None, patient()).await;
    assert_error(&error, InstanceState::UnknownError, "does not speak websocket");
}

#[tokio::test]
async fn an_upgrade_that_drips() {
    let fake = Fake::raw(|mut stream: TcpStream| async move {
        let mut pace = interval(Duration::from_millis(50));
        for byte in b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" {
            pace.tick().await;
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    })
    .await;
    let started = Instant::now();
    let error = connect_error(fake.port, None, short()).await;
    assert_error(&error, InstanceState::Disconnected, "did not finish the websocket upgrade");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_websocket_without_hello() {
    // obs-websocket 4 waits for the client, too.
    let fake = Fake::upgraded(|mut side: Side| async move {
        side.message().await;
    })
    .await;
    let error = connect_error(fake.port, None, short()).await;
    assert_error(&error, InstanceState::Disconnected, "did not greet as obs-websocket 5");
    assert!(error.hint.unwrap().contains("obs-websocket 4"));
}

#[tokio::test]
async fn a_websocket_of_something_else() {
    let fake = Fake::upgraded(|mut side: Side| async move {
        side.send(json!({"jsonrpc": "2.0", "method": "hello"})).await;
        side.message().await;
    })
    .await;
    assert_error(&connect_error(fake.port, None, patient()).await, InstanceState::UnknownError, "missing field `op`");
}

#[tokio::test]
async fn a_binary_greeting() {
    let fake = Fake::upgraded(|mut side: Side| async move {
        let _ = side.socket.send(Message::binary(vec![0, 1, 2])).await;
        side.message().await;
    })
    .await;
    assert_error(&connect_error(fake.port, None, patient()).await, InstanceState::UnknownError, "binary message");
}

#[tokio::test]
async fn versions_too_old_and_too_new() {
    let old = Fake::upgraded(|mut side: Side| async move {
        side.send(json!({"op": 0, "d": {"obsWebSocketVersion": "5.0.0-alpha1", "rpcVersion": 0}})).await;
        assert!(side.message().await.is_none(), "the client went on");
    })
    .await;
    assert_error(&connect_error(old.port, None, patient()).await, InstanceState::BadConfig, "RPC version 0");

    let new = Fake::upgraded(|mut side: Side| async move {
        side.send(json!({"op": 0, "d": {"obsWebSocketVersion": "7.0.0", "rpcVersion": 3}})).await;
        side.message().await;
        let reason = "Your requested RPC version is not supported.".into();
        let _ = side.socket.close(Some(CloseFrame { code: CloseCode::from(4010), reason })).await;
    })
    .await;
    assert_error(
        &connect_error(new.port, None, patient()).await,
        InstanceState::BadConfig,
        "does not speak RPC version 1",
    );
}

#[tokio::test]
async fn a_refused_password_is_never_shown() {
    let fake = Fake::upgraded(|mut side: Side| async move {
        let challenge = json!({"challenge": "c", "salt": "s"});
        side.send(json!({"op": 0, "d": {"rpcVersion": 1, "authentication": challenge}})).await;
        let identify = side.message().await.unwrap();
        assert!(!identify.to_string().contains("hunter2"), "the password went over the wire: {identify}");
        let _ = side
            .socket
            .close(Some(CloseFrame { code: CloseCode::from(4009), reason: "Authentication failed.".into() }))
            .await;
    })
    .await;
    let error = connect_error(fake.port, Some("hunter2"), patient()).await;
    assert_error(&error, InstanceState::AuthenticationFailure, "refused the password");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn hosts_that_are_no_hosts() {
    for host in ["", "  ", "ws://127.0.0.1", "studio/obs", "a b"] {
        let error = ObsProvider::new().adapter(config(host, 4455, None)).err().unwrap();
        assert_error(&error, InstanceState::BadConfig, "is no host name or address");
    }
    let error = ObsProvider::new().adapter(config("studio", 0, None)).err().unwrap();
    assert_error(&error, InstanceState::BadConfig, "port");
}

#[tokio::test]
async fn ipv6() {
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut side = Side { socket: tokio_tungstenite::accept_async(stream).await.unwrap() };
        side.greet().await;
        Studio::new().only_reads(&mut side).await;
    });
    for host in ["::1", "[::1]"] {
        assert!(ObsProvider::new().adapter(config(host, port, None)).is_ok());
    }
    let adapter = ObsProvider::new().adapter(config("[::1]", port, None)).unwrap();
    adapter.connect().await.unwrap();
    adapter.disconnect().await;
    server.await.unwrap();
}

#[tokio::test]
async fn a_half_open_connection_is_noticed() {
    let fake = Fake::identified(|mut side: Side| async move {
        let request = side.request().await.unwrap();
        side.answer(&request, json!({"obsVersion": "29.0.2", "obsWebSocketVersion": "5.1.0", "rpcVersion": 1})).await;
        // Neither reads (so no pong goes out) nor closes, from here on.
        std::future::pending::<()>().await;
    })
    .await;
    let adapter = adapter(fake.port, None, Limits { identify: PATIENCE, upgrade: PATIENCE, ..short() });
    adapter.connect().await.unwrap();
    let stuck = failed(&adapter, "obs.scene.list", json!({}), Duration::from_millis(200)).await;
    assert_eq!(stuck.code, "no_answer");
    let lost = timeout(PATIENCE, adapter.closed()).await.unwrap();
    assert_error(&lost, InstanceState::Disconnected, "silent");
}

#[tokio::test]
async fn a_frame_that_drips_is_no_sign_of_life() {
    let fake = Fake::identified(|mut side: Side| async move {
        let request = side.request().await.unwrap();
        side.answer(&request, json!({"obsVersion": "29.0.2", "obsWebSocketVersion": "5.1.0", "rpcVersion": 1})).await;
        let stream = side.socket.get_mut();
        // A text frame of 60,000 bytes, one byte at a time.
        let _ = stream.write_all(&[0x81, 126, 0xEA, 0x60]).await;
        let mut pace = interval(Duration::from_millis(20));
        while stream.write_all(b" ").await.is_ok() {
            pace.tick().await;
        }
    })
    .await;
    let adapter = adapter(fake.port, None, patient());
    adapter.connect().await.unwrap();
    let lost = timeout(PATIENCE, adapter.closed()).await.unwrap();
    assert_error(&lost, InstanceState::Disconnected, "silent");
}

#[tokio::test]
async fn an_oversized_message_ends_the_session() {
    let fake = Fake::identified(|mut side: Side| async move {
        let request = side.request().await.unwrap();
        side.answer(&request, json!({"obsVersion": "29.0.2", "obsWebSocketVersion": "5.1.0", "rpcVersion": 1})).await;
        side.event("VendorEvent", json!({"text": "x".repeat(33 << 20)})).await;
        side.message().await;
    })
    .await;
    let adapter = adapter(fake.port, None, patient());
    adapter.connect().await.unwrap();
    let lost = timeout(PATIENCE, adapter.closed()).await.unwrap();
    assert_error(&lost, InstanceState::UnknownError, "33554432 bytes");
}

#[tokio::test]
async fn garbage_in_a_session_ends_it() {
    let fake = Fake::identified(|mut side: Side| async move {
        let request = side.request().await.unwrap();
        side.answer(&request, json!({"obsVersion": "29.0.2", "obsWebSocketVersion": "5.1.0", "rpcVersion": 1})).await;
        let _ = side.socket.send(Message::text("not json")).await;
        side.message().await;
    })
    .await;
    let adapter = adapter(fake.port, None, patient());
    adapter.connect().await.unwrap();
    let lost = timeout(PATIENCE, adapter.closed()).await.unwrap();
    assert_error(&lost, InstanceState::UnknownError, "no {\"op\", \"d\"} object");
}

#[tokio::test]
async fn an_obs_that_says_goodbye_was_quit() {
    let fake = Fake::identified(|mut side: Side| async move {
        let request = side.request().await.unwrap();
        side.answer(&request, json!({"obsVersion": "29.0.2", "obsWebSocketVersion": "5.1.0", "rpcVersion": 1})).await;
        side.event("ExitStarted", json!({})).await;
    })
    .await;
    let adapter = adapter(fake.port, None, patient());
    adapter.connect().await.unwrap();
    let lost = timeout(PATIENCE, adapter.closed()).await.unwrap();
    assert_error(&lost, InstanceState::Disconnected, "was quit");
}

#[tokio::test]
async fn disconnecting_is_clean_and_can_be_repeated() {
    let studio = Studio::new();
    let served = studio.clone();
    let fake = Fake::identified(move |mut side: Side| {
        let studio = served.clone();
        async move { studio.only_reads(&mut side).await }
    })
    .await;
    let adapter = adapter(fake.port, None, patient());
    assert_error(&adapter.closed().await, InstanceState::Disconnected, "there is no connection");
    adapter.connect().await.unwrap();
    let (closed, ()) = tokio::join!(adapter.closed(), adapter.disconnect());
    assert_error(&closed, InstanceState::Disconnected, "closed on request");
    adapter.disconnect().await;
    let failure = failed(&adapter, "obs.scene.list", json!({}), PATIENCE).await;
    assert_eq!(failure.code, "disconnected");
    // And again.
    adapter.connect().await.unwrap();
    assert_eq!(studio.seen(), ["GetVersion", "GetVersion"]);
}
