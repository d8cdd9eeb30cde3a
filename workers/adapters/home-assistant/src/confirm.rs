//! One service call and what is seen of it: the events that show its effect, and the entities read back.

use crate::{
    claims::Claim,
    limits::{CANDIDATES_MAX, LAST_READ_MAX, OBSERVE_MAX, POLL_INTERVAL, RETURN_MAX},
    mirror::{Change, Context, Entity},
    session::{RequestError, Session},
    wanted::Wanted,
};
use serde_json::Value;
use std::{pin::pin, sync::Arc};
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

/// One entity of a call.
pub struct Watched {
    pub before: Arc<Entity>,
    /// None: the service does not say; any change in the name of the call is its effect.
    pub wanted: Option<Wanted>,
    pub claim: Claim,
    /// The event that shows the effect.
    told: Option<Arc<Entity>>,
    end: Option<End>,
}

/// How it ended for one entity.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// Seen in an event (unless it was so before) and read back.
    Confirmed { now: Entity, changed: bool, by: &'static [&'static str] },
    /// It was read back and is something else.
    NotConfirmed { observed: String, told: bool },
    /// Another command came after it.
    Superseded { observed: String, by: String },
    /// Nothing shows whether it happened.
    NotObservable,
    /// It could not be read back.
    Unknown { why: String },
}

impl Watched {
    pub fn new(before: Arc<Entity>, wanted: Option<Wanted>, claim: Claim) -> Self {
        Self { before, wanted, claim, told: None, end: None }
    }

    fn was_so(&self) -> bool {
        self.wanted.as_ref().is_some_and(|w| w.holds(&self.before))
    }

    fn hear(&mut self, now: &Arc<Entity>, ours: bool) {
        // The event of the very state that was there before the call may still be on its way.
        if Arc::ptr_eq(now, &self.before) {
            return;
        }
        let shows = self.wanted.as_ref().map_or(ours, |wanted| wanted.holds(now));
        if shows {
            self.told = Some(now.clone());
        }
    }
}

/// A call on its way.
pub struct Acting<'a> {
    session: &'a Session,
    clock: Clock,
    changes: broadcast::Receiver<Arc<Change>>,
    watched: Vec<Watched>,
    /// Changes that came before the context of the call was known.
    candidates: Vec<Arc<Change>>,
    /// The context of the call, once it was answered.
    context: Option<String>,
    answered_at: Option<Instant>,
    lagged: bool,
}

impl<'a> Acting<'a> {
    /// `changes` are listened to since before the state of `watched` was taken, so that none is missed.
    pub fn new(
        session: &'a Session,
        clock: Clock,
        changes: broadcast::Receiver<Arc<Change>>,
        watched: Vec<Watched>,
    ) -> Self {
        let candidates = Vec::new();
        Self { session, clock, changes, watched, candidates, context: None, answered_at: None, lagged: false }
    }

    /// Sends the call and waits until it is known for every entity how it ended. The error is that of a call which was not
    /// obeyed at all.
    pub async fn run(mut self, body: Value) -> Result<Vec<(Watched, End)>, RequestError> {
        let session = self.session;
        let mut call = pin!(session.request("call_service", body, self.clock.act_until));
        let mut taken = self.watched.first().map(|w| w.claim.watch());
        loop {
            let answered = self.answered_at.is_some();
            let wake = (Instant::now() + POLL_INTERVAL).min(self.clock.act_until);
            let look = tokio::select! {
                // In this order: what was told before the answer is heard before it.
                biased;
                change = self.changes.recv() => self.heard(change),
                answer = &mut call, if !answered => { self.answered(answer)?; true }
                () = overtaken(&mut taken) => true,
                () = sleep_until(wake) => true,
            };
            if look {
                self.judge().await;
            }
            if self.watched.iter().all(|w| w.end.is_some()) {
                let ended = |mut w: Watched| w.end.take().map(|end| (w, end));
                return Ok(self.watched.into_iter().filter_map(ended).collect());
            }
        }
    }

    /// Whether it concerns this call.
    fn heard(&mut self, change: Result<Arc<Change>, RecvError>) -> bool {
        let change = match change {
            Ok(change) => change,
            Err(RecvError::Lagged(_)) => {
                self.lagged = true;
                return false;
            }
            // The mirror outlives every session: it never closes.
            Err(RecvError::Closed) => return false,
        };
        let Some(watched) = self.watched.iter_mut().find(|w| w.before.id == change.id) else { return false };
        if let Some(now) = &change.now {
            let ours = self.context.as_ref().is_some_and(|id| now.context.is_of(id));
            watched.hear(now, ours);
        }
        if self.context.is_none() && self.candidates.len() < CANDIDATES_MAX {
            self.candidates.push(change);
        }
        true
    }

