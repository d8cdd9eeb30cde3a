//! The task that owns the socket of a session.

use super::{Answer, Kind, Output, Phase, Phases, Reply, RequestError};
use crate::{
    connect::{self, Socket, disconnected, unknown},
    limits::{Limits, PENDING_MAX},
    protocol::{self, Event, Incoming},
};
use futures::{SinkExt, StreamExt};
use if_engine::AdapterError;
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message};
use tokio_util::sync::CancellationToken;

/// A request on its way to the task.
pub struct Outgoing {
    pub request: Kind,
    pub body: Body,
    /// It must not be sent later.
    pub until: Instant,
    pub reply: oneshot::Sender<Reply>,
}

pub enum Body {
    One(Value),
    Batch { requests: Vec<(String, Value)>, halt: bool },
}

struct Waiting {
    request: Kind,
    reply: oneshot::Sender<Reply>,
}

pub struct Task {
    socket: Socket,
    whom: String,
    limits: Limits,
    commands: mpsc::Receiver<Outgoing>,
    pending: HashMap<u64, Waiting>,
    next_id: u64,
    events: broadcast::Sender<Arc<Event>>,
    phases: watch::Sender<Phases>,
    cancel: CancellationToken,
    heard: Instant,
    quitting: bool,
}

impl Task {
    pub fn new(
        socket: Socket,
        whom: String,
        limits: Limits,
        commands: mpsc::Receiver<Outgoing>,
        events: broadcast::Sender<Arc<Event>>,
        phases: watch::Sender<Phases>,
        cancel: CancellationToken,
    ) -> Self {
        let pending = HashMap::new();
        let heard = Instant::now();
        Self { socket, whom, limits, commands, pending, next_id: 1, events, phases, cancel, heard, quitting: false }
    }

    /// Runs until the session is over, then says why.
    pub async fn run(mut self, closed: watch::Sender<Option<AdapterError>>) {
        let why = self.serve().await;
        tracing::debug!(peer = %self.whom, why = %why, "session with OBS ended");
        // Before the pending requests are dropped: their callers read the reason.
        closed.send_replace(Some(why));
    }

