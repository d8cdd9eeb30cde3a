//! The task behind a session: reads, writes, matches replies to requests and passes pushes on.

use super::{FRAME_TIMEOUT, Pushed, REPLY_TIMEOUT, Request, RequestError, SessionError};
use crate::frame::{Answer, Decoder, Frame, FrameError, Verb};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// Bytes read at a time.
const READ_BYTES: usize = 16 * 1024;
/// Longest time spent on saying goodbye.
const QUIT_TIMEOUT: Duration = Duration::from_millis(100);

/// A request on the wire, waiting for its reply.
struct Waiting {
    verb: Verb,
    until: Instant,
    reply: oneshot::Sender<Result<Answer, RequestError>>,
}

pub struct Link {
    peer: String,
    stream: TcpStream,
    decoder: Decoder,
    queue: mpsc::Receiver<Request>,
    pushed: watch::Sender<Pushed>,
    waiting: Option<Waiting>,
    /// When the message being received began to arrive.
    partial_since: Option<Instant>,
    chunk: Vec<u8>,
}

impl Link {
    pub fn new(
        peer: String,
        stream: TcpStream,
        decoder: Decoder,
        queue: mpsc::Receiver<Request>,
        pushed: watch::Sender<Pushed>,
    ) -> Self {
        let chunk = vec![0; READ_BYTES];
        Self { peer, stream, decoder, queue, pushed, waiting: None, partial_since: None, chunk }
    }

    /// Waits for `VERSION OK x`, which vMix sends unasked, and returns x.
    pub async fn greeting(&mut self, until: Instant) -> Result<String, SessionError> {
        loop {
            if let Some(frame) = self.next_frame()? {
                return match frame {
                    Frame { verb: Verb::Version, answer: Answer::Ok(version) } => Ok(version),
                    Frame { verb, .. } => Err(self.unexpected(verb.as_str(), Verb::Version.as_str())),
                };
            }
            tokio::select! {
                read = self.stream.read(&mut self.chunk) => self.take(read)?,
                () = sleep_until(until) => return Err(SessionError::NoGreeting { peer: self.peer.clone() }),
            }
        }
    }

    /// Serves until the connection is lost or `stop` is cancelled, then tells everybody waiting why.
    pub async fn run(mut self, stop: CancellationToken, ended: watch::Sender<Option<SessionError>>) {
        let error = self.serve(&stop).await;
        tracing::debug!(peer = %self.peer, %error, "vMix session ended");
        // Before the replies: who gets one may ask why the session ended.
        ended.send_replace(Some(error.clone()));
        if let Some(waiting) = self.waiting.take() {
            // Whoever asked may have given up waiting.
            let _ = waiting.reply.send(Err(RequestError::NoReply(error.clone())));
        }
        self.queue.close();
        while let Ok(request) = self.queue.try_recv() {
            let _ = request.reply.send(Err(RequestError::NotSent(error.clone())));
        }
    }

    async fn serve(&mut self, stop: &CancellationToken) -> SessionError {
        loop {
            if let Err(error) = self.dispatch() {
                return error;
            }
            let limit = self.time_limit();
            let wake = limit.as_ref().map_or_else(|| Instant::now() + REPLY_TIMEOUT, |(at, _)| *at);
            let step = tokio::select! {
                () = stop.cancelled() => return self.quit().await,
                read = self.stream.read(&mut self.chunk) => self.take(read),
                request = self.queue.recv(), if self.waiting.is_none() => match request {
                    Some(request) => self.send(request).await,
                    None => return self.quit().await,
                },
                () = sleep_until(wake) => match limit {
                    Some((_, error)) => Err(error),
                    None => Ok(()),
                },
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    /// The next moment at which silence is an error, and which.
    fn time_limit(&self) -> Option<(Instant, SessionError)> {
        let reply = self
            .waiting
            .as_ref()
            .map(|w| (w.until, SessionError::NoReply { peer: self.peer.clone(), verb: w.verb.as_str() }));
        let message = self
            .partial_since
            .map(|since| (since + FRAME_TIMEOUT, SessionError::SlowMessage { peer: self.peer.clone() }));
        [reply, message].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    async fn send(&mut self, request: Request) -> Result<(), SessionError> {
        if request.reply.is_closed() {
            // Whoever asked gave up while it waited its turn: a function must not fire after that.
            return Ok(());
        }
        let line = format!("{}\r\n", request.line);
        let until = Instant::now() + REPLY_TIMEOUT;
        // From here on it may have been carried out, whatever happens: the reply says `NoReply`, never `NotSent`.
        let verb = request.verb;
        self.waiting = Some(Waiting { verb, until, reply: request.reply });
        match timeout(REPLY_TIMEOUT, self.stream.write_all(line.as_bytes())).await {
            Ok(written) => written.map_err(|e| self.broken(&e)),
            Err(_) => Err(SessionError::NoReply { peer: self.peer.clone(), verb: verb.as_str() }),
        }
    }

    /// Takes what a read gave.
    fn take(&mut self, read: io::Result<usize>) -> Result<(), SessionError> {
        match read {
            Ok(0) => Err(SessionError::Closed { peer: self.peer.clone() }),
            Ok(count) => {
                self.decoder.feed(&self.chunk[..count]);
                Ok(())
            }
            Err(e) => Err(self.broken(&e)),
        }
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, SessionError> {
        let frame = self
            .decoder
            .next()
            .map_err(|source: FrameError| SessionError::Frame { peer: self.peer.clone(), source })?;
        if frame.is_some() || !self.decoder.is_partial() {
            self.partial_since = None;
        } else {
            self.partial_since.get_or_insert_with(Instant::now);
        }
        Ok(frame)
    }

    /// Handles every complete frame received.
    fn dispatch(&mut self) -> Result<(), SessionError> {
        while let Some(Frame { verb, answer }) = self.next_frame()? {
            if let (Verb::Tally | Verb::Acts, Answer::Ok(text)) = (verb, &answer) {
                self.push(verb, text);
            }
            match self.waiting.take_if(|w| w.verb == verb) {
                // A pushed tally answers a request for the tally as well as its reply does.
                Some(waiting) => drop(waiting.reply.send(Ok(answer))),
                None if matches!(verb, Verb::Tally | Verb::Acts) => {}
                None => {
                    let waiting = self.waiting.as_ref().map_or("nothing but a push", |w| w.verb.as_str());
                    return Err(self.unexpected(verb.as_str(), waiting));
                }
            }
        }
        Ok(())
    }

    /// Keeps what a push tells; wakes receivers only if it is news.
    fn push(&self, verb: Verb, text: &str) {
        self.pushed.send_if_modified(|pushed| match verb {
            Verb::Tally if pushed.tally != text => {
                pushed.tally = text.into();
                true
            }
            Verb::Acts => {
                pushed.act(text);
                true
            }
            _ => false,
        });
    }

    async fn quit(&mut self) -> SessionError {
        // Goodbye is a courtesy; the connection is closed either way.
        let _ = timeout(QUIT_TIMEOUT, self.stream.write_all(b"QUIT\r\n")).await;
        SessionError::Stopped { peer: self.peer.clone() }
    }

    fn broken(&self, error: &io::Error) -> SessionError {
        SessionError::Broken { peer: self.peer.clone(), why: error.to_string() }
    }

    fn unexpected(&self, got: &'static str, waiting: &'static str) -> SessionError {
        SessionError::Unexpected { peer: self.peer.clone(), got, waiting }
    }
}
