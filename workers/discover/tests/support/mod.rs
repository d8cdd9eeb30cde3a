//! Listeners that behave like the products, and like nobody in particular.
#![allow(dead_code)] // Each test program uses a part.

use futures::SinkExt;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
    },
};

/// obs-websocket 5.0.1 without a password, as OBS 28 says it.
pub const OBS_OPEN: &str = r#"{"d":{"obsWebSocketVersion":"5.0.1","rpcVersion":1},"op":0}"#;
/// OBS 31 with a password.
pub const OBS_CLOSED: &str = r#"{"d":{"authentication":{"challenge":"+IxH4CnCiqpX1rM9scsNynZzbOe4KhDeYcTNS3PDaeY=","salt":"lM1GncleQOaCu9lT1yeUZhFYnqhsLLP1G5lAGo3ixaI="},"obsStudioVersion":"31.0.2","obsWebSocketVersion":"5.5.4","rpcVersion":1},"op":0}"#;
pub const HOME_ASSISTANT: &str = r#"{"type":"auth_required","ha_version":"2026.10.1"}"#;

/// What a listener does with a connection.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// A websocket at this path, with this first message; 404 elsewhere.
    Websocket(&'static str, &'static str),
    /// These bytes at once, then it waits.
    Says(&'static [u8]),
    /// These bytes without end.
    Floods(&'static [u8]),
    /// Takes the connection up, says nothing.
    Silent,
    /// Ends it at once.
    Ends,
    /// Bytes to and fro with this loopback port.
    Relays(u16),
}

/// Listens there until the runtime ends. Gives the address.
pub async fn listen(at: &str, manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind(at).await.unwrap_or_else(|e| panic!("{at}: {e}"));
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, manner));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, manner: Manner) {
    // Who asked may go at any time: that is no failure of the listener.
    match manner {
        Manner::Websocket(path, first) => drop(websocket(stream, path, first).await),
        Manner::Says(bytes) => {
            let _ = stream.write_all(bytes).await;
            until_gone(stream).await;
        }
        Manner::Floods(bytes) => while stream.write_all(bytes).await.is_ok() {},
        Manner::Silent => until_gone(stream).await,
        Manner::Ends => {}
        Manner::Relays(port) => {
            if let Ok(mut inner) = TcpStream::connect(("127.0.0.1", port)).await {
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut inner).await;
            }
        }
    }
}

async fn until_gone(mut stream: TcpStream) {
    let mut bytes = [0; 1_024];
    while stream.read(&mut bytes).await.is_ok_and(|n| n > 0) {}
}

async fn websocket(stream: TcpStream, path: &'static str, first: &'static str) -> Option<()> {
    // The library's type of an answer is large.
    #[allow(clippy::result_large_err)]
    let check = move |request: &Request, response: Response| match request.uri().path() == path {
        true => Ok(response),
        false => {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::NOT_FOUND;
            Err(refusal)
        }
    };
    let mut socket = accept_hdr_async(stream, check).await.ok()?;
    socket.send(Message::text(first)).await.ok()?;
    while let Some(Ok(_)) = futures::StreamExt::next(&mut socket).await {}
    Some(())
}
