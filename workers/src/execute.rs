//! One execution: waits for the connection, keeps to the deadline, survives a panicking adapter.

use crate::{
    clock, events,
    intake::{Assignment, CheckedWork},
    node::Node,
    report::Ending,
    route::Ready,
    session::{Session, Snapshot, panic_text},
};
use if_engine::{Adapter, Call, Executed, Execution, Metered, ProgressSink};
use if_schemas::{Effect, Outcome, Status, Timestamp, outcome::Failure, presence::InstanceState};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::Poll,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

/// Code of a command whose deadline came before it began.
const EXPIRED: &str = "expired";

/// Why a command did not begin.
#[derive(Debug, Clone, PartialEq)]
pub enum NotBegun {
    /// The instance cannot be used.
    Unavailable(Failure),
    /// The deadline came first.
    Expired(String),
}

impl NotBegun {
    pub fn code(&self) -> &str {
        match self {
            NotBegun::Unavailable(failure) => &failure.code,
            NotBegun::Expired(_) => EXPIRED,
        }
    }

    pub fn failure(self) -> Failure {
        match self {
            NotBegun::Unavailable(failure) => failure,
            NotBegun::Expired(message) => {
                let hint = Some("send it again with a longer --deadline".to_string());
                Failure { code: EXPIRED.into(), message, hint }
            }
        }
    }

    /// The result. Where an earlier process began the command, "not executed" would not be true.
    pub fn ending(self, run: &Run) -> Ending {
        let status = match self {
            NotBegun::Unavailable(_) => Status::Failed,
            NotBegun::Expired(_) => Status::Expired,
        };
        let failure = self.failure();
        if !run.was_begun {
            return Ending::failure(status, failure, run.started_at, run.attempt, run.simulated);
        }
        let message = format!("the worker stopped while it was executing the command; now: {}", failure.message);
        let hint = Some("look at the target to see whether it happened".to_string());
        let failure = Failure { code: "interrupted".into(), message, hint };
        Ending::failure(Status::Indeterminate, failure, run.started_at, run.attempt, run.simulated).used_unknown()
    }
}

/// One attempt at a command.
#[derive(Debug, Clone)]
pub struct Run {
    /// From 1.
    pub attempt: u32,
    /// An earlier process began it, and what it did may have had its effect.
    pub was_begun: bool,
    pub started_at: Timestamp,
    pub simulated: bool,
}

/// The connected adapter. Waits while the instance is connecting, at most until `deadline`.
pub async fn connected(session: &Session, deadline: Instant) -> Result<(Arc<dyn Adapter>, bool), NotBegun> {
    let mut watch = session.watch();
    loop {
        let now = watch.borrow_and_update().clone();
        if let Some(adapter) = now.adapter {
            return Ok((adapter, now.simulated));
        }
        if now.state != InstanceState::Connecting {
            return Err(NotBegun::Unavailable(unavailable(&now)));
        }
        match tokio::time::timeout_at(deadline, watch.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(NotBegun::Unavailable(unavailable(&now))),
            Err(_) => return Err(NotBegun::Expired("the instance was still connecting at the deadline".into())),
        }
    }
}

fn unavailable(now: &Snapshot) -> Failure {
    let (code, hint) = match now.state {
        InstanceState::AuthenticationFailure => ("authentication_failure", "check the password or key of the instance"),
        InstanceState::BadConfig => ("bad_config", "correct the settings of the instance"),
        InstanceState::UnknownError => ("unknown_error", "see the worker's log"),
        _ => ("unreachable", "check that it runs and that the address is right"),
    };
    let message = now.detail.clone().unwrap_or_else(|| now.state.as_str().into());
    Failure { code: code.into(), message, hint: now.hint.clone().or_else(|| Some(hint.into())) }
}

/// Where a command stands in the line of its instance: commands begin in the order in which they came.
#[derive(Debug, Default)]
pub struct Turn {
    before: Option<oneshot::Receiver<()>>,
    /// Dropped once this command has begun (or will not): then the next one may. Shared where it begins in two places.
    mine: Option<Arc<oneshot::Sender<()>>>,
    /// Of a second line this command stands in.
    also: Option<Arc<oneshot::Sender<()>>>,
}

impl Turn {
    /// The turn after the one `last` belongs to, which becomes this one.
    pub fn after(last: &mut Option<oneshot::Receiver<()>>) -> Self {
        let (mine, next) = oneshot::channel();
        Self { before: last.replace(next), mine: Some(Arc::new(mine)), also: None }
    }
    /// For a second place the command begins in once its turn has come: the next one's comes when it has begun in both.
    pub fn share(&self) -> Self {
        Self { before: None, mine: self.mine.clone(), also: self.also.clone() }
    }
    /// Both turns have come: passed on together, once the command has begun.
    #[must_use]
    pub fn with(mut self, mut other: Turn) -> Self {
        self.also = other.mine.take();
        self
    }
    fn begun(&mut self) {
        self.mine.take();
        self.also.take();
    }
    pub async fn come(&mut self) {
        if let Some(before) = self.before.take() {
            // Nothing is ever sent: the other end is dropped.
            let _ = before.await;
        }
    }
}

