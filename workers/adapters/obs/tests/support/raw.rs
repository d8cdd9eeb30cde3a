//! A second, independent client of a real OBS without password: sets the stage and sees for itself.

use super::PATIENCE;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

pub struct Raw {
    socket: WebSocketStream<TcpStream>,
    sent: u64,
    /// Events that arrived while an answer was awaited: OBS sends them before, between and after its answers.
    events: VecDeque<Value>,
}

impl Raw {
    pub async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (socket, _) = client_async(format!("ws://127.0.0.1:{port}/"), stream).await.unwrap();
        let mut raw = Self { socket, sent: 0, events: VecDeque::new() };
        assert_eq!(raw.message().await["op"], 0);
        raw.send(json!({"op": 1, "d": {"rpcVersion": 1}})).await;
        assert_eq!(raw.message().await["op"], 2);
        raw
    }

    /// The answer's data; panics where OBS refuses.
    pub async fn ask(&mut self, request: &str, data: Value) -> Value {
        self.try_ask(request, data).await.unwrap_or_else(|status| panic!("{request}: {status}"))
    }

    /// The same, or the status of a refusal.
    pub async fn try_ask(&mut self, request: &str, data: Value) -> Result<Value, Value> {
        self.sent += 1;
        let id = self.sent.to_string();
        self.send(json!({"op": 6, "d": {"requestType": request, "requestId": id, "requestData": data}})).await;
        loop {
            let message = self.message().await;
            if message["op"] == 7 && message["d"]["requestId"] == id.as_str() {
                let status = &message["d"]["requestStatus"];
                return if status["result"] == true {
                    Ok(message["d"]["responseData"].clone())
                } else {
                    Err(status.clone())
                };
            }
            if message["op"] == 5 {
                self.events.push_back(message);
            }
        }
    }

    /// The data of the oldest event of that type not yet seen; what came before it counts as seen.
    pub async fn event(&mut self, kind: &str) -> Value {
        loop {
            let message = match self.events.pop_front() {
                Some(message) => message,
                None => self.message().await,
            };
            if message["op"] == 5 && message["d"]["eventType"] == kind {
                return message["d"]["eventData"].clone();
            }
        }
    }

    pub async fn program(&mut self) -> String {
        let answer = self.ask("GetCurrentProgramScene", json!({})).await;
        answer["currentProgramSceneName"].as_str().unwrap().to_owned()
    }

    async fn send(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn message(&mut self) -> Value {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("OBS says nothing").unwrap().unwrap();
            if let Message::Text(text) = message {
                return serde_json::from_str(text.as_str()).unwrap();
            }
        }
    }
}
