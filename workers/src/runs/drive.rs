//! One run, from what the log says to what is sent, until it is closed.

use super::{
    log::{self, LogError},
    near::Near,
    routes::{News, Routes},
    send::{self, Said, SendError},
    sight::Sight,
};
use crate::{
    clock::{self, Backoff},
    node::Node,
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use if_orchestrator::{Doing, History};
use if_schemas::{Body, CommandId, Entry, Kind, Timestamp, run::Note};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};

/// Pause between attempts to read the log: doubles from the first to the second figure.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Pause before something is sent again that was not logged.
const SEND_AGAIN: Duration = Duration::from_millis(200);
/// How long an entry that the broker confirmed may take to come by, before the log is read anew.
const ENTRY_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause before another note after one was refused: doubles from the first to the second figure, until one is taken.
const NOTE_AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// Longest time without another look: values grow old by themselves.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

pub struct Driver {
    pub node: Arc<Node>,
    pub routes: Arc<Routes>,
    pub near: Arc<Near>,
    pub run: CommandId,
}

/// Something that was sent and that no entry shows yet.
struct OnWay {
    step: Option<u32>,
    is_note: bool,
    /// The broker has confirmed it: until when its entry is waited for.
    entry_by: Option<Instant>,
}

type Answer = (CommandId, Result<Said, SendError>);

enum Turn {
    /// The run is over, or the node stops.
    Done,
    /// Something was missed.
    ReadAnew,
}

impl Driver {
    pub async fn run(self) {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            match self.drive().await {
                Ok(Turn::Done) => break,
                Ok(Turn::ReadAnew) => backoff.reset(),
                Err(error) if error.is_final() => {
                    tracing::error!(%error, run = %self.run, "the run cannot be carried out");
                    break;
                }
                Err(error) => tracing::warn!(%error, run = %self.run, "the run is not read yet"),
            }
            tokio::time::sleep(backoff.step()).await;
        }
        self.routes.close(&self.run);
    }

    async fn drive(&self) -> Result<Turn, LogError> {
        let mut news = self.routes.open(self.run);
        let mut known = log::read(&self.node, self.run).await?;
        for command in &known.in_flight {
            self.routes.expect(*command, self.run);
        }
        // Ends that went by before they were expected.
        log::catch_up(&self.node, &mut known).await?;
        self.routes.has_read(&self.run, known.next.saturating_sub(1));
        let sight = Sight::open(&self.node, self.near.clone(), known.progress.plan());
        tracing::info!(run = %self.run, profile = %known.order.profile, trace_id = %known.trace, "carries out a run");
        let notes = Notes { again: Backoff::new(NOTE_AGAIN.0, NOTE_AGAIN.1), not_before: None };
        Course { driver: self, known, sight, on_way: BTreeMap::new(), notes, answers: FuturesUnordered::new() }
            .follow(&mut news)
            .await
    }
}

/// What the broker does not take is not said again and again.
struct Notes {
    again: Backoff,
    not_before: Option<Instant>,
}

impl Notes {
    fn hear(&mut self, entry: &Entry) {
        match &entry.body {
            Body::Run { .. } => {
                self.again.reset();
                self.not_before = None;
            }
            Body::Rejected { envelope, .. } if envelope.kind() == Kind::Run => {
                self.not_before = Some(Instant::now() + self.again.step());
            }
            _ => {}
        }
    }

    fn must_wait(&self) -> bool {
        self.not_before.is_some_and(|at| Instant::now() < at)
    }
}

/// A run that is being carried out.
struct Course<'a> {
    driver: &'a Driver,
    known: History,
    sight: Sight,
    on_way: BTreeMap<CommandId, OnWay>,
    notes: Notes,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
}

