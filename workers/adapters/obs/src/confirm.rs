//! Whether a change happened: the event OBS sends once it has, and the state read back.

use crate::{
    documents::SceneList,
    limits::{EVENT_PATIENCE, LAST_READ_MAX, POLL_INTERVAL, RETURN_MAX},
    protocol::Event,
    session::{RecordPhase, RequestError, Session, wait_closed},
};
use std::sync::Arc;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Instant, sleep_until},
};

/// How the time of a call is divided.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Until here the effect is waited for.
    pub act_until: Instant,
    /// Until here the last read-back may take.
    pub read_until: Instant,
}

impl Clock {
    pub fn until(deadline: Instant) -> Self {
        let left = deadline.saturating_duration_since(Instant::now());
        let read_until = deadline - RETURN_MAX.min(left / 20);
        Self { read_until, act_until: read_until - LAST_READ_MAX.min(left / 4) }
    }
}

/// The state a change is to bring about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Program(String),
    Present(String),
    Absent(String),
    Recording,
    NotRecording,
}

/// One read-back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub reached: bool,
    /// False while OBS names the wanted state but is still on its way to it.
    pub settled: bool,
    /// What is there instead (or too), in words.
    pub observed: String,
}

/// What proved the change. It was read back in every case.
#[derive(Debug)]
pub struct Confirmed {
    /// None where the event stayed out and the settled state alone counts.
    pub event: Option<Arc<Event>>,
}

impl Confirmed {
    /// For `confirmed_by` of result documents.
    pub fn by(&self) -> &'static [&'static str] {
        match self.event {
            Some(_) => &["event", "read_back"],
            None => &["read_back"],
        }
    }
}

/// Why a change is not confirmed.
#[derive(Debug, PartialEq, Eq)]
pub enum Unconfirmed {
    /// The state was read and is not the wanted one.
    Absent {
        observed: String,
        /// The event of the effect came nevertheless: something undid it.
        told: bool,
    },
    /// The state could not be read.
    Unknown { why: String },
}

impl Wanted {
    /// Whether OBS sends this event when the state has come about.
    pub fn told_by(&self, event: &Event) -> bool {
        let scene = event.text("sceneName");
        match (self, event.kind.as_str()) {
            (Self::Program(name), "CurrentProgramSceneChanged")
            | (Self::Present(name), "SceneCreated")
            | (Self::Absent(name), "SceneRemoved") => scene == Some(name),
            (Self::Recording, "RecordStateChanged") => {
                event.text("outputState") == Some("OBS_WEBSOCKET_OUTPUT_STARTED")
            }
            (Self::NotRecording, "RecordStateChanged") => {
                event.text("outputState") == Some("OBS_WEBSOCKET_OUTPUT_STOPPED")
            }
            _ => false,
        }
    }

    /// In words, to go with "wanted".
    pub fn describe(&self) -> String {
        match self {
            Self::Program(name) => format!("scene {name:?} on program"),
            Self::Present(name) => format!("a scene {name:?}"),
            Self::Absent(name) => format!("no scene {name:?}"),
            Self::Recording => "a running recording".into(),
            Self::NotRecording => "no recording".into(),
        }
    }

    pub async fn read(&self, session: &Session, until: Instant) -> Result<Reading, RequestError> {
        match self {
            Self::Program(name) => {
                let scenes = session.scenes(until).await?;
                let reached = scenes.is_program(name);
                let settled = !(reached && session.in_transition(until).await?);
                let observed = observed_program(&scenes, settled);
                Ok(Reading { reached, settled, observed })
            }
            Self::Present(name) => Ok(settled(session.scenes(until).await?.has(name), "a scene", "no such scene")),
            Self::Absent(name) => Ok(settled(!session.scenes(until).await?.has(name), "no such scene", "the scene")),
            Self::Recording => {
                let active = session.record_status(until).await?.output_active;
                let reached = active && session.record_phase() != RecordPhase::Stopping;
                Ok(settled(reached, "a running recording", "no running recording"))
            }
            Self::NotRecording => {
                let active = session.record_status(until).await?.output_active;
                Ok(settled(!active, "no recording", "a recording that still runs"))
            }
        }
    }
}

fn settled(reached: bool, there: &str, instead: &str) -> Reading {
    Reading { reached, settled: true, observed: if reached { there } else { instead }.into() }
}

fn observed_program(scenes: &SceneList, settled: bool) -> String {
    match (&scenes.current_program_scene_name, settled) {
        (Some(name), true) => format!("scene {name:?} on program"),
        (Some(name), false) => format!("a transition to scene {name:?} that still runs"),
        (None, _) => "no scene on program".into(),
    }
}

/// Listens for the event of a change. Made before the request is sent, so that none is missed.
pub struct Watch {
    wanted: Wanted,
    events: broadcast::Receiver<Arc<Event>>,
    told: Option<Arc<Event>>,
}

impl Watch {
    pub fn new(session: &Session, wanted: Wanted) -> Self {
        Self { wanted, events: session.events(), told: None }
    }

    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Waits until event and read-back agree, at most until the end of `clock`.
    pub async fn confirm(mut self, session: &Session, clock: Clock) -> Result<Confirmed, Unconfirmed> {
        // Since when the state is there while its event is not. Not since the request: a transition takes its time, and OBS's
        // cursor stands at its end before the last frame is drawn.
        let mut settled_at = None;
        loop {
            let last = Instant::now() >= clock.act_until;
            let reading = self.wanted.read(session, clock.read_until).await;
            self.drain();
            let settled = reading.as_ref().is_ok_and(|reading| reading.reached && reading.settled);
            settled_at = settled.then(|| settled_at.unwrap_or_else(Instant::now));
            let silent = settled_at.is_some_and(|since| last || since.elapsed() >= EVENT_PATIENCE);
            match reading {
                Ok(reading) if reading.reached && (self.told.is_some() || silent) => {
                    return Ok(Confirmed { event: self.told });
                }
                Ok(reading) if last => {
                    return Err(Unconfirmed::Absent { observed: reading.observed, told: self.told.is_some() });
                }
                Err(RequestError::Lost { why, .. }) => return Err(Unconfirmed::Unknown { why }),
                Err(error) if last => return Err(Unconfirmed::Unknown { why: error.to_string() }),
                // Not there yet, or OBS cannot tell just now: look again.
                Ok(_) | Err(_) => {}
            }
            if let Some(why) = self.wait(session, clock.act_until).await {
                return Err(Unconfirmed::Unknown { why });
            }
        }
    }

    /// Until something that makes another look worth while: the event, the poll interval, the end.
    /// Some if the connection is gone.
    async fn wait(&mut self, session: &Session, act_until: Instant) -> Option<String> {
        let wake = act_until.min(Instant::now() + POLL_INTERVAL);
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Ok(event) if self.wanted.told_by(&event) => {
                        self.told = Some(event);
                        return None;
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return None,
                    Err(RecvError::Closed) => return Some("the session ended".into()),
                },
                why = wait_closed(session.closed()) => return Some(why.message),
                () = sleep_until(wake) => return None,
            }
        }
    }

    /// Takes in events that came while the state was being read.
    fn drain(&mut self) {
        use broadcast::error::TryRecvError;
        loop {
            match self.events.try_recv() {
                Ok(event) if self.wanted.told_by(&event) => self.told = Some(event),
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}