    fn answered(&mut self, answer: Result<Value, RequestError>) -> Result<(), RequestError> {
        match answer {
            Ok(answer) => {
                self.context = answer["context"]["id"].as_str().map(str::to_owned);
                self.watched.iter().for_each(|w| w.claim.taken());
            }
            // The effect decides, not the answer.
            Err(RequestError::NoAnswer { .. } | RequestError::Unreadable { .. }) => {}
            Err(error) => return Err(error),
        }
        self.answered_at = Some(Instant::now());
        let Some(id) = &self.context else { return Ok(()) };
        for change in std::mem::take(&mut self.candidates) {
            let of = self.watched.iter_mut().find(|w| w.before.id == change.id);
            if let (Some(watched), Some(now)) = (of, &change.now) {
                watched.hear(now, now.context.is_of(id));
            }
        }
        Ok(())
    }

    async fn judge(&mut self) {
        for at in 0..self.watched.len() {
            if self.watched[at].end.is_none() {
                let end = self.end_of(&self.watched[at]).await;
                self.watched[at].end = end;
            }
        }
    }

    /// None while there is hope.
    async fn end_of(&self, watched: &Watched) -> Option<End> {
        let last = Instant::now() >= self.clock.act_until;
        if self.answered_at.is_none() && !last {
            return None;
        }
        let gone = self.session.mirror().entity(&watched.before.id).is_none();
        let waited = self.answered_at.is_some_and(|at| at.elapsed() >= OBSERVE_MAX);
        let unseen = watched.wanted.is_none() && (last || waited);
        let by = watched.claim.superseded_by();
        if !(last || gone || unseen || by.is_some() || watched.told.is_some() || watched.was_so() || self.lagged) {
            return None;
        }
        match self.session.read_entity(&watched.before.id, self.clock.read_until).await {
            Ok(now) => self.weigh(watched, now, by, last || gone, unseen),
            Err(RequestError::Lost { why, .. } | RequestError::NotSent { why, .. }) => Some(End::Unknown { why }),
            Err(error) if last => Some(End::Unknown { why: error.to_string() }),
            // Home Assistant cannot tell just now: look again.
            Err(_) => None,
        }
    }

    fn weigh(
        &self,
        watched: &Watched,
        now: Option<Entity>,
        by: Option<String>,
        last: bool,
        unseen: bool,
    ) -> Option<End> {
        let observed = |now: Option<&Entity>| match &watched.wanted {
            Some(wanted) => wanted.observed(now),
            None => now.map_or_else(|| "no such entity any more".into(), |now| now.state.clone()),
        };
        let Some(now) = now else {
            return Some(End::NotConfirmed { observed: observed(None), told: watched.told.is_some() });
        };
        let holds = match (&watched.wanted, &watched.told) {
            (Some(wanted), _) => wanted.holds(&now),
            (None, Some(told)) => told.state == now.state,
            (None, None) => false,
        };
        let told = watched.told.is_some();
        if holds && (told || last || self.lagged || watched.was_so()) {
            let by: &[&str] = if told { &["event", "read_back"] } else { &["read_back"] };
            return Some(End::Confirmed { now, changed: !watched.was_so(), by });
        }
        if let Some(by) = by.filter(|_| !holds) {
            return Some(End::Superseded { observed: observed(Some(&now)), by: format!("command {by}") });
        }
        if told && !holds && self.is_of_another(&now.context) {
            let by = "another command, which did not come from here".into();
            return Some(End::Superseded { observed: observed(Some(&now)), by });
        }
        if unseen && !told {
            let unanswered = || End::Unknown { why: "the call was not answered".into() };
            return Some(self.context.as_ref().map_or_else(unanswered, |_| End::NotObservable));
        }
        last.then(|| End::NotConfirmed { observed: observed(Some(&now)), told })
    }

    /// A device that tells its state by itself is nobody's command.
    fn is_of_another(&self, context: &Context) -> bool {
        self.context.as_ref().is_some_and(|ours| context.is_command() && !context.is_of(ours))
    }
}

/// Until some other command was taken; for ever where nothing is watched.
async fn overtaken(taken: &mut Option<tokio::sync::watch::Receiver<u64>>) {
    if let Some(taken) = taken
        && taken.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
