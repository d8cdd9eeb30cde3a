//! The TCP API: lines, byte-counted bodies, pushes between a request and its reply.

use super::{
    fault::{FunctionFault, WireFault},
    function::Function,
    shared::Shared,
    told::Told,
    wire::{self, HUGE_BODY_BYTES, Message},
    xml,
};
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// Longest request line, bytes.
const LINE_MAX_BYTES: usize = 256 * 1024;

/// One client, until it leaves or the simulator drops it.
pub async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut dropped = shared.dropped.subscribe();
    // Small lines in both directions: without this they wait for each other's acknowledgements.
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let session = Session { told: Told::of(&shared.model()), shared, writer, tally: false, acts: false };
    tokio::select! {
        // Either way the connection is over; why is nobody's business here.
        _ = session.run(reader) => {}
        _ = dropped.changed() => {}
    }
}

/// Bytes a request line usually takes.
const LINE_BYTES: usize = 4 * 1024;

/// What a function gets.
enum Reply {
    Line(String),
    Nothing,
    /// The connection is closed instead.
    Drop,
}

struct Session {
    shared: Arc<Shared>,
    writer: OwnedWriteHalf,
    told: Told,
    tally: bool,
    acts: bool,
}

impl Session {
    async fn run(mut self, mut reader: OwnedReadHalf) -> io::Result<()> {
        if self.fault() == WireFault::HalfOpen {
            // Holds the socket open, reads nothing, says nothing.
            return std::future::pending().await;
        }
        let mut changed = self.shared.changed.subscribe();
        self.greet().await?;
        let mut buffer = Vec::with_capacity(LINE_BYTES);
        loop {
            while let Some(end) = buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                if !self.request(String::from_utf8_lossy(&line).trim_end()).await? {
                    return Ok(());
                }
            }
            if buffer.len() > LINE_MAX_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            tokio::select! {
                read = reader.read_buf(&mut buffer) => if read? == 0 { return Ok(()) },
                _ = changed.changed() => self.push(false).await?,
            }
        }
    }

    fn fault(&self) -> WireFault {
        self.shared.faults().tcp
    }

    async fn greet(&mut self) -> io::Result<()> {
        let greeting = format!("VERSION OK {}\r\n", self.shared.options.version);
        match self.fault() {
            WireFault::NeverAnswer => self.writer.write_all(greeting.as_bytes()).await,
            _ => self.send(greeting.as_bytes()).await,
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let huge_head = format!("XML {HUGE_BODY_BYTES}\r\n<vmix>");
        let (fault, chunk) = (self.fault(), self.shared.options.chunk_bytes);
        wire::send(&mut self.writer, fault, chunk, Message { bytes, huge_head }).await
    }

    async fn line(&mut self, text: &str) -> io::Result<()> {
        self.send(format!("{text}\r\n").as_bytes()).await
    }

    /// Sends what changed since the last push to whom it may concern; with `always`, the tally even if it did not.
    async fn push(&mut self, always: bool) -> io::Result<()> {
        let now = Told::of(&self.shared.model());
        let before = std::mem::replace(&mut self.told, now.clone());
        let mut text = String::new();
        if self.acts {
            before.acts_to(&now).iter().for_each(|line| text.extend([line.as_str(), "\r\n"]));
        }
        if self.tally && (always || before.tally != now.tally) {
            text.extend(["TALLY OK ", now.tally.as_str(), "\r\n"]);
        }
        if text.is_empty() { Ok(()) } else { self.send(text.as_bytes()).await }
    }

    /// Answers one request line. False ends the connection.
    async fn request(&mut self, line: &str) -> io::Result<bool> {
        if self.fault() == WireFault::HalfOpen {
            return Ok(true);
        }
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        let reply = match verb.to_ascii_uppercase().as_str() {
            "VERSION" => format!("VERSION OK {}", self.shared.options.version),
            "TALLY" => format!("TALLY OK {}", self.shared.model().tally()),
            "FUNCTION" => match self.function(rest) {
                Reply::Line(reply) => reply,
                Reply::Nothing => return Ok(true),
                Reply::Drop => return Ok(false),
            },
            "ACTS" => self.acts_now(rest),
            "XML" => return self.xml().await.map(|()| true),
            "XMLTEXT" => match xml::text_at(&self.xml_text(), rest) {
                Some(text) => format!("XMLTEXT OK {text}"),
                None => "XMLTEXT ER XML Entry Not Found".into(),
            },
            "SUBSCRIBE" => self.subscribe(rest, true),
            "UNSUBSCRIBE" => self.subscribe(rest, false),
            "QUIT" => return Ok(false),
            "" => return Ok(true),
            // What vMix answers to a verb it does not have is not known; no client relies on it.
            other => format!("{other} ER Unknown Command"),
        };
        self.interleave().await?;
        self.line(&reply).await?;
        if verb.eq_ignore_ascii_case("SUBSCRIBE") {
            self.push(true).await?;
        }
        Ok(true)
    }

    /// A push between a request and its reply: allowed by the protocol, and what clients get wrong.
    async fn interleave(&mut self) -> io::Result<()> {
        if self.shared.options.interleave { self.push(true).await } else { Ok(()) }
    }

    fn xml_text(&self) -> String {
        self.shared.xml()
    }

    /// `XML <n>`, then exactly n bytes, the line break at the end among them.
    async fn xml(&mut self) -> io::Result<()> {
        let xml = self.xml_text();
        self.interleave().await?;
        self.send(format!("XML {}\r\n{xml}\r\n", xml.len() + 2).as_bytes()).await
    }

    fn function(&self, text: &str) -> Reply {
        let Some(function) = Function::parse_tcp(text) else {
            return Reply::Line("FUNCTION ER No function name".into());
        };
        match self.shared.run("tcp", function) {
            FunctionFault::Refused => Reply::Line("FUNCTION ER Function refused by the simulator".into()),
            FunctionFault::Unanswered => Reply::Nothing,
            FunctionFault::DropAfter | FunctionFault::DropBefore => Reply::Drop,
            FunctionFault::None | FunctionFault::Ignored | FunctionFault::WrongEffect => {
                Reply::Line("FUNCTION OK Completed".into())
            }
        }
    }

    fn acts_now(&self, rest: &str) -> String {
        match Told::of(&self.shared.model()).activator(rest.trim()) {
            Some(value) => format!("ACTS OK {} {value}", rest.trim()),
            None => format!("ACTS ER {} not found", rest.split(' ').next().unwrap_or_default()),
        }
    }

    fn subscribe(&mut self, what: &str, on: bool) -> String {
        let (verb, done) = if on { ("SUBSCRIBE", "Subscribed") } else { ("UNSUBSCRIBE", "Unsubscribed") };
        match what.to_ascii_uppercase().as_str() {
            "TALLY" => self.tally = on,
            "ACTS" => self.acts = on,
            _ => return format!("{verb} ER {what} not found"),
        }
        format!("{verb} OK {} {done}", what.to_ascii_uppercase())
    }
}
