//! The HTTP API: `GET /api/` is the state, `GET /api/?Function=…` runs a function. One request per connection.

use super::{
    fault::{FunctionFault, WireFault},
    function::Function,
    shared::Shared,
    wire::{self, HUGE_BODY_BYTES, Message},
};
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Largest request head, bytes.
const HEAD_MAX_BYTES: usize = 256 * 1024;

pub async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut dropped = shared.dropped.subscribe();
    tokio::select! {
        // Either way the connection is over; why is nobody's business here.
        _ = exchange(stream, shared) => {}
        _ = dropped.changed() => {}
    }
}

async fn exchange(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    if shared.faults().http == WireFault::HalfOpen {
        return std::future::pending().await;
    }
    let head = read_head(&mut stream).await?;
    let fault = shared.faults().http;
    let (status, kind, body) = respond(&head, &shared);
    let head = |length: usize| {
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
    };
    let bytes = [head(body.len()).as_bytes(), body.as_bytes()].concat();
    let message = Message { bytes: &bytes, huge_head: head(HUGE_BODY_BYTES) };
    wire::send(&mut stream, fault, shared.options.chunk_bytes, message).await?;
    if fault == WireFault::NeverAnswer {
        return std::future::pending().await;
    }
    stream.shutdown().await
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        if head.len() > HEAD_MAX_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn respond(head: &str, shared: &Arc<Shared>) -> (&'static str, &'static str, String) {
    let target = head.lines().next().and_then(|line| line.strip_prefix("GET ")).and_then(|rest| rest.split(' ').next());
    let Some(target) = target else {
        return ("405 Method Not Allowed", "text/plain", "GET only".into());
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !path.trim_end_matches('/').eq_ignore_ascii_case("/api") {
        return ("404 Not Found", "text/plain", "not found".into());
    }
    match Function::parse_http(query) {
        None => ("200 OK", "text/xml", shared.xml()),
        Some(function) => match shared.run("http", function) {
            FunctionFault::Refused => {
                ("500 Internal Server Error", "text/html", "Function refused by the simulator".into())
            }
            _ => ("200 OK", "text/html", "Function completed successfully.".into()),
        },
    }
}