    async fn serve(&mut self) -> AdapterError {
        let mut ping = interval_at(Instant::now() + self.limits.ping, self.limits.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                () = self.cancel.cancelled() => return self.goodbye().await,
                message = self.socket.next() => self.incoming(message),
                command = self.commands.recv() => match command {
                    Some(command) => self.send_request(command).await,
                    None => return self.goodbye().await,
                },
                _ = ping.tick() => self.keep_alive().await,
            };
            if let Err(why) = step {
                return why;
            }
        }
    }

    async fn goodbye(&mut self) -> AdapterError {
        // The peer may be gone already: closing is a courtesy and bounded.
        let _ = timeout(self.limits.write, self.socket.close(None)).await;
        disconnected(format!("the connection to {} was closed on request", self.whom), "connect again")
    }

    async fn keep_alive(&mut self) -> Result<(), AdapterError> {
        let silent = self.heard.elapsed();
        if silent >= self.limits.silence {
            return Err(disconnected(
                format!("{} has been silent for {} ms", self.whom, silent.as_millis()),
                "OBS hangs or the network is broken; reconnecting is tried by itself",
            ));
        }
        self.write(Message::Ping(Bytes::new())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), AdapterError> {
        match timeout(self.limits.write, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(connect::lost(&self.whom, &error)),
            Err(_) => {
                let message = format!("{} read nothing for {:?}", self.whom, self.limits.write);
                Err(disconnected(message, "OBS hangs or the network is broken"))
            }
        }
    }

    async fn send_request(&mut self, outgoing: Outgoing) -> Result<(), AdapterError> {
        let Outgoing { request, body, until, reply } = outgoing;
        // It waited too long, or its caller gave up: sending it now would act late.
        if reply.is_closed() || Instant::now() >= until {
            // Nobody listens where the caller gave up.
            let _ = reply.send(Err(RequestError::too_late(request)));
            return Ok(());
        }
        if self.pending.len() >= PENDING_MAX {
            self.pending.retain(|_, waiting| !waiting.reply.is_closed());
        }
        if self.pending.len() >= PENDING_MAX {
            let why = format!("{PENDING_MAX} requests already wait for their answer");
            // A caller that left meanwhile needs no answer.
            let _ = reply.send(Err(RequestError::NotSent { request, why }));
            return Ok(());
        }
        let id = self.next_id;
        self.next_id += 1;
        let text = match &body {
            Body::One(data) => protocol::request(id, &request, data),
            Body::Batch { requests, halt } => protocol::batch(id, requests, *halt),
        };
        self.pending.insert(id, Waiting { request, reply });
        self.write(Message::text(text)).await
    }

    fn incoming(&mut self, message: Option<Result<Message, WsError>>) -> Result<(), AdapterError> {
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(self.ended(connect::lost(&self.whom, &error))),
            None => return Err(self.ended(connect::closed(&self.whom, None))),
        };
        self.heard = Instant::now();
        match message {
            Message::Text(text) => self.text(text.as_str()),
            Message::Close(frame) => Err(self.ended(connect::closed(&self.whom, frame.as_ref()))),
            Message::Binary(_) => Err(unknown(format!("{} sent a binary message", self.whom), "reconnecting helps")),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }

    fn ended(&self, why: AdapterError) -> AdapterError {
        match self.quitting {
            true => disconnected(format!("{} was quit", self.whom), "start OBS again"),
            false => why,
        }
    }

    fn text(&mut self, text: &str) -> Result<(), AdapterError> {
        let incoming = protocol::decode(text)
            .map_err(|error| unknown(format!("{} sent {error}", self.whom), "reconnecting may help"))?;
        match incoming {
            Incoming::Event(event) => self.event(event),
            Incoming::Response(response) => {
                self.answer(&response.request_id, Answer::One(response.request_status, response.response_data));
            }
            Incoming::BatchResponse(response) => self.answer(&response.request_id, Answer::Batch(response.results)),
            Incoming::Hello(_) | Incoming::Identified(_) | Incoming::Other => {}
        }
        Ok(())
    }

    fn event(&mut self, event: Event) {
        if event.kind == "ExitStarted" {
            self.quitting = true;
        }
        if let Some(output) = Output::ALL.into_iter().find(|output| output.event() == event.kind) {
            let state = event.text("outputState");
            let now = phase(state);
            self.phases.send_modify(|phases| {
                phases.of[output as usize] = now;
                if state == Some("OBS_WEBSOCKET_OUTPUT_PAUSED") {
                    phases.paused_at = Some(Instant::now());
                }
            });
        }
        // Nobody listening is the usual case.
        let _ = self.events.send(Arc::new(event));
    }

    fn answer(&mut self, id: &str, answer: Answer) {
        let waiting = id.parse().ok().and_then(|id: u64| self.pending.remove(&id));
        match waiting {
            Some(Waiting { request, reply }) => {
                if reply.send(Ok(answer)).is_err() {
                    tracing::debug!(peer = %self.whom, %request, "answer came after the caller had given up");
                }
            }
            None => tracing::debug!(peer = %self.whom, id, "answer to no request of ours"),
        }
    }
}

/// Pausing is a state of running. Reconnecting is one of starting.
fn phase(output_state: Option<&str>) -> Phase {
    match output_state.and_then(|state| state.strip_prefix("OBS_WEBSOCKET_OUTPUT_")) {
        Some("STARTING" | "RECONNECTING") => Phase::Starting,
        Some("STARTED" | "PAUSED" | "RESUMED" | "RECONNECTED") => Phase::Running,
        Some("STOPPING") => Phase::Stopping,
        Some("STOPPED") => Phase::Stopped,
        _ => Phase::Unknown,
    }
}
