//! Reading back: over the TCP session while it lasts, over HTTP once it does not.

use super::{Change, Place};
use crate::{
    endpoint::Endpoint,
    session::{Pushed, Session},
    state::State,
};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// First pause between two reads; doubles up to [`PAUSE_MAX`]. A push ends a pause at once.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// Longest wait for one read before the other way is tried.
const READ_TIMEOUT: Duration = Duration::from_secs(1);
/// A read that had less time than this and failed says nothing about the peer.
const FAIR_READ: Duration = Duration::from_millis(250);

/// How the effect was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The state over the session, and the pushed tally agrees.
    TallyAndXml,
    Xml,
    /// The state over HTTP, after the session was lost or did not answer.
    HttpXml,
}

impl By {
    pub fn as_str(self) -> &'static str {
        match self {
            By::TallyAndXml => "tally+xml",
            By::Xml => "xml",
            By::HttpXml => "http_xml",
        }
    }
}

pub enum Seen {
    Effect {
        state: Box<State>,
        by: By,
    },
    /// The state was readable to the end and did not show it.
    NoEffect {
        state: Box<State>,
    },
    /// The state was not readable at the end.
    Nothing {
        why: String,
    },
}

/// What pushes say, and when they say something new.
pub struct Watch {
    pushed: watch::Receiver<Pushed>,
    alive: bool,
}

impl Watch {
    /// News from here on.
    pub fn new(session: &Session) -> Self {
        let mut pushed = session.pushed();
        pushed.mark_unchanged();
        Self { pushed, alive: true }
    }

    /// Waits for news, at most until `wake`.
    async fn news(&mut self, wake: Instant) {
        tokio::select! {
            changed = self.pushed.changed(), if self.alive => self.alive = changed.is_ok(),
            () = sleep_until(wake) => {}
        }
    }

    /// The tally shows the input where the change wants it.
    fn agrees(&self, change: &Change) -> bool {
        let digit = self.pushed.borrow().digit(change.target.number);
        match change.place {
            Place::Program => digit == Some('1'),
            // An input on program or an overlay shows 1 even while it is on preview.
            Place::Preview => matches!(digit, Some('1' | '2')),
        }
    }
}

pub struct Readback<'a> {
    endpoint: &'a Endpoint,
    session: &'a Session,
    /// The session still answers.
    answers: bool,
}

impl<'a> Readback<'a> {
    pub fn new(endpoint: &'a Endpoint, session: &'a Session, answers: bool) -> Self {
        Self { endpoint, session, answers }
    }

    /// The state, and whether it came over HTTP.
    async fn read(&mut self, until: Instant) -> Result<(State, bool), String> {
        let mut lost = String::new();
        if self.answers {
            let now = Instant::now();
            let share = (until.saturating_duration_since(now) / 2).min(READ_TIMEOUT);
            match self.session.read_state(now + share).await {
                Ok(state) => return Ok((state, false)),
                Err(error) => lost = format!("{error}; "),
            }
            self.answers = false;
        }
        let left = until.saturating_duration_since(Instant::now()).min(READ_TIMEOUT);
        self.endpoint.read_state(left).await.map(|state| (state, true)).map_err(|error| format!("{lost}{error}"))
    }
}

/// Reads until the state shows the change, not counting what is seen before `not_before`, at most until `until`.
pub async fn confirm(
    change: &Change,
    readback: &mut Readback<'_>,
    watch: &mut Watch,
    not_before: Instant,
    until: Instant,
) -> Seen {
    let mut pause = PAUSE_FIRST;
    let mut last: Result<(Box<State>, By), String> = Err("there was no time to read it".into());
    let mut started = Instant::now();
    while started < until {
        match readback.read(until).await {
            Ok((state, over_http)) => {
                let by = match (over_http, watch.agrees(change)) {
                    (true, _) => By::HttpXml,
                    (false, true) => By::TallyAndXml,
                    (false, false) => By::Xml,
                };
                if change.holds(&state) && started >= not_before {
                    return Seen::Effect { state: Box::new(state), by };
                }
                last = Ok((Box::new(state), by));
            }
            Err(why) if last.is_err() || until.saturating_duration_since(started) >= FAIR_READ => last = Err(why),
            // Cut short by the deadline: what was read before it stands.
            Err(_) => {}
        }
        let now = Instant::now();
        let wake = (now + pause).min(until);
        let wake = if now < not_before { wake.min(not_before) } else { wake };
        watch.news(wake).await;
        pause = (pause * 2).min(PAUSE_MAX);
        started = Instant::now();
    }
    match last {
        // It was there at the deadline, if not for as long as one would like.
        Ok((state, by)) if change.holds(&state) => Seen::Effect { state, by },
        Ok((state, _)) => Seen::NoEffect { state },
        Err(why) => Seen::Nothing { why },
    }
}
