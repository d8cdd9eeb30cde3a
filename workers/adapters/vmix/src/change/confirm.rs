//! Reading back: over the TCP session while it lasts, over HTTP once it does not.

use crate::{
    aspect::{Aspect, Wanted},
    endpoint::Endpoint,
    session::{Pushed, Session},
    state::State,
};
use std::time::Duration;
use tokio::{
    sync::watch::{self, Ref},
    time::{Instant, sleep_until},
};

/// First pause between two reads; doubles up to [`PAUSE_MAX`]. A push ends a pause at once.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// Shortest pause between two reads, however much is pushed: moving faders push all the time.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// Longest wait for one read before the other way is tried.
const READ_TIMEOUT: Duration = Duration::from_secs(1);
/// A read that had less time than this and failed says nothing about the peer.
const FAIR_READ: Duration = Duration::from_millis(250);

/// What to look for, and when.
pub struct Change<'a> {
    /// All of them.
    pub wants: &'a [Wanted],
    pub sent_at: Instant,
    /// What is seen before this does not count.
    pub not_before: Instant,
    pub until: Instant,
}

impl Change<'_> {
    fn holds(&self, state: &State, pushed: &Pushed) -> bool {
        let elapsed = self.sent_at.elapsed();
        self.wants.iter().all(|wanted| wanted.holds(state, pushed, elapsed))
    }
    /// Looking on would be in vain.
    fn is_gone(&self, state: &State) -> bool {
        self.wants.iter().any(|wanted| wanted.aspect.is_gone(state))
    }
}

/// How the effect was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The state over the session, and the pushed tally agrees.
    TallyAndXml,
    Xml,
    /// A push, for what the state does not hold.
    Acts,
    /// The state over HTTP, after the session was lost or did not answer.
    HttpXml,
}

impl By {
    pub fn as_str(self) -> &'static str {
        match self {
            By::TallyAndXml => "tally+xml",
            By::Xml => "xml",
            By::Acts => "acts",
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

    /// What pushes have told.
    pub fn pushed(&self) -> Ref<'_, Pushed> {
        self.pushed.borrow()
    }

    /// Listens to pushes until `wake`.
    pub async fn listen(&mut self, wake: Instant) {
        while Instant::now() < wake {
            self.news(wake).await;
        }
    }

    /// The tally shows the inputs where the change wants them.
    fn agrees(&self, change: &Change<'_>, state: &State) -> bool {
        let digit = |number: Option<u32>| number.and_then(|n| self.pushed.borrow().digit(n));
        change.wants.iter().all(|wanted| match wanted.aspect {
            Aspect::Program => digit(state.program) == Some('1'),
            // An input on program or an overlay shows 1 even while it is on preview.
            Aspect::Preview => matches!(digit(state.preview), Some('1' | '2')),
            _ => false,
        })
    }

    fn by(&self, change: &Change<'_>, state: &State, over_http: bool) -> By {
        let pushed_only = change.wants.iter().all(|w| matches!(w.aspect, Aspect::Activator(_)));
        match over_http {
            _ if pushed_only => By::Acts,
            true => By::HttpXml,
            false if self.agrees(change, state) => By::TallyAndXml,
            false => By::Xml,
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

/// Reads until the state shows the change.
pub async fn confirm(change: &Change<'_>, readback: &mut Readback<'_>, watch: &mut Watch) -> Seen {
    let (not_before, until) = (change.not_before, change.until);
    let mut pause = PAUSE_FIRST;
    let mut last: Result<(Box<State>, By), String> = Err("there was no time to read it".into());
    let mut started = Instant::now();
    while started < until {
        match readback.read(until).await {
            Ok((state, over_http)) => {
                let by = watch.by(change, &state, over_http);
                if started >= not_before {
                    if change.holds(&state, &watch.pushed()) {
                        return Seen::Effect { state: Box::new(state), by };
                    }
                    if change.is_gone(&state) {
                        return Seen::NoEffect { state: Box::new(state) };
                    }
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
        sleep_until((now + PAUSE_MIN).min(wake)).await;
        watch.news(wake).await;
        pause = (pause * 2).min(PAUSE_MAX);
        started = Instant::now();
    }
    match last {
        // It was there at the deadline, if not for as long as one would like.
        Ok((state, by)) if change.holds(&state, &watch.pushed()) => Seen::Effect { state, by },
        Ok((state, _)) => Seen::NoEffect { state },
        Err(why) => Seen::Nothing { why },
    }
}