impl Drop for Turn {
    /// A command that does not begin after all passes its turn on when that comes, not sooner.
    fn drop(&mut self) {
        let (Some(mut before), Some(mine)) = (self.before.take(), self.mine.take()) else { return };
        let here = matches!(before.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        if !here && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = before.await;
                drop(mine);
            });
        }
    }
}

/// Where whoever waits for a command is told how far it is, wherever it executes.
pub struct Told<'a> {
    node: &'a Node,
    a: &'a Assignment,
    started: AtomicBool,
    /// Sequence of the last report; that it started is 0.
    last: AtomicU32,
}

impl<'a> Told<'a> {
    pub fn new(node: &'a Node, a: &'a Assignment) -> Self {
        Self { node, a, started: AtomicBool::new(false), last: AtomicU32::new(0) }
    }
    /// Said once.
    fn started(&self) {
        if !self.started.swap(true, Ordering::Relaxed) {
            events::publish(self.node, self.a, 0, "started".into(), None);
        }
    }
    fn progress(&self, (message, data): Report) {
        let sequence = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        events::publish(self.node, self.a, sequence, message, data);
    }
}

/// Executes on a connected adapter, until the deadline and no longer; begins nothing after it.
pub async fn run(told: &Told<'_>, ready: &Ready, work: &CheckedWork, turn: Turn) -> Result<Done, NotBegun> {
    let (a, session, adapter) = (work.assignment(), &ready.seat.session, ready.adapter.clone());
    let _busy = session.busy();
    let deadline = clock::instant_of(a.deadline);
    let call = Call { command: a.command, operation: a.operation.clone(), args: work.args().clone(), deadline };
    let (sink, mut progress) = ProgressSink::channel();
    // A task of its own, so that a panic of the adapter ends here and nothing else holds it up. Stopped with this future.
    let mut task = AbortOnDropHandle::new(tokio::spawn(begin_in_turn(adapter, call, sink, turn)));
    // Nobody needs to be told that something started which is over already.
    tokio::task::yield_now().await;
    if !task.is_finished() {
        told.started();
    }
    let ended = watch(&mut task, deadline, &mut progress, |report| told.progress(report)).await;
    Ok(match ended {
        Some(Ok(Some(executed))) => done(executed, work.redact()),
        Some(Ok(None)) => return Err(NotBegun::Expired("its turn came after the deadline".into())),
        Some(Err(error)) => match error.try_into_panic() {
            // Only the end of this process cancels it. There is no result to make: the next process finds it in the inbox.
            Err(_) => std::future::pending().await,
            Ok(panic) => {
                session.fault();
                let message = format!("the adapter panicked: {}", panic_text(panic.as_ref()));
                unknown(a.effect, "adapter_panicked", message, "please report this")
            }
        },
        None => {
            let message = format!("no answer before the deadline at {}", a.deadline);
            unknown(a.effect, "deadline", message, "look at the target to see whether it happened")
        }
    })
}

type Report = (String, Option<serde_json::Value>);

/// Waits for the end of `task`, or none at the deadline; every report made by then is passed on, in order, before this returns.
async fn watch<T>(
    task: &mut (impl Future<Output = T> + Unpin),
    deadline: Instant,
    reports: &mut mpsc::Receiver<Report>,
    mut pass_on: impl FnMut(Report),
) -> Option<T> {
    let late = tokio::time::sleep_until(deadline);
    tokio::pin!(late);
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut *task => break Some(ended),
            () = &mut late => break None,
            Some(report) = reports.recv() => pass_on(report),
        }
    };
    // What it said last and its end are often there at the same moment.
    while let Ok(report) = reports.try_recv() {
        pass_on(report);
    }
    ended
}

/// None if the deadline passed before it could begin: nothing was done then.
async fn begin_in_turn(adapter: Arc<dyn Adapter>, call: Call, sink: ProgressSink, mut turn: Turn) -> Option<Executed> {
    if Instant::now() >= call.deadline {
        return None;
    }
    let mut executing = adapter.execute_command(call, sink);
    let first = futures::poll!(&mut executing);
    turn.begun();
    match first {
        Poll::Ready(executed) => Some(executed),
        Poll::Pending => Some(executing.await),
    }
}

/// What a command that began came to.
#[derive(Debug, PartialEq)]
pub struct Done {
    pub status: Status,
    pub outcome: Outcome,
    pub metered: Metered,
}

fn done(executed: Executed, redact: &[String]) -> Done {
    let Executed { execution, metered } = executed;
    let (status, outcome) = match execution {
        Execution::Succeeded(mut document) => {
            // Here, so that no adapter can forget: what is signed and logged is without it.
            if_manifest::redact(&mut document, redact);
            (Status::Succeeded, Outcome::Result(document))
        }
        Execution::Failed(failure) => (Status::Failed, Outcome::Error(failure)),
        Execution::Indeterminate(failure) => (Status::Indeterminate, Outcome::Error(failure)),
    };
    Done { status, outcome, metered }
}

/// It began and did not end: for a read that is a failure, otherwise nobody can know.
fn unknown(effect: Effect, code: &str, message: String, hint: &str) -> Done {
    let failure = Failure { code: code.into(), message, hint: Some(hint.into()) };
    let status = if effect == Effect::Read { Status::Failed } else { Status::Indeterminate };
    Done { status, outcome: Outcome::Error(failure), metered: Metered::Unknown }
}

#[cfg(test)]
mod tests;
