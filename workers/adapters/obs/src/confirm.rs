//! Whether a change happened: the event OBS sends once it has, and the state read back.

use crate::{
    lanes::Claim,
    limits::{EVENT_PATIENCE, LAST_READ_MAX, POLL_INTERVAL, RETURN_MAX},
    protocol::Event,
    session::{RequestError, Session, wait_closed},
    wanted::Wanted,
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
    /// OBS told that it will not come.
    Refuted { observed: String },
    /// A later command wants something else of the same thing.
    Superseded { by: String },
    /// The state could not be read.
    Unknown { why: String },
}

/// obs-websocket's code for a thing that is not there.
const CODE_NOT_FOUND: u64 = 600;

/// Listens for the event of a change. Made before the request is sent, so that none is missed.
pub struct Watch {
    wanted: Wanted,
    events: broadcast::Receiver<Arc<Event>>,
    told: Option<Arc<Event>>,
    refuted: Option<Arc<Event>>,
}

/// Why a pause between two looks is over.
enum Woken {
    Look,
    Lost(String),
    Superseded(String),
}

impl Watch {
    pub fn new(session: &Session, wanted: Wanted) -> Self {
        Self { wanted, events: session.events(), told: None, refuted: None }
    }

    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Waits until event and read-back agree, at most until the end of `clock`. `claim` tells of later commands.
    pub async fn confirm(
        mut self,
        session: &Session,
        clock: Clock,
        mut claim: Option<Claim>,
    ) -> Result<Confirmed, Unconfirmed> {
        // Since when the state is there while its event is not. Not since the request: a transition takes its time, and OBS's
        // cursor stands at its end before the last frame is drawn.
        let mut settled_at = None;
        loop {
            let last = Instant::now() >= clock.act_until;
            let reading = self.wanted.read(session, clock.read_until).await;
            self.drain();
            let settled = reading.as_ref().is_ok_and(|reading| reading.reached && reading.settled);
            settled_at = settled.then(|| settled_at.unwrap_or_else(Instant::now));
            let waited = |since: Instant| last || since.elapsed() >= EVENT_PATIENCE || !self.wanted.expects_event();
            let silent = !self.wanted.needs_event() && settled_at.is_some_and(waited);
            match reading {
                Ok(reading) if reading.reached && (self.told.is_some() || silent) => {
                    return Ok(Confirmed { event: self.told });
                }
                Ok(_) if self.refuted.is_some() => {
                    let observed = self.wanted.refutation(self.refuted.as_deref());
                    return Err(Unconfirmed::Refuted { observed });
                }
                Ok(reading) if last => {
                    let unheard = reading.reached && reading.settled;
                    let observed = if unheard { "no event that tells of it".into() } else { reading.observed };
                    return Err(Unconfirmed::Absent { observed, told: self.told.is_some() });
                }
                Err(RequestError::Lost { why, .. }) => return Err(Unconfirmed::Unknown { why }),
                Err(RequestError::Refused { code: CODE_NOT_FOUND, .. }) => {
                    let observed = "that it was removed or renamed meanwhile".into();
                    return Err(Unconfirmed::Refuted { observed });
                }
                Err(error) if last => return Err(Unconfirmed::Unknown { why: error.to_string() }),
                // Not there yet, or OBS cannot tell just now: look again.
                Ok(_) | Err(_) => {}
            }
            match self.wait(session, clock.act_until, claim.as_mut()).await {
                Woken::Look => {}
                Woken::Lost(why) => return Err(Unconfirmed::Unknown { why }),
                Woken::Superseded(by) => return Err(Unconfirmed::Superseded { by }),
            }
        }
    }

    /// Until something that makes another look worth while: the event, the poll interval, the end.
    async fn wait(&mut self, session: &Session, act_until: Instant, mut claim: Option<&mut Claim>) -> Woken {
        let wake = act_until.min(Instant::now() + POLL_INTERVAL);
        loop {
            let later = async {
                match claim.as_mut() {
                    Some(claim) => claim.superseded().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = self.events.recv() => match event {
                    Ok(event) if self.take(&event) => return Woken::Look,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return Woken::Look,
                    Err(RecvError::Closed) => return Woken::Lost("the session ended".into()),
                },
                why = wait_closed(session.closed()) => return Woken::Lost(why.message),
                by = later => return Woken::Superseded(by),
                () = sleep_until(wake) => return Woken::Look,
            }
        }
    }

    /// Takes in events that came while the state was being read.
    fn drain(&mut self) {
        use broadcast::error::TryRecvError;
        loop {
            match self.events.try_recv() {
                Ok(event) => {
                    self.take(&event);
                }
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// Whether the event says something of the wanted state.
    fn take(&mut self, event: &Arc<Event>) -> bool {
        if self.wanted.told_by(event) {
            self.told = Some(event.clone());
            return true;
        }
        let refuted = self.wanted.refuted_by(event);
        if refuted {
            self.refuted = Some(event.clone());
        }
        refuted
    }
}
