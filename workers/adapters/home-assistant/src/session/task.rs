//! The task that owns the socket of a session.

use super::{
    Answer, RequestError,
    load::{NEXT_ID, Standing},
};
use crate::{
    connect::{self, Socket, disconnected, unknown},
    limits::{Limits, PENDING_MAX, SUBSCRIPTIONS_MAX},
    mirror::Mirror,
    protocol::{self, Incoming},
};
use futures::{SinkExt, StreamExt};
use if_engine::AdapterError;
use serde_json::{Map, Value, json};
use std::{collections::HashMap, sync::Arc};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot, watch,
    },
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message};
use tokio_util::sync::CancellationToken;

pub enum Outgoing {
    Request(Request),
    Unsubscribe(u64),
}

/// A request on its way to the task.
pub struct Request {
    pub request: &'static str,
    pub body: Map<String, Value>,
    /// It must not be sent later.
    pub until: Instant,
    pub reply: oneshot::Sender<Answer>,
    /// Where events that follow go.
    pub events: Option<mpsc::Sender<Value>>,
}

struct Waiting {
    request: &'static str,
    reply: oneshot::Sender<Answer>,
}

pub struct Task {
    socket: Socket,
    whom: String,
    limits: Limits,
    commands: mpsc::Receiver<Outgoing>,
    pending: HashMap<u64, Waiting>,
    subscriptions: HashMap<u64, mpsc::Sender<Value>>,
    standing: Standing,
    next_id: u64,
    mirror: Arc<Mirror>,
    cancel: CancellationToken,
    heard: Instant,
}

type Step = Result<(), AdapterError>;

impl Task {
    pub fn new(
        socket: Socket,
        whom: String,
        limits: Limits,
        commands: mpsc::Receiver<Outgoing>,
        mirror: Arc<Mirror>,
        standing: Standing,
        cancel: CancellationToken,
    ) -> Self {
        let (pending, subscriptions, heard) = (HashMap::new(), HashMap::new(), Instant::now());
        let next_id = NEXT_ID;
        Self { socket, whom, limits, commands, pending, subscriptions, standing, next_id, mirror, cancel, heard }
    }

    /// Runs until the session is over, then says why.
    pub async fn run(mut self, closed: watch::Sender<Option<AdapterError>>) {
        let why = self.serve().await;
        tracing::debug!(peer = %self.whom, why = %why, "session with Home Assistant ended");
        self.mirror.set_fresh(false);
        // Before the pending requests are dropped: their callers read the reason.
        closed.send_replace(Some(why));
    }