impl Course<'_> {
    async fn follow(mut self, news: &mut mpsc::Receiver<News>) -> Result<Turn, LogError> {
        loop {
            if self.known.progress.closed().is_some() && self.on_way.is_empty() {
                return Ok(Turn::Done);
            }
            let wake = self.act();
            tokio::select! {
                () = self.driver.node.stop.cancelled() => return Ok(Turn::Done),
                told = news.recv() => match told {
                    Some(told) => self.hear(told, news)?,
                    None => return Ok(Turn::ReadAnew),
                },
                Some((id, said)) = self.answers.next(), if !self.answers.is_empty() => self.answered(id, said),
                () = self.sight.changed() => {}
                () = tokio::time::sleep_until(wake) => {}
            }
            let late = |w: &OnWay| w.entry_by.is_some_and(|by| by <= Instant::now());
            if self.on_way.values().any(late) {
                return Ok(Turn::ReadAnew);
            }
        }
    }

    /// Folds what was told, and all that waits behind it.
    fn hear(&mut self, first: News, more: &mut mpsc::Receiver<News>) -> Result<(), LogError> {
        let mut next = Some(first);
        while let Some(News { entry, payload }) = next {
            let trust = self.driver.node.trust.current().ok_or(LogError::NoTrust)?;
            self.known.fold(&trust.trust, &entry, payload.as_ref())?;
            self.notes.hear(&entry);
            if let Some(id) = super::routes::id_of(&entry) {
                self.on_way.remove(&id);
            }
            next = more.try_recv().ok();
        }
        Ok(())
    }

    fn answered(&mut self, id: CommandId, said: Result<Said, SendError>) {
        match said {
            Ok(Said::Logged) => {
                if let Some(way) = self.on_way.get_mut(&id) {
                    way.entry_by = Some(Instant::now() + ENTRY_TIMEOUT);
                }
            }
            Ok(Said::NotLogged) => drop(self.on_way.remove(&id)),
            Err(error) => {
                tracing::warn!(%error, %id, run = %self.driver.run, "sent without a receipt");
                self.on_way.remove(&id);
            }
        }
    }

    /// Sends what is to be sent now. Gives the time of the next look.
    fn act(&mut self) -> Instant {
        let mut wake = Instant::now() + LOOK_AGAIN;
        for doing in self.known.progress.next(clock::now(), &self.sight.seen()) {
            match &doing {
                Doing::WakeAt(at) => wake = wake.min(instant(*at)),
                Doing::Watch { .. } => {}
                Doing::Send { .. } | Doing::Note { .. } => self.send(&doing),
            }
        }
        let entries = self.on_way.values().filter_map(|w| w.entry_by);
        entries.chain(self.notes.not_before.filter(|at| Instant::now() < *at)).fold(wake, Instant::min)
    }

    fn send(&mut self, doing: &Doing) {
        let Some(id) = doing.id() else { return };
        let is_note = matches!(doing, Doing::Note { .. });
        if self.on_way.contains_key(&id) || (is_note && (self.notes.must_wait() || self.is_in_the_way(doing))) {
            return;
        }
        let signed = match send::sign(&self.driver.node, &self.known, doing) {
            Ok(Some(signed)) => signed,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, %id, run = %self.driver.run, "cannot be sent");
                return;
            }
        };
        self.on_way.insert(id, OnWay { step: doing.step(), is_note, entry_by: None });
        let node = self.driver.node.clone();
        let submit = async move {
            let said = signed.submit(&node).await;
            if !matches!(said, Ok(Said::Logged)) {
                tokio::time::sleep(SEND_AGAIN).await;
            }
            (id, said)
        };
        self.answers.push(submit.boxed());
    }

    /// No note on a step while a command of it is on its way, and none on the run while any is.
    fn is_in_the_way(&self, doing: &Doing) -> bool {
        let whole = matches!(doing, Doing::Note { note: Note::Undoing { .. } | Note::Closed { .. }, .. });
        self.on_way.values().any(|way| whole || (!way.is_note && way.step == doing.step()))
    }
}

/// When the wall clock will show this.
fn instant(at: Timestamp) -> Instant {
    clock::instant_of(at)
}
