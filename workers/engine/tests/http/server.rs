//! A server on loopback that does what a script says, byte by byte, and keeps what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};

/// One step of an answer.
#[derive(Clone)]
pub enum Step {
    Send(Vec<u8>),
    /// Waits until the test adds a permit.
    Wait(Arc<Semaphore>),
    /// Closes the connection with a reset.
    Cut,
    /// Sends nothing more and keeps the connection.
    Hang,
}

/// What is done with one request.
#[derive(Clone)]
pub struct Script {
    /// Bytes of the request that are read first; all of it where not given.
    pub read: Option<usize>,
    pub steps: Vec<Step>,
}

impl Script {
    pub fn of(steps: Vec<Step>) -> Self {
        Self { read: None, steps }
    }
    /// A whole answer with `Content-Length`.
    pub fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut bytes = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        Self::of(vec![Step::Send(bytes)])
    }
    pub fn json(status: u16, body: serde_json::Value) -> Self {
        Self::answer(status, "content-type: application/json\r\n", body.to_string())
    }
    /// The first bytes of an answer, then the connection is cut.
    pub fn cut(bytes: impl AsRef<[u8]>) -> Self {
        Self::of(vec![Step::Send(bytes.as_ref().to_vec()), Step::Cut])
    }
}

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// `POST /x?y=1`
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[derive(Default)]
struct Shared {
    scripts: Mutex<VecDeque<Script>>,
    seen: Mutex<Vec<Seen>>,
    open: Mutex<(usize, usize)>,
}

pub struct Server {
    pub url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Answers requests with `scripts` in their order; a request beyond them gets status 599.
    pub async fn start(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared { scripts: Mutex::new(scripts.into()), ..Shared::default() });
        let of_task = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, of_task.clone()));
            }
        });
        Self { url, shared, accepting }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("seen").clone()
    }
    /// `POST /x?y=1` of every request.
    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|s| s.line).collect()
    }
    /// Most requests that were under way at once.
    pub fn most_at_once(&self) -> usize {
        self.shared.open.lock().expect("open").1
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    loop {
        // Which script it is decides how much of the request is read: it is taken when the first byte comes.
        let mut first = [0];
        if !matches!(stream.read(&mut first).await, Ok(1)) {
            return;
        }
        let script = shared.scripts.lock().expect("scripts").pop_front();
        let script = script.unwrap_or_else(|| Script::answer(599, "", "no script"));
        {
            let mut open = shared.open.lock().expect("open");
            open.0 += 1;
            open.1 = open.1.max(open.0);
        }
        let request = read_request(&mut stream, first[0], script.read).await;
        shared.seen.lock().expect("seen").push(request);
        let goes_on = play(&mut stream, script.steps).await;
        shared.open.lock().expect("open").0 -= 1;
        if !goes_on {
            return;
        }
    }
}

async fn play(stream: &mut TcpStream, steps: Vec<Step>) -> bool {
    for step in steps {
        match step {
            Step::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return false;
                }
            }
            Step::Wait(gate) => gate.acquire().await.expect("open").forget(),
            Step::Cut => {
                let _ = stream.shutdown().await;
                return false;
            }
            Step::Hang => std::future::pending::<()>().await,
        }
    }
    true
}

async fn read_request(stream: &mut TcpStream, first: u8, limit: Option<usize>) -> Seen {
    let mut bytes = vec![first];
    let mut chunk = [0; 4096];
    let mut head = None;
    loop {
        if limit.is_some_and(|limit| bytes.len() >= limit) {
            break;
        }
        if head.is_none() {
            head = bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
        }
        if let Some(head) = head
            && bytes.len() >= head + length(&bytes[..head])
        {
            break;
        }
        let most = limit.map_or(chunk.len(), |limit| (limit - bytes.len()).min(chunk.len()));
        match stream.read(&mut chunk[..most]).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            _ => break,
        }
    }
    parse(&bytes, head)
}

fn parse(bytes: &[u8], head: Option<usize>) -> Seen {
    let Some(head) = head else { return Seen { line: "(part)".into(), ..Seen::default() } };
    let text = String::from_utf8_lossy(&bytes[..head]);
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_string();
    let headers = lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_string(), v.to_string())).collect();
    Seen { line, headers, body: bytes[head..].to_vec() }
}

fn length(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head).to_lowercase();
    let line = text.lines().find_map(|l| l.strip_prefix("content-length: ").map(str::to_string));
    line.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}