    async fn serve(&mut self) -> AdapterError {
        let mut ping = interval_at(Instant::now() + self.limits.ping, self.limits.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                () = self.cancel.cancelled() => return self.goodbye().await,
                message = self.socket.next() => self.incoming(message).await,
                command = self.commands.recv() => match command {
                    Some(Outgoing::Request(request)) => self.send_request(request).await,
                    Some(Outgoing::Unsubscribe(id)) => self.unsubscribe(id).await,
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

    async fn keep_alive(&mut self) -> Step {
        let silent = self.heard.elapsed();
        if silent >= self.limits.silence {
            return Err(disconnected(
                format!("{} has been silent for {} ms", self.whom, silent.as_millis()),
                "Home Assistant hangs or the network is broken; reconnecting is tried by itself",
            ));
        }
        self.write(Message::Ping(Bytes::new())).await
    }

    async fn write(&mut self, message: Message) -> Step {
        match timeout(self.limits.write, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(connect::lost(&self.whom, &error)),
            Err(_) => {
                let message = format!("{} read nothing for {:?}", self.whom, self.limits.write);
                Err(disconnected(message, "Home Assistant hangs or the network is broken"))
            }
        }
    }

    async fn send_request(&mut self, outgoing: Request) -> Step {
        let Request { request, body, until, reply, events } = outgoing;
        // It waited too long, or its caller gave up: sending it now would act late.
        if reply.is_closed() || Instant::now() >= until {
            // Nobody listens where the caller gave up.
            let _ = reply.send(Err(RequestError::too_late(request)));
            return Ok(());
        }
        if self.pending.len() >= PENDING_MAX {
            self.pending.retain(|_, waiting| !waiting.reply.is_closed());
        }
        let full = self.pending.len() >= PENDING_MAX;
        if full || (events.is_some() && self.subscriptions.len() >= SUBSCRIPTIONS_MAX) {
            let why = format!("{PENDING_MAX} requests or {SUBSCRIPTIONS_MAX} subscriptions are open already");
            // A caller that left meanwhile needs no answer.
            let _ = reply.send(Err(RequestError::NotSent { request, why }));
            return Ok(());
        }
        let id = self.next_id;
        self.next_id += 1;
        self.pending.insert(id, Waiting { request, reply });
        if let Some(events) = events {
            self.subscriptions.insert(id, events);
        }
        self.write(Message::text(protocol::request(id, request, body))).await
    }

    /// Its answer interests nobody.
    async fn unsubscribe(&mut self, subscription: u64) -> Step {
        if self.subscriptions.remove(&subscription).is_none() {
            return Ok(());
        }
        let body = json!({"subscription": subscription}).as_object().cloned().unwrap_or_else(Map::new);
        let id = self.next_id;
        self.next_id += 1;
        self.write(Message::text(protocol::request(id, "unsubscribe_events", body))).await
    }

    async fn incoming(&mut self, message: Option<Result<Message, WsError>>) -> Step {
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(connect::lost(&self.whom, &error)),
            None => return Err(connect::closed(&self.whom, None)),
        };
        self.heard = Instant::now();
        match message {
            Message::Text(text) => self.text(text.as_str()).await,
            Message::Close(frame) => Err(connect::closed(&self.whom, frame.as_ref())),
            Message::Binary(_) => Err(unknown(format!("{} sent a binary message", self.whom), "reconnecting helps")),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }

    async fn text(&mut self, text: &str) -> Step {
        let incoming = protocol::decode(text)
            .map_err(|error| unknown(format!("{} sent {error}", self.whom), "reconnecting may help"))?;
        match incoming {
            Incoming::Event { id, event } => self.event(id, event).await,
            Incoming::Result { id, outcome } => self.result(id, outcome).await,
            Incoming::Pong { id } => self.result(id, Ok(Value::Null)).await,
            Incoming::AuthRequired | Incoming::AuthOk { .. } | Incoming::AuthInvalid | Incoming::Other => Ok(()),
        }
    }

    async fn event(&mut self, id: u64, event: Value) -> Step {
        if id == self.standing.states {
            if !event.get("data").is_some_and(|data| self.mirror.apply(data)) {
                tracing::debug!(peer = %self.whom, "a state change of a form that is not known");
            }
            return Ok(());
        }
        if self.standing.services.contains(&id) {
            self.mirror.set_services(None);
            return Ok(());
        }
        let sent = self.subscriptions.get(&id).map(|events| events.try_send(event));
        match sent {
            None | Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_) | TrySendError::Closed(_))) => self.unsubscribe(id).await,
        }
    }

    async fn result(&mut self, id: u64, outcome: Result<Value, protocol::Refusal>) -> Step {
        let Some(Waiting { request, reply }) = self.pending.remove(&id) else {
            tracing::debug!(peer = %self.whom, id, "answer to no request of ours");
            return Ok(());
        };
        let refused = outcome.is_err();
        let answer = outcome.map(|data| (id, data)).map_err(|refusal| RequestError::Refused { request, refusal });
        let unheard = reply.send(answer).is_err();
        if unheard {
            tracing::debug!(peer = %self.whom, request, "answer came after the caller had given up");
        }
        match (refused, unheard) {
            (true, _) => drop(self.subscriptions.remove(&id)),
            // A subscription that nobody has a handle to.
            (false, true) => return self.unsubscribe(id).await,
            (false, false) => {}
        }
        Ok(())
    }
}
