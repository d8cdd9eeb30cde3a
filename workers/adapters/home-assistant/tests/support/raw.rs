//! A second, independent websocket client of a real Home Assistant: sets the stage.

use super::PATIENCE;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

pub struct Raw {
    socket: WebSocketStream<TcpStream>,
    sent: u64,
}

impl Raw {
    pub async fn connect(port: u16, token: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (socket, _) = client_async(format!("ws://127.0.0.1:{port}/api/websocket"), stream).await.unwrap();
        let mut raw = Self { socket, sent: 0 };
        assert_eq!(raw.message().await["type"], "auth_required");
        raw.send(json!({"type": "auth", "access_token": token})).await;
        assert_eq!(raw.message().await["type"], "auth_ok");
        raw
    }

    /// The result; panics where Home Assistant refuses.
    pub async fn ask(&mut self, mut request: Value) -> Value {
        self.sent += 1;
        request["id"] = self.sent.into();
        self.send(request.clone()).await;
        loop {
            let message = self.message().await;
            if message["type"] == "result" && message["id"] == self.sent {
                assert_eq!(message["success"], true, "{request}: {message}");
                return message["result"].clone();
            }
        }
    }

    async fn send(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn message(&mut self) -> Value {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("silence").unwrap().unwrap();
            if let Message::Text(text) = message {
                return serde_json::from_str(text.as_str()).unwrap();
            }
        }
    }
}
