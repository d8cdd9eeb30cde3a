//! Asks one address whether it is one product: connect, and hear what it says first. Bounded in time and in bytes.

use crate::{
    found::vmix_web_note,
    product::{Identity, Product},
};
use futures::StreamExt;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::{Error as WsError, Message, protocol::WebSocketConfig},
};

/// How long a host may take to take up a connection. One that is not there says nothing at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long who took it up may take to say who it is.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest greeting line of vMix, bytes.
const LINE_MAX_BYTES: u64 = 512;
/// Longest first message on a websocket, bytes.
const MESSAGE_MAX_BYTES: usize = 16 * 1024;
/// How much of vMix's state is read to see that it is one, bytes.
const STATE_HEAD_BYTES: u64 = 1_024;

/// Where the products listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    pub vmix: u16,
    /// vMix's HTTP interface.
    pub vmix_web: u16,
    pub obs: u16,
    pub ha: u16,
}

impl Default for Ports {
    fn default() -> Self {
        let [vmix, obs, ha] = Product::ALL.map(Product::port);
        Self { vmix, vmix_web: crate::found::VMIX_WEB_PORT, obs, ha }
    }
}

impl Ports {
    pub fn of(&self, product: Product) -> u16 {
        match product {
            Product::Vmix => self.vmix,
            Product::Obs => self.obs,
            Product::Ha => self.ha,
        }
    }
}

/// What is at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody takes up the connection.
    Closed,
    /// Somebody does, and says something else or nothing: which.
    Other(String),
    Is(Identity),
    /// This machine could not ask.
    Failed(String),
}

/// Asks once. `web_port`: vMix's HTTP interface, which every operation needs too.
pub async fn ask(product: Product, address: SocketAddr, web_port: u16) -> Outcome {
    let stream = match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) if is_ours(&e) => return Outcome::Failed(e.to_string()),
        Ok(Err(_)) | Err(_) => return Outcome::Closed,
    };
    let first = async {
        match product.websocket() {
            None => line(stream).await,
            Some(path) => message(stream, address, path).await,
        }
    };
    let said = match timeout(ANSWER_TIMEOUT, first).await {
        Ok(Ok(said)) => said,
        Ok(Err(what)) => return Outcome::Other(what),
        Err(_) => return Outcome::Other(format!("it says nothing for {} s", ANSWER_TIMEOUT.as_secs())),
    };
    let Some(mut identity) = product.read(&said) else {
        return Outcome::Other(format!("it is no {}", product.display_name()));
    };
    if product == Product::Vmix {
        let answers = timeout(ANSWER_TIMEOUT, web(SocketAddr::new(address.ip(), web_port))).await;
        identity.note = vmix_web_note(answers.is_ok_and(|a| a.unwrap_or(false)), web_port);
    }
    Outcome::Is(identity)
}

/// Errors that say nothing about the other side: no descriptors left (EMFILE, ENFILE), no permission to ask (EPERM).
fn is_ours(e: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    !matches!(
        e.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::TimedOut
    )
}

/// The first line; what it is not if there is none.
async fn line(stream: TcpStream) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut limited = stream.take(LINE_MAX_BYTES);
    while !bytes.contains(&b'\n') {
        match limited.read_buf(&mut bytes).await {
            Ok(0) if limited.limit() == 0 => return Err("its first line does not end".into()),
            Ok(0) => return Err("it ends the connection".into()),
            Ok(_) => {}
            Err(e) => return Err(format!("the connection broke: {e}")),
        }
    }
    let end = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// The first text on a websocket. Nothing is sent but the request for one.
async fn message(stream: TcpStream, address: SocketAddr, path: &str) -> Result<String, String> {
    let config =
        WebSocketConfig::default().max_message_size(Some(MESSAGE_MAX_BYTES)).max_frame_size(Some(MESSAGE_MAX_BYTES));
    let request = format!("ws://{address}{path}");
    let (mut socket, _) = client_async_with_config(request, stream, Some(config)).await.map_err(|e| refusal(&e))?;
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                // It would be told the same by the end of the connection.
                let _ = socket.close(None).await;
                return Ok(text.to_string());
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(_)) => return Err("its websocket does not begin with a text".into()),
            Some(Err(e)) => return Err(refusal(&e)),
            None => return Err("it ends the websocket".into()),
        }
    }
}

fn refusal(e: &WsError) -> String {
    match e {
        WsError::Http(answer) => format!("it has no websocket there: HTTP status {}", answer.status().as_u16()),
        _ => "it speaks no websocket".into(),
    }
}

/// Does vMix's state answer here?
async fn web(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /api/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    stream.take(STATE_HEAD_BYTES).read_to_end(&mut head).await?;
    Ok(head.windows(b"<vmix>".len()).any(|w| w == b"<vmix>"))
}
