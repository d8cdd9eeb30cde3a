//! A scripted obs-websocket server for faults that a real OBS cannot be made to produce, and for nothing else.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

/// A listening script; its task ends with it.
pub struct Fake {
    pub port: u16,
    task: JoinHandle<()>,
}

impl Fake {
    /// Serves every connection, one after the other, with `script`.
    pub async fn raw<F, S>(script: F) -> Self
    where
        F: Fn(TcpStream) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                script(stream).await;
            }
        });
        Self { port, task }
    }

    /// The same, from after the websocket upgrade.
    pub async fn upgraded<F, S>(script: F) -> Self
    where
        F: Fn(Side) -> S + Clone + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        Self::raw(move |stream| {
            let script = script.clone();
            async move { script(Side { socket: accept_async(stream).await.unwrap() }).await }
        })
        .await
    }

    /// The same, from after `Identified`.
    pub async fn identified<F, S>(script: F) -> Self
    where
        F: Fn(Side) -> S + Clone + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        Self::upgraded(move |mut side| {
            let script = script.clone();
            async move {
                side.greet().await;
                script(side).await;
            }
        })
        .await
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The server's side of one connection.
pub struct Side {
    pub socket: WebSocketStream<TcpStream>,
}

pub struct Request {
    pub id: Value,
    pub kind: String,
    pub data: Value,
}

impl Side {
    pub async fn greet(&mut self) {
        self.send(json!({"op": 0, "d": {"obsWebSocketVersion": "5.1.0", "rpcVersion": 1}})).await;
        let identify = self.message().await.expect("no Identify");
        assert_eq!(identify["op"], 1, "{identify}");
        self.send(json!({"op": 2, "d": {"negotiatedRpcVersion": 1}})).await;
    }

    /// None once the client is gone. Batches are those that fill the live state: each of their requests is refused, as by an
    /// OBS that has none of them.
    pub async fn message(&mut self) -> Option<Value> {
        loop {
            let message = self.any_message().await?;
            if message["op"] != 8 {
                return Some(message);
            }
            self.answer_batch(&message, |_, _| None).await;
        }
    }

    /// Answers a batch; None refuses.
    pub async fn answer_batch(&mut self, batch: &Value, answer: impl Fn(&str, &Value) -> Option<Value>) {
        let one = |request: &Value| {
            let kind = request["requestType"].as_str().unwrap();
            match answer(kind, &request["requestData"]) {
                Some(data) => {
                    json!({"requestType": kind, "requestStatus": {"result": true, "code": 100}, "responseData": data})
                }
                None => json!({"requestType": kind, "requestStatus": {"result": false, "code": 204}}),
            }
        };
        let results: Vec<Value> = batch["d"]["requests"].as_array().unwrap().iter().map(one).collect();
        self.send(json!({"op": 9, "d": {"requestId": batch["d"]["requestId"], "results": results}})).await;
    }

    /// The same, batches too.
    pub async fn any_message(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(text.as_str()).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    pub async fn request(&mut self) -> Option<Request> {
        self.message().await.map(|message| Self::as_request(&message))
    }

    pub fn as_request(message: &Value) -> Request {
        assert_eq!(message["op"], 6, "{message}");
        let body = &message["d"];
        let kind = body["requestType"].as_str().unwrap().to_owned();
        Request { id: body["requestId"].clone(), kind, data: body["requestData"].clone() }
    }

    /// A client that has left is none of a script's business.
    pub async fn send(&mut self, message: Value) {
        self.text(&message.to_string()).await;
    }

    /// The same, of any text.
    pub async fn text(&mut self, text: &str) {
        let _ = self.socket.send(Message::text(text.to_owned())).await;
    }

    pub async fn answer(&mut self, request: &Request, data: Value) {
        let status = json!({"result": true, "code": 100});
        self.respond(request, json!({"requestStatus": status, "responseData": data})).await;
    }

    pub async fn refuse(&mut self, request: &Request, code: u64, comment: &str) {
        self.respond(request, json!({"requestStatus": {"result": false, "code": code, "comment": comment}})).await;
    }

    async fn respond(&mut self, request: &Request, mut body: Value) {
        body["requestType"] = Value::from(request.kind.as_str());
        body["requestId"] = request.id.clone();
        self.send(json!({"op": 7, "d": body})).await;
    }

    pub async fn event(&mut self, kind: &str, data: Value) {
        self.send(json!({"op": 5, "d": {"eventType": kind, "eventIntent": 4, "eventData": data}})).await;
    }
}

/// The state of a small studio, answering the reads as OBS 29 does (no UUIDs).
#[derive(Clone)]
pub struct Studio {
    pub scenes: Vec<&'static str>,
    pub program: &'static str,
    pub recording: bool,
    pub directory: &'static str,
    pub seen: Arc<Mutex<Vec<String>>>,
}

impl Studio {
    pub fn new() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        Self { scenes: vec!["Scene", "Main Scene"], program: "Scene", recording: false, directory: "/srv/rec", seen }
    }

    /// Every request type received so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The next request that is no read of this studio's state; reads are answered on the way.
    pub async fn serve(&self, side: &mut Side) -> Option<Request> {
        loop {
            let request = side.request().await?;
            self.seen.lock().unwrap().push(request.kind.clone());
            match self.read(&request.kind) {
                Some(data) => side.answer(&request, data).await,
                None => return Some(request),
            }
        }
    }

    /// Answers reads until the client leaves; panics on anything else.
    pub async fn only_reads(&self, side: &mut Side) {
        if let Some(request) = self.serve(side).await {
            panic!("unexpected {}", request.kind);
        }
    }

    /// The answer to a read of this studio's state; None for anything else.
    pub fn read(&self, kind: &str) -> Option<Value> {
        Some(match kind {
            "GetVersion" => json!({"obsVersion": "29.0.2", "obsWebSocketVersion": "5.1.0", "rpcVersion": 1}),
            "GetSceneList" => {
                let scene = |(index, name): (usize, &&str)| json!({"sceneIndex": index, "sceneName": name});
                let scenes: Vec<Value> = self.scenes.iter().enumerate().map(scene).collect();
                json!({"currentProgramSceneName": self.program, "currentPreviewSceneName": null, "scenes": scenes})
            }
            "GetCurrentSceneTransitionCursor" => json!({"transitionCursor": 1.0}),
            "GetRecordStatus" => json!({"outputActive": self.recording}),
            "GetRecordDirectory" => json!({"recordDirectory": self.directory}),
            _ => return None,
        })
    }
}
